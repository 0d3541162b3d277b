/* SPDX-License-Identifier: MIT */
/*
 * explore.h - running a scenario under many schedules, and one schedule again
 *
 * A scenario is a machine, a few tasks that run the core's own operations on it, and what must
 * hold in the end.  An exploration runs it under one schedule after another until something that
 * must hold does not, the strategy has nothing left to try, or the budget is used up.
 *
 * What is explored: interleavings of the steps of sync/explored/explored.h under sequential
 * consistency, with translations that stay in the modelled TLBs until they are flushed.
 */
#ifndef GODWIT_EXPLORE_H
#define GODWIT_EXPLORE_H

#include <godwit/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Scenarios ------------------------------------------------------------------------------- */

struct gw_scenario;

/*
 * Those who get a scenario have a reference, to be put.  It is not written to after it was made,
 * but references are counted without a lock.  NULL: out of memory, or there is none of this name.
 */
size_t gw_nr_scenarios(void);
const struct gw_scenario *gw_scenario(size_t nth);
const struct gw_scenario *gw_scenario_find(const char *name);
/*
 * A scenario as text; docs/scenarios.md has the language.  NULL: @error says what is wrong, as
 * FILE:LINE:COLUMN: and a sentence.  @path is for messages and schedules; NULL: it is built in.
 */
const struct gw_scenario *gw_scenario_parse(const char *text, size_t len, const char *path,
					    char *error, size_t error_size);
const struct gw_scenario *gw_scenario_load(const char *path, char *error, size_t error_size);
/* Is @name that of a file?  It has a slash or ends in .gw; the others are built in. */
bool gw_scenario_is_path(const char *name);
void gw_scenario_get(const struct gw_scenario *scenario);
void gw_scenario_put(const struct gw_scenario *scenario); /* or NULL */

/* The file that it was read from; NULL: none. */
const char *gw_scenario_path(const struct gw_scenario *scenario);
const char *gw_scenario_name(const struct gw_scenario *scenario);
const char *gw_scenario_summary(const struct gw_scenario *scenario);
/* The guards that the scenario is about: bits GW_GUARD_x. */
uint64_t gw_scenario_guards(const struct gw_scenario *scenario);
/*
 * Words of the violation that must show, not another: without those guards, or, where there is a
 * design, as it is.  NULL: any, or with a design none.
 */
const char *gw_scenario_breaks(const struct gw_scenario *scenario);
/* The design that it puts in the place of the core's own; NULL: none. */
const struct gw_design *gw_scenario_design(const struct gw_scenario *scenario);

#define GW_SCENARIO_TASKS_MAX 8

/* What "every schedule" is about: nothing is known beyond it. */
struct gw_bound {
	unsigned long frames;
	int cpus;
	int migrate_passes, migrate_batch;
	bool early_callbacks;	 /* of RCU: as soon as a grace period is over; else at the very end */
	unsigned int step_bound; /* an execution of so many steps counts as a livelock */
	const struct gw_design *design; /* as gw_scenario_design() */
	uint64_t instead_of;		/* bits GW_GUARD_x: off, as the design is to do their work */
	int nr_tasks;
	struct gw_bound_task {
		const char *name;
		int cpu;
		const char *start_at; /* it ran alone to its first step in it; NULL: from its beginning */
	} tasks[GW_SCENARIO_TASKS_MAX];
};

/* @step_bound: 0 for the scenario's own. */
void gw_scenario_bound(const struct gw_scenario *scenario, unsigned int step_bound,
		       struct gw_bound *bound);

/* ---- Races ----------------------------------------------------------------------------------- */

/* A historic race: a story and its scenarios, the first of which has its name. */
struct gw_race {
	const char *id;
	const char *story, *story_end; /* Markdown; not terminated */
};

size_t gw_nr_races(void);
const struct gw_race *gw_race(size_t nth);
const struct gw_race *gw_race_find(const char *id); /* NULL: there is none */
bool gw_race_has(const struct gw_race *race, const struct gw_scenario *scenario);

