// SPDX-License-Identifier: MIT
/* test_vma.c - splitting, merging, growing and placing VMAs */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fault.h"
#include "uaccess.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* A mark in the page at @addr, which the page then is made for, and looking for it again. */
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

static struct vma *find_vma(struct mm *mm, unsigned long addr)
{
	return vma_tree_find(&mm->vmas, addr, NULL);
}

/* ---- Merging ------------------------------------------------------------------------------------------ */

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

/*
 * Eight ways in which a range that gets new rights meets its neighbours; Linux numbers them in
 * vma_merge().  Each row: rights of three ranges of two pages, which pages get which rights, and the
 * maps after it.
 */
static const struct {
	int prots[3];
	unsigned long start, end;
	int prot;
	const char *maps;
} merge_cases[] = {
	/* nobody matches */
	{ { RW, RW, RW },
	  0x102000,
	  0x104000,
	  PROT_READ,
	  "100000-102000 rw-p\n102000-104000 r--p\n104000-106000 rw-p\n" },
	/* all of the middle: with the left, the right, both */
	{ { PROT_READ, RW, RW },
	  0x102000,
	  0x104000,
	  PROT_READ,
	  "100000-104000 r--p\n104000-106000 rw-p\n" },
	{ { RW, RW, PROT_READ },
	  0x102000,
	  0x104000,
	  PROT_READ,
	  "100000-102000 rw-p\n102000-106000 r--p\n" },
	{ { PROT_READ, RW, PROT_READ }, 0x102000, 0x104000, PROT_READ, "100000-106000 r--p\n" },
	/* its first page goes to the left, its last page to the right */
	{ { PROT_READ, RW, PROT_NONE },
	  0x102000,
	  0x103000,
	  PROT_READ,
	  "100000-103000 r--p\n103000-104000 rw-p\n104000-106000 ---p\n" },
	{ { PROT_NONE, RW, PROT_READ },
	  0x103000,
	  0x104000,
	  PROT_READ,
	  "100000-102000 ---p\n102000-103000 rw-p\n103000-106000 r--p\n" },
	/* a page in the middle of one: three, with equal rights two pages away */
	{ { PROT_NONE, RW, PROT_NONE },
	  0x101000,
	  0x102000,
	  PROT_READ,
	  "100000-101000 ---p\n101000-102000 r--p\n102000-104000 rw-p\n104000-106000 ---p\n" },
	/* over two borders at once */
	{ { PROT_READ, RW, PROT_NONE },
	  0x101000,
	  0x105000,
	  PROT_READ,
	  "100000-105000 r--p\n105000-106000 ---p\n" },
};

/* Fails when a case of merging loses a page's place, its contents, or its reverse mapping. */
static void equal_rights_merge_in_every_constellation(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	/* With pages everywhere, or nowhere, or in one of the three ranges. */
	for (size_t i = 0; i < ARRAY_SIZE(merge_cases) * 5; i++) {
		size_t c = i / 5, pages = i % 5;

		fixture_map_at(mm, 0x100000, 0x6000, RW);
		if (pages == 0)
			put_marks(mm, 0x100000, 0x106000);
		else if (pages <= 3)
			put_marks(mm, 0x0fe000 + 0x2000 * pages, 0x100000 + 0x2000 * pages);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(mm_mprotect(mm, 0x100000 + 0x2000 * k, 0x2000,
						     merge_cases[c].prots[k]),
					 0);
		assert_int_equal(mm_mprotect(mm, merge_cases[c].start,
					     merge_cases[c].end - merge_cases[c].start,
					     merge_cases[c].prot),
				 0);
		/* What never had a page, and stopped being writable, is accounted no more: it
		 * merges.  With pages some of it is accounted, and stays apart. */
		if (pages == 4)
			fixture_assert_maps(mm, merge_cases[c].maps);
		fixture_assert_valid(fixture);
		assert_int_equal(mm_mprotect(mm, 0x100000, 0x6000, RW), 0);
		if (pages == 0 || pages == 4)
			fixture_assert_maps(mm, "100000-106000 rw-p\n");
		if (pages == 0)
			expect_marks(mm, 0x100000, 0x106000);
		else if (pages <= 3)
			expect_marks(mm, 0x0fe000 + 0x2000 * pages, 0x100000 + 0x2000 * pages);
		fixture_assert_valid(fixture);
		assert_int_equal(mm_munmap(mm, 0x100000, 0x6000), 0);
	}
}

