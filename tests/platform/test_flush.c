// SPDX-License-Identifier: MIT
/*
 * test_flush.c - no store of a guest is lost while its pages move
 *
 * The guest counts in its pages, plainly and atomically; every counter must be exact at the end.
 * Then the same with one order broken at a time: a test that still passes proves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "code.h"
#include "toy.h"

#define ROUNDS		10000000l
#define BROKEN_ATTEMPTS 10

static greg_t *reg(struct toy *toy, int which)
{
	return &platform_gregs(toy->thread)[which];
}

/* Counters of @nr pages that are wrong after @rounds rounds. */
static int wrong_counters(struct toy *toy, unsigned long nr, long rounds)
{
	int wrong = 0;

	for (unsigned long i = 0; i < nr; i++) {
		const long *counter = toy_memory(toy, TOY_DATA + i * PAGE_SIZE);
		long right = rounds / (long)nr + ((long)i < rounds % (long)nr);

		wrong += counter[0] != right;
		wrong += counter[1] != right;
	}
	return wrong;
}

struct count {
	unsigned int fault_injection;
	bool copy_first;
	unsigned long nr;    /* pages, a power of two */
	unsigned long batch; /* of these, moved at once */
	unsigned long stride;
	long rounds;
};

/* Counters that are wrong, or -1 when the guest did not come to its end. */
static int count_while_migrating(const struct count *count)
{
	struct toy *toy = toy_create(count->fault_injection, CODE(count));
	struct platform_stats stats;
	int wrong = -1;

	for (unsigned long i = 0; i < count->nr; i++)
		toy_map(toy, TOY_DATA + i * PAGE_SIZE, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSI) = (greg_t)count->nr;
	*reg(toy, REG_RDX) = count->rounds;
	toy->copy_first = count->copy_first;
	toy->stride = count->stride;
	toy_start_migrating(toy, TOY_DATA, count->nr, count->batch);
	if (toy_run_to_syscall(toy) == 60) {
		toy_stop_migrating(toy);
		wrong = wrong_counters(toy, count->nr, count->rounds);
	} else {
		toy_stop_migrating(toy);
	}
	platform_stats(toy->platform, &stats);
	print_message("# %lu pages moved, %lu faults, %lu fills of %lu pages, flushes: %lu queued, "
		      "%lu by the helper; wrong: %d\n",
		      toy->nr_migrated, toy->nr_faults, stats.fills, stats.fill_pages,
		      stats.flushes_queued, stats.flushes_remote, wrong);
	if (!count->fault_injection)
		assert_true(toy->nr_migrated > 0);
	toy_destroy(toy);
	return wrong;
}

static void no_store_is_lost_while_pages_move_one_by_one(void **state)
{
	(void)state;
	for (unsigned long nr = 1; nr <= 64; nr *= 8)
		assert_int_equal(count_while_migrating(
					 &(struct count){ .nr = nr, .batch = 1, .rounds = ROUNDS }),
				 0);
}

static void no_store_is_lost_while_pages_move_in_batches(void **state)
{
	(void)state;
	for (unsigned long batch = 4; batch <= 128; batch *= 4)
		assert_int_equal(count_while_migrating(&(struct count){
					 .nr = 128, .batch = batch, .rounds = ROUNDS / 3 }),
				 0);
}

/* Too many single commands: all is unmapped at once, whatever is in flight for other pages. */
static void no_store_is_lost_while_every_other_page_moves(void **state)
{
	const struct count count = { .nr = 256, .batch = 256, .stride = 2, .rounds = ROUNDS / 100 };
	struct count slow = count;

	(void)state;
	assert_int_equal(count_while_migrating(&count), 0);
	slow.fault_injection = PLATFORM_DELAY_FILLS;
	slow.rounds /= 10;
	assert_int_equal(count_while_migrating(&slow), 0);
}

static void no_store_is_lost_while_fills_are_slow(void **state)
{
	(void)state;
	assert_int_equal(
		count_while_migrating(&(struct count){ .fault_injection = PLATFORM_DELAY_FILLS,
						       .nr = 16,
						       .batch = 1,
						       .rounds = ROUNDS }),
		0);
}

/* ---- Broken on purpose ----------------------------------------------------------------------- */

