/* SPDX-License-Identifier: MIT */
/*
 * interval_tree.h - intervals of page offsets, found by overlap
 *
 * A red-black tree (<bsd/sys/tree.h>) keyed by first offset, each node with the largest last
 * offset of its subtree.  The library's augment hook alone leaves ancestors stale, so inserts and
 * removals refresh the path upwards.  Keys are read from the node, inclusive at both ends.
 *
 * Linux: mm/interval_tree.c, include/linux/interval_tree_generic.h.
 */
#pragma once

#include "compiler.h"

#include <sys/cdefs.h>
#ifndef __unused
#define __unused __attribute__((unused))
#define GODWIT_DEFINED_UNUSED
#endif
#include <bsd/sys/tree.h>

struct interval_node {
	RB_ENTRY(interval_node) rb;
	unsigned long first, last; /* inclusive */
	unsigned long subtree_last;
};

struct interval_tree {
	struct interval_node *rbh_root; /* the field that the library's macros expect */
};

static inline void interval_tree_init(struct interval_tree *tree)
{
	tree->rbh_root = NULL;
}

/* @node->first and @node->last are set by the caller and must not change while it is in. */
void interval_tree_insert(struct interval_tree *tree, struct interval_node *node);
void interval_tree_remove(struct interval_tree *tree, struct interval_node *node);

/* The nodes that overlap [@first, @last], by first offset; of equals, the one inserted first. */
struct interval_node *interval_tree_first(const struct interval_tree *tree, unsigned long first,
					  unsigned long last);
struct interval_node *interval_tree_next(struct interval_node *node, unsigned long first,
					 unsigned long last);

#define interval_tree_for_each(node, tree, first_, last_)                                          \
	for (node = interval_tree_first(tree, first_, last_); node;                                \
	     node = interval_tree_next(node, first_, last_))
