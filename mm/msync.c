// SPDX-License-Identifier: MIT
/*
 * msync.c - bringing files up to date with their mappings
 *
 * Holes are passed over, and reported at the end.  What is written is written without mmap_lock, so the
 * mapping may be another one afterwards: it is looked up again.
 *
 * Linux: mm/msync.c, as of 6.12.
 */
#include "vma.h"

#include "filemap.h"

#include <errno.h>
#include <sys/mman.h>

/* The part of @vma from @start to @end; mmap_lock is dropped meanwhile. */
static int sync_part(const struct vma *vma, unsigned long start, unsigned long end)
{
	uint64_t offset = (uint64_t)linear_page_index(vma, start) << PAGE_SHIFT;
	struct mapping *mapping = vma->mapping;
	struct mm *mm = vma->mm;
	int err;

	mapping_get(mapping);
	up_read(&mm->mmap_lock);
	err = mapping_sync(mapping, offset, end - start);
	mapping_put(mapping);
	down_read(&mm->mmap_lock);
	return err;
}

/* => mmap_lock held for read */
static int do_msync(struct mm *mm, unsigned long start, unsigned long end, int flags)
{
	const struct vma *vma;
	int err = 0;

	while (start < end) {
		unsigned long part_end;

		vma = vma_find(mm, start);
		if (!vma)
			return -ENOMEM;
		if (vma->start > start) {
			err = -ENOMEM;
			start = vma->start;
			/* MS_ASYNC has nothing to start: nothing will change the answer. */
			if (flags == MS_ASYNC || vma->start >= end)
				return err;
		}
		/* What is locked in memory cannot be thrown away. */
		if ((flags & MS_INVALIDATE) && (vma->flags & VM_LOCKED))
			return -EBUSY;
		part_end = min(vma->end, end);
		if ((flags & MS_SYNC) && vma->mapping && (vma->flags & VM_SHARED)) {
			int error = sync_part(vma, start, part_end);

			if (error)
				return error;
		}
		start = part_end;
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
