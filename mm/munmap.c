// SPDX-License-Identifier: MIT
/*
 * munmap.c - taking mappings away
 *
 * Three steps in this order: zap the entries of the range; take its VMAs off rmap, which waits for
 * the walkers that are inside; free the page tables.  Tables freed earlier would be freed under a
 * walker that came through the VMA, and one that comes later finds nothing and need not (Linux,
 * Hugh Dickins, 2005: "unlink vma before pagetables").
 *
 * Everything that can fail, a VMA for the upper part when a hole is cut and the nodes of the tree, is
 * reserved before the first step.  Linux splits first and lets a failed munmap() leave the split.
 *
 * Locks: mmap_lock for write and each VMA's.  mmap_lock is not downgraded for the zapping: a
 * neighbouring stack could grow into the range (Linux 246c320a8cfe, "mm/mmap.c: close race between
 * munmap() and expand_upwards()/downwards()").
 * Linux: mm/vma.c (do_vmi_align_munmap, unmap_region).
 */
#include "memory.h"
#include "vma_update.h"

#include <errno.h>

/* ---- Taking a range out ------------------------------------------------------------------------------------- */

static void munmap_count_pages(struct vma_munmap *munmap)
{
	const struct vma *vma;

	munmap->nr_pages = munmap->nr_accounted = 0;
	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end) {
		unsigned long nr_pages =
			(min(vma->end, munmap->end) - max(vma->start, munmap->start)) >> PAGE_SHIFT;

		munmap->nr_pages += nr_pages;
		munmap->nr_accounted += vma->flags & VM_ACCOUNT ? nr_pages : 0;
	}
}

/* What stays of the VMAs at the ends, and what takes the place, become one change of the tree. */
int vma_munmap_reserve(struct vma_munmap *munmap)
{
	struct mm *mm = munmap->mm;
	struct vma *first = vma_intersection(mm, munmap->start, munmap->end);
	struct vma *last = first ? vma_tree_find_prev(&mm->vmas, munmap->end, NULL) : NULL;
	bool head = first && first->start < munmap->start;
	bool tail = last && last->end > munmap->end;
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	munmap->first = first;
	munmap->last = last;
	munmap->tail = NULL;
	munmap_count_pages(munmap);
	munmap->tree = (struct vma_tree_change){ .start = munmap->start, .end = munmap->end };
	if (head && tail && first == last) {
		/* Only a hole makes the VMAs more. */
		if (mm->map_count >= mm->machine->max_map_count)
			return -ENOMEM;
		munmap->tail = vma_copy_part(last, munmap->end, last->end);
		if (!munmap->tail)
			return -ENOMEM;
	}
	if (head)
		vma_tree_change_insert(&munmap->tree, first->start, munmap->start, first);
	if (munmap->insert)
		vma_tree_change_insert(&munmap->tree, munmap->start, munmap->end, munmap->insert);
	if (tail)
		vma_tree_change_insert(&munmap->tree, munmap->end, last->end,
				       munmap->tail ? munmap->tail : last);
	err = vma_tree_reserve(&mm->vmas, &munmap->tree);
	if (err && munmap->tail)
		vma_discard_part(munmap->tail);
	return err;
}

void vma_munmap_cancel(struct vma_munmap *munmap)
{
	vma_tree_cancel(&munmap->mm->vmas, &munmap->tree);
	if (munmap->tail)
		vma_discard_part(munmap->tail);
}

/* The VMAs that go as a whole, linked by next_removed; the tree still has them. */
static struct vma *munmap_collect(const struct vma_munmap *munmap)
{
	struct vma *vma, *removed = NULL;

	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end) {
		if (vma->start < munmap->start || vma->end > munmap->end)
			continue;
		vma_mark_detached(vma);
		vma->next_removed = removed;
		removed = vma;
	}
	return removed;
}

