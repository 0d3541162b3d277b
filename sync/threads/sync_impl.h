/* SPDX-License-Identifier: MIT */
/*
 * sync_impl.h - the bodies behind sync.h, over real threads: fast paths; threads.c has the rest
 *
 * ThreadSanitizer sees the compiler's atomics, so a lock taken with acquire and released with
 * release orders what it should without a word from us.  What it cannot see is inside liburcu,
 * which is not instrumented; rcu.c says there what a grace period orders.
 */
#pragma once

/* ---- Out of line, in threads.c and rcu.c --------------------------------------------------------- */

void threads_lock_violation(const void *lock, enum lock_class class, enum lock_subclass subclass);
void threads_held_overflow(void);
void threads_not_held(const void *lock, enum lock_class class);
void threads_sleeps_in_atomic(void);
void threads_relax(unsigned int spins);

void threads_word_lock_slow(int *word, unsigned int spins);
void threads_word_wake(int *word);
void threads_down_read_slow(struct rwsem *sem);
void threads_down_write_slow(struct rwsem *sem);
void threads_rwsem_wake(struct rwsem *sem, unsigned int old);
void threads_bit_lock_slow(atomic_t *word, int bit, int waiters_bit);
void threads_bit_wait_slow(atomic_t *word, int bit, int waiters_bit);
void threads_bit_wake(atomic_t *word);
void threads_wait_sleep(struct wait_queue *queue, unsigned int prepared);
void threads_wait_wake(struct wait_queue *queue);

void threads_rcu_read_lock(void);
void threads_rcu_read_unlock(void);
void threads_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void threads_synchronize_rcu(void);
void threads_rcu_barrier(void);

/* How long a contended spinlock spins before it sleeps, and a mutex. */
#define THREADS_SPINS_SPINLOCK 100
#define THREADS_SPINS_MUTEX    20

/* ---- Tasks ------------------------------------------------------------------------------------- */

SYNC_VERB struct task *task_current(void)
{
	return threads_current;
}

SYNC_VERB const char *task_name(void)
{
	return threads_current->name;
}

SYNC_VERB int task_cpu(void)
{
	return threads_current->cpu;
}

SYNC_VERB void might_sleep(void)
{
	if (unlikely(threads_current->nr_spinlocks | threads_current->rcu_nesting))
		threads_sleeps_in_atomic();
}

SYNC_VERB void task_set_cpu(int cpu)
{
	might_sleep();
	threads_current->cpu = cpu;
}

SYNC_VERB void task_yield(void)
{
	threads_relax(~0u);
}

SYNC_VERB unsigned int sync_choose(unsigned int bound)
{
	(void)bound;
	return 0;
}

/* ---- Plain shared words -------------------------------------------------------------------------- */

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Dependent loads need no barrier on x86, but only acquire says so to the compiler. */
#define rcu_dereference(p)	 __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

SYNC_VERB int atomic_read(const atomic_t *a)
{
	return __atomic_load_n(&a->v, __ATOMIC_RELAXED);
}

SYNC_VERB void atomic_set(atomic_t *a, int v)
{
	__atomic_store_n(&a->v, v, __ATOMIC_RELAXED);
}

SYNC_VERB void atomic_inc(atomic_t *a)
{
	__atomic_fetch_add(&a->v, 1, __ATOMIC_RELAXED);
}

SYNC_VERB void atomic_dec(atomic_t *a)
{
	__atomic_fetch_sub(&a->v, 1, __ATOMIC_RELEASE);
}

SYNC_VERB int atomic_add_return(atomic_t *a, int v)
{
	return __atomic_add_fetch(&a->v, v, __ATOMIC_SEQ_CST);
}

SYNC_VERB bool atomic_dec_and_test(atomic_t *a)
{
	return __atomic_sub_fetch(&a->v, 1, __ATOMIC_SEQ_CST) == 0;
}

