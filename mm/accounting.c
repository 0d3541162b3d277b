// SPDX-License-Identifier: MIT
/*
 * accounting.c - what an address space may have, and what the machine has promised
 *
 * Every change of a VMA's bounds or flags passes vm_stat_account(), so the sums are always those
 * over the VMAs: total_vm and its parts, locked_vm, and over all address spaces the pages of VMAs
 * with VM_ACCOUNT, which the machine has promised to have frames for when they are written.
 *
 * A promise is asked for before the VMA that needs it is there.  commit_ahead is the difference in
 * between: above 0 what has been charged and no VMA has yet; below 0 what a VMA has and nobody was
 * charged for, because another one will go for it before mmap_lock is dropped (mremap.c).
 *
 * Linux: mm/mmap.c (may_expand_vm, vm_stat_account), mm/util.c (__vm_enough_memory), as of 6.12.
 * Differs: nobody has CAP_SYS_ADMIN, so the reserve for root is always kept; nobody has
 * CAP_IPC_LOCK, which is the same as an unlimited RLIMIT_MEMLOCK.
 */
#include "vma.h"

#include "filemap.h"

#include <errno.h>

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

bool vma_wants_writenotify(const struct vma *vma, unsigned long flags)
{
	return (flags & (VM_WRITE | VM_SHARED)) == (VM_WRITE | VM_SHARED) && vma->mapping &&
	       mapping_tracks_dirty(vma->mapping);
}

/* Pages whose first write must be noticed are mapped read-only until then, like private ones. */
pgprot_t vma_page_prot(const struct vma *vma, unsigned long flags)
{
	if (vma_wants_writenotify(vma, flags))
		flags &= ~(unsigned long)VM_SHARED;
	return vm_get_page_prot(flags);
}

