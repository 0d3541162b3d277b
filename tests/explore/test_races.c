// SPDX-License-Identifier: MIT
/*
 * test_races.c - explorations from the outside: verdicts, seeds, schedules
 *
 * If one of these fails, a race that is there is not found, one that is fixed is found, or what was
 * found cannot be shown again.  usage: test_races [EXECUTIONS] of the searches that must find nothing.
 */
#include <godwit/core.h>
#include <godwit/explore.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "strategy.h"

#define EXECUTIONS_TO_FIND 500000
#define REPLAYS		   20

static uint64_t executions_to_trust = 20000;

static const struct gw_scenario *tempstack(void)
{
	const struct gw_scenario *scenario = gw_scenario_find("2010-exec-tempstack");

	assert_non_null(scenario);
	return scenario;
}

static struct gw_verdict explore(const char *strategy, uint64_t seed, uint64_t executions,
				 uint64_t guards_off)
{
	const struct gw_explore request = {
		.scenario = tempstack(),
		.strategy = strategy,
		.seed = seed,
		.executions = executions,
		.guards_off = guards_off,
	};
	struct gw_verdict verdict;

	gw_explore(&request, &verdict);
	if (verdict.kind == GW_VERDICT_ERROR)
		print_error("%s\n", verdict.error);
	if (verdict.kind == GW_VERDICT_VIOLATED)
		print_message("# execution %llu: %s: %s\n", (unsigned long long)verdict.execution,
			      verdict.invariant, verdict.message);
	return verdict;
}

static struct gw_verdict find_the_race(const char *strategy)
{
	struct gw_verdict verdict =
		explore(strategy, 1, EXECUTIONS_TO_FIND, 1ull << GW_GUARD_skip_temporary_stack);

	assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
	assert_non_null(strstr(verdict.message, gw_scenario_breaks(tempstack())));
	assert_non_null(verdict.schedule);
	return verdict;
}

/* ---- The race of 2010 ------------------------------------------------------------------------------- */

static void without_the_guard_the_race_is_found(void **state)
{
	struct gw_verdict verdict = find_the_race("random");

	(void)state;
	assert_true(verdict.context_switches >= 2);
	gw_schedule_free(verdict.schedule);
}

static void with_the_guard_nothing_is_found(void **state)
{
	struct gw_verdict verdict = explore("random", 1, executions_to_trust, 0);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_BUDGET);
	assert_int_equal(verdict.executions, executions_to_trust);
}

static void partial_order_sampling_finds_nothing_either(void **state)
{
	struct gw_verdict verdict = explore("pos", 1, executions_to_trust / 4, 0);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_BUDGET);
}

/* ---- Strategies ----------------------------------------------------------------------------------------- */

/* Sampling comes first, and all that it saw is seen again by the search. */
static void auto_samples_and_then_exhausts(void **state)
{
	struct gw_verdict verdict = explore("auto", 1, 100000, 0);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_EXHAUSTED);
	assert_int_equal(verdict.sampled, 1000);
	assert_true(verdict.traces > 10);
	assert_int_equal(verdict.blocked, 0);
	assert_int_equal(verdict.executions, verdict.sampled + verdict.traces);
}

/* Three orders make this race: two switches of priority are enough, one is not. */
static void pct_finds_the_race_at_its_depth_only(void **state)
{
	struct gw_explore request = {
		.scenario = tempstack(),
		.strategy = "pct",
		.seed = 1,
		.executions = 4000,
		.guards_off = 1ull << GW_GUARD_skip_temporary_stack,
		.depth = 2,
	};
	struct gw_verdict verdict;

	(void)state;
	gw_explore(&request, &verdict);
	assert_int_equal(verdict.kind, GW_VERDICT_BUDGET);
	request.depth = 3;
	gw_explore(&request, &verdict);
	assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
	assert_true(verdict.context_switches <= 4);
	gw_schedule_free(verdict.schedule);
}

/* ---- Shrinking -------------------------------------------------------------------------------------------- */

/* M sets its entry, E moves the geometry, M looks in vain, E goes on: no schedule needs more. */
static void whatever_found_it_three_switches_are_left(void **state)
{
	static const char *const strategies[] = { "random", "pos", "pct", "dpor" };
	unsigned int left_out = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct gw_verdict verdict =
			explore(strategies[i % 4], 10 + (uint64_t)i, EXECUTIONS_TO_FIND,
				1ull << GW_GUARD_skip_temporary_stack);

		assert_int_equal(verdict.kind, GW_VERDICT_VIOLATED);
		assert_int_equal(verdict.context_switches, 3);
		assert_true(verdict.schedule_steps <= verdict.found_steps);
		assert_true(verdict.shrink_executions <= 300 + 2);
		assert_non_null(strstr(verdict.message, gw_scenario_breaks(tempstack())));
		left_out += verdict.found_switches - verdict.context_switches;
		gw_schedule_free(verdict.schedule);
	}
	assert_true(left_out >= 8);
}

