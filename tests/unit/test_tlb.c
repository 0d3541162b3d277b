// SPDX-License-Identifier: MIT
/* test_tlb.c - an operation that takes rights away does not return while a CPU still has them */
#include "fixture.h"

#include <string.h>
#include <sys/mman.h>

#include "panics.h"
#include "tlb.h"

#define ADDR 0x100000ul

static void store_to(struct fixture *fixture, unsigned long addr)
{
	assert_int_equal(tlb_store(fixture->mm, addr, "x", 1), GW_FAULT_DONE);
}

static void claim_that_it_is_gone(void *arg)
{
	const struct fixture *fixture = arg;

	tlb_assert_flushed(fixture->mm, ADDR, ADDR + PAGE_SIZE, 0);
}

static void claim_that_it_is_read_only(void *arg)
{
	const struct fixture *fixture = arg;

	tlb_assert_flushed(fixture->mm, ADDR, ADDR + PAGE_SIZE, VM_READ);
}

static void claim_that_nothing_changed(void *arg)
{
	const struct fixture *fixture = arg;

	tlb_assert_flushed(fixture->mm, ADDR, ADDR + PAGE_SIZE, VM_READ | VM_WRITE);
}

static void a_translation_with_more_rights_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, ADDR, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE);
	store_to(fixture, ADDR);
	claim_that_nothing_changed(fixture);
	assert_panics(claim_that_it_is_read_only, fixture, "may still do more at 100000");
	assert_panics(claim_that_it_is_gone, fixture, "may still do more at 100000");
}

static void a_flush_is_enough_and_neighbours_do_not_matter(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, ADDR, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE);
	store_to(fixture, ADDR);
	store_to(fixture, ADDR + PAGE_SIZE);
	flush_tlb_page(fixture->mm, ADDR, GW_TLB_UNMAP);
	claim_that_it_is_gone(fixture);
}

/* Its frame is in use, so only the mark says that exec has not finished. */
static void a_mark_that_exec_left_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct gw_validation result;
	struct vma *vma;

	fixture_map_at(fixture->mm, ADDR, PAGE_SIZE, PROT_READ | PROT_WRITE);
	mmap_write_lock(fixture->mm);
	vma = vma_lookup(fixture->mm, ADDR);
	mmap_write_unlock(fixture->mm);
	vma->flags |= VM_GROWSDOWN | VM_STACK_INCOMPLETE_SETUP;
	machine_validate(fixture->machine, &result);
	vma->flags &= ~(unsigned long)(VM_GROWSDOWN | VM_STACK_INCOMPLETE_SETUP);
	assert_int_equal(result.nr_problems, 1);
	assert_non_null(strstr(result.first, "temporary stack"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_translation_with_more_rights_is_noticed,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_flush_is_enough_and_neighbours_do_not_matter,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_mark_that_exec_left_is_noticed, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
