/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - who ran when, as text
 *
 * A schedule holds all that is needed to run one execution again: the scenario with its bounds,
 * and runs of steps.  At the first step of each run the task must be about to do what is written
 * there, or the program is not the one that the schedule was made with.
 */
#pragma once

#include "scenario.h"
#include "trace.h"

#include <stdio.h>

#define TASK_NAME_MAX 16

struct schedule_run {
	char task[TASK_NAME_MAX];
	unsigned int nr_steps;
	enum explored_kind kind; /* of the first */
	char object[OBJECT_NAME_MAX];
	unsigned int value;	 /* of a choice, which is a run of its own */
	unsigned int line;	 /* of the text that it was read from; 0: it was recorded */
};

struct gw_schedule {
	const struct gw_scenario *scenario;
	uint64_t guards_off;
	unsigned int step_bound;
	char strategy[16];
	uint64_t seed, execution;
	unsigned int found_switches; /* of that execution, before it was shrunk */
	char invariant[32]; /* "": nothing was violated */
	char message[640];
	uint64_t state;	    /* engine_state() at the end */
	struct gw_promoted promoted[GW_PROMOTED_MAX]; /* without names */
	int nr_promoted;

	struct schedule_run *runs;
	size_t nr_runs, max_runs;
};

/* NULL: out of memory */
struct gw_schedule *schedule_create(const struct gw_scenario *scenario);

/* Append the steps of the execution that @x has just made.  => -ENOMEM */
int schedule_record(struct gw_schedule *schedule, const struct explored *x,
		    struct objects *objects) __must_check;

uint64_t schedule_nr_steps(const struct gw_schedule *schedule);

/* ---- Lines that saved searches have too ------------------------------------------------------------ */

/* One that is text may change: what was made with a text belongs to it. */
void schedule_print_scenario(FILE *out, const struct gw_scenario *scenario);
void schedule_print_guards(FILE *out, uint64_t guards_off);
/* The guard of that name; -1: there is none */
int schedule_guard(const char *name, size_t len);

/* ---- Following one (replay.c) -------------------------------------------------------------------- */

struct replay {
	const struct gw_schedule *schedule;
	struct objects *objects;
	size_t run;		  /* under way */
	unsigned int left;	  /* steps of it */
	char diverged[320];	  /* "": not yet */
	bool to_the_end;	  /* go on then, instead of abandoning the execution */
	/* Called with each step, once it has been taken.  May be NULL. */
	void (*on_step)(void *arg, struct explored *x, unsigned int nth, struct objects *objects);
	void *on_step_arg;
	unsigned int nr_shown;
};

extern const struct explored_strategy replay_strategy; /* its argument is a struct replay */

void replay_begin(struct replay *replay, const struct gw_schedule *schedule,
		  struct objects *objects);
/* Call on_step for the steps that it has not been called for yet. */
void replay_show_steps(struct replay *replay, struct explored *x);
/* The execution has ended: show what is left, and see whether the schedule has ended too. */
void replay_end(struct replay *replay, struct explored *x);
