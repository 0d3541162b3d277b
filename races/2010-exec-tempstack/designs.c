// SPDX-License-Identifier: MIT
/*
 * designs.c - what was proposed in 2010 and not taken
 *
 * exec.c, at struct stack_shift, has the race: once the stack's VMA covers its new place, rmap walks
 * compute new addresses, and the entries are still at the old ones.  The fix keeps migration out.
 * Each design here lets it in, or keeps it out by another sign; README.md says what came of them.
 *
 * "Lock": nobody walks from the cover to the end of the move.
 * "Second VMA": a VMA with the old bounds is linked under the same anon_vma meanwhile, so that an
 * entry is found through one of the two.
 * "Guess": a VMA that grows and is alone in its address space is taken for a stack in the making.
 *
 * All of them move the stack in the order of Linux: cover, move, free the emptied tables, shrink.
 */
#include "design.h"

#include "machine.h"
#include "memory.h"
#include "vma_update.h"

#include <errno.h>

/* ---- What they share ------------------------------------------------------------------------------- */

struct stack_move {
	struct vma *vma;
	struct mm *mm;
	unsigned long old_start, old_end;
	unsigned long new_start, new_end;
};

static struct stack_move stack_move_of(struct vma *vma, unsigned long bytes)
{
	return (struct stack_move){
		.vma = vma,
		.mm = vma->mm,
		.old_start = vma->start,
		.old_end = vma->end,
		.new_start = vma->start - bytes,
		.new_end = vma->end - bytes,
	};
}

static int cover(const struct stack_move *move)
{
	return vma_expand(move->mm, move->vma, move->new_start, move->old_end, move->vma->pgoff);
}

static int move_entries(const struct stack_move *move)
{
	unsigned long len = move->old_end - move->old_start;

	return move_page_tables(move->vma, move->old_start, move->vma, move->new_start, len,
				MOVE_WITHOUT_RMAP_LOCKS) == len
		       ? 0
		       : -ENOMEM;
}

static int free_and_shrink(const struct stack_move *move)
{
	const struct vma *next = vma_next(move->mm, move->vma);
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, move->mm);
	free_pgd_range(&tlb, max(move->new_end, move->old_start), move->old_end, move->new_end,
		       next ? next->start : 0);
	tlb_finish_mmu(&tlb);
	return vma_shrink(move->mm, move->vma, move->new_start, move->new_end, move->vma->pgoff);
}

/* ---- Lock --------------------------------------------------------------------------------------------- */

/* vma_expand() with the lock held already.  What it needs is reserved before. */
static void cover_locked(const struct stack_move *move, struct vma_tree_change *tree)
{
	struct vma *vma = move->vma;
	unsigned long bytes = move->old_start - move->new_start;

	anon_vma_interval_tree_pre_update_vma(vma);
	vma->start = move->new_start;
	anon_vma_interval_tree_post_update_vma(vma);
	vm_stat_account(move->mm, vma->flags, (long)(bytes >> PAGE_SHIFT));
	vma_tree_commit(&move->mm->vmas, tree);
}

static int cover_and_move(const struct stack_move *move)
{
	struct vma_tree_change tree = { .start = move->old_start, .end = move->old_end };
	struct anon_vma *anon_vma = move->vma->anon_vma;
	int err;

	ASSERT(anon_vma); /* the strings are in it */
	vma_tree_change_insert(&tree, move->new_start, move->old_end, move->vma);
	err = vma_tree_reserve(&move->mm->vmas, &tree);
	if (err)
		return err;
	anon_vma_lock_write(anon_vma);
	cover_locked(move, &tree);
	err = move_entries(move);
	anon_vma_unlock_write(anon_vma);
	return err;
}

/* The tables of the new place are made under the lock, which a spinlock forbids. */
static int shift_under_lock(struct vma *vma, unsigned long bytes)
{
	const struct stack_move move = stack_move_of(vma, bytes);
	int err = cover_and_move(&move);

	return err ?: free_and_shrink(&move);
}

/* They are got ahead, so that nothing is allocated under the lock. */
static int shift_under_lock_with_stock(struct vma *vma, unsigned long bytes)
{
	const struct stack_move move = stack_move_of(vma, bytes);
	struct mm *mm = move.mm;
	int err;

	err = move_page_tables_stock(vma, move.old_start, move.new_start,
				     move.old_end - move.old_start);
	if (!err)
		err = cover_and_move(&move);
	stock_drain(mm->machine, &mm->stock);
	return err ?: free_and_shrink(&move);
}

