// SPDX-License-Identifier: MIT
/*
 * pos.c - partial-order sampling: a priority for each pending step
 *
 * Every step that becomes pending draws a priority, the highest that can run is taken, and pending
 * steps that conflict with it draw again.  So the order of two steps that race is decided by a
 * coin, however many steps lie between them, and steps that race with nothing cost no chance.
 *
 * Yuan, Yang and Gu, "Partial Order Aware Concurrency Sampling", CAV 2018.
 */
#include "strategy.h"

#include "dependence.h"
#include "prng.h"

#define PENDING_MAX 32

struct pos {
	uint64_t seed;
	struct prng prng;
	uint32_t drawn; /* tasks whose pending step has a priority */
	uint64_t priority[PENDING_MAX];
};

static void pos_init(void *state, const struct strategy_params *params)
{
	((struct pos *)state)->seed = params->seed;
}

static bool pos_begin(void *state, struct explored *x, uint64_t execution)
{
	struct pos *pos = state;

	(void)x;
	strategy_seed(&pos->prng, pos->seed, execution);
	pos->drawn = 0;
	return true;
}

static void draw_missing(struct pos *pos, struct explored *x)
{
	for (uint32_t left = explored_live(x) & ~pos->drawn; left; left &= left - 1)
		pos->priority[__builtin_ctz(left)] = prng_next(&pos->prng);
	pos->drawn |= explored_live(x);
}

/* A task that yields says itself that others should go first. */
static uint64_t priority_of(const struct pos *pos, struct explored *x, int task)
{
	return explored_next(x, task)->kind == EXPLORED_YIELD ? 0 : pos->priority[task];
}

static int highest(const struct pos *pos, struct explored *x, uint32_t runnable)
{
	int best = __builtin_ctz(runnable);

	for (uint32_t left = runnable & (runnable - 1); left; left &= left - 1) {
		int task = __builtin_ctz(left);

		if (priority_of(pos, x, task) > priority_of(pos, x, best))
			best = task;
	}
	return best;
}

/* The steps of others that conflict with the one that @task takes. */
static uint32_t conflicting(struct explored *x, int task)
{
	const struct explored_step *step = explored_next(x, task);
	uint32_t found = 0;

	for (uint32_t left = explored_live(x); left; left &= left - 1)
		if (steps_conflict(step, explored_next(x, __builtin_ctz(left))))
			found |= left & -left;
	return found;
}

static int pos_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct pos *pos = state;
	int best;

	draw_missing(pos, x);
	best = highest(pos, x, runnable);
	pos->drawn &= explored_live(x) & ~(1u << best | conflicting(x, best));
	return best;
}

static int pos_choose(void *state, struct explored *x, unsigned int bound)
{
	(void)x;
	return (int)prng_below(&((struct pos *)state)->prng, bound);
}

const struct strategy strategy_pos = {
	.name = "pos",
	.summary = "partial-order sampling: a random priority for each pending step",
	.size = sizeof(struct pos),
	.init = pos_init,
	.begin = pos_begin,
	.steps = { .pick = pos_pick, .choose = pos_choose, .shallow = true },
};
