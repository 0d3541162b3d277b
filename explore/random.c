// SPDX-License-Identifier: MIT
/*
 * random.c - the random walk: now and then, somebody else
 *
 * A walk that flips a coin at every step interleaves tasks finely and evenly, and hardly ever lets
 * one of them get far ahead, which is what a race between a long operation and a short one needs.
 * So each execution draws how it switches, and no parameter must be guessed:
 *
 * - by a coin, whose bias goes from every other step to one in 512, each power of two alike;
 * - or at a few places, one to six, that are uniform over the length of the execution before.
 *   Most races need no more, and a switch that is not wasted finds them sooner.
 */
#include "strategy.h"

#include "prng.h"

#define COIN_SHIFT_MAX 9
#define SWITCHES_MAX   6

struct random_walk {
	uint64_t seed;
	struct prng prng;
	int last;		 /* who stepped; -1: nobody yet */
	unsigned int coin_shift; /* switch at one step in 1 << this; 0: at a few places */
	unsigned int switches;	 /* left */
	unsigned int steps;	 /* expected, left */
};

static void random_init(void *state, const struct strategy_params *params)
{
	((struct random_walk *)state)->seed = params->seed;
}

static bool random_begin(void *state, struct explored *x, uint64_t execution)
{
	struct random_walk *walk = state;

	strategy_seed(&walk->prng, walk->seed, execution);
	walk->last = -1;
	walk->steps = explored_nr_steps(x); /* of the execution before */
	walk->switches = 1 + (unsigned int)prng_below(&walk->prng, SWITCHES_MAX);
	walk->coin_shift = 1 + (unsigned int)prng_below(&walk->prng, COIN_SHIFT_MAX);
	if (walk->steps && prng_below(&walk->prng, 2))
		walk->coin_shift = 0;
	return true;
}

/* Is this step one of the few?  As many are left for as many steps: all places are alike. */
static bool place_comes(struct random_walk *walk)
{
	bool comes = walk->steps && prng_below(&walk->prng, walk->steps) < walk->switches;

	walk->steps -= walk->steps > 0;
	walk->switches -= comes;
	return comes;
}

static bool wants_switch(struct random_walk *walk)
{
	if (!walk->coin_shift)
		return place_comes(walk);
	return prng_next(&walk->prng) >> (64 - walk->coin_shift) == 0;
}

static int any_of(struct prng *prng, uint32_t tasks)
{
	uint64_t nth = prng_below(prng, (uint64_t)__builtin_popcount(tasks));

	while (nth--)
		tasks &= tasks - 1;
	return __builtin_ctz(tasks);
}

static int random_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct random_walk *walk = state;
	bool can_stay = walk->last >= 0 && runnable >> walk->last & 1;
	uint32_t others = can_stay ? runnable & ~(1u << walk->last) : runnable;

	(void)x;
	if (others && (wants_switch(walk) || !can_stay))
		walk->last = any_of(&walk->prng, others);
	return walk->last;
}

static int random_choose(void *state, struct explored *x, unsigned int bound)
{
	(void)x;
	return (int)prng_below(&((struct random_walk *)state)->prng, bound);
}

const struct strategy strategy_random = {
	.name = "random",
	.summary = "random walk: switches by a coin, or at a few random places",
	.size = sizeof(struct random_walk),
	.init = random_init,
	.begin = random_begin,
	.steps = { .pick = random_pick, .choose = random_choose, .shallow = true },
};
