// SPDX-License-Identifier: MIT
/*
 * test_watch.c - plain accesses: which of them race, and which touch what has been freed
 *
 * Compiled with the instrumentation of the explored core.  If one of these fails, an exploration
 * claims to have seen every order of two accesses and has not, or blames code that is right.  Each
 * thing that orders is tested in every interleaving, and so is the same without it.
 */
#include "every.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "watch.h"

typedef void (*const task_list[])(void *arg);

/* What the tasks share, and all that is watched. */
static _Alignas(4096) struct {
	unsigned char page[4096];
	struct mutex mutex;
	struct spinlock spinlock;
	struct rwsem sem;
	struct wait_queue queue;
	struct rcu_head head;
	atomic_t word;
	long number;
	int ready;
	bool looked;
	_Alignas(8) unsigned char bytes[8];
	_Alignas(8) struct object {
		struct spinlock lock;
		long value;
	} object;
} s;

enum { BIT, WAITERS };

static void reset(void)
{
	memset(&s, 0, sizeof(s));
	mutex_init(&s.mutex, LOCK_MMAP);
	spin_lock_init(&s.spinlock, LOCK_ZONE);
	rwsem_init(&s.sem, LOCK_MMAP);
	wait_queue_init(&s.queue);
	spin_lock_init(&s.object.lock, LOCK_ZONE);
	memory_handed_out(&s.object, sizeof(s.object), "object");
}

static struct every watched_of(task_list tasks)
{
	struct every every;

	every_init(&every, reset, tasks);
	assert_int_equal(explored_watch(every.x, &s, sizeof(s)), 0);
	every_interleaving(&every);
	explored_unwatch(every.x);
	every_fini(&every);
	return every;
}

static void assert_no_race(task_list tasks)
{
	struct every every = watched_of(tasks);

	if (every.ends[EXPLORED_FOUND])
		print_error("found: %s\n", every.first.message);
	assert_int_equal(every.ends[EXPLORED_COMPLETE], every.executions);
}

/* It shows however far apart the two accesses are: in every interleaving. */
static struct every assert_race_in_all(task_list tasks)
{
	struct every every = watched_of(tasks);

	assert_int_equal(every.found[EXPLORED_DATA_RACE], every.executions);
	return every;
}

static void assert_race_in_some(task_list tasks)
{
	struct every every = watched_of(tasks);

	assert_true(every.found[EXPLORED_DATA_RACE] > 0);
	assert_int_equal(every.found[EXPLORED_DATA_RACE], every.ends[EXPLORED_FOUND]);
}

/* ---- Nothing orders, or a lock does ------------------------------------------------------------------- */

static void count(void *arg)
{
	(void)arg;
	s.number++;
}

static void count_under_mutex(void *arg)
{
	(void)arg;
	mutex_lock(&s.mutex);
	s.number++;
	mutex_unlock(&s.mutex);
}

static void count_under_spinlock(void *arg)
{
	(void)arg;
	spin_lock(&s.spinlock);
	s.number++;
	spin_unlock(&s.spinlock);
}

static void count_under_bit(void *arg)
{
	(void)arg;
	bit_lock(&s.word, BIT, WAITERS, LOCK_FOLIO);
	s.number++;
	bit_unlock(&s.word, BIT, WAITERS, LOCK_FOLIO);
}

static void count_as_writer(void *arg)
{
	(void)arg;
	down_write(&s.sem);
	s.number++;
	up_write(&s.sem);
}

static void count_as_writer_that_downgrades(void *arg)
{
	(void)arg;
	down_write(&s.sem);
	s.number++;
	downgrade_write(&s.sem);
	up_read(&s.sem);
}

static void count_as_reader(void *arg)
{
	(void)arg;
	down_read(&s.sem);
	s.number++;
	up_read(&s.sem);
}

static void look_as_reader(void *arg)
{
	(void)arg;
	down_read(&s.sem);
	ASSERT(s.number >= 0);
	up_read(&s.sem);
}

