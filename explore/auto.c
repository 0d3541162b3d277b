// SPDX-License-Identifier: MIT
/*
 * auto.c - sample for a moment, then exhaust
 *
 * Sampling finds most races within a few dozen executions, where depth-first order may need
 * thousands; only the search can say that there is none.  How long a moment is is counted in steps,
 * not in seconds, so that the same seed gives the same verdict on every host.
 */
#include "saved.h"
#include "strategy.h"

#include <stdlib.h>

#define SAMPLED_EXECUTIONS_MAX 1000
#define SAMPLED_STEPS_MAX      400000 /* about a second */

struct automatic {
	void *sampling, *search; /* states */
	uint64_t sampled;
	uint64_t steps;
	bool searching;
};

static const struct strategy *const sampling = &strategy_pos;
static const struct strategy *const search = &strategy_dpor;

static void auto_init(void *state, const struct strategy_params *params)
{
	struct automatic *automatic = state;

	automatic->sampling = calloc(1, sampling->size);
	automatic->search = calloc(1, search->size);
	if (!automatic->sampling || !automatic->search)
		return;
	sampling->init(automatic->sampling, params);
	search->init(automatic->search, params);
}

static void auto_fini(void *state)
{
	struct automatic *automatic = state;

	if (automatic->searching)
		search->fini(automatic->search);
	free(automatic->sampling);
	free(automatic->search);
}

static bool sampled_enough(const struct automatic *automatic)
{
	return automatic->sampled == SAMPLED_EXECUTIONS_MAX ||
	       automatic->steps >= SAMPLED_STEPS_MAX;
}

static bool auto_begin(void *state, struct explored *x, uint64_t execution)
{
	struct automatic *automatic = state;

	if (!automatic->sampling || !automatic->search)
		return false;
	if (!automatic->searching && !sampled_enough(automatic)) {
		automatic->sampled++;
		return sampling->begin(automatic->sampling, x, execution);
	}
	automatic->searching = true;
	return search->begin(automatic->search, x, execution - automatic->sampled);
}

static int auto_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct automatic *automatic = state;

	if (automatic->searching)
		return search->steps.pick(automatic->search, x, runnable);
	return sampling->steps.pick(automatic->sampling, x, runnable);
}

static int auto_choose(void *state, struct explored *x, unsigned int bound)
{
	struct automatic *automatic = state;

	if (automatic->searching)
		return search->steps.choose(automatic->search, x, bound);
	return sampling->steps.choose(automatic->sampling, x, bound);
}

static void auto_end(void *state, struct explored *x, enum explored_end end)
{
	struct automatic *automatic = state;

	if (automatic->searching)
		search->steps.end(automatic->search, x, end);
	else
		automatic->steps += explored_nr_steps(x);
}

static const char *auto_stats(const void *state, struct search_stats *stats)
{
	const struct automatic *automatic = state;
	const char *error = NULL;

	if (!automatic->sampling || !automatic->search)
		return "out of memory";
	if (automatic->searching)
		error = search->stats(automatic->search, stats);
	stats->sampled = automatic->sampled;
	return error;
}

/* The sample that has been begun is begun once more. */
static void auto_save(const void *state, struct saving *saving)
{
	const struct automatic *automatic = state;
	const int64_t numbers[] = {
		(int64_t)automatic->sampled - !automatic->searching,
		(int64_t)automatic->steps,
		automatic->searching,
	};

	saved_put(saving, "auto", numbers, ARRAY_SIZE(numbers));
	if (automatic->searching)
		search->save(automatic->search, saving);
}

static bool auto_restore(void *state, struct explored *x, struct restoring *restoring)
{
	struct automatic *automatic = state;
	int64_t numbers[3];

	if (!saved_get(restoring, "auto", numbers, 3))
		return false;
	if (!automatic->sampling || !automatic->search)
		return saved_reject(restoring, "out of memory");
	automatic->sampled = (uint64_t)numbers[0];
	automatic->steps = (uint64_t)numbers[1];
	automatic->searching = numbers[2];
	return !automatic->searching || search->restore(automatic->search, x, restoring);
}

const struct strategy strategy_auto = {
	.name = "auto",
	.summary = "pos for a moment, then dpor (the default)",
	.size = sizeof(struct automatic),
	.init = auto_init,
	.begin = auto_begin,
	.fini = auto_fini,
	.stats = auto_stats,
	.save = auto_save,
	.restore = auto_restore,
	.steps = { .pick = auto_pick, .choose = auto_choose, .end = auto_end, .shallow = true },
};
