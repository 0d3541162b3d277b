// SPDX-License-Identifier: MIT
/*
 * estimate.c - about how many traces are there?
 *
 * With sleep sets alone, and every task that can go on a branch, a depth-first search completes each
 * trace exactly once; its other executions end asleep.  So the traces are the leaves of that tree that
 * do not sleep, and leaves can be counted by a sample: level by level, all branches of a few nodes,
 * and when these become too many, some of them by chance, each of which stands for more from there
 * on (Vaisman and Kroese, "Stochastic Enumeration Method for Counting Trees", 2017; with one node a
 * level it is Knuth's of 1975).  The mean of several such walks is right.
 *
 * Most branches of that tree lead to sleep.  One is therefore left out when a task that sleeps there
 * will never be woken, because nobody else has anything left to do that depends on its step.  What is
 * left to do was learnt from earlier executions: where that is wrong the estimate is too low.
 */
#include "estimate.h"

#include "dependence.h"
#include "history.h"
#include "prng.h"
#include "strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEARNING_MAX  200 /* executions, the first, that only learn */
#define SWITCH_ONE_IN 20  /* steps, while it learns */
#define NODES	      60  /* of a level */
#define WALKS_MAX     30
#define WALKS_MIN     3
#define STEPS_MAX     1000000	      /* after which no walk begins */
#define STEPS_LIMIT   (8 * STEPS_MAX) /* and the one under way is given up */

/* The last of a task's steps, by number from 1, that reads an object and that writes to it; 0: none. */
struct touched {
	unsigned int read, written;
};

/* Nodes: which branch was taken wherever there were several, from the root on, equally often in all. */
struct level {
	unsigned char *ways; /* of @max_depth each */
	int nr;
};

struct estimator {
	struct history history; /* numbers objects */
	uint64_t seed;
	struct prng prng;
	/* By object and task: what is known, and what will be when this walk is over. */
	struct touched *touched, *learnt;
	int max_objects;
	bool failed; /* out of memory, or not to be had */
	uint64_t steps;
	int learning; /* executions that are left */

	/* Of the walk under way. */
	struct level level, below;
	int max_depth, depth;
	int node;      /* of the level, that is being looked at */
	double weight; /* nodes of the tree that each stands for */
	double leaves;
	uint64_t seen; /* branches below the level */

	/* Of the execution under way. */
	uint64_t priority[HISTORY_TASKS_MAX]; /* while it learns */
	uint32_t sleep;
	unsigned int nth[HISTORY_TASKS_MAX]; /* steps that a task has taken */
	int ways;			     /* taken */
	enum { UNDER_WAY, FORKED, ASLEEP } state;

	/* Of all walks. */
	int walks;
	double sum, sum_of_squares;
};

static bool grow(struct estimator *estimator);
static void begin_walk(struct estimator *estimator);

struct estimator *estimator_create(struct explored *x, uint64_t seed)
{
	struct estimator *estimator = calloc(1, sizeof(*estimator));
	size_t max = explored_step_bound(x);

	if (!estimator)
		return NULL;
	*estimator =
		(struct estimator){ .seed = seed, .learning = LEARNING_MAX, .max_depth = (int)max };
	estimator->level.ways = malloc(NODES * max);
	estimator->below.ways = malloc(NODES * max);
	if (!history_init(&estimator->history, x) && estimator->level.ways &&
	    estimator->below.ways && grow(estimator))
		return estimator;
	estimator_destroy(estimator);
	return NULL;
}

void estimator_destroy(struct estimator *estimator)
{
	if (!estimator)
		return;
	history_fini(&estimator->history);
	free(estimator->touched);
	free(estimator->learnt);
	free(estimator->level.ways);
	free(estimator->below.ways);
	free(estimator);
}

void estimator_result(const struct estimator *estimator, struct estimate *estimate)
{
	int nr = estimator->walks;
	double mean, variance;

	*estimate = (struct estimate){ .walks = nr };
	if (estimator->failed || nr < 2 || estimator->sum <= 0)
		return;
	mean = estimator->sum / nr;
	variance = max(estimator->sum_of_squares / nr - mean * mean, 0.) / (nr - 1);
	estimate->traces = mean;
	estimate->error = sqrt(variance) / mean;
}

/* ---- Walks ------------------------------------------------------------------------------------------------ */

static void begin_walk(struct estimator *estimator)
{
	strategy_seed(&estimator->prng, estimator->seed, (uint64_t)estimator->walks + 1);
	memcpy(estimator->touched, estimator->learnt,
	       (size_t)estimator->max_objects * HISTORY_TASKS_MAX * sizeof(struct touched));
	estimator->depth = estimator->node = estimator->below.nr = 0;
	estimator->level.nr = 1;
	estimator->weight = 1;
	estimator->leaves = 0;
	estimator->seen = 0;
}

