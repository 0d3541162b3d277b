// SPDX-License-Identifier: MIT
/* test_gup.c - pins and references: what they keep, and what fork, migration and writes do with them */
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>

#include "gup.h"
#include "migrate.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x100000ul

#define PIN_READ  GW_GUP_PIN
#define PIN_WRITE (GW_GUP_PIN | GW_GUP_WRITE)

/* What a device does. */
static void device_write(struct fixture *fixture, struct folio *folio, uint64_t value)
{
	folio_write(fixture->machine, folio, 0, &value, sizeof(value));
}

static uint64_t device_read(struct fixture *fixture, struct folio *folio)
{
	uint64_t value;

	folio_read(fixture->machine, folio, 0, &value, sizeof(value));
	return value;
}

typedef long (*gup_fn)(struct mm *mm, unsigned long addr, unsigned long nr_pages,
		       unsigned int flags, struct folio **folios);

static const gup_fn both[] = { get_user_pages, get_user_pages_fast };

static struct folio *pin(struct mm *mm, unsigned long addr, unsigned int flags)
{
	struct folio *folio;

	assert_int_equal(get_user_pages(mm, addr, 1, flags, &folio), 1);
	return folio;
}

static void unpin(struct fixture *fixture, struct folio *folio, unsigned int flags)
{
	put_user_pages(fixture->machine, &folio, 1, flags);
}

/* ---- Getting ------------------------------------------------------------------------------------------- */

/* Fails when a page is not faulted in, counted wrong, or not given back. */
static void pages_are_faulted_in_and_counted(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct folio *folios[8];

		fixture_map_at(mm, BASE, 0x8000, RW);
		store(mm, BASE + 0x3000, 5);
		assert_int_equal(both[i](mm, BASE + 0x123, 8, PIN_WRITE, folios), 8);
		for (unsigned long k = 0; k < 8; k++) {
			assert_ptr_equal(folios[k], folio_at(mm, BASE + k * 0x1000));
			assert_true(folio_maybe_dma_pinned(folios[k]));
			assert_int_equal(folio_ref_count(folios[k]), 1 + GUP_PIN_COUNTING_BIAS);
		}
		assert_int_equal(device_read(fixture, folios[3]), 5);
		fixture_assert_valid(fixture);
		/* The frames stay when the mapping goes. */
		assert_int_equal(mm_munmap(mm, BASE, 0x8000), 0);
		device_write(fixture, folios[0], 9);
		put_user_pages(fixture->machine, folios, 8, PIN_WRITE);
		fixture_assert_valid(fixture);
	}
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_nr_foll_pin_acquired), 16);
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_nr_foll_pin_released), 16);
}

/* Fails when a hole or a right is overlooked, or what was got before it is forgotten. */
static void what_may_not_be_accessed_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, BASE, 0x2000, RW);
	fixture_map_at(mm, BASE + 0x4000, 0x1000, PROT_READ);
	fixture_map_at(mm, BASE + 0x6000, 0x1000, PROT_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct folio *folios[8];

		assert_int_equal(both[i](mm, BASE, 8, PIN_WRITE, folios), 2);
		put_user_pages(fixture->machine, folios, 2, PIN_WRITE);
		assert_int_equal(both[i](mm, BASE + 0x2000, 1, PIN_READ, folios), -EFAULT);
		assert_int_equal(both[i](mm, BASE + 0x4000, 1, PIN_WRITE, folios), -EFAULT);
		assert_int_equal(both[i](mm, BASE + 0x4000, 1, PIN_READ, folios), 1);
		unpin(fixture, folios[0], PIN_READ);
		assert_int_equal(both[i](mm, BASE + 0x6000, 1, GW_GUP_WRITE, folios), -EFAULT);
		assert_int_equal(both[i](mm, BASE + 0x6000, 1, 0, folios), -EFAULT);
		assert_int_equal(both[i](mm, ~0ul << 12, 1, 0, folios), -EFAULT);
		assert_int_equal(both[i](mm, 0, ~0ul, 0, folios), -EFAULT);
	}
	fixture_assert_valid(fixture);
}

/* Fails when the zero page, which is everybody's, is counted for one. */
static void the_zero_page_is_not_counted(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	int before = folio_ref_count(fixture->machine->zero_folio);

	fixture_map_at(mm, BASE, 0x1000, RW);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct folio *folio;

		assert_int_equal(both[i](mm, BASE, 1, PIN_READ, &folio), 1);
		assert_ptr_equal(folio, fixture->machine->zero_folio);
		assert_int_equal(folio_ref_count(folio), before);
		unpin(fixture, folio, PIN_READ);
		assert_int_equal(folio_ref_count(folio), before);
	}
}

