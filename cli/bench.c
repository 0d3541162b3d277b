// SPDX-License-Identifier: MIT
/*
 * bench.c - godwit bench: measure, next to what the host can do
 */
#include "cli.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define BENCHMARKS_MAX 32

struct bench_command {
	bool json;
	int runs;
	bool wanted[BENCHMARKS_MAX]; /* by place in bench_all */
	bool any;
};

enum { OPT_JSON = 0x100, OPT_RUNS };

static const struct argp_option options[] = {
	{ "json", OPT_JSON, NULL, 0, "Write a JSON array, for programs", 0 },
	{ "runs", OPT_RUNS, "N", 0, "Samples of each side of each row (at least 5; default 7)", 0 },
	{ 0 },
};

static void want(struct bench_command *command, const struct argp_state *state, const char *name)
{
	for (int i = 0; bench_all[i].name; i++) {
		if (strcmp(bench_all[i].name, name))
			continue;
		command->wanted[i] = true;
		command->any = true;
		return;
	}
	for (int i = 0; bench_all[i].name; i++)
		if (name_is_near(name, bench_all[i].name))
			argp_error(state, "no benchmark is called '%s'; the nearest: %s", name,
				   bench_all[i].name);
	argp_error(state, "no benchmark is called '%s'", name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench_command *command = state->input;

	switch (key) {
	case OPT_JSON:
		command->json = true;
		return 0;
	case OPT_RUNS:
		command->runs =
			(int)value_count(state, "--runs", arg, BENCH_RUNS_MIN, BENCH_RUNS_MAX);
		return 0;
	case ARGP_KEY_ARG:
		want(command, state, arg);
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
	fputs("Benchmarks:\n", out);
	for (int i = 0; bench_all[i].name; i++)
		fprintf(out, "  %-10s %s\n", bench_all[i].name, bench_all[i].summary);
	fclose(out);
	return help;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[NAME]...",
	.doc = "Measure each figure and its reference in turn, and print both."
	       "\v",
	.help_filter = help_filter,
};

int cmd_bench(int argc, char **argv)
{
	struct bench_command command = { .runs = BENCH_RUNS_DEFAULT };
	struct bench *bench;
	int err = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	bench = bench_create(command.runs);
	if (!bench) {
		warnx("out of memory");
		return EXIT_USAGE;
	}
	for (int i = 0; bench_all[i].name; i++)
		if (command.wanted[i] || !command.any)
			bench_all[i].run(bench);
	if (command.json)
		err = bench_print_json(bench, stdout);
	else
		bench_print_text(bench, stdout);
	bench_destroy(bench);
	if (err || fflush(stdout)) {
		warnx("the results could not be written");
		return EXIT_USAGE;
	}
	return 0;
}
