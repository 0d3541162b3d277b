#!/bin/sh
# SPDX-License-Identifier: MIT
#
# options.sh GODWIT - what the command line promises: exit codes, messages, silence in a pipe
#
# If it fails, a script that relies on an exit code, or a person who relies on a message, is misled.
# Everything runs without a terminal.
godwit=$1
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# expect STATUS FILE PATTERN: the exit code, and a line of out or err that matches
expect() {
	[ "$status" = "$1" ] && grep -qe "$3" "$dir/$2"
}

# refuses STATUS NAMED ARG...: a wrong option ends with STATUS, and the message names NAMED
refuses() {
	wanted=$1 named=$2
	shift 2
	run_godwit "$@"
	[ ! -s "$dir/out" ] && expect "$wanted" err "$named"
	result "refused, and named: godwit $*"
}

# ---- godwit itself ----------------------------------------------------------------------------------

run_godwit
[ ! -s "$dir/out" ] && expect 2 err '^Usage: godwit'
result 'without a command: usage on stderr, exit code 2'

run_godwit --help
[ ! -s "$dir/err" ] && expect 0 out '^  bench '
result '--help: the commands on stdout, exit code 0'

run_godwit --version
expect 0 out '^godwit [0-9]*\.[0-9]*\.[0-9]*$'
result '--version'

refuses 2 'nearest: bench' bnech
refuses 2 'nearest: bench' benc
refuses 2 'there are: ' xyzzyplugh
refuses 2 'is not a godwit command' ''
refuses 2 'unrecognized option' --no-such-option

