// SPDX-License-Identifier: MIT
/* test_slab.c - caches of structures: reuse, poison, and what a wrong free does */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "panics.h"
#include "prng.h"
#include "threads.h"

#define OBJECT_SIZE 200
#define OBJECTS_MAX 400

struct slab_test {
	struct fixture *fixture;
	struct machine *machine;
	struct kmem_cache cache, stable;
};

static unsigned int nr_constructed;

/* A constructor's mark must survive; the rest is the user's. */
static void construct(void *object)
{
	uint64_t *words = object;

	words[0] = 0x600d;
	nr_constructed++;
}

static int setup(void **state)
{
	struct slab_test *test = calloc(1, sizeof(*test));
	struct gw_machine_config config = fixture_config();

	if (!test)
		return -1;
	test->fixture = fixture_create(&config);
	test->machine = test->fixture->machine;
	nr_constructed = 0;
	kmem_cache_init(&test->cache, "thing", OBJECT_SIZE, 0, NULL);
	kmem_cache_init(&test->stable, "stable thing", OBJECT_SIZE, KMEM_TYPE_STABLE, construct);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct slab_test *test = *state;

	kmem_cache_fini(test->machine, &test->cache);
	kmem_cache_fini(test->machine, &test->stable);
	fixture_destroy(test->fixture);
	free(test);
	return 0;
}

static unsigned char *get(struct slab_test *test)
{
	unsigned char *object = kmem_cache_alloc(test->machine, &test->cache);

	assert_non_null(object);
	return object;
}

static void put(struct slab_test *test, void *object)
{
	kmem_cache_free(test->machine, &test->cache, object);
}

/* ---- Reuse ------------------------------------------------------------------------------------------ */

/* Fails when a stale pointer would not soon meet a stranger. */
static void the_object_freed_last_is_the_next(void **state)
{
	struct slab_test *test = *state;
	unsigned char *objects[100];

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = get(test);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		size_t nr = i * 37 % ARRAY_SIZE(objects);

		put(test, objects[nr]);
		assert_ptr_equal(get(test), objects[nr]);
	}
	/* Within one slab, several in a row. */
	for (int i = 0; i < 5; i++)
		put(test, objects[i]);
	for (int i = 5; i-- > 0;)
		assert_ptr_equal(get(test), objects[i]);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		put(test, objects[i]);
}

/* Fails when two objects share a byte, or lie where an atomic would be split. */
static void objects_do_not_overlap(void **state)
{
	struct slab_test *test = *state;
	unsigned char *objects[OBJECTS_MAX];

	for (int i = 0; i < OBJECTS_MAX; i++) {
		objects[i] = get(test);
		assert_int_equal((uintptr_t)objects[i] % 8, 0);
		block_fill(objects[i], (unsigned char)i, OBJECT_SIZE);
	}
	for (int i = 0; i < OBJECTS_MAX; i++) {
		assert_true(block_is_filled(objects[i], (unsigned char)i, OBJECT_SIZE));
		put(test, objects[i]);
	}
}

/* Fails when memory that nobody uses stays with a cache. */
static void empty_slabs_go_back_but_one(void **state)
{
	struct slab_test *test = *state;
	unsigned long before = nr_free_frames(test->machine, ZONE_CORE);
	unsigned char *objects[OBJECTS_MAX];

	for (int i = 0; i < OBJECTS_MAX; i++)
		objects[i] = get(test);
	assert_true(test->cache.nr_slabs > 10);
	assert_int_equal(nr_free_frames(test->machine, ZONE_CORE),
			 before - (test->cache.nr_slabs << test->cache.slab_order));
	for (int i = 0; i < OBJECTS_MAX; i++)
		put(test, objects[i]);
	assert_int_equal(test->cache.nr_slabs, 1);
	assert_int_equal(test->cache.nr_objects, 0);
	assert_int_equal(nr_free_frames(test->machine, ZONE_CORE),
			 before - (1ul << test->cache.slab_order));
	/* And the one that stays is the one that was used last. */
	assert_ptr_equal(get(test), objects[OBJECTS_MAX - 1]);
	put(test, objects[OBJECTS_MAX - 1]);
}

