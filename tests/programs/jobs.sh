# SPDX-License-Identifier: MIT
# jobs.sh - fails when a shell cannot run a day's work on Godwit as it does on the host
#
# usage: busybox sh jobs.sh BUSYBOX
#
# All that it prints and leaves behind is the same on every run.

export LC_ALL=C
dir=$(mktemp -d ./work.XXXXXX) || exit 90
log=$dir/log
mkdir "$dir/bin" && "$1" --install -s "$dir/bin" && PATH=$PWD/$dir/bin || exit 91

section()
{
	echo "== $*"
}

# ---- Pipelines and their status
section pipelines
seq 1 2000 | grep 7 | sort -rn | head -n 3 | tr '\n' ' '
echo
echo one two three | { read -r a b c; echo "$c $b $a"; }
false | true; echo "last: $?"
true | (exit 7); echo "subshell: $?"
! true | false; echo "negated: $?"
yes | head -n 2 | uniq -c | sed 's/^ *//'
i=0
seq 1 20 | while read -r n; do i=$((i + n)); done
echo "the pipe's loop had its own i: $i"
set -o pipefail; sh -c 'exit 5' | cat; echo "pipefail: $?"; set +o pipefail

# ---- Here-documents
section here-documents
name=world
cat <<EOF | tr a-z A-Z
hello $name, $(echo substituted), $((6 * 7))
EOF
cat <<'EOF' >"$dir/quoted"
no $expansion `here`
EOF
cat "$dir/quoted"
sh <<EOF
echo "a script from stdin, $name"; exit 4
EOF
echo "status $?"
awk '{ s += length($0) } END { print NR, s }' <<EOF
$(seq 1 3000)
EOF

# ---- Loops with subshells
section subshells
v=outer
for i in 1 2 3 4 5; do
	(v=inner$i; cd /; umask 077; echo "$i $v" >>"$OLDPWD/$log"; exit "$i")
	[ $? -eq $i ] || echo "wrong status for $i"
done
cat "$log"; echo "still $v in $(basename "$(pwd)")"
: >"$dir/after"; stat -c %a "$dir/after"
echo "nested: $(echo "$(echo "$(echo deep)")")"
x=$(for i in $(seq 1 30); do echo "$(($i * $i))"; done | md5sum)
echo "${x%% *}"

# ---- Background jobs and wait
section background
pids=
for i in 3 1 2; do
	(sleep "0.$i"; echo "job $i" >>"$dir/jobs"; exit $((40 + i))) &
	pids="$pids $!"
done
for pid in $pids; do wait "$pid"; echo "job ended with $?"; done
sort "$dir/jobs"
# Whether the shell says so depends on when it hears of it.
{ sleep 30 & kill $!; wait $!; } 2>/dev/null; echo "killed: $?"
(kill -9 "$(sh -c 'echo $PPID')"; echo "not reached"); echo "suicide: $?"
(sh -c 'sleep 0.1; echo orphan >"$0"' "$dir/orphan" &)
i=0; until [ -s "$dir/orphan" ] || [ $((i += 1)) -gt 200 ]; do sleep 0.05; done; cat "$dir/orphan"
wait; echo "wait for all: $?"
mkfifo "$dir/fifo"
(echo "through a fifo" >"$dir/fifo") &
read -r line <"$dir/fifo"; echo "$line"; wait

# ---- Traps and signals
section traps
trap 'echo "usr1 caught"' USR1
kill -USR1 $$; echo "after usr1"
(sleep 0.2; kill -USR1 $$) & 
wait $! ; echo "wait interrupted or not: $(($? > 128 || $? == 0))"; wait
trap '' TERM; kill -TERM $$; echo "term ignored"
sh -c 'kill -TERM $$; echo "children ignore it too"'
trap - USR1 TERM
(trap 'echo "exit trap of a subshell"' EXIT; exit 6); echo "status $?"
sh -c 'trap "exit 9" TERM; (sleep 0.1; kill -TERM $$) & while :; do sleep 0.05; done'; echo "status $?"
timeout 0.3 sleep 10; echo "timeout: $?"

# ---- Recursion
section recursion
fib() { if [ "$1" -lt 2 ]; then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
echo "fib 7 = $(fib 7)"
deep() { [ "$1" -eq 0 ] && { echo bottom; return 3; }; (deep $(($1 - 1))); }
deep 12; echo "status $?"
tree() { mkdir -p "$1" && [ "$2" -gt 0 ] && for d in a b; do tree "$1/$d" $(($2 - 1)); done; echo "$1" >"$1/name"; }
tree "$dir/tree" 3; find "$dir/tree" -type f | wc -l
find "$dir/tree" -name name | sort | xargs -n 3 cat | sed "s,$dir/,,g" | md5sum

# ---- Temporary files and descriptors
section files
exec 3>"$dir/three" 4<"$dir/quoted"
echo "to three" >&3; (echo "from a child" >&3); read -r line <&4; echo "$line" >&3
exec 3>&- 4<&-
cat "$dir/three"
dd if=/dev/zero bs=64k count=20 2>/dev/null | gzip -c | gunzip -c | wc -c
seq 1 5000 | tee "$dir/copy" | md5sum; md5sum <"$dir/copy"
tar cf - -C "$dir" tree quoted | tar tf - | wc -l
rm -r "$dir"; ls -A
trap 'echo bye; exit 17' EXIT
exit 3
