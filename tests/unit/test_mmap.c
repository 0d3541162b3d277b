// SPDX-License-Identifier: MIT
/* test_mmap.c - mmap, munmap, mprotect and brk: errnos, limits, what a failure leaves */
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "uaccess.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 0x03
#endif

#define RW    (PROT_READ | PROT_WRITE)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED (ANON | MAP_FIXED)

static void put_mark(struct mm *mm, unsigned long addr)
{
	unsigned long mark = addr ^ 0x5aa5;

	assert_int_equal(copy_to_user(mm, addr, &mark, sizeof(mark)), 0);
}

static void put_marks(struct mm *mm, unsigned long start, unsigned long end)
{
	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE)
		put_mark(mm, addr);
}

static void expect_marks(struct mm *mm, unsigned long start, unsigned long end)
{
	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE) {
		unsigned long mark = 0;

		assert_int_equal(copy_from_user(mm, &mark, addr, sizeof(mark)), 0);
		assert_int_equal(mark, addr ^ 0x5aa5);
	}
}

static unsigned long read_word(struct mm *mm, unsigned long addr)
{
	unsigned long word = ~0ul;

	assert_int_equal(copy_from_user(mm, &word, addr, sizeof(word)), 0);
	return word;
}

/* ---- mmap ------------------------------------------------------------------------------------------------ */

/* Fails when a wrong argument is accepted, or refused with another errno than Linux's. */
static void mmap_refuses_what_linux_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x3000);
	struct mm *mm = fixture->mm;
	const struct {
		unsigned long addr, len;
		int prot, flags;
		struct mapping *mapping;
		unsigned long pgoff;
		long result;
	} cases[] = {
		{ 0, 0, RW, ANON, NULL, 0, -EINVAL },
		{ 0, ~0ul, RW, ANON, NULL, 0, -ENOMEM },
		{ 0, 1ul << 47, RW, ANON, NULL, 0, -ENOMEM },
		{ 0x100001, 0x1000, RW, FIXED, NULL, 0, -EINVAL },
		{ 0x1000, 0x1000, RW, FIXED, NULL, 0, -EPERM },
		{ 0x1000, 0x1000, RW, ANON, NULL, 0, 0x10000 }, /* a hint is moved up */
		{ 1ul << 47, 0x1000, RW, FIXED, NULL, 0, -ENOMEM },
		{ 0x100000, 0x1000, RW, MAP_ANONYMOUS, NULL, 0, -EINVAL },
		{ 0x100000, 0x1000, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, NULL, 0, -EINVAL },
		{ 0x100000, 0x1000, RW, MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN, NULL, 0,
		  -EINVAL },
		{ 0x100000, 0x1000, RW, MAP_PRIVATE | MAP_GROWSDOWN, file, 0, -EINVAL },
		{ 0x100000, 0x1000, PROT_READ, 0, file, 0, -EINVAL },
		{ 0x100000, 0x2000, PROT_READ, MAP_PRIVATE, file, ~0ul, -EOVERFLOW },
		{ 0x100000, 0x2000, PROT_READ, MAP_PRIVATE, file, ~0ul >> 12, -EOVERFLOW },
		{ 0x100000, 0x1000, RW, MAP_SHARED, file, 0, -EACCES },
		{ 0x100000, 0x1000, PROT_READ, MAP_SHARED_VALIDATE | 0x4000000, file, 0,
		  -EOPNOTSUPP },
		{ 0x100000, 1, PROT_READ, MAP_SHARED | MAP_STACK, file, 0, 0x100000 },
		{ 0x100000, 0x1000, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, -EEXIST },
		{ 0x0ff000, 0x1001, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, -EEXIST },
		{ 0x101000, 0x1000, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, 0x101000 },
		{ 0x101001, 0x1000, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long result = fixture_mmap(mm, cases[i].addr, cases[i].len, cases[i].prot,
					   cases[i].flags, cases[i].mapping, cases[i].pgoff);

		if (result != cases[i].result)
			fail_msg("case %zu: %ld, not %ld", i, result, cases[i].result);
	}
	fixture_assert_maps(mm, "10000-11000 rw-p\n100000-101000 r--s\n101000-102000 rw-p\n");
	mapping_put(file);
}

