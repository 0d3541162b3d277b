// SPDX-License-Identifier: MIT
/*
 * watch.c - plain accesses: are they ordered, and is what they touch alive?
 *
 * The explored copy of the core is compiled with the compiler's thread instrumentation, and its
 * callbacks are the functions at the end of this file: each plain load and store comes by.  They
 * are no steps.  That is sound only while every two conflicting ones are ordered by the steps in
 * between, so this is what is watched: a vector clock for each task, one for each lock and word that
 * orders, and for each four bytes of memory who wrote and who read them last (FastTrack: Flanagan
 * and Freund, PLDI 2009).  A race is a finding, or the range becomes an object of steps
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
 * The same callbacks see accesses to what has been freed: memory_taken_back() marks it.
 */
#include "watch.h"

#include "block.h"
#include "execution.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__thread struct watch *watch_current;

/* ---- Epochs ---------------------------------------------------------------------------------------- */

/*
 * An access is known by when its task's clock stood where: task in the low bits, then whether it was
 * marked, then the clock.  0 is older than everything.
 */
#define EPOCH_TASK   31u
#define EPOCH_MARKED 32u
#define EPOCH_SHIFT  6
#define EPOCH_SHARED (1u << 31) /* not an epoch: the number of a struct shared, the rest of it */
#define EPOCH_NUMBER (EPOCH_SHARED - 1)
#define CLOCK_MAX    ((EPOCH_SHARED >> EPOCH_SHIFT) - 1)

BUILD_ASSERT(RUNNERS_MAX == EPOCH_TASK + 1);

#define GRANULE	      4u
#define PAGE_BYTES    4096u
#define PAGE_GRANULES (PAGE_BYTES / GRANULE)
#define PROMOTED_MAX  64
#define SHARED_MAX    4096 /* words read by several tasks, in one execution */
#define OBJECTS_MIN   256

enum access {
	PLAIN_READ,
	PLAIN_WRITE,
	MARKED_READ,
	MARKED_WRITE,
};

static bool writes(enum access access)
{
	return access & 1;
}

static bool marked(enum access access)
{
	return access & 2;
}

/* Who touched a granule last, and where: the return address, from the program's own start. */
struct cell {
	uint32_t write, read, marked_read;
	uint32_t
		bytes; /* other sizes are in use here: the cells of the bytes, from this one on; 0: no */
	int32_t write_site, read_site, marked_read_site;
	uint32_t unused;
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

/* A word or lock that orders; its clocks are behind it. */
struct order {
	const void *object;
	uint32_t execution;
	uint32_t clock[];
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

