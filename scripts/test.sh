#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test.sh BUILD [ARG]... - every test; the last line is "N passed, N failed"
#
# Further arguments go to `meson test`.  Skipped tests count as neither, and are named.
set -eu

build=$1
shift
log=$build/meson-logs/testlog.json

# names RESULT...: the tests that ended so.  In a line of the log, quotes inside a value are escaped,
# so the keys are found without a JSON parser.
names() {
	for result; do
		sed -n 's/^{"name": "\([^"]*\)",.*[^\\]"result": "'"$result"'".*/\1/p' "$log"
	done
}

count() {
	names "$@" | grep -c . || :
}

rm -f "$log"
status=0
# A test that is stopped hangs; on a machine with other work it may just be slow.
meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 3 "$@" || status=$?
if [ ! -s "$log" ]; then
	echo "meson has not run any test (exit code $status)" >&2
	echo "0 passed, 1 failed"
	exit 1
fi

passed=$(count OK EXPECTEDFAIL)
skipped=$(count SKIP)
total=$(grep -c '^{"name": ' "$log" || :)
failed=$((total - passed - skipped))
if [ "$skipped" -gt 0 ]; then
	echo "$skipped skipped: $(names SKIP | tr '\n' ' ')"
fi
if [ "$failed" -eq 0 ] && [ "$status" -ne 0 ]; then
	echo "meson test ended with $status" >&2
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
