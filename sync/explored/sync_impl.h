/* SPDX-License-Identifier: MIT */
/*
 * sync_impl.h - the bodies behind sync.h, over explored coroutines: all of them calls
 *
 * Each call shows the scheduler what the running task is about to do, comes back when it is that
 * task's turn and the operation can be done, and does it.  Between two calls a task runs alone.
 */
#pragma once

/* ---- Out of line, in explored.c, verbs.c and rcu.c ---------------------------------------------- */

struct task *explored_task_current(void);
const char *explored_task_name(void);
int explored_task_cpu(void);
void explored_task_set_cpu(int cpu);
void explored_task_yield(void);
void explored_might_sleep(void);
unsigned int explored_choose(unsigned int bound);

/* The running task is about to read, write or modify a word; returns its address. */
void *explored_read(const volatile void *word, size_t size);
void *explored_write(const volatile void *word, size_t size);
void *explored_modify(const volatile void *word, size_t size);

void explored_lock(struct explored_lock *lock, enum lock_subclass subclass);
bool explored_trylock(struct explored_lock *lock);
void explored_unlock(struct explored_lock *lock);
void explored_lock_assert_held(const struct explored_lock *lock);
void explored_spin_lock(struct explored_lock *lock, enum lock_subclass subclass);
bool explored_spin_trylock(struct explored_lock *lock);
void explored_spin_unlock(struct explored_lock *lock);

void explored_down_read(struct rwsem *sem);
bool explored_down_read_trylock(struct rwsem *sem);
void explored_up_read(struct rwsem *sem);
void explored_down_write(struct rwsem *sem, enum lock_subclass subclass);
bool explored_down_write_trylock(struct rwsem *sem);
void explored_up_write(struct rwsem *sem);
void explored_downgrade_write(struct rwsem *sem);
void explored_rwsem_assert_held(const struct rwsem *sem);
void explored_rwsem_assert_held_write(const struct rwsem *sem);

void explored_bit_lock(atomic_t *word, int bit, enum lock_class class);
bool explored_bit_trylock(atomic_t *word, int bit, enum lock_class class);
void explored_bit_unlock(atomic_t *word, int bit, enum lock_class class);
void explored_bit_wait(atomic_t *word, int bit);

unsigned int explored_seq_begin(const struct seqcount *seq);
void explored_await(const atomic_t *word, int value);
unsigned int explored_wait_prepare(struct wait_queue *queue);
void explored_wait_sleep(struct wait_queue *queue, unsigned int prepared);
void explored_wake_up_all(struct wait_queue *queue);

void explored_rcu_read_lock(void);
void explored_rcu_read_unlock(void);
void explored_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void explored_synchronize_rcu(void);
void explored_rcu_barrier(void);

void explored_memory_handed_out(const void *at, size_t size, const char *what);
void explored_memory_taken_back(const void *at, size_t size);
void explored_memory_named(const void *at, size_t nr, size_t size, const char *what);

/* ---- Tasks ---------------------------------------------------------------------------------------- */

SYNC_VERB struct task *task_current(void)
{
	return explored_task_current();
}

SYNC_VERB const char *task_name(void)
{
	return explored_task_name();
}

SYNC_VERB int task_cpu(void)
{
	return explored_task_cpu();
}

SYNC_VERB void task_set_cpu(int cpu)
{
	explored_task_set_cpu(cpu);
}

SYNC_VERB void task_yield(void)
{
	explored_task_yield();
}

SYNC_VERB void might_sleep(void)
{
	explored_might_sleep();
}

SYNC_VERB unsigned int sync_choose(unsigned int bound)
{
	return explored_choose(bound);
}

/* ---- Plain shared words ----------------------------------------------------------------------------- */

/*
 * The operand of a load or store is the address that comes back, so that nothing can come between
 * the turn and the access.  It is volatile: the compiler's instrumentation tells the verbs' own
 * accesses, which are steps, from plain ones, which are watched.  What is stored is computed first:
 * it may have points of its own.
 */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)explored_read(&(x), sizeof(x)))
#define WRITE_ONCE(x, v)                                                                           \
	do {                                                                                       \
		__typeof__(x) explored_value_ = (v);                                               \
		*(volatile __typeof__(x) *)explored_write(&(x), sizeof(x)) = explored_value_;      \
	} while (0)

#define smp_load_acquire(p)	 READ_ONCE(*(p))
#define smp_store_release(p, v)	 WRITE_ONCE(*(p), v)
#define rcu_dereference(p)	 READ_ONCE(p)
#define rcu_assign_pointer(p, v) WRITE_ONCE(p, v)

