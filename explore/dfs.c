// SPDX-License-Identifier: MIT
/*
 * dfs.c - plain depth-first search: every interleaving, with no reduction
 *
 * For programs of a dozen steps, and to check the reductions by: it needs no notion of dependence.
 *
 * With a bound on preemptions it is for longer ones, and sees a part.  A preemption takes a task off
 * that could go on; where it ends, waits or yields, others go on for nothing.  The bound cuts
 * branches off here and nowhere else: two executions of one trace need not have the same number
 * of preemptions, so a reduction that tries one of them may have tried the wrong one.
 */
#include "search.h"
#include "trace_set.h"

#include <stdio.h>

struct dfs {
	struct search search;
	struct trace_set traces; /* of all interleavings, few are of different ones */
};

/* Who could go on at @depth, so that running another is a preemption.  => -1: nobody */
static int who_stays(const struct search *search, int depth, uint32_t candidates)
{
	int last = depth ? search->nodes[depth - 1].taken.task : -1;

	if (last < 0 || !(candidates >> last & 1) ||
	    explored_next(search->x, last)->kind == EXPLORED_YIELD)
		return -1;
	return last;
}

static unsigned int preemptions_before(const struct search *search, int depth)
{
	const struct node *above;

	if (!depth)
		return 0;
	above = &search->nodes[depth - 1];
	return above->preemptions + (above->stays >= 0 && above->taken.task != above->stays);
}

static void enter(struct search *search, int depth, uint32_t candidates)
{
	struct node *node = &search->nodes[depth];

	node->preemptions = preemptions_before(search, depth);
	node->stays = who_stays(search, depth, candidates);
	if (search->bounded && node->stays >= 0 && node->preemptions >= search->preemptions) {
		search->stats.left_out += (unsigned int)__builtin_popcount(candidates) - 1;
		candidates = 1u << node->stays;
	}
	search_take(search, depth, search_run_on(search, depth, candidates));
	node->backtrack = candidates;
}

static bool next(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];
	uint32_t left;

	node->explored |= 1u << node->taken.task;
	left = node->backtrack & ~node->explored;
	if (!left)
		return false;
	node->taken =
		(struct op){ .task = (unsigned char)__builtin_ctz(left), .kind = STEP_OF_TASK };
	return true;
}

static const struct reduction none = { .enter = enter, .next = next };

static bool dfs_begin(void *state, struct explored *x, uint64_t execution)
{
	(void)execution;
	return (((struct search *)state)->x || search_begin(state, &none, x)) &&
	       search_next_execution(state);
}

/* With the traces that it has seen, as those of other interleavings are none of them new. */
static void dfs_save(const void *state, struct saving *saving)
{
	const struct dfs *dfs = state;
	int64_t nr = (int64_t)dfs->traces.nr;

	search_save(&dfs->search, saving, NULL);
	saved_put(saving, "traces", &nr, 1);
	for (size_t i = 0; i < dfs->traces.max; i++) {
		int64_t signature = (int64_t)dfs->traces.slots[i];

		if (signature)
			saved_put(saving, "trace", &signature, 1);
	}
}

static bool dfs_restore(void *state, struct explored *x, struct restoring *restoring)
{
	struct dfs *dfs = state;
	int64_t nr, signature;

	if (!search_begin(&dfs->search, &none, x))
		return saved_reject(restoring, "out of memory");
	if (!search_restore(&dfs->search, restoring, NULL) ||
	    !saved_get(restoring, "traces", &nr, 1))
		return false;
	for (int64_t i = 0; i < nr; i++) {
		if (!saved_get(restoring, "trace", &signature, 1))
			return false;
		if (trace_set_add(&dfs->traces, (uint64_t)signature) < 0)
			return saved_reject(restoring, "out of memory");
	}
	return true;
}

static void dfs_end(void *state, struct explored *x, enum explored_end end)
{
	struct dfs *dfs = state;
	struct search *search = &dfs->search;

	search_end(search, x, end);
	if (!search->error[0] &&
	    trace_set_add(&dfs->traces, history_signature(&search->history)) < 0)
		snprintf(search->error, sizeof(search->error), "out of memory");
}

static void dfs_fini(void *state)
{
	struct dfs *dfs = state;

	search_fini(&dfs->search);
	trace_set_fini(&dfs->traces);
}

static const char *dfs_stats(const void *state, struct search_stats *stats)
{
	const struct dfs *dfs = state;
	const char *error = search_stats(&dfs->search, stats);

	stats->traces = dfs->traces.nr;
	return error;
}

const struct strategy strategy_dfs = {
	.name = "dfs",
	.summary = "every interleaving, or those with --preemptions=N: for very small scenarios",
	.size = sizeof(struct dfs),
	.init = search_init,
	.begin = dfs_begin,
	.fini = dfs_fini,
	.stats = dfs_stats,
	.save = dfs_save,
	.restore = dfs_restore,
	.steps = { .pick = search_pick, .choose = search_choose, .end = dfs_end, .shallow = true },
};
