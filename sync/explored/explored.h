/* SPDX-License-Identifier: MIT */
/*
 * explored.h - for those who drive the core's explored copy: executions, steps and strategies
 *
 * A struct explored is a place where executions happen.  Its driver attaches it to a host thread,
 * sets a machine up by calling the core (a call outside of an execution runs as the set-up task,
 * without scheduling), adds tasks, and runs them under a strategy as often as it likes, putting
 * the machine's memory back in between.
 *
 * Execution: each verb of sync.h stops its task before the operation.  The strategy picks one of
 * the tasks whose operation is possible; that task does it and runs on, alone, to its next verb.
 * So a step is one operation on one object, and the strategy sees what every task will do next.
 * No system call is made in a step.
 *
 * The memory model is sequential consistency.  Grants are free: whoever waits for a lock may get
 * it, in any order, as on Linux without hand-off.  Tasks of one CPU are not kept from running
 * while another of them holds a spinlock, which allows more than Linux does.
 */
#pragma once

#include "compiler.h"

/* What a step does to its object.  Await: the task waits, without polling, until it is possible. */
#define EXPLORED_KINDS(X)                                                                          \
	X(BEGIN, "begin")		/* a task starts; its own object */                        \
	X(READ, "read")			/* a word; @arg bytes */                                   \
	X(WRITE, "write")                                                                          \
	X(MODIFY, "modify")		/* an atomic read-modify-write */                          \
	X(LOCK, "lock")			/* spinlock or mutex; await free */                        \
	X(TRYLOCK, "trylock")		/* @value: got it; so for all trylocks */                  \
	X(UNLOCK, "unlock")                                                                        \
	X(READ_LOCK, "read-lock")	/* rwsem; await no writer */                               \
	X(READ_TRYLOCK, "read-trylock")                                                            \
	X(READ_UNLOCK, "read-unlock")                                                              \
	X(WRITE_LOCK, "write-lock")	/* await neither writer nor reader */                      \
	X(WRITE_TRYLOCK, "write-trylock")                                                          \
	X(WRITE_UNLOCK, "write-unlock")                                                            \
	X(DOWNGRADE, "downgrade")                                                                  \
	X(BIT_LOCK, "bit-lock")		/* bit @arg of a word; await clear */                      \
	X(BIT_TRYLOCK, "bit-trylock")                                                              \
	X(BIT_UNLOCK, "bit-unlock")                                                                \
	X(BIT_WAIT, "bit-wait")		/* await bit @arg clear, and leave it */                   \
	X(SEQ_BEGIN, "seq-begin")	/* await an even count */                                  \
	X(AWAIT, "await")		/* a word; await that it is @arg */                        \
	X(WAIT_PREPARE, "wait-prepare") /* read a wait queue's generation */                       \
	X(WAIT_SLEEP, "wait-sleep")	/* await a generation other than @arg */                   \
	X(WAKE, "wake")			/* move the generation */                                  \
	X(RCU_READ_LOCK, "rcu-read-lock")	/* the outermost; all RCU steps have one object */ \
	X(RCU_READ_UNLOCK, "rcu-read-unlock")                                                      \
	X(RCU_CALL, "call-rcu")		/* a grace period begins; @value: on which CPU */          \
	X(RCU_CALLBACK, "rcu-callback") /* await its end; of the RCU task of CPU @arg */           \
	X(RCU_SYNC_BEGIN, "rcu-sync-begin") /* a grace period begins */                            \
	X(RCU_SYNC_END, "rcu-sync-end")	/* await its end */                                        \
	X(RCU_BARRIER_BEGIN, "rcu-barrier-begin") /* note the callbacks that are queued */         \
	X(RCU_BARRIER_END, "rcu-barrier-end") /* await that they have run */                       \
	X(CHOOSE, "choose")		/* @value: below @arg; no object */                        \
	X(YIELD, "yield")		/* no object */

enum explored_kind {
#define X(id, name) EXPLORED_##id,
	EXPLORED_KINDS(X)
#undef X
	EXPLORED_NR_KINDS
};

const char *explored_kind_name(enum explored_kind kind);
/* -1: no kind has this name. */
int explored_kind_parse(const char *name, size_t len);

