// SPDX-License-Identifier: MIT
/* test_page_alloc.c - frames: who gets which, what is merged again, and what must not be free */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "panics.h"
#include "prng.h"
#include "threads.h"

/* Too small to keep a reserve: every frame can be had. */
static int setup_tiny(void **state)
{
	struct gw_machine_config config = fixture_config();

	config.nr_frames = 1000;
	*state = fixture_create(&config);
	return 0;
}

static struct zone *guest_zone_of(struct fixture *fixture, int nr)
{
	assert_true(nr < fixture->machine->nr_zones - 1);
	return &fixture->machine->zones[nr];
}

static struct folio *get(struct fixture *fixture)
{
	struct folio *folio = folio_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY);

	assert_non_null(folio);
	return folio;
}

static unsigned long pfn_of(struct fixture *fixture, struct folio *folio)
{
	return folio_pfn(fixture->machine, folio);
}

/* Every frame that can be had, as a chain through folio->index; the last link is 0, the zero page. */
static unsigned long get_all(struct fixture *fixture, int node, unsigned long *nr)
{
	unsigned long first = 0;
	struct folio *folio;

	*nr = 0;
	while ((folio = folio_alloc(fixture->machine, GFP_MOVABLE, node))) {
		folio->index = first;
		first = pfn_of(fixture, folio);
		++*nr;
	}
	return first;
}

static void put_all(struct fixture *fixture, unsigned long first)
{
	while (first) {
		struct folio *folio = pfn_folio(fixture->machine, first);

		first = folio->index;
		folio_put(fixture->machine, folio);
	}
}

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

/* What zone_validate() says of the guests' first zone contains @words; NULL: it says nothing. */
static void assert_problem(struct fixture *fixture, const char *words)
{
	struct problems problems = { 0 };

	zone_validate(fixture->machine, guest_zone_of(fixture, 0), note_problem, &problems);
	if (!words)
		assert_int_equal(problems.nr, 0);
	else if (!problems.nr || !strstr(problems.first, words))
		fail_msg("validation says \"%s\", not \"%s\"", problems.first, words);
}

/* ---- Order ------------------------------------------------------------------------------------------- */

/* Fails when neighbouring pages no longer get neighbouring frames, which the runner maps at once. */
static void consecutive_requests_get_consecutive_frames(void **state)
{
	struct fixture *fixture = *state;
	struct folio *folios[256];

	for (size_t i = 0; i < ARRAY_SIZE(folios); i++) {
		folios[i] = get(fixture);
		if (i)
			assert_int_equal(pfn_of(fixture, folios[i]),
					 pfn_of(fixture, folios[i - 1]) + 1);
	}
	for (size_t i = ARRAY_SIZE(folios); i-- > 0;)
		folio_put(fixture->machine, folios[i]);
}

/* Fails when a stale frame number would not soon name a stranger's frame. */
static void the_frame_freed_last_is_the_next(void **state)
{
	struct fixture *fixture = *state;
	struct folio *folios[8];

	for (size_t i = 0; i < ARRAY_SIZE(folios); i++)
		folios[i] = get(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(folios); i++)
		folio_put(fixture->machine, folios[i]);
	for (size_t i = ARRAY_SIZE(folios); i-- > 0;)
		assert_ptr_equal(get(fixture), folios[i]);
	for (size_t i = 0; i < ARRAY_SIZE(folios); i++)
		folio_put(fixture->machine, folios[i]);
}

/* Fails when one CPU's list starves another. */
static void frames_on_another_cpus_list_are_found(void **state)
{
	struct fixture *fixture = *state;
	unsigned long first, nr, again;
	struct folio *folio;

	first = get_all(fixture, GW_NODE_ANY, &nr);
	folio = pfn_folio(fixture->machine, first);
	first = folio->index;
	folio_put(fixture->machine, folio); /* to CPU 0's list */
	assert_int_equal(guest_zone_of(fixture, 0)->nr_free, 0);
	task_set_cpu(1);
	assert_ptr_equal(get(fixture), folio);
	again = get_all(fixture, GW_NODE_ANY, &nr);
	assert_int_equal(again, 0);
	folio_put(fixture->machine, folio);
	task_set_cpu(0);
	put_all(fixture, first);
}

/* ---- Blocks ------------------------------------------------------------------------------------------- */

static unsigned long nr_free_blocks(const struct zone *zone, int order)
{
	return zone->free_areas[order].nr_free;
}

