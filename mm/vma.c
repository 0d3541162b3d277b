// SPDX-License-Identifier: MIT
/*
 * vma.c - the VMAs of an address space: finding, splitting, merging, growing
 *
 * Every change of bounds is a struct vma_update: which VMAs move, which are new, which go.
 * update_reserve() builds the new tree aside and is the last step that may fail; update_commit()
 * takes the VMAs that move out of the interval trees, changes them, puts them back, publishes the
 * tree and keeps the accounts.  The rmap locks are held throughout the change, since a walk computes
 * a page's address from start and pgoff together (Linux 012f18004da3, "mm: always lock the root
 * (oldest) anon_vma").
 *
 * Invariant: vma->start and vma->end are what the tree says; total_vm and the others are the sums
 * over the VMAs; neighbours that could be one are one, unless memory was short.
 *
 * Locks: mmap_lock for write, i_mmap_lock, the anon_vma root's lock.
 * Linux: mm/vma.c and mm/mmap.c, as of 6.12; where an anonymous VMA without pages meets one with
 * pages they merge either way round, as since 879bca0a2c4f ("mm/vma: fix incorrectly disallowed
 * anonymous VMA merges").  Not modelled: hugetlb, mseal, userfaultfd, memory policies per VMA.
 */
#include "vma.h"

#include <errno.h>

#include "filemap.h"

/* ---- Rights and limits ------------------------------------------------------------------------------ */

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
	struct vma *vma = machine_alloc(mm->machine, KMEM_VMA);

	if (!vma)
		return NULL;
	*vma = (struct vma){ .mm = mm, .machine = mm->machine };
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

/*
 * A VMA in no tree for [@start, @end), which lies inside @vma, like it in all else, rmap chains
 * included.  NULL: out of memory.
 */
static struct vma *vma_copy_part(struct vma *vma, unsigned long start, unsigned long end)
{
	struct vma *part = vma_alloc(vma->mm);

	if (!part)
		return NULL;
	part->start = start;
	part->end = end;
	part->pgoff = linear_page_index(vma, start);
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

/* Undo vma_copy_part(). */
static void vma_discard_part(struct vma *part)
{
	unlink_anon_vmas(part);
	vma_free(part);
}

/* => all users of entries are excluded by mmap_lock; rmap walkers read both without it */
static void vma_set_flags(struct vma *vma, unsigned long flags)
{
	WRITE_ONCE(vma->flags, flags);
	WRITE_ONCE(vma->page_prot.v, vm_get_page_prot(flags).v);
}

/* ---- Changing bounds -------------------------------------------------------------------------------------- */

/*
 * One change.  All VMAs in it are neighbours, so the VMAs that move have the same mapping, and the
 * same anon_vma if they have one.
 */
struct vma_update {
	struct mm *mm;
	struct vma_move {
		struct vma *vma;
		unsigned long start, end, pgoff;
	} moves[2];
	int nr_moves;
	struct vma *inserts[2]; /* with their chains linked already */
	int nr_inserts;
	struct vma *removes[2]; /* freed by the commit */
	int nr_removes;
	struct vma_tree_change tree;
};

static void update_move(struct vma_update *update, struct vma *vma, unsigned long start,
			unsigned long end, unsigned long pgoff)
{
	update->moves[update->nr_moves++] = (struct vma_move){ vma, start, end, pgoff };
}

/* Take off what lies below @start or above @end: pages keep their offsets. */
static void update_cut(struct vma_update *update, struct vma *vma, unsigned long start,
		       unsigned long end)
{
	update_move(update, vma, start, end, linear_page_index(vma, start));
}

static void update_insert(struct vma_update *update, struct vma *vma)
{
	update->inserts[update->nr_inserts++] = vma;
}

static void update_remove(struct vma_update *update, struct vma *vma)
{
	update->removes[update->nr_removes++] = vma;
}

/* vma_tree_reserve() wants them by address. */
static void sort_slots(struct vma_tree_change *tree)
{
	for (int i = 1; i < tree->nr_insert; i++) {
		for (int k = i; k > 0 && tree->insert[k].start < tree->insert[k - 1].start; k--) {
			struct vma_slot slot = tree->insert[k];

			tree->insert[k] = tree->insert[k - 1];
			tree->insert[k - 1] = slot;
		}
	}
}

/* => -ENOMEM, nothing changed */
static int update_reserve(struct vma_update *update)
{
	struct vma_tree_change *tree = &update->tree;
	unsigned long start = ~0ul, end = 0;

	rwsem_assert_held_write(&update->mm->mmap_lock);
	*tree = (struct vma_tree_change){ 0 };
	for (int i = 0; i < update->nr_moves; i++) {
		const struct vma_move *move = &update->moves[i];

		start = min(start, move->vma->start);
		end = max(end, move->vma->end);
		vma_tree_change_insert(tree, move->start, move->end, move->vma);
	}
	for (int i = 0; i < update->nr_removes; i++) {
		start = min(start, update->removes[i]->start);
		end = max(end, update->removes[i]->end);
	}
	for (int i = 0; i < update->nr_inserts; i++) {
		struct vma *vma = update->inserts[i];

		vma_tree_change_insert(tree, vma->start, vma->end, vma);
	}
	if (start < end) {
		tree->start = start;
		tree->end = end;
	}
	sort_slots(tree);
	return vma_tree_reserve(&update->mm->vmas, tree);
}

static void update_cancel(struct vma_update *update)
{
	vma_tree_cancel(&update->mm->vmas, &update->tree);
}

static struct mapping *update_mapping(const struct vma_update *update)
{
	if (update->nr_moves)
		return update->moves[0].vma->mapping;
	return update->nr_inserts ? update->inserts[0]->mapping : NULL;
}

/* NULL: no page of the VMAs that move can be found through rmap. */
static struct anon_vma *update_anon_vma(const struct vma_update *update)
{
	struct anon_vma *found = NULL;

