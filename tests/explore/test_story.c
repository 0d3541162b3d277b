// SPDX-License-Identifier: MIT
/*
 * test_story.c - what is told of findings that have nothing to do with pages
 *
 * If one of these fails, whoever is shown a deadlock or a lost update must read hundreds of steps
 * to see it, or a story does not fit the screen.
 */
#include "engine.h"
#include "sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define NR_LOCKS 3

struct shared {
	struct mutex locks[NR_LOCKS];
	atomic_t counter;
};

static void make_locks(struct world *world)
{
	struct shared *shared = world->data;

	for (int i = 0; i < NR_LOCKS; i++)
		mutex_init(&shared->locks[i], (enum lock_class)(LOCK_MMAP + i));
}

/* The story of what the search finds in @scenario; the caller's to free. */
static char *story_of(const struct gw_scenario *scenario, unsigned int width)
{
	const struct gw_explore request = { .scenario = scenario,
					    .strategy = "dpor",
					    .executions = 10000 };
	struct gw_verdict verdict;
	char error[1024] = "";
	char *story;

	gw_explore(&request, &verdict);
	if (verdict.kind != GW_VERDICT_VIOLATED)
		fail_msg("%s: %s", gw_verdict_name(verdict.kind), verdict.error);
	story = gw_story(verdict.schedule, width, error, sizeof(error));
	if (!story)
		fail_msg("%s", error);
	gw_schedule_free(verdict.schedule);
	return story;
}

/* The @words must come in this order. */
static void expect_in_order(const char *story, const char *const *words, size_t nr)
{
	const char *at = story;

	for (size_t i = 0; i < nr; i++) {
		const char *found = strstr(at, words[i]);

		if (!found)
			fail_msg("'%s' does not come (%zu) in\n%s", words[i], i, story);
		at = found + strlen(words[i]);
	}
}

#define EXPECT_IN_ORDER(story, ...)                                                                \
	do {                                                                                       \
		static const char *const words[] = { __VA_ARGS__ };                                \
		expect_in_order(story, words, ARRAY_SIZE(words));                                  \
	} while (0)

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		longest = max(longest, len);
		text += len + (text[len] == '\n');
	}
	return longest;
}

static size_t nr_lines(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += *text == '\n';
	return nr;
}

/* ---- A deadlock ------------------------------------------------------------------------------------------ */

static void set_bit(struct world *world)
{
	struct shared *shared = world->data;

	make_locks(world);
	atomic_set(&shared->counter, 1);
}

/* With the lock that whoever clears the bit must get. */
static void wait_for_bit(struct world *world)
{
	struct shared *shared = world->data;

	mutex_lock(&shared->locks[0]);
	bit_wait(&shared->counter, 0, 1);
	mutex_unlock(&shared->locks[0]);
}

static void clear_bit(struct world *world)
{
	struct shared *shared = world->data;

	mutex_lock(&shared->locks[0]);
	atomic_set(&shared->counter, 0);
	mutex_unlock(&shared->locks[0]);
}

static void look_on(struct world *world)
{
	struct shared *shared = world->data;

	if (mutex_trylock(&shared->locks[0]))
		mutex_unlock(&shared->locks[0]);
}

static const struct gw_scenario deadlock = {
	.name = "deadlock",
	.data_size = sizeof(struct shared),
	.setup = set_bit,
	.nr_cpus = 3,
	.tasks = { { "A", 0, wait_for_bit }, { "B", 1, clear_bit }, { "C", 2, look_on } },
};

static void a_deadlock_shows_who_waits(void **state)
{
	char *story = story_of(&deadlock, 100);

	(void)state;
	EXPECT_IN_ORDER(story, "CPU 0, A", "CPU 1, B", "wait_for_bit()", "lock(mmap_lock#1)",
			"waits for ever:", "bit_wait(", "clear_bit()",
			"waits for ever:", "lock(mmap_lock#1)", "*** deadlock:", "held by A");
	assert_true(nr_lines(story) < 30);
	free(story);
}

static void a_story_is_as_wide_as_it_is_told(void **state)
{
	(void)state;
	for (unsigned int width = 60; width <= 120; width += 20) {
		char *story = story_of(&deadlock, width);

		assert_in_range(longest_line(story), width / 2, width);
		free(story);
	}
}

/* ---- A lost update ---------------------------------------------------------------------------------------- */

static void add_one(struct world *world)
{
	struct shared *shared = world->data;
	int value = atomic_read(&shared->counter);

	atomic_set(&shared->counter, value + 1);
}

static void expect_two(struct world *world)
{
	struct shared *shared = world->data;

	scenario_expect(atomic_read(&shared->counter) == 2, "the counter is %d",
			atomic_read(&shared->counter));
}

static void a_lost_update_shows_what_was_read(void **state)
{
	static const struct gw_scenario scenario = {
		.name = "counter",
		.data_size = sizeof(struct shared),
		.tasks = { { "A", 0, add_one }, { "B", 1, add_one } },
		.check = expect_two,
	};
	char *story = story_of(&scenario, 100);

	(void)state;
	EXPECT_IN_ORDER(story, "CPU 0, A", "CPU 1, B", "add_one()", "reads word#1: 0\n",
			"reads word#1: 0\n", ": 0 -> 1\n", ": 1 -> 1\n", "After all tasks",
			"the counter is 1");
	free(story);
}

/* ---- Much of the same ------------------------------------------------------------------------------------- */

static void wait_by_polling(struct world *world)
{
	struct shared *shared = world->data;

	while (!atomic_read(&shared->counter))
		task_yield();
}

static void answer_nobody(struct world *world)
{
	struct shared *shared = world->data;

	atomic_set(&shared->counter, 0);
	while (atomic_read(&shared->counter) != 7)
		mutex_lock(&shared->locks[0]), mutex_unlock(&shared->locks[0]);
}

static void a_livelock_is_not_told_step_by_step(void **state)
{
	static const struct gw_scenario scenario = {
		.name = "livelock",
		.data_size = sizeof(struct shared),
		.setup = make_locks,
		.step_bound = 2000,
		.tasks = { { "A", 0, wait_by_polling }, { "B", 1, answer_nobody } },
	};
	char *story = story_of(&scenario, 100);

	(void)state;
	assert_true(nr_lines(story) < 400);
	free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadlock_shows_who_waits),
		cmocka_unit_test(a_story_is_as_wide_as_it_is_told),
		cmocka_unit_test(a_lost_update_shows_what_was_read),
		cmocka_unit_test(a_livelock_is_not_told_step_by_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
