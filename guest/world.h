/* SPDX-License-Identifier: MIT */
/*
 * world.h - all that one run owns: machine, platform, processes, the gate that stops everybody
 */
#pragma once

#include <godwit/core.h>

#include <pthread.h>
#include <stdatomic.h>

#include "list.h"
#include "platform.h"

struct file_mappings;
struct process;
struct thread;

/* Virtual CPUs, by what runs on them; guests share those from CPU_GUEST on. */
#define NR_GUEST_CPUS 4
enum world_cpu { CPU_STORM, CPU_MONITOR, CPU_GUEST, NR_CPUS = CPU_GUEST + NR_GUEST_CPUS };

enum migration { MIGRATION_OFF, MIGRATION_STORM, MIGRATION_RATE };

/* One system call of a guest thread, as an observer sees it. */
struct syscall_record {
	struct thread *thread;
	int pid; /* of its process; 0: there is no other */
	long nr;
	const char *name;
	const char *format; /* of the arguments, see guest/syscall/table.c; NULL: unknown */
	const unsigned long *args;
};

/* Who watches a run; every member may be NULL.  Called from the threads that do the work. */
struct observer {
	void *arg;
	void (*syscall_enter)(void *arg, const struct syscall_record *record);
	void (*syscall_exit)(void *arg, const struct syscall_record *record, long result);
	/* The last of @thread, with what wait(2) would say of it. */
	void (*thread_end)(void *arg, struct thread *thread, int pid, int wait_status);
	void (*event)(void *arg, const struct gw_event *event);
};

struct run_options {
	unsigned long memory; /* bytes */
	int overcommit;	      /* vm.overcommit_memory */
	enum migration migration;
	unsigned long migration_rate; /* pages per second */
	bool check;
	uint64_t seed;
	struct observer observer;
	/* What tests of the tests break on purpose; the program has no option for it. */
	unsigned int fault_injection; /* enum platform_fault_injection */
	uint64_t guards_off;	      /* bit GW_GUARD_x */
};

/* How the run went, beyond the program's own end. */
struct run_result {
	int status;	 /* what wait(2) would say of the program */
	bool failed;	 /* Godwit failed and has said so */
	int start_error; /* the program could not be started: errno, and Godwit has said so */
	double wall_seconds;
	unsigned long syscalls;
	unsigned long frames_free;
	unsigned int validations;	 /* made */
	struct gw_validation validation; /* the first that found something, or the last */
	unsigned long counters[GW_NR_COUNTERS];
	struct platform_stats platform;
};

/*
 * The gate: who may touch the machine.  A thread is inside while it runs guest code or calls the
 * core, and outside while it waits in the host for something else.  world_stop() lets those inside
 * come to their next world_pass() or world_leave() and keeps everybody out until world_start().
 *
 * (l) lock
 */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int inside;	  /* (l) */
	bool stopped;	  /* (l) somebody wants everybody out */
	_Atomic bool ask; /* the same, to be looked at without the lock */
};

/*
 * All guest processes, those included that are dead and were not waited for.
 *
 * (l) lock
 */
struct family {
	pthread_mutex_t lock;
	pthread_cond_t changed;	    /* a process has ended */
	struct list_head processes; /* (l) process.link */
	int nr_running;		    /* (l) of those that are not dead */
	int foreground; /* (l) group that has Godwit's terminal while Godwit's own has it */
	_Atomic unsigned int born; /* so far */
};

struct world {
	/* Constant after world_create(). */
	const struct gw_core *core;
	struct run_options options;
	struct platform *platform;
	struct machine *machine;
	void *core_memory;
	size_t core_size;
	unsigned long nr_frames;

	struct gate gate;
	struct file_mappings *files; /* own lock */
	struct family family;	     /* own lock */
	struct process *first;	     /* the program; set before other threads look */

	_Atomic bool ending; /* all guests are gone: the storm and the monitor stop */
	_Atomic bool failed; /* Godwit could not go on; it has said why */
	_Atomic unsigned long nr_syscalls;
	_Atomic unsigned long named_syscalls[16]; /* bitmap: said not to be supported */
	_Atomic unsigned int named;		  /* bitmap of enum unsupported */
};

/* Limits that are named when a program first meets one. */
enum unsupported {
	UNSUPPORTED_SHARED_WRITABLE,
	UNSUPPORTED_MADVISE,
	UNSUPPORTED_PRCTL,
	UNSUPPORTED_IOCTL,
	UNSUPPORTED_FCNTL,
	UNSUPPORTED_KILL,
	UNSUPPORTED_PROC,
	UNSUPPORTED_CLONE,
};

/* => -errno, and Godwit has said why */
int world_create(const struct run_options *options, struct world **world);
void world_destroy(struct world *world);

/* True once for each @what: the caller then names it. */
bool world_first_time(struct world *world, enum unsupported what);

void world_enter(struct world *world);
void world_leave(struct world *world);
/* A point where the caller, inside, can be stopped; it holds nothing of the core. */
void world_pass(struct world *world);

/* Everybody else is outside on return.  => called from outside */
void world_stop(struct world *world);
void world_start(struct world *world);

/* Check the whole machine, and keep the first thing found in @result.  => nothing else runs */
void world_validate(struct world *world, struct run_result *result);
