// SPDX-License-Identifier: MIT
/*
 * explore.c - executions of the explorer for each second of one core
 *
 * By the CPU time that the executions took, so that it is a figure for one core whatever else the
 * machine does.  The race of 2010 runs on the code that ships, with every guard on and the machine
 * validated after each execution; its set-up runs once and is not in it.  The other rows are small
 * programs over the same verbs, searched for each of their traces: the engine without a memory
 * manager.  They are those that the tests count (tests/explore/classics.c), and counted here too.
 *
 * The reference is what an explorer pays that starts each execution in a process of its own.
 */
#include "bench.h"

#include <errno.h>
#include <godwit/explore.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "classics.h"

#define SAMPLE_SECONDS	  0.1 /* at least */
#define SAMPLE_EXECUTIONS 1000
#define NR_FORKS	  30

/* ---- The reference ----------------------------------------------------------------------------- */

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double usage(int whose)
{
	struct rusage usage;

	getrusage(whose, &usage);
	return seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
}

static int sample_fork(void *arg, double *figure)
{
	double start = usage(RUSAGE_SELF) + usage(RUSAGE_CHILDREN);

	(void)arg;
	for (int i = 0; i < NR_FORKS; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return -errno;
	}
	*figure = NR_FORKS / (usage(RUSAGE_SELF) + usage(RUSAGE_CHILDREN) - start);
	return 0;
}

/* ---- The race of 2010 ---------------------------------------------------------------------------- */

static int sample_scenario(void *arg, double *figure)
{
	const struct gw_explore *explore = arg;
	uint64_t executions = 0;
	double seconds = 0;

	while (seconds < SAMPLE_SECONDS) {
		struct gw_verdict verdict;

		gw_explore(explore, &verdict);
		if (verdict.kind != GW_VERDICT_EXHAUSTED && verdict.kind != GW_VERDICT_BUDGET) {
			gw_schedule_free(verdict.schedule);
			return -EIO; /* there is nothing to be found */
		}
		executions += verdict.executions;
		seconds += verdict.cpu_seconds;
	}
	*figure = (double)executions / seconds;
	return 0;
}

static void bench_scenario(struct bench *bench, const char *name, const char *strategy,
			   uint64_t executions)
{
	const struct bench_row row = { .name = name,
				       .unit = "exec/s",
				       .reference = "fork and wait on the host" };
	struct gw_explore explore = {
		.scenario = gw_scenario_find("2010-exec-tempstack"),
		.strategy = strategy,
		.seed = 1,
		.executions = executions,
	};

	if (!explore.scenario) {
		bench_skip(bench, name, "out of memory");
		return;
	}
	bench_compare(bench, &row, sample_scenario, sample_fork, &explore);
	gw_scenario_put(explore.scenario);
}

/* ---- Small programs --------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int sample_classic(void *arg, double *figure)
{
	const struct classic *classic = arg;
	double start = cpu_seconds(), seconds = 0;
	uint64_t executions = 0;

	while (seconds < SAMPLE_SECONDS) {
		struct exhausted result =
			exhaust(&classic->program, classic->n, classic->k, &strategy_dpor, NULL, 0);

		if (result.error || result.stats.traces != classic->traces ||
		    result.failing != classic->failing)
			return -EIO;
		executions += result.stats.traces;
		seconds = cpu_seconds() - start;
	}
	*figure = (double)executions / seconds;
	return 0;
}

static const struct {
	const char *row, *program;
	uint64_t traces;
} measured[] = {
	{ "explore.rmap", "rmap plain", 39416 }, /* two pages, four migrations */
	{ "explore.lastzero", "lastzero", 3328 },
	{ "explore.indexer", "indexer", 4096 },
	{ "explore.readers", "readers", 8192 },
	{ "explore.fib", "fib", 8953 },
	{ "explore.fetch-and-add", "faa", 5040 },
	{ "explore.compare-and-swap", "cas_counter", 5208 },
	{ "explore.mutex", "mutex_counter", 5040 },
	{ "explore.spinlock", "test_and_test_and_set", 20760 },
};

static const struct classic *find_classic(const char *program, uint64_t traces)
{
	for (const struct classic *classic = classics; classic->program.name; classic++)
		if (!strcmp(classic->program.name, program) && classic->traces == traces)
			return classic;
	return NULL;
}

static void bench_classic(struct bench *bench, const char *name, const struct classic *classic)
{
	const struct bench_row row = { .name = name,
				       .unit = "exec/s",
				       .reference = "fork and wait on the host" };

	if (classic)
		bench_compare(bench, &row, sample_classic, sample_fork, (void *)(uintptr_t)classic);
	else
		bench_skip(bench, name, "there is no such program");
}

void bench_explore(struct bench *bench)
{
	bench_scenario(bench, "explore.race.pos", "pos", SAMPLE_EXECUTIONS);
	bench_scenario(bench, "explore.race.dpor", "dpor", UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(measured); i++)
		bench_classic(bench, measured[i].row,
			      find_classic(measured[i].program, measured[i].traces));
}
