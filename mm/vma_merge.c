// SPDX-License-Identifier: MIT
/*
 * vma_merge.c - making one VMA of neighbours that are alike
 *
 * Invariant: neighbours that could be one are one, unless memory was short.
 *
 * Linux: mm/vma.c (vma_merge_new_range, vma_merge_existing_range), as of 6.12; where an anonymous
 * VMA without pages meets one with pages they merge either way round, as since 879bca0a2c4f
 * ("mm/vma: fix incorrectly disallowed anonymous VMA merges").  Not modelled: hugetlb, mseal,
 * userfaultfd, memory policies per VMA.
 */
#include "vma_merge.h"

#include <errno.h>

/* Whose pages the range has, or will have. */
static struct vma *merge_source(const struct vma_merge *merge)
{
	return merge->middle ? merge->middle : merge->copied;
}

/* Fork gave @vma chains of its parent: pages of it may be under any of them. */
static bool has_parents_chains(const struct vma *vma)
{
	return vma && !list_empty(&vma->anon_vma_chain) &&
	       vma->anon_vma_chain.next != vma->anon_vma_chain.prev;
}

/*
 * The same anon_vma on both sides means the same chains.  If one side has none it takes the other's;
 * but not if fork has a part in it, which would give one root more and more users (Linux
 * 965f55dea0e3, "mmap: avoid merging cloned VMAs").
 */
static bool is_mergeable_anon_vma(const struct vma_merge *merge, const struct vma *vma)
{
	const struct vma *source = merge_source(merge);
	const struct anon_vma *ours = source ? source->anon_vma : NULL;

	if (ours && !vma->anon_vma)
		return !has_parents_chains(source);
	if (!ours && vma->anon_vma)
		return !has_parents_chains(vma);
	return ours == vma->anon_vma;
}

static bool can_merge_with(const struct vma_merge *merge, const struct vma *vma)
{
	return vma != merge->middle && vma != merge->apart &&
	       !((vma->flags ^ merge->flags) & ~(unsigned long)VM_SOFTDIRTY) &&
	       !(merge->flags & VM_DONTEXPAND) && vma->mapping == merge->mapping &&
	       is_mergeable_anon_vma(merge, vma);
}

/* Each neighbour may be compatible with the range, and yet not with the other one. */
static void merge_find_neighbours(struct vma_merge *merge)
{
	struct vma *left = vma_tree_find_prev(&merge->mm->vmas, merge->start, NULL);
	struct vma *right = vma_tree_find(&merge->mm->vmas, merge->end, NULL);

	if (left && left->end == merge->start && can_merge_with(merge, left) &&
	    left->pgoff + vma_pages(left) == merge->pgoff)
		merge->left = left;
	if (right && right->start == merge->end && can_merge_with(merge, right) &&
	    merge->pgoff + ((merge->end - merge->start) >> PAGE_SHIFT) == right->pgoff)
		merge->right = right;
	if (merge->left && merge->right && left->anon_vma && right->anon_vma &&
	    left->anon_vma != right->anon_vma)
		merge->right = NULL;
}

/* The VMA that grows: the left one, if it can be. */
static struct vma *merge_target(const struct vma_merge *merge)
{
	return merge->left ? merge->left : merge->right;
}

static void merge_fill_update(const struct vma_merge *merge, struct vma_update *update)
{
	struct vma *middle = merge->middle, *left = merge->left, *right = merge->right;

	vma_update_move(update, merge_target(merge), left ? left->start : merge->start,
			right ? right->end : merge->end, left ? left->pgoff : merge->pgoff);
	if (left && right)
		vma_update_remove(update, right);
	if (!middle)
		return;
	if (merge->start == middle->start && merge->end == middle->end)
		vma_update_remove(update, middle);
	else if (left)
		vma_update_cut(update, middle, merge->end, middle->end);
	else
		vma_update_cut(update, middle, middle->start, merge->start);
}

/* The grown VMA must be found from the pages of those it takes in.  Linux: dup_anon_vma(). */
static int merge_take_anon_vma(const struct vma_merge *merge)
{
	struct vma *target = merge_target(merge);
	struct vma *from = merge_source(merge);
	int err;

	if (target->anon_vma)
		return 0;
	if (merge->left && merge->right && merge->right->anon_vma)
		from = merge->right;
	if (!from || !from->anon_vma)
		return 0;
	target->anon_vma = from->anon_vma;
	err = anon_vma_clone(target, from);
	if (err)
		target->anon_vma = NULL;
	return err;
}

