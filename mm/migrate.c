// SPDX-License-Identifier: MIT
/*
 * migrate.c - moving folios to other frames under those who use them
 *
 * A folio moves in two walks of its reverse map.  The first replaces every entry that maps it by a
 * migration entry, on which faults wait; then the contents are copied; the second replaces the
 * migration entries by entries for the new frame.  Between the walks the folio is locked, and that
 * lock is the promise that somebody will come back for the migration entries.
 *
 * Folios move in batches: all are locked and unmapped, then translations are flushed once, then
 * each is copied and put back.  A batch holds many folio locks, of which it may wait for none: it
 * only tries, as somebody who holds the second could be waiting for the first.  What a batch leaves
 * is tried again one at a time, and then the lock may be waited for, unless the mode says no.
 * Linux 2ef7dbb26999 ("migrate_pages: try migrate in batch asynchronously firstly").
 *
 *	CPU A: migration			CPU B: a guest's store
 *	lock folio, isolate
 *	walk 1: entry := migration entry
 *						store through a cached translation: old frame
 *	flush					the next store faults, waits on the folio lock
 *	nobody else has a reference? copy
 *	walk 2: entry := new frame
 *	unlock					goes on, in the new frame
 *
 * A reference that is not accounted for (a COW fault that is copying from the old frame) means that
 * somebody still looks at the old frame: the migration gives up with "again".
 *
 * Locks: the folio locks, inside them the rmap locks and table locks.  mmap_lock is held only while
 * folios are collected.
 * Linux: mm/migrate.c (6.12: migrate_pages_batch, migrate_folio_unmap, migrate_folio_move).  Ours copies a batch in one go.
 */
#include "migrate.h"

#include "anon_vma.h"
#include "filemap.h"
#include "lru.h"
#include "machine.h"
#include "mm.h"
#include "rmap.h"
#include "tlb.h"

#include <errno.h>

/* Passes over a batch before it is tried one by one.  Linux: NR_MAX_MIGRATE_ASYNC_RETRY. */
#define BATCH_PASSES 3

/* Entries that a walk over a table looks ahead. */
#define PREFETCH_AHEAD 8

/*
 * One call of migrate_pages().  Pairs on the two lists correspond: the n-th of @unmapped moves to
 * the n-th of @targets.
 */
struct migration {
	struct machine *machine;
	struct gw_migrate *migrate;
	struct list_head *from;	     /* to be moved, isolated */
	struct list_head unmapped;   /* locked, their entries replaced */
	struct list_head targets;    /* the new frames, locked */
	struct list_head failed;     /* given up for now */
	struct tlb_batch tlb;
	bool wait_for_lock;	     /* only while no other folio is locked */
	bool out_of_memory;
};

/* ---- Phase one: lock, unmap -------------------------------------------------------------------------- */

static void free_new_frame(struct migration *m, struct folio *dst)
{
	struct anon_vma *anon_vma = dst->migrate_anon_vma;

	if (anon_vma)
		put_anon_vma(m->machine, anon_vma);
	dst->migrate_anon_vma = NULL;
	folio_unlock(dst);
	folio_put(m->machine, dst);
}

/* Everything back as it was; @src stays isolated. */
static void undo_unmap(struct migration *m, struct folio *src, struct folio *dst)
{
	if (dst->migrate_was_mapped)
		remove_migration_ptes(m->machine, src, src);
	free_new_frame(m, dst);
	folio_unlock(src);
}

/*
 * => 0: @src and *@result are locked, and no entry maps @src
 * => -EAGAIN, -ENOMEM: as before
 */
static int migrate_folio_unmap(struct migration *m, struct folio *src, struct folio **result)
{
	struct folio *dst = folio_alloc(m->machine, GFP_MOVABLE, src->node);

	if (!dst)
		return -ENOMEM;
	dst->migrate_anon_vma = NULL;
	dst->migrate_was_mapped = false;
	if (m->wait_for_lock) {
		folio_lock(src);
	} else if (!folio_trylock(src)) {
		folio_put(m->machine, dst);
		return -EAGAIN;
	}
	/* After the old frame's, which may be waited for only while nothing else is locked. */
	if (!folio_trylock(dst))
		panic("a new frame is locked");
	/* The anon_vma must outlive the last VMA, or the second walk would walk a stranger's. */
	if (folio_anon(src))
		dst->migrate_anon_vma = folio_get_anon_vma(m->machine, src);
	if (folio_mapped(src)) {
		dst->migrate_was_mapped = true;
		try_to_migrate(m->machine, src, &m->tlb);
	}
	if (folio_mapped(src)) {
		undo_unmap(m, src, dst);
		return -EAGAIN;
	}
	*result = dst;
	return 0;
}

