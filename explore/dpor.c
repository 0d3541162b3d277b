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

#include <stdlib.h>

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

static bool dpor_open(struct dpor *dpor, struct explored *x)
{
	wakeup_init(&dpor->pool);
	if (!search_begin(&dpor->search, &optimal, x))
		return false;
	dpor->search.nodes[0].wakeup = -1;
	dpor->nr_met = 1;
	return true;
}

static bool dpor_begin(void *state, struct explored *x, uint64_t execution)
{
	struct dpor *dpor = state;

	(void)execution;
	return (dpor->search.x || dpor_open(dpor, x)) && search_next_execution(&dpor->search);
}

/* ---- To go on later ------------------------------------------------------------------------------------ */

#define PLAN_NUMBERS (1 + SAVED_OP) /* how deep in the tree, and the step */

/* @node, with all below it and all to its right. */
static void save_plan(const struct wakeup_pool *pool, int node, int level, struct saving *saving)
{
	for (; node >= 0; node = pool->nodes[node].next) {
		int64_t numbers[PLAN_NUMBERS] = { level };

		saved_op_to(&pool->nodes[node].op, numbers + 1);
		saved_put(saving, "plan", numbers, PLAN_NUMBERS);
		save_plan(pool, pool->nodes[node].child, level + 1, saving);
	}
}

static void save_node(const struct search *search, int depth, struct saving *saving)
{
	const struct dpor *dpor = (const struct dpor *)search; /* it is the first member */

	save_plan(&dpor->pool, search->nodes[depth].wakeup, 0, saving);
}

static void dpor_save(const void *state, struct saving *saving)
{
	search_save(state, saving, save_node);
}

/*
 * A line is a child of the last one that was less deep.  @last: by level, the rightmost so far.
 * => -1: restoring->error
 */
static int restore_plan(struct search *search, struct restoring *restoring, int *last, int levels)
{
	struct wakeup_pool *pool = &dpor_of(search)->pool;
	int root = -1, above = -1;

	while (saved_is(restoring, "plan")) {
		int64_t numbers[PLAN_NUMBERS];
		struct op op;
		int node, level;

		if (!saved_get(restoring, "plan", numbers, PLAN_NUMBERS))
			return -1;
		if (!saved_op_from(&search->history, numbers + 1, &op) || numbers[0] < 0 ||
		    numbers[0] > above + 1 || numbers[0] >= levels)
			return saved_reject(restoring, "no step that could be planned") - 1;
		level = (int)numbers[0];
		node = wakeup_new(pool, &op);
		if (node < 0)
			return saved_reject(restoring, "out of memory") - 1;
		if (root < 0)
			root = node;
		else if (level > above)
			pool->nodes[last[above]].child = node;
		else
			pool->nodes[last[level]].next = node;
		last[level] = node;
		above = level;
	}
	return root >= 0 ? root : saved_reject(restoring, "no plan") - 1;
}

static bool restore_node(struct search *search, int depth, struct restoring *restoring)
{
	int levels = (int)explored_step_bound(search->x) + 1;
	int *last = malloc((size_t)levels * sizeof(*last));

	if (!last)
		return saved_reject(restoring, "out of memory");
	search->nodes[depth].wakeup = restore_plan(search, restoring, last, levels);
	dpor_of(search)->nr_met = depth + 1;
	free(last);
	return search->nodes[depth].wakeup >= 0;
}

static bool dpor_restore(void *state, struct explored *x, struct restoring *restoring)
{
	if (!dpor_open(state, x))
		return saved_reject(restoring, "out of memory");
	return search_restore(state, restoring, restore_node);
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
	.save = dpor_save,
	.restore = dpor_restore,
	.steps = { .pick = search_pick,
		   .choose = search_choose,
		   .end = search_end,
		   .shallow = true },
};