/* Fails when a shared mapping of a file, which nobody can write, becomes writable. */
static void a_shared_mapping_of_a_file_stays_read_only(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x3000);
	struct mm *mm = fixture->mm;
	unsigned char byte;

	fixture_mmap(mm, 0x100000, 0x3000, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x3000, RW), -EACCES);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_NONE), 0);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_READ | PROT_EXEC), 0);
	assert_int_equal(copy_from_user(mm, &byte, 0x101007, 1), 0);
	assert_int_equal(byte, fixture_file_byte(0x1007));
	mapping_put(file); /* the mappings keep it */
	assert_int_equal(copy_from_user(mm, &byte, 0x102007, 1), 0);
	assert_int_equal(byte, fixture_file_byte(0x2007));
}

/* Fails when a limit is off by a page, or what MAP_FIXED replaces is not set off against it. */
static void mmap_obeys_the_limits(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	mm->limits.as = 0x8000;
	assert_int_equal(fixture_mmap(mm, 0x100000, 0x9000, RW, FIXED, NULL, 0), -ENOMEM);
	assert_int_equal(fixture_mmap(mm, 0x100000, 0x8000, RW, FIXED, NULL, 0), 0x100000);
	assert_int_equal(fixture_mmap(mm, 0x200000, 0x1000, RW, FIXED, NULL, 0), -ENOMEM);
	assert_int_equal(fixture_mmap(mm, 0x104000, 0x4000, PROT_READ, FIXED, NULL, 0), 0x104000);
	assert_int_equal(fixture_mmap(mm, 0x104000, 0x5000, PROT_READ, FIXED, NULL, 0), -ENOMEM);
	mm->limits.as = ~0ull;
	assert_int_equal(mm->data_vm, 4);
	mm->limits.data = 0x5000;
	assert_int_equal(fixture_mmap(mm, 0x300000, 0x2000, RW, FIXED, NULL, 0), -ENOMEM);
	assert_int_equal(fixture_mmap(mm, 0x300000, 0x2000, PROT_READ, FIXED, NULL, 0), 0x300000);
	/* What turns into data counts from then on. */
	assert_int_equal(mm_mprotect(mm, 0x300000, 0x2000, RW), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, 0x300000, 0x1000, RW), 0);
	fixture_assert_maps(mm, "100000-104000 rw-p\n104000-108000 r--p\n300000-301000 rw-p\n"
				"301000-302000 r--p\n");
}

/* Fails when locked memory is not counted, or counted twice. */
static void locked_memory_is_limited_and_populated(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;
	int flags = FIXED | MAP_LOCKED;

	mm->limits.memlock = 0;
	assert_int_equal(fixture_mmap(mm, 0x100000, 0x1000, RW, flags, NULL, 0), -EPERM);
	mm->limits.memlock = 0x4000;
	assert_int_equal(fixture_mmap(mm, 0x100000, 0x5000, RW, flags, NULL, 0), -EAGAIN);
	assert_int_equal(fixture_mmap(mm, 0x100000, 0x4000, RW, flags, NULL, 0), 0x100000);
	assert_int_equal(mm->locked_vm, 4);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 4);
	assert_int_equal(mm_munmap(mm, 0x101000, 0x1000), 0);
	assert_int_equal(mm->locked_vm, 3);
	assert_int_equal(mm_mprotect(mm, 0x102000, 0x1000, PROT_NONE), 0);
	assert_int_equal(mm->locked_vm, 3);
	assert_int_equal(mm_munmap(mm, 0x100000, 0x4000), 0);
	assert_int_equal(mm->locked_vm, 0);
}

/* Fails when MAP_POPULATE does not make the pages, or its failure fails the call. */
static void populate_makes_the_pages_that_it_can(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x2000);
	struct mm *mm = fixture->mm;

	fixture_mmap(mm, 0x100000, 0x3000, RW, FIXED | MAP_POPULATE, NULL, 0);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 3);
	fixture_mmap(mm, 0x200000, 0x3000, PROT_NONE, FIXED | MAP_POPULATE, NULL, 0);
	fixture_mmap(mm, 0x300000, 0x3000, RW, FIXED | MAP_POPULATE | MAP_NONBLOCK, NULL, 0);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 3);
	/* The third page is beyond the end of the file. */
	assert_int_equal(fixture_mmap(mm, 0x400000, 0x3000, PROT_READ,
				      MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, file, 0),
			 0x400000);
	assert_int_equal(atomic_long_read(&mm->rss_file), 2);
	fixture_assert_valid(fixture);
	mapping_put(file);
}

