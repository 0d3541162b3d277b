// SPDX-License-Identifier: MIT
/*
 * explore.c - godwit explore: a scenario under one schedule after another
 */
#include "verdict.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_DEFAULT 10
#define DEPTH_MAX	16
#define PREEMPTIONS_MAX 1000000
#define PROFILE_LINES	20

struct explore_command {
	struct gw_explore explore;
	const char *save; /* NULL: no file */
	bool json;
};

enum {
	OPT_STRATEGY = 0x100,
	OPT_DEPTH,
	OPT_PREEMPTIONS,
	OPT_EXECUTIONS,
	OPT_SECONDS,
	OPT_SEED,
	OPT_WITHOUT,
	OPT_STEP_BOUND,
	OPT_SAVE,
	OPT_JSON,
	OPT_PROFILE,
};

static const struct argp_option options[] = {
	{ "strategy", OPT_STRATEGY, "NAME", 0, "How schedules are chosen (default auto)", 0 },
	{ "depth", OPT_DEPTH, "N", 0, "Bugs that pct looks for: N ordered steps (default 3)", 0 },
	{ "preemptions", OPT_PREEMPTIONS, "N", 0,
	  "Only schedules with at most N preemptions, by dfs: never exhausted while others are left out",
	  0 },
	{ "executions", OPT_EXECUTIONS, "N", 0, "Stop after N executions", 0 },
	{ "seconds", OPT_SECONDS, "N", 0,
	  "Stop after N seconds (default 10, unless --executions is given)", 0 },
	{ "seed", OPT_SEED, "N", 0, "Seed of the strategy (default 1)", 0 },
	{ "step-bound", OPT_STEP_BOUND, "N", 0, "Take an execution of N steps for a livelock", 0 },
	{ "without", OPT_WITHOUT, "GUARD[,GUARD]...", 0, "Switch protective measures off", 0 },
	{ "save", OPT_SAVE, "FILE", 0, "Write the schedule that is found to FILE", 0 },
	{ "profile", OPT_PROFILE, NULL, 0, "Print which places in the core race how often", 0 },
	{ "json", OPT_JSON, NULL, 0, "Write a JSON object, for programs", 0 },
	{ 0 },
};

static const char *value_strategy(const struct argp_state *state, const char *name)
{
	char known[128] = "";

	for (size_t i = 0; i < gw_nr_strategies(); i++) {
		if (!strcmp(gw_strategy_name(i), name))
			return name;
		strcat(strcat(known, i ? ", " : ""), gw_strategy_name(i));
	}
	argp_error(state, "--strategy=%s: no such strategy; there are: %s", name, known);
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct explore_command *command = state->input;
	struct gw_explore *explore = &command->explore;

	switch (key) {
	case OPT_STRATEGY:
		explore->strategy = value_strategy(state, arg);
		return 0;
	case OPT_DEPTH:
		explore->depth = (unsigned int)value_count(state, "--depth", arg, 1, DEPTH_MAX);
		return 0;
	case OPT_PREEMPTIONS:
		explore->bounded = true;
		explore->preemptions =
			(unsigned int)value_count(state, "--preemptions", arg, 0, PREEMPTIONS_MAX);
		return 0;
	case OPT_EXECUTIONS:
		explore->executions = value_count(state, "--executions", arg, 1, UINT64_MAX);
		return 0;
	case OPT_SECONDS:
		explore->seconds = value_seconds(state, "--seconds", arg);
		return 0;
	case OPT_SEED:
		explore->seed = value_count(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case OPT_STEP_BOUND:
		explore->step_bound =
			(unsigned int)value_count(state, "--step-bound", arg, 1, 1u << 24);
		return 0;
	case OPT_WITHOUT:
		explore->guards_off |= value_guards(state, "--without", arg);
		return 0;
	case OPT_SAVE:
		command->save = arg;
		return 0;
	case OPT_JSON:
		command->json = true;
		return 0;
	case OPT_PROFILE:
		explore->profile_lines = PROFILE_LINES;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "%s: one scenario at a time", arg);
		explore->scenario = value_scenario(state, arg);
		return 0;
	case ARGP_KEY_END:
		if (explore->bounded && explore->strategy && strcmp(explore->strategy, "dfs"))
			argp_error(
				state,
				"--preemptions: only with --strategy=dfs; by %s schedules within "
				"the bound would be missed",
				explore->strategy);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which scenario?  `godwit races list' lists them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC || !(out = open_memstream(&help, &size)))
		return (char *)(uintptr_t)text;
	fputs("Strategies:\n", out);
	for (size_t i = 0; i < gw_nr_strategies(); i++)
		fprintf(out, "  %-10s %s\n", gw_strategy_name(i), gw_strategy_summary(i));
	fputs("\nThe exit code is 1 if something that must hold did not, 3 if the budget ran out, 0 "
	      "if every schedule within the bound was tried, 2 on an error.",
	      out);
	fclose(out);
	return help;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "SCENARIO|FILE",
	.doc = "Run SCENARIO, or the one in FILE (with a slash or ending in .gw), under one schedule after another, until something that must hold does "
	       "not."
	       "\v",
	.help_filter = help_filter,
};

/* Blocked, so that an exploration ends between two executions, and says what it saw. */
static sigset_t interrupts(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	return signals;
}

int cmd_explore(int argc, char **argv)
{
	struct explore_command command = {
		.explore = { .seed = 1,
			     .estimate = true,
			     .estimated = verdict_estimated,
			     .progress = verdict_progress,
			     .interrupted = verdict_interrupted },
	};
	const sigset_t signals = interrupts();
	struct gw_explore *explore = &command.explore;
	struct gw_verdict verdict;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	if (!explore->strategy)
		explore->strategy = explore->bounded ? "dfs" : "auto";
	if (!explore->executions && explore->seconds <= 0)
		explore->seconds = SECONDS_DEFAULT;
	sigprocmask(SIG_BLOCK, &signals, NULL);
	gw_explore(explore, &verdict);
	verdict_progress_end();

	code = verdict_exit_code(verdict.kind);
	if (command.save && verdict.schedule && verdict_save(command.save, &verdict))
		code = EXIT_USAGE;
	if (!command.json)
		verdict_print_text(stdout, explore, &verdict);
	else if (verdict_print_json(stdout, explore, &verdict))
		code = EXIT_USAGE;
	if (!command.json && verdict.schedule)
		story_print(stdout, verdict.schedule, true);
	gw_schedule_free(verdict.schedule);
	free(verdict.profile);
	gw_scenario_put(explore->scenario);
	if (fflush(stdout)) {
		warnx("the verdict could not be written");
		return EXIT_USAGE;
	}
	return code;
}