struct explored_step {
	const void *object;  /* the word or lock; NULL: none */
	const void *site;    /* where in the core: the address that the verb returned to */
	unsigned int arg;    /* by kind */
	unsigned int value;  /* what came of it, by kind; of a step that was taken */
	unsigned char task;  /* its number */
	unsigned char kind;  /* enum explored_kind */
	unsigned char class; /* enum lock_class of a lock; EXPLORED_NO_CLASS */
	bool plain;	     /* no verb: a plain access to what explored_promote() made an object */
};

#define EXPLORED_NO_CLASS 0xff

/* ---- A place for executions ------------------------------------------------------------------------ */

#define EXPLORED_TASKS_MAX   24
#define EXPLORED_CPUS_MAX    16
#define EXPLORED_RUNNERS_MAX 32 /* both together: bits of @runnable */

struct explored_config {
	int nr_tasks;		 /* at most; the RCU tasks, one per CPU, come on top */
	int nr_cpus;
	size_t stack_size;	 /* bytes of each task's stack; 0: 64 KiB */
	/*
	 * RCU callbacks begin only when no other task can go on, and one after the other: a grace
	 * period that is as long as can be.  It leaves out what a callback could do to others.
	 */
	bool late_callbacks;
	/* Leave lock order and sleeping in atomic sections unchecked: programs that are no kernel. */
	bool unchecked;
	unsigned int step_bound; /* an execution of so many steps makes no progress; 0: 65536 */
};

struct explored;

size_t explored_size(const struct explored_config *config);
/* @memory: explored_size() bytes, 64-byte aligned, which stay where they are. */
struct explored *explored_create(void *memory, const struct explored_config *config);

/* The calling thread uses @x from now on: verbs of sync.h may be called.  NULL: no more. */
void explored_attach(struct explored *x);

/* A task of every execution from now on; its number.  Both are numbered from 0 in order. */
int explored_add_task(struct explored *x, const char *name, int cpu, void (*func)(void *arg),
		      void *arg);
/* With RCU tasks, which come after these: task numbers are below this. */
int explored_nr_runners(const struct explored *x);
unsigned int explored_step_bound(const struct explored *x);
bool explored_late_callbacks(const struct explored *x);
const char *explored_name_of(const struct explored *x, int task);

/*
 * Run @func as the set-up task, on @cpu, then the RCU callbacks that are queued.
 * => false: it panicked, and explored_finding() says how
 */
bool explored_call(struct explored *x, int cpu, void (*func)(void *arg), void *arg);

/* ---- Executions --------------------------------------------------------------------------------------- */

/* How an execution ended. */
enum explored_end {
	EXPLORED_COMPLETE,  /* every task has ended and every callback has run */
	EXPLORED_FOUND,	    /* explored_finding() */
	EXPLORED_ABANDONED, /* by the strategy */
};

/*
 * All are called between steps, on the driver's stack or, if @shallow, on that of a task.
 * @runnable: bit t is task t, RCU tasks included; never 0.
 */
struct explored_strategy {
	/* The task to step, or -1: abandon this execution. */
	int (*pick)(void *arg, struct explored *x, uint32_t runnable);
	/* sync_choose(): a number below @bound, or -1: abandon. */
	int (*choose)(void *arg, struct explored *x, unsigned int bound);
	/* The execution is over; explored_next() still tells what blocked tasks wait for.  Or NULL. */
	void (*end)(void *arg, struct explored *x, enum explored_end end);
	bool shallow; /* pick() and choose() need no more than 4 KiB of stack */
};

/* From the tasks' beginnings.  Nothing may be held, waited for or queued. */
enum explored_end explored_run(struct explored *x, const struct explored_strategy *strategy,
			       void *arg);

/*
 * The same in two parts: begin, then go on as often as it takes.  An execution that the strategy
 * abandons stays as it is, so that explored_snapshot() can keep it; explored_rewind() comes back.
 * Its steps are forgotten: the next one is the first.
 */
void explored_begin(struct explored *x);
enum explored_end explored_continue(struct explored *x, const struct explored_strategy *strategy,
				    void *arg);
struct explored_snapshot;
/* NULL: out of memory */
struct explored_snapshot *explored_snapshot(struct explored *x);
void explored_rewind(struct explored *x, const struct explored_snapshot *snapshot);
void explored_snapshot_free(struct explored_snapshot *snapshot);

/* Is it possible now? */
bool explored_can_run(const struct explored *x, int task);

