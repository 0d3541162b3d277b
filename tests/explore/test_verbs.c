// SPDX-License-Identifier: MIT
/*
 * test_verbs.c - what the verbs of sync.h mean, in every interleaving
 *
 * If one of these fails, an exploration misses schedules that Linux has, reports some that it has
 * not, or blames the wrong task.  Most come in pairs: the verb used rightly holds in every
 * interleaving, and the same tasks with the verb left out are caught in some.
 */
#include "every.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "coroutine.h"

typedef void (*const task_list[])(void *arg);

/* What the tasks share; each test uses some of it. */
static struct {
	struct mutex mutex, inner_mutex;
	struct spinlock spinlock;
	struct rwsem sem;
	struct seqcount seq;
	struct wait_queue queue;
	struct rcu_head head, second_head;
	atomic_t word, other_word;
	int number, inside, readers, most_readers;
	int left, right;
	bool ready, freed, second_freed, in_section;
	int *pointer;
} s;

enum { BIT, WAITERS };

static void reset(void)
{
	memset(&s, 0, sizeof(s));
	mutex_init(&s.mutex, LOCK_MMAP);
	mutex_init(&s.inner_mutex, LOCK_VMA);
	spin_lock_init(&s.spinlock, LOCK_ZONE);
	rwsem_init(&s.sem, LOCK_MMAP);
	seqcount_init(&s.seq);
	wait_queue_init(&s.queue);
}

static void assert_all_complete(const struct every *every)
{
	if (every->ends[EXPLORED_FOUND])
		print_error("found: %s\n", every->first.message);
	assert_int_equal(every->ends[EXPLORED_COMPLETE], every->executions);
}

/* ---- Coroutines, counting ---------------------------------------------------------------------------- */

static void coroutines_do_what_the_prototypes_say(void **state)
{
	(void)state;
	assert_null(coroutine_self_test());
}

static unsigned int nr_lost;

static void increment_without_lock(void *arg)
{
	int number = READ_ONCE(s.number);

	(void)arg;
	WRITE_ONCE(s.number, number + 1);
}

static void count_lost(const struct explored *x, enum explored_end end)
{
	(void)x, (void)end;
	nr_lost += s.number != 2;
}

/*
 * Two tasks of three steps (begin, read, write): C(6,3) = 20 interleavings.  No update is lost
 * where one task has written before the other reads: the other's begin can be in four places, and
 * either task may be first.  That leaves 12.
 */
static void every_interleaving_is_tried_once(void **state)
{
	struct every every;

	(void)state;
	nr_lost = 0;
	every_init(&every, reset,
		   (task_list){ increment_without_lock, increment_without_lock, NULL });
	every.look = count_lost;
	every_interleaving(&every);
	every_fini(&every);
	assert_int_equal(every.executions, 20);
	assert_int_equal(nr_lost, 12);
}

/* ---- Mutexes, spinlocks -------------------------------------------------------------------------------- */

static void enter(void)
{
	int inside = READ_ONCE(s.inside);

	ASSERT_MSG(inside == 0, "%d inside", inside);
	WRITE_ONCE(s.inside, inside + 1);
	WRITE_ONCE(s.inside, s.inside - 1);
}

static void enter_under_mutex(void *arg)
{
	(void)arg;
	mutex_lock(&s.mutex);
	enter();
	mutex_unlock(&s.mutex);
}

static void enter_under_spinlock(void *arg)
{
	(void)arg;
	spin_lock(&s.spinlock);
	enter();
	spin_unlock(&s.spinlock);
}

static void enter_without_lock(void *arg)
{
	(void)arg;
	enter();
}

static void a_mutex_excludes(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ enter_under_mutex, enter_under_mutex, NULL });
	assert_all_complete(&every);
	every = every_of(reset, (task_list){ enter_under_mutex, enter_without_lock, NULL });
	assert_true(every.found[EXPLORED_ASSERTION] > 0);
	assert_true(every.ends[EXPLORED_COMPLETE] > 0);
}

static void a_spinlock_excludes(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ enter_under_spinlock, enter_under_spinlock, NULL });
	assert_all_complete(&every);
}

static unsigned int nr_got, nr_busy;

static void enter_if_free(void *arg)
{
	(void)arg;
	if (!mutex_trylock(&s.mutex)) {
		nr_busy++;
		return;
	}
	nr_got++;
	enter();
	mutex_unlock(&s.mutex);
}

