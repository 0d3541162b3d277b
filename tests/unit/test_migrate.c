// SPDX-License-Identifier: MIT
/* test_migrate.c - moving pages: contents, rights and references survive, or nothing changes */
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>

#include "lru.h"
#include "migrate.h"
#include "rmap.h"
#include "uaccess.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x100000ul

static void fill(struct mm *mm, unsigned long addr, unsigned long nr_pages)
{
	for (unsigned long i = 0; i < nr_pages; i++) {
		uint64_t stamp = addr + i;

		assert_int_equal(copy_to_user(mm, addr + i * PAGE_SIZE, &stamp, sizeof(stamp)), 0);
	}
}

static void check(struct mm *mm, unsigned long addr, unsigned long nr_pages)
{
	for (unsigned long i = 0; i < nr_pages; i++) {
		uint64_t stamp = 0;

		assert_int_equal(copy_from_user(mm, &stamp, addr + i * PAGE_SIZE, sizeof(stamp)), 0);
		assert_int_equal(stamp, addr + i);
	}
}

static struct gw_migrate migrate(struct mm *mm, unsigned long start, unsigned long nr_pages,
				 enum gw_migrate_mode mode)
{
	struct gw_migrate move = { .mode = mode, .reason = GW_MR_SYSCALL };

	assert_int_equal(migrate_range(mm, start, start + nr_pages * PAGE_SIZE, &move), 0);
	return move;
}

/* Fails when a page is left behind, loses its contents, or keeps its old frame. */
static void every_page_moves_and_keeps_its_contents(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long before[100];
	struct gw_migrate move;

	fixture_map_at(mm, BASE, 100 * PAGE_SIZE, RW);
	fill(mm, BASE, 100);
	for (int i = 0; i < 100; i++)
		before[i] = pte_pfn(pte_at(mm, BASE + i * PAGE_SIZE));
	move = migrate(mm, BASE, 100, GW_MIGRATE_ASYNC);
	assert_int_equal(move.nr_candidates, 100);
	assert_int_equal(move.nr_succeeded, 100);
	assert_int_equal(move.nr_failed, 0);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(before[i], pte_pfn(pte_at(mm, BASE + i * PAGE_SIZE)));
	check(mm, BASE, 100);
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_pgmigrate_success), 100);
}