/* Fails when what was split stays in pieces. */
static void all_that_was_free_is_merged_again(void **state)
{
	struct fixture *fixture = *state;
	struct zone *zone = guest_zone_of(fixture, 0);
	unsigned long before[MAX_ORDER + 1], first, nr;

	drain_all_pages(fixture->machine);
	for (int order = 0; order <= MAX_ORDER; order++)
		before[order] = nr_free_blocks(zone, order);
	first = get_all(fixture, GW_NODE_ANY, &nr);
	assert_true(nr > 500);
	for (int order = 0; order <= MAX_ORDER; order++)
		assert_int_equal(nr_free_blocks(zone, order), 0);
	put_all(fixture, first);
	drain_all_pages(fixture->machine);
	for (int order = 0; order <= MAX_ORDER; order++)
		assert_int_equal(nr_free_blocks(zone, order), before[order]);
}

/* Fails when a block is not aligned, not whole, or somebody else's. */
static void blocks_are_aligned_and_disjoint(void **state)
{
	struct fixture *fixture = *state;
	struct folio *blocks[MAX_ORDER + 1];

	for (int order = 0; order < MAX_ORDER - 1; order++) {
		blocks[order] = folios_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY, order);
		assert_non_null(blocks[order]);
		assert_int_equal(pfn_of(fixture, blocks[order]) % (1ul << order), 0);
		for (unsigned long i = 0; i < 1ul << order; i++) {
			assert_int_equal(folio_ref_count(blocks[order] + i), 1);
			block_fill(folio_address(fixture->machine, blocks[order] + i),
				   (unsigned char)order, PAGE_SIZE);
		}
	}
	assert_problem(fixture, NULL);
	for (int order = 0; order < MAX_ORDER - 1; order++) {
		assert_true(block_is_filled(folio_address(fixture->machine, blocks[order]),
					    (unsigned char)order, PAGE_SIZE << order));
		folios_free(fixture->machine, blocks[order], order);
	}
}

#define LARGE_ORDER 8 /* of 1000 frames without the first, one of these is whole in any case */

/* Fails when a block is refused although freeing has made room for it. */
static void a_large_block_is_there_when_all_is_free(void **state)
{
	struct fixture *fixture = *state;
	unsigned long first, nr;
	struct folio *block;

	first = get_all(fixture, GW_NODE_ANY, &nr);
	assert_null(folios_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY, 4));
	put_all(fixture, first);
	/* Some are on this CPU's list: the request must find them there. */
	block = folios_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY, LARGE_ORDER);
	assert_non_null(block);
	folios_free(fixture->machine, block, LARGE_ORDER);
}

/* ---- Zones and reserves ---------------------------------------------------------------------------------- */

static int setup_nodes(void **state)
{
	struct gw_machine_config config = fixture_config();

	config.nr_frames = 900;
	config.nr_nodes = 3;
	config.nr_cpus = 3;
	config.node_frames[0] = 300;
	config.node_frames[1] = 200;
	config.node_frames[2] = 400;
	*state = fixture_create(&config);
	return 0;
}

/* Fails when a page lands on another node than the nearest with room. */
static void nodes_are_tried_by_distance(void **state)
{
	static const int order_of_nodes[] = { 1, 0, 2 };
	struct fixture *fixture = *state;
	unsigned long first = 0, nr = 0;
	int at = 0;

	for (;; nr++) {
		struct folio *folio = folio_alloc(fixture->machine, GFP_MOVABLE, 1);

		if (!folio)
			break;
		while (at < 3 && folio->node != order_of_nodes[at])
			at++;
		assert_true(at < 3);
		folio->index = first;
		first = pfn_of(fixture, folio);
	}
	assert_int_equal(at, 2);
	assert_int_equal(nr, 899); /* all but the zero page */
	put_all(fixture, first);
}

/* Fails when a CPU's pages do not come from its own node. */
static void any_node_means_the_running_cpus(void **state)
{
	struct fixture *fixture = *state;

	for (int cpu = 0; cpu < 3; cpu++) {
		struct folio *folio;

		task_set_cpu(cpu);
		folio = get(fixture);
		assert_int_equal(folio->node, cpu);
		folio_put(fixture->machine, folio);
	}
	task_set_cpu(0);
}

static int setup_large(void **state)
{
	struct gw_machine_config config = fixture_config();

	config.nr_frames = 16384;
	*state = fixture_create(&config);
	return 0;
}

