// SPDX-License-Identifier: MIT
/*
 * verdict.c - what explore, replay and races share: verdicts in words, as JSON, as exit codes
 */
#include "verdict.h"

#include <godwit/core.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int verdict_exit_code(enum gw_verdict_kind kind)
{
	switch (kind) {
	case GW_VERDICT_EXHAUSTED:
		return EXIT_NOTHING_FOUND;
	case GW_VERDICT_VIOLATED:
		return EXIT_VIOLATION;
	case GW_VERDICT_BUDGET:
		return EXIT_BUDGET;
	case GW_VERDICT_ERROR:
		break;
	}
	return EXIT_USAGE;
}

/* ---- Names on the command line ---------------------------------------------------------------------- */

static const char *guard_name(int guard)
{
	return godwit_core_explored.guard_info((enum gw_guard)guard)->name;
}

static int guard_of(const struct argp_state *state, const char *option, const char *name,
		    size_t len)
{
	char *typed = strndup(name, len);

	for (int guard = 0; guard < GW_NR_GUARDS; guard++) {
		if (strlen(guard_name(guard)) != len || memcmp(guard_name(guard), name, len))
			continue;
		free(typed);
		return guard;
	}
	for (int guard = 0; typed && guard < GW_NR_GUARDS; guard++)
		if (name_is_near(typed, guard_name(guard)))
			argp_error(state, "%s: no guard is called '%s'; the nearest: %s", option,
				   typed, guard_name(guard));
	argp_error(state, "%s: no guard is called '%.*s'; `godwit guards' lists them", option,
		   (int)len, name);
	free(typed);
	return 0;
}

uint64_t value_guards(const struct argp_state *state, const char *option, const char *text)
{
	uint64_t guards = 0;

	for (;;) {
		size_t len = strcspn(text, ",");

		guards |= 1ull << guard_of(state, option, text, len);
		if (!text[len])
			return guards;
		text += len + 1;
	}
}

/* The line of a scenario's text speaks for itself: no usage. */
static const struct gw_scenario *value_scenario_file(const char *path)
{
	char error[512];
	const struct gw_scenario *scenario = gw_scenario_load(path, error, sizeof(error));

	if (!scenario)
		errx(EXIT_USAGE, "%s", error);
	return scenario;
}

const struct gw_scenario *value_scenario(const struct argp_state *state, const char *name)
{
	const struct gw_scenario *scenario;

	if (gw_scenario_is_path(name))
		return value_scenario_file(name);
	scenario = gw_scenario_find(name);
	if (scenario)
		return scenario;
	for (size_t i = 0; i < gw_nr_scenarios(); i++) {
		scenario = gw_scenario(i);
		if (scenario && name_is_near(name, gw_scenario_name(scenario)))
			argp_error(state, "no scenario is called '%s'; the nearest: %s", name,
				   gw_scenario_name(scenario));
		gw_scenario_put(scenario);
	}
	argp_error(
		state,
		"no scenario is called '%s'; `godwit races list' lists them, and a file is named "
		"with a slash or .gw",
		name);
	return NULL;
}

/* ---- Words --------------------------------------------------------------------------------------------- */

static double per_second(const struct gw_verdict *verdict)
{
	return verdict->seconds > 0 ? (double)verdict->executions / verdict->seconds : 0;
}

/* Two digits: no more are known. */
static double rounded(double estimate)
{
	double unit = 1;

	while (estimate / unit >= 100)
		unit *= 10;
	return (double)(uint64_t)(estimate / unit + .5) * unit;
}

void print_guards(FILE *out, const char *separator, uint64_t guards)
{
	for (int guard = 0; guard < GW_NR_GUARDS; guard++) {
		if (!(guards >> guard & 1))
			continue;
		fprintf(out, "%s%s", separator, guard_name(guard));
		separator = ",";
	}
}

static void print_violation(FILE *out, const struct gw_verdict *verdict)
{
	fprintf(out, "  %s: %s\n", verdict->invariant, verdict->message);
	if (verdict->consequence[0])
		fprintf(out, "  and then: %s\n", verdict->consequence);
	fprintf(out,
		"  %u context switches in %u steps (found with %u in %u, shrunk in %d executions)\n"
		"  replayed to the same state %016" PRIx64 "\n",
		verdict->context_switches, verdict->schedule_steps, verdict->found_switches,
		verdict->found_steps, verdict->shrink_executions, verdict->state);
}

