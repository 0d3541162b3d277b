// SPDX-License-Identifier: MIT
/*
 * engine.c - a scenario's machine, and one execution after another on it
 *
 * Set-up runs once.  What it made is kept, and every execution begins by putting it back: the
 * core keeps nothing outside of the machine's two ranges, and both lie in the arena, so an
 * execution that was abandoned in the middle of anything leaves no trace.
 *
 * Invariants are looked at when every task has ended, by machine_validate() and by the scenario's
 * own check.  In between, the core's assertions are what speaks: predicates over states that no
 * task sees would not survive partial-order reduction, and a verdict must not depend on whether a
 * strategy reduces.
 */
#include "engine.h"

#include "symbols.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DEFAULT_TASK_SIZE (1ul << 30)
#define MMAP_MIN_ADDR	  65536

static void setup_machine(void *arg);
static bool create_place(struct engine *engine);
static bool create_arena(struct engine *engine);
static bool run_to_the_start(struct engine *engine, char *error, size_t error_size);
static void describe_finding(struct engine *engine, char *to, size_t size);

/* ---- Setting up ------------------------------------------------------------------------------------ */

/* What set-up runs as the set-up task. */
struct setup {
	struct engine *engine;
	int err; /* of machine_create() */
};

bool engine_create(struct engine *engine, const struct gw_scenario *scenario, uint64_t guards_off,
		   unsigned int step_bound, char *error, size_t error_size)
{
	struct setup setup = { .engine = engine };
	char finding[640];

	*engine = (struct engine){ .scenario = scenario,
				   .core = &godwit_core_explored,
				   .guards_off = guards_off | scenario->instead_of };
	gw_scenario_bound(scenario, step_bound, &engine->bound);
	if (!create_place(engine) || !create_arena(engine) ||
	    objects_init(&engine->objects, engine->bound.step_bound)) {
		snprintf(error, error_size, "out of memory");
		goto out_destroy;
	}
	if (!explored_call(engine->explored, 0, setup_machine, &setup)) {
		describe_finding(engine, finding, sizeof(finding));
		snprintf(error, error_size, "the scenario's set-up failed: %s", finding);
		goto out_destroy;
	}
	if (setup.err) {
		snprintf(error, error_size, "the scenario's machine cannot be made: %s",
			 strerror(-setup.err));
		goto out_destroy;
	}
	if (!run_to_the_start(engine, error, error_size))
		goto out_destroy;
	engine->start = explored_snapshot(engine->explored);
	if (!engine->start || arena_keep(&engine->arena)) {
		snprintf(error, error_size, "out of memory");
		goto out_destroy;
	}
	return true;

out_destroy:
	engine_destroy(engine);
	return false;
}

void engine_destroy(struct engine *engine)
{
	explored_attach(NULL);
	explored_snapshot_free(engine->start);
	if (engine->explored)
		explored_unwatch(engine->explored);
	symbols_close(engine->symbols);
	objects_fini(&engine->objects);
	arena_fini(&engine->arena);
	free(engine->explored_memory);
}

static void run_scenario_task(void *arg)
{
	const struct engine_task *task = arg;
	struct world world = task->engine->world;

	world.task = task->task;
	task->task->run(&world);
}

static bool create_place(struct engine *engine)
{
	const struct gw_scenario *scenario = engine->scenario;
	const struct explored_config config = {
		.nr_tasks = engine->bound.nr_tasks,
		.nr_cpus = engine->bound.cpus,
		.step_bound = engine->bound.step_bound,
		.late_callbacks = !scenario->early_callbacks,
	};
	size_t size = explored_size(&config);

	engine->explored_size = size;
	engine->explored_memory = aligned_alloc(64, ALIGN_UP(size, 64ul));
	if (!engine->explored_memory)
		return false;
	engine->explored = explored_create(engine->explored_memory, &config);
	for (int i = 0; i < config.nr_tasks; i++) {
		const struct scenario_task *task = &scenario->tasks[i];

		engine->tasks[i] = (struct engine_task){ .engine = engine, .task = task };
		explored_add_task(engine->explored, task->name, task->cpu, run_scenario_task,
				  &engine->tasks[i]);
	}
	return true;
}

static bool create_arena(struct engine *engine)
{
	size_t size = engine->bound.frames * GW_PAGE_SIZE +
		      engine->core->machine_core_size(engine->bound.frames) +
		      ALIGN_UP(engine->scenario->data_size, GW_PAGE_SIZE);

	return arena_init(&engine->arena, size) == 0 &&
	       explored_watch(engine->explored, engine->arena.base, engine->arena.size) == 0;
}

/* The task's name is a pointer, and its words are what counts. */
static void note_event(void *host, const struct gw_event *event)
{
	struct engine *engine = host;
	const uint64_t words[] = {
		event->kind,
		(uint64_t)event->cpu,
		event->mm_id,
		event->addr,
		event->arg[0],
		event->arg[1],
		event->arg[2],
		event->arg[3],
		event->task ? XXH3_64bits(event->task, strlen(event->task)) : 0,
	};

	engine->events = XXH3_64bits_withSeed(words, sizeof(words), engine->events);
	if (engine->on_event)
		engine->on_event(engine->on_event_arg, event);
}

