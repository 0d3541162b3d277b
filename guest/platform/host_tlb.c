// SPDX-License-Identifier: MIT
/*
 * host_tlb.c - the host's mappings of a guest, as a TLB that the core fills and flushes
 *
 * What a stub has mapped is a cache of the core's page tables.  host_pages.h records what it may
 * have mapped; a mapping that is not recorded does not exist, or is about to go before anybody can
 * use it.  The rules that keep guest stores from getting lost:
 *
 *  1. A fill is recorded and settled in the reply of the thread that faulted, under the table lock
 *     under which the core read the entry.  From then on that thread counts as running, though its
 *     reply may not have left us yet: so a flush never falls between walk and issue.
 *  2. A flush forgets the pages and notes, in one critical section, which threads run with a reply
 *     not yet executed that touches them.  It waits until they have executed it: else their fill
 *     could land after the unmapping.
 *  3. Then the mappings go: by the helper, a thread of the stub, and the flush waits for it.  Or,
 *     if nobody of the address space runs, by a command in the reply of the parked thread, which
 *     executes it before anything else; no wait.
 *  4. Flushes of one address space follow each other: one that finds a page forgotten by another
 *     must not return before that other has been executed.
 *  5. Evictions change no truth and need no wait; but they forget pages too, hence rule 2 looks at
 *     all commands in flight, not only at fills.
 *
 * A page may be recorded and yet not mapped, for instance when a fill for a new entry and a flush
 * for the old one meet: then it faults once more.  So a fill maps the page that faulted whatever
 * is recorded.
 *
 * Only unmapping and narrowing by the stub itself are used.  Write protection through userfaultfd
 * from outside was considered: it costs less for a page that is not in use, but it leaves the old
 * frame readable, which a flush must not, and it keeps neighbouring mappings from merging.
 *
 * The host limits mappings (vm.max_map_count).  Pages at contiguous addresses in contiguous frames
 * with equal rights share one; beyond a share of the limit the oldest regions are unmapped.
 */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Regions evicted one by one, before everything is. */
#define EVICT_REGIONS 64
static_assert(EVICT_REGIONS + GW_TLB_FILL_MAX <= FILL_COMMANDS_MAX, "a fill has room in a reply");

#define MANY_COMMANDS 64

static int prot_of(host_page_t page)
{
	return PROT_READ | (page & HOST_PAGE_WRITE ? PROT_WRITE : 0) |
	       (page & HOST_PAGE_EXEC ? PROT_EXEC : 0);
}

/* ---- Birth and death of an address space ----------------------------------------------------- */

static int tlb_mm_init(void *host, struct mm *mm)
{
	struct platform *platform = host;
	struct host_tlb *tlb = calloc(1, sizeof(*tlb));

	if (!tlb)
		return -ENOMEM;
	tlb->platform = platform;
	pthread_mutex_init(&tlb->flushing, NULL);
	pthread_mutex_init(&tlb->lock, NULL);
	host_pages_init(&tlb->pages);
	platform->core->mm_set_user(mm, tlb);
	return 0;
}

static void tlb_mm_exit(void *host, struct mm *mm)
{
	const struct platform *platform = host;
	struct host_tlb *tlb = platform->core->mm_user(mm);

	assert(!tlb->process); /* it runs something else, or is gone */
	host_pages_clear(&tlb->pages);
	pthread_mutex_destroy(&tlb->lock);
	pthread_mutex_destroy(&tlb->flushing);
	free(tlb);
}

static void lock_whole(struct host_tlb *tlb)
{
	pthread_mutex_lock(&tlb->flushing);
	pthread_mutex_lock(&tlb->lock);
}

static void unlock_whole(struct host_tlb *tlb)
{
	pthread_mutex_unlock(&tlb->lock);
	pthread_mutex_unlock(&tlb->flushing);
}

/*
 * Its mappings of the old address space stay until its reply is executed.  That is soon enough:
 * its only thread is parked, and its reply begins with their end.
 */
void host_tlb_attach(struct platform_process *process, struct mm *mm)
{
	struct host_tlb *old = process->tlb;
	struct host_tlb *tlb = mm ? process->platform->core->mm_user(mm) : NULL;

	if (old) {
		lock_whole(old);
		old->process = NULL;
		host_pages_clear(&old->pages);
		process->tlb = NULL;
		unlock_whole(old);
	}
	process->mm = mm;
	process->thread.reply.nr = 0;
	if (!tlb)
		return;
	lock_whole(tlb);
	tlb->process = process;
	process->tlb = tlb;
	host_tlb_forget_all(tlb);
	unlock_whole(tlb);
}

