// SPDX-License-Identifier: MIT
/*
 * cow.c - a write to a page that is mapped read-only in a VMA that may be written
 *
 * In a shared mapping it is the first one since the page was mapped or written back: file.c.
 *
 * A page that this address space alone has is made writable; any other is copied.  "Alone" is
 * PG_anon_exclusive: set when a page is made, cleared when fork() shares it.  A page that was shared
 * and is not any more has one reference, seen under the folio lock: counts may be too high for a
 * moment, never too low, because whoever gives a page up switches and flushes its entry first and
 * drops map count and reference last.  Linux 945754a1754f ("mm: fix race in COW logic").
 *
 * A map count says nothing here: who looks at the page from outside has a reference and no entry
 * (gup.c).  Linux 09854ba94c6a ("mm: do_wp_page() simplification").
 *
 * A page that is to be pinned for reading is made this address space's own in the same way, and
 * stays read-only: FAULT_UNSHARE.
 *
 * Linux: do_wp_page(), wp_page_copy(), wp_can_reuse_anon_folio(), mm/memory.c, as of 6.12.
 */
#include "fault.h"
#include "machine.h"
#include "rmap.h"

static bool may_reuse(const struct vm_fault *fault, struct folio *folio);
static void reuse_page(struct vm_fault *fault, pte_t *ptep);
static enum fault_step copy_page(struct vm_fault *fault, struct folio *old);

enum fault_step do_wp_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	enum fault_step step;
	struct spinlock *ptl;
	struct folio *old;
	pte_t *ptep;

	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return FAULT_STEP_DONE;
	if (ptep_get(ptep).v != fault->orig.v) {
		pte_unmap_unlock(ptl);
		return FAULT_STEP_DONE;
	}
	old = pfn_folio(machine, pte_pfn(fault->orig));
	if (fault->vma->flags & VM_SHARED) {
		folio_get(old);
		pte_unmap_unlock(ptl);
		do_wp_shared(fault, old);
		folio_put(machine, old);
		return FAULT_STEP_DONE;
	}
	if (may_reuse(fault, old)) {
		if (!(fault->flags & FAULT_UNSHARE))
			reuse_page(fault, ptep);
		pte_unmap_unlock(ptl);
		return FAULT_STEP_DONE;
	}
	folio_get(old); /* it is copied without the lock */
	pte_unmap_unlock(ptl);
	step = copy_page(fault, old);
	folio_put(machine, old);
	return step;
}

/*
 * The table lock keeps the entry's reference; a migration, which would take the entry away, holds
 * the folio lock.
 */
static bool may_reuse(const struct vm_fault *fault, struct folio *folio)
{
	bool alone;

	if (folio == fault->mm->machine->zero_folio || !folio_anon(folio))
		return false;
	if (folio_test(folio, PG_anon_exclusive))
		return true;
	if (folio_ref_count(folio) > 1 || !folio_trylock(folio))
		return false;
	alone = folio_ref_count(folio) == 1;
	if (alone) {
		folio_move_anon_rmap(folio, fault->vma);
		folio_set(folio, PG_anon_exclusive);
	}
	folio_unlock(folio);
	return alone;
}

/* A forced write does not make the page writable for others: see gup.c. */
static void reuse_page(struct vm_fault *fault, pte_t *ptep)
{
	struct machine *machine = fault->mm->machine;
	pte_t pte = pte_mkdirty(pte_mkyoung(fault->orig));

	if (fault->vma->flags & VM_WRITE)
		pte = pte_mkwrite(pte);
	set_pte(machine, ptep, pte);
	count_event(machine, fault_reuse);
}

static enum fault_step copy_page(struct vm_fault *fault, struct folio *old)
{
	struct machine *machine = fault->mm->machine;
	enum fault_step step = vmf_anon_prepare(fault);
	struct folio *new;

	if (step != FAULT_STEP_DONE)
		return step;
	new = folio_alloc(machine, GFP_MOVABLE, GW_NODE_ANY);
	if (!new)
		return FAULT_STEP_OOM;
	if (old == machine->zero_folio)
		folio_zero(machine, new);
	else
		folio_copy(machine, new, old);
	folio_set(new, PG_uptodate);
	if (!map_anon_folio(fault, new))
		return FAULT_STEP_DONE;
	count_event(machine, fault_cow);
	if (fault->flags & FAULT_UNSHARE)
		count_event(machine, fault_unshare);
	if (old != machine->zero_folio)
		folio_put(machine, old); /* the entry's */
	return FAULT_STEP_DONE;
}
