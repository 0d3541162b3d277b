// SPDX-License-Identifier: MIT
/* probe.c - does this clang have libFuzzer and its sanitizers?  Compiled when the build is set up. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return data && size > FUZZ_INPUT_MAX;
}
