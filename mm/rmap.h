/* SPDX-License-Identifier: MIT */
/*
 * rmap.h - from a folio to every page-table entry that maps it
 */
#pragma once

#include "folio.h"
#include "tlb.h"
#include "vma.h"

/* ---- Adding and removing; under the table lock of the entry ------------------------------------- */

/* A new anonymous folio, not yet visible, mapped at @addr by the entry about to be set. */
void folio_add_new_anon_rmap(struct folio *folio, struct vma *vma, unsigned long addr);
/* One more entry; the caller's reference goes to it. */
void folio_add_anon_rmap(struct folio *folio, struct vma *vma, unsigned long addr, bool exclusive);
/*
 * One more entry, in a child of @mm, for an anonymous folio that is nobody's own from now on.
 * Linux: folio_try_dup_anon_rmap_pte().
 * => false: it is @mm's own and may be pinned, and must stay so; nothing changed
 */
bool folio_try_dup_anon_rmap(struct mm *mm, struct folio *folio) __must_check;
/* The folio, which is locked, is @vma's own: walks need not look in other VMAs of the family. */
void folio_move_anon_rmap(struct folio *folio, struct vma *vma);
void folio_add_file_rmap(struct folio *folio);
void folio_remove_rmap(struct folio *folio);

/* The address of @folio in @vma by its index, or -EFAULT when it lies outside.  Linux: vma_address() */
unsigned long vma_address(const struct vma *vma, const struct folio *folio);

/* ---- Walking ------------------------------------------------------------------------------------- */

struct rmap_walk {
	/* Called for each VMA that may map the folio, with the tree's lock held.  False: stop. */
	bool (*visit)(struct rmap_walk *walk, struct folio *folio, struct vma *vma,
		      unsigned long addr);
	/* Optional: leave this VMA out. */
	bool (*skip)(struct rmap_walk *walk, struct vma *vma);
	/* Optional: enough has been seen. */
	bool (*done)(struct folio *folio);
	void *arg;
};

/* The folio is locked, or its anon_vma kept by a reference. */
void rmap_walk(struct machine *machine, struct folio *folio, struct rmap_walk *walk);

/*
 * A reference to the anon_vma of a locked folio, or NULL when the folio is not mapped any more:
 * then its anon_vma may be gone.  Linux: folio_get_anon_vma().
 */
struct anon_vma *folio_get_anon_vma(struct machine *machine, struct folio *folio);

/*
 * Replace every entry that maps @folio, which is locked, by a migration entry; flushes are owed to
 * @batch.  folio_mapped() afterwards tells whether some were left.  Linux: try_to_migrate().
 */
void try_to_migrate(struct machine *machine, struct folio *folio, struct tlb_batch *batch);

/*
 * Make every entry that may write @folio, which is locked and a file's, clean and read-only, and
 * flush.  => one of them was dirty.  Linux: folio_mkclean().
 */
bool folio_mkclean(struct machine *machine, struct folio *folio);

/*
 * Replace every migration entry for @old that the walk of @new finds by an entry for @new; both
 * are locked.  @new may be @old: the migration failed.  Linux: remove_migration_ptes().
 */
void remove_migration_ptes(struct machine *machine, struct folio *old, struct folio *new);
