#!/bin/sh
# SPDX-License-Identifier: MIT
# applets.sh - fails when a program that everybody has computes something else on Godwit
#
# usage: applets.sh GODWIT BUSYBOX
#
# Each applet runs on the host, on Godwit, and on Godwit while its pages are moved about and checked,
# each in a directory of its own that starts out the same.  Output, errors, status, and in the end
# the directories must be the same byte for byte.  Times and owners are pinned.
set -u

[ $# = 2 ] || { echo "usage: $0 GODWIT BUSYBOX" >&2; exit 2; }
godwit=$(realpath "$1")
busybox=$(realpath "$2")
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
nr=0
failed=0

# Text, numbers and bytes that compress, sort and differ; the same on every run.
make_inputs()
{
	"$busybox" awk 'BEGIN {
		for (i = 0; i < 6000; i++) {
			x = (x * 69069 + 12345) % 4294967296
			printf "%d line %d of %s words %x\n", x % 100000, i, substr("alphabetic", x % 7), x
		}
	}' >text
	"$busybox" head -n 1500 text | "$busybox" tr a-z A-Z >upper
	{ "$busybox" head -n 500 text; echo extra; "$busybox" tail -n +700 text; } >changed
	"$busybox" cut -d ' ' -f 1 text >numbers
	"$busybox" head -c 3000000 text >bytes
	mkdir -p tree/one/two tree/three
	for file in tree/a tree/one/b tree/one/two/c.txt tree/three/d.txt; do
		echo "$file" >$file
		touch -d '2020-01-02 03:04:05 UTC' $file
	done
	chmod 640 tree/a
	ln -s a tree/link
	printf 'scale=60\na(1)*4\n2^3000\ndefine f(n) { if (n < 2) return 1; return n * f(n-1); }\nf(120)\n' >sums
	xz -c text >text.xz 2>/dev/null || "$busybox" rm -f text.xz
	touch -d '2020-01-02 03:04:05 UTC' text upper changed numbers bytes sums \
		tree/one/two tree/one tree/three tree
}

# in_mode MODE APPLET ARG...: one run.
in_mode()
{
	mode=$1
	shift
	case $mode in
	host) set -- "$busybox" "$@" ;;
	plain) set -- "$godwit" run --memory=128M -- "$busybox" "$@" ;;
	storm) set -- "$godwit" run --memory=128M --migrate=storm --error-exitcode=99 -- \
		"$busybox" "$@" ;;
	esac
	(cd "$tmp/$mode" && exec env -i PATH=/bin HOME=/ TZ=UTC LC_ALL=C FRUIT=pear "$@") \
		<"$stdin" >"$tmp/out.$mode" 2>"$tmp/err.$mode"
	echo "status $?" >>"$tmp/out.$mode"
	# What Godwit does not support it says; the program must come to the same end without it.
	grep -e '^godwit: .*not supported' "$tmp/err.$mode" >>"$tmp/unsupported"
	sed -i -e '/^godwit: .*not supported/d' "$tmp/err.$mode"
}

# applet NAME ARG...: the same everywhere?
applet()
{
	nr=$((nr + 1))
	in_mode host "$@"
	for other in plain storm; do
		in_mode $other "$@"
		if ! cmp -s "$tmp/out.host" "$tmp/out.$other" ||
			! cmp -s "$tmp/err.host" "$tmp/err.$other"; then
			echo "FAIL ($other): busybox $*"
			diff "$tmp/out.host" "$tmp/out.$other" | head -n 10
			diff "$tmp/err.host" "$tmp/err.$other" | head -n 10
			failed=$((failed + 1))
		fi
	done
}

# with_input FILE APPLET ARG...: FILE, relative to the directory, is its standard input.
with_input()
{
	stdin=$tmp/host/$1
	shift
	applet "$@"
	stdin=/dev/null
}

stdin=/dev/null
mkdir "$tmp/host"
(cd "$tmp/host" && make_inputs) || exit 99
cp -a "$tmp/host" "$tmp/plain" && cp -a "$tmp/host" "$tmp/storm" || exit 99

