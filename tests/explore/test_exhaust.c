// SPDX-License-Identifier: MIT
/*
 * test_exhaust.c - does exhaustive search see every trace, each once, and nothing else?
 *
 * usage: test_exhaust [PROGRAMS [SEED]]
 *
 * So many random programs of each class, from this seed on, instead of a few, and the classics that
 * take more than some seconds as well.  test_rules.c shows that all this can fail.
 */
#include "classics.h"
#include "random_programs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync.h"

#define BRUTE_FORCE_MAX 30000 /* interleavings; programs with more are left out, and counted */
#define QUICK_BRUTE_MAX 5000
#define QUICK_MAX	50000 /* traces of a classic */
#define FEW_TRACES	20    /* more have too many interleavings */

static int nr_programs = 40;
static uint64_t first_seed = 7;
static bool at_length;

/* ---- The classics ----------------------------------------------------------------------------------- */

static void check_classic(const struct classic *classic, const struct strategy *strategy)
{
	struct trace_set seen = { .nr = 0 };
	struct exhausted result =
		exhaust(&classic->program, classic->n, classic->k, strategy, &seen, 0);

	trace_set_fini(&seen);
	if (result.error || result.distinct != classic->traces || result.duplicates ||
	    result.failing != classic->failing || result.deadlocks != classic->deadlocks)
		fail_msg("%s: %s(%d, %d): %llu traces, %llu of them twice, %llu failing, %llu "
			 "deadlocks; there are %llu, %llu and %llu; %s",
			 strategy->name, classic->program.name, classic->n, classic->k,
			 (unsigned long long)result.distinct, (unsigned long long)result.duplicates,
			 (unsigned long long)result.failing, (unsigned long long)result.deadlocks,
			 (unsigned long long)classic->traces, (unsigned long long)classic->failing,
			 (unsigned long long)classic->deadlocks, result.error ? result.error : "");
	if (strategy == &strategy_dpor)
		assert_int_equal(result.stats.blocked, 0);
}

static void dpor_sees_each_trace_of_the_classics_once(void **state)
{
	(void)state;
	for (const struct classic *classic = classics; classic->program.name; classic++)
		if (at_length || classic->traces <= QUICK_MAX)
			check_classic(classic, &strategy_dpor);
}

/* Where it can be had, nobody's theory is needed. */
static void brute_force_sees_the_same_traces(void **state)
{
	int checked = 0;

	(void)state;
	for (const struct classic *classic = classics; classic->program.name; classic++) {
		struct exhausted result = { .error = "too many" };
		struct trace_set all = { .nr = 0 };

		if (classic->traces <= FEW_TRACES)
			result = exhaust(&classic->program, classic->n, classic->k, &strategy_dfs,
					 &all, BRUTE_FORCE_MAX);
		trace_set_fini(&all);
		if (!result.error && result.distinct != classic->traces)
			fail_msg("%s(%d, %d): brute force sees %llu traces, not %llu",
				 classic->program.name, classic->n, classic->k,
				 (unsigned long long)result.distinct,
				 (unsigned long long)classic->traces);
		checked += !result.error;
	}
	assert_true(checked >= 8);
}

static void source_sets_see_the_same_traces(void **state)
{
	(void)state;
	for (const struct classic *classic = classics; classic->program.name; classic++)
		if (classic->traces <= 10000)
			check_classic(classic, &strategy_source);
}

/* ---- Random programs ------------------------------------------------------------------------------------ */

/* => false: brute force takes too long */
static bool check_program(const struct program *program, enum program_class class)
{
	struct comparison result = compare(program, at_length ? BRUTE_FORCE_MAX : QUICK_BRUTE_MAX,
					   program_class_is_for_dpor(class));

	if (result.compared && !result.agree) {
		random_program_print();
		fail_msg(
			"%s: %zu traces, dpor sees %zu (%llu twice, %llu blocked), source sets %zu; %s",
			program_class_name(class), result.traces, result.by_dpor,
			(unsigned long long)result.twice, (unsigned long long)result.blocked,
			result.by_source, result.error ? result.error : "");
	}
	return result.compared;
}

