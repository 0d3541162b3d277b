// SPDX-License-Identifier: MIT
/*
 * vma_update.c - changing the bounds of VMAs: the only writer of them
 *
 * Every change of bounds is a struct vma_update: which VMAs move, which are new, which go.
 * vma_update_reserve() builds the new tree aside and is the last step that may fail;
 * vma_update_commit() takes the VMAs that move out of the interval trees, changes them, puts them
 * back, publishes the tree and keeps the accounts.  The rmap locks are held throughout the change,
 * since a walk computes a page's address from start and pgoff together (Linux 012f18004da3, "mm:
 * always lock the root (oldest) anon_vma").
 *
 * Locks: mmap_lock for write, the VMAs' own, which the caller has taken, i_mmap_lock, the anon_vma
 * root's lock.
 * Linux: mm/vma.c (vma_prepare, vma_complete), as of 6.12.
 */
#include "vma_update.h"

#include "filemap.h"

void vma_update_move(struct vma_update *update, struct vma *vma, unsigned long start,
		     unsigned long end, unsigned long pgoff)
{
	update->moves[update->nr_moves++] = (struct vma_move){ vma, start, end, pgoff };
}

void vma_update_cut(struct vma_update *update, struct vma *vma, unsigned long start,
		    unsigned long end)
{
	vma_update_move(update, vma, start, end, linear_page_index(vma, start));
}

void vma_update_insert(struct vma_update *update, struct vma *vma)
{
	update->inserts[update->nr_inserts++] = vma;
}

void vma_update_remove(struct vma_update *update, struct vma *vma)
{
	update->removes[update->nr_removes++] = vma;
}

/* vma_tree_reserve() wants them by address. */
static void sort_slots(struct vma_tree_change *tree)
{
	for (int i = 1; i < tree->nr_insert; i++) {
		for (int k = i; k > 0 && tree->insert[k].start < tree->insert[k - 1].start; k--) {
			struct vma_slot slot = tree->insert[k];

			tree->insert[k] = tree->insert[k - 1];
			tree->insert[k - 1] = slot;
		}
	}
}

int vma_update_reserve(struct vma_update *update)
{
	struct vma_tree_change *tree = &update->tree;
	unsigned long start = ~0ul, end = 0;

	rwsem_assert_held_write(&update->mm->mmap_lock);
	*tree = (struct vma_tree_change){ 0 };
	for (int i = 0; i < update->nr_moves; i++) {
		const struct vma_move *move = &update->moves[i];

		start = min(start, move->vma->start);
		end = max(end, move->vma->end);
		vma_tree_change_insert(tree, move->start, move->end, move->vma);
	}
	for (int i = 0; i < update->nr_removes; i++) {
		start = min(start, update->removes[i]->start);
		end = max(end, update->removes[i]->end);
	}
	for (int i = 0; i < update->nr_inserts; i++) {
		struct vma *vma = update->inserts[i];

		vma_tree_change_insert(tree, vma->start, vma->end, vma);
	}
	if (start < end) {
		tree->start = start;
		tree->end = end;
	}
	sort_slots(tree);
	return vma_tree_reserve(&update->mm->vmas, tree);
}

void vma_update_cancel(struct vma_update *update)
{
	vma_tree_cancel(&update->mm->vmas, &update->tree);
}

static struct mapping *update_mapping(const struct vma_update *update)
{
	if (update->nr_moves)
		return update->moves[0].vma->mapping;
	return update->nr_inserts ? update->inserts[0]->mapping : NULL;
}

/* NULL: no page of the VMAs that move can be found through rmap. */
static struct anon_vma *update_anon_vma(const struct vma_update *update)
{
	struct anon_vma *found = NULL;

	for (int i = 0; i < update->nr_moves; i++) {
		struct anon_vma *anon_vma = update->moves[i].vma->anon_vma;

		ASSERT(!found || !anon_vma || found->root == anon_vma->root);
		found = found ? found : anon_vma;
	}
	return found;
}

static void update_leave_rmap(const struct vma_update *update, struct mapping *mapping,
			      struct anon_vma *anon_vma)
{
	if (mapping) {
		down_write(&mapping->i_mmap_lock);
		for (int i = 0; i < update->nr_moves; i++)
			i_mmap_remove(mapping, update->moves[i].vma);
	}
	if (anon_vma) {
		anon_vma_lock_write(anon_vma);
		for (int i = 0; i < update->nr_moves; i++)
			anon_vma_interval_tree_pre_update_vma(update->moves[i].vma);
	}
}

/* What is new becomes visible in the same section in which its old owner gives it up. */
static void update_enter_rmap(const struct vma_update *update, struct mapping *mapping,
			      struct anon_vma *anon_vma)
{
	if (anon_vma) {
		for (int i = 0; i < update->nr_moves; i++)
			anon_vma_interval_tree_post_update_vma(update->moves[i].vma);
		anon_vma_unlock_write(anon_vma);
	}
	if (mapping) {
		for (int i = 0; i < update->nr_moves; i++)
			i_mmap_insert(mapping, update->moves[i].vma);
		for (int i = 0; i < update->nr_inserts; i++)
			i_mmap_insert(mapping, update->inserts[i]);
		up_write(&mapping->i_mmap_lock);
	}
}

void vma_update_apply(struct vma_update *update)
{
	struct mapping *mapping = update_mapping(update);
	struct anon_vma *anon_vma = update_anon_vma(update);
	struct mm *mm = update->mm;

	update_leave_rmap(update, mapping, anon_vma);
	for (int i = 0; i < update->nr_moves; i++) {
		const struct vma_move *move = &update->moves[i];
		struct vma *vma = move->vma;
		long old_pages = vma_pages(vma);

		vma_assert_write_locked(vma);
		vma->start = move->start;
		vma->end = move->end;
		vma->pgoff = move->pgoff;
		vm_stat_account(mm, vma->flags, (long)vma_pages(vma) - old_pages);
	}
	for (int i = 0; i < update->nr_inserts; i++) {
		vma_assert_write_locked(update->inserts[i]);
		vm_stat_account(mm, update->inserts[i]->flags, vma_pages(update->inserts[i]));
	}
	update_enter_rmap(update, mapping, anon_vma);
}

void vma_update_commit(struct vma_update *update)
{
	struct mm *mm = update->mm;

	for (int i = 0; i < update->nr_removes; i++)
		vma_mark_detached(update->removes[i]);
	vma_update_apply(update);
	vma_tree_commit(&mm->vmas, &update->tree);
	mm->map_count = mm->vmas.count;
	/* A walker may find a page twice meanwhile, here and in the VMA that has grown over it. */
	for (int i = 0; i < update->nr_removes; i++) {
		struct vma *vma = update->removes[i];

		vm_stat_account(mm, vma->flags, -(long)vma_pages(vma));
		vma_remove_rmap_and_free(vma);
	}
}

/* No rmap tree has it, so nobody can look. */
void vma_reset_pgoff(struct vma *vma)
{
	ASSERT(vma_is_anon(vma) && !vma->anon_vma);
	vma->pgoff = vma->start >> PAGE_SHIFT;
}
