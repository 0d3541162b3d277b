// SPDX-License-Identifier: MIT
/*
 * history.c - the steps of the present execution, and which of them happened before which
 *
 * The steps of one object form a chain through event.prev, the head of which is history->last; so
 * steps are taken back as easily as they are added, and the part that two executions share is
 * worked out once.
 */
#include "history.h"

#include "dependence.h"
#include "sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN   1024u
#define OBJECTS_MIN 512
#define STEPS_MIN   512

int history_init(struct history *history, const struct explored *x)
{
	int nr_tasks = explored_nr_runners(x);

	*history = (struct history){
		.nr_tasks = nr_tasks,
		.max = STEPS_MIN,
		.late_callbacks = explored_late_callbacks(x),
	};
	history->events = malloc(STEPS_MIN * sizeof(*history->events));
	history->slots = calloc(SLOTS_MIN, sizeof(*history->slots));
	history->numbers = calloc(SLOTS_MIN, sizeof(*history->numbers));
	history->objects = malloc(OBJECTS_MIN * sizeof(*history->objects));
	history->last = malloc(OBJECTS_MIN * sizeof(*history->last));
	history->nr_slots = SLOTS_MIN;
	history->max_objects = OBJECTS_MIN;
	for (int task = 0; task < nr_tasks; task++) {
		history->clocks[task] = malloc(STEPS_MIN * sizeof(unsigned int));
		history->last_of_task[task] = -1;
		if (!history->clocks[task])
			return -ENOMEM;
	}
	return history->events && history->slots && history->numbers && history->objects &&
			       history->last ?
		       0 :
		       -ENOMEM;
}

void history_fini(struct history *history)
{
	for (int task = 0; task < history->nr_tasks; task++)
		free(history->clocks[task]);
	free(history->events);
	free(history->slots);
	free(history->numbers);
	free(history->objects);
	free(history->last);
}

/* ---- Objects ---------------------------------------------------------------------------------------- */

static unsigned int slot_of(const struct history *history, const void *object)
{
	uint64_t hash = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;
	unsigned int slot = (unsigned int)(hash >> 32) & (history->nr_slots - 1);

	while (history->slots[slot] && history->slots[slot] != object)
		slot = (slot + 1) & (history->nr_slots - 1);
	return slot;
}

static int grow_slots(struct history *history)
{
	const void **old = history->slots;
	int *old_numbers = history->numbers;
	unsigned int nr_old = history->nr_slots;

	history->slots = calloc(2 * nr_old, sizeof(*history->slots));
	history->numbers = calloc(2 * nr_old, sizeof(*history->numbers));
	if (!history->slots || !history->numbers)
		return -ENOMEM;
	history->nr_slots = 2 * nr_old;
	for (unsigned int i = 0; i < nr_old; i++) {
		unsigned int slot;

		if (!old[i])
			continue;
		slot = slot_of(history, old[i]);
		history->slots[slot] = old[i];
		history->numbers[slot] = old_numbers[i];
	}
	free(old);
	free(old_numbers);
	return 0;
}

static int grow_objects(struct history *history)
{
	int max = 2 * history->max_objects;
	int *last = realloc(history->last, (size_t)max * sizeof(*last));
	const void **objects;

	if (!last)
		return -ENOMEM;
	history->last = last;
	objects = realloc(history->objects, (size_t)max * sizeof(*objects));
	if (!objects)
		return -ENOMEM;
	history->objects = objects;
	history->max_objects = max;
	return 0;
}

/* => a number, -1 for no object, or -ENOMEM */
int history_object(struct history *history, const void *object)
{
	unsigned int slot;

	if (!object)
		return -1;
	slot = slot_of(history, object);
	if (history->slots[slot])
		return history->numbers[slot];
	if ((unsigned int)history->nr_objects * 2 >= history->nr_slots) {
		if (grow_slots(history))
			return -ENOMEM;
		slot = slot_of(history, object);
	}
	if (history->nr_objects == history->max_objects && grow_objects(history))
		return -ENOMEM;
	history->slots[slot] = object;
	history->numbers[slot] = history->nr_objects;
	history->objects[history->nr_objects] = object;
	history->last[history->nr_objects] = -1;
	return history->nr_objects++;
}

/* Late callbacks come when all else is over, so their order with others is no question. */
static bool has_no_object(const struct history *history, const struct explored_step *step)
{
	return history->late_callbacks &&
	       (step->kind == EXPLORED_RCU_CALL || step->kind == EXPLORED_RCU_CALLBACK);
}

static int op_of(struct history *history, const struct explored_step *step, int task,
		 struct op *op)
{
	int object = has_no_object(history, step) ? -1 : history_object(history, step->object);

	if (object == -ENOMEM)
		return -ENOMEM;
	*op = (struct op){
		.task = (unsigned char)task,
		.kind = step->kind,
		.object = object,
		.arg = step->arg,
		.value = step->kind == EXPLORED_CHOOSE ? step->value : 0,
	};
	return 0;
}

int history_next(struct history *history, const struct explored *x, int task, struct op *op)
{
	const struct explored_step *next = explored_next(x, task);

	return next ? op_of(history, next, task, op) : -ENOENT;
}

bool history_is_next(const struct history *history, const struct explored *x, const struct op *op)
{
	const struct explored_step *next = explored_next(x, op->task);
	const void *object = next && !has_no_object(history, next) ? next->object : NULL;

	return next && next->kind == op->kind &&
	       object == (op->object < 0 ? NULL : history->objects[op->object]) &&
	       (next->arg == op->arg || op->kind == EXPLORED_WAIT_SLEEP);
}

bool ops_depend(const struct op *a, const struct op *b)
{
	return a->object >= 0 && a->object == b->object &&
	       !(kind_reads((enum explored_kind)a->kind) &&
		 kind_reads((enum explored_kind)b->kind));
}

