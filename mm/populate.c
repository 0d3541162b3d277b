// SPDX-License-Identifier: MIT
/*
 * populate.c - faulting a range in before anybody accesses it
 *
 * Page by page, as the program would do it.  mmap_lock is taken anew for each, since a fault may
 * drop it; so a mapping can go, or change its rights, in the midst of a range.
 *
 * Linux: mm/gup.c (__mm_populate, populate_vma_page_range, faultin_page_range), as of 6.12.
 */
#include "populate.h"

#include <errno.h>

#include "fault.h"
#include "tlb.h"

/* Does the entry for @addr allow @access now? */
static bool is_in(struct mm *mm, unsigned long addr, enum gw_access access)
{
	struct spinlock *ptl;
	pte_t *ptep = pte_offset_map_lock(mm, addr, &ptl);
	bool allows;

	if (!ptep)
		return false;
	allows = pte_allows(ptep_get(ptep), access);
	pte_unmap_unlock(ptl);
	return allows;
}

/* A fault may have waited only, or lost what it brought to somebody else: until it is there. */
static int populate_page(struct mm *mm, unsigned long addr, enum gw_access access)
{
	while (!is_in(mm, addr, access)) {
		enum gw_fault fault = mm_fault_flags(mm, addr, access, 0);

		if (fault != GW_FAULT_DONE)
			return vm_fault_to_errno(fault);
	}
	return 0;
}

/* ---- What is locked, or was asked for with MAP_POPULATE ------------------------------------------------- */

enum populate_kind { POPULATE_NOTHING, POPULATE_PAGES, POPULATE_REFUSED };

/* One VMA's part of a range, as it is now. */
struct populate {
	unsigned long start, end;
	enum populate_kind kind;
	enum gw_access access;
};

/* A write breaks copy-on-write ahead; what is shared has nothing to break. */
static enum gw_access access_of(unsigned long flags)
{
	if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		return GW_WRITE;
	return flags & VM_READ ? GW_READ : flags & VM_EXEC ? GW_EXEC : GW_WRITE;
}

/* The first part of [@start, @end) that is mapped, or false. */
static bool next_part(struct mm *mm, unsigned long start, unsigned long end, struct populate *part)
{
	const struct vma *vma;

	down_read(&mm->mmap_lock);
	vma = vma_intersection(mm, start, end);
	if (vma) {
		part->start = max(start, vma->start);
		part->end = min(end, vma->end);
		part->access = access_of(vma->flags);
		part->kind = POPULATE_PAGES;
		if (vma->flags & VM_LOCKONFAULT)
			part->kind = POPULATE_NOTHING;
		else if (!(vma->flags & VM_ACCESS_FLAGS))
			part->kind = POPULATE_REFUSED;
	}
	up_read(&mm->mmap_lock);
	return vma;
}

static int populate_part(struct mm *mm, const struct populate *part)
{
	int err = 0;

	if (part->kind == POPULATE_NOTHING)
		return 0;
	if (part->kind == POPULATE_REFUSED)
		return -EFAULT;
	for (unsigned long addr = part->start; addr < part->end && !err; addr += PAGE_SIZE)
		err = populate_page(mm, addr, part->access);
	return err;
}

/* What is refused in one VMA is refused as a whole; the next may be another matter. */
void mm_populate(struct mm *mm, unsigned long start, unsigned long end)
{
	struct populate part;

	for (; start < end && next_part(mm, start, end, &part); start = part.end)
		(void)!populate_part(mm, &part);
}

int mm_populate_strictly(struct mm *mm, unsigned long start, unsigned long end)
{
	struct populate part;
	int err = 0;

	for (; start < end && !err && next_part(mm, start, end, &part); start = part.end)
		err = populate_part(mm, &part);
	return err;
}

/* With mmap_lock held for write, which no fault of another's can be.  => false: it cannot be had */
static bool write_to_page(struct vma *vma, unsigned long addr)
{
	while (!is_in(vma->mm, addr, GW_WRITE)) {
		struct vm_fault fault = {
			.mm = vma->mm,
			.vma = vma,
			.addr = addr,
			.access = GW_WRITE,
			.keeps_lock = true,
		};

		count_event(vma->mm->machine, pgfault);
		if (handle_mm_fault(&fault) != FAULT_STEP_DONE)
			return false;
	}
	return true;
}

void populate_writable(struct vma *vma, unsigned long start, unsigned long end)
{
	rwsem_assert_held_write(&vma->mm->mmap_lock);
	if (vma->flags & VM_LOCKONFAULT)
		return;
	while (start < end && write_to_page(vma, start))
		start += PAGE_SIZE;
}

/* ---- What madvise() asks for ------------------------------------------------------------------------------ */

/* Its answer for a page that is in already, whose mapping may have lost the right since. */
static int may_access(struct mm *mm, unsigned long addr, enum gw_access access)
{
	unsigned long wanted = access == GW_WRITE ? VM_WRITE : VM_READ;
	const struct vma *vma;
	int err = 0;

	down_read(&mm->mmap_lock);
	vma = vma_lookup(mm, addr);
	if (!vma)
		err = -ENOMEM;
	else if (!(vma->flags & wanted))
		err = -EINVAL;
	up_read(&mm->mmap_lock);
	return err;
}

int faultin_page_range(struct mm *mm, unsigned long start, unsigned long end, enum gw_access access)
{
	int err = 0;

	for (unsigned long addr = start; addr < end && !err; addr += PAGE_SIZE) {
		err = may_access(mm, addr, access);
		if (!err)
			err = populate_page(mm, addr, access);
	}
	return err;
}
