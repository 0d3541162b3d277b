// SPDX-License-Identifier: MIT
/* exhaust.c - every trace of a small program, by any of the exhaustive strategies */
#include "exhaust.h"

#include <stdio.h>
#include <stdlib.h>

#include "search.h"

#define STEP_BOUND 1024

unsigned int rules_left_out;

static char last_error[256]; /* of a search that is gone */

/* ---- Traces ------------------------------------------------------------------------------------------ */

/* Is @signature new?  Then it is in. */
static bool see(struct trace_set *seen, uint64_t signature)
{
	int added = trace_set_add(seen, signature);

	if (added < 0)
		abort();
	return added;
}

bool traces_same(const struct trace_set *a, const struct trace_set *b)
{
	struct trace_set both = { .nr = 0 };
	bool same = a->nr == b->nr;

	for (size_t i = 0; i < a->max; i++)
		if (a->slots[i])
			see(&both, a->slots[i]);
	for (size_t i = 0; same && i < b->max; i++)
		same = !b->slots[i] || !see(&both, b->slots[i]);
	trace_set_fini(&both);
	return same;
}

/* ---- Running ---------------------------------------------------------------------------------------- */

struct member {
	const struct program *program;
	int number, n, k;
};

static void run_member(void *arg)
{
	const struct member *member = arg;

	member->program->task(member->number, member->n, member->k);
}

static struct explored *create(const struct program *program, struct member *members)
{
	struct explored_config config = {
		.nr_tasks = program->nr_tasks,
		.nr_cpus = 1,
		.unchecked = true,
		.step_bound = STEP_BOUND,
		.stack_size = 16384,
	};
	size_t size = (explored_size(&config) + 63) & ~63ul;
	struct explored *x = explored_create(aligned_alloc(64, size), &config);

	for (int i = 0; i < program->nr_tasks; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		explored_add_task(x, name, 0, run_member, &members[i]);
	}
	return x;
}

/* ---- With few preemptions ---------------------------------------------------------------------------- */

/* A search, and who was taken off although it could go on. */
struct counting {
	struct search search;
	int last;
	unsigned int preemptions;
};

static int counting_pick(void *state, struct explored *x, uint32_t runnable)
{
	struct counting *counting = state;
	int task = search_pick(&counting->search, x, runnable), last = counting->last;

	counting->preemptions += last >= 0 && task != last && runnable >> last & 1 &&
				 explored_next(x, last)->kind != EXPLORED_YIELD;
	counting->last = task;
	return task;
}

uint64_t exhaust_preemptions(const struct program *program, unsigned int bound, bool by_counting,
			     struct trace_set *seen, uint64_t limit)
{
	const struct explored_strategy steps = {
		.pick = counting_pick,
		.choose = search_choose,
		.end = search_end,
	};
	const struct strategy_params params = { .bounded = !by_counting, .preemptions = bound };
	struct counting counting = { .last = -1 };
	struct member members[EXPLORED_TASKS_MAX];
	uint64_t execution = 0, nr = 0;
	struct explored *x;

	for (int i = 0; i < program->nr_tasks; i++)
		members[i] = (struct member){ program, i, 0, 0 };
	x = create(program, members);
	search_init(&counting.search, &params);
	for (; strategy_dfs.begin(&counting, x, execution) && execution < limit; execution++) {
		explored_attach(x);
		program->reset(0, 0);
		counting.last = -1;
		counting.preemptions = 0;
		explored_run(x, &steps, &counting);
		if (by_counting && counting.preemptions > bound)
			continue;
		nr++;
		see(seen, history_signature(&counting.search.history));
	}
	search_fini(&counting.search);
	explored_attach(NULL);
	free(x);
	return execution < limit ? nr : 0;
}

/* ---- In one piece ------------------------------------------------------------------------------------- */

/*
 * From scratch, by all the rules: neither what the search has kept of earlier executions nor the
 * rules that it goes by have a say in whether two executions are the same.
 */
static uint64_t signature_of(struct history *history, const struct explored *x)
{
	unsigned int left_out = rules_left_out;
	uint64_t signature;

	rules_left_out = 0;
	history_truncate(history, 0);
	if (history_extend(history, x))
		abort();
	signature = history_signature(history);
	rules_left_out = left_out;
	return signature;
}

