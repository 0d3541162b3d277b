/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - what explore, replay and races share: verdicts in words, as JSON, as exit codes
 */
#pragma once

#include "cli.h"

#include <godwit/explore.h>

#include <jansson.h>
#include <stdio.h>

int verdict_exit_code(enum gw_verdict_kind kind);

/* Guards by name, with commas, as bits GW_GUARD_x; a mistake exits with a line that names both. */
uint64_t value_guards(const struct argp_state *state, const char *option, const char *text);

/*
 * A reference to the scenario of this name or in this file; a mistake exits with a line that names
 * the nearest, or what is wrong in the file.
 */
const struct gw_scenario *value_scenario(const struct argp_state *state, const char *name);

void verdict_print_text(FILE *out, const struct gw_explore *explore,
			const struct gw_verdict *verdict);
/* => NULL: out of memory */
json_t *verdict_json(const struct gw_explore *explore, const struct gw_verdict *verdict);
json_t *guards_json(uint64_t guards);
/* Their names, @separator before the first, commas between them. */
void print_guards(FILE *out, const char *separator, uint64_t guards);
/* => 0 or a negative errno */
int verdict_print_json(FILE *out, const struct gw_explore *explore,
		       const struct gw_verdict *verdict);

/*
 * What matters of @schedule, a column for each task; if it @breaks something, also for each guard
 * that is off in it whether the scenario still breaks when it is on.
 */
void story_print(FILE *out, const struct gw_schedule *schedule, bool breaks);

/* How long a search will be, on a terminal, before it begins. */
void verdict_estimated(void *arg, const struct gw_verdict *so_far);
/* Who has blocked SIGINT and SIGTERM is to come to an end. */
bool verdict_interrupted(void *arg);
/* One line on a terminal, again and again; nothing elsewhere. */
void verdict_progress(void *arg, const struct gw_verdict *so_far);
void verdict_progress_end(void);

/* The schedule of @verdict as the file @path.  => 0, or an exit code after a line */
int verdict_save(const char *path, const struct gw_verdict *verdict);
