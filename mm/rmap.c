// SPDX-License-Identifier: MIT
/*
 * rmap.c - from a folio to every page-table entry that maps it
 *
 * An anonymous folio points at an anon_vma, whose interval tree holds one entry per VMA that may
 * map it, in this process or in a forked one.  A file folio points at its mapping, whose tree is
 * keyed by file offset.  Both are over-approximations: a VMA in the tree need not map the folio, or
 * not any more, so every walk confirms the entry under its table lock.
 *
 * Invariant: an entry that maps a folio, or a migration entry that names it, is at the address that
 * the VMA's start and pgoff give for folio->index, for as long as the walker holds the tree's lock.
 * Whoever changes start or pgoff takes that lock for write.  Exec's stack move is the exception: see
 * shift_arg_pages() in exec/exec.c.
 *
 * A walk takes the table lock even for an entry that looks empty: an entry on its way from one
 * address to another is nowhere for a moment.  Linux 486cf46f3f9b ("mm: fix race between mremap and
 * removing migration entry").
 *
 * Locks: the folio lock, then mapping->i_mmap_lock or anon_vma->root->lock, then the page table.
 * Linux: mm/rmap.c, remove_migration_pte() of mm/migrate.c (6.12).
 */
#include "rmap.h"

#include "filemap.h"
#include "gup.h"
#include "machine.h"
#include "memory.h"
#include "migrate.h"

#include <errno.h>

/* ---- Adding and removing ------------------------------------------------------------------------- */

static void folio_set_anon(struct folio *folio, struct vma *vma, unsigned long addr)
{
	ASSERT(vma->anon_vma);
	folio->index = linear_page_index(vma, addr);
	/* Pointer and tag in one go: walkers read it without the folio lock. */
	WRITE_ONCE(folio->mapping, (unsigned long)vma->anon_vma | FOLIO_MAPPING_ANON);
}

void folio_add_new_anon_rmap(struct folio *folio, struct vma *vma, unsigned long addr)
{
	ASSERT(folio_mapcount(folio) == 0 && !folio->mapping);
	folio_set_anon(folio, vma, addr);
	folio_set(folio, PG_swapbacked);
	folio_set(folio, PG_anon_exclusive);
	atomic_set(&folio->mapcount, 1);
}

void folio_add_anon_rmap(struct folio *folio, struct vma *vma, unsigned long addr, bool exclusive)
{
	ASSERT(folio_anon(folio));
	ASSERT_MSG(folio->index == linear_page_index(vma, addr), "index %lx mapped at %lx",
		   folio->index, addr);
	if (exclusive)
		folio_set(folio, PG_anon_exclusive);
	atomic_inc(&folio->mapcount);
}

bool folio_try_dup_anon_rmap(struct mm *mm, struct folio *folio)
{
	if (folio_test(folio, PG_anon_exclusive)) {
		if (folio_pinned_by(mm, folio) && guard(mm->machine, fork_copy_pinned))
			return false;
		folio_clear(folio, PG_anon_exclusive);
	}
	atomic_inc(&folio->mapcount);
	return true;
}

/* Pointer and tag in one go: see folio_set_anon(). */
void folio_move_anon_rmap(struct folio *folio, struct vma *vma)
{
	ASSERT(folio_locked(folio) && vma->anon_vma);
	WRITE_ONCE(folio->mapping, (unsigned long)vma->anon_vma | FOLIO_MAPPING_ANON);
}

void folio_add_file_rmap(struct folio *folio)
{
	ASSERT(folio_mapping(folio));
	atomic_inc(&folio->mapcount);
}

void folio_remove_rmap(struct folio *folio)
{
	int left = atomic_add_return(&folio->mapcount, -1);

	ASSERT_MSG(left >= 0, "mapcount %d", left);
}

unsigned long vma_address(const struct vma *vma, const struct folio *folio)
{
	unsigned long pgoff = READ_ONCE(vma->pgoff), start = READ_ONCE(vma->start);
	unsigned long addr;

	if (folio->index < pgoff)
		return (unsigned long)-EFAULT;
	addr = start + ((folio->index - pgoff) << PAGE_SHIFT);
	if (addr < start || addr >= READ_ONCE(vma->end))
		return (unsigned long)-EFAULT;
	return addr;
}

/* ---- Walking --------------------------------------------------------------------------------------- */

