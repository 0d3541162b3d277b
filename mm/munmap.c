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
 * Locks: mmap_lock for write.  It is not downgraded for the zapping: a neighbouring stack could grow
 * into the range (Linux 246c320a8cfe, "mm/mmap.c: close race between munmap() and
 * expand_upwards()/downwards()").
 * Linux: mm/vma.c (do_vmi_align_munmap, unmap_region).
 */
#include "memory.h"

#include <errno.h>

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

void do_munmap_reserved(struct vma_munmap *munmap)
{
	struct mmu_gather tlb;

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

	down_write(&mm->mmap_lock);
	err = do_munmap(mm, addr, len);
	up_write(&mm->mmap_lock);
	return err;
}