struct replace {
	struct mapping *file;
	unsigned long addr, len;
};

static int replace_operation(struct fixture *fixture, void *arg)
{
	const struct replace *replace = arg;
	long at;

	/* A failure must not have cost the pages that were there. */
	expect_marks(fixture->mm, 0x100000, 0x104000);
	expect_marks(fixture->mm, 0x106000, 0x108000);
	at = fixture_mmap(fixture->mm, replace->addr, replace->len, PROT_READ,
			  (replace->file ? MAP_PRIVATE : ANON) | MAP_FIXED, replace->file, 0);
	return at < 0 ? (int)at : 0;
}

/* Fails when MAP_FIXED destroys the old mapping before it is sure to have the new one. */
static void a_failed_replacement_leaves_the_old_mapping_with_its_pages(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct replace replaces[] = {
		{ NULL, 0x101000, 0x2000 }, /* a hole in one */
		{ NULL, 0x0ff000, 0x9000 }, /* all of both, and more */
		{ NULL, 0x102000, 0x5000 }, /* an end of each */
		{ fixture_file(fixture, "file", 0x9000), 0x101000, 0x2000 },
		{ NULL, 0x102000, 0x5000 },
	};

	replaces[4].file = replaces[3].file;
	for (size_t i = 0; i < ARRAY_SIZE(replaces); i++) {
		fixture_map_at(mm, 0x100000, 0x4000, RW);
		fixture_map_at(mm, 0x106000, 0x2000, RW);
		put_marks(mm, 0x100000, 0x104000);
		put_marks(mm, 0x106000, 0x108000);
		assert_true(fixture_fail_nth_sweep(fixture, mm, replace_operation, &replaces[i]) >=
			    2);
		fixture_assert_valid(fixture);
		assert_int_equal(mm_munmap(mm, 0x0ff000, 0x10000), 0);
		assert_int_equal(mm->total_vm, 0);
	}
	mapping_put(replaces[3].file);
}

/* Fails when limits are checked too late: after the old mapping is gone. */
static void a_replacement_beyond_the_limits_leaves_the_old_mapping(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x4000, RW);
	put_marks(mm, 0x100000, 0x104000);
	mm->limits.as = 0x5000;
	assert_int_equal(fixture_mmap(mm, 0x101000, 0x5000, RW, FIXED, NULL, 0), -ENOMEM);
	fixture_assert_maps(mm, "100000-104000 rw-p\n");
	expect_marks(mm, 0x100000, 0x104000);
	fixture_assert_valid(fixture);
}

/* Fails when the new mapping shows the old one's contents, or loses what lies beside it. */
static void a_replacement_is_zero_and_its_neighbours_are_not(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x4000);
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x4000, RW);
	put_marks(mm, 0x100000, 0x104000);
	fixture_map_at(mm, 0x101000, 0x2000, RW);
	fixture_assert_maps(mm, "100000-104000 rw-p\n");
	expect_marks(mm, 0x100000, 0x101000);
	expect_marks(mm, 0x103000, 0x104000);
	assert_int_equal(read_word(mm, 0x101000), 0);
	assert_int_equal(read_word(mm, 0x102000), 0);
	/* A file in its place, and memory in place of the file. */
	fixture_mmap(mm, 0x101000, 0x2000, RW, MAP_PRIVATE | MAP_FIXED, file, 1);
	assert_int_equal(read_word(mm, 0x101000) & 0xff, fixture_file_byte(0x1000));
	put_mark(mm, 0x102000);
	fixture_assert_valid(fixture);
	fixture_map_at(mm, 0x101000, 0x2000, RW);
	assert_int_equal(read_word(mm, 0x102000), 0);
	fixture_assert_maps(mm, "100000-104000 rw-p\n");
	mapping_put(file);
}

/* ---- munmap -------------------------------------------------------------------------------------------- */