	for (int i = 0; i < update->nr_moves; i++) {
		struct anon_vma *anon_vma = update->moves[i].vma->anon_vma;

		ASSERT(!found || !anon_vma || found->root == anon_vma->root);
		found = found ? found : anon_vma;
	}
	return found;
}

static void update_leave_rmap(const struct vma_update *update, struct mapping *mapping,
			      struct anon_vma *anon_vma)
{
	if (mapping) {
		down_write(&mapping->i_mmap_lock);
		for (int i = 0; i < update->nr_moves; i++)
			i_mmap_remove(mapping, update->moves[i].vma);
	}
	if (anon_vma) {
		anon_vma_lock_write(anon_vma);
		for (int i = 0; i < update->nr_moves; i++)
			anon_vma_interval_tree_pre_update_vma(update->moves[i].vma);
	}
}

/* What is new becomes visible in the same section in which its old owner gives it up. */
static void update_enter_rmap(const struct vma_update *update, struct mapping *mapping,
			      struct anon_vma *anon_vma)
{
	if (anon_vma) {
		for (int i = 0; i < update->nr_moves; i++)
			anon_vma_interval_tree_post_update_vma(update->moves[i].vma);
		anon_vma_unlock_write(anon_vma);
	}
	if (mapping) {
		for (int i = 0; i < update->nr_moves; i++)
			i_mmap_insert(mapping, update->moves[i].vma);
		for (int i = 0; i < update->nr_inserts; i++)
			i_mmap_insert(mapping, update->inserts[i]);
		up_write(&mapping->i_mmap_lock);
	}
}

/* The bounds and the accounts; the tree is the caller's. */
static void update_apply(struct vma_update *update)
{
	struct mapping *mapping = update_mapping(update);
	struct anon_vma *anon_vma = update_anon_vma(update);
	struct mm *mm = update->mm;

	update_leave_rmap(update, mapping, anon_vma);
	for (int i = 0; i < update->nr_moves; i++) {
		const struct vma_move *move = &update->moves[i];
		struct vma *vma = move->vma;
		long old_pages = vma_pages(vma);

		vma->start = move->start;
		vma->end = move->end;
		vma->pgoff = move->pgoff;
		vm_stat_account(mm, vma->flags, (long)vma_pages(vma) - old_pages);
	}
	for (int i = 0; i < update->nr_inserts; i++)
		vm_stat_account(mm, update->inserts[i]->flags, vma_pages(update->inserts[i]));
	update_enter_rmap(update, mapping, anon_vma);
}

static void update_commit(struct vma_update *update)
{
	struct mm *mm = update->mm;

	update_apply(update);
	vma_tree_commit(&mm->vmas, &update->tree);
	mm->map_count = mm->vmas.count;
	/* A walker may find a page twice meanwhile, here and in the VMA that has grown over it. */
	for (int i = 0; i < update->nr_removes; i++) {
		struct vma *vma = update->removes[i];

		vm_stat_account(mm, vma->flags, -(long)vma_pages(vma));
		vma_remove_rmap_and_free(vma);
	}
}

int vma_insert(struct mm *mm, struct vma *vma)
{
	struct vma_update update = { .mm = mm };
	int err;

	if (vma_intersection(mm, vma->start, vma->end))
		return -ENOMEM;
	update_insert(&update, vma);
	err = update_reserve(&update);
	if (!err)
		update_commit(&update);
	return err;
}

static int vma_set_bounds(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
			  unsigned long pgoff)
{
	struct vma_update update = { .mm = mm };
	int err;

	ASSERT(start < end && IS_ALIGNED(start | end, PAGE_SIZE));
	update_move(&update, vma, start, end, pgoff);
	err = update_reserve(&update);
	if (!err)
		update_commit(&update);
	return err;
}

int vma_expand(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff)
{
	ASSERT(start <= vma->start && end >= vma->end);
	return vma_set_bounds(mm, vma, start, end, pgoff);
}

int vma_shrink(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff)
{
	ASSERT(start >= vma->start && end <= vma->end);
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
	update_cut(&update, vma, vma->start, addr);
	update_insert(&update, upper);
	err = update_reserve(&update);
	if (err) {
		vma_discard_part(upper);
		return err;
	}
	update_commit(&update);
	return 0;
}

/* ---- Merging ------------------------------------------------------------------------------------------------ */

/*
 * [start, end) with its attributes is about to be: a new range, or a part of @middle.  May it be
 * one VMA with its neighbours?
 */
struct vma_merge {
	struct mm *mm;
	unsigned long start, end;
	unsigned long flags;
	struct mapping *mapping;
	unsigned long pgoff;
	struct vma *middle;	  /* NULL: a new range */
	struct vma *left, *right; /* those to merge with, or NULL */
};

/* Fork gave @vma chains of its parent: pages of it may be under any of them. */
static bool has_parents_chains(const struct vma *vma)
{
	return vma && !list_empty(&vma->anon_vma_chain) &&
	       vma->anon_vma_chain.next != vma->anon_vma_chain.prev;
}

/*
 * The same anon_vma on both sides means the same chains.  If one side has none it takes the other's;
 * but not if fork has a part in it, which would give one root more and more users (Linux
 * 965f55dea0e3, "mmap: avoid merging cloned VMAs").
 */
static bool is_mergeable_anon_vma(const struct vma_merge *merge, const struct vma *vma)
{
	const struct anon_vma *ours = merge->middle ? merge->middle->anon_vma : NULL;

	if (ours && !vma->anon_vma)
		return !has_parents_chains(merge->middle);
	if (!ours && vma->anon_vma)
		return !has_parents_chains(vma);
	return ours == vma->anon_vma;
}

static bool can_merge_with(const struct vma_merge *merge, const struct vma *vma)
{
	return vma != merge->middle &&
	       !((vma->flags ^ merge->flags) & ~(unsigned long)VM_SOFTDIRTY) &&
	       !(merge->flags & VM_DONTEXPAND) && vma->mapping == merge->mapping &&
	       is_mergeable_anon_vma(merge, vma);
}

/* Each neighbour may be compatible with the range, and yet not with the other one. */
static void merge_find_neighbours(struct vma_merge *merge)
{
	struct vma *left = vma_tree_find_prev(&merge->mm->vmas, merge->start, NULL);
	struct vma *right = vma_tree_find(&merge->mm->vmas, merge->end, NULL);

	if (left && left->end == merge->start && can_merge_with(merge, left) &&
	    left->pgoff + vma_pages(left) == merge->pgoff)
		merge->left = left;
	if (right && right->start == merge->end && can_merge_with(merge, right) &&
	    merge->pgoff + ((merge->end - merge->start) >> PAGE_SHIFT) == right->pgoff)
		merge->right = right;
	if (merge->left && merge->right && left->anon_vma && right->anon_vma &&
	    left->anon_vma != right->anon_vma)
		merge->right = NULL;
}

/* The VMA that grows: the left one, if it can be. */
static struct vma *merge_target(const struct vma_merge *merge)
{
	return merge->left ? merge->left : merge->right;
}

static void merge_fill_update(const struct vma_merge *merge, struct vma_update *update)
{
	struct vma *middle = merge->middle, *left = merge->left, *right = merge->right;

	update_move(update, merge_target(merge), left ? left->start : merge->start,
		    right ? right->end : merge->end, left ? left->pgoff : merge->pgoff);
	if (left && right)
		update_remove(update, right);
	if (!middle)
		return;
	if (merge->start == middle->start && merge->end == middle->end)
		update_remove(update, middle);
	else if (left)
		update_cut(update, middle, merge->end, middle->end);
	else
		update_cut(update, middle, middle->start, merge->start);
}

/* The grown VMA must be found from the pages of those it takes in.  Linux: dup_anon_vma(). */
static int merge_take_anon_vma(const struct vma_merge *merge)
{
	struct vma *target = merge_target(merge);
	struct vma *from = merge->middle;
	int err;

	if (target->anon_vma)
		return 0;
	if (merge->left && merge->right && merge->right->anon_vma)
		from = merge->right;
	if (!from || !from->anon_vma)
		return 0;
	target->anon_vma = from->anon_vma;
	err = anon_vma_clone(target, from);
	if (err)
		target->anon_vma = NULL;
	return err;
}

/* => 0, and *@merged is NULL when no rule allows it; -ENOMEM, nothing changed */
static int vma_merge(struct vma_merge *merge, struct vma **merged)
{
	struct vma_update update = { .mm = merge->mm };
	int err;

	*merged = NULL;
	merge_find_neighbours(merge);
	if (!merge_target(merge))
		return 0;
	merge_fill_update(merge, &update);
	err = update_reserve(&update);
	if (err)
		return err;
	err = merge_take_anon_vma(merge);
	if (err) {
		update_cancel(&update);
		return err;
	}
	update_commit(&update);
	*merged = merge_target(merge);
	return 0;
}

/* Two shared anonymous mappings are two objects, which no pointer tells apart here. */
static bool is_shared_anon(unsigned long flags, const struct mapping *mapping)
{
	return !mapping && (flags & VM_MAYSHARE);
}

struct vma *vma_merge_new(struct mm *mm, unsigned long start, unsigned long end,
			  unsigned long flags, struct mapping *mapping, unsigned long pgoff)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = start,
		.end = end,
		.flags = flags,
		.mapping = mapping,
		.pgoff = pgoff,
	};
	struct vma *merged;

	if (is_shared_anon(flags, mapping) || vma_merge(&merge, &merged))
		return NULL;
	return merged;
}