SYNC_VERB bool atomic_inc_not_zero(atomic_t *a)
{
	int old = __atomic_load_n(&a->v, __ATOMIC_RELAXED);

	while (old != 0)
		if (__atomic_compare_exchange_n(&a->v, &old, old + 1, true, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

SYNC_VERB int atomic_cmpxchg(atomic_t *a, int old, int new)
{
	__atomic_compare_exchange_n(&a->v, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

SYNC_VERB int atomic_fetch_or(atomic_t *a, int bits)
{
	return __atomic_fetch_or(&a->v, bits, __ATOMIC_SEQ_CST);
}

SYNC_VERB int atomic_fetch_and(atomic_t *a, int bits)
{
	return __atomic_fetch_and(&a->v, bits, __ATOMIC_SEQ_CST);
}

SYNC_VERB long atomic_long_read(const atomic_long_t *a)
{
	return __atomic_load_n(&a->v, __ATOMIC_RELAXED);
}

SYNC_VERB void atomic_long_set(atomic_long_t *a, long v)
{
	__atomic_store_n(&a->v, v, __ATOMIC_RELAXED);
}

SYNC_VERB long atomic_long_add_return(atomic_long_t *a, long v)
{
	return __atomic_add_fetch(&a->v, v, __ATOMIC_SEQ_CST);
}

SYNC_VERB void atomic_await(const atomic_t *a, int v)
{
	unsigned int spins = 0;

	while (__atomic_load_n(&a->v, __ATOMIC_ACQUIRE) != v)
		threads_relax(spins++);
}

SYNC_VERB void counter_add(struct counter *counter, long n)
{
	__atomic_fetch_add(&counter->v, (unsigned long)n, __ATOMIC_RELAXED);
}

/* ---- What a task holds ----------------------------------------------------------------------------- */

SYNC_VERB void threads_lock_check_(const void *lock, enum lock_class class,
				   enum lock_subclass subclass)
{
	if (unlikely(!held_locks_allow(&threads_current->held, class, subclass)))
		threads_lock_violation(lock, class, subclass);
}

SYNC_VERB void threads_lock_got_(const void *lock, enum lock_class class,
				 enum lock_subclass subclass, bool try)
{
	if (unlikely(!held_locks_push(&threads_current->held, lock, class, subclass, try)))
		threads_held_overflow();
}

SYNC_VERB void threads_lock_put_(const void *lock, enum lock_class class)
{
	if (unlikely(!held_locks_pop(&threads_current->held, lock, class)))
		threads_not_held(lock, class);
}

SYNC_VERB bool threads_word_trylock_(int *word)
{
	int free = 0;

	return __atomic_compare_exchange_n(word, &free, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

SYNC_VERB void threads_word_unlock_(int *word)
{
	if (unlikely(__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2))
		threads_word_wake(word);
}

/* ---- Who owns memory ---------------------------------------------------------------------------- */

SYNC_VERB void memory_handed_out(const void *at, size_t size, const char *what)
{
	(void)at, (void)size, (void)what;
}

SYNC_VERB void memory_taken_back(const void *at, size_t size)
{
	(void)at, (void)size;
}

SYNC_VERB void memory_named(const void *at, size_t nr, size_t size, const char *what)
{
	(void)at, (void)nr, (void)size, (void)what;
}

/* ---- Spinlocks --------------------------------------------------------------------------------------- */

SYNC_VERB void spin_lock_init(struct spinlock *lock, enum lock_class class)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
	lock->class = class;
}

SYNC_VERB void spin_lock_nested(struct spinlock *lock, enum lock_subclass subclass)
{
	threads_lock_check_(lock, (enum lock_class)lock->class, subclass);
	if (unlikely(!threads_word_trylock_(&lock->word)))
		threads_word_lock_slow(&lock->word, THREADS_SPINS_SPINLOCK);
	threads_lock_got_(lock, (enum lock_class)lock->class, subclass, false);
	threads_current->nr_spinlocks++;
}

SYNC_VERB void spin_lock(struct spinlock *lock)
{
	spin_lock_nested(lock, LOCK_PLAIN);
}

SYNC_VERB bool spin_trylock(struct spinlock *lock)
{
	if (!threads_word_trylock_(&lock->word))
		return false;
	threads_lock_got_(lock, (enum lock_class)lock->class, LOCK_PLAIN, true);
	threads_current->nr_spinlocks++;
	return true;
}

SYNC_VERB void spin_unlock(struct spinlock *lock)
{
	threads_lock_put_(lock, (enum lock_class)lock->class);
	threads_current->nr_spinlocks--;
	threads_word_unlock_(&lock->word);
}

SYNC_VERB void spin_assert_held(const struct spinlock *lock)
{
	if (unlikely(!held_locks_holds(&threads_current->held, lock)))
		threads_not_held(lock, (enum lock_class)lock->class);
}

/* ---- Mutexes ------------------------------------------------------------------------------------------ */

SYNC_VERB void mutex_init(struct mutex *lock, enum lock_class class)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
	lock->class = class;
}

SYNC_VERB void mutex_lock(struct mutex *lock)
{
	might_sleep();
	threads_lock_check_(lock, (enum lock_class)lock->class, LOCK_PLAIN);
	if (unlikely(!threads_word_trylock_(&lock->word)))
		threads_word_lock_slow(&lock->word, THREADS_SPINS_MUTEX);
	threads_lock_got_(lock, (enum lock_class)lock->class, LOCK_PLAIN, false);
}

SYNC_VERB bool mutex_trylock(struct mutex *lock)
{
	if (!threads_word_trylock_(&lock->word))
		return false;
	threads_lock_got_(lock, (enum lock_class)lock->class, LOCK_PLAIN, true);
	return true;
}

SYNC_VERB void mutex_unlock(struct mutex *lock)
{
	threads_lock_put_(lock, (enum lock_class)lock->class);
	threads_word_unlock_(&lock->word);
}

/* ---- Reader-writer semaphores --------------------------------------------------------------------------- */

SYNC_VERB void rwsem_init(struct rwsem *sem, enum lock_class class)
{
	__atomic_store_n(&sem->state, 0, __ATOMIC_RELAXED);
	sem->class = class;
}

/* A new reader stands back for a waiting writer, or writers would starve. */
SYNC_VERB bool threads_read_trylock_(struct rwsem *sem)
{
	unsigned int old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);

	while ((old & (RWSEM_WRITER | RWSEM_WRITERS_WAIT)) == 0)
		if (__atomic_compare_exchange_n(&sem->state, &old, old + RWSEM_READER, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

SYNC_VERB bool threads_write_trylock_(struct rwsem *sem)
{
	unsigned int old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);

	while ((old & (RWSEM_WRITER | RWSEM_READERS)) == 0)
		if (__atomic_compare_exchange_n(&sem->state, &old, old | RWSEM_WRITER, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

SYNC_VERB void down_read(struct rwsem *sem)
{
	might_sleep();
	threads_lock_check_(sem, (enum lock_class)sem->class, LOCK_PLAIN);
	if (unlikely(!threads_read_trylock_(sem)))
		threads_down_read_slow(sem);
	threads_lock_got_(sem, (enum lock_class)sem->class, LOCK_PLAIN, false);
}

SYNC_VERB bool down_read_trylock(struct rwsem *sem)
{
	if (!threads_read_trylock_(sem))
		return false;
	threads_lock_got_(sem, (enum lock_class)sem->class, LOCK_PLAIN, true);
	return true;
}

SYNC_VERB void up_read(struct rwsem *sem)
{
	unsigned int left;

	threads_lock_put_(sem, (enum lock_class)sem->class);
	left = __atomic_sub_fetch(&sem->state, RWSEM_READER, __ATOMIC_RELEASE);
	if (unlikely((left & RWSEM_READERS) == 0 && (left & RWSEM_WRITERS_WAIT)))
		threads_rwsem_wake(sem, left & RWSEM_WRITERS_WAIT);
}

SYNC_VERB void down_write_nested(struct rwsem *sem, enum lock_subclass subclass)
{
	might_sleep();
	threads_lock_check_(sem, (enum lock_class)sem->class, subclass);
	if (unlikely(!threads_write_trylock_(sem)))
		threads_down_write_slow(sem);
	threads_lock_got_(sem, (enum lock_class)sem->class, subclass, false);
}

SYNC_VERB void down_write(struct rwsem *sem)
{
	down_write_nested(sem, LOCK_PLAIN);
}

SYNC_VERB bool down_write_trylock(struct rwsem *sem)
{
	if (!threads_write_trylock_(sem))
		return false;
	threads_lock_got_(sem, (enum lock_class)sem->class, LOCK_PLAIN, true);
	return true;
}

SYNC_VERB void up_write(struct rwsem *sem)
{
	unsigned int old;

	threads_lock_put_(sem, (enum lock_class)sem->class);
	old = __atomic_fetch_and(&sem->state, ~(RWSEM_WRITER | RWSEM_READERS_SLEEP),
				 __ATOMIC_RELEASE);
	if (unlikely(old & (RWSEM_READERS_SLEEP | RWSEM_WRITERS_WAIT)))
		threads_rwsem_wake(sem, old);
}

SYNC_VERB void downgrade_write(struct rwsem *sem)
{
	unsigned int old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);
	unsigned int new;

	if (unlikely(!held_locks_holds(&threads_current->held, sem)))
		threads_not_held(sem, (enum lock_class)sem->class);
	do
		new = (old & ~(RWSEM_WRITER | RWSEM_READERS_SLEEP)) + RWSEM_READER;
	while (!__atomic_compare_exchange_n(&sem->state, &old, new, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	if (unlikely(old & RWSEM_READERS_SLEEP))
		threads_rwsem_wake(sem, RWSEM_READERS_SLEEP);
}

SYNC_VERB void rwsem_assert_held(const struct rwsem *sem)
{
	if (unlikely(!held_locks_holds(&threads_current->held, sem)))
		threads_not_held(sem, (enum lock_class)sem->class);
}

SYNC_VERB void rwsem_assert_held_write(const struct rwsem *sem)
{
	if (unlikely(!(__atomic_load_n(&sem->state, __ATOMIC_RELAXED) & RWSEM_WRITER) ||
		     !held_locks_holds(&threads_current->held, sem)))
		threads_not_held(sem, (enum lock_class)sem->class);
}

/* ---- A lock in one bit -------------------------------------------------------------------------------------- */

SYNC_VERB bool threads_bit_trylock_(atomic_t *word, int bit)
{
	return !(__atomic_fetch_or(&word->v, 1 << bit, __ATOMIC_ACQUIRE) & (1 << bit));
}

SYNC_VERB void bit_lock(atomic_t *word, int bit, int waiters_bit, enum lock_class class)
{
	might_sleep();
	threads_lock_check_(word, class, LOCK_PLAIN);
	if (unlikely(!threads_bit_trylock_(word, bit)))
		threads_bit_lock_slow(word, bit, waiters_bit);
	threads_lock_got_(word, class, LOCK_PLAIN, false);
}

SYNC_VERB bool bit_trylock(atomic_t *word, int bit, enum lock_class class)
{
	if (!threads_bit_trylock_(word, bit))
		return false;
	threads_lock_got_(word, class, LOCK_PLAIN, true);
	return true;
}

/* The task that unlocks need not be the one that locked: whether it was in our list is no matter. */
SYNC_VERB void bit_unlock(atomic_t *word, int bit, int waiters_bit, enum lock_class class)
{
	int old;

	held_locks_pop(&threads_current->held, word, class);
	old = __atomic_fetch_and(&word->v, ~(1 << bit | 1 << waiters_bit), __ATOMIC_RELEASE);
	if (unlikely(!(old & 1 << bit)))
		threads_not_held(word, class);
	if (unlikely(old & 1 << waiters_bit))
		threads_bit_wake(word);
}

SYNC_VERB void bit_wait(atomic_t *word, int bit, int waiters_bit)
{
	might_sleep();
	if (__atomic_load_n(&word->v, __ATOMIC_ACQUIRE) & 1 << bit)
		threads_bit_wait_slow(word, bit, waiters_bit);
}

/* ---- Sequence counts ------------------------------------------------------------------------------------------ */

SYNC_VERB void seqcount_init(struct seqcount *seq)
{
	__atomic_store_n(&seq->sequence, 0, __ATOMIC_RELAXED);
}

SYNC_VERB unsigned int read_seqcount_begin(const struct seqcount *seq)
{
	unsigned int spins = 0;
	unsigned int start;

	while ((start = __atomic_load_n(&seq->sequence, __ATOMIC_ACQUIRE)) & 1)
		threads_relax(spins++);
	return start;
}

/*
 * The fence keeps the section's loads before this one.  Those are READ_ONCE, hence atomics, so a
 * sanitizer that ignores the fence has nothing to report.
 */
SYNC_VERB bool read_seqcount_retry(const struct seqcount *seq, unsigned int start)
{
#ifdef __SANITIZE_THREAD__
	__asm__ volatile("" ::: "memory"); /* gcc rejects fences here; x86 keeps loads in order */
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
	return __atomic_load_n(&seq->sequence, __ATOMIC_RELAXED) != start;
}

/* A read-modify-write, since later stores may not move above an acquire. */
SYNC_VERB void write_seqcount_begin(struct seqcount *seq)
{
	__atomic_fetch_add(&seq->sequence, 1, __ATOMIC_ACQ_REL);
}

SYNC_VERB void write_seqcount_end(struct seqcount *seq)
{
	__atomic_fetch_add(&seq->sequence, 1, __ATOMIC_RELEASE);
}

/* ---- Wait queues ------------------------------------------------------------------------------------------------ */

SYNC_VERB void wait_queue_init(struct wait_queue *queue)
{
	__atomic_store_n(&queue->generation, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->sleepers, 0, __ATOMIC_RELAXED);
}

SYNC_VERB unsigned int wait_prepare(struct wait_queue *queue)
{
	return __atomic_load_n(&queue->generation, __ATOMIC_SEQ_CST);
}

SYNC_VERB void wait_sleep(struct wait_queue *queue, unsigned int prepared)
{
	might_sleep();
	threads_wait_sleep(queue, prepared);
}

/*
 * Pairs with threads_wait_sleep(): it counts itself, then the kernel compares the generation; we
 * move the generation, then read the count.  One of the two sees the other.
 */
SYNC_VERB void wake_up_all(struct wait_queue *queue)
{
	__atomic_fetch_add(&queue->generation, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&queue->sleepers, __ATOMIC_SEQ_CST))
		threads_wait_wake(queue);
}

/* ---- RCU ----------------------------------------------------------------------------------------------------------- */

SYNC_VERB void rcu_read_lock(void)
{
	threads_current->rcu_nesting++;
	threads_rcu_read_lock();
}

SYNC_VERB void rcu_read_unlock(void)
{
	threads_rcu_read_unlock();
	threads_current->rcu_nesting--;
}

SYNC_VERB void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	threads_call_rcu(head, func);
}

SYNC_VERB void synchronize_rcu(void)
{
	might_sleep();
	threads_synchronize_rcu();
}

SYNC_VERB void rcu_barrier(void)
{
	might_sleep();
	threads_rcu_barrier();
}