/* The last user went away while the folio was isolated: nothing is left to move. */
static bool freed_under_us(struct migration *m, struct folio *folio)
{
	if (folio_ref_count(folio) != 1)
		return false;
	list_del(&folio->lru);
	folio_put(m->machine, folio);
	m->migrate->nr_succeeded++;
	return true;
}

/* True: it must be tried again. */
static bool unmap_one(struct migration *m, struct folio *src)
{
	struct folio *dst;
	int err;

	if (freed_under_us(m, src))
		return false;
	err = migrate_folio_unmap(m, src, &dst);
	if (err == -ENOMEM)
		m->out_of_memory = true;
	if (err)
		return err == -EAGAIN;
	list_move_tail(&src->lru, &m->unmapped);
	list_add_tail(&dst->lru, &m->targets);
	return false;
}

static void unmap_all(struct migration *m, int passes)
{
	bool again = true;

	for (int pass = 0; pass < passes && again && !m->out_of_memory; pass++) {
		struct folio *src, *next;

		again = false;
		list_for_each_entry_safe(src, next, m->from, lru) {
			if (m->out_of_memory)
				break;
			if (pass > 0) {
				m->migrate->nr_retries++;
				count_event(m->machine, migrate_retry);
			}
			again |= unmap_one(m, src);
		}
	}
}

/* ---- Phase two: take over, copy, put back ------------------------------------------------------------ */

/* The isolator's reference, and the page cache's, are all that may be left. */
static int take_over_anon(struct migration *m, struct folio *src, struct folio *dst)
{
	if (guard(m->machine, migrate_recheck_refs) && folio_ref_count(src) != 1)
		return -EAGAIN;
	dst->index = src->index;
	WRITE_ONCE(dst->mapping, src->mapping);
	return 0;
}

/* From here on @dst is the page, though not yet uptodate.  Linux: folio_migrate_mapping(). */
static int take_over(struct migration *m, struct folio *src, struct folio *dst)
{
	struct mapping *mapping = folio_mapping(src);

	return mapping ? filemap_replace_folio(mapping, src, dst, 2) : take_over_anon(m, src, dst);
}

/* What the page keeps.  Uptodate too: who looks it up in the cache without its lock goes by this. */
static void migrate_flags(struct folio *src, struct folio *dst)
{
	int kept = 1 << PG_uptodate | 1 << PG_dirty | 1 << PG_referenced | 1 << PG_swapbacked;

	atomic_fetch_or(&dst->flags, atomic_read(&src->flags) & kept);
}

/* @dst keeps the allocation's reference until it is on its LRU list. */
static void put_back(struct migration *m, struct folio *src, struct folio *dst,
		     struct list_head *done)
{
	struct anon_vma *anon_vma = dst->migrate_anon_vma;
	bool was_mapped = dst->migrate_was_mapped;

	migrate_flags(src, dst);
	list_del(&src->lru);
	list_move_tail(&dst->lru, done);
	if (was_mapped)
		remove_migration_ptes(m->machine, src, dst);
	if (anon_vma)
		put_anon_vma(m->machine, anon_vma);
	folio_unlock(dst);
	folio_unlock(src);
	folio_put(m->machine, src); /* the isolator's, the last */
	m->migrate->nr_succeeded++;
}

/* Pairs that can move go to @sources and @moved; the others stay for the next pass. */
static void take_over_all(struct migration *m, struct list_head *sources, struct list_head *moved,
			  bool again)
{
	struct folio *src, *next_src;
	struct folio *dst = list_first_entry(&m->targets, struct folio, lru), *next_dst;

	list_for_each_entry_safe(src, next_src, &m->unmapped, lru) {
		next_dst = list_next_entry(dst, lru);
		if (again) {
			m->migrate->nr_retries++;
			count_event(m->machine, migrate_retry);
		}
		if (take_over(m, src, dst) == 0) {
			list_move_tail(&src->lru, sources);
			list_move_tail(&dst->lru, moved);
		}
		dst = next_dst;
	}
}

/*
 * Copies back to back run at the speed of memory: an atomic in between would wait for each copy's
 * stores.  Frames are given back in reverse, so that the
 * next batch, which gets them last freed first, finds neighbours in neighbouring frames.
 */
static void copy_and_put_back(struct migration *m, struct list_head *sources,
			      struct list_head *moved)
{
	struct folio *dst = list_first_entry(moved, struct folio, lru), *src;
	struct list_head done = LIST_HEAD_INIT(done);

