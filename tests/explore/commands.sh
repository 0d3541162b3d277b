#!/bin/sh
# SPDX-License-Identifier: MIT
#
# commands.sh GODWIT - explore, replay and races from the command line
#
# If it fails, a script that goes by an exit code takes "nothing proved" for "proved", or a schedule
# that was saved is worth nothing.
godwit=$1
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

race=2010-exec-tempstack
guard=skip-temporary-stack

try 1 explore $race --without=$guard --seconds=60 --save="$dir/schedule" &&
	grep -q 'a migration entry names frame' "$dir/out"
result 'the race is found without its guard: exit code 1'

try 1 replay "$dir/schedule" && grep -q 'violated again, in the same state' "$dir/out"
result 'the schedule replays: exit code 1'

try 1 replay "$dir/schedule" --steps &&
	grep -q 'E  *write-lock  *anon_vma_lock#' "$dir/out" &&
	grep -q 'M  *\* set migration entry' "$dir/out"
result 'its steps and events are shown'

try 0 explore $race && grep -q 'exhausted: every schedule within the bound' "$dir/out" &&
	grep -q 'auto: 1000 by pos, [1-9][0-9]* by dpor' "$dir/out" &&
	grep -q ' traces, each different; 0 blocked' "$dir/out" &&
	grep -q 'E on CPU 0 from setup_arg_pages, M on CPU 1 from migrate_pages_batch' "$dir/out" &&
	grep -q '16 frames, 2 CPUs; migration: 1 pass, .* RCU callbacks when all tasks have ended' \
		"$dir/out" && [ ! -s "$dir/err" ]
result 'with the guard every schedule is seen: exit code 0, the bound, and silence in a pipe'

# With ten passes the search with the guard on takes longer than it is given.
sed 's/migrate-passes 1/migrate-passes 10/' "$(dirname "$0")/../../races/$race/race.gw" >"$dir/passes.gw"
"$godwit" explore "$dir/passes.gw" --without=$guard >"$dir/out" 2>"$dir/err" &
explorer=$!
for _ in $(seq 600); do
	grep -q '^In the end' "$dir/out" && break
	sleep 0.05
done
kill -TERM $explorer
wait $explorer
[ $? -eq 1 ] && grep -q "^$guard was not tried, or not to the end: interrupted" "$dir/out"
result 'an interrupted story ends at once: exit code 1'

try 3 explore $race --executions=50 && grep -q 'nothing proved' "$dir/out"
result 'the budget runs out: exit code 3'

try 3 explore $race --executions=50 --json && python3 - "$dir/out" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["verdict"] == "budget" and verdict["executions"] == verdict["sampled"] == 50
assert verdict["bound"]["strategy"] == "auto" and verdict["traces"] is None
assert verdict["seconds"] > 0 and verdict["executions_per_second"] > 0
END
result 'JSON of a budget that ran out'

try 0 explore $race --strategy=dpor --json && python3 - "$dir/out" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["verdict"] == "exhausted" and verdict["sampled"] == verdict["blocked"] == 0
assert verdict["traces"] == verdict["executions"] > 10 and "schedule" not in verdict
estimate = verdict["estimate"]
assert verdict["traces"] / 2 < estimate["traces"] < 2 * verdict["traces"] and 0 < estimate["error"] < 1
bound = verdict["bound"]
assert bound["frames"] == 16 and bound["migrate_passes"] == 1 and bound["rcu_callbacks"] == "late"
assert bound["tasks"][1] == {"name": "M", "cpu": 1, "start_at": "migrate_pages_batch"}
END
result 'JSON of an exhausted search'

try 0 explore $race --strategy=dpor --profile &&
	grep -q 'races, the most frequent first' "$dir/out" &&
	grep -q '[1-9]  .*lock in .* < .*  |  .*lock in ' "$dir/out"
result 'which places race is shown'

try 1 explore $race --without=$guard --seconds=60 --json && python3 - "$dir/out" "$dir/json" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["verdict"] == "violated" and verdict["invariant"]
assert verdict["context_switches"] == 3 <= verdict["found_context_switches"] and verdict["without"] == ["skip-temporary-stack"]
open(sys.argv[2], "w").write(verdict["schedule"])
END
result 'JSON of a violation'

try 1 replay "$dir/json"
result 'the schedule in it replays'

grep -v "^without " "$dir/schedule" >"$dir/changed"
try 0 replay "$dir/changed" && grep -q '^2010-exec-tempstack: not violated$' "$dir/out" &&
	grep -q 'goes another way than the schedule: step [0-9]*, line [0-9]*: ' "$dir/out" &&
	grep -q 'the schedule was to violate assertion: that is gone' "$dir/out" && [ ! -s "$dir/err" ]
result 'with the guard on the violation is gone: exit code 0, and where the program is another'

