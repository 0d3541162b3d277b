// SPDX-License-Identifier: MIT
/*
 * fault.c - page faults: finding the VMA, growing the stack, choosing the kind
 *
 * What the page tables say is only a hint here: each kind of fault prepares what it needs without
 * a lock on them, takes the table lock, and goes on only if the entry is still what it was.  If it
 * is not, another fault or a migration was faster; the processor tries again and may fault again.
 *
 * Locks: the VMA's for read (vma_lock.c), or mmap_lock for read; for write while a stack grows.
 * Linux: arch/x86/mm/fault.c (do_user_addr_fault), mm/memory.c (handle_pte_fault).
 */
#include "fault.h"

#include "machine.h"
#include "mm.h"
#include "tlb.h"

static bool fault_under_vma_lock(struct vm_fault *fault, enum gw_fault *result);
static enum gw_fault fault_under_mmap_lock(struct vm_fault *fault);
static enum gw_fault find_vma_for_fault(struct vm_fault *fault);
static bool access_allowed(const struct vm_fault *fault);
static enum gw_fault fault_result(enum fault_step step);
static void report_fault(const struct vm_fault *fault, enum gw_fault result);

enum gw_fault mm_fault(struct mm *mm, unsigned long addr, enum gw_access access)
{
	return mm_fault_flags(mm, addr, access, FAULT_USER);
}

enum gw_fault mm_fault_flags(struct mm *mm, unsigned long addr, enum gw_access access,
			     unsigned int flags)
{
	struct vm_fault fault = {
		.mm = mm, .addr = addr & PAGE_MASK, .access = access, .flags = flags
	};
	enum gw_fault result;

	if (!(flags & FAULT_USER) || !fault_under_vma_lock(&fault, &result))
		result = fault_under_mmap_lock(&fault);

	count_event(mm->machine, pgfault);
	if (fault.major)
		count_event(mm->machine, pgmajfault);
	report_fault(&fault, result);
	return result;
}

/* => false: it takes mmap_lock */
static bool fault_under_vma_lock(struct vm_fault *fault, enum gw_fault *result)
{
	struct machine *machine = fault->mm->machine;
	enum fault_step step = FAULT_STEP_DONE;

	fault->vma = lock_vma_under_rcu(fault->mm, fault->addr);
	if (!fault->vma)
		return false;
	fault->vma_locked = true;
	*result = GW_FAULT_ACCERR;
	if (access_allowed(fault)) {
		step = handle_mm_fault(fault);
		*result = fault_result(step);
	}
	if (step != FAULT_STEP_WAITED)
		vma_end_read(fault->vma);
	fault->vma_locked = false;
	if (step == FAULT_STEP_RETRY) {
		count_event(machine, vma_lock_retry);
		return false;
	}
	count_event(machine, vma_lock_success);
	return true;
}

static enum gw_fault fault_under_mmap_lock(struct vm_fault *fault)
{
	enum fault_step step = FAULT_STEP_DONE;
	struct mm *mm = fault->mm;
	enum gw_fault result;

	down_read(&mm->mmap_lock);
	result = find_vma_for_fault(fault);
	if (result == GW_FAULT_DONE && !access_allowed(fault))
		result = GW_FAULT_ACCERR;
	if (result == GW_FAULT_DONE) {
		step = handle_mm_fault(fault);
		result = fault_result(step);
	}
	if (step != FAULT_STEP_WAITED)
		up_read(&mm->mmap_lock);
	return result;
}

/* ---- Which VMA --------------------------------------------------------------------------------------- */

/* @addr lies below a stack: grow it.  mmap_lock is held for read before and after. */
static enum gw_fault grow_stack(struct vm_fault *fault)
{
	struct mm *mm = fault->mm;
	struct vma *vma;
	bool grown = false;

	up_read(&mm->mmap_lock);
	mmap_write_lock(mm);
	vma = vma_find(mm, fault->addr);
	if (vma && vma->start > fault->addr && (vma->flags & VM_GROWSDOWN))
		grown = expand_stack(mm, vma, fault->addr) == 0;
	if (grown)
		count_event(mm->machine, fault_stack);
	mmap_write_downgrade(mm);
	fault->vma = vma_lookup(mm, fault->addr);
	return fault->vma ? GW_FAULT_DONE : GW_FAULT_MAPERR;
}

