// SPDX-License-Identifier: MIT
/*
 * bench.c - taking samples in turn, and the rows that come of them
 */
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "prng.h"

#define ROWS_MAX 64

const struct benchmark bench_all[] = {
	{ "copy", "memcpy of frames in random order: the limit of any migration", bench_copy },
	{ "migrate", "moving pages in the library", bench_migrate },
	{ "fault", "first touch of a page in the library", bench_fault },
	{ "fork", "forking an address space in the library", bench_fork },
	{ "threads", "two threads that fault in different VMAs, next to one", bench_threads },
	{ "mmap", "mmap and munmap, mprotect back and forth, beside few VMAs and many", bench_mmap },
	{ "mremap", "moving a mapping in the library, entry by entry", bench_mremap },
	{ "trap", "a guest's system call and its page fault", bench_trap },
	{ "run", "a guest that computes", bench_run },
	{ "explore", "executions of the explorer a second, on one core", bench_explore },
	{ "search", "executions until each strategy finds the race of 2010", bench_search },
	{ NULL, NULL, NULL },
};

/* Of one side of a row, or what one turn makes of both. */
struct samples {
	int nr;
	double at[BENCH_SAMPLES_MAX]; /* sorted, when all are there */
};

/*
 * The ratio is the median of the turns' ratios and not the ratio of the medians: what disturbs the
 * machine for a while disturbs both sides of a turn.
 */
struct result {
	struct bench_row row;
	const char *note; /* where there is no reference; or NULL */
	struct samples value, reference, ratio;
	char skipped[160]; /* "": it was not */
};

struct bench {
	int runs;
	bool progress; /* somebody watches */
	int nr_results;
	struct result results[ROWS_MAX];
};

static void show_progress(const struct bench *bench, const char *name, int done, int all);
static void clear_progress(const struct bench *bench);

struct bench *bench_create(int runs)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		return NULL;
	bench->runs = runs;
	bench->progress = isatty(STDERR_FILENO);
	return bench;
}

void bench_destroy(struct bench *bench)
{
	free(bench);
}

static struct result *new_result(struct bench *bench)
{
	if (bench->nr_results == ROWS_MAX)
		abort();
	return &bench->results[bench->nr_results++];
}

void bench_skip(struct bench *bench, const char *name, const char *fmt, ...)
{
	struct result *result = new_result(bench);
	va_list ap;

	result->row = (struct bench_row){ .name = name, .unit = "" };
	va_start(ap, fmt);
	vsnprintf(result->skipped, sizeof(result->skipped), fmt, ap);
	va_end(ap);
}

/* ---- Samples ----------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort_samples(struct samples *samples)
{
	qsort(samples->at, (size_t)samples->nr, sizeof(samples->at[0]), compare_doubles);
}

static double median(const struct samples *samples)
{
	int middle = samples->nr / 2;

	if (samples->nr % 2)
		return samples->at[middle];
	return (samples->at[middle - 1] + samples->at[middle]) / 2;
}

static void add_sample(struct samples *samples, double figure)
{
	samples->at[samples->nr++] = figure;
}

/* One sample of each side; the first turn of a row does not count. */
static int take_turn(struct result *result, bench_sample value, bench_sample reference, void *arg,
		     bool counts)
{
	double figure, reference_figure = 0;
	int err = value(arg, &figure);

	if (!err && reference)
		err = reference(arg, &reference_figure);
	if (err || !counts)
		return err;
	add_sample(&result->value, figure);
	if (reference) {
		add_sample(&result->reference, reference_figure);
		add_sample(&result->ratio, figure / reference_figure);
	}
	return 0;
}

void bench_compare(struct bench *bench, const struct bench_row *row, bench_sample value,
		   bench_sample reference, void *arg)
{
	struct result result = { .row = *row };
	int err = 0;

	for (int turn = -1; turn < bench->runs && !err; turn++) {
		show_progress(bench, row->name, turn + 1, bench->runs);
		err = take_turn(&result, value, reference, arg, turn >= 0);
	}
	clear_progress(bench);
	if (err) {
		bench_skip(bench, row->name, "it failed: %s", strerror(-err));
		return;
	}
	sort_samples(&result.value);
	sort_samples(&result.reference);
	sort_samples(&result.ratio);
	*new_result(bench) = result;
}

int bench_collect(struct bench *bench, const struct bench_row *row, const char *note, int nr,
		  bench_sample value, void *arg)
{
	struct result result = { .row = *row, .note = note };
	int err = 0;

	for (int i = 0; i < nr && !err; i++) {
		show_progress(bench, row->name, i, nr);
		err = take_turn(&result, value, NULL, arg, true);
	}
	clear_progress(bench);
	if (err)
		return err;
	sort_samples(&result.value);
	*new_result(bench) = result;
	return 0;
}