try 0 replay --story "$dir/changed" && grep -q 'there is no story to tell' "$dir/out"
result 'and there is no story'

sed '$s/ [0-9]* / 1 /' "$dir/schedule" >"$dir/changed"
try 1 replay "$dir/changed" && grep -q ': violated, but not as the schedule has it$' "$dir/out" &&
	grep -q 'the schedule is at its end, the program is not' "$dir/out"
result 'a schedule that ends too early: exit code 1, as it is violated all the same'

sed 's/^E /X /' "$dir/schedule" >"$dir/wrong"
try 2 replay "$dir/wrong" &&
	grep -q "wrong:[0-9]*: the scenario $race has no task 'X'\$" "$dir/err"
result 'a schedule of another scenario: exit code 2, and the line'

sed 's/^godwit-schedule .*/godwit-schedule 9/' "$dir/schedule" >"$dir/wrong"
try 2 replay "$dir/wrong" && grep -q 'wrong:1: format version 9, this program reads' "$dir/err"
result 'a schedule of another version'

sed "s/^scenario-text ..../scenario-text 0123/" "$dir/schedule" >"$dir/wrong"
try 2 replay "$dir/wrong" && grep -q "wrong:3: the scenario $race has changed since" "$dir/err"
result 'a schedule of a scenario that has changed'

sed 's/ write-lock / dance /' "$dir/schedule" >"$dir/wrong"
try 2 replay "$dir/wrong" && grep -q "wrong:[0-9]*: there is no step 'dance'" "$dir/err"
result 'a schedule that cannot be read: exit code 2, and the line'

try 2 replay "$dir/nothing" && grep -q 'No such file' "$dir/err"
result 'a schedule that is not there'

try 2 explore $race --strategy=dance && grep -q 'no such strategy; there are: auto, dpor' "$dir/err"
result 'a strategy that is not there'

try 3 explore $race --strategy=pct --depth=2 --executions=300 &&
	grep -q 'depth 2: .* at least 1 in ' "$dir/out"
result 'pct says how likely it is to miss nothing'

try 0 explore $race --strategy=dpor && grep -q 'exhausted' "$dir/out"
result 'every schedule is explored, and none breaks the machine'

try 1 explore $race --without=$guard --strategy=dpor && grep -q 'violated' "$dir/out"
result 'without the guard the search finds the race'

try 3 explore $race --preemptions=1 --seconds=100 &&
	grep -q 'bounded: every schedule of 1 preemption or fewer, and nothing found; no proof' "$dir/out" &&
	grep -q 'schedules with more were left out' "$dir/out" && ! grep -q exhausted "$dir/out"
result 'a bound on preemptions is no proof: exit code 3, and the verdict says so'

try 3 explore $race --preemptions=0 --json && python3 - "$dir/out" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["verdict"] == "bounded" and verdict["left_out"] > 0
assert verdict["bound"]["preemptions"] == 0 and verdict["bound"]["strategy"] == "dfs"
END
result 'JSON of a bounded search'

try 2 explore $race --preemptions=1 --strategy=dpor && grep -q 'only with --strategy=dfs' "$dir/err"
result 'a bound on preemptions inside a reduction is refused'

# However busy the machine is: some second comes when it has begun.
for seconds in 1 2 4 8 16; do
	status=0
	"$godwit" explore $race --preemptions=4 --seconds=100 >"$dir/out" 2>"$dir/err" </dev/null &
	sleep "$seconds"
	kill -TERM $!
	wait $! || status=$?
	[ $status = 3 ] && break
done
[ $status = 3 ] && grep -q 'interrupted, nothing found and nothing proved' "$dir/out" &&
	grep -q '[1-9][0-9]* executions' "$dir/out"
result 'an interrupted search says what it saw: exit code 3'

try 2 explore 2010-exec-tempstck && grep -q 'the nearest: 2010-exec-tempstack' "$dir/err"
result 'a scenario that is misspelt'

try 2 explore $race --without=skip-temporary-stak && grep -q "the nearest: $guard" "$dir/err"
result 'a guard that is misspelt'

try 0 races list && grep -q "^$race\$" "$dir/out" && grep -q "^  $race  *exec moves" "$dir/out" &&
	grep -q "guard $guard: exhausted; without: violated, \"a migration entry\"" "$dir/out" &&
	grep -q 'design lock: exhausted$' "$dir/out" &&
	grep -q 'design second-vma-last: violated, "a migration entry"$' "$dir/out"
result 'races are listed, with their scenarios and what must come of each'

try 0 races && grep -q "^$race\$" "$dir/out"
result 'races without a verb lists them'