static void setup_machine(void *arg)
{
	static const struct gw_machine_ops ops = { .event = note_event };
	struct setup *setup = arg;
	struct engine *engine = setup->engine;
	const struct gw_scenario *scenario = engine->scenario;
	struct gw_machine_config config = {
		.nr_frames = engine->bound.frames,
		.core_size = engine->core->machine_core_size(engine->bound.frames),
		.nr_cpus = engine->bound.cpus,
		.nr_nodes = 1,
		.task_size = scenario->task_size ? scenario->task_size : DEFAULT_TASK_SIZE,
		.mmap_min_addr = MMAP_MIN_ADDR,
		/* Always, if nothing is said: a stack may be larger than a small machine. */
		.overcommit_memory = scenario->overcommit ? scenario->overcommit - 1 : 1,
		.migrate_passes = engine->bound.migrate_passes,
		.migrate_batch = engine->bound.migrate_batch,
		.seed = scenario->seed,
		.guards_off = engine->guards_off,
		.poison = !scenario->no_poison,
		.quarantine = true,
		.design = scenario->design,
		.ops = &ops,
		.host = engine,
	};

	config.frames = arena_alloc(&engine->arena, config.nr_frames * GW_PAGE_SIZE);
	config.core = arena_alloc(&engine->arena, config.core_size);
	engine->world.core = engine->core;
	engine->world.scenario = scenario;
	engine->world.data = arena_alloc(&engine->arena, scenario->data_size);
	setup->err = engine->core->machine_create(&config, &engine->world.machine);
	if (setup->err)
		return;
	if (scenario->setup)
		scenario->setup(&engine->world);
	engine->core->machine_validate(engine->world.machine, &engine->validation);
	scenario_expect(!engine->validation.nr_problems, "%s", engine->validation.first);
}

/* ---- To where the race begins --------------------------------------------------------------------------- */

/* One task runs alone until it is about to take a step in a function. */
struct approach {
	struct symbols *symbols;
	int task;
	const char *function;
	bool arrived;
};

static int approach_pick(void *arg, struct explored *x, uint32_t runnable)
{
	struct approach *approach = arg;
	const struct explored_step *next = explored_next(x, approach->task);

	approach->arrived = next && next->site &&
			    symbols_inside(approach->symbols, next->site, approach->function);
	if (approach->arrived || !(runnable >> approach->task & 1))
		return -1;
	return approach->task;
}

static int approach_choose(void *arg, struct explored *x, unsigned int bound)
{
	(void)arg, (void)x, (void)bound;
	return 0;
}

static bool approach(struct engine *engine, struct approach *approach, char *error,
		     size_t error_size)
{
	static const struct explored_strategy strategy = {
		.pick = approach_pick,
		.choose = approach_choose,
	};
	const char *task = explored_name_of(engine->explored, approach->task);

	if (!approach->symbols) {
		snprintf(error, error_size, "%s cannot start at %s: the program has no symbols", task,
			 approach->function);
		return false;
	}
	explored_continue(engine->explored, &strategy, approach);
	if (!approach->arrived)
		snprintf(error, error_size, "%s cannot start at %s: running alone it does not come there",
			 task, approach->function);
	return approach->arrived;
}

static bool run_to_the_start(struct engine *engine, char *error, size_t error_size)
{
	struct approach step = { .symbols = NULL };
	bool done = true;

	explored_begin(engine->explored);
	/* Each comes there before the next one begins: nothing is decided yet. */
	explored_watch_accesses(engine->explored, false);
	for (int i = 0; done && i < engine->bound.nr_tasks; i++) {
		step.task = i;
		step.function = engine->scenario->tasks[i].start_at;
		if (!step.function)
			continue;
		if (!step.symbols)
			step.symbols = symbols_open();
		done = approach(engine, &step, error, error_size);
	}
	explored_watch_accesses(engine->explored, true);
	symbols_close(step.symbols);
	return done;
}

/* ---- One execution ----------------------------------------------------------------------------------- */

static const char *without_dots(const char *path)
{
	while (!strncmp(path, "../", 3))
		path += 3;
	return path;
}

/* The innermost function at a place, as "function(), file:line". */
struct place {
	char *to;
	size_t size;
	bool found;
};

static void name_place(void *arg, const char *name, const char *file, int line)
{
	struct place *place = arg;

	if (place->found)
		return;
	place->found = true;
	if (file && file[0])
		snprintf(place->to, place->size, "%s() (%s:%d)", name, without_dots(file), line);
	else
		snprintf(place->to, place->size, "%s()", name);
}

