#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scenario_files.sh GODWIT FILE... - explore scenarios as their comments say
#
# A line "# godwit explore OPTION...: VERDICT[, WORDS]" in a FILE says how it is explored and what
# must come of it; WORDS must be in what is printed.  In a FILE that ends in .md each block that
# begins with such a line is a scenario.  If it fails, a race that the documentation or a regression
# test shows is gone, or the core has one more.
godwit=$1
shift
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# explore FILE NAME OPTIONS VERDICT WORDS
explore() {
	case $4 in
	exhausted) wanted=0 ;;
	violated) wanted=1 ;;
	budget) wanted=3 ;;
	*) wanted=none ;;
	esac
	# shellcheck disable=SC2086
	try $wanted explore "$1" $3 && grep -qF -- "$5" "$dir/out"
	result "$2 $3: $4"
}

# run_file FILE NAME: as each of its comments says
run_file() {
	sed -n 's/^# godwit explore \(.*\): \([a-z]*\)\(, \(.*\)\)\{0,1\}$/\1|\2|\4/p' "$1" >"$dir/runs"
	[ -s "$dir/runs" ] || result "$2 says how it is explored"
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
finish