SYNC_VERB int atomic_read(const atomic_t *a)
{
	return *(const volatile int *)explored_read(&a->v, sizeof(a->v));
}

SYNC_VERB void atomic_set(atomic_t *a, int v)
{
	*(volatile int *)explored_write(&a->v, sizeof(a->v)) = v;
}

SYNC_VERB int atomic_add_return(atomic_t *a, int v)
{
	return *(volatile int *)explored_modify(&a->v, sizeof(a->v)) += v;
}

SYNC_VERB void atomic_inc(atomic_t *a)
{
	atomic_add_return(a, 1);
}

SYNC_VERB void atomic_dec(atomic_t *a)
{
	atomic_add_return(a, -1);
}

SYNC_VERB bool atomic_dec_and_test(atomic_t *a)
{
	return atomic_add_return(a, -1) == 0;
}

SYNC_VERB bool atomic_inc_not_zero(atomic_t *a)
{
	volatile int *v = explored_modify(&a->v, sizeof(a->v));

	if (*v == 0)
		return false;
	++*v;
	return true;
}

SYNC_VERB int atomic_cmpxchg(atomic_t *a, int old, int new)
{
	volatile int *v = explored_modify(&a->v, sizeof(a->v));
	int found = *v;

	if (found == old)
		*v = new;
	return found;
}

SYNC_VERB int atomic_fetch_or(atomic_t *a, int bits)
{
	volatile int *v = explored_modify(&a->v, sizeof(a->v));
	int found = *v;

	*v |= bits;
	return found;
}

SYNC_VERB int atomic_fetch_and(atomic_t *a, int bits)
{
	volatile int *v = explored_modify(&a->v, sizeof(a->v));
	int found = *v;

	*v &= bits;
	return found;
}

SYNC_VERB long atomic_long_read(const atomic_long_t *a)
{
	return *(const volatile long *)explored_read(&a->v, sizeof(a->v));
}

SYNC_VERB void atomic_long_set(atomic_long_t *a, long v)
{
	*(volatile long *)explored_write(&a->v, sizeof(a->v)) = v;
}

SYNC_VERB long atomic_long_add_return(atomic_long_t *a, long v)
{
	return *(volatile long *)explored_modify(&a->v, sizeof(a->v)) += v;
}

SYNC_VERB void atomic_await(const atomic_t *a, int v)
{
	explored_await(a, v);
}

/* No point, and nobody watches: additions commute, and the core never reads the sum. */
SYNC_VERB void counter_add(struct counter *counter, long n)
{
	*(volatile unsigned long *)&counter->v += (unsigned long)n;
}

/* ---- Who owns memory ---------------------------------------------------------------------------------- */

SYNC_VERB void memory_handed_out(const void *at, size_t size, const char *what)
{
	explored_memory_handed_out(at, size, what);
}

SYNC_VERB void memory_taken_back(const void *at, size_t size)
{
	explored_memory_taken_back(at, size);
}

SYNC_VERB void memory_named(const void *at, size_t nr, size_t size, const char *what)
{
	explored_memory_named(at, nr, size, what);
}

/* ---- Spinlocks ---------------------------------------------------------------------------------------- */

SYNC_VERB void spin_lock_init(struct spinlock *lock, enum lock_class class)
{
	lock->lock = (struct explored_lock){ .class = class };
}

SYNC_VERB void spin_lock(struct spinlock *lock)
{
	explored_spin_lock(&lock->lock, LOCK_PLAIN);
}

SYNC_VERB void spin_lock_nested(struct spinlock *lock, enum lock_subclass subclass)
{
	explored_spin_lock(&lock->lock, subclass);
}

SYNC_VERB bool spin_trylock(struct spinlock *lock)
{
	return explored_spin_trylock(&lock->lock);
}

SYNC_VERB void spin_unlock(struct spinlock *lock)
{
	explored_spin_unlock(&lock->lock);
}

SYNC_VERB void spin_assert_held(const struct spinlock *lock)
{
	explored_lock_assert_held(&lock->lock);
}

/* ---- Mutexes ------------------------------------------------------------------------------------------- */

SYNC_VERB void mutex_init(struct mutex *lock, enum lock_class class)
{
	lock->lock = (struct explored_lock){ .class = class };
}

SYNC_VERB void mutex_lock(struct mutex *lock)
{
	might_sleep();
	explored_lock(&lock->lock, LOCK_PLAIN);
}