applet cat text upper
applet cat text missing
with_input text cat -
applet ls -l tree/a tree/link text
applet ls -R tree
applet sort text
applet sort -n numbers
applet sort -u -k 4,4 -k 1,1nr text
applet grep -c words text
applet grep -n -E '^[0-9]{4} line [0-9]*7 ' text
applet grep nowhere text
applet sed -n 's/line \([0-9]*\)/<\1>/p' text
applet sed -e '1,100d' -e 'y/abc/xyz/' -e '$!N;s/\n/ + /' upper
applet awk '{ n[$5] += $1 } END { for (k in n) print k, n[k] | "cat" }' missing
applet awk '{ s += $1; l[length($0)]++ } END { for (i = 0; i < 100; i++) if (l[i]) print i, l[i]; print s }' text
applet gzip -c text
applet gzip -k bytes
applet gunzip -c bytes.gz
applet bzip2 -k text
applet bunzip2 -c text.bz2
[ -f "$tmp/host/text.xz" ] && applet xz -d -c text.xz
applet tar cf tree.tar tree
applet tar tvf tree.tar
applet tar xf tree.tar -O tree/one/b
applet find tree -name '*.txt'
applet find tree -type f -size -2 -newer missing
applet wc text upper numbers
applet md5sum text bytes
applet sha1sum bytes
applet sha256sum bytes
applet sha512sum text bytes
applet sha3sum text
applet cksum bytes
applet crc32 bytes
applet dd if=bytes of=copy bs=70000 skip=1 count=20
applet od -A x -t x1z -N 5000 bytes
applet hexdump -C -n 5000 bytes
applet xxd -l 3000 bytes
applet base64 upper
applet uuencode -m upper name
applet cut -d ' ' -f 2,4 text
applet cut -c 3-20 text
with_input text tr -d 'aeiou'
with_input text tr 'a-z' 'n-za-m'
applet uniq -c numbers
applet diff text changed
applet cmp text changed
applet paste -d , numbers upper
applet expand -t 4 text
applet fold -w 30 upper
applet nl upper
applet tac upper
applet rev upper
applet head -n 50 text
applet tail -n 50 text
applet tail -c 1000 bytes
applet strings -n 8 text.bz2
applet shuf -e one
with_input sums bc -l
applet dc -e '60 k 2 v p 3 200 ^ p [la 1 + d sa p la 50 >x] sx 0 sa lx x'
applet date -u -d @86400 '+%Y-%m-%d %H:%M:%S %a %j'
applet env
applet env -u FRUIT A=B
applet expr 12345 '*' 67890 - 17
applet expr abcdef : 'ab\(c.\)'
applet seq -w 1 3 9000
applet factor 1234567890123 600851475143
applet stat -c '%n %s %a %F %h' text tree/a tree/link
applet basename /some/path/file.txt .txt
applet dirname /some/path/file.txt
applet printf '%05d|%-8s|%x|%e\n' 42 left 255 3.25
applet echo -e 'tab\tnew\nline'
applet cal 2 2024
applet cp text copied
applet cp -r tree tree2
applet mv copied moved
applet rm -r tree2
applet mkdir -p new/deep/er
applet ln -s text symbolic
applet readlink symbolic
applet realpath /proc/../bin/..
applet touch -d '2021-01-01 00:00:00' touched
applet truncate -s 12345 touched
applet test -f text
applet false
applet sh -c 'i=0; s=; while [ $i -lt 3000 ]; do i=$((i+1)); s=$s$((i%10)); done; echo ${#s} $s; exit 3'
applet sh -c 'trap "echo caught" USR1; kill -USR1 $$; cd tree && pwd -P >/dev/null; echo *; echo x >../made; exit 0'
applet no-such-applet

for other in plain storm; do
	if ! diff -r "$tmp/host" "$tmp/$other" >"$tmp/diff"; then
		echo "FAIL ($other): the files that were made differ"
		head -n 20 "$tmp/diff"
		failed=$((failed + 1))
	fi
done
sed -e 's/^[^:]*: [^:]*: //' "$tmp/unsupported" | sort | uniq -c
echo "$nr commands, $failed failures"
[ $nr -ge 28 ] && [ $failed -eq 0 ]
