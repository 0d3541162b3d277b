// SPDX-License-Identifier: MIT
/*
 * mremap.c - growing, shrinking and moving a mapping
 *
 * A move is a row of steps each of which Linux lets fail: unmap what is at the new place, unmap the
 * tail that is cut off, make a VMA there, move the entries, unmap the old place.  Here all that may
 * be wrong is found out first, then all that the steps allocate is put into the stock of the address
 * space (stock.h), and then they cannot fail: a failed mremap() has changed nothing.
 *
 * What the machine has promised: the new VMA takes over the promise of the old one, so only growth is
 * charged.  commit_ahead goes below 0 while both are there.
 *
 * Locks: mmap_lock for write; move.c has the others.
 * Linux: mm/mremap.c, as of 6.12, where MREMAP_FIXED unmaps the new place before it finds out that
 * the mapping cannot be moved; since 6.17 it looks first, as we do.  Not modelled: several VMAs moved
 * at once (6.17), hugetlb, userfaultfd.
 */
#include "memory.h"
#include "populate.h"

#include <errno.h>
#include <linux/mman.h>

#include "machine.h"

/* What move steps add to the count of VMAs, at most, as Linux reckons. */
#define MAPS_MARGIN 3

struct remap {
	struct mm *mm;
	unsigned long addr, old_len, new_len; /* whole pages */
	unsigned long new_addr;		      /* where it is to be; then where it is */
	unsigned long flags;
	struct vma *vma;	/* contains addr */
	unsigned long populate; /* bytes at the end of the new place to be faulted in */
};

static int remap_check(const struct remap *remap, bool resizes);
static int remap_in_place(struct remap *remap);
static int remap_to(struct remap *remap);
static int remap_grow(struct remap *remap);
static int remap_move(struct remap *remap);

