// SPDX-License-Identifier: MIT
/*
 * swap.c - an access to a page whose entry is not present
 *
 * Linux: do_swap_page(), mm/memory.c.  Migration entries only: there is no swap yet.
 */
#include "fault.h"
#include "machine.h"
#include "migrate.h"

enum fault_step do_swap_page(struct vm_fault *fault)
{
	struct mm *mm = fault->mm;

	if (!pte_is_migration(fault->orig))
		panic("entry %llx at %lx names a swap slot", (unsigned long long)fault->orig.v,
		      fault->addr);
	count_event(mm->machine, migration_wait);
	if (fault->keeps_lock) {
		migration_entry_wait(mm, fault->addr);
		return FAULT_STEP_DONE;
	}
	/* Whoever moves the page may be waiting for somebody who wants the lock. */
	if (fault->vma_locked)
		vma_end_read(fault->vma);
	else
		up_read(&mm->mmap_lock);
	migration_entry_wait(mm, fault->addr);
	return FAULT_STEP_WAITED;
}
