// SPDX-License-Identifier: MIT
/*
 * accounting.c - what an address space may have: rights of entries, limits, sums over VMAs
 *
 * Linux: mm/mmap.c (may_expand_vm, vm_stat_account), mm/util.c, as of 6.12.
 */
#include "vma.h"

/*
 * A private writable mapping gets its write bit from the fault that makes a page its own.
 * Linux: protection_map[].
 */
pgprot_t vm_get_page_prot(unsigned long flags)
{
	uint64_t prot = PTE_BIT(PRESENT) | PTE_BIT(USER);

	if (!(flags & VM_ACCESS_FLAGS))
		prot = PTE_BIT(PROTNONE);
	if (!(flags & VM_EXEC))
		prot |= PTE_BIT(NX);
	if ((flags & (VM_WRITE | VM_SHARED)) == (VM_WRITE | VM_SHARED))
		prot |= PTE_BIT(WRITE);
	return (pgprot_t){ prot };
}

static bool is_data_mapping(unsigned long flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

bool may_expand_vm(struct mm *mm, unsigned long flags, unsigned long nr_pages)
{
	if (mm->total_vm + nr_pages > mm->limits.as >> PAGE_SHIFT)
		return false;
	return !is_data_mapping(flags) || mm->data_vm + nr_pages <= mm->limits.data >> PAGE_SHIFT;
}

bool mlock_future_ok(struct mm *mm, unsigned long flags, unsigned long nr_pages)
{
	return !(flags & VM_LOCKED) || mm->locked_vm + nr_pages <= mm->limits.memlock >> PAGE_SHIFT;
}

void vm_stat_account(struct mm *mm, unsigned long flags, long nr_pages)
{
	mm->total_vm += nr_pages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		mm->exec_vm += nr_pages;
	else if (flags & VM_GROWSDOWN)
		mm->stack_vm += nr_pages;
	else if (is_data_mapping(flags))
		mm->data_vm += nr_pages;
	if (flags & VM_LOCKED)
		mm->locked_vm += nr_pages;
}