bool host_tlb_reserve(struct host_tlb *tlb, unsigned long addr)
{
	bool done;

	pthread_mutex_lock(&tlb->lock);
	done = host_pages_reserve(&tlb->pages, addr);
	pthread_mutex_unlock(&tlb->lock);
	return done;
}

/* Segment bases are no mappings: they stay in the reply. */
void host_tlb_forget_all(struct host_tlb *tlb)
{
	struct reply *reply = &tlb->process->thread.reply;
	int nr = reply->nr;

	host_pages_clear(&tlb->pages);
	reply->nr = 0;
	for (int i = 0; i < nr; i++) {
		struct stub_command command = reply->commands[i];

		if (command.op == STUB_SET_FS || command.op == STUB_SET_GS)
			reply_add(reply, &command);
	}
	reply_add(reply, &(struct stub_command){ .op = STUB_MUNMAP_ALL });
}

/* ---- Filling --------------------------------------------------------------------------------- */

/* Pages that one command maps: contiguous addresses, contiguous frames, equal rights. */
struct run {
	struct host_region *region;
	int first, nr;
	host_page_t page; /* of the first */
};

static bool page_in_entries(const struct gw_tlb_entry *entries, int nr, unsigned long addr,
			    host_page_t page)
{
	for (int i = 0; i < nr; i++)
		if (entries[i].addr == addr)
			return page == host_page(entries[i].pfn, entries[i].write, entries[i].exec);
	return false;
}

/* May @index, which would have to be @page, join the run?  Not if it is mapped so already. */
static bool wanted_too(const struct run *run, int index, host_page_t page,
		       const struct gw_tlb_entry *entries, int nr)
{
	unsigned long addr = run->region->base + ((unsigned long)index << HOST_PAGE_SHIFT);

	return index >= 0 && index < HOST_REGION_PAGES && run->region->pages[index] != page &&
	       page_in_entries(entries, nr, addr, page);
}

/* The page of @entry, and around it what the same command can map. */
static struct run find_run(struct host_region *region, const struct gw_tlb_entry *entry,
			   const struct gw_tlb_entry *entries, int nr)
{
	const host_page_t step = 1u << HOST_PAGE_PFN_SHIFT;
	host_page_t page = host_page(entry->pfn, entry->write, entry->exec);
	struct run run = { region, host_page_index(entry->addr), 1, page };

	while (wanted_too(&run, run.first + run.nr, run.page + (host_page_t)run.nr * step, entries,
			  nr))
		run.nr++;
	while (wanted_too(&run, run.first - 1, run.page - step, entries, nr)) {
		run.first--;
		run.nr++;
		run.page -= step;
	}
	return run;
}

static bool mapped_already(const struct host_region *region, const struct gw_tlb_entry *entry)
{
	return region->pages[host_page_index(entry->addr)] ==
	       host_page(entry->pfn, entry->write, entry->exec);
}

static void map_run(struct host_tlb *tlb, const struct run *run)
{
	unsigned long pfn = run->page >> HOST_PAGE_PFN_SHIFT;

	for (int i = 0; i < run->nr; i++)
		host_pages_set(&tlb->pages, run->region, run->first + i,
			       run->page + ((host_page_t)i << HOST_PAGE_PFN_SHIFT));
	reply_add(
		&tlb->process->thread.reply,
		&(struct stub_command){
			.op = STUB_MMAP,
			.prot = (uint32_t)prot_of(run->page),
			.addr = run->region->base + ((unsigned long)run->first << HOST_PAGE_SHIFT),
			.len = (unsigned long)run->nr << HOST_PAGE_SHIFT,
			.offset = pfn << HOST_PAGE_SHIFT,
		});
	count(tlb->platform, fills, 1);
	count(tlb->platform, fill_pages, run->nr);
}

/*
 * The page that faulted whatever is recorded, since it faulted; and its neighbours, in as many
 * commands as their frames need: after a migration neighbours have no neighbouring frames.  A command
 * costs the guest one call of the host, a fault a signal and two hand-overs; where both sides
 * share one CPU a program would do little but fault its pages in again one by one.
 */
