/* SPDX-License-Identifier: MIT */
/*
 * estimate.h - about how many traces are there?
 *
 * A few hundred executions say so before a search begins.  They are no part of it.
 */
#pragma once

#include "explored.h"

struct estimator;

struct estimate {
	double traces; /* 0: not known */
	double error;  /* one standard deviation, of what was seen, as a part of @traces */
	int walks;     /* that it is the mean of */
};

/* NULL: out of memory */
struct estimator *estimator_create(struct explored *x, uint64_t seed);
void estimator_destroy(struct estimator *estimator); /* or NULL */

/* Get ready for another execution, under estimator_strategy.  => false: they are enough, or no memory */
bool estimator_begin(struct estimator *estimator);
extern const struct explored_strategy estimator_strategy; /* its argument is the estimator */

void estimator_result(const struct estimator *estimator, struct estimate *estimate);
