#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scenario_files.sh GODWIT FILE... - explore scenarios as their comments say
#
# A line "# godwit explore OPTION...: VERDICT[, WORDS]" in a FILE says how it is explored and what
# must come of it; WORDS must be in what is printed.  In a FILE that ends in .md each block that
# begins with such a line is a scenario.  If it fails, a race that the documentation or a regression
# test shows is gone, or the core has one more.  TAP on stdout.
set -u

godwit=$1
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/godwit-scenarios.XXXXXX")
trap 'rm -rf "$dir"' EXIT
nr=0
failures=0

# explore FILE NAME OPTIONS VERDICT WORDS
explore() {
	case $4 in
	exhausted) wanted=0 ;;
	violated) wanted=1 ;;
	budget) wanted=3 ;;
	*) wanted=none ;;
	esac
	status=0
	# shellcheck disable=SC2086
	"$godwit" explore "$1" $3 >"$dir/out" 2>&1 </dev/null || status=$?
	verdict=ok
	[ "$status" = "$wanted" ] && grep -qF -- "$5" "$dir/out" || {
		verdict='not ok'
		failures=$((failures + 1))
	}
	nr=$((nr + 1))
	echo "$verdict $nr - $2 $3: $4"
	[ "$verdict" = ok ] || sed 's/^/#   /' "$dir/out" | head -n 20
}

# run_file FILE NAME: as each of its comments says
run_file() {
	sed -n 's/^# godwit explore \(.*\): \([a-z]*\)\(, \(.*\)\)\{0,1\}$/\1|\2|\4/p' "$1" >"$dir/runs"
	if [ ! -s "$dir/runs" ]; then
		nr=$((nr + 1))
		failures=$((failures + 1))
		echo "not ok $nr - $2 does not say how it is explored"
	fi
	while IFS='|' read -r options verdict words; do
		explore "$1" "$2" "$options" "$verdict" "$words"
	done <"$dir/runs"
}

for file; do
	case $file in
	*.md)
		awk -v dir="$dir" '/^```/ { if (block) close(out); block = !block; n += block;
			out = sprintf("%s/block%02d.gw", dir, n); next } block { print > out }' "$file"
		for block in "$dir"/block*.gw; do
			if head -n 1 "$block" | grep -q '^# godwit explore '; then
				run_file "$block" "${file##*/} ${block##*/}"
			fi
		done
		;;
	*)
		run_file "$file" "${file##*/}"
		;;
	esac
done
echo "1..$nr"
[ $failures = 0 ]