/* ---- Steps ------------------------------------------------------------------------------------------- */

static void join(struct history *history, int into, int from)
{
	for (int task = 0; task < history->nr_tasks; task++) {
		unsigned int *clock = history->clocks[task];

		if (clock[from] > clock[into])
			clock[into] = clock[from];
	}
}

static void begin_clock(struct history *history, int at)
{
	const struct event *event = &history->events[at];

	for (int task = 0; task < history->nr_tasks; task++)
		history->clocks[task][at] =
			event->prev_of_task < 0 ? 0 : history->clocks[task][event->prev_of_task];
	history->clocks[event->op.task][at] = event->nth;
}

/* After what it depends on: a read after the last write, a write after the reads since as well. */
static void order_after_dependent(struct history *history, int at)
{
	const struct event *event = &history->events[at];

	if (event->prev_write >= 0)
		join(history, at, event->prev_write);
	if (!event->writes)
		return;
	for (int i = event->prev; i > event->prev_write; i = history->events[i].prev)
		join(history, at, i);
}

static void order_after_all(struct history *history, int at)
{
	for (int task = 0; task < history->nr_tasks; task++)
		if (history->last_of_task[task] >= 0)
			join(history, at, history->last_of_task[task]);
}

/* The value of a word; of a lock, who holds it. */
static unsigned int word_at(const struct explored_step *step)
{
	const struct explored_lock *lock = step->object;
	const struct rwsem *sem = step->object;
	unsigned int word = 0;

	switch ((int)step->kind) {
	case EXPLORED_READ:
	case EXPLORED_WRITE:
	case EXPLORED_MODIFY:
	case EXPLORED_AWAIT:
	case EXPLORED_SEQ_BEGIN:
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_TRYLOCK:
	case EXPLORED_BIT_UNLOCK:
	case EXPLORED_BIT_WAIT:
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_WAIT_SLEEP:
	case EXPLORED_WAKE:
		memcpy(&word, step->object, sizeof(word));
		return word;
	case EXPLORED_LOCK:
	case EXPLORED_TRYLOCK:
	case EXPLORED_UNLOCK:
		return lock->owner ? HELD_EXCLUSIVELY : 0;
	case EXPLORED_READ_LOCK:
	case EXPLORED_READ_TRYLOCK:
	case EXPLORED_READ_UNLOCK:
	case EXPLORED_WRITE_LOCK:
	case EXPLORED_WRITE_TRYLOCK:
	case EXPLORED_WRITE_UNLOCK:
	case EXPLORED_DOWNGRADE:
		return sem->writer ? HELD_EXCLUSIVELY : sem->readers;
	default:
		return 0;
	}
}

void history_before_step(struct history *history, const struct explored *x, int task)
{
	history->word_before = word_at(explored_next(x, task));
}

static void add(struct history *history, const struct explored_step *step, const struct op *op)
{
	int at = history->nr++;
	struct event *event = &history->events[at];
	int last_of_task = history->last_of_task[op->task];

	*event = (struct event){
		.op = *op,
		.value = step->value,
		.site = step->site,
		.word_before = history->word_before,
		.writes = !kind_reads((enum explored_kind)step->kind),
		.nth = last_of_task < 0 ? 1 : history->events[last_of_task].nth + 1,
		.prev = -1,
		.prev_write = -1,
		.prev_of_task = last_of_task,
	};
	if (op->object >= 0) {
		int prev = history->last[op->object];

		event->prev = prev;
		if (prev >= 0)
			event->prev_write = history->events[prev].writes ?
						    prev :
						    history->events[prev].prev_write;
		history->last[op->object] = at;
		event->word = word_at(step);
	}
	history->last_of_task[op->task] = at;
	begin_clock(history, at);
	if (op->object >= 0)
		order_after_dependent(history, at);
	else if (op->kind == EXPLORED_RCU_CALLBACK)
		order_after_all(history, at);
}

static int grow_steps(struct history *history)
{
	int max = 2 * history->max;
	struct event *events = realloc(history->events, (size_t)max * sizeof(*events));

	if (!events)
		return -ENOMEM;
	history->events = events;
	for (int task = 0; task < history->nr_tasks; task++) {
		unsigned int *clock = realloc(history->clocks[task], (size_t)max * sizeof(*clock));

		if (!clock)
			return -ENOMEM;
		history->clocks[task] = clock;
	}
	history->max = max;
	return 0;
}

int history_extend(struct history *history, const struct explored *x)
{
	const struct explored_step *steps = explored_steps(x);
	int nr = (int)explored_nr_steps(x);

	while (history->nr < nr) {
		const struct explored_step *step = &steps[history->nr];
		struct op op;
		int err = op_of(history, step, step->task, &op);

		if (!err && unlikely(history->nr == history->max))
			err = grow_steps(history);
		if (err)
			return err;
		add(history, step, &op);
	}
	return 0;
}

void history_truncate(struct history *history, int nr)
{
	while (history->nr > nr) {
		const struct event *event = &history->events[--history->nr];

		if (event->op.object >= 0)
			history->last[event->op.object] = event->prev;
		history->last_of_task[event->op.task] = event->prev_of_task;
	}
}

/* ---- Signatures ----------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t history_signature(const struct history *history)
{
	uint64_t sum = 0;

	for (int i = 0; i < history->nr; i++) {
		const struct event *event = &history->events[i];
		uint64_t hash = event->op.task * 1000003u + event->nth + ((uint64_t)event->op.value << 32);

		for (int task = 0; task < history->nr_tasks; task++)
			hash = mix(hash + history->clocks[task][i] * 31u + (unsigned int)task);
		sum += mix(hash);
	}
	return sum;
}
