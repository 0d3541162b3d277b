// SPDX-License-Identifier: MIT
/*
 * vma_tree.c - a B+tree of address ranges that readers walk without locks
 *
 * A leaf (level 0) holds slots: start, end, VMA.  An inner node holds one item per child: where
 * its first slot starts, where its last slot ends, and the largest gap between two neighbouring
 * slots inside it.  The gap between two children belongs to their parent, the gaps before the
 * first and after the last slot of the tree to whoever searches: so a change touches the paths to
 * the changed slots and no neighbour.
 *
 * A published node is never written again, but for its link in the list of retired nodes, which
 * the writer alone looks at.  A change is made level by level, from the leaves up.  On each level
 * the run of nodes from the one with the first changed item to the one with the last is replaced
 * by as many nodes as the remaining items need; a run that is too small takes in a neighbour.  The
 * new nodes are the changed items of the level above.
 *
 * Invariant: all leaves are on level 0; each node but the root is at least half full; an inner
 * root has two children or more; an item repeats what its child holds.
 *
 * Locks: mmap_lock for write to change; mmap_lock or RCU to read.
 * Linux: lib/maple_tree.c.
 */
#include "vma_tree.h"

#include <errno.h>

#include "block.h"
#include "machine.h"
#include "stock.h"

#define FANOUT	   16
#define MIN_FILL   (FANOUT / 2)
#define MAX_HEIGHT 12 /* MIN_FILL to this power is more VMAs than 2^48 bytes have pages */

/* Longest run of items on one level: both edges, what is new, and a neighbour. */
#define ITEMS_MAX (3 * FANOUT + VMA_TREE_INSERT_MAX)

struct item {
	unsigned long start, end; /* of the slot, or of the child's first and last */
	unsigned long gap;	  /* largest inside the child; 0 in a leaf */
	union {
		struct vma *vma;	/* level 0 */
		struct vma_node *child; /* above */
	};
};

struct vma_node {
	struct rcu_head rcu;
	struct machine *machine; /* for the RCU callback */
	struct vma_node *next;	 /* the writer's: list of fresh or retired nodes */
	int level, count;
	struct item items[FANOUT];
};

/* A position on each level from the root down to a leaf. */
struct cursor {
	struct vma_node *nodes[MAX_HEIGHT];
	int index[MAX_HEIGHT];
};

/* The state of one reservation. */
struct edit {
	struct vma_tree *tree;
	struct vma_tree_change *change;
	int height;	     /* levels of the old tree */
	struct cursor left;  /* the first removed item of each level */
	struct cursor right; /* one after the last removed item of each level */
	struct item items[ITEMS_MAX];
	int nr_items;
	struct item fresh[ITEMS_MAX / MIN_FILL]; /* what replaces the removed items */
	int nr_fresh;
};

size_t vma_node_size(void)
{
	return sizeof(struct vma_node);
}

void vma_tree_init(struct vma_tree *tree, struct machine *machine)
{
	*tree = (struct vma_tree){ .machine = machine };
}

void vma_tree_fini(struct vma_tree *tree)
{
	ASSERT(!tree->root);
	ASSERT(tree->count == 0);
}

/* ---- Cursors ------------------------------------------------------------------------------------ */

static int tree_height(const struct vma_node *root)
{
	return root ? root->level + 1 : 0;
}

/* The first item that ends above @addr; node->count when there is none. */
static int node_find(const struct vma_node *node, unsigned long addr)
{
	int i = 0;

	while (i < node->count && node->items[i].end <= addr)
		i++;
	return i;
}

/* The last item that starts below @addr; -1 when there is none. */
static int node_find_prev(const struct vma_node *node, unsigned long addr)
{
	int i = node->count - 1;

	while (i >= 0 && node->items[i].start >= addr)
		i--;
	return i;
}

/* To the first slot that ends above @addr, or behind the last slot of all. */
static void cursor_find(struct cursor *cursor, struct vma_node *root, unsigned long addr)
{
	struct vma_node *node = root;

	for (int level = root->level; level > 0; level--) {
		cursor->nodes[level] = node;
		cursor->index[level] = min(node_find(node, addr), node->count - 1);
		node = node->items[cursor->index[level]].child;
	}
	cursor->nodes[0] = node;
	cursor->index[0] = node_find(node, addr);
}