static void must_lose_stores(const struct count *count)
{
	int lost = 0;

	for (int i = 0; i < BROKEN_ATTEMPTS && !lost; i++)
		lost = count_while_migrating(count);
	assert_int_not_equal(lost, 0);
}

static void without_flushes_stores_are_lost(void **state)
{
	(void)state;
	must_lose_stores(&(struct count){
		.fault_injection = PLATFORM_NO_FLUSH, .nr = 16, .batch = 1, .rounds = ROUNDS });
}

static void without_waiting_for_fills_stores_are_lost(void **state)
{
	(void)state;
	must_lose_stores(&(struct count){ .fault_injection =
						  PLATFORM_NO_WAIT_FOR_FILLS | PLATFORM_DELAY_FILLS,
					  .nr = 16,
					  .batch = 1,
					  .rounds = ROUNDS });
}

static void copying_before_the_flush_loses_stores(void **state)
{
	(void)state;
	must_lose_stores(
		&(struct count){ .copy_first = true, .nr = 16, .batch = 1, .rounds = ROUNDS });
}

/* ---- Rights ---------------------------------------------------------------------------------- */

static void a_protected_page_is_read_without_a_fault_and_not_written(void **state)
{
	struct toy *toy = toy_create(0, CODE(store));
	struct platform_event event;
	unsigned long faults;

	(void)state;
	toy_map(toy, TOY_DATA, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	toy_write_protect(toy, TOY_DATA, 1);
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_WRITE);

	memcpy(toy_memory(toy, TOY_CODE), code_read, (size_t)(code_read_end - code_read));
	*reg(toy, REG_RIP) = TOY_CODE;
	*reg(toy, REG_RSI) = 1;
	faults = toy->nr_faults;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(toy->nr_faults, faults);
	toy_destroy(toy);
}

static void an_unmapped_range_faults_page_by_page(void **state)
{
	struct toy *toy = toy_create(0, CODE(read));

	(void)state;
	for (unsigned long i = 0; i < 1200; i++)
		toy_map(toy, TOY_DATA + i * PAGE_SIZE, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSI) = 1200;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	for (unsigned long i = 0; i < 1200; i += 137) {
		struct platform_event event;
		struct toy_pte old = *toy_pte(toy, TOY_DATA + i * PAGE_SIZE);

		toy_unmap(toy, TOY_DATA + i * PAGE_SIZE, 1);
		event = toy_run(toy);
		assert_int_equal(event.kind, PLATFORM_FAULT);
		assert_int_equal(event.addr, TOY_DATA + i * PAGE_SIZE);
		*toy_pte(toy, TOY_DATA + i * PAGE_SIZE) = old;
		assert_int_equal(toy_run_to_syscall(toy), 60);
	}
	/* All at once, over regions, at their edges. */
	toy_unmap(toy, TOY_DATA + 511 * PAGE_SIZE, 514);
	assert_int_equal(toy_run(toy).addr, TOY_DATA + 511 * PAGE_SIZE);
	toy_destroy(toy);
}

/* ---- The host's limits ----------------------------------------------------------------------- */

/* Two frames in turn: no two neighbours share a mapping of the host. */
static void map_scattered(struct toy *toy, unsigned long nr)
{
	unsigned int first = toy_frame_alloc(toy), between = toy_frame_alloc(toy);
	unsigned int frames[2] = { first, toy_frame_alloc(toy) };
	long *words[2] = { (long *)(toy->frames + frames[0] * PAGE_SIZE),
			   (long *)(toy->frames + frames[1] * PAGE_SIZE) };

	(void)between; /* else they would be contiguous */
	*words[0] = 1;
	*words[1] = 10;
	for (unsigned long i = 0; i < nr; i++)
		toy_map_pfn(toy, TOY_DATA + i * PAGE_SIZE, frames[i % 2], false, false);
}

/* Mappings that the stub has, as the host counts them. */
static unsigned long mappings_of(struct toy *toy)
{
	char path[64];
	unsigned long nr = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)platform_process_pid(toy->process));
	maps = fopen(path, "r");
	assert_non_null(maps);
	for (int c = fgetc(maps); c != EOF; c = fgetc(maps))
		nr += c == '\n';
	fclose(maps);
	return nr;
}