/* Fails when a move gives or takes a right, or forgets accessed, dirty or soft-dirty. */
static void an_entry_comes_back_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	pte_t before[4];

	fixture_map_at(mm, BASE, 4 * PAGE_SIZE, RW);
	fill(mm, BASE, 4);
	assert_int_equal(mm_mprotect(mm, BASE + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(mm_mprotect(mm, BASE + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
	for (int i = 0; i < 4; i++)
		before[i] = pte_at(mm, BASE + i * PAGE_SIZE);
	assert_int_equal(migrate(mm, BASE, 4, GW_MIGRATE_SYNC).nr_succeeded, 4);
	for (int i = 0; i < 4; i++) {
		pte_t after = pte_at(mm, BASE + i * PAGE_SIZE);

		assert_int_equal(before[i].v & ~PTE_PFN_MASK, after.v & ~PTE_PFN_MASK);
		assert_true(folio_test(folio_at(mm, BASE + i * PAGE_SIZE), PG_anon_exclusive));
	}
}

/* Fails when a page that somebody looks at moves from under him. */
static void a_reference_keeps_a_page_where_it_is(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct gw_migrate move;
	struct folio *held;
	pte_t before;

	fixture_map_at(mm, BASE, 3 * PAGE_SIZE, RW);
	fill(mm, BASE, 3);
	held = folio_at(mm, BASE + PAGE_SIZE);
	before = pte_at(mm, BASE + PAGE_SIZE);
	folio_get(held);
	move = migrate(mm, BASE, 3, GW_MIGRATE_SYNC);
	assert_int_equal(move.nr_succeeded, 2);
	assert_int_equal(move.nr_failed, 1);
	assert_true(move.nr_retries > 0);
	assert_int_equal(pte_at(mm, BASE + PAGE_SIZE).v, before.v);
	folio_put(fixture->machine, held);
	assert_int_equal(migrate(mm, BASE + PAGE_SIZE, 1, GW_MIGRATE_SYNC).nr_succeeded, 1);
	check(mm, BASE, 3);
}

/* What another task does while this one holds a folio lock. */
struct operation {
	struct mm *mm;
	long result;
};

static void migrate_async(void *arg)
{
	struct operation *op = arg;
	struct gw_migrate move = { .mode = GW_MIGRATE_ASYNC, .reason = GW_MR_SYSCALL };

	migrate_range(op->mm, BASE, BASE + PAGE_SIZE, &move);
	op->result = (long)move.nr_failed;
}

static void make_read_only(void *arg)
{
	struct operation *op = arg;

	op->result = mm_mprotect(op->mm, BASE, PAGE_SIZE, PROT_READ);
}

static void unmap(void *arg)
{
	struct operation *op = arg;

	op->result = mm_munmap(op->mm, BASE, PAGE_SIZE);
}

#define PAGEMAP_KIND ((long)(GW_PAGEMAP_PRESENT | GW_PAGEMAP_SWAP | GW_PAGEMAP_FILE))

static void read_pagemap(void *arg)
{
	struct operation *op = arg;
	uint64_t entry;

	mm_pagemap(op->mm, BASE, 1, &entry);
	op->result = (long)entry;
}

static long elsewhere(struct mm *mm, void (*work)(void *arg))
{
	struct operation op = { .mm = mm };

	fixture_in_another_task(work, &op);
	return op.result;
}

/* Fails when the asynchronous mode waits for a lock. */
static void async_mode_leaves_a_locked_page(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct folio *folio;

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	fill(mm, BASE, 1);
	folio = folio_at(mm, BASE);
	folio_lock(folio);
	assert_int_equal(elsewhere(mm, migrate_async), 1);
	folio_unlock(folio);
	check(mm, BASE, 1);
}

/* Fails when a file's page moves in some of the places that map it only. */
static void a_file_page_moves_wherever_it_is_mapped(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 8 * PAGE_SIZE);
	unsigned char byte;
	struct folio *old, *new;

	for (int i = 0; i < 3; i++) {
		unsigned long addr = BASE + i * 16 * PAGE_SIZE;

		assert_int_equal(fixture_mmap(mm, addr, 8 * PAGE_SIZE, PROT_READ,
					      MAP_PRIVATE | MAP_FIXED, file, 0),
				 addr);
		assert_int_equal(copy_from_user(mm, &byte, addr + 5 * PAGE_SIZE + 7, 1), 0);
	}
	old = folio_at(mm, BASE + 5 * PAGE_SIZE);
	assert_int_equal(folio_mapcount(old), 3);
	assert_int_equal(migrate(mm, BASE + 5 * PAGE_SIZE, 1, GW_MIGRATE_SYNC).nr_succeeded, 1);
	new = folio_at(mm, BASE + 5 * PAGE_SIZE);
	assert_ptr_not_equal(new, old);
	assert_int_equal(folio_mapcount(new), 3);
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(folio_at(mm, BASE + (i * 16 + 5) * PAGE_SIZE), new);
		assert_int_equal(copy_from_user(mm, &byte, BASE + (i * 16 + 5) * PAGE_SIZE + 7, 1),
				 0);
		assert_int_equal(byte, fixture_file_byte(5 * PAGE_SIZE + 7));
	}
	mapping_put(file);
}

/* ---- Between the two walks: the first by hand, then something else, then the second ------------------- */

struct halfway {
	struct folio *folio;
	struct anon_vma *anon_vma;
	struct tlb_batch batch;
};

static void begin_move(struct mm *mm, unsigned long addr, struct halfway *half)
{
	half->folio = folio_at(mm, addr);
	half->batch.nr = 0;
	assert_true(folio_isolate_lru(mm->machine, half->folio));
	folio_lock(half->folio);
	half->anon_vma = folio_get_anon_vma(mm->machine, half->folio);
	try_to_migrate(mm->machine, half->folio, &half->batch);
	assert_false(folio_mapped(half->folio));
}

static void give_up_move(struct mm *mm, struct halfway *half)
{
	tlb_batch_flush(mm->machine, &half->batch);
	remove_migration_ptes(mm->machine, half->folio, half->folio);
	if (half->anon_vma)
		put_anon_vma(mm->machine, half->anon_vma);
	folio_unlock(half->folio);
	folio_putback_lru(mm->machine, half->folio);
}

/* Fails when a page that lost its right to be written while it moved gets it back. */
static void mprotect_between_the_walks_is_obeyed(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct halfway half;

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	fill(mm, BASE, 1);
	begin_move(mm, BASE, &half);
	assert_true(pte_is_migration_write(pte_at(mm, BASE)));
	assert_int_equal(elsewhere(mm, make_read_only), 0);
	assert_false(pte_is_migration_write(pte_at(mm, BASE)));
	give_up_move(mm, &half);
	assert_true(pte_present(pte_at(mm, BASE)));
	assert_false(pte_write(pte_at(mm, BASE)));
	check(mm, BASE, 1);
}

/* Fails when pagemap shows a file's page as anonymous, or the other way round, while it moves. */
static void pagemap_between_the_walks_tells_files(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "file", PAGE_SIZE);
	struct halfway half;
	char byte;

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	fill(mm, BASE, 1);
	begin_move(mm, BASE, &half);
	assert_int_equal(elsewhere(mm, read_pagemap) & PAGEMAP_KIND, GW_PAGEMAP_SWAP);
	give_up_move(mm, &half);

	assert_int_equal(fixture_mmap(mm, BASE, PAGE_SIZE, PROT_READ,
				      MAP_PRIVATE | MAP_FIXED, file, 0),
			 BASE);
	assert_int_equal(copy_from_user(mm, &byte, BASE, 1), 0);
	begin_move(mm, BASE, &half);
	assert_int_equal(elsewhere(mm, read_pagemap) & PAGEMAP_KIND,
			 GW_PAGEMAP_SWAP | GW_PAGEMAP_FILE);
	give_up_move(mm, &half);
	mapping_put(file);
}

