// SPDX-License-Identifier: MIT
/* hist.c - a log-linear histogram; see hist.h */
#include "hist.h"

#include "compiler.h"

/* Values below HIST_SUB have a bucket each; above, the top HIST_SUB_SHIFT + 1 bits choose. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < HIST_SUB)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HIST_SUB_SHIFT;
	return (shift + 1) * HIST_SUB + (unsigned int)(value >> shift) - HIST_SUB;
}

/* The largest value that falls into @bucket. */
static uint64_t bucket_last(unsigned int bucket)
{
	unsigned int shift;
	uint64_t first;

	if (bucket < HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	first = (uint64_t)(bucket % HIST_SUB + HIST_SUB) << shift;
	return first + ((1ull << shift) - 1);
}

void hist_init(struct hist *hist)
{
	*hist = (struct hist){ .min = UINT64_MAX };
}

void hist_add(struct hist *hist, uint64_t value)
{
	hist->buckets[bucket_of(value)]++;
	hist->count++;
	hist->sum += (double)value;
	hist->min = min(hist->min, value);
	hist->max = max(hist->max, value);
}

void hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	into->sum += from->sum;
	into->min = min(into->min, from->min);
	into->max = max(into->max, from->max);
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
	double wanted = q * (double)hist->count;
	uint64_t seen = 0;

	if (!hist->count)
		return 0;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		seen += hist->buckets[i];
		if (seen && (double)seen >= wanted)
			return max(hist->min, min(bucket_last(i), hist->max));
	}
	return hist->max;
}

double hist_mean(const struct hist *hist)
{
	return hist->count ? hist->sum / (double)hist->count : 0;
}