/* Who chose, and how many of the executions were of which kind. */
static void print_counts(FILE *out, const struct gw_explore *explore,
			 const struct gw_verdict *verdict)
{
	uint64_t searched = verdict->executions - verdict->sampled;

	fprintf(out, "  %" PRIu64 " executions, %" PRIu64 " steps in %.2f s (%.0f executions/s), ",
		verdict->executions, verdict->steps, verdict->seconds, per_second(verdict));
	if (!strcmp(explore->strategy, "auto"))
		fprintf(out, "auto: %" PRIu64 " by pos, %" PRIu64 " by dpor", verdict->sampled,
			searched);
	else
		fprintf(out, "%s", explore->strategy);
	fprintf(out, ", seed %" PRIu64 "\n", explore->seed);
	if (searched && !strcmp(explore->strategy, "dfs"))
		fprintf(out, "  search: %" PRIu64 " different traces among these interleavings\n",
			verdict->traces);
	else if (searched)
		fprintf(out, "  search: %" PRIu64 " traces, each different; %" PRIu64 " blocked\n",
			verdict->traces, verdict->blocked);
	if (verdict->estimate > 0)
		fprintf(out, "  estimated before the search: about %.0f traces, give or take %.0f %%\n",
			rounded(verdict->estimate), 100 * verdict->estimate_error);
}

/* One execution finds a bug of this depth with a probability of 1 / (n k^(depth - 1)) or more. */
static void print_chance(FILE *out, const struct gw_explore *explore,
			 const struct gw_verdict *verdict)
{
	unsigned int depth = explore->depth ? explore->depth : 3;
	double one_in = verdict->bound.nr_tasks;

	if (strcmp(explore->strategy, "pct") || verdict->kind != GW_VERDICT_BUDGET)
		return;
	for (unsigned int i = 1; i < depth; i++)
		one_in *= verdict->longest;
	fprintf(out,
		"  depth %u: an execution finds a bug that so many ordered steps make with a "
		"probability of at least 1 in %.0f\n",
		depth, one_in);
}

static void print_bound(FILE *out, const struct gw_explore *explore,
			const struct gw_verdict *verdict)
{
	const struct gw_bound *bound = &verdict->bound;

	fputs("  bound: ", out);
	for (int i = 0; i < bound->nr_tasks; i++) {
		const struct gw_bound_task *task = &bound->tasks[i];

		fprintf(out, "%s%s on CPU %d from %s", i ? ", " : "", task->name, task->cpu,
			task->start_at ? task->start_at : "its beginning");
	}
	fprintf(out,
		"\n    %lu frames, %d CPUs; migration: %d pass%s, batches of %d; RCU callbacks %s\n"
		"    %u steps an execution, of which at most %u were taken\n",
		bound->frames, bound->cpus, bound->migrate_passes,
		bound->migrate_passes == 1 ? "" : "es", bound->migrate_batch,
		bound->early_callbacks ? "as early as can be" : "when all tasks have ended",
		bound->step_bound, verdict->longest);
	if (bound->design) {
		fprintf(out, "    design %s", bound->design->name);
		print_guards(out, " instead of ", bound->instead_of);
		fprintf(out, ": %s\n", bound->design->summary);
	}
	if (explore->bounded)
		fprintf(out, "    preemptions: at most %u; %s\n", explore->preemptions,
			verdict->left_out ? "schedules with more were left out"
					  : "no schedule that was met has more");
	fputs("  explored: interleavings under sequential consistency, and stale translations\n",
	      out);
	fprintf(out,
		"  data races, freed memory: looked for in %" PRIu64 " of these executions%s\n",
		verdict->watched,
		verdict->executions > verdict->sampled ? ", all of the search among them" : "");
	for (int i = 0; i < verdict->nr_promoted; i++)
		fprintf(out,
			"  plain accesses that nothing orders, tried in every order: %s, %zu bytes\n",
			verdict->promoted[i].name, verdict->promoted[i].size);
}

/* All schedules of few preemptions were tried, but there are more. */
static bool is_bounded(const struct gw_verdict *verdict)
{
	return verdict->kind == GW_VERDICT_BUDGET && verdict->bound_tried;
}

