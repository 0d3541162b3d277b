// SPDX-License-Identifier: MIT
/*
 * verbs.c - words, locks and waits, over explored coroutines
 *
 * Every verb has the same three parts: complain about misuse, stop at the point, do the operation.
 * After the point it is the task's turn and the operation is possible, so the third part is plain
 * code that cannot fail.  When an operation is possible is said once, in explored_verb_enabled().
 *
 * Lock order is checked before the point: it depends on what the task itself holds and on nothing
 * that another task does.
 */
#include "execution.h"

/* Where in the core the verb was called. */
#define SITE __builtin_return_address(0)

static struct explored *here(void)
{
	if (unlikely(!explored_current))
		explored_die("a verb of sync.h, and no execution is attached to this thread");
	return explored_current;
}

static unsigned char owner_number(const struct task *task)
{
	return (unsigned char)(task->id + 1);
}

static void point(enum explored_kind kind, const volatile void *object, unsigned int class,
		  unsigned int arg, const void *site)
{
	explored_point(here(), (struct explored_step){ .kind = (unsigned char)kind,
						       .object = (const void *)(uintptr_t)object,
						       .class = (unsigned char)class,
						       .arg = arg,
						       .site = site });
}

/* ---- When is it possible? ---------------------------------------------------------------------------- */

bool explored_verb_enabled(const struct explored_step *next)
{
	const struct explored_lock *lock = next->object;
	const struct rwsem *sem = next->object;
	const struct seqcount *seq = next->object;
	const struct wait_queue *queue = next->object;
	const atomic_t *word = next->object;

	switch (next->kind) {
	case EXPLORED_LOCK:
		return !lock->owner;
	case EXPLORED_READ_LOCK:
		return !sem->writer;
	case EXPLORED_WRITE_LOCK:
		return !sem->writer && !sem->readers;
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_WAIT:
		return !(word->v & 1 << next->arg);
	case EXPLORED_SEQ_BEGIN:
		return !(seq->sequence & 1);
	case EXPLORED_AWAIT:
		return (unsigned int)word->v == next->arg;
	case EXPLORED_WAIT_SLEEP:
		return queue->generation != next->arg;
	default:
		return true;
	}
}

/* ---- Tasks ------------------------------------------------------------------------------------------------ */

struct task *explored_task_current(void)
{
	return here()->running;
}

const char *explored_task_name(void)
{
	return here()->running->name;
}

int explored_task_cpu(void)
{
	return here()->running->cpu;
}

void explored_might_sleep(void)
{
	const struct task *task = here()->running;

	if (unlikely(here()->config.unchecked))
		return;
	if (unlikely(task->nr_spinlocks || task->rcu_nesting || task->in_callback))
		explored_misuse(EXPLORED_LOCK_MISUSE,
				"may sleep with %u spinlocks held, in %u RCU sections%s",
				task->nr_spinlocks, task->rcu_nesting,
				task->in_callback ? ", in an RCU callback" : "");
}

void explored_task_set_cpu(int cpu)
{
	explored_might_sleep();
	here()->running->cpu = cpu;
}

void explored_task_yield(void)
{
	point(EXPLORED_YIELD, NULL, EXPLORED_NO_CLASS, 0, SITE);
}

unsigned int explored_choose(unsigned int bound)
{
	struct explored *x = here();

	if (bound == 0)
		explored_misuse(EXPLORED_LOCK_MISUSE, "a choice among none");
	if (bound == 1)
		return 0;
	point(EXPLORED_CHOOSE, NULL, EXPLORED_NO_CLASS, bound, SITE);
	return x->scheduling ? x->steps[x->nr_steps - 1].value : 0;
}

/* ---- Words --------------------------------------------------------------------------------------------------- */

static void *word_point(enum explored_kind kind, const volatile void *word, size_t size,
			const void *site)
{
	point(kind, word, EXPLORED_NO_CLASS, (unsigned int)size, site);
	return (void *)(uintptr_t)word;
}

void *explored_read(const volatile void *word, size_t size)
{
	return word_point(EXPLORED_READ, word, size, SITE);
}

void *explored_write(const volatile void *word, size_t size)
{
	return word_point(EXPLORED_WRITE, word, size, SITE);
}

void *explored_modify(const volatile void *word, size_t size)
{
	return word_point(EXPLORED_MODIFY, word, size, SITE);
}

void explored_await(const atomic_t *word, int value)
{
	point(EXPLORED_AWAIT, word, EXPLORED_NO_CLASS, (unsigned int)value, SITE);
}