/* Fails when a wrong argument is accepted, or an empty range is an error. */
static void munmap_refuses_what_linux_refuses(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_map_at(mm, 0x100000, 0x1000, RW);
	assert_int_equal(mm_munmap(mm, 0x100001, 0x1000), -EINVAL);
	assert_int_equal(mm_munmap(mm, 0x100000, 0), -EINVAL);
	assert_int_equal(mm_munmap(mm, 0x100000, ~0ul), -EINVAL);
	assert_int_equal(mm_munmap(mm, 0x100000, mm->task_size), -EINVAL);
	assert_int_equal(mm_munmap(mm, mm->task_size, 0x1000), -EINVAL);
	assert_int_equal(mm_munmap(mm, 0x200000, 0x1000), 0);
	assert_int_equal(mm_munmap(mm, 0x100000, 1), 0);
	fixture_assert_maps(mm, "");
	assert_int_equal(mm_munmap(mm, 0, mm->task_size), 0);
}

/* Fails when unmapping keeps a frame, a table or a count. */
static void munmap_gives_everything_back(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x4000);
	struct mm *mm = fixture->mm;
	unsigned long free_before;
	unsigned char byte;

	/* The file's pages stay in the page cache: have them there before counting. */
	fixture_mmap(mm, 0x40000000, 0x4000, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(copy_from_user(mm, &byte, 0x40000000 + i * PAGE_SIZE, 1), 0);
	assert_int_equal(mm_munmap(mm, 0x40000000, 0x4000), 0);
	rcu_barrier();
	free_before = machine_free_frames(fixture->machine);

	fixture_map_at(mm, 0x1ff000, 0x3000, RW); /* two tables */
	fixture_mmap(mm, 0x40000000, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
	fixture_map_at(mm, 1ul << 46, 0x1000, RW);
	put_marks(mm, 0x1ff000, 0x202000);
	put_mark(mm, 0x40001000);
	put_mark(mm, 1ul << 46);
	assert_int_equal(copy_from_user(mm, &byte, 0x40000000, 1), 0);
	assert_true(atomic_long_read(&mm->nr_tables) > 6);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 5);
	assert_int_equal(mm_munmap(mm, 0, mm->task_size), 0);
	rcu_barrier();
	assert_int_equal(atomic_long_read(&mm->nr_tables), 1);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 0);
	assert_int_equal(atomic_long_read(&mm->rss_file), 0);
	assert_int_equal(mm->total_vm + mm->data_vm + mm->exec_vm + mm->stack_vm, 0);
	assert_int_equal(machine_free_frames(fixture->machine), free_before);
	mapping_put(file);
}

/* Fails when a table is freed that a neighbour's pages are in. */
static void munmap_keeps_the_tables_of_neighbours(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x200000, 0x10000, RW);
	put_marks(mm, 0x200000, 0x210000);
	assert_int_equal(mm_munmap(mm, 0x204000, 0x8000), 0);
	fixture_assert_maps(mm, "200000-204000 rw-p\n20c000-210000 rw-p\n");
	expect_marks(mm, 0x200000, 0x204000);
	expect_marks(mm, 0x20c000, 0x210000);
	assert_int_equal(copy_to_user(mm, 0x204000, "", 1), -EFAULT);
	assert_int_equal(copy_to_user(mm, 0x20bfff, "", 1), -EFAULT);
	fixture_assert_valid(fixture);
}

static int munmap_operation(struct fixture *fixture, void *arg)
{
	const unsigned long *range = arg;

	expect_marks(fixture->mm, 0x100000, 0x104000);
	return mm_munmap(fixture->mm, range[0], range[1]);
}

/* Fails when a munmap() that fails has unmapped something. */
static void a_failed_munmap_leaves_everything(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long ranges[][2] = {
		{ 0x101000, 0x2000 }, /* a hole: a VMA, its chain, a node */
		{ 0x100000, 0x1000 },
		{ 0x103000, 0x4000 }, /* over a neighbour */
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		int nr_failures;

		fixture_map_at(mm, 0x100000, 0x4000, RW);
		fixture_map_at(mm, 0x104000, 0x4000, PROT_READ);
		put_marks(mm, 0x100000, 0x104000);
		nr_failures = fixture_fail_nth_sweep(fixture, mm, munmap_operation, ranges[i]);
		assert_true(nr_failures >= (i == 0 ? 3 : 1));
		assert_int_equal(mm_munmap(mm, 0x100000, 0x8000), 0);
	}
}

/* ---- mprotect ------------------------------------------------------------------------------------------ */

