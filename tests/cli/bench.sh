#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh GODWIT - every benchmark runs to its end and has its figures
#
# If it fails, a benchmark is broken: it failed, was skipped without a reason that is the host's, or
# measured nothing.  How fast anything is is not tested here.
set -eu

godwit=$1
out=$("$godwit" bench --runs=5 --json) || { echo "godwit bench: exit code $?" >&2; exit 1; }

bad=0
for name in $("$godwit" bench --help | sed -n '/^Benchmarks:/,$s/^  \([a-z]*\) .*/\1/p'); do
	echo "$out" | grep -q "\"name\": \"$name[\".]" || { echo "$name: no row" >&2; bad=1; }
done
# What one CPU cannot show may be left out, and what depth-first search does not find.
if echo "$out" | grep '"skipped": ' | grep -v -e 'there is one CPU' -e 'not among the first'; then
	bad=1
fi
if echo "$out" | grep -E '"(value|min|max|reference|ratio)": (0\.0,?$|-)'; then
	bad=1
fi
[ "$bad" = 0 ] || echo "$out"
exit "$bad"
