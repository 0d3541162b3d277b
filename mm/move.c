// SPDX-License-Identifier: MIT
/*
 * move.c - moving a range of page-table entries to another address
 *
 * An entry goes from one table to the other under both table locks, and old translations are
 * flushed before either lock is dropped: through the new address the frame could be freed at once.
 * Linux eb66ae030829 ("mremap: properly flush TLB before releasing the page").
 *
 * An rmap walk visits one place after the other.  If it comes to the new place first, finds nothing,
 * and comes to the old one when the entry has left, it has missed it; a migration that misses an
 * entry leaves a migration entry behind.  So either the new VMA comes later in the walk, or the rmap
 * locks are held around the move.  Linux 108d6642ad81 ("mm anon rmap: remove anon_vma_moveto_tail"),
 * 38a76013ad80 ("mm: avoid taking rmap locks in move_ptes()").
 *
 * A whole table changes its address by one entry above it.  Walks that stand on it would go on by the
 * old address, so the rmap locks are held always.  Linux 97113eb39fa7 ("mm/mremap: hold the rmap lock
 * in write mode when moving page table entries").
 *
 * Locks: mmap_lock for write, rmap locks, page table, twice: nobody else takes two of one address
 * space.
 * Linux: mm/mremap.c (move_page_tables, move_ptes, move_normal_pmd), as of 6.12.  Not modelled:
 * moves of a table of tables.
 */
#include "memory.h"

#include "filemap.h"
#include "machine.h"
#include "tlb.h"

#include <errno.h>

/* One step: what lies within one table at either end. */
struct move_step {
	struct mm *mm;
	unsigned long old, new; /* addresses */
	unsigned long len;	/* bytes */
};

static void take_rmap_locks(struct vma *vma)
{
	if (vma->mapping)
		down_write(&vma->mapping->i_mmap_lock);
	if (vma->anon_vma)
		anon_vma_lock_write(vma->anon_vma);
}

static void drop_rmap_locks(struct vma *vma)
{
	if (vma->anon_vma)
		anon_vma_unlock_write(vma->anon_vma);
	if (vma->mapping)
		up_write(&vma->mapping->i_mmap_lock);
}

/* Whoever tracks writes sees contents come to an address. */
static pte_t mark_moved(pte_t pte)
{
	if (pte_present(pte))
		return pte_set_bits(pte, PTE_BIT(SOFT_DIRTY));
	return pte_set_bits(pte, SWP_BIT(SOFT_DIRTY));
}

/* Both ends' table locks are held.  Clear and set are two steps, and a walker may look in between. */
static bool move_locked(struct machine *machine, pte_t *oldp, pte_t *newp, unsigned long nr)
{
	bool moved_present = false;

	for (unsigned long i = 0; i < nr; i++) {
		pte_t pte;

		if (pte_none(ptep_get(&oldp[i])))
			continue;
		pte = ptep_get_and_clear(machine, &oldp[i]);
		moved_present |= pte_present(pte);
		ASSERT(pte_none(ptep_get(&newp[i])));
		set_pte(machine, &newp[i], mark_moved(pte));
	}
	return moved_present;
}

static void move_ptes(const struct move_step *step)
{
	struct mm *mm = step->mm;
	bool same_table = ((step->old ^ step->new) >> PMD_SHIFT) == 0;
	struct spinlock *old_ptl, *new_ptl = NULL;
	pte_t *oldp, *newp;

	oldp = pte_offset_map_lock(mm, step->old, &old_ptl);
	if (!oldp)
		return;
	if (same_table) {
		newp = oldp + ((long)(step->new - step->old) >> PAGE_SHIFT);
	} else {
		/* mmap_lock held for write: nobody else takes two, and the table was just made. */
		newp = pte_offset_map_lock_nested(mm, step->new, &new_ptl, LOCK_NEST_SECOND);
		ASSERT(newp);
	}
	flush_tlb_batched_pending(mm, step->old, step->old + step->len);
	if (move_locked(mm->machine, oldp, newp, step->len >> PAGE_SHIFT))
		flush_tlb_range(mm, step->old, step->old + step->len, GW_TLB_UNMAP);
	if (new_ptl)
		pte_unmap_unlock(new_ptl);
	pte_unmap_unlock(old_ptl);
}

