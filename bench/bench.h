/* SPDX-License-Identifier: MIT */
/*
 * bench.h - figures, each next to what it must be compared with
 *
 * A figure without a reference taken in the same run says more about the weather on the machine
 * than about the code.  So a row is made of samples of both sides, taken in turn: A B A B.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "compiler.h"

#define BENCH_RUNS_MIN	   5
#define BENCH_RUNS_MAX	   99
#define BENCH_RUNS_DEFAULT 7
#define BENCH_SAMPLES_MAX  100

struct bench; /* the rows so far */

struct benchmark {
	const char *name;
	const char *summary;
	void (*run)(struct bench *bench);
};

/* All there are, in the order in which they run; the last one has no name. */
extern const struct benchmark bench_all[];

struct bench *bench_create(int runs);
void bench_destroy(struct bench *bench);

/* For a person: a table.  For a program: an array, as godwit(1) describes it. */
void bench_print_text(const struct bench *bench, FILE *out);
int bench_print_json(const struct bench *bench, FILE *out) __must_check;

/* ---- For the benchmarks ------------------------------------------------------------------------ */

struct bench_row {
	const char *name;      /* "trap.syscall.one-cpu" */
	const char *unit;      /* "ns/page", "GB/s" */
	const char *reference; /* the other side in words; NULL: there is none */
};

/* One repetition of one side.  => 0 and the figure, or -errno */
typedef int (*bench_sample)(void *arg, double *figure);

/*
 * Sample both sides in turn, after one turn that does not count, and add the row.
 * @reference may be NULL.
 */
void bench_compare(struct bench *bench, const struct bench_row *row, bench_sample value,
		   bench_sample reference, void *arg);
/*
 * Take @nr samples (at most BENCH_SAMPLES_MAX), all of which count, and add the row, with a @note:
 * for what has no reference, as it is no figure of the host.
 * => what a sample failed with, and there is no row
 */
int bench_collect(struct bench *bench, const struct bench_row *row, const char *note, int nr,
		  bench_sample value, void *arg) __must_check;
/* The row could not be measured, and why. */
__printf(3, 4) void bench_skip(struct bench *bench, const char *name, const char *fmt, ...);

uint64_t bench_now(void); /* nanoseconds, monotonic */
/* @len bytes of private memory in 4 KiB pages, touched; NULL: there is not so much. */
void *bench_memory(size_t len);
void bench_memory_free(void *memory, size_t len);
/* 0 .. @nr - 1 in an order that depends on @seed alone, to be freed; NULL: out of memory. */
uint32_t *bench_shuffle(size_t nr, uint64_t seed);

void bench_copy(struct bench *bench);
void bench_migrate(struct bench *bench);
void bench_fault(struct bench *bench);
void bench_fork(struct bench *bench);
void bench_mmap(struct bench *bench);
void bench_mremap(struct bench *bench);
void bench_threads(struct bench *bench);
void bench_trap(struct bench *bench);
void bench_run(struct bench *bench);
void bench_explore(struct bench *bench);
void bench_search(struct bench *bench);