void verdict_print_text(FILE *out, const struct gw_explore *explore,
			const struct gw_verdict *verdict)
{
	static const char *const words[] = {
		[GW_VERDICT_EXHAUSTED] =
			"exhausted: every schedule within the bound, and nothing found",
		[GW_VERDICT_VIOLATED] = "violated",
		[GW_VERDICT_BUDGET] = "budget ran out, nothing found and nothing proved",
		[GW_VERDICT_ERROR] = "error",
	};

	fprintf(out, "%s", gw_scenario_name(explore->scenario));
	print_guards(out, ", without ", explore->guards_off);
	if (is_bounded(verdict))
		fprintf(out,
			": bounded: every schedule of %u preemption%s or fewer, and nothing "
			"found; no proof\n",
			explore->preemptions, explore->preemptions == 1 ? "" : "s");
	else if (verdict->kind == GW_VERDICT_BUDGET && verdict->interrupted)
		fputs(": interrupted, nothing found and nothing proved\n", out);
	else
		fprintf(out, ": %s\n", words[verdict->kind]);
	if (verdict->kind == GW_VERDICT_ERROR) {
		fprintf(out, "  %s\n", verdict->error);
		return;
	}
	if (verdict->kind == GW_VERDICT_VIOLATED)
		print_violation(out, verdict);
	print_counts(out, explore, verdict);
	print_chance(out, explore, verdict);
	print_bound(out, explore, verdict);
	if (verdict->profile)
		fprintf(out, "  races, the most frequent first:\n%s", verdict->profile);
}

/* ---- JSON ------------------------------------------------------------------------------------------------- */

json_t *guards_json(uint64_t guards)
{
	json_t *array = json_array();

	for (int guard = 0; guard < GW_NR_GUARDS; guard++)
		if (guards >> guard & 1)
			json_array_append_new(array, json_string(guard_name(guard)));
	return array;
}

static void add_violation(json_t *object, const struct gw_verdict *verdict)
{
	char *schedule = gw_schedule_text(verdict->schedule);

	json_object_set_new(object, "invariant", json_string(verdict->invariant));
	json_object_set_new(object, "message", json_string(verdict->message));
	if (verdict->consequence[0])
		json_object_set_new(object, "consequence", json_string(verdict->consequence));
	json_object_set_new(object, "context_switches", json_integer(verdict->context_switches));
	json_object_set_new(object, "schedule_steps", json_integer(verdict->schedule_steps));
	json_object_set_new(object, "found_context_switches",
			    json_integer(verdict->found_switches));
	json_object_set_new(object, "schedule", json_string(schedule ? schedule : ""));
	free(schedule);
}

static json_t *promoted_json(const struct gw_verdict *verdict)
{
	json_t *array = json_array();

	for (int i = 0; i < verdict->nr_promoted; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:I}", "name", verdict->promoted[i].name,
						"bytes", (json_int_t)verdict->promoted[i].size));
	return array;
}

static json_t *bound_json(const struct gw_explore *explore, const struct gw_verdict *verdict)
{
	const struct gw_bound *bound = &verdict->bound;
	json_t *tasks = json_array(), *object;

	for (int i = 0; i < bound->nr_tasks; i++)
		json_array_append_new(tasks,
				      json_pack("{s:s, s:i, s:s?}", "name", bound->tasks[i].name,
						"cpu", bound->tasks[i].cpu, "start_at",
						bound->tasks[i].start_at));
	object = json_pack("{s:s, s:I, s:I, s:I, s:i, s:i, s:i, s:s, s:o}", "strategy",
			   explore->strategy, "seed", (json_int_t)explore->seed, "steps",
			   (json_int_t)bound->step_bound, "frames", (json_int_t)bound->frames,
			   "cpus", bound->cpus, "migrate_passes", bound->migrate_passes,
			   "migrate_batch", bound->migrate_batch, "rcu_callbacks",
			   bound->early_callbacks ? "early" : "late", "tasks", tasks);
	if (bound->design)
		json_object_set_new(object, "design",
				    json_pack("{s:s, s:s, s:o}", "name", bound->design->name,
					      "summary", bound->design->summary, "instead_of",
					      guards_json(bound->instead_of)));
	if (explore->bounded)
		json_object_set_new(object, "preemptions", json_integer(explore->preemptions));
	return object;
}

