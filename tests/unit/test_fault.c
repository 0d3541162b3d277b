// SPDX-License-Identifier: MIT
/* test_fault.c - each kind of fault does its own thing, and refuses with the right reason */
#include "pages.h"

#include <sys/mman.h>

#include "fault.h"
#include "uaccess.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x100000ul

static unsigned long counter(struct fixture *fixture, enum gw_counter which)
{
	return machine_counter(fixture->machine, which);
}

/* Fails when a read costs a frame, or a write goes into the zero page. */
static void a_read_maps_the_zero_page_and_a_write_a_frame(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long free_before;
	uint64_t word = 1;

	fixture_map_at(mm, BASE, 2 * PAGE_SIZE, RW);
	free_before = machine_free_frames(fixture->machine);
	assert_int_equal(tlb_load(mm, BASE, &word, sizeof(word)), GW_FAULT_DONE);
	assert_int_equal(word, 0);
	assert_int_equal(pte_pfn(pte_at(mm, BASE)), 0);
	assert_int_equal(machine_free_frames(fixture->machine), free_before);
	word = 42;
	assert_int_equal(tlb_store(mm, BASE, &word, sizeof(word)), GW_FAULT_DONE);
	assert_int_not_equal(pte_pfn(pte_at(mm, BASE)), 0);
	assert_int_equal(machine_free_frames(fixture->machine), free_before - 1);
	assert_int_equal(tlb_load(mm, BASE + PAGE_SIZE, &word, sizeof(word)), GW_FAULT_DONE);
	assert_int_equal(word, 0);
	assert_int_equal(counter(fixture, GW_COUNTER_fault_zero), 2);
	assert_int_equal(counter(fixture, GW_COUNTER_fault_cow), 1);
}

/* Fails when a fault is granted that the mapping forbids, or for the wrong reason. */
static void forbidden_accesses_say_why(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, BASE, PAGE_SIZE, PROT_READ);
	fixture_map_at(mm, BASE + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	fixture_map_at(mm, BASE + 2 * PAGE_SIZE, PAGE_SIZE, PROT_WRITE);
	assert_int_equal(mm_fault(mm, BASE, GW_READ), GW_FAULT_DONE);
	assert_int_equal(mm_fault(mm, BASE, GW_WRITE), GW_FAULT_ACCERR);
	assert_int_equal(mm_fault(mm, BASE, GW_EXEC), GW_FAULT_ACCERR);
	assert_int_equal(mm_fault(mm, BASE + PAGE_SIZE, GW_READ), GW_FAULT_ACCERR);
	assert_int_equal(mm_fault(mm, BASE + 2 * PAGE_SIZE, GW_READ), GW_FAULT_DONE);
	assert_int_equal(mm_fault(mm, BASE + 3 * PAGE_SIZE, GW_READ), GW_FAULT_MAPERR);
	assert_int_equal(mm_fault(mm, 0, GW_READ), GW_FAULT_MAPERR);
	assert_int_equal(mm_fault(mm, ~0ul, GW_READ), GW_FAULT_MAPERR);
}

