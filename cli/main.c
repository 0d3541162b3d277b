// SPDX-License-Identifier: MIT
/*
 * main.c - godwit: which subcommand is meant
 *
 * Options before the verb are godwit's own, all after it belong to the verb.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

static const struct command commands[] = {
	{ "run", "run a program while its pages migrate", cmd_run, RUN_STATUS_FAILED },
	{ "explore", "run a scenario under one schedule after another", cmd_explore, EXIT_USAGE },
	{ "replay", "run one schedule again, step by step", cmd_replay, EXIT_USAGE },
	{ "races", "historic races: list, show, run and prove", cmd_races, EXIT_USAGE },
	{ "guards", "the protective measures that experiments switch off", cmd_guards, EXIT_USAGE },
	{ "bench", "measure, next to what the host can do", cmd_bench, EXIT_USAGE },
	{ "doctor", "what this host allows, and what it forbids", cmd_doctor, EXIT_USAGE },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	bool any = false;

	fprintf(stderr, "godwit: '%s' is not a godwit command", name);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!name_is_near(name, commands[i].name))
			continue;
		fprintf(stderr, "%s %s", any ? "," : "; the nearest:", commands[i].name);
		any = true;
	}
	if (!any) {
		fputs("; there are:", stderr);
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			fprintf(stderr, " %s", commands[i].name);
	}
	fputs("\n", stderr);
	return EXIT_USAGE;
}

/* ---- godwit's own options ---------------------------------------------------------------------- */

static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	out = open_memstream(&help, &size);
	if (!out)
		return (char *)(uintptr_t)text;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`godwit COMMAND --help' shows the options of a command, godwit(1) all of them.",
	      out);
	fclose(out);
	return help;
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
	int *verb = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_ARG:
		*verb = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		exit(EXIT_USAGE);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp own_argp = {
	.parser = parse_own,
	.args_doc = "COMMAND [ARG]...",
	.doc = "Linux's memory manager in user space: run programs on it while their pages move, "
	       "and look for its races."
	       "\v", /* what follows is help_filter's */
	.help_filter = help_filter,
};

static int run_command(const struct command *command, int argc, char **argv)
{
	char title[64];

	snprintf(title, sizeof(title), "godwit %s", command->name);
	argv[0] = title;
	argp_err_exit_status = command->usage_status;
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	const struct command *command;
	int verb = 0;

	argp_program_version = "godwit " GODWIT_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&own_argp, argc, argv, ARGP_IN_ORDER, NULL, &verb);
	command = find_command(argv[verb]);
	if (!command)
		return unknown_command(argv[verb]);
	return run_command(command, argc - verb, argv + verb);
}