static void two_that_count_without_a_lock_race(void **state)
{
	struct every every;

	(void)state;
	every = assert_race_in_all((task_list){ count, count, NULL });
	assert_non_null(strstr(every.first.message, "B reads it in @1, A wrote it in @2"));
	assert_non_null(every.first.sites[0]);
	assert_non_null(every.first.sites[1]);
}

static void one_lock_orders_and_two_do_not(void **state)
{
	(void)state;
	assert_no_race((task_list){ count_under_mutex, count_under_mutex, NULL });
	assert_no_race((task_list){ count_under_spinlock, count_under_spinlock, NULL });
	assert_no_race((task_list){ count_under_bit, count_under_bit, NULL });
	assert_no_race((task_list){ count_as_writer, count_as_writer, NULL });
	assert_race_in_some((task_list){ count_under_mutex, count_under_spinlock, NULL });
	assert_race_in_some((task_list){ count_under_mutex, count, NULL });
}

static void readers_do_not_order_one_another(void **state)
{
	(void)state;
	assert_no_race((task_list){ look_as_reader, look_as_reader, count_as_writer, NULL });
	assert_no_race((task_list){ look_as_reader, count_as_writer_that_downgrades, NULL });
	assert_race_in_all((task_list){ count_as_reader, count_as_reader, NULL });
	assert_race_in_some((task_list){ look_as_reader, look_as_reader, count_as_reader, NULL });
}

static void try_to_count(void *arg)
{
	(void)arg;
	if (mutex_trylock(&s.mutex)) {
		s.number++;
		mutex_unlock(&s.mutex);
	}
}

static void count_though_it_is_busy(void *arg)
{
	(void)arg;
	if (!mutex_trylock(&s.mutex))
		s.number++;
	else
		mutex_unlock(&s.mutex);
}

static void a_trylock_orders_when_it_is_got(void **state)
{
	(void)state;
	assert_no_race((task_list){ count_under_mutex, try_to_count, NULL });
	assert_race_in_some((task_list){ count_under_mutex, count_though_it_is_busy, NULL });
}

/* ---- Words ------------------------------------------------------------------------------------------------ */

static void publish(void *arg)
{
	(void)arg;
	s.number = 1;
	smp_store_release(&s.ready, true);
}

static void publish_plainly(void *arg)
{
	(void)arg;
	s.number = 1;
	s.ready = true;
}

static void publish_too_early(void *arg)
{
	(void)arg;
	smp_store_release(&s.ready, true);
	s.number = 1;
}

static void use_published(void *arg)
{
	(void)arg;
	if (smp_load_acquire(&s.ready))
		ASSERT(s.number == 1);
}

static void a_marked_store_orders_what_comes_before_it(void **state)
{
	(void)state;
	assert_no_race((task_list){ publish, use_published, NULL });
	assert_race_in_some((task_list){ publish_too_early, use_published, NULL });
}

static void a_plain_access_races_with_a_marked_one(void **state)
{
	(void)state;
	assert_race_in_all((task_list){ publish_plainly, use_published, NULL });
}

static void set_by_atomic(void *arg)
{
	(void)arg;
	s.number = 1;
	atomic_inc(&s.word);
}

static void use_by_atomic(void *arg)
{
	(void)arg;
	if (atomic_add_return(&s.word, 1) == 2)
		ASSERT(s.number == 1);
}

static void await_and_use(void *arg)
{
	(void)arg;
	atomic_await(&s.word, 1);
	ASSERT(s.number == 1);
}

static void an_atomic_orders_both_ways(void **state)
{
	(void)state;
	assert_no_race((task_list){ set_by_atomic, use_by_atomic, NULL });
	assert_no_race((task_list){ set_by_atomic, await_and_use, NULL });
}

static void overwrite(void *arg)
{
	(void)arg;
	smp_store_release(&s.ready, 2);
}

static void look_once_overwritten(void *arg)
{
	(void)arg;
	if (smp_load_acquire(&s.ready) == 2) {
		ASSERT(s.number >= 0);
		s.looked = true;
	}
}

static unsigned int nr_unnoticed;

static void count_unnoticed(const struct explored *x, enum explored_end end)
{
	(void)x;
	nr_unnoticed += end == EXPLORED_COMPLETE && s.looked;
}

