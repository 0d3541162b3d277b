#!/bin/sh
# SPDX-License-Identifier: MIT
#
# story.sh GODWIT SOURCES - what is told of the race of 2010, and of others
#
# If it fails, a step without which nobody understands the race is missing from its story, or the
# story is full of others.  The expected one is tests/explore/stories/2010-exec-tempstack.txt: what
# `godwit replay --story' prints, without the lines of the verdict.
godwit=$1
sources=$2
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

expected=$sources/tests/explore/stories/2010-exec-tempstack.txt

# tells STORY: every line of the expected story comes in $dir/out, in order, with few others.  Which
# frame it is and how many traces there are is no part of the story.
tells() {
	for file in "$1" "$dir/out"; do
		sed -e 's/frame [0-9][0-9]*/frame N/g' -e 's/[0-9][0-9]* traces/N traces/' "$file"
		echo '-- end of file --'
	done | awk -v others=4 -v at=0 -v nr=0 '
		/^-- end of file --$/ { files++; next }
		files == 0 { wanted[nr++] = $0; next }
		/^At first:/ { began = 1 }
		!began { next }
		at < nr && $0 == wanted[at] { at++; next }
		{ others-- }
		END {
			if (at < nr)
				print "does not come: " wanted[at]
			exit at < nr || others < 0
		}' >"$dir/err"
}

# fits COLUMNS: so wide at most, no colours, nothing at the ends of lines
fits() {
	awk -v width="$1" 'began && length > width || /\033/ || / $/ { wrong = 1; print "too wide: " $0 }
		/^At first:/ { began = 1 }
		END { exit wrong || !began }' "$dir/out" >"$dir/err"
}

race=2010-exec-tempstack
guard=skip-temporary-stack

try 1 explore $race --without=$guard --strategy=dpor --seconds=60 --save="$dir/schedule" &&
	tells "$expected"
result 'explore tells the race of 2010'

try 1 replay --story "$dir/schedule" && tells "$expected" && fits 100
result 'replay tells it too, in 100 columns'

COLUMNS=80
export COLUMNS
try 1 replay --story "$dir/schedule" && fits 80 && grep -q '^ *VMA 3ffff000-40000000 ->$' "$dir/out"
result 'it folds at 80'
unset COLUMNS

# The test itself: a story without one of its lines is another.
try 1 replay --story "$dir/schedule"
cp "$dir/out" "$dir/story"
for line in 'PTE .*none -> migration entry' 'looks for the migration entry' 'VMA 3ffff000' 'folio_unlock' \
	'3fff7000: none' 'reads flags of frame'; do
	grep -v "$line" "$dir/story" >"$dir/out"
	! tells "$expected" || break
done
! tells "$expected"
result 'a line that is missing is missed'

try 1 explore "$sources/races/$race/whole-exec.gw" --without=$guard --seconds=60 && awk '
	/^bprm_mm_init\(\)$/ { at = 1 }
	/^  new VMA 3ffff000-40000000 / && at == 1 { at = 2 }
	/^ .*PTE 3ffff000: none -> frame [0-9]*, writable/ && at == 2 { at = 3 }
	/try_to_migrate_one\(\)/ && at == 3 { at = 4 }
	/^ *vma_expand\(\)$/ && at == 4 { at = 5 }
	/ remove_migration_pte\(\)/ && at == 5 { at = 6 }
	/^ *move_page_tables\(\)$/ && at == 6 { at = 7 }
	/^ *migration_entry_wait\(\)$/ && at == 7 { at = 8 }
	/VMA 400000/ { other = 1 }
	END { exit at != 8 || other }' "$dir/out"
result 'exec from its first step: nothing of its other pages is told'

stale=$sources/tests/explore/scenarios/stale-store.gw
try 1 explore "$stale" --without=migrate-flush-before-copy --seconds=60 && fits 100 &&
	grep -q 'looks in TLB of CPU 0: 3ffff000 is frame [0-9]*, writable$' "$dir/out" &&
	grep -q '^migrate-flush-before-copy prevents it: ' "$dir/out"
result 'a stale translation is told, and what would have flushed it'

try 1 explore $race --without=$guard,migrate-recheck-refs --seconds=60 &&
	grep -q "^$guard prevents it: " "$dir/out" &&
	grep -q '^migrate-recheck-refs does not prevent it: ' "$dir/out"
result 'of two guards that are off the one that was needed is named'

try 1 races run $race && grep -q '^In the end:$' "$dir/out"
result 'races run tells what it finds'

# A function that was renamed would be left out of every story without a word.
sed -n '/^static const char \*const linux_functions/,/^};/p' "$sources/explore/story_functions.c" |
	grep -o '"[a-z_0-9]*"' | tr -d '"' >"$dir/names"
while read -r name; do
	grep -qrE "^[a-z].*[ *]$name\\(" "$sources/mm" "$sources/exec" --include='*.c' || echo "$name"
done <"$dir/names" >"$dir/out"
[ -s "$dir/names" ] && [ ! -s "$dir/out" ]
result 'the functions that a story looks for are there'

finish
