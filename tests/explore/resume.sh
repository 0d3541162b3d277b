#!/bin/sh
# SPDX-License-Identifier: MIT
#
# resume.sh GODWIT SCENARIOS - explorations that are stopped, again and again, and go on
#
# If it fails, a search that took days has lost what it saw, or says "exhausted" and has left out some.
godwit=$(realpath "$1")
scenarios=$(realpath "$2")
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$dir" || exit 1

# Is there a search that was stopped?
is_saved() {
	set -- ./*.search
	[ -e "$1" ]
}

counts() {
	python3 - "$1" <<'END'
import json, sys
v = json.load(open(sys.argv[1]))
print(*(v[k] for k in ("verdict", "executions", "sampled", "traces", "blocked", "steps", "longest",
		       "watched", "left_out", "promoted", "estimate")))
END
}

# SCENARIO PIECE OPTION...: in one go, and in pieces of so many executions
same_in_pieces() {
	scenario=$1 piece=$2
	shift 2
	"$godwit" explore "$scenario" --seconds=100 --json "$@" >whole 2>err
	"$godwit" explore "$scenario" --executions="$piece" --json "$@" >part 2>err
	pieces=1
	while is_saved && [ $pieces -lt 60 ]; do
		# Odd ones too, so that it stops everywhere.
		"$godwit" explore "$scenario" --resume --executions=$((piece + pieces)) --json \
			>part 2>err || [ $? = 3 ] || break
		pieces=$((pieces + 1))
	done
	echo "# $(basename "$scenario") $*: $pieces pieces: $(counts part)"
	[ $pieces -gt 2 ] && ! is_saved && [ "$(counts whole)" = "$(counts part)" ]
}

same_in_pieces "$scenarios/growth-migrate.gw" 40 --strategy=dpor
result 'dpor, in pieces, sees what it sees in one'
same_in_pieces "$scenarios/growth-migrate.gw" 290
result 'auto, in pieces, samples and searches as it does in one'
same_in_pieces "$scenarios/mlock-migrate.gw" 7 --strategy=source
result 'source, in pieces, sees what it sees in one'
same_in_pieces 2010-exec-tempstack 900 --strategy=dfs --preemptions=2
result 'dfs with a bound, in pieces, sees what it sees in one'
same_in_pieces "$scenarios/dontneed-migrate.gw" 100 --strategy=dpor
result 'another one, in pieces, sees what it sees in one'

# Interrupted, wherever it is.
"$godwit" explore "$scenarios/cow-migrate.gw" --strategy=dpor --seconds=100 --json >whole 2>err
rm -f ./*.search
"$godwit" explore "$scenarios/cow-migrate.gw" --strategy=dpor --seconds=100 --json >part 2>err &
explorer=$!
sleep 0.5
kill -INT $explorer
wait $explorer
code=$?
"$godwit" explore "$scenarios/cow-migrate.gw" --resume --seconds=100 --json >part 2>>err
[ $code = 3 ] && grep -q -- '--resume goes on from here' err && [ "$(counts whole)" = "$(counts part)" ]
result 'an interrupted search says how to go on, and goes on'

# What was saved belongs to one program, one scenario and one question.
cp "$scenarios/growth-migrate.gw" one.gw
"$godwit" explore ./one.gw --strategy=dpor --executions=50 >out 2>err
cp growth-migrate.search kept

refused() {
	words=$1
	shift
	"$godwit" explore "$@" >out 2>err
	[ $? = 2 ] && cat out err | grep -q "$words"
}

refused 'another --without' ./one.gw --resume --without=skip-temporary-stack &&
	refused 'another strategy' ./one.gw --resume --strategy=source &&
	refused 'another seed' ./one.gw --resume --seed=2 &&
	refused 'another scenario' "$scenarios/cow-cow.gw" --resume=kept
result 'another question is refused by its name'

echo '# changed' >>one.gw
refused 'kept:4: the scenario has changed' --resume=kept
result 'a scenario that has changed is refused'

cp "$scenarios/growth-migrate.gw" one.gw
sed 's/^program .*/program 1234/' kept >other
refused 'other:2: the program is another' --resume=other
result 'another program is refused'

sed 's/^node 0 .*/node 0/' kept >broken
head -c 2000 kept >short
echo >empty
refused "broken:[0-9]*: a line 'node'" --resume=broken && refused 'short:[0-9]*: ' --resume=short &&
	refused 'empty:1: this is no saved search' --resume=empty &&
	refused 'No such file' --resume=none
result 'a file that is no saved search is refused, with its line'

cp kept growth-migrate.search && ln -s /dev/full growth-migrate.search.new
"$godwit" explore ./one.gw --resume --executions=50 >out 2>err
[ $? = 2 ] && grep -q 'could not be saved: No space left' err && cmp -s kept growth-migrate.search
result 'a full disk is an error, and leaves what was saved before'

rm -f ./*.search
"$godwit" explore ./one.gw --strategy=pct --executions=50 >out 2>err
[ $? = 3 ] && ! is_saved && sed 's/^strategy .*/strategy pct/' kept >sampled &&
	refused 'sampled:[0-9]*: no strategy that goes on' --resume=sampled
result 'sampling has nothing to lose: it is not saved, and does not go on'

finish
