// SPDX-License-Identifier: MIT
/* test_filemap.c - the page cache: its index, reads that race or fail, and who gets whose place */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "block.h"
#include "lru.h"
#include "panics.h"
#include "prng.h"
#include "threads.h"

#define NR_OFFSETS 300

/* ---- A file whose reads can be watched, held up and failed ------------------------------------------- */

struct watched_file {
	uint64_t size;
	int nr_reads, nr_released;
	int errors; /* this many reads fail with -EIO */
	bool hold;  /* a read says that it has begun, and waits to be let on */
	sem_t begun, go_on;
};

struct filemap_test {
	struct fixture *fixture;
	struct machine *machine;
	struct watched_file file;
	struct mapping *mapping;
	unsigned long guest_free, core_objects; /* before the file */
};

static unsigned char byte_at(uint64_t offset)
{
	return (unsigned char)(offset * 31 ^ offset >> 12);
}

static int read_page(void *arg, unsigned long pgoff, void *to)
{
	struct watched_file *file = arg;
	unsigned char *bytes = to;

	file->nr_reads++;
	if (file->hold) {
		sem_post(&file->begun);
		while (sem_wait(&file->go_on))
			;
	}
	if (file->errors > 0) {
		file->errors--;
		return -EIO;
	}
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		uint64_t offset = ((uint64_t)pgoff << PAGE_SHIFT) + i;

		bytes[i] = offset < file->size ? byte_at(offset) : 0;
	}
	return 0;
}

static void release(void *arg)
{
	struct watched_file *file = arg;

	file->nr_released++;
}

static unsigned long nr_objects(const struct machine *machine)
{
	unsigned long nr = 0;

	for (int id = 0; id < NR_KMEM; id++)
		nr += machine->kmem[id].nr_objects;
	return nr;
}

static struct mapping *create(struct filemap_test *test, uint64_t size)
{
	static const struct gw_mapping_ops ops = { .read_page = read_page, .release = release };
	const struct gw_mapping_info info = {
		.ops = &ops, .file = &test->file, .size = size, .name = "watched"
	};
	struct mapping *mapping;

	test->file.size = size;
	assert_int_equal(mapping_create(test->machine, &info, &mapping), 0);
	return mapping;
}

static int setup_sized(void **state, uint64_t size)
{
	struct filemap_test *test = calloc(1, sizeof(*test));
	struct gw_machine_config config = fixture_config();

	if (!test)
		return -1;
	config.nr_frames = 4096; /* a sparse file takes many nodes */
	test->fixture = fixture_create(&config);
	test->machine = test->fixture->machine;
	sem_init(&test->file.begun, 0, 0);
	sem_init(&test->file.go_on, 0, 0);
	test->guest_free = nr_free_frames(test->machine, ZONE_GUEST);
	test->core_objects = nr_objects(test->machine);
	test->mapping = create(test, size);
	*state = test;
	return 0;
}

static int setup(void **state)
{
	return setup_sized(state, 10 * PAGE_SIZE + 100);
}

static int setup_huge(void **state)
{
	return setup_sized(state, ~0ull);
}

/* The last reference goes here; nothing may be left. */
static int teardown(void **state)
{
	struct filemap_test *test = *state;
	int left;

	if (test->mapping)
		mapping_put(test->mapping);
	rcu_barrier();
	left = test->file.nr_released != 1 ||
	       nr_free_frames(test->machine, ZONE_GUEST) != test->guest_free ||
	       nr_objects(test->machine) != test->core_objects;
	sem_destroy(&test->file.begun);
	sem_destroy(&test->file.go_on);
	fixture_destroy(test->fixture);
	free(test);
	return left;
}

static struct folio *read_folio(struct filemap_test *test, unsigned long pgoff, bool expect_major)
{
	struct folio *folio = NULL;
	bool major = !expect_major;

	assert_int_equal(filemap_read_folio(test->mapping, pgoff, &folio, &major), 0);
	assert_int_equal(major, expect_major);
	assert_non_null(folio);
	assert_int_equal(folio->index, pgoff);
	assert_ptr_equal(folio_mapping(folio), test->mapping);
	assert_true(folio_test(folio, PG_uptodate));
	assert_true(folio_test(folio, PG_lru));
	assert_false(folio_locked(folio));
	return folio;
}

