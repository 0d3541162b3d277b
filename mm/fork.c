// SPDX-License-Identifier: MIT
/*
 * fork.c - a second address space that looks like the first
 *
 * The VMAs are copied one by one, each linked into the reverse maps of its parent's pages before an
 * entry is copied, and behind its parent there: a walk that finds an entry gone from the parent comes
 * to the child later, where it is by then.  Then entries are copied, table by table.  A private page
 * that may be written loses that right on both sides, so the first to write gets a copy (cow.c);
 * a page that is pinned for someone else's writing is copied at once, because the parent must go on
 * sharing it with whoever pinned it.  What faults can bring back from a file is left to them.
 *
 *	CPU A: fork				CPU B: another thread of the parent
 *	mmap_lock for write
 *	entry := read-only, copy it
 *						store through a cached translation: still the parent's
 *	flush the parent's translations
 *	drop mmap_lock				the next store faults, and copies
 *
 * The flush must come before faults are let in, or one could copy the page while a third thread still
 * stores into the old one.  So each VMA of the parent is locked before, and stays so until mmap_lock
 * is dropped (Linux 2b4f3b4987b5, "fork: lock VMAs of the parent process when forking").  And it must
 * come even if only migration entries were changed, for a migration replaces entries first and flushes
 * later.
 *
 * All that is known to be needed is allocated before the first entry is copied.  Only copies of
 * pinned pages are not; when there is no frame for one, the child is taken down again, and pages
 * that were shared for a moment are the parent's alone, though it will take a fault to notice.
 *
 * Locks: both mmap_locks for write, parent first; the parent's VMAs; a child's table, then its parent's.
 * Linux: kernel/fork.c (dup_mm, dup_mmap), mm/memory.c (copy_page_range), as of 6.12.
 */
#include "fork.h"

#include "filemap.h"
#include "gup.h"
#include "lru.h"
#include "migrate.h"
#include "rmap.h"
#include "vma.h"

#include <errno.h>

static int dup_mmap(struct mm *child, struct mm *parent);
static int copy_page_range(struct mm *child, struct mm *parent);

static void dup_layout(struct mm *child, const struct mm *parent)
{
	child->limits = parent->limits;
	child->mmap_base = parent->mmap_base;
	child->stack_guard_gap = parent->stack_guard_gap;
	child->start_code = parent->start_code;
	child->end_code = parent->end_code;
	child->start_data = parent->start_data;
	child->end_data = parent->end_data;
	child->start_brk = parent->start_brk;
	child->brk = parent->brk;
	child->start_stack = parent->start_stack;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
}

int dup_mm(struct mm *parent, struct mm **result)
{
	struct gw_event event = { .kind = GW_EVENT_FORK, .mm_id = parent->id };
	const struct gw_limits none = { 0 }; /* the parent's are read under its lock: dup_layout() */
	struct mm *child;
	int err;

	err = mm_create(parent->machine, &none, &child);
	if (err)
		return err;
	mmap_write_lock(parent);
	/* Migration may have found the child already; nobody waits for a parent meanwhile. */
	down_write_nested(&child->mmap_lock, LOCK_NEST_CHILD);
	dup_layout(child, parent);
	err = dup_mmap(child, parent);
	mmap_write_unlock(child);
	mmap_write_unlock(parent);
	if (err) {
		mm_put(child);
		return err;
	}
	event.arg[0] = child->id;
	machine_event(parent->machine, &event);
	*result = child;
	return 0;
}

/* ---- VMAs ------------------------------------------------------------------------------------------- */

/*
 * Entries that faults would not make again: private pages.  Whoever has some has an anon_vma; the
 * zero page and the page cache's are mapped again when they are looked at.  Linux: vma_needs_copy().
 */
static bool vma_needs_copy(const struct vma *vma)
{
	return vma->anon_vma && !(vma->flags & VM_WIPEONFORK);
}

/* A lock in memory is not inherited, and a VMA that is wiped begins without pages. */
static int dup_anon_vma(struct vma *new, struct vma *old)
{
	return old->flags & VM_WIPEONFORK ? 0 : anon_vma_fork(new, old);
}

/* => -ENOMEM, nothing changed */
static int dup_vma(struct mm *child, struct vma *old)
{
	struct vma *new;
	int err = -ENOMEM;

	new = vma_alloc(child);
	if (!new)
		return -ENOMEM;
	if ((old->flags & VM_ACCOUNT) && vm_commit_reserve(child, vma_pages(old)))
		goto out_free;
	new->start = old->start;
	new->end = old->end;
	new->pgoff = old->pgoff;
	new->flags = old->flags & ~(unsigned long)VM_LOCKED_MASK;
	new->page_prot = old->page_prot;
	new->mapping = old->mapping;
	if (new->mapping)
		mapping_get(new->mapping);
	if (dup_anon_vma(new, old))
		goto out_commit;
	err = vma_insert(child, new);
	if (err)
		goto out_chains;
	return 0;

out_chains:
	unlink_anon_vmas(new);
out_commit:
	vm_commit_release(child);
out_free:
	vma_free(new);
	return err;
}