	struct order *orders; /* open addressing */
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

static int32_t near_site(const void *site)
{
	return (int32_t)((uintptr_t)site - (uintptr_t)&explored_die);
}

static const void *far_site(int32_t site)
{
	return (const void *)((uintptr_t)&explored_die + (uintptr_t)(intptr_t)site);
}

/* ---- Being set up ---------------------------------------------------------------------------------- */

static size_t order_bytes(const struct explored *x)
{
	return ALIGN_UP(sizeof(struct order) + (size_t)explored_nr_runners(x) * sizeof(uint32_t),
			8ul);
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
	watch->cells = calloc((size_t)watch->nr_pages * PAGE_GRANULES, sizeof(*watch->cells));
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
	free(watch->cells);
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
	for (unsigned int i = 0; i < watch->nr_changed; i++) {
		struct watch_page *page = &watch->pages[watch->changed[i]];

		memcpy(page->dead, page->kept_dead, sizeof(page->dead));
		page->changed = false;
	}
	watch->nr_changed = 0;
	watch->nr_lives = watch->kept_lives;
}

void watch_keep(struct watch *watch)
{
	for (unsigned int i = 0; i < watch->nr_changed; i++) {
		struct watch_page *page = &watch->pages[watch->changed[i]];

		memcpy(page->kept_dead, page->dead, sizeof(page->dead));
		page->changed = false;
	}
	watch->nr_changed = 0;
	watch->kept_lives = watch->nr_lives;
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

/* ---- What orders ------------------------------------------------------------------------------------- */

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

/* ---- Reporting ------------------------------------------------------------------------------------------ */

struct access_report {
	size_t offset, size;
	enum access now, before;
	unsigned int task_before;
	int32_t site, site_before;
};

static const struct life *life_at(const struct watch *watch, size_t offset)
{
	for (size_t i = watch->nr_lives; i-- > 0;) {
		const struct life *life = &watch->lives[i];

		if (offset - life->offset < life->size && life->what)
			return life;
	}
	return NULL;
}

static void name_place(const struct watch *watch, size_t offset, char *to, size_t size)
{
	const struct life *life = life_at(watch, offset);
	size_t inside = life ? offset - life->offset : 0;

	if (!life)
		snprintf(to, size, "memory at 0x%zx", offset);
	else if (life->stride)
		snprintf(to, size, "%s %zu+0x%zx", life->what, inside / life->stride,
			 inside % life->stride);
	else
		snprintf(to, size, "%s+0x%zx", life->what, inside);
}

static const char *done_before(enum access access)
{
	static const char *const names[] = { "read", "wrote", "read (marked)", "wrote (marked)" };

	return names[access];
}

static const char *does(enum access access)
{
	static const char *const names[] = { "reads", "writes", "reads (marked)",
					     "writes (marked)" };

	return names[access];
}

__noreturn static void report_race(struct watch *watch, const struct access_report *report)
{
	struct explored *x = watch->x;
	char place[80];

	name_place(watch, report->offset, place, sizeof(place));
	watch->racing = (struct explored_racing){ .offset = report->offset, .size = report->size };
	snprintf(watch->racing.name, sizeof(watch->racing.name), "%s", place);
	explored_misuse_at(
		EXPLORED_DATA_RACE,
		(const void *[3]){ far_site(report->site), far_site(report->site_before) },
		"data race on %s, %zu bytes: %s %s it in @1, %s %s it in @2, and nothing orders them",
		place, report->size, x->running->name, does(report->now),
		x->tasks[report->task_before].name, done_before(report->before));
}

static const char *task_of_life(const struct watch *watch, const struct life *life)
{
	return life->task < RUNNERS_MAX ? watch->x->tasks[life->task].name : "set-up";
}

__noreturn static void report_dead(struct watch *watch, size_t offset, size_t size,
				   enum access access, int32_t site)
{
	const struct life *end = NULL, *begin = NULL;
	struct explored *x = watch->x;
	char place[80];

	for (size_t i = watch->nr_lives; i-- > 0 && !begin;) {
		const struct life *life = &watch->lives[i];

		if (offset - life->offset >= life->size || life->stride)
			continue;
		if (!end && life->end)
			end = life;
		else if (end && !life->end && life->offset == end->offset)
			begin = life;
	}
	name_place(watch, offset, place, sizeof(place));
	explored_misuse_at(
		EXPLORED_USE_AFTER_FREE,
		(const void *[3]){ far_site(site), end ? far_site(end->site) : NULL,
				   begin ? far_site(begin->site) : NULL },
		"use of freed memory: %s %s %s, %zu bytes, in @1; %s%s%s%s%s", x->running->name,
		does(access), place, size, end ? task_of_life(watch, end) : "it was never in use",
		end ? " freed it in @2" : "", begin ? ", " : "",
		begin ? task_of_life(watch, begin) : "", begin ? " had got it in @3" : "");
}

bool explored_racing(const struct explored *x, struct explored_racing *racing)
{
	if (!x->watch || !x->watch->racing.size)
		return false;
	*racing = x->watch->racing;
	return true;
}

/* ---- Checking and noting one cell --------------------------------------------------------------------------- */

static bool ordered(const struct watch *watch, uint32_t epoch)
{
	return epoch >> EPOCH_SHIFT <= watch->now[epoch & EPOCH_TASK];
}

static struct shared *shared_of(struct watch *watch, uint32_t number)
{
	number &= EPOCH_NUMBER;
	return number - watch->first_shared < watch->next_shared - watch->first_shared
		       ? &watch->shared[number % SHARED_MAX]
		       : NULL;
}

/* The reader in @reads that the running task is not after.  => -1: none */
static int unordered_reader(struct watch *watch, uint32_t reads, int32_t site, int32_t *site_of)
{
	const struct shared *shared;

	if (!(reads & EPOCH_SHARED)) {
		*site_of = site;
		return ordered(watch, reads) ? -1 : (int)(reads & EPOCH_TASK);
	}
	shared = shared_of(watch, reads);
	for (unsigned int task = 0; shared && task < watch->nr_tasks; task++) {
		*site_of = shared->sites[task];
		if (!ordered(watch, shared->epochs[task]))
			return (int)task;
	}
	return -1;
}

static void note_read(struct watch *watch, uint32_t *reads, int32_t *site_of, int32_t site)
{
	struct shared *shared;

	if (!(*reads & EPOCH_SHARED) && ordered(watch, *reads)) {
		*reads = watch->epoch;
		*site_of = site;
		return;
	}
	shared = *reads & EPOCH_SHARED ? shared_of(watch, *reads) : NULL;
	if (!shared) {
		if (watch->next_shared - watch->first_shared == SHARED_MAX)
			explored_die("more than %d words are read by several tasks", SHARED_MAX);
		shared = &watch->shared[watch->next_shared % SHARED_MAX];
		memset(shared->epochs, 0, sizeof(shared->epochs));
		if (!(*reads & EPOCH_SHARED)) {
			shared->epochs[*reads & EPOCH_TASK] = *reads;
			shared->sites[*reads & EPOCH_TASK] = *site_of;
		}
		*reads = EPOCH_SHARED | watch->next_shared++;
	}
	shared->epochs[watch->epoch & EPOCH_TASK] = watch->epoch;
	shared->sites[watch->epoch & EPOCH_TASK] = site;
}

/* False: @report says which earlier access nothing orders with it. */
static bool check(struct watch *watch, const struct cell *cell, enum access access,
		  struct access_report *report)
{
	int reader;

	if (unlikely(!ordered(watch, cell->write)) &&
	    !(marked(access) && (cell->write & EPOCH_MARKED))) {
		report->before = cell->write & EPOCH_MARKED ? MARKED_WRITE : PLAIN_WRITE;
		report->task_before = cell->write & EPOCH_TASK;
		report->site_before = cell->write_site;
		return false;
	}
	if (!writes(access))
		return true;
	report->before = PLAIN_READ;
	reader = unordered_reader(watch, cell->read, cell->read_site, &report->site_before);
	if (likely(reader < 0) && !marked(access)) {
		report->before = MARKED_READ;
		reader = unordered_reader(watch, cell->marked_read, cell->marked_read_site,
					  &report->site_before);
	}
	report->task_before = (unsigned int)reader;
	return reader < 0;
}

static void note(struct watch *watch, struct cell *cell, enum access access, int32_t site)
{
	switch (access) {
	case PLAIN_READ:
		note_read(watch, &cell->read, &cell->read_site, site);
		break;
	case MARKED_READ:
		note_read(watch, &cell->marked_read, &cell->marked_read_site, site);
		break;
	case PLAIN_WRITE:
		cell->marked_read =
			0; /* all that read it before are ordered, or it would be a race */
		__attribute__((fallthrough));
	case MARKED_WRITE:
		cell->read = 0;
		cell->write = watch->epoch | (marked(access) ? EPOCH_MARKED : 0);
		cell->write_site = site;
		break;
	}
}

/* ---- One access ------------------------------------------------------------------------------------------------ */

static struct range *promoted_at(struct watch *watch, size_t offset, size_t size)
{
	for (unsigned int i = 0; i < watch->nr_promoted; i++) {
		struct range *range = &watch->promoted[i];

		if (offset < range->offset + range->size && range->offset < offset + size)
			return range;
	}
	return NULL;
}

static void check_and_note(struct watch *watch, struct cell *cell, enum access access,
			   struct access_report *report)
{
	if (unlikely(!check(watch, cell, access, report)))
		report_race(watch, report);
	note(watch, cell, access, report->site);
}

/* From now on, the bytes of this granule are known one by one. */
static void split(struct watch *watch, struct cell *cell)
{
	if (watch->nr_bytes + GRANULE > watch->max_bytes) {
		struct cell *bytes =
			realloc(watch->bytes, 2ul * watch->max_bytes * sizeof(*watch->bytes));

		if (!bytes)
			explored_die("out of memory");
		watch->bytes = bytes;
		watch->max_bytes *= 2;
	}
	cell->bytes = watch->nr_bytes;
	watch->nr_bytes += GRANULE;
	for (unsigned int i = 0; i < GRANULE; i++) {
		watch->bytes[cell->bytes + i] = *cell;
		watch->bytes[cell->bytes + i].bytes = 0;
	}
	cell->read = cell->write = cell->marked_read = 0; /* so that no quick look ends here */
}

/* Everything that came before is ordered, and is so by a look at one clock. */
static inline __attribute__((always_inline)) bool
plainly_ordered(const struct watch *watch, const struct cell *cell, enum access access)
{
	if (cell->bytes || !ordered(watch, cell->write))
		return false;
	if (!writes(access))
		return true;
	return !((cell->read | cell->marked_read) & EPOCH_SHARED) && ordered(watch, cell->read) &&
	       ordered(watch, cell->marked_read);
}

static inline __attribute__((always_inline)) void
note_quickly(struct watch *watch, struct cell *cell, enum access access, int32_t site)
{
	if (writes(access)) {
		cell->write = watch->epoch;
		cell->write_site = site;
		cell->read = cell->marked_read = 0;
	} else if (likely(!(cell->read & EPOCH_SHARED) && ordered(watch, cell->read))) {
		cell->read = watch->epoch;
		cell->read_site = site;
	} else {
		note_read(watch, &cell->read, &cell->read_site, site);
	}
}

/* The part of the access in one granule. */
static void access_granule(struct watch *watch, size_t offset, size_t size, enum access access,
			   struct access_report *report)
{
	struct cell *cell = &watch->cells[offset / GRANULE];

	if (likely(size == GRANULE && !marked(access) && plainly_ordered(watch, cell, access))) {
		note_quickly(watch, cell, access, report->site);
		return;
	}
	if (size == GRANULE && !cell->bytes) {
		check_and_note(watch, cell, access, report);
		return;
	}
	if (!cell->bytes)
		split(watch, cell);
	for (size_t i = 0; i < size; i++)
		check_and_note(watch, &watch->bytes[cell->bytes + offset % GRANULE + i], access,
			       report);
}

static struct watch_page *page_in_use(struct watch *watch, size_t offset, size_t size)
{
	struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
	unsigned int first = offset % PAGE_BYTES / 64, last = (offset % PAGE_BYTES + size - 1) / 64;

	if (page->execution != watch->execution) {
		page->execution = watch->execution;
		page->whole_used = false;
		page->used = 0;
	}
	page->used |= ~0ull << first & ~0ull >> (63 - last);
	return page;
}

static bool any_dead(const struct watch_page *page, size_t offset, size_t size)
{
	size_t first = offset % PAGE_BYTES / 8, last = (offset % PAGE_BYTES + size - 1) / 8;

	for (size_t at = first; at <= last; at++)
		if (page->dead[at / 64] >> at % 64 & 1)
			return true;
	return false;
}

/* Within one page, and not all of it. */
static void access_part(struct watch *watch, size_t offset, size_t size, enum access access,
			int32_t site)
{
	struct watch_page *page = page_in_use(watch, offset, size);
	struct access_report report = {
		.offset = offset, .size = size, .now = access, .site = site
	};

	if (unlikely(any_dead(page, offset, size)))
		report_dead(watch, offset, size, access, site);
	if (unlikely(!check(watch, &page->whole, access, &report)))
		report_race(watch, &report);
	for (size_t end = offset + size; offset < end;) {
		size_t next = min(ALIGN_DOWN(offset + GRANULE, (size_t)GRANULE), end);

		access_granule(watch, offset, next - offset, access, &report);
		offset = next;
	}
}

/* No quick look may end there. */
static void forget_cells(struct watch *watch, size_t offset, size_t size)
{
	struct watch_page *page = &watch->pages[offset / PAGE_BYTES];

	for (size_t at = offset; at < offset + size; at += GRANULE) {
		struct cell *cell = &watch->cells[at / GRANULE];

		if (at % 64 == 0 && !(page->used >> at % PAGE_BYTES / 64 & 1)) {
			at += 64 - GRANULE;
			continue;
		}
		cell->read = cell->write = cell->marked_read = 0;
		for (unsigned int i = 0; cell->bytes && i < GRANULE; i++) {
			struct cell *byte = &watch->bytes[cell->bytes + i];

			byte->read = byte->write = byte->marked_read = 0;
		}
	}
	if (size == PAGE_BYTES)
		page->used = 0;
}

/* Every cell of the page that this execution has touched. */
static void access_page(struct watch *watch, size_t offset, enum access access, int32_t site)
{
	struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
	struct access_report report = {
		.offset = offset, .size = PAGE_BYTES, .now = access, .site = site
	};
	uint64_t used = page->execution == watch->execution ? page->used : 0;

	if (unlikely(any_dead(page, offset, PAGE_BYTES)))
		report_dead(watch, offset, PAGE_BYTES, access, site);
	for (; used; used &= used - 1) {
		size_t at = offset + 64ul * (unsigned int)__builtin_ctzll(used);

		for (size_t end = at + 64; at < end; at += GRANULE) {
			const struct cell *cell = &watch->cells[at / GRANULE];
			unsigned int nr = cell->bytes ? GRANULE : 1;

			report.offset = ALIGN_DOWN(at, 8ul);
			report.size = 8;
			if (cell->bytes)
				cell = &watch->bytes[cell->bytes];
			for (unsigned int i = 0; i < nr; i++)
				if (unlikely(!check(watch, &cell[i], access, &report)))
					report_race(watch, &report);
		}
	}
	report.offset = offset;
	report.size = PAGE_BYTES;
	check_and_note(watch, &page->whole, access, &report);
	if (page->execution != watch->execution) {
		page->execution = watch->execution;
		page->used = 0;
	}
	page->whole_used = true;
	if (writes(access))
		forget_cells(watch, offset, PAGE_BYTES); /* they are ordered before this */
}

/* What the reduction knows as one object is touched as a whole or not at all. */
__noreturn static void widen(struct watch *watch, const struct range *range, size_t offset,
			     size_t size, struct access_report *report)
{
	size_t start = min(range->offset, offset);

	report->offset = start;
	report->size = max(range->offset + range->size, offset + size) - start;
	report->before = report->now;
	report->site_before = report->site;
	report->task_before = watch->x->running->id;
	report_race(watch, report);
}

/* => true: it was a step */
static bool access_promoted(struct watch *watch, size_t offset, size_t size, enum access access,
			    const void *site)
{
	struct range *range = promoted_at(watch, offset, size);
	struct access_report report = { .now = access, .site = near_site(site) };

	if (!range)
		return false;
	if (offset < range->offset || offset + size > range->offset + range->size)
		widen(watch, range, offset, size, &report);
	if (any_dead(&watch->pages[offset / PAGE_BYTES], offset, size))
		report_dead(watch, offset, size, access, report.site);
	explored_point(watch->x, (struct explored_step){
					 .kind = writes(access) ? EXPLORED_WRITE : EXPLORED_READ,
					 .object = (const void *)(watch->base + range->offset),
					 .arg = (unsigned int)size,
					 .class = EXPLORED_NO_CLASS,
					 .plain = true,
					 .site = site,
				 });
	return true;
}

static void slow_access(struct watch *watch, size_t offset, size_t size, enum access access,
			const void *site)
{
	while (size) {
		size_t part = min(size, PAGE_BYTES - offset % PAGE_BYTES);

		if (unlikely(watch->pages[offset / PAGE_BYTES].promoted) &&
		    access_promoted(watch, offset, part, access, site))
			;
		else if (part == PAGE_BYTES)
			access_page(watch, offset, access, near_site(site));
		else
			access_part(watch, offset, part, access, near_site(site));
		offset += part;
		size -= part;
	}
}

/* Not in the range that is watched: the task's own stack, or what belongs to the host. */
static inline bool watched(const struct watch *watch, const void *at)
{
	return (uintptr_t)at - watch->base < watch->size;
}

static void access_range(const volatile void *at, size_t size, enum access access, const void *site)
{
	struct watch *watch = watch_current;

	if (watch && watched(watch, (const void *)(uintptr_t)at))
		slow_access(watch, (uintptr_t)at - watch->base, size, access, site);
}

/* ---- Steps ----------------------------------------------------------------------------------------------------------- */

static void marked_access(struct watch *watch, const struct explored_step *step, size_t size,
			  bool write)
{
	size_t offset = (uintptr_t)step->object - watch->base;

	if (!watched(watch, step->object))
		return;
	if (unlikely(watch->pages[offset / PAGE_BYTES].promoted)) {
		const struct range *range = promoted_at(watch, offset, size);
		struct access_report report = { .now = write ? MARKED_WRITE : MARKED_READ,
						.site = near_site(step->site) };

		if (range &&
		    (range->offset > offset || range->offset + range->size < offset + size))
			widen(watch, range, offset, size, &report);
		if (range)
			return; /* that is what the step is about */
	}
	access_part(watch, offset, size, write ? MARKED_WRITE : MARKED_READ, near_site(step->site));
}

/* A lock is no word, but it must be alive. */
static void check_alive(struct watch *watch, const struct explored_step *step)
{
	size_t offset = (uintptr_t)step->object - watch->base;

	if (watched(watch, step->object) &&
	    unlikely(any_dead(&watch->pages[offset / PAGE_BYTES], offset, 1)))
		report_dead(watch, offset, 1, MARKED_WRITE, near_site(step->site));
}

static const void *readers_of(const void *sem)
{
	return (const char *)sem + 1;
}

static void order_word(struct watch *watch, const struct explored_step *step, unsigned int task)
{
	switch (step->kind) {
	case EXPLORED_WRITE:
		marked_access(watch, step, step->arg, true);
		release_only(watch, step->object, task);
		break;
	case EXPLORED_MODIFY:
		marked_access(watch, step, step->arg, true);
		acquire(watch, step->object);
		release(watch, step->object, task);
		break;
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_TRYLOCK:
	case EXPLORED_BIT_UNLOCK:
		marked_access(watch, step, sizeof(atomic_t), true);
		acquire(watch, step->object);
		release(watch, step->object, task);
		break;
	case EXPLORED_READ:
		marked_access(watch, step, step->arg, false);
		acquire(watch, step->object);
		break;
	default: /* EXPLORED_AWAIT, EXPLORED_SEQ_BEGIN, EXPLORED_BIT_WAIT */
		marked_access(watch, step, sizeof(atomic_t), false);
		acquire(watch, step->object);
		break;
	}
}

static void order_rwsem(struct watch *watch, const struct explored_step *step, unsigned int task)
{
	const struct rwsem *sem = step->object;

	check_alive(watch, step);
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
		check_alive(watch, step);
		acquire(watch, step->object);
		break;
	case EXPLORED_TRYLOCK:
		check_alive(watch, step);
		if (!((const struct explored_lock *)step->object)->owner)
			acquire(watch, step->object);
		break;
	case EXPLORED_UNLOCK:
		check_alive(watch, step);
		release(watch, step->object, task);
		break;
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_WAIT_SLEEP:
		check_alive(watch, step);
		acquire(watch, step->object);
		break;
	case EXPLORED_WAKE:
		check_alive(watch, step);
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

bool explored_promoted(const struct explored *x, unsigned int nth, size_t *offset, size_t *size)
{
	if (!x->watch || nth >= x->watch->nr_promoted)
		return false;
	*offset = x->watch->promoted[nth].offset;
	*size = x->watch->promoted[nth].size;
	return true;
}

/* ---- Lives ------------------------------------------------------------------------------------------------------------- */

static void note_life(struct watch *watch, const struct life *life)
{
	if (watch->nr_lives == watch->max_lives) {
		size_t max = watch->max_lives ? 2 * watch->max_lives : 1024;
		struct life *lives = realloc(watch->lives, max * sizeof(*lives));

		if (!lives)
			explored_die("out of memory");
		watch->lives = lives;
		watch->max_lives = max;
	}
	watch->lives[watch->nr_lives++] = *life;
}

/* Bits [@first, @first + @nr). */
static void mark_bits(uint64_t *words, size_t first, size_t nr, bool set)
{
	while (nr) {
		size_t part = min(nr, 64 - first % 64);
		uint64_t mask = ~0ull >> (64 - part) << first % 64;

		if (set)
			words[first / 64] |= mask;
		else
			words[first / 64] &= ~mask;
		first += part;
		nr -= part;
	}
}

static void mark_dead(struct watch *watch, size_t offset, size_t size, bool dead)
{
	while (size) {
		struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
		size_t part = min(size, PAGE_BYTES - offset % PAGE_BYTES);

		if (!page->changed) {
			page->changed = true;
			watch->changed[watch->nr_changed++] = (unsigned int)(offset / PAGE_BYTES);
		}
		mark_bits(page->dead, offset % PAGE_BYTES / 8, part / 8, dead);
		offset += part;
		size -= part;
	}
}

static struct life life_of(struct watch *watch, const void *at, size_t size, const char *what,
			   const void *site)
{
	return (struct life){
		.offset = (uintptr_t)at - watch->base,
		.size = size,
		.what = what,
		.site = near_site(site),
		.task = watch->x->scheduling ? watch->x->running->id : RUNNERS_MAX,
	};
}

static struct watch *watch_of(const void *at)
{
	struct watch *watch = explored_current ? explored_current->watch : NULL;

	return watch && watched(watch, at) ? watch : NULL;
}

void explored_memory_handed_out(const void *at, size_t size, const char *what)
{
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, size, what, __builtin_return_address(0));
	note_life(watch, &life);
	mark_dead(watch, life.offset, size, false);
}

/* To free is to write: what others did with it is ordered before. */
void explored_memory_taken_back(const void *at, size_t size)
{
	const void *site = __builtin_return_address(0);
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, size, NULL, site);
	life.end = true;
	access_range(at, size, PLAIN_WRITE, site);
	note_life(watch, &life);
	mark_dead(watch, life.offset, size, true);
	for (size_t offset = life.offset, end = offset + size; watch_current && offset < end;) {
		size_t part = min(end - offset, PAGE_BYTES - offset % PAGE_BYTES);

		forget_cells(watch, offset, part);
		offset += part;
	}
}

void explored_memory_named(const void *at, size_t nr, size_t size, const char *what)
{
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, nr * size, what, __builtin_return_address(0));
	life.stride = size;
	note_life(watch, &life);
}

/* ---- Blocks: where lib/'s functions are called from the core --------------------------------------------------------------- */

/*
 * A part of the block at a time, as some of it may be an object of steps.  @part does what is to be
 * done with a part, after the step.
 */
static void each_part(const void *at, size_t size, enum access access, const void *site,
		      void (*part)(void *arg, size_t offset, size_t size), void *arg)
{
	struct watch *watch = watch_current;
	size_t base = (uintptr_t)at - (watch ? watch->base : 0);

	if (!watch || !watch->nr_promoted || !watched(watch, at)) {
		access_range(at, size, access, site);
		part(arg, 0, size);
		return;
	}
	for (size_t done = 0; done < size;) {
		size_t len = min(size - done, PAGE_BYTES - (base + done) % PAGE_BYTES);
		const struct range *range = promoted_at(watch, base + done, len);

		if (range && range->offset > base + done)
			len = range->offset - (base + done);
		else if (range)
			len = min(len, range->offset + range->size - (base + done));
		slow_access(watch, base + done, len, access, site);
		part(arg, done, len);
		done += len;
	}
}

struct block {
	unsigned char *to;
	const unsigned char *from;
	unsigned char byte;
	bool filled;
};

static void copy_part(void *arg, size_t offset, size_t size)
{
	const struct block *block = arg;

	block_copy(block->to + offset, block->from + offset, size);
}

static void fill_part(void *arg, size_t offset, size_t size)
{
	const struct block *block = arg;

	block_fill(block->to + offset, block->byte, size);
}

static void look_at_part(void *arg, size_t offset, size_t size)
{
	struct block *block = arg;

	block->filled &= block_is_filled(block->from + offset, block->byte, size);
}

static void nothing(void *arg, size_t offset, size_t size)
{
	(void)arg, (void)offset, (void)size;
}

/* All of it is read before any of it is written: each step does what it says. */
void explored_block_copy(void *to, const void *from, size_t len)
{
	const void *site = __builtin_return_address(0);
	struct watch *watch = watch_current;
	struct block block = { .to = to, .from = from };

	if (likely(!watch || !watch->nr_promoted)) {
		each_part(from, len, PLAIN_READ, site, nothing, NULL);
		each_part(to, len, PLAIN_WRITE, site, copy_part, &block);
		return;
	}
	for (size_t done = 0; done < len; done += PAGE_BYTES) {
		unsigned char buffer[PAGE_BYTES];
		size_t part = min(len - done, (size_t)PAGE_BYTES);

		block = (struct block){ .to = buffer, .from = (const unsigned char *)from + done };
		each_part(block.from, part, PLAIN_READ, site, copy_part, &block);
		block = (struct block){ .to = (unsigned char *)to + done, .from = buffer };
		each_part(block.to, part, PLAIN_WRITE, site, copy_part, &block);
	}
}

void explored_block_fill(void *to, unsigned char byte, size_t len)
{
	struct block block = { .to = to, .byte = byte };

	each_part(to, len, PLAIN_WRITE, __builtin_return_address(0), fill_part, &block);
}

void explored_block_zero(void *to, size_t len)
{
	struct block block = { .to = to };

	each_part(to, len, PLAIN_WRITE, __builtin_return_address(0), fill_part, &block);
}

bool explored_block_is_filled(const void *at, unsigned char byte, size_t len)
{
	struct block block = { .from = at, .byte = byte, .filled = true };

	each_part(at, len, PLAIN_READ, __builtin_return_address(0), look_at_part, &block);
	return block.filled;
}

/* ---- What the compiler calls before each plain access --------------------------------------------------------------------------- */

/*
 * Most accesses are to what the task has touched since its last release: nothing can have come in
 * between that was not seen then.
 */
static inline __attribute__((always_inline)) bool seen(const struct watch *watch, size_t offset,
						       size_t size, enum access access)
{
	const struct cell *cell = &watch->cells[offset / GRANULE];
	bool all = size >= GRANULE;

	for (size_t i = 0; i < size / GRANULE; i++)
		all &= cell[i].write == watch->epoch ||
		       (!writes(access) && cell[i].read == watch->epoch);
	return all;
}

/* The rest of most.  => false: look closely */
static inline __attribute__((always_inline)) bool
quick(struct watch *watch, size_t offset, size_t size, enum access access, const void *site)
{
	struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
	struct cell *cell = &watch->cells[offset / GRANULE];
	size_t eighth = offset % PAGE_BYTES / 8;

	if (size < GRANULE || size > 8 || page->execution != watch->execution || page->promoted ||
	    page->whole_used || page->dead[eighth / 64] >> eighth % 64 & 1)
		return false;
	for (size_t i = 0; i < size / GRANULE; i++)
		if (!plainly_ordered(watch, &cell[i], access))
			return false;
	for (size_t i = 0; i < size / GRANULE; i++)
		note_quickly(watch, &cell[i], access, near_site(site));
	page->used |= 1ull << offset % PAGE_BYTES / 64;
	return true;
}

/* Out of line, so that an access that nobody looks at costs a call and a test. */
static inline __attribute__((always_inline)) void access_word(struct watch *watch, const void *at,
							      size_t size, enum access access,
							      const void *site)
{
	size_t offset = (uintptr_t)at - watch->base;

	if (offset >= watch->size || likely(seen(watch, offset, size, access)) ||
	    likely(quick(watch, offset, size, access, site)))
		return;
	slow_access(watch, offset, size, access, site);
}

#define CALLBACK(what, size, access)                                                               \
	static __attribute__((noinline)) void watched_##what##size(                                \
		struct watch *watch, const void *at, const void *site)                             \
	{                                                                                          \
		access_word(watch, at, size, access, site);                                        \
	}                                                                                          \
	void __tsan_##what##size(void *at);                                                        \
	void __tsan_##what##size(void *at)                                                         \
	{                                                                                          \
		struct watch *watch = watch_current;                                               \
                                                                                                   \
		if (unlikely(watch))                                                               \
			watched_##what##size(watch, at, __builtin_return_address(0));              \
	}