/* False: the walk is over. */
static bool walk_vma(struct rmap_walk *walk, struct folio *folio, struct vma *vma)
{
	unsigned long addr = vma_address(vma, folio);

	if (addr == (unsigned long)-EFAULT)
		return true;
	if (walk->skip && walk->skip(walk, vma))
		return true;
	if (!walk->visit(walk, folio, vma, addr))
		return false;
	return !walk->done || !walk->done(folio);
}

static void rmap_walk_anon(struct folio *folio, struct anon_vma *anon_vma, struct rmap_walk *walk)
{
	struct interval_node *node;

	anon_vma_lock_read(anon_vma);
	interval_tree_for_each(node, &anon_vma->rb, folio->index, folio->index) {
		struct anon_vma_chain *avc = container_of(node, struct anon_vma_chain, node);

		if (!walk_vma(walk, folio, avc->vma))
			break;
	}
	anon_vma_unlock_read(anon_vma);
}

static void rmap_walk_file(struct folio *folio, struct mapping *mapping, struct rmap_walk *walk)
{
	struct interval_node *node;

	down_read(&mapping->i_mmap_lock);
	interval_tree_for_each(node, &mapping->i_mmap, folio->index, folio->index) {
		if (!walk_vma(walk, folio, container_of(node, struct vma, i_mmap_node)))
			break;
	}
	up_read(&mapping->i_mmap_lock);
}

void rmap_walk(struct machine *machine, struct folio *folio, struct rmap_walk *walk)
{
	struct anon_vma *anon_vma = folio_anon_vma(folio);
	struct mapping *mapping = folio_mapping(folio);

	(void)machine;
	ASSERT(folio_locked(folio));
	if (anon_vma)
		rmap_walk_anon(folio, anon_vma, walk);
	else if (mapping)
		rmap_walk_file(folio, mapping, walk);
}

/*
 * The folio lock does not keep the anon_vma: the last process that maps the folio may exit at any
 * time.  Under RCU the memory stays an anon_vma, though perhaps not this one; while the folio is
 * mapped it is this one; so a reference that is got before the folio is seen mapped is to the right
 * one.  Linux 3f6c82728f4e ("mm: migration: take a reference to the anon_vma before migrating").
 */
struct anon_vma *folio_get_anon_vma(struct machine *machine, struct folio *folio)
{
	struct anon_vma *anon_vma;

	rcu_read_lock();
	anon_vma = folio_anon_vma(folio);
	if (anon_vma && (!folio_mapped(folio) || !atomic_inc_not_zero(&anon_vma->refcount)))
		anon_vma = NULL;
	if (anon_vma && !folio_mapped(folio)) {
		rcu_read_unlock();
		put_anon_vma(machine, anon_vma);
		return NULL;
	}
	rcu_read_unlock();
	return anon_vma;
}

/* ---- The first walk of a migration: entries become migration entries --------------------------------- */

struct unmap_walk {
	struct rmap_walk walk;
	struct machine *machine;
	struct tlb_batch *batch;
};

static void pte_event(struct machine *machine, enum gw_event_kind kind, const struct mm *mm,
		      unsigned long addr, pte_t pte, unsigned long pfn)
{
	const struct gw_event event = {
		.kind = kind,
		.mm_id = mm->id,
		.addr = addr,
		.arg = { pte.v, pfn },
	};

	machine_event(machine, &event);
}

/* The migration entry that remembers all that @pte says.  The exclusive mark lives in its type. */
static pte_t migration_pte_of(pte_t pte, bool exclusive)
{
	enum swp_type type = SWP_MIGRATION_READ;
	uint64_t bits = 0;

	if (pte_write(pte))
		type = SWP_MIGRATION_WRITE;
	else if (exclusive)
		type = SWP_MIGRATION_READ_EXCLUSIVE;
	if (pte.v & PTE_BIT(SOFT_DIRTY))
		bits |= SWP_BIT(SOFT_DIRTY);
	if (pte.v & PTE_BIT(UFFD_WP))
		bits |= SWP_BIT(UFFD_WP);
	if (pte_young(pte))
		bits |= SWP_BIT(YOUNG);
	if (pte_dirty(pte))
		bits |= SWP_BIT(DIRTY);
	return pte_set_bits(mk_migration_pte(type, pte_pfn(pte)), bits);
}

