// SPDX-License-Identifier: MIT
/*
 * fork.c - forking an address space in the library, next to the host's own fork
 *
 * Both share as many private pages, all written since the last fork, in tables that are full.  The
 * child is gone again outside of what is measured.  The host's process has little else: what belongs
 * to the library is not forked.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_PAGES (128ul << 20 >> GW_PAGE_SHIFT)
#define LEN	 (NR_PAGES * GW_PAGE_SIZE)
#define SLACK	 4096ul

struct fork_bench {
	struct library library;
	unsigned long addr;
	char *host_memory;
};

static int sample_library(void *arg, double *figure)
{
	struct fork_bench *bench = arg;
	const struct gw_core *core = bench->library.core;
	struct mm *child;
	uint64_t start;
	int err;

	err = library_touch(&bench->library, bench->addr, LEN);
	if (err)
		return err;
	start = bench_now();
	err = core->fork(bench->library.mm, &child);
	*figure = (double)(bench_now() - start) / NR_PAGES;
	if (!err)
		core->mm_put(child);
	return err;
}

static int sample_host(void *arg, double *figure)
{
	struct fork_bench *bench = arg;
	uint64_t start;
	pid_t child;

	for (unsigned long at = 0; at < LEN; at += GW_PAGE_SIZE)
		bench->host_memory[at]++;
	start = bench_now();
	child = fork();
	if (!child)
		_exit(0);
	*figure = (double)(bench_now() - start) / NR_PAGES;
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}

static bool prepare(struct fork_bench *bench)
{
	long addr = library_mmap(&bench->library, 0, LEN);

	bench->host_memory = bench_memory(LEN);
	if (addr < 0 || !bench->host_memory)
		return false;
	bench->addr = (unsigned long)addr;
	madvise(bench->library.frames, bench->library.nr_frames * GW_PAGE_SIZE, MADV_DONTFORK);
	madvise(bench->library.core_memory, bench->library.core_size, MADV_DONTFORK);
	return true;
}

void bench_fork(struct bench *bench)
{
	const struct bench_row row = { "fork", "ns/page", "the host's fork" };
	const unsigned long nr_frames = NR_PAGES + SLACK;
	struct fork_bench fork_bench = { .host_memory = NULL };

	if (library_init(&fork_bench.library, nr_frames)) {
		bench_skip(bench, row.name, "needs %lu MiB of memory",
			   (nr_frames + NR_PAGES) * GW_PAGE_SIZE >> 20);
		return;
	}
	if (prepare(&fork_bench))
		bench_compare(bench, &row, sample_library, sample_host, &fork_bench);
	else
		bench_skip(bench, row.name, "needs %lu MiB of memory",
			   (nr_frames + NR_PAGES) * GW_PAGE_SIZE >> 20);
	bench_memory_free(fork_bench.host_memory, LEN);
	library_fini(&fork_bench.library);
}