static void a_trylock_never_waits(void **state)
{
	struct every every;

	(void)state;
	nr_got = nr_busy = 0;
	every = every_of(reset, (task_list){ enter_under_mutex, enter_if_free, NULL });
	assert_all_complete(&every);
	assert_true(nr_got > 0);
	assert_true(nr_busy > 0);
	assert_int_equal(nr_got + nr_busy, every.executions);
}

/* ---- Reader-writer semaphores ---------------------------------------------------------------------------- */

static void read_inside(void)
{
	s.readers++;
	if (s.readers > s.most_readers)
		s.most_readers = s.readers;
	ASSERT(READ_ONCE(s.inside) == 0);
	s.readers--;
}

static void read_under_rwsem(void *arg)
{
	(void)arg;
	down_read(&s.sem);
	read_inside();
	up_read(&s.sem);
}

static void write_under_rwsem(void *arg)
{
	(void)arg;
	down_write(&s.sem);
	rwsem_assert_held_write(&s.sem);
	ASSERT(s.readers == 0);
	enter();
	up_write(&s.sem);
}

static int most_readers;

static void note_most_readers(const struct explored *x, enum explored_end end)
{
	(void)x, (void)end;
	most_readers = max(most_readers, s.most_readers);
}

static void readers_share_and_a_writer_excludes(void **state)
{
	struct every every;

	(void)state;
	most_readers = 0;
	every_init(&every, reset,
		   (task_list){ read_under_rwsem, read_under_rwsem, write_under_rwsem, NULL });
	every.look = note_most_readers;
	every_interleaving(&every);
	every_fini(&every);
	assert_all_complete(&every);
	assert_int_equal(most_readers, 2);
}

/* The first reader stays inside until the second has been there, which a waiting writer must not prevent. */
static void read_until_ready(void *arg)
{
	(void)arg;
	down_read(&s.sem);
	wait_event(&s.queue, READ_ONCE(s.ready));
	up_read(&s.sem);
}

static void read_and_make_ready(void *arg)
{
	(void)arg;
	down_read(&s.sem);
	WRITE_ONCE(s.ready, true);
	wake_up_all(&s.queue);
	up_read(&s.sem);
}

static void a_waiting_writer_keeps_no_reader_out(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ read_until_ready, write_under_rwsem,
					     read_and_make_ready, NULL });
	assert_all_complete(&every);
}

static void write_then_read(void *arg)
{
	(void)arg;
	down_write(&s.sem);
	enter();
	downgrade_write(&s.sem);
	rwsem_assert_held(&s.sem);
	read_inside();
	up_read(&s.sem);
}

static void a_downgrade_lets_readers_in_and_no_writer(void **state)
{
	struct every every;

	(void)state;
	most_readers = 0;
	every_init(&every, reset, (task_list){ write_then_read, read_under_rwsem, NULL });
	every.look = note_most_readers;
	every_interleaving(&every);
	every_fini(&every);
	assert_all_complete(&every);
	assert_int_equal(most_readers, 2);

	every = every_of(reset, (task_list){ write_then_read, write_under_rwsem, NULL });
	assert_all_complete(&every);
}

static void try_both(void *arg)
{
	(void)arg;
	if (down_write_trylock(&s.sem)) {
		enter();
		up_write(&s.sem);
		nr_got++;
	} else if (down_read_trylock(&s.sem)) {
		read_inside();
		up_read(&s.sem);
		nr_busy++;
	}
}

static void a_reader_keeps_out_a_writer_that_only_tries(void **state)
{
	struct every every;

	(void)state;
	nr_got = nr_busy = 0;
	every = every_of(reset, (task_list){ read_under_rwsem, try_both, NULL });
	assert_all_complete(&every);
	assert_true(nr_got > 0);
	assert_true(nr_busy > 0);
}

/* ---- Locks in bits ------------------------------------------------------------------------------------------ */

static void enter_under_bit(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	enter();
	bit_unlock(&s.word, BIT, WAITERS, LOCK_FOLIO);
}

static void set_other_bit(void *arg)
{
	(void)arg;
	atomic_fetch_or(&s.word, 1 << 5);
}

static void look_at_bits(const struct explored *x, enum explored_end end)
{
	(void)x, (void)end;
	assert_int_equal(s.word.v, 1 << 5);
}

