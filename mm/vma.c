// SPDX-License-Identifier: MIT
/*
 * vma.c - the VMAs of an address space: finding, splitting, merging, growing
 *
 * Changes of bounds are made by vma_update.c, merges by vma_merge.c; here are the operations that
 * the rest of the memory manager asks for.
 *
 * Invariant: vma->start and vma->end are what the tree says; total_vm and the others are the sums
 * over the VMAs.
 *
 * Locks: mmap_lock for write, i_mmap_lock, the anon_vma root's lock.
 * Linux: mm/vma.c and mm/mmap.c, as of 6.12.
 */
#include "vma_merge.h"

#include <errno.h>

#include "filemap.h"

/* ---- Finding ------------------------------------------------------------------------------------------ */

struct vma *vma_find(struct mm *mm, unsigned long addr)
{
	rwsem_assert_held(&mm->mmap_lock);
	return vma_tree_find(&mm->vmas, addr, NULL);
}

struct vma *vma_lookup(struct mm *mm, unsigned long addr)
{
	struct vma *vma = vma_find(mm, addr);

	return vma && vma->start <= addr ? vma : NULL;
}

struct vma *vma_next(struct mm *mm, const struct vma *vma)
{
	return vma_find(mm, vma->end);
}

struct vma *vma_prev(struct mm *mm, const struct vma *vma)
{
	rwsem_assert_held(&mm->mmap_lock);
	return vma_tree_find_prev(&mm->vmas, vma->start, NULL);
}

struct vma *vma_intersection(struct mm *mm, unsigned long start, unsigned long end)
{
	struct vma *vma = vma_find(mm, start);

	return vma && vma->start < end ? vma : NULL;
}

unsigned long vma_start_gap(const struct vma *vma)
{
	unsigned long gap = vma->mm->stack_guard_gap;

	if (!(vma->flags & VM_GROWSDOWN))
		return vma->start;
	return vma->start > gap ? vma->start - gap : 0;
}

/* ---- The life of a VMA ---------------------------------------------------------------------------------- */

struct vma *vma_alloc(struct mm *mm)
{
	struct vma *vma = stock_alloc(mm->machine, &mm->stock, KMEM_VMA);

	if (!vma)
		return NULL;
	*vma = (struct vma){
		.mm = mm,
		.machine = mm->machine,
		.lock_seq = ~0u,
	};
	rwsem_init(&vma->lock, LOCK_VMA);
	list_init(&vma->anon_vma_chain);
	return vma;
}

void vma_free(struct vma *vma)
{
	ASSERT(list_empty(&vma->anon_vma_chain));
	if (vma->mapping)
		mapping_put(vma->mapping);
	machine_free(vma->machine, KMEM_VMA, vma);
}

static void vma_free_rcu(struct rcu_head *rcu)
{
	struct vma *vma = container_of(rcu, struct vma, rcu);

	machine_free(vma->machine, KMEM_VMA, vma);
}

void vma_link_rmap(struct vma *vma)
{
	struct mapping *mapping = vma->mapping;

	if (!mapping)
		return;
	down_write(&mapping->i_mmap_lock);
	i_mmap_insert(mapping, vma);
	up_write(&mapping->i_mmap_lock);
}

/*
 * Taking the locks waits for the walkers that have found the VMA.  Readers of the old tree may
 * look at it a while longer, hence RCU.
 */
void vma_remove_rmap_and_free(struct vma *vma)
{
	struct mapping *mapping = vma->mapping;

	unlink_anon_vmas(vma);
	if (mapping) {
		down_write(&mapping->i_mmap_lock);
		i_mmap_remove(mapping, vma);
		up_write(&mapping->i_mmap_lock);
		mapping_put(mapping);
	}
	call_rcu(&vma->rcu, vma_free_rcu);
}

struct vma *vma_copy_part(struct vma *vma, unsigned long start, unsigned long end)
{
	return vma_dup(vma, start, end, linear_page_index(vma, start));
}

struct vma *vma_dup(struct vma *vma, unsigned long start, unsigned long end, unsigned long pgoff)
{
	struct vma *part = vma_alloc(vma->mm);

