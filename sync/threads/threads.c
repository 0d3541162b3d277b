// SPDX-License-Identifier: MIT
/*
 * threads.c - sleeping, waking and dying, over real threads
 *
 * The fast paths are inline in sync_impl.h; here a task finds that it has to wait.  Every lock
 * sleeps on its own word with a private futex, which compares the word and goes to sleep in one
 * step, so a waker that changes the word first is never missed.
 *
 * Spinlocks sleep too, after a short spin: a TLB flush may wait for another host thread while a
 * page-table lock is held, and spinning through that would burn the CPU the other one needs.
 *
 * Linux: kernel/locking/{mutex,rwsem}.c, kernel/sched/wait_bit.c.
 */
#include "sync.h"

#include "threads.h"
#include "rcu.h"

#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RELAX_SPINS 50 /* pauses before a waiting loop gives its CPU away */

/* Who sleeps on an rwsem's word; a waker names whom it means. */
#define SLEEPS_READER 1u
#define SLEEPS_WRITER 2u
#define SLEEPS_ANY    FUTEX_BITSET_MATCH_ANY

__thread struct task *threads_current;

static __thread struct task self;

static void (*panic_handler)(const char *file, int line, const char *func, const char *message);

/* ---- Tasks ------------------------------------------------------------------------------------- */

void threads_task_attach(const char *name, int cpu)
{
	if (threads_current)
		panic("the thread is task %s already", threads_current->name);
	memset(&self, 0, sizeof(self));
	snprintf(self.name, sizeof(self.name), "%s", name);
	self.cpu = cpu;
	threads_current = &self;
	threads_rcu_register();
}

void threads_task_detach(void)
{
	if (threads_current->held.nr || threads_current->rcu_nesting)
		panic("task %s leaves while it holds %u locks and is in %u RCU sections",
		      threads_current->name, threads_current->held.nr,
		      threads_current->rcu_nesting);
	threads_rcu_unregister();
	threads_current = NULL;
}

void threads_relax(unsigned int spins)
{
	if (spins < RELAX_SPINS)
		__builtin_ia32_pause();
	else
		sched_yield();
}

/* ---- The end of the line -------------------------------------------------------------------------- */

void threads_on_panic(void (*handler)(const char *file, int line, const char *func,
				      const char *message))
{
	panic_handler = handler;
}

static void print_held(const struct held_locks *held)
{
	for (unsigned int i = 0; i < held->nr; i++)
		fprintf(stderr, "  holds %s %p%s\n",
			lock_class_name((enum lock_class)held->held[i].class), held->held[i].lock,
			held->held[i].try ? " (by trylock)" : "");
	if (held->nr_folio)
		fprintf(stderr, "  holds %u more folio locks\n", held->nr_folio);
}

static void print_panic(const char *file, int line, const char *func, const char *message)
{
	void *frames[32];
	int nr = backtrace(frames, ARRAY_SIZE(frames));

	fprintf(stderr, "godwit: panic at %s:%d: %s: %s\n", file, line, func, message);
	if (threads_current) {
		fprintf(stderr, "  task %s on cpu %d\n", threads_current->name,
			threads_current->cpu);
		print_held(&threads_current->held);
	}
	fflush(stderr);
	backtrace_symbols_fd(frames, nr, STDERR_FILENO);
}

void threads_panic(const char *file, int line, const char *func, const char *fmt, ...)
{
	bool again = threads_current && threads_current->panicking;
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (threads_current)
		threads_current->panicking = true;
	if (panic_handler && !again)
		panic_handler(file, line, func, message);
	else
		print_panic(file, line, func, message);
	abort();
}

void threads_lock_violation(const void *lock, enum lock_class class, enum lock_subclass subclass)
{
	const struct held_lock *conflict =
		held_locks_conflict(&threads_current->held, class, subclass);
	char name[32], conflict_name[32], message[256];

	snprintf(name, sizeof(name), "%p", lock);
	snprintf(conflict_name, sizeof(conflict_name), "%p", conflict ? conflict->lock : NULL);
	lock_violation_describe(message, sizeof(message), class, subclass, name, conflict,
				conflict_name);
	panic("%s", message);
}

void threads_held_overflow(void)
{
	panic("more than %d locks held at once", LOCK_HELD_MAX);
}

void threads_not_held(const void *lock, enum lock_class class)
{
	panic("%s %p is not held, or not as it should be", lock_class_name(class), lock);
}

void threads_sleeps_in_atomic(void)
{
	panic("may sleep with %u spinlocks held, in %u RCU sections",
	      threads_current->nr_spinlocks, threads_current->rcu_nesting);
}

/* ---- Futexes --------------------------------------------------------------------------------------- */