	list_for_each_entry(src, sources, lru) {
		folio_copy(m->machine, dst, src);
		dst = list_next_entry(dst, lru);
	}
	while (!list_empty(sources))
		put_back(m, list_last_entry(sources, struct folio, lru),
			 list_last_entry(moved, struct folio, lru), &done);
	folios_putback_lru(m->machine, &done);
}

static void move_all(struct migration *m, int passes)
{
	struct list_head sources = LIST_HEAD_INIT(sources), moved = LIST_HEAD_INIT(moved);

	for (int pass = 0; pass < passes && !list_empty(&m->unmapped); pass++) {
		take_over_all(m, &sources, &moved, pass > 0);
		copy_and_put_back(m, &sources, &moved);
	}
}

static void undo_all(struct migration *m)
{
	while (!list_empty(&m->unmapped)) {
		struct folio *src = list_first_entry(&m->unmapped, struct folio, lru);
		struct folio *dst = list_first_entry(&m->targets, struct folio, lru);

		list_del(&dst->lru);
		list_move_tail(&src->lru, &m->failed);
		undo_unmap(m, src, dst);
	}
}

/* ---- Both, for all of @from ------------------------------------------------------------------------- */

/* What could not be moved is back on m->from. */
static void migrate_pages_batch(struct migration *m, int passes)
{
	bool flush_first = guard(m->machine, migrate_flush_before_copy);

	m->out_of_memory = false;
	unmap_all(m, passes);
	if (flush_first)
		tlb_batch_flush(m->machine, &m->tlb);
	move_all(m, passes);
	/* Entries go back as they were, so their owed flush is merely early. */
	tlb_batch_flush(m->machine, &m->tlb);
	undo_all(m);
	list_splice_init(&m->failed, m->from);
}

/* The lock may be waited for: nothing else is locked. */
static void migrate_pages_one_by_one(struct migration *m)
{
	struct list_head all = LIST_HEAD_INIT(all), rest = LIST_HEAD_INIT(rest);

	list_splice_init(m->from, &all);
	m->wait_for_lock = true;
	while (!list_empty(&all)) {
		list_move(all.next, m->from);
		migrate_pages_batch(m, m->machine->migrate_passes);
		list_splice_init(m->from, &rest);
	}
	list_splice_init(&rest, m->from);
}

static unsigned long list_length(const struct list_head *list)
{
	unsigned long nr = 0;

	for (const struct list_head *at = list->next; at != list; at = at->next)
		nr++;
	return nr;
}

static void account(struct machine *machine, const struct gw_migrate *done, unsigned long nr_failed)
{
	const struct gw_event event = {
		.kind = GW_EVENT_MIGRATE_PAGES,
		.arg = { done->nr_succeeded, nr_failed, done->mode, done->reason },
	};

	count_events(machine, pgmigrate_success, done->nr_succeeded);
	count_events(machine, pgmigrate_fail, nr_failed);
	machine_event(machine, &event);
}

void migrate_pages(struct machine *machine, struct list_head *from, struct gw_migrate *migrate)
{
	struct gw_migrate now = { .mode = migrate->mode, .reason = migrate->reason };
	struct migration m;
	unsigned long nr_failed;

	m.machine = machine;
	m.migrate = &now;
	m.from = from;
	m.tlb.nr = 0;
	m.wait_for_lock = false;
	list_init(&m.unmapped);
	list_init(&m.targets);
	list_init(&m.failed);

	migrate_pages_batch(&m, min(BATCH_PASSES, machine->migrate_passes));
	if (migrate->mode != GW_MIGRATE_ASYNC && !list_empty(from) && !m.out_of_memory)
		migrate_pages_one_by_one(&m);

	nr_failed = list_length(from);
	account(machine, &now, nr_failed);
	migrate->nr_succeeded += now.nr_succeeded;
	migrate->nr_retries += now.nr_retries;
	migrate->nr_failed += nr_failed;
}

void putback_movable_pages(struct machine *machine, struct list_head *folios)
{
	folios_putback_lru(machine, folios);
}

/* ---- Collecting ---------------------------------------------------------------------------------------- */

/* A walk over the pages of one address space, a batch at a time. */
struct collect {
	struct mm *mm;
	unsigned long addr, end; /* what is left */
	struct list_head folios;
	int nr, max;
	struct folio *found[LRU_BATCH]; /* mapped by the locked table, not isolated yet */
	int nr_found;
};

/* Isolate what has been found; the table is locked, so that the entries' references keep it. */
static void isolate_found(struct collect *collect)
{
	int nr = folios_isolate_lru(collect->mm->machine, collect->found, collect->nr_found);

	for (int i = 0; i < nr; i++)
		list_add_tail(&collect->found[i]->lru, &collect->folios);
	collect->nr += nr;
	collect->nr_found = 0;
}

