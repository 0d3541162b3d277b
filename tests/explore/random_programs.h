/* SPDX-License-Identifier: MIT */
/*
 * random_programs.h - small programs made from a seed, of one class of operations or of all
 */
#pragma once

#include "exhaust.h"

enum program_class {
	CLASS_WORDS,
	CLASS_LOCKS,	/* spinlocks, with words */
	CLASS_RWSEMS,
	CLASS_TRYLOCKS,
	CLASS_AWAITS,
	CLASS_BITS,	/* a lock in a bit, other bits of the same word, waits for it */
	CLASS_QUEUES,	/* waits and wakes */
	CLASS_RCU,
	CLASS_MIXED,
	NR_CLASSES,
};

const char *program_class_name(enum program_class class);

/* The next program of @seed; there is one at a time. */
const struct program *random_program(enum program_class class, uint64_t *seed);
/* What it does, as text. */
void random_program_print(void);
