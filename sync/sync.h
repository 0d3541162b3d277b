/* SPDX-License-Identifier: MIT */
/*
 * sync.h - the core's only words for concurrency
 *
 * The memory manager (mm/, exec/) is compiled twice from the same sources: over sync/threads
 * (pthreads, C11 atomics, futexes, liburcu) and over sync/explored (coroutines under a scheduler
 * that decides, records and replays every step).  This file declares the verbs; the back-end's
 * folder, found through the include path, supplies the types (sync_types.h) and the bodies
 * (sync_impl.h).  Nothing outside sync/ knows which one it is.
 *
 * What holds of every verb:
 * => a task runs on a virtual CPU, task_cpu(); the host's CPU number is never used
 * => a lock belongs to a class (lock_class.h), and the order of classes is checked at run time
 * => in the explored back-end each verb is a scheduling point with a known object and kind;
 *    a blocked task is not runnable until its condition can hold (nothing polls)
 * => memory shared without a lock is touched only through READ_ONCE, WRITE_ONCE and the atomics
 * => a sleeping verb must not be called with a spinlock held; might_sleep() checks it
 */
#pragma once

#include "compiler.h"
#include "lock_class.h"

struct task;

typedef struct {
	int v;
} atomic_t;

typedef struct {
	long v;
} atomic_long_t;

/* A statistic: additions commute and the core never reads it, so it is no scheduling point. */
struct counter {
	unsigned long v;
};

#define SYNC_VERB static inline

/*
 * Every back-end gives struct spinlock, mutex, rwsem, seqcount, wait_queue, rcu_head, and
 * SYNC_CORE(name), the name under which this compilation exports its entry table.
 */
#include "sync_types.h"

/* ---- Tasks ---------------------------------------------------------------------------------- */

/* The running task; never NULL inside the core. */
SYNC_VERB struct task *task_current(void);
SYNC_VERB const char *task_name(void);
SYNC_VERB int task_cpu(void);

/* Move the running task to virtual CPU @cpu; no spinlock may be held. */
SYNC_VERB void task_set_cpu(int cpu);

/* Let others run; for retry loops that hold nothing.  A progress hint, never needed for safety. */
SYNC_VERB void task_yield(void);

/* Complain if the running task holds a spinlock. */
SYNC_VERB void might_sleep(void);

/*
 * The end of the line: a broken invariant.  Threads: print, dump and abort.  Explored: record the
 * finding with its schedule and abandon the execution.
 */
__noreturn __printf(4, 5) void SYNC_CORE(panic)(const char *file, int line, const char *func,
						const char *fmt, ...);

#define panic(...) SYNC_CORE(panic)(__FILE__, __LINE__, __func__, __VA_ARGS__)

/* Always compiled in.  For programmer errors; guest input is never asserted. */
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("assertion failed: %s", #cond);                                      \
	} while (0)

/* The same with the values that explain it. */
#define ASSERT_MSG(cond, ...)                                                                      \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("assertion failed: " #cond ": " __VA_ARGS__);                        \
	} while (0)

/*
 * A choice that belongs to the schedule: a number in [0, @bound).  Threads: always 0.
 * Explored: decided by the strategy, recorded and replayed.
 */
SYNC_VERB unsigned int sync_choose(unsigned int bound);

/* ---- Plain shared words --------------------------------------------------------------------- */

/* READ_ONCE(x), WRITE_ONCE(x, v), smp_load_acquire(p), smp_store_release(p, v): macros, any word */

SYNC_VERB int atomic_read(const atomic_t *a);
SYNC_VERB void atomic_set(atomic_t *a, int v); /* not ordered; for initialisation */
SYNC_VERB void atomic_inc(atomic_t *a);
SYNC_VERB void atomic_dec(atomic_t *a);
SYNC_VERB int atomic_add_return(atomic_t *a, int v);   /* fully ordered, as all below */
SYNC_VERB bool atomic_dec_and_test(atomic_t *a);       /* true when it reached 0 */
SYNC_VERB bool atomic_inc_not_zero(atomic_t *a);       /* false, and nothing done, at 0 */
SYNC_VERB int atomic_cmpxchg(atomic_t *a, int old, int new); /* the value found */
SYNC_VERB int atomic_fetch_or(atomic_t *a, int bits);
SYNC_VERB int atomic_fetch_and(atomic_t *a, int bits);

SYNC_VERB long atomic_long_read(const atomic_long_t *a);
SYNC_VERB void atomic_long_set(atomic_long_t *a, long v);
SYNC_VERB long atomic_long_add_return(atomic_long_t *a, long v);

/* Wait, running, until @a is @v; others write it.  Linux: atomic_cond_read_acquire() */
SYNC_VERB void atomic_await(const atomic_t *a, int v);

SYNC_VERB void counter_add(struct counter *counter, long n);

/* ---- Who owns memory ------------------------------------------------------------------------- */

