// SPDX-License-Identifier: MIT
/* test_mlock.c - locking memory, what is accounted for it, and what msync says of it */
#include "fixture.h"

#include <errno.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include "tlb.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

#define A 0x10000000ul

static long rss(struct mm *mm)
{
	return atomic_long_read(&mm->rss_anon);
}

/* Fails when locking is counted twice, not at all, or not brought in. */
static void locked_memory_is_counted_and_comes_in(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x8000, RW);
	assert_int_equal(mm_mlock(mm, A + 0x1234, 0x1000, 0), 0); /* two pages are touched */
	assert_int_equal(mm->locked_vm, 2);
	assert_int_equal(rss(mm), 2);
	assert_int_equal(mm_mlock(mm, A, 0x4000, MLOCK_ONFAULT), 0);
	assert_int_equal(mm->locked_vm, 4);
	assert_int_equal(rss(mm), 2);
	assert_int_equal(mm->map_count, 2);
	assert_int_equal(mm_mlock(mm, A, 0x8000, 0), 0);
	assert_int_equal(mm->locked_vm, 8);
	assert_int_equal(rss(mm), 8);
	assert_int_equal(mm->map_count, 1);
	fixture_assert_valid(fixture);
	assert_int_equal(mm_munlock(mm, A + 0x2000, 0x1000), 0);
	assert_int_equal(mm->locked_vm, 7);
	assert_int_equal(mm_munmap(mm, A, 0x3000), 0);
	assert_int_equal(mm->locked_vm, 5);
	fixture_assert_valid(fixture);
}

/* Fails when mlock takes what Linux refuses, or undoes what came before a hole. */
static void mlock_refuses_what_linux_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x2000, RW);
	fixture_map_at(mm, A + 0x3000, 0x1000, RW);
	assert_int_equal(mm_mlock(mm, A, 0x1000, 2), -EINVAL);
	assert_int_equal(mm_mlock(mm, A, 0x4000, 0), -ENOMEM);
	assert_int_equal(mm->locked_vm, 2);
	assert_int_equal(rss(mm), 0); /* an error comes before anything is brought in */
	assert_int_equal(mm_munlock(mm, A, 0x4000), -ENOMEM);
	assert_int_equal(mm->locked_vm, 0);
	assert_int_equal(mm_munlock(mm, A, -0x2000ul), -EINVAL);
	assert_int_equal(mm_mlock(mm, A, 0, 0), 0);
	fixture_map_at(mm, A, 0x1000, PROT_NONE);
	assert_int_equal(mm_mlock(mm, A, 0x2000, 0), -ENOMEM); /* locked, but it cannot come in */
	assert_int_equal(mm->locked_vm, 2);
	assert_int_equal(mm_mlockall(mm, 0), -EINVAL);
	assert_int_equal(mm_mlockall(mm, MCL_ONFAULT), -EINVAL);
	assert_int_equal(mm_mlockall(mm, 8), -EINVAL);
}

/* Fails when the limit counts pages twice, or is not looked at. */
static void the_limit_counts_each_page_once(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	mm->limits.memlock = 0x4000;
	fixture_map_at(mm, A, 0x8000, RW);
	assert_int_equal(mm_mlock(mm, A, 0x5000, 0), -ENOMEM);
	assert_int_equal(mm_mlock(mm, A, 0x3000, 0), 0);
	assert_int_equal(mm_mlock(mm, A, 0x4000, 0), 0); /* three of the four are locked already */
	assert_int_equal(mm_mlock(mm, A + 0x4000, 0x1000, 0), -ENOMEM);
	assert_int_equal(mm_mlockall(mm, MCL_CURRENT), -ENOMEM);
	assert_int_equal(mm_mlockall(mm, MCL_FUTURE), 0);
	assert_int_equal(fixture_mmap(mm, A + 0x10000, 0x1000, RW, ANON, NULL, 0), -EAGAIN);
	assert_int_equal(mm_mremap(mm, A, 0x4000, 0x5000, MREMAP_MAYMOVE, 0), -EAGAIN);
	assert_int_equal(mm_munlock(mm, A, 0x2000), 0);
	assert_int_equal(fixture_mmap(mm, A + 0x10000, 0x1000, RW, ANON, NULL, 0), A + 0x10000);
	mm->limits.memlock = mm->total_vm << PAGE_SHIFT;
	assert_int_equal(mm_mlockall(mm, MCL_CURRENT), 0);
	mm->limits.memlock -= PAGE_SIZE;
	assert_int_equal(mm_mlockall(mm, MCL_CURRENT), -ENOMEM);
	assert_int_equal(mm_munlockall(mm), 0);
	assert_int_equal(mm->locked_vm, 0);
	mm->limits.memlock = 0;
	assert_int_equal(mm_mlock(mm, A, 0x1000, 0), -EPERM);
	assert_int_equal(mm_mlockall(mm, MCL_CURRENT), -EPERM);
	mm->limits.memlock = ~0ull;
	fixture_assert_valid(fixture);
}