static void map_entries(struct host_tlb *tlb, struct host_region *region,
			const struct gw_tlb_entry *entries, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct run run;

		if (i > 0 && (mapped_already(region, &entries[i]) ||
			      tlb->pages.nr_vmas >= tlb->platform->vmas_max))
			continue;
		run = find_run(region, &entries[i], entries, nr);
		map_run(tlb, &run);
	}
}

static void evict_region(struct host_tlb *tlb, struct host_region *region)
{
	reply_add(&tlb->process->thread.reply, &(struct stub_command){
						       .op = STUB_MUNMAP,
						       .addr = region->base,
						       .len = HOST_REGION_SIZE,
					       });
	count(tlb->platform, evictions, region->nr_pages);
	host_pages_drop(&tlb->pages, region);
}

/* Room for one more mapping beside @keep's.  => what is kept; NULL: no memory */
static struct host_region *evict(struct host_tlb *tlb, struct host_region *keep)
{
	unsigned long addr = keep->base;

	for (int i = 0; i < EVICT_REGIONS && tlb->pages.nr_vmas >= tlb->platform->vmas_max; i++) {
		struct host_region *oldest =
			list_first_entry(&tlb->pages.order, struct host_region, order);

		if (oldest == keep) {
			list_move_tail(&oldest->order, &tlb->pages.order);
			continue;
		}
		evict_region(tlb, oldest);
	}
	if (tlb->pages.nr_vmas < tlb->platform->vmas_max)
		return keep;
	/* Thinly spread pages: all at once. */
	count(tlb->platform, evictions, tlb->pages.nr_pages);
	host_tlb_forget_all(tlb);
	return host_pages_reserve(&tlb->pages, addr);
}

/* => the table lock of the entries is held */
static void tlb_fill(void *host, struct mm *mm, int cpu, const struct gw_tlb_entry *entries, int nr)
{
	struct platform *platform = host;
	struct host_tlb *tlb = platform->core->mm_user(mm);
	struct host_region *region;

	(void)cpu; /* the core's; here each thread has its own translations in one address space */
	pthread_mutex_lock(&tlb->lock);
	region = host_pages_reserve(&tlb->pages, entries[0].addr);
	if (region && tlb->pages.nr_vmas >= platform->vmas_max)
		region = evict(tlb, region);
	if (region)
		map_entries(tlb, region, entries, nr);
	tlb->process->thread.filled_pfn = entries[0].pfn;
	thread_issue(&tlb->process->thread);
	pthread_mutex_unlock(&tlb->lock);
}

/* ---- Flushing -------------------------------------------------------------------------------- */

/*
 * One flush of the ranges of one address space.  It goes through them once, as far as a list of
 * commands has room, and again from there.
 */
struct flush {
	struct host_tlb *tlb;
	enum gw_tlb_flush_kind kind;
	const struct gw_tlb_range *ranges;
	int nr;
	struct mm *mm;

	int range;		 /* where it is */
	unsigned long addr;	 /* in that range */
	unsigned long low, high; /* bounds of all ranges */
};

static bool flush_done(const struct flush *flush)
{
	return flush->range >= flush->nr;
}

/* On to the next range of this address space. */
static void next_range(struct flush *flush)
{
	do {
		flush->range++;
	} while (flush->range < flush->nr && flush->ranges[flush->range].mm != flush->mm);
	if (flush->range < flush->nr)
		flush->addr = flush->ranges[flush->range].start;
}

static bool affected(const struct flush *flush, host_page_t page)
{
	return flush->kind == GW_TLB_UNMAP ? page != 0 : (page & HOST_PAGE_WRITE) != 0;
}

static bool same_command(const struct flush *flush, host_page_t page, host_page_t next)
{
	return affected(flush, next) &&
	       (flush->kind == GW_TLB_UNMAP || (page & HOST_PAGE_EXEC) == (next & HOST_PAGE_EXEC));
}

/* Is nothing recorded in [@start, @end)?  Both lie in one region or end in the next. */
static bool nothing_between(struct host_tlb *tlb, unsigned long start, unsigned long end)
{
	struct host_region *region = host_pages_next(&tlb->pages, start, end);

	if (!region)
		return true;
	if (end - start > HOST_REGION_SIZE)
		return false;
	for (unsigned long addr = max(start, region->base);
	     addr < min(end, region->base + HOST_REGION_SIZE); addr += HOST_PAGE_SIZE)
		if (region->pages[host_page_index(addr)])
			return false;
	return end <= region->base + HOST_REGION_SIZE ||
	       !host_pages_next(&tlb->pages, region->base + HOST_REGION_SIZE, end);
}

