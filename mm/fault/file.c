// SPDX-License-Identifier: MIT
/*
 * file.c - the first access to a page of a file
 *
 * A read maps the page cache's folio and its cached neighbours with it; a write to a private mapping
 * gets a copy at once; a write to a shared one marks the folio dirty and maps it writable.  All of it
 * is done under the folio lock, which keeps truncation, migration and writing back away (truncate.c,
 * writeback.c).
 *
 * Linux: do_read_fault(), do_cow_fault(), do_shared_fault(), do_fault_around(), wp_page_shared(),
 * mm/memory.c.
 */
#include "fault.h"
#include "filemap.h"
#include "machine.h"
#include "rmap.h"

#include <errno.h>

#define FAULT_AROUND_PAGES 16 /* Linux: fault_around_bytes, 64 KiB */

static enum fault_step get_file_folio(struct vm_fault *fault, struct folio **folio);
static void map_file_folio(struct vm_fault *fault, struct folio *folio, bool write);
static enum fault_step do_cow_fault(struct vm_fault *fault, struct folio *folio);
static void map_cached_neighbours(struct vm_fault *fault);

enum fault_step do_file_fault(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	bool write = fault->access == GW_WRITE, shared = fault->vma->flags & VM_SHARED;
	enum fault_step step;
	struct folio *folio;

	/* Before it is known whether there is a page: Linux, and what the VMA merges with shows it. */
	step = write && !shared ? vmf_anon_prepare(fault) : FAULT_STEP_DONE;
	if (step == FAULT_STEP_DONE)
		step = get_file_folio(fault, &folio);
	if (step != FAULT_STEP_DONE)
		return step;
	if (write && !shared)
		step = do_cow_fault(fault, folio);
	else
		map_file_folio(fault, folio, write);
	folio_unlock(folio);
	folio_put(machine, folio);
	if (!write)
		map_cached_neighbours(fault);
	return step;
}

/* Locked. */
static enum fault_step get_file_folio(struct vm_fault *fault, struct folio **folio)
{
	struct mapping *mapping = fault->vma->mapping;
	unsigned long pgoff = linear_page_index(fault->vma, fault->addr);
	bool major = false;
	int err;

	err = filemap_lock_folio(mapping, pgoff, folio, &major);
	fault->major |= major;
	if (err)
		return err == -ENOMEM ? FAULT_STEP_OOM : FAULT_STEP_SIGBUS;
	return FAULT_STEP_DONE;
}

/* Under the table lock, into an entry that is none. */
static void set_file_pte(struct vm_fault *fault, pte_t *ptep, struct folio *folio, bool write)
{
	struct machine *machine = fault->mm->machine;
	pte_t pte = pte_mkyoung(mk_pte(folio_pfn(machine, folio), fault->vma->page_prot));

	if (write)
		pte = pte_mkwrite(pte_mkdirty(pte));
	folio_get(folio);
	folio_add_file_rmap(folio);
	atomic_long_add_return(&fault->mm->rss_file, 1);
	set_pte(machine, ptep, pte);
	count_event(machine, fault_file);
}

/* A writer's folio is dirty before the entry lets it be written. */
static void map_file_folio(struct vm_fault *fault, struct folio *folio, bool write)
{
	struct spinlock *ptl;
	pte_t *ptep;

	if (write)
		folio_set(folio, PG_dirty);
	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return;
	if (pte_none(ptep_get(ptep)))
		set_file_pte(fault, ptep, folio, write);
	pte_unmap_unlock(ptl);
}

/* The table is locked, and fault->orig maps @folio. */
static void make_writable(struct vm_fault *fault, pte_t *ptep)
{
	set_pte(fault->mm->machine, ptep, pte_mkwrite(pte_mkdirty(pte_mkyoung(fault->orig))));
	count_event(fault->mm->machine, fault_reuse);
}

/*
 * The first write to a page that a shared mapping has read-only.  If it is the file's no more, the
 * entry is gone as well, and the next fault sees.
 */
void do_wp_shared(struct vm_fault *fault, struct folio *folio)
{
	struct spinlock *ptl;
	pte_t *ptep;

	folio_lock(folio);
	if (folio_mapping(folio) != fault->vma->mapping)
		goto out;
	folio_set(folio, PG_dirty);
	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		goto out;
	if (ptep_get(ptep).v == fault->orig.v)
		make_writable(fault, ptep);
	pte_unmap_unlock(ptl);
out:
	folio_unlock(folio);
}

static enum fault_step do_cow_fault(struct vm_fault *fault, struct folio *folio)
{
	struct machine *machine = fault->mm->machine;
	struct folio *copy;

	copy = folio_alloc(machine, GFP_MOVABLE, GW_NODE_ANY);
	if (!copy)
		return FAULT_STEP_OOM;
	folio_copy(machine, copy, folio);
	folio_set(copy, PG_uptodate);
	if (map_anon_folio(fault, copy))
		count_event(machine, fault_cow);
	return FAULT_STEP_DONE;
}

/* ---- Around ------------------------------------------------------------------------------------------ */

/*
 * The folio lock keeps migration and reading out between the look at the folio and the entry that
 * maps it; a folio that is locked by somebody is left for a fault of its own.
 */
static void map_neighbour(struct vm_fault *fault, pte_t *ptep, unsigned long addr)
{
	struct machine *machine = fault->mm->machine;
	struct folio *folio;

	if (!pte_none(ptep_get(ptep)))
		return;
	folio = filemap_get_folio(fault->vma->mapping, linear_page_index(fault->vma, addr));
	if (!folio)
		return;
	if (folio_trylock(folio)) {
		if (folio_test(folio, PG_uptodate) && folio_mapping(folio) == fault->vma->mapping)
			set_file_pte(fault, ptep, folio, false);
		folio_unlock(folio);
	}
	folio_put(machine, folio);
}

/* The aligned window around the page, within the VMA, the file and so the table. */
static void map_cached_neighbours(struct vm_fault *fault)
{
	struct vma *vma = fault->vma;
	unsigned long window = FAULT_AROUND_PAGES << PAGE_SHIFT;
	unsigned long in_file = file_pages(vma->mapping);
	unsigned long nr_pages = in_file <= vma->pgoff ? 0 : min(in_file - vma->pgoff, vma_pages(vma));
	unsigned long start = max(ALIGN_DOWN(fault->addr, window), vma->start);
	unsigned long end = min(ALIGN_DOWN(fault->addr, window) + window,
				vma->start + (nr_pages << PAGE_SHIFT));
	struct spinlock *ptl;
	pte_t *ptep;

	if (start >= end)
		return; /* cut off meanwhile */
	ptep = pte_offset_map_lock(fault->mm, start, &ptl);
	if (!ptep)
		return;
	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE, ptep++)
		map_neighbour(fault, ptep, addr);
	pte_unmap_unlock(ptl);
}
