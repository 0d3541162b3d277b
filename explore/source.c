// SPDX-License-Identifier: MIT
/*
 * source.c - exhaustive too, by source sets and sleep sets: the second opinion about dpor.c
 *
 * A race asks that one of the steps with which its reversal can begin be explored from the node.
 * That is less than a plan, so an execution may turn out to be asleep half way: it is cut off
 * there and counted as blocked.  The traces that are completed are the same.
 *
 * Abdulla, Aronis, Jonsson, Sagonas, JACM 64(4), 2017, algorithm 1.
 */
#include "search.h"

static void enter(struct search *search, int depth, uint32_t candidates)
{
	struct node *node = &search->nodes[depth];

	search_take(search, depth, search_run_on(search, depth, candidates));
	node->backtrack = 1u << node->taken.task;
}

/* Tasks whose first step in the sequence can come first. */
static uint32_t initials(const struct sequence *sequence)
{
	uint32_t tasks = 0;

	for (int i = 0; i < sequence->nr; i++) {
		const struct op *op = &sequence->ops[i];

		if (!(tasks >> op->task & 1) && weak_initial(sequence, op) > 0)
			tasks |= 1u << op->task;
	}
	return tasks;
}

static void reverse(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];
	uint32_t first = initials(&search->sequence);

	if (!(first & node->backtrack))
		node->backtrack |= first & -first;
}

static bool next(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];
	uint32_t left;

	node->explored |= 1u << node->taken.task;
	left = node->backtrack & ~node->explored & ~node->sleep;
	if (!left)
		return false;
	node->taken = (struct op){ .task = (unsigned char)__builtin_ctz(left), .kind = STEP_OF_TASK };
	return true;
}

static const struct reduction source_sets = {
	.sleeps = true,
	.enter = enter,
	.reverse = reverse,
	.next = next,
};

static bool source_begin(void *state, struct explored *x, uint64_t execution)
{
	(void)execution;
	return (((struct search *)state)->x || search_begin(state, &source_sets, x)) &&
	       search_next_execution(state);
}

static void source_save(const void *state, struct saving *saving)
{
	search_save(state, saving, NULL);
}

static bool source_restore(void *state, struct explored *x, struct restoring *restoring)
{
	if (!search_begin(state, &source_sets, x))
		return saved_reject(restoring, "out of memory");
	return search_restore(state, restoring, NULL);
}

const struct strategy strategy_source = {
	.name = "source",
	.summary = "exhaustive, by source sets: the second implementation, to check dpor by",
	.size = sizeof(struct search),
	.init = search_init,
	.begin = source_begin,
	.fini = search_fini,
	.stats = search_stats,
	.save = source_save,
	.restore = source_restore,
	.steps = { .pick = search_pick, .choose = search_choose, .end = search_end, .shallow = true },
};
