// SPDX-License-Identifier: MIT
/*
 * watch.c - plain accesses: are they ordered, and is what they touch alive?
 *
 * The explored copy of the core is compiled with the compiler's thread instrumentation, whose
 * callbacks are in watch_access.c: each plain load and store comes by.  They are no steps.  That is
 * sound only while every two conflicting ones are ordered by the steps in between, so this is what
 * is watched: a vector clock for each task, one for each lock and word that orders, both kept here,
 * and for each four bytes of memory who wrote and who read them last (FastTrack: Flanagan and
 * Freund, PLDI 2009).  A race is a finding, or the range becomes an object of steps
 * (explored_promote()).
 *
 * What orders: a lock's release before its next acquisition, a marked store before the marked loads
 * that see it, an atomic before the next one on the word, a wake-up, the end of an RCU section before
 * the end of a grace period.  These are fewer edges than explore/dependence.h has, which also orders
 * a load before the store that follows it: so nothing that the reduction takes as unordered is passed
 * over here, and a race shows in executions in which its two accesses are far apart.
 *
 * Marked accesses (READ_ONCE, WRITE_ONCE, atomics) are noted too and race with plain ones, not with
 * one another.
 *
 * Nothing is cleared between executions.  Clocks go on counting, each execution from where the last
 * one ended: what an earlier one left behind is older than all of this one's clocks, and so ordered.
 *
 * The same callbacks see accesses to what has been freed, which watch_lives.c marks.
 */
#include "watch_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__thread struct watch *watch_current;

#define CLOCK_MAX   ((EPOCH_SHARED >> EPOCH_SHIFT) - 1)
#define OBJECTS_MIN 256

#define CELLS_AT_ONCE (16ul << 20) /* bytes: for half a thousand pages */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A word or lock that orders; its clocks are behind it. */
struct order {
	const void *object;
	uint32_t execution;
	uint32_t clock[];
};

/* ---- Being set up ---------------------------------------------------------------------------- */

static size_t order_bytes(const struct explored *x)
{
	return ALIGN_UP(sizeof(struct order) + (size_t)explored_nr_runners(x) * sizeof(uint32_t),
			8ul);
}

/*
 * Zeros.  Given at once for machines of the usual size: a fault for each page that an execution
 * comes to costs more than the first hundred executions.
 */
static struct cell *alloc_cells(const struct watch *watch)
{
	size_t size = (size_t)watch->nr_pages * PAGE_GRANULES * sizeof(struct cell);
	void *cells = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (cells == MAP_FAILED)
		return NULL;
	if (size <= CELLS_AT_ONCE)
		madvise(cells, size, MADV_POPULATE_WRITE); /* or not: Linux before 5.14 */
	return cells;
}

int explored_watch(struct explored *x, void *base, size_t size)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	explored_unwatch(x);
	watch->x = x;
	watch->base = (uintptr_t)base;
	watch->size = size;
	watch->nr_tasks = (unsigned int)explored_nr_runners(x);
	watch->nr_pages = (unsigned int)((size + PAGE_BYTES - 1) / PAGE_BYTES);
	watch->cells = alloc_cells(watch);
	watch->pages = calloc(watch->nr_pages, sizeof(*watch->pages));
	watch->changed = calloc(watch->nr_pages, sizeof(*watch->changed));
	watch->shared = calloc(SHARED_MAX, sizeof(*watch->shared));
	watch->max_orders = OBJECTS_MIN;
	watch->order_size = order_bytes(x);
	watch->orders = calloc(watch->max_orders, watch->order_size);
	watch->max_bytes = 1024;
	watch->nr_bytes = GRANULE; /* 0 says none */
	watch->bytes = calloc(watch->max_bytes, sizeof(*watch->bytes));
	x->watch = watch;
	if (watch->cells && watch->pages && watch->changed && watch->shared && watch->orders &&
	    watch->bytes)
		return 0;
	explored_unwatch(x);
	return -ENOMEM;
}

void explored_unwatch(struct explored *x)
{
	struct watch *watch = x->watch;

	x->watch = NULL;
	if (!watch)
		return;
	if (watch->cells)
		munmap(watch->cells,
		       (size_t)watch->nr_pages * PAGE_GRANULES * sizeof(*watch->cells));
	free(watch->pages);
	free(watch->changed);
	free(watch->shared);
	free(watch->orders);
	free(watch->bytes);
	free(watch->lives);
	free(watch);
}

void explored_watch_accesses(struct explored *x, bool on)
{
	if (x->watch)
		x->watch->off = !on;
}

/* Clocks have come to their end: forget all that is known by them. */
static void begin_time_again(struct watch *watch)
{
	memset(watch->cells, 0, (size_t)watch->nr_pages * PAGE_GRANULES * sizeof(*watch->cells));
	for (unsigned int i = 0; i < watch->nr_pages; i++) {
		watch->pages[i].whole = (struct cell){ 0 };
		watch->pages[i].execution = 0;
	}
	memset(watch->orders, 0, watch->max_orders * watch->order_size);
	watch->nr_bytes = GRANULE;
	watch->latest = 0;
	watch->execution = 0;
	watch->next_shared = 0;
}

