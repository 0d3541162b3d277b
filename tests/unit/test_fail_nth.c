// SPDX-License-Identifier: MIT
/*
 * test_fail_nth.c - faults, migration and whole workloads with one allocation that fails
 *
 * Each case runs with its 1st, 2nd, ... allocation failing until one run needs no more.  After every
 * failure the machine must be valid and memory must hold what it held, and once more without a
 * failure the operation must do its work.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "migrate.h"
#include "prng.h"
#include "tlb.h"

#define RW	  (PROT_READ | PROT_WRITE)
#define SWEEP_MAX 200

/* A part of the address space for each run, with no page table of its own yet. */
static unsigned long fresh_base(int nth)
{
	return (unsigned long)(nth + 1) << 39;
}

/* ---- Faults ------------------------------------------------------------------------------------------ */

enum before { NOTHING, READ_ONCE_BEFORE };

struct fault_case {
	const char *name;
	bool file;
	enum before before; /* the page is read first, without failures */
	enum gw_access access;
	int failures_min; /* what Linux needs as well: a frame, tables, an anon_vma */
};

#define FILE_PAGES 4

static unsigned char expected_byte(const struct fault_case *what, unsigned long offset)
{
	return what->file ? fixture_file_byte(offset) : 0;
}

static enum gw_fault access_page(struct mm *mm, unsigned long addr, enum gw_access access)
{
	unsigned char byte = 0x77;

	return access == GW_WRITE ? tlb_store(mm, addr, &byte, 1) : tlb_load(mm, addr, &byte, 1);
}

static void assert_page(struct mm *mm, unsigned long base, const struct fault_case *what,
			bool written)
{
	unsigned char page[GW_PAGE_SIZE];

	assert_int_equal(tlb_load(mm, base, page, sizeof(page)), GW_FAULT_DONE);
	for (unsigned long i = 0; i < sizeof(page); i++) {
		unsigned char want = written && i == 0 ? 0x77 : expected_byte(what, i);

		assert_int_equal(page[i], want);
	}
}

/* One run; true when no allocation failed. */
static bool run_fault(struct fixture *fixture, const struct fault_case *what, struct mapping *file,
		      int nth)
{
	struct mm *mm = fixture->mm;
	unsigned long base = fresh_base(nth);
	int flags = MAP_PRIVATE | MAP_FIXED | (what->file ? 0 : MAP_ANONYMOUS);
	char before[FIXTURE_MAPS_SIZE], after[FIXTURE_MAPS_SIZE];
	enum gw_fault fault;

	assert_int_equal(fixture_mmap(mm, base, FILE_PAGES * GW_PAGE_SIZE, RW, flags, file, 0),
			 base);
	if (what->before == READ_ONCE_BEFORE)
		assert_page(mm, base, what, false);
	fixture_maps(mm, before);
	machine_fail_nth(fixture->machine, nth);
	fault = access_page(mm, base, what->access);
	machine_fail_nth(fixture->machine, 0);
	fixture_assert_valid(fixture);
	fixture_maps(mm, after);
	assert_string_equal(before, after);
	if (fault != GW_FAULT_DONE) {
		assert_int_equal(fault, GW_FAULT_OOM);
		assert_page(mm, base, what, false);
		assert_int_equal(access_page(mm, base, what->access), GW_FAULT_DONE);
	}
	assert_page(mm, base, what, what->access == GW_WRITE);
	assert_int_equal(mm_munmap(mm, base, FILE_PAGES * GW_PAGE_SIZE), 0);
	return fault == GW_FAULT_DONE;
}