/* Tables for the entries that will be copied, which nobody adds to: faults are locked out. */
static int dup_tables(struct mm *child, struct mm *parent, const struct vma *vma)
{
	unsigned long addr = vma->start;

	while (addr < vma->end) {
		if (pte_offset_lockless(parent, addr)) {
			if (pte_alloc(child, addr))
				return -ENOMEM;
			addr = pmd_addr_end(addr, vma->end);
		} else {
			addr = next_page_table(parent, addr, vma->end);
		}
	}
	return 0;
}

/* On failure the child has some of it, and is taken down as it is. */
static int dup_mmap(struct mm *child, struct mm *parent)
{
	struct vma *vma;

	for_each_vma(parent, vma) {
		int err;

		if (guard(parent->machine, fork_lock_vmas))
			vma_start_write(vma);
		if (vma->flags & VM_DONTCOPY)
			continue;
		err = dup_vma(child, vma);
		if (!err && vma_needs_copy(vma))
			err = dup_tables(child, parent, vma);
		if (err)
			return err;
	}
	return copy_page_range(child, parent);
}

/* ---- Entries ------------------------------------------------------------------------------------------ */

/* (P) under both table locks */
struct page_copy {
	struct machine *machine;
	struct mm *child, *parent;
	struct vma *new, *old;		    /* the VMA of either that is being copied */
	long rss_anon, rss_file;	    /* pages of the child, not accounted yet */
	unsigned long changed, changed_end; /* where the parent has lost rights */
	struct folio *spare;		    /* for the next pinned page, or NULL */
};

static int copy_vma_entries(struct page_copy *copy);

/*
 * The parent's pins are looked at while write_protect_seq is odd, so that a pin which is taken
 * without a lock is either seen here or sees this, and is undone.  Linux 57efa1fe5957 ("mm/gup:
 * prevent gup_fast from racing with COW during fork").
 */
static int copy_page_range(struct mm *child, struct mm *parent)
{
	struct page_copy copy = {
		.machine = parent->machine,
		.child = child,
		.parent = parent,
		.changed = ~0ul,
	};
	int err = 0;

	atomic_add_return(&parent->write_protect_seq, 1);
	for_each_vma(child, copy.new) {
		copy.old = vma_find(parent, copy.new->start);
		vma_assert_write_locked(copy.old);
		if (vma_needs_copy(copy.old))
			err = copy_vma_entries(&copy);
		if (err)
			break;
	}
	atomic_add_return(&parent->write_protect_seq, 1);
	if (copy.changed < copy.changed_end && guard(copy.machine, fork_flush))
		flush_tlb_range(parent, copy.changed, copy.changed_end, GW_TLB_PROTECT);
	if (copy.spare)
		folio_put(copy.machine, copy.spare);
	return err;
}

static void note_changed(struct page_copy *copy, unsigned long addr)
{
	copy->changed = min(copy->changed, addr);
	copy->changed_end = max(copy->changed_end, addr + PAGE_SIZE);
}

static void add_rss(struct page_copy *copy, const struct folio *folio)
{
	if (folio_anon(folio))
		copy->rss_anon++;
	else
		copy->rss_file++;
}

/* What may become of a page is not the child's business until it touches it. */
static pte_t childs_pte(const struct page_copy *copy, pte_t pte)
{
	uint64_t lost = PTE_BIT(ACCESSED) | PTE_BIT(UFFD_WP);

	if (copy->new->flags & VM_SHARED)
		lost |= PTE_BIT(DIRTY);
	return pte_clear_bits(pte, lost);
}

/* The child gets the page's contents; the page stays the parent's own.  False: no frame at hand. */
static bool copy_pinned_page(struct page_copy *copy, pte_t *newp, unsigned long addr,
			     struct folio *folio)
{
	struct folio *new = copy->spare;
	pte_t pte;

	if (!new)
		return false;
	copy->spare = NULL;
	folio_copy(copy->machine, new, folio);
	folio_set(new, PG_uptodate);
	folio_add_new_anon_rmap(new, copy->new, addr);
	folio_add_lru(copy->machine, new);
	pte = pte_mkdirty(mk_pte(folio_pfn(copy->machine, new), copy->new->page_prot));
	if (copy->new->flags & VM_WRITE)
		pte = pte_mkwrite(pte);
	set_pte(copy->machine, newp, pte);
	copy->rss_anon++;
	count_event(copy->machine, fork_copy_pinned);
	return true;
}