/* ---- The steps -------------------------------------------------------------------------------------------- */

/*
 * @old and @new lie at the same place of their tables, and below them in these tables nothing is
 * mapped: then the first step, too, is a whole table.  Linux: try_realign_addr().
 */
static unsigned long lead_to_align(const struct vma *vma, unsigned long old,
				   const struct vma *new_vma, unsigned long new, unsigned long len)
{
	unsigned long lead = old % PMD_SIZE;

	if (!lead || new % PMD_SIZE != lead || len < PMD_SIZE - lead)
		return 0;
	if (vma->start != old || vma_intersection(vma->mm, old - lead, old))
		return 0;
	if (new_vma->start != new || vma_intersection(vma->mm, new - lead, new))
		return 0;
	return lead;
}

static unsigned long step_len(unsigned long old, unsigned long new, unsigned long left)
{
	return min(pmd_addr_end(old, old + left) - old, pmd_addr_end(new, new + left) - new);
}

static bool has_table(struct mm *mm, unsigned long addr)
{
	return pte_offset_lockless(mm, addr);
}

/* => -ENOMEM */
static int move_step(struct vma *vma, const struct move_step *step, enum move_rmap_locks rmap_locks)
{
	if (step->len == PMD_SIZE) {
		bool moved;

		if (pmd_alloc_stocked(step->mm, step->new))
			return -ENOMEM;
		take_rmap_locks(vma);
		moved = pmd_move(step->mm, step->old, step->new);
		drop_rmap_locks(vma);
		if (moved)
			return 0;
	}
	if (pte_alloc_stocked(step->mm, step->new))
		return -ENOMEM;
	if (rmap_locks == MOVE_WITH_RMAP_LOCKS)
		take_rmap_locks(vma);
	move_ptes(step);
	if (rmap_locks == MOVE_WITH_RMAP_LOCKS)
		drop_rmap_locks(vma);
	return 0;
}

/* Upwards, which is right for a move down whose ranges overlap. */
unsigned long move_page_tables(struct vma *vma, unsigned long old, struct vma *new_vma,
			       unsigned long new, unsigned long len, enum move_rmap_locks rmap_locks)
{
	unsigned long lead = 0, done = 0;
	struct mm *mm = vma->mm;

	rwsem_assert_held_write(&mm->mmap_lock);
	ASSERT(new_vma->mm == mm && (new < old || new >= old + len));
	if (vma != new_vma)
		lead = lead_to_align(vma, old, new_vma, new, len);
	old -= lead;
	new -= lead;
	len += lead;
	while (done < len) {
		struct move_step step = { .mm = mm, .old = old + done, .new = new + done };

		if (!has_table(mm, step.old)) {
			done = next_page_table(mm, step.old, old + len) - old;
			continue;
		}
		step.len = step_len(step.old, step.new, len - done);
		if (move_step(vma, &step, rmap_locks))
			break;
		done += step.len;
	}
	return done > lead ? done - lead : 0;
}

/* As many as if every table on the way down were missing. */
int move_page_tables_stock(const struct vma *vma, unsigned long old, unsigned long new,
			   unsigned long len)
{
	unsigned long pmd_table = ~0ul, pud_table = ~0ul, done = 0;
	struct mm *mm = vma->mm;
	int nr = 0;

	while (done < len) {
		unsigned long step = step_len(old + done, new + done, len - done);

		if (!has_table(mm, old + done)) {
			done = next_page_table(mm, old + done, old + len) - old;
			continue;
		}
		nr += step != PMD_SIZE;
		nr += (new + done) >> PUD_SHIFT != pmd_table;
		nr += (new + done) >> PGDIR_SHIFT != pud_table;
		pmd_table = (new + done) >> PUD_SHIFT;
		pud_table = (new + done) >> PGDIR_SHIFT;
		done += step;
	}
	return table_stock(mm, nr);
}
