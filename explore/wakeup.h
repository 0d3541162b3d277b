/* SPDX-License-Identifier: MIT */
/*
 * wakeup.h - wakeup trees: what is still to be explored from a node, as few sequences as possible
 *
 * A branch is a step with the steps to take after it.  Nodes are numbers into one pool, so that
 * a tree can be cut and hung elsewhere, and -1 is no node.
 */
#pragma once

#include "races.h"

struct wakeup_node {
	struct op op;
	int child; /* the first of its branches */
	int next;  /* its sibling to the right */
};

struct wakeup_pool {
	struct wakeup_node *nodes;
	int nr, max;
	int free; /* list by @next */
	int in_use, most;
	bool failed; /* out of memory */
};

void wakeup_init(struct wakeup_pool *pool);
void wakeup_fini(struct wakeup_pool *pool);

/* => -1: out of memory, and pool->failed */
int wakeup_new(struct wakeup_pool *pool, const struct op *op);
/* @node with all below it and all to its right. */
void wakeup_free(struct wakeup_pool *pool, int node);

/*
 * Add @sequence, which is used up, to the tree whose first branch is *@root, unless a branch leads
 * to an equivalent one.
 */
void wakeup_insert(struct wakeup_pool *pool, int *root, struct sequence *sequence);
