// SPDX-License-Identifier: MIT
/* exhaust.c - every trace of a small program, by any of the exhaustive strategies */
#include "exhaust.h"

#include <stdio.h>
#include <stdlib.h>

#include "frontier.h"
#include "prng.h"
#include "search.h"

#define STEP_BOUND 1024

unsigned int rules_left_out;

static char last_error[256]; /* of a search that is gone */

/* ---- Signatures ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct signatures *set, uint64_t signature)
{
	size_t slot = signature & (set->max - 1);

	while (set->slots[slot] && set->slots[slot] != signature)
		slot = (slot + 1) & (set->max - 1);
	return slot;
}

static void grow(struct signatures *set)
{
	struct signatures bigger = { .max = set->max ? 2 * set->max : 4096 };

	bigger.slots = calloc(bigger.max, sizeof(*bigger.slots));
	if (!bigger.slots)
		abort();
	for (size_t i = 0; i < set->max; i++)
		if (set->slots[i])
			signatures_add(&bigger, set->slots[i]);
	free(set->slots);
	*set = bigger;
}

bool signatures_add(struct signatures *set, uint64_t signature)
{
	size_t slot;

	if (2 * set->nr >= set->max)
		grow(set);
	signature += !signature;
	slot = slot_of(set, signature);
	if (set->slots[slot])
		return false;
	set->slots[slot] = signature;
	set->nr++;
	return true;
}

bool signatures_have(const struct signatures *set, uint64_t signature)
{
	return set->max && set->slots[slot_of(set, signature + !signature)];
}

bool signatures_same(const struct signatures *a, const struct signatures *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->max; i++)
		if (a->slots[i] && !signatures_have(b, a->slots[i]))
			return false;
	return true;
}

void signatures_fini(struct signatures *set)
{
	free(set->slots);
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
			     struct signatures *seen, uint64_t limit)
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
		if (counting.preemptions > bound)
			continue;
		nr++;
		signatures_add(seen, history_signature(&counting.search.history));
	}
	search_fini(&counting.search);
	explored_attach(NULL);
	free(x);
	return execution < limit ? nr : 0;
}

/* ---- In parts ---------------------------------------------------------------------------------------- */

#define WORKERS_MAX 4

/* They take turns on one machine: each has a search and numbers of its own. */
struct worker {
	void *state; /* begins with a struct search */
	struct numbering numbering;
	struct part *part; /* NULL: none */
};

struct parts {
	const struct program *program;
	int n, k;
	const struct strategy *strategy;
	struct signatures *seen;
	const struct in_parts *how;
	struct explored *x;
	struct frontier frontier;
	struct worker workers[WORKERS_MAX];
	struct prng prng;
	struct exhausted result;
};

static void run_once(struct parts *parts, struct worker *worker)
{
	struct search *search = worker->state;
	struct exhausted *result = &parts->result;
	enum explored_end end;

	explored_attach(parts->x);
	parts->program->reset(parts->n, parts->k);
	end = explored_run(parts->x, &parts->strategy->steps, search);
	if (end == EXPLORED_FOUND && explored_deadlocked(parts->x))
		result->deadlocks++;
	else if (end == EXPLORED_FOUND)
		result->error = explored_finding(parts->x)->message;
	if (end == EXPLORED_COMPLETE && parts->program->holds &&
	    !parts->program->holds(parts->n, parts->k))
		result->failing++;
	part_count(worker->part, search, (unsigned int)search->history.nr);
	if (end != EXPLORED_ABANDONED &&
	    !signatures_add(parts->seen, history_signature(&search->history)))
		result->duplicates++;
}

/* One execution, or what lies between two. */
static void take_turn(struct parts *parts, struct worker *worker)
{
	struct search *search = worker->state;

	if (!worker->part) {
		worker->part = frontier_take(&parts->frontier);
		if (!worker->part)
			return;
		part_load(&parts->frontier, worker->part, search, &worker->numbering);
	}
	if (!search_next_execution(search)) {
		part_finish(&parts->frontier, worker->part, search, &worker->numbering);
		worker->part = NULL;
		return;
	}
	part_hand_out(&parts->frontier, worker->part, search, &worker->numbering);
	if (parts->how->stops && !prng_below(&parts->prng, (uint64_t)parts->how->stops)) {
		part_stop(&parts->frontier, worker->part, search, &worker->numbering);
		worker->part = NULL;
		return;
	}
	run_once(parts, worker);
}