/* Fails when the VMA that grows over a neighbour with pages does not take over its anon_vma. */
static void a_vma_without_pages_takes_over_a_neighbour_with_pages(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct anon_vma *family;

	fixture_map_at(mm, 0x100000, 0x2000, PROT_NONE);
	fixture_map_at(mm, 0x102000, 0x2000, RW);
	put_marks(mm, 0x102000, 0x104000);
	family = find_vma(mm, 0x102000)->anon_vma;
	assert_non_null(family);
	assert_null(find_vma(mm, 0x100000)->anon_vma);
	/* Both unaccounted or both accounted: make the left one writable, then all equal. */
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x2000, RW), 0);
	fixture_assert_maps(mm, "100000-104000 rw-p\n");
	assert_ptr_equal(find_vma(mm, 0x100000)->anon_vma, family);
	expect_marks(mm, 0x102000, 0x104000);
}

/* Fails when two VMAs whose pages are under different anon_vmas become one. */
static void different_families_stay_apart(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x1000, RW);
	fixture_map_at(mm, 0x102000, 0x1000, RW);
	put_mark(mm, 0x100000);
	put_mark(mm, 0x102000);
	assert_ptr_not_equal(find_vma(mm, 0x100000)->anon_vma, find_vma(mm, 0x102000)->anon_vma);
	fixture_map_at(mm, 0x101000, 0x1000, RW);
	fixture_assert_maps(mm, "100000-102000 rw-p\n102000-103000 rw-p\n");
	fixture_assert_valid(fixture);
	expect_marks(mm, 0x100000, 0x101000);
	expect_marks(mm, 0x102000, 0x103000);
}

/* Fails when mappings of a file merge though their offsets, or their files, do not continue. */
static void files_merge_only_where_their_offsets_continue(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "a", 0x10000);
	struct mapping *other = fixture_file(fixture, "b", 0x10000);
	struct mm *mm = fixture->mm;
	int flags = MAP_PRIVATE | MAP_FIXED;

	fixture_mmap(mm, 0x100000, 0x2000, PROT_READ, flags, file, 1);
	fixture_mmap(mm, 0x102000, 0x1000, PROT_READ, flags, file, 3);
	fixture_assert_maps(mm, "100000-103000 r--p\n");
	fixture_mmap(mm, 0x103000, 0x1000, PROT_READ, flags, file, 5);
	fixture_mmap(mm, 0x104000, 0x1000, PROT_READ, flags, other, 6);
	fixture_mmap(mm, 0x0ff000, 0x1000, PROT_READ, flags, file, 0);
	fixture_assert_maps(mm, "ff000-103000 r--p\n103000-104000 r--p\n104000-105000 r--p\n");
	fixture_assert_valid(fixture);
	mapping_put(file);
	mapping_put(other);
}

/* Fails when two shared anonymous mappings, which are two objects, become one. */
static void shared_anonymous_mappings_stay_apart(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;

	fixture_mmap(mm, 0x102000, 0x1000, RW, flags, NULL, 0);
	fixture_mmap(mm, 0x101000, 0x1000, RW, flags, NULL, 0);
	fixture_mmap(mm, 0x103000, 0x1000, RW, flags, NULL, 0);
	fixture_assert_maps(mm, "101000-102000 rw-s\n102000-103000 rw-s\n103000-104000 rw-s\n");
	/* But what was one stays one. */
	fixture_mmap(mm, 0x200000, 0x3000, RW, flags, NULL, 0);
	assert_int_equal(mm_mprotect(mm, 0x201000, 0x1000, PROT_READ), 0);
	assert_int_equal(mm_mprotect(mm, 0x201000, 0x1000, RW), 0);
	assert_int_equal(find_vma(mm, 0x200000)->end, 0x203000);
}

/* ---- Splitting and moving bounds ---------------------------------------------------------------------- */