unsigned int explored_seq_begin(const struct seqcount *seq)
{
	point(EXPLORED_SEQ_BEGIN, seq, EXPLORED_NO_CLASS, 0, SITE);
	return seq->sequence;
}

/* ---- What a task holds ------------------------------------------------------------------------------------------ */

static void check_order(enum lock_class class, enum lock_subclass subclass)
{
	const struct task *task = here()->running;
	char message[256];

	if (likely(held_locks_allow(&task->held, class, subclass)) || here()->config.unchecked)
		return;
	lock_violation_describe(message, sizeof(message), class, subclass, task->name,
				held_locks_conflict(&task->held, class, subclass), task->name);
	explored_misuse(EXPLORED_LOCK_ORDER, "%s", message);
}

static void note_got(const void *lock, enum lock_class class, enum lock_subclass subclass, bool try)
{
	if (unlikely(!held_locks_push(&here()->running->held, lock, class, subclass, try)))
		explored_misuse(EXPLORED_LOCK_MISUSE, "more than %d locks held at once",
				LOCK_HELD_MAX);
}

__noreturn static void not_held(enum lock_class class)
{
	explored_misuse(EXPLORED_LOCK_MISUSE, "%s is not held, or not as it should be",
			lock_class_name(class));
}

static void note_put(const void *lock, enum lock_class class)
{
	if (unlikely(!held_locks_pop(&here()->running->held, lock, class)))
		not_held(class);
}

/* The end of a trylock: whether it was got, for the record and for the task. */
static bool tried(const void *lock, enum lock_class class, bool got)
{
	explored_step_result(here(), got);
	if (got)
		note_got(lock, class, LOCK_PLAIN, true);
	return got;
}

/* ---- Spinlocks and mutexes ----------------------------------------------------------------------------------------- */

static void lock_at(struct explored_lock *lock, enum lock_subclass subclass, const void *site)
{
	enum lock_class class = (enum lock_class)lock->class;

	check_order(class, subclass);
	point(EXPLORED_LOCK, lock, class, 0, site);
	lock->owner = owner_number(here()->running);
	note_got(lock, class, subclass, false);
}

static bool trylock_at(struct explored_lock *lock, const void *site)
{
	bool got;

	point(EXPLORED_TRYLOCK, lock, lock->class, 0, site);
	got = !lock->owner;
	if (got)
		lock->owner = owner_number(here()->running);
	return tried(lock, (enum lock_class)lock->class, got);
}

static void unlock_at(struct explored_lock *lock, const void *site)
{
	note_put(lock, (enum lock_class)lock->class);
	point(EXPLORED_UNLOCK, lock, lock->class, 0, site);
	lock->owner = 0;
}

void explored_lock(struct explored_lock *lock, enum lock_subclass subclass)
{
	lock_at(lock, subclass, SITE);
}

bool explored_trylock(struct explored_lock *lock)
{
	return trylock_at(lock, SITE);
}

void explored_unlock(struct explored_lock *lock)
{
	unlock_at(lock, SITE);
}

void explored_spin_lock(struct explored_lock *lock, enum lock_subclass subclass)
{
	lock_at(lock, subclass, SITE);
	here()->running->nr_spinlocks++;
}

bool explored_spin_trylock(struct explored_lock *lock)
{
	bool got = trylock_at(lock, SITE);

	here()->running->nr_spinlocks += got;
	return got;
}

void explored_spin_unlock(struct explored_lock *lock)
{
	unlock_at(lock, SITE);
	here()->running->nr_spinlocks--;
}

void explored_lock_assert_held(const struct explored_lock *lock)
{
	if (unlikely(!held_locks_holds(&here()->running->held, lock)))
		not_held((enum lock_class)lock->class);
}

/* ---- Reader-writer semaphores ------------------------------------------------------------------------------------------ */

/*
 * Linux lets a woken reader pass a waiting writer and a running writer pass woken readers, so any
 * waiter may be the next to get it.  Hand-off, which narrows that after some milliseconds of
 * waiting, is left out: fewer grants, no new ones.
 */
void explored_down_read(struct rwsem *sem)
{
	enum lock_class class = (enum lock_class)sem->class;

	explored_might_sleep();
	check_order(class, LOCK_PLAIN);
	point(EXPLORED_READ_LOCK, sem, class, 0, SITE);
	sem->readers++;
	note_got(sem, class, LOCK_PLAIN, false);
}

bool explored_down_read_trylock(struct rwsem *sem)
{
	bool got;

	point(EXPLORED_READ_TRYLOCK, sem, sem->class, 0, SITE);
	got = !sem->writer;
	sem->readers += got;
	return tried(sem, (enum lock_class)sem->class, got);
}