static void open_workers(struct parts *parts)
{
	const struct place_range nothing[PLACE_RANGES] = { { NULL, 0 } };

	for (int i = 0; i < parts->how->workers; i++) {
		struct worker *worker = &parts->workers[i];

		worker->state = calloc(1, parts->strategy->size);
		if (!worker->state || !parts->strategy->open(worker->state, parts->x))
			abort();
		numbering_init(&worker->numbering, &parts->frontier.places,
			       &((struct search *)worker->state)->history, nothing);
	}
}

static void close_workers(struct parts *parts)
{
	for (int i = 0; i < parts->how->workers; i++) {
		struct worker *worker = &parts->workers[i];
		struct search_stats stats = { .traces = 0 };
		const char *error = parts->strategy->stats(worker->state, &stats);

		if (error && !parts->result.error)
			parts->result.error = "a worker's search went wrong";
		numbering_fini(&worker->numbering);
		parts->strategy->fini(worker->state);
		free(worker->state);
	}
}

struct exhausted exhaust_in_parts(const struct program *program, int n, int k,
				  const struct strategy *strategy, struct signatures *seen,
				  const struct in_parts *in_parts)
{
	struct parts parts = { .program = program,
			       .n = n,
			       .k = k,
			       .strategy = strategy,
			       .seen = seen,
			       .how = in_parts };
	struct member members[EXPLORED_TASKS_MAX];

	for (int i = 0; i < program->nr_tasks; i++)
		members[i] = (struct member){ program, i, n, k };
	prng_seed(&parts.prng, in_parts->seed);
	parts.x = create(program, members);
	if (frontier_init(&parts.frontier, in_parts->executions, false, STEP_BOUND))
		abort();
	open_workers(&parts);
	while (frontier_is_open(&parts.frontier) && !parts.result.error &&
	       !frontier_failed(&parts.frontier))
		take_turn(&parts,
			  &parts.workers[prng_below(&parts.prng, (uint64_t)in_parts->workers)]);
	close_workers(&parts);
	parts.result.stats.traces = parts.frontier.counts.traces;
	parts.result.stats.blocked = parts.frontier.counts.blocked;
	parts.result.distinct = seen->nr;
	frontier_fini(&parts.frontier);
	explored_attach(NULL);
	free(parts.x);
	return parts.result;
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
			 const struct strategy *strategy, struct signatures *seen, uint64_t limit)
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
		if (end != EXPLORED_ABANDONED && seen &&
		    !signatures_add(seen, signature_of(&history, x)))
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
			 const struct signatures *all)
{
	struct signatures seen = { .nr = 0 };
	struct exhausted dpor = exhaust(program, 0, 0, &strategy_dpor, &seen, limit);

	result->by_dpor = seen.nr;
	result->twice = dpor.duplicates;
	result->blocked = dpor.stats.blocked;
	result->error = dpor.error;
	result->agree &= !dpor.error && !dpor.duplicates && !dpor.stats.blocked &&
			 signatures_same(all, &seen);
	signatures_fini(&seen);
}

static void compare_source(struct comparison *result, const struct program *program, uint64_t limit,
			   const struct signatures *all)
{
	struct signatures seen = { .nr = 0 };
	struct exhausted source = exhaust(program, 0, 0, &strategy_source, &seen, limit);

	result->by_source = seen.nr;
	result->agree = !source.error && signatures_same(all, &seen);
	signatures_fini(&seen);
}

struct comparison compare(const struct program *program, uint64_t limit, bool by_dpor)
{
	struct signatures all = { .nr = 0 };
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
	signatures_fini(&all);
	return result;
}