/* Fails when guests can take the last frames; sqrt(16 * 64 MiB in KiB) / 4 frames are kept. */
static void the_reserve_is_not_for_guests(void **state)
{
	struct fixture *fixture = *state;
	struct zone *zone = guest_zone_of(fixture, 0);
	unsigned long first, nr;

	assert_int_equal(zone->watermark_min, 256);
	assert_int_equal(zone->watermark_low, 320);
	assert_int_equal(zone->watermark_high, 384);
	first = get_all(fixture, GW_NODE_ANY, &nr);
	assert_in_range(nr_free_frames(fixture->machine, ZONE_GUEST), 200, 256);
	assert_int_equal(nr + nr_free_frames(fixture->machine, ZONE_GUEST), 16384 - 1);
	assert_null(folios_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY, 1));
	put_all(fixture, first);
}

/* Fails when the core's frames could be mapped by a guest, or a guest's be lost to the core. */
static void core_and_guest_frames_are_apart(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = fixture->machine;
	unsigned long nr_guest = nr_free_frames(machine, ZONE_GUEST);
	struct folio *chain = NULL, *folio;

	while ((folio = folio_alloc(machine, GFP_CORE, GW_NODE_ANY))) {
		assert_true(pfn_of(fixture, folio) >= machine->nr_guest_frames);
		*(struct folio **)folio_address(machine, folio) = chain;
		chain = folio;
	}
	assert_int_equal(nr_free_frames(machine, ZONE_CORE), 0);
	assert_int_equal(nr_free_frames(machine, ZONE_GUEST), nr_guest);
	while (chain) {
		folio = chain;
		chain = *(struct folio **)folio_address(machine, folio);
		folio_put(machine, folio);
	}
}

/* Fails when a sweep would miss an allocation. */
static void each_allocation_is_counted_and_can_fail(void **state)
{
	struct fixture *fixture = *state;
	unsigned long before = machine_nr_allocations(fixture->machine);

	machine_fail_nth(fixture->machine, 2);
	folio_put(fixture->machine, get(fixture));
	assert_null(folio_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY));
	folio_put(fixture->machine, get(fixture));
	machine_fail_nth(fixture->machine, 1);
	assert_null(folios_alloc(fixture->machine, GFP_CORE, GW_NODE_ANY, 2));
	assert_int_equal(machine_nr_allocations(fixture->machine), before + 4);
}

/* ---- What must not be free, or not be written ---------------------------------------------------------------- */

static void write_after_free(void *arg)
{
	struct fixture *fixture = arg;
	struct folio *folio = get(fixture);
	unsigned char *bytes = folio_address(fixture->machine, folio);

	folio_put(fixture->machine, folio);
	bytes[4095] = 7;
	get(fixture);
}

static void put_twice(void *arg)
{
	struct fixture *fixture = arg;
	struct folio *folio = get(fixture);

	folio_put(fixture->machine, folio);
	folio_put(fixture->machine, folio);
	get(fixture);
}

static void free_while_mapped(void *arg)
{
	struct fixture *fixture = arg;
	struct folio *folio = get(fixture);

	atomic_set(&folio->mapcount, 1);
	folio_put(fixture->machine, folio);
}

static void free_while_locked(void *arg)
{
	struct fixture *fixture = arg;
	struct folio *folio = get(fixture);

	folio_lock(folio);
	folio_put(fixture->machine, folio);
}

static void free_the_zero_page(void *arg)
{
	struct fixture *fixture = arg;

	folio_put(fixture->machine, fixture->machine->zero_folio);
}

static void free_a_block_with_a_user(void *arg)
{
	struct fixture *fixture = arg;
	struct folio *block = folios_alloc(fixture->machine, GFP_MOVABLE, GW_NODE_ANY, 3);

	folio_get(block + 5);
	folios_free(fixture->machine, block, 3);
}

/* Fails when a frame can be used by two without anybody noticing. */
static void wrong_frees_are_noticed(void **state)
{
	assert_panics(write_after_free, *state,
		      "was written while it was free: byte 4095 is 0x07, not 0xdb");
	assert_panics(put_twice, *state, "references");
	assert_panics(free_while_mapped, *state, "is mapped 1 times");
	assert_panics(free_while_locked, *state, "flags 0x");
	assert_panics(free_the_zero_page, *state, "flags 0x");
	assert_panics(free_a_block_with_a_user, *state, "refcount");
}

/* ---- Validation that can fail ----------------------------------------------------------------------------- */