/* Fails when a fault that runs out of memory leaves something behind, or the next one does not help. */
static void a_failed_fault_changes_nothing(void **state)
{
	static const struct fault_case cases[] = {
		{ "anonymous read", false, NOTHING, GW_READ, 3 },
		{ "anonymous write", false, NOTHING, GW_WRITE, 6 },
		{ "write after read", false, READ_ONCE_BEFORE, GW_WRITE, 3 },
		{ "file read", true, NOTHING, GW_READ, 3 },
		{ "file write", true, NOTHING, GW_WRITE, 6 },
		{ "file write after read", true, READ_ONCE_BEFORE, GW_WRITE, 3 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_case *what = &cases[i];
		struct mapping *file =
			what->file ? fixture_file(fixture, "/file", FILE_PAGES * GW_PAGE_SIZE)
				   : NULL;
		int nth = 1;

		while (nth < SWEEP_MAX && !run_fault(fixture, what, file, nth))
			nth++;
		assert_in_range(nth - 1, what->failures_min, SWEEP_MAX - 2);
		if (file)
			mapping_put(file);
	}
}

/* Fails when a stack that could not grow is left half grown. */
static void a_failed_growth_leaves_the_stack(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long top = 0x7000000000ul;
	int failures = 0;

	assert_int_equal(fixture_mmap(mm, top - 2 * GW_PAGE_SIZE, 2 * GW_PAGE_SIZE, RW,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL,
				      0),
			 top - 2 * GW_PAGE_SIZE);
	/* 3 MiB apart, so that each growth needs a page table as well. */
	for (int nth = 1; nth < 30; nth++) {
		unsigned long addr = top - (unsigned long)nth * (3ul << 20);
		enum gw_fault fault;

		machine_fail_nth(fixture->machine, nth % 6 + 1);
		fault = access_page(mm, addr, GW_WRITE);
		machine_fail_nth(fixture->machine, 0);
		fixture_assert_valid(fixture);
		if (fault == GW_FAULT_DONE)
			continue;
		/* As on Linux, a stack that cannot grow for want of memory is no mapping there. */
		assert_true(fault == GW_FAULT_OOM || fault == GW_FAULT_MAPERR);
		assert_int_equal(access_page(mm, addr, GW_WRITE), GW_FAULT_DONE);
		failures++;
	}
	assert_in_range(failures, 5, 29);
}

/* ---- Migration --------------------------------------------------------------------------------------- */

#define MOVE_BASE  0x10000000ul
#define MOVE_PAGES 40

static void stamp(struct mm *mm, uint64_t salt)
{
	for (unsigned long i = 0; i < MOVE_PAGES; i++) {
		uint64_t value = salt + i;

		assert_int_equal(tlb_store(mm, MOVE_BASE + i * GW_PAGE_SIZE + 8 * i, &value, 8),
				 GW_FAULT_DONE);
	}
}

static void assert_stamps(struct mm *mm, uint64_t salt)
{
	for (unsigned long i = 0; i < MOVE_PAGES; i++) {
		uint64_t value;

		assert_int_equal(tlb_load(mm, MOVE_BASE + i * GW_PAGE_SIZE + 8 * i, &value, 8),
				 GW_FAULT_DONE);
		assert_int_equal(value, salt + i);
	}
}

/* Half of the pages are anonymous, half private copies of a file's, and its cache is mapped too. */
static void map_for_migration(struct fixture *fixture, struct mapping *file)
{
	struct mm *mm = fixture->mm;
	unsigned long half = MOVE_PAGES / 2 * GW_PAGE_SIZE;
	unsigned char byte;

	fixture_map_at(mm, MOVE_BASE, half, RW);
	assert_int_equal(
		fixture_mmap(mm, MOVE_BASE + half, half, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
		MOVE_BASE + half);
	assert_int_equal(fixture_mmap(mm, MOVE_BASE + 2 * half, half, PROT_READ,
				      MAP_SHARED | MAP_FIXED, file, 0),
			 MOVE_BASE + 2 * half);
	for (unsigned long at = 0; at < half; at += GW_PAGE_SIZE)
		assert_int_equal(tlb_load(mm, MOVE_BASE + 2 * half + at, &byte, 1), GW_FAULT_DONE);
}

/* Fails when a migration that runs out of frames loses a page, or leaves one half moved. */
static void a_failed_migration_leaves_pages_where_they_are(void **state)
{
	static const enum gw_migrate_mode modes[] = { GW_MIGRATE_ASYNC, GW_MIGRATE_SYNC_LIGHT,
						      GW_MIGRATE_SYNC };
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "/file", MOVE_PAGES * GW_PAGE_SIZE);

	map_for_migration(fixture, file);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int nth;

		for (nth = 1; nth < SWEEP_MAX; nth++) {
			struct gw_migrate move = { .mode = modes[i], .reason = GW_MR_COMPACTION };
			unsigned long salt = (unsigned long)nth * 1000;

			stamp(fixture->mm, salt);
			machine_fail_nth(fixture->machine, nth);
			assert_int_equal(
				migrate_range(fixture->mm, 0, fixture->mm->task_size, &move), 0);
			machine_fail_nth(fixture->machine, 0);
			fixture_assert_valid(fixture);
			assert_stamps(fixture->mm, salt);
			assert_int_equal(move.nr_succeeded + move.nr_failed, move.nr_candidates);
			if (move.nr_failed == 0)
				break;
		}
		/* As many frames as pages: 40 private ones and 20 of the cache. */
		assert_in_range(nth - 1, MOVE_PAGES, SWEEP_MAX - 2);
	}
	mapping_put(file);
}

