// SPDX-License-Identifier: MIT
/*
 * vma_lock.c - the lock of one VMA: faults without mmap_lock
 *
 * A fault finds its VMA in the tree under RCU and locks it for read, or gives up and takes mmap_lock.
 * A writer, who holds mmap_lock for write, locks each VMA for write before he changes it or what it
 * maps: he waits for the faults inside, leaves his number there, and lets go of the lock again.  From
 * then on the number keeps faults out, until mmap_lock is given up and the number of the address
 * space moves on, which unlocks all VMAs at once.
 *
 *	CPU A: fault				CPU B: mprotect, munmap, fork, ...
 *	RCU: find the VMA			mmap_lock for write
 *	lock for read, if that can be had	lock for write: waits for A
 *						lock_seq := mm_lock_seq
 *						unlock
 *	lock_seq == mm_lock_seq? give up
 *	else it is ours				change the VMA, its entries, the tree
 *						mm_lock_seq += 1
 *						mmap_lock dropped
 *
 * B waits for whoever was inside before it changed the number, and whoever comes later sees it.  What
 * A reads after it has seen that the numbers differ was written before the number of the address
 * space moved on.  It may be another VMA than the one that A looked for: bounds and flags count only
 * once it is locked.  The memory is freed after a grace period.
 *
 * Linux looks at the numbers before it tries the lock as well, which spares it an atomic.
 *
 * Locks: mmap_lock for write to lock for write; the VMA's.
 * Linux: include/linux/mm.h (vma_start_read, vma_start_write), mm/memory.c (lock_vma_under_rcu), as
 * of 6.12.
 */
#include "vma.h"

/* ---- For read ------------------------------------------------------------------------------------------- */

/* => false: a writer has it */
static bool vma_start_read(struct mm *mm, struct vma *vma)
{
	if (!down_read_trylock(&vma->lock))
		return false;
	if (likely(vma->lock_seq != smp_load_acquire(&mm->mm_lock_seq)))
		return true;
	up_read(&vma->lock);
	return false;
}

void vma_end_read(struct vma *vma)
{
	up_read(&vma->lock);
}

/*
 * A VMA that was taken out between the look at the tree and the lock is in the tree no more: then
 * the next look finds what has come in its place.
 */
static struct vma *lock_found_vma(struct mm *mm, unsigned long addr)
{
	for (;;) {
		struct vma *vma = vma_tree_find(&mm->vmas, addr, NULL);

		if (!vma || !vma_start_read(mm, vma))
			return NULL;
		if (likely(!vma->detached))
			return vma;
		vma_end_read(vma);
		count_event(mm->machine, vma_lock_miss);
	}
}

struct vma *lock_vma_under_rcu(struct mm *mm, unsigned long addr)
{
	struct vma *vma;

	rcu_read_lock();
	vma = lock_found_vma(mm, addr);
	rcu_read_unlock();
	if (vma && (addr < vma->start || addr >= vma->end)) {
		vma_end_read(vma);
		vma = NULL;
	}
	if (!vma)
		count_event(mm->machine, vma_lock_abort);
	return vma;
}

/* ---- For write ------------------------------------------------------------------------------------------ */

void vma_start_write(struct vma *vma)
{
	unsigned int seq = vma->mm->mm_lock_seq;

	rwsem_assert_held_write(&vma->mm->mmap_lock);
	if (vma->lock_seq == seq)
		return;
	down_write(&vma->lock);
	vma->lock_seq = seq;
	up_write(&vma->lock);
}

/* An experiment that leaves a lock out is after what comes of it. */
static bool locks_are_left_out(const struct machine *machine)
{
	return !guard(machine, fork_lock_vmas) || !guard(machine, stack_lock_vma) ||
	       !guard(machine, merge_lock_vma);
}

void vma_assert_write_locked(const struct vma *vma)
{
	rwsem_assert_held_write(&vma->mm->mmap_lock);
	ASSERT_MSG(vma->lock_seq == vma->mm->mm_lock_seq || locks_are_left_out(vma->machine),
		   "VMA %lx-%lx is not locked for write", vma->start, vma->end);
}

void vma_mark_detached(struct vma *vma)
{
	vma_assert_write_locked(vma);
	vma->detached = true;
}
