// SPDX-License-Identifier: MIT
/* test_madvise.c - advice about mappings and about pages; mincore */
#include "pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "uaccess.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define A   0x10000000ul
#define VEC 0x70000000ul

#define COLD	       20
#define PAGEOUT	       21
#define POPULATE_READ  22
#define POPULATE_WRITE 23

static void store_byte(struct mm *mm, unsigned long addr, unsigned char byte)
{
	assert_int_equal(tlb_store(mm, addr, &byte, 1), GW_FAULT_DONE);
}

static void assert_byte(struct mm *mm, unsigned long addr, unsigned char wanted)
{
	unsigned char byte;

	assert_int_equal(tlb_load(mm, addr, &byte, 1), GW_FAULT_DONE);
	assert_int_equal(byte, wanted);
}

static unsigned long flags_at(struct mm *mm, unsigned long addr)
{
	unsigned long flags;

	down_read(&mm->mmap_lock);
	flags = vma_lookup(mm, addr)->flags;
	up_read(&mm->mmap_lock);
	return flags;
}

/* Fails when advice that Linux refuses is taken, or a hole ends it early or goes unreported. */
static void madvise_refuses_what_linux_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x2000);

	fixture_map_at(mm, A, 0x2000, RW);
	fixture_map_at(mm, A + 0x3000, 0x1000, RW);
	assert_int_equal(mm_madvise(mm, A, 0x1000, 5), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0x1000, MADV_HUGEPAGE), -EINVAL);
	assert_int_equal(mm_madvise(mm, A + 1, 0x1000, MADV_NORMAL), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, ~0ul, MADV_NORMAL), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, -0x1000ul, MADV_NORMAL), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0, MADV_DONTNEED), 0);
	store_byte(mm, A + 0x1000, 1);
	store_byte(mm, A + 0x3000, 1);
	assert_int_equal(mm_madvise(mm, A, 0x4000, MADV_DONTNEED), -ENOMEM);
	assert_byte(mm, A + 0x3000, 0);
	assert_int_equal(mm_madvise(mm, A, 0x1000, MADV_REMOVE), -EINVAL);
	assert_int_equal(
		fixture_mmap(mm, A + 0x10000, 0x2000, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
		A + 0x10000);
	assert_int_equal(mm_madvise(mm, A + 0x10000, 0x1000, MADV_FREE), -EINVAL);
	assert_int_equal(mm_madvise(mm, A + 0x10000, 0x1000, MADV_REMOVE), -EACCES);
	assert_int_equal(mm_madvise(mm, A + 0x10000, 0x1000, MADV_WIPEONFORK), -EINVAL);
	assert_int_equal(mm_mlock(mm, A, 0x1000, 0), 0);
	assert_int_equal(mm_madvise(mm, A, 0x1000, MADV_DONTNEED), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0x1000, MADV_FREE), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0x1000, COLD), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0x1000, PAGEOUT), -EINVAL);
	assert_int_equal(mm_madvise(mm, A, 0x1000, 24), 0); /* MADV_DONTNEED_LOCKED */
	mapping_put(file);
}

/* Fails when a mark is not set, not taken back, or set on more than the range. */
static void marks_split_and_merge(void **state)
{
	static const struct {
		int set, clear;
		unsigned long flag;
	} marks[] = {
		{ MADV_RANDOM, MADV_NORMAL, VM_RAND_READ },
		{ MADV_SEQUENTIAL, MADV_NORMAL, VM_SEQ_READ },
		{ MADV_DONTFORK, MADV_DOFORK, VM_DONTCOPY },
		{ MADV_WIPEONFORK, MADV_KEEPONFORK, VM_WIPEONFORK },
		{ MADV_DONTDUMP, MADV_DODUMP, VM_DONTDUMP },
	};
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x3000, RW);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		assert_int_equal(mm_madvise(mm, A + 0x1000, 0x1000, marks[i].set), 0);
		assert_int_equal(mm->map_count, 3);
		assert_true(flags_at(mm, A + 0x1000) & marks[i].flag);
		assert_false((flags_at(mm, A) | flags_at(mm, A + 0x2000)) & marks[i].flag);
		assert_int_equal(mm_madvise(mm, A, 0x3000, marks[i].clear), 0);
		assert_int_equal(mm->map_count, 1);
		assert_false(flags_at(mm, A) & marks[i].flag);
		fixture_assert_valid(fixture);
	}
	/* The two about reading exclude one another. */
	mm_madvise(mm, A, 0x3000, MADV_RANDOM);
	mm_madvise(mm, A, 0x3000, MADV_SEQUENTIAL);
	assert_false(flags_at(mm, A) & VM_RAND_READ);
}