static void a_bit_is_a_lock_and_leaves_its_neighbours_alone(void **state)
{
	struct every every;

	(void)state;
	every_init(&every, reset,
		   (task_list){ enter_under_bit, enter_under_bit, set_other_bit, NULL });
	every.look = look_at_bits;
	every_interleaving(&every);
	every_fini(&every);
	assert_all_complete(&every);
}

static void lock_bit_and_hand_over(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	WRITE_ONCE(s.ready, true);
	wake_up_all(&s.queue);
	bit_wait(&s.word, BIT, WAITERS);
	ASSERT(s.number == 1);
}

static void unlock_what_was_handed_over(void *arg)
{
	(void)arg;
	wait_event(&s.queue, READ_ONCE(s.ready));
	s.number = 1;
	bit_unlock(&s.word, BIT, WAITERS, LOCK_FOLIO);
}

/* The lock stays in the first task's list, which must not make its end a misuse when it is given away. */
static void another_task_may_unlock_a_bit(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset,
			 (task_list){ lock_bit_and_hand_over, unlock_what_was_handed_over, NULL });
	assert_all_complete(&every);
}

/* ---- Waiting -------------------------------------------------------------------------------------------------- */

static void wait_until_ready(void *arg)
{
	(void)arg;
	wait_event(&s.queue, READ_ONCE(s.ready));
	ASSERT(s.ready);
}

static void make_ready_and_wake(void *arg)
{
	(void)arg;
	WRITE_ONCE(s.ready, true);
	wake_up_all(&s.queue);
}

static void wake_and_make_ready(void *arg)
{
	(void)arg;
	wake_up_all(&s.queue);
	WRITE_ONCE(s.ready, true);
}

static void a_wake_up_after_the_change_is_never_lost(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ wait_until_ready, wait_until_ready,
					     make_ready_and_wake, NULL });
	assert_all_complete(&every);
}

static void a_lost_wake_up_is_found(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ wait_until_ready, wake_and_make_ready, NULL });
	assert_true(every.found[EXPLORED_LOST_WAKE_UP] > 0);
	assert_true(every.ends[EXPLORED_COMPLETE] > 0);
	assert_int_equal(every.found[EXPLORED_LOST_WAKE_UP] + every.ends[EXPLORED_COMPLETE],
			 every.executions);
	assert_non_null(strstr(every.first.message, "A waits for a wait queue"));
}

/* ---- Deadlock, livelock, order, misuse ------------------------------------------------------------------------- */

static void lock_word_then_wait_for_other(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	bit_wait(&s.other_word, BIT, WAITERS);
	bit_unlock(&s.word, BIT, WAITERS, LOCK_FOLIO);
}

static void lock_other_then_wait_for_word(void *arg)
{
	(void)arg;
	bit_lock(&s.other_word, BIT, WAITERS, LOCK_FOLIO);
	bit_wait(&s.word, BIT, WAITERS);
	bit_unlock(&s.other_word, BIT, WAITERS, LOCK_FOLIO);
}

/* Waits are outside the lock order, so only the schedule shows it. */
static void a_deadlock_is_found_and_names_who_waits_for_whom(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ lock_word_then_wait_for_other,
					     lock_other_then_wait_for_word, NULL });
	assert_true(every.found[EXPLORED_DEADLOCK] > 0);
	assert_true(every.ends[EXPLORED_COMPLETE] > 0);
	assert_non_null(strstr(every.first.message, "A waits for a bit to be cleared (bit-wait) "
						    "held by B"));
	assert_non_null(strstr(every.first.message, "B waits for a bit to be cleared (bit-wait) "
						    "held by A"));
}

static void lock_inside_out(void *arg)
{
	(void)arg;
	mutex_lock(&s.inner_mutex);
	mutex_lock(&s.mutex);
	mutex_unlock(&s.mutex);
	mutex_unlock(&s.inner_mutex);
}

/* One task alone cannot deadlock: the order is wrong all the same. */
static void a_lock_taken_against_the_order_is_found_in_every_schedule(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ lock_inside_out, NULL });
	assert_int_equal(every.found[EXPLORED_LOCK_ORDER], every.executions);
	assert_non_null(strstr(every.first.message, "mmap_lock"));
	assert_non_null(strstr(every.first.message, "while holding vma_lock"));
	assert_string_equal(every.first.task, "A");
}

