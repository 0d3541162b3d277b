// SPDX-License-Identifier: MIT
/* every.c - every interleaving of a few small tasks, one after another */
#include "every.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4096

/* The decisions of one execution: the nth of so many. */
struct depth_first {
	struct decision {
		unsigned int nth, of;
	} decisions[DEPTH_MAX];
	unsigned int nr, at;
};

static unsigned int step_bound;

void every_step_bound(unsigned int steps)
{
	step_bound = steps;
}

static unsigned int decide(struct depth_first *search, unsigned int of)
{
	if (search->at == search->nr) {
		if (search->nr == DEPTH_MAX)
			abort();
		search->decisions[search->nr++] = (struct decision){ .of = of };
	}
	if (search->decisions[search->at].of != of)
		abort(); /* the same decisions led elsewhere */
	return search->decisions[search->at++].nth;
}

static int pick(void *arg, struct explored *x, uint32_t runnable)
{
	unsigned int nth = decide(arg, (unsigned int)__builtin_popcount(runnable));

	(void)x;
	while (nth--)
		runnable &= runnable - 1;
	return __builtin_ctz(runnable);
}

static int choose(void *arg, struct explored *x, unsigned int bound)
{
	(void)x;
	return (int)decide(arg, bound);
}

/* False: that was the last. */
static bool next(struct depth_first *search)
{
	search->nr = search->at;
	search->at = 0;
	while (search->nr) {
		struct decision *last = &search->decisions[search->nr - 1];

		if (++last->nth < last->of)
			return true;
		search->nr--;
	}
	return false;
}

void every_init(struct every *every, void (*reset)(void), void (*const tasks[])(void *arg))
{
	struct explored_config config = { .nr_cpus = 2, .step_bound = step_bound };
	size_t size;

	*every = (struct every){ .reset = reset };
	while (tasks[config.nr_tasks])
		config.nr_tasks++;
	size = explored_size(&config);
	every->memory = aligned_alloc(64, ALIGN_UP(size, 64ul));
	assert_non_null(every->memory);
	every->x = explored_create(every->memory, &config);
	for (int i = 0; i < config.nr_tasks; i++) {
		char name[] = { (char)('A' + i), '\0' };

		explored_add_task(every->x, name, i % 2, tasks[i], NULL);
	}
}

void every_fini(struct every *every)
{
	explored_attach(NULL);
	free(every->memory);
}

static void note_finding(struct every *every, const struct explored_finding *finding)
{
	if (!every->ends[EXPLORED_FOUND])
		every->first = *finding;
	every->found[finding->kind]++;
}

void every_interleaving(struct every *every)
{
	static const struct explored_strategy steps = { .pick = pick, .choose = choose };
	struct depth_first search = { .nr = 0 };

	do {
		enum explored_end end;

		explored_attach(every->x);
		every->reset();
		end = explored_run(every->x, &steps, &search);
		if (end == EXPLORED_FOUND)
			note_finding(every, explored_finding(every->x));
		if (every->look)
			every->look(every->x, end);
		every->ends[end]++;
		every->executions++;
	} while (next(&search));
}

struct every every_of(void (*reset)(void), void (*const tasks[])(void *arg))
{
	struct every every;

	every_init(&every, reset, tasks);
	every_interleaving(&every);
	every_fini(&every);
	return every;
}