/* Fails when pages survive, their frames are lost, or a neighbour's go. */
static void what_is_not_needed_is_zero_again(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x2000);
	unsigned long before;

	fixture_map_at(mm, A, 0x4000, RW);
	store_byte(mm, A, 1);
	before = machine_free_frames(fixture->machine);
	for (unsigned long at = 0x1000; at < 0x4000; at += PAGE_SIZE)
		store_byte(mm, A + at, 2);
	assert_int_equal(mm_madvise(mm, A + 0x1000, 0x2001, MADV_DONTNEED), 0);
	assert_int_equal(machine_free_frames(fixture->machine), before);
	assert_byte(mm, A, 1);
	assert_byte(mm, A + 0x2000, 0);
	assert_int_equal(
		fixture_mmap(mm, A + 0x10000, 0x2000, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
		A + 0x10000);
	store_byte(mm, A + 0x10000, 7);
	assert_int_equal(mm_madvise(mm, A + 0x10000, 0x2000, MADV_DONTNEED), 0);
	assert_byte(mm, A + 0x10000, fixture_file_byte(0));
	fixture_assert_valid(fixture);
	mapping_put(file);
}

/* Fails when a freed page cannot be told from one that was written since. */
static void free_pages_are_clean_until_they_are_written(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct folio *folio;

	fixture_map_at(mm, A, 0x1000, RW);
	store_byte(mm, A, 1);
	folio = pfn_folio(fixture->machine, pte_pfn(pte_at(mm, A)));
	folio_set(folio, PG_dirty); /* as an earlier mapping of it would have left it */
	assert_true(pte_dirty(pte_at(mm, A)) && pte_young(pte_at(mm, A)));
	assert_int_equal(mm_madvise(mm, A, 0x1000, MADV_FREE), 0);
	assert_false(pte_dirty(pte_at(mm, A)) || pte_young(pte_at(mm, A)));
	assert_false(folio_test(folio, PG_dirty) || folio_test(folio, PG_swapbacked));
	assert_byte(mm, A, 1); /* nobody needed the frame */
	assert_false(pte_dirty(pte_at(mm, A)));
	store_byte(mm, A, 2);
	assert_true(pte_dirty(pte_at(mm, A)));
	assert_byte(mm, A, 2);
	assert_int_equal(mm_madvise(mm, A, 0x1000, COLD), 0);
	assert_true(pte_dirty(pte_at(mm, A)) && !pte_young(pte_at(mm, A)));
	assert_int_equal(mm_madvise(mm, A, 0x1000, PAGEOUT), 0);
	assert_byte(mm, A, 2);
	fixture_assert_valid(fixture);
}

/* Fails when populating leaves pages out, breaks no copy-on-write, or gives the wrong errno. */
static void populating_says_what_is_in_the_way(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x1000);

	fixture_map_at(mm, A, 0x3000, RW);
	assert_int_equal(mm_madvise(mm, A, 0x3000, POPULATE_READ), 0);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 0); /* the zero page */
	assert_int_equal(mm_madvise(mm, A, 0x3000, POPULATE_WRITE), 0);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 3);
	assert_true(pte_write(pte_at(mm, A + 0x2000)));
	assert_int_equal(mm_madvise(mm, A, 0x4000, POPULATE_READ), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, A, 0x1000, PROT_READ), 0);
	assert_int_equal(mm_madvise(mm, A, 0x1000, POPULATE_WRITE), -EINVAL);
	assert_int_equal(mm_mprotect(mm, A, 0x1000, PROT_NONE), 0);
	assert_int_equal(mm_madvise(mm, A, 0x1000, POPULATE_READ), -EINVAL);
	assert_int_equal(
		fixture_mmap(mm, A + 0x10000, 0x2000, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
		A + 0x10000);
	assert_int_equal(mm_madvise(mm, A + 0x10000, 0x2000, POPULATE_READ), -EFAULT);
	assert_true(pte_present(pte_at(mm, A + 0x10000)));
	mapping_put(file);
}

static int random_in_the_middle(struct fixture *fixture, void *arg)
{
	int err = mm_madvise(fixture->mm, A + 0x1000, 0x1000, MADV_RANDOM);

	(void)arg;
	return err == -EAGAIN ? -ENOMEM : err; /* -ENOMEM itself would mean a hole */
}

static int populate_all(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_madvise(fixture->mm, A, 0x3000, POPULATE_WRITE);
}

