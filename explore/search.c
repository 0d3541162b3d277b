// SPDX-License-Identifier: MIT
/*
 * search.c - going through executions depth first, each sharing a prefix with the one before
 *
 * Executions are run again from their beginning, as putting memory back is cheaper than keeping
 * states.  Along the prefix the program must do what it did before; if it does not, it depends on
 * something that the schedule does not decide, and no claim about all schedules can be made.
 *
 * All races of an execution are looked at when it has ended, those of the prefix too: the steps
 * that do not happen after the earlier one are others than last time.  Looking at new races only
 * would be faster and loses traces.
 */
#include "search.h"

#include "dependence.h"
#include "rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MIN 512

void search_init(void *state, const struct strategy_params *params)
{
	struct search *search = state;

	search->profile = params->profile;
	search->bounded = params->bounded;
	search->preemptions = params->preemptions;
}

static bool out_of_memory(struct search *search)
{
	snprintf(search->error, sizeof(search->error), "out of memory");
	return false;
}

/* @block of @nr things of @size bytes is to hold @more of them, which begin as zeros. */
static bool grow(void *block, int nr, int more, size_t size)
{
	void **at = block;
	char *grown = realloc(*at, (size_t)more * size);

	if (!grown)
		return false;
	memset(grown + (size_t)nr * size, 0, (size_t)(more - nr) * size);
	*at = grown;
	return true;
}

/* Room for a node at @depth, and for what is said of an execution that ends there. */
static bool reserve(struct search *search, int depth)
{
	int nr = search->max_nodes, max = nr ? 2 * nr : NODES_MIN;
	int tasks = search->history.nr_tasks;

	if (likely(depth + 2 <= nr))
		return true;
	if (!grow(&search->nodes, nr, max, sizeof(*search->nodes)) ||
	    !grow(&search->sleeping, nr * tasks, max * tasks, sizeof(*search->sleeping)) ||
	    !grow(&search->sequence.ops, nr, max, sizeof(*search->sequence.ops)) ||
	    !grow(&search->candidates, nr, max, sizeof(*search->candidates)))
		return out_of_memory(search);
	search->sequence.max = search->max_nodes = max;
	return true;
}

bool search_begin(struct search *search, const struct reduction *reduction, struct explored *x)
{
	search->reduction = reduction;
	search->x = x;
	return !history_init(&search->history, x) ? reserve(search, 0) : out_of_memory(search);
}

void search_fini(void *state)
{
	struct search *search = state;

	history_fini(&search->history);
	free(search->nodes);
	free(search->sleeping);
	free(search->sequence.ops);
	free(search->candidates);
}

/* ---- Within an execution -------------------------------------------------------------------------------- */

/* The node's step of last time, or of the plan, is what the task is about to do now. */
static bool as_decided(struct search *search, int depth, uint32_t runnable)
{
	const struct op *taken = &search->nodes[depth].taken;
	struct op now;

	if (taken->kind == STEP_OF_TASK)
		search_take(search, depth, taken->task);

	if (!(runnable >> taken->task & 1)) {
		snprintf(search->error, sizeof(search->error),
			 "at step %d %s should go on, and cannot: %s", depth,
			 explored_name_of(search->x, taken->task),
			 depth < search->history.nr ? "the scenario is not deterministic" :
						      "the search is wrong");
		return false;
	}
	if (likely(history_is_next(&search->history, search->x, taken)))
		return true;
	if (history_next(&search->history, search->x, taken->task, &now))
		return false;
	snprintf(search->error, sizeof(search->error),
		 "at step %d %s is about to %s, where it was to %s: the scenario is not deterministic",
		 depth, explored_name_of(search->x, taken->task),
		 explored_kind_name((enum explored_kind)now.kind),
		 explored_kind_name((enum explored_kind)taken->kind));
	return false;
}

/* Who sleeps above and has not been woken by the step in between sleeps here. */
static void inherit_sleep(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];
	const struct node *above = &search->nodes[depth - 1];
	const struct op *sleeping = search_sleeping(search, depth - 1);
	const struct op *step = &search->history.events[depth - 1].op;

	for (uint32_t left = above->sleep; left; left &= left - 1) {
		int task = __builtin_ctz(left);

		if (task == step->task || ops_depend(&sleeping[task], step))
			continue;
		node->sleep |= 1u << task;
		search_sleeping(search, depth)[task] = sleeping[task];
	}
}

static void descend(struct search *search, int depth)
{
	struct node *node = &search->nodes[depth];

	node->sleep = 0;
	node->backtrack = node->explored = 0;
	node->nr_choices = node->choices_left = node->choice = 0;
	if (depth == 0)
		return;
	if (search->reduction->sleeps)
		inherit_sleep(search, depth);
	if (search->reduction->descend)
		search->reduction->descend(search, depth - 1);
}

void search_take(struct search *search, int depth, int task)
{
	if (history_next(&search->history, search->x, task, &search->nodes[depth].taken))
		out_of_memory(search);
}

