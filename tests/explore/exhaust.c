// SPDX-License-Identifier: MIT
/* exhaust.c - every trace of a small program, by any of the exhaustive strategies */
#include "exhaust.h"

#include <stdio.h>
#include <stdlib.h>

#include "search.h"

#define STEP_BOUND 1024

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

struct exhausted exhaust(const struct program *program, int n, int k,
			 const struct strategy *strategy, struct signatures *seen, uint64_t limit)
{
	struct member members[EXPLORED_TASKS_MAX];
	struct exhausted result = { .failing = 0 };
	void *state = calloc(1, strategy->size);
	struct explored *x;
	uint64_t execution = 0;

	for (int i = 0; i < program->nr_tasks; i++)
		members[i] = (struct member){ program, i, n, k };
	x = create(program, members);
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
		if (end != EXPLORED_ABANDONED && seen) {
			const struct search *search = state;

			if (!signatures_add(seen, history_signature(&search->history)))
				result.duplicates++;
		}
	}
	if (!result.error)
		result.error = strategy->stats(state, &result.stats);
	else
		strategy->stats(state, &result.stats);
	result.distinct = seen ? seen->nr : 0;
	strategy->fini(state);
	free(state);
	explored_attach(NULL);
	free(x);
	return result;
}