static void put(struct filemap_test *test, struct folio *folio)
{
	folio_put(test->machine, folio);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Fails when a cached page is read again, or read before anybody wants it. */
static void a_page_is_read_once(void **state)
{
	struct filemap_test *test = *state;
	struct folio *folio;

	assert_null(filemap_get_folio(test->mapping, 3));
	folio = read_folio(test, 3, true);
	assert_int_equal(folio_ref_count(folio), 2); /* the cache's, ours */
	assert_int_equal(test->file.nr_reads, 1);
	put(test, folio);
	assert_ptr_equal(read_folio(test, 3, false), folio);
	assert_ptr_equal(filemap_get_folio(test->mapping, 3), folio);
	assert_null(filemap_get_folio(test->mapping, 4));
	assert_int_equal(test->file.nr_reads, 1);
	put(test, folio);
	put(test, folio);
	assert_int_equal(test->mapping->nr_pages, 1);
}

/* Fails when a range that starts or ends inside a page, or at the end of the file, is misread. */
static void bytes_are_the_files(void **state)
{
	static const size_t lens[] = { 0, 1, 99, 100, 101, 4095, 4096, 4097, 12345, 50000 };
	struct filemap_test *test = *state;
	const uint64_t size = test->file.size;
	unsigned char bytes[50000];

	for (uint64_t offset = 0; offset < size + 5000; offset += 777) {
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			uint64_t left = offset < size ? size - offset : 0;
			long nr = mapping_read(test->mapping, bytes, lens[i], offset);

			assert_int_equal(nr, min((uint64_t)lens[i], left));
			for (long at = 0; at < nr; at++)
				assert_true(bytes[at] == byte_at(offset + (uint64_t)at));
		}
	}
	assert_int_equal(mapping_read(test->mapping, bytes, 100, ~0ull), 0);
	assert_int_equal(test->file.nr_reads, 11);
}

/* Fails when pages are made up beyond the end, where an access must be SIGBUS. */
static void there_is_nothing_beyond_the_end(void **state)
{
	struct filemap_test *test = *state;
	struct folio *folio;
	struct mapping *empty;
	bool major;

	put(test, read_folio(test, 10, true));
	assert_int_equal(filemap_read_folio(test->mapping, 11, &folio, &major), -EINVAL);
	assert_int_equal(filemap_read_folio(test->mapping, ~0ul, &folio, &major), -EINVAL);
	empty = create(test, 0);
	assert_int_equal(filemap_read_folio(empty, 0, &folio, &major), -EINVAL);
	assert_int_equal(mapping_read(empty, &major, 1, 0), 0);
	mapping_put(empty);
	test->file.nr_released--;
}

/* Fails when a page that could not be read stays, or its error does. */
static void a_failed_read_leaves_nothing(void **state)
{
	struct filemap_test *test = *state;
	unsigned long before = nr_objects(test->machine);
	unsigned char bytes[3 * PAGE_SIZE];
	struct folio *folio;
	bool major;

	test->file.errors = 1;
	assert_int_equal(filemap_read_folio(test->mapping, 5, &folio, &major), -EIO);
	assert_false(major);
	assert_null(filemap_get_folio(test->mapping, 5));
	assert_int_equal(test->mapping->nr_pages, 0);
	assert_int_equal(nr_free_frames(test->machine, ZONE_GUEST), test->guest_free);
	assert_int_equal(nr_objects(test->machine), before);
	put(test, read_folio(test, 5, true));
	/* What was read before the error counts. */
	test->file.errors = 1;
	assert_int_equal(mapping_read(test->mapping, bytes, sizeof(bytes), 5 * PAGE_SIZE),
			 PAGE_SIZE);
	test->file.errors = 1;
	assert_int_equal(mapping_read(test->mapping, bytes, sizeof(bytes), 6 * PAGE_SIZE), -EIO);
}

/* Fails when running out of memory leaks a folio or a node of the index. */
static void every_failed_allocation_leaves_nothing(void **state)
{
	struct filemap_test *test = *state;
	unsigned long before = nr_objects(test->machine);
	struct folio *folio;
	int nth = 1, err;
	bool major;

	for (;; nth++) {
		machine_fail_nth(test->machine, nth);
		err = filemap_read_folio(test->mapping, 1ul << 40, &folio, &major);
		machine_fail_nth(test->machine, 0);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(nr_free_frames(test->machine, ZONE_GUEST), test->guest_free);
		assert_int_equal(nr_objects(test->machine), before);
		assert_null(filemap_get_folio(test->mapping, 1ul << 40));
	}
	assert_true(nth > 7); /* a folio, and a node for each of seven levels */
	put(test, folio);
}

