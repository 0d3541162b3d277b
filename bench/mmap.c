// SPDX-License-Identifier: MIT
/*
 * mmap.c - mapping and unmapping a page in the library, next to the host's own
 *
 * A call of the library enters no kernel, so the host's calls count without their entry, which is
 * measured as two calls that do nothing.  The second row leaves the entry in.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_FRAMES 65536ul
#define NR_PAIRS  20000
#define NR_VMAS	  40 /* that a small program has, and this one too */

static int sample_library(void *arg, double *figure)
{
	struct library *library = arg;
	uint64_t start = bench_now();

	for (int i = 0; i < NR_PAIRS; i++) {
		long addr = library_mmap(library, GW_PAGE_SIZE);
		int err = addr < 0 ? (int)addr
				   : library->core->munmap(library->mm, (unsigned long)addr,
							   GW_PAGE_SIZE);

		if (err)
			return err;
	}
	*figure = (double)(bench_now() - start) / NR_PAIRS;
	return 0;
}

static int sample_host(void *arg, double *figure)
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

static int sample_host_net(void *arg, double *figure)
{
	int err = sample_host(arg, figure);

	if (!err)
		*figure -= null_calls();
	return err;
}

/* Neighbours that differ, so that they do not merge. */
static int add_vmas(struct library *library)
{
	for (int i = 0; i < NR_VMAS; i++) {
		const struct gw_mmap args = {
			.len = GW_PAGE_SIZE,
			.prot = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			.flags = MAP_PRIVATE | MAP_ANONYMOUS,
		};
		long addr = library->core->mmap(library->mm, &args);

		if (addr < 0)
			return (int)addr;
	}
	return 0;
}

void bench_mmap(struct bench *bench)
{
	const struct bench_row net = { "mmap", "ns/pair",
				       "the host's pair, without system call entry" };
	const struct bench_row gross = { "mmap.with-entry", "ns/pair", "the host's pair" };
	struct library library;

	if (library_init(&library, NR_FRAMES)) {
		bench_skip(bench, net.name, "no memory for a machine of %lu frames", NR_FRAMES);
		return;
	}
	if (add_vmas(&library)) {
		bench_skip(bench, net.name, "the address space could not be filled");
	} else {
		bench_compare(bench, &net, sample_library, sample_host_net, &library);
		bench_compare(bench, &gross, sample_library, sample_host, &library);
	}
	library_fini(&library);
}
