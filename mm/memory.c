// SPDX-License-Identifier: MIT
/*
 * memory.c - changing ranges of page-table entries: zap, protect; move.c moves them
 *
 * The rule is one: an entry is changed under its table lock, then translations are flushed, and
 * only then is the frame freed, or its new rights relied upon.  A migration batch may have replaced
 * entries without having flushed yet, so whoever takes a table lock here and counts on "not present
 * means not in use" flushes the range first if the address space has such a debt.
 *
 * Locks: mmap_lock (write, except to zap), page table.
 * Linux: mm/memory.c (zap_pte_range), mm/mprotect.c (change_pte_range).
 */
#include "memory.h"

#include "filemap.h"
#include "machine.h"
#include "migrate.h"
#include "rmap.h"

static void rss_add(struct mm *mm, const struct folio *folio, long nr)
{
	atomic_long_add_return(folio_anon(folio) ? &mm->rss_anon : &mm->rss_file, nr);
}

/* ---- Zap ------------------------------------------------------------------------------------------- */

/* True: the gather is full. */
static bool zap_present_pte(struct mmu_gather *tlb, pte_t pte, unsigned long addr)
{
	struct machine *machine = tlb->machine;
	struct folio *folio = pfn_folio(machine, pte_pfn(pte));
	bool full;

	tlb_note_cleared(tlb, addr);
	if (folio == machine->zero_folio)
		return false;
	full = tlb_remove_folio(tlb, folio);
	rss_add(tlb->mm, folio, -1);
	if (pte_dirty(pte))
		folio_set(folio, PG_dirty);
	if (pte_dirty(pte) && !folio_anon(folio) && guard(machine, zap_flush_dirty))
		tlb_delay_rmap(tlb);
	else
		folio_remove_rmap(folio);
	return full;
}

/* The file's own pages alone are wanted, and this is, or will be, another. */
static bool spared(const struct mmu_gather *tlb, pte_t pte)
{
	const struct folio *folio;

	if (tlb->even_cows)
		return false;
	folio = pte_present(pte) ? pfn_folio(tlb->machine, pte_pfn(pte))
				 : migration_pte_folio(tlb->machine, pte);
	return folio == tlb->machine->zero_folio || folio_anon(folio);
}

/*
 * One table's share of [@addr, @range_end), or less when the gather was full and has been emptied;
 * returns how far it came.
 */
static unsigned long zap_pte_range(struct mmu_gather *tlb, unsigned long addr,
				   unsigned long range_end)
{
	unsigned long end = pmd_addr_end(addr, range_end);
	struct mm *mm = tlb->mm;
	struct spinlock *ptl;
	bool full = false;
	pte_t *ptep;

	ptep = pte_offset_map_lock(mm, addr, &ptl);
	if (!ptep)
		return next_page_table(mm, addr, range_end);
	flush_tlb_batched_pending(mm, addr, end);
	for (; addr < end && !full; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_none(pte) || spared(tlb, pte))
			continue;
		ptep_get_and_clear(tlb->machine, ptep);
		if (pte_present(pte))
			full = zap_present_pte(tlb, pte, addr);
		else /* the folio is counted as mapped here until the second walk finds nothing */
			rss_add(mm, migration_pte_folio(tlb->machine, pte), -1);
	}
	tlb_flush_rmaps(tlb);
	pte_unmap_unlock(ptl);
	if (full)
		tlb_flush_mmu(tlb);
	return addr;
}

void unmap_page_range(struct mmu_gather *tlb, struct vma *vma, unsigned long start,
		      unsigned long end)
{
	ASSERT(start < end && start >= vma->start && end <= vma->end);
	while (start < end)
		start = zap_pte_range(tlb, start, end);
}

void zap_begin(struct mmu_gather *tlb)
{
	atomic_inc(&tlb->mm->tlb_flush_pending);
}

/* Another one's flush may be owed for entries that were none when we looked. */
void zap_end(struct mmu_gather *tlb, unsigned long start, unsigned long end)
{
	if (atomic_read(&tlb->mm->tlb_flush_pending) > 1 && guard(tlb->machine, zap_nested_flush)) {
		tlb->start = min(tlb->start, start);
		tlb->end = max(tlb->end, end);
	}
	tlb_finish_mmu(tlb);
	atomic_dec(&tlb->mm->tlb_flush_pending);
}

