// SPDX-License-Identifier: MIT
/* test_limits.c - how much may be mapped, in how many pieces, and what the machine promises */
#include "fixture.h"

#include <errno.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include "fork.h"
#include "tlb.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

#define A 0x10000000ul
#define B 0x20000000ul

static struct fixture *create(int overcommit, int max_map_count)
{
	struct gw_machine_config config = fixture_config();

	config.overcommit_memory = overcommit;
	config.max_map_count = max_map_count;
	return fixture_create(&config);
}

static long map(struct mm *mm, unsigned long addr, unsigned long len, int prot)
{
	return fixture_mmap(mm, addr, len, prot, ANON, NULL, 0);
}

/* ---- Pieces ---------------------------------------------------------------------------------------------- */

/* Fails when a call makes more mappings than there may be, or is refused though it makes no more. */
static void pieces_are_counted(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_ALWAYS, 12);
	struct mm *mm = fixture->mm;

	(void)state;
	for (unsigned long i = 0; i < 10; i++)
		fixture_map_at(mm, A + i * 0x10000, 0x4000, RW);
	/* A move may cut both places in three: six below the limit, as Linux reckons. */
	assert_int_equal(mm_mremap(mm, A, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, B),
			 -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x1000, 0x2000, MREMAP_MAYMOVE, 0), -ENOMEM);
	assert_int_equal(mm_mlock(mm, A + 0x1000, 0x1000, 0), 0);
	assert_int_equal(mm->map_count, 12);
	assert_int_equal(mm_mlock(mm, A + 0x11000, 0x1000, 0), -ENOMEM);
	assert_int_equal(mm_madvise(mm, A + 0x11000, 0x1000, MADV_RANDOM), -EAGAIN);
	assert_int_equal(mm_munmap(mm, A + 0x11000, 0x1000), -ENOMEM);
	assert_int_equal(mm_mremap(mm, A + 0x10000, 0x4000, 0x2000, 0, 0), A + 0x10000);
	assert_int_equal(mm_mremap(mm, A + 0x10000, 0x2000, 0x4000, 0, 0), A + 0x10000);
	assert_int_equal(mm_munmap(mm, A, 0x80000), 0);
	assert_int_equal(
		mm_mremap(mm, A + 0x90000, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, B), B);
	fixture_destroy(fixture);
}

/* ---- Bytes ----------------------------------------------------------------------------------------------- */

/* Fails when the address space outgrows RLIMIT_AS by any call, or what goes does not make room. */
static void the_address_space_is_limited(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_ALWAYS, 0);
	struct mm *mm = fixture->mm;

	(void)state;
	mm->limits.as = 0x8000;
	mm->start_brk = mm->brk = 0x40000000;
	fixture_map_at(mm, A, 0x6000, RW);
	assert_int_equal(map(mm, B, 0x3000, PROT_NONE), -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x6000, 0x9000, 0, 0), -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x6000, 0x8000, 0, 0), A);
	assert_int_equal(mm_brk(mm, 0x40001000), 0x40000000);
	assert_int_equal(mm_mremap(mm, A, 0x4000, 0x4000, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
			 -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x4000, 0x4000,
				   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, A + 0x4000),
			 A + 0x4000); /* takes the place of as much */
	assert_int_equal(mm->total_vm, 8);
	assert_int_equal(map(mm, A, 0x8000, RW), A);
	fixture_destroy(fixture);
}

/* Fails when RLIMIT_DATA does not count private writable memory, or counts anything else. */
static void data_is_limited(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_ALWAYS, 0);
	struct mm *mm = fixture->mm;

	(void)state;
	mm->limits.data = 0x4000;
	fixture_map_at(mm, A, 0x4000, RW);
	assert_int_equal(map(mm, B, 0x1000, RW), -ENOMEM);
	fixture_map_at(mm, A, 0x4000, RW); /* takes the place of as much */
	fixture_map_at(mm, B, 0x10000, PROT_READ);
	assert_int_equal(mm_mprotect(mm, B, 0x1000, RW), -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x4000, 0x5000, MREMAP_MAYMOVE, 0), -ENOMEM);
	assert_int_equal(mm_mremap(mm, B, 0x10000, 0x20000, 0, 0), B);
	assert_int_equal(mm_mremap(mm, A, 0x4000, 0x4000, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
			 -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, 0x2000, 0x2000,
				   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, A + 0x2000),
			 A + 0x2000);
	mm->limits.data = 0; /* no limit but the hard one */
	mm->limits.data_hard = 0x6000;
	assert_int_equal(mm_mprotect(mm, B, 0x2000, RW), 0);
	assert_int_equal(mm_mprotect(mm, B + 0x2000, 0x1000, RW), -ENOMEM);
	mm->limits.data = ~0ull;
	fixture_destroy(fixture);
}

