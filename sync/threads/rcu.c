// SPDX-License-Identifier: MIT
/*
 * rcu.c - read-copy-update over liburcu's memb flavour
 *
 * The only file that sees liburcu.  It cannot include sync.h, whose struct rcu_head has the
 * library's name; ours begins with the library's two words, which is asserted below.
 *
 * Invariant: callbacks run in liburcu's own thread, which is made a task before the first one,
 * so that a callback may take locks like anybody else.
 *
 * ThreadSanitizer does not see into the library.  What a grace period orders is told to it here:
 * everything before a read_unlock comes before the end of a grace period that waited for it, and
 * everything before call_rcu comes before its callback.
 */
#include "rcu.h"

#include "compiler.h"

#include <urcu/urcu-memb.h>

/*
 * The library's header allows these few lines to be inlined anywhere: see its comments there.
 * Under ThreadSanitizer they stay in the library, like the other side of the same accesses.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define reader_enter() urcu_memb_read_lock()
#define reader_leave() urcu_memb_read_unlock()
#define order_release(addr) __tsan_release(addr)
#define order_acquire(addr) __tsan_acquire(addr)
#else
#include <urcu/static/urcu-memb.h>
#define reader_enter() _urcu_memb_read_lock()
#define reader_leave() _urcu_memb_read_unlock()
#define order_release(addr) ((void)(addr))
#define order_acquire(addr) ((void)(addr))
#endif

/* struct rcu_head of sync_types.h, from this side. */
struct threads_rcu_head {
	struct rcu_head urcu;
	void (*func)(struct threads_rcu_head *head);
};

BUILD_ASSERT(sizeof(struct threads_rcu_head) == 3 * sizeof(void *));

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

static void invoke(struct rcu_head *urcu)
{
	struct threads_rcu_head *head = container_of(urcu, struct threads_rcu_head, urcu);

	threads_task_adopt("rcu", 0);
	order_acquire(head);
	order_acquire(grace_period());
	head->func(head);
	order_release(grace_period());
}

void threads_call_rcu(struct threads_rcu_head *head, void (*func)(struct threads_rcu_head *head))
{
	head->func = func;
	order_release(head);
	urcu_memb_call_rcu(&head->urcu, invoke);
}

void threads_synchronize_rcu(void)
{
	urcu_memb_synchronize_rcu();
	order_acquire(grace_period());
}

/*
 * The library has one queue and one thread for all callbacks of a process that asks for no more,
 * so a callback of our own comes after all earlier ones.  (The library's own barrier allocates,
 * and frees in the other thread, in a way that ThreadSanitizer takes for a race.)
 */
struct barrier {
	struct threads_rcu_head head;
	int done;
};

static void barrier_done(struct threads_rcu_head *head)
{
	threads_flag_raise(&container_of(head, struct barrier, head)->done);
}

void threads_rcu_barrier(void)
{
	struct barrier barrier = { .done = 0 };

	threads_call_rcu(&barrier.head, barrier_done);
	threads_flag_wait(&barrier.done);
	order_acquire(grace_period());
}
