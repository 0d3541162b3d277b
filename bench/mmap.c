// SPDX-License-Identifier: MIT
/*
 * mmap.c - mapping calls in the library, next to the host's own, beside few VMAs and many
 *
 * A call of the library enters no kernel, so the host's calls count without their entry, which is
 * measured as two calls that do nothing.  The row "with-entry" leaves the entry in.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_FRAMES 65536ul
#define NR_PAIRS  20000

struct maps {
	struct library library;
	int nr_vmas;
	/* Of nr_vmas pages each, and of three at the end, in the middle of which mprotect() splits. */
	unsigned long library_addr;
	char *host_addr;
};

/* ---- mmap and munmap ---------------------------------------------------------------------------- */

static int sample_library_mmap(void *arg, double *figure)
{
	struct maps *maps = arg;
	struct library *library = &maps->library;
	uint64_t start = bench_now();

	for (int i = 0; i < NR_PAIRS; i++) {
		long addr = library_mmap(library, 0, GW_PAGE_SIZE);
		int err = addr < 0 ? (int)addr
				   : library->core->munmap(library->mm, (unsigned long)addr,
							   GW_PAGE_SIZE);

		if (err)
			return err;
	}
	*figure = (double)(bench_now() - start) / NR_PAIRS;
	return 0;
}

static int sample_host_mmap(void *arg, double *figure)
{
	uint64_t start = bench_now();

	(void)arg;
	for (int i = 0; i < NR_PAIRS; i++) {
		void *page = mmap(NULL, GW_PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, GW_PAGE_SIZE))
			return -errno;
	}
	*figure = (double)(bench_now() - start) / NR_PAIRS;
	return 0;
}

static double null_calls(void)
{
	uint64_t start = bench_now();

	for (int i = 0; i < 2 * NR_PAIRS; i++)
		syscall(SYS_getppid);
	return (double)(bench_now() - start) / NR_PAIRS;
}

static int sample_host_mmap_net(void *arg, double *figure)
{
	int err = sample_host_mmap(arg, figure);

	if (!err)
		*figure -= null_calls();
	return err;
}

/* ---- mprotect ------------------------------------------------------------------------------------ */

static unsigned long split_offset(const struct maps *maps)
{
	return (unsigned long)maps->nr_vmas * GW_PAGE_SIZE + GW_PAGE_SIZE;
}

static int sample_library_mprotect(void *arg, double *figure)
{
	struct maps *maps = arg;
	struct library *library = &maps->library;
	unsigned long addr = maps->library_addr + split_offset(maps);
	uint64_t start = bench_now();
	int err = 0;

	for (int i = 0; i < NR_PAIRS && !err; i++) {
		err = library->core->mprotect(library->mm, addr, GW_PAGE_SIZE, PROT_NONE);
		if (!err)
			err = library->core->mprotect(library->mm, addr, GW_PAGE_SIZE,
						      PROT_READ | PROT_WRITE);
	}
	*figure = (double)(bench_now() - start) / NR_PAIRS;
	return err;
}

static int sample_host_mprotect_net(void *arg, double *figure)
{
	struct maps *maps = arg;
	char *addr = maps->host_addr + split_offset(maps);
	uint64_t start = bench_now();

	for (int i = 0; i < NR_PAIRS; i++)
		if (mprotect(addr, GW_PAGE_SIZE, PROT_NONE) ||
		    mprotect(addr, GW_PAGE_SIZE, PROT_READ | PROT_WRITE))
			return -errno;
	*figure = (double)(bench_now() - start) / NR_PAIRS - null_calls();
	return 0;
}

/* ---- Address spaces with as many VMAs on both sides ----------------------------------------------- */

/* Neighbours that differ, so that they do not merge: every other page of one range is read-only. */
static int add_vmas(struct maps *maps)
{
	unsigned long len = split_offset(maps) + 2 * GW_PAGE_SIZE;
	struct library *library = &maps->library;
	long addr = library_mmap(library, 0, len);

	maps->host_addr =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr < 0 || maps->host_addr == MAP_FAILED)
		return -ENOMEM;
	maps->library_addr = (unsigned long)addr;
	for (unsigned long at = 0; at < (unsigned long)maps->nr_vmas * GW_PAGE_SIZE;
	     at += 2 * GW_PAGE_SIZE) {
		int err = library->core->mprotect(library->mm, maps->library_addr + at,
						  GW_PAGE_SIZE, PROT_READ);

		if (err)
			return err;
		if (mprotect(maps->host_addr + at, GW_PAGE_SIZE, PROT_READ))
			return -errno;
	}
	return 0;
}

static void compare_calls(struct bench *bench, struct maps *maps, const char *mmap_name,
			  const char *mprotect_name)
{
	const struct bench_row map = { mmap_name, "ns/pair",
				       "the host's pair, without system call entry" };
	const struct bench_row protect = { mprotect_name, "ns/pair", map.reference };
	const struct bench_row gross = { "mmap.with-entry", "ns/pair", "the host's pair" };

	if (library_init(&maps->library, NR_FRAMES)) {
		bench_skip(bench, mmap_name, "no memory for a machine of %lu frames", NR_FRAMES);
		return;
	}
	if (add_vmas(maps)) {
		bench_skip(bench, mmap_name, "%d VMAs could not be made", maps->nr_vmas);
	} else {
		bench_compare(bench, &map, sample_library_mmap, sample_host_mmap_net, maps);
		bench_compare(bench, &protect, sample_library_mprotect, sample_host_mprotect_net,
			      maps);
		if (maps->nr_vmas == 10)
			bench_compare(bench, &gross, sample_library_mmap, sample_host_mmap, maps);
	}
	if (maps->host_addr != MAP_FAILED)
		munmap(maps->host_addr, split_offset(maps) + 2 * GW_PAGE_SIZE);
	library_fini(&maps->library);
}

void bench_mmap(struct bench *bench)
{
	static const struct {
		int nr_vmas;
		const char *mmap, *mprotect;
	} sizes[] = {
		{ 10, "mmap.10", "mprotect.10" },
		{ 1000, "mmap.1000", "mprotect.1000" },
		{ 60000, "mmap.60000", "mprotect.60000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct maps maps = { .nr_vmas = sizes[i].nr_vmas, .host_addr = MAP_FAILED };

		compare_calls(bench, &maps, sizes[i].mmap, sizes[i].mprotect);
	}
}