/* ---- The same seed is the same ------------------------------------------------------------------------ */

#define NR_SAME 200

static void digest_executions(const struct strategy *strategy, uint64_t seed,
			      uint64_t states[NR_SAME])
{
	struct engine engine;
	char error[256];
	void *state;

	if (!engine_create(&engine, tempstack(), 0, 0, error, sizeof(error)))
		fail_msg("%s", error);
	state = calloc(1, strategy->size);
	assert_non_null(state);
	strategy->init(state, &(struct strategy_params){ .seed = seed });
	for (uint64_t i = 0; i < NR_SAME; i++) {
		struct outcome outcome;

		assert_true(strategy->begin(state, engine.explored, i));
		engine_execute(&engine, &strategy->steps, state, &outcome);
		states[i] = engine_state(&engine);
	}
	free(state);
	engine_destroy(&engine);
}

static unsigned int nr_equal(const uint64_t a[NR_SAME], const uint64_t b[NR_SAME])
{
	unsigned int nr = 0;

	for (int i = 0; i < NR_SAME; i++)
		nr += a[i] == b[i];
	return nr;
}

static void the_same_seed_gives_the_same_executions(void **state)
{
	uint64_t first[NR_SAME], second[NR_SAME], other[NR_SAME];

	(void)state;
	for (size_t i = 0; i < nr_strategies(); i++) {
		if (strategy_nth(i)->stats)
			continue; /* a search takes no chances */
		digest_executions(strategy_nth(i), 7, first);
		digest_executions(strategy_nth(i), 7, second);
		digest_executions(strategy_nth(i), 8, other);
		assert_int_equal(nr_equal(first, second), NR_SAME);
		assert_true(nr_equal(first, other) < NR_SAME / 2);
	}
}

/* ---- Schedules --------------------------------------------------------------------------------------------- */

static struct gw_schedule *parse(const char *text)
{
	char error[256];
	struct gw_schedule *schedule =
		gw_schedule_parse(text, strlen(text), "s", error, sizeof(error));

	if (!schedule)
		fail_msg("%s", error);
	return schedule;
}

static struct gw_verdict replay(const struct gw_schedule *schedule)
{
	const struct gw_replay request = { .schedule = schedule };
	struct gw_verdict verdict;

	gw_replay(&request, &verdict);
	return verdict;
}

static void a_schedule_replays_to_the_same_state_every_time(void **state)
{
	struct gw_verdict found = find_the_race("random");

	(void)state;
	for (int i = 0; i < REPLAYS; i++) {
		struct gw_verdict again = replay(found.schedule);

		assert_string_equal(again.error, "");
		assert_int_equal(again.kind, GW_VERDICT_VIOLATED);
		assert_string_equal(again.message, found.message);
		assert_true(again.state == found.state);
	}
	gw_schedule_free(found.schedule);
}

static void a_schedule_survives_being_text(void **state)
{
	struct gw_verdict found = find_the_race("random"), again;
	char *text = gw_schedule_text(found.schedule), *text_again;
	struct gw_schedule *schedule = parse(text);

	(void)state;
	text_again = gw_schedule_text(schedule);
	assert_string_equal(text, text_again);
	again = replay(schedule);
	assert_int_equal(again.kind, GW_VERDICT_VIOLATED);
	assert_true(again.state == found.state);
	free(text);
	free(text_again);
	gw_schedule_free(schedule);
	gw_schedule_free(found.schedule);
}

/* Take out the line that begins with @word. */
static void drop_line(char *text, const char *word)
{
	char *line = strstr(text, word), *end;

	assert_non_null(line);
	end = strchr(line, '\n') + 1;
	memmove(line, end, strlen(end) + 1);
}

/* With the guard on the program goes another way to its end, and the replay says where. */
static void a_violation_that_is_gone_is_not_reported(void **state)
{
	struct gw_verdict found = find_the_race("random"), again;
	char *text = gw_schedule_text(found.schedule);
	struct gw_schedule *schedule;

	(void)state;
	drop_line(text, "without ");
	schedule = parse(text);
	again = replay(schedule);
	assert_int_equal(again.kind, GW_VERDICT_EXHAUSTED);
	assert_non_null(strstr(again.error, "another way than the schedule: step "));
	assert_non_null(strstr(again.error, ", line "));
	free(text);
	gw_schedule_free(schedule);
	gw_schedule_free(found.schedule);
}