/* The VMAs at the ends, which may belong to two files or families: one after the other. */
static void munmap_cut_ends(const struct vma_munmap *munmap)
{
	struct vma_update low = { .mm = munmap->mm }, high = { .mm = munmap->mm };
	struct vma *first = munmap->first, *last = munmap->last;

	if (first && first->start < munmap->start) {
		vma_update_cut(&low, first, first->start, munmap->start);
		if (munmap->tail)
			vma_update_insert(&low, munmap->tail);
		vma_update_apply(&low);
	}
	if (last && last->end > munmap->end) {
		vma_update_cut(&high, last, munmap->end, last->end);
		vma_update_apply(&high);
	}
}

void vma_munmap_commit(struct vma_munmap *munmap)
{
	struct mm *mm = munmap->mm;
	struct vma *removed = munmap_collect(munmap), *next;

	munmap_cut_ends(munmap);
	vma_tree_commit(&mm->vmas, &munmap->tree);
	mm->map_count = mm->vmas.count;
	for (; removed; removed = next) {
		next = removed->next_removed;
		vm_stat_account(mm, removed->flags, -(long)vma_pages(removed));
		vma_remove_rmap_and_free(removed);
	}
	if (munmap->insert)
		vm_stat_account(mm, munmap->insert->flags, vma_pages(munmap->insert));
}

/* ---- The three steps ---------------------------------------------------------------------------------------- */

static void zap_range(struct mmu_gather *tlb, const struct vma_munmap *munmap)
{
	struct vma *vma;

	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end)
		unmap_page_range(tlb, vma, max(vma->start, munmap->start),
				 min(vma->end, munmap->end));
}

/* Tables that serve a neighbour as well stay. */
static void free_tables(struct mmu_gather *tlb, const struct vma_munmap *munmap)
{
	struct mm *mm = munmap->mm;
	const struct vma *prev = vma_tree_find_prev(&mm->vmas, munmap->start, NULL);
	const struct vma *next = vma_find(mm, munmap->end);

	free_pgd_range(tlb, munmap->start, munmap->end, prev ? prev->end : 0,
		       next ? next->start : 0);
}

static void report_munmap(const struct vma_munmap *munmap)
{
	const struct gw_event event = {
		.kind = GW_EVENT_MUNMAP,
		.mm_id = munmap->mm->id,
		.addr = munmap->start,
		.arg = { munmap->end },
	};

	machine_event(munmap->mm->machine, &event);
}

/* Before the first entry goes: a fault behind the zapping would leave one for ever. */
static void munmap_lock_vmas(const struct vma_munmap *munmap)
{
	struct vma *vma;

	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end)
		vma_start_write(vma);
	if (munmap->tail)
		vma_start_write(munmap->tail);
	if (munmap->insert)
		vma_start_write(munmap->insert);
}

void do_munmap_reserved(struct vma_munmap *munmap)
{
	struct mmu_gather tlb;

	munmap_lock_vmas(munmap);
	if (!munmap->first) {
		vma_munmap_commit(
			munmap); /* nothing is mapped: what takes the place, if anything */
		return;
	}
	tlb_gather_mmu(&tlb, munmap->mm);
	zap_range(&tlb, munmap);
	vma_munmap_commit(munmap);
	free_tables(&tlb, munmap);
	tlb_finish_mmu(&tlb);
	tlb_assert_flushed(munmap->mm, munmap->start, munmap->end, 0);
	report_munmap(munmap);
}

int do_munmap(struct mm *mm, unsigned long start, unsigned long len)
{
	struct vma_munmap munmap = { .mm = mm, .start = start };
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	if (!IS_ALIGNED(start, PAGE_SIZE) || len > mm->task_size || start > mm->task_size - len)
		return -EINVAL;
	munmap.end = start + ALIGN_UP(len, PAGE_SIZE);
	if (munmap.end == start)
		return -EINVAL;
	if (!vma_intersection(mm, start, munmap.end))
		return 0;
	err = vma_munmap_reserve(&munmap);
	if (!err)
		do_munmap_reserved(&munmap);
	return err;
}

int mm_munmap(struct mm *mm, unsigned long addr, unsigned long len)
{
	int err;

	mmap_write_lock(mm);
	err = do_munmap(mm, addr, len);
	mmap_write_unlock(mm);
	return err;
}