/* ---- Strategies ------------------------------------------------------------------------------ */

size_t gw_nr_strategies(void);
const char *gw_strategy_name(size_t nth);
const char *gw_strategy_summary(size_t nth);

/* ---- Verdicts -------------------------------------------------------------------------------- */

enum gw_verdict_kind {
	GW_VERDICT_EXHAUSTED, /* every schedule within the bound, and nothing found */
	GW_VERDICT_VIOLATED,
	GW_VERDICT_BUDGET,    /* the budget ran out: nothing found, and nothing proved */
	GW_VERDICT_ERROR,     /* the exploration itself failed */
};

/* "exhausted", "violated", "budget", "error" */
const char *gw_verdict_name(enum gw_verdict_kind kind);

struct gw_schedule;

#define GW_PROMOTED_MAX 32

/*
 * Memory whose plain accesses nothing orders while a guard is off.  They are steps, so every order of
 * them is tried, and the race as such is not what was looked for.
 */
struct gw_promoted {
	size_t offset, size; /* from the start of the machine's memory; bytes */
	char name[80];	     /* "vma+0x18" */
};

struct gw_verdict {
	enum gw_verdict_kind kind;
	uint64_t executions;
	uint64_t sampled;	      /* of these: by chance */
	uint64_t traces;	      /* the others, of a search: those that came to their ends */
	uint64_t blocked;	      /* and those cut off because the rest was seen elsewhere */
	uint64_t steps;		      /* of all executions */
	unsigned int longest;	      /* steps of the longest */
	double seconds;
	double cpu_seconds;	      /* of this thread, for the executions: set-up is not in it */
	/*
	 * Traces that there are, if that was asked for and can be told: the mean of a few samples, and
	 * the standard deviation of that mean.  0: not known.
	 */
	double estimate, estimate_error;
	double seconds_left;	      /* until as many traces are seen, of a search; < 0: not known */
	struct gw_bound bound;
	char *profile;		      /* if it was asked for; the caller's, to free() */
	bool interrupted;
	char *saved;		      /* if that was asked for, to go on from; the caller's, to free() */
	uint64_t left_out;	      /* places where the bound on preemptions cut schedules off */
	bool bound_tried;	      /* every schedule within that bound was tried */
	uint64_t watched;	      /* executions in which plain accesses were looked at */
	int nr_promoted;
	struct gw_promoted promoted[GW_PROMOTED_MAX];

	/* GW_VERDICT_VIOLATED: */
	char invariant[32];	      /* "assertion", "deadlock", "validation", "check", ... */
	char message[640];	      /* in one sentence, and who said it */
	char consequence[640];	      /* what a task met because of it; "": nothing */
	uint64_t execution;	      /* number of the one that found it, from 0 */
	/* Of the schedule, which was shrunk; and of the execution that found it. */
	unsigned int context_switches, found_switches;
	unsigned int schedule_steps, found_steps;
	int shrink_executions;	      /* that it took, not among @executions */
	uint64_t state;		      /* a digest of the steps, the events and the memory at the end */
	struct gw_schedule *schedule; /* the caller's, to gw_schedule_free() */

	/* GW_VERDICT_ERROR; of a replay also what was different from the schedule; else "" */
	char error[1024];
};

/* ---- Explorations that were stopped -------------------------------------------------------------- */

/*
 * What gw_verdict.saved says, read back.  It goes on in the program that saved it only.
 * NULL: @error says what is wrong, as PATH:LINE: and a sentence.
 */
struct gw_saved;
struct gw_saved *gw_saved_load(const char *path, char *error, size_t error_size);
void gw_saved_free(struct gw_saved *saved); /* or NULL */

/* ---- Exploring ------------------------------------------------------------------------------- */