/* Fails when a wrong argument is accepted, or refused with another errno than Linux's. */
static void mprotect_refuses_what_linux_refuses(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_map_at(mm, 0x100000, 0x2000, RW);
	assert_int_equal(mm_mprotect(mm, 0x100001, 0x1000, PROT_READ), -EINVAL);
	assert_int_equal(mm_mprotect(mm, 0x500000, 0, PROT_READ), 0);
	assert_int_equal(mm_mprotect(mm, 0x100000, ~0ul, PROT_READ), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, 0x40), -EINVAL);
	assert_int_equal(mm_mprotect(mm, 0x500000, 0x1000, PROT_READ), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, 0xff000, 0x2000, PROT_READ), -ENOMEM);
	assert_int_equal(
		mm_mprotect(mm, 0x100000, 0x1000, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN),
		-EINVAL);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_READ | PROT_GROWSUP), -EINVAL);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_READ | PROT_GROWSDOWN), -EINVAL);
	fixture_assert_maps(mm, "100000-102000 rw-p\n");
}

/* Fails when a hole undoes what was changed before it, or something behind it is changed. */
static void mprotect_changes_up_to_a_hole(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x1000);
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x2000, RW);
	fixture_map_at(mm, 0x103000, 0x1000, RW);
	assert_int_equal(mm_mprotect(mm, 0x101000, 0x3000, PROT_READ), -ENOMEM);
	fixture_assert_maps(mm, "100000-101000 rw-p\n101000-102000 r--p\n103000-104000 rw-p\n");
	/* The same before a mapping that forbids it. */
	fixture_mmap(mm, 0x102000, 0x1000, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
	assert_int_equal(mm_mprotect(mm, 0x101000, 0x3000, RW), -EACCES);
	fixture_assert_maps(mm, "100000-102000 rw-p\n102000-103000 r--s\n103000-104000 rw-p\n");
	mapping_put(file);
}

/* Fails when PROT_GROWSDOWN does not reach down to the start of the stack. */
static void growsdown_protects_all_of_a_stack(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_mmap(mm, 0x700000, 0x4000, RW, FIXED | MAP_GROWSDOWN, NULL, 0);
	assert_int_equal(mm_mprotect(mm, 0x702000, 0x1000, PROT_READ | PROT_GROWSDOWN), 0);
	fixture_assert_maps(mm, "700000-703000 r--p\n703000-704000 rw-p\n");
}

/* Fails when an entry keeps a right that was taken away, or does not get one back. */
static void rights_reach_the_entries(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long word = 1;

	fixture_map_at(mm, 0x100000, 0x2000, RW);
	put_marks(mm, 0x100000, 0x102000);
	assert_int_equal(tlb_store(mm, 0x100000, &word, 0), GW_FAULT_DONE);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_READ), 0);
	assert_int_equal(copy_to_user(mm, 0x100000, &word, sizeof(word)), -EFAULT);
	assert_int_equal(tlb_store(mm, 0x100000, &word, sizeof(word)), GW_FAULT_ACCERR);
	expect_marks(mm, 0x100000, 0x102000);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x2000, PROT_NONE), 0);
	assert_int_equal(copy_from_user(mm, &word, 0x101000, sizeof(word)), -EFAULT);
	assert_int_equal(tlb_load(mm, 0x101000, &word, sizeof(word)), GW_FAULT_ACCERR);
	fixture_assert_valid(fixture);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x2000, RW), 0);
	expect_marks(mm, 0x100000, 0x102000);
	put_marks(mm, 0x100000, 0x102000);
}

static int mprotect_operation(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mprotect(fixture->mm, 0x101000, 0x1000, PROT_NONE);
}

/* Fails when an mprotect() of one VMA that fails has split it. */
static void a_failed_mprotect_leaves_one_vma(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, 0x100000, 0x3000, RW);
	put_marks(fixture->mm, 0x100000, 0x103000);
	assert_true(fixture_fail_nth_sweep(fixture, fixture->mm, mprotect_operation, NULL) >= 5);
	expect_marks(fixture->mm, 0x100000, 0x101000);
	expect_marks(fixture->mm, 0x102000, 0x103000);
}

/* ---- brk ------------------------------------------------------------------------------------------------- */

static void start_heap(struct mm *mm, unsigned long start)
{
	mm->start_brk = mm->brk = start;
}