for command in $("$godwit" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
	run_godwit "$command" --help
	[ ! -s "$dir/err" ] && expect 0 out "^Usage: godwit $command"
	result "godwit $command --help"
done

# ---- bench -------------------------------------------------------------------------------------------

refuses 2 "'cpoy'; the nearest: copy" bench cpoy
refuses 2 "'nonsense'" bench nonsense
refuses 2 '--runs=4: must be from 5' bench --runs=4
refuses 2 '--runs=many: not a number' bench --runs=many
refuses 2 '--runs=-5: not a number' bench --runs=-5

run_godwit bench --runs=5 copy
[ ! -s "$dir/err" ] && expect 0 out '^copy  *[0-9.]* GB/s'
result 'bench copy: a line with a unit, and no progress without a terminal'

run_godwit bench --runs=5 --json copy
expect 0 out '"name": "copy"' && for key in value unit min max runs reference ratio; do
	grep -q "\"$key\": " "$dir/out" || { status=$key; false; break; }
done
result 'bench --json: every key that is documented'

run_godwit bench --json search
cp "$dir/out" "$dir/first"
run_godwit bench --json search
expect 0 out '"name": "search.pos"' && cmp -s "$dir/first" "$dir/out"
result 'bench search: the same figures each time'

# ---- run: options ------------------------------------------------------------------------------------

refuses 125 'which program' run
refuses 125 'which program' run --check --
refuses 125 'unrecognized option' run --chekc -- true
refuses 125 '--memory=12Q: not a size' run --memory=12Q -- true
refuses 125 '--memory=1GG: not a size' run --memory=1GG -- true
refuses 125 '--memory=-1: not a size' run --memory=-1 -- true
refuses 125 '--memory=: not a size' run --memory= -- true
refuses 125 '--memory=4096: must be from' run --memory=4096 -- true
refuses 125 '--memory=99999999999999999999: not a size' run --memory=99999999999999999999 -- true
refuses 125 '--memory=999999999T: must be from' run --memory=999999999T -- true
refuses 125 '--migrate=fast: write off, storm, or a number' run --migrate=fast -- true
refuses 125 '--migrate=0: must be from' run --migrate=0 -- true
refuses 125 '--migrate=12x: not a number' run --migrate=12x -- true
refuses 125 '--overcommit=3: must be from' run --overcommit=3 -- true
refuses 125 '--numa=1G: not yet' run --numa=1G -- true
refuses 125 '--error-exitcode=0: must be from' run --error-exitcode=0 -- true
refuses 125 '--error-exitcode=256: must be from' run --error-exitcode=256 -- true
refuses 125 '--seed=x: not a number' run --seed=x -- true
refuses 125 "--stats=$dir/no/such" run "--stats=$dir/no/such" -- true
refuses 125 "--trace=$dir/no/such" run "--trace=$dir/no/such" -- true

# ---- run: programs ------------------------------------------------------------------------------------

busybox=$(command -v busybox) || {
	true
	result 'programs # SKIP no busybox'
	finish
}

refuses 127 no-such-program run -- no-such-program
refuses 127 "$dir/no-such" run -- "$dir/no-such"
refuses 126 "$dir" run -- "$dir"
echo 'no program' >"$dir/text"
refuses 126 "$dir/text" run -- "$dir/text"
chmod +x "$dir/text"
refuses 126 "$dir/text" run -- "$dir/text"

# exits STATUS ARG...: the program's end is the runner's
exits() {
	wanted=$1
	shift
	run_godwit run -- "$@"
	[ "$status" = "$wanted" ]
	result "exit code $wanted: $*"
}

exits 0 busybox true
exits 1 "$busybox" false
exits 7 busybox sh -c 'exit 7'
exits 143 busybox sh -c 'kill -TERM $$'
exits 137 busybox sh -c 'kill -KILL $$'

# What is asked for in one piece, of 64 MiB: 40 MiB are too much for half of it, 100 MiB for all.
for case in 0:40:0 0:100:1 1:100:0 2:24:0 2:40:1; do
	mode=${case%%:*} rest=${case#*:}
	run_godwit run --memory=64M --overcommit="$mode" -- \
		busybox dd if=/dev/zero of=/dev/null bs="${rest%:*}M" count=0
	[ "$status" = "${case##*:}" ]
	result "overcommit mode $mode and ${rest%:*} MiB of 64"
done

run_godwit run --memory=64M --check -- busybox echo --memory=1 -- --check
[ ! -s "$dir/err" ] && expect 0 out '^--memory=1 -- --check$'
result 'options after the program are the program'"'"'s, and Godwit adds nothing'

run_godwit run busybox echo --help
expect 0 out '^--help$'
result 'the -- may be left out'

setsid "$godwit" run --check -- busybox cat >"$dir/out" 2>"$dir/err" <"$dir/text"
status=$?
[ ! -s "$dir/err" ] && cmp -s "$dir/text" "$dir/out"
result 'without a controlling terminal'

status=0
"$godwit" run -- busybox true <&- >&- 2>&- || status=$?
[ "$status" = 0 ]
result 'without stdin, stdout and stderr'

# ---- run: reports --------------------------------------------------------------------------------------

run_godwit run --stats -- busybox echo hello
expect 0 err '^  pgfault  *[0-9][0-9]* faults$' && grep -q '^hello$' "$dir/out"
result '--stats: counters on stderr, after the program'

run_godwit run --check "--stats=$dir/stats" -- busybox true
[ "$status" = 0 ] && [ ! -s "$dir/err" ] && for key in pgfault pgmajfault pgmigrate_success \
	pgmigrate_fail migration_entries_left validation wall_seconds syscalls; do
	grep -q "^  \"$key\": " "$dir/stats" || { status=$key; false; break; }
done
result '--stats=FILE: every key that is documented'

grep -q '"validation": "clean"' "$dir/stats" && grep -q '"migration_entries_left": 0' "$dir/stats"
result '--check: the machine was validated'

run_godwit run --strace -- busybox echo hello
expect 0 err '^write(1, "hello\\n", 6) *= 6$' && grep -q '^+++ exited with 0 +++$' "$dir/err"
result '--strace: the notation of strace'

run_godwit run --migrate=storm "--trace=$dir/trace" -- busybox sha256sum "$busybox"
[ "$status" = 0 ] && grep -q '^# tracer: nop$' "$dir/trace" &&
	grep -Eq ': set_migration_pte: addr=[0-9a-f]+, pte=[0-9a-f]+ order=0$' "$dir/trace" &&
	grep -Eq ': remove_migration_pte: addr=[0-9a-f]+, pte=[0-9a-f]+ order=0$' "$dir/trace" &&
	grep -Eq ': mm_migrate_pages: nr_succeeded=[0-9]+ nr_failed=0 .* mode=MIGRATE_' "$dir/trace"
result '--trace: the kernel'"'"'s lines'

run_godwit run --migrate=1000 "--stats=$dir/stats" -- busybox sleep 1
moved=$(sed -n 's/^  "pgmigrate_success": \([0-9]*\),$/\1/p' "$dir/stats")
seconds=$(sed -n 's/^  "wall_seconds": \([0-9.]*\),*$/\1/p' "$dir/stats")
status="$status, $moved pages in $seconds s"
[ -n "$seconds" ] && [ "${moved:-0}" -ge 300 ] && [ "$moved" -le $((1000 * ${seconds%.*} + 500)) ]
result '--migrate=1000: about a thousand pages in a second'

# ---- doctor ---------------------------------------------------------------------------------------------

refuses 2 'Too many arguments' doctor now
run_godwit doctor
if grep -q '^NO ' "$dir/out"; then wanted=1; else wanted=0; fi
expect "$wanted" out '^ok '
result 'doctor: a line for each thing, and an exit code that says whether all is well'

finish
