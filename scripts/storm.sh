#!/bin/sh
# SPDX-License-Identifier: MIT
#
# storm.sh GODWIT - run a program while all its pages move, and see that it does not notice
#
# busybox, which knows nothing of this, computes the SHA-256 of a file of 256 MiB on Godwit's
# memory manager.  Meanwhile each of its pages is moved to another frame, again and again, and the
# whole machine is validated.  It must print what it prints on the host.
set -eu

godwit=$1
mib=${STORM_MIB:-256}
wanted_pages=100000

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# The number of a counter in stats.json.
counter() {
	sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" "$dir/stats.json"
}

busybox=$(command -v busybox) || fail "there is no busybox"
dir=$(mktemp -d "${TMPDIR:-/tmp}/godwit-storm.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# No two pages of it are alike, so a page in the wrong place shows.
head -c "${mib}M" /dev/urandom >"$dir/data" || fail "no room for $mib MiB in $dir"

echo "busybox sha256sum of $mib MiB, on the host:"
before=$(date +%s%N)
host=$("$busybox" sha256sum "$dir/data") || fail "busybox does not run on the host"
after=$(date +%s%N)
awk -v digest="${host%% *}" -v ns=$((after - before)) \
	'BEGIN { printf "  %s  %.2f s\n", digest, ns / 1e9 }'

echo "The same with godwit run --migrate=storm --check --stats:"
status=0
guest=$("$godwit" run --memory=256M --migrate=storm --check --error-exitcode=99 \
	--stats="$dir/stats.json" -- "$busybox" sha256sum "$dir/data") || status=$?
[ "$status" = 0 ] || fail "exit code $status"
moved=$(counter pgmigrate_success)
left=$(counter migration_entries_left)
seconds=$(counter wall_seconds)
awk -v digest="${guest%% *}" -v s="$seconds" 'BEGIN { printf "  %s  %.2f s\n", digest, s }'
awk -v n="$moved" -v s="$seconds" \
	'BEGIN { printf "  pages moved             %9d  (%d a second)\n", n, n / s }'
printf '  faults                  %9d\n' "$(counter pgfault)"
printf '  waits for a migration   %9d\n' "$(counter migration_wait)"
printf '  migration entries left  %9d\n' "$left"
printf '  validations, all clean  %9d\n' "$(counter validations)"

[ "$guest" = "$host" ] || fail "the digests differ"
[ "$moved" -gt "$wanted_pages" ] || fail "only $moved pages moved, not more than $wanted_pages"
[ "$left" = 0 ] || fail "$left migration entries were left behind"
grep -q '"validation": "clean"' "$dir/stats.json" || fail "the machine is not clean"
echo "Same digest; nothing left behind."
