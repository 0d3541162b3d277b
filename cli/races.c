// SPDX-License-Identifier: MIT
/*
 * races.c - godwit races: the collected historic races
 *
 * Running one means without its guards, so that it shows.
 */
#include "verdict.h"

#include <godwit/core.h>

#include <err.h>
#include <string.h>

#define SECONDS_TO_SHOW 60

struct races_command {
	bool run;
	const struct gw_scenario *scenario;
};

static void parse_verb(struct races_command *command, const struct argp_state *state,
		       const char *verb)
{
	if (!strcmp(verb, "run"))
		command->run = true;
	else if (!strcmp(verb, "show") || !strcmp(verb, "prove"))
		argp_error(state, "%s: not there yet; there are list and run", verb);
	else if (strcmp(verb, "list"))
		argp_error(state, "%s: there are list and run", verb);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct races_command *command = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			parse_verb(command, state, arg);
		else if (state->arg_num == 1 && command->run)
			command->scenario = value_scenario(state, arg);
		else
			argp_error(state, "%s: one word too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (command->run && !command->scenario)
			argp_error(state, "run which race?  `godwit races list' lists them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[list]\nrun ID",
	.doc = "List the historic races that can be explored here, or run one without the guards "
	       "that its fix added, until it shows.",
};

static void list_races(void)
{
	for (size_t i = 0; i < gw_nr_scenarios(); i++) {
		const struct gw_scenario *scenario = gw_scenario(i);

		if (!scenario)
			errx(EXIT_USAGE, "out of memory");
		printf("%-24s %s\n", gw_scenario_name(scenario), gw_scenario_summary(scenario));
		for (int guard = 0; guard < GW_NR_GUARDS; guard++)
			if (gw_scenario_guards(scenario) >> guard & 1)
				printf("%-24s guard: %s\n", "",
				       godwit_core_explored.guard_info((enum gw_guard)guard)->name);
		gw_scenario_put(scenario);
	}
}

static int run_race(const struct gw_scenario *scenario)
{
	struct gw_explore explore = {
		.scenario = scenario,
		.strategy = "random",
		.seed = 1,
		.seconds = SECONDS_TO_SHOW,
		.guards_off = gw_scenario_guards(scenario),
		.progress = verdict_progress,
	};
	struct gw_verdict verdict;

	gw_explore(&explore, &verdict);
	verdict_progress_end();
	verdict_print_text(stdout, &explore, &verdict);
	if (verdict.schedule)
		story_print(stdout, verdict.schedule, true);
	gw_schedule_free(verdict.schedule);
	if (verdict.kind == GW_VERDICT_VIOLATED && gw_scenario_breaks(scenario) &&
	    !strstr(verdict.message, gw_scenario_breaks(scenario))) {
		warnx("this race breaks with \"%s\": what was found is something else",
		      gw_scenario_breaks(scenario));
		return EXIT_USAGE;
	}
	return verdict_exit_code(verdict.kind);
}

int cmd_races(int argc, char **argv)
{
	struct races_command command = { 0 };
	int code = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	if (command.run)
		code = run_race(command.scenario);
	else
		list_races();
	gw_scenario_put(command.scenario);
	return code;
}