static enum gw_fault find_vma_for_fault(struct vm_fault *fault)
{
	fault->vma = vma_find(fault->mm, fault->addr);
	if (!fault->vma)
		return GW_FAULT_MAPERR;
	if (fault->vma->start <= fault->addr)
		return GW_FAULT_DONE;
	if (!(fault->vma->flags & VM_GROWSDOWN))
		return GW_FAULT_MAPERR;
	return grow_stack(fault);
}

/* A debugger may write a private page, and read what could be made readable. */
static bool access_forced(const struct vm_fault *fault)
{
	if (!(fault->flags & FAULT_FORCE))
		return false;
	if (fault->access == GW_WRITE)
		return is_cow_mapping(fault->vma->flags);
	return fault->vma->flags & VM_MAYREAD;
}

/* On x86 what may be written or executed may be read. */
static bool access_allowed(const struct vm_fault *fault)
{
	unsigned long flags = fault->vma->flags;

	if (access_forced(fault))
		return true;
	switch (fault->access) {
	case GW_READ:
		return flags & VM_ACCESS_FLAGS;
	case GW_WRITE:
		return flags & VM_WRITE;
	case GW_EXEC:
		return flags & VM_EXEC;
	}
	return false;
}

/* ---- Which kind --------------------------------------------------------------------------------------- */

/*
 * The entry allows the access: it was changed since the processor looked, or the processor's
 * translation is older than the entry.
 */
static enum fault_step do_spurious_fault(struct vm_fault *fault)
{
	struct machine *machine = fault->mm->machine;
	struct spinlock *ptl;
	pte_t *ptep, pte;

	ptep = pte_offset_map_lock(fault->mm, fault->addr, &ptl);
	if (!ptep)
		return FAULT_STEP_DONE;
	pte = ptep_get(ptep);
	if (pte.v == fault->orig.v) {
		pte = pte_mkyoung(pte);
		if (fault->access == GW_WRITE)
			pte = pte_mkdirty(pte);
		if (pte.v != fault->orig.v)
			set_pte(machine, ptep, pte);
	}
	pte_unmap_unlock(ptl);
	count_event(machine, fault_spurious);
	return FAULT_STEP_DONE;
}

enum fault_step vmf_anon_prepare(struct vm_fault *fault)
{
	struct mm *mm = fault->mm;
	int err;

	if (!fault->vma_locked)
		return anon_vma_prepare(fault->vma) ? FAULT_STEP_OOM : FAULT_STEP_DONE;
	if (likely(READ_ONCE(fault->vma->anon_vma)))
		return FAULT_STEP_DONE;
	/* Its place in the order is before the lock that is held: it must not be waited for. */
	if (!down_read_trylock(&mm->mmap_lock))
		return FAULT_STEP_RETRY;
	err = anon_vma_prepare(fault->vma);
	up_read(&mm->mmap_lock);
	return err ? FAULT_STEP_OOM : FAULT_STEP_DONE;
}

enum fault_step handle_mm_fault(struct vm_fault *fault)
{
	pte_t *ptep;

	if (pte_alloc(fault->mm, fault->addr))
		return FAULT_STEP_OOM;
	ptep = pte_offset_lockless(fault->mm, fault->addr);
	fault->orig = ptep_get_lockless(ptep);
	if (pte_none(fault->orig))
		return vma_is_anon(fault->vma) ? do_anonymous_page(fault) : do_file_fault(fault);
	if (!pte_present(fault->orig))
		return do_swap_page(fault);
	if ((fault->access == GW_WRITE || (fault->flags & FAULT_UNSHARE)) &&
	    !pte_write(fault->orig))
		return do_wp_page(fault);
	return do_spurious_fault(fault);
}

static enum gw_fault fault_result(enum fault_step step)
{
	switch (step) {
	case FAULT_STEP_DONE:
	case FAULT_STEP_WAITED:
	case FAULT_STEP_RETRY:
		return GW_FAULT_DONE;
	case FAULT_STEP_SIGBUS:
		return GW_FAULT_SIGBUS;
	case FAULT_STEP_OOM:
		return GW_FAULT_OOM;
	}
	panic("fault step %d", step);
}

static void report_fault(const struct vm_fault *fault, enum gw_fault result)
{
	const struct gw_event event = {
		.kind = GW_EVENT_FAULT,
		.mm_id = fault->mm->id,
		.addr = fault->addr,
		.arg = { fault->access, result },
	};

	machine_event(fault->mm->machine, &event);
}
