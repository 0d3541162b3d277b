// SPDX-License-Identifier: MIT
/*
 * races.c - godwit races: the collected historic races
 *
 * Running one means without its guards, so that it shows.  Proving one means that every scenario of
 * it is searched to its end, guards on, and comes out as its text says: exhausted, or, where a design
 * is tried that was not enough, broken in the way that is named.
 */
#include "verdict.h"

#include <godwit/core.h>

#include <err.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_TO_SHOW	 60
#define SECONDS_TO_PROVE 600 /* each scenario */

enum races_verb { RACES_LIST, RACES_SHOW, RACES_RUN, RACES_PROVE, NR_RACES_VERBS };

struct races_command {
	enum races_verb verb;
	const struct gw_race *race;	    /* all of it; NULL: @scenario */
	const struct gw_scenario *scenario; /* a reference; of @race the first */
	double seconds;
	bool json;
};

static int list_races(const struct races_command *command);
static int show_race(const struct races_command *command);
static int run_race(const struct races_command *command);
static int prove_race(const struct races_command *command);

static const struct {
	const char *name;
	int (*run)(const struct races_command *command);
} verbs[NR_RACES_VERBS] = {
	[RACES_LIST] = { "list", list_races },
	[RACES_SHOW] = { "show", show_race },
	[RACES_RUN] = { "run", run_race },
	[RACES_PROVE] = { "prove", prove_race },
};

/* ---- The command line -------------------------------------------------------------------------------- */

enum { OPT_SECONDS = 0x100, OPT_JSON };

static const struct argp_option options[] = {
	{ "seconds", OPT_SECONDS, "N", 0,
	  "Stop after N seconds: run (default 60), each scenario of prove (default 600)", 0 },
	{ "json", OPT_JSON, NULL, 0, "Write JSON, for programs", 0 },
	{ 0 },
};

static void parse_verb(struct races_command *command, const struct argp_state *state,
		       const char *verb)
{
	for (int i = 0; i < NR_RACES_VERBS; i++) {
		if (strcmp(verbs[i].name, verb))
			continue;
		command->verb = (enum races_verb)i;
		return;
	}
	for (int i = 0; i < NR_RACES_VERBS; i++)
		if (name_is_near(verb, verbs[i].name))
			argp_error(state, "%s: the nearest: %s", verb, verbs[i].name);
	argp_error(state, "%s: there are list, show, run and prove", verb);
}

/* A story belongs to a race; what is run or proved may also be one scenario. */
static void parse_id(struct races_command *command, const struct argp_state *state, const char *id)
{
	command->race = gw_race_find(id);
	if (command->race || command->verb != RACES_SHOW) {
		command->scenario = value_scenario(state, id);
		return;
	}
	for (size_t i = 0; i < gw_nr_races(); i++)
		if (name_is_near(id, gw_race(i)->id))
			argp_error(state, "no race is called '%s'; the nearest: %s", id,
				   gw_race(i)->id);
	argp_error(state, "no race is called '%s'; `godwit races list' lists them", id);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct races_command *command = state->input;

	switch (key) {
	case OPT_SECONDS:
		command->seconds = value_seconds(state, "--seconds", arg);
		return 0;
	case OPT_JSON:
		command->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			parse_verb(command, state, arg);
		else if (state->arg_num == 1 && command->verb != RACES_LIST)
			parse_id(command, state, arg);
		else
			argp_error(state, "%s: one word too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (command->verb != RACES_LIST && !command->scenario)
			argp_error(state, "%s which race?  `godwit races list' lists them",
				   verbs[command->verb].name);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[list]\nshow ID\nrun ID|SCENARIO|FILE\nprove ID|SCENARIO|FILE",
	.doc = "List the historic races that can be explored here; show what one is about; run it "
	       "without the guards that its fix added, until it shows; or prove it: search every "
	       "scenario of it to its end, guards on, and compare with what must come of it."
	       "\v"
	       "Exit code of prove: 0 if each scenario came out as its text says, 1 if one did "
	       "not, 3 if the budget ran out before, 2 on an error.  Others as of explore.",
};

int cmd_races(int argc, char **argv)
{
	struct races_command command = { 0 };
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	code = verbs[command.verb].run(&command);
	gw_scenario_put(command.scenario);
	if (fflush(stdout)) {
		warnx("the result could not be written");
		return EXIT_USAGE;
	}
	return code;
}

/* ---- What there is ------------------------------------------------------------------------------------ */

/* The nth scenario of @race, a reference; NULL: no more. */
static const struct gw_scenario *scenario_of(const struct gw_race *race, size_t nth)
{
	for (size_t i = 0; i < gw_nr_scenarios(); i++) {
		const struct gw_scenario *scenario = gw_scenario(i);

		if (!scenario)
			errx(EXIT_USAGE, "out of memory");
		if (gw_race_has(race, scenario) && !nth--)
			return scenario;
		gw_scenario_put(scenario);
	}
	return NULL;
}

/* What must be found with its guards on; NULL: nothing may. */
static const char *must_find(const struct gw_scenario *scenario)
{
	return gw_scenario_design(scenario) ? gw_scenario_breaks(scenario) : NULL;
}

static void print_scenario(const struct gw_scenario *scenario)
{
	const struct gw_design *design = gw_scenario_design(scenario);

	printf("  %-32s %s\n", gw_scenario_name(scenario), gw_scenario_summary(scenario));
	printf("  %-32s ", "");
	if (design) {
		printf("design %s: ", design->name);
	} else if (gw_scenario_guards(scenario)) {
		print_guards(stdout, "guard ", gw_scenario_guards(scenario));
		fputs(": ", stdout);
	}
	if (must_find(scenario))
		printf("violated, \"%s\"", must_find(scenario));
	else
		fputs("exhausted", stdout);
	if (gw_scenario_guards(scenario))
		printf("; without: violated, \"%s\"", gw_scenario_breaks(scenario));
	fputc('\n', stdout);
}

static json_t *scenario_json(const struct gw_scenario *scenario)
{
	const struct gw_design *design = gw_scenario_design(scenario);
	bool guarded = gw_scenario_guards(scenario) != 0;

	return json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:o, s:s?}", "name",
			 gw_scenario_name(scenario), "summary", gw_scenario_summary(scenario),
			 "design", design ? design->name : NULL, "must_be",
			 must_find(scenario) ? "violated" : "exhausted", "message",
			 must_find(scenario), "guards", guards_json(gw_scenario_guards(scenario)),
			 "message_without", guarded ? gw_scenario_breaks(scenario) : NULL);
}

