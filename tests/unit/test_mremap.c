// SPDX-License-Identifier: MIT
/* test_mremap.c - growing, shrinking and moving mappings, and what is left when that fails */
#include "fixture.h"

#include <errno.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>

#include "anon_vma.h"
#include "migrate.h"
#include "tlb.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

#define A 0x10000000ul
#define B 0x20000000ul

static void stamp(struct mm *mm, unsigned long addr, unsigned long len, uint64_t salt)
{
	for (unsigned long at = 0; at < len; at += PAGE_SIZE) {
		uint64_t value = salt + at;

		assert_int_equal(tlb_store(mm, addr + at, &value, sizeof(value)), GW_FAULT_DONE);
	}
}

static void assert_stamps(struct mm *mm, unsigned long addr, unsigned long len, uint64_t salt)
{
	for (unsigned long at = 0; at < len; at += PAGE_SIZE) {
		uint64_t value;

		assert_int_equal(tlb_load(mm, addr + at, &value, sizeof(value)), GW_FAULT_DONE);
		assert_int_equal(value, salt + at);
	}
}

static void assert_zeroes(struct mm *mm, unsigned long addr, unsigned long len)
{
	for (unsigned long at = 0; at < len; at += PAGE_SIZE) {
		uint64_t value = 1;

		assert_int_equal(tlb_load(mm, addr + at, &value, sizeof(value)), GW_FAULT_DONE);
		assert_int_equal(value, 0);
	}
}

static void assert_gone(struct mm *mm, unsigned long addr)
{
	char byte;

	assert_int_equal(tlb_load(mm, addr, &byte, 1), GW_FAULT_MAPERR);
}

/* Fails when an argument that Linux refuses is taken, or another error is given. */
static void mremap_refuses_what_linux_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	static const struct {
		unsigned long addr, old_len, new_len, flags, to;
		int err;
	} cases[] = {
		{ A, 0x1000, 0x1000, 8, 0, -EINVAL },
		{ A, 0x1000, 0x1000, 1ul << 40, 0, -EINVAL },
		{ A, 0x1000, 0x1000, MREMAP_FIXED, B, -EINVAL },
		{ A, 0x1000, 0x1000, MREMAP_DONTUNMAP, B, -EINVAL },
		{ A, 0x1000, 0x2000, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, B, -EINVAL },
		{ A + 1, 0x1000, 0x1000, 0, 0, -EINVAL },
		{ A, 0x1000, 0, 0, 0, -EINVAL },
		{ B, 0x1000, 0x1000, 0, 0, -EFAULT },
		{ A, 0, 0x1000, MREMAP_MAYMOVE, 0, -EINVAL },
		{ A, 0x3000, 0x4000, MREMAP_MAYMOVE, 0, -EFAULT },
		{ A, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, B + 1, -EINVAL },
		{ A, 0x2000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, A + 0x1000, -EINVAL },
		{ A, 0x1000, 0x2000, MREMAP_MAYMOVE | MREMAP_FIXED, A - 0x1000, -EINVAL },
		{ A, 0x1000, 1ul << 48, MREMAP_MAYMOVE | MREMAP_FIXED, B, -EINVAL },
		{ A, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, (1ul << 47) - 0x1000, -EINVAL },
		{ A, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, 0x1000, -EPERM },
		{ A, 0x1000, 0x2000, 0, 0, -ENOMEM },
		{ A, 0x2000, 1ul << 48, MREMAP_MAYMOVE, 0, -ENOMEM },
	};

	fixture_map_at(mm, A, 0x2000, RW);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mm_mremap(mm, cases[i].addr, cases[i].old_len, cases[i].new_len,
					   cases[i].flags, cases[i].to),
				 cases[i].err);
	fixture_assert_maps(mm, "10000000-10002000 rw-p\n");
}

/* Fails when room above is not used, a neighbour is overrun, or what is cut off stays. */
static void a_mapping_grows_and_shrinks_where_it_is(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x4000, RW);
	fixture_map_at(mm, A + 0x8000, 0x1000, RW);
	stamp(mm, A, 0x4000, 1);
	assert_int_equal(mm_mremap(mm, A + 0x1000, 0x3000, 0x7000, 0, 0), A + 0x1000);
	fixture_assert_maps(mm, "10000000-10009000 rw-p\n"); /* up to the neighbour, and merged */
	assert_stamps(mm, A, 0x4000, 1);
	assert_zeroes(mm, A + 0x4000, 0x5000);
	assert_int_equal(mm_mremap(mm, A, 0x9000, 0x2000, 0, 0), A);
	fixture_assert_maps(mm, "10000000-10002000 rw-p\n");
	assert_gone(mm, A + 0x2000);
	fixture_assert_valid(fixture);
}

