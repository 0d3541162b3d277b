// SPDX-License-Identifier: MIT
/*
 * fault.c - first touch of anonymous pages in the library, next to clearing them, and to the host's own
 *
 * A fault cannot cost less than clearing the frame: the first reference is memset() of the frames that
 * the faults before it took, in the same order.
 *
 * The host does the same work through MAP_POPULATE, without a trap for each page; a touch would be
 * compared with the price of the host's exception, which the library does not pay either.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define NR_PAGES (256ul << 20 >> GW_PAGE_SHIFT)
#define SLACK	 4096ul
#define LEN	 (NR_PAGES * GW_PAGE_SIZE)

struct faults {
	struct library library;
	uint32_t *pfns; /* of the last sample, in the order of its faults */
};

static int note_frames(struct faults *faults, unsigned long addr)
{
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		long pfn = library_pfn(&faults->library, addr + i * GW_PAGE_SIZE);

		if (pfn < 0)
			return (int)pfn;
		faults->pfns[i] = (uint32_t)pfn;
	}
	return 0;
}

static int sample_clear(void *arg, double *figure)
{
	struct faults *faults = arg;
	uint64_t start = bench_now();

	for (unsigned long i = 0; i < NR_PAGES; i++)
		memset(faults->library.frames + faults->pfns[i] * GW_PAGE_SIZE, 0, GW_PAGE_SIZE);
	*figure = (double)(bench_now() - start) / NR_PAGES;
	return 0;
}

static int sample_library(void *arg, double *figure)
{
	struct faults *faults = arg;
	struct library *library = &faults->library;
	int err;
	uint64_t start = bench_now();
	long addr = library_mmap(library, 0, LEN);

	if (addr < 0)
		return (int)addr;
	err = library_touch(library, (unsigned long)addr, LEN);
	if (err)
		return err;
	*figure = (double)(bench_now() - start) / NR_PAGES;
	err = note_frames(faults, (unsigned long)addr);
	return err ? err : library->core->munmap(library->mm, (unsigned long)addr, LEN);
}

static int sample_host(void *arg, double *figure)
{
	uint64_t start = bench_now();
	void *memory = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	(void)arg;
	if (memory == MAP_FAILED)
		return -errno;
	*figure = (double)(bench_now() - start) / NR_PAGES;
	munmap(memory, LEN);
	return 0;
}

void bench_fault(struct bench *bench)
{
	const struct bench_row row = { "fault", "ns/page",
				       "memset of the same frames in the same order" };
	const struct bench_row host = { "fault.host", "ns/page", "the host's MAP_POPULATE" };
	const unsigned long nr_frames = NR_PAGES + SLACK;
	struct faults faults = { .pfns = calloc(NR_PAGES, sizeof(uint32_t)) };

	if (!faults.pfns || library_init(&faults.library, nr_frames)) {
		bench_skip(bench, row.name, "needs %lu MiB of memory",
			   nr_frames * GW_PAGE_SIZE >> 20);
		free(faults.pfns);
		return;
	}
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	bench_compare(bench, &row, sample_library, sample_clear, &faults);
	bench_compare(bench, &host, sample_library, sample_host, &faults);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	library_fini(&faults.library);
	free(faults.pfns);
}
