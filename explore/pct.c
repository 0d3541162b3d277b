// SPDX-License-Identifier: MIT
/*
 * pct.c - probabilistic concurrency testing: random priorities, and a few places where they change
 *
 * Every task draws a priority, and the highest that can run goes on.  At depth - 1 steps, uniform
 * over the length of an execution, whoever is about to go on falls below all others.  Of n tasks
 * and k steps, a bug that depth orders of steps bring about shows in one execution with a
 * probability of at least 1 / (n k^(depth - 1)).
 *
 * The first execution has no such places: it measures the length.
 *
 * Burckhardt, Kothari, Musuvathi, Nagarakatti, "A Randomized Scheduler with Probabilistic
 * Guarantees of Finding Bugs", ASPLOS 2010.
 */
#include "strategy.h"

#include "prng.h"

#define TASKS_MAX 32

struct pct {
	uint64_t seed;
	unsigned int depth;
	struct prng prng;
	unsigned int length; /* of the first execution; 0: not known yet */
	unsigned int places[PCT_DEPTH_MAX];
	uint64_t priority[TASKS_MAX];
	uint64_t lowest; /* one less for each that falls */
};

static void pct_init(void *state, const struct strategy_params *params)
{
	struct pct *pct = state;

	pct->seed = params->seed;
	pct->depth = params->depth ? min(params->depth, (unsigned int)PCT_DEPTH_MAX) : PCT_DEPTH;
}

static bool pct_begin(void *state, struct explored *x, uint64_t execution)
{
	struct pct *pct = state;

	if (execution && !pct->length)
		pct->length = max(explored_nr_steps(x), 1u);
	strategy_seed(&pct->prng, pct->seed, execution);
	pct->lowest = UINT32_MAX;
	for (int task = 0; task < TASKS_MAX; task++)
		pct->priority[task] = (prng_next(&pct->prng) >> 1) + pct->lowest + 1;
	for (unsigned int i = 0; pct->length && i + 1 < pct->depth; i++)
		pct->places[i] = (unsigned int)prng_below(&pct->prng, pct->length);
	return true;
}

static int highest(const struct pct *pct, uint32_t runnable)
{
	int best = __builtin_ctz(runnable);

	for (uint32_t left = runnable & (runnable - 1); left; left &= left - 1) {
		int task = __builtin_ctz(left);

		if (pct->priority[task] > pct->priority[best])
			best = task;
	}
	return best;
}

/* How many priorities change before step @step? */
static unsigned int nr_places_at(const struct pct *pct, unsigned int step)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; pct->length && i + 1 < pct->depth; i++)
		nr += pct->places[i] == step;
	return nr;
}

static int pct_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct pct *pct = state;
	int best = highest(pct, runnable);
	/* A task that yields says itself that others should go first. */
	bool yields = explored_next(x, best)->kind == EXPLORED_YIELD;

	for (unsigned int nr = nr_places_at(pct, explored_nr_steps(x)) + yields; nr; nr--) {
		pct->priority[best] = pct->lowest--;
		best = highest(pct, runnable);
	}
	return best;
}

static int pct_choose(void *state, struct explored *x, unsigned int bound)
{
	(void)x;
	return (int)prng_below(&((struct pct *)state)->prng, bound);
}

const struct strategy strategy_pct = {
	.name = "pct",
	.summary = "random priorities of tasks, with --depth=N minus one changes",
	.size = sizeof(struct pct),
	.init = pct_init,
	.begin = pct_begin,
	.steps = { .pick = pct_pick, .choose = pct_choose, .shallow = true },
};