SYNC_VERB bool mutex_trylock(struct mutex *lock)
{
	return explored_trylock(&lock->lock);
}

SYNC_VERB void mutex_unlock(struct mutex *lock)
{
	explored_unlock(&lock->lock);
}

/* ---- Reader-writer semaphores ---------------------------------------------------------------------------- */

SYNC_VERB void rwsem_init(struct rwsem *sem, enum lock_class class)
{
	*sem = (struct rwsem){ .class = class };
}

SYNC_VERB void down_read(struct rwsem *sem)
{
	explored_down_read(sem);
}

SYNC_VERB bool down_read_trylock(struct rwsem *sem)
{
	return explored_down_read_trylock(sem);
}

SYNC_VERB void up_read(struct rwsem *sem)
{
	explored_up_read(sem);
}

SYNC_VERB void down_write(struct rwsem *sem)
{
	explored_down_write(sem, LOCK_PLAIN);
}

SYNC_VERB void down_write_nested(struct rwsem *sem, enum lock_subclass subclass)
{
	explored_down_write(sem, subclass);
}

SYNC_VERB bool down_write_trylock(struct rwsem *sem)
{
	return explored_down_write_trylock(sem);
}

SYNC_VERB void up_write(struct rwsem *sem)
{
	explored_up_write(sem);
}

SYNC_VERB void downgrade_write(struct rwsem *sem)
{
	explored_downgrade_write(sem);
}

SYNC_VERB void rwsem_assert_held(const struct rwsem *sem)
{
	explored_rwsem_assert_held(sem);
}

SYNC_VERB void rwsem_assert_held_write(const struct rwsem *sem)
{
	explored_rwsem_assert_held_write(sem);
}

/* ---- A lock in one bit --------------------------------------------------------------------------------------- */

/* The waiters bit stays clear: the scheduler sees who waits. */
SYNC_VERB void bit_lock(atomic_t *word, int bit, int waiters_bit, enum lock_class class)
{
	(void)waiters_bit;
	explored_bit_lock(word, bit, class);
}

SYNC_VERB bool bit_trylock(atomic_t *word, int bit, enum lock_class class)
{
	return explored_bit_trylock(word, bit, class);
}

SYNC_VERB void bit_unlock(atomic_t *word, int bit, int waiters_bit, enum lock_class class)
{
	(void)waiters_bit;
	explored_bit_unlock(word, bit, class);
}

SYNC_VERB void bit_wait(atomic_t *word, int bit, int waiters_bit)
{
	(void)waiters_bit;
	explored_bit_wait(word, bit);
}

/* ---- Sequence counts ------------------------------------------------------------------------------------------- */

SYNC_VERB void seqcount_init(struct seqcount *seq)
{
	seq->sequence = 0;
}

SYNC_VERB unsigned int read_seqcount_begin(const struct seqcount *seq)
{
	return explored_seq_begin(seq);
}

SYNC_VERB bool read_seqcount_retry(const struct seqcount *seq, unsigned int start)
{
	return READ_ONCE(seq->sequence) != start;
}

SYNC_VERB void write_seqcount_begin(struct seqcount *seq)
{
	++*(volatile unsigned int *)explored_modify(&seq->sequence, sizeof(seq->sequence));
}

SYNC_VERB void write_seqcount_end(struct seqcount *seq)
{
	++*(volatile unsigned int *)explored_modify(&seq->sequence, sizeof(seq->sequence));
}

/* ---- Wait queues ------------------------------------------------------------------------------------------------- */

SYNC_VERB void wait_queue_init(struct wait_queue *queue)
{
	queue->generation = 0;
}

SYNC_VERB unsigned int wait_prepare(struct wait_queue *queue)
{
	return explored_wait_prepare(queue);
}

SYNC_VERB void wait_sleep(struct wait_queue *queue, unsigned int prepared)
{
	explored_wait_sleep(queue, prepared);
}

SYNC_VERB void wake_up_all(struct wait_queue *queue)
{
	explored_wake_up_all(queue);
}

/* ---- RCU ------------------------------------------------------------------------------------------------------------ */

SYNC_VERB void rcu_read_lock(void)
{
	explored_rcu_read_lock();
}

SYNC_VERB void rcu_read_unlock(void)
{
	explored_rcu_read_unlock();
}

SYNC_VERB void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	explored_call_rcu(head, func);
}

SYNC_VERB void synchronize_rcu(void)
{
	explored_synchronize_rcu();
}

SYNC_VERB void rcu_barrier(void)
{
	explored_rcu_barrier();
}
