// SPDX-License-Identifier: MIT
/*
 * anon.c - the first access to a page of anonymous memory
 *
 * A read gets the zero page, mapped read-only; the first write gets a frame of its own.
 *
 * Linux: do_anonymous_page(), mm/memory.c.
 */
#include "fault.h"
#include "lru.h"
#include "machine.h"
#include "rmap.h"

static enum fault_step map_zero_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	struct spinlock *ptl;
	pte_t *ptep, pte;

	pte = mk_pte(folio_pfn(machine, machine->zero_folio), fault->vma->page_prot);
	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return FAULT_STEP_DONE;
	if (pte_none(ptep_get(ptep))) {
		set_pte(machine, ptep, pte_mkyoung(pte_wrprotect(pte)));
		count_event(machine, fault_zero);
	}
	pte_unmap_unlock(ptl);
	return FAULT_STEP_DONE;
}

enum fault_step do_anonymous_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	enum fault_step step;
	struct folio *folio;

	if (fault->access != GW_WRITE)
		return map_zero_page(fault);
	step = vmf_anon_prepare(fault);
	if (step != FAULT_STEP_DONE)
		return step;
	folio = folio_alloc(machine, GFP_MOVABLE, GW_NODE_ANY);
	if (!folio)
		return FAULT_STEP_OOM;
	folio_zero(machine, folio);
	folio_set(folio, PG_uptodate);
	if (map_anon_folio(fault, folio))
		count_event(machine, fault_anon);
	return FAULT_STEP_DONE;
}

/*
 * Before the table lock is dropped: truncation, which holds the lock of a file's folio, counts on its
 * not being mapped where it has looked.
 */
static void drop_old_mapping(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	struct folio *old;

	if (pte_none(fault->orig))
		return;
	old = pfn_folio(machine, pte_pfn(fault->orig));
	if (old == machine->zero_folio)
		return;
	atomic_long_add_return(folio_anon(old) ? &fault->mm->rss_anon : &fault->mm->rss_file, -1);
	folio_remove_rmap(old);
}

bool map_anon_folio(struct vm_fault *fault, struct folio *folio)
{
	struct machine *machine = fault->mm->machine;
	struct vma *vma = fault->vma;
	struct spinlock *ptl;
	pte_t *ptep, pte;

	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep || ptep_get(ptep).v != fault->orig.v) {
		if (ptep)
			pte_unmap_unlock(ptl);
		folio_put(machine, folio);
		return false;
	}
	pte = pte_mkyoung(mk_pte(folio_pfn(machine, folio), vma->page_prot));
	if (fault->flags & FAULT_UNSHARE)
		pte = pte_set_bits(pte, fault->orig.v & (PTE_BIT(SOFT_DIRTY) | PTE_BIT(UFFD_WP)));
	else if (vma->flags & VM_WRITE)
		pte = pte_mkwrite(pte_mkdirty(pte));
	else
		pte = pte_mkdirty(pte);
	/* Switch and flush first, drop the old page's mapping last: see cow.c. */
	if (!pte_none(fault->orig)) {
		ptep_get_and_clear(machine, ptep);
		flush_tlb_page(fault->mm, fault->addr, GW_TLB_UNMAP);
	}
	folio_add_new_anon_rmap(folio, vma, fault->addr);
	folio_add_lru(machine, folio);
	set_pte(machine, ptep, pte);
	atomic_long_add_return(&fault->mm->rss_anon, 1);
	drop_old_mapping(fault);
	pte_unmap_unlock(ptl);
	return true;
}