/* Fails when damage to the free lists passes for a valid zone. */
static void damage_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct zone *zone = guest_zone_of(fixture, 0);
	struct folio *one = get(fixture), *other = get(fixture);

	assert_problem(fixture, NULL);
	zone->nr_free++;
	assert_problem(fixture, "frames free");
	zone->nr_free--;
	zone->free_areas[3].nr_free++;
	assert_problem(fixture, "free blocks of order 3");
	zone->free_areas[3].nr_free--;
	zone->pcp[0].count++;
	assert_problem(fixture, "CPU 0's list");
	zone->pcp[0].count--;

	folio_put(fixture->machine, one);
	atomic_set(&one->refcount, 1);
	assert_problem(fixture, "free with 1 references");
	atomic_set(&one->refcount, 0);
	folio_clear(one, PG_pcp);
	assert_problem(fixture, "without PG_pcp");
	folio_set(one, PG_pcp);
	atomic_set(&other->refcount, 0);
	assert_problem(fixture, "neither free nor referenced");
	atomic_set(&other->refcount, 1);
	assert_problem(fixture, NULL);
	folio_put(fixture->machine, other);
}

/* ---- Threads -------------------------------------------------------------------------------------------------- */

#define CHURN_ROUNDS 20000
#define CHURN_BLOCKS 24

struct churn {
	struct fixture *fixture;
	pthread_t thread;
	int cpu;
	int nr_bad; /* blocks that somebody else wrote to */
};

struct churn_block {
	struct folio *folio;
	int order;
};

static bool block_is_ours(const struct churn *churn, const struct churn_block *block)
{
	return block_is_filled(folio_address(churn->fixture->machine, block->folio),
			       (unsigned char)(churn->cpu + 1), PAGE_SIZE << block->order);
}

static void churn_step(struct churn *churn, struct churn_block *block, struct prng *prng)
{
	struct machine *machine = churn->fixture->machine;

	if (block->folio) {
		churn->nr_bad += !block_is_ours(churn, block);
		folios_free(machine, block->folio, block->order);
		block->folio = NULL;
		return;
	}
	block->order = prng_below(prng, 2) ? 0 : (int)prng_below(prng, 5);
	block->folio = folios_alloc(machine, GFP_MOVABLE, GW_NODE_ANY, block->order);
	if (block->folio)
		block_fill(folio_address(machine, block->folio), (unsigned char)(churn->cpu + 1),
			   PAGE_SIZE << block->order);
}

static void *churn_thread(void *arg)
{
	struct churn_block blocks[CHURN_BLOCKS] = { { NULL, 0 } };
	struct churn *churn = arg;
	struct prng prng;

	threads_task_attach("churn", churn->cpu);
	prng_seed(&prng, (uint64_t)churn->cpu);
	for (int i = 0; i < CHURN_ROUNDS; i++)
		churn_step(churn, &blocks[prng_below(&prng, CHURN_BLOCKS)], &prng);
	for (int i = 0; i < CHURN_BLOCKS; i++) {
		if (blocks[i].folio)
			churn_step(churn, &blocks[i], &prng);
	}
	threads_task_detach();
	return NULL;
}

/* Fails when two threads get one frame, or a merge takes one that is in use. */
static void threads_never_share_a_frame(void **state)
{
	struct fixture *fixture = *state;
	unsigned long before = nr_free_frames(fixture->machine, ZONE_GUEST);
	struct churn churns[2];

	for (int i = 0; i < 2; i++) {
		churns[i] = (struct churn){ .fixture = fixture, .cpu = i };
		assert_int_equal(pthread_create(&churns[i].thread, NULL, churn_thread, &churns[i]),
				 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(churns[i].thread, NULL);
		assert_int_equal(churns[i].nr_bad, 0);
	}
	assert_int_equal(nr_free_frames(fixture->machine, ZONE_GUEST), before);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(consecutive_requests_get_consecutive_frames, fixture_setup),
		TEST(the_frame_freed_last_is_the_next, fixture_setup),
		TEST(frames_on_another_cpus_list_are_found, setup_tiny),
		TEST(all_that_was_free_is_merged_again, setup_tiny),
		TEST(blocks_are_aligned_and_disjoint, fixture_setup),
		TEST(a_large_block_is_there_when_all_is_free, setup_tiny),
		TEST(nodes_are_tried_by_distance, setup_nodes),
		TEST(any_node_means_the_running_cpus, setup_nodes),
		TEST(the_reserve_is_not_for_guests, setup_large),
		TEST(core_and_guest_frames_are_apart, fixture_setup),
		TEST(each_allocation_is_counted_and_can_fail, fixture_setup),
		TEST(wrong_frees_are_noticed, fixture_setup),
		TEST(damage_is_found, fixture_setup),
		TEST(threads_never_share_a_frame, fixture_setup),
	};
#undef TEST

	return cmocka_run_group_tests_name("page_alloc", tests, NULL, NULL);
}