void explored_up_read(struct rwsem *sem)
{
	note_put(sem, (enum lock_class)sem->class);
	if (unlikely(!sem->readers))
		not_held((enum lock_class)sem->class);
	point(EXPLORED_READ_UNLOCK, sem, sem->class, 0, SITE);
	sem->readers--;
}

void explored_down_write(struct rwsem *sem, enum lock_subclass subclass)
{
	enum lock_class class = (enum lock_class)sem->class;

	explored_might_sleep();
	check_order(class, subclass);
	point(EXPLORED_WRITE_LOCK, sem, class, 0, SITE);
	sem->writer = owner_number(here()->running);
	note_got(sem, class, subclass, false);
}

bool explored_down_write_trylock(struct rwsem *sem)
{
	bool got;

	point(EXPLORED_WRITE_TRYLOCK, sem, sem->class, 0, SITE);
	got = !sem->writer && !sem->readers;
	if (got)
		sem->writer = owner_number(here()->running);
	return tried(sem, (enum lock_class)sem->class, got);
}

static bool is_writer(const struct rwsem *sem)
{
	return sem->writer == owner_number(here()->running);
}

void explored_up_write(struct rwsem *sem)
{
	note_put(sem, (enum lock_class)sem->class);
	if (unlikely(!is_writer(sem)))
		not_held((enum lock_class)sem->class);
	point(EXPLORED_WRITE_UNLOCK, sem, sem->class, 0, SITE);
	sem->writer = 0;
}

void explored_downgrade_write(struct rwsem *sem)
{
	if (unlikely(!is_writer(sem)))
		not_held((enum lock_class)sem->class);
	point(EXPLORED_DOWNGRADE, sem, sem->class, 0, SITE);
	sem->writer = 0;
	sem->readers++;
}

void explored_rwsem_assert_held(const struct rwsem *sem)
{
	if (unlikely(!held_locks_holds(&here()->running->held, sem)))
		not_held((enum lock_class)sem->class);
}

void explored_rwsem_assert_held_write(const struct rwsem *sem)
{
	if (unlikely(!is_writer(sem)))
		not_held((enum lock_class)sem->class);
}

/* ---- A lock in one bit ------------------------------------------------------------------------------------------------------ */

void explored_bit_lock(atomic_t *word, int bit, enum lock_class class)
{
	explored_might_sleep();
	check_order(class, LOCK_PLAIN);
	point(EXPLORED_BIT_LOCK, word, class, (unsigned int)bit, SITE);
	word->v |= 1 << bit;
	note_got(word, class, LOCK_PLAIN, false);
}

bool explored_bit_trylock(atomic_t *word, int bit, enum lock_class class)
{
	bool got;

	point(EXPLORED_BIT_TRYLOCK, word, class, (unsigned int)bit, SITE);
	got = !(word->v & 1 << bit);
	word->v |= 1 << bit;
	return tried(word, class, got);
}

/* The task that unlocks need not be the one that locked: it is in one list, or the set-up's. */
static void forget_bit(struct explored *x, const atomic_t *word, enum lock_class class)
{
	if (likely(held_locks_pop(&x->running->held, word, class)))
		return;
	for (int i = 0; i < x->config.nr_tasks + x->config.nr_cpus; i++)
		if (held_locks_pop(&x->tasks[i].held, word, class))
			return;
}

void explored_bit_unlock(atomic_t *word, int bit, enum lock_class class)
{
	forget_bit(here(), word, class);
	point(EXPLORED_BIT_UNLOCK, word, class, (unsigned int)bit, SITE);
	if (unlikely(!(word->v & 1 << bit)))
		not_held(class);
	word->v &= ~(1 << bit);
}

void explored_bit_wait(atomic_t *word, int bit)
{
	explored_might_sleep();
	point(EXPLORED_BIT_WAIT, word, EXPLORED_NO_CLASS, (unsigned int)bit, SITE);
}

/* ---- Wait queues ---------------------------------------------------------------------------------------------------------------- */

unsigned int explored_wait_prepare(struct wait_queue *queue)
{
	point(EXPLORED_WAIT_PREPARE, queue, EXPLORED_NO_CLASS, 0, SITE);
	return queue->generation;
}

void explored_wait_sleep(struct wait_queue *queue, unsigned int prepared)
{
	explored_might_sleep();
	point(EXPLORED_WAIT_SLEEP, queue, EXPLORED_NO_CLASS, prepared, SITE);
}

void explored_wake_up_all(struct wait_queue *queue)
{
	point(EXPLORED_WAKE, queue, EXPLORED_NO_CLASS, 0, SITE);
	queue->generation++;
}
