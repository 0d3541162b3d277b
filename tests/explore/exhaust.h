/* SPDX-License-Identifier: MIT */
/*
 * exhaust.h - every trace of a small program, by any of the exhaustive strategies
 */
#pragma once

#include "estimate.h"
#include "strategy.h"
#include "trace_set.h"

struct program {
	const char *name;
	int nr_tasks;
	void (*task)(int number, int n, int k); /* all of them */
	void (*reset)(int n, int k);		/* what they share; before each execution */
	bool (*holds)(int n, int k); /* after each that came to its end; NULL: nothing must */
};

struct exhausted {
	struct search_stats stats;
	uint64_t failing; /* traces after which @holds said no */
	uint64_t deadlocks;
	uint64_t duplicates; /* traces seen before, when asked for */
	uint64_t distinct;
	const char *error; /* NULL: it came to its end */
};

/* Of rules, in the build of the explorer that can leave them out; see left_out.h. */
extern unsigned int rules_left_out;

bool traces_same(const struct trace_set *a, const struct trace_set *b);

/*
 * Interleavings with at most @bound preemptions: by the search's own bound, or by going through all
 * and counting.  @seen: gets the signatures of their traces.  => how many, or 0: more than @limit
 */
uint64_t exhaust_preemptions(const struct program *program, unsigned int bound, bool by_counting,
			     struct trace_set *seen, uint64_t limit);

/* @seen: gets the signature of every trace; NULL: do not look.  @limit: executions; 0: none */
struct exhausted exhaust(const struct program *program, int n, int k,
			 const struct strategy *strategy, struct trace_set *seen, uint64_t limit);

/* What brute force and both reductions say about a program. */
struct comparison {
	bool compared; /* brute force came to its end within the limit */
	size_t traces, by_dpor, by_source;
	uint64_t twice, blocked; /* by dpor */
	const char *error;
	bool agree;
};

/* @limit: of brute force, interleavings; @dpor: by source sets otherwise */
struct comparison compare(const struct program *program, uint64_t limit, bool by_dpor);

/* What estimate.h says about a program. */
struct estimate estimate_of(const struct program *program, int n, int k, uint64_t seed);
