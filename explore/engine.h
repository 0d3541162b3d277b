/* SPDX-License-Identifier: MIT */
/*
 * engine.h - a scenario's machine, and one execution after another on it
 */
#pragma once

#include "arena.h"
#include "scenario.h"
#include "symbols.h"
#include "trace.h"

struct engine;

struct engine_task {
	struct engine *engine;
	const struct scenario_task *task;
};

struct engine {
	const struct gw_scenario *scenario;
	const struct gw_core *core;
	struct world world;
	struct arena arena;	  /* the machine and the scenario's data */
	struct explored *explored;
	void *explored_memory;
	size_t explored_size;
	struct explored_snapshot *start; /* where the race begins */
	struct engine_task tasks[SCENARIO_TASKS_MAX];
	struct gw_bound bound;
	uint64_t guards_off;
	struct symbols *symbols; /* for reports; opened when one is made */

	/* Of the execution under way. */
	uint64_t events; /* digest */
	void (*on_event)(void *arg, const struct gw_event *event); /* NULL: nobody looks */
	void *on_event_arg;
	struct gw_validation validation;

	bool unwatched; /* do not look at plain accesses */

	struct objects objects; /* scratch for digests */
};

/* How one execution ended. */
struct outcome {
	enum explored_end end;
	bool violated;
	char invariant[32];
	char message[640];
	char consequence[640];
	unsigned int nr_steps;
	struct gw_validation validation;
};

/* Set the scenario up.  => false: @error says why not; nothing to destroy */
bool engine_create(struct engine *engine, const struct gw_scenario *scenario, uint64_t guards_off,
		   unsigned int step_bound, char *error, size_t error_size) __must_check;
void engine_destroy(struct engine *engine);

/*
 * Put everything back, run the tasks under @strategy, look at what they left.
 * The machine and the steps stay as they are until the next call.
 */
void engine_execute(struct engine *engine, const struct explored_strategy *strategy, void *arg,
		    struct outcome *outcome);

/* Accesses to these ranges are steps from now on.  => false: they cannot be */
bool engine_promote(struct engine *engine, const struct gw_promoted *promoted,
		    int nr) __must_check;

/* A digest of the execution's steps and events, and of what the machine is now. */
uint64_t engine_state(struct engine *engine);

/* How often another task went on, tasks that begin not counted. */
unsigned int engine_context_switches(const struct engine *engine);