/*
 * What allocators say: @size bytes at @at, a multiple of 8 both, are somebody's from now on, or
 * nobody's.  Explored: whoever touches what is nobody's has a finding.  Threads: nothing.
 */
SYNC_VERB void memory_handed_out(const void *at, size_t size, const char *what);
SYNC_VERB void memory_taken_back(const void *at, size_t size);
/* For reports: @nr things of @size bytes each. */
SYNC_VERB void memory_named(const void *at, size_t nr, size_t size, const char *what);

/* ---- Spinlocks: held briefly, never across a sleeping verb ----------------------------------- */
/* sync/threads makes them adaptive futex locks, because a TLB flush may sleep under a table lock. */

SYNC_VERB void spin_lock_init(struct spinlock *lock, enum lock_class class);
SYNC_VERB void spin_lock(struct spinlock *lock);
SYNC_VERB void spin_lock_nested(struct spinlock *lock, enum lock_subclass subclass);
SYNC_VERB bool spin_trylock(struct spinlock *lock);
SYNC_VERB void spin_unlock(struct spinlock *lock);
SYNC_VERB void spin_assert_held(const struct spinlock *lock);

/* ---- Mutexes and reader-writer semaphores: may sleep ----------------------------------------- */

SYNC_VERB void mutex_init(struct mutex *lock, enum lock_class class);
SYNC_VERB void mutex_lock(struct mutex *lock);
SYNC_VERB bool mutex_trylock(struct mutex *lock);
SYNC_VERB void mutex_unlock(struct mutex *lock);

/*
 * Readers share, a writer excludes.  Which waiter is granted is left open: the explored back-end
 * explores every grant that Linux can give without writer hand-off.
 */
SYNC_VERB void rwsem_init(struct rwsem *sem, enum lock_class class);
SYNC_VERB void down_read(struct rwsem *sem);
SYNC_VERB bool down_read_trylock(struct rwsem *sem);
SYNC_VERB void up_read(struct rwsem *sem);
SYNC_VERB void down_write(struct rwsem *sem);
SYNC_VERB void down_write_nested(struct rwsem *sem, enum lock_subclass subclass);
SYNC_VERB bool down_write_trylock(struct rwsem *sem);
SYNC_VERB void up_write(struct rwsem *sem);
SYNC_VERB void downgrade_write(struct rwsem *sem);
SYNC_VERB void rwsem_assert_held(const struct rwsem *sem); /* for read or write */
SYNC_VERB void rwsem_assert_held_write(const struct rwsem *sem);

/* ---- A lock in one bit of an atomic word, with its waiters in another -------------------------- */
/* The folio lock (PG_locked, PG_waiters).  Whoever holds it may hand it to another task to unlock. */

SYNC_VERB void bit_lock(atomic_t *word, int bit, int waiters_bit, enum lock_class class);
SYNC_VERB bool bit_trylock(atomic_t *word, int bit, enum lock_class class);
SYNC_VERB void bit_unlock(atomic_t *word, int bit, int waiters_bit, enum lock_class class);
/* Sleep until the bit has been seen clear; it may be set again on return. */
SYNC_VERB void bit_wait(atomic_t *word, int bit, int waiters_bit);

/* ---- Sequence counts: the writer is serialised by something else ------------------------------ */

SYNC_VERB void seqcount_init(struct seqcount *seq);
SYNC_VERB unsigned int read_seqcount_begin(const struct seqcount *seq);
SYNC_VERB bool read_seqcount_retry(const struct seqcount *seq, unsigned int start);
SYNC_VERB void write_seqcount_begin(struct seqcount *seq);
SYNC_VERB void write_seqcount_end(struct seqcount *seq);

/* ---- Wait queues ------------------------------------------------------------------------------ */

SYNC_VERB void wait_queue_init(struct wait_queue *queue);
/*
 * wait_event(queue, cond): sleep until @cond, which is evaluated again after each wake_up().
 * The order is Linux's: note the queue's generation, test, sleep while it has not moved.
 */
SYNC_VERB unsigned int wait_prepare(struct wait_queue *queue);
SYNC_VERB void wait_sleep(struct wait_queue *queue, unsigned int prepared);
SYNC_VERB void wake_up_all(struct wait_queue *queue);

#define wait_event(queue, cond)                                                                    \
	do {                                                                                       \
		might_sleep();                                                                     \
		for (;;) {                                                                         \
			unsigned int prepared_ = wait_prepare(queue);                              \
			if (cond)                                                                  \
				break;                                                             \
			wait_sleep(queue, prepared_);                                              \
		}                                                                                  \
	} while (0)

/* ---- RCU -------------------------------------------------------------------------------------- */

/* rcu_dereference(p), rcu_assign_pointer(p, v): macros, any pointer */
SYNC_VERB void rcu_read_lock(void);
SYNC_VERB void rcu_read_unlock(void);
SYNC_VERB void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
SYNC_VERB void synchronize_rcu(void);
/* Wait until every callback queued so far has run. */
SYNC_VERB void rcu_barrier(void);

#include "sync_impl.h"
