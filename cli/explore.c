// SPDX-License-Identifier: MIT
/*
 * explore.c - godwit explore: a scenario under one schedule after another
 */
#include "verdict.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_DEFAULT 10
#define DEPTH_MAX	16
#define PREEMPTIONS_MAX 1000000
#define PROFILE_LINES	20

struct explore_command {
	struct gw_explore explore;
	const char *save; /* NULL: no file */
	bool resume;
	const char *resume_path; /* NULL: the scenario's own */
	bool has_seed;
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
	OPT_RESUME,
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
	{ "resume", OPT_RESUME, "FILE", OPTION_ARG_OPTIONAL,
	  "Go on where an exploration was stopped, in FILE (default: the scenario's name and .search)",
	  0 },
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
		command->has_seed = true;
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
	case OPT_RESUME:
		command->resume = true;
		command->resume_path = arg;
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
		if (command->resume_path)
			return 0;
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
	fputs("\nA search that is interrupted or runs out of its budget is saved, for --resume.\n"
	      "\nThe exit code is 1 if something that must hold did not, 3 if the budget ran out, 0 "
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

/* ---- To go on later ------------------------------------------------------------------------------------ */

static void differ(const char *what)
{
	errx(EXIT_USAGE, "--resume: the exploration that was saved has another %s", what);
}

/* What is asked for must be what was saved. */
static void compare_requests(const struct explore_command *command, const struct gw_explore *saved)
{
	const struct gw_explore *asked = &command->explore;

	if (asked->scenario && strcmp(gw_scenario_name(asked->scenario),
				      gw_scenario_name(saved->scenario)))
		differ("scenario");
	if (asked->strategy && strcmp(asked->strategy, saved->strategy))
		differ("strategy");
	if (command->has_seed && asked->seed != saved->seed)
		differ("seed");
	if (asked->guards_off && asked->guards_off != saved->guards_off)
		differ("--without");
	if (asked->step_bound && asked->step_bound != saved->step_bound)
		differ("--step-bound");
	if (asked->depth && asked->depth != saved->depth)
		differ("--depth");
	if (asked->bounded && (!saved->bounded || asked->preemptions != saved->preemptions))
		differ("--preemptions");
}

/* => malloc()ed */
static char *search_path(const struct explore_command *command)
{
	char *path = NULL;

	if (command->resume_path)
		path = strdup(command->resume_path);
	else if (asprintf(&path, "%s.search", gw_scenario_name(command->explore.scenario)) < 0)
		path = NULL;
	if (!path)
		errx(EXIT_USAGE, "out of memory");
	return path;
}

static struct gw_saved *take_up(struct explore_command *command, const char *path)
{
	struct gw_explore request = command->explore;
	char error[1024];
	struct gw_saved *saved = gw_saved_load(path, error, sizeof(error));

	if (!saved)
		errx(EXIT_USAGE, "--resume: %s", error);
	gw_saved_request(saved, &request);
	compare_requests(command, &request);
	gw_scenario_put(command->explore.scenario);
	command->explore = request;
	gw_scenario_get(request.scenario);
	return saved;
}

/* => an exit code, 0: it is written.  Else what was there before still is. */
static int write_search(const char *path, const char *text)
{
	char *beside;
	FILE *out;
	bool failed;

	if (asprintf(&beside, "%s.new", path) < 0)
		errx(EXIT_USAGE, "out of memory");
	out = fopen(beside, "we");
	failed = !out || fputs(text, out) < 0;
	if (out && fclose(out))
		failed = true;
	if (failed || rename(beside, path)) {
		warn("%s: where the exploration stood could not be saved", path);
		unlink(beside);
		failed = true;
	}
	free(beside);
	return failed ? EXIT_USAGE : 0;
}

/* => an exit code, 0: nothing went wrong */
static int keep_search(const struct explore_command *command, const struct gw_verdict *verdict,
		       const char *path)
{
	const struct gw_explore *explore = &command->explore;
	const char *scenario = gw_scenario_path(explore->scenario);

	if (verdict->saved) {
		if (write_search(path, verdict->saved))
			return EXIT_USAGE;
		if (command->resume_path)
			fprintf(stderr, "godwit explore --resume=%s goes on from here\n", path);
		else
			fprintf(stderr, "godwit explore %s --resume goes on from here\n",
				scenario ?: gw_scenario_name(explore->scenario));
	} else if (command->resume && verdict->kind != GW_VERDICT_ERROR) {
		unlink(path); /* it has come to its end */
	}
	return 0;
}

int cmd_explore(int argc, char **argv)
{
	struct gw_saved *saved = NULL;
	char *path;
	struct explore_command command = {
		.explore = { .seed = 1,
			     .save = true,
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
	path = search_path(&command);
	if (command.resume)
		saved = take_up(&command, path);
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
	if (keep_search(&command, &verdict, path))
		code = EXIT_USAGE;
	free(path);
	free(verdict.saved);
	gw_saved_free(saved);
	gw_schedule_free(verdict.schedule);
	free(verdict.profile);
	gw_scenario_put(explore->scenario);
	if (fflush(stdout)) {
		warnx("the verdict could not be written");
		return EXIT_USAGE;
	}
	return code;
}