static json_t *race_json(const struct gw_race *race)
{
	const struct gw_scenario *scenario;
	json_t *array = json_array();

	for (size_t i = 0; (scenario = scenario_of(race, i)); i++) {
		json_array_append_new(array, scenario_json(scenario));
		gw_scenario_put(scenario);
	}
	return json_pack("{s:s, s:o}", "race", race->id, "scenarios", array);
}

/* => an exit code; takes @json */
static int print_json(json_t *json)
{
	int code = json && !json_dumpf(json, stdout, JSON_INDENT(2)) ? 0 : EXIT_USAGE;

	json_decref(json);
	fputc('\n', stdout);
	return code;
}

static int list_races(const struct races_command *command)
{
	json_t *array = command->json ? json_array() : NULL;
	const struct gw_scenario *scenario;

	for (size_t nth = 0; nth < gw_nr_races(); nth++) {
		if (array)
			json_array_append_new(array, race_json(gw_race(nth)));
		else
			printf("%s\n", gw_race(nth)->id);
		for (size_t i = 0; !array && (scenario = scenario_of(gw_race(nth), i)); i++) {
			print_scenario(scenario);
			gw_scenario_put(scenario);
		}
	}
	return array ? print_json(array) : 0;
}

static int show_race(const struct races_command *command)
{
	const struct gw_race *race = command->race;
	size_t len = (size_t)(race->story_end - race->story);
	const struct gw_scenario *scenario;
	json_t *json;

	if (command->json) {
		json = race_json(race);
		json_object_set_new(json, "story", json_stringn(race->story, len));
		return print_json(json);
	}
	fwrite(race->story, 1, len, stdout);
	printf("\nScenarios, and what must come of each (godwit races prove %s):\n\n", race->id);
	for (size_t i = 0; (scenario = scenario_of(race, i)); i++) {
		print_scenario(scenario);
		gw_scenario_put(scenario);
	}
	return 0;
}

/* ---- Until it shows ------------------------------------------------------------------------------------ */