/* Fails when a split does not link the new VMA where walks look for its pages. */
static void both_parts_of_a_split_keep_their_pages(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x8000);
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x4000, RW);
	fixture_mmap(mm, 0x200000, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 2);
	put_marks(mm, 0x100000, 0x104000);
	put_mark(mm, 0x203000);
	mmap_write_lock(mm);
	assert_int_equal(vma_split(mm, vma_find(mm, 0x100000), 0x101000), 0);
	assert_int_equal(vma_split(mm, vma_find(mm, 0x200000), 0x203000), 0);
	mmap_write_unlock(mm);
	fixture_assert_maps(mm, "100000-101000 rw-p\n101000-104000 rw-p\n"
				"200000-203000 rw-p\n203000-204000 rw-p\n");
	assert_int_equal(find_vma(mm, 0x203000)->pgoff, 5);
	assert_ptr_equal(find_vma(mm, 0x100000)->anon_vma, find_vma(mm, 0x101000)->anon_vma);
	fixture_assert_valid(fixture);
	expect_marks(mm, 0x100000, 0x104000);
	expect_marks(mm, 0x203000, 0x204000);
	mapping_put(file);
}

static int split_operation(struct fixture *fixture, void *arg)
{
	struct mm *mm = fixture->mm;
	int err;

	(void)arg;
	mmap_write_lock(mm);
	err = vma_split(mm, vma_find(mm, 0x100000), 0x102000);
	mmap_write_unlock(mm);
	return err;
}

static int middle_operation(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mprotect(fixture->mm, 0x201000, 0x1000, PROT_READ);
}

static int merge_operation(struct fixture *fixture, void *arg)
{
	(void)arg;
	return mm_mprotect(fixture->mm, 0x301000, 0x1000, RW);
}

static int stack_operation(struct fixture *fixture, void *arg)
{
	struct mm *mm = fixture->mm;
	int err;

	(void)arg;
	mmap_write_lock(mm);
	err = expand_stack(mm, vma_find(mm, 0x500000), 0x4f0000);
	mmap_write_unlock(mm);
	return err;
}

/* Fails when an operation that runs out of memory half-way leaves a half behind. */
static void failures_leave_no_trace(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x4000, RW);
	fixture_map_at(mm, 0x200000, 0x4000, RW);
	put_marks(mm, 0x100000, 0x104000);
	put_marks(mm, 0x200000, 0x204000);
	/* a VMA and its chain, a node of the tree */
	assert_true(fixture_fail_nth_sweep(fixture, mm, split_operation, NULL) >= 3);
	/* the same twice, but one node */
	assert_true(fixture_fail_nth_sweep(fixture, mm, middle_operation, NULL) >= 5);

	/* The left takes the middle's anon_vma over: a chain, and a node. */
	fixture_map_at(mm, 0x300000, 0x1000, PROT_NONE);
	fixture_map_at(mm, 0x301000, 0x1000, RW);
	put_mark(mm, 0x301000);
	assert_int_equal(mm_mprotect(mm, 0x301000, 0x1000, PROT_NONE), 0);
	assert_int_equal(mm_mprotect(mm, 0x300000, 0x1000, RW), 0);
	fixture_assert_valid(fixture);
	assert_true(fixture_fail_nth_sweep(fixture, mm, merge_operation, NULL) >= 2);
	expect_marks(mm, 0x301000, 0x302000);

	fixture_mmap(mm, 0x500000, 0x1000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	/* an anon_vma and its chain, a node */
	assert_true(fixture_fail_nth_sweep(fixture, mm, stack_operation, NULL) >= 3);
	expect_marks(mm, 0x100000, 0x104000);
	expect_marks(mm, 0x200000, 0x204000);
}

/* Fails when moving both ends of a VMA with pages loses sight of them. */
static void bounds_move_outwards_and_inwards(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct vma *vma;

	fixture_map_at(mm, 0x200000, 0x2000, RW);
	put_marks(mm, 0x200000, 0x202000);
	mmap_write_lock(mm);
	vma = vma_find(mm, 0x200000);
	assert_int_equal(vma_expand(mm, vma, 0x1f0000, 0x210000, vma->pgoff - 0x10), 0);
	mmap_write_unlock(mm);
	fixture_assert_maps(mm, "1f0000-210000 rw-p\n");
	assert_int_equal(mm->total_vm, 0x20);
	fixture_assert_valid(fixture);
	put_marks(mm, 0x20f000, 0x210000);
	mmap_write_lock(mm);
	assert_int_equal(vma_shrink(mm, vma, 0x200000, 0x210000, vma->pgoff + 0x10), 0);
	mmap_write_unlock(mm);
	fixture_assert_maps(mm, "200000-210000 rw-p\n");
	fixture_assert_valid(fixture);
	expect_marks(mm, 0x200000, 0x202000);
	expect_marks(mm, 0x20f000, 0x210000);
}

