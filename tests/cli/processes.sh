#!/bin/sh
# SPDX-License-Identifier: MIT
#
# processes.sh GODWIT - what a run of several processes promises: its end, its status, what it leaves
#
# If it fails, a run ends too early or never, a process is left over, or one guest reaches into another.
godwit=$1
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# wait_for FILE: until it has a line
wait_for() {
	tries=0
	until [ -s "$1" ]; do
		[ $((tries += 1)) -le 200 ] || return 1
		sleep 0.05
	done
}

# start ARG...: godwit in the background, as $pid
start() {
	: >"$dir/ready"
	"$godwit" run "$@" >"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	wait_for "$dir/ready"
}

# lives PID: and is no zombie
lives() {
	grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# ---- The end ----------------------------------------------------------------------------------------

run_godwit run -- busybox sh -c '(sleep 0.3; echo last) & echo first; exit 4'
[ "$status" = 4 ] && printf 'first\nlast\n' | cmp -s - "$dir/out"
result 'the run ends with its last process, and with the status of the first'

# An orphan is told that its parent is process 1 when that is a zombie, and not before.
start -- busybox sh -c "(until [ \"\$parent\" = 1 ]; do
	while read -r key value; do [ \$key = PPid: ] && parent=\$value; done </proc/self/status
done; echo ready >$dir/ready; exec sleep 100) & exit 3"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 3 ]
result 'SIGTERM ends what the program has left'

start -- busybox sh -c "trap '' TERM; (sleep 100; echo no) & echo ready >$dir/ready; wait"
children=$(pgrep -P "$pid")
kill -KILL "$pid"
wait "$pid" 2>/dev/null
status=0
[ "$(echo "$children" | wc -l)" -ge 2 ] && for child in $children; do
	tries=0
	while lives "$child" && [ $((tries += 1)) -le 200 ]; do
		sleep 0.05
	done
	lives "$child" && status="left over: $child"
done
[ "$status" = 0 ]
result 'SIGKILL of godwit leaves no process'

start -- busybox sh -c "sh -c 'echo \$\$ >$dir/ready; exec sleep 100'; echo status \$?"
begun=$(date +%s)
kill -KILL "$(cat "$dir/ready")"
status=0
wait "$pid" || status=$?
[ "$status" = 0 ] && grep -q '^status 137$' "$dir/out" && [ $(($(date +%s) - begun)) -lt 60 ]
result 'a child that is killed on the host is killed, and the others go on'

# ---- Who watches --------------------------------------------------------------------------------------

run_godwit run --strace -- busybox sh -c '(exit 5); exit $?'
[ "$status" = 5 ] && grep -Eq '^clone\(' "$dir/err" &&
	grep -Eq '^\[pid +[0-9]+\] wait4\(.*\) += [0-9]+$' "$dir/err" &&
	[ "$(grep -Ec '^\[pid +[0-9]+\] \+\+\+ exited with 5 \+\+\+$' "$dir/err")" = 2 ]
result '--strace: each line tells its process once there are several'

run_godwit run --migrate=20000 --check "--stats=$dir/stats" -- busybox sh -c '
	i=0; while [ $i -lt 20 ]; do i=$((i + 1)); echo $i | busybox sed "s/^/x/"; done | md5sum'
expected=$(busybox sh -c 'i=0; while [ $i -lt 20 ]; do i=$((i + 1)); echo x$i; done | md5sum')
[ "$status" = 0 ] && [ "$(cat "$dir/out")" = "$expected" ] &&
	grep -q '"validation": "clean"' "$dir/stats" &&
	[ "$(sed -n 's/^  "pgmigrate_success": \([0-9]*\),$/\1/p' "$dir/stats")" -gt 100 ]
result '--migrate=RATE --check: all processes, and the machine is whole in the end'

# ---- Between guests, and want -------------------------------------------------------------------------

run_godwit run -- busybox sh -c '(cat /proc/$$/mem
	ln -s /proc/self '"$dir"'/link; cat '"$dir"'/link/mem; cat '"$dir"'/link/comm)
	sleep 1 & cat /proc/$!/mem /proc/$!/maps
	cd / && exec 3</ && cat /proc/self/cwd/proc/self/mem /dev/fd/3/proc/self/mem'
[ "$(cat "$dir/out")" = cat ] && [ "$(grep -c 'Permission denied' "$dir/err")" = 6 ]
result 'no guest can open the memory of another, nor that of godwit'

mkdir "$dir/proc"
if unshare -Urm mount --rbind /proc "$dir/proc" 2>/dev/null; then
	status=0
	# shellcheck disable=SC2016
	unshare -Urm sh -c 'mount --rbind /proc "$2/proc" && exec "$1" run -- busybox cat \
		"$2/proc/self/mem" "$2/proc/self/maps"' - "$godwit" "$dir" \
		>"$dir/out" 2>"$dir/err" </dev/null || status=$?
	[ ! -s "$dir/out" ] && [ "$(grep -c 'Permission denied' "$dir/err")" = 2 ]
	result 'nor by the name of a /proc that is mounted elsewhere'
fi

run_godwit run --memory=16M -- busybox sh -c '
	i=0; while [ $i -lt 500 ]; do sleep 2 & i=$((i + 1)); done; wait; echo unlikely'
[ "$status" = 2 ] && ! grep -q unlikely "$dir/out" && grep -q "can't fork: .* memory" "$dir/err"
result 'without memory fork fails, and godwit does not'

finish
