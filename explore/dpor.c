// SPDX-License-Identifier: MIT
/*
 * dpor.c - exhaustive: one execution for each Mazurkiewicz trace
 *
 * Optimal dynamic partial-order reduction with wakeup trees.  Every execution ends in races; for
 * each, the sequence that brings the later step before the earlier one is planned at the node where
 * the earlier was taken, unless a sleeping step or a branch that is there covers it.  A branch of
 * the tree is followed to its leaf, from where on the search chooses freely.
 *
 * No execution is blocked by sleep sets, and no trace is seen twice; either would be a bug here.
 *
 * Abdulla, Aronis, Jonsson, Sagonas, JACM 64(4), 2017, algorithm 2.
 */
#include "rules.h"
#include "search.h"
#include "wakeup.h"

struct dpor {
	struct search search; /* first: see search.h */
	struct wakeup_pool pool;
	int nr_met; /* nodes that have been entered, whose wakeup means something */
};

static struct dpor *dpor_of(struct search *search)
{
	return container_of(search, struct dpor, search);
}

/* The plan's first branch; without one, the search's own choice. */
static void enter(struct search *search, int depth, uint32_t candidates)
{
	struct dpor *dpor = dpor_of(search);
	struct node *node = &search->nodes[depth];

	if (node->wakeup >= 0) {
		node->taken = dpor->pool.nodes[node->wakeup].op;
		return;
	}
	search_take(search, depth, search_run_on(search, depth, candidates));
	if (node->taken.kind == EXPLORED_CHOOSE)
		search_refuse(search, &node->taken,
			      "makes a choice, whose values the plans of dpor do not tell apart: use "
			      "--strategy=source");
	node->wakeup = wakeup_new(&dpor->pool, &node->taken);
}

/* What was planned after this step is the plan of the node below. */
static void descend(struct search *search, int depth)
{
	struct dpor *dpor = dpor_of(search);
	struct node *below = &search->nodes[depth + 1];
	int branch = search->nodes[depth].wakeup;

	if (depth + 1 < dpor->nr_met)
		wakeup_free(&dpor->pool, below->wakeup);
	else
		dpor->nr_met = depth + 2;
	below->wakeup = dpor->pool.nodes[branch].child;
	dpor->pool.nodes[branch].child = -1;
}

static void reverse(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];

	const struct op *sleeping = search_sleeping(search, depth);

	for (uint32_t left = node->sleep; left && RULE(sleepers_cover); left &= left - 1)
		if (weak_initial(&search->sequence, &sleeping[__builtin_ctz(left)]))
			return;
	wakeup_insert(&dpor_of(search)->pool, &node->wakeup, &search->sequence);
}

static bool next(struct search *search, int depth)
{
	struct dpor *dpor = dpor_of(search);
	struct node *node = &search->nodes[depth];
	int explored = node->wakeup;

	node->wakeup = dpor->pool.nodes[explored].next;
	dpor->pool.nodes[explored].next = -1;
	wakeup_free(&dpor->pool, explored);
	if (node->wakeup < 0)
		return false;
	node->taken = dpor->pool.nodes[node->wakeup].op;
	return true;
}

static const struct reduction optimal = {
	.sleeps = true,
	.enter = enter,
	.descend = descend,
	.reverse = reverse,
	.next = next,
};

static bool dpor_begin(void *state, struct explored *x, uint64_t execution)
{
	struct dpor *dpor = state;

	if (execution == 0) {
		wakeup_init(&dpor->pool);
		if (!search_begin(&dpor->search, &optimal, x))
			return false;
		dpor->search.nodes[0].wakeup = -1;
		dpor->nr_met = 1;
	}
	return search_next_execution(&dpor->search);
}

static void dpor_fini(void *state)
{
	wakeup_fini(&((struct dpor *)state)->pool);
	search_fini(state);
}

static const char *dpor_stats(const void *state, struct search_stats *stats)
{
	const struct dpor *dpor = state;
	const char *error = search_stats(state, stats);

	stats->planned = (uint64_t)dpor->pool.most;
	return dpor->pool.failed ? "out of memory" : error;
}

const struct strategy strategy_dpor = {
	.name = "dpor",
	.summary = "exhaustive: one execution for each trace (optimal partial-order reduction)",
	.size = sizeof(struct dpor),
	.init = search_init,
	.begin = dpor_begin,
	.fini = dpor_fini,
	.stats = dpor_stats,
	.steps = { .pick = search_pick,
		   .choose = search_choose,
		   .end = search_end,
		   .shallow = true },
};
