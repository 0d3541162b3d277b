#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh - fails when libFuzzer finds a program that breaks the loader
#
# usage: fuzz.sh FUZZ_ELF WRITE_SEEDS SECONDS
#
# The inputs are kept in a folder that goes away, unless something was found.
set -eu

fuzz_elf=$1
write_seeds=$2
seconds=$3

folder=$(mktemp -d "${TMPDIR:-/tmp}/godwit-fuzz-XXXXXX")
mkdir "$folder/corpus"
"$write_seeds" "$folder/corpus"

if "$fuzz_elf" -max_total_time="$seconds" -seed=1 -max_len=32768 -timeout=10 -rss_limit_mb=1024 \
	-artifact_prefix="$folder/" "$folder/corpus" >"$folder/log" 2>&1; then
	tail -n 2 "$folder/log"
	rm -rf "$folder"
else
	tail -n 60 "$folder/log"
	echo "the input is in $folder"
	exit 1
fi
