// SPDX-License-Identifier: MIT
/*
 * explore.c - one execution after another, until there is a verdict
 *
 * What a strategy finds is believed only after its schedule has been followed once more and came
 * to the same violation in the same state: a schedule that does not replay is a bug of the
 * explorer, or of a scenario that keeps something outside of its world, and the verdict says so.
 */
#define _GNU_SOURCE
#include <godwit/explore.h>

#include "engine.h"
#include "estimate.h"
#include "profile.h"
#include "saved.h"
#include "schedule.h"
#include "shrink.h"
#include "strategy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_SECONDS 0.2

/*
 * Looking at plain accesses doubles what an execution costs; of those by chance one in so many is
 * looked at.
 */
#define WATCHED_SAMPLES 8

const char *gw_verdict_name(enum gw_verdict_kind kind)
{
	switch (kind) {
	case GW_VERDICT_EXHAUSTED:
		return "exhausted";
	case GW_VERDICT_VIOLATED:
		return "violated";
	case GW_VERDICT_BUDGET:
		return "budget";
	case GW_VERDICT_ERROR:
		return "error";
	}
	return "no verdict";
}

struct exploration {
	const struct gw_explore *explore;
	struct gw_verdict *verdict;
	struct engine engine;
	const struct strategy *strategy;
	void *state;
	struct timespec began;
	double next_progress; /* seconds */
	uint64_t first;	      /* execution of the strategy, which begins anew with a promotion */
	bool estimated;	      /* or it was not asked for */
	double search_began;  /* seconds */
	/* An execution has been begun, and not made yet. */
	bool begun;
	uint64_t executions_before; /* of earlier parts of this exploration */
	double seconds_before;
};

static double seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

__printf(2, 3) static void fail(struct gw_verdict *verdict, const char *fmt, ...)
{
	va_list args;

	verdict->kind = GW_VERDICT_ERROR;
	va_start(args, fmt);
	vsnprintf(verdict->error, sizeof(verdict->error), fmt, args);
	va_end(args);
}

/* ---- Following a schedule --------------------------------------------------------------------------- */

/* True: the same violation in the same state, or none at all.  Else @error says what was different. */
static bool follow(struct engine *engine, struct replay *replay, struct outcome *outcome,
		   char *error, size_t error_size)
{
	const struct gw_schedule *schedule = replay->schedule;
	uint64_t state;

	engine_execute(engine, &replay_strategy, replay, outcome);
	replay_end(replay, engine->explored);
	if (replay->diverged[0]) {
		snprintf(error, error_size, "the program goes another way than the schedule: %s",
			 replay->diverged);
		return false;
	}
	if (!outcome->violated && schedule->invariant[0])
		return true; /* it is not there any more */
	if (strcmp(outcome->invariant, schedule->invariant)) {
		snprintf(error, error_size, "the schedule violates %s, the program %s",
			 schedule->invariant[0] ? schedule->invariant : "nothing",
			 outcome->violated ? outcome->invariant : "nothing");
		return false;
	}
	state = engine_state(engine);
	if (state != schedule->state) {
		snprintf(error, error_size,
			 "the schedule ends in state %016llx, the program in state %016llx",
			 (unsigned long long)schedule->state, (unsigned long long)state);
		return false;
	}
	return true;
}

static void describe_violation(struct gw_verdict *verdict, const struct engine *engine,
			       const struct outcome *outcome)
{
	verdict->kind = GW_VERDICT_VIOLATED;
	memcpy(verdict->invariant, outcome->invariant, sizeof(verdict->invariant));
	memcpy(verdict->message, outcome->message, sizeof(verdict->message));
	memcpy(verdict->consequence, outcome->consequence, sizeof(verdict->consequence));
	verdict->context_switches = engine_context_switches(engine);
}

/* ---- What was found ---------------------------------------------------------------------------------- */

static struct gw_schedule *schedule_of(struct exploration *e, const struct outcome *outcome)
{
	struct gw_schedule *schedule = schedule_create(e->explore->scenario);

