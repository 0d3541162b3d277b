/* SPDX-License-Identifier: MIT */
/*
 * every.h - every interleaving of a few small tasks, one after another
 *
 * Depth first, without any reduction: for tests of the verbs themselves, whose counts can be worked
 * out by hand.  Tasks run on coroutines, where cmocka's assertions must not be called: they use
 * ASSERT and keep what they saw in variables.
 */
#pragma once

#include "sync.h"

#include "explored.h"

struct every {
	struct explored *x;
	void *memory;
	void (*reset)(void); /* before each execution: what the tasks share */
	void (*look)(const struct explored *x, enum explored_end end); /* after it; may be NULL */

	unsigned int executions;
	unsigned int ends[3];			/* by enum explored_end */
	unsigned int found[EXPLORED_NR_FINDINGS];
	struct explored_finding first;		/* of the first finding */
};

/* Names are "A", "B", ...; task i is on CPU i % 2.  The last is NULL. */
void every_init(struct every *every, void (*reset)(void), void (*const tasks[])(void *arg));
void every_fini(struct every *every);

/* An execution of so many steps is a livelock.  Before every_init(); 0: a default. */
void every_step_bound(unsigned int steps);

void every_interleaving(struct every *every);
/* Tasks as above; once with the defaults and everything taken down. */
struct every every_of(void (*reset)(void), void (*const tasks[])(void *arg));
