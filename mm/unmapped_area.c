// SPDX-License-Identifier: MIT
/*
 * unmapped_area.c - a place for a mapping
 *
 * Linux: mm/mmap.c (get_unmapped_area, vm_unmapped_area), arch/x86/kernel/sys_x86_64.c.  Not modelled:
 * MAP_32BIT, addresses beyond 47 bits, the hook by which a file has a say.
 */
#include "vma.h"

#include <errno.h>
#include <sys/mman.h>

/* Gaps are between VMAs; a growing stack above one wants more room than its bounds say. */
static long find_gap_topdown(struct mm *mm, unsigned long low, unsigned long high,
			     unsigned long len)
{
	for (;;) {
		long addr = vma_tree_gap_topdown(&mm->vmas, low, high, len);
		const struct vma *above;

		if (addr < 0)
			return addr;
		above = vma_find(mm, addr);
		if (!above || vma_start_gap(above) >= addr + len)
			return addr;
		high = vma_start_gap(above);
	}
}

static long find_gap_bottomup(struct mm *mm, unsigned long low, unsigned long high,
			      unsigned long len)
{
	for (;;) {
		long addr = vma_tree_gap_bottomup(&mm->vmas, low, high, len);
		const struct vma *above;

		if (addr < 0)
			return addr;
		above = vma_find(mm, addr);
		if (!above || vma_start_gap(above) >= addr + len)
			return addr;
		low = above->end;
	}
}

/* Linux: arch_get_unmapped_area_topdown(). */
static long find_unmapped_area(struct mm *mm, unsigned long hint, unsigned long len)
{
	unsigned long low = max(PAGE_SIZE, mm->machine->mmap_min_addr);
	const struct vma *above;
	long addr;

	hint = ALIGN_DOWN(hint, PAGE_SIZE);
	if (hint && hint <= mm->task_size - len) {
		above = vma_find(mm, hint);
		if (!above || hint + len <= vma_start_gap(above))
			return hint;
	}
	addr = find_gap_topdown(mm, low, mm->mmap_base, len);
	if (addr >= 0)
		return addr;
	/* No room below: a process with a huge stack limit has a low mmap_base. */
	low = max(low, ALIGN_UP(mm->task_size / 3, PAGE_SIZE));
	return find_gap_bottomup(mm, low, mm->task_size, len);
}

long get_unmapped_area(struct mm *mm, unsigned long addr, unsigned long len, int flags)
{
	rwsem_assert_held(&mm->mmap_lock);
	if (len > mm->task_size)
		return -ENOMEM;
	if (!(flags & MAP_FIXED)) {
		long found = find_unmapped_area(mm, addr, len);

		if (found < 0)
			return found;
		addr = found;
	}
	if (addr > mm->task_size - len)
		return -ENOMEM;
	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (addr < mm->machine->mmap_min_addr)
		return -EPERM;
	return addr;
}