	if (!schedule)
		return NULL;
	schedule->guards_off = e->explore->guards_off;
	schedule->nr_promoted = e->verdict->nr_promoted;
	memcpy(schedule->promoted, e->verdict->promoted, sizeof(schedule->promoted));
	schedule->step_bound = e->engine.bound.step_bound;
	snprintf(schedule->strategy, sizeof(schedule->strategy), "%s", e->strategy->name);
	schedule->seed = e->explore->seed;
	schedule->execution = e->verdict->executions;
	schedule->found_switches = e->verdict->found_switches;
	memcpy(schedule->invariant, outcome->invariant, sizeof(schedule->invariant));
	memcpy(schedule->message, outcome->message, sizeof(schedule->message));
	schedule->state = engine_state(&e->engine);
	if (!schedule_record(schedule, e->engine.explored, &e->engine.objects))
		return schedule;
	gw_schedule_free(schedule);
	return NULL;
}

/* Follow @schedule, and see that the violation comes again. */
static bool confirm(struct exploration *e, const struct gw_schedule *schedule)
{
	struct gw_verdict *verdict = e->verdict;
	char error[800] = "nothing was violated";
	struct objects objects;
	struct outcome again;
	struct replay replay;
	bool same;

	if (objects_init(&objects, e->engine.bound.step_bound)) {
		fail(verdict, "out of memory");
		return false;
	}
	replay_begin(&replay, schedule, &objects);
	same = follow(&e->engine, &replay, &again, error, sizeof(error)) && again.violated;
	objects_fini(&objects);
	if (!same)
		fail(verdict, "execution %llu violated %s, but did not do so again: %s",
		     (unsigned long long)verdict->execution, schedule->invariant, error);
	return same;
}

static void report_violation(struct exploration *e, struct outcome *outcome)
{
	struct gw_verdict *verdict = e->verdict;
	struct gw_schedule *schedule;
	char found[sizeof(outcome->invariant)];

	memcpy(found, outcome->invariant, sizeof(found));
	verdict->execution = verdict->executions;
	verdict->found_steps = outcome->nr_steps;
	verdict->found_switches = engine_context_switches(&e->engine);
	verdict->shrink_executions = shrink(&e->engine, outcome);
	if (verdict->shrink_executions < 0) {
		fail(verdict, "out of memory");
		return;
	}
	if (!outcome->violated) {
		fail(verdict, "execution %llu violated %s, but did not do so again",
		     (unsigned long long)verdict->execution, found);
		return;
	}
	schedule = schedule_of(e, outcome);
	if (!schedule) {
		fail(verdict, "out of memory");
		return;
	}
	describe_violation(verdict, &e->engine, outcome);
	verdict->schedule_steps = outcome->nr_steps;
	verdict->state = schedule->state;
	if (confirm(e, schedule))
		verdict->schedule = schedule;
	else
		gw_schedule_free(schedule);
}

/* ---- Exploring ------------------------------------------------------------------------------------------ */

/* The execution that has been begun is one of a search. */
static bool is_searching(const struct exploration *e)
{
	struct search_stats stats = { .sampled = UINT64_MAX };

	if (e->strategy->stats)
		e->strategy->stats(e->state, &stats);
	return stats.sampled <= e->verdict->executions - e->first;
}

static double seconds_of(const struct exploration *e)
{
	return e->seconds_before + seconds_since(&e->began);
}

/* At the pace so far. */
static double seconds_left(const struct exploration *e)
{
	const struct gw_verdict *verdict = e->verdict;
	double took = verdict->seconds - e->search_began;

	if (verdict->estimate <= 0 || !verdict->traces || took <= 0 ||
	    (double)verdict->traces > verdict->estimate)
		return -1;
	return took / (double)verdict->traces * (verdict->estimate - (double)verdict->traces);
}

/* => what went wrong with a search; NULL: nothing */
static const char *take_counts(struct exploration *e)
{
	struct search_stats stats = { .traces = 0 };
	struct gw_verdict *verdict = e->verdict;
	const char *error;

	verdict->sampled = verdict->executions;
	verdict->seconds_left = -1;
	if (!e->strategy->stats)
		return NULL;
	error = e->strategy->stats(e->state, &stats);
	verdict->sampled = min(e->first + stats.sampled, verdict->executions);
	verdict->traces = stats.traces;
	verdict->blocked = stats.blocked;
	verdict->left_out = stats.left_out;
	verdict->seconds_left = seconds_left(e);
	return error;
}

