// SPDX-License-Identifier: MIT
/*
 * rcu.c - read-copy-update over liburcu's memb flavour
 *
 * The only file that sees liburcu, and it cannot include sync.h, whose struct rcu_head has the
 * library's name.
 *
 * Callbacks are queued and run here, not by the library, whose own thread sleeps 10 ms before each
 * batch: a program that frees much and waits for it (an allocation that finds no frame, a validation)
 * would wait that long each time.  Here too a batch waits for company, but whoever calls
 * rcu_barrier() runs what is queued himself, at once.
 *
 * Invariant: callbacks take no lock that anybody holds who may call rcu_barrier(); spinlocks only.
 *
 * ThreadSanitizer does not see into the library.  What a grace period orders is told to it here:
 * everything before a read_unlock comes before the end of a grace period that waited for it.
 */
#include "rcu.h"

#include "compiler.h"
#include "threads.h"

#include <pthread.h>
#include <time.h>
#include <urcu/urcu-memb.h>

/*
 * The library's header allows these few lines to be inlined anywhere: see its comments there.
 * Under ThreadSanitizer they stay in the library, like the other side of the same accesses.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define reader_enter()	    urcu_memb_read_lock()
#define reader_leave()	    urcu_memb_read_unlock()
#define order_release(addr) __tsan_release(addr)
#define order_acquire(addr) __tsan_acquire(addr)
#else
#include <urcu/static/urcu-memb.h>
#define reader_enter()	    _urcu_memb_read_lock()
#define reader_leave()	    _urcu_memb_read_unlock()
#define order_release(addr) ((void)(addr))
#define order_acquire(addr) ((void)(addr))
#endif

/* A batch waits this long for company, so that one grace period serves many callbacks ... */
#define BATCH_WAIT_NS 10000000
/* ... unless there are so many. */
#define BATCH_ENOUGH  512

/* struct rcu_head of sync_types.h, from this side. */
struct threads_rcu_head {
	struct threads_rcu_head *next;
	void (*func)(struct threads_rcu_head *head);
};

/*
 * One for the process, as the library's domain is.
 *
 * (l) lock
 */
static struct {
	pthread_mutex_t running; /* held by who runs a batch; outside lock */
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct threads_rcu_head *first; /* (l) */
	struct threads_rcu_head *last;	/* (l) valid while there is a first */
	unsigned int nr;		/* (l) */
	bool has_thread;		/* (l) */
} callbacks = {
	.running = PTHREAD_MUTEX_INITIALIZER,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.some = PTHREAD_COND_INITIALIZER,
};

void threads_rcu_read_lock(void);
void threads_rcu_read_unlock(void);
void threads_call_rcu(struct threads_rcu_head *head, void (*func)(struct threads_rcu_head *head));
void threads_synchronize_rcu(void);
void threads_rcu_barrier(void);

/* What the sanitizer takes for the grace period: no memory of ours is at it. */
static void *grace_period(void)
{
	static char address;

	return &address;
}

void threads_rcu_register(void)
{
	urcu_memb_register_thread();
}

void threads_rcu_unregister(void)
{
	urcu_memb_unregister_thread();
}

void threads_rcu_read_lock(void)
{
	reader_enter();
}

void threads_rcu_read_unlock(void)
{
	order_release(grace_period());
	reader_leave();
}

void threads_synchronize_rcu(void)
{
	urcu_memb_synchronize_rcu();
	order_acquire(grace_period());
}

/* ---- Callbacks ------------------------------------------------------------------------------------- */

static struct threads_rcu_head *take_all(void)
{
	struct threads_rcu_head *first;

	pthread_mutex_lock(&callbacks.lock);
	first = callbacks.first;
	callbacks.first = NULL;
	callbacks.nr = 0;
	pthread_mutex_unlock(&callbacks.lock);
	return first;
}

/* All that is queued; and what somebody else was running before has run. */
static void run_callbacks(void)
{
	struct threads_rcu_head *head, *next;

	pthread_mutex_lock(&callbacks.running);
	head = take_all();
	if (head)
		threads_synchronize_rcu();
	for (; head; head = next) {
		next = head->next;
		head->func(head);
	}
	pthread_mutex_unlock(&callbacks.running);
}

static void wait_for_a_batch(void)
{
	struct timespec until;

	pthread_mutex_lock(&callbacks.lock);
	while (!callbacks.nr)
		pthread_cond_wait(&callbacks.some, &callbacks.lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += BATCH_WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (callbacks.nr < BATCH_ENOUGH)
		pthread_cond_timedwait(&callbacks.some, &callbacks.lock, &until);
	pthread_mutex_unlock(&callbacks.lock);
}

/* Lives as long as the process. */
static void *callback_thread(void *arg)
{
	threads_task_attach("rcu", 0);
	for (;;) {
		wait_for_a_batch();
		run_callbacks();
	}
	return arg;
}

/* => the lock is held */
static void start_thread(void)
{
	pthread_t thread;

	/* Without it callbacks still run, whenever somebody asks for a barrier. */
	callbacks.has_thread = true;
	if (pthread_create(&thread, NULL, callback_thread, NULL) == 0)
		pthread_detach(thread);
}

void threads_call_rcu(struct threads_rcu_head *head, void (*func)(struct threads_rcu_head *head))
{
	head->func = func;
	head->next = NULL;
	pthread_mutex_lock(&callbacks.lock);
	if (callbacks.first)
		callbacks.last->next = head;
	else
		callbacks.first = head;
	callbacks.last = head;
	callbacks.nr++;
	if (unlikely(!callbacks.has_thread))
		start_thread();
	if (callbacks.nr == 1 || callbacks.nr == BATCH_ENOUGH)
		pthread_cond_signal(&callbacks.some);
	pthread_mutex_unlock(&callbacks.lock);
}

void threads_rcu_barrier(void)
{
	run_callbacks();
}
