// SPDX-License-Identifier: MIT
/*
 * mlock.c - keeping memory in
 *
 * VM_LOCKED says that the pages of a VMA stay, and with VM_LOCKONFAULT that none is brought in for
 * that.  One VMA after the other, as Linux does it: what was locked before a hole stays locked, and
 * so does all when a page cannot be brought in afterwards.
 *
 * Linux: mm/mlock.c, as of 6.12.  Not modelled: the list of unevictable folios, as nothing is evicted
 * yet.  Nobody has CAP_IPC_LOCK; an unlimited RLIMIT_MEMLOCK is the same.
 */
#include "populate.h"
#include "vma.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static bool can_do_mlock(const struct mm *mm)
{
	return mm->limits.memlock != 0;
}

/* Of one VMA's range; => *@vma covers the range afterwards */
static int mlock_fixup(struct mm *mm, struct vma **vma, unsigned long start, unsigned long end,
		       unsigned long locked)
{
	unsigned long flags = ((*vma)->flags & ~(unsigned long)VM_LOCKED_MASK) | locked;

	return flags == (*vma)->flags ? 0 : vma_modify_flags(mm, *vma, start, end, flags, vma);
}

/* => -ENOMEM: a hole, or no memory; what came before is done */
static int apply_lock_flags(struct mm *mm, unsigned long start, unsigned long end,
			    unsigned long locked)
{
	while (start < end) {
		struct vma *vma = vma_lookup(mm, start);
		int err;

		if (!vma)
			return -ENOMEM;
		err = mlock_fixup(mm, &vma, start, min(vma->end, end), locked);
		if (err)
			return err;
		start = vma->end;
	}
	return 0;
}

/* ---- A range ------------------------------------------------------------------------------------------------ */

/* Pages of [@start, @end) that are locked already. */
static unsigned long count_locked(struct mm *mm, unsigned long start, unsigned long end)
{
	unsigned long nr_pages = 0;
	const struct vma *vma;

	for_each_vma_range(mm, vma, start, end) {
		if (vma->flags & VM_LOCKED)
			nr_pages += (min(vma->end, end) - max(vma->start, start)) >> PAGE_SHIFT;
	}
	return nr_pages;
}

static bool limit_allows(struct mm *mm, unsigned long start, unsigned long len)
{
	unsigned long limit = mm->limits.memlock >> PAGE_SHIFT;
	unsigned long locked = mm->locked_vm + (len >> PAGE_SHIFT);
	unsigned long end = start + len < start ? ~0ul : start + len;

	return locked <= limit || locked - count_locked(mm, start, end) <= limit;
}

/* POSIX's names for what went wrong.  Linux: __mlock_posix_error_return(). */
static int posix_errno(int err)
{
	switch (err) {
	case -EFAULT:
		return -ENOMEM;
	case -ENOMEM:
		return -EAGAIN;
	default:
		return err;
	}
}

static int do_lock_range(struct mm *mm, unsigned long start, unsigned long len,
			 unsigned long locked)
{
	if (start + len < start)
		return -EINVAL;
	return apply_lock_flags(mm, start, start + len, locked);
}

static int lock_range(struct mm *mm, unsigned long start, unsigned long len, unsigned long locked)
{
	int err = -ENOMEM;

	mmap_write_lock(mm);
	if (!can_do_mlock(mm))
		err = -EPERM;
	else if (limit_allows(mm, start, len))
		err = do_lock_range(mm, start, len, locked);
	mmap_write_unlock(mm);
	return err ? err : posix_errno(mm_populate_strictly(mm, start, start + len));
}

/* The pages that [@addr, @addr + @len) touches. */
static unsigned long touched(unsigned long addr, unsigned long len)
{
	return ALIGN_UP(len + (addr & ~PAGE_MASK), PAGE_SIZE);
}

int mm_mlock(struct mm *mm, unsigned long addr, unsigned long len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(mm, addr & PAGE_MASK, touched(addr, len),
			  VM_LOCKED | (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0));
}

int mm_munlock(struct mm *mm, unsigned long addr, unsigned long len)
{
	int err;

	mmap_write_lock(mm);
	err = do_lock_range(mm, addr & PAGE_MASK, touched(addr, len), 0);
	mmap_write_unlock(mm);
	return err;
}

/* ---- Everything ------------------------------------------------------------------------------------------------ */

static unsigned long locked_of(int flags)
{
	return VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
}

/* What cannot be changed for want of memory stays as it is, and nobody is told: so does Linux. */
static void apply_to_all(struct mm *mm, unsigned long locked)
{
	struct vma *vma;

	for_each_vma(mm, vma)
		(void)!mlock_fixup(mm, &vma, vma->start, vma->end, locked);
}

/* MCL_FUTURE alone leaves what is there; without it nothing to come is locked. */
static void apply_mlockall(struct mm *mm, int flags)
{
	mm->def_flags = flags & MCL_FUTURE ? locked_of(flags) : 0;
	if ((flags & MCL_FUTURE) && !(flags & MCL_CURRENT))
		return;
	apply_to_all(mm, flags & MCL_CURRENT ? locked_of(flags) : 0);
}

int mm_mlockall(struct mm *mm, int flags)
{
	int err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	mmap_write_lock(mm);
	if (!can_do_mlock(mm))
		err = -EPERM;
	else if ((flags & MCL_CURRENT) && mm->total_vm > mm->limits.memlock >> PAGE_SHIFT)
		err = -ENOMEM;
	else
		apply_mlockall(mm, flags);
	mmap_write_unlock(mm);
	if (!err && (flags & MCL_CURRENT))
		mm_populate(mm, 0, mm->task_size);
	return err;
}

int mm_munlockall(struct mm *mm)
{
	mmap_write_lock(mm);
	apply_mlockall(mm, 0);
	mmap_write_unlock(mm);
	return 0;
}