static bool budget_is_left(struct exploration *e)
{
	const struct gw_explore *explore = e->explore;
	struct gw_verdict *verdict = e->verdict;

	if (explore->executions &&
	    verdict->executions - e->executions_before >= explore->executions)
		return false;
	verdict->seconds = seconds_of(e);
	if (verdict->seconds >= e->next_progress) {
		take_counts(e);
		if (explore->progress)
			explore->progress(explore->arg, verdict);
		verdict->interrupted = explore->interrupted && explore->interrupted(explore->arg);
		e->next_progress = verdict->seconds + PROGRESS_SECONDS;
	}
	if (verdict->interrupted)
		return false;
	return explore->seconds <= 0 ||
	       verdict->seconds - e->seconds_before < explore->seconds;
}

/* A search that went wrong has proved nothing, whatever it said. */
static void take_stats(struct exploration *e)
{
	const char *error = take_counts(e);

	if (error && e->verdict->kind != GW_VERDICT_VIOLATED)
		fail(e->verdict, "%s", error);
}

/* ---- Plain accesses --------------------------------------------------------------------------------- */

/*
 * Every execution of a search is looked at, as a search that takes a racing access for none proves
 * nothing; of the samples, which prove nothing anyhow, some.
 */
static bool must_watch(const struct exploration *e)
{
	uint64_t nth = e->verdict->executions - e->first;

	return is_searching(e) || nth % WATCHED_SAMPLES == 0 || e->verdict->nr_promoted;
}

/* What was found where nobody looked may have begun with a race, or with freed memory. */
static bool look_again(struct exploration *e, struct outcome *outcome)
{
	struct gw_schedule *schedule = schedule_of(e, outcome);
	struct objects objects = { 0 };
	struct replay replay;
	bool done = false;

	e->engine.unwatched = false;
	if (schedule && !objects_init(&objects, e->engine.bound.step_bound)) {
		replay_begin(&replay, schedule, &objects);
		engine_execute(&e->engine, &replay_strategy, &replay, outcome);
		done = outcome->violated;
		if (!done)
			fail(e->verdict, "execution %llu violated %s, but did not do so again: %s",
			     (unsigned long long)e->verdict->executions, schedule->invariant,
			     replay.diverged);
	} else {
		fail(e->verdict, "out of memory");
	}
	objects_fini(&objects);
	gw_schedule_free(schedule);
	return done;
}

/*
 * Without a guard, the plain races that it kept out are not what is looked for: they become steps,
 * and the strategy begins anew, as what it knew was known without them.
 */
static bool promote(struct exploration *e)
{
	struct gw_verdict *verdict = e->verdict;
	struct gw_promoted *promoted = &verdict->promoted[verdict->nr_promoted];
	struct explored_racing racing;

	if (!e->engine.guards_off || verdict->nr_promoted == GW_PROMOTED_MAX ||
	    !explored_racing(e->engine.explored, &racing))
		return false;
	promoted->offset = racing.offset;
	promoted->size = racing.size;
	memcpy(promoted->name, racing.name, sizeof(promoted->name));
	if (!engine_promote(&e->engine, promoted, 1))
		return false;
	verdict->nr_promoted++;
	return true;
}

static void begin_anew(struct exploration *e, const struct strategy_params *params)
{
	if (e->strategy->fini)
		e->strategy->fini(e->state);
	memset(e->state, 0, e->strategy->size);
	if (e->strategy->init)
		e->strategy->init(e->state, params);
	e->first = e->verdict->executions;
	e->begun = false;
	e->estimated = !e->explore->estimate;
}

/* ---- How long it will be ---------------------------------------------------------------------------- */

/* Before the first execution of a search that goes by traces. */
static bool must_estimate(const struct exploration *e)
{
	return !e->estimated && e->strategy != &strategy_dfs && is_searching(e);
}

