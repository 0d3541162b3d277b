// SPDX-License-Identifier: MIT
/*
 * migrate.c - moving pages in the library, next to a bare copy of the same frames
 *
 * Anonymous pages, mapped once, whose frames lie scattered, as they do in a machine that has run
 * for a while: twice as many pages are touched in random order, and half of them are unmapped
 * again.  The reference copies the very frames that the migration before it copied, from and to,
 * in the same order.  Each page is stamped, and looked at after each migration; the reference
 * spoils them, as a frame that one page left may be where a later one went.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NR_PAGES (256ul << 20 >> GW_PAGE_SHIFT)
#define SLACK	 4096ul /* frames, so that no zone runs into its watermarks */

struct migration {
	struct library library;
	unsigned long addr;  /* of NR_PAGES pages */
	uint32_t *from, *to; /* frames of each page before and after the last migration */
};

static int read_frames(struct migration *migration, uint32_t *pfns)
{
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		long pfn = library_pfn(&migration->library, migration->addr + i * GW_PAGE_SIZE);

		if (pfn < 0)
			return (int)pfn;
		pfns[i] = (uint32_t)pfn;
	}
	return 0;
}

static double gigabytes_per_second(uint64_t nanoseconds)
{
	return (double)(NR_PAGES * GW_PAGE_SIZE) / (double)nanoseconds;
}

static int stamp_pages(struct migration *migration);
static int check_pages(struct migration *migration);

static int sample_migrate(void *arg, double *figure)
{
	struct migration *migration = arg;
	struct library *library = &migration->library;
	struct gw_migrate move = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_COMPACTION };
	uint64_t start;
	int err = read_frames(migration, migration->from);

	if (err)
		return err;
	start = bench_now();
	err = library->core->migrate_range(library->mm, migration->addr,
					   migration->addr + NR_PAGES * GW_PAGE_SIZE, &move);
	*figure = gigabytes_per_second(bench_now() - start);
	if (err)
		return err;
	if (move.nr_succeeded != NR_PAGES)
		return -EBUSY;
	err = check_pages(migration);
	if (err)
		return err;
	return read_frames(migration, migration->to);
}

static int sample_copy(void *arg, double *figure)
{
	struct migration *migration = arg;
	unsigned char *frames = migration->library.frames;
	uint64_t start = bench_now();

	for (unsigned long i = 0; i < NR_PAGES; i++)
		memcpy(frames + migration->to[i] * GW_PAGE_SIZE,
		       frames + migration->from[i] * GW_PAGE_SIZE, GW_PAGE_SIZE);
	*figure = gigabytes_per_second(bench_now() - start);
	return stamp_pages(migration);
}

/* ---- The pages, and what is in them ------------------------------------------------------------- */

static int stamp_page(struct migration *migration, uint64_t page)
{
	struct library *library = &migration->library;

	return library->core->copy_to_user(library->mm, migration->addr + page * GW_PAGE_SIZE,
					   &page, sizeof(page));
}

/* In random order, so that the frames of the first touch lie scattered. */
static int fill_pages(struct migration *migration)
{
	struct library *library = &migration->library;
	uint32_t *order = bench_shuffle(2 * NR_PAGES, 3);
	long addr = library_mmap(library, 0, 2 * NR_PAGES * GW_PAGE_SIZE);
	int err = 0;

	if (!order)
		return -ENOMEM;
	if (addr < 0)
		err = (int)addr;
	migration->addr = (unsigned long)addr;
	for (unsigned long i = 0; !err && i < 2 * NR_PAGES; i++)
		err = stamp_page(migration, order[i]);
	free(order);
	if (err)
		return err;
	return library->core->munmap(library->mm, migration->addr + NR_PAGES * GW_PAGE_SIZE,
				     NR_PAGES * GW_PAGE_SIZE);
}

static int stamp_pages(struct migration *migration)
{
	int err = 0;

	for (uint64_t i = 0; i < NR_PAGES && !err; i++)
		err = stamp_page(migration, i);
	return err;
}

static int check_pages(struct migration *migration)
{
	struct library *library = &migration->library;

	for (uint64_t i = 0; i < NR_PAGES; i++) {
		uint64_t stamp;

		if (library->core->copy_from_user(library->mm, &stamp,
						  migration->addr + i * GW_PAGE_SIZE,
						  sizeof(stamp)) ||
		    stamp != i)
			return -EIO;
	}
	return 0;
}

void bench_migrate(struct bench *bench)
{
	const struct bench_row row = { "migrate", "GB/s",
				       "memcpy of the same frames in the same order" };
	const unsigned long nr_frames = 2 * NR_PAGES + SLACK;
	struct migration migration = {
		.from = calloc(NR_PAGES, sizeof(uint32_t)),
		.to = calloc(NR_PAGES, sizeof(uint32_t)),
	};

	if (!migration.from || !migration.to || library_init(&migration.library, nr_frames)) {
		bench_skip(bench, row.name, "needs %lu MiB of memory",
			   nr_frames * GW_PAGE_SIZE >> 20);
		goto out_free;
	}
	if (fill_pages(&migration))
		bench_skip(bench, row.name, "the pages could not be filled");
	else
		bench_compare(bench, &row, sample_migrate, sample_copy, &migration);
	library_fini(&migration.library);
out_free:
	free(migration.from);
	free(migration.to);
}