/* False: copy->spare is needed, and empty. */
static bool copy_present_pte(struct page_copy *copy, pte_t *newp, pte_t *oldp, unsigned long addr)
{
	pte_t pte = ptep_get(oldp);
	struct folio *folio = pfn_folio(copy->machine, pte_pfn(pte));

	if (folio != copy->machine->zero_folio) {
		if (!folio_anon(folio))
			folio_add_file_rmap(folio);
		else if (!folio_try_dup_anon_rmap(copy->parent, folio))
			return copy_pinned_page(copy, newp, addr, folio);
		folio_get(folio);
		add_rss(copy, folio);
	}
	if (is_cow_mapping(copy->old->flags) && pte_write(pte)) {
		pte = pte_wrprotect(pte);
		set_pte(copy->machine, oldp, pte);
		note_changed(copy, addr);
	}
	set_pte(copy->machine, newp, childs_pte(copy, pte));
	return true;
}

/*
 * The page comes back on both sides as the entry says, so a page of one process alone becomes one
 * of both.  Linux 4a705fef9862 had to say it for huge pages.
 */
static void copy_migration_pte(struct page_copy *copy, pte_t *newp, pte_t *oldp, unsigned long addr)
{
	pte_t pte = ptep_get(oldp);

	add_rss(copy, migration_pte_folio(copy->machine, pte));
	if (pte_swp_type(pte) != SWP_MIGRATION_READ && is_cow_mapping(copy->old->flags) &&
	    guard(copy->machine, fork_share_migration)) {
		pte = pte_swp_modify(pte, SWP_MIGRATION_READ);
		set_pte(copy->machine, oldp, pte);
		note_changed(copy, addr);
	}
	set_pte(copy->machine, newp, pte_clear_bits(pte, SWP_BIT(UFFD_WP)));
}

static bool copy_one_pte(struct page_copy *copy, pte_t *newp, pte_t *oldp, unsigned long addr)
{
	pte_t pte = ptep_get(oldp);

	if (pte_none(pte))
		return true;
	ASSERT(pte_none(ptep_get(newp)));
	if (pte_present(pte))
		return copy_present_pte(copy, newp, oldp, addr);
	if (!pte_is_migration(pte))
		panic("entry %llx at %lx names a swap slot", (unsigned long long)pte.v, addr);
	copy_migration_pte(copy, newp, oldp, addr);
	return true;
}

static void account_rss(struct page_copy *copy)
{
	if (copy->rss_anon)
		atomic_long_add_return(&copy->child->rss_anon, copy->rss_anon);
	if (copy->rss_file)
		atomic_long_add_return(&copy->child->rss_file, copy->rss_file);
	copy->rss_anon = copy->rss_file = 0;
}

/*
 * One table's share of [@addr, @range_end), or less when a frame is needed; returns how far it came.
 * Both locks of a kind are taken by fork alone, and by moves, which mmap_lock keeps apart from it.
 */
static unsigned long copy_pte_range(struct page_copy *copy, unsigned long addr,
				    unsigned long range_end)
{
	unsigned long end = pmd_addr_end(addr, range_end);
	struct spinlock *new_ptl, *old_ptl;
	pte_t *newp, *oldp;

	newp = pte_offset_map_lock(copy->child, addr, &new_ptl);
	if (!newp)
		return next_page_table(copy->child, addr, range_end);
	oldp = pte_offset_map_lock_nested(copy->parent, addr, &old_ptl, LOCK_NEST_SECOND);
	ASSERT(oldp);
	for (; addr < end; addr += PAGE_SIZE, newp++, oldp++)
		if (!copy_one_pte(copy, newp, oldp, addr))
			break;
	account_rss(copy);
	pte_unmap_unlock(old_ptl);
	pte_unmap_unlock(new_ptl);
	return addr;
}

/* => -ENOMEM: there is no frame for the copy of a pinned page */
static int copy_vma_entries(struct page_copy *copy)
{
	unsigned long addr = copy->new->start;

	for (;;) {
		unsigned long end = pmd_addr_end(addr, copy->new->end);

		addr = copy_pte_range(copy, addr, copy->new->end);
		if (addr == copy->new->end)
			return 0;
		if (addr >= end)
			continue;
		copy->spare = folio_alloc(copy->machine, GFP_MOVABLE, GW_NODE_ANY);
		if (!copy->spare)
			return -ENOMEM;
	}
}
