/* SPDX-License-Identifier: MIT */
/*
 * search.h - going through executions depth first, each sharing a prefix with the one before
 *
 * What plain depth-first search and the two partial-order reductions have in common: the stack of
 * nodes, following a prefix again, sleep sets, choices, and the analysis of races when an execution
 * has ended.  A reduction says which branches a node has (struct reduction).
 *
 * A search proves something only if it came to its end, no execution was cut short, and the
 * program did the same each time it was given the same schedule.
 */
#pragma once

#include "history.h"
#include "profile.h"
#include "races.h"
#include "saved.h"
#include "strategy.h"

struct node {
	struct op taken;			       /* the branch that is being explored */
	unsigned int choice, nr_choices, choices_left; /* if that is a choice */
	uint32_t sleep; /* tasks whose next step need not be explored from here: search_sleeping() */

	/* The reduction's own. */
	int wakeup;	    /* dpor.c: its wakeup tree, the first branch of which is @taken */
	uint32_t backtrack; /* source.c, dfs.c: tasks to explore from here */
	uint32_t explored;
	unsigned int preemptions; /* dfs.c: so many on the way here */
	int stays; /* dfs.c: the task whose preemption another branch is; -1: nobody's */
};

struct search;

struct reduction {
	bool sleeps; /* uses sleep sets */
	/* Set node->taken, one of @candidates, enabled and not asleep, at a node met the first time. */
	void (*enter)(struct search *search, int depth, uint32_t candidates);
	/* The step at @depth has been taken for the first time: prepare the node below. */
	void (*descend)(struct search *search, int depth);
	/* Let @search->sequence be explored from the node at @depth.  NULL: no analysis */
	void (*reverse)(struct search *search, int depth);
	/* The branch has been explored: set node->taken to the next.  => false: there is none */
	bool (*next)(struct search *search, int depth);
};

struct search {
	const struct reduction *reduction;
	struct explored *x;
	struct history history;
	struct node *nodes;
	struct op *sleeping; /* of each node, by task */
	int max_nodes;	     /* there is room for: more when an execution is longer */
	struct sequence sequence;
	int *candidates;
	int decided; /* nodes from the root whose branch is chosen already */
	bool started, blocked;
	bool ready; /* for the next execution, as it was when it was saved */
	struct op pending[HISTORY_TASKS_MAX]; /* of tasks that are blocked at the end */
	int nr_pending;
	struct search_stats stats;
	struct profile *profile; /* NULL: nobody asked */
	bool bounded;		 /* dfs.c: no schedule with more than so many preemptions */
	unsigned int preemptions;
	char error[256]; /* "": none */
};

/* After search_init(), once.  => false: out of memory, and search->error says so */
bool search_begin(struct search *search, const struct reduction *reduction, struct explored *x);
/*
 * Between search_next_execution() and the execution.  With what the reduction has of a node, if it
 * has more than struct node: one call for each.
 */
void search_save(const struct search *search, struct saving *saving,
		 void (*node)(const struct search *search, int depth, struct saving *saving));
/* After search_begin().  => false: restoring->error */
bool search_restore(struct search *search, struct restoring *restoring,
		    bool (*node)(struct search *search, int depth, struct restoring *restoring));
/* Get ready for another execution.  => false: there is none, or search->error */
bool search_next_execution(struct search *search);

/* The steps of those that sleep at @depth, by task. */
static inline struct op *search_sleeping(const struct search *search, int depth)
{
	return &search->sleeping[depth * search->history.nr_tasks];
}

/* The step that @task takes if it is picked at @depth, as node->taken. */
void search_take(struct search *search, int depth, int task);
/* Who ran last, which makes for few switches, or the first. */
int search_run_on(const struct search *search, int depth, uint32_t candidates);

/* The search ends with an error: the task of @op does what would have to be covered and is not. */
void search_refuse(struct search *search, const struct op *op, const char *why);

/* node->taken, or one that sleeps, when only the task is known. */
#define STEP_OF_TASK EXPLORED_NR_KINDS

/* What all of them answer to a strategy's questions; their state begins with a struct search. */
void search_init(void *state, const struct strategy_params *params);
int search_pick(void *state, struct explored *x, uint32_t runnable);
int search_choose(void *state, struct explored *x, unsigned int bound);
/* What blocked tasks wait for is still to be seen. */
void search_end(void *state, struct explored *x, enum explored_end end);
void search_fini(void *state);
const char *search_stats(const void *state, struct search_stats *stats);
