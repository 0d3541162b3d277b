/* SPDX-License-Identifier: MIT */
/*
 * saved.h - an exploration that was stopped, as text
 *
 * Lines of a word and numbers.  A strategy writes its own after those of the exploration, and reads
 * them back in the same order.
 */
#pragma once

#include "history.h"
#include "scenario.h"

#include <stdio.h>

struct engine;

/* What the exploration keeps, besides its strategy. */
struct saved_counts {
	uint64_t executions, steps, watched, first;
	unsigned int longest;
	double seconds, search_began;
	bool estimated;
	double estimate, estimate_error;
};

struct gw_saved {
	char *text; /* of the whole file */
	const char *path;
	const struct gw_scenario *scenario;
	uint64_t guards_off, seed;
	unsigned int step_bound, depth, preemptions;
	bool bounded;
	char strategy[16];
	struct gw_promoted promoted[GW_PROMOTED_MAX];
	int nr_promoted;
	struct saved_counts counts;
	char *state;	   /* where the strategy's own lines begin, in @text */
	unsigned int line; /* of that */
};

/* ---- Writing, and reading back -------------------------------------------------------------------- */

/* Objects lie in one of these, or in the program itself. */
struct saved_range {
	const char *base;
	size_t size;
};

struct saving {
	FILE *out;
	struct saved_range ranges[2];
};

struct restoring {
	char *at; /* in the text */
	unsigned int line;
	struct saved_range ranges[2];
	const char *path;
	char *error; /* "": none */
	size_t error_size;
};

/* "WORD NUMBER...".  @nr of them */
void saved_put(struct saving *saving, const char *word, const int64_t *numbers, int nr);
/* The next line must be of this word and so many numbers.  => false, and restoring->error */
bool saved_get(struct restoring *restoring, const char *word, int64_t *numbers, int nr);
/* Is the next line of this word? */
bool saved_is(const struct restoring *restoring, const char *word);
bool saved_reject(struct restoring *restoring, const char *what);

#define SAVED_OP 5 /* numbers of a step */
void saved_op_to(const struct op *op, int64_t *numbers);
/* => false: that is no step of any task, or of no object that is known */
bool saved_op_from(const struct history *history, const int64_t *numbers, struct op *op);

/* All objects that @history has met, by number. */
void saved_put_objects(struct saving *saving, const struct history *history);
/* Into a history that has met none. */
bool saved_get_objects(struct restoring *restoring, struct history *history);

/* The lines before the strategy's own. */
void saved_put_header(FILE *out, const struct gw_explore *explore, const char *strategy,
		      unsigned int step_bound, const struct gw_verdict *verdict,
		      const struct saved_counts *counts);