static void show_progress(const struct bench *bench, const char *name, int done, int all)
{
	if (bench->progress)
		fprintf(stderr, "\r\033[K%s %d/%d", name, done, all);
}

static void clear_progress(const struct bench *bench)
{
	if (bench->progress)
		fputs("\r\033[K", stderr);
}

/* ---- Output ---------------------------------------------------------------------------------------- */

/* Three digits that count, whatever the magnitude. */
static void print_figure(FILE *out, int width, double figure)
{
	int decimals = figure < 10 ? 2 : figure < 100 ? 1 : 0;

	fprintf(out, "%*.*f", width, decimals, figure);
}

static void print_surroundings(FILE *out)
{
	struct utsname uts;
	double load[3];

	if (!uname(&uts))
		fprintf(out, "%s %s %s, ", uts.sysname, uts.release, uts.machine);
	fprintf(out, "%ld CPUs", sysconf(_SC_NPROCESSORS_ONLN));
	if (getloadavg(load, 3) == 3)
		fprintf(out, ", load %.2f %.2f %.2f", load[0], load[1], load[2]);
	fputs("\n", out);
}

static void print_row(FILE *out, const struct result *result)
{
	const struct samples *value = &result->value, *reference = &result->reference;

	fprintf(out, "%-24s", result->row.name);
	if (result->skipped[0]) {
		fprintf(out, " skipped: %s\n", result->skipped);
		return;
	}
	print_figure(out, 9, median(value));
	fprintf(out, " %-8s", result->row.unit);
	print_figure(out, 9, value->at[0]);
	print_figure(out, 9, value->at[value->nr - 1]);
	if (reference->nr) {
		fputs("  ", out);
		print_figure(out, 9, median(reference));
		print_figure(out, 9, median(&result->ratio));
		fprintf(out, "x  %s", result->row.reference);
	} else if (result->note) {
		fprintf(out, "%22s%s", "", result->note);
	}
	fputs("\n", out);
}

void bench_print_text(const struct bench *bench, FILE *out)
{
	print_surroundings(out);
	fprintf(out,
		"Medians of %d runs, both sides in turn; ratio: value / reference, of each run.\n\n",
		bench->runs);
	fprintf(out, "%-24s%9s %-8s%9s%9s  %9s%9s   %s\n", "name", "value", "unit", "min", "max",
		"reference", "ratio", "reference is");
	for (int i = 0; i < bench->nr_results; i++)
		print_row(out, &bench->results[i]);
}

static json_t *row_object(const struct result *result)
{
	const struct samples *value = &result->value, *reference = &result->reference;

	if (result->skipped[0])
		return json_pack("{s:s, s:n, s:s, s:n, s:n, s:i, s:n, s:n, s:s}", "name",
				 result->row.name, "value", "unit", "", "min", "max", "runs", 0,
				 "reference", "ratio", "skipped", result->skipped);
	if (!reference->nr)
		return json_pack("{s:s, s:f, s:s, s:f, s:f, s:i, s:n, s:n}", "name",
				 result->row.name, "value", median(value), "unit", result->row.unit,
				 "min", value->at[0], "max", value->at[value->nr - 1], "runs",
				 value->nr, "reference", "ratio");
	return json_pack("{s:s, s:f, s:s, s:f, s:f, s:i, s:f, s:f, s:s}", "name", result->row.name,
			 "value", median(value), "unit", result->row.unit, "min", value->at[0],
			 "max", value->at[value->nr - 1], "runs", value->nr, "reference",
			 median(reference), "ratio", median(&result->ratio), "reference_is",
			 result->row.reference);
}

int bench_print_json(const struct bench *bench, FILE *out)
{
	json_t *rows = json_array();
	int err = 0;

	for (int i = 0; i < bench->nr_results; i++)
		if (json_array_append_new(rows, row_object(&bench->results[i])))
			err = -ENOMEM;
	if (!err && json_dumpf(rows, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		err = -EIO;
	fputs("\n", out);
	json_decref(rows);
	return err;
}

/* ---- What the benchmarks share ------------------------------------------------------------------- */

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void *bench_memory(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Huge pages on one side alone would be compared, and not what the sides do. */
	madvise(memory, len, MADV_NOHUGEPAGE);
	if (madvise(memory, len, MADV_POPULATE_WRITE) && errno != EINVAL) {
		munmap(memory, len);
		return NULL;
	}
	memset(memory, 1, len);
	return memory;
}

void bench_memory_free(void *memory, size_t len)
{
	if (memory)
		munmap(memory, len);
}

uint32_t *bench_shuffle(size_t nr, uint64_t seed)
{
	uint32_t *order = malloc(nr * sizeof(*order));
	struct prng prng;

	if (!order)
		return NULL;
	prng_seed(&prng, seed);
	for (size_t i = 0; i < nr; i++) {
		size_t j = prng_below(&prng, i + 1);

		order[i] = order[j];
		order[j] = (uint32_t)i;
	}
	return order;
}