/*
 * Unmapping may pass over a gap that nothing is recorded in: it saves a system call, and if a fill
 * that comes meanwhile is hit, its page faults once more.
 */
static bool extend_last(struct flush *flush, struct reply *list, int first_own, unsigned long start,
			unsigned long end)
{
	struct stub_command *last = &list->commands[list->nr - 1];

	if (list->nr == first_own || flush->kind != GW_TLB_UNMAP || last->op != STUB_MUNMAP)
		return false;
	if (start < last->addr + last->len || end - last->addr > STUB_LENGTH_MAX ||
	    !nothing_between(flush->tlb, last->addr + last->len, start))
		return false;
	last->len = end - last->addr;
	return true;
}

/* Forget the pages [@first, @end) of @region and have their mappings changed. */
static void flush_run(struct flush *flush, struct reply *list, int first_own,
		      struct host_region *region, int first, int end)
{
	bool unmap = flush->kind == GW_TLB_UNMAP;
	host_page_t page = region->pages[first] & ~HOST_PAGE_WRITE;
	struct stub_command command = {
		.op = unmap ? STUB_MUNMAP : STUB_MPROTECT,
		.prot = unmap ? 0 : (uint32_t)prot_of(page),
		.addr = region->base + ((unsigned long)first << HOST_PAGE_SHIFT),
		.len = (unsigned long)(end - first) << HOST_PAGE_SHIFT,
	};

	for (int i = first; i < end; i++)
		host_pages_set(&flush->tlb->pages, region, i,
			       unmap ? 0 : region->pages[i] & ~HOST_PAGE_WRITE);
	if (!extend_last(flush, list, first_own, command.addr, command.addr + command.len))
		reply_add(list, &command);
}

/* The part of the present range in @region.  => where it stopped, for want of room or at the end */
static unsigned long flush_region(struct flush *flush, struct reply *list, int first_own, int room,
				  struct host_region *region)
{
	unsigned long start = max(flush->addr, region->base);
	unsigned long end = min(flush->ranges[flush->range].end, region->base + HOST_REGION_SIZE);
	int last = (int)((end - region->base) >> HOST_PAGE_SHIFT);
	int i = host_page_index(start);

	while (i < last) {
		int first = i++;

		if (!affected(flush, region->pages[first]))
			continue;
		if (list->nr >= room)
			return region->base + ((unsigned long)first << HOST_PAGE_SHIFT);
		while (i < last && same_command(flush, region->pages[first], region->pages[i]))
			i++;
		flush_run(flush, list, first_own, region, first, i);
	}
	return end;
}

/* Everything: one command, whatever is mapped. */
static bool flush_everything(struct flush *flush, struct reply *list)
{
	const struct gw_tlb_range *range = &flush->ranges[flush->range];

	if (flush->kind != GW_TLB_UNMAP || flush->addr > STUB_GUEST_LOW ||
	    range->end < STUB_GUEST_TOP || !flush->tlb->pages.nr_pages)
		return false;
	host_pages_clear(&flush->tlb->pages);
	reply_add(list, &(struct stub_command){ .op = STUB_MUNMAP_ALL });
	return true;
}

/* Go through the ranges and compose commands in @list, up to @room. */
static void collect(struct flush *flush, struct reply *list, int room)
{
	struct host_pages *pages = &flush->tlb->pages;
	int first_own = list->nr;

	for (; !flush_done(flush); next_range(flush)) {
		unsigned long end = flush->ranges[flush->range].end;
		struct host_region *region;

		if (list->nr >= room)
			return;
		if (flush_everything(flush, list))
			continue;
		while ((region = host_pages_next(pages, flush->addr, end))) {
			flush->addr = flush_region(flush, list, first_own, room, region);
			if (flush->addr < end && flush->addr < region->base + HOST_REGION_SIZE)
				return; /* no room */
		}
	}
}

/*
 * A command costs about what a fault does, and not every page that is left will be used again: when
 * the commands are many for what would be left, unmap everything.
 */