int search_run_on(const struct search *search, int depth, uint32_t candidates)
{
	int last = depth ? search->nodes[depth - 1].taken.task : 0;

	return candidates >> last & 1 ? last : __builtin_ctz(candidates);
}

/* => false: all that could run sleeps */
static bool decide(struct search *search, int depth, uint32_t runnable)
{
	uint32_t candidates;

	if (!reserve(search, depth))
		return false;
	descend(search, depth);
	candidates = runnable & ~search->nodes[depth].sleep;
	if (!candidates) {
		search->blocked = true;
		return false;
	}
	search->reduction->enter(search, depth, candidates);
	search->decided = depth + 1;
	return true;
}

int search_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct search *search = state;
	int depth = (int)explored_nr_steps(x);
	int task;

	if (depth > search->history.nr && history_extend(&search->history, x)) {
		out_of_memory(search);
		return -1;
	}
	if (depth >= search->decided && !decide(search, depth, runnable))
		return -1;
	if (!as_decided(search, depth, runnable))
		return -1;
	task = search->nodes[depth].taken.task;
	if (depth == search->history.nr)
		history_before_step(&search->history, x, task);
	return task;
}

/* All values, beginning with the one that a planned sequence saw. */
int search_choose(void *state, struct explored *x, unsigned int bound)
{
	struct search *search = state;
	struct node *node = &search->nodes[explored_nr_steps(x)];

	if (!node->nr_choices) {
		node->nr_choices = bound;
		node->choices_left = RULE(every_choice) ? bound - 1 : 0;
		node->choice = node->taken.value < bound ? node->taken.value : 0;
	}
	return (int)node->choice;
}

void search_end(void *state, struct explored *x, enum explored_end end)
{
	struct search *search = state;
	struct search_stats *stats = &search->stats;

	search->nr_pending = 0;
	if (search->error[0])
		return;
	if (history_extend(&search->history, x)) {
		out_of_memory(search);
		return;
	}
	if (search->blocked)
		stats->blocked++;
	else
		stats->traces++;
	stats->steps += (uint64_t)search->history.nr;
	if (end == EXPLORED_COMPLETE || (end == EXPLORED_FOUND && !explored_deadlocked(x)) ||
	    !RULE(the_blocked_race))
		return;
	for (int task = 0; task < search->history.nr_tasks; task++)
		if (!explored_can_run(x, task) &&
		    !history_next(&search->history, x, task, &search->pending[search->nr_pending]))
			search->nr_pending++;
}

const char *search_stats(const void *state, struct search_stats *stats)
{
	const struct search *search = state;

	*stats = search->stats;
	return search->error[0] ? search->error : NULL;
}

/* ---- Between executions ----------------------------------------------------------------------------------- */

/* What is not covered must not be called exhausted. */
void search_refuse(struct search *search, const struct op *op, const char *why)
{
	snprintf(search->error, sizeof(search->error), "%s %s",
		 explored_name_of(search->x, op->task), why);
}

/* What @op, step @self or pending, races with gets its other order. */
static void analyse(struct search *search, const struct op *op, int self)
{
	struct history *history = &search->history;
	bool pending = self == history->nr;
	int last = pending ? history->last_of_task[op->task] : history->events[self].prev_of_task;
	int before = op->object < 0 ? -1 :
		     pending	    ? history->last[op->object] :
				      history->events[self].prev;
	int nr = races_of(history, op, last, before, search->candidates);

	if (nr < 0)
		search_refuse(search, op,
			      "waits in rcu_barrier(), and the reduction does not cover when that "
			      "ends: use --strategy=dfs");
	for (int i = 0; i < nr; i++) {
		int first = search->candidates[i];

		if (search->profile)
			profile_note(search->profile, &history->events[first],
				     pending ? NULL : history->events[self].site, op);
		if (race_reverse(history, first, op, self, &search->sequence))
			search->reduction->reverse(search, first);
	}
}

static void analyse_all(struct search *search)
{
	struct history *history = &search->history;

	for (int i = 0; i < history->nr; i++)
		analyse(search, &history->events[i].op, i);
	for (int i = 0; i < search->nr_pending; i++)
		analyse(search, &search->pending[i], history->nr);
}

static bool next_choice(struct node *node)
{
	if (!node->choices_left)
		return false;
	node->choices_left--;
	node->choice = (node->choice + 1) % node->nr_choices;
	return true;
}

/* The deepest node with a branch left.  => false: there is none */
static bool backtrack(struct search *search)
{
	for (int depth = search->history.nr - 1; depth >= 0; depth--) {
		struct node *node = &search->nodes[depth];
		int task = node->taken.task;

		search->decided = depth + 1;
		history_truncate(&search->history, depth);
		if (next_choice(node))
			return true;
		if (search->reduction->sleeps) {
			node->sleep |= 1u << task;
			search_sleeping(search, depth)[task] = node->taken;
		}
		node->nr_choices = 0;
		if (search->reduction->next(search, depth))
			return true;
	}
	return false;
}