/* Fails when a reader under RCU could find foreign contents in what was an anon_vma. */
static void type_stable_objects_keep_what_they_were(void **state)
{
	struct slab_test *test = *state;
	uint64_t *objects[OBJECTS_MAX];
	unsigned long nr_slabs;

	for (int i = 0; i < OBJECTS_MAX; i++) {
		objects[i] = kmem_cache_alloc(test->machine, &test->stable);
		assert_non_null(objects[i]);
		assert_int_equal(objects[i][0], 0x600d);
		objects[i][1] = (uint64_t)i;
	}
	nr_slabs = test->stable.nr_slabs;
	assert_int_equal(nr_constructed, nr_slabs * test->stable.slab_objects);
	for (int i = 0; i < OBJECTS_MAX; i++)
		kmem_cache_free(test->machine, &test->stable, objects[i]);
	assert_int_equal(test->stable.nr_slabs, nr_slabs);
	for (int i = 0; i < OBJECTS_MAX; i++) {
		assert_int_equal(objects[i][0], 0x600d);
		assert_int_equal(objects[i][1], i);
	}
	assert_ptr_equal(kmem_cache_alloc(test->machine, &test->stable), objects[OBJECTS_MAX - 1]);
	kmem_cache_free(test->machine, &test->stable, objects[OBJECTS_MAX - 1]);
	assert_int_equal(nr_constructed, nr_slabs * test->stable.slab_objects);
}

/* ---- Wrong frees, each noticed ------------------------------------------------------------------------- */

static void free_twice(void *arg)
{
	struct slab_test *test = arg;
	unsigned char *object = get(test);

	put(test, object);
	put(test, object);
}

/* The slab has gone in between. */
static void free_twice_late(void *arg)
{
	struct slab_test *test = arg;
	unsigned char *objects[OBJECTS_MAX];

	for (int i = 0; i < OBJECTS_MAX; i++)
		objects[i] = get(test);
	for (int i = 0; i < OBJECTS_MAX; i++)
		put(test, objects[i]);
	put(test, objects[0]);
}

static void free_type_stable_twice(void *arg)
{
	struct slab_test *test = arg;
	void *object = kmem_cache_alloc(test->machine, &test->stable);

	kmem_cache_free(test->machine, &test->stable, object);
	kmem_cache_free(test->machine, &test->stable, object);
}

static void free_the_middle(void *arg)
{
	struct slab_test *test = arg;

	put(test, get(test) + 8);
}

static void free_the_slab_header(void *arg)
{
	struct slab_test *test = arg;
	unsigned char *object = get(test);

	put(test, object - ((uintptr_t)object & ~PAGE_MASK));
}

static void free_to_another_cache(void *arg)
{
	struct slab_test *test = arg;

	kmem_cache_free(test->machine, &test->stable, get(test));
}

static void free_what_is_no_object(void *arg)
{
	put(arg, arg);
}

static void free_a_guest_frame(void *arg)
{
	struct slab_test *test = arg;

	put(test, test->machine->frames + 16 * PAGE_SIZE);
}

static void finish_with_an_object_left(void *arg)
{
	struct slab_test *test = arg;

	get(test);
	kmem_cache_fini(test->machine, &test->cache);
}

/* Fails when a wrong free is found out later, elsewhere, or never. */
static void wrong_frees_are_noticed(void **state)
{
	assert_panics(free_twice, *state, "is freed twice");
	assert_panics(free_twice_late, *state, "slab is gone");
	assert_panics(free_type_stable_twice, *state, "is freed twice");
	assert_panics(free_the_middle, *state, "points into a thing");
	assert_panics(free_the_slab_header, *state, "points into a thing");
	assert_panics(free_to_another_cache, *state, "is no stable thing");
	assert_panics(free_what_is_no_object, *state, "is no thing");
	assert_panics(free_a_guest_frame, *state, "is no thing");
	assert_panics(finish_with_an_object_left, *state, "1 objects of thing are left");
}