/* The level has been looked at: the one below is next.  => false: there is none */
static bool go_down(struct estimator *estimator)
{
	struct level level = estimator->level;

	if (!estimator->below.nr)
		return false;
	estimator->weight *= (double)estimator->seen / estimator->below.nr;
	estimator->level = estimator->below;
	estimator->below = level;
	estimator->below.nr = 0;
	estimator->seen = 0;
	estimator->node = 0;
	return ++estimator->depth < estimator->max_depth;
}

/* => false: that was the last */
static bool end_walk(struct estimator *estimator)
{
	estimator->walks++;
	estimator->sum += estimator->leaves;
	estimator->sum_of_squares += estimator->leaves * estimator->leaves;
	if (estimator->walks >= WALKS_MAX ||
	    (estimator->walks >= WALKS_MIN && estimator->steps >= STEPS_MAX))
		return false;
	begin_walk(estimator);
	return true;
}

bool estimator_begin(struct estimator *estimator)
{
	if (estimator->failed || estimator->steps >= STEPS_LIMIT)
		return false;
	if (estimator->learning) {
		strategy_seed(&estimator->prng, ~estimator->seed, (uint64_t)estimator->learning);
		for (int task = 0; task < HISTORY_TASKS_MAX; task++)
			estimator->priority[task] = prng_next(&estimator->prng);
	} else if (estimator->node == estimator->level.nr && !go_down(estimator) &&
		   !end_walk(estimator)) {
		return false;
	}
	estimator->sleep = 0;
	estimator->ways = 0;
	estimator->state = UNDER_WAY;
	memset(estimator->nth, 0, sizeof(estimator->nth));
	return true;
}

/* @task is a branch of the node that is looked at.  Of all that there are, each has the same chance. */
static void add_below(struct estimator *estimator, int task)
{
	size_t size = (size_t)estimator->max_depth;
	struct level *below = &estimator->below;
	uint64_t at = estimator->seen++;
	unsigned char *ways;

	if (at >= NODES) {
		at = prng_below(&estimator->prng, estimator->seen);
		if (at >= NODES)
			return;
	} else {
		below->nr++;
	}
	ways = &below->ways[at * size];
	memcpy(ways, &estimator->level.ways[(size_t)estimator->node * size],
	       (size_t)estimator->depth);
	ways[estimator->depth] = (unsigned char)task;
}

/* ---- What is left to do ----------------------------------------------------------------------------------- */

static bool grow_to(struct touched **touched, int from, int to)
{
	struct touched *grown = realloc(*touched, (size_t)to * HISTORY_TASKS_MAX * sizeof(*grown));

	if (!grown)
		return false;
	memset(&grown[from * HISTORY_TASKS_MAX], 0,
	       (size_t)(to - from) * HISTORY_TASKS_MAX * sizeof(*grown));
	*touched = grown;
	return true;
}

static bool grow(struct estimator *estimator)
{
	int max = estimator->history.max_objects;

	if (!grow_to(&estimator->touched, estimator->max_objects, max) ||
	    !grow_to(&estimator->learnt, estimator->max_objects, max)) {
		estimator->failed = true;
		return false;
	}
	estimator->max_objects = max;
	return true;
}

/* => false: out of memory */
static bool note_step(struct estimator *estimator, const struct op *op)
{
	unsigned int nth = ++estimator->nth[op->task];
	struct touched *last;

	if (op->object < 0)
		return true;
	if (op->object >= estimator->max_objects && !grow(estimator))
		return false;
	last = &estimator->learnt[op->object * HISTORY_TASKS_MAX + op->task];
	if (kind_reads((enum explored_kind)op->kind))
		last->read = max(last->read, nth);
	else
		last->written = max(last->written, nth);
	return true;
}

/* Has @task a step left, after @taken more, that depends on @op? */
static bool will_meet(const struct estimator *estimator, int task, unsigned int taken,
		      const struct op *op)
{
	unsigned int nth = estimator->nth[task] + taken;
	const struct touched *last;

	if (op->object < 0 || op->object >= estimator->max_objects)
		return false;
	last = &estimator->touched[op->object * HISTORY_TASKS_MAX + task];
	return last->written > nth ||
	       (last->read > nth && !kind_reads((enum explored_kind)op->kind));
}

/* Has any of @tasks?  @taken: the task that has taken one more; -1: none */
static bool any_will_meet(const struct estimator *estimator, uint32_t tasks, int taken,
			  const struct op *op)
{
	for (; tasks; tasks &= tasks - 1) {
		int task = __builtin_ctz(tasks);

		if (will_meet(estimator, task, task == taken, op))
			return true;
	}
	return false;
}

/* Those who sleep when @taken has been taken: can all of them be woken, one by another? */
static bool all_can_wake(const struct estimator *estimator, const struct op *next,
			 const struct op *taken, uint32_t sleep, uint32_t live)
{
	uint32_t awake = live & ~sleep;
	bool more = true;

	while (sleep && more) {
		more = false;
		for (uint32_t left = sleep; left; left &= left - 1) {
			int sleeper = __builtin_ctz(left);

			if (!any_will_meet(estimator, awake, taken->task, &next[sleeper]))
				continue;
			sleep &= ~(1u << sleeper);
			awake |= 1u << sleeper;
			more = true;
		}
	}
	return !sleep;
}