/* What is seen is a third task's store, which says nothing about the first, wherever that comes. */
static void a_store_takes_the_place_of_another(void **state)
{
	struct every every;

	(void)state;
	nr_unnoticed = 0;
	every_init(&every, reset, (task_list){ publish, overwrite, look_once_overwritten, NULL });
	every.look = count_unnoticed;
	assert_int_equal(explored_watch(every.x, &s, sizeof(s)), 0);
	every_interleaving(&every);
	explored_unwatch(every.x);
	every_fini(&every);
	assert_true(every.found[EXPLORED_DATA_RACE] > 0);
	assert_int_equal(nr_unnoticed, 0);
}

static void set_and_wake(void *arg)
{
	(void)arg;
	s.number = 1;
	WRITE_ONCE(s.ready, true);
	wake_up_all(&s.queue);
}

static void wait_and_use(void *arg)
{
	(void)arg;
	wait_event(&s.queue, READ_ONCE(s.ready));
	ASSERT(s.number == 1);
}

static void sleep_once_and_use(void *arg)
{
	(void)arg;
	wait_sleep(&s.queue, wait_prepare(&s.queue));
	ASSERT(s.number == 1);
}

/* Also without a condition: then who comes too late sleeps for ever, and uses nothing. */
static void a_wake_up_orders(void **state)
{
	struct every every;

	(void)state;
	assert_no_race((task_list){ set_and_wake, wait_and_use, NULL });
	every = watched_of((task_list){ set_and_wake, sleep_once_and_use, NULL });
	assert_true(every.ends[EXPLORED_COMPLETE] > 0);
	assert_int_equal(every.found[EXPLORED_DATA_RACE], 0);
}

/* ---- Parts of words -------------------------------------------------------------------------------------- */

static void write_first_byte(void *arg)
{
	(void)arg;
	s.bytes[0] = 1;
}

static void write_second_byte(void *arg)
{
	(void)arg;
	s.bytes[1] = 1;
}

static void write_all_bytes(void *arg)
{
	uint64_t *all = (uint64_t *)s.bytes;

	(void)arg;
	*all = 7;
}

static void bytes_of_a_word_are_told_apart(void **state)
{
	(void)state;
	assert_no_race((task_list){ write_first_byte, write_second_byte, NULL });
	assert_race_in_all((task_list){ write_first_byte, write_first_byte, NULL });
	assert_race_in_all((task_list){ write_second_byte, write_all_bytes, NULL });
	assert_race_in_all((task_list){ write_all_bytes, write_all_bytes, NULL });
}

/* ---- Pages -------------------------------------------------------------------------------------------------- */

static void zero_page(void *arg)
{
	(void)arg;
	explored_block_zero(s.page, sizeof(s.page));
}

static void zero_page_under_mutex(void *arg)
{
	mutex_lock(&s.mutex);
	zero_page(arg);
	mutex_unlock(&s.mutex);
}

static void copy_page(void *arg)
{
	static unsigned char to[sizeof(s.page)];

	(void)arg;
	explored_block_copy(to, s.page, sizeof(s.page));
}

static void write_into_page(void *arg)
{
	(void)arg;
	s.page[1000] = 1;
}

static void write_into_page_under_mutex(void *arg)
{
	mutex_lock(&s.mutex);
	write_into_page(arg);
	mutex_unlock(&s.mutex);
}

static void a_page_at_once_is_each_of_its_bytes(void **state)
{
	(void)state;
	assert_no_race((task_list){ copy_page, copy_page, NULL });
	assert_no_race((task_list){ write_into_page_under_mutex, zero_page_under_mutex, NULL });
	assert_race_in_all((task_list){ copy_page, write_into_page, NULL });
	assert_race_in_all((task_list){ zero_page, write_into_page, NULL });
	assert_race_in_all((task_list){ zero_page, copy_page, NULL });
}

/* ---- RCU ------------------------------------------------------------------------------------------------------ */

static void free_object(struct rcu_head *head)
{
	(void)head;
	s.number = 1;
	memory_taken_back(&s.object, sizeof(s.object));
}

