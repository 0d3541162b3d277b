// SPDX-License-Identifier: MIT
/*
 * watch_access.c - plain accesses: each is checked against what is known of its bytes, and noted
 *
 * A cell knows four bytes.  Where other sizes are in use each byte has a cell, and a page that is
 * touched as a whole has one more, so that to zero or copy it is one access.
 *
 * Nearly all accesses end where the compiler calls, at the end of this file: by a look at a cell or
 * two.
 */
#include "watch_state.h"

#include "block.h"

#include <stdlib.h>
#include <string.h>

/* ---- Checking and noting one cell ------------------------------------------------------------ */

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
		memset(shared->epochs, 0, watch->nr_tasks * sizeof(shared->epochs[0]));
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

/* ---- One access ------------------------------------------------------------------------------ */

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
		watch_report_race(watch, report);
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

/* Of the page nothing but the cells need be looked at, and what is at @offset is alive. */
static inline __attribute__((always_inline)) bool is_plain_page(const struct watch *watch,
								size_t offset)
{
	const struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
	size_t eighth = offset % PAGE_BYTES / 8;

	return page->execution == watch->execution && !page->promoted && !page->whole_used &&
	       !(page->dead[eighth / 64] >> eighth % 64 & 1);
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

/* Nothing of an earlier execution is in use. */
static struct watch_page *page_of(struct watch *watch, size_t offset)
{
	struct watch_page *page = &watch->pages[offset / PAGE_BYTES];

	if (page->execution != watch->execution) {
		page->execution = watch->execution;
		page->whole_used = false;
		page->used = 0;
	}
	return page;
}

/* The lines of 64 bytes of a page that @size bytes at @offset are in, a bit each. */
static uint64_t lines_of(size_t offset, size_t size)
{
	size_t first = offset % PAGE_BYTES / 64, last = (offset % PAGE_BYTES + size - 1) / 64;

	return ~0ull << first & ~0ull >> (63 - last);
}

/*
 * A whole line.  If this execution has not touched it (@used), what is known of it is older, and so
 * ordered.
 */
static void access_line(struct watch *watch, size_t offset, enum access access,
			struct access_report *report, uint64_t used)
{
	struct cell *cells = &watch->cells[offset / GRANULE];
	bool untouched = !(used >> offset % PAGE_BYTES / 64 & 1);

	for (size_t i = 0; i < 64 / GRANULE; i++) {
		struct cell *cell = &cells[i];

		if (cell->write == watch->epoch)
			continue; /* by the same task, with nothing in between */
		if (likely(untouched ? !cell->bytes : plainly_ordered(watch, cell, access)))
			note_quickly(watch, cell, access, report->site);
		else
			access_granule(watch, offset + i * GRANULE, GRANULE, access, report);
	}
}

/* Within one page, and not all of it. */
static void access_part(struct watch *watch, size_t offset, size_t size, enum access access,
			int32_t site)
{
	struct watch_page *page = page_of(watch, offset);
	uint64_t used = page->used;
	struct access_report report = {
		.offset = offset, .size = size, .now = access, .site = site
	};

	page->used |= lines_of(offset, size);
	if (unlikely(any_dead(page, offset, size)))
		watch_report_dead(watch, offset, size, access, site);
	if (page->whole_used && unlikely(!check(watch, &page->whole, access, &report)))
		watch_report_race(watch, &report);
	for (size_t end = offset + size; offset < end;) {
		size_t next = min(ALIGN_DOWN(offset + GRANULE, (size_t)GRANULE), end);

		if (offset % 64 == 0 && end - offset >= 64 && !marked(access)) {
			access_line(watch, offset, access, &report, used);
			next = offset + 64;
		} else {
			access_granule(watch, offset, next - offset, access, &report);
		}
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

void watch_forget(struct watch *watch, size_t offset, size_t size)
{
	for (size_t end = offset + size; offset < end;) {
		size_t part = min(end - offset, PAGE_BYTES - offset % PAGE_BYTES);

		forget_cells(watch, offset, part);
		offset += part;
	}
}

/* Every cell of the page that this execution has touched. */
static void access_page(struct watch *watch, size_t offset, enum access access, int32_t site)
{
	struct watch_page *page = page_of(watch, offset);
	struct access_report report = {
		.offset = offset, .size = PAGE_BYTES, .now = access, .site = site
	};

	if (unlikely(any_dead(page, offset, PAGE_BYTES)))
		watch_report_dead(watch, offset, PAGE_BYTES, access, site);
	for (uint64_t used = page->used; used; used &= used - 1) {
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
					watch_report_race(watch, &report);
		}
	}
	report.offset = offset;
	report.size = PAGE_BYTES;
	check_and_note(watch, &page->whole, access, &report);
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
	watch_report_race(watch, report);
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
		watch_report_dead(watch, offset, size, access, report.site);
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

void watch_access(const volatile void *at, size_t size, enum access access, const void *site)
{
	struct watch *watch = watch_current;

	if (watch && watched(watch, (const void *)(uintptr_t)at))
		slow_access(watch, (uintptr_t)at - watch->base, size, access, site);
}

/* ---- Of steps -------------------------------------------------------------------------------- */

/* Words, one or two granules.  => false: look closely */
static bool quick_marked(struct watch *watch, size_t offset, size_t size, enum access access,
			 int32_t site)
{
	struct cell *cell = &watch->cells[offset / GRANULE];
	struct access_report report;

	if (size % GRANULE || size > 8 || !is_plain_page(watch, offset))
		return false;
	for (size_t i = 0; i < size / GRANULE; i++)
		if (cell[i].bytes || !check(watch, &cell[i], access, &report))
			return false;
	for (size_t i = 0; i < size / GRANULE; i++)
		note(watch, &cell[i], access, site);
	watch->pages[offset / PAGE_BYTES].used |= 1ull << offset % PAGE_BYTES / 64;
	return true;
}

void watch_marked_access(struct watch *watch, const struct explored_step *step, size_t size,
			 bool write)
{
	size_t offset = (uintptr_t)step->object - watch->base;
	enum access access = write ? MARKED_WRITE : MARKED_READ;

	if (!watched(watch, step->object))
		return;
	if (unlikely(watch->pages[offset / PAGE_BYTES].promoted)) {
		const struct range *range = promoted_at(watch, offset, size);
		struct access_report report = { .now = access, .site = near_site(step->site) };

		if (range &&
		    (range->offset > offset || range->offset + range->size < offset + size))
			widen(watch, range, offset, size, &report);
		if (range)
			return; /* that is what the step is about */
	}
	if (!quick_marked(watch, offset, size, access, near_site(step->site)))
		access_part(watch, offset, size, access, near_site(step->site));
}

void watch_lock_access(struct watch *watch, const struct explored_step *step)
{
	size_t offset = (uintptr_t)step->object - watch->base;

	if (watched(watch, step->object) &&
	    unlikely(any_dead(&watch->pages[offset / PAGE_BYTES], offset, 1)))
		watch_report_dead(watch, offset, 1, MARKED_WRITE, near_site(step->site));
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
		watch_access(at, size, access, site);
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
	struct cell *cell = &watch->cells[offset / GRANULE];
	size_t nr = size / GRANULE;

	if (size > 8 || !is_plain_page(watch, offset))
		return false;
	if (size < GRANULE) { /* compilers align what is so small */
		if (!cell->bytes)
			return false;
		cell = &watch->bytes[cell->bytes + offset % GRANULE];
		nr = size;
	}
	for (size_t i = 0; i < nr; i++)
		if (!plainly_ordered(watch, &cell[i], access))
			return false;
	for (size_t i = 0; i < nr; i++)
		note_quickly(watch, &cell[i], access, near_site(site));
	watch->pages[offset / PAGE_BYTES].used |= 1ull << offset % PAGE_BYTES / 64;
	return true;
}

/* Out of line, so that an access that nobody looks at costs a call and a test. */
static inline __attribute__((always_inline)) void
access_word(struct watch *watch, const void *at, size_t size, enum access access, const void *site)
{
	size_t offset = (uintptr_t)at - watch->base;

	if (likely(seen(watch, offset, size, access)) ||
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
		if (unlikely(watch) && watched(watch, at))                                         \
			watched_##what##size(watch, at, __builtin_return_address(0));              \
	}

#define CALLBACKS(size)                                                                            \
	CALLBACK(read, size, PLAIN_READ)                                                           \
	CALLBACK(write, size, PLAIN_WRITE)                                                         \
	void __tsan_unaligned_read##size(void *at);                                                \
	void __tsan_unaligned_read##size(void *at)                                                 \
	{                                                                                          \
		watch_access(at, size, PLAIN_READ, __builtin_return_address(0));                   \
	}                                                                                          \
	void __tsan_unaligned_write##size(void *at);                                               \
	void __tsan_unaligned_write##size(void *at)                                                \
	{                                                                                          \
		watch_access(at, size, PLAIN_WRITE, __builtin_return_address(0));                  \
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
	watch_access(at, (size_t)size, PLAIN_READ, __builtin_return_address(0));
}

void __tsan_write_range(void *at, long size);
void __tsan_write_range(void *at, long size)
{
	watch_access(at, (size_t)size, PLAIN_WRITE, __builtin_return_address(0));
}

void __tsan_init(void);
void __tsan_init(void)
{
}