/* => false: it is over, as something was violated */
static bool probe(struct exploration *e, struct estimator *estimator,
		  const struct strategy_params *params)
{
	struct outcome outcome;

	e->engine.unwatched = !e->verdict->nr_promoted; /* what is promoted is steps when it is watched */
	engine_execute(&e->engine, &estimator_strategy, estimator, &outcome);
	e->engine.unwatched = false;
	if (!outcome.violated)
		return true;
	if (!look_again(e, &outcome))
		return false;
	if (promote(e)) {
		begin_anew(e, params);
		return true;
	}
	report_violation(e, &outcome);
	return false;
}

static void take_estimate(struct exploration *e, const struct estimator *estimator)
{
	struct gw_verdict *verdict = e->verdict;
	struct estimate estimate;

	estimator_result(estimator, &estimate);
	verdict->estimate = estimate.traces;
	verdict->estimate_error = estimate.error;
	verdict->seconds = e->search_began = seconds_of(e);
	if (e->explore->estimated)
		e->explore->estimated(e->explore->arg, verdict);
}

/* => false: it is over */
static bool estimate(struct exploration *e, const struct strategy_params *params)
{
	struct estimator *estimator;
	int promoted = e->verdict->nr_promoted;
	bool going_on = true;

	e->estimated = true;
	estimator = estimator_create(e->engine.explored, e->explore->seed);
	if (!estimator)
		return true; /* it is no part of the verdict */
	while (going_on && promoted == e->verdict->nr_promoted) {
		if (!budget_is_left(e)) {
			/* Half of it is none; who is interrupted makes it when it goes on. */
			e->estimated = !e->verdict->interrupted;
			break;
		}
		if (!estimator_begin(estimator)) {
			take_estimate(e, estimator);
			break;
		}
		going_on = probe(e, estimator, params);
	}
	estimator_destroy(estimator);
	return going_on;
}

/* => false: there is none, and nothing is left to try */
static bool begin_next(struct exploration *e)
{
	uint64_t execution = e->verdict->executions - e->first;

	e->begun = e->begun || e->strategy->begin(e->state, e->engine.explored, execution);
	if (!e->begun)
		e->verdict->kind = GW_VERDICT_EXHAUSTED;
	return e->begun;
}

/* => false: it is over */
static bool explore_one(struct exploration *e, const struct strategy_params *params)
{
	struct gw_verdict *verdict = e->verdict;
	struct outcome outcome;
	bool watched;

	if (must_estimate(e)) {
		int promoted = verdict->nr_promoted;

		if (!estimate(e, params))
			return false;
		if (promoted != verdict->nr_promoted)
			return true;
	}
	if (!budget_is_left(e)) /* estimates take some */
		return false;
	e->begun = false;
	watched = must_watch(e);
	e->engine.unwatched = !watched;
	engine_execute(&e->engine, &e->strategy->steps, e->state, &outcome);
	e->engine.unwatched = false;
	verdict->watched += watched;
	verdict->steps += outcome.nr_steps;
	verdict->longest = max(verdict->longest, outcome.nr_steps);
	if (outcome.violated && !watched && !look_again(e, &outcome))
		return false;
	if (outcome.violated && promote(e)) {
		verdict->executions++;
		begin_anew(e, params);
		return true;
	}
	if (outcome.violated)
		report_violation(e, &outcome);
	verdict->executions++;
	return !outcome.violated;
}

static void explore_all(struct exploration *e, const struct strategy_params *params)
{
	struct gw_verdict *verdict = e->verdict;
	double cpu = cpu_seconds();

	verdict->kind = GW_VERDICT_BUDGET;
	while (begin_next(e) && budget_is_left(e) && explore_one(e, params))
		;
	verdict->seconds = seconds_of(e);
	verdict->cpu_seconds = cpu_seconds() - cpu;
	take_stats(e);
	verdict->bound_tried = e->explore->bounded && verdict->kind == GW_VERDICT_EXHAUSTED;
	/* Every schedule of few preemptions is not every schedule. */
	if (verdict->bound_tried && verdict->left_out)
		verdict->kind = GW_VERDICT_BUDGET;
}

/* => NULL: out of memory */
static char *profile_text(struct profile *profile, int lines)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	profile_print(profile, out, lines);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* ---- To go on later -------------------------------------------------------------------------------------- */

