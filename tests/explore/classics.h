/* SPDX-License-Identifier: MIT */
/*
 * classics.h - the programs by which explorers are measured, written with the verbs of sync.h
 */
#pragma once

#include "exhaust.h"

struct classic {
	struct program program;
	int n, k;
	uint64_t traces, failing, deadlocks; /* what there is to find */
};

/* Up to the one without a name. */
extern const struct classic classics[];