static bool cheaper_at_once(const struct flush *flush, const struct reply *list)
{
	return list->nr > MANY_COMMANDS && 2 * (unsigned long)list->nr > flush->tlb->pages.nr_pages;
}

/* Is a command in flight that touches the ranges?  Then it must be executed before the flush. */
static bool must_wait(const struct flush *flush, const struct platform_thread *thread)
{
	if (flush->tlb->platform->fault_injection & PLATFORM_NO_WAIT_FOR_FILLS)
		return false;
	return thread->running && thread->issued_low < flush->high &&
	       thread->issued_high > flush->low;
}

/*
 * What the host refuses, it refuses for want of room: then everything is unmapped, which needs
 * none.  It may stay recorded as mapped.
 */
static void order_flush(struct platform_process *process)
{
	count(process->platform, flushes_remote, 1);
	if (!stub_process_order(process))
		return;
	reply_add(&process->orders, &(struct stub_command){ .op = STUB_MUNMAP_ALL });
	if (stub_process_order(process) && !process->dead)
		stub_process_kill(process); /* rather than a stale mapping */
}

/* Forgetting all pages concerns every command in flight. */
static void order_everything(struct flush *flush, struct reply *orders)
{
	host_pages_clear(&flush->tlb->pages);
	flush->low = 0;
	flush->high = STUB_GUEST_TOP;
	orders->nr = 0;
	reply_add(orders, &(struct stub_command){ .op = STUB_MUNMAP_ALL });
}

/* Rule 2 and rule 3's helper, a list at a time. */
static void flush_remote(struct flush *flush, struct platform_process *process)
{
	struct host_tlb *tlb = flush->tlb;

	for (;;) {
		struct platform_thread *thread = &process->thread;
		bool wait;
		uint32_t seq;

		collect(flush, &process->orders, STUB_COMMANDS_MAX);
		if (cheaper_at_once(flush, &process->orders))
			order_everything(flush, &process->orders);
		wait = must_wait(flush, thread);
		seq = thread->seq;
		pthread_mutex_unlock(&tlb->lock);
		if (wait)
			thread_wait_executed(thread, seq);
		if (process->orders.nr)
			order_flush(process);
		pthread_mutex_lock(&tlb->lock);
		if (flush_done(flush) || process->dead)
			return;
	}
}

static void flush_one(struct flush *flush)
{
	struct host_tlb *tlb = flush->tlb;
	struct platform_process *process;

	lock_whole(tlb);
	process = tlb->process;
	if (process && !process->dead) {
		struct platform_thread *thread = &process->thread;

		if (!thread->running) {
			int before = thread->reply.nr;

			collect(flush, &thread->reply, STUB_COMMANDS_MAX - FILL_COMMANDS_MAX);
			if (thread->reply.nr > before)
				count(tlb->platform, flushes_queued, 1);
			if (cheaper_at_once(flush, &thread->reply))
				host_tlb_forget_all(tlb);
		}
		if (!flush_done(flush))
			flush_remote(flush, process);
	}
	unlock_whole(tlb);
}

static bool seen_before(const struct gw_tlb_range *ranges, int i)
{
	for (int k = 0; k < i; k++)
		if (ranges[k].mm == ranges[i].mm)
			return true;
	return false;
}

static void tlb_flush(void *host, const struct gw_tlb_range *ranges, int nr,
		      enum gw_tlb_flush_kind kind)
{
	const struct platform *platform = host;

	if (platform->fault_injection & PLATFORM_NO_FLUSH)
		return;
	for (int i = 0; i < nr; i++) {
		struct flush flush = {
			.tlb = platform->core->mm_user(ranges[i].mm),
			.kind = kind,
			.ranges = ranges,
			.nr = nr,
			.mm = ranges[i].mm,
			.range = i,
			.addr = ranges[i].start,
			.low = ~0ul,
		};

		if (seen_before(ranges, i))
			continue;
		for (int k = i; k < nr; k++) {
			if (ranges[k].mm != flush.mm)
				continue;
			flush.low = min(flush.low, ranges[k].start);
			flush.high = max(flush.high, ranges[k].end);
		}
		flush_one(&flush);
	}
}

const struct gw_tlb_ops host_tlb_ops = {
	.reports_accessed_dirty = false,
	.fill = tlb_fill,
	.flush = tlb_flush,
	.mm_init = tlb_mm_init,
	.mm_exit = tlb_mm_exit,
};