/* Fails when the break moves where it must not, or does not where it may. */
static void the_break_moves_in_bytes_and_the_heap_in_pages(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	start_heap(mm, 0x600010);
	assert_int_equal(mm_brk(mm, 0), 0x600010);
	assert_int_equal(mm_brk(mm, 0x600000), 0x600010); /* below its start */
	assert_int_equal(mm_brk(mm, 0x600800), 0x600800);
	fixture_assert_maps(mm, ""); /* the page of the start is the program's own */
	assert_int_equal(mm_brk(mm, 0x602001), 0x602001);
	fixture_assert_maps(mm, "601000-603000 rw-p\n");
	put_marks(mm, 0x601000, 0x603000);
	assert_int_equal(mm_brk(mm, 0x604000), 0x604000);
	fixture_assert_maps(mm, "601000-604000 rw-p\n");
	assert_int_equal(mm_brk(mm, 0x601800), 0x601800);
	fixture_assert_maps(mm, "601000-602000 rw-p\n");
	assert_int_equal(mm_brk(mm, 0x603000), 0x603000);
	assert_int_equal(read_word(mm, 0x602000), 0);
	expect_marks(mm, 0x601000, 0x602000);
	assert_int_equal(mm_brk(mm, ~0ul), 0x603000);
	assert_int_equal(mm_brk(mm, mm->task_size + 1), 0x603000);
}

/* Fails when the heap runs into a mapping, or into the gap of a stack. */
static void the_heap_keeps_its_distance(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	start_heap(mm, 0x600000);
	fixture_map_at(mm, 0x610000, 0x1000, PROT_NONE);
	assert_int_equal(mm_brk(mm, 0x610000), 0x600000);
	assert_int_equal(mm_brk(mm, 0x60f001), 0x600000);
	assert_int_equal(mm_brk(mm, 0x60f000), 0x60f000); /* a page between */
	fixture_mmap(mm, 0x610000, 0x1000, RW, FIXED | MAP_GROWSDOWN, NULL, 0);
	assert_int_equal(mm_brk(mm, 0x60f001), 0x60f000);
	assert_int_equal(mm_brk(mm, 0x601000), 0x601000);
	assert_int_equal(mm_brk(mm, 0x602000), 0x601000);
}

/* Fails when RLIMIT_DATA does not count the program's data, or RLIMIT_AS is not looked at. */
static void the_heap_obeys_the_limits(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	start_heap(mm, 0x600000);
	mm->start_data = 0x500000;
	mm->end_data = 0x501000;
	mm->limits.data = 0x3000;
	assert_int_equal(mm_brk(mm, 0x602001), 0x600000);
	assert_int_equal(mm_brk(mm, 0x602000), 0x602000);
	mm->limits.data = ~0ull;
	mm->limits.as = 0x3000;
	assert_int_equal(mm_brk(mm, 0x604000), 0x602000);
	assert_int_equal(mm_brk(mm, 0x603000), 0x603000);
	assert_int_equal(mm_brk(mm, 0x600000), 0x600000);
}

/* Fails when .bss and heap, which are two lines in /proc/PID/maps, become one. */
static void the_heap_does_not_merge_with_what_it_follows(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_map_at(mm, 0x5ff000, 0x1000, RW);
	start_heap(mm, 0x600000);
	assert_int_equal(mm_brk(mm, 0x601000), 0x601000);
	fixture_assert_maps(mm, "5ff000-600000 rw-p\n600000-601000 rw-p\n");
	assert_int_equal(mm_brk(mm, 0x602000), 0x602000);
	fixture_assert_maps(mm, "5ff000-600000 rw-p\n600000-602000 rw-p\n");
	/* A program may unmap its heap: then there is nothing to give back. */
	assert_int_equal(mm_munmap(mm, 0x600000, 0x2000), 0);
	assert_int_equal(mm_brk(mm, 0x600000), 0x602000);
}

static int brk_operation(struct fixture *fixture, void *arg)
{
	unsigned long to = *(const unsigned long *)arg, was = fixture->mm->brk;
	unsigned long now = mm_brk(fixture->mm, to);

	assert_true(now == to || now == was);
	return now == to ? 0 : -ENOMEM;
}

/* Fails when a break that could not be moved has moved, or left a mapping. */
static void a_failed_brk_leaves_the_heap(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	/* made: a VMA and a node; grown: a VMA of its own if the node for a merge is not to be had;
	 * cut: a node; gone: nothing needed */
	unsigned long breaks[] = { 0x604000, 0x608000, 0x602000, 0x600000 };
	int least_failures[] = { 2, 0, 1, 0 };

	start_heap(mm, 0x600000);
	for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
		int nr = fixture_fail_nth_sweep(fixture, mm, brk_operation, &breaks[i]);

		assert_true(nr >= least_failures[i]);
	}
	fixture_assert_maps(mm, "");
}

