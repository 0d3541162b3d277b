// SPDX-License-Identifier: MIT
/*
 * dfs.c - plain depth-first search: every interleaving, with no reduction
 *
 * For programs of a dozen steps, and to check the reductions by: it needs no notion of dependence.
 */
#include "search.h"

static void enter(struct search *search, int depth, uint32_t candidates)
{
	struct node *node = &search->nodes[depth];

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
	node->taken = (struct op){ .task = (unsigned char)__builtin_ctz(left), .kind = STEP_OF_TASK };
	return true;
}

static const struct reduction none = { .enter = enter, .next = next };

static bool dfs_begin(void *state, struct explored *x, uint64_t execution)
{
	if (execution == 0 && !search_begin(state, &none, x))
		return false;
	return search_next_execution(state);
}

const struct strategy strategy_dfs = {
	.name = "dfs",
	.summary = "exhaustive, every interleaving: for very small scenarios",
	.size = sizeof(struct search),
	.init = search_init,
	.begin = dfs_begin,
	.fini = search_fini,
	.stats = search_stats,
	.steps = { .pick = search_pick, .choose = search_choose, .end = search_end },
};