/* True: woken.  False: the word was not @expected any more, or a signal came. */
static bool futex_sleep(const void *word, unsigned int expected, unsigned int who)
{
	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, NULL, NULL, who) == 0;
}

static void futex_wake(const void *word, int nr, unsigned int who)
{
	syscall(SYS_futex, word, FUTEX_WAKE_BITSET_PRIVATE, nr, NULL, NULL, who);
}

/* ---- Spinlocks and mutexes --------------------------------------------------------------------------- */

/* Once somebody sleeps the word stays 2 until an unlock, as we cannot know whether others do. */
void threads_word_lock_slow(int *word, unsigned int spins)
{
	for (unsigned int i = 0; i < spins; i++) {
		if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 && threads_word_trylock_(word))
			return;
		__builtin_ia32_pause();
	}
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0)
		futex_sleep(word, 2, SLEEPS_ANY);
}

void threads_word_wake(int *word)
{
	futex_wake(word, 1, SLEEPS_ANY);
}

/* ---- Reader-writer semaphores -------------------------------------------------------------------------- */

/*
 * Nobody starves.  A reader that comes while a writer waits goes to sleep, so the readers drain;
 * a reader that has been woken once may pass waiting writers, so the writers do not form a chain.
 * Readers sleep only while a writer holds or waits, and each writer wakes them when it is done.
 */
void threads_down_read_slow(struct rwsem *sem)
{
	unsigned int blockers = RWSEM_WRITER | RWSEM_WRITERS_WAIT;
	unsigned int old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);

	for (;;) {
		unsigned int new = old & blockers ? old | RWSEM_READERS_SLEEP : old + RWSEM_READER;

		if (old != new &&
		    !__atomic_compare_exchange_n(&sem->state, &old, new, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		if (!(old & blockers))
			return;
		if (futex_sleep(&sem->state, new, SLEEPS_READER))
			blockers = RWSEM_WRITER;
		old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);
	}
}

void threads_down_write_slow(struct rwsem *sem)
{
	unsigned int old =
		__atomic_add_fetch(&sem->state, RWSEM_WRITER_WAITS, __ATOMIC_RELAXED);

	for (;;) {
		if (old & (RWSEM_WRITER | RWSEM_READERS)) {
			futex_sleep(&sem->state, old, SLEEPS_WRITER);
			old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);
		} else if (__atomic_compare_exchange_n(&sem->state, &old,
						       (old - RWSEM_WRITER_WAITS) | RWSEM_WRITER,
						       false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			return;
		}
	}
}

/* @old is the state that the releaser found: whom to wake.  One writer is enough. */
void threads_rwsem_wake(struct rwsem *sem, unsigned int old)
{
	if (old & RWSEM_READERS_SLEEP)
		futex_wake(&sem->state, INT_MAX, SLEEPS_READER);
	if (old & RWSEM_WRITERS_WAIT)
		futex_wake(&sem->state, 1, SLEEPS_WRITER);
}

/* ---- A lock in one bit ------------------------------------------------------------------------------------ */

/* Taken from here the waiters bit stays set: others may sleep, and one wake too many is harmless. */
void threads_bit_lock_slow(atomic_t *word, int bit, int waiters_bit)
{
	int both = 1 << bit | 1 << waiters_bit;
	int old;

	while ((old = __atomic_fetch_or(&word->v, both, __ATOMIC_ACQUIRE)) & 1 << bit)
		futex_sleep(&word->v, (unsigned int)(old | both), SLEEPS_ANY);
}

void threads_bit_wait_slow(atomic_t *word, int bit, int waiters_bit)
{
	int old = __atomic_load_n(&word->v, __ATOMIC_ACQUIRE);

	while (old & 1 << bit) {
		int new = old | 1 << waiters_bit;

		if (old != new &&
		    !__atomic_compare_exchange_n(&word->v, &old, new, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_ACQUIRE))
			continue;
		futex_sleep(&word->v, (unsigned int)new, SLEEPS_ANY);
		old = __atomic_load_n(&word->v, __ATOMIC_ACQUIRE);
	}
}

void threads_bit_wake(atomic_t *word)
{
	futex_wake(&word->v, INT_MAX, SLEEPS_ANY);
}

/* ---- Wait queues ---------------------------------------------------------------------------------------------- */

void threads_wait_sleep(struct wait_queue *queue, unsigned int prepared)
{
	__atomic_fetch_add(&queue->sleepers, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&queue->generation, __ATOMIC_SEQ_CST) == prepared)
		futex_sleep(&queue->generation, prepared, SLEEPS_ANY);
	__atomic_fetch_sub(&queue->sleepers, 1, __ATOMIC_SEQ_CST);
}

void threads_wait_wake(struct wait_queue *queue)
{
	futex_wake(&queue->generation, INT_MAX, SLEEPS_ANY);
}
