// SPDX-License-Identifier: MIT
/* wakeup.c - wakeup trees; see wakeup.h and section 6 of the paper that races.c names */
#include "wakeup.h"

#include <stdlib.h>
#include <string.h>

#define POOL_MIN 1024

void wakeup_init(struct wakeup_pool *pool)
{
	*pool = (struct wakeup_pool){ .free = -1 };
}

void wakeup_fini(struct wakeup_pool *pool)
{
	free(pool->nodes);
}

static bool grow(struct wakeup_pool *pool)
{
	int max = pool->max ? 2 * pool->max : POOL_MIN;
	struct wakeup_node *nodes = realloc(pool->nodes, (size_t)max * sizeof(*nodes));

	if (!nodes) {
		pool->failed = true;
		return false;
	}
	pool->nodes = nodes;
	pool->max = max;
	return true;
}

int wakeup_new(struct wakeup_pool *pool, const struct op *op)
{
	int node = pool->free;

	if (node >= 0) {
		pool->free = pool->nodes[node].next;
	} else {
		if (pool->nr == pool->max && !grow(pool))
			return -1;
		node = pool->nr++;
	}
	pool->nodes[node] = (struct wakeup_node){ .op = *op, .child = -1, .next = -1 };
	if (++pool->in_use > pool->most)
		pool->most = pool->in_use;
	return node;
}

void wakeup_free(struct wakeup_pool *pool, int node)
{
	while (node >= 0) {
		int next = pool->nodes[node].next;

		wakeup_free(pool, pool->nodes[node].child);
		pool->nodes[node].next = pool->free;
		pool->free = node;
		pool->in_use--;
		node = next;
	}
}

static void remove_op(struct sequence *sequence, int at)
{
	memmove(&sequence->ops[at], &sequence->ops[at + 1],
		(size_t)(sequence->nr - at - 1) * sizeof(sequence->ops[0]));
	sequence->nr--;
}

/* The whole sequence as one branch.  => its first node, -1: out of memory */
static int new_branch(struct wakeup_pool *pool, const struct sequence *sequence)
{
	int first = -1, above = -1;

	for (int i = 0; i < sequence->nr; i++) {
		int node = wakeup_new(pool, &sequence->ops[i]);

		if (node < 0)
			return first;
		if (above < 0)
			first = node;
		else
			pool->nodes[above].child = node;
		above = node;
	}
	return first;
}

/*
 * At each level, go down the first branch that may be where the sequence begins, leaving out the
 * step if the sequence has it.  Where there is none the rest becomes a new branch, the rightmost.
 * A leaf on the way says that something no longer is planned already.
 */
void wakeup_insert(struct wakeup_pool *pool, int *root, struct sequence *sequence)
{
	int above = -1, node = *root, left = -1;

	while (sequence->nr) {
		int place;

		if (node < 0) {
			int branch = new_branch(pool, sequence);

			if (left >= 0)
				pool->nodes[left].next = branch;
			else if (above < 0)
				*root = branch;
			return;
		}
		place = weak_initial(sequence, &pool->nodes[node].op);
		if (!place) {
			left = node;
			node = pool->nodes[node].next;
			continue;
		}
		if (place > 0)
			remove_op(sequence, place - 1);
		above = node;
		left = -1;
		node = pool->nodes[node].child;
		if (node < 0)
			return;
	}
}
