// SPDX-License-Identifier: MIT
/*
 * search.c - how many executions each strategy needs to find the race of 2010
 *
 * By chance with a hundred seeds, and by the searches, which have none and always need as many.
 * Nothing of the host is in these figures: the same version prints the same ones everywhere.
 */
#include "bench.h"

#include <errno.h>
#include <godwit/explore.h>

#define NR_SEEDS       100
#define EXECUTIONS_MAX 10000 /* more than any of them needs but plain depth-first search */

static const struct hunter {
	const char *row, *strategy;
	bool by_chance;
} hunters[] = {
	{ "search.random", "random", true },  { "search.pct", "pct", true },
	{ "search.pos", "pos", true },	      { "search.dpor", "dpor", false },
	{ "search.source", "source", false }, { "search.dfs", "dfs", false },
};

/* The next seed each time. */
static int sample_hunt(void *arg, double *figure)
{
	struct gw_explore *explore = arg;
	struct gw_verdict verdict;

	explore->seed++;
	gw_explore(explore, &verdict);
	gw_schedule_free(verdict.schedule);
	*figure = (double)verdict.executions;
	if (verdict.kind == GW_VERDICT_VIOLATED)
		return 0;
	return verdict.kind == GW_VERDICT_BUDGET ? -ENOENT : -EIO;
}

static void hunt(struct bench *bench, const struct gw_scenario *scenario,
		 const struct hunter *hunter)
{
	const struct bench_row row = { .name = hunter->row, .unit = "exec" };
	const char *note = hunter->by_chance ? "to the race, 100 seeds" : "to the race, always";
	struct gw_explore explore = {
		.scenario = scenario,
		.strategy = hunter->strategy,
		.executions = EXECUTIONS_MAX,
		.guards_off = gw_scenario_guards(scenario),
	};
	int err = bench_collect(bench, &row, note, hunter->by_chance ? NR_SEEDS : 1, sample_hunt,
				&explore);

	if (err == -ENOENT)
		bench_skip(bench, row.name, "the race is not among the first %d executions",
			   EXECUTIONS_MAX);
	else if (err)
		bench_skip(bench, row.name, "it failed");
}

void bench_search(struct bench *bench)
{
	const struct gw_scenario *scenario = gw_scenario_find("2010-exec-tempstack");

	if (!scenario) {
		bench_skip(bench, "search", "out of memory");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(hunters); i++)
		hunt(bench, scenario, &hunters[i]);
	gw_scenario_put(scenario);
}