/* Fails when a page, or the rest of a mapping, is lost on the way. */
static void a_move_takes_its_pages_along(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x8000, RW);
	stamp(mm, A, 0x8000, 1);
	fixture_map_at(mm, B, 0x8000, RW);
	stamp(mm, B, 0x8000, 1000000);
	assert_int_equal(mm_mremap(mm, A + 0x2000, 0x3000, 0x4000, MREMAP_MAYMOVE | MREMAP_FIXED,
				   B + 0x1000),
			 B + 0x1000);
	fixture_assert_maps(mm, "10000000-10002000 rw-p\n10005000-10008000 rw-p\n"
				"20000000-20001000 rw-p\n20001000-20005000 rw-p\n"
				"20005000-20008000 rw-p\n");
	assert_stamps(mm, A, 0x2000, 1);
	assert_gone(mm, A + 0x2000);
	assert_stamps(mm, A + 0x5000, 0x3000, 1 + 0x5000);
	assert_stamps(mm, B, 0x1000, 1000000);
	assert_stamps(mm, B + 0x1000, 0x3000, 1 + 0x2000);
	assert_zeroes(mm, B + 0x4000, 0x1000);
	assert_stamps(mm, B + 0x5000, 0x3000, 1000000 + 0x5000);
	/* Back home it is one again, whatever the page offsets say meanwhile. */
	assert_int_equal(mm_mremap(mm, B + 0x1000, 0x4000, 0x3000, MREMAP_MAYMOVE | MREMAP_FIXED,
				   A + 0x2000),
			 A + 0x2000);
	fixture_assert_maps(mm, "10000000-10008000 rw-p\n20000000-20001000 rw-p\n"
				"20005000-20008000 rw-p\n");
	assert_stamps(mm, A, 0x8000, 1);
	fixture_assert_valid(fixture);
}

/* Fails when pages that have moved are not found from their folios any more. */
static void what_has_moved_can_be_migrated(void **state)
{
	struct gw_migrate move = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_COMPACTION };
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);

	fixture_map_at(mm, A, 0x4000, RW);
	stamp(mm, A, 0x4000, 1);
	assert_int_equal(
		fixture_mmap(mm, A + 0x100000, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
		A + 0x100000);
	stamp(mm, A + 0x100000, 0x2000, 5);
	mm_mremap(mm, A, 0x4000, 0x4000, MREMAP_MAYMOVE | MREMAP_FIXED, B);
	mm_mremap(mm, A + 0x100000, 0x4000, 0x4000, MREMAP_MAYMOVE | MREMAP_FIXED, B + 0x100000);
	assert_int_equal(migrate_range(mm, 0, mm->task_size, &move), 0);
	assert_int_equal(move.nr_failed, 0);
	assert_in_range(move.nr_succeeded, 6, 8);
	fixture_assert_valid(fixture);
	assert_stamps(mm, B, 0x4000, 1);
	assert_stamps(mm, B + 0x100000, 0x2000, 5);
	mapping_put(file);
}

/* The frame of the table of PTEs for @addr. */
static unsigned long table_of(struct mm *mm, unsigned long addr)
{
	return (unsigned long)pte_offset_lockless(mm, addr) >> PAGE_SHIFT;
}

