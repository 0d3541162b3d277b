#!/bin/sh
# SPDX-License-Identifier: MIT
# errors.sh - fails when something that goes wrong ends in another status, no message, or a left process
#
# usage: errors.sh GODWIT PROGRAMS
#
# PROGRAMS is the folder of the built programs.  Where the host does the same thing, it is asked first.
set -u

godwit=$(realpath "$1")
programs=$(realpath "$2")
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 99
nr=0
failed=0

report()
{
	nr=$((nr + 1))
	if [ "$1" = ok ]; then
		echo "ok $nr - $what"
	else
		echo "not ok $nr - $what: $1"
		sed 's/^/# /' err | head -n 5
		failed=$((failed + 1))
	fi
}

# expect STATUS PATTERN WHAT COMMAND...: its status, and a line of its standard error that matches.
expect()
{
	status=$1
	pattern=$2
	what=$3
	shift 3
	"$@" >out 2>err
	check $? "$status" "$pattern"
}

# check FOUND STATUS PATTERN: "-" is no message of Godwit's at all, "" is any or none.
check()
{
	if [ "$1" != "$2" ]; then
		report "status $1, not $2"
	elif [ "$3" = - ] && grep -q '^godwit' err; then
		report "a message where none is due"
	elif [ "$3" != - ] && [ -n "$3" ] && ! grep -q -e "$3" err; then
		report "no line like: $3"
	else
		report ok
	fi
}

# as_host WHAT SCRIPT: the shell script has the same output and status with $RUN empty as with Godwit.
as_host()
{
	what=$1
	RUN='' sh -c "$2" >out.host 2>/dev/null
	host=$?
	RUN="$godwit run --memory=64M --" sh -c "$2" >out 2>err
	status=$?
	if [ $status -ne $host ]; then
		report "status $status, the host's is $host"
	elif ! cmp -s out.host out; then
		report "another output than the host's"
	else
		report ok
	fi
}

run()
{
	"$godwit" run --memory=64M "$@"
}

# ---- What cannot be run ------------------------------------------------------------------------------

expect 127 '^godwit: ./missing: No such file' 'missing program' run -- ./missing
expect 127 '^godwit: no-such-name: ' 'missing name' run -- no-such-name
touch plain
expect 126 '^godwit: ./plain: Permission denied' 'not executable' run -- ./plain
expect 126 '^godwit: /tmp: ' 'directory' run -- /tmp
expect 126 'dynamically linked' 'dynamic program says what to do' run -- "$(realpath /bin/ls)"
printf '#!/no/such/interpreter\n' >script
chmod +x script
expect 127 '^godwit: ./script: its interpreter /no/such/interpreter: No such file' \
	'script without its interpreter' run -- ./script
printf '\177ELF\2\1\1garbage' >broken
chmod +x broken
expect 126 '^godwit: ./broken: Exec format error' 'broken ELF file' run -- ./broken
head -c 3000 "$programs/hello" >cut
chmod +x cut
expect 126 '^godwit: ./cut: ' 'ELF file cut short' run -- ./cut
printf 'no program\n' >text
chmod +x text
expect 126 '^godwit: ./text: Exec format error' 'text that is no script' run -- ./text
expect 125 '--memory' 'too little memory' run --memory=4K -- "$programs/hello"
expect 125 'which program' 'no program' "$godwit" run
printf '#!%s 7\n' "$programs/hello" >script
expect 7 - 'script of a program' run -- ./script

# ---- Streams -----------------------------------------------------------------------------------------

export programs
as_host 'full disk' '$RUN $programs/hello 3 >/dev/full'
as_host 'closed input' '$RUN $programs/hello 3 <&-'
as_host 'closed output' '$RUN $programs/hello 3 >&-'
as_host 'all closed' '$RUN $programs/hello 3 <&- >&- 2>&-'
as_host 'no terminal' 'setsid -w $RUN $programs/hello 3 </dev/null'
as_host 'pipe closed early' '{ $RUN /bin/busybox yes; echo $? >status; } | head -n 2; cat status; rm status'
as_host 'input from a pipe' 'seq 100000 | $RUN /bin/busybox md5sum'
as_host 'a descriptor passed on' 'exec 7>seven; $RUN /bin/busybox sh -c "echo deep >&7"; cat seven'
expect 125 '^godwit: --stats=/dev/full: ' 'statistics that cannot be written' \
	run --stats=/dev/full -- "$programs/hello"

# ---- Ends --------------------------------------------------------------------------------------------

expect 139 'killed by SIGSEGV SEGV_ACCERR at 0x[0-9a-f]* (in [0-9a-f]*-[0-9a-f]* r--p' \
	'a crash names the address and what is there' run -- "$programs/segv_exit" readonly
expect 139 'killed by SIGSEGV SEGV_MAPERR at 0 (nothing is mapped there)' \
	'a crash at 0' run -- "$programs/segv_exit" null
expect 134 'killed by SIGABRT' 'abort' run -- "$programs/segv_exit" abort
expect 137 'out of memory' 'memory that is not there kills the program' \
	run -- "$programs/oom" 200
expect 0 - 'memory that is there' run -- "$programs/oom" 30

# The host processes below process $1, which is not one of them.
descendants()
{
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
}

# left PID...: those that still exist a moment later.
left()
{
	for try in 1 2 3 4 5 6 7 8 9 10; do
		rest=
		for pid in "$@"; do
			# A zombie whose parent is gone waits for init alone.
			state=$(sed 's/^.*) //; s/ .*//' /proc/"$pid"/stat 2>/dev/null)
			case $state in '' | Z) ;; *) rest="$rest $pid" ;; esac
		done
		[ -z "$rest" ] && return
		sleep 0.2
	done
	echo "$rest"
}

# start OPTIONS... -- PROGRAM...: in the background, with default signals; waits for its first output.
start()
{
	: >out
	env --default-signal "$godwit" run --memory=64M "$@" >out 2>err &
	main=$!
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -s out ] && break
		sleep 0.1
	done
	processes=$(descendants $main)
}

# finish STATUS PATTERN: it has ended with that status, and none of its processes is left.
finish()
{
	wait $main 2>/dev/null
	status=$?
	# shellcheck disable=SC2086
	rest=$(left $processes)
	if [ -z "$processes" ]; then
		report 'it had no process'
	elif [ -n "$rest" ]; then
		report "processes are left: $rest"
		kill -KILL $rest
	else
		check $status "$1" "$2"
	fi
}

mkfifo fifo
for signal in INT:130 TERM:143 HUP:129; do
	name=${signal%:*}
	for load in spin wait; do
		what="SIG$name ends a program, $load"
		if [ $load = spin ]; then
			start --migrate=storm -- /bin/busybox sh -c 'echo up; while :; do :; done'
		else
			start -- /bin/busybox sh -c 'exec 8<>fifo; echo up; read x <&8'
		fi
		kill -"$name" $main
		finish "${signal#*:}" ''
	done
done

what='SIGINT that the program handles'
start -- /bin/busybox sh -c 'trap "echo caught; exit 9" INT; echo up; while :; do :; done'
kill -INT $main
finish 9 -

what='a stub killed from outside'
start -- /bin/busybox sh -c 'echo up; while :; do :; done'
for pid in $processes; do
	case $(readlink /proc/"$pid"/exe) in *godwit-stub*) kill -KILL "$pid" ;; esac
done
finish 125 "the guest's host process was killed by signal 9"

what='Godwit killed takes its processes along'
start --migrate=storm -- /bin/busybox sh -c 'echo up; while :; do :; done'
kill -KILL $main
finish 137 ''

echo "1..$nr"
[ $failed -eq 0 ]
