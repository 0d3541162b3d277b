#!/bin/sh
# SPDX-License-Identifier: MIT
# sanitize.sh - fails when ThreadSanitizer or AddressSanitizer finds something in unit and stress tests
#
# usage: sanitize.sh tsan|asan SOURCE BUILD
#
# Configures a build of its own in BUILD (kept, so that only what changed is compiled again) and runs
# its suites unit, platform, stress and teeth; the last one shows that the sanitizer is awake.
set -eu

kind=$1
source=$2
build=$3

case $kind in
tsan) sanitize=thread ;;
asan) sanitize=address,undefined ;;
*)
	echo "usage: $0 tsan|asan SOURCE BUILD" >&2
	exit 2
	;;
esac

# From inside meson test: its own variables are not for the inner one.
unset MESON_TEST_ITERATION NINJA_STATUS 2>/dev/null || true

if [ ! -f "$build/build.ninja" ]; then
	rm -rf "$build"
	meson setup "$build" "$source" -Db_sanitize=$sanitize -Db_lundef=false >"$build.log" 2>&1 || {
		cat "$build.log"
		exit 1
	}
fi
ninja -C "$build" -j 2 sanitized >"$build.log" 2>&1 || {
	tail -n 40 "$build.log"
	exit 1
}

# ThreadSanitizer's shadow has fixed places, which address randomisation may take.
TSAN_OPTIONS=halt_on_error=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	exec setarch -R meson test -C "$build" --no-rebuild --print-errorlogs \
	--timeout-multiplier 10 --suite unit --suite platform --suite stress --suite teeth
