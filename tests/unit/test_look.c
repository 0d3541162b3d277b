// SPDX-License-Identifier: MIT
/*
 * test_look.c - what a machine shows of itself, and what it calls its parts
 *
 * If one of these fails, stories tell of entries that are not there, or call a lock by the name of
 * another.
 */
#include "fixture.h"

#include "tlb.h"
#include "uaccess.h"

#include <stdio.h>
#include <sys/mman.h>

#define RW   (PROT_READ | PROT_WRITE)
#define ADDR 0x200000ul

struct seen {
	struct gw_sight of[GW_SIGHT_FRAME + 1]; /* the last of its kind */
	int nr[GW_SIGHT_FRAME + 1];
};

static void note(void *arg, const struct gw_sight *sight)
{
	struct seen *seen = arg;

	seen->of[sight->kind] = *sight;
	seen->nr[sight->kind]++;
}

static struct seen look(const struct fixture *fixture)
{
	struct seen seen = { .nr = { 0 } };

	machine_look(fixture->machine, note, &seen);
	return seen;
}

static void put_word(struct fixture *fixture, unsigned long addr)
{
	const uint64_t word = 17;

	assert_int_equal(tlb_store(fixture->mm, addr, &word, sizeof(word)), GW_FAULT_DONE);
}

static void what_is_mapped_is_seen(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = look(fixture);

	assert_int_equal(seen.nr[GW_SIGHT_VMA] + seen.nr[GW_SIGHT_PTE], 0);
	fixture_map_at(fixture->mm, ADDR, 0x3000, RW);
	put_word(fixture, ADDR + 0x1000);

	seen = look(fixture);
	assert_int_equal(seen.nr[GW_SIGHT_VMA], 1);
	assert_int_equal(seen.of[GW_SIGHT_VMA].addr, ADDR);
	assert_int_equal(seen.of[GW_SIGHT_VMA].end, ADDR + 0x3000);
	assert_int_equal(seen.of[GW_SIGHT_VMA].pgoff, ADDR >> PAGE_SHIFT);
	assert_string_equal(seen.of[GW_SIGHT_VMA].perms, "rw-p");
	assert_int_equal(seen.nr[GW_SIGHT_PTE], 1);
	assert_int_equal(seen.of[GW_SIGHT_PTE].addr, ADDR + 0x1000);
	assert_int_equal(seen.of[GW_SIGHT_PTE].state, GW_PTE_PRESENT);
	assert_true(seen.of[GW_SIGHT_PTE].write);
	assert_int_equal(seen.nr[GW_SIGHT_TRANSLATION], 1);
	assert_int_equal(seen.of[GW_SIGHT_TRANSLATION].pfn, seen.of[GW_SIGHT_PTE].pfn);
	assert_int_equal(seen.nr[GW_SIGHT_FRAME], 1);
	assert_int_equal(seen.of[GW_SIGHT_FRAME].pfn, seen.of[GW_SIGHT_PTE].pfn);
	assert_int_equal(seen.of[GW_SIGHT_FRAME].mapcount, 1);
	assert_false(seen.of[GW_SIGHT_FRAME].locked);
}

static void a_migration_entry_is_seen_as_one(void **state)
{
	struct fixture *fixture = *state;
	struct spinlock *ptl;
	struct seen seen;
	unsigned long pfn;
	pte_t *ptep, pte;

	fixture_map_at(fixture->mm, ADDR, 0x1000, RW);
	put_word(fixture, ADDR);
	pfn = look(fixture).of[GW_SIGHT_PTE].pfn;
	ptep = pte_offset_map_lock(fixture->mm, ADDR, &ptl);
	pte = ptep_get(ptep);
	set_pte(fixture->machine, ptep, mk_migration_pte(SWP_MIGRATION_WRITE, pfn));
	seen = look(fixture);
	set_pte(fixture->machine, ptep, pte);
	pte_unmap_unlock(ptl);

	assert_int_equal(seen.of[GW_SIGHT_PTE].state, GW_PTE_MIGRATION);
	assert_int_equal(seen.of[GW_SIGHT_PTE].pfn, pfn);
	assert_true(seen.of[GW_SIGHT_PTE].write);
}

static struct gw_place place(const struct fixture *fixture, const void *address)
{
	struct gw_place place;

	machine_place(fixture->machine, address, &place);
	return place;
}

static void expect_name(const struct fixture *fixture, const void *address, const char *name)
{
	assert_string_equal(place(fixture, address).name, name);
}

static void parts_have_names(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = fixture->machine;
	struct spinlock *ptl;
	struct folio *folio;
	struct vma *vma;
	struct gw_place entry;
	pte_t *ptep;
	char name[80];
	int local;

	fixture_map_at(fixture->mm, ADDR, 0x1000, RW);
	put_word(fixture, ADDR);
	vma = vma_tree_find(&fixture->mm->vmas, ADDR, NULL);
	ptep = pte_offset_map_lock(fixture->mm, ADDR, &ptl);
	folio = pfn_folio(machine, pte_pfn(ptep_get(ptep)));
	entry = place(fixture, ptep);
	expect_name(fixture, ptl, "page table of 200000");
	pte_unmap_unlock(ptl);

	assert_string_equal(entry.name, "PTE 200000");
	assert_int_equal(entry.mm_id, fixture->mm->id);
	assert_int_equal(entry.addr, ADDR);
	assert_true(entry.has_addr && !entry.is_table);

	snprintf(name, sizeof(name), "refcount of frame %lu", folio_pfn(machine, folio));
	expect_name(fixture, &folio->refcount, name);
	assert_int_equal(place(fixture, &folio->refcount).frame, (long)folio_pfn(machine, folio));
	snprintf(name, sizeof(name), "mmap_lock of mm %lu", fixture->mm->id);
	expect_name(fixture, &fixture->mm->mmap_lock, name);
	expect_name(fixture, &vma->flags, "flags of VMA 200000-201000");
	expect_name(fixture, &vma->anon_vma->lock, "lock of anon_vma 0");
	expect_name(fixture, &machine->tlbs[1].lock, "TLB of CPU 1");
	assert_int_equal(place(fixture, &machine->tlbs[1].lock).tlb_of, 1);
	expect_name(fixture, &machine->lruvecs[0].lock, "LRU lists");
	assert_true(place(fixture, &machine->lruvecs[0].lock).shared_by_all);
	expect_name(fixture, &local, "");
}

/* A story may be about who still uses it. */
static void what_is_freed_is_called_so(void **state)
{
	struct fixture *fixture = *state;
	struct vma *vma;

	fixture_map_at(fixture->mm, ADDR, 0x1000, RW);
	vma = vma_tree_find(&fixture->mm->vmas, ADDR, NULL);
	assert_int_equal(mm_munmap(fixture->mm, ADDR, 0x1000), 0);
	rcu_barrier();
	expect_name(fixture, &vma->flags, "a freed vma");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_mapped_is_seen, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_migration_entry_is_seen_as_one, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(parts_have_names, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_freed_is_called_so, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
