// SPDX-License-Identifier: MIT
/*
 * test_estimate.c - is the number of traces that is told before a search about that of the search?
 *
 * usage: test_estimate [SEEDS]
 *
 * So many seeds, and a line for each program, instead of checking one.
 */
#include "classics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUICK_MAX 50000 /* traces of a classic */
#define FEW_MAX	  8	/* all nodes of the tree are looked at */
#define FACTOR	  3

/* Where almost all traces are in a corner that chance hardly ever goes to. */
static bool is_hard(const struct classic *classic)
{
	return classic->traces > 1000 && !strcmp(classic->program.name, "lastzero");
}

static void estimates_are_near_the_number_of_traces(void **state)
{
	(void)state;
	for (const struct classic *classic = classics; classic->program.name; classic++) {
		struct estimate estimate;
		double part;

		if (classic->traces > QUICK_MAX || is_hard(classic))
			continue;
		estimate = estimate_of(&classic->program, classic->n, classic->k, 1);
		part = estimate.traces / (double)classic->traces;
		if (part > FACTOR || part < 1. / FACTOR ||
		    (classic->traces <= FEW_MAX && (part < .99 || part > 1.01)))
			fail_msg("%s(%d, %d): %.1f traces, and there are %llu",
				 classic->program.name, classic->n, classic->k, estimate.traces,
				 (unsigned long long)classic->traces);
	}
}

static void the_same_seed_gives_the_same_estimate(void **state)
{
	const struct classic *classic = classics;
	struct estimate one, two;

	(void)state;
	while (classic->traces < 1000 || is_hard(classic))
		classic++;
	one = estimate_of(&classic->program, classic->n, classic->k, 5);
	two = estimate_of(&classic->program, classic->n, classic->k, 5);
	assert_true(one.traces > 0);
	assert_memory_equal(&one.traces, &two.traces, sizeof(one.traces));
}

static int print_all(uint64_t seeds)
{
	for (const struct classic *classic = classics; classic->program.name; classic++) {
		printf("%s(%d, %d): %llu;", classic->program.name, classic->n, classic->k,
		       (unsigned long long)classic->traces);
		for (uint64_t seed = 1; seed <= seeds; seed++) {
			struct estimate estimate =
				estimate_of(&classic->program, classic->n, classic->k, seed);

			printf(" x%.2f (%.0f %%)", estimate.traces / (double)classic->traces,
			       100 * estimate.error);
		}
		puts("");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(estimates_are_near_the_number_of_traces),
		cmocka_unit_test(the_same_seed_gives_the_same_estimate),
	};

	if (argc > 1)
		return print_all(strtoull(argv[1], NULL, 10));
	return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
