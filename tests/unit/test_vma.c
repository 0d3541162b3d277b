// SPDX-License-Identifier: MIT
/* test_vma.c - splitting, merging, growing and placing VMAs */
#include "fixture.h"

#include <errno.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)

/* Fails when neighbours with equal attributes stay apart. */
static void three_neighbours_become_one(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, 0x100000, 0x1000, RW);
	fixture_map_at(fixture->mm, 0x102000, 0x1000, RW);
	fixture_assert_maps(fixture->mm, "100000-101000 rw-p\n102000-103000 rw-p\n");
	fixture_map_at(fixture->mm, 0x101000, 0x1000, RW);
	fixture_assert_maps(fixture->mm, "100000-103000 rw-p\n");
	assert_int_equal(fixture->mm->map_count, 1);
	assert_int_equal(fixture->mm->total_vm, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_neighbours_become_one, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests_name("vma", tests, NULL, NULL);
}
