// SPDX-License-Identifier: MIT
/*
 * madvise.c - what a program says about its memory
 *
 * Advice that is a mark on VMAs takes mmap_lock for write, as it splits and merges; advice about pages
 * takes it for read, and runs beside faults, migration, and itself.
 *
 * Two may zap the same pages at once.  The second finds entries gone that the first has not flushed
 * yet; if it returned, its program would go on using what it has given up.  So each says that it is
 * at work before it looks, and whoever sees another at the end flushes all of its range:
 *
 *	CPU A: DONTNEED				CPU B: DONTNEED		CPU C
 *	tlb_flush_pending := 1
 *	clear the entry
 *						tlb_flush_pending := 2
 *						the entry is none
 *						2 > 1: flush		a load through the old
 *						return			translation faults, as it must
 *	flush, free the page
 *
 * Linux 99baac21e458 ("mm: fix MADV_[FREE|DONTNEED] TLB flush miss problem").
 *
 * Linux: mm/madvise.c, as of 6.12, of a kernel without KSM, huge pages and memory failure, whose advice
 * is -EINVAL.  Differs: nothing is reclaimed yet, so MADV_FREE only marks pages that may be dropped,
 * and MADV_PAGEOUT does nothing.
 */
#include "memory.h"
#include "populate.h"

#include <errno.h>
#include <sys/mman.h>

#include "filemap.h"
#include "machine.h"

#ifndef MADV_COLD
#define MADV_COLD    20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

enum advice_kind { ADVICE_INVALID, ADVICE_FLAGS, ADVICE_PAGES, ADVICE_POPULATE };

static enum advice_kind advice_kind(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		return ADVICE_FLAGS;
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return ADVICE_PAGES;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return ADVICE_POPULATE;
	default:
		return ADVICE_INVALID;
	}
}

/* Advice for one VMA's part of the range; => *@vma covers it afterwards, NULL: mmap_lock was dropped */
typedef int advise_fn(struct vma **vma, unsigned long start, unsigned long end, int advice);

static advise_fn advise_flags, advise_pages;

/*
 * Holes are passed over, and reported at the end.
 * => the first error of @advise; else -ENOMEM: there are holes
 */
static int for_each_part(struct mm *mm, unsigned long start, unsigned long end, advise_fn *advise,
			 int advice)
{
	int err = 0;

	while (start < end) {
		struct vma *vma = vma_find(mm, start);
		unsigned long part_end;
		int error;

		if (!vma)
			return -ENOMEM;
		if (vma->start > start) {
			err = -ENOMEM;
			start = vma->start;
			if (start >= end)
				break;
		}
		part_end = min(vma->end, end);
		error = advise(&vma, start, part_end, advice);
		if (error)
			return error;
		start = vma ? max(part_end, vma->end) : part_end;
	}
	return err;
}

static int madvise_locked(struct mm *mm, unsigned long start, unsigned long end, int advice,
			  enum advice_kind kind)
{
	int err;

	if (kind == ADVICE_FLAGS) {
		mmap_write_lock(mm);
		err = for_each_part(mm, start, end, advise_flags, advice);
		mmap_write_unlock(mm);
	} else {
		down_read(&mm->mmap_lock);
		err = for_each_part(mm, start, end, advise_pages, advice);
		up_read(&mm->mmap_lock);
	}
	return err;
}

int mm_madvise(struct mm *mm, unsigned long addr, unsigned long len, int advice)
{
	enum advice_kind kind = advice_kind(advice);
	unsigned long end = addr + ALIGN_UP(len, PAGE_SIZE);

	if (kind == ADVICE_INVALID || !IS_ALIGNED(addr, PAGE_SIZE) ||
	    (len && !ALIGN_UP(len, PAGE_SIZE)) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (kind == ADVICE_POPULATE)
		return faultin_page_range(mm, addr, end,
					  advice == MADV_POPULATE_WRITE ? GW_WRITE : GW_READ);
	return madvise_locked(mm, addr, end, advice, kind);
}

/* ---- Marks on VMAs ------------------------------------------------------------------------------------------- */

/* => -EINVAL: not for this VMA */
static int advised_flags(const struct vma *vma, int advice, unsigned long *flags)
{
	unsigned long set = 0, clear = 0;

	switch (advice) {
	case MADV_NORMAL:
		clear = VM_RAND_READ | VM_SEQ_READ;
		break;
	case MADV_RANDOM:
		clear = VM_SEQ_READ;
		set = VM_RAND_READ;
		break;
	case MADV_SEQUENTIAL:
		clear = VM_RAND_READ;
		set = VM_SEQ_READ;
		break;
	case MADV_DONTFORK:
		set = VM_DONTCOPY;
		break;
	case MADV_DOFORK:
		clear = VM_DONTCOPY;
		break;
	case MADV_WIPEONFORK:
		/* The child of a mapping that others see cannot have one of its own. */
		if (!vma_is_anon(vma))
			return -EINVAL;
		set = VM_WIPEONFORK;
		break;
	case MADV_KEEPONFORK:
		clear = VM_WIPEONFORK;
		break;
	case MADV_DONTDUMP:
		set = VM_DONTDUMP;
		break;
	case MADV_DODUMP:
		if (vma->flags & VM_DONTEXPAND)
			return -EINVAL;
		clear = VM_DONTDUMP;
		break;
	default:
		return -EINVAL;
	}
	*flags = (vma->flags & ~clear) | set;
	return 0;
}

static int advise_flags(struct vma **vma, unsigned long start, unsigned long end, int advice)
{
	unsigned long flags;
	int err = advised_flags(*vma, advice, &flags);

	if (err || flags == (*vma)->flags)
		return err;
	err = vma_modify_flags((*vma)->mm, *vma, start, end, flags, vma);
	return err == -ENOMEM ? -EAGAIN : err; /* -ENOMEM would be a hole */
}

/* ---- Pages ----------------------------------------------------------------------------------------------------- */

static int advise_willneed(struct vma **vma, unsigned long start, unsigned long end);
static int advise_remove(struct vma **vma, unsigned long start, unsigned long end);
static void age_page_range(struct vma *vma, unsigned long start, unsigned long end, int advice);

static int advise_pages(struct vma **vma, unsigned long start, unsigned long end, int advice)
{
	bool locked = (*vma)->flags & VM_LOCKED;

	if (advice == MADV_WILLNEED)
		return advise_willneed(vma, start, end);
	if (locked && advice != MADV_DONTNEED_LOCKED)
		return -EINVAL;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		zap_page_range(*vma, start, end);
		return 0;
	case MADV_FREE:
		if (!vma_is_anon(*vma))
			return -EINVAL;
		age_page_range(*vma, start, end, advice);
		return 0;
	case MADV_COLD:
		age_page_range(*vma, start, end, advice);
		return 0;
	case MADV_REMOVE:
		return advise_remove(vma, start, end);
	default: /* MADV_PAGEOUT: nobody reclaims yet */
		return 0;
	}
}

