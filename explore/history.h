/* SPDX-License-Identifier: MIT */
/*
 * history.h - the steps of the present execution, and which of them happened before which
 *
 * Two steps of one task are ordered, and so are two dependent steps of different tasks (see
 * dependence.h).  Happens-before is the closure of that; each step's vector clock holds it: how
 * many steps of each task come before it or are it.  Executions with the same steps and the same
 * clocks are the same Mazurkiewicz trace and end in the same state.
 */
#pragma once

#include "explored.h"

#define HISTORY_TASKS_MAX EXPLORED_RUNNERS_MAX

/* What a task does, or is about to do, to what. */
struct op {
	unsigned char task;
	unsigned char kind; /* enum explored_kind */
	int object;	    /* number; -1: none */
	unsigned int arg;
	unsigned int value; /* of a choice, once it is made */
};

struct event {
	struct op op;
	unsigned int value; /* what came of it, as in struct explored_step */
	bool writes;	    /* see kind_reads() */
	unsigned int nth;   /* of its task's steps, from 1 */
	int prev;	    /* the step before on its object; -1: none */
	int prev_write;	    /* and the last of those that write */
	int prev_of_task;
	const void *site;   /* where in the core */
	/* The object's value where it is a word; of a lock, how many hold it shared, or */
#define HELD_EXCLUSIVELY (1u << 31)
	unsigned int word_before, word; /* before the step, and after it */
};

struct history {
	struct event *events;
	int nr, max;
	int nr_tasks;
	bool late_callbacks; /* of RCU: they come after all else, and order nothing */
	/* clocks[t][i]: steps of task t that happened before step i, itself included. */
	unsigned int *clocks[HISTORY_TASKS_MAX];
	int last_of_task[HISTORY_TASKS_MAX];

	/* Objects by address, numbered as they are met; kept from execution to execution. */
	const void **slots;
	int *numbers;
	const void **objects; /* by number */
	unsigned int nr_slots;
	int *last; /* by object: its last step */
	unsigned int word_before; /* of the step that is about to be taken */
	int nr_objects, max_objects;
};

/* => -ENOMEM */
int history_init(struct history *history, const struct explored *x) __must_check;
void history_fini(struct history *history);

/* Forget all steps from @nr on. */
void history_truncate(struct history *history, int nr);
/* Take the steps of @x that are not there yet.  => -ENOMEM */
int history_extend(struct history *history, const struct explored *x) __must_check;

/* @task of @x is about to be picked: note what it is going to change. */
void history_before_step(struct history *history, const struct explored *x, int task);

/* The number of @object, which is met now if it was not before.  => -ENOMEM */
int history_object(struct history *history, const void *object) __must_check;

/* What @task of @x is about to do.  => -ENOMEM, or -ENOENT: nothing */
int history_next(struct history *history, const struct explored *x, int task,
		 struct op *op) __must_check;

/* Is that what @op says? */
bool history_is_next(const struct history *history, const struct explored *x, const struct op *op);

/* Did step @a happen before step @b, or is it @b? */
static inline bool happened_before(const struct history *history, int a, int b)
{
	const struct event *event = &history->events[a];

	return history->clocks[event->op.task][b] >= event->nth;
}

bool ops_depend(const struct op *a, const struct op *b);

/* The same for every order of one trace. */
uint64_t history_signature(const struct history *history);