/* Sampling counts no traces: it does not know which of its executions are alike. */
static void add_counts(json_t *object, const struct gw_verdict *verdict)
{
	bool searched = verdict->executions > verdict->sampled;

	json_object_set_new(object, "executions", json_integer((json_int_t)verdict->executions));
	json_object_set_new(object, "sampled", json_integer((json_int_t)verdict->sampled));
	json_object_set_new(object, "traces",
			    searched ? json_integer((json_int_t)verdict->traces) : json_null());
	json_object_set_new(object, "blocked",
			    searched ? json_integer((json_int_t)verdict->blocked) : json_null());
	json_object_set_new(object, "estimate",
			    verdict->estimate > 0 ?
				    json_pack("{s:f, s:f}", "traces", verdict->estimate, "error",
					      verdict->estimate_error) :
				    json_null());
	json_object_set_new(object, "left_out", json_integer((json_int_t)verdict->left_out));
	json_object_set_new(object, "watched", json_integer((json_int_t)verdict->watched));
	json_object_set_new(object, "promoted", promoted_json(verdict));
	json_object_set_new(object, "steps", json_integer((json_int_t)verdict->steps));
	json_object_set_new(object, "longest", json_integer(verdict->longest));
	json_object_set_new(object, "seconds", json_real(verdict->seconds));
	json_object_set_new(object, "executions_per_second", json_real(per_second(verdict)));
}

json_t *verdict_json(const struct gw_explore *explore, const struct gw_verdict *verdict)
{
	json_t *object =
		json_pack("{s:s, s:s}", "scenario", gw_scenario_name(explore->scenario), "verdict",
			  is_bounded(verdict) ? "bounded" : gw_verdict_name(verdict->kind));

	if (!object)
		return NULL;
	add_counts(object, verdict);
	json_object_set_new(object, "bound", bound_json(explore, verdict));
	json_object_set_new(object, "without", guards_json(explore->guards_off));
	if (verdict->kind == GW_VERDICT_VIOLATED)
		add_violation(object, verdict);
	if (verdict->profile)
		json_object_set_new(object, "profile", json_string(verdict->profile));
	if (verdict->kind == GW_VERDICT_ERROR)
		json_object_set_new(object, "error", json_string(verdict->error));
	return object;
}

int verdict_print_json(FILE *out, const struct gw_explore *explore,
		       const struct gw_verdict *verdict)
{
	json_t *object = verdict_json(explore, verdict);
	int err;

	if (!object)
		return -ENOMEM;
	err = json_dumpf(object, out, JSON_INDENT(2)) ? -EIO : 0;
	json_decref(object);
	fputc('\n', out);
	return err;
}

/* ---- Meanwhile ---------------------------------------------------------------------------------------------- */

void verdict_estimated(void *arg, const struct gw_verdict *so_far)
{
	(void)arg;
	if (!isatty(STDERR_FILENO))
		return;
	verdict_progress_end();
	if (so_far->estimate > 0)
		fprintf(stderr, "about %.0f traces to search, give or take %.0f %%\n",
			rounded(so_far->estimate), 100 * so_far->estimate_error);
	else
		fputs("how many traces there are to search cannot be told\n", stderr);
}

static void print_left(FILE *out, const struct gw_verdict *so_far)
{
	double seconds = so_far->seconds_left;

	if (so_far->executions == so_far->sampled || so_far->estimate <= 0)
		return;
	fprintf(out, "; %" PRIu64 " of about %.0f traces", so_far->traces,
		rounded(so_far->estimate));
	if (seconds < 0)
		return;
	if (seconds < 100)
		fprintf(out, ", %.0f s left", seconds);
	else if (seconds < 100 * 60)
		fprintf(out, ", %.0f min left", seconds / 60);
	else if (seconds < 100 * 3600)
		fprintf(out, ", %.0f h left", seconds / 3600);
	else
		fprintf(out, ", %.0f days left", seconds / 86400);
}

void verdict_progress(void *arg, const struct gw_verdict *so_far)
{
	(void)arg;
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%" PRIu64 " executions, %.1f s, %.0f/s", so_far->executions,
		so_far->seconds, per_second(so_far));
	print_left(stderr, so_far);
	fputs("\033[K", stderr);
}

bool verdict_interrupted(void *arg)
{
	sigset_t pending;

	(void)arg;
	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

void verdict_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

int verdict_save(const char *path, const struct gw_verdict *verdict)
{
	char *text = gw_schedule_text(verdict->schedule);
	FILE *out = fopen(path, "we");
	bool failed = !text || !out || fputs(text, out) < 0;

	if (out && fclose(out))
		failed = true;
	free(text);
	if (!failed)
		return 0;
	warn("%s", path);
	return EXIT_USAGE;
}
