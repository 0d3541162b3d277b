// SPDX-License-Identifier: MIT
/*
 * threads.c - two threads that fault in different VMAs of one address space, next to one thread
 *
 * Each has a CPU of the host, and of the machine.  The pages of two threads are twice as many; the
 * figure is how many are made in a second.
 */
#include "bench.h"
#include "library.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "threads.h"

#define NR_PAGES (128ul << 20 >> GW_PAGE_SHIFT) /* of each thread */
#define LEN	 (NR_PAGES * GW_PAGE_SIZE)
#define SLACK	 8192ul

struct faulter {
	struct library *library;
	int cpu;
	unsigned long addr;
	uint64_t begun, ended;
	pthread_barrier_t *ready;
	int err;
};

static void *fault_all(void *arg)
{
	struct faulter *faulter = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(faulter->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	threads_task_attach("faulter", faulter->cpu);
	pthread_barrier_wait(faulter->ready);
	faulter->begun = bench_now();
	faulter->err = library_touch(faulter->library, faulter->addr, LEN);
	faulter->ended = bench_now();
	threads_task_detach();
	return NULL;
}

/* A VMA for each, which do not merge. */
static int map_both(struct library *library, struct faulter *faulters)
{
	for (int i = 0; i < 2; i++) {
		long addr = library_mmap(library, 0x100000000000ul * (unsigned long)(i + 1), LEN);

		if (addr < 0)
			return (int)addr;
		faulters[i].addr = (unsigned long)addr;
	}
	return 0;
}

static int unmap_both(struct library *library, const struct faulter *faulters)
{
	int err = library->core->munmap(library->mm, faulters[0].addr, LEN);

	return err ? err : library->core->munmap(library->mm, faulters[1].addr, LEN);
}

/* Pages a microsecond, from when the first begins until the last has ended. */
static int sample_threads(struct library *library, int nr, double *figure)
{
	struct faulter faulters[2];
	pthread_t threads[2];
	pthread_barrier_t ready;
	uint64_t begun, ended;
	int started = 0, err;

	pthread_barrier_init(&ready, NULL, (unsigned int)nr);
	for (int i = 0; i < 2; i++)
		faulters[i] = (struct faulter){ .library = library, .cpu = i, .ready = &ready };
	err = map_both(library, faulters);
	for (; !err && started < nr; started++)
		if (pthread_create(&threads[started], NULL, fault_all, &faulters[started]))
			abort(); /* the other one waits for it */
	for (int i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
		err = err ? err : faulters[i].err;
	}
	pthread_barrier_destroy(&ready);
	if (err)
		return err;
	begun = min(faulters[0].begun, faulters[nr - 1].begun);
	ended = max(faulters[0].ended, faulters[nr - 1].ended);
	*figure = (double)((unsigned long)nr * NR_PAGES) / ((double)(ended - begun) / 1000);
	return unmap_both(library, faulters);
}

static int sample_two(void *arg, double *figure)
{
	return sample_threads(arg, 2, figure);
}

static int sample_one(void *arg, double *figure)
{
	return sample_threads(arg, 1, figure);
}

void bench_threads(struct bench *bench)
{
	const struct bench_row row = { "threads", "pages/us", "one thread" };
	const unsigned long nr_frames = 2 * NR_PAGES + SLACK;
	struct library library;

	if (library_init(&library, nr_frames)) {
		bench_skip(bench, row.name, "needs %lu MiB of memory",
			   nr_frames * GW_PAGE_SIZE >> 20);
		return;
	}
	bench_compare(bench, &row, sample_two, sample_one, &library);
	library_fini(&library);
}
