// SPDX-License-Identifier: MIT
/*
 * cow.c - a write to a page that is mapped read-only in a VMA that may be written
 *
 * A page that this address space alone has is made writable; any other is copied.  "Alone" is
 * PG_anon_exclusive, or else one reference, seen under the folio lock: counts may be too high for a
 * moment, never too low, because whoever gives a page up switches and flushes its entry first and
 * drops map count and reference last.  Linux 945754a1754f ("mm: fix race in COW logic").
 *
 * Linux: do_wp_page(), wp_page_copy(), wp_can_reuse_anon_folio(), mm/memory.c.
 */
#include "fault.h"
#include "machine.h"
#include "rmap.h"

static bool may_reuse(struct vm_fault *fault, struct folio *folio);
static void reuse_page(struct vm_fault *fault);
static enum fault_step copy_page(struct vm_fault *fault, struct folio *old);

/* The page behind the entry, with a reference, unless the entry has changed. */
static struct folio *get_old_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	struct folio *folio = NULL;
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return NULL;
	if (ptep_get(ptep).v == fault->orig.v) {
		folio = pfn_folio(machine, pte_pfn(fault->orig));
		folio_get(folio);
	}
	pte_unmap_unlock(ptl);
	return folio;
}

enum fault_step do_wp_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	enum fault_step step = FAULT_STEP_DONE;
	struct folio *old = get_old_page(fault);

	if (!old)
		return FAULT_STEP_DONE;
	if (may_reuse(fault, old))
		reuse_page(fault);
	else
		step = copy_page(fault, old);
	folio_put(machine, old);
	return step;
}

static bool may_reuse(struct vm_fault *fault, struct folio *folio)
{
	bool alone;

	if (folio == fault->mm->machine->zero_folio || !folio_anon(folio))
		return false;
	if (folio_test(folio, PG_anon_exclusive))
		return true;
	if (!folio_trylock(folio))
		return false;
	alone = folio_ref_count(folio) == 2; /* the entry's and ours */
	if (alone)
		folio_set(folio, PG_anon_exclusive);
	folio_unlock(folio);
	return alone;
}

static void reuse_page(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return;
	if (ptep_get(ptep).v == fault->orig.v) {
		set_pte(machine, ptep, pte_mkwrite(pte_mkdirty(pte_mkyoung(fault->orig))));
		count_event(machine, fault_reuse);
	}
	pte_unmap_unlock(ptl);
}

static enum fault_step copy_page(struct vm_fault *fault, struct folio *old)
{
	struct machine *machine = fault->mm->machine;
	struct folio *new;

	if (anon_vma_prepare(fault->vma))
		return FAULT_STEP_OOM;
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
	if (old != machine->zero_folio) {
		atomic_long_add_return(folio_anon(old) ? &fault->mm->rss_anon : &fault->mm->rss_file,
				       -1);
		folio_remove_rmap(old);
		folio_put(machine, old); /* the entry's */
	}
	return FAULT_STEP_DONE;
}
