/* SPDX-License-Identifier: MIT */
/* differences.h - what docs/differences.md allows on the kernel that the oracle runs on */
#pragma once

#include "program.h"

#define DIFFERENCES(X)                                                                             \
	X(MREMAP_SEVERAL, "mremap-several")                                                        \
	X(MREMAP_FIXED_UNDONE, "mremap-fixed-undone")                                              \
	X(MREMAP_MISTAKES, "mremap-mistakes")                                                      \
	X(DONTUNMAP_MERGE, "dontunmap-merge")                                                      \
	X(DONTUNMAP_LOCKED, "dontunmap-locked")

enum difference {
#define X(id, name) DIFFERENCE_##id,
	DIFFERENCES(X)
#undef X
		NR_DIFFERENCES,
};

/*
 * The rows of the table at @path whose first column names a difference, and whose second is true of
 * the running kernel, as bits.  Ends the program if the table cannot be read, or names what is not
 * known here.
 */
unsigned int differences_read(const char *path);

enum plan {
	PLAN_DO,
	PLAN_LEAVE_OUT,
	/* The mapping at op->addr gets a page of its own first; if it cannot be written, leave it. */
	PLAN_TOUCH = 2,
	/* It loses its lock first. */
	PLAN_UNLOCK = 4,
};

/* How @op is carried out where the address space is as @maps says: enum plan, its last two as bits. */
unsigned int differences_plan(unsigned int differences, const struct op *op, const char *maps);
/* After @op with this result the two sides may go on differently. */
bool differences_end(unsigned int differences, const struct op *op, long value);
