/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what stress tests share: a machine over real threads, a deadline, a verdict
 *
 * A worker is a host thread that is a task of the core on a virtual CPU of its own.  Whoever finds
 * something wrong calls rig_fail(), from any thread; the core's own panics abort.
 */
#pragma once

#include <godwit/core.h>

#include <pthread.h>
#include <stdatomic.h>

#include "compiler.h"
#include "prng.h"

#define RIG_WORKERS_MAX 8

struct rig;

struct worker {
	struct rig *rig;
	const char *name;
	int cpu;
	void (*run)(struct worker *worker);
	void *arg;
	struct prng prng;
	unsigned long rounds; /* what the worker did, for the verdict */
	pthread_t thread;
};

struct rig {
	const struct gw_core *core;
	struct machine *machine;
	unsigned long nr_frames;
	unsigned long free_at_start;
	void *frames, *core_memory;
	size_t core_size;
	double seconds;
	uint64_t seed;
	uint64_t guards_off;
	double deadline;
	struct worker workers[RIG_WORKERS_MAX];
	int nr_workers;
};

/*
 * --seconds=N (5), --seed=N (1), --frames=N (4096), --without=GUARD; anything else ends the program.
 * Makes the machine, with freed frames poisoned, and the caller a task on CPU 0.
 */
void rig_create(struct rig *rig, int argc, char **argv);

struct worker *rig_add(struct rig *rig, const char *name, int cpu,
		       void (*run)(struct worker *worker), void *arg);
/* Start all workers, wait until the deadline has passed and they are done. */
void rig_run(struct rig *rig);
bool rig_time_is_up(const struct rig *rig);

/* Nothing runs: the machine must be valid, with no migration entry left.  */
void rig_validate(struct rig *rig);
/* Every frame must be free again; prints what was done. */
void rig_destroy(struct rig *rig);

__noreturn __printf(1, 2) void rig_fail(const char *fmt, ...);

#define RIG_CHECK(cond, ...)                                                                       \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			rig_fail(__VA_ARGS__);                                                     \
	} while (0)

/* A worker that migrates everything all the time, in all modes. */
void rig_migrate_all(struct worker *worker);
