/* SPDX-License-Identifier: MIT */
/*
 * watch_state.h - what watch.c, watch_access.c and watch_lives.c know of one another
 *
 * And what is asked at each access, in line.
 */
#pragma once

#include "execution.h"
#include "watch.h"

/* ---- Epochs ---------------------------------------------------------------------------------- */

/*
 * An access is known by when its task's clock stood where: task in the low bits, then whether it was
 * marked, then the clock.  0 is older than everything.
 */
#define EPOCH_TASK   31u
#define EPOCH_MARKED 32u
#define EPOCH_SHIFT  6
#define EPOCH_SHARED (1u << 31) /* not an epoch: the number of a struct shared, the rest of it */
#define EPOCH_NUMBER (EPOCH_SHARED - 1)

BUILD_ASSERT(RUNNERS_MAX == EPOCH_TASK + 1);

/* ---- What is known ------------------------------------------------------------------------------- */

#define GRANULE	      4u
#define PAGE_BYTES    4096u
#define PAGE_GRANULES (PAGE_BYTES / GRANULE)
#define PROMOTED_MAX  64
#define SHARED_MAX    4096 /* words read by several tasks, in one execution */

enum access {
	PLAIN_READ,
	PLAIN_WRITE,
	MARKED_READ,
	MARKED_WRITE,
};

static inline bool writes(enum access access)
{
	return access & 1;
}

static inline bool marked(enum access access)
{
	return access & 2;
}

/* Who touched a granule last, and where: the return address, from the program's own start. */
struct cell {
	uint32_t write, read, marked_read;
	uint32_t bytes; /* other sizes are in use here: the first of its bytes' cells; 0: no */
	int32_t write_site, read_site, marked_read_site;
	uint32_t unused; /* 32 bytes make a number a shift */
};

/* Several tasks read it, none after the other. */
struct shared {
	uint32_t epochs[RUNNERS_MAX];
	int32_t sites[RUNNERS_MAX];
};

/* A page at a time is zeroed, copied, poisoned. */
struct watch_page {
	struct cell whole;  /* accesses to all of it */
	uint32_t execution; /* that @used is of */
	bool changed;	    /* @dead is not @kept_dead */
	bool promoted;	    /* some of it is */
	bool whole_used;    /* @whole was noted in that execution */
	uint64_t used;	    /* 64 bytes a bit: some cell was noted in that execution */
	uint64_t dead[PAGE_BYTES / 8 / 64]; /* eight bytes a bit: taken back */
	uint64_t kept_dead[PAGE_BYTES / 8 / 64];
};

struct life {
	size_t offset, size;
	size_t stride; /* of an array; 0: it is none */
	const char *what;
	int32_t site;
	unsigned char task; /* RUNNERS_MAX: set-up */
	bool end;
};

struct range {
	size_t offset, size;
};

struct watch {
	struct explored *x;
	uintptr_t base;
	size_t size;
	struct cell *cells;
	struct watch_page *pages;
	unsigned int nr_pages;
	bool off; /* plain accesses are not looked at */

	/* Of the running task. */
	uint32_t *now;
	uint32_t epoch;

	uint32_t execution;
	uint32_t clocks[RUNNERS_MAX][RUNNERS_MAX];
	uint32_t latest; /* no clock is beyond it */
	unsigned int nr_tasks;

	struct order *orders; /* watch.c: open addressing */
	size_t order_size;
	unsigned int nr_orders, max_orders;

	struct shared *shared;		    /* number n is at n % SHARED_MAX */
	uint32_t next_shared, first_shared; /* first of this execution */

	struct cell *bytes;
	uint32_t nr_bytes, max_bytes;

	struct life *lives; /* in their order */
	size_t nr_lives, kept_lives, max_lives;
	unsigned int *changed; /* pages */
	unsigned int nr_changed;

	struct range promoted[PROMOTED_MAX];
	unsigned int nr_promoted;
	struct explored_racing racing; /* of the last race */
};

/* Of two accesses that nothing orders: this one, and one before. */
struct access_report {
	size_t offset, size;
	enum access now, before;
	unsigned int task_before;
	int32_t site, site_before;
};

/* ---- Asked at each access ------------------------------------------------------------------------ */

/* Of a return address, 32 bits: how far it is from a function of the program. */
static inline int32_t near_site(const void *site)
{
	return (int32_t)((uintptr_t)site - (uintptr_t)&explored_die);
}

static inline const void *far_site(int32_t site)
{
	return (const void *)((uintptr_t)&explored_die + (uintptr_t)(intptr_t)site);
}

static inline bool ordered(const struct watch *watch, uint32_t epoch)
{
	return epoch >> EPOCH_SHIFT <= watch->now[epoch & EPOCH_TASK];
}

static inline bool any_dead(const struct watch_page *page, size_t offset, size_t size)
{
	size_t first = offset % PAGE_BYTES / 8, last = (offset % PAGE_BYTES + size - 1) / 8;
	uint64_t from = ~0ull << first % 64, to = ~0ull >> (63 - last % 64);

	for (size_t word = first / 64; word < last / 64; word++, from = ~0ull)
		if (page->dead[word] & from)
			return true;
	return page->dead[last / 64] & from & to;
}

/* Not in the range that is watched: the task's own stack, or what belongs to the host. */
static inline bool watched(const struct watch *watch, const void *at)
{
	return (uintptr_t)at - watch->base < watch->size;
}

/* ---- watch_access.c ------------------------------------------------------------------------------ */

/* The running task touches @size bytes at @at: check and note it, if somebody looks. */
void watch_access(const volatile void *at, size_t size, enum access access, const void *site);
/* The same, of the word that @step is about. */
void watch_marked_access(struct watch *watch, const struct explored_step *step, size_t size,
			 bool write);
/* A lock is no word, but it must be alive. */
void watch_lock_access(struct watch *watch, const struct explored_step *step);
/* Nobody has touched it yet. */
void watch_forget(struct watch *watch, size_t offset, size_t size);

/* ---- watch_lives.c ------------------------------------------------------------------------------- */

/* What is alive is what was so at the last watch_keep(). */
void watch_lives_begin(struct watch *watch);
__noreturn void watch_report_race(struct watch *watch, const struct access_report *report);
__noreturn void watch_report_dead(struct watch *watch, size_t offset, size_t size,
				  enum access access, int32_t site);