static void unpublish_and_free(void *arg)
{
	(void)arg;
	WRITE_ONCE(s.ready, true);
	s.number = 0;
	call_rcu(&s.head, free_object);
}

static void unpublish_and_write(void *arg)
{
	(void)arg;
	WRITE_ONCE(s.ready, true);
	synchronize_rcu();
	s.object.value = 1;
}

static void unpublish_and_free_at_once(void *arg)
{
	(void)arg;
	WRITE_ONCE(s.ready, true);
	memory_taken_back(&s.object, sizeof(s.object));
}

static void let_others_go_on(void)
{
	ASSERT(atomic_read(&s.word) == 0);
}

static void read_in_section(void *arg)
{
	(void)arg;
	rcu_read_lock();
	if (!READ_ONCE(s.ready)) {
		let_others_go_on();
		ASSERT(s.object.value == 0);
	}
	rcu_read_unlock();
}

static void read_beyond_section(void *arg)
{
	bool gone;

	(void)arg;
	rcu_read_lock();
	gone = READ_ONCE(s.ready);
	rcu_read_unlock();
	let_others_go_on();
	if (!gone)
		ASSERT(s.object.value == 0);
}

static void wait_for_callbacks(void *arg)
{
	(void)arg;
	call_rcu(&s.head, free_object);
	rcu_barrier();
	ASSERT(s.number == 1);
}

static void a_grace_period_orders_readers_and_callbacks(void **state)
{
	struct every every;

	(void)state;
	assert_no_race((task_list){ unpublish_and_free, read_in_section, NULL });
	assert_no_race((task_list){ unpublish_and_write, read_in_section, NULL });
	assert_no_race((task_list){ wait_for_callbacks, NULL });
	every = watched_of((task_list){ unpublish_and_free, read_beyond_section, NULL });
	assert_true(every.found[EXPLORED_USE_AFTER_FREE] > 0);
	assert_true(every.found[EXPLORED_DATA_RACE] > 0); /* the read, then the callback */
}

/* ---- Freed memory ------------------------------------------------------------------------------------------------ */

static void free_and_read(void *arg)
{
	long value = s.object.value; /* of this task, in this epoch: it must be looked at again */

	(void)arg;
	memory_taken_back(&s.object, sizeof(s.object));
	ASSERT(READ_ONCE(s.word.v) == 0);
	ASSERT(s.object.value == value);
}

static void free_and_lock(void *arg)
{
	(void)arg;
	memory_taken_back(&s.object, sizeof(s.object));
	spin_lock(&s.object.lock);
	spin_unlock(&s.object.lock);
}

static void free_and_get_again(void *arg)
{
	(void)arg;
	memory_taken_back(&s.object, sizeof(s.object));
	memory_handed_out(&s.object, sizeof(s.object), "object");
	s.object.value = 1;
}

static void what_is_freed_is_not_touched(void **state)
{
	struct every every = watched_of((task_list){ free_and_read, NULL });

	(void)state;
	assert_int_equal(every.found[EXPLORED_USE_AFTER_FREE], every.executions);
	assert_non_null(strstr(every.first.message, "A reads object+0x8, 8 bytes, in @1"));
	assert_non_null(strstr(every.first.message, "A freed it in @2, set-up had got it in @3"));
	every = watched_of((task_list){ free_and_lock, NULL });
	assert_int_equal(every.found[EXPLORED_USE_AFTER_FREE], every.executions);
	assert_no_race((task_list){ free_and_get_again, NULL });
}

static void a_reader_that_does_not_hold_it_meets_the_end(void **state)
{
	struct every every;

	(void)state;
	every = watched_of((task_list){ unpublish_and_free_at_once, read_in_section, NULL });
	assert_true(every.found[EXPLORED_USE_AFTER_FREE] > 0);
	assert_true(every.found[EXPLORED_DATA_RACE] > 0);
}

/* ---- Accesses that become steps ------------------------------------------------------------------------------------ */

static unsigned int nr_lost;

