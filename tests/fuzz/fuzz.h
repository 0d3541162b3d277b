/* SPDX-License-Identifier: MIT */
/* fuzz.h - libFuzzer's interface to a target, and where inputs start from */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The target's.  A finding ends in abort() or a signal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_INPUT_MAX 32768

/* The @nr-th seed of fuzz_elf, written to @to; 0: there are no more. */
size_t fuzz_seed(unsigned int nr, uint8_t to[FUZZ_INPUT_MAX]);
