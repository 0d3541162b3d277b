/* SPDX-License-Identifier: MIT */
/*
 * strategy.h - which schedule next
 *
 * A strategy answers three questions: is there another execution worth trying, which task steps
 * next, what does a choice come out as.  One file each; strategies.c has the list.
 */
#pragma once

#include "explored.h"

#define PCT_DEPTH     3
#define PCT_DEPTH_MAX 16

/* What the caller can choose. */
struct strategy_params {
	uint64_t seed;
	unsigned int depth;	 /* of pct; 0: its default */
	bool bounded;		 /* of dfs: no schedule with more than @preemptions */
	unsigned int preemptions;
	struct profile *profile; /* of searches: where races are noted; NULL: nowhere */
};

struct saving;
struct restoring;

/* What a search has seen; sampling has nothing of the kind. */
struct search_stats {
	uint64_t sampled; /* executions that belong to no search */
	uint64_t traces;  /* executions that came to their ends */
	uint64_t blocked; /* cut off, as all that could go on was seen elsewhere */
	uint64_t steps;
	uint64_t planned; /* nodes of plans, at most at one time */
	uint64_t left_out; /* branches beyond the bound on preemptions: not every schedule was tried */
};

struct strategy {
	const char *name;
	const char *summary;
	size_t size; /* bytes of its state, which begins as zeros */

	void (*init)(void *state, const struct strategy_params *params); /* NULL: nothing to do */
	void (*fini)(void *state); /* NULL: nothing to do */
	/*
	 * Get ready for execution number @execution.  False: nothing is left to try, that is, every
	 * schedule within the bound has been seen.  Sampling never says so.
	 */
	bool (*begin)(void *state, struct explored *x, uint64_t execution);
	/* All get the state. */
	struct explored_strategy steps;
	/* NULL if it is no search.  => what went wrong, so that nothing is proved; NULL: nothing */
	const char *(*stats)(const void *state, struct search_stats *stats);
	/*
	 * Write down what it knows, when it has begun an execution that has not been made, and take it
	 * up again, after init(): then begin() is called for that execution.  Both NULL: sampling has
	 * nothing to lose.
	 */
	void (*save)(const void *state, struct saving *saving);
	bool (*restore)(void *state, struct explored *x, struct restoring *restoring);
};

extern const struct strategy strategy_auto;
extern const struct strategy strategy_pos;
extern const struct strategy strategy_pct;
extern const struct strategy strategy_random;
extern const struct strategy strategy_dpor;
extern const struct strategy strategy_source;
extern const struct strategy strategy_dfs;

size_t nr_strategies(void);
const struct strategy *strategy_nth(size_t nth);
/* NULL: there is none of this name. */
const struct strategy *strategy_find(const char *name);

/* The generator of one execution, so that execution n of a seed can be run alone. */
struct prng;
void strategy_seed(struct prng *prng, uint64_t seed, uint64_t execution);