void watch_begin(struct watch *watch)
{
	if (watch->latest > CLOCK_MAX / 2 || watch->next_shared > EPOCH_NUMBER / 2 ||
	    watch->execution == UINT32_MAX)
		begin_time_again(watch);
	watch->execution++;
	watch->nr_orders = 0;
	watch->first_shared = watch->next_shared;
	watch->racing.size = 0;
	watch->x->promotes = watch->nr_promoted > 0;
	for (unsigned int task = 0; task < watch->nr_tasks; task++) {
		for (unsigned int of = 0; of < watch->nr_tasks; of++)
			watch->clocks[task][of] = watch->latest;
		watch->clocks[task][task] = watch->latest + 1;
	}
	watch->latest++;
	watch_lives_begin(watch);
}

static void set_epoch(struct watch *watch, unsigned int task)
{
	watch->epoch = watch->now[task] << EPOCH_SHIFT | task;
}

void watch_enter(struct watch *watch, unsigned int task)
{
	if (watch->off)
		return;
	watch->now = watch->clocks[task];
	set_epoch(watch, task);
	watch_current = watch;
}

/* ---- What orders ----------------------------------------------------------------------------- */

static struct order *order_slot(const struct watch *watch, const void *object)
{
	uint64_t hash = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;
	unsigned int slot = (unsigned int)(hash >> 32);

	for (;; slot++) {
		struct order *order =
			(struct order *)((char *)watch->orders +
					 (slot & (watch->max_orders - 1)) * watch->order_size);

		if (order->execution != watch->execution || order->object == object)
			return order;
	}
}

static void grow_orders(struct watch *watch)
{
	struct order *old = watch->orders;
	unsigned int nr = watch->max_orders;

	watch->max_orders *= 2;
	watch->orders = calloc(watch->max_orders, watch->order_size);
	if (!watch->orders)
		explored_die("out of memory");
	for (unsigned int i = 0; i < nr; i++) {
		struct order *order = (struct order *)((char *)old + i * watch->order_size);

		if (order->execution == watch->execution)
			memcpy(order_slot(watch, order->object), order, watch->order_size);
	}
	free(old);
}

static struct order *order_of(struct watch *watch, const void *object)
{
	struct order *order = order_slot(watch, object);

	if (order->execution == watch->execution)
		return order;
	if (watch->nr_orders * 2 >= watch->max_orders) {
		grow_orders(watch);
		order = order_slot(watch, object);
	}
	watch->nr_orders++;
	order->object = object;
	order->execution = watch->execution;
	memset(order->clock, 0, watch->nr_tasks * sizeof(order->clock[0]));
	return order;
}

/* What was released there comes before all that the running task does from now on. */
static void acquire(struct watch *watch, const void *object)
{
	const struct order *order = order_slot(watch, object);

	if (order->execution != watch->execution)
		return;
	for (unsigned int task = 0; task < watch->nr_tasks; task++)
		watch->now[task] = max(watch->now[task], order->clock[task]);
}

static void tick(struct watch *watch, unsigned int task)
{
	watch->now[task]++;
	watch->latest = max(watch->latest, watch->now[task]);
	set_epoch(watch, task);
}

static void release(struct watch *watch, const void *object, unsigned int task)
{
	struct order *order = order_of(watch, object);

	for (unsigned int of = 0; of < watch->nr_tasks; of++)
		order->clock[of] = max(order->clock[of], watch->now[of]);
	tick(watch, task);
}

