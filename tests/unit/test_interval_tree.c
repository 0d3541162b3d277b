// SPDX-License-Identifier: MIT
/* test_interval_tree.c - intervals found by overlap, against a list that is searched in full */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "interval_tree.h"
#include "prng.h"

#define NODES  96
#define SPAN   64 /* offsets are small, so that intervals touch, nest and repeat */
#define ROUNDS 6000

struct world {
	struct interval_tree tree;
	struct interval_node nodes[NODES];
	bool in_tree[NODES];
};

/* Every node's maximum is that of its subtree; returns how many nodes there are. */
static int check_subtree(const struct interval_node *node)
{
	const struct interval_node *left, *right;
	unsigned long most;
	int nr = 1;

	if (!node)
		return 0;
	left = RB_LEFT(node, rb);
	right = RB_RIGHT(node, rb);
	most = node->last;
	if (left)
		most = max(most, left->subtree_last);
	if (right)
		most = max(most, right->subtree_last);
	assert_int_equal(node->subtree_last, most);
	assert_true(!left || left->first <= node->first);
	assert_true(!right || right->first >= node->first);
	nr += check_subtree(left);
	nr += check_subtree(right);
	return nr;
}

static bool overlaps(const struct interval_node *node, unsigned long first, unsigned long last)
{
	return node->first <= last && node->last >= first;
}

static void check_query(struct world *world, unsigned long first, unsigned long last)
{
	bool found[NODES] = { false };
	struct interval_node *node;
	unsigned long previous = 0;

	interval_tree_for_each(node, &world->tree, first, last)
	{
		int i = (int)(node - world->nodes);

		assert_true(overlaps(node, first, last));
		assert_false(found[i]);
		assert_true(node->first >= previous);
		previous = node->first;
		found[i] = true;
	}
	for (int i = 0; i < NODES; i++) {
		bool wanted = world->in_tree[i] && overlaps(&world->nodes[i], first, last);

		assert_int_equal(found[i], wanted);
	}
}

static void toggle(struct world *world, struct prng *prng, int i)
{
	struct interval_node *node = &world->nodes[i];

	if (world->in_tree[i]) {
		interval_tree_remove(&world->tree, node);
	} else {
		node->first = prng_below(prng, SPAN);
		node->last = node->first + prng_below(prng, prng_below(prng, 4) ? 4 : SPAN);
		interval_tree_insert(&world->tree, node);
	}
	world->in_tree[i] = !world->in_tree[i];
}

/* Fails when a rotation or removal leaves a stale maximum, and a walk misses a mapping by it. */
static void overlaps_are_all_found_whatever_came_and_went(void **state)
{
	struct world world = { 0 };
	struct prng prng;

	(void)state;
	prng_seed(&prng, 7);
	interval_tree_init(&world.tree);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned long first = prng_below(&prng, SPAN);
		int nr = 0;

		toggle(&world, &prng, (int)prng_below(&prng, NODES));
		for (int i = 0; i < NODES; i++)
			nr += world.in_tree[i];
		assert_int_equal(check_subtree(world.tree.rbh_root), nr);
		check_query(&world, first, first + prng_below(&prng, 8));
	}
	for (int i = 0; i < NODES; i++) {
		if (world.in_tree[i])
			toggle(&world, &prng, i);
	}
	assert_null(world.tree.rbh_root);
}

/* Fails when equal intervals, of which fork() makes many, replace one another. */
static void equal_intervals_live_side_by_side(void **state)
{
	struct world world = { 0 };
	struct interval_node *node;
	int nr = 0;

	(void)state;
	interval_tree_init(&world.tree);
	for (int i = 0; i < NODES; i++) {
		world.nodes[i].first = 10;
		world.nodes[i].last = 12;
		interval_tree_insert(&world.tree, &world.nodes[i]);
	}
	interval_tree_for_each(node, &world.tree, 12, 20) nr++;
	assert_int_equal(nr, NODES);
	assert_null(interval_tree_first(&world.tree, 13, ~0ul));
	assert_null(interval_tree_first(&world.tree, 0, 9));
	for (int i = NODES - 1; i >= 0; i--)
		interval_tree_remove(&world.tree, &world.nodes[i]);
	assert_null(world.tree.rbh_root);
}

/*
 * Fails when a walk may meet what was put in later first: fork() and mremap() move entries from the
 * older VMA to the newer one while a walk goes on.
 */
static void what_begins_alike_comes_in_order_of_insertion(void **state)
{
	struct world world = { 0 };
	struct interval_node *node;
	int at = 0;

	(void)state;
	interval_tree_init(&world.tree);
	for (int i = NODES - 1; i >= 0; i--) {
		world.nodes[i].first = 10;
		world.nodes[i].last = 10 + (unsigned long)(i * 7 % NODES);
		interval_tree_insert(&world.tree, &world.nodes[i]);
	}
	interval_tree_for_each(node, &world.tree, 10, 10)
		assert_ptr_equal(node, &world.nodes[NODES - 1 - at++]);
	assert_int_equal(at, NODES);
	for (int i = 0; i < NODES; i++)
		interval_tree_remove(&world.tree, &world.nodes[i]);
}

/* Fails when the last offset is treated as exclusive, or the largest one wraps. */
static void both_ends_belong_to_an_interval(void **state)
{
	struct interval_tree tree;
	struct interval_node node = { .first = 5, .last = ~0ul };

	(void)state;
	interval_tree_init(&tree);
	interval_tree_insert(&tree, &node);
	assert_ptr_equal(interval_tree_first(&tree, 5, 5), &node);
	assert_ptr_equal(interval_tree_first(&tree, ~0ul, ~0ul), &node);
	assert_null(interval_tree_first(&tree, 4, 4));
	assert_null(interval_tree_next(&node, 0, ~0ul));
	interval_tree_remove(&tree, &node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlaps_are_all_found_whatever_came_and_went),
		cmocka_unit_test(equal_intervals_live_side_by_side),
		cmocka_unit_test(what_begins_alike_comes_in_order_of_insertion),
		cmocka_unit_test(both_ends_belong_to_an_interval),
	};

	return cmocka_run_group_tests_name("interval_tree", tests, NULL, NULL);
}
