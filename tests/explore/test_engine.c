// SPDX-License-Identifier: MIT
/*
 * test_engine.c - what the explorer says of scenarios that are wrong in one way each
 *
 * If one of these fails, a violation is reported as something else, or believed although it cannot
 * be shown again.
 */
#include "machine.h"

#include "engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct gw_verdict explore(const struct gw_scenario *scenario, uint64_t executions)
{
	const struct gw_explore request = { .scenario = scenario, .executions = executions };
	struct gw_verdict verdict;

	gw_explore(&request, &verdict);
	gw_schedule_free(verdict.schedule);
	verdict.schedule = NULL;
	return verdict;
}

static void do_nothing(struct world *world)
{
	(void)world;
}

/* ---- What must hold in the end -------------------------------------------------------------------------- */

static void fail_check(struct world *world)
{
	(void)world;
	scenario_fail("so it %s", "is");
}

static void a_check_that_fails_is_a_violation(void **state)
{
	const struct gw_scenario scenario = { .name = "check",
					      .tasks = { { "A", 0, do_nothing } },
					      .check = fail_check };
	struct gw_verdict verdict = explore(&scenario, 10);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
	assert_string_equal(verdict.invariant, "check");
	assert_memory_equal(verdict.message, "setup: so it is (", strlen("setup: so it is ("));
	assert_int_equal(verdict.executions, 1);
}

/* A free frame that claims to be mapped. */
static void miscount(struct world *world)
{
	atomic_set(&world->machine->folios[3].mapcount, 1);
}

static void a_machine_that_does_not_add_up_is_a_violation(void **state)
{
	const struct gw_scenario scenario = { .name = "validation",
					      .tasks = { { "A", 0, miscount } } };
	struct gw_verdict verdict = explore(&scenario, 10);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
	assert_string_equal(verdict.invariant, "validation");
	assert_non_null(strstr(verdict.message, "frame 3"));
	assert_string_equal(verdict.consequence, "");
}

static void what_the_check_meets_then_is_the_consequence(void **state)
{
	const struct gw_scenario scenario = { .name = "consequence",
					      .tasks = { { "A", 0, miscount } },
					      .check = fail_check };
	struct gw_verdict verdict = explore(&scenario, 10);

	(void)state;
	assert_string_equal(verdict.invariant, "validation");
	assert_non_null(strstr(verdict.consequence, "so it is"));
}

/* One execution's damage must not be in the next. */
static void miscount_by_chance(struct world *world)
{
	if (sync_choose(64) == 0)
		atomic_set(&world->machine->folios[3].mapcount, 1);
	else
		scenario_expect(atomic_read(&world->machine->folios[3].mapcount) == 0, "left over");
}

static void every_execution_begins_alike(void **state)
{
	const struct gw_scenario scenario = {
		.name = "alike", .tasks = { { "A", 0, miscount_by_chance }, { "B", 1, do_nothing } }
	};
	struct gw_verdict verdict = explore(&scenario, 10000);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
	assert_string_equal(verdict.invariant, "validation");
	assert_true(verdict.executions > 1);
}

/* ---- Scenarios that cannot be explored ---------------------------------------------------------------------- */

static void fail_setup(struct world *world)
{
	(void)world;
	scenario_fail("no such thing");
}

static void a_set_up_that_fails_is_an_error(void **state)
{
	const struct gw_scenario scenario = { .name = "setup",
					      .setup = fail_setup,
					      .tasks = { { "A", 0, do_nothing } } };
	struct gw_verdict verdict = explore(&scenario, 10);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
	assert_non_null(strstr(verdict.error, "no such thing"));
}

static void a_set_up_that_breaks_the_machine_is_an_error(void **state)
{
	const struct gw_scenario scenario = { .name = "setup",
					      .setup = miscount,
					      .tasks = { { "A", 0, do_nothing } } };
	struct gw_verdict verdict = explore(&scenario, 10);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
	assert_non_null(strstr(verdict.error, "frame 3"));
}

/* State outside of the world, which nobody puts back. */
static int nr_calls;

static void fail_the_fifth_time(struct world *world)
{
	(void)world;
	if (++nr_calls == 5)
		scenario_fail("the fifth time");
}

static void what_does_not_happen_again_is_not_believed(void **state)
{
	const struct gw_scenario scenario = { .name = "outside",
					      .tasks = { { "A", 0, fail_the_fifth_time } } };
	struct gw_verdict verdict;

	(void)state;
	nr_calls = 0;
	verdict = explore(&scenario, 10);
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
	assert_non_null(strstr(verdict.error, "execution 4 violated assertion, but did not do so "
					      "again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_that_fails_is_a_violation),
		cmocka_unit_test(a_machine_that_does_not_add_up_is_a_violation),
		cmocka_unit_test(what_the_check_meets_then_is_the_consequence),
		cmocka_unit_test(every_execution_begins_alike),
		cmocka_unit_test(a_set_up_that_fails_is_an_error),
		cmocka_unit_test(a_set_up_that_breaks_the_machine_is_an_error),
		cmocka_unit_test(what_does_not_happen_again_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