/* ---- The index ------------------------------------------------------------------------------------------ */

struct visit {
	unsigned long last;
	unsigned long nr;
	bool in_order;
};

static void visit_folio(void *arg, struct folio *folio)
{
	struct visit *visit = arg;

	if (visit->nr && folio->index <= visit->last)
		visit->in_order = false;
	visit->last = folio->index;
	visit->nr++;
}

static unsigned long random_offset(struct prng *prng)
{
	unsigned long edge = 1ul << prng_below(prng, 52);

	switch (prng_below(prng, 3)) {
	case 0:
		return edge - 1;
	case 1:
		return edge;
	default:
		return prng_next(prng) & (edge - 1);
	}
}

/* Fails when an offset is not found again, or found where nothing was put. */
static void offsets_of_any_size_are_found_again(void **state)
{
	struct filemap_test *test = *state;
	struct folio *folios[NR_OFFSETS];
	unsigned long offsets[NR_OFFSETS];
	struct visit visit = { .in_order = true };
	struct prng prng;
	int nr = 0;

	prng_seed(&prng, 7);
	while (nr < NR_OFFSETS) {
		struct folio *cached;
		bool major;

		offsets[nr] = random_offset(&prng);
		cached = filemap_get_folio(test->mapping, offsets[nr]);
		assert_int_equal(
			filemap_read_folio(test->mapping, offsets[nr], &folios[nr], &major), 0);
		assert_int_equal(major, !cached);
		if (cached) {
			assert_ptr_equal(cached, folios[nr]);
			put(test, cached);
			put(test, folios[nr]);
			continue;
		}
		nr++;
	}
	assert_int_equal(test->mapping->nr_pages, NR_OFFSETS);
	for (int i = 0; i < nr; i++) {
		assert_ptr_equal(filemap_get_folio(test->mapping, offsets[i]), folios[i]);
		put(test, folios[i]);
		put(test, folios[i]);
	}
	filemap_for_each(test->mapping, visit_folio, &visit);
	assert_int_equal(visit.nr, NR_OFFSETS);
	assert_true(visit.in_order);
}

/* Fails when the index is deeper than its largest offset needs. */
static void the_index_is_as_deep_as_needed(void **state)
{
	struct filemap_test *test = *state;
	struct kmem_cache *nodes = &test->machine->kmem[KMEM_RADIX_NODE];

	assert_int_equal(test->mapping->height, 0);
	put(test, read_folio(test, 63, true));
	assert_int_equal(test->mapping->height, 1);
	assert_int_equal(nodes->nr_objects, 1);
	put(test, read_folio(test, 64, true));
	assert_int_equal(test->mapping->height, 2);
	assert_int_equal(nodes->nr_objects, 3);
	put(test, read_folio(test, 1ul << 51, true));
	assert_int_equal(test->mapping->height, 9);
	assert_int_equal(nodes->nr_objects, 3 + 7 + 8);
	put(test, read_folio(test, 63, false));
	put(test, read_folio(test, 64, false));
}

/* ---- Races ---------------------------------------------------------------------------------------------- */

struct reader {
	struct filemap_test *test;
	pthread_t thread;
	struct folio *folio;
	int err;
	bool major;
};

static void *reader_thread(void *arg)
{
	struct reader *reader = arg;

	threads_task_attach("reader", 1);
	reader->err = filemap_read_folio(reader->test->mapping, 2, &reader->folio, &reader->major);
	threads_task_detach();
	return NULL;
}

static void start_reader(struct filemap_test *test, struct reader *reader)
{
	*reader = (struct reader){ .test = test };
	assert_int_equal(pthread_create(&reader->thread, NULL, reader_thread, reader), 0);
}

static void wait_for_begin(struct filemap_test *test)
{
	while (sem_wait(&test->file.begun))
		;
}

/* Until somebody sleeps on the lock of the page that is being read. */
static void wait_for_waiter(struct filemap_test *test)
{
	struct folio *folio = filemap_get_folio(test->mapping, 2);

	assert_non_null(folio);
	assert_true(folio_locked(folio));
	assert_false(folio_test(folio, PG_uptodate));
	while (!folio_test(folio, PG_waiters))
		task_yield();
	put(test, folio);
}