static void count_lost(const struct explored *x, enum explored_end end)
{
	(void)x, (void)end;
	nr_lost += s.number != 2;
}

/* As with READ_ONCE and WRITE_ONCE: twenty interleavings, twelve of which lose an update. */
static void a_promoted_race_is_tried_in_every_order(void **state)
{
	struct every every;

	(void)state;
	nr_lost = 0;
	every_init(&every, reset, (task_list){ count, count, NULL });
	every.look = count_lost;
	assert_int_equal(explored_watch(every.x, &s, sizeof(s)), 0);
	assert_true(explored_promote(every.x, offsetof(__typeof__(s), number), sizeof(s.number)));
	every_interleaving(&every);
	explored_unwatch(every.x);
	every_fini(&every);
	assert_int_equal(every.ends[EXPLORED_COMPLETE], 20);
	assert_int_equal(nr_lost, 12);
}

/* A part of what another touches as a whole: both must be one object, or an order is missed. */
static void what_overlaps_is_promoted_together(void **state)
{
	struct explored_racing racing = { .size = 0 };
	struct every every;

	(void)state;
	every_init(&every, reset, (task_list){ write_first_byte, write_all_bytes, NULL });
	assert_int_equal(explored_watch(every.x, &s, sizeof(s)), 0);
	assert_true(explored_promote(every.x, offsetof(__typeof__(s), bytes), 1));
	every_interleaving(&every);
	assert_int_equal(every.found[EXPLORED_DATA_RACE], every.executions);
	assert_true(explored_racing(every.x, &racing));
	assert_int_equal(racing.size, 8);
	assert_true(explored_promote(every.x, racing.offset, racing.size));
	every.executions = every.ends[EXPLORED_COMPLETE] = 0;
	every_interleaving(&every);
	assert_int_equal(every.ends[EXPLORED_COMPLETE], every.executions);
	explored_unwatch(every.x);
	every_fini(&every);
}

static unsigned int nr_torn;

static void copy_and_compare(void *arg)
{
	unsigned char to[sizeof(s.page)];

	(void)arg;
	explored_block_copy(to, s.page, sizeof(s.page));
	nr_torn += to[1000] == 0;
}

/* The store comes before the copy or after it. */
static void a_promoted_part_of_a_page_is_copied_in_a_step(void **state)
{
	struct every every;

	(void)state;
	nr_torn = 0;
	every_init(&every, reset, (task_list){ copy_and_compare, write_into_page, NULL });
	assert_int_equal(explored_watch(every.x, &s, sizeof(s)), 0);
	assert_true(explored_promote(every.x, 1000, 1));
	every_interleaving(&every);
	explored_unwatch(every.x);
	every_fini(&every);
	assert_int_equal(every.executions, 6); /* two steps each, of which the first do nothing */
	assert_int_equal(every.ends[EXPLORED_COMPLETE], 6);
	assert_int_equal(nr_torn, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_that_count_without_a_lock_race),
		cmocka_unit_test(one_lock_orders_and_two_do_not),
		cmocka_unit_test(readers_do_not_order_one_another),
		cmocka_unit_test(a_trylock_orders_when_it_is_got),
		cmocka_unit_test(a_marked_store_orders_what_comes_before_it),
		cmocka_unit_test(a_plain_access_races_with_a_marked_one),
		cmocka_unit_test(an_atomic_orders_both_ways),
		cmocka_unit_test(a_store_takes_the_place_of_another),
		cmocka_unit_test(a_wake_up_orders),
		cmocka_unit_test(bytes_of_a_word_are_told_apart),
		cmocka_unit_test(a_page_at_once_is_each_of_its_bytes),
		cmocka_unit_test(a_grace_period_orders_readers_and_callbacks),
		cmocka_unit_test(what_is_freed_is_not_touched),
		cmocka_unit_test(a_reader_that_does_not_hold_it_meets_the_end),
		cmocka_unit_test(a_promoted_race_is_tried_in_every_order),
		cmocka_unit_test(what_overlaps_is_promoted_together),
		cmocka_unit_test(a_promoted_part_of_a_page_is_copied_in_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
