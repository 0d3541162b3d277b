#!/bin/sh
# SPDX-License-Identifier: MIT
# must_fail.sh - fails when a test passes although what it checks was broken on purpose
#
# usage: must_fail.sh PATTERN TRIES COMMAND...
#
# The command must fail, and say why in words that match PATTERN, in one of TRIES runs: what is
# broken is an order of events, which some runs do not meet.
set -u

pattern=$1
tries=$2
shift 2
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT

try=1
while [ $try -le "$tries" ]; do
	"$@" --seed=$try >"$out" 2>&1
	status=$?
	if [ $status -ne 0 ]; then
		head -n 3 "$out"
		grep -q -e "$pattern" "$out" && exit 0
		echo "FAIL: status $status, but for another reason than $pattern"
		exit 1
	fi
	try=$((try + 1))
done
echo "FAIL: passed $tries times although it was broken"
exit 1