static void set_ranges(const struct engine *engine, struct saved_range ranges[2])
{
	ranges[0] = (struct saved_range){ (const char *)engine->arena.base, engine->arena.size };
	ranges[1] = (struct saved_range){ engine->explored_memory, engine->explored_size };
}

static void save(struct exploration *e)
{
	const struct gw_verdict *verdict = e->verdict;
	const struct saved_counts counts = {
		.executions = verdict->executions,
		.steps = verdict->steps,
		.watched = verdict->watched,
		.first = e->first,
		.longest = verdict->longest,
		.seconds = verdict->seconds,
		.search_began = e->search_began,
		.estimated = e->estimated,
		.estimate = verdict->estimate,
		.estimate_error = verdict->estimate_error,
	};
	struct saving saving;
	char *text = NULL;
	size_t size;

	saving.out = open_memstream(&text, &size);
	if (saving.out) {
		set_ranges(&e->engine, saving.ranges);
		saved_put_header(saving.out, e->explore, e->strategy->name,
				 e->engine.bound.step_bound, verdict, &counts);
		saved_put(&saving, "state", NULL, 0);
		e->strategy->save(e->state, &saving);
		saved_put(&saving, "end", NULL, 0);
	}
	if (!saving.out || fclose(saving.out)) {
		free(text);
		fail(e->verdict, "out of memory");
	} else {
		e->verdict->saved = text;
	}
}

/* => false: it cannot be */
static bool resume(struct exploration *e, const struct gw_saved *saved)
{
	struct gw_verdict *verdict = e->verdict;
	const struct saved_counts *counts = &saved->counts;
	struct restoring restoring = {
		.at = saved->state,
		.line = saved->line,
		.path = saved->path,
		.error = verdict->error,
		.error_size = sizeof(verdict->error),
	};

	verdict->executions = e->executions_before = counts->executions;
	verdict->steps = counts->steps;
	verdict->watched = counts->watched;
	verdict->longest = counts->longest;
	verdict->estimate = counts->estimate;
	verdict->estimate_error = counts->estimate_error;
	verdict->nr_promoted = saved->nr_promoted;
	memcpy(verdict->promoted, saved->promoted, sizeof(verdict->promoted));
	e->first = counts->first;
	e->seconds_before = counts->seconds;
	e->search_began = counts->search_began;
	e->estimated = counts->estimated;
	set_ranges(&e->engine, restoring.ranges);
	if (!engine_promote(&e->engine, saved->promoted, saved->nr_promoted))
		saved_reject(&restoring, "memory is promoted that the machine does not have");
	else if (!e->strategy->restore)
		saved_reject(&restoring, "no strategy that goes on: sampling has nothing to lose");
	else if (e->strategy->restore(e->state, e->engine.explored, &restoring) &&
		 saved_get(&restoring, "end", NULL, 0))
		return true;
	verdict->kind = GW_VERDICT_ERROR;
	return false;
}

static void explore_by_strategy(struct exploration *e)
{
	const struct gw_explore *explore = e->explore;
	struct strategy_params params = {
		.seed = explore->seed,
		.depth = explore->depth,
		.bounded = explore->bounded,
		.preemptions = explore->preemptions,
	};
	struct profile *profile = NULL;

	if (explore->profile_lines)
		params.profile = profile = calloc(1, sizeof(*profile));
	e->state = calloc(1, e->strategy->size);
	if (!e->state || (explore->profile_lines && !profile)) {
		fail(e->verdict, "out of memory");
	} else {
		if (e->strategy->init)
			e->strategy->init(e->state, &params);
		if (!explore->resume || resume(e, explore->resume))
			explore_all(e, &params);
		if (explore->save && e->strategy->save && e->begun &&
		    e->verdict->kind == GW_VERDICT_BUDGET)
			save(e);
		if (e->strategy->fini)
			e->strategy->fini(e->state);
		if (profile)
			e->verdict->profile = profile_text(profile, explore->profile_lines);
	}
	free(profile);
	free(e->state);
}

