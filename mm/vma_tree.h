/* SPDX-License-Identifier: MIT */
/*
 * vma_tree.h - the VMAs of one address space, by address
 *
 * A B+tree that is changed by copying the path from the root: one writer, under mmap_lock for
 * write, builds the new nodes aside and publishes a new root with one rcu_assign_pointer().
 * Readers, under RCU or mmap_lock, walk immutable nodes without retry.  Old nodes go through
 * call_rcu().  Inner nodes carry the largest gap below each child, so that a free range is found
 * without looking at every VMA.
 *
 * A change is reserved first (nodes allocated and filled, may fail), then committed (cannot fail).
 *
 * Linux: lib/maple_tree.c does the same job in place.
 */
#pragma once

#include "sync.h"

struct machine;
struct stock;
struct vma;
struct vma_node;

struct vma_tree {
	struct machine *machine;
	struct stock *stock;   /* where nodes come from first, or NULL */
	struct vma_node *root; /* RCU; NULL: empty */
	int count;	       /* mmap_lock: VMAs in the tree */
};

/* One entry: @vma covers [@start, @end).  The bounds are the tree's own copy. */
struct vma_slot {
	unsigned long start, end;
	struct vma *vma;
};

#define VMA_TREE_INSERT_MAX 4

/*
 * One atomic change: every slot that overlaps [@start, @end), however many there are, gives way to
 * those of @insert, which are sorted by address and cover no address of a slot that stays.
 * @start == @end: nothing is removed; nr_insert == 0: nothing is inserted.
 */
struct vma_tree_change {
	unsigned long start, end;
	struct vma_slot insert[VMA_TREE_INSERT_MAX];
	int nr_insert;
	/* Filled by vma_tree_reserve(). */
	struct vma_node *old_root, *new_root;
	struct vma_node *fresh;	  /* the nodes that only the new tree has */
	struct vma_node *retired; /* those that only the old one has */
	int new_count;
};

void vma_tree_init(struct vma_tree *tree, struct machine *machine);
/* The tree holds no VMA any more. */
void vma_tree_fini(struct vma_tree *tree);

/*
 * Make ready for @change: the new tree is built aside.  Nothing else may change the tree between
 * this and the commit.
 * => -ENOMEM, nothing changed; removing every slot never fails
 */
int vma_tree_reserve(struct vma_tree *tree, struct vma_tree_change *change) __must_check;
/* Cannot fail.  Readers see all of the change or nothing of it. */
void vma_tree_commit(struct vma_tree *tree, struct vma_tree_change *change);
/* Give back what was reserved. */
void vma_tree_cancel(struct vma_tree *tree, struct vma_tree_change *change);

static inline void vma_tree_change_insert(struct vma_tree_change *change, unsigned long start,
					  unsigned long end, struct vma *vma)
{
	ASSERT(change->nr_insert < VMA_TREE_INSERT_MAX);
	change->insert[change->nr_insert++] = (struct vma_slot){ start, end, vma };
}

/*
 * Get the nodes for @nr_changes changes, one after the other, ahead: they cannot fail then.
 * => -ENOMEM; what was got stays in the stock
 */
int vma_tree_stock(struct vma_tree *tree, int nr_changes) __must_check;

/* Take every slot out at once; for the end of an address space. */
void vma_tree_clear(struct vma_tree *tree);

/* The first VMA that ends above @addr, or NULL; *@slot, if given, gets its bounds. */
struct vma *vma_tree_find(struct vma_tree *tree, unsigned long addr, struct vma_slot *slot);
/* The last VMA that starts below @addr, or NULL. */
struct vma *vma_tree_find_prev(struct vma_tree *tree, unsigned long addr, struct vma_slot *slot);

/*
 * A free range of @len bytes inside [@low, @high), as high or as low as possible.
 * => its start, or -ENOMEM
 */
long vma_tree_gap_topdown(struct vma_tree *tree, unsigned long low, unsigned long high,
			  unsigned long len);
long vma_tree_gap_bottomup(struct vma_tree *tree, unsigned long low, unsigned long high,
			   unsigned long len);

/* Order, gaps, fill, heights and count recomputed; calls @problem for each disagreement. */
void vma_tree_validate(struct vma_tree *tree, void (*problem)(void *arg, const char *fmt, ...),
		       void *arg);

/* The slab cache of nodes, set up with the machine. */
size_t vma_node_size(void);