/* Fails when mprotect back and forth copies a page that nobody else has. */
static void a_page_of_ones_own_is_reused(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long pfn;
	char byte = 'x';

	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	assert_int_equal(copy_to_user(mm, BASE, &byte, 1), 0);
	pfn = pte_pfn(pte_at(mm, BASE));
	assert_int_equal(mm_mprotect(mm, BASE, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(mm_mprotect(mm, BASE, PAGE_SIZE, RW), 0);
	assert_int_equal(copy_to_user(mm, BASE, &byte, 1), 0);
	assert_int_equal(pte_pfn(pte_at(mm, BASE)), pfn);
	assert_int_equal(counter(fixture, GW_COUNTER_fault_cow), 0);
}

/* Fails when a write to a private mapping reaches the file, or a page beyond its end is given out. */
static void a_private_file_page_is_copied_on_write(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 2 * PAGE_SIZE + 100);
	unsigned char byte = 0, seen;

	assert_int_equal(fixture_mmap(mm, BASE, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
			 BASE);
	assert_int_equal(tlb_load(mm, BASE + 10, &seen, 1), GW_FAULT_DONE);
	assert_int_equal(seen, fixture_file_byte(10));
	byte = (unsigned char)~seen;
	assert_int_equal(tlb_store(mm, BASE + 10, &byte, 1), GW_FAULT_DONE); /* after a read */
	assert_int_equal(tlb_store(mm, BASE + PAGE_SIZE, &byte, 1), GW_FAULT_DONE); /* at once */
	assert_int_equal(tlb_load(mm, BASE + 10, &seen, 1), GW_FAULT_DONE);
	assert_int_equal(seen, byte);
	assert_int_equal(tlb_load(mm, BASE + 11, &seen, 1), GW_FAULT_DONE);
	assert_int_equal(seen, fixture_file_byte(11));
	assert_int_equal(mapping_read(file, &seen, 1, 10), 1);
	assert_int_equal(seen, fixture_file_byte(10));
	assert_int_equal(tlb_load(mm, BASE + 2 * PAGE_SIZE + 100, &seen, 1), GW_FAULT_DONE);
	assert_int_equal(seen, 0);
	assert_int_equal(tlb_load(mm, BASE + 3 * PAGE_SIZE, &seen, 1), GW_FAULT_SIGBUS);
	assert_int_equal(atomic_long_read(&mm->rss_anon), 2);
	mapping_put(file);
}

/* Fails when cached neighbours are not mapped with the page, or pages beyond the VMA are. */
static void a_read_fault_maps_cached_neighbours(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mapping *file = fixture_file(fixture, "/file", 64 * PAGE_SIZE);
	unsigned char page[PAGE_SIZE];

	for (unsigned long i = 0; i < 64; i++)
		assert_int_equal(mapping_read(file, page, PAGE_SIZE, i * PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(fixture_mmap(mm, BASE + PAGE_SIZE, 30 * PAGE_SIZE, PROT_READ,
				      MAP_PRIVATE | MAP_FIXED, file, 1),
			 BASE + PAGE_SIZE);
	assert_int_equal(mm_fault(mm, BASE + 3 * PAGE_SIZE, GW_READ), GW_FAULT_DONE);
	for (unsigned long i = 1; i < 16; i++)
		assert_true(pte_present(pte_at(mm, BASE + i * PAGE_SIZE)));
	assert_true(pte_none(pte_at(mm, BASE)));
	assert_true(pte_none(pte_at(mm, BASE + 16 * PAGE_SIZE)));
	assert_int_equal(mm_fault(mm, BASE + 30 * PAGE_SIZE, GW_READ), GW_FAULT_DONE);
	assert_true(pte_none(pte_at(mm, BASE + 31 * PAGE_SIZE)));
	assert_int_equal(counter(fixture, GW_COUNTER_pgfault), 2);
	mapping_put(file);
}

/* Fails when a stack does not grow to an access below it, or grows into its guard gap. */
static void a_stack_grows_down_to_its_guard_gap(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned long top = BASE + 0x1000000;
	unsigned long gap = mm->stack_guard_gap;

	assert_int_equal(fixture_mmap(mm, top - PAGE_SIZE, PAGE_SIZE, RW,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL,
				      0),
			 top - PAGE_SIZE);
	fixture_map_at(mm, BASE, PAGE_SIZE, RW);
	assert_int_equal(mm_fault(mm, top - 100 * PAGE_SIZE, GW_WRITE), GW_FAULT_DONE);
	assert_int_equal(vma_tree_find(&mm->vmas, top - 1, NULL)->start, top - 100 * PAGE_SIZE);
	assert_int_equal(mm_fault(mm, BASE + PAGE_SIZE + gap, GW_WRITE), GW_FAULT_DONE);
	assert_int_equal(mm_fault(mm, BASE + gap, GW_WRITE), GW_FAULT_MAPERR);
	assert_int_equal(counter(fixture, GW_COUNTER_fault_stack), 2);
}

/* Fails when a copy stops at the wrong byte, or says success where it could not reach. */
static void copies_cross_pages_and_stop_at_holes(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	unsigned char buffer[3 * PAGE_SIZE], back[3 * PAGE_SIZE];
	char string[16];

	fixture_map_at(mm, BASE, 3 * PAGE_SIZE, RW);
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (unsigned char)(i * 7 + 1);
	assert_int_equal(copy_to_user(mm, BASE + 100, buffer, 2 * PAGE_SIZE + 50), 0);
	assert_int_equal(copy_from_user(mm, back, BASE + 100, 2 * PAGE_SIZE + 50), 0);
	assert_memory_equal(buffer, back, 2 * PAGE_SIZE + 50);
	assert_int_equal(copy_to_user(mm, BASE + 2 * PAGE_SIZE, buffer, PAGE_SIZE + 1), -14);
	assert_int_equal(copy_from_user(mm, back, ~0ul - 10, 20), -14);
	assert_int_equal(copy_from_user(mm, back, mm->task_size - 1, 2), -14);

	assert_int_equal(copy_to_user(mm, BASE + PAGE_SIZE - 3, "abcdef", 7), 0);
	assert_int_equal(strncpy_from_user(mm, string, BASE + PAGE_SIZE - 3, sizeof(string)), 6);
	assert_string_equal(string, "abcdef");
	assert_int_equal(strncpy_from_user(mm, string, BASE + PAGE_SIZE - 3, 6), -36);
	assert_int_equal(copy_to_user(mm, BASE + 3 * PAGE_SIZE - 3, "xyz", 3), 0);
	assert_int_equal(strncpy_from_user(mm, string, BASE + 3 * PAGE_SIZE - 3, sizeof(string)),
			 -14);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_read_maps_the_zero_page_and_a_write_a_frame),
		TEST(forbidden_accesses_say_why),
		TEST(a_page_of_ones_own_is_reused),
		TEST(a_private_file_page_is_copied_on_write),
		TEST(a_read_fault_maps_cached_neighbours),
		TEST(a_stack_grows_down_to_its_guard_gap),
		TEST(copies_cross_pages_and_stop_at_holes),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