static void try_inside_out(void *arg)
{
	(void)arg;
	mutex_lock(&s.inner_mutex);
	if (mutex_trylock(&s.mutex))
		mutex_unlock(&s.mutex);
	mutex_unlock(&s.inner_mutex);
}

static void lock_outside_in(void *arg)
{
	(void)arg;
	mutex_lock(&s.mutex);
	mutex_lock(&s.inner_mutex);
	mutex_unlock(&s.inner_mutex);
	mutex_unlock(&s.mutex);
}

static void a_trylock_may_go_against_the_order(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ try_inside_out, lock_outside_in, NULL });
	assert_all_complete(&every);
}

static void yield_until_ready(void *arg)
{
	(void)arg;
	while (!READ_ONCE(s.ready))
		task_yield();
}

static void a_task_that_gets_nowhere_is_a_livelock(void **state)
{
	struct every every;

	(void)state;
	every_step_bound(101);
	every = every_of(reset, (task_list){ yield_until_ready, NULL });
	every_step_bound(0);
	assert_int_equal(every.executions, 1);
	assert_int_equal(every.found[EXPLORED_LIVELOCK], 1);
	assert_non_null(strstr(every.first.message, "101 steps"));
}

static void sleep_in_atomic_context(void *arg)
{
	(void)arg;
	spin_lock(&s.spinlock);
	mutex_lock(&s.mutex);
}

static void unlock_what_is_not_held(void *arg)
{
	(void)arg;
	mutex_unlock(&s.mutex);
}

static void end_with_a_lock(void *arg)
{
	(void)arg;
	mutex_lock(&s.mutex);
}

static void sleep_in_section(void *arg)
{
	(void)arg;
	rcu_read_lock();
	synchronize_rcu();
}

static void misused_locks_are_found(void **state)
{
	void (*const misuses[])(void *) = { sleep_in_atomic_context, unlock_what_is_not_held,
					    end_with_a_lock, sleep_in_section };
	struct every every;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(misuses); i++) {
		every = every_of(reset, (task_list){ misuses[i], NULL });
		assert_int_equal(every.executions, 1);
		assert_int_equal(every.found[EXPLORED_LOCK_MISUSE], 1);
	}
}

static bool went_on;

static void panic_in_the_middle(void *arg)
{
	(void)arg;
	mutex_lock(&s.mutex);
	if (READ_ONCE(s.number) == 0)
		panic("number is %d", s.number);
	went_on = true;
}

/* The other task waits for the mutex for ever, and the next execution must not know. */
static void a_panic_ends_the_execution_and_nothing_else(void **state)
{
	struct every every;

	(void)state;
	went_on = false;
	every = every_of(reset, (task_list){ panic_in_the_middle, enter_under_mutex, NULL });
	assert_int_equal(every.found[EXPLORED_ASSERTION], every.executions);
	assert_true(every.executions > 1);
	assert_false(went_on);
	assert_string_equal(every.first.message, "number is 0");
	assert_string_equal(every.first.func, "panic_in_the_middle");
}

/* ---- Sequence counts --------------------------------------------------------------------------------------------- */

static void write_both(void *arg)
{
	(void)arg;
	write_seqcount_begin(&s.seq);
	WRITE_ONCE(s.left, 1);
	WRITE_ONCE(s.right, 1);
	write_seqcount_end(&s.seq);
}

static void read_both(void *arg)
{
	unsigned int start;
	int left, right;

	(void)arg;
	do {
		start = read_seqcount_begin(&s.seq);
		left = READ_ONCE(s.left);
		right = READ_ONCE(s.right);
	} while (read_seqcount_retry(&s.seq, start));
	ASSERT_MSG(left == right, "%d and %d", left, right);
}

static void read_both_once(void *arg)
{
	int left, right;

	(void)arg;
	read_seqcount_begin(&s.seq);
	left = READ_ONCE(s.left);
	right = READ_ONCE(s.right);
	ASSERT_MSG(left == right, "%d and %d", left, right);
}

static void a_sequence_count_hides_what_is_half_written(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ write_both, read_both, NULL });
	assert_all_complete(&every);
	every = every_of(reset, (task_list){ write_both, read_both_once, NULL });
	assert_true(every.found[EXPLORED_ASSERTION] > 0);
}