static void random_programs_have_the_traces_of_brute_force(void **state)
{
	(void)state;
	for (int class = 0; class < NR_CLASSES; class ++) {
		uint64_t seed = (uint64_t) class * 1000 + first_seed;
		int checked = 0;

		for (int i = 0; i < nr_programs; i++)
			checked += check_program(random_program((enum program_class) class, &seed),
						 (enum program_class) class);
		printf("# %s: %d of %d programs checked\n",
		       program_class_name((enum program_class) class), checked, nr_programs);
		assert_true(checked > nr_programs / 10);
	}
}

/* ---- With few preemptions --------------------------------------------------------------------------------- */

/* => false: brute force takes too long */
static bool check_preemptions(const struct program *program, unsigned int bound)
{
	struct trace_set counted = { .nr = 0 }, bounded = { .nr = 0 };
	uint64_t wanted = exhaust_preemptions(program, bound, true, &counted, BRUTE_FORCE_MAX);
	uint64_t nr = 0;

	if (wanted) {
		nr = exhaust_preemptions(program, bound, false, &bounded, BRUTE_FORCE_MAX);
		if (nr != wanted || !traces_same(&counted, &bounded)) {
			random_program_print();
			fail_msg("with %u preemptions: %llu interleavings of %zu traces, and not "
				 "%llu of %zu",
				 bound, (unsigned long long)nr, bounded.nr,
				 (unsigned long long)wanted, counted.nr);
		}
	}
	trace_set_fini(&counted);
	trace_set_fini(&bounded);
	return wanted;
}

/* And with a bound that none reaches: all that there are. */
static void a_bound_on_preemptions_leaves_out_what_is_beyond_it(void **state)
{
	int checked = 0;

	(void)state;
	for (int class = 0; class < NR_CLASSES; class ++) {
		uint64_t seed = (uint64_t) class * 1000 + 23;

		for (int i = 0; i < nr_programs / 10; i++) {
			const struct program *program =
				random_program((enum program_class) class, &seed);

			for (unsigned int bound = 0; bound < 4; bound++)
				checked += check_preemptions(program, bound);
			checked += check_preemptions(program, 1000);
		}
	}
	assert_true(checked > nr_programs / 10 * NR_CLASSES);
}

/* ---- What is not covered ---------------------------------------------------------------------------------- */

static struct rcu_head head;
static atomic_t word;

static void uncovered_reset(int n, int k)
{
	(void)n, (void)k;
	word.v = 0;
}

static void write_word(struct rcu_head *called)
{
	(void)called;
	WRITE_ONCE(word.v, 1);
}

static void barrier(int task, int n, int k)
{
	(void)n, (void)k;
	if (task == 1) {
		atomic_read(&word);
		return;
	}
	call_rcu(&head, write_word);
	rcu_barrier();
}

static void choice(int task, int n, int k)
{
	(void)n, (void)k;
	WRITE_ONCE(word.v, task == 1 ? 3 : (int)sync_choose(2));
}

static const char *error_of(const struct program *program, const struct strategy *strategy)
{
	struct exhausted result = exhaust(program, 0, 0, strategy, NULL, 0);

	return result.error ? result.error : "";
}

/* Traces could be lost: then nobody may say that all have been seen. */
static void what_is_not_covered_is_refused(void **state)
{
	const struct program waits = {
		.name = "barrier", .nr_tasks = 2, .task = barrier, .reset = uncovered_reset
	};
	const struct program chooses = {
		.name = "choice", .nr_tasks = 2, .task = choice, .reset = uncovered_reset
	};

	(void)state;
	assert_string_equal(error_of(&waits, &strategy_dfs), "");
	assert_non_null(strstr(error_of(&waits, &strategy_dpor), "0 waits in rcu_barrier()"));
	assert_non_null(strstr(error_of(&waits, &strategy_source), "0 waits in rcu_barrier()"));
	assert_string_equal(error_of(&chooses, &strategy_source), "");
	assert_non_null(strstr(error_of(&chooses, &strategy_dpor), "0 makes a choice"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dpor_sees_each_trace_of_the_classics_once),
		cmocka_unit_test(brute_force_sees_the_same_traces),
		cmocka_unit_test(source_sets_see_the_same_traces),
		cmocka_unit_test(random_programs_have_the_traces_of_brute_force),
		cmocka_unit_test(a_bound_on_preemptions_leaves_out_what_is_beyond_it),
		cmocka_unit_test(what_is_not_covered_is_refused),
	};

	at_length = argc > 1;
	if (argc > 1)
		nr_programs = atoi(argv[1]);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests_name("exhaust", tests, NULL, NULL);
}