/* ---- Use after free ------------------------------------------------------------------------------------ */

static void write_after_free(void *arg)
{
	struct slab_test *test = arg;
	unsigned char *object = get(test);

	put(test, object);
	object[123] = 1;
	get(test);
}

static void write_the_last_byte_of_an_unused_one(void *arg)
{
	struct slab_test *test = arg;
	unsigned char *object = get(test);

	object[2 * OBJECT_SIZE - 1] = 1; /* the neighbour, never handed out */
	put(test, object);
	kmem_cache_fini(test->machine, &test->cache);
}

/* Fails when a stale pointer can be written through unseen. */
static void writes_after_free_are_noticed(void **state)
{
	assert_panics(write_after_free, *state,
		      "thing was written while it was free: byte 123 is 0x01, not 0x6b");
	assert_panics(write_the_last_byte_of_an_unused_one, *state, "byte 199 is 0x01, not 0x6b");
}

/* ---- Validation that can fail ------------------------------------------------------------------------ */

struct problems {
	int nr;
	char first[256];
};

static void note_problem(void *arg, const char *fmt, ...)
{
	struct problems *problems = arg;
	va_list args;

	va_start(args, fmt);
	if (!problems->nr++)
		vsnprintf(problems->first, sizeof(problems->first), fmt, args);
	va_end(args);
}

/* What kmem_cache_validate() says first contains @words; NULL: it says nothing. */
static void assert_problem(struct slab_test *test, const char *words)
{
	struct problems problems = { 0 };

	kmem_cache_validate(test->machine, &test->cache, note_problem, &problems);
	if (!words)
		assert_string_equal(problems.first, "");
	else if (!strstr(problems.first, words))
		fail_msg("validation says \"%s\", not \"%s\"", problems.first, words);
}

/* Fails when damage to a cache passes for a valid one. */
static void damage_is_found(void **state)
{
	struct slab_test *test = *state;
	unsigned char *objects[OBJECTS_MAX];
	struct list_head *partial = &test->cache.partial, *full = &test->cache.full;
	struct kmem_slab *spare;

	assert_problem(test, NULL);
	for (int i = 0; i < OBJECTS_MAX; i++)
		objects[i] = get(test);
	put(test, objects[1]);
	assert_problem(test, NULL);

	test->cache.nr_objects++;
	assert_problem(test, "found 399");
	test->cache.nr_objects--;
	test->cache.nr_slabs++;
	assert_problem(test, "objects in");
	test->cache.nr_slabs--;
	objects[1][7] = 1;
	assert_problem(test, "was written while it was free");
	objects[1][7] = 0x6b;
	list_move(full->next, partial);
	assert_problem(test, "on the wrong list");
	list_move(partial->next, full);
	assert_problem(test, NULL);

	put(test, objects[0]);
	for (int i = 2; i < OBJECTS_MAX; i++)
		put(test, objects[i]);
	assert_problem(test, NULL);
	spare = test->cache.spare;
	test->cache.spare = NULL;
	assert_problem(test, "1 slabs without objects are kept");
	test->cache.spare = spare;
}

/* ---- Out of memory ---------------------------------------------------------------------------------------- */

/* Fails when running out of frames breaks a cache. */
static void exhaustion_is_null_and_no_harm(void **state)
{
	struct slab_test *test = *state;
	void *first = NULL, *object;

	/* Each object's first word leads to the one before. */
	while ((object = kmem_cache_alloc(test->machine, &test->cache))) {
		*(void **)object = first;
		first = object;
	}
	assert_int_equal(nr_free_frames(test->machine, ZONE_CORE), 0);
	assert_null(kmem_cache_alloc(test->machine, &test->cache));
	while (first) {
		object = first;
		first = *(void **)object;
		put(test, object);
	}
	put(test, get(test));
}

