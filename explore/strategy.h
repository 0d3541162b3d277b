/* SPDX-License-Identifier: MIT */
/*
 * strategy.h - which schedule next
 *
 * A strategy answers three questions: is there another execution worth trying, which task steps
 * next, what does a choice come out as.  One file each; strategies.c has the list.
 */
#pragma once

#include "explored.h"

struct strategy {
	const char *name;
	const char *summary;
	size_t size; /* bytes of its state, which begins as zeros */

	void (*init)(void *state, uint64_t seed);
	void (*fini)(void *state); /* NULL: nothing to do */
	/*
	 * Get ready for execution number @execution.  False: nothing is left to try, that is, every
	 * schedule within the bound has been seen.  Sampling never says so.
	 */
	bool (*begin)(void *state, struct explored *x, uint64_t execution);
	/* Both get the state. */
	struct explored_strategy steps;
};

extern const struct strategy strategy_random;
extern const struct strategy strategy_pos;

size_t nr_strategies(void);
const struct strategy *strategy_nth(size_t nth);
/* NULL: there is none of this name. */
const struct strategy *strategy_find(const char *name);

/* The generator of one execution, so that execution n of a seed can be run alone. */
struct prng;
void strategy_seed(struct prng *prng, uint64_t seed, uint64_t execution);