struct gw_explore {
	/*
	 * Go on with this one, whose scenario, strategy, seed, guards and bounds gw_saved_request() has
	 * put here; counts go on, budgets begin anew.  NULL: from the beginning.
	 */
	const struct gw_saved *resume;
	bool save; /* a search, when its budget runs out, in gw_verdict.saved */
	const struct gw_scenario *scenario;
	const char *strategy;	 /* NULL: "auto" */
	uint64_t seed;
	uint64_t executions;	 /* budget; 0: no limit */
	double seconds;		 /* budget; 0: no limit */
	unsigned int depth;	 /* of "pct"; 0: 3 */
	/*
	 * Of "dfs": no schedule with more than @preemptions.  Some are left out then, so nothing is
	 * exhausted: GW_VERDICT_BUDGET, and gw_verdict.left_out.
	 */
	bool bounded;
	unsigned int preemptions;
	unsigned int step_bound; /* 0: the scenario's */
	uint64_t guards_off;	 /* bits GW_GUARD_x */
	/*
	 * Before a search, estimate the number of its traces.  Executions that are made for it are not
	 * counted, but what one of them violates is found.
	 */
	bool estimate;
	int profile_lines;	 /* of the pairs of places that race most, in gw_verdict.profile */

	/* Now and then, with what there is so far.  May be NULL. */
	void (*progress)(void *arg, const struct gw_verdict *so_far);
	/* When gw_verdict.estimate is known.  May be NULL. */
	void (*estimated)(void *arg, const struct gw_verdict *so_far);
	/* As often; true: the budget has run out now, and gw_verdict.interrupted.  May be NULL. */
	bool (*interrupted)(void *arg);
	void *arg;
};

void gw_saved_request(const struct gw_saved *saved, struct gw_explore *explore);

/*
 * One of @executions and @seconds must be given.  What is found is replayed once before it is
 * reported; if the replay ends otherwise, the verdict is an error.
 */
void gw_explore(const struct gw_explore *explore, struct gw_verdict *verdict);

/* ---- Schedules ------------------------------------------------------------------------------- */

/*
 * A schedule is text: what to set up, and who ran how many steps in which order.
 * => malloc()ed, NUL-terminated; NULL: out of memory
 */
char *gw_schedule_text(const struct gw_schedule *schedule);
/* NULL: @error says what is wrong, as PATH:LINE: and a sentence. */
struct gw_schedule *gw_schedule_parse(const char *text, size_t len, const char *path, char *error,
				      size_t error_size);
void gw_schedule_free(struct gw_schedule *schedule);
const struct gw_scenario *gw_schedule_scenario(const struct gw_schedule *schedule);
uint64_t gw_schedule_guards_off(const struct gw_schedule *schedule);
unsigned int gw_schedule_step_bound(const struct gw_schedule *schedule);
/* What it violates; "": nothing. */
const char *gw_schedule_invariant(const struct gw_schedule *schedule);

struct gw_step {
	unsigned int number;
	const char *task;
	const char *kind;   /* "lock", "read", ... */
	const char *object; /* "mmap_lock#1"; "": none */
	const char *result; /* "", or what came of it */
	unsigned int arg;   /* by kind: bytes of a word, the bit, the value that is awaited */
	const void *site;   /* address in the core */
};

struct gw_replay {
	const struct gw_schedule *schedule;
	/* In the order in which they were taken; events between the steps that made them. */
	void (*step)(void *arg, const struct gw_step *step);
	void (*event)(void *arg, const struct gw_event *event);
	void *arg;
};

/*
 * GW_VERDICT_VIOLATED: something is violated; GW_VERDICT_EXHAUSTED: nothing is.  If verdict->error is
 * empty, the schedule was followed to its end, and a violation is the same in the same state.  Else
 * it says where the program was another one than the schedule was made with; from there on tasks ran
 * in the schedule's order as far as that was possible, to their ends.
 */
void gw_replay(const struct gw_replay *replay, struct gw_verdict *verdict);

/*
 * What matters of @schedule as text, a column for each task, no wider than @width: steps whose order
 * between tasks nothing else decides, and events, with the functions that they are in.
 * => malloc()ed; NULL: @error says why not
 */
char *gw_story(const struct gw_schedule *schedule, unsigned int width, char *error,
	       size_t error_size);

#ifdef __cplusplus
}
#endif
#endif