/* Fails when fail-the-Nth sweeps would miss an allocation, or count one twice. */
static void each_allocation_is_counted_and_can_fail(void **state)
{
	struct slab_test *test = *state;
	unsigned long before = machine_nr_allocations(test->machine);
	unsigned char *one, *two;

	one = get(test);
	assert_int_equal(machine_nr_allocations(test->machine), before + 2); /* with the slab's */
	two = get(test);
	assert_int_equal(machine_nr_allocations(test->machine), before + 3);
	machine_fail_nth(test->machine, 1);
	assert_null(kmem_cache_alloc(test->machine, &test->cache));
	machine_fail_nth(test->machine, 2);
	put(test, get(test));
	assert_null(kmem_cache_alloc(test->machine, &test->cache));
	machine_fail_nth(test->machine, 2);
	assert_null(kmem_cache_alloc(test->machine, &test->stable)); /* the slab's */
	machine_fail_nth(test->machine, 0);
	put(test, one);
	put(test, two);
}

/* ---- Threads --------------------------------------------------------------------------------------------- */

#define CHURN_ROUNDS  20000
#define CHURN_OBJECTS 40

struct churn {
	struct slab_test *test;
	pthread_t thread;
	int cpu;
	int nr_bad; /* objects that somebody else wrote to */
};

static void churn_step(struct churn *churn, unsigned char **object, struct prng *prng)
{
	struct slab_test *test = churn->test;

	if (!*object) {
		*object = kmem_cache_alloc(test->machine, &test->cache);
		if (*object)
			block_fill(*object, (unsigned char)(churn->cpu + 1), OBJECT_SIZE);
		return;
	}
	if (!block_is_filled(*object, (unsigned char)(churn->cpu + 1), OBJECT_SIZE))
		churn->nr_bad++;
	if (prng_below(prng, 2)) {
		put(test, *object);
		*object = NULL;
	}
}

static void *churn_thread(void *arg)
{
	struct churn *churn = arg;
	unsigned char *objects[CHURN_OBJECTS] = { NULL };
	struct prng prng;

	threads_task_attach("churn", churn->cpu);
	prng_seed(&prng, (uint64_t)churn->cpu);
	for (int i = 0; i < CHURN_ROUNDS; i++)
		churn_step(churn, &objects[prng_below(&prng, CHURN_OBJECTS)], &prng);
	for (int i = 0; i < CHURN_OBJECTS; i++) {
		if (objects[i])
			put(churn->test, objects[i]);
	}
	threads_task_detach();
	return NULL;
}

/* Fails when two threads get one object, or a slab goes away under somebody. */
static void threads_never_share_an_object(void **state)
{
	struct slab_test *test = *state;
	struct churn churns[2];

	for (int i = 0; i < 2; i++) {
		churns[i] = (struct churn){ .test = test, .cpu = i };
		assert_int_equal(pthread_create(&churns[i].thread, NULL, churn_thread, &churns[i]),
				 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(churns[i].thread, NULL);
		assert_int_equal(churns[i].nr_bad, 0);
	}
	assert_int_equal(test->cache.nr_objects, 0);
	assert_int_equal(test->cache.nr_slabs, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_object_freed_last_is_the_next),
		TEST(objects_do_not_overlap),
		TEST(empty_slabs_go_back_but_one),
		TEST(type_stable_objects_keep_what_they_were),
		TEST(wrong_frees_are_noticed),
		TEST(writes_after_free_are_noticed),
		TEST(damage_is_found),
		TEST(exhaustion_is_null_and_no_harm),
		TEST(each_allocation_is_counted_and_can_fail),
		TEST(threads_never_share_an_object),
	};
#undef TEST

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