/* Fails when two readers of one page read it twice, or one gets it unread. */
static void a_second_reader_waits_for_the_first(void **state)
{
	struct filemap_test *test = *state;
	struct reader first, second;

	test->file.hold = true;
	start_reader(test, &first);
	wait_for_begin(test);
	start_reader(test, &second);
	wait_for_waiter(test);
	sem_post(&test->file.go_on);
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	assert_int_equal(first.err, 0);
	assert_int_equal(second.err, 0);
	assert_true(first.major);
	assert_false(second.major);
	assert_ptr_equal(first.folio, second.folio);
	assert_int_equal(test->file.nr_reads, 1);
	assert_int_equal(folio_ref_count(first.folio), 3);
	put(test, first.folio);
	put(test, second.folio);
}

/* Fails when a waiter takes over an error that was not its own, or a page that was never read. */
static void a_waiter_tries_for_itself_when_the_reader_fails(void **state)
{
	struct filemap_test *test = *state;
	struct reader first, second;

	test->file.hold = true;
	test->file.errors = 1;
	start_reader(test, &first);
	wait_for_begin(test);
	start_reader(test, &second);
	wait_for_waiter(test);
	sem_post(&test->file.go_on);
	wait_for_begin(test);
	sem_post(&test->file.go_on);
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	assert_int_equal(first.err, -EIO);
	assert_int_equal(second.err, 0);
	assert_true(second.major);
	assert_int_equal(test->file.nr_reads, 2);
	put(test, second.folio);
}

/* ---- Another folio in the place of one ------------------------------------------------------------------ */

static struct folio *new_locked(struct filemap_test *test)
{
	struct folio *folio = folio_alloc(test->machine, GFP_MOVABLE, GW_NODE_ANY);

	assert_non_null(folio);
	assert_true(folio_trylock(folio));
	return folio;
}

/* What migration does of it: isolated, locked, with a copy. */
static struct folio *replace(struct filemap_test *test, struct folio *old, int expected, int wanted)
{
	struct folio *new = new_locked(test);
	int err = filemap_replace_folio(test->mapping, old, new, expected);

	assert_int_equal(err, wanted);
	if (err) {
		assert_int_equal(new->mapping, 0);
		folio_unlock(new);
		put(test, new);
		return NULL;
	}
	folio_copy(test->machine, new, old);
	folio_set(new, PG_uptodate);
	return new;
}

/* Fails when a page is replaced under somebody who uses it. */
static void replacing_needs_the_expected_references(void **state)
{
	struct filemap_test *test = *state;
	struct folio *old = read_folio(test, 1, true), *new;

	assert_true(folio_isolate_lru(test->machine, old));
	folio_lock(old);
	assert_int_equal(folio_ref_count(old), 3); /* the cache's, the isolator's, ours */
	assert_null(replace(test, old, 2, -EAGAIN));
	assert_ptr_equal(folio_mapping(old), test->mapping);
	assert_int_equal(folio_ref_count(old), 3);
	put(test, old);
	new = replace(test, old, 2, 0);
	assert_int_equal(folio_ref_count(old), 1);
	assert_int_equal(old->mapping, 0);
	assert_int_equal(folio_ref_count(new), 2);
	assert_int_equal(new->index, 1);
	folio_unlock(old);
	put(test, old);
	folio_add_lru(test->machine, new);
	folio_unlock(new);
	put(test, new);
	assert_ptr_equal(read_folio(test, 1, false), new);
	put(test, new);
	assert_int_equal(test->mapping->nr_pages, 1);
	assert_int_equal(test->file.nr_reads, 1);
}

static int setup_without_guard(void **state)
{
	struct filemap_test *test;
	int err = setup(state);

	if (err)
		return err;
	test = *state;
	test->machine->guards_off |= 1ull << GW_GUARD_migrate_recheck_refs;
	return 0;
}

/* Fails when the experiment without the guard is none. */
static void without_the_guard_users_are_not_looked_at(void **state)
{
	struct filemap_test *test = *state;
	struct folio *old = read_folio(test, 1, true), *new;

	folio_lock(old);
	new = replace(test, old, 1, 0);
	assert_int_equal(folio_ref_count(old), 1);
	folio_unlock(old);
	put(test, old);
	folio_unlock(new);
	put(test, new);
}

static void *putter_thread(void *arg)
{
	struct filemap_test *test = arg;

	threads_task_attach("putter", 1);
	mapping_put(test->mapping);
	threads_task_detach();
	return NULL;
}

