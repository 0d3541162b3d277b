#!/bin/sh
# SPDX-License-Identifier: MIT
#
# core_symbols.sh NM THREADS_OBJECT EXPLORED_OBJECT
#
# If this fails, the two copies of the core could be mixed up in one program without a word from
# the linker, or the core calls something that it must not know.
#
# Each copy exports its entry table and nothing else, the explored one the designs of races/ too; what
# it leaves undefined belongs to its back-end, to lib/, or to the few functions of <string.h> that
# compilers call on their own.  Instrumentation is allowed where it is switched on.
set -eu

nm=$1
threads=$2
explored=$3
failed=0

complain() {
	echo "core_symbols: $*" >&2
	failed=1
}

# The whole of an object's interface, by name.
exports() {
	"$nm" --defined-only --extern-only --format=posix "$1" | awk '{ print $1 }'
}

needs() {
	"$nm" --undefined-only --format=posix "$1" | awk '{ print $1 }'
}

strings='memchr|memcmp|memcpy|memmove|memset|strlen'
lib='block_(copy|fill|zero|is_filled)|text_vformat'
compiler='_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(asan|tsan|ubsan|sanitizer)_[a-z0-9_]+'
order='held_locks_[a-z_]+|lock_(class_name|violation_describe)'

check() { # OBJECT COPY BACK_END EXPORTED_TOO
	exported=$(exports "$1" | grep -Evx "$4" || true)
	[ "$exported" = "godwit_core_$2" ] || complain "$2 exports" $exported
	strangers=$(needs "$1" | grep -Evx "$strings|$lib|$compiler|$3" || true)
	[ -z "$strangers" ] || complain "$2 needs" $strangers
}

check "$threads" threads "threads_[a-z_]+|$order" ''
check "$explored" explored "explored_[a-z_]+" 'race_[0-9a-z_]+_designs'

# An object that needs nothing was not looked at.
[ "$(needs "$threads" | grep -c '^threads_')" -gt 5 ] || complain "the threads copy needs no back-end"
[ "$(needs "$explored" | grep -c '^explored_')" -gt 5 ] || complain "the explored copy needs no back-end"

exit $failed
