// SPDX-License-Identifier: MIT
/* test_shared.c - shared memory and shared files: who sees what, what is written back, what is cut off */
#include "pages.h"

#include <errno.h>
#include <string.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include "machine.h"

#define A  0x100000ul
#define RW (PROT_READ | PROT_WRITE)

#define DISK_PAGES 4

/* A file that can be written. */
struct disk_file {
	unsigned char bytes[DISK_PAGES * PAGE_SIZE];
	uint64_t size;
	int nr_writes;
	int errors; /* this many writes fail with -EIO */
};

static int disk_read_page(void *arg, unsigned long pgoff, void *to)
{
	const struct disk_file *file = arg;

	memcpy(to, file->bytes + pgoff * PAGE_SIZE, PAGE_SIZE);
	return 0;
}

static int disk_write_page(void *arg, unsigned long pgoff, const void *from, size_t len)
{
	struct disk_file *file = arg;

	if (file->errors > 0) {
		file->errors--;
		return -EIO;
	}
	file->nr_writes++;
	memcpy(file->bytes + pgoff * PAGE_SIZE, from, len);
	return 0;
}

static int disk_set_size(void *arg, uint64_t size)
{
	struct disk_file *file = arg;

	if (size > sizeof(file->bytes))
		return -ENOSPC;
	if (size < file->size)
		memset(file->bytes + size, 0, file->size - size);
	file->size = size;
	return 0;
}

static struct mapping *map_disk(struct fixture *fixture, struct disk_file *file)
{
	static const struct gw_mapping_ops ops = {
		.read_page = disk_read_page,
		.write_page = disk_write_page,
		.set_size = disk_set_size,
	};
	const struct gw_mapping_info info = {
		.ops = &ops, .file = file, .size = 3 * PAGE_SIZE, .name = "disk"
	};
	const struct gw_mmap args = {
		.addr = A,
		.len = 3 * PAGE_SIZE,
		.prot = RW,
		.flags = MAP_SHARED | MAP_FIXED,
		.writable = true,
	};
	struct gw_mmap request = args;
	struct mapping *mapping;

	file->size = info.size;
	assert_int_equal(mapping_create(fixture->machine, &info, &mapping), 0);
	request.mapping = mapping;
	assert_int_equal(mm_mmap(fixture->mm, &request), A);
	return mapping;
}

static uint64_t on_disk(const struct disk_file *file, size_t offset)
{
	uint64_t word;

	memcpy(&word, file->bytes + offset, sizeof(word));
	return word;
}

static void assert_sigbus(struct mm *mm, unsigned long addr)
{
	uint64_t value;

	assert_int_equal(tlb_load(mm, addr, &value, sizeof(value)), GW_FAULT_SIGBUS);
}

