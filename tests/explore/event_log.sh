#!/bin/sh
# SPDX-License-Identifier: MIT
#
# event_log.sh GODWIT ROOT - a schedule is one execution, to the last byte of its log
#
# For schedules of several scenarios and seeds, the log of every step and event is the same in three
# processes: in two of them memory lies at random addresses, in the third it does not.  A search is the
# same twice as well, by its counts.  If this fails, a schedule that was found may not show again what
# it has found, and no claim about all schedules holds.
godwit=$1
root=$2
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

if setarch -R true 2>/dev/null; then fixed='setarch -R'; else fixed=; fi
nr_schedules=0

# log_of SCHEDULE FILE [COMMAND...]: the log, written by another process; it must break again
log_of() {
	schedule=$1
	log=$2
	shift 2
	status=0
	"$@" "$godwit" replay "$schedule" --log="$log" >"$dir/out" 2>"$dir/err" || status=$?
	[ "$status" = 1 ]
}

# one_log FILE GUARD STRATEGY SEED
one_log() {
	name="$(basename "$1" .gw) without $2, $3, seed $4"
	run_godwit explore "$1" --without="$2" --strategy="$3" --seed="$4" --executions=3000 \
		--save="$dir/schedule"
	[ "$status" = 3 ] && return # not found by this seed
	nr_schedules=$((nr_schedules + 1))
	# shellcheck disable=SC2086
	[ "$status" = 1 ] && log_of "$dir/schedule" "$dir/log" &&
		log_of "$dir/schedule" "$dir/again" && log_of "$dir/schedule" "$dir/fixed" $fixed &&
		[ "$(grep -c '^step' "$dir/log")" -gt 20 ] && cmp "$dir/log" "$dir/again" >>"$dir/err" &&
		cmp "$dir/log" "$dir/fixed" >>"$dir/err"
	result "$name: one log"
}

for seed in 1 2; do
	for strategy in random pos; do
		one_log "$root/races/2010-exec-tempstack/race.gw" skip-temporary-stack $strategy $seed
		one_log "$root/races/2010-exec-tempstack/whole-exec.gw" skip-temporary-stack $strategy $seed
		while read -r scenario guard; do
			one_log "$root/tests/explore/scenarios/$scenario.gw" "$guard" $strategy $seed
		done <<-END
			stale-store migrate-flush-before-copy
			dontneed-dontneed zap-nested-flush
			fork-migrate fork-share-migration
			fork-pinned fork-copy-pinned
			gup-unshare gup-unshare
			reference-migrate migrate-recheck-refs
		END
	done
done
[ "$nr_schedules" -gt 20 ]
result "enough schedules were found: $nr_schedules"

# That the comparison can fail: the log of another schedule is another one.
log_of "$dir/schedule" "$dir/log" && grep -q '^event' "$dir/log"
result 'events are in the log'
run_godwit explore "$root/races/2010-exec-tempstack/race.gw" --without=skip-temporary-stack \
	--strategy=random --seed=4 --save="$dir/schedule"
log_of "$dir/schedule" "$dir/again"
! cmp "$dir/log" "$dir/again" >"$dir/err" 2>&1
result 'another schedule has another log'

# A search: executions, traces, steps, the longest; all but the time.
for strategy in random pos pct dpor source; do
	for nth in 1 2; do
		run_godwit explore "$root/tests/explore/scenarios/cow-cow.gw" --json \
			--strategy=$strategy --seed=5 --executions=300
		grep -v '"seconds"\|executions_per_second' "$dir/out" >"$dir/search$nth"
	done
	[ "$status" = 3 ] && cmp "$dir/search1" "$dir/search2" >"$dir/err"
	result "$strategy: the same search twice"
done

try 2 replay "$dir/schedule" --log=/nowhere/log && grep -q '/nowhere/log' "$dir/err"
result 'a log that cannot be written is an error'
finish