struct exhausted exhaust(const struct program *program, int n, int k,
			 const struct strategy *strategy, struct trace_set *seen, uint64_t limit)
{
	struct member members[EXPLORED_TASKS_MAX];
	struct exhausted result = { .failing = 0 };
	void *state = calloc(1, strategy->size);
	struct history history;
	struct explored *x;
	const char *error;
	uint64_t execution = 0;

	for (int i = 0; i < program->nr_tasks; i++)
		members[i] = (struct member){ program, i, n, k };
	x = create(program, members);
	if (history_init(&history, x))
		abort();
	explored_attach(x);
	program->reset(n, k);
	for (; strategy->begin(state, x, execution); execution++) {
		enum explored_end end;

		if (limit && execution == limit) {
			result.error = "too many executions";
			break;
		}
		explored_attach(x);
		program->reset(n, k);
		end = explored_run(x, &strategy->steps, state);
		if (end == EXPLORED_FOUND && explored_deadlocked(x))
			result.deadlocks++;
		else if (end == EXPLORED_FOUND)
			result.error = explored_finding(x)->message;
		if (result.error)
			break;
		if (end == EXPLORED_COMPLETE && program->holds && !program->holds(n, k))
			result.failing++;
		if (end != EXPLORED_ABANDONED && seen && !see(seen, signature_of(&history, x)))
			result.duplicates++;
	}
	error = strategy->stats(state, &result.stats);
	if (error && !result.error) {
		snprintf(last_error, sizeof(last_error), "%s", error);
		result.error = last_error;
	}
	result.distinct = seen ? seen->nr : 0;
	strategy->fini(state);
	free(state);
	explored_attach(NULL);
	history_fini(&history);
	free(x);
	return result;
}

/* ---- Comparing ----------------------------------------------------------------------------------------- */

static void compare_dpor(struct comparison *result, const struct program *program, uint64_t limit,
			 const struct trace_set *all)
{
	struct trace_set seen = { .nr = 0 };
	struct exhausted dpor = exhaust(program, 0, 0, &strategy_dpor, &seen, limit);

	result->by_dpor = seen.nr;
	result->twice = dpor.duplicates;
	result->blocked = dpor.stats.blocked;
	result->error = dpor.error;
	result->agree &=
		!dpor.error && !dpor.duplicates && !dpor.stats.blocked && traces_same(all, &seen);
	trace_set_fini(&seen);
}

static void compare_source(struct comparison *result, const struct program *program, uint64_t limit,
			   const struct trace_set *all)
{
	struct trace_set seen = { .nr = 0 };
	struct exhausted source = exhaust(program, 0, 0, &strategy_source, &seen, limit);

	result->by_source = seen.nr;
	result->agree = !source.error && traces_same(all, &seen);
	trace_set_fini(&seen);
}

struct comparison compare(const struct program *program, uint64_t limit, bool by_dpor)
{
	struct trace_set all = { .nr = 0 };
	unsigned int left_out = rules_left_out;
	struct comparison result = { .compared = false };
	struct exhausted brute;

	rules_left_out = 0;
	brute = exhaust(program, 0, 0, &strategy_dfs, &all, limit);
	rules_left_out = left_out;
	if (!brute.error) {
		result = (struct comparison){ .compared = true, .traces = all.nr };
		/* Without a rule a search may go round in circles. */
		compare_source(&result, program, 2 * limit, &all);
		if (by_dpor)
			compare_dpor(&result, program, 2 * limit, &all);
	}
	trace_set_fini(&all);
	return result;
}

struct estimate estimate_of(const struct program *program, int n, int k, uint64_t seed)
{
	struct member members[EXPLORED_TASKS_MAX];
	struct estimator *estimator;
	struct estimate estimate;
	struct explored *x;

	for (int i = 0; i < program->nr_tasks; i++)
		members[i] = (struct member){ program, i, n, k };
	x = create(program, members);
	estimator = estimator_create(x, seed);
	if (!estimator)
		abort();
	while (estimator_begin(estimator)) {
		explored_attach(x);
		program->reset(n, k);
		explored_run(x, &estimator_strategy, estimator);
	}
	estimator_result(estimator, &estimate);
	estimator_destroy(estimator);
	explored_attach(NULL);
	free(x);
	return estimate;
}
