#!/bin/sh
# SPDX-License-Identifier: MIT
# compare.sh - fails when a program behaves otherwise on Godwit than on the host
#
# usage: compare.sh [--moves=N] [--run=OPTION] [--stdin=FILE] GODWIT PROGRAM [ARG]...
#
# The program runs on the host, on Godwit, and on Godwit while its pages are moved about and checked
# (--migrate=storm --check).  Standard output, standard error, status and the files it leaves behind
# must be the same byte for byte.  With --moves the storm must have moved that many pages, so that a
# storm that does nothing is no pass.
set -u

moves=0
options=--memory=128M # little starts faster
stdin=/dev/null
while :; do
	case $1 in
	--moves=*) moves=${1#*=} ;;
	--run=*) options=${1#*=} ;;
	--stdin=*) stdin=${1#*=} ;;
	*) break ;;
	esac
	shift
done
godwit=$(realpath "$1")
program=$(realpath "$2")
shift 2
set -- "$program" "$@"

tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0

# run NAME COMMAND...: run it in an empty directory with a fixed environment.
run()
{
	name=$1
	shift
	mkdir -p "$tmp/$name/files"
	(cd "$tmp/$name/files" && exec env -i PATH=/usr/bin:/bin HOME=/ LC_ALL=C "$@") \
		<"$stdin" >"$tmp/$name/out" 2>"$tmp/$name/err.all"
	echo "status $?" >>"$tmp/$name/out"
	# Godwit's own words and the shell's on a killed child are no output of the program.
	grep -v -e '^godwit: ' "$tmp/$name/err.all" >"$tmp/$name/err"
}

same()
{
	for what in out err files; do
		if ! diff -ru "$tmp/host/$what" "$tmp/$1/$what" >"$tmp/diff" 2>&1; then
			echo "FAIL: $what differs from the host's ($1)"
			head -n 40 "$tmp/diff"
			grep -e '^godwit: ' "$tmp/$1/err.all" | head -n 20
			failed=1
		fi
	done
}

# stat NAME: one value of the storm's statistics.
stat()
{
	sed -n "s/^.*\"$1\": *\"\{0,1\}\([^\",}]*\)\"\{0,1\}.*\$/\1/p" "$tmp/stats" | head -n 1
}

run host "$@"
# shellcheck disable=SC2086
run plain "$godwit" run $options -- "$@"
same plain
# shellcheck disable=SC2086
run storm "$godwit" run --migrate=storm --check --stats="$tmp/stats" $options -- "$@"
same storm

if [ ! -s "$tmp/stats" ]; then
	echo "FAIL: no statistics"
	failed=1
elif [ "$(stat validation)" != clean ] || [ "$(stat migration_entries_left)" != 0 ]; then
	echo "FAIL: validation: $(stat validation), $(stat migration_entries_left) entries left"
	failed=1
elif [ "$(stat pgmigrate_success)" -lt "$moves" ]; then
	echo "FAIL: $(stat pgmigrate_success) pages moved, not $moves"
	failed=1
else
	echo "$(stat pgmigrate_success) pages moved"
fi
exit $failed