/* A page that cannot be read is found out by whoever needs it. */
static void read_ahead(struct mapping *mapping, unsigned long pgoff, unsigned long nr_pages)
{
	unsigned long size = file_pages(mapping);

	for (; nr_pages && pgoff < size; pgoff++, nr_pages--) {
		struct folio *folio;
		bool major;

		if (filemap_read_folio(mapping, pgoff, &folio, &major))
			return;
		folio_put(mapping->machine, folio);
	}
}

/* Reading takes its time: without mmap_lock, so that the VMA may be gone afterwards. */
static int advise_willneed(struct vma **vma, unsigned long start, unsigned long end)
{
	struct mapping *mapping = (*vma)->mapping;
	unsigned long pgoff = linear_page_index(*vma, start);
	struct mm *mm = (*vma)->mm;

	if (!mapping || mapping_is_shmem(mapping))
		return 0; /* nothing is swapped out yet */
	*vma = NULL;
	mapping_get(mapping);
	up_read(&mm->mmap_lock);
	read_ahead(mapping, pgoff, (end - start) >> PAGE_SHIFT);
	mapping_put(mapping);
	down_read(&mm->mmap_lock);
	return 0;
}

/* A hole is punched into what backs a shared writable mapping, in every mapping of it, without our lock. */
static int advise_remove(struct vma **vma, unsigned long start, unsigned long end)
{
	uint64_t offset = (uint64_t)linear_page_index(*vma, start) << PAGE_SHIFT;
	struct mapping *mapping = (*vma)->mapping;
	struct mm *mm = (*vma)->mm;
	int err;

	if (!mapping)
		return -EINVAL;
	if (((*vma)->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
		return -EACCES;
	*vma = NULL;
	mapping_get(mapping);
	up_read(&mm->mmap_lock);
	err = mapping_punch_hole(mapping, offset, end - start);
	mapping_put(mapping);
	down_read(&mm->mmap_lock);
	return err;
}

/* ---- Pages that are left alone, and may be dropped ------------------------------------------------------------- */

/* Dirty by another way than this entry: only if nobody else maps it.  => false: leave it */
static bool forget_dirty(struct folio *folio)
{
	bool alone;

	if (!folio_test(folio, PG_dirty))
		return true;
	if (!folio_trylock(folio))
		return false;
	alone = folio_mapcount(folio) == 1;
	if (alone)
		folio_clear(folio, PG_dirty);
	folio_unlock(folio);
	return alone;
}

/*
 * MADV_FREE: clean until it is written again, and then it is kept; that is what the next writer's
 * dirty bit will tell.  MADV_COLD: not used lately.
 */
static void age_pte(struct mmu_gather *tlb, pte_t *ptep, unsigned long addr, int advice)
{
	uint64_t bits = PTE_BIT(ACCESSED) | (advice == MADV_FREE ? PTE_BIT(DIRTY) : 0);
	struct machine *machine = tlb->machine;
	pte_t pte = ptep_get(ptep);
	struct folio *folio;

	if (!pte_present(pte))
		return;
	folio = pfn_folio(machine, pte_pfn(pte));
	if (folio == machine->zero_folio || (advice == MADV_FREE && !forget_dirty(folio)))
		return;
	if (pte.v & bits) {
		set_pte(machine, ptep, pte_clear_bits(pte, bits));
		tlb_note_cleared(tlb, addr);
	}
	if (advice == MADV_FREE)
		folio_clear(folio, PG_swapbacked);
}

/* One table's share of [@addr, @range_end); returns how far it came. */
static unsigned long age_pte_range(struct mmu_gather *tlb, unsigned long addr,
				   unsigned long range_end, int advice)
{
	unsigned long end = pmd_addr_end(addr, range_end);
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(tlb->mm, addr, &ptl);
	if (!ptep)
		return next_page_table(tlb->mm, addr, range_end);
	flush_tlb_batched_pending(tlb->mm, addr, end);
	for (; addr < end; addr += PAGE_SIZE, ptep++)
		age_pte(tlb, ptep, addr, advice);
	pte_unmap_unlock(ptl);
	return end;
}

static void age_page_range(struct vma *vma, unsigned long start, unsigned long end, int advice)
{
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->mm);
	zap_begin(&tlb);
	for (unsigned long addr = start; addr < end;)
		addr = age_pte_range(&tlb, addr, end, advice);
	zap_end(&tlb, start, end);
}