/* Fails when the end of a file misses the page that migration has just put into it. */
static void the_end_waits_for_a_replacement(void **state)
{
	struct filemap_test *test = *state;
	struct folio *old = read_folio(test, 0, true), *new;
	pthread_t putter;

	assert_true(folio_isolate_lru(test->machine, old));
	folio_lock(old);
	put(test, old);
	new = replace(test, old, 2, 0);
	assert_int_equal(pthread_create(&putter, NULL, putter_thread, test), 0);
	while (!folio_test(new, PG_waiters))
		task_yield();
	assert_int_equal(test->file.nr_released, 0);
	folio_unlock(new);
	put(test, new);
	pthread_join(putter, NULL);
	assert_int_equal(test->file.nr_released, 1);
	folio_unlock(old);
	put(test, old);
	test->mapping = NULL;
}

/* ---- References and VMAs ---------------------------------------------------------------------------------- */

/* Fails when a file goes while it is mapped, or stays when it is not. */
static void a_mapping_lives_as_long_as_its_vmas(void **state)
{
	struct filemap_test *test = *state;
	struct mm *mm = test->fixture->mm;
	long addr = fixture_mmap(mm, 0, 3 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, test->mapping, 2);
	struct mapping *mapping = test->mapping;

	assert_true(addr > 0);
	assert_int_equal(atomic_read(&mapping->refcount), 2);
	mapping_put(mapping);
	test->mapping = NULL;
	assert_int_equal(test->file.nr_released, 0);
	assert_non_null(interval_tree_first(&mapping->i_mmap, 4, 4));
	assert_null(interval_tree_first(&mapping->i_mmap, 5, ~0ul));
	assert_null(interval_tree_first(&mapping->i_mmap, 0, 1));
	assert_int_equal(mm_munmap(mm, (unsigned long)addr, PAGE_SIZE), 0);
	assert_null(interval_tree_first(&mapping->i_mmap, 0, 2));
	assert_int_equal(test->file.nr_released, 0);
	assert_int_equal(mm_munmap(mm, (unsigned long)addr, 3 * PAGE_SIZE), 0);
	assert_int_equal(test->file.nr_released, 1);
}

static void insert_without_the_lock(void *arg)
{
	struct filemap_test *test = arg;
	struct vma *vma = vma_alloc(test->fixture->mm);

	i_mmap_insert(test->mapping, vma);
}

static void put_too_often(void *arg)
{
	struct filemap_test *test = arg;

	fixture_mmap(test->fixture->mm, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, test->mapping, 0);
	mapping_put(test->mapping);
	mapping_put(test->mapping);
}

/* Fails when a rule of this file can be broken unseen. */
static void wrong_use_is_noticed(void **state)
{
	assert_panics(insert_without_the_lock, *state, "i_mmap");
	assert_panics(put_too_often, *state, "watched is still mapped");
}

/* Fails when a long name of /proc/PID/maps is cut in the wrong place, or not at all. */
static void names_are_copied_and_cut(void **state)
{
	struct filemap_test *test = *state;
	char name[400];
	const struct gw_mapping_info info = {
		.ops = test->mapping->info.ops, .file = &test->file, .size = 1, .name = name
	};
	struct mapping *mapping;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(mapping_create(test->machine, &info, &mapping), 0);
	memset(name, 'm', sizeof(name) - 1);
	assert_int_equal(strlen(mapping->info.name), 255);
	assert_true(block_is_filled(mapping->info.name, 'n', 255));
	mapping_put(mapping);
	test->file.nr_released--;
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_page_is_read_once, setup),
		TEST(bytes_are_the_files, setup),
		TEST(there_is_nothing_beyond_the_end, setup),
		TEST(a_failed_read_leaves_nothing, setup),
		TEST(every_failed_allocation_leaves_nothing, setup_huge),
		TEST(offsets_of_any_size_are_found_again, setup_huge),
		TEST(the_index_is_as_deep_as_needed, setup_huge),
		TEST(a_second_reader_waits_for_the_first, setup),
		TEST(a_waiter_tries_for_itself_when_the_reader_fails, setup),
		TEST(replacing_needs_the_expected_references, setup),
		TEST(without_the_guard_users_are_not_looked_at, setup_without_guard),
		TEST(the_end_waits_for_a_replacement, setup),
		TEST(a_mapping_lives_as_long_as_its_vmas, setup),
		TEST(wrong_use_is_noticed, setup),
		TEST(names_are_copied_and_cut, setup),
	};
#undef TEST

	return cmocka_run_group_tests_name("filemap", tests, NULL, NULL);
}