/* A store: who loads it is not after those whose stores it replaced. */
static void release_only(struct watch *watch, const void *object, unsigned int task)
{
	struct order *order = order_of(watch, object);

	memcpy(order->clock, watch->now, watch->nr_tasks * sizeof(order->clock[0]));
	tick(watch, task);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static const void *readers_of(const void *sem)
{
	return (const char *)sem + 1;
}

static void order_word(struct watch *watch, const struct explored_step *step, unsigned int task)
{
	switch (step->kind) {
	case EXPLORED_WRITE:
		watch_marked_access(watch, step, step->arg, true);
		release_only(watch, step->object, task);
		break;
	case EXPLORED_MODIFY:
		watch_marked_access(watch, step, step->arg, true);
		acquire(watch, step->object);
		release(watch, step->object, task);
		break;
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_TRYLOCK:
	case EXPLORED_BIT_UNLOCK:
		watch_marked_access(watch, step, sizeof(atomic_t), true);
		acquire(watch, step->object);
		release(watch, step->object, task);
		break;
	case EXPLORED_READ:
		watch_marked_access(watch, step, step->arg, false);
		acquire(watch, step->object);
		break;
	default: /* EXPLORED_AWAIT, EXPLORED_SEQ_BEGIN, EXPLORED_BIT_WAIT */
		watch_marked_access(watch, step, sizeof(atomic_t), false);
		acquire(watch, step->object);
		break;
	}
}

static void order_rwsem(struct watch *watch, const struct explored_step *step, unsigned int task)
{
	const struct rwsem *sem = step->object;

	watch_lock_access(watch, step);
	switch (step->kind) {
	case EXPLORED_READ_TRYLOCK:
		if (sem->writer)
			break;
		__attribute__((fallthrough));
	case EXPLORED_READ_LOCK:
		acquire(watch, sem);
		break;
	case EXPLORED_READ_UNLOCK:
		release(watch, readers_of(sem), task);
		break;
	case EXPLORED_WRITE_TRYLOCK:
		if (sem->writer || sem->readers)
			break;
		__attribute__((fallthrough));
	case EXPLORED_WRITE_LOCK:
		acquire(watch, sem);
		acquire(watch, readers_of(sem));
		break;
	default: /* EXPLORED_WRITE_UNLOCK, EXPLORED_DOWNGRADE */
		release(watch, sem, task);
		break;
	}
}

static const void *callbacks_of(const struct explored_rcu *rcu)
{
	return (const char *)rcu + 1;
}

void watch_callback_ran(struct explored *x)
{
	if (watch_current)
		release(watch_current, callbacks_of(&x->rcu), x->running->id);
}

/* The clocks of RCU: of sections that ended, of callbacks that were queued on each CPU, and that ran. */
static void order_rcu(struct watch *watch, const struct explored_step *step, unsigned int task)
{
	const struct explored_rcu *rcu = step->object;
	const void *sections = rcu;

	switch (step->kind) {
	case EXPLORED_RCU_READ_UNLOCK:
		release(watch, sections, task);
		break;
	case EXPLORED_RCU_CALL:
		release(watch, &rcu->cpus[watch->x->running->cpu].last, task);
		break;
	case EXPLORED_RCU_CALLBACK:
		acquire(watch, &rcu->cpus[step->arg].last);
		acquire(watch, sections);
		break;
	case EXPLORED_RCU_SYNC_END:
		acquire(watch, sections);
		break;
	case EXPLORED_RCU_BARRIER_END:
		acquire(watch, callbacks_of(rcu));
		break;
	default:
		break;
	}
}

void watch_step(struct explored *x, struct watch *watch, const struct explored_step *step)
{
	unsigned int task = x->running->id;

	if (step->plain)
		return; /* it orders nothing */
	switch (step->kind) {
	case EXPLORED_READ:
	case EXPLORED_WRITE:
	case EXPLORED_MODIFY:
	case EXPLORED_AWAIT:
	case EXPLORED_SEQ_BEGIN:
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_TRYLOCK:
	case EXPLORED_BIT_UNLOCK:
	case EXPLORED_BIT_WAIT:
		order_word(watch, step, task);
		break;
	case EXPLORED_LOCK:
		watch_lock_access(watch, step);
		acquire(watch, step->object);
		break;
	case EXPLORED_TRYLOCK:
		watch_lock_access(watch, step);
		if (!((const struct explored_lock *)step->object)->owner)
			acquire(watch, step->object);
		break;
	case EXPLORED_UNLOCK:
		watch_lock_access(watch, step);
		release(watch, step->object, task);
		break;
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_WAIT_SLEEP:
		watch_lock_access(watch, step);
		acquire(watch, step->object);
		break;
	case EXPLORED_WAKE:
		watch_lock_access(watch, step);
		acquire(watch, step->object);
		release(watch, step->object, task);
		break;
	case EXPLORED_BEGIN:
	case EXPLORED_CHOOSE:
	case EXPLORED_YIELD:
		break;
	default:
		if (step->kind >= EXPLORED_RCU_READ_LOCK)
			order_rcu(watch, step, task);
		else
			order_rwsem(watch, step, task);
		break;
	}
}

/* ---- What is promoted ------------------------------------------------------------------------ */

/* The objects of words that a promoted range covers are one. */
const void *watch_object(const struct watch *watch, const void *object)
{
	size_t offset = (uintptr_t)object - watch->base;

	for (unsigned int i = 0; watched(watch, object) && i < watch->nr_promoted; i++)
		if (offset - watch->promoted[i].offset < watch->promoted[i].size)
			return (const void *)(watch->base + watch->promoted[i].offset);
	return object;
}

bool explored_promote(struct explored *x, size_t offset, size_t size)
{
	struct watch *watch = x->watch;
	size_t end = offset + size;

	if (!watch || !size || offset >= watch->size || size > watch->size - offset)
		return false;
	for (unsigned int i = 0; i < watch->nr_promoted;) {
		struct range *range = &watch->promoted[i];

		if (range->offset >= end || range->offset + range->size <= offset) {
			i++;
			continue;
		}
		offset = min(offset, range->offset);
		end = max(end, range->offset + range->size);
		*range = watch->promoted[--watch->nr_promoted];
		i = 0;
	}
	if (watch->nr_promoted == PROMOTED_MAX)
		return false;
	watch->promoted[watch->nr_promoted++] = (struct range){ offset, end - offset };
	for (size_t page = offset / PAGE_BYTES; page <= (end - 1) / PAGE_BYTES; page++)
		watch->pages[page].promoted = true;
	return true;
}