/* The last run as the schedule of a program that took another lock there. */
static void a_run_that_begins_otherwise_is_named(void **state)
{
	struct gw_verdict found = find_the_race("random"), again;
	char *text = gw_schedule_text(found.schedule);
	char *number = strrchr(text, '#');
	struct gw_schedule *schedule;

	(void)state;
	assert_non_null(number);
	number[1] = number[1] == '9' ? '8' : '9';
	schedule = parse(text);
	again = replay(schedule);
	assert_int_equal(again.kind,
			 GW_VERDICT_VIOLATED); /* by the same tasks, in the same order */
	assert_string_equal(again.invariant, found.invariant);
	assert_non_null(strstr(again.error, ", the program is at "));
	free(text);
	gw_schedule_free(schedule);
	gw_schedule_free(found.schedule);
}

static void another_state_in_the_end_is_named(void **state)
{
	struct gw_verdict found = find_the_race("random"), again;
	char *text = gw_schedule_text(found.schedule);
	char *digit = strstr(text, "\nstate ") + strlen("\nstate ");
	struct gw_schedule *schedule;

	(void)state;
	*digit = *digit == '0' ? '1' : '0';
	schedule = parse(text);
	again = replay(schedule);
	assert_int_equal(again.kind, GW_VERDICT_VIOLATED);
	assert_non_null(strstr(again.error, "the schedule ends in state "));
	free(text);
	gw_schedule_free(schedule);
	gw_schedule_free(found.schedule);
}

#define HEAD "godwit-schedule 1\nscenario 2010-exec-tempstack\nstate 0\n"

static void a_wrong_line_is_named(void **state)
{
	static const struct {
		const char *text, *error;
	} wrong[] = {
		{ "", "s:2: the file is empty" },
		{ "hello\n", "s:1: this is no schedule" },
		{ "godwit-schedule 2\n", "s:1: format version 2" },
		{ "godwit-schedule 1\nscenario nothing\n", "s:2: there is no scenario 'nothing'" },
		{ "godwit-schedule 1\n\n# words\nwithout skip-temporary-stack,sleep\n",
		  "s:4: there is no guard 'sleep'" },
		{ HEAD "seed x\n", "s:4: seed: 'x' is no number" },
		{ HEAD "seed -1\n", "s:4: seed: '-1' is no number" },
		{ HEAD "E\n", "s:4: number of steps: '' is no number" },
		{ HEAD "E 0 begin\n", "s:4: a run of no steps" },
		{ HEAD "E 1 dance\n", "s:4: there is no step 'dance'" },
		{ HEAD "E 1 begin\nM 1 lock lru_lock#2 again\n", "s:5: 'again' is too much" },
		{ HEAD "E 1 begin\nX 1 begin\nM 1 begin\n",
		  "s:5: the scenario 2010-exec-tempstack has no task 'X'" },
		{ HEAD "E 2 choose = 1\n", "s:4: a choice is one step" },
		{ HEAD "E 1 choose = many\n", "s:4: choice: 'many' is no number" },
		{ HEAD, "s:5: the schedule has no steps" },
		{ "godwit-schedule 1\nstate 0\nE 1 begin\n",
		  "s:5: the schedule names no scenario" },
		{ "godwit-schedule 1\nscenario 2010-exec-tempstack\nE 1 begin\n",
		  "s:5: the schedule has no state" },
	};
	char error[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_null(gw_schedule_parse(wrong[i].text, strlen(wrong[i].text), "s", error,
					      sizeof(error)));
		if (strncmp(error, wrong[i].error, strlen(wrong[i].error)))
			fail_msg("'%s' instead of '%s'", error, wrong[i].error);
	}
}

/* ---- Requests that make no sense ---------------------------------------------------------------------------- */

static void an_unknown_strategy_and_a_missing_budget_are_errors(void **state)
{
	struct gw_explore request = { .scenario = tempstack(),
				      .strategy = "hope",
				      .executions = 1 };
	struct gw_verdict verdict;

	(void)state;
	gw_explore(&request, &verdict);
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
	assert_non_null(strstr(verdict.error, "hope"));
	request = (struct gw_explore){ .scenario = tempstack() };
	gw_explore(&request, &verdict);
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_guard_the_race_is_found),
		cmocka_unit_test(with_the_guard_nothing_is_found),
		cmocka_unit_test(partial_order_sampling_finds_nothing_either),
		cmocka_unit_test(auto_samples_and_then_exhausts),
		cmocka_unit_test(pct_finds_the_race_at_its_depth_only),
		cmocka_unit_test(whatever_found_it_three_switches_are_left),
		cmocka_unit_test(the_same_seed_gives_the_same_executions),
		cmocka_unit_test(a_schedule_replays_to_the_same_state_every_time),
		cmocka_unit_test(a_schedule_survives_being_text),
		cmocka_unit_test(a_violation_that_is_gone_is_not_reported),
		cmocka_unit_test(a_run_that_begins_otherwise_is_named),
		cmocka_unit_test(another_state_in_the_end_is_named),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(an_unknown_strategy_and_a_missing_budget_are_errors),
	};

	if (argc > 1)
		executions_to_trust = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