/* What strategies look at in each step; the first member of struct explored. */
struct explored_shown {
	uint32_t live; /* tasks that have a next step, a bit each */
	const struct explored_step *next[EXPLORED_RUNNERS_MAX];
};

/* Of all tasks, those for RCU included, a bit each: it has not ended, and has something to do. */
static inline uint32_t explored_live(const struct explored *x)
{
	return ((const struct explored_shown *)x)->live;
}

/* What task @task will do next; NULL: it has ended, or is an RCU task with nothing to do. */
static inline const struct explored_step *explored_next(const struct explored *x, int task)
{
	const struct explored_shown *shown = (const struct explored_shown *)x;

	if ((unsigned int)task >= EXPLORED_RUNNERS_MAX || !(shown->live >> task & 1))
		return NULL;
	return shown->next[task];
}

/*
 * The addresses that @task, which is about to take a step, will return to, the innermost first; some
 * are in the verb itself.
 * => how many
 */
int explored_callers(const struct explored *x, int task, const void **callers, int max);
/* The same for the running task, which the core has called the host from: @frame is the host's. */
int explored_callers_of_frame(const struct explored *x, const void *frame, const void **callers,
			      int max);

/* The steps of this execution so far. */
const struct explored_step *explored_steps(const struct explored *x);
unsigned int explored_nr_steps(const struct explored *x);

/* ---- Plain accesses ------------------------------------------------------------------------------------- */

/*
 * The core's loads and stores that are no verbs are no steps.  They are watched instead, if the
 * code was compiled with the compiler's thread instrumentation: two of them that conflict and that
 * nothing orders are a finding, and so is one to what has been freed.
 *
 * Watch those to [@base, @base + @size) from now on; before the core sets anything up there.
 * => -ENOMEM
 */
int explored_watch(struct explored *x, void *base, size_t size) __must_check;
void explored_unwatch(struct explored *x);
/* Nobody's accesses are looked at while it is off.  What is alive is kept track of all the same. */
void explored_watch_accesses(struct explored *x, bool on);

/* Where the race of the last execution was.  @offset from @base. */
struct explored_racing {
	size_t offset, size;
	char name[80];
};

/* => false: that was no race */
bool explored_racing(const struct explored *x, struct explored_racing *racing);
/*
 * From now on accesses to the range are steps, on one object: whatever their order, each is tried.
 * => false: too many, or out of bounds
 */
bool explored_promote(struct explored *x, size_t offset, size_t size) __must_check;

/* ---- Findings ------------------------------------------------------------------------------------------- */

#define EXPLORED_FINDINGS(X)                                                                       \
	X(ASSERTION, "assertion")	/* panic() */                                              \
	X(LOCK_ORDER, "lock-order")                                                                \
	X(LOCK_MISUSE, "lock-misuse")	/* not held, held too long, sleeping in atomic context */  \
	X(DEADLOCK, "deadlock")                                                                    \
	X(LOST_WAKE_UP, "lost-wake-up") /* a deadlock in which somebody sleeps on a wait queue */  \
	X(LIVELOCK, "livelock")		/* the step bound was reached */                           \
	X(DATA_RACE, "data-race")	/* a plain access that nothing orders with another */      \
	X(USE_AFTER_FREE, "use-after-free")

enum explored_finding_kind {
#define X(id, name) EXPLORED_##id,
	EXPLORED_FINDINGS(X)
#undef X
	EXPLORED_NR_FINDINGS
};

const char *explored_finding_name(enum explored_finding_kind kind);

/* Free of addresses, so that a replay finds the same words. */
struct explored_finding {
	enum explored_finding_kind kind;
	char task[16];	  /* who; "": nobody in particular */
	const char *file; /* of panic(); "": not from the core */
	const char *func;
	int line;
	/* "@1" in the message stands for the code at the first, and so on.  NULL: none. */
	const void *sites[3];
	char message[512];
};

/* For a task's own expectations: as the core's panic(), which is this. */
__noreturn __printf(4, 5) void explored_panic(const char *file, int line, const char *func,
					      const char *fmt, ...);

/* The last execution ended because nobody could go on. */
bool explored_deadlocked(const struct explored *x);

/* Of the last execution or call; NULL: none. */
const struct explored_finding *explored_finding(const struct explored *x);
