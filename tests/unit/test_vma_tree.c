// SPDX-License-Identifier: MIT
/* test_vma_tree.c - the tree of VMAs against a sorted array, and under readers */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "prng.h"
#include "threads.h"
#include "vma_tree.h"

#define SLOTS_MAX 1200
#define SPAN	  4096 /* pages */
#define CHANGES	  6000

/* The same slots, kept in the simplest way. */
struct model {
	struct vma_slot slots[SLOTS_MAX];
	int nr;
};

struct world {
	struct fixture *fixture;
	struct vma_tree tree;
	struct model model;
	struct prng prng;
	unsigned long last_name;
};

/* The tree never looks into a VMA, so a number that tells them apart will do. */
static struct vma *new_name(struct world *world)
{
	return (struct vma *)(++world->last_name << 4);
}

static __attribute__((format(printf, 2, 3))) void complain(void *arg, const char *fmt, ...)
{
	va_list args;

	(void)arg;
	va_start(args, fmt);
	vprint_error(fmt, args);
	va_end(args);
	fail();
}

/* ---- The model ---------------------------------------------------------------------------------------- */

static int model_find(const struct model *model, unsigned long addr)
{
	int i = 0;

	while (i < model->nr && model->slots[i].end <= addr)
		i++;
	return i;
}

/* The slots that the change removes are those that overlap; they make one run. */
static void model_change(struct model *model, const struct vma_tree_change *change)
{
	bool removes = change->start < change->end;
	int first = model_find(model, removes ? change->start : change->insert[0].start);
	int last = first;

	while (removes && last < model->nr && model->slots[last].start < change->end)
		last++;
	assert_true(model->nr - (last - first) + change->nr_insert <= SLOTS_MAX);
	memmove(&model->slots[first + change->nr_insert], &model->slots[last],
		(size_t)(model->nr - last) * sizeof(model->slots[0]));
	memcpy(&model->slots[first], change->insert,
	       (size_t)change->nr_insert * sizeof(model->slots[0]));
	model->nr += change->nr_insert - (last - first);
}

static long model_gap(const struct model *model, unsigned long low, unsigned long high,
		      unsigned long len, bool topdown)
{
	long found = -ENOMEM;

	for (int i = 0; i <= model->nr; i++) {
		unsigned long start = i > 0 ? model->slots[i - 1].end : 0;
		unsigned long end = i < model->nr ? model->slots[i].start : ~0ul;

		start = max(start, low);
		end = min(end, high);
		if (start >= end || end - start < len)
			continue;
		if (!topdown)
			return (long)start;
		found = (long)(end - len);
	}
	return found;
}

/* ---- Comparing ------------------------------------------------------------------------------------------ */

static void check_all_slots(struct world *world)
{
	struct vma_slot slot;
	unsigned long addr = 0;
	int nr = 0;

	while (vma_tree_find(&world->tree, addr, &slot)) {
		assert_memory_equal(&slot, &world->model.slots[nr], sizeof(slot));
		addr = slot.end;
		nr++;
	}
	assert_int_equal(nr, world->model.nr);
	assert_int_equal(nr, world->tree.count);
	vma_tree_validate(&world->tree, complain, NULL);
}

static void check_queries(struct world *world)
{
	const struct model *model = &world->model;
	unsigned long addr = prng_below(&world->prng, SPAN + 2) * PAGE_SIZE;
	unsigned long low = prng_below(&world->prng, SPAN) * PAGE_SIZE;
	unsigned long high = low + prng_below(&world->prng, SPAN) * PAGE_SIZE;
	unsigned long len = (1 + prng_below(&world->prng, 40)) * PAGE_SIZE;
	int i = model_find(model, addr);
	int prev = model->nr - 1;

	while (prev >= 0 && model->slots[prev].start >= addr)
		prev--;
	assert_ptr_equal(vma_tree_find(&world->tree, addr, NULL),
			 i < model->nr ? model->slots[i].vma : NULL);
	assert_ptr_equal(vma_tree_find_prev(&world->tree, addr, NULL),
			 prev >= 0 ? model->slots[prev].vma : NULL);
	assert_int_equal(vma_tree_gap_topdown(&world->tree, low, high, len),
			 model_gap(model, low, high, len, true));
	assert_int_equal(vma_tree_gap_bottomup(&world->tree, low, high, len),
			 model_gap(model, low, high, len, false));
}

/* ---- Random changes --------------------------------------------------------------------------------------- */