struct vma *vma_merge_around(struct mm *mm, struct vma *vma)
{
	struct vma_merge merge = {
		.mm = mm,
		.start = vma->start,
		.end = vma->end,
		.flags = vma->flags,
		.mapping = vma->mapping,
		.pgoff = vma->pgoff,
		.middle = vma,
	};
	struct vma *merged;

	if (is_shared_anon(vma->flags, vma->mapping) || vma_merge(&merge, &merged) || !merged)
		return vma;
	return merged;
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
		update_insert(&update, range);
	}
	if (end < vma->end) {
		above = vma_copy_part(vma, end, vma->end);
		if (!above)
			goto out_range;
		update_insert(&update, above);
	}
	if (nr_new) {
		update_cut(&update, vma, vma->start, start > vma->start ? start : end);
		if (update_reserve(&update))
			goto out_above;
		update_commit(&update);
	}
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

/* ---- Taking a range out ------------------------------------------------------------------------------------- */

/* The pages that are mapped in the range. */
static unsigned long munmap_count_pages(const struct vma_munmap *munmap)
{
	unsigned long nr_pages = 0;
	const struct vma *vma;

	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end)
		nr_pages +=
			(min(vma->end, munmap->end) - max(vma->start, munmap->start)) >> PAGE_SHIFT;
	return nr_pages;
}