/* ---- A workload -------------------------------------------------------------------------------------- */

#define WORK_BASE  0x40000000ul
#define WORK_PAGES 64
#define WORK_STEPS 3000

struct workload {
	struct fixture *fixture;
	struct mapping *file;
	struct prng prng;
	int prot[WORK_PAGES]; /* -1: not mapped */
	unsigned char shadow[WORK_PAGES][GW_PAGE_SIZE];
	int failures;
};

/* One step, chosen once and done twice: with a failure armed, and without. */
struct step {
	unsigned int kind;
	unsigned long page, nr, offset, pgoff;
	int prot;
	bool file;
	uint64_t value;
};

enum { STEP_MMAP, STEP_MUNMAP, STEP_MPROTECT, STEP_MIGRATE, STEP_STORE };

static struct step choose(struct workload *work)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RW };
	static const unsigned char kinds[] = { STEP_MMAP,  STEP_MUNMAP, STEP_MPROTECT, STEP_MIGRATE,
					       STEP_STORE, STEP_STORE,	STEP_STORE,    STEP_STORE };
	struct prng *prng = &work->prng;
	struct step step = { .kind = kinds[prng_below(prng, ARRAY_SIZE(kinds))] };

	step.page = prng_below(prng, WORK_PAGES);
	step.nr = 1 + prng_below(prng, min(16ul, WORK_PAGES - step.page));
	step.offset = prng_below(prng, GW_PAGE_SIZE - 8);
	step.pgoff = prng_below(prng, WORK_PAGES - step.nr);
	step.prot = prots[prng_below(prng, ARRAY_SIZE(prots))];
	step.file = prng_below(prng, 3) == 0;
	step.value = prng_next(prng);
	return step;
}

static int do_store(struct workload *work, const struct step *step, unsigned long addr)
{
	enum gw_fault fault = tlb_store(work->fixture->mm, addr + step->offset, &step->value, 8);

	switch (fault) {
	case GW_FAULT_DONE:
		return 0;
	case GW_FAULT_OOM:
		return -ENOMEM;
	case GW_FAULT_MAPERR:
		assert_int_equal(work->prot[step->page], -1);
		return -EFAULT;
	case GW_FAULT_ACCERR:
		assert_true(work->prot[step->page] >= 0 && !(work->prot[step->page] & PROT_WRITE));
		return -EFAULT;
	case GW_FAULT_SIGBUS:
		break;
	}
	fail_msg("a store ended with %d", fault);
	return 0;
}

/* 0: done; -ENOMEM: an allocation failed; other errors are the step's own and change nothing. */
static int do_step(struct workload *work, const struct step *step)
{
	struct mm *mm = work->fixture->mm;
	struct gw_migrate move = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_COMPACTION };
	unsigned long addr = WORK_BASE + step->page * GW_PAGE_SIZE, len = step->nr * GW_PAGE_SIZE;
	int flags = MAP_PRIVATE | MAP_FIXED | (step->file ? 0 : MAP_ANONYMOUS);
	long got;

	switch (step->kind) {
	case STEP_MMAP:
		got = fixture_mmap(mm, addr, len, step->prot, flags, step->file ? work->file : NULL,
				   step->file ? step->pgoff : 0);
		return got == (long)addr ? 0 : (int)got;
	case STEP_MUNMAP:
		return mm_munmap(mm, addr, len);
	case STEP_MPROTECT:
		return mm_mprotect(mm, addr, len, step->prot);
	case STEP_MIGRATE:
		assert_int_equal(migrate_range(mm, WORK_BASE, WORK_BASE + len, &move), 0);
		return 0;
	default:
		return do_store(work, step, addr);
	}
}

