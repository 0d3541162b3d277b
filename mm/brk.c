// SPDX-License-Identifier: MIT
/*
 * brk.c - the heap
 *
 * The break is kept in bytes, the mapping in pages.  Whatever is wrong, the answer is the old break.
 *
 * Linux: mm/mmap.c (brk, do_brk_flags), as of 6.12.
 */
#include "populate.h"
#include "vma.h"

#include <errno.h>
#include <sys/mman.h>

#define BRK_FLAGS (VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT)

static bool data_limit_allows(const struct mm *mm, unsigned long brk)
{
	if (mm->limits.data == ~0ull)
		return true;
	return (brk - mm->start_brk) + (mm->end_data - mm->start_data) <= mm->limits.data;
}

/* Nothing is in the way, a page is left between, and a stack above keeps its gap. */
static int check_room(struct mm *mm, unsigned long from, unsigned long to)
{
	const struct vma *next;
	long addr = get_unmapped_area(mm, from, to - from, MAP_FIXED);

	if (addr < 0)
		return addr;
	if (!mlock_future_ok(mm, mm->def_flags, (to - from) >> PAGE_SHIFT))
		return -EAGAIN;
	next = vma_find(mm, from);
	if (next && to + PAGE_SIZE > vma_start_gap(next))
		return -ENOMEM;
	return 0;
}

/* Grow the mapping that ends at @from, if it belongs to the heap, or make one. */
static int do_brk(struct mm *mm, unsigned long from, unsigned long to)
{
	const struct vma *heap = vma_tree_find_prev(&mm->vmas, from, NULL);
	unsigned long flags = BRK_FLAGS | mm->def_flags;
	struct vma *vma;
	int err;

	if (!may_expand_vm(mm, flags, (to - from) >> PAGE_SHIFT))
		return -ENOMEM;
	if (mm->map_count > mm->machine->max_map_count)
		return -ENOMEM;
	if (vm_commit_reserve(mm, (to - from) >> PAGE_SHIFT))
		return -ENOMEM;
	/* A program's .bss may end where the heap begins, and stays apart. */
	if (heap && heap->end == from && from > mm->start_brk &&
	    vma_merge_new(mm, from, to, flags, NULL, from >> PAGE_SHIFT))
		return 0;
	vma = vma_alloc(mm);
	if (!vma)
		return -ENOMEM;
	vma->start = from;
	vma->end = to;
	vma->pgoff = from >> PAGE_SHIFT;
	vma->flags = flags;
	vma->page_prot = vma_page_prot(vma, vma->flags);
	err = vma_insert(mm, vma);
	if (err)
		vma_free(vma);
	return err;
}

static int change_brk(struct mm *mm, unsigned long brk)
{
	unsigned long old_end = ALIGN_UP(mm->brk, PAGE_SIZE), new_end = ALIGN_UP(brk, PAGE_SIZE);
	int err;

	if (brk < mm->start_brk)
		return -EINVAL;
	if (!data_limit_allows(mm, brk))
		return -ENOSPC;
	if (new_end == old_end)
		return 0;
	if (brk <= mm->brk) {
		/* Linux: somebody has unmapped the heap, so this is not ours to unmap. */
		if (!vma_intersection(mm, new_end, old_end))
			return -EINVAL;
		return do_munmap(mm, new_end, old_end - new_end);
	}
	if (new_end < brk)
		return -ENOMEM; /* wrapped */
	err = check_room(mm, old_end, new_end);
	if (err)
		return err;
	err = do_brk(mm, old_end, new_end);
	vm_commit_release(mm);
	return err;
}

unsigned long mm_brk(struct mm *mm, unsigned long brk)
{
	unsigned long old_end, new_end;
	bool populate;

	mmap_write_lock(mm);
	old_end = ALIGN_UP(mm->brk, PAGE_SIZE);
	if (!change_brk(mm, brk))
		mm->brk = brk;
	brk = mm->brk;
	new_end = ALIGN_UP(brk, PAGE_SIZE);
	populate = new_end > old_end && (mm->def_flags & VM_LOCKED);
	mmap_write_unlock(mm);
	if (populate)
		mm_populate(mm, old_end, new_end);
	return brk;
}
