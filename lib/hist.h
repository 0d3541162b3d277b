/* SPDX-License-Identifier: MIT */
/*
 * hist.h - a log-linear histogram of unsigned values
 *
 * Each power of two is split into HIST_SUB equal buckets, so that a quantile is off by at most
 * 1/HIST_SUB of its value, whatever the range.  After Gil Tene's HdrHistogram.
 */
#pragma once

#include <stdint.h>

#define HIST_SUB_SHIFT 5
#define HIST_SUB       (1 << HIST_SUB_SHIFT)
#define HIST_BUCKETS   ((64 - HIST_SUB_SHIFT + 1) * HIST_SUB)

struct hist {
	uint64_t count;
	uint64_t min, max; /* exact; meaningless while count is 0 */
	double sum;
	uint64_t buckets[HIST_BUCKETS];
};

void hist_init(struct hist *hist);
void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);

/*
 * The smallest bucket's upper edge below which a share @q (0 to 1) of the values lies, never
 * beyond the exact maximum.  0 when nothing was added.
 */
uint64_t hist_quantile(const struct hist *hist, double q);
double hist_mean(const struct hist *hist);