/* The message, with the names of the places that it speaks of. */
static void name_places(struct engine *engine, const struct explored_finding *finding, char *to,
			size_t size)
{
	size_t len = 0;

	for (const char *at = finding->message; *at && len + 1 < size; at++) {
		unsigned int nth = at[0] == '@' ? (unsigned int)at[1] - '1' : 3;
		char name[160] = "code without a name";
		struct place place = { .to = name, .size = sizeof(name) };

		if (nth >= ARRAY_SIZE(finding->sites) || !finding->sites[nth]) {
			to[len++] = *at;
			continue;
		}
		if (!engine->symbols)
			engine->symbols = symbols_open();
		if (engine->symbols)
			symbols_at(engine->symbols, finding->sites[nth], name_place, &place);
		len += (size_t)snprintf(to + len, size - len, "%s", name);
		at++;
	}
	to[min(len, size - 1)] = '\0';
}

static void describe_finding(struct engine *engine, char *to, size_t size)
{
	const struct explored_finding *finding = explored_finding(engine->explored);
	char message[640];
	int len;

	name_places(engine, finding, message, sizeof(message));
	len = snprintf(to, size, "%s%s%s", finding->task, finding->task[0] ? ": " : "", message);
	if (finding->file[0] && len >= 0 && (size_t)len < size)
		snprintf(to + len, size - (size_t)len, " (%s:%d, %s)", without_dots(finding->file),
			 finding->line, finding->func);
}

static void validate(void *arg)
{
	struct engine *engine = arg;

	engine->core->machine_validate(engine->world.machine, &engine->validation);
}

static void check(void *arg)
{
	struct engine *engine = arg;

	engine->scenario->check(&engine->world);
}

static void violate(struct engine *engine, struct outcome *outcome, const char *invariant)
{
	outcome->violated = true;
	snprintf(outcome->invariant, sizeof(outcome->invariant), "%s", invariant);
	describe_finding(engine, outcome->message, sizeof(outcome->message));
}

/* Every task has ended.  What the check meets after validation failed is what comes of it. */
static void look_at_the_end(struct engine *engine, struct outcome *outcome)
{
	const struct gw_validation *validation = &engine->validation;

	if (!explored_call(engine->explored, 0, validate, engine)) {
		violate(engine, outcome, "validation");
		return;
	}
	outcome->validation = *validation;
	if (validation->nr_problems) {
		outcome->violated = true;
		snprintf(outcome->invariant, sizeof(outcome->invariant), "validation");
		snprintf(outcome->message, sizeof(outcome->message), "%s", validation->first);
	}
	if (!engine->scenario->check || explored_call(engine->explored, 0, check, engine))
		return;
	if (validation->nr_problems)
		describe_finding(engine, outcome->consequence, sizeof(outcome->consequence));
	else
		violate(engine, outcome, "check");
}

void engine_execute(struct engine *engine, const struct explored_strategy *strategy, void *arg,
		    struct outcome *outcome)
{
	outcome->violated = false;
	outcome->invariant[0] = outcome->message[0] = outcome->consequence[0] = '\0';
	outcome->validation = (struct gw_validation){ 0 };
	engine->events = 0;
	engine->validation = outcome->validation;

	arena_restore(&engine->arena);
	explored_watch_accesses(engine->explored, !engine->unwatched);
	explored_rewind(engine->explored, engine->start);
	outcome->end = explored_continue(engine->explored, strategy, arg);
	outcome->nr_steps = explored_nr_steps(engine->explored);
	if (outcome->end == EXPLORED_FOUND) {
		const struct explored_finding *finding = explored_finding(engine->explored);

		violate(engine, outcome, explored_finding_name(finding->kind));
	} else if (outcome->end == EXPLORED_COMPLETE) {
		look_at_the_end(engine, outcome);
	}
}

bool engine_promote(struct engine *engine, const struct gw_promoted *promoted, int nr)
{
	for (int i = 0; i < nr; i++)
		if (!explored_promote(engine->explored, promoted[i].offset, promoted[i].size))
			return false;
	return true;
}

/* ---- What is the same when it is the same ---------------------------------------------------------------- */

/*
 * Addresses differ from one process to the next, and so do the bytes of structures that hold
 * pointers.  Steps, events, counters, what validation says and the guests' frames do not.
 */
uint64_t engine_state(struct engine *engine)
{
	uint64_t words[5 + GW_NR_COUNTERS] = {
		trace_digest(&engine->objects, explored_steps(engine->explored),
			     explored_nr_steps(engine->explored)),
		engine->events,
		engine->validation.nr_problems,
		engine->validation.migration_entries,
		XXH3_64bits(engine->validation.first, strlen(engine->validation.first)),
	};

	for (int counter = 0; counter < GW_NR_COUNTERS; counter++)
		words[5 + counter] = engine->core->machine_counter(engine->world.machine,
								   (enum gw_counter)counter);
	return XXH3_64bits_withSeed(engine->arena.base, engine->bound.frames * GW_PAGE_SIZE,
				    XXH3_64bits(words, sizeof(words)));
}

unsigned int engine_context_switches(const struct engine *engine)
{
	const struct explored_step *steps = explored_steps(engine->explored);
	unsigned int nr = 0;

	for (unsigned int i = 1; i < explored_nr_steps(engine->explored); i++)
		nr += steps[i].task != steps[i - 1].task && steps[i].kind != EXPLORED_BEGIN;
	return nr;
}