/* Fails when a stack outgrows its limit, or another limit that it touches. */
static void a_stack_is_limited(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_ALWAYS, 0);
	struct mm *mm = fixture->mm;
	char byte = 1;

	(void)state;
	assert_int_equal(fixture_mmap(mm, A, 0x1000, RW, ANON | MAP_GROWSDOWN, NULL, 0), A);
	mm->limits.stack = 0x8000;
	assert_int_equal(tlb_store(mm, A - 0x7000, &byte, 1), GW_FAULT_DONE);
	assert_int_equal(tlb_store(mm, A - 0x8000, &byte, 1), GW_FAULT_MAPERR);
	mm->limits.stack = ~0ull;
	mm->limits.as = 0xa000;
	assert_int_equal(tlb_store(mm, A - 0xa000, &byte, 1), GW_FAULT_MAPERR);
	assert_int_equal(tlb_store(mm, A - 0x9000, &byte, 1), GW_FAULT_DONE);
	mm->limits.as = ~0ull;
	assert_int_equal(mm_mlock(mm, A, 0x1000, 0), 0);
	fixture_assert_maps(mm, "fff7000-10000000 rw-p\n10000000-10001000 rw-p\n");
	mm->limits.memlock = 0xb000;
	assert_int_equal(mm_mlock(mm, A - 0x9000, 0x9000, 0), 0);
	assert_int_equal(tlb_store(mm, A - 0xb000, &byte, 1), GW_FAULT_MAPERR);
	assert_int_equal(tlb_store(mm, A - 0xa000, &byte, 1), GW_FAULT_DONE);
	fixture_destroy(fixture);
}

/* ---- Promises -------------------------------------------------------------------------------------------- */

static unsigned long promised(const struct fixture *fixture)
{
	return vm_committed(fixture->machine);
}

/* Fails when a single mapping may be larger than the machine, or many together may not. */
static void guessing_refuses_the_obvious(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_GUESS, 0);
	unsigned long all = 1024 * PAGE_SIZE;
	struct mm *mm = fixture->mm;

	(void)state;
	assert_int_equal(map(mm, A, all + PAGE_SIZE, RW), -ENOMEM);
	assert_int_equal(map(mm, A, all, RW), A);
	assert_int_equal(map(mm, B, all, RW), B);
	assert_int_equal(promised(fixture), 2048);
	assert_int_equal(map(mm, 2 * B, 4 * all, PROT_READ), 2 * B); /* promises nothing */
	assert_int_equal(mm_mprotect(mm, 2 * B, 4 * all, RW), -ENOMEM);
	assert_int_equal(mm_mremap(mm, A, all, 3 * all, MREMAP_MAYMOVE, 0), -ENOMEM);
	assert_int_equal(fixture_mmap(mm, 3 * B, 4 * all, RW, ANON | MAP_NORESERVE, NULL, 0),
			 3 * B);
	assert_int_equal(promised(fixture), 2048);
	fixture_destroy(fixture);
}

/* What may still be promised: of 1024 pages half, less a thirty-second for root. */
#define PROMISES (512 - 32)

/* Fails when any call makes a promise that cannot be kept, or does not give one back. */
static void never_promises_too_much(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_NEVER, 0);
	struct mm *mm = fixture->mm, *child;
	char byte = 1;

	(void)state;
	mm->start_brk = mm->brk = 0x40000000;
	assert_int_equal(map(mm, A, PROMISES * PAGE_SIZE, RW), -ENOMEM); /* one must be left */
	assert_int_equal(
		fixture_mmap(mm, A, PROMISES * PAGE_SIZE, RW, ANON | MAP_NORESERVE, NULL, 0),
		-ENOMEM);
	assert_int_equal(promised(fixture), 0);
	assert_int_equal(map(mm, A, 400 * PAGE_SIZE, RW), A);
	assert_int_equal(promised(fixture), 400);
	assert_int_equal(map(mm, B, 100 * PAGE_SIZE, PROT_READ), B);
	assert_int_equal(mm_mprotect(mm, B, 100 * PAGE_SIZE, RW), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, B, 10 * PAGE_SIZE, RW), 0);
	assert_int_equal(promised(fixture), 410);
	assert_int_equal(mm_mprotect(mm, B, 10 * PAGE_SIZE, PROT_READ),
			 0); /* nothing was written */
	assert_int_equal(promised(fixture), 400);
	assert_int_equal(mm_brk(mm, 0x40000000 + 100 * PAGE_SIZE), 0x40000000);
	assert_int_equal(mm_brk(mm, 0x40000000 + 10 * PAGE_SIZE), 0x40000000 + 10 * PAGE_SIZE);
	assert_int_equal(promised(fixture), 410);
	/* A move hands its promise on; only growth needs more. */
	assert_int_equal(mm_mremap(mm, A, 400 * PAGE_SIZE, 400 * PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_FIXED, A + 0x1000000),
			 A + 0x1000000);
	assert_int_equal(promised(fixture), 410);
	assert_int_equal(mm_mremap(mm, A + 0x1000000, 400 * PAGE_SIZE, 480 * PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_FIXED, A),
			 -ENOMEM);
	assert_int_equal(mm_mremap(mm, A + 0x1000000, 400 * PAGE_SIZE, 420 * PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_FIXED, A),
			 A);
	assert_int_equal(promised(fixture), 430);
	assert_int_equal(mm_mremap(mm, A, 420 * PAGE_SIZE, 420 * PAGE_SIZE,
				   MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
			 -ENOMEM);
	assert_int_equal(dup_mm(mm, &child), -ENOMEM);
	assert_int_equal(promised(fixture), 430);
	/* What is replaced makes room for what comes. */
	assert_int_equal(map(mm, A, 440 * PAGE_SIZE, RW), A);
	assert_int_equal(promised(fixture), 450);
	assert_int_equal(mm_munmap(mm, A + 100 * PAGE_SIZE, 340 * PAGE_SIZE), 0);
	assert_int_equal(promised(fixture), 110);
	assert_int_equal(dup_mm(mm, &child), 0);
	assert_int_equal(promised(fixture), 220);
	mm_put(child);
	assert_int_equal(promised(fixture), 110);
	assert_int_equal(fixture_mmap(mm, 3 * B, PAGE_SIZE, RW, ANON | MAP_GROWSDOWN, NULL, 0),
			 3 * B);
	assert_int_equal(tlb_store(mm, 3 * B - 400 * PAGE_SIZE, &byte, 1), GW_FAULT_MAPERR);
	assert_int_equal(tlb_store(mm, 3 * B - 100 * PAGE_SIZE, &byte, 1), GW_FAULT_DONE);
	assert_int_equal(promised(fixture), 211);
	fixture_destroy(fixture); /* which looks whether all promises have been given back */
}