/* ---- RCU -------------------------------------------------------------------------------------------------------------- */

static void free_first(struct rcu_head *head)
{
	(void)head;
	s.freed = true;
}

static void free_second(struct rcu_head *head)
{
	(void)head;
	ASSERT(s.freed);
	s.second_freed = true;
}

static void read_pointer(void *arg)
{
	int *pointer;

	(void)arg;
	rcu_read_lock();
	pointer = rcu_dereference(s.pointer);
	if (!pointer) {
		bool freed = s.freed;

		s.in_section = true;
		(void)READ_ONCE(s.number);
		ASSERT_MSG(freed || !s.freed, "freed under a reader");
		s.in_section = false;
	}
	rcu_read_unlock();
}

static void replace_and_wait(void *arg)
{
	(void)arg;
	rcu_assign_pointer(s.pointer, &s.number);
	synchronize_rcu();
	s.freed = true;
}

static void replace_and_call(void *arg)
{
	(void)arg;
	rcu_assign_pointer(s.pointer, &s.number);
	call_rcu(&s.head, free_first);
}

static void replace_at_once(void *arg)
{
	(void)arg;
	rcu_assign_pointer(s.pointer, &s.number);
	s.freed = true;
}

static void look_freed(const struct explored *x, enum explored_end end)
{
	(void)x;
	if (end == EXPLORED_COMPLETE)
		assert_true(s.freed);
}

static void a_grace_period_waits_for_readers(void **state)
{
	void (*const updates[])(void *) = { replace_and_wait, replace_and_call };
	struct every every;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
		every_init(&every, reset, (task_list){ read_pointer, updates[i], NULL });
		every.look = look_freed;
		every_interleaving(&every);
		every_fini(&every);
		assert_all_complete(&every);
	}
	every = every_of(reset, (task_list){ read_pointer, replace_at_once, NULL });
	assert_true(every.found[EXPLORED_ASSERTION] > 0);
}

static unsigned int nr_later_readers;

static void read_anything(void *arg)
{
	(void)arg;
	rcu_read_lock();
	s.in_section = true;
	(void)READ_ONCE(s.number);
	s.in_section = false;
	rcu_read_unlock();
}

static void only_wait(void *arg)
{
	(void)arg;
	synchronize_rcu();
	nr_later_readers += s.in_section;
}

static void a_grace_period_does_not_wait_for_later_readers(void **state)
{
	struct every every;

	(void)state;
	nr_later_readers = 0;
	every = every_of(reset, (task_list){ read_anything, only_wait, NULL });
	assert_all_complete(&every);
	assert_true(nr_later_readers > 0);
}

static void queue_two_and_wait(void *arg)
{
	(void)arg;
	call_rcu(&s.head, free_first);
	call_rcu(&s.second_head, free_second);
	rcu_barrier();
	ASSERT(s.freed && s.second_freed);
}

static void a_barrier_waits_for_the_callbacks_and_they_run_in_order(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ queue_two_and_wait, read_anything, NULL });
	assert_all_complete(&every);
}

static void sleep_in_callback(struct rcu_head *head)
{
	(void)head;
	mutex_lock(&s.mutex);
}

static void queue_a_sleeper(void *arg)
{
	(void)arg;
	call_rcu(&s.head, sleep_in_callback);
}

static void a_callback_may_not_sleep(void **state)
{
	struct every every;

	(void)state;
	every = every_of(reset, (task_list){ queue_a_sleeper, NULL });
	assert_int_equal(every.found[EXPLORED_LOCK_MISUSE], every.executions);
	assert_string_equal(every.first.task, "rcu/0");
}

static void stay_in_section_for_ever(void *arg)
{
	(void)arg;
	rcu_read_lock();
	while (!READ_ONCE(s.ready))
		task_yield();
	rcu_read_unlock();
}

static void read_then_deadlock(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	synchronize_rcu();
	bit_unlock(&s.word, BIT, WAITERS, LOCK_FOLIO);
}

static void a_reader_that_never_leaves_keeps_the_grace_period_open(void **state)
{
	struct every every;

	(void)state;
	every_step_bound(16);
	every = every_of(reset, (task_list){ stay_in_section_for_ever, read_then_deadlock, NULL });
	every_step_bound(0);
	assert_int_equal(every.ends[EXPLORED_COMPLETE], 0);
	assert_int_equal(every.found[EXPLORED_LIVELOCK], every.executions);
}