static void collect_pte(struct collect *collect, pte_t pte)
{
	struct machine *machine = collect->mm->machine;
	struct folio *folio;

	if (!pte_present(pte))
		return;
	folio = pfn_folio(machine, pte_pfn(pte));
	if (folio == machine->zero_folio)
		return;
	collect->found[collect->nr_found++] = folio;
	if (collect->nr_found == LRU_BATCH || collect->nr + collect->nr_found == collect->max)
		isolate_found(collect);
}

/* What collect_pte() will look at a little later.  Frames lie scattered, so their folios are cold. */
static void prefetch_folio(struct machine *machine, pte_t pte)
{
	if (pte_present(pte) && pte_pfn(pte) < machine->nr_guest_frames)
		__builtin_prefetch(&machine->folios[pte_pfn(pte)], 1);
}

/* One table's part of [collect->addr, @end). */
static void collect_table(struct collect *collect, unsigned long end)
{
	unsigned long table_end = (collect->addr + PMD_SIZE) & ~(PMD_SIZE - 1);
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(collect->mm, collect->addr, &ptl);
	if (!ptep) {
		collect->addr = next_page_table(collect->mm, collect->addr, end);
		return;
	}
	end = min(end, table_end);
	for (; collect->addr < end && collect->nr < collect->max; collect->addr += PAGE_SIZE) {
		if (collect->addr + PREFETCH_AHEAD * PAGE_SIZE < end)
			prefetch_folio(collect->mm->machine, ptep_get(ptep + PREFETCH_AHEAD));
		collect_pte(collect, ptep_get(ptep++));
	}
	isolate_found(collect);
	pte_unmap_unlock(ptl);
}

static void collect_batch(struct collect *collect)
{
	struct mm *mm = collect->mm;

	collect->nr = 0;
	down_read(&mm->mmap_lock);
	while (collect->addr < collect->end && collect->nr < collect->max) {
		const struct vma *vma = vma_find(mm, collect->addr);

		if (!vma) {
			collect->addr = collect->end;
			break;
		}
		collect->addr = max(collect->addr, vma->start);
		if (collect->addr < collect->end)
			collect_table(collect, min(vma->end, collect->end));
	}
	up_read(&mm->mmap_lock);
}

int migrate_range(struct mm *mm, unsigned long start, unsigned long end, struct gw_migrate *migrate)
{
	struct collect collect = {
		.mm = mm,
		.addr = start & PAGE_MASK,
		.end = min(ALIGN_UP(end, PAGE_SIZE), mm->task_size),
		.folios = LIST_HEAD_INIT(collect.folios),
		.max = mm->machine->migrate_batch,
	};

	if (start > end || end > mm->task_size)
		return -EINVAL;
	while (collect.addr < collect.end) {
		collect_batch(&collect);
		migrate->nr_candidates += (unsigned long)collect.nr;
		if (list_empty(&collect.folios))
			continue;
		migrate_pages(mm->machine, &collect.folios, migrate);
		putback_movable_pages(mm->machine, &collect.folios);
	}
	return 0;
}

int migrate_all(struct machine *machine, struct gw_migrate *migrate)
{
	struct mm *mm;

	for (mm = mm_next(machine, NULL); mm; mm = mm_next(machine, mm)) {
		int err = migrate_range(mm, 0, mm->task_size, migrate);

		ASSERT(err == 0);
	}
	return 0;
}

/* ---- Waiting on a migration entry ------------------------------------------------------------------------ */

struct folio *migration_pte_folio(struct machine *machine, pte_t pte)
{
	struct folio *folio = pfn_folio(machine, pte_migration_pfn(pte));

	ASSERT_MSG(pte_is_migration(pte) && folio, "entry %llx", (unsigned long long)pte.v);
	ASSERT_MSG(folio_locked(folio), "a migration entry names frame %lu, which is not locked",
		   folio_pfn(machine, folio));
	return folio;
}

/*
 * Under the table lock the folio is locked, because the second walk would have to take this lock
 * to replace the entry; so there is something to wait for when the lock has been dropped, or the
 * wait is already over.
 */
void migration_entry_wait(struct mm *mm, unsigned long addr)
{
	struct folio *folio = NULL;
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(mm, addr, &ptl);
	if (!ptep)
		return;
	if (pte_is_migration(ptep_get(ptep)))
		folio = migration_pte_folio(mm->machine, ptep_get(ptep));
	pte_unmap_unlock(ptl);
	if (folio)
		folio_wait_locked(folio);
}