/* Behind the last slot that starts below @addr; there is one. */
static void cursor_find_behind_prev(struct cursor *cursor, struct vma_node *root,
				    unsigned long addr)
{
	struct vma_node *node = root;

	for (int level = root->level; level >= 0; level--) {
		int i = node_find_prev(node, addr);

		cursor->nodes[level] = node;
		cursor->index[level] = i + 1;
		if (level > 0)
			node = node->items[i].child;
	}
}

/*
 * The neighbours of a node, on its own level.  In @left, index[] above the level is that of the
 * child on the path; in @right it is one more.
 */
static bool cursor_to_left_node(struct cursor *left, int level, int height)
{
	int up = level + 1;

	while (up < height && left->index[up] == 0)
		up++;
	if (up >= height)
		return false;
	left->index[up]--;
	for (; up > level; up--) {
		left->nodes[up - 1] = left->nodes[up]->items[left->index[up]].child;
		left->index[up - 1] = left->nodes[up - 1]->count - 1;
	}
	return true;
}

static bool cursor_to_right_node(struct cursor *right, int level, int height)
{
	int up = level + 1;

	while (up < height && right->index[up] == right->nodes[up]->count)
		up++;
	if (up >= height)
		return false;
	right->index[up]++;
	for (; up > level; up--) {
		right->nodes[up - 1] = right->nodes[up]->items[right->index[up] - 1].child;
		right->index[up - 1] = 1;
	}
	return true;
}

/* ---- Reserving: building the new tree ----------------------------------------------------------- */

static void edit_find(struct edit *edit);
static int edit_level(struct edit *edit, int level);

int vma_tree_reserve(struct vma_tree *tree, struct vma_tree_change *change)
{
	struct edit edit = {
		.tree = tree,
		.change = change,
		.height = tree_height(tree->root),
	};
	int level = 0, err;

	ASSERT(change->start <= change->end);
	change->old_root = tree->root;
	change->fresh = change->retired = NULL;
	change->new_count = tree->count;

	edit_find(&edit);
	do {
		err = edit_level(&edit, level);
		if (err) {
			vma_tree_cancel(tree, change);
			return err;
		}
		level++;
	} while (level < edit.height || edit.nr_fresh > 1);
	change->new_root = edit.nr_fresh ? edit.fresh[0].child : NULL;
	return 0;
}

/* How many slots lie between the cursors. */
static int edit_count_removed(const struct edit *edit)
{
	struct cursor at = edit->left;
	int nr = -at.index[0];

	for (int up = 1; up < edit->height; up++)
		at.index[up]++; /* as a right cursor */
	while (at.nodes[0] != edit->right.nodes[0]) {
		nr += at.nodes[0]->count;
		if (!cursor_to_right_node(&at, 0, edit->height))
			panic("a change ends before it starts");
	}
	return nr + edit->right.index[0];
}

/* Put the cursors around the slots that go; the inserted ones are what is new in the leaves. */
static void edit_find(struct edit *edit)
{
	struct vma_tree_change *change = edit->change;
	bool removes = change->start < change->end;
	struct vma_node *root = edit->tree->root;
	const struct vma_node *leaf;
	int i;

	for (i = 0; i < change->nr_insert; i++) {
		const struct vma_slot *slot = &change->insert[i];

		edit->fresh[edit->nr_fresh++] =
			(struct item){ .start = slot->start, .end = slot->end, .vma = slot->vma };
	}
	change->new_count += change->nr_insert;
	if (!root)
		return;

	cursor_find(&edit->left, root, removes ? change->start : change->insert[0].start);
	edit->right = edit->left;
	for (int level = 1; level < edit->height; level++)
		edit->right.index[level]++;
	leaf = edit->left.nodes[0];
	i = edit->left.index[0];
	if (removes && i < leaf->count && leaf->items[i].start < change->end)
		cursor_find_behind_prev(&edit->right, root, change->end);
	change->new_count -= edit_count_removed(edit);
}

static void edit_gather(struct edit *edit, int level);
static void edit_retire_run(struct edit *edit, int level);
static void edit_take_in_neighbour(struct edit *edit, int level);
static int edit_build(struct edit *edit, int level);

