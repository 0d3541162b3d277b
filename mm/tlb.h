/* SPDX-License-Identifier: MIT */
/*
 * tlb.h - flushing translations, and the modelled TLBs
 *
 * tlb.c talks to machine->tlb_ops: either the model here, in which every virtual CPU caches
 * translations until they are flushed, or a platform whose host mappings are the cache.
 */
#pragma once

#include <godwit/machine.h>
#include <godwit/mm.h>

#include "pgtable.h"
#include "sync.h"

#define TLB_ENTRIES 64 /* per virtual CPU, direct mapped */

/* One virtual CPU's cache.  An access holds the lock from lookup to the last byte, as an
 * interrupt for a flush is taken between two instructions only. */
struct tlb {
	struct spinlock lock; /* LOCK_TLB: all of it */
	int nr;		      /* translations; read without the lock to pass over empty ones */
	struct tlb_entry {
		struct mm *mm; /* NULL: empty */
		unsigned long addr;
		unsigned long pfn;
		bool write, exec, dirty;
	} entries[TLB_ENTRIES];
};

extern const struct gw_tlb_ops tlb_model_ops;

/* No translation of [@start, @end) of @mm may be used once this has returned. */
void flush_tlb_range(struct mm *mm, unsigned long start, unsigned long end,
		     enum gw_tlb_flush_kind kind);
static inline void flush_tlb_page(struct mm *mm, unsigned long addr, enum gw_tlb_flush_kind kind)
{
	flush_tlb_range(mm, addr, addr + PAGE_SIZE, kind);
}

/* Pages of any address spaces whose flush is owed, all at once.  Linux: tlbflush_unmap_batch. */
#define TLB_BATCH_MAX 512
struct tlb_batch {
	int nr;
	struct gw_tlb_range ranges[TLB_BATCH_MAX]; /* each keeps its mm with mm_grab() */
};
/* @addr of @mm, whose table lock is held, is about to lose its entry; a full batch flushes. */
void tlb_batch_add(struct tlb_batch *batch, struct mm *mm, unsigned long addr);
void tlb_batch_flush(struct machine *machine, struct tlb_batch *batch);

/*
 * Somebody's batch may owe flushes for @mm: whoever changes entries under a table lock and relies
 * on "none means nobody can use it" flushes its range first.  Linux: flush_tlb_batched_pending(),
 * 3ea277194dae ("mm, mprotect: flush TLB if potentially racing with a parallel reclaim ...").
 */
void flush_tlb_batched_pending(struct mm *mm, unsigned long start, unsigned long end);

/* Does a page walk with this entry allow @access? */
static inline bool pte_allows(pte_t pte, enum gw_access access)
{
	if (!pte_accessible(pte))
		return false;
	switch (access) {
	case GW_READ:
		return true;
	case GW_WRITE:
		return pte_write(pte);
	case GW_EXEC:
		return pte_exec(pte);
	}
	return false;
}

void tlb_model_init(struct machine *machine);
/* The frame is being freed: panic if any CPU could still use a translation to it. */
void tlb_assert_unused(struct machine *machine, unsigned long pfn);

/* The frame is about to be written to its file: panic if any CPU could still store into it. */
void tlb_assert_clean(struct machine *machine, unsigned long pfn);

/*
 * An operation that took rights away is about to return: panic if some CPU may still do more to
 * [@start, @end) than @flags, the rights of a VMA, allow.  mmap_lock is held for write, so no new
 * translation can.
 */
void tlb_assert_flushed(struct mm *mm, unsigned long start, unsigned long end, unsigned long flags);

/* gw_core.translate, load and store. */
bool tlb_translate(struct mm *mm, int cpu, unsigned long addr, enum gw_access access, int around);
enum gw_fault tlb_load(struct mm *mm, unsigned long addr, void *to, size_t len);
enum gw_fault tlb_store(struct mm *mm, unsigned long addr, const void *from, size_t len);