/* Fails when pages are moved one by one where a table would do, or a table takes a stranger along. */
static void whole_tables_move_as_such(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long from = A + 3 * PAGE_SIZE, to = B + 3 * PAGE_SIZE, len = 3 * PMD_SIZE;
	unsigned long tables[3];

	fixture_map_at(mm, from, len, RW);
	for (int i = 0; i < 3; i++) {
		stamp(mm, from + (unsigned long)i * PMD_SIZE, 0x3000, (uint64_t)i);
		tables[i] = table_of(mm, from + (unsigned long)i * PMD_SIZE);
	}
	assert_int_equal(mm_mremap(mm, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	for (int i = 0; i < 3; i++) {
		assert_stamps(mm, to + (unsigned long)i * PMD_SIZE, 0x3000, (uint64_t)i);
		assert_true(table_of(mm, to + (unsigned long)i * PMD_SIZE) == tables[i]);
		assert_gone(mm, from + (unsigned long)i * PMD_SIZE);
	}
	fixture_assert_valid(fixture);
	/* With a neighbour in the first table, that one stays. */
	fixture_map_at(mm, B, 0x1000, PROT_READ);
	assert_int_equal(mm_mremap(mm, to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, from), from);
	assert_true(table_of(mm, from) != tables[0]);
	assert_true(table_of(mm, from + PMD_SIZE) == tables[1]);
	for (int i = 0; i < 3; i++)
		assert_stamps(mm, from + (unsigned long)i * PMD_SIZE, 0x3000, (uint64_t)i);
	fixture_assert_valid(fixture);
}

/* Fails when the old mapping is not there and empty, or keeps what belongs to the moved pages. */
static void dontunmap_leaves_an_empty_mapping(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	const struct vma *vma;

	fixture_map_at(mm, A, 0x4000, RW);
	stamp(mm, A, 0x4000, 1);
	assert_int_equal(mm_mlock(mm, A, 0x4000, 0), 0);
	assert_int_equal(mm_mremap(mm, A + 0x1000, 0x2000, 0x2000,
				   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, B),
			 B);
	fixture_assert_maps(mm, "10000000-10001000 rw-p\n10001000-10003000 rw-p\n"
				"10003000-10004000 rw-p\n20000000-20002000 rw-p\n");
	assert_int_equal(mm->locked_vm, 4); /* two moved, two at the ends */
	fixture_assert_valid(fixture);
	down_read(&mm->mmap_lock);
	vma = vma_lookup(mm, A + 0x1000);
	assert_null(vma->anon_vma);
	assert_int_equal(vma->pgoff, (A + 0x1000) >> PAGE_SHIFT);
	assert_int_equal(vma->flags & VM_LOCKED_MASK, 0);
	up_read(&mm->mmap_lock);
	assert_zeroes(mm, A + 0x1000, 0x2000);
	assert_stamps(mm, B, 0x2000, 1 + 0x1000);
	assert_stamps(mm, A + 0x3000, 0x1000, 1 + 0x3000);
	fixture_assert_valid(fixture);
}

/* Fails when a length of 0 does not give a second view, or gives one of private memory. */
static void length_0_maps_a_file_again(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);
	unsigned char byte;

	assert_int_equal(fixture_mmap(mm, A, 0x4000, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0),
			 A);
	assert_int_equal(mm_mremap(mm, A + 0x2000, 0, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, B), B);
	assert_int_equal(tlb_load(mm, B, &byte, 1), GW_FAULT_DONE);
	assert_int_equal(byte, fixture_file_byte(0x2000));
	assert_int_equal(tlb_load(mm, A + 0x2000, &byte, 1), GW_FAULT_DONE);
	fixture_assert_maps(mm, "10000000-10004000 r--s\n20000000-20001000 r--s\n");
	fixture_assert_valid(fixture);
	mapping_put(file);
}

/* ---- Failures ----------------------------------------------------------------------------------------- */

struct attempt {
	const char *name;
	unsigned long addr, old_len, new_len, flags, to;
	int failures_min;
};

static int run_attempt(struct fixture *fixture, void *arg)
{
	const struct attempt *attempt = arg;
	long result;

	/* Whatever failed before, everything is still where it was. */
	assert_stamps(fixture->mm, A, 0x8000, 1);
	assert_stamps(fixture->mm, B, 0x8000, 1000000);
	result = mm_mremap(fixture->mm, attempt->addr, attempt->old_len, attempt->new_len,
			   attempt->flags, attempt->to);
	return result < 0 ? (int)result : 0;
}

/* Fails when a mremap() that runs out of memory has done a part of its work. */
static void a_failed_mremap_changes_nothing(void **state)
{
	static const struct attempt attempts[] = {
		{ "grow in place", A + 0x4000, 0x4000, 0x6000, 0, 0, 1 },
		{ "shrink in the middle", A, 0x4000, 0x2000, 0, 0, 3 },
		{ "move elsewhere", A + 0x2000, 0x3000, 0x3000, MREMAP_MAYMOVE | MREMAP_FIXED,
		  3 * B, 8 },
		{ "move into a hole of another", A + 0x2000, 0x3000, 0x4000,
		  MREMAP_MAYMOVE | MREMAP_FIXED, B + 0x1000, 8 },
		{ "cut and move", A + 0x2000, 0x5000, 0x2000, MREMAP_MAYMOVE | MREMAP_FIXED, B, 8 },
		{ "move and keep", A + 0x2000, 0x3000, 0x3000,
		  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, B + 0x2000, 8 },
		{ "move within itself", A + 0x6000, 0x2000, 0x2000, MREMAP_MAYMOVE | MREMAP_FIXED,
		  A + 0x1000, 8 },
		{ "move because it must grow", A + 0x2000, 0x3000, 0x30000, MREMAP_MAYMOVE, 0, 8 },
	};
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		struct attempt attempt = attempts[i];
		int failures;

		fixture_map_at(mm, A, 0x8000, RW);
		fixture_map_at(mm, B, 0x8000, RW);
		stamp(mm, A, 0x8000, 1);
		stamp(mm, B, 0x8000, 1000000);
		if (attempt.flags & MREMAP_DONTUNMAP)
			assert_int_equal(mm_mlock(mm, A, 0x8000, 0), 0);
		failures = fixture_fail_nth_sweep(fixture, mm, run_attempt, &attempt);
		if (failures < attempt.failures_min)
			fail_msg("%s: %d failures", attempt.name, failures);
		assert_int_equal(mm_munmap(mm, A & ~(PMD_SIZE - 1), 1ul << 46), 0);
		fixture_assert_valid(fixture);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(mremap_refuses_what_linux_refuses),
		TEST(a_mapping_grows_and_shrinks_where_it_is),
		TEST(a_move_takes_its_pages_along),
		TEST(what_has_moved_can_be_migrated),
		TEST(whole_tables_move_as_such),
		TEST(dontunmap_leaves_an_empty_mapping),
		TEST(length_0_maps_a_file_again),
		TEST(a_failed_mremap_changes_nothing),
	};

	return cmocka_run_group_tests_name("mremap", tests, NULL, NULL);
}