/* Replace the run of nodes on @level; the nodes that take its place are what is new above. */
static int edit_level(struct edit *edit, int level)
{
	edit_gather(edit, level);
	if (level < edit->height) {
		edit_retire_run(edit, level);
		if (edit->nr_items < MIN_FILL)
			edit_take_in_neighbour(edit, level);
	}
	/* A lone node without neighbours is the new root: no inner node above it. */
	if (level > 0 && edit->nr_items == 1) {
		edit->fresh[0] = edit->items[0];
		edit->nr_fresh = 1;
		return 0;
	}
	return edit_build(edit, level);
}

static void edit_add(struct edit *edit, const struct item *items, int nr)
{
	for (int i = 0; i < nr; i++)
		edit->items[edit->nr_items++] = items[i];
}

/* What the run's nodes keep, with what is new in between. */
static void edit_gather(struct edit *edit, int level)
{
	edit->nr_items = 0;
	if (level < edit->height)
		edit_add(edit, edit->left.nodes[level]->items, edit->left.index[level]);
	edit_add(edit, edit->fresh, edit->nr_fresh);
	if (level < edit->height) {
		const struct vma_node *node = edit->right.nodes[level];
		int i = edit->right.index[level];

		edit_add(edit, node->items + i, node->count - i);
	}
	for (int i = 0; i < edit->nr_items; i++) {
		ASSERT(edit->items[i].start < edit->items[i].end);
		ASSERT(i == 0 || edit->items[i - 1].end <= edit->items[i].start);
	}
}

static void edit_retire(struct edit *edit, struct vma_node *node)
{
	node->next = edit->change->retired;
	edit->change->retired = node;
}

/* Every node of @level from the left cursor's to the right cursor's. */
static void edit_retire_run(struct edit *edit, int level)
{
	struct cursor at = edit->left;

	for (int up = level + 1; up < edit->height; up++)
		at.index[up]++; /* as a right cursor */
	while (at.nodes[level] != edit->right.nodes[level]) {
		edit_retire(edit, at.nodes[level]);
		if (!cursor_to_right_node(&at, level, edit->height))
			panic("a change ends before it starts");
	}
	edit_retire(edit, at.nodes[level]);
}

/* The run is too small for a node: its left or right neighbour, if it has one, joins it. */
static void edit_take_in_neighbour(struct edit *edit, int level)
{
	struct vma_node *node;

	if (cursor_to_left_node(&edit->left, level, edit->height)) {
		node = edit->left.nodes[level];
		for (int i = edit->nr_items - 1; i >= 0; i--)
			edit->items[i + node->count] = edit->items[i];
		for (int i = 0; i < node->count; i++)
			edit->items[i] = node->items[i];
		edit->nr_items += node->count;
		edit_retire(edit, node);
	} else if (cursor_to_right_node(&edit->right, level, edit->height)) {
		node = edit->right.nodes[level];
		edit_add(edit, node->items, node->count);
		edit_retire(edit, node);
	}
}

static struct item node_item(struct vma_node *node);

/* As few nodes as the items need, equally full. */
static int edit_build(struct edit *edit, int level)
{
	int nr_nodes = (edit->nr_items + FANOUT - 1) / FANOUT;
	const struct item *from = edit->items;

	edit->nr_fresh = 0;
	for (int i = 0; i < nr_nodes; i++) {
		struct vma_node *node =
			stock_alloc(edit->tree->machine, edit->tree->stock, KMEM_VMA_NODE);

		if (!node)
			return -ENOMEM;
		node->machine = edit->tree->machine;
		node->next = edit->change->fresh;
		edit->change->fresh = node;
		node->level = level;
		node->count = edit->nr_items / nr_nodes + (i < edit->nr_items % nr_nodes);
		block_copy(node->items, from, node->count * sizeof(*from));
		from += node->count;
		edit->fresh[edit->nr_fresh++] = node_item(node);
	}
	return 0;
}

/* What a parent keeps about @node. */
static struct item node_item(struct vma_node *node)
{
	const struct item *items = node->items;
	unsigned long gap = 0;

	for (int i = 0; i < node->count; i++) {
		gap = max(gap, items[i].gap);
		if (i > 0)
			gap = max(gap, items[i].start - items[i - 1].end);
	}
	return (struct item){
		.start = items[0].start,
		.end = items[node->count - 1].end,
		.gap = gap,
		.child = node,
	};
}