/* Fails when advice that runs out of memory leaves a mapping split, or answers as if it were a hole. */
static void failed_advice_leaves_the_mapping_whole(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, A, 0x3000, RW);
	assert_in_range(fixture_fail_nth_sweep(fixture, fixture->mm, populate_all, NULL), 5, 50);
	assert_in_range(fixture_fail_nth_sweep(fixture, fixture->mm, random_in_the_middle, NULL), 4,
			50);
	assert_int_equal(fixture->mm->map_count, 3);
}

/* Fails when what is needed is read from the file again later. */
static void willneed_reads_ahead(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x3000);
	unsigned long before;

	assert_int_equal(fixture_mmap(mm, A, 0x5000, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0),
			 A);
	assert_int_equal(mm_madvise(mm, A, 0x5000, MADV_WILLNEED), 0);
	before = machine_counter(fixture->machine, GW_COUNTER_pgmajfault);
	assert_byte(mm, A + 0x2000, fixture_file_byte(0x2000));
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_pgmajfault), before);
	mapping_put(file);
}

/* ---- mincore --------------------------------------------------------------------------------------------- */

static void assert_residency(struct mm *mm, unsigned long addr, const char *wanted)
{
	unsigned long nr = strlen(wanted);
	unsigned char vec[600];
	char found[601] = "";

	assert_int_equal(mm_mincore(mm, addr, nr * PAGE_SIZE, VEC), 0);
	assert_int_equal(copy_from_user(mm, vec, VEC, nr), 0);
	for (unsigned long i = 0; i < nr; i++)
		found[i] = (char)('0' + vec[i]);
	assert_string_equal(found, wanted);
}

/* Fails when a page that is mapped, or cached, is not told, or one that is neither is. */
static void mincore_tells_what_is_in(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);
	char long_one[513];

	fixture_map_at(mm, VEC, 0x1000, RW);
	fixture_map_at(mm, A, 0x3000, RW);
	store_byte(mm, A + 0x1000, 1);
	assert_residency(mm, A, "010");
	assert_byte(mm, A + 0x2000, 0);
	assert_residency(mm, A, "011");
	assert_int_equal(
		fixture_mmap(mm, A + 0x3000, 0x4000, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0),
		A + 0x3000);
	assert_residency(mm, A, "0110000");
	assert_byte(mm, A + 0x5000, fixture_file_byte(0x2000));
	assert_residency(mm, A, "0110010");
	file->info.hide_residency = true;
	assert_residency(mm, A, "0111111");
	/* Across tables, and longer than what is looked at in one go. */
	fixture_map_at(mm, 0x40000000, 0x400000, RW);
	store_byte(mm, 0x40000000 + 0x1ff000, 1);
	memset(long_one, '0', 512);
	long_one[512] = '\0';
	long_one[0x1ff] = '1';
	assert_residency(mm, 0x40000000, long_one);
	long_one[0x1ff] = '0';
	long_one[0] = '1';
	assert_residency(mm, 0x40000000 + 0x1ff000, long_one);
	mapping_put(file);
}

/* Fails when mincore takes what Linux refuses, or writes more than it has found. */
static void mincore_refuses_what_linux_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, VEC, 0x1000, RW);
	fixture_map_at(mm, A, 0x2000, RW);
	assert_int_equal(mm_mincore(mm, A + 1, 0x1000, VEC), -EINVAL);
	assert_int_equal(mm_mincore(mm, A, 1ul << 47, VEC), -ENOMEM);
	assert_int_equal(mm_mincore(mm, A, 0x1000, 1ul << 47), -EFAULT);
	assert_int_equal(mm_mincore(mm, A, 0x1000, VEC + 0x1000), -EFAULT);
	assert_int_equal(mm_mincore(mm, A, 0, VEC), 0);
	store_byte(mm, A, 1);
	store_byte(mm, VEC, 9);
	store_byte(mm, VEC + 2, 9);
	assert_int_equal(mm_mincore(mm, A, 0x3000, VEC), -ENOMEM);
	assert_byte(mm, VEC, 1); /* what came before the hole is told */
	assert_byte(mm, VEC + 1, 0);
	assert_byte(mm, VEC + 2, 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(madvise_refuses_what_linux_refuses),
		TEST(marks_split_and_merge),
		TEST(what_is_not_needed_is_zero_again),
		TEST(free_pages_are_clean_until_they_are_written),
		TEST(populating_says_what_is_in_the_way),
		TEST(failed_advice_leaves_the_mapping_whole),
		TEST(willneed_reads_ahead),
		TEST(mincore_tells_what_is_in),
		TEST(mincore_refuses_what_linux_refuses),
	};

	return cmocka_run_group_tests_name("madvise", tests, NULL, NULL);
}
