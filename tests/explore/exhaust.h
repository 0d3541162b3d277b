/* SPDX-License-Identifier: MIT */
/*
 * exhaust.h - every trace of a small program, by any of the exhaustive strategies
 */
#pragma once

#include "strategy.h"

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

struct signatures {
	uint64_t *slots;
	size_t nr, max;
};

/* Of rules, in the build of the explorer that can leave them out; see left_out.h. */
extern unsigned int rules_left_out;

/* Is @signature new?  Then it is in. */
bool signatures_add(struct signatures *set, uint64_t signature);
bool signatures_have(const struct signatures *set, uint64_t signature);
bool signatures_same(const struct signatures *a, const struct signatures *b);
void signatures_fini(struct signatures *set);

/* In parts, as several workers would, which are interrupted now and then. */
struct in_parts {
	unsigned int executions; /* of a part, before it hands branches out; 0: all in one piece */
	int workers;
	uint64_t seed; /* of who goes on */
	int stops;     /* one in so many executions; 0: none */
};

struct exhausted exhaust_in_parts(const struct program *program, int n, int k,
				  const struct strategy *strategy, struct signatures *seen,
				  const struct in_parts *in_parts);

/*
 * Interleavings with at most @bound preemptions: by the search's own bound, or by going through all
 * and counting.  @seen: gets the signatures of their traces.  => how many, or 0: more than @limit
 */
uint64_t exhaust_preemptions(const struct program *program, unsigned int bound, bool by_counting,
			     struct signatures *seen, uint64_t limit);

/* @seen: gets the signature of every trace; NULL: do not look.  @limit: executions; 0: none */
struct exhausted exhaust(const struct program *program, int n, int k,
			 const struct strategy *strategy, struct signatures *seen, uint64_t limit);

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