void gw_explore(const struct gw_explore *explore, struct gw_verdict *verdict)
{
	struct exploration e = { .explore = explore, .verdict = verdict };

	memset(verdict, 0, sizeof(*verdict));
	e.estimated = !explore->estimate;
	e.strategy = strategy_find(explore->strategy ?: "auto");
	if (!e.strategy) {
		fail(verdict, "there is no strategy '%s'", explore->strategy);
		return;
	}
	if (explore->bounded && e.strategy != &strategy_dfs) {
		fail(verdict,
		     "a bound on preemptions needs the strategy dfs: a reduction would lose "
		     "schedules within it");
		return;
	}
	if (!explore->executions && explore->seconds <= 0) {
		fail(verdict, "neither a number of executions nor a time is given");
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &e.began);
	if (!engine_create(&e.engine, explore->scenario, explore->guards_off, explore->step_bound,
			   verdict->error, sizeof(verdict->error))) {
		verdict->kind = GW_VERDICT_ERROR;
		return;
	}
	verdict->bound = e.engine.bound;
	explore_by_strategy(&e);
	engine_destroy(&e.engine);
}

/* ---- Replaying -------------------------------------------------------------------------------------------- */

static void show_step(void *arg, struct explored *x, unsigned int nth, struct objects *objects)
{
	const struct explored_step *taken = &explored_steps(x)[nth];
	const struct gw_replay *request = arg;
	char object[OBJECT_NAME_MAX], result[RESULT_NAME_MAX];
	struct gw_step step = {
		.number = nth,
		.task = explored_name_of(x, taken->task),
		.kind = explored_kind_name((enum explored_kind)taken->kind),
		.object = object,
		.result = result,
		.arg = taken->arg,
		.site = taken->site,
	};

	object_name(object, objects, taken);
	result_name(result, taken);
	request->step(request->arg, &step);
}

/* What the caller of gw_replay() watches. */
struct watched {
	const struct gw_replay *request;
	struct engine *engine;
	struct replay replay;
};

/* The step in which it happened is the last that was taken. */
static void show_event(void *arg, const struct gw_event *event)
{
	struct watched *watched = arg;

	replay_show_steps(&watched->replay, watched->engine->explored);
	watched->request->event(watched->request->arg, event);
}

static void follow_for(const struct gw_replay *request, struct engine *engine,
		       struct objects *objects, struct gw_verdict *verdict)
{
	struct watched watched = { .request = request, .engine = engine };
	struct outcome outcome;

	replay_begin(&watched.replay, request->schedule, objects);
	watched.replay.to_the_end = true;
	if (request->step) {
		watched.replay.on_step = show_step;
		watched.replay.on_step_arg = (void *)(uintptr_t)request;
	}
	if (request->event) {
		engine->on_event = show_event;
		engine->on_event_arg = &watched;
	}
	follow(engine, &watched.replay, &outcome, verdict->error, sizeof(verdict->error));
	verdict->executions = 1;
	verdict->steps = verdict->longest = outcome.nr_steps;
	verdict->state = engine_state(engine);
	if (outcome.violated)
		describe_violation(verdict, engine, &outcome);
	else
		verdict->kind = GW_VERDICT_EXHAUSTED;
}

void gw_replay(const struct gw_replay *request, struct gw_verdict *verdict)
{
	const struct gw_schedule *schedule = request->schedule;
	struct timespec began;
	struct objects objects;
	struct engine engine;

	memset(verdict, 0, sizeof(*verdict));
	clock_gettime(CLOCK_MONOTONIC, &began);
	if (!engine_create(&engine, schedule->scenario, schedule->guards_off, schedule->step_bound,
			   verdict->error, sizeof(verdict->error))) {
		verdict->kind = GW_VERDICT_ERROR;
		return;
	}
	verdict->bound = engine.bound;
	verdict->nr_promoted = schedule->nr_promoted;
	memcpy(verdict->promoted, schedule->promoted, sizeof(verdict->promoted));
	if (!engine_promote(&engine, schedule->promoted, schedule->nr_promoted)) {
		fail(verdict, "the schedule promotes memory that the machine does not have");
	} else if (objects_init(&objects, engine.bound.step_bound)) {
		fail(verdict, "out of memory");
	} else {
		follow_for(request, &engine, &objects, verdict);
		objects_fini(&objects);
	}
	verdict->seconds = seconds_since(&began);
	engine_destroy(&engine);
}