#define CALLBACKS(size)                                                                            \
	CALLBACK(read, size, PLAIN_READ)                                                           \
	CALLBACK(write, size, PLAIN_WRITE)                                                         \
	void __tsan_unaligned_read##size(void *at);                                                \
	void __tsan_unaligned_read##size(void *at)                                                 \
	{                                                                                          \
		access_range(at, size, PLAIN_READ, __builtin_return_address(0));                   \
	}                                                                                          \
	void __tsan_unaligned_write##size(void *at);                                               \
	void __tsan_unaligned_write##size(void *at)                                                \
	{                                                                                          \
		access_range(at, size, PLAIN_WRITE, __builtin_return_address(0));                  \
	}                                                                                          \
	/* The verbs' own: the step has been noted. */                                             \
	void __tsan_volatile_read##size(void *at);                                                 \
	void __tsan_volatile_read##size(void *at)                                                  \
	{                                                                                          \
		(void)at;                                                                          \
	}                                                                                          \
	void __tsan_volatile_write##size(void *at);                                                \
	void __tsan_volatile_write##size(void *at)                                                 \
	{                                                                                          \
		(void)at;                                                                          \
	}

CALLBACKS(1)
CALLBACKS(2)
CALLBACKS(4)
CALLBACKS(8)
CALLBACKS(16)

void __tsan_read_range(void *at, long size);
void __tsan_read_range(void *at, long size)
{
	access_range(at, (size_t)size, PLAIN_READ, __builtin_return_address(0));
}

void __tsan_write_range(void *at, long size);
void __tsan_write_range(void *at, long size)
{
	access_range(at, (size_t)size, PLAIN_WRITE, __builtin_return_address(0));
}

void __tsan_init(void);
void __tsan_init(void)
{
}