/* Remove what overlaps [start, end) and put up to four slots there, the outer ones cut to fit. */
static void random_change(struct world *world, struct vma_tree_change *change, bool growing)
{
	unsigned long page = prng_below(&world->prng, SPAN);
	unsigned long nr_pages = prng_below(&world->prng, 8) ? 1 + prng_below(&world->prng, 6)
							     : 1 + prng_below(&world->prng, 400);
	unsigned long at;
	struct vma_slot slot;

	if (growing)
		nr_pages = min(nr_pages, 8ul);
	*change = (struct vma_tree_change){ 0 };
	change->start = page * PAGE_SIZE;
	change->end = (page + nr_pages) * PAGE_SIZE;
	/* As munmap() does it: what lies outside the range stays, under the same name. */
	if (vma_tree_find(&world->tree, change->start, &slot) && slot.start < change->start &&
	    prng_below(&world->prng, 2))
		vma_tree_change_insert(change, slot.start, change->start, slot.vma);
	at = change->start;
	while (change->nr_insert < 3 && at < change->end &&
	       prng_below(&world->prng, 4) < (growing ? 4 : 1)) {
		unsigned long size = (1 + prng_below(&world->prng, 3)) * PAGE_SIZE;

		size = min(size, change->end - at);
		vma_tree_change_insert(change, at, at + size, new_name(world));
		at += size + prng_below(&world->prng, 2) * PAGE_SIZE;
	}
	if (vma_tree_find_prev(&world->tree, change->end, &slot) && slot.end > change->end &&
	    prng_below(&world->prng, 2))
		vma_tree_change_insert(change, change->end, slot.end, new_name(world));
}

static void commit_random_change(struct world *world, bool growing)
{
	struct vma_tree_change change;

	if (world->model.nr > SLOTS_MAX - VMA_TREE_INSERT_MAX)
		growing = false;
	random_change(world, &change, growing);
	assert_int_equal(vma_tree_reserve(&world->tree, &change), 0);
	if (prng_below(&world->prng, 10) == 0) {
		vma_tree_cancel(&world->tree, &change);
		return;
	}
	vma_tree_commit(&world->tree, &change);
	model_change(&world->model, &change);
}

static int world_setup(void **state)
{
	static struct world world;
	struct gw_machine_config config = fixture_config();

	config.nr_frames = 16384; /* for the nodes of more than a thousand slots */
	memset(&world, 0, sizeof(world));
	world.fixture = fixture_create(&config);
	vma_tree_init(&world.tree, world.fixture->machine);
	prng_seed(&world.prng, 11);
	*state = &world;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *world = *state;

	vma_tree_clear(&world->tree);
	vma_tree_fini(&world->tree);
	fixture_destroy(world->fixture);
	return 0;
}

/* Fails when a slot is lost, kept, or in a wrong place, or a gap is missed, at any height. */
static void changes_at_random_agree_with_an_array(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < CHANGES; i++) {
		bool growing = (i / 1000) % 2 == 0; /* three levels up, and down again */

		commit_random_change(world, growing);
		check_queries(world);
		if (i % 50 == 0)
			check_all_slots(world);
	}
	check_all_slots(world);
}

/* Fails when removing many slots at once leaves half of a node, or the wrong root. */
static void a_range_of_any_size_can_go_at_once(void **state)
{
	struct world *world = *state;

	for (unsigned long nr = 1; nr <= 1000; nr = nr * 3 / 2 + 1) {
		for (int from = 0; from < 3; from++) {
			struct vma_tree_change all = { .start = 0, .end = 1000 * PAGE_SIZE };
			struct vma_tree_change some = { 0 };
			unsigned long first = (unsigned long)from * (1000 - nr) / 2;

			for (unsigned long i = 0; i < 1000; i++) {
				struct vma_tree_change one = { 0 };

				vma_tree_change_insert(&one, i * PAGE_SIZE, (i + 1) * PAGE_SIZE,
						       new_name(world));
				assert_int_equal(vma_tree_reserve(&world->tree, &one), 0);
				vma_tree_commit(&world->tree, &one);
				model_change(&world->model, &one);
			}
			some.start = first * PAGE_SIZE;
			some.end = (first + nr) * PAGE_SIZE;
			assert_int_equal(vma_tree_reserve(&world->tree, &some), 0);
			vma_tree_commit(&world->tree, &some);
			model_change(&world->model, &some);
			check_all_slots(world);
			assert_int_equal(vma_tree_reserve(&world->tree, &all), 0);
			vma_tree_commit(&world->tree, &all);
			model_change(&world->model, &all);
			assert_int_equal(world->tree.count, 0);
			rcu_barrier(); /* nodes of the next round */
		}
	}
}