	if (!part)
		return NULL;
	part->start = start;
	part->end = end;
	part->pgoff = pgoff;
	part->flags = vma->flags;
	part->page_prot = vma->page_prot;
	part->anon_vma = vma->anon_vma;
	if (anon_vma_clone(part, vma)) {
		machine_free(part->machine, KMEM_VMA, part);
		return NULL;
	}
	part->mapping = vma->mapping;
	if (part->mapping)
		mapping_get(part->mapping);
	return part;
}

void vma_discard_part(struct vma *part)
{
	unlink_anon_vmas(part);
	vma_free(part);
}

/* => all users of entries are excluded; rmap walkers read both without a lock */
static void vma_set_flags(struct vma *vma, unsigned long flags)
{
	vma_assert_write_locked(vma);
	WRITE_ONCE(vma->flags, flags);
	WRITE_ONCE(vma->page_prot.v, vma_page_prot(vma, flags).v);
}

/* ---- Bounds --------------------------------------------------------------------------------------------- */

int vma_insert(struct mm *mm, struct vma *vma)
{
	struct vma_update update = { .mm = mm };
	int err;

	if (vma_intersection(mm, vma->start, vma->end))
		return -ENOMEM;
	vma_update_insert(&update, vma);
	err = vma_update_reserve(&update);
	if (err)
		return err;
	vma_start_write(vma); /* it may be changed once more after faults can find it */
	vma_update_commit(&update);
	return 0;
}

static int vma_set_bounds(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
			  unsigned long pgoff)
{
	struct vma_update update = { .mm = mm };
	int err;

	ASSERT(start < end && IS_ALIGNED(start | end, PAGE_SIZE));
	vma_update_move(&update, vma, start, end, pgoff);
	err = vma_update_reserve(&update);
	if (!err)
		vma_update_commit(&update);
	return err;
}

int vma_expand(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff)
{
	ASSERT(start <= vma->start && end >= vma->end);
	vma_start_write(vma);
	return vma_set_bounds(mm, vma, start, end, pgoff);
}

int vma_shrink(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff)
{
	ASSERT(start >= vma->start && end <= vma->end);
	vma_start_write(vma);
	return vma_set_bounds(mm, vma, start, end, pgoff);
}

/* ---- Splitting ---------------------------------------------------------------------------------------------- */

int vma_split(struct mm *mm, struct vma *vma, unsigned long addr)
{
	struct vma_update update = { .mm = mm };
	struct vma *upper;
	int err;

	ASSERT(addr > vma->start && addr < vma->end);
	if (mm->map_count >= mm->machine->max_map_count)
		return -ENOMEM;
	upper = vma_copy_part(vma, addr, vma->end);
	if (!upper)
		return -ENOMEM;
	vma_update_cut(&update, vma, vma->start, addr);
	vma_update_insert(&update, upper);
	err = vma_update_reserve(&update);
	if (err) {
		vma_discard_part(upper);
		return err;
	}
	vma_start_write(vma);
	vma_start_write(upper);
	vma_update_commit(&update);
	return 0;
}

/* ---- Changing the flags of a range -------------------------------------------------------------------------- */

static int vma_split_around(struct vma *vma, unsigned long start, unsigned long end,
			    unsigned long flags, struct vma **result);

int vma_modify_flags(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
		     unsigned long flags, struct vma **result)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = start,
		.end = end,
		.flags = flags,
		.mapping = vma->mapping,
		.pgoff = linear_page_index(vma, start),
		.middle = vma,
	};
	int err;

	ASSERT(start >= vma->start && start < end && end <= vma->end);
	err = vma_merge(&merge, result);
	if (err || *result)
		return err;
	return vma_split_around(vma, start, end, flags, result);
}

/* @update has inserts. */
static void commit_split(struct vma_update *update)
{
	for (int i = 0; i < update->nr_inserts; i++)
		vma_start_write(update->inserts[i]);
	vma_update_commit(update);
}

/*
 * @vma keeps its lowest part: [@start, @end) itself, or what lies below it.  Both ends are split in
 * one change, so that a failure leaves no trace.
 */