/* ---- Choices ---------------------------------------------------------------------------------------------------------- */

static unsigned int chosen;

static void choose_among_three(void *arg)
{
	(void)arg;
	chosen |= 1u << sync_choose(3);
}

static void every_value_of_a_choice_is_tried(void **state)
{
	struct every every;

	(void)state;
	chosen = 0;
	every = every_of(reset, (task_list){ choose_among_three, NULL });
	assert_int_equal(every.executions, 3);
	assert_int_equal(chosen, 7);
}

/* ---- Outside of executions --------------------------------------------------------------------------------------------- */

static void set_up(void *arg)
{
	(void)arg;
	assert_string_equal(task_name(), "setup");
	assert_int_equal(task_cpu(), 1);
	mutex_lock(&s.mutex);
	call_rcu(&s.head, free_first);
	mutex_unlock(&s.mutex);
	rcu_read_lock();
	WRITE_ONCE(s.number, READ_ONCE(s.number) + 1);
	rcu_read_unlock();
	synchronize_rcu();
	assert_int_equal(sync_choose(5), 0);
}

static void set_up_and_wait_for_oneself(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	bit_wait(&s.word, BIT, WAITERS);
}

static void set_up_and_panic(void *arg)
{
	(void)arg;
	panic("so %s", "much");
}

static void verbs_work_outside_of_executions(void **state)
{
	struct every every;

	(void)state;
	every_init(&every, reset, (task_list){ increment_without_lock, NULL });
	explored_attach(every.x);
	reset();
	assert_true(explored_call(every.x, 1, set_up, NULL));
	assert_int_equal(s.number, 1);
	assert_true(s.freed);
	assert_null(explored_finding(every.x));

	assert_false(explored_call(every.x, 0, set_up_and_wait_for_oneself, NULL));
	assert_int_equal(explored_finding(every.x)->kind, EXPLORED_DEADLOCK);
	assert_false(explored_call(every.x, 0, set_up_and_panic, NULL));
	assert_string_equal(explored_finding(every.x)->message, "so much");

	every_interleaving(&every);
	assert_all_complete(&every);
	every_fini(&every);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coroutines_do_what_the_prototypes_say),
		cmocka_unit_test(every_interleaving_is_tried_once),
		cmocka_unit_test(a_mutex_excludes),
		cmocka_unit_test(a_spinlock_excludes),
		cmocka_unit_test(a_trylock_never_waits),
		cmocka_unit_test(readers_share_and_a_writer_excludes),
		cmocka_unit_test(a_waiting_writer_keeps_no_reader_out),
		cmocka_unit_test(a_downgrade_lets_readers_in_and_no_writer),
		cmocka_unit_test(a_reader_keeps_out_a_writer_that_only_tries),
		cmocka_unit_test(a_bit_is_a_lock_and_leaves_its_neighbours_alone),
		cmocka_unit_test(another_task_may_unlock_a_bit),
		cmocka_unit_test(a_wake_up_after_the_change_is_never_lost),
		cmocka_unit_test(a_lost_wake_up_is_found),
		cmocka_unit_test(a_deadlock_is_found_and_names_who_waits_for_whom),
		cmocka_unit_test(a_lock_taken_against_the_order_is_found_in_every_schedule),
		cmocka_unit_test(a_trylock_may_go_against_the_order),
		cmocka_unit_test(a_task_that_gets_nowhere_is_a_livelock),
		cmocka_unit_test(misused_locks_are_found),
		cmocka_unit_test(a_panic_ends_the_execution_and_nothing_else),
		cmocka_unit_test(a_sequence_count_hides_what_is_half_written),
		cmocka_unit_test(a_grace_period_waits_for_readers),
		cmocka_unit_test(a_grace_period_does_not_wait_for_later_readers),
		cmocka_unit_test(a_barrier_waits_for_the_callbacks_and_they_run_in_order),
		cmocka_unit_test(a_callback_may_not_sleep),
		cmocka_unit_test(a_reader_that_never_leaves_keeps_the_grace_period_open),
		cmocka_unit_test(every_value_of_a_choice_is_tried),
		cmocka_unit_test(verbs_work_outside_of_executions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