static int map_beside(struct fixture *fixture, void *arg)
{
	(void)arg;
	return map(fixture->mm, A + 10 * PAGE_SIZE, 10 * PAGE_SIZE,
		   PROT_READ | PROT_WRITE | PROT_EXEC) < 0
		       ? -ENOMEM
		       : 0;
}

static int move_and_grow(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mremap(fixture->mm, A, 10 * PAGE_SIZE, 20 * PAGE_SIZE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, B) < 0
		       ? -ENOMEM
		       : 0;
}

static int make_writable(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mprotect(fixture->mm, A + 0x1000000 + PAGE_SIZE, PAGE_SIZE, RW);
}

/* Fails when a call that runs out of memory keeps its promise, which fixture_assert_valid() counts. */
static void failed_calls_promise_nothing(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_NEVER, 0);
	struct mm *mm = fixture->mm;

	(void)state;
	fixture_map_at(mm, A, 10 * PAGE_SIZE, RW);
	fixture_map_at(mm, A + 0x1000000, 3 * PAGE_SIZE, PROT_READ);
	assert_in_range(fixture_fail_nth_sweep(fixture, mm, map_beside, NULL), 2, 50);
	assert_int_equal(promised(fixture), 20);
	assert_in_range(fixture_fail_nth_sweep(fixture, mm, move_and_grow, NULL), 6, 100);
	assert_int_equal(promised(fixture), 30);
	assert_in_range(fixture_fail_nth_sweep(fixture, mm, make_writable, NULL), 3, 50);
	assert_int_equal(promised(fixture), 31);
	fixture_destroy(fixture);
}

/* Fails when memory whose pages are promised one by one gets more than there is, or keeps promises. */
static void pages_are_promised_one_by_one(void **state)
{
	struct fixture *fixture = create(OVERCOMMIT_NEVER, 0);
	const struct gw_mapping_info info = {
		.size = 0x400000, .name = "memory", .noreserve = true
	};
	struct gw_mmap args = {
		.addr = A,
		.len = info.size,
		.prot = RW,
		.flags = MAP_SHARED | MAP_FIXED,
		.writable = true,
	};
	enum gw_fault fault = GW_FAULT_DONE;
	unsigned long nr = 0;
	char byte = 1;

	(void)state;
	assert_int_equal(mapping_create(fixture->machine, &info, &args.mapping), 0);
	assert_int_equal(mm_mmap(fixture->mm, &args), A);
	assert_int_equal(promised(fixture), 0);
	while (nr < info.size >> PAGE_SHIFT && fault == GW_FAULT_DONE)
		fault = tlb_store(fixture->mm, A + nr++ * PAGE_SIZE, &byte, 1);
	assert_int_equal(fault, GW_FAULT_SIGBUS); /* as a file system that is full */
	assert_int_equal(promised(fixture), nr - 1);
	fixture_assert_valid(fixture);
	assert_int_equal(mapping_truncate(args.mapping, PAGE_SIZE), 0);
	assert_int_equal(promised(fixture), 1);
	mapping_put(args.mapping);
	fixture_destroy(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_counted),
		cmocka_unit_test(the_address_space_is_limited),
		cmocka_unit_test(data_is_limited),
		cmocka_unit_test(a_stack_is_limited),
		cmocka_unit_test(guessing_refuses_the_obvious),
		cmocka_unit_test(never_promises_too_much),
		cmocka_unit_test(failed_calls_promise_nothing),
		cmocka_unit_test(pages_are_promised_one_by_one),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
