/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - for those who write scenarios
 *
 * A scenario's functions call the core through world->core, as tasks of the explored back-end.
 * They keep what they need in world->data, which is put back with the machine before every
 * execution: nothing of theirs may live elsewhere, and nothing may be allocated elsewhere.
 */
#pragma once

#include <godwit/core.h>
#include <godwit/explore.h>

#include "compiler.h"
#include "explored.h"
#include "sync.h"

struct scenario_task;

struct world {
	const struct gw_core *core;
	const struct gw_scenario *scenario;
	const struct scenario_task *task; /* who runs; NULL: set-up or check */
	struct machine *machine;
	void *data; /* scenario->data_size bytes, zero before set-up */
};

struct scenario_task {
	const char *name; /* short: "E" */
	int cpu;
	void (*run)(struct world *world);
	/*
	 * A function of the core.  The task runs alone, before the race begins, to its first step in
	 * it; NULL: the race begins with the task's first step.
	 */
	const char *start_at;
};

#define SCENARIO_TASKS_MAX GW_SCENARIO_TASKS_MAX

struct gw_scenario {
	const char *name;
	const char *summary; /* one line */
	uint64_t guards;     /* bits GW_GUARD_x: what it is about */
	/* Words of the message that must come: without the guards, or with the design; NULL: none need. */
	const char *breaks;
	const struct gw_design *design; /* in the place of the core's own; NULL: none */
	uint64_t instead_of;		/* bits GW_GUARD_x: off, as the design is to do their work */

	/* The machine: frames for guests, and the rest of its configuration; 0: a small default. */
	unsigned long nr_frames;
	int nr_cpus;
	unsigned long task_size;
	int migrate_passes, migrate_batch;
	int overcommit; /* vm.overcommit_memory, plus 1; 0: always */
	uint64_t seed;
	unsigned int step_bound;
	bool no_poison;	      /* freed frames keep what was in them */
	bool early_callbacks; /* RCU callbacks may run whenever a grace period is over; else at the end */
	size_t data_size;

	/* Make what the tasks race on.  Runs once, as the set-up task. */
	void (*setup)(struct world *world);
	/* Up to the first without a name. */
	struct scenario_task tasks[SCENARIO_TASKS_MAX];
	/*
	 * After an execution in which every task ended, as the set-up task on CPU 0: what must hold.
	 * The machine has been validated already; what panics here after that failed is reported as
	 * the consequence.  May be NULL.
	 */
	void (*check)(struct world *world);

	struct scenario_text *text; /* what it was read from; NULL: it is written in C */
};

/* What must hold does not: ends the execution, from a task, set-up or check. */
#define scenario_fail(...) explored_panic(__FILE__, __LINE__, __func__, __VA_ARGS__)
#define scenario_expect(cond, ...)                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			scenario_fail(__VA_ARGS__);                                                \
	} while (0)

/* The designs of races/, one after another; NULL: no more. */
const struct gw_design *design_at(size_t nth);

/* ---- A file in memory ------------------------------------------------------------------------ */

struct memory_file {
	const void *bytes; /* constant */
	size_t size;
};

/* A mapping of @file, which must outlive it; a reference for the caller. */
int memory_file_map(struct world *world, const struct memory_file *file, const char *name,
		    struct mapping **mapping) __must_check;
/* Shared memory of @size bytes. */
int shared_memory_create(struct world *world, size_t size, const char *name,
			 struct mapping **mapping) __must_check;

/* ---- A file that can be written: it lies in world->data ------------------------------------------ */

struct disk {
	struct spinlock lock; /* LOCK_DISK: all of it.  Each access is a step. */
	size_t size, room;    /* bytes */
	unsigned char *bytes; /* @room of them; those beyond @size are zero */
};

/* @disk's bytes are @file's at first.  A reference for the caller. */
int disk_map(struct world *world, struct disk *disk, const struct memory_file *file,
	     const char *name, struct mapping **mapping) __must_check;
/* The word at @offset, or 0 beyond the end. */
uint64_t disk_word(struct disk *disk, size_t offset);
