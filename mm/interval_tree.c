// SPDX-License-Identifier: MIT
/*
 * interval_tree.c - intervals of page offsets, found by overlap
 *
 * RB_AUGMENT refreshes a node whose children changed, but not the ancestors above the place of an
 * insertion or removal: their maxima are refreshed here, walking up.
 */
#include "interval_tree.h"

#include "sync.h"

#undef RB_AUGMENT
#define RB_AUGMENT(node) subtree_refresh(node)

static void subtree_refresh(struct interval_node *node);

/*
 * @new is on its way in, @old is there already: of two that begin alike the older comes first.  Walks
 * rely on it: what fork() or mremap() puts in later is visited later.
 */
static int interval_cmp(const struct interval_node *new, const struct interval_node *old)
{
	if (new == old)
		return 0;
	return new->first < old->first ? -1 : 1;
}

RB_HEAD(interval_rb, interval_node);
RB_GENERATE_STATIC(interval_rb, interval_node, rb, interval_cmp)

BUILD_ASSERT(sizeof(struct interval_rb) == sizeof(struct interval_tree));

static void subtree_refresh(struct interval_node *node)
{
	struct interval_node *left = RB_LEFT(node, rb), *right = RB_RIGHT(node, rb);

	node->subtree_last = node->last;
	if (left)
		node->subtree_last = max(node->subtree_last, left->subtree_last);
	if (right)
		node->subtree_last = max(node->subtree_last, right->subtree_last);
}

static void refresh_upwards(struct interval_node *node)
{
	for (; node; node = RB_PARENT(node, rb))
		subtree_refresh(node);
}

static struct interval_rb *rb_of(const struct interval_tree *tree)
{
	return (struct interval_rb *)(uintptr_t)tree;
}

void interval_tree_insert(struct interval_tree *tree, struct interval_node *node)
{
	node->subtree_last = node->last;
	if (interval_rb_RB_INSERT(rb_of(tree), node))
		panic("interval %lx-%lx is in the tree already", node->first, node->last);
	refresh_upwards(node);
}

/* The deepest node whose subtree the removal of @node changes. */
static struct interval_node *deepest_changed(struct interval_node *node)
{
	struct interval_node *successor;

	if (!RB_LEFT(node, rb) || !RB_RIGHT(node, rb))
		return RB_PARENT(node, rb);
	successor = RB_RIGHT(node, rb);
	while (RB_LEFT(successor, rb))
		successor = RB_LEFT(successor, rb);
	/* The successor takes node's place; what hung below it moves up one. */
	return RB_PARENT(successor, rb) == node ? successor : RB_PARENT(successor, rb);
}

void interval_tree_remove(struct interval_tree *tree, struct interval_node *node)
{
	struct interval_node *changed = deepest_changed(node);

	interval_rb_RB_REMOVE(rb_of(tree), node);
	refresh_upwards(changed);
}

/* The leftmost node below @node, itself included, that overlaps [@first, @last]. */
static struct interval_node *leftmost_overlap(struct interval_node *node, unsigned long first,
					      unsigned long last)
{
	while (node && node->subtree_last >= first) {
		struct interval_node *left = RB_LEFT(node, rb);

		if (left && left->subtree_last >= first)
			node = left;
		else if (node->first > last)
			return NULL; /* and so do all to the right */
		else if (node->last >= first)
			return node;
		else
			node = RB_RIGHT(node, rb);
	}
	return NULL;
}

struct interval_node *interval_tree_first(const struct interval_tree *tree, unsigned long first,
					  unsigned long last)
{
	return leftmost_overlap(tree->rbh_root, first, last);
}

struct interval_node *interval_tree_next(struct interval_node *node, unsigned long first,
					 unsigned long last)
{
	for (;;) {
		struct interval_node *found, *from;

		found = leftmost_overlap(RB_RIGHT(node, rb), first, last);
		if (found)
			return found;
		do { /* up to the first ancestor that we are to the left of */
			from = node;
			node = RB_PARENT(node, rb);
			if (!node)
				return NULL;
		} while (RB_RIGHT(node, rb) == from);
		if (node->first > last)
			return NULL;
		if (node->last >= first)
			return node;
	}
}
