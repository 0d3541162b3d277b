/* SPDX-License-Identifier: MIT */
/*
 * execution.h - what explored.c, verbs.c and rcu.c know of one another
 */
#pragma once

#include "sync.h"

#include "coroutine.h"
#include "explored.h"
#include "watch.h"

#include <setjmp.h>
#include <stdarg.h>

#define RUNNERS_MAX EXPLORED_RUNNERS_MAX

BUILD_ASSERT(RUNNERS_MAX <= 32); /* bits of a mask */

struct task {
	char name[16];
	int cpu;
	int home_cpu;	  /* where it begins */
	unsigned char id; /* number in explored->tasks */
	bool in_callback; /* an RCU task, while a callback runs */

	struct explored_step next;
	unsigned long until; /* RCU clock: what it waits for, or the callback that it runs */

	unsigned int nr_spinlocks;
	unsigned int rcu_nesting;
	unsigned long rcu_since; /* explored_rcu.clock when the outermost section was entered */
	struct held_locks held;

	const void *frame; /* of explored_point(), while it is parked there */
	struct coroutine coroutine;
	void (*func)(void *arg);
	void *arg;
};

/*
 * Grace periods by one clock.  It ticks when a section is entered and when a callback is queued: a
 * grace period that began at time t is over when no task is in a section that was entered at or
 * before t, and the time of a callback is its number.
 */
struct explored_rcu {
	unsigned long clock;
	struct callbacks {
		struct rcu_head *first, **last; /* oldest first, as one CPU of Linux runs them */
	} cpus[EXPLORED_CPUS_MAX];
};

struct explored {
	struct explored_shown shown;
	struct explored_config config;
	int nr_tasks;	      /* the driver's */
	struct task *running; /* never NULL */
	bool scheduling;      /* @running is a coroutine; else it is @setup */

	const struct explored_strategy *strategy;
	void *strategy_arg;

	struct explored_step *steps;
	unsigned int nr_steps;

	/* Who takes the step that was recorded last, or how the execution ended. */
	enum { UNDECIDED, DECIDED, ENDED } decision;
	struct task *decided;
	enum explored_end end;

	bool found;
	struct explored_finding finding;
	jmp_buf *call; /* of explored_call() */

	bool promotes;	     /* some plain accesses are steps: explored_promote() */
	struct watch *watch; /* NULL: plain accesses are not looked at */
	struct explored_rcu rcu;
	struct task setup;
	/* The driver's from 0, those for RCU from config.nr_tasks by CPU. */
	struct task tasks[RUNNERS_MAX];
};

/* The one mutable variable of this back-end that no execution owns: which execution this is. */
extern __thread struct explored *explored_current __attribute__((tls_model("initial-exec")));

static inline bool task_is_live(const struct explored *x, const struct task *task)
{
	return x->shown.live >> task->id & 1;
}

static inline void task_set_live(struct explored *x, const struct task *task, bool live)
{
	x->shown.live = (x->shown.live & ~(1u << task->id)) | (uint32_t)live << task->id;
}

/* ---- explored.c ------------------------------------------------------------------------------------ */

/*
 * The running task is about to do @step: come back when it is its turn.
 * => the operation is possible: an await has been granted
 *
 * Inline, so that the step is made where it is looked at: a copy of what has just been written in
 * parts costs more than all the rest.
 */
void explored_stop(struct explored *x);
static inline void explored_point(struct explored *x, struct explored_step step)
{
	x->running->next = step;
	explored_stop(x);
}

/* What came of the step that the running task has just been given. */
void explored_step_result(struct explored *x, unsigned int value);

/* The operation that @task will do next is possible now. */
bool explored_enabled(const struct explored *x, const struct task *task);

/* A finding that is not the core's own panic(): the verbs were used wrongly. */
__noreturn __printf(2, 3) void explored_misuse(enum explored_finding_kind kind, const char *fmt,
					       ...);

/* The same, and which places of the code "@1", "@2" and "@3" in it are. */
__noreturn __printf(3, 4) void explored_misuse_at(enum explored_finding_kind kind,
						  const void *const sites[3], const char *fmt, ...);

/* The driver broke a rule: there is no execution to blame. */
__noreturn __printf(1, 2) void explored_die(const char *fmt, ...);

/* ---- verbs.c --------------------------------------------------------------------------------------- */

bool explored_verb_enabled(const struct explored_step *next);

/* ---- rcu.c ----------------------------------------------------------------------------------------- */

void explored_rcu_init(struct explored *x);
/* Run the callbacks that are queued, as the set-up task. */
void explored_rcu_settle(struct explored *x);
bool explored_rcu_enabled(const struct explored *x, const struct task *task);