/* Fails when a debugger cannot write a read-only page, or what it writes reaches the file. */
static void a_forced_write_goes_to_a_private_copy(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);
	unsigned int flags = GW_GUP_WRITE | GW_GUP_FORCE;
	struct folio *folio;
	unsigned char byte;

	assert_int_equal(fixture_mmap(mm, BASE, 0x2000, PROT_READ | PROT_EXEC,
				      MAP_PRIVATE | MAP_FIXED, file, 0),
			 BASE);
	load(mm, BASE);
	folio = pin(mm, BASE, flags);
	assert_true(folio_anon(folio));
	assert_false(pte_write(pte_at(mm, BASE)));
	device_write(fixture, folio, 0xcc);
	assert_int_equal(load(mm, BASE), 0xcc);
	assert_int_equal(mapping_read(file, &byte, 1, 0), 1);
	assert_int_equal(byte, fixture_file_byte(0));
	unpin(fixture, folio, flags);
	/* Again: the copy is there, and is taken as it is. */
	folio = pin(mm, BASE, flags);
	assert_ptr_equal(folio, folio_at(mm, BASE));
	unpin(fixture, folio, flags);
	/* A mapping that may be written is not forced past its own copy-on-write. */
	fixture_map_at(mm, BASE + 0x8000, 0x1000, PROT_NONE);
	folio = pin(mm, BASE + 0x8000, flags);
	assert_ptr_not_equal(folio, fixture->machine->zero_folio);
	unpin(fixture, folio, flags);
	fixture_assert_valid(fixture);
	mapping_put(file);
}

/* ---- Pins and everything else ------------------------------------------------------------------------------ */

/* Fails when fork shares a pinned page: the parent's next store would go elsewhere than the pin. */
static void fork_copies_what_is_pinned(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct folio *pinned;

	fixture_map_at(mm, BASE, 0x3000, RW);
	for (unsigned long i = 0; i < 3; i++)
		store(mm, BASE + i * 0x1000, 10 + i);
	pinned = pin(mm, BASE + 0x1000, PIN_WRITE);
	child = fork_mm(mm);
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_fork_copy_pinned), 1);
	assert_ptr_equal(folio_at(mm, BASE + 0x1000), pinned);
	assert_true(pte_write(pte_at(mm, BASE + 0x1000)));
	assert_ptr_not_equal(folio_at(child, BASE + 0x1000), pinned);
	assert_true(folio_test(folio_at(child, BASE + 0x1000), PG_uptodate));
	assert_int_equal(atomic_read(&mm->write_protect_seq) & 1, 0); /* no fork goes on */
	fixture_assert_valid(fixture);
	store(mm, BASE + 0x1000, 20);
	assert_int_equal(device_read(fixture, pinned), 20);
	device_write(fixture, pinned, 21);
	assert_int_equal(load(mm, BASE + 0x1000), 21);
	for (unsigned long i = 0; i < 3; i++)
		assert_int_equal(load(child, BASE + i * 0x1000), 10 + i);
	/* The child's copy is its own at once. */
	store(child, BASE + 0x1000, 30);
	assert_int_equal(device_read(fixture, pinned), 21);
	folio_clear(pinned, PG_dirty);
	unpin(fixture, pinned, PIN_WRITE);
	assert_true(folio_test(pinned, PG_dirty)); /* no entry tells of the device's writes */
	mm_put(child);
}

/* Fails when a pin for reading shows what another process writes, or misses what its own does. */
static void a_pin_for_reading_unshares(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct folio *pinned;
		struct mm *child;

		fixture_map_at(mm, BASE, 0x1000, RW);
		store(mm, BASE, 10);
		child = fork_mm(mm);
		assert_int_equal(both[i](child, BASE, 1, PIN_READ, &pinned), 1);
		assert_int_equal(device_read(fixture, pinned), 10);
		assert_ptr_not_equal(pinned, folio_at(mm, BASE));
		assert_false(pte_write(pte_at(child, BASE)));
		fixture_assert_valid(fixture);
		store(mm, BASE, 11);
		assert_int_equal(device_read(fixture, pinned), 10);
		store(child, BASE, 12); /* no copy: the page is its own */
		assert_int_equal(device_read(fixture, pinned), 12);
		unpin(fixture, pinned, PIN_READ);
		mm_put(child);
	}
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_fault_unshare), 2);
}