try 0 races list --json && python3 - "$dir/out" <<'END'
import json, sys
race = json.load(open(sys.argv[1]))[0]
assert race["race"] == "2010-exec-tempstack"
of = {scenario["name"][len(race["race"]):]: scenario for scenario in race["scenarios"]}
assert of[""]["must_be"] == "exhausted" and of[""]["design"] is None
assert of[""]["guards"] == ["skip-temporary-stack"]
assert of[""]["message_without"] == "a migration entry"
assert of["-vma-last"]["must_be"] == "violated" and of["-vma-last"]["guards"] == []
assert of["-vma-last"]["design"] == "second-vma-last"
END
result 'JSON of the list'

try 0 races show $race && grep -q '^# ' "$dir/out" && grep -q a8bef8ff6ea1 "$dir/out" &&
	grep -q "^  $race-guess-cost " "$dir/out"
result 'a race is shown: its story and its scenarios'

try 0 races show $race --json && python3 - "$dir/out" <<'END'
import json, sys
race = json.load(open(sys.argv[1]))
assert race["story"].startswith("# ") and len(race["scenarios"]) == 10
END
result 'JSON of what is shown'

try 2 races show 2010-exec-tempstak && grep -q "no race is called '.*'; the nearest: $race\$" "$dir/err"
result 'a race that is misspelt'

try 2 races prove 2010-exec-tempstak && grep -q "the nearest: $race\$" "$dir/err"
result 'misspelt to prove'

try 2 races run 2010-exec-tempstack-gues && grep -q "the nearest: $race-guess\$" "$dir/err"
result 'a scenario of a race that is misspelt'

try 2 races prowe $race && grep -q 'the nearest: prove$' "$dir/err"
result 'a verb that is misspelt'

try 2 races show && grep -q 'show which race' "$dir/err"
result 'which race?'

try 1 races run $race
result 'a race is run without its guards: exit code 1'

try 1 races run $race --json && python3 - "$dir/out" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["verdict"] == "violated" and verdict["without"] == ["skip-temporary-stack"]
assert "a migration entry" in verdict["message"] and verdict["schedule"]
END
result 'JSON of a race that is run'

try 1 races run $race-vma-last --json && python3 - "$dir/out" "$dir/design" <<'END'
import json, sys
verdict = json.load(open(sys.argv[1]))
assert verdict["without"] == [] and verdict["bound"]["design"]["name"] == "second-vma-last"
assert verdict["bound"]["design"]["instead_of"] == ["skip-temporary-stack"]
open(sys.argv[2], "w").write(verdict["schedule"])
END
result 'a design that is not enough is run: exit code 1'

try 1 replay "$dir/design" && grep -q 'violated again, in the same state' "$dir/out"
result 'its schedule replays: the design is in it'

try 1 explore $race-vma-last --seconds=60 &&
	grep -q '^    design second-vma-last instead of skip-temporary-stack: a second VMA' "$dir/out"
result 'a verdict names the design'

try 0 races prove $race-whole && [ "$(wc -l <"$dir/out")" = 2 ] &&
	grep -q "^$race-whole  *exhausted  *[1-9][0-9]*  *[1-9][0-9]* .* s  E -, M -, 10 passes, 16 frames" \
		"$dir/out"
result 'one scenario is proved: a line'

try 0 races prove $race-vma-last --json && python3 - "$dir/out" <<'END'
import json, sys
proof, = json.load(open(sys.argv[1]))
assert proof["verdict"] == "violated" and proof["as_it_must"] is True
assert proof["traces"] > 10 and proof["without"] == [] and proof["bound"]["frames"] == 16
END
result 'JSON of a proof: a design that must break, breaks'

try 3 races prove $race-two-pages --seconds=0.001 && grep -q "^$race-two-pages  *budget " "$dir/out"
result 'a proof that is not finished: exit code 3'

# scenario NAME DESIGN-LINE: a file
scenario() {
	cat <<-END
		scenario $1 "a design"
		$2
		machine frames 16 migrate-passes 1 seed 1
		process P before exec
		task E on cpu 0 in P:
		exec randomized /bin/true
		task M on cpu 1:
		migrate all
		start E at setup_arg_pages
		start M at migrate_pages_batch
	END
}

scenario worse "design second-vma-last instead of $guard" >"$dir/worse.gw"
try 1 races prove "$dir/worse.gw" && grep -q '^worse  *violated  ' "$dir/out" &&
	grep -q '^  assertion: .*a migration entry names' "$dir/out"
result 'what breaks and must not is no proof: exit code 1, and what broke'

scenario other "design second-vma-last instead of $guard must break \"the sky\"" >"$dir/other.gw"
try 1 races prove "$dir/other.gw" && grep -q '^other  *violated  ' "$dir/out"
result 'nor is what breaks in another way'

try 2 races run "$dir/other.gw" && grep -q 'what was found is something else' "$dir/err"
result 'which is no find either'

scenario better "design lock instead of $guard must break \"a migration entry\"" >"$dir/better.gw"
try 1 races prove "$dir/better.gw" && grep -q '^better  *exhausted, must not  ' "$dir/out"
result 'nor what must break and does not'

finish
