// SPDX-License-Identifier: MIT
/*
 * msync.c - bringing files up to date with their mappings
 *
 * Holes are passed over, and reported at the end.  No mapping can make a page of a file dirty yet, so
 * there is never anything to write.
 *
 * Linux: mm/msync.c, as of 6.12.
 */
#include "vma.h"

#include <errno.h>
#include <sys/mman.h>

/* => mmap_lock held for read */
static int do_msync(struct mm *mm, unsigned long start, unsigned long end, int flags)
{
	const struct vma *vma;
	int err = 0;

	while (start < end) {
		vma = vma_find(mm, start);
		if (!vma)
			return -ENOMEM;
		if (vma->start > start) {
			err = -ENOMEM;
			/* MS_ASYNC has nothing to start: nothing will change the answer. */
			if (flags == MS_ASYNC || vma->start >= end)
				return err;
		}
		/* What is locked in memory cannot be thrown away. */
		if ((flags & MS_INVALIDATE) && (vma->flags & VM_LOCKED))
			return -EBUSY;
		start = vma->end;
	}
	return err;
}

int mm_msync(struct mm *mm, unsigned long addr, unsigned long len, int flags)
{
	unsigned long end = addr + ALIGN_UP(len, PAGE_SIZE);
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(addr, PAGE_SIZE) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < addr)
		return -ENOMEM;
	if (end == addr)
		return 0;
	down_read(&mm->mmap_lock);
	err = do_msync(mm, addr, end, flags);
	up_read(&mm->mmap_lock);
	return err;
}