static int vma_split_around(struct vma *vma, unsigned long start, unsigned long end,
			    unsigned long flags, struct vma **result)
{
	struct vma_update update = { .mm = vma->mm };
	struct vma *range = vma, *above = NULL;
	int nr_new = (start > vma->start) + (end < vma->end);

	if (nr_new && vma->mm->map_count + nr_new > vma->mm->machine->max_map_count)
		return -ENOMEM;
	if (start > vma->start) {
		range = vma_copy_part(vma, start, end);
		if (!range)
			return -ENOMEM;
		vma_update_insert(&update, range);
	}
	if (end < vma->end) {
		above = vma_copy_part(vma, end, vma->end);
		if (!above)
			goto out_range;
		vma_update_insert(&update, above);
	}
	if (nr_new) {
		vma_update_cut(&update, vma, vma->start, start > vma->start ? start : end);
		if (vma_update_reserve(&update))
			goto out_above;
	}
	vma_start_write(vma);
	if (nr_new)
		commit_split(&update);
	vm_stat_account(vma->mm, range->flags, -(long)vma_pages(range));
	vma_set_flags(range, flags);
	vm_stat_account(vma->mm, flags, vma_pages(range));
	*result = range;
	return 0;

out_above:
	if (above)
		vma_discard_part(above);
out_range:
	if (range != vma)
		vma_discard_part(range);
	return -ENOMEM;
}

void vma_emptied(struct vma *vma, unsigned long start, unsigned long end)
{
	struct mm *mm = vma->mm;

	if (vma->flags & VM_LOCKED_MASK) {
		vm_stat_account(mm, vma->flags, -(long)vma_pages(vma));
		vma_set_flags(vma, vma->flags & ~(unsigned long)VM_LOCKED_MASK);
		vm_stat_account(mm, vma->flags, vma_pages(vma));
	}
	if (vma->start != start || vma->end != end)
		return;
	unlink_anon_vmas(vma);
	if (vma_is_anon(vma))
		vma_reset_pgoff(vma);
}

/* ---- Growing a stack ---------------------------------------------------------------------------------------- */

/* Linux: acct_stack_growth().  True: what it takes is charged. */
static bool stack_may_grow(struct mm *mm, const struct vma *vma, unsigned long start)
{
	unsigned long nr_pages = (vma->start - start) >> PAGE_SHIFT;

	return nr_pages <= vma->pgoff && may_expand_vm(mm, vma->flags, nr_pages) &&
	       vma->end - start <= mm->limits.stack && mlock_future_ok(mm, vma->flags, nr_pages) &&
	       (!(vma->flags & VM_ACCOUNT) || !vm_commit_reserve(mm, nr_pages));
}

/* A mapping that can be used must not come too near below. */
static bool stack_gap_is_kept(struct mm *mm, const struct vma *vma, unsigned long start)
{
	const struct vma *prev = vma_prev(mm, vma);

	if (!prev)
		return true;
	if (prev->end > start)
		return false;
	return (prev->flags & VM_GROWSDOWN) || !(prev->flags & VM_ACCESS_FLAGS) ||
	       start - prev->end >= mm->stack_guard_gap;
}

/*
 * Growing needs mmap_lock for write, as any change of bounds: under the lock for read it has been
 * the source of trouble for 15 years.  And it needs the VMA's lock, or a fault higher up would find
 * page offsets by a start and an offset that do not belong together (Linux c137381f71ae, "mm: lock a
 * vma before stack expansion").  Linux: expand_downwards(), lock_mm_and_find_vma().
 */
int expand_stack(struct mm *mm, struct vma *vma, unsigned long addr)
{
	unsigned long start = ALIGN_DOWN(addr, PAGE_SIZE);
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	if (start >= vma->start)
		return 0; /* another fault was faster */
	if (!(vma->flags & VM_GROWSDOWN))
		return -EFAULT;
	if (start < mm->machine->mmap_min_addr)
		return -EPERM;
	if (!stack_gap_is_kept(mm, vma, start))
		return -ENOMEM;
	/* Linux needs its lock; we do it because it decides what the stack merges with. */
	if (anon_vma_prepare(vma))
		return -ENOMEM;
	if (!stack_may_grow(mm, vma, start))
		return -ENOMEM;
	if (guard(mm->machine, stack_lock_vma))
		vma_start_write(vma);
	err = vma_set_bounds(mm, vma, start, vma->end,
			     vma->pgoff - ((vma->start - start) >> PAGE_SHIFT));
	vm_commit_release(mm);
	return err;
}