static void more_mappings_than_are_allowed_are_evicted(void **state)
{
	const unsigned long nr = 6000, max = 1000, own = 4;
	struct toy *toy = toy_create_small(max, CODE(read));
	struct platform_stats stats;

	(void)state;
	map_scattered(toy, nr);
	*reg(toy, REG_RDI) = TOY_DATA;
	for (unsigned long part = nr / 8; part <= nr; part *= 2) {
		*reg(toy, REG_RSI) = (greg_t)part;
		assert_int_equal(toy_run_to_syscall(toy), 60);
		assert_int_equal(*reg(toy, REG_RBX), part / 2 * 11);
		assert_true(mappings_of(toy) <= max + own);
	}
	platform_stats(toy->platform, &stats);
	assert_true(stats.evictions > 0);
	toy_destroy(toy);
}

/* Contiguous frames share a mapping, and are not counted one by one. */
static void contiguous_frames_need_one_mapping(void **state)
{
	const unsigned long nr = 2048;
	struct toy *toy = toy_create_small(100, CODE(read));
	struct platform_stats stats;

	(void)state;
	for (unsigned long i = 0; i < nr; i++)
		toy_map(toy, TOY_DATA + i * PAGE_SIZE, false, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSI) = (greg_t)nr;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_true(mappings_of(toy) < 10);
	platform_stats(toy->platform, &stats);
	assert_int_equal(stats.evictions, 0);
	assert_true(stats.fills < nr / 8);
	toy_destroy(toy);
}

/* One page in each of many regions: evicting regions one by one would not end. */
static void thinly_spread_pages_are_evicted_together(void **state)
{
	const unsigned long nr = 240, max = 100;
	struct toy *toy = toy_create_small(max, CODE(store));

	(void)state;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned long i = 0; i < nr; i++) {
			unsigned long addr = TOY_DATA + i * (512 * PAGE_SIZE);

			if (!pass)
				toy_map(toy, addr, true, false);
			*reg(toy, REG_RDI) = (greg_t)addr;
			*reg(toy, REG_RSI) = (greg_t)i;
			assert_int_equal(toy_run_to_syscall(toy), 60);
			assert_int_equal(*(unsigned long *)toy_memory(toy, addr), i);
			assert_true(mappings_of(toy) <= max + 4);
		}
	toy_destroy(toy);
}

/* Less than the platform expects: the host refuses, and it begins anew with nothing mapped. */
static void a_refusal_of_the_host_is_survived(void **state)
{
	struct toy *toy = toy_create(0, CODE(read));
	const unsigned long nr = 4096;
	struct rlimit limit = { 4ul << 20, 4ul << 20 };

	(void)state;
	map_scattered(toy, nr);
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSI) = (greg_t)nr;
	assert_int_equal(prlimit(platform_process_pid(toy->process), RLIMIT_AS, &limit, NULL), 0);
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*reg(toy, REG_RBX), nr / 2 * 11);

	/* None at all: the guest cannot go on. */
	limit = (struct rlimit){ 1 << 16, 1 << 16 };
	prlimit(platform_process_pid(toy->process), RLIMIT_AS, &limit, NULL);
	assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
	toy_destroy(toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_store_is_lost_while_pages_move_one_by_one),
		cmocka_unit_test(no_store_is_lost_while_pages_move_in_batches),
		cmocka_unit_test(no_store_is_lost_while_every_other_page_moves),
		cmocka_unit_test(no_store_is_lost_while_fills_are_slow),
		cmocka_unit_test(without_flushes_stores_are_lost),
		cmocka_unit_test(without_waiting_for_fills_stores_are_lost),
		cmocka_unit_test(copying_before_the_flush_loses_stores),
		cmocka_unit_test(a_protected_page_is_read_without_a_fault_and_not_written),
		cmocka_unit_test(an_unmapped_range_faults_page_by_page),
		cmocka_unit_test(more_mappings_than_are_allowed_are_evicted),
		cmocka_unit_test(contiguous_frames_need_one_mapping),
		cmocka_unit_test(thinly_spread_pages_are_evicted_together),
		cmocka_unit_test(a_refusal_of_the_host_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