/*
 * The mark goes from the folio to its one entry, unless the page may be pinned: then it has to stay
 * where it is, marked.  The entry is none by now, and whoever pins without a lock reads it again
 * afterwards, so one of the two notices the other.  Linux: folio_try_share_anon_rmap_pte().
 */
static bool try_share(struct machine *machine, struct folio *folio)
{
	if (folio_maybe_dma_pinned(folio) && guard(machine, migrate_leave_pinned))
		return false;
	folio_clear(folio, PG_anon_exclusive);
	return true;
}

/* The entry at @addr, if it maps @folio, with its table locked; NULL: it does not, nothing is locked. */
static pte_t *lock_entry_of(struct machine *machine, const struct folio *folio,
			    const struct vma *vma, unsigned long addr, struct spinlock **ptl)
{
	pte_t *ptep = pte_offset_map_lock(vma->mm, addr, ptl);
	pte_t pte;

	if (!ptep)
		return NULL;
	pte = ptep_get(ptep);
	if (pte_present(pte) && pte_pfn(pte) == folio_pfn(machine, folio))
		return ptep;
	pte_unmap_unlock(*ptl);
	return NULL;
}

static bool try_to_migrate_one(struct rmap_walk *walk, struct folio *folio, struct vma *vma,
			       unsigned long addr)
{
	struct unmap_walk *unmap = container_of(walk, struct unmap_walk, walk);
	struct machine *machine = unmap->machine;
	struct spinlock *ptl;
	pte_t *ptep, pte;
	bool exclusive;

	ptep = lock_entry_of(machine, folio, vma, addr, &ptl);
	if (!ptep)
		return true;
	pte = ptep_get(ptep);
	exclusive = folio_anon(folio) && folio_test(folio, PG_anon_exclusive);
	if (exclusive) {
		ptep_get_and_clear(machine, ptep);
		if (!try_share(machine, folio)) {
			set_pte(machine, ptep, pte);
			pte_unmap_unlock(ptl);
			return false;
		}
	}
	if (pte_dirty(pte))
		folio_set(folio, PG_dirty);
	pte = migration_pte_of(pte, exclusive);
	set_pte(machine, ptep, pte);
	tlb_batch_add(unmap->batch, vma->mm, addr);
	pte_event(machine, GW_EVENT_SET_MIGRATION_PTE, vma->mm, addr, pte,
		  folio_pfn(machine, folio));
	folio_remove_rmap(folio);
	folio_put(machine, folio); /* the entry's; the isolator has one */
	pte_unmap_unlock(ptl);
	return true;
}

static bool skip_temporary_stack(struct rmap_walk *walk, struct vma *vma)
{
	struct machine *machine = container_of(walk, struct unmap_walk, walk)->machine;
	const struct gw_design *design = machine->design;

	if (design && design->invalid_vma && design->invalid_vma(vma))
		return true;
	if (!guard(machine, skip_temporary_stack) || !vma_is_temporary_stack(vma))
		return false;
	count_event(machine, migrate_skip_tmp_stack);
	return true;
}

static bool folio_not_mapped(struct folio *folio)
{
	return !folio_mapped(folio);
}

void try_to_migrate(struct machine *machine, struct folio *folio, struct tlb_batch *batch)
{
	struct unmap_walk unmap = {
		.walk = {
			.visit = try_to_migrate_one,
			.skip = folio_anon(folio) ? skip_temporary_stack : NULL,
			.done = folio_not_mapped,
		},
		.machine = machine,
		.batch = batch,
	};

	rmap_walk(machine, folio, &unmap.walk);
}

/* ---- Before a page is written to its file: entries become clean ---------------------------------------- */

struct clean_walk {
	struct rmap_walk walk;
	struct machine *machine;
	bool dirty;
};

/* Private mappings have no entry that could write the file's page. */
static bool skip_private(struct rmap_walk *walk, struct vma *vma)
{
	(void)walk;
	return !(READ_ONCE(vma->flags) & VM_SHARED);
}

