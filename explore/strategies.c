// SPDX-License-Identifier: MIT
/* strategies.c - the list of strategies, and what sampling ones share */
#include "strategy.h"

#include <godwit/explore.h>

#include "prng.h"

#include <string.h>

static const struct strategy *const strategies[] = {
	&strategy_auto,
	&strategy_dpor,
	&strategy_source,
	&strategy_dfs,
	&strategy_pos,
	&strategy_pct,
	&strategy_random,
};

size_t nr_strategies(void)
{
	return ARRAY_SIZE(strategies);
}

const struct strategy *strategy_nth(size_t nth)
{
	return nth < ARRAY_SIZE(strategies) ? strategies[nth] : NULL;
}

const struct strategy *strategy_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (!strcmp(strategies[i]->name, name))
			return strategies[i];
	return NULL;
}

size_t gw_nr_strategies(void)
{
	return ARRAY_SIZE(strategies);
}

const char *gw_strategy_name(size_t nth)
{
	return nth < ARRAY_SIZE(strategies) ? strategies[nth]->name : NULL;
}

const char *gw_strategy_summary(size_t nth)
{
	return nth < ARRAY_SIZE(strategies) ? strategies[nth]->summary : NULL;
}

/* Two seeds next to each other must not share executions: mix before adding. */
void strategy_seed(struct prng *prng, uint64_t seed, uint64_t execution)
{
	prng_seed(prng, seed);
	prng_seed(prng, prng_next(prng) + execution);
	prng_seed(prng, prng_next(prng));
}