/* Fails when a reservation that runs out of memory has touched the tree or lost a node. */
static void a_reservation_that_fails_changes_nothing(void **state)
{
	struct world *world = *state;
	struct machine *machine = world->fixture->machine;
	int nr_failures = 0;

	for (int i = 0; i < 600; i++) {
		struct vma_tree_change change;
		int err = -ENOMEM;

		random_change(world, &change, i < 400);
		for (int nth = 1; err; nth++) {
			struct vma_tree_change attempt = change;

			machine_fail_nth(machine, nth);
			err = vma_tree_reserve(&world->tree, &attempt);
			machine_fail_nth(machine, 0);
			if (!err) {
				vma_tree_commit(&world->tree, &attempt);
				model_change(&world->model, &attempt);
			} else {
				assert_int_equal(err, -ENOMEM);
				nr_failures++;
			}
			if (i % 20 == 0)
				check_all_slots(world);
		}
	}
	assert_true(nr_failures > 600);
	check_all_slots(world);
}

/* Fails when emptying a tree needs memory: exit and munmap of everything must not fail. */
static void removing_everything_needs_no_memory(void **state)
{
	struct world *world = *state;
	unsigned long before;

	for (int i = 0; i < 500; i++)
		commit_random_change(world, true);
	before = machine_nr_allocations(world->fixture->machine);
	vma_tree_clear(&world->tree);
	assert_int_equal(machine_nr_allocations(world->fixture->machine), before);
	assert_null(vma_tree_find(&world->tree, 0, NULL));
	world->model.nr = 0;
}

/* ---- Readers ------------------------------------------------------------------------------------------------ */

#define PAIRS 400

struct readers {
	struct world *world;
	int stop;
	unsigned long nr_reads;
	const char *problem; /* cmocka's asserts are for the main thread alone */
};

/*
 * Pages 2i and 2i + 1 are one slot or two, but always mapped: a reader that finds a hole, or a slot
 * that does not contain what it asked for, has seen half of a change.
 */
static void *read_pairs(void *arg)
{
	struct readers *readers = arg;
	struct prng prng;

	threads_task_attach("reader", 1);
	prng_seed(&prng, (uintptr_t)&prng);
	while (!READ_ONCE(readers->stop) && !readers->problem) {
		unsigned long addr = prng_below(&prng, 2 * PAIRS) * PAGE_SIZE;
		struct vma_slot slot;

		rcu_read_lock();
		if (!vma_tree_find(&readers->world->tree, addr, &slot))
			readers->problem = "nothing where a slot always is";
		else if (slot.start > addr || slot.end <= addr)
			readers->problem = "a slot that does not contain the address";
		rcu_read_unlock();
		readers->nr_reads++;
	}
	threads_task_detach();
	return NULL;
}

static void change_pair(struct world *world, unsigned long pair, bool split)
{
	struct vma_tree_change change = {
		.start = 2 * pair * PAGE_SIZE,
		.end = 2 * (pair + 1) * PAGE_SIZE,
	};
	unsigned long middle = change.start + PAGE_SIZE;

	vma_tree_change_insert(&change, change.start, split ? middle : change.end, new_name(world));
	if (split)
		vma_tree_change_insert(&change, middle, change.end, new_name(world));
	assert_int_equal(vma_tree_reserve(&world->tree, &change), 0);
	vma_tree_commit(&world->tree, &change);
}

/* Fails when a change is not published at once, or a node is freed under a reader. */
static void readers_see_all_of_a_change_or_nothing(void **state)
{
	struct world *world = *state;
	struct readers readers = { .world = world };
	pthread_t thread;

	for (unsigned long pair = 0; pair < PAIRS; pair++)
		change_pair(world, pair, false);
	assert_int_equal(pthread_create(&thread, NULL, read_pairs, &readers), 0);
	for (int i = 0; i < 20000; i++) {
		change_pair(world, prng_below(&world->prng, PAIRS), prng_below(&world->prng, 2));
		if (i % 500 == 0)
			rcu_barrier(); /* old nodes would fill the core's frames */
	}
	WRITE_ONCE(readers.stop, 1);
	pthread_join(thread, NULL);
	if (readers.problem)
		fail_msg("%s", readers.problem);
	assert_true(readers.nr_reads > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(changes_at_random_agree_with_an_array),
		TEST(a_range_of_any_size_can_go_at_once),
		TEST(a_reservation_that_fails_changes_nothing),
		TEST(removing_everything_needs_no_memory),
		TEST(readers_see_all_of_a_change_or_nothing),
	};

	return cmocka_run_group_tests_name("vma_tree", tests, NULL, NULL);
}