/* ---- Second VMA ----------------------------------------------------------------------------------------- */

enum visited { OLD_PLACE_FIRST, NEW_PLACE_FIRST };

/* VMAs that begin at the same offset are visited in the order in which they were linked. */
static void link_behind(struct vma *second)
{
	anon_vma_lock_write(second->anon_vma);
	anon_vma_interval_tree_pre_update_vma(second);
	anon_vma_interval_tree_post_update_vma(second);
	anon_vma_unlock_write(second->anon_vma);
}

/*
 * The second VMA is in no tree of the address space: rmap walks alone see it.  Covering takes the
 * stack's VMA out of the interval tree and puts it back, so that the second one is visited first.
 */
static int shift_beside(struct vma *vma, unsigned long bytes, enum visited visited)
{
	const struct stack_move move = stack_move_of(vma, bytes);
	struct vma *second = vma_copy_part(vma, move.old_start, move.old_end);
	int err;

	if (!second)
		return -ENOMEM;
	err = cover(&move);
	if (!err && visited == NEW_PLACE_FIRST)
		link_behind(second);
	if (!err)
		err = move_entries(&move);
	vma_discard_part(second);
	return err ?: free_and_shrink(&move);
}

static int shift_beside_old_first(struct vma *vma, unsigned long bytes)
{
	return shift_beside(vma, bytes, OLD_PLACE_FIRST);
}

/* As with the list of 2010, in which vma_adjust() left a VMA where it was and new ones went behind. */
static int shift_beside_new_first(struct vma *vma, unsigned long bytes)
{
	return shift_beside(vma, bytes, NEW_PLACE_FIRST);
}

/* ---- Guess ------------------------------------------------------------------------------------------------ */

/* The walk holds no mmap_lock, so the count is what it happens to be. */
static bool grows_and_is_alone(const struct vma *vma)
{
	return READ_ONCE(vma->flags) & VM_GROWSDOWN && READ_ONCE(vma->mm->map_count) == 1;
}

/* A page of the program's, below all else. */
static int map_a_segment(struct mm *mm)
{
	struct vma *segment = vma_alloc(mm);
	int err;

	if (!segment)
		return -ENOMEM;
	segment->start = mm->machine->mmap_min_addr;
	segment->end = segment->start + PAGE_SIZE;
	segment->pgoff = segment->start >> PAGE_SHIFT;
	segment->flags = VM_READ | VM_MAYREAD;
	segment->page_prot = vm_get_page_prot(segment->flags);
	err = vma_insert(mm, segment);
	if (err)
		vma_free(segment);
	return err;
}

/* A handler that maps the program and places its stack afterwards, as a.out's did. */
static int map_and_shift(struct vma *vma, unsigned long bytes)
{
	const struct stack_move move = stack_move_of(vma, bytes);
	int err;

	err = map_a_segment(move.mm);
	if (!err)
		err = cover(&move);
	if (!err)
		err = move_entries(&move);
	return err ?: free_and_shrink(&move);
}

/* ---- The list ----------------------------------------------------------------------------------------------- */

const struct gw_design race_2010_exec_tempstack_designs[] = {
	{ .name = "lock",
	  .summary = "the anon_vma lock is held from the cover to the end of the move",
	  .shift_arg_pages = shift_under_lock },
	{ .name = "lock-ahead",
	  .summary = "the same, and the page tables are got before the lock",
	  .shift_arg_pages = shift_under_lock_with_stock },
	{ .name = "second-vma",
	  .summary = "a second VMA with the old bounds meanwhile, which walks visit first",
	  .shift_arg_pages = shift_beside_old_first },
	{ .name = "second-vma-last",
	  .summary = "a second VMA with the old bounds meanwhile, which walks visit last",
	  .shift_arg_pages = shift_beside_new_first },
	{ .name = "guess",
	  .summary = "migration leaves a growing VMA alone that is the only one",
	  .invalid_vma = grows_and_is_alone },
	{ .name = "guess-mapped",
	  .summary = "the same, and the program is mapped before its stack is placed",
	  .shift_arg_pages = map_and_shift,
	  .invalid_vma = grows_and_is_alone },
	{ 0 },
};