/* Linux: page_vma_mkclean_one(). */
static bool mkclean_one(struct rmap_walk *walk, struct folio *folio, struct vma *vma,
			unsigned long addr)
{
	struct clean_walk *clean = container_of(walk, struct clean_walk, walk);
	struct machine *machine = clean->machine;
	struct spinlock *ptl;
	pte_t *ptep, pte;

	ptep = lock_entry_of(machine, folio, vma, addr, &ptl);
	if (!ptep)
		return true;
	pte = ptep_get(ptep);
	if (pte_dirty(pte) || pte_write(pte)) {
		set_pte(machine, ptep, pte_clear_bits(pte_wrprotect(pte), PTE_BIT(DIRTY)));
		if (guard(machine, mkclean_flush))
			flush_tlb_page(vma->mm, addr, GW_TLB_PROTECT);
		clean->dirty |= pte_dirty(pte);
	}
	pte_unmap_unlock(ptl);
	return true;
}

bool folio_mkclean(struct machine *machine, struct folio *folio)
{
	struct clean_walk clean = {
		.walk = { .visit = mkclean_one, .skip = skip_private },
		.machine = machine,
	};

	/* Whoever unmaps a dirty page flushes before it is counted as unmapped. */
	if (folio_mapped(folio))
		rmap_walk(machine, folio, &clean.walk);
	return clean.dirty;
}

/* ---- The second walk: migration entries become entries for the new frame ------------------------------ */

struct restore_walk {
	struct rmap_walk walk;
	struct machine *machine;
	unsigned long old_pfn;
};

static pte_t restored_pte(const struct vma *vma, unsigned long pfn, pte_t entry)
{
	/* mprotect() changes both under mmap_lock, which is not held, and then visits the entry. */
	pte_t pte = mk_pte(pfn, (pgprot_t){ READ_ONCE(vma->page_prot.v) });

	pte = pte_clear_bits(pte, PTE_BIT(ACCESSED) | PTE_BIT(DIRTY));
	if (entry.v & SWP_BIT(SOFT_DIRTY))
		pte = pte_set_bits(pte, PTE_BIT(SOFT_DIRTY));
	if (entry.v & SWP_BIT(UFFD_WP))
		pte = pte_set_bits(pte, PTE_BIT(UFFD_WP));
	if (entry.v & SWP_BIT(YOUNG))
		pte = pte_mkyoung(pte);
	if (entry.v & SWP_BIT(DIRTY))
		pte = pte_set_bits(pte, PTE_BIT(DIRTY));
	/* mprotect() has turned the entry into a read one if the VMA lost the right meanwhile. */
	if (pte_is_migration_write(entry) && (READ_ONCE(vma->flags) & VM_WRITE))
		pte = pte_mkwrite(pte);
	return pte;
}

static bool remove_migration_pte(struct rmap_walk *walk, struct folio *folio, struct vma *vma,
				 unsigned long addr)
{
	struct restore_walk *restore = container_of(walk, struct restore_walk, walk);
	struct machine *machine = restore->machine;
	struct spinlock *ptl;
	pte_t *ptep, entry, pte;

	ptep = pte_offset_map_lock(vma->mm, addr, &ptl);
	if (!ptep) {
		pte_event(machine, GW_EVENT_NO_MIGRATION_PTE, vma->mm, addr, (pte_t){ 0 },
			  restore->old_pfn);
		return true;
	}
	entry = ptep_get(ptep);
	if (!pte_is_migration(entry) || pte_migration_pfn(entry) != restore->old_pfn) {
		pte_event(machine, GW_EVENT_NO_MIGRATION_PTE, vma->mm, addr, entry,
			  restore->old_pfn);
		pte_unmap_unlock(ptl);
		return true;
	}
	folio_get(folio);
	if (folio_anon(folio))
		folio_add_anon_rmap(folio, vma, addr, pte_swp_type(entry) != SWP_MIGRATION_READ);
	else
		folio_add_file_rmap(folio);
	pte = restored_pte(vma, folio_pfn(machine, folio), entry);
	set_pte(machine, ptep, pte);
	pte_event(machine, GW_EVENT_REMOVE_MIGRATION_PTE, vma->mm, addr, pte,
		  folio_pfn(machine, folio));
	pte_unmap_unlock(ptl);
	return true;
}

void remove_migration_ptes(struct machine *machine, struct folio *old, struct folio *new)
{
	struct restore_walk restore = {
		.walk = { .visit = remove_migration_pte },
		.machine = machine,
		.old_pfn = folio_pfn(machine, old),
	};

	rmap_walk(machine, new, &restore.walk);
}
