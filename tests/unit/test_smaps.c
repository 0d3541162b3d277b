// SPDX-License-Identifier: MIT
/* test_smaps.c - smaps, pagemap and the machine's sums say what is mapped, shared and dirty */
#include "pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define A  0x10000000ul

static void look_for_a(void *arg, const struct gw_smaps *smaps)
{
	struct gw_smaps *found = arg;

	if (smaps->line.start == A)
		*found = *smaps;
}

static struct gw_smaps smaps_of_a(struct mm *mm)
{
	struct gw_smaps found = { 0 };

	mm_smaps(mm, look_for_a, &found);
	assert_int_equal(found.line.start, A);
	return found;
}

/* Fails when the zero page is counted, a written page is clean, or a page is missed. */
static void private_pages_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct gw_smaps smaps;

	fixture_map_at(fixture->mm, A, 0x5000, RW);
	store(fixture->mm, A, 1);
	store(fixture->mm, A + 0x1000, 1);
	assert_int_equal(load(fixture->mm, A + 0x2000), 0);
	assert_int_equal(mm_mlock(fixture->mm, A, 0x5000, 1), 0); /* MLOCK_ONFAULT */
	smaps = smaps_of_a(fixture->mm);
	assert_int_equal(smaps.size, 0x5000);
	assert_int_equal(smaps.rss, 0x2000);
	assert_int_equal(smaps.anonymous, 0x2000);
	assert_int_equal(smaps.referenced, 0x2000);
	assert_int_equal(smaps.private_dirty, 0x2000);
	assert_int_equal(smaps.private_clean + smaps.shared_clean + smaps.shared_dirty, 0);
	assert_int_equal(smaps.pss >> GW_PSS_SHIFT, 0x2000);
	assert_int_equal(smaps.pss_locked, smaps.pss);
	assert_string_equal(smaps.flags, "rd wr mr mw me lo lf ac ");
}

/* Fails when a page that two address spaces map is one's own, or counts whole for both. */
static void shared_pages_are_divided(void **state)
{
	struct fixture *fixture = *state;
	struct gw_smaps smaps;
	struct mm *child;

	fixture_map_at(fixture->mm, A, 0x2000, RW);
	store(fixture->mm, A, 1);
	store(fixture->mm, A + 0x1000, 1);
	child = fork_mm(fixture->mm);
	store(child, A, 2);
	smaps = smaps_of_a(child);
	assert_int_equal(smaps.rss, 0x2000);
	assert_int_equal(smaps.private_dirty, 0x1000);
	assert_int_equal(smaps.shared_dirty, 0x1000);
	assert_int_equal(smaps.pss >> GW_PSS_SHIFT, 0x1800);
	mm_put(child);
}

/* Fails when an entry names another frame, or is said to be shared when it is not. */
static void pagemap_names_frames(void **state)
{
	struct fixture *fixture = *state;
	uint64_t entries[4];
	struct mm *child;

	fixture_map_at(fixture->mm, A + 0x1000, 0x2000, RW);
	store(fixture->mm, A + 0x1000, 1);
	mm_pagemap(fixture->mm, A, 4, entries);
	assert_int_equal(entries[0], 0);
	assert_int_equal(entries[1] & GW_PAGEMAP_PFN_MASK,
			 pte_pfn(pte_at(fixture->mm, A + 0x1000)));
	assert_int_equal(entries[1] & (GW_PAGEMAP_PRESENT | GW_PAGEMAP_EXCLUSIVE),
			 GW_PAGEMAP_PRESENT | GW_PAGEMAP_EXCLUSIVE);
	assert_int_equal(entries[1] & GW_PAGEMAP_FILE, 0);
	assert_int_equal(entries[2], 0);
	assert_int_equal(entries[3], 0);
	child = fork_mm(fixture->mm);
	mm_pagemap(child, A + 0x1000, 1, entries);
	assert_int_equal(entries[0] & (GW_PAGEMAP_PRESENT | GW_PAGEMAP_EXCLUSIVE),
			 GW_PAGEMAP_PRESENT);
	mm_put(child);
}

/* Fails when a sum or a free list leaves frames out. */
static void the_sums_follow_what_is_mapped(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = fixture->mm->machine;
	struct gw_memory_info before, after;
	struct gw_zone_info zone;
	unsigned long blocks = 0;

	machine_memory(machine, &before);
	fixture_map_at(fixture->mm, A, 0x3000, RW);
	store(fixture->mm, A, 1);
	store(fixture->mm, A + 0x1000, 1);
	machine_memory(machine, &after);
	assert_int_equal(after.anon_pages, before.anon_pages + 2);
	assert_int_equal(after.free, before.free - 2);
	assert_int_equal(after.committed, before.committed + 3);
	assert_true(after.page_tables > before.page_tables);
	assert_int_equal(machine_zone(machine, 0, &zone), 0);
	for (int order = 0; order <= GW_MAX_ORDER; order++)
		blocks += zone.nr_blocks[order] << order;
	assert_int_equal(blocks, zone.free);
	for (int cpu = 0; cpu < zone.nr_cpus; cpu++)
		blocks += (unsigned long)zone.pcp_count[cpu];
	assert_int_equal(blocks, after.free);
	assert_int_equal(machine_zone(machine, machine->nr_zones, &zone), -ENOENT);
}

/* Fails when shared memory is taken for a file's or for anonymous. */
static void shared_memory_is_told_apart(void **state)
{
	struct fixture *fixture = *state;
	struct gw_memory_info before, after;
	struct gw_smaps smaps;
	uint64_t entry;

	machine_memory(fixture->mm->machine, &before);
	assert_int_equal(fixture_mmap(fixture->mm, A, 0x2000, RW,
				      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0),
			 A);
	store(fixture->mm, A, 1);
	smaps = smaps_of_a(fixture->mm);
	assert_int_equal(smaps.pss_shmem >> GW_PSS_SHIFT, 0x1000);
	assert_int_equal(smaps.pss_file + smaps.pss_anon + smaps.anonymous, 0);
	assert_int_equal(smaps.private_dirty, 0x1000);
	mm_pagemap(fixture->mm, A, 1, &entry);
	assert_true(entry & GW_PAGEMAP_FILE);
	machine_memory(fixture->mm->machine, &after);
	assert_int_equal(after.shmem, before.shmem + 1);
	assert_int_equal(after.file_pages, before.file_pages + 1);
	assert_int_equal(after.anon_pages, before.anon_pages);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(private_pages_are_counted),   TEST(shared_pages_are_divided),
		TEST(pagemap_names_frames),	   TEST(the_sums_follow_what_is_mapped),
		TEST(shared_memory_is_told_apart),
	};
#undef TEST

	return cmocka_run_group_tests_name("smaps", tests, NULL, NULL);
}