/* ---- Names and events ------------------------------------------------------------------------------------ */

/* Fails when /proc/PID/maps would show another name or offset than Linux does. */
static void maps_have_names_and_offsets(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "/bin/true", 0x4000);
	struct mm *mm = fixture->mm;
	char maps[FIXTURE_MAPS_SIZE];

	fixture_mmap(mm, 0x400000, 0x2000, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 1);
	start_heap(mm, 0x600000);
	mm_brk(mm, 0x601000);
	fixture_map_at(mm, 0x700000, 0x1000, PROT_NONE);
	fixture_mmap(mm, 0x900000, 0x2000, RW, FIXED | MAP_GROWSDOWN, NULL, 0);
	mm->start_stack = 0x901f00;
	fixture_maps(mm, maps);
	assert_string_equal(maps, "400000-402000 r-xp 1000 /bin/true\n"
				  "600000-601000 rw-p 0 [heap]\n"
				  "700000-701000 ---p 0 \n"
				  "900000-902000 rw-p 0 [stack]\n");
	mapping_put(file);
}

static int nr_events[GW_EVENT_MUNMAP + 1];

static void count_event_kind(void *host, const struct gw_event *event)
{
	(void)host;
	nr_events[event->kind]++;
}

/* Fails when a trace misses a mapping that came or went, or shows one that did not. */
static void mapping_and_unmapping_are_reported_once(void **state)
{
	static const struct gw_machine_ops ops = { .event = count_event_kind };
	struct gw_machine_config config = fixture_config();
	struct fixture *fixture;

	memset(nr_events, 0, sizeof(nr_events));
	config.ops = &ops;
	*state = fixture = fixture_create(&config);
	fixture_map_at(fixture->mm, 0x100000, 0x2000, RW);
	assert_int_equal(fixture_mmap(fixture->mm, 0, 0, RW, ANON, NULL, 0), -EINVAL);
	assert_int_equal(nr_events[GW_EVENT_MMAP], 1);
	assert_int_equal(nr_events[GW_EVENT_MUNMAP], 0);
	fixture_map_at(fixture->mm, 0x101000, 0x1000, RW); /* replaces: one of each */
	assert_int_equal(mm_munmap(fixture->mm, 0x300000, 0x1000), 0);
	assert_int_equal(nr_events[GW_EVENT_MMAP], 2);
	assert_int_equal(nr_events[GW_EVENT_MUNMAP], 1);
	assert_int_equal(mm_munmap(fixture->mm, 0x100000, 0x1000), 0);
	assert_int_equal(nr_events[GW_EVENT_MUNMAP], 2);
	fixture_destroy(fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(mmap_refuses_what_linux_refuses),
		TEST(a_shared_mapping_of_a_file_stays_read_only),
		TEST(mmap_obeys_the_limits),
		TEST(locked_memory_is_limited_and_populated),
		TEST(populate_makes_the_pages_that_it_can),
		TEST(a_failed_replacement_leaves_the_old_mapping_with_its_pages),
		TEST(a_replacement_beyond_the_limits_leaves_the_old_mapping),
		TEST(a_replacement_is_zero_and_its_neighbours_are_not),
		TEST(munmap_refuses_what_linux_refuses),
		TEST(munmap_gives_everything_back),
		TEST(munmap_keeps_the_tables_of_neighbours),
		TEST(a_failed_munmap_leaves_everything),
		TEST(mprotect_refuses_what_linux_refuses),
		TEST(mprotect_changes_up_to_a_hole),
		TEST(growsdown_protects_all_of_a_stack),
		TEST(rights_reach_the_entries),
		TEST(a_failed_mprotect_leaves_one_vma),
		TEST(the_break_moves_in_bytes_and_the_heap_in_pages),
		TEST(the_heap_keeps_its_distance),
		TEST(the_heap_obeys_the_limits),
		TEST(the_heap_does_not_merge_with_what_it_follows),
		TEST(a_failed_brk_leaves_the_heap),
		TEST(maps_have_names_and_offsets),
		cmocka_unit_test(mapping_and_unmapping_are_reported_once),
	};

	return cmocka_run_group_tests_name("mmap", tests, NULL, NULL);
}
