/* SPDX-License-Identifier: MIT */
/*
 * fault.h - page faults, one kind per file
 *
 * fault.c enters, finds the VMA, grows the stack and dispatches; the others handle one kind each.
 * They are called with the VMA's lock or mmap_lock held for read and the tables in place, and return
 * with it held, but for FAULT_STEP_WAITED.
 *
 * Linux: mm/memory.c (handle_mm_fault), arch/x86/mm/fault.c.
 */
#pragma once

#include <errno.h>

#include <godwit/mm.h>

#include "vma.h"

enum fault_step {
	FAULT_STEP_DONE,
	FAULT_STEP_WAITED, /* slept, the lock is dropped: the processor tries again */
	FAULT_STEP_RETRY,  /* the VMA's lock is not enough */
	FAULT_STEP_SIGBUS,
	FAULT_STEP_OOM,
};

/* What is asked of a fault beyond the access. */
enum fault_flags {
	/* The page is to be pinned: make it this address space's own, not writable. */
	FAULT_UNSHARE = 1,
	/* Rights that the VMA could have will do: get_user_pages(). */
	FAULT_FORCE = 2,
	/* A processor's exception: the VMA's lock will do if it can be had. */
	FAULT_USER = 4,
};

struct vm_fault {
	struct mm *mm;
	struct vma *vma;
	unsigned long addr; /* page aligned */
	enum gw_access access;
	unsigned int flags; /* enum fault_flags */
	pte_t orig;	    /* the entry as it was seen; confirm under the table lock */
	bool major;	    /* a file was read */
	bool keeps_lock;    /* mmap_lock is the caller's: never FAULT_STEP_WAITED */
	bool vma_locked;    /* the VMA's lock is held, not mmap_lock */
};

/* The processor's exception. */
enum gw_fault mm_fault(struct mm *mm, unsigned long addr, enum gw_access access);
/* The same for whoever needs a page: without FAULT_USER under mmap_lock alone. */
enum gw_fault mm_fault_flags(struct mm *mm, unsigned long addr, enum gw_access access,
			     unsigned int flags);

/* What a system call says of a @fault that failed. */
static inline int vm_fault_to_errno(enum gw_fault fault)
{
	return fault == GW_FAULT_OOM ? -ENOMEM : -EFAULT;
}

/*
 * fault->mm, vma and addr are set and fault->access is allowed; the VMA's lock is held if vma_locked
 * is set, else mmap_lock, for write too if keeps_lock is set.
 */
enum fault_step handle_mm_fault(struct vm_fault *fault);

/*
 * anon_vma_prepare() of the fault's VMA, for which its lock is not enough: the neighbours are looked
 * at.  => FAULT_STEP_DONE, FAULT_STEP_OOM, FAULT_STEP_RETRY
 */
enum fault_step vmf_anon_prepare(struct vm_fault *fault);

enum fault_step do_anonymous_page(struct vm_fault *fault);
enum fault_step do_file_fault(struct vm_fault *fault);
enum fault_step do_wp_page(struct vm_fault *fault);
enum fault_step do_swap_page(struct vm_fault *fault);
/* Of do_wp_page(): the caller has a reference to @folio, which is what fault->orig maps. */
void do_wp_shared(struct vm_fault *fault, struct folio *folio);

/*
 * Map @folio, new and filled, in the place of fault->orig, writable if the VMA is and the page is
 * not merely unshared; the reference of the allocation goes to the entry.  Where a page was mapped
 * before, its translation is flushed and its reference becomes the caller's to drop.
 * => false: the entry is not fault->orig any more; @folio is gone
 */
bool map_anon_folio(struct vm_fault *fault, struct folio *folio);