static void shadow_page(struct workload *work, const struct step *step, unsigned long i)
{
	unsigned char *shadow = work->shadow[step->page + i];

	for (unsigned long at = 0; at < GW_PAGE_SIZE; at++)
		shadow[at] =
			step->file ? fixture_file_byte((step->pgoff + i) * GW_PAGE_SIZE + at) : 0;
}

static void shadow_step(struct workload *work, const struct step *step)
{
	for (unsigned long i = 0; i < step->nr; i++) {
		int *prot = &work->prot[step->page + i];

		if (step->kind == STEP_MMAP) {
			*prot = step->prot;
			shadow_page(work, step, i);
		} else if (step->kind == STEP_MUNMAP) {
			*prot = -1;
		} else if (step->kind == STEP_MPROTECT) {
			*prot = step->prot;
		}
	}
	if (step->kind == STEP_STORE)
		memcpy(work->shadow[step->page] + step->offset, &step->value, 8);
}

/* mprotect() over a hole works up to it and then says -ENOMEM, with or without a failure. */
static bool has_hole(const struct workload *work, const struct step *step)
{
	for (unsigned long i = 0; i < step->nr; i++) {
		if (work->prot[step->page + i] < 0)
			return true;
	}
	return false;
}

static void assert_contents(struct workload *work)
{
	struct mm *mm = work->fixture->mm;

	for (unsigned long page = 0; page < WORK_PAGES; page++) {
		unsigned char found[GW_PAGE_SIZE];
		enum gw_fault fault =
			tlb_load(mm, WORK_BASE + page * GW_PAGE_SIZE, found, sizeof(found));

		if (work->prot[page] < 0) {
			assert_int_equal(fault, GW_FAULT_MAPERR);
		} else if (!(work->prot[page] & PROT_READ)) {
			assert_int_equal(fault, GW_FAULT_ACCERR);
		} else {
			assert_int_equal(fault, GW_FAULT_DONE);
			assert_memory_equal(found, work->shadow[page], GW_PAGE_SIZE);
		}
	}
}

static void one_step(struct workload *work)
{
	struct fixture *fixture = work->fixture;
	char before[FIXTURE_MAPS_SIZE], after[FIXTURE_MAPS_SIZE];
	struct step step = choose(work);
	int err;

	if (step.kind == STEP_MPROTECT && has_hole(work, &step))
		return;
	fixture_maps(fixture->mm, before);
	machine_fail_nth(fixture->machine, 1 + (int)prng_below(&work->prng, 6));
	err = do_step(work, &step);
	machine_fail_nth(fixture->machine, 0);
	if (err == -ENOMEM) {
		work->failures++;
		fixture_assert_valid(fixture);
		/* mprotect() has done the VMAs before the one that failed, as on Linux. */
		if (step.kind != STEP_MPROTECT) {
			fixture_maps(fixture->mm, after);
			assert_string_equal(before, after);
			assert_contents(work);
		}
		err = do_step(work, &step);
		assert_int_not_equal(err, -ENOMEM);
	}
	if (err == 0)
		shadow_step(work, &step);
}

/* Fails when some mixture of calls, faults and migration does not survive a failure in its midst. */
static void a_workload_survives_failures_everywhere(void **state)
{
	static struct workload work;
	struct fixture *fixture = *state;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		work = (struct workload){ .fixture = fixture };
		work.file = fixture_file(fixture, "/work", WORK_PAGES * GW_PAGE_SIZE);
		prng_seed(&work.prng, seed);
		for (int page = 0; page < WORK_PAGES; page++)
			work.prot[page] = -1;
		for (int i = 0; i < WORK_STEPS; i++)
			one_step(&work);
		fixture_assert_valid(fixture);
		assert_contents(&work);
		assert_in_range(work.failures, 100, WORK_STEPS);
		assert_int_equal(mm_munmap(fixture->mm, WORK_BASE, WORK_PAGES * GW_PAGE_SIZE), 0);
		mapping_put(work.file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_failed_fault_changes_nothing, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_failed_growth_leaves_the_stack, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_failed_migration_leaves_pages_where_they_are,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_workload_survives_failures_everywhere,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
