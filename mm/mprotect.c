// SPDX-License-Identifier: MIT
/*
 * mprotect.c - changing the rights of mappings
 *
 * One VMA after the other, as Linux does it: what was changed before a VMA that forbids it, or a
 * hole, stays changed.
 *
 * Linux: mm/mprotect.c (do_mprotect_pkey, mprotect_fixup), as of 6.12.  Not modelled: protection keys.
 */
#include "memory.h"
#include "populate.h"

#include <errno.h>
#include <sys/mman.h>

#define PROT_SEM 0x8 /* accepted and ignored */

/* VM_MAYREAD and the others stand four bits above the rights they allow. */
BUILD_ASSERT(VM_MAYREAD == VM_READ << 4 && VM_MAYWRITE == VM_WRITE << 4 &&
	     VM_MAYEXEC == VM_EXEC << 4);

/*
 * A private mapping that becomes writable counts as data from now on, and one that ceases to be, and
 * never was written, is no longer accounted.
 */
static int fixup_account(const struct vma *vma, unsigned long nr_pages, unsigned long *flags)
{
	unsigned long unaccounted = VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE;

	if (*flags & VM_WRITE) {
		if (!may_expand_vm(vma->mm, *flags, nr_pages) &&
		    may_expand_vm(vma->mm, vma->flags, nr_pages))
			return -ENOMEM;
		if (!(vma->flags & unaccounted)) {
			if (vm_commit_reserve(vma->mm, nr_pages))
				return -ENOMEM;
			*flags |= VM_ACCOUNT;
		}
	} else if ((vma->flags & VM_ACCOUNT) && vma_is_anon(vma) && !vma->anon_vma) {
		*flags &= ~(unsigned long)VM_ACCOUNT;
	}
	return 0;
}

/* Its pages would have to be copied at the first write, and locked memory shall not wait. */
static bool needs_copies(const struct vma *vma, unsigned long flags)
{
	return (vma->flags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (flags & VM_WRITE);
}

int mprotect_fixup(struct mm *mm, struct vma *vma, struct vma **result, unsigned long start,
		   unsigned long end, unsigned long flags)
{
	bool populate = needs_copies(vma, flags);
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	if (flags == vma->flags) {
		*result = vma;
		return 0;
	}
	err = fixup_account(vma, (end - start) >> PAGE_SHIFT, &flags);
	if (!err)
		err = vma_modify_flags(mm, vma, start, end, flags, result);
	vm_commit_release(mm);
	if (err)
		return err;
	change_protection(*result, start, end);
	if (populate)
		populate_writable(*result, start, end);
	return 0;
}

/* The first VMA, from which the range has no hole.  PROT_GROWSDOWN: all of a stack, down to *@start. */
static int find_first_vma(struct mm *mm, unsigned long *start, unsigned long end, int grows,
			  struct vma **first)
{
	struct vma *vma = vma_intersection(mm, *start, end);

	if (!vma)
		return -ENOMEM;
	if (grows & PROT_GROWSDOWN) {
		*start = vma->start;
		if (!(vma->flags & VM_GROWSDOWN))
			return -EINVAL;
	} else {
		if (vma->start > *start)
			return -ENOMEM;
		if (grows & PROT_GROWSUP)
			return -EINVAL; /* x86 has no such stacks */
	}
	*first = vma;
	return 0;
}

static int do_mprotect(struct mm *mm, unsigned long start, unsigned long end, int prot, int grows)
{
	unsigned long rights = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
	struct vma *vma;
	int err;

	err = find_first_vma(mm, &start, end, grows, &vma);
	while (!err) {
		unsigned long flags = (vma->flags & ~(unsigned long)VM_ACCESS_FLAGS) | rights;

		if (flags & ~(flags >> 4) & VM_ACCESS_FLAGS)
			return -EACCES;
		err = mprotect_fixup(mm, vma, &vma, start, min(vma->end, end), flags);
		if (err)
			return err;
		start = vma->end; /* beyond the range if it was merged */
		if (start >= end)
			return 0;
		vma = vma_lookup(mm, start);
		if (!vma)
			return -ENOMEM;
	}
	return err;
}

BUILD_ASSERT(PROT_READ == VM_READ && PROT_WRITE == VM_WRITE && PROT_EXEC == VM_EXEC);

int mm_mprotect(struct mm *mm, unsigned long addr, unsigned long len, int prot)
{
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	unsigned long end;
	int err;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	mmap_write_lock(mm);
	err = do_mprotect(mm, addr, end, prot, grows);
	mmap_write_unlock(mm);
	return err;
}