/* Fails when what comes after mlockall(MCL_FUTURE) is not locked, wherever it comes from. */
static void what_is_to_come_is_locked(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	char byte = 1;

	mm->start_brk = mm->brk = 0x40000000;
	fixture_map_at(mm, A, 0x1000, RW);
	assert_int_equal(mm_mlockall(mm, MCL_FUTURE), 0);
	assert_int_equal(mm->locked_vm, 0);
	fixture_map_at(mm, A + 0x10000, 0x2000, RW);
	assert_int_equal(mm->locked_vm, 2);
	assert_int_equal(rss(mm), 2);
	assert_int_equal(mm_brk(mm, 0x40003000), 0x40003000);
	assert_int_equal(mm->locked_vm, 5);
	assert_int_equal(rss(mm), 5);
	assert_int_equal(mm_mremap(mm, A + 0x10000, 0x2000, 0x4000, 0, 0), A + 0x10000);
	assert_int_equal(mm->locked_vm, 7);
	assert_int_equal(rss(mm), 7);
	assert_int_equal(mm_mlockall(mm, MCL_FUTURE | MCL_ONFAULT), 0);
	fixture_map_at(mm, A + 0x20000, 0x2000, RW);
	assert_int_equal(mm->locked_vm, 9);
	assert_int_equal(rss(mm), 7);
	assert_int_equal(mm_mlockall(mm, MCL_CURRENT), 0);
	assert_int_equal(mm->locked_vm, mm->total_vm);
	assert_int_equal(rss(mm), (long)mm->total_vm);
	fixture_map_at(mm, A + 0x30000, 0x2000, RW); /* the future is not what it was */
	assert_int_equal(mm->locked_vm, mm->total_vm - 2);
	assert_int_equal(mm_munlockall(mm), 0);
	assert_int_equal(mm->locked_vm, 0);
	assert_int_equal(tlb_store(mm, A + 0x30000, &byte, 1), GW_FAULT_DONE);
	fixture_assert_valid(fixture);
}

/* Fails when locked memory that becomes writable would have to be copied at the first store. */
static void locked_memory_is_copied_when_it_becomes_writable(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x3000);
	unsigned long faults;
	char byte = 1;

	assert_int_equal(fixture_mmap(mm, A, 0x3000, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0),
			 A);
	assert_int_equal(mm_mlock(mm, A, 0x3000, 0), 0);
	assert_int_equal(rss(mm), 0);
	assert_int_equal(mm_mprotect(mm, A, 0x2000, RW), 0);
	assert_int_equal(rss(mm), 2);
	faults = machine_counter(fixture->machine, GW_COUNTER_pgfault);
	assert_int_equal(tlb_store(mm, A, &byte, 1), GW_FAULT_DONE);
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_pgfault), faults);
	fixture_assert_valid(fixture);
	mapping_put(file);
}

static int lock_the_middle(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mlock(fixture->mm, A + 0x1000, 0x1000, MLOCK_ONFAULT);
}

/* Fails when a mlock() that runs out of memory leaves the mapping split or the pages counted. */
static void a_failed_mlock_leaves_the_mapping_whole(void **state)
{
	struct fixture *fixture = *state;
	char byte = 1;

	fixture_map_at(fixture->mm, A, 0x3000, RW);
	assert_int_equal(tlb_store(fixture->mm, A, &byte, 1), GW_FAULT_DONE);
	assert_in_range(fixture_fail_nth_sweep(fixture, fixture->mm, lock_the_middle, NULL), 4, 50);
	assert_int_equal(fixture->mm->locked_vm, 1);
}

/* Fails when msync takes what Linux refuses, misses a hole, or throws away what is locked. */
static void msync_answers_as_linux(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, A, 0x2000, RW);
	fixture_map_at(mm, A + 0x3000, 0x1000, RW);
	assert_int_equal(mm_msync(mm, A, 0x2000, MS_SYNC), 0);
	assert_int_equal(mm_msync(mm, A, 0x2000, 0), 0);
	assert_int_equal(mm_msync(mm, A, 0x1000, MS_SYNC | MS_ASYNC), -EINVAL);
	assert_int_equal(mm_msync(mm, A, 0x1000, 8), -EINVAL);
	assert_int_equal(mm_msync(mm, A + 1, 0x1000, MS_SYNC), -EINVAL);
	assert_int_equal(mm_msync(mm, A, -0x1000ul, MS_SYNC), -ENOMEM);
	assert_int_equal(mm_msync(mm, A, 0, MS_SYNC), 0);
	assert_int_equal(mm_msync(mm, A, 0x4000, MS_SYNC), -ENOMEM);
	assert_int_equal(mm_mlock(mm, A + 0x3000, 0x1000, 0), 0);
	assert_int_equal(mm_msync(mm, A, 0x4000, MS_INVALIDATE), -EBUSY); /* behind the hole */
	assert_int_equal(mm_msync(mm, A, 0x4000, MS_ASYNC), -ENOMEM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(locked_memory_is_counted_and_comes_in),
		TEST(mlock_refuses_what_linux_refuses),
		TEST(the_limit_counts_each_page_once),
		TEST(what_is_to_come_is_locked),
		TEST(locked_memory_is_copied_when_it_becomes_writable),
		TEST(a_failed_mlock_leaves_the_mapping_whole),
		TEST(msync_answers_as_linux),
	};

	return cmocka_run_group_tests_name("mlock", tests, NULL, NULL);
}