/*
 * Before the target is given an anon_vma: a fault inside it would use that for a page which walks do
 * not find, as they do not find the VMA yet, and perhaps never will.
 */
static void merge_lock_vmas(const struct vma_merge *merge)
{
	if (guard(merge->mm->machine, merge_lock_vma))
		vma_start_write(merge_target(merge));
	if (merge->middle)
		vma_start_write(merge->middle);
	if (merge->left && merge->right)
		vma_start_write(merge->right);
}

int vma_merge(struct vma_merge *merge, struct vma **merged)
{
	struct vma_update update = { .mm = merge->mm };
	int err;

	*merged = NULL;
	merge_find_neighbours(merge);
	if (!merge_target(merge))
		return 0;
	merge_fill_update(merge, &update);
	err = vma_update_reserve(&update);
	if (err)
		return err;
	merge_lock_vmas(merge);
	err = merge_take_anon_vma(merge);
	if (err) {
		vma_update_cancel(&update);
		return err;
	}
	vma_update_commit(&update);
	*merged = merge_target(merge);
	return 0;
}

struct vma *vma_merge_new(struct mm *mm, unsigned long start, unsigned long end,
			  unsigned long flags, struct mapping *mapping, unsigned long pgoff)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = start,
		.end = end,
		.flags = flags,
		.mapping = mapping,
		.pgoff = pgoff,
	};
	struct vma *merged;

	if (vma_merge(&merge, &merged))
		return NULL;
	return merged;
}

struct vma *vma_merge_around(struct mm *mm, struct vma *vma)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = vma->start,
		.end = vma->end,
		.flags = vma->flags,
		.mapping = vma->mapping,
		.pgoff = vma->pgoff,
		.middle = vma,
	};
	struct vma *merged;

	if (vma_merge(&merge, &merged) || !merged)
		return vma;
	return merged;
}

/* ---- mremap() ---------------------------------------------------------------------------------------------- */

int vma_extend(struct mm *mm, struct vma *vma, unsigned long end)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = vma->end,
		.end = end,
		.flags = vma->flags,
		.mapping = vma->mapping,
		.pgoff = vma->pgoff + vma_pages(vma),
		.copied = vma,
	};
	struct vma *merged;
	int err;

	err = vma_merge(&merge, &merged);
	if (err || merged)
		return err;
	return vma_expand(mm, vma, vma->start, end, vma->pgoff);
}

/* A VMA of its own at the new place.  => -ENOMEM, nothing changed */
static int vma_insert_copy(struct vma_copy *copy, unsigned long pgoff)
{
	struct vma *new = vma_dup(copy->vma, copy->addr, copy->addr + copy->len, pgoff);
	int err;

	if (!new)
		return -ENOMEM;
	err = vma_insert(copy->vma->mm, new);
	if (err) {
		vma_discard_part(new);
		return err;
	}
	copy->new = new;
	copy->need_rmap_locks = false; /* walks come to what was put in last last */
	return 0;
}

/*
 * A VMA that never had a page of its own takes the page offset that the new place would have given
 * it, and so may merge there, even with itself.  Linux: copy_vma().
 */
int vma_copy(struct vma_copy *copy)
{
	struct vma *vma = copy->vma, *merged = NULL;
	bool untouched = vma_is_anon(vma) && !vma->anon_vma;
	struct vma_merge merge = {
		.mm = vma->mm,
		.start = copy->addr,
		.end = copy->addr + copy->len,
		.flags = vma->flags,
		.mapping = vma->mapping,
		.copied = vma,
		.apart = copy->keep_source ? vma : NULL,
	};
	int err;

	merge.pgoff = untouched ? copy->addr >> PAGE_SHIFT : linear_page_index(vma, copy->source);
	err = vma_merge(&merge, &merged);
	if (err)
		return err;
	if (!merged)
		return vma_insert_copy(copy, merge.pgoff);
	/* It may have been merged away itself. */
	copy->vma = vma_lookup(merge.mm, copy->source);
	copy->new = merged;
	copy->need_rmap_locks = merged->pgoff <= copy->vma->pgoff;
	return 0;
}