/* ---- Committing --------------------------------------------------------------------------------- */

/* All nodes that one change has retired: they go together, as the grace period is the same. */
static void nodes_free_rcu(struct rcu_head *rcu)
{
	struct vma_node *node = container_of(rcu, struct vma_node, rcu), *next;

	for (; node; node = next) {
		next = node->next;
		machine_free(node->machine, KMEM_VMA_NODE, node);
	}
}

void vma_tree_commit(struct vma_tree *tree, struct vma_tree_change *change)
{
	ASSERT(tree->root == change->old_root);
	rcu_assign_pointer(tree->root, change->new_root);
	tree->count = change->new_count;
	if (change->retired)
		call_rcu(&change->retired->rcu, nodes_free_rcu);
	change->fresh = change->retired = NULL;
}

void vma_tree_cancel(struct vma_tree *tree, struct vma_tree_change *change)
{
	struct vma_node *node, *next;

	for (node = change->fresh; node; node = next) {
		next = node->next;
		machine_free(tree->machine, KMEM_VMA_NODE, node);
	}
	change->fresh = change->retired = NULL;
}

/* On each level what the run keeps, a neighbour and what is new; and a level more. */
int vma_tree_stock(struct vma_tree *tree, int nr_changes)
{
	int per_level = (ITEMS_MAX + FANOUT - 1) / FANOUT;
	int nr_levels = tree_height(tree->root) + 1;

	ASSERT(nr_changes < FANOUT); /* so they add no second level */
	return stock_fill(tree->machine, tree->stock, KMEM_VMA_NODE,
			  nr_changes * nr_levels * per_level);
}

void vma_tree_clear(struct vma_tree *tree)
{
	struct vma_tree_change change = { .start = 0, .end = ~0ul };

	if (vma_tree_reserve(tree, &change) != 0)
		panic("an empty tree needs no node");
	vma_tree_commit(tree, &change);
}

/* ---- Finding ------------------------------------------------------------------------------------ */

static struct vma *item_slot(const struct item *item, struct vma_slot *slot)
{
	if (slot)
		*slot = (struct vma_slot){ item->start, item->end, item->vma };
	return item->vma;
}

struct vma *vma_tree_find(struct vma_tree *tree, unsigned long addr, struct vma_slot *slot)
{
	const struct vma_node *node = rcu_dereference(tree->root);

	while (node) {
		int i = node_find(node, addr);

		if (i == node->count)
			return NULL; /* only at the root: an item ends where its child does */
		if (node->level == 0)
			return item_slot(&node->items[i], slot);
		node = node->items[i].child;
	}
	return NULL;
}

struct vma *vma_tree_find_prev(struct vma_tree *tree, unsigned long addr, struct vma_slot *slot)
{
	const struct vma_node *node = rcu_dereference(tree->root);

	while (node) {
		int i = node_find_prev(node, addr);

		if (i < 0)
			return NULL;
		if (node->level == 0)
			return item_slot(&node->items[i], slot);
		node = node->items[i].child;
	}
	return NULL;
}

/* ---- Gaps --------------------------------------------------------------------------------------- */

struct gap_search {
	unsigned long low, high, len;
	unsigned long start; /* the answer */
};

/* Is the part of the gap [@start, @end) that lies inside the limits large enough? */
static bool gap_fits(const struct gap_search *search, unsigned long *start, unsigned long *end)
{
	*start = max(*start, search->low);
	*end = min(*end, search->high);
	return *start < *end && *end - *start >= search->len;
}

static bool gap_take_top(struct gap_search *search, unsigned long start, unsigned long end)
{
	if (!gap_fits(search, &start, &end))
		return false;
	search->start = end - search->len;
	return true;
}

static bool gap_take_bottom(struct gap_search *search, unsigned long start, unsigned long end)
{
	if (!gap_fits(search, &start, &end))
		return false;
	search->start = start;
	return true;
}

/* May a gap inside the item's child do?  The limits may still cut it short. */
static bool item_may_fit(const struct gap_search *search, const struct item *item)
{
	return item->gap >= search->len && item->end > search->low && item->start < search->high;
}