/* Fails when the limit is off by one, or a merge is refused for its sake. */
static void max_map_count_limits_splits_only(void **state)
{
	struct gw_machine_config config = fixture_config();
	struct fixture *fixture;
	struct mm *mm;

	config.max_map_count = 4;
	*state = fixture = fixture_create(&config);
	mm = fixture->mm;
	fixture_map_at(mm, 0x100000, 0x8000, RW);
	fixture_map_at(mm, 0x200000, 0x1000, RW);
	/* two and two new ones: four; then one more is too many */
	assert_int_equal(mm_mprotect(mm, 0x102000, 0x1000, PROT_READ), 0);
	assert_int_equal(mm->map_count, 4);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x1000, PROT_READ), -ENOMEM);
	assert_int_equal(mm_munmap(mm, 0x101000, 0x1000), 0);	    /* an end: no more VMAs */
	assert_int_equal(mm_munmap(mm, 0x105000, 0x1000), -ENOMEM); /* a hole */
	fixture_assert_maps(mm, "100000-101000 rw-p\n102000-103000 r--p\n103000-108000 rw-p\n"
				"200000-201000 rw-p\n");
	assert_int_equal(mm_mprotect(mm, 0x102000, 0x1000, RW), 0);
	assert_int_equal(mm->map_count, 3);
	/* Linux lets mmap() go one above. */
	fixture_map_at(mm, 0x300000, 0x1000, RW);
	fixture_map_at(mm, 0x400000, 0x1000, RW);
	assert_int_equal(mm->map_count, 5);
	assert_int_equal(fixture_mmap(mm, 0x500000, 0x1000, RW, ANON, NULL, 0), -ENOMEM);
	fixture_destroy(fixture);
}

/* ---- Stacks ------------------------------------------------------------------------------------------- */

static int grow(struct mm *mm, unsigned long stack, unsigned long addr)
{
	int err;

	mmap_write_lock(mm);
	err = expand_stack(mm, vma_find(mm, stack), addr);
	mmap_write_unlock(mm);
	return err;
}