/* Fails when a process that goes away between the walks leaves the frame or its count behind. */
static void munmap_between_the_walks_frees_the_page(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long free_before = machine_free_frames(fixture->machine);
	struct halfway half;

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	fill(mm, BASE, 1);
	begin_move(mm, BASE, &half);
	assert_int_equal(elsewhere(mm, unmap), 0);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 0);
	give_up_move(mm, &half);
	assert_int_equal(machine_free_frames(fixture->machine), free_before);
}

/* Fails when an unmapping trusts an entry whose flush a migration still owes. */
static void an_owed_flush_is_paid_before_munmap_returns(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct halfway half;
	uint64_t word = 1;

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	assert_int_equal(tlb_store(mm, BASE, &word, sizeof(word)), GW_FAULT_DONE);
	assert_ptr_equal(fixture->machine->tlbs[0].entries[(BASE >> PAGE_SHIFT) % TLB_ENTRIES].mm, mm);
	begin_move(mm, BASE, &half);
	assert_int_equal(elsewhere(mm, unmap), 0);
	/* The modelled CPU must not find its old translation any more. */
	assert_null(fixture->machine->tlbs[0].entries[(BASE >> PAGE_SHIFT) % TLB_ENTRIES].mm);
	give_up_move(mm, &half);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_page_moves_and_keeps_its_contents),
		TEST(an_entry_comes_back_as_it_was),
		TEST(a_reference_keeps_a_page_where_it_is),
		TEST(async_mode_leaves_a_locked_page),
		TEST(a_file_page_moves_wherever_it_is_mapped),
		TEST(mprotect_between_the_walks_is_obeyed),
		TEST(pagemap_between_the_walks_tells_files),
		TEST(munmap_between_the_walks_frees_the_page),
		TEST(an_owed_flush_is_paid_before_munmap_returns),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