void zap_page_range(struct vma *vma, unsigned long start, unsigned long end)
{
	struct mmu_gather tlb;

	rwsem_assert_held(&vma->mm->mmap_lock);
	tlb_gather_mmu(&tlb, vma->mm);
	zap_begin(&tlb);
	unmap_page_range(&tlb, vma, start, end);
	zap_end(&tlb, start, end);
}

/* The same for whoever holds the lock of the file's VMAs instead: see truncate.c. */
void zap_mapped_file(struct vma *vma, unsigned long start, unsigned long end, bool even_cows)
{
	struct mmu_gather tlb;

	rwsem_assert_held(&vma->mapping->i_mmap_lock);
	tlb_gather_mmu(&tlb, vma->mm);
	tlb.even_cows = even_cows;
	zap_begin(&tlb);
	unmap_page_range(&tlb, vma, start, end);
	zap_end(&tlb, start, end);
}

/* ---- Protect ------------------------------------------------------------------------------------------ */

struct protection_change {
	struct vma *vma;
	struct machine *machine;
	bool lost_write; /* some entry lost the right to write */
	bool lost_more;	 /* or to read or to execute */
};

/*
 * A private page that nobody else can have may be written at once, and a file's page whose first
 * write has been noticed.  Linux: can_change_pte_writable().
 */
static bool may_write_at_once(const struct protection_change *change, pte_t pte)
{
	struct folio *folio = pfn_folio(change->machine, pte_pfn(pte));

	if (!(change->vma->flags & VM_WRITE))
		return false;
	if (change->vma->flags & VM_SHARED)
		return pte_dirty(pte);
	return folio_anon(folio) && folio_test(folio, PG_anon_exclusive);
}

static void change_present_pte(struct protection_change *change, pte_t *ptep)
{
	pte_t old = ptep_get(ptep);
	pte_t new = pte_modify(old, change->vma->page_prot);

	if (may_write_at_once(change, new))
		new = pte_mkwrite(new);
	change->lost_write |= pte_write(old) && !pte_write(new);
	change->lost_more |= (pte_accessible(old) && !pte_accessible(new)) ||
			     (pte_exec(old) && !pte_exec(new));
	if (new.v != old.v)
		set_pte(change->machine, ptep, new);
}

/* Its frame will come back with the rights of the VMA, but a write entry says it may be written. */
static void change_migration_pte(struct protection_change *change, pte_t *ptep)
{
	pte_t entry = ptep_get(ptep);
	struct folio *folio = migration_pte_folio(change->machine, entry);
	enum swp_type type = folio_anon(folio) ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;

	if (!pte_is_migration_write(entry) || (change->vma->flags & VM_WRITE))
		return;
	set_pte(change->machine, ptep, pte_swp_modify(entry, type));
}

/* One table's share of [@addr, @range_end); returns how far it came. */
static unsigned long change_pte_range(struct protection_change *change, unsigned long addr,
				      unsigned long range_end)
{
	unsigned long end = pmd_addr_end(addr, range_end);
	struct mm *mm = change->vma->mm;
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(mm, addr, &ptl);
	if (!ptep)
		return next_page_table(mm, addr, range_end);
	flush_tlb_batched_pending(mm, addr, end);
	for (; addr < end; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_present(pte))
			change_present_pte(change, ptep);
		else if (pte_is_migration(pte))
			change_migration_pte(change, ptep);
	}
	pte_unmap_unlock(ptl);
	return end;
}

/*
 * One flush at the end: the VMA is locked for write, so no fault can give out a page by rights that
 * still are in some TLB.
 */
void change_protection(struct vma *vma, unsigned long start, unsigned long end)
{
	struct protection_change change = { .vma = vma, .machine = vma->mm->machine };

	vma_assert_write_locked(vma);
	for (unsigned long addr = start; addr < end;)
		addr = change_pte_range(&change, addr, end);
	if (change.lost_more)
		flush_tlb_range(vma->mm, start, end, GW_TLB_UNMAP);
	else if (change.lost_write)
		flush_tlb_range(vma->mm, start, end, GW_TLB_PROTECT);
	if (change.lost_more || change.lost_write)
		tlb_assert_flushed(vma->mm, start, end, vma->flags);
}