/* What stays of the VMAs at the ends, and what takes the place, become one change of the tree. */
int vma_munmap_reserve(struct vma_munmap *munmap)
{
	struct mm *mm = munmap->mm;
	struct vma *first = vma_intersection(mm, munmap->start, munmap->end);
	struct vma *last = first ? vma_tree_find_prev(&mm->vmas, munmap->end, NULL) : NULL;
	bool head = first && first->start < munmap->start;
	bool tail = last && last->end > munmap->end;
	int err;

	rwsem_assert_held_write(&mm->mmap_lock);
	munmap->first = first;
	munmap->last = last;
	munmap->tail = NULL;
	munmap->nr_pages = munmap_count_pages(munmap);
	munmap->tree = (struct vma_tree_change){ .start = munmap->start, .end = munmap->end };
	if (head && tail && first == last) {
		/* Only a hole makes the VMAs more. */
		if (mm->map_count >= mm->machine->max_map_count)
			return -ENOMEM;
		munmap->tail = vma_copy_part(last, munmap->end, last->end);
		if (!munmap->tail)
			return -ENOMEM;
	}
	if (head)
		vma_tree_change_insert(&munmap->tree, first->start, munmap->start, first);
	if (munmap->insert)
		vma_tree_change_insert(&munmap->tree, munmap->start, munmap->end, munmap->insert);
	if (tail)
		vma_tree_change_insert(&munmap->tree, munmap->end, last->end,
				       munmap->tail ? munmap->tail : last);
	err = vma_tree_reserve(&mm->vmas, &munmap->tree);
	if (err && munmap->tail)
		vma_discard_part(munmap->tail);
	return err;
}