static int run_race(const struct races_command *command)
{
	const struct gw_scenario *scenario = command->scenario;
	const char *breaks = gw_scenario_breaks(scenario);
	struct gw_explore explore = {
		.scenario = scenario,
		.strategy = "random",
		.seed = 1,
		.seconds = command->seconds > 0 ? command->seconds : SECONDS_TO_SHOW,
		.guards_off = gw_scenario_guards(scenario),
		.progress = verdict_progress,
	};
	struct gw_verdict verdict;
	int code;

	gw_explore(&explore, &verdict);
	verdict_progress_end();
	code = verdict_exit_code(verdict.kind);
	if (!command->json)
		verdict_print_text(stdout, &explore, &verdict);
	else if (verdict_print_json(stdout, &explore, &verdict))
		code = EXIT_USAGE;
	if (!command->json && verdict.schedule)
		story_print(stdout, verdict.schedule, true);
	gw_schedule_free(verdict.schedule);
	if (verdict.kind == GW_VERDICT_VIOLATED && breaks && !strstr(verdict.message, breaks)) {
		warnx("this race breaks with \"%s\": what was found is something else", breaks);
		return EXIT_USAGE;
	}
	return code;
}

/* ---- To the end ------------------------------------------------------------------------------------------ */

/* Who begins where, and what bounds a migration: "E setup_arg_pages, M -, 1 pass, 16 frames" */
static void print_short_bound(const struct gw_bound *bound)
{
	for (int i = 0; i < bound->nr_tasks; i++)
		printf("%s %s, ", bound->tasks[i].name,
		       bound->tasks[i].start_at ? bound->tasks[i].start_at : "-");
	printf("%d pass%s, %lu frames\n", bound->migrate_passes,
	       bound->migrate_passes == 1 ? "" : "es", bound->frames);
}

static int proof_exit_code(const struct gw_scenario *scenario, const struct gw_verdict *verdict)
{
	const char *words = must_find(scenario);

	switch (verdict->kind) {
	case GW_VERDICT_EXHAUSTED:
		return words ? EXIT_VIOLATION : 0;
	case GW_VERDICT_VIOLATED:
		return words && strstr(verdict->message, words) ? 0 : EXIT_VIOLATION;
	case GW_VERDICT_BUDGET:
		return EXIT_BUDGET;
	case GW_VERDICT_ERROR:
		break;
	}
	return EXIT_USAGE;
}

static void print_proof(const struct gw_scenario *scenario, const struct gw_verdict *verdict,
			int code)
{
	const char *must = "";

	if (verdict->kind == GW_VERDICT_VIOLATED && !code)
		must = ", as it must";
	else if (verdict->kind == GW_VERDICT_EXHAUSTED && code)
		must = ", must not";
	printf("%-32s %s%-*s %8" PRIu64 " %7u %7.2f s  ", gw_scenario_name(scenario),
	       gw_verdict_name(verdict->kind), (int)(21 - strlen(gw_verdict_name(verdict->kind))),
	       must, verdict->traces, verdict->longest, verdict->seconds);
	print_short_bound(&verdict->bound);
	if (verdict->kind == GW_VERDICT_ERROR)
		printf("  %s\n", verdict->error);
	else if (verdict->kind == GW_VERDICT_VIOLATED && code)
		printf("  %s: %s\n", verdict->invariant, verdict->message);
	fflush(stdout);
}

/* The worse of two exit codes of proofs: error, not as it must be, budget, as it must be. */
static int worse(int a, int b)
{
	static const int order[] = { EXIT_USAGE, EXIT_VIOLATION, EXIT_BUDGET };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 0;
}

/* A line, or an element of @array; => an exit code */
static int prove_scenario(const struct races_command *command, const struct gw_scenario *scenario,
			  json_t *array)
{
	struct gw_explore explore = {
		.scenario = scenario,
		.strategy = "dpor",
		.seed = 1,
		.seconds = command->seconds > 0 ? command->seconds : SECONDS_TO_PROVE,
		.progress = verdict_progress,
	};
	struct gw_verdict verdict;
	json_t *object;
	int code;

	gw_explore(&explore, &verdict);
	verdict_progress_end();
	code = proof_exit_code(scenario, &verdict);
	if (!array) {
		print_proof(scenario, &verdict, code);
	} else {
		object = verdict_json(&explore, &verdict);
		json_object_set_new(object, "as_it_must", json_boolean(!code));
		json_array_append_new(array, object);
	}
	gw_schedule_free(verdict.schedule);
	return code;
}

static int prove_race(const struct races_command *command)
{
	json_t *array = command->json ? json_array() : NULL;
	const struct gw_scenario *scenario;
	int code = 0;

	if (!array)
		printf("%-32s %-21s %8s %7s %9s  bound\n", "scenario", "verdict", "traces", "steps",
		       "time");
	if (!command->race)
		code = prove_scenario(command, command->scenario, array);
	for (size_t i = 0; command->race && (scenario = scenario_of(command->race, i)); i++) {
		code = worse(code, prove_scenario(command, scenario, array));
		gw_scenario_put(scenario);
	}
	return array ? worse(code, print_json(array)) : code;
}
