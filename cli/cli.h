/* SPDX-License-Identifier: MIT */
/*
 * cli.h - the subcommands of godwit, and the words they share
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

/* Exit codes of everything but `run`, which has those of guest/run.h and the program's own. */
enum exit_code {
	EXIT_NOTHING_FOUND = 0,
	EXIT_VIOLATION = 1,
	EXIT_USAGE = 2, /* or an internal error */
	EXIT_BUDGET = 3,
};

struct command {
	const char *name;
	const char *summary;
	/* @argv[0] is "godwit NAME", for argp; returns the exit code. */
	int (*run)(int argc, char **argv);
	int usage_status; /* exit code of a wrong option */
};

int cmd_bench(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_explore(int argc, char **argv);
int cmd_guards(int argc, char **argv);
int cmd_races(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* ---- Values of options (values.c) ------------------------------------------------------------ */

/*
 * Each reads the whole of @text, the argument of option @option ("--memory"), within [@low, @high].
 * => on a mistake: one line that names both, and the exit with a usage status
 */
uint64_t value_count(const struct argp_state *state, const char *option, const char *text,
		     uint64_t low, uint64_t high);
/* Above 0, and fractions of a second too. */
double value_seconds(const struct argp_state *state, const char *option, const char *text);
/* Bytes; K, M, G and T are powers of 1024. */
uint64_t value_size(const struct argp_state *state, const char *option, const char *text,
		    uint64_t low, uint64_t high);

/* ---- Wrong names (nearest.c) ------------------------------------------------------------------- */

/* Is @name so close to @typed that a slip of the finger explains the difference? */
bool name_is_near(const char *typed, const char *name);