/* Fails when parent and child do not see each other's stores, or a second view does not. */
static void shared_memory_is_one_object(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	long again;

	assert_int_equal(fixture_mmap(mm, A, 2 * PAGE_SIZE, RW,
				      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0),
			 A);
	child = fork_mm(mm);
	store(mm, A, 17);
	assert_int_equal(load(child, A), 17);
	store(child, A + PAGE_SIZE, 18);
	assert_int_equal(load(mm, A + PAGE_SIZE), 18);
	again = mm_mremap(mm, A, 0, 3 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	assert_true(again > 0);
	assert_int_equal(load(mm, (unsigned long)again), 17);
	assert_sigbus(mm, (unsigned long)again + 2 * PAGE_SIZE);
	assert_int_equal(mm_madvise(mm, A, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(load(mm, A), 17);
	assert_int_equal(mm_madvise(mm, A, PAGE_SIZE, MADV_REMOVE), 0);
	assert_int_equal(load(child, A), 0);
	fixture_assert_valid(fixture);
	mm_put(child);
}

/* Fails when a page is written back that nobody changed, or one that somebody did is not. */
static void what_is_stored_is_written_back(void **state)
{
	static struct disk_file file;
	struct fixture *fixture = *state;
	struct mapping *mapping = map_disk(fixture, &file);

	assert_int_equal(load(fixture->mm, A), 0);
	assert_int_equal(mm_msync(fixture->mm, A, 3 * PAGE_SIZE, MS_SYNC), 0);
	assert_int_equal(file.nr_writes, 0);
	store(fixture->mm, A + PAGE_SIZE, 17);
	fixture_assert_valid(fixture);
	file.errors = 1;
	assert_int_equal(mm_msync(fixture->mm, A, 3 * PAGE_SIZE, MS_SYNC), -EIO);
	assert_int_equal(mm_msync(fixture->mm, A, 3 * PAGE_SIZE, MS_SYNC), 0);
	assert_int_equal(file.nr_writes, 1);
	assert_int_equal(on_disk(&file, PAGE_SIZE), 17);
	store(fixture->mm, A + PAGE_SIZE, 18); /* read-only again, so it is noticed */
	assert_int_equal(mm_munmap(fixture->mm, A, 3 * PAGE_SIZE), 0);
	mapping_put(mapping);
	assert_int_equal(file.nr_writes, 2);
	assert_int_equal(on_disk(&file, PAGE_SIZE), 18);
}

/* Fails when something stays beyond the end, or comes back from there. */
static void what_is_cut_off_is_gone(void **state)
{
	static struct disk_file file;
	struct fixture *fixture = *state;
	struct mapping *mapping = map_disk(fixture, &file);
	struct mm *mm = fixture->mm;

	store(mm, A, 1);
	store(mm, A + PAGE_SIZE + 8, 2);
	store(mm, A + 2 * PAGE_SIZE, 3);
	assert_int_equal(mapping_truncate(mapping, PAGE_SIZE + 8), 0);
	assert_int_equal(load(mm, A), 1);
	assert_int_equal(load(mm, A + PAGE_SIZE + 8), 0);
	assert_sigbus(mm, A + 2 * PAGE_SIZE);
	assert_int_equal(mapping_truncate(mapping, sizeof(file.bytes) + 1), -ENOSPC);
	assert_int_equal(mapping_size(mapping), PAGE_SIZE + 8);
	assert_int_equal(mapping_truncate(mapping, 3 * PAGE_SIZE), 0);
	assert_int_equal(load(mm, A + 2 * PAGE_SIZE), 0);
	fixture_assert_valid(fixture);
	mapping_put(mapping);
}

/* Fails when a write that had no room leaves the file longer, or one that had does not. */
static void a_failed_write_adds_nothing(void **state)
{
	static struct disk_file file;
	struct fixture *fixture = *state;
	struct mapping *mapping = map_disk(fixture, &file);
	uint64_t word = 7;
	long nr = -ENOMEM;
	int nth = 0;

	assert_int_equal(mapping_truncate(mapping, PAGE_SIZE), 0);
	assert_int_equal(mapping_users(mapping), 1);
	while (nr == -ENOMEM) {
		machine_fail_nth(fixture->machine, ++nth);
		nr = mapping_write(mapping, &word, sizeof(word), 2 * PAGE_SIZE);
		if (nr == -ENOMEM)
			assert_int_equal(mapping_size(mapping), PAGE_SIZE);
	}
	machine_fail_nth(fixture->machine, 0);
	assert_true(nth > 1);
	assert_int_equal(nr, sizeof(word));
	assert_int_equal(mapping_size(mapping), 2 * PAGE_SIZE + sizeof(word));
	assert_int_equal(load(fixture->mm, A + 2 * PAGE_SIZE), 7);
	fixture_assert_valid(fixture);
	mapping_put(mapping);
}

/* Fails when a mapping does not see what somebody else has written to its file. */
static void what_others_write_is_seen(void **state)
{
	static struct disk_file file;
	struct fixture *fixture = *state;
	struct mapping *mapping = map_disk(fixture, &file);
	uint64_t words[2] = { 5, 6 };

	assert_int_equal(load(fixture->mm, A + PAGE_SIZE - 8), 0);
	memcpy(file.bytes + PAGE_SIZE - 8, words, sizeof(words));
	assert_int_equal(mapping_update(mapping, words, sizeof(words), PAGE_SIZE - 8), 0);
	assert_int_equal(load(fixture->mm, A + PAGE_SIZE - 8), 5);
	assert_int_equal(load(fixture->mm, A + PAGE_SIZE), 6);
	mapping_put(mapping);
}

/* Fails when a file that is open for reading can be written, or one that cannot be is mapped so. */
static void who_may_write_is_asked(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "constant", PAGE_SIZE);
	struct gw_mmap args = {
		.len = PAGE_SIZE, .prot = RW, .flags = MAP_SHARED, .mapping = file
	};
	long addr;

	assert_int_equal(mm_mmap(fixture->mm, &args), -EACCES);
	args.writable = true;
	assert_int_equal(mm_mmap(fixture->mm, &args), -ENODEV);
	args.writable = false;
	args.prot = PROT_READ;
	addr = mm_mmap(fixture->mm, &args);
	assert_true(addr > 0);
	assert_int_equal(mm_mprotect(fixture->mm, (unsigned long)addr, PAGE_SIZE, RW), -EACCES);
	mapping_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(shared_memory_is_one_object),
		TEST(what_is_stored_is_written_back),
		TEST(what_is_cut_off_is_gone),
		TEST(a_failed_write_adds_nothing),
		TEST(what_others_write_is_seen),
		TEST(who_may_write_is_asked),
	};
#undef TEST

	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
