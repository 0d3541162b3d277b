# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# tap.sh - what the tests of the command line share; sourced by them, with $godwit set
#
# A folder of their own is $dir; what godwit printed is in $dir/out and $dir/err.  TAP on stdout.
# Neither the caller's locale nor the width of a terminal has a say.
set -u

LC_ALL=C
export LC_ALL
unset COLUMNS
dir=$(mktemp -d "${TMPDIR:-/tmp}/godwit-test.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
: >"$dir/out"
: >"$dir/err"
nr=0
failures=0
status=0

# result NAME: the test passed if the last command did
result() {
	if [ $? = 0 ]; then verdict=ok; else verdict='not ok'; failures=$((failures + 1)); fi
	nr=$((nr + 1))
	echo "$verdict $nr - $1"
	[ "$verdict" = ok ] || {
		echo "# exit code $status, stdout and stderr:"
		sed 's/^/#   /' "$dir/out" "$dir/err" | head -n 80
	}
}

# run_godwit ARG...: and keep what comes of it
run_godwit() {
	status=0
	"$godwit" "$@" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
}

# try STATUS ARG...: run godwit, which must exit with STATUS
try() {
	wanted=$1
	shift
	run_godwit "$@"
	[ "$status" = "$wanted" ]
}

# finish: the plan, and an exit code that says whether all passed
finish() {
	echo "1..$nr"
	exit "$((failures > 0))"
}