/* ---- One execution -------------------------------------------------------------------------------------------- */

/* Who goes first: steps that nobody else will meet, so that there is no other branch. */
static int first_of(const struct estimator *estimator, const struct op *next, uint32_t candidates,
		    uint32_t live)
{
	for (uint32_t left = candidates; left; left &= left - 1) {
		int task = __builtin_ctz(left);

		if (!any_will_meet(estimator, live & ~(1u << task), -1, &next[task]))
			return task;
	}
	return __builtin_ctz(candidates);
}

static uint32_t sleep_after(const struct op *next, const struct op *taken, uint32_t sleep)
{
	for (uint32_t left = sleep; left; left &= left - 1)
		if (ops_depend(&next[__builtin_ctz(left)], taken))
			sleep &= ~(left & -left);
	return sleep;
}

struct branch {
	int task;
	uint32_t sleep; /* when it has been taken */
};

/* Those that do not end asleep.  => how many */
static int branches_of(const struct estimator *estimator, const struct op *next,
		       uint32_t candidates, uint32_t live, struct branch *branches)
{
	uint32_t sleep = estimator->sleep;
	int nr = 0;

	candidates &= ~sleep;
	while (candidates) {
		int task = first_of(estimator, next, candidates, live);
		uint32_t after = sleep_after(next, &next[task], sleep);

		candidates &= ~(1u << task);
		sleep |= 1u << task;
		if (all_can_wake(estimator, next, &next[task], after, live))
			branches[nr++] = (struct branch){ .task = task, .sleep = after };
	}
	return nr;
}

/* On the way to the node that is looked at, and to the next place where there are several branches. */
static int walk(struct estimator *estimator, const struct op *next, uint32_t runnable,
		uint32_t live)
{
	struct branch branches[HISTORY_TASKS_MAX];
	int nr = branches_of(estimator, next, runnable, live, branches), taken = 0;

	if (!nr) {
		estimator->state = ASLEEP;
		return -1;
	}
	if (nr > 1 && estimator->ways == estimator->depth) {
		for (int i = 0; i < nr; i++)
			add_below(estimator, branches[i].task);
		estimator->state = FORKED;
		return -1;
	}
	if (nr > 1) {
		int task =
			estimator->level
				.ways[estimator->node * estimator->max_depth + estimator->ways++];

		while (taken < nr - 1 && branches[taken].task != task)
			taken++;
	}
	estimator->sleep = branches[taken].sleep;
	return branches[taken].task;
}

/*
 * To learn: one task after the other, in an order by chance, as what a task does last it may do only
 * when others have done all that they do.
 */
static int run_to_the_end(struct estimator *estimator, uint32_t runnable)
{
	int task = __builtin_ctz(runnable);

	for (uint32_t left = runnable & (runnable - 1); left; left &= left - 1)
		if (estimator->priority[__builtin_ctz(left)] > estimator->priority[task])
			task = __builtin_ctz(left);
	if (prng_below(&estimator->prng, SWITCH_ONE_IN) == 0)
		estimator->priority[task] = prng_next(&estimator->prng);
	return task;
}

static int estimator_pick(void *arg, struct explored *x, uint32_t runnable)
{
	struct estimator *estimator = arg;
	struct op next[HISTORY_TASKS_MAX];
	uint32_t live = explored_live(x);
	int task;

	for (uint32_t left = live; left; left &= left - 1)
		if (history_next(&estimator->history, x, __builtin_ctz(left),
				 &next[__builtin_ctz(left)]))
			estimator->failed = true;
	if (estimator->failed)
		return -1;
	task = estimator->learning ? run_to_the_end(estimator, runnable)
				   : walk(estimator, next, runnable, live);
	if (task >= 0 && !note_step(estimator, &next[task]))
		return -1;
	return task;
}

/* The core makes no choices, and a tree with them would be another one. */
static int estimator_choose(void *arg, struct explored *x, unsigned int bound)
{
	(void)x, (void)bound;
	((struct estimator *)arg)->failed = true;
	return -1;
}

static void estimator_end(void *arg, struct explored *x, enum explored_end end)
{
	struct estimator *estimator = arg;

	(void)end;
	estimator->steps += explored_nr_steps(x);
	if (estimator->learning) {
		if (--estimator->learning == 0)
			begin_walk(estimator);
		return;
	}
	estimator->node++;
	if (estimator->state == UNDER_WAY)
		estimator->leaves += estimator->weight;
}

const struct explored_strategy estimator_strategy = {
	.pick = estimator_pick,
	.choose = estimator_choose,
	.end = estimator_end,
	.shallow = true,
};