/* The highest gap between two slots below @node. */
static bool node_gap_topdown(const struct vma_node *node, struct gap_search *search)
{
	for (int i = node->count - 1; i >= 0; i--) {
		const struct item *item = &node->items[i];

		if (item_may_fit(search, item) && node_gap_topdown(item->child, search))
			return true;
		if (i > 0 && gap_take_top(search, item[-1].end, item->start))
			return true;
	}
	return false;
}

static bool node_gap_bottomup(const struct vma_node *node, struct gap_search *search)
{
	for (int i = 0; i < node->count; i++) {
		const struct item *item = &node->items[i];

		if (i > 0 && gap_take_bottom(search, item[-1].end, item->start))
			return true;
		if (item_may_fit(search, item) && node_gap_bottomup(item->child, search))
			return true;
	}
	return false;
}

long vma_tree_gap_topdown(struct vma_tree *tree, unsigned long low, unsigned long high,
			  unsigned long len)
{
	struct gap_search search = { .low = low, .high = high, .len = len };
	const struct vma_node *root = rcu_dereference(tree->root);
	bool found;

	ASSERT(len > 0);
	if (!root)
		found = gap_take_top(&search, 0, ~0ul);
	else
		found = gap_take_top(&search, root->items[root->count - 1].end, ~0ul) ||
			node_gap_topdown(root, &search) ||
			gap_take_top(&search, 0, root->items[0].start);
	return found ? (long)search.start : -ENOMEM;
}

long vma_tree_gap_bottomup(struct vma_tree *tree, unsigned long low, unsigned long high,
			   unsigned long len)
{
	struct gap_search search = { .low = low, .high = high, .len = len };
	const struct vma_node *root = rcu_dereference(tree->root);
	bool found;

	ASSERT(len > 0);
	if (!root)
		found = gap_take_bottom(&search, 0, ~0ul);
	else
		found = gap_take_bottom(&search, 0, root->items[0].start) ||
			node_gap_bottomup(root, &search) ||
			gap_take_bottom(&search, root->items[root->count - 1].end, ~0ul);
	return found ? (long)search.start : -ENOMEM;
}

/* ---- Validation --------------------------------------------------------------------------------- */

struct validation {
	void (*problem)(void *arg, const char *fmt, ...);
	void *arg;
	const struct vma_node *root;
	int nr_slots;
};

static void node_validate(struct validation *v, struct vma_node *node, int level);

static void item_validate(struct validation *v, const struct item *item, int level)
{
	struct item again;

	if (level == 0) {
		v->nr_slots++;
		if (!item->vma || item->gap != 0)
			v->problem(v->arg, "vma_tree: slot %lx-%lx has no VMA or a gap",
				   item->start, item->end);
		return;
	}
	node_validate(v, item->child, level - 1);
	again = node_item(item->child);
	if (again.start != item->start || again.end != item->end || again.gap != item->gap)
		v->problem(v->arg,
			   "vma_tree: item %lx-%lx gap %lx, but its child has %lx-%lx gap %lx",
			   item->start, item->end, item->gap, again.start, again.end, again.gap);
}

static void node_validate(struct validation *v, struct vma_node *node, int level)
{
	int least = node != v->root ? MIN_FILL : level > 0 ? 2 : 1;

	if (node->level != level) {
		v->problem(v->arg, "vma_tree: a node of level %d on level %d", node->level, level);
		return;
	}
	if (node->count < least || node->count > FANOUT) {
		v->problem(v->arg, "vma_tree: a node of level %d has %d items", level, node->count);
		return;
	}
	for (int i = 0; i < node->count; i++) {
		const struct item *item = &node->items[i];

		if (item->start >= item->end)
			v->problem(v->arg, "vma_tree: item %lx-%lx is empty", item->start,
				   item->end);
		if (i > 0 && item[-1].end > item->start)
			v->problem(v->arg, "vma_tree: items %lx-%lx and %lx-%lx overlap",
				   item[-1].start, item[-1].end, item->start, item->end);
		item_validate(v, item, level);
	}
}

void vma_tree_validate(struct vma_tree *tree, void (*problem)(void *arg, const char *fmt, ...),
		       void *arg)
{
	struct validation v = { .problem = problem, .arg = arg, .root = tree->root };

	if (tree->root)
		node_validate(&v, tree->root, tree->root->level);
	if (v.nr_slots != tree->count)
		problem(arg, "vma_tree: %d slots, count says %d", v.nr_slots, tree->count);
}