bool search_next_execution(struct search *search)
{
	if (search->error[0])
		return false;
	if (search->ready) {
		search->ready = false;
		return true;
	}
	if (search->started) {
		if (search->reduction->reverse)
			analyse_all(search);
		if (search->error[0] || !backtrack(search))
			return false;
	}
	search->started = true;
	search->blocked = false;
	return true;
}

/* ---- To go on later ------------------------------------------------------------------------------------------ */

#define NODE_NUMBERS (SAVED_OP + 8)

static void save_node(const struct search *search, int depth, struct saving *saving)
{
	const struct node *node = &search->nodes[depth];
	int64_t numbers[NODE_NUMBERS] = { 0 };

	saved_op_to(&node->taken, numbers);
	numbers[SAVED_OP] = node->choice;
	numbers[SAVED_OP + 1] = node->nr_choices;
	numbers[SAVED_OP + 2] = node->choices_left;
	numbers[SAVED_OP + 3] = node->sleep;
	numbers[SAVED_OP + 4] = node->backtrack;
	numbers[SAVED_OP + 5] = node->explored;
	numbers[SAVED_OP + 6] = node->preemptions;
	numbers[SAVED_OP + 7] = node->stays;
	saved_put(saving, "node", numbers, NODE_NUMBERS);
	for (uint32_t left = node->sleep; left; left &= left - 1) {
		saved_op_to(&search_sleeping(search, depth)[__builtin_ctz(left)], numbers);
		saved_put(saving, "sleeps", numbers, SAVED_OP);
	}
}

void search_save(const struct search *search, struct saving *saving,
		 void (*node)(const struct search *search, int depth, struct saving *saving))
{
	const struct search_stats *stats = &search->stats;
	const int64_t numbers[] = {
		(int64_t)stats->traces,	  (int64_t)stats->blocked, (int64_t)stats->steps,
		(int64_t)stats->left_out, search->decided,
	};

	saved_put_objects(saving, &search->history);
	saved_put(saving, "search", numbers, ARRAY_SIZE(numbers));
	for (int depth = 0; depth < search->decided; depth++) {
		save_node(search, depth, saving);
		if (node)
			node(search, depth, saving);
	}
}

static bool restore_sleeping(struct search *search, int depth, struct restoring *restoring)
{
	for (uint32_t left = search->nodes[depth].sleep; left; left &= left - 1) {
		int64_t numbers[SAVED_OP];
		struct op op;

		if (!saved_get(restoring, "sleeps", numbers, SAVED_OP))
			return false;
		if (!saved_op_from(&search->history, numbers, &op) ||
		    op.task != __builtin_ctz(left))
			return saved_reject(restoring, "no step that could sleep");
		search_sleeping(search, depth)[op.task] = op;
	}
	return true;
}

static bool restore_node(struct search *search, int depth, struct restoring *restoring)
{
	struct node *node = &search->nodes[depth];
	int64_t numbers[NODE_NUMBERS];

	if (!saved_get(restoring, "node", numbers, NODE_NUMBERS))
		return false;
	if (!saved_op_from(&search->history, numbers, &node->taken) ||
	    (uint64_t)numbers[SAVED_OP + 3] >> search->history.nr_tasks)
		return saved_reject(restoring, "no step of this scenario");
	node->choice = (unsigned int)numbers[SAVED_OP];
	node->nr_choices = (unsigned int)numbers[SAVED_OP + 1];
	node->choices_left = (unsigned int)numbers[SAVED_OP + 2];
	node->sleep = (uint32_t)numbers[SAVED_OP + 3];
	node->backtrack = (uint32_t)numbers[SAVED_OP + 4];
	node->explored = (uint32_t)numbers[SAVED_OP + 5];
	node->preemptions = (unsigned int)numbers[SAVED_OP + 6];
	node->stays = (int)numbers[SAVED_OP + 7];
	return restore_sleeping(search, depth, restoring);
}

bool search_restore(struct search *search, struct restoring *restoring,
		    bool (*node)(struct search *search, int depth, struct restoring *restoring))
{
	struct search_stats *stats = &search->stats;
	int64_t numbers[5];

	if (!saved_get_objects(restoring, &search->history) ||
	    !saved_get(restoring, "search", numbers, 5))
		return false;
	stats->traces = (uint64_t)numbers[0];
	stats->blocked = (uint64_t)numbers[1];
	stats->steps = (uint64_t)numbers[2];
	stats->left_out = (uint64_t)numbers[3];
	if (numbers[4] < 0 || numbers[4] > explored_step_bound(search->x))
		return saved_reject(restoring, "more steps than an execution may have");
	for (int depth = 0; depth < numbers[4]; depth++) {
		if (!reserve(search, depth))
			return saved_reject(restoring, "out of memory");
		if (!restore_node(search, depth, restoring) ||
		    (node && !node(search, depth, restoring)))
			return false;
	}
	search->decided = (int)numbers[4];
	search->started = search->ready = true;
	return true;
}