static int do_mremap(struct remap *remap)
{
	remap->vma = vma_lookup(remap->mm, remap->addr);
	if (!remap->vma)
		return -EFAULT;
	if (remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(remap);
	return remap_in_place(remap);
}

long mm_mremap(struct mm *mm, unsigned long addr, unsigned long old_len, unsigned long new_len,
	       unsigned long flags, unsigned long new_addr)
{
	struct remap remap = {
		.mm = mm,
		.addr = addr,
		.old_len = ALIGN_UP(old_len, PAGE_SIZE),
		.new_len = ALIGN_UP(new_len, PAGE_SIZE),
		.new_addr = new_addr,
		.flags = flags,
	};
	unsigned long end;
	int err = remap_check(&remap, old_len != new_len);

	if (err)
		return err;
	mmap_write_lock(mm);
	err = do_mremap(&remap);
	stock_drain(mm->machine, &mm->stock);
	vm_commit_release(mm);
	mmap_write_unlock(mm);
	if (err)
		return err;
	end = remap.new_addr + remap.new_len;
	if (remap.populate)
		mm_populate(mm, end - remap.populate, end);
	return (long)remap.new_addr;
}

static int remap_check(const struct remap *remap, bool resizes)
{
	if (remap->flags & ~(unsigned long)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(remap->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP) && resizes)
		return -EINVAL;
	if (!IS_ALIGNED(remap->addr, PAGE_SIZE) || !remap->new_len)
		return -EINVAL;
	return 0;
}

/* Always allowed, whatever else is mapped in the part that goes. */
static int remap_in_place(struct remap *remap)
{
	unsigned long cut = remap->old_len - remap->new_len;

	remap->new_addr = remap->addr;
	if (remap->old_len > remap->new_len)
		return do_munmap(remap->mm, remap->addr + remap->new_len, cut);
	return remap->old_len == remap->new_len ? 0 : remap_grow(remap);
}

/* ---- May it become longer, or be moved at all? ------------------------------------------------------------ */

/* The first @old_len bytes are to be @new_len.  Linux: vma_to_resize(). */
static int check_resize(const struct remap *remap, unsigned long old_len)
{
	unsigned long growth = (remap->new_len - old_len) >> PAGE_SHIFT, pgoff;
	const struct vma *vma = remap->vma;

	/* A length of 0 asks for another view of the same memory, which private memory has not. */
	if (!old_len && !(vma->flags & VM_MAYSHARE))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP) && (vma->flags & VM_DONTEXPAND))
		return -EINVAL;
	if (old_len > vma->end - remap->addr)
		return -EFAULT;
	if (!growth)
		return 0;
	pgoff = linear_page_index(vma, remap->addr);
	if (pgoff + (remap->new_len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	if (vma->flags & VM_DONTEXPAND)
		return -EFAULT;
	if (!mlock_future_ok(remap->mm, vma->flags, growth))
		return -EAGAIN;
	return may_expand_vm(remap->mm, vma->flags, growth) ? 0 : -ENOMEM;
}

/* Of @nr_pages more, if the VMA's pages are promised ones. */
static int charge(const struct remap *remap, unsigned long nr_pages)
{
	return remap->vma->flags & VM_ACCOUNT ? vm_commit_reserve(remap->mm, nr_pages) : 0;
}

static void populate_growth(struct remap *remap, unsigned long flags, unsigned long old_len)
{
	if (flags & VM_LOCKED)
		remap->populate = remap->new_len - old_len;
}

static bool room_above(const struct remap *remap, unsigned long end)
{
	const struct vma *vma = remap->vma;
	long at;

	if (end < vma->end || vma_intersection(remap->mm, vma->end, end))
		return false;
	at = get_unmapped_area(remap->mm, vma->start, end - vma->start, MAP_FIXED);
	return at >= 0;
}

/* Where it is if there is room, else elsewhere if it may move. */
static int remap_grow(struct remap *remap)
{
	struct vma *vma = remap->vma;
	unsigned long growth = remap->new_len - remap->old_len, end = vma->end + growth;
	int err = check_resize(remap, remap->old_len);
	long at;

	if (err)
		return err;
	if (remap->addr + remap->old_len == vma->end && room_above(remap, end)) {
		populate_growth(remap, vma->flags, remap->old_len);
		err = charge(remap, growth >> PAGE_SHIFT);
		return err ? err : vma_extend(remap->mm, vma, end);
	}
	if (!(remap->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	at = get_unmapped_area(remap->mm, 0, remap->new_len, 0);
	if (at < 0)
		return (int)at;
	remap->new_addr = (unsigned long)at;
	return remap_move(remap);
}

/* ---- To a place that was named, or without giving the old one up ------------------------------------------- */

static bool overlaps(const struct remap *remap)
{
	return remap->addr + remap->old_len > remap->new_addr &&
	       remap->new_addr + remap->new_len > remap->addr;
}

/* The old VMA stays: as many pages more, but for those that the new place gives up. */
static bool may_keep_both(const struct remap *remap)
{
	unsigned long start = remap->new_addr, end = start + remap->new_len;

	if (!(remap->flags & MREMAP_DONTUNMAP))
		return true;
	if (!(remap->flags & MREMAP_FIXED))
		end = start;
	return may_expand_vm_replacing(remap->mm, remap->vma->flags, remap->new_len >> PAGE_SHIFT,
				       start, end);
}

static int remap_to(struct remap *remap)
{
	struct mm *mm = remap->mm;
	long at;
	int err;

	if (!IS_ALIGNED(remap->new_addr, PAGE_SIZE) || remap->new_len > mm->task_size ||
	    remap->new_addr > mm->task_size - remap->new_len || overlaps(remap))
		return -EINVAL;
	if (mm->map_count + 2 >= mm->machine->max_map_count - MAPS_MARGIN)
		return -ENOMEM;
	err = check_resize(remap, min(remap->old_len, remap->new_len));
	if (err)
		return err;
	if (!may_keep_both(remap))
		return -ENOMEM;
	at = get_unmapped_area(mm, remap->new_addr, remap->new_len,
			       remap->flags & MREMAP_FIXED ? MAP_FIXED : 0);
	if (at < 0)
		return (int)at;
	remap->new_addr = (unsigned long)at;
	return remap_move(remap);
}

/* ---- Moving -------------------------------------------------------------------------------------------------- */

/*
 * A change of the tree for each step, and for each a VMA with chains: the new one, or the upper part
 * of one in which the step leaves a hole; then the tables.
 */
static int stock_up(const struct remap *remap)
{
	const struct vma *there =
		vma_intersection(remap->mm, remap->new_addr, remap->new_addr + remap->new_len);
	bool cut = remap->old_len > remap->new_len;
	struct mm *mm = remap->mm;
	int nr = 2 + cut + (remap->flags & MREMAP_DONTUNMAP ? 1 : 0), err = 0;

	for (int i = 0; i < nr && !err; i++)
		err = anon_vma_stock_chains(remap->vma);
	if (!err && there)
		err = anon_vma_stock_chains(there);
	if (!err)
		err = stock_fill(mm->machine, &mm->stock, KMEM_VMA, nr + !!there);
	if (!err)
		err = vma_tree_stock(&mm->vmas, nr + !!there);
	if (!err)
		err = move_page_tables_stock(remap->vma, remap->addr, remap->new_addr,
					     min(remap->old_len, remap->new_len));
	return err;
}

/* A step for which there is a stock. */
static void must(int err)
{
	ASSERT_MSG(err == 0, "error %d in spite of the stock", err);
}

/* What is at the new place goes, and what is cut off; @remap->vma may be another one afterwards. */
static void clear_ways(struct remap *remap)
{
	struct mm *mm = remap->mm;

	if (remap->flags & MREMAP_FIXED)
		must(do_munmap(mm, remap->new_addr, remap->new_len));
	if (remap->old_len > remap->new_len) {
		must(do_munmap(mm, remap->addr + remap->new_len, remap->old_len - remap->new_len));
		remap->old_len = remap->new_len;
	}
	remap->vma = vma_lookup(mm, remap->addr);
}

/* Only what moves loses its lock, so it must be a VMA of its own. */
static void split_off_locked(struct remap *remap)
{
	unsigned long end = remap->addr + remap->old_len;

	if (!(remap->flags & MREMAP_DONTUNMAP) || !(remap->vma->flags & VM_LOCKED))
		return;
	if (remap->addr > remap->vma->start) {
		must(vma_split(remap->mm, remap->vma, remap->addr));
		remap->vma = vma_lookup(remap->mm, remap->addr);
	}
	if (end < remap->vma->end)
		must(vma_split(remap->mm, remap->vma, end));
}

static void move_entries(const struct vma_copy *copy, unsigned long len)
{
	bool locks = copy->need_rmap_locks && guard(copy->vma->mm->machine, mremap_rmap_locks);
	unsigned long moved;

	if (!len)
		return;
	moved = move_page_tables(copy->vma, copy->source, copy->new, copy->addr, len,
				 locks ? MOVE_WITH_RMAP_LOCKS : MOVE_WITHOUT_RMAP_LOCKS);
	must(moved == len ? 0 : -ENOMEM);
}

static void report_mremap(const struct remap *remap, unsigned long flags)
{
	const struct gw_event event = {
		.kind = GW_EVENT_MMAP,
		.mm_id = remap->mm->id,
		.addr = remap->new_addr,
		.arg = { remap->new_addr + remap->new_len, flags },
	};

	machine_event(remap->mm->machine, &event);
}

static int check_move(struct remap *remap)
{
	unsigned long nr_pages = remap->new_len >> PAGE_SHIFT;
	unsigned long nr_old = min(remap->old_len, remap->new_len) >> PAGE_SHIFT;

	if (remap->mm->map_count >= remap->mm->machine->max_map_count - MAPS_MARGIN)
		return -ENOMEM;
	return charge(remap, remap->flags & MREMAP_DONTUNMAP ? nr_pages : nr_pages - nr_old);
}

static int remap_move(struct remap *remap)
{
	bool keep = remap->flags & MREMAP_DONTUNMAP;
	struct mm *mm = remap->mm;
	struct vma_copy copy;
	long owed = 0;
	int err;

	err = check_move(remap);
	if (!err)
		err = stock_up(remap);
	if (err)
		return err;

	clear_ways(remap);
	/* A second view of a page, in its own place: the first has just gone.  As on Linux. */
	if (!remap->vma)
		return -EFAULT;
	split_off_locked(remap);
	vma_start_write(remap->vma); /* what it maps goes elsewhere */
	copy = (struct vma_copy){
		.vma = remap->vma,
		.source = remap->addr,
		.addr = remap->new_addr,
		.len = remap->new_len,
		.keep_source = keep,
	};
	if (!keep && (remap->vma->flags & VM_ACCOUNT))
		owed = (long)(remap->old_len >> PAGE_SHIFT);
	mm->commit_ahead += owed;
	must(vma_copy(&copy));
	mm->commit_ahead -= owed;
	move_entries(&copy, remap->old_len);
	populate_growth(remap, copy.new->flags, remap->old_len);
	report_mremap(remap, copy.new->flags);
	if (keep)
		vma_emptied(copy.vma, remap->addr, remap->addr + remap->old_len);
	else if (remap->old_len)
		must(do_munmap(mm, remap->addr, remap->old_len));
	return 0;
}