void vma_munmap_cancel(struct vma_munmap *munmap)
{
	vma_tree_cancel(&munmap->mm->vmas, &munmap->tree);
	if (munmap->tail)
		vma_discard_part(munmap->tail);
}

/* The VMAs that go as a whole, linked by next_removed; the tree still has them. */
static struct vma *munmap_collect(const struct vma_munmap *munmap)
{
	struct vma *vma, *removed = NULL;

	for_each_vma_range(munmap->mm, vma, munmap->start, munmap->end) {
		if (vma->start < munmap->start || vma->end > munmap->end)
			continue;
		vma->next_removed = removed;
		removed = vma;
	}
	return removed;
}

/* The VMAs at the ends, which may belong to two files or families: one after the other. */
static void munmap_cut_ends(const struct vma_munmap *munmap)
{
	struct vma_update low = { .mm = munmap->mm }, high = { .mm = munmap->mm };
	struct vma *first = munmap->first, *last = munmap->last;

	if (first && first->start < munmap->start) {
		update_cut(&low, first, first->start, munmap->start);
		if (munmap->tail)
			update_insert(&low, munmap->tail);
		update_apply(&low);
	}
	if (last && last->end > munmap->end) {
		update_cut(&high, last, munmap->end, last->end);
		update_apply(&high);
	}
}

void vma_munmap_commit(struct vma_munmap *munmap)
{
	struct mm *mm = munmap->mm;
	struct vma *removed = munmap_collect(munmap), *next;

	munmap_cut_ends(munmap);
	vma_tree_commit(&mm->vmas, &munmap->tree);
	mm->map_count = mm->vmas.count;
	for (; removed; removed = next) {
		next = removed->next_removed;
		vm_stat_account(mm, removed->flags, -(long)vma_pages(removed));
		vma_remove_rmap_and_free(removed);
	}
	if (munmap->insert)
		vm_stat_account(mm, munmap->insert->flags, vma_pages(munmap->insert));
}

/* ---- Growing a stack ---------------------------------------------------------------------------------------- */

/* Linux: acct_stack_growth(). */
static bool stack_may_grow(struct mm *mm, const struct vma *vma, unsigned long start)
{
	unsigned long nr_pages = (vma->start - start) >> PAGE_SHIFT;

	return nr_pages <= vma->pgoff && may_expand_vm(mm, vma->flags, nr_pages) &&
	       vma->end - start <= mm->limits.stack && mlock_future_ok(mm, vma->flags, nr_pages);
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
 * the source of trouble for 15 years.  Linux: expand_downwards(), lock_mm_and_find_vma().
 */
int expand_stack(struct mm *mm, struct vma *vma, unsigned long addr)
{
	unsigned long start = ALIGN_DOWN(addr, PAGE_SIZE);

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
	return vma_set_bounds(mm, vma, start, vma->end,
			      vma->pgoff - ((vma->start - start) >> PAGE_SHIFT));
}