/* The one who is left needs no copy to have the page for itself. */
static void unsharing_takes_what_is_not_shared(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct folio *page, *pinned;

	fixture_map_at(mm, BASE, 0x1000, RW);
	store(mm, BASE, 10);
	page = folio_at(mm, BASE);
	child = fork_mm(mm);
	mm_put(child);
	pinned = pin(mm, BASE, PIN_READ);
	assert_ptr_equal(pinned, page);
	assert_int_equal(machine_counter(fixture->machine, GW_COUNTER_fault_unshare), 0);
	store(mm, BASE, 11);
	assert_int_equal(device_read(fixture, pinned), 11);
	unpin(fixture, pinned, PIN_READ);
}

/* Fails when a pinned page moves, or does not any more when the pin is gone. */
static void a_pinned_page_stays_where_it_is(void **state)
{
	static const unsigned int flags[] = { PIN_WRITE, PIN_READ, GW_GUP_WRITE, 0 };
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct gw_migrate held = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_SYSCALL };
		struct gw_migrate free = held;
		struct folio *page;
		pte_t before;

		fixture_map_at(mm, BASE, 0x1000, RW);
		store(mm, BASE, 10);
		page = pin(mm, BASE, flags[i]);
		before = pte_at(mm, BASE);
		assert_int_equal(migrate_range(mm, BASE, BASE + 0x1000, &held), 0);
		assert_int_equal(held.nr_failed, 1);
		assert_int_equal(pte_at(mm, BASE).v, before.v);
		assert_true(folio_test(page, PG_anon_exclusive));
		unpin(fixture, page, flags[i]);
		assert_int_equal(migrate_range(mm, BASE, BASE + 0x1000, &free), 0);
		assert_int_equal(free.nr_succeeded, 1);
		assert_ptr_not_equal(folio_at(mm, BASE), page);
		fixture_assert_valid(fixture);
	}
}

static int fork_operation(struct fixture *fixture, void *arg)
{
	return dup_mm(fixture->mm, arg);
}

/* Fails when a fork that has no frame for the copy of a pinned page leaves the parent changed. */
static void a_fork_that_cannot_copy_fails(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct folio *pinned[3];
	unsigned long free_before;

	fixture_map_at(mm, BASE, 0x6000, RW);
	for (unsigned long i = 0; i < 6; i++)
		store(mm, BASE + i * 0x1000, 10 + i);
	for (unsigned long i = 0; i < 3; i++)
		pinned[i] = pin(mm, BASE + i * 0x2000 + 0x1000, PIN_WRITE);
	free_before = machine_free_frames(fixture->machine);
	assert_true(fixture_fail_nth_sweep(fixture, mm, fork_operation, &child) >= 3 + 5);
	assert_int_equal(machine_free_frames(fixture->machine), free_before - 3);
	for (unsigned long i = 0; i < 6; i++) {
		store(mm, BASE + i * 0x1000, 20 + i);
		assert_int_equal(load(child, BASE + i * 0x1000), 10 + i);
	}
	for (unsigned long i = 0; i < 3; i++) {
		assert_int_equal(device_read(fixture, pinned[i]), 20 + 2 * i + 1);
		unpin(fixture, pinned[i], PIN_WRITE);
	}
	mm_put(child);
}

static int pin_operation(struct fixture *fixture, void *arg)
{
	long got = get_user_pages_fast(fixture->mm, BASE, 1, PIN_WRITE, arg);

	return got == 1 ? 0 : (int)got;
}

/* Fails when a pin that runs out of memory says something else, or leaves something. */
static void a_failed_pin_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct folio *folio;

	fixture_map_at(fixture->mm, BASE, 0x1000, RW);
	assert_true(fixture_fail_nth_sweep(fixture, fixture->mm, pin_operation, &folio) >= 4);
	unpin(fixture, folio, PIN_WRITE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_faulted_in_and_counted),
		TEST(what_may_not_be_accessed_is_refused),
		TEST(the_zero_page_is_not_counted),
		TEST(a_forced_write_goes_to_a_private_copy),
		TEST(fork_copies_what_is_pinned),
		TEST(a_pin_for_reading_unshares),
		TEST(unsharing_takes_what_is_not_shared),
		TEST(a_pinned_page_stays_where_it_is),
		TEST(a_fork_that_cannot_copy_fails),
		TEST(a_failed_pin_leaves_nothing),
	};

	return cmocka_run_group_tests_name("gup", tests, NULL, NULL);
}
