// SPDX-License-Identifier: MIT
/*
 * test_rules.c - is each rule of the reduction needed, and would its loss be noticed?
 *
 * If this fails, the comparison of random programs with brute force (test_exhaust.c) could pass
 * although traces are lost, or an explored step is repeated.  The reduction is compiled once more
 * for it, so that a rule can be left out: then some program must go wrong.
 */
#include "random_programs.h"
#include "left_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "sync.h"

#define BRUTE_FORCE_MAX 3000
#define OVERLAPS_MAX	100000
#define PROGRAMS_SOUND	40   /* of each class, with all rules */
#define PROGRAMS_MAX	3000 /* with one left out */

/* The class of programs is the one where the loss shows soonest. */
static const struct {
	const char *name, *number, *without;
	enum program_class class;
} rules[NR_RULES] = {
#define X(id, number, class, without) [RULE_##id] = { #id, number, without, CLASS_##class },
	RULES(X)
#undef X
};

/*
 * Two readers are inside together, one because of what the other has written, and the writer has seen
 * that it may come: random programs do not come to this.
 */
static atomic_t words[2];
static struct rwsem sem;

static void overlap_reset(int n, int k)
{
	(void)n, (void)k;
	words[0].v = words[1].v = 0;
	rwsem_init(&sem, LOCK_MMAP);
}

static void overlap(int task, int n, int k)
{
	(void)n, (void)k;
	if (task == 2) {
		atomic_read(&words[1]);
		down_write(&sem);
		up_write(&sem);
		return;
	}
	down_read(&sem);
	WRITE_ONCE(words[task].v, 1);
	if (task == 1)
		atomic_read(&words[0]);
	up_read(&sem);
}

static const struct program overlapping = {
	.name = "overlap", .nr_tasks = 3, .task = overlap, .reset = overlap_reset
};

static const char *what_is_wrong(const struct comparison *comparison)
{
	if (comparison->error)
		return comparison->error;
	if (comparison->twice)
		return "dpor sees a trace twice";
	if (comparison->blocked)
		return "dpor has blocked executions";
	return "traces are lost";
}

static void tell(const char *number, const char *rule, int nr, const char *class,
		 const struct comparison *wrong)
{
	printf("# %-3s %-25s %5d %-9s %s\n", number, rule, nr, class, what_is_wrong(wrong));
}

/* => after how many programs something was wrong; 0: nothing was */
static int programs_until_wrong(enum program_class class, int nr_programs, struct comparison *wrong)
{
	uint64_t seed = (uint64_t) class * 1000 + 7;

	for (int i = 1; i <= nr_programs; i++) {
		*wrong = compare(random_program(class, &seed), BRUTE_FORCE_MAX,
				 program_class_is_for_dpor(class));
		if (wrong->compared && !wrong->agree)
			return i;
	}
	return 0;
}

static void with_all_rules_nothing_is_wrong(void **state)
{
	struct comparison wrong;

	(void)state;
	for (int class = 0; class < NR_CLASSES; class ++)
		if (programs_until_wrong((enum program_class) class, PROGRAMS_SOUND, &wrong))
			fail_msg("%s: %s", program_class_name((enum program_class) class),
				 what_is_wrong(&wrong));
}

static void without_any_rule_something_is(void **state)
{
	(void)state;
	for (int rule = 0; rule < NR_RULES; rule++) {
		struct comparison wrong;
		int nr;

		if (rule == RULE_earlier_holders_stay)
			continue;
		rules_left_out = 1u << rule;
		nr = programs_until_wrong(rules[rule].class, PROGRAMS_MAX, &wrong);
		rules_left_out = 0;
		if (!nr)
			fail_msg("%s %s: nobody notices that %s", rules[rule].number,
				 rules[rule].name, rules[rule].without);
		tell(rules[rule].number, rules[rule].name, nr,
		     program_class_name(rules[rule].class), &wrong);
	}
}

static void a_holder_that_must_come_before_stays(void **state)
{
	const int rule = RULE_earlier_holders_stay;
	struct comparison all = compare(&overlapping, OVERLAPS_MAX, true), wrong;

	(void)state;
	assert_true(all.compared && all.agree);
	rules_left_out = 1u << rule;
	wrong = compare(&overlapping, OVERLAPS_MAX, true);
	rules_left_out = 0;
	assert_true(wrong.compared && !wrong.agree);
	tell(rules[rule].number, rules[rule].name, 1, "-", &wrong);
}

/* An allocator whose order is no step, but is seen by who gets which address. */
static void allocation_in_secret_is_wrong_too(void **state)
{
	struct comparison wrong;
	int nr;

	(void)state;
	random_programs_pool_in_secret(true);
	nr = programs_until_wrong(CLASS_POOLS, PROGRAMS_MAX, &wrong);
	random_programs_pool_in_secret(false);
	assert_true(nr);
	tell("R9", "allocation_is_a_step", nr, program_class_name(CLASS_POOLS), &wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_all_rules_nothing_is_wrong),
		cmocka_unit_test(without_any_rule_something_is),
		cmocka_unit_test(a_holder_that_must_come_before_stays),
		cmocka_unit_test(allocation_in_secret_is_wrong_too),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