/* Fails when a stack grows to a wrong address, or its pages' offsets do not follow. */
static void a_stack_grows_to_the_page_that_is_touched(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_mmap(mm, 0x800000, 0x2000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	put_marks(mm, 0x800000, 0x802000);
	assert_int_equal(grow(mm, 0x800000, 0x7fd123), 0);
	fixture_assert_maps(mm, "7fd000-802000 rw-p\n");
	assert_int_equal(mm->stack_vm, 5);
	assert_int_equal(grow(mm, 0x7fd000, 0x7ff000), 0); /* is there already */
	put_mark(mm, 0x7fd000);
	expect_marks(mm, 0x800000, 0x802000);
	fixture_assert_valid(fixture);
	fixture_map_at(mm, 0x100000, 0x1000, RW);
	assert_int_equal(grow(mm, 0x100000, 0xff000), -EFAULT);
}

/* Fails when a stack may come within 256 pages of a mapping that can be used. */
static void a_stack_keeps_its_distance(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_map_at(mm, 0x600000, 0x1000, RW);
	fixture_mmap(mm, 0x900000, 0x1000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	assert_int_equal(grow(mm, 0x900000, 0x700000), -ENOMEM);
	assert_int_equal(grow(mm, 0x900000, 0x701000), 0);
	/* A guard of one's own, which nobody can use, may be near. */
	assert_int_equal(mm_mprotect(mm, 0x600000, 0x1000, PROT_NONE), 0);
	assert_int_equal(grow(mm, 0x701000, 0x601000), 0);
	assert_int_equal(grow(mm, 0x601000, 0x600000), -ENOMEM); /* occupied */
	fixture_assert_maps(mm, "600000-601000 ---p\n601000-901000 rw-p\n");
}

/* Fails when a stack grows beyond RLIMIT_STACK, RLIMIT_AS or vm.mmap_min_addr. */
static void a_stack_obeys_the_limits(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	fixture_mmap(mm, 0x100000, 0x1000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	mm->limits.stack = 0x4000;
	assert_int_equal(grow(mm, 0x100000, 0xfc000), -ENOMEM);
	assert_int_equal(grow(mm, 0x100000, 0xfd000), 0);
	mm->limits.stack = ~0ull;
	mm->limits.as = 0x6000;
	assert_int_equal(grow(mm, 0xfd000, 0xfa000), -ENOMEM);
	assert_int_equal(grow(mm, 0xfd000, 0xfb000), 0);
	mm->limits.as = ~0ull;
	assert_int_equal(grow(mm, 0xfb000, 0xf000), -EPERM);
	assert_int_equal(grow(mm, 0xfb000, 0x10000), 0);
}

/* ---- Places --------------------------------------------------------------------------------------------- */

static long place(struct mm *mm, unsigned long hint, unsigned long len, int flags)
{
	long addr;

	down_read(&mm->mmap_lock);
	addr = get_unmapped_area(mm, hint, len, flags);
	up_read(&mm->mmap_lock);
	return addr;
}

/* Fails when the search does not begin at mmap_base, or skips a gap that fits. */
static void places_are_found_top_down(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	mm->mmap_base = 0x1000000;
	assert_int_equal(place(mm, 0, 0x3000, 0), 0xffd000);
	fixture_map_at(mm, 0xffe000, 0x2000, RW);
	fixture_map_at(mm, 0xff0000, 0xb000, RW); /* leaves 0xffb000-0xffe000 */
	assert_int_equal(place(mm, 0, 0x3000, 0), 0xffb000);
	assert_int_equal(place(mm, 0, 0x4000, 0), 0xfec000);
	/* A hint is taken when it is free, rounded down. */
	assert_int_equal(place(mm, 0x5000123, 0x1000, 0), 0x5000000);
	assert_int_equal(place(mm, 0xffd000, 0x2000, 0), 0xffc000); /* not free: the search */
	assert_int_equal(place(mm, mm->task_size - 0x1000, 0x2000, 0), 0xffc000);
}

/* Fails when something is placed in the gap that a stack needs to grow. */
static void places_leave_a_stack_its_gap(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	mm->mmap_base = 0x1000000;
	fixture_mmap(mm, 0xff0000, 0x2000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	assert_int_equal(place(mm, 0, 0xe000, 0), 0xff2000);
	assert_int_equal(place(mm, 0, 0xf000, 0), 0xee1000);
	assert_int_equal(place(mm, 0xef0000, 0x1000, 0), 0xfff000);
	assert_int_equal(place(mm, 0xeef000, 0x1000, 0), 0xeef000);
	assert_int_equal(place(mm, 0xff0000 - 0x1000, 0x1000, MAP_FIXED), 0xfef000);
}

/* Fails when a full lower part is the end, though there is room above mmap_base. */
static void places_are_found_bottom_up_when_the_rest_is_full(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;
	unsigned long third = ALIGN_UP(mm->task_size / 3, PAGE_SIZE);

	mm->mmap_base = 0x20000;
	assert_int_equal(place(mm, 0, 0x10000, 0), 0x10000);
	assert_int_equal(place(mm, 0, 0x11000, 0), third);
	fixture_mmap(mm, third + 0x200000, 0x1000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	assert_int_equal(place(mm, 0, 0x100000, 0), third);
	assert_int_equal(place(mm, 0, 0x101000, 0), third + 0x201000);
	assert_int_equal(place(mm, 0, mm->task_size - 0x10000, 0), -ENOMEM);
}

/* Fails when a fixed place is accepted that Linux refuses, or with another errno. */
static void fixed_places_are_checked(void **state)
{
	struct mm *mm = ((struct fixture *)*state)->mm;

	assert_int_equal(place(mm, 0x100001, 0x1000, MAP_FIXED), -EINVAL);
	assert_int_equal(place(mm, 0xf000, 0x1000, MAP_FIXED), -EPERM);
	assert_int_equal(place(mm, mm->task_size, 0x1000, MAP_FIXED), -ENOMEM);
	assert_int_equal(place(mm, mm->task_size - 0x1000, 0x1000, MAP_FIXED),
			 mm->task_size - 0x1000);
	assert_int_equal(place(mm, 0, mm->task_size + 0x1000, 0), -ENOMEM);
}

/* ---- Rights --------------------------------------------------------------------------------------------- */

/* Fails when entries get a right that the mapping has not, or lose one. */
static void page_protection_follows_the_flags(void **state)
{
	uint64_t nx = PTE_BIT(NX), user = PTE_BIT(PRESENT) | PTE_BIT(USER);

	(void)state;
	assert_int_equal(vm_get_page_prot(VM_NONE).v, PTE_BIT(PROTNONE) | nx);
	assert_int_equal(vm_get_page_prot(VM_READ).v, user | nx);
	assert_int_equal(vm_get_page_prot(VM_READ | VM_WRITE).v, user | nx);
	assert_int_equal(vm_get_page_prot(VM_EXEC).v, user);
	assert_int_equal(vm_get_page_prot(VM_READ | VM_EXEC).v, user);
	assert_int_equal(vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED).v,
			 user | nx | PTE_BIT(WRITE));
	assert_int_equal(vm_get_page_prot(VM_READ | VM_SHARED).v, user | nx);
	/* Entries of PROT_NONE are present all the same, for the core. */
	assert_true(pte_present(mk_pte(5, vm_get_page_prot(VM_NONE))));
	assert_false(pte_accessible(mk_pte(5, vm_get_page_prot(VM_NONE))));
}

/* ---- The lock of a VMA ------------------------------------------------------------------------------------ */

static bool can_lock(struct mm *mm, unsigned long addr)
{
	struct vma *vma = lock_vma_under_rcu(mm, addr);

	if (vma)
		vma_end_read(vma);
	return vma;
}

/* Fails when a writer locks more than the VMA it names, or keeps it beyond its time. */
static void one_vma_is_locked_until_mmap_lock_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x1000, RW);
	fixture_map_at(mm, 0x200000, 0x1000, RW);
	assert_true(can_lock(mm, 0x100000));
	mmap_write_lock(mm);
	assert_true(can_lock(mm, 0x100000));
	vma_start_write(vma_find(mm, 0x100000));
	vma_start_write(vma_find(mm, 0x100000));
	assert_false(can_lock(mm, 0x100000));
	assert_true(can_lock(mm, 0x200000));
	mmap_write_downgrade(mm);
	assert_true(can_lock(mm, 0x100000));
	up_read(&mm->mmap_lock);
}

/* Fails when a fault locks a neighbour for what lies in no VMA, or one that is gone. */
static void only_the_vma_around_an_address_is_locked(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x2000, RW);
	assert_false(can_lock(mm, 0xff000));
	assert_false(can_lock(mm, 0x102000));
	assert_true(can_lock(mm, 0x101fff));
	assert_int_equal(mm_munmap(mm, 0x100000, 0x2000), 0);
	assert_false(can_lock(mm, 0x100000));
}

/* Fails when an exception takes mmap_lock without need, or does without it where it must not. */
static void faults_take_the_lock_of_their_vma(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = fixture->machine;
	struct mm *mm = fixture->mm;

	fixture_mmap(mm, 0x100000, 0x2000, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, NULL, 0);
	assert_int_equal(mm_fault(mm, 0x100000, GW_WRITE), GW_FAULT_DONE);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_success), 1);
	assert_int_equal(mm_fault(mm, 0x100000, GW_EXEC), GW_FAULT_ACCERR);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_success), 2);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_abort), 0);
	assert_int_equal(mm_fault(mm, 0xff000, GW_WRITE), GW_FAULT_DONE);
	assert_int_equal(mm_fault(mm, 0x102000, GW_WRITE), GW_FAULT_MAPERR);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_success), 2);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_abort), 2);
	put_mark(mm, 0x101000);
	assert_int_equal(machine_counter(machine, GW_COUNTER_vma_lock_success), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(three_neighbours_become_one),
		TEST(equal_rights_merge_in_every_constellation),
		TEST(a_vma_without_pages_takes_over_a_neighbour_with_pages),
		TEST(different_families_stay_apart),
		TEST(files_merge_only_where_their_offsets_continue),
		TEST(shared_anonymous_mappings_stay_apart),
		TEST(both_parts_of_a_split_keep_their_pages),
		TEST(failures_leave_no_trace),
		TEST(bounds_move_outwards_and_inwards),
		cmocka_unit_test(max_map_count_limits_splits_only),
		TEST(a_stack_grows_to_the_page_that_is_touched),
		TEST(a_stack_keeps_its_distance),
		TEST(a_stack_obeys_the_limits),
		TEST(places_are_found_top_down),
		TEST(places_leave_a_stack_its_gap),
		TEST(places_are_found_bottom_up_when_the_rest_is_full),
		TEST(fixed_places_are_checked),
		cmocka_unit_test(page_protection_follows_the_flags),
		TEST(one_vma_is_locked_until_mmap_lock_is_given_up),
		TEST(only_the_vma_around_an_address_is_locked),
		TEST(faults_take_the_lock_of_their_vma),
	};

	return cmocka_run_group_tests_name("vma", tests, NULL, NULL);
}
