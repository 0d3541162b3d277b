// SPDX-License-Identifier: MIT
/*
 * copy.c - memcpy of 4 KiB frames: what no migration can be faster than
 *
 * In random order, as frames lie in a machine that has run for a while, and one after the other.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME	  4096ul
#define NR_FRAMES (256ul << 20 >> 12)

struct copying {
	unsigned char *from, *to;
	uint32_t *from_order, *to_order;
};

static double gigabytes_per_second(uint64_t nanoseconds)
{
	return (double)(NR_FRAMES * FRAME) / (double)nanoseconds;
}

static int copy_random(void *arg, double *figure)
{
	struct copying *copying = arg;
	uint64_t start = bench_now();

	for (size_t i = 0; i < NR_FRAMES; i++)
		memcpy(copying->to + copying->to_order[i] * FRAME,
		       copying->from + copying->from_order[i] * FRAME, FRAME);
	*figure = gigabytes_per_second(bench_now() - start);
	return 0;
}

static int copy_sequential(void *arg, double *figure)
{
	struct copying *copying = arg;
	uint64_t start = bench_now();

	for (size_t i = 0; i < NR_FRAMES; i++)
		memcpy(copying->to + i * FRAME, copying->from + i * FRAME, FRAME);
	*figure = gigabytes_per_second(bench_now() - start);
	return 0;
}

void bench_copy(struct bench *bench)
{
	const struct bench_row row = { "copy", "GB/s", "the same frames one after the other" };
	struct copying copying = {
		.from = bench_memory(NR_FRAMES * FRAME),
		.to = bench_memory(NR_FRAMES * FRAME),
		.from_order = bench_shuffle(NR_FRAMES, 1),
		.to_order = bench_shuffle(NR_FRAMES, 2),
	};

	if (copying.from && copying.to && copying.from_order && copying.to_order)
		bench_compare(bench, &row, copy_random, copy_sequential, &copying);
	else
		bench_skip(bench, row.name, "needs %lu MiB of memory", 2 * NR_FRAMES * FRAME >> 20);
	bench_memory_free(copying.from, NR_FRAMES * FRAME);
	bench_memory_free(copying.to, NR_FRAMES * FRAME);
	free(copying.from_order);
	free(copying.to_order);
}
