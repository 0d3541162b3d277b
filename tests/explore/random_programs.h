/* SPDX-License-Identifier: MIT */
/*
 * random_programs.h - small programs made from a seed, of one class of operations or of all
 */
#pragma once

#include "exhaust.h"

enum program_class {
	CLASS_WORDS,
	CLASS_LOCKS, /* spinlocks, with words */
	CLASS_RWSEMS,
	CLASS_TRYLOCKS,
	CLASS_AWAITS,
	CLASS_BITS,   /* a lock in a bit, other bits of the same word, waits for it */
	CLASS_QUEUES, /* waits and wakes */
	CLASS_RCU,
	CLASS_CALLBACKS, /* of RCU */
	CLASS_COUNTS,	 /* sequence counts */
	CLASS_CHOICES,
	CLASS_POOLS, /* memory that is taken and given back, whose addresses are seen */
	CLASS_MIXED, /* of all those before the choices */
	NR_CLASSES,
};

/*
 * Plans of dpor do not tell the values of a choice apart, so it may miss some of the traces below one,
 * and see others twice.  The core makes no choices; source sets see all of them.
 */
static inline bool program_class_is_for_dpor(enum program_class class)
{
	return class != CLASS_CHOICES;
}

const char *program_class_name(enum program_class class);

/* The next program of @seed; there is one at a time. */
const struct program *random_program(enum program_class class, uint64_t *seed);
/* From now on the pools are used without a lock, as if that were no step: a mistake. */
void random_programs_pool_in_secret(bool secret);
/* What it does, as text. */
void random_program_print(void);