static bool is_data_mapping(unsigned long flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

/* A soft limit of 0 is no limit: tools set it to move the heap into mappings. */
static bool data_limit_allows(const struct gw_limits *limits, unsigned long nr_pages)
{
	return nr_pages <= limits->data >> PAGE_SHIFT ||
	       (limits->data == 0 && nr_pages <= limits->data_hard >> PAGE_SHIFT);
}

/* A mapping with @flags makes them @total pages, and @data if it is one of data. */
static bool limits_allow(const struct gw_limits *limits, unsigned long flags, unsigned long total,
			 unsigned long data)
{
	return total <= limits->as >> PAGE_SHIFT &&
	       (!is_data_mapping(flags) || data_limit_allows(limits, data));
}

bool may_expand_vm(struct mm *mm, unsigned long flags, unsigned long nr_pages)
{
	return limits_allow(&mm->limits, flags, mm->total_vm + nr_pages, mm->data_vm + nr_pages);
}

bool may_expand_vm_replacing(struct mm *mm, unsigned long flags, unsigned long nr_pages,
			     unsigned long start, unsigned long end)
{
	unsigned long total = mm->total_vm, data = mm->data_vm;
	const struct vma *vma;

	for_each_vma_range(mm, vma, start, end) {
		unsigned long nr = (min(vma->end, end) - max(vma->start, start)) >> PAGE_SHIFT;

		total -= nr;
		data -= is_data_mapping(vma->flags) ? nr : 0;
	}
	return limits_allow(&mm->limits, flags, total + nr_pages, data + nr_pages);
}

bool mlock_future_ok(struct mm *mm, unsigned long flags, unsigned long nr_pages)
{
	return !(flags & VM_LOCKED) || mm->locked_vm + nr_pages <= mm->limits.memlock >> PAGE_SHIFT;
}

static void commit_account(struct mm *mm, long nr_pages);

void vm_stat_account(struct mm *mm, unsigned long flags, long nr_pages)
{
	mm->total_vm += nr_pages;
	mm->hiwater_vm = max(mm->hiwater_vm, mm->total_vm);
	if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		mm->exec_vm += nr_pages;
	else if (flags & VM_GROWSDOWN)
		mm->stack_vm += nr_pages;
	else if (is_data_mapping(flags))
		mm->data_vm += nr_pages;
	if (flags & VM_LOCKED)
		mm->locked_vm += nr_pages;
	if (flags & VM_ACCOUNT)
		commit_account(mm, nr_pages);
}

/* ---- What is promised --------------------------------------------------------------------------------- */

/* Percent of the frames: vm.overcommit_ratio. */
#define OVERCOMMIT_RATIO 50ul
/* Pages that stay free for root, and for a user to recover with. */
#define ADMIN_RESERVE_MAX (8ul << 20 >> PAGE_SHIFT)
#define USER_RESERVE_MAX  (128ul << 20 >> PAGE_SHIFT)

/* => the sum, where anybody may look at it */
static long commit_add(struct machine *machine, long nr_pages)
{
	if (machine->overcommit_memory == OVERCOMMIT_NEVER)
		return atomic_long_add_return(&machine->committed_strictly, nr_pages);
	counter_add(&machine->committed, nr_pages);
	return 0;
}

/* VMAs with VM_ACCOUNT have become more or fewer; what was charged or owed ahead comes first. */
static void commit_account(struct mm *mm, long nr_pages)
{
	long ahead = 0;

	if (nr_pages > 0 && mm->commit_ahead > 0)
		ahead = min(nr_pages, mm->commit_ahead);
	else if (nr_pages < 0 && mm->commit_ahead < 0)
		ahead = max(nr_pages, mm->commit_ahead);
	mm->commit_ahead -= ahead;
	if (nr_pages != ahead)
		commit_add(mm->machine, nr_pages - ahead);
}

unsigned long vm_commit_limit(const struct machine *machine)
{
	return machine->nr_guest_frames * OVERCOMMIT_RATIO / 100;
}

unsigned long vm_committed(struct machine *machine)
{
	return machine->overcommit_memory == OVERCOMMIT_NEVER
		       ? (unsigned long)atomic_long_read(&machine->committed_strictly)
		       : machine->committed.v;
}

/* To somebody who has mapped @total_vm pages. */
static long commit_allowed(const struct machine *machine, unsigned long total_vm)
{
	unsigned long share = machine->nr_guest_frames / 32;
	unsigned long user_reserve = min(share, USER_RESERVE_MAX);

	return (long)vm_commit_limit(machine) - (long)min(share, ADMIN_RESERVE_MAX) -
	       (long)min(total_vm / 32, user_reserve);
}

/* => -ENOMEM */
static int commit_charge(struct machine *machine, unsigned long nr_pages, unsigned long total_vm)
{
	long sum;

	if (machine->overcommit_memory == OVERCOMMIT_GUESS && nr_pages > machine->nr_guest_frames)
		return -ENOMEM;
	sum = commit_add(machine, (long)nr_pages);
	if (machine->overcommit_memory == OVERCOMMIT_NEVER &&
	    sum >= commit_allowed(machine, total_vm)) {
		commit_add(machine, -(long)nr_pages);
		return -ENOMEM;
	}
	return 0;
}

int vm_commit_reserve(struct mm *mm, unsigned long nr_pages)
{
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	err = commit_charge(mm->machine, nr_pages, mm->total_vm);
	if (!err)
		mm->commit_ahead += (long)nr_pages;
	return err;
}

int vm_commit_object(struct machine *machine, unsigned long nr_pages)
{
	return commit_charge(machine, nr_pages, 0);
}

void vm_commit_undo(struct machine *machine, unsigned long nr_pages)
{
	commit_add(machine, -(long)nr_pages);
}

void vm_commit_release(struct mm *mm)
{
	ASSERT_MSG(mm->commit_ahead >= 0, "%ld", mm->commit_ahead);
	if (mm->commit_ahead)
		commit_add(mm->machine, -mm->commit_ahead);
	mm->commit_ahead = 0;
}
