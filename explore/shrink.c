// SPDX-License-Identifier: MIT
/*
 * shrink.c - the same failure with fewer context switches and fewer steps
 *
 * Whatever strategy found it, most of the switches of a failing execution have nothing to do with
 * the failure.  Two things are tried until neither helps:
 *
 * - Steps that did not happen before the failing one are left out.  They exist only where a task
 *   ran into something; a failure that shows at the end of all tasks needs all steps.
 * - A task runs on where it was interrupted: its next run of steps is taken at once, or this one
 *   is put off until then.  What that makes impossible is taken later, in the old order.
 *
 * An execution counts if it fails alike: the same invariant, and a message of the same words.  Its
 * numbers may be others, as other frames and addresses come with another order.
 */
#include "shrink.h"

#include "history.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXECUTIONS_MAX 300
#define STEPS_MAX      300000 /* of all of them: less than a second */

struct planned {
	unsigned char task;
	bool taken;	    /* in the execution under way */
	unsigned int value; /* of a choice */
};

struct plan {
	struct planned *steps;
	unsigned int nr;
};

struct shrinking {
	struct engine *engine;
	struct history history;
	struct plan best, next; /* each with room for all steps of an execution */
	struct outcome outcome; /* of the best */
	unsigned int switches;	/* of the best */
	unsigned int at;	/* in the plan that is followed: all before is taken */
	unsigned int taken;	/* the step under way; plan->nr: it is not planned */
	int executions;
	unsigned int steps;
};

static int begin(struct shrinking *shrinking, struct engine *engine, const struct outcome *outcome);
static bool leave_out_what_does_not_matter(struct shrinking *shrinking);
static bool run_on_somewhere(struct shrinking *shrinking);
static void follow(struct shrinking *shrinking, struct plan *plan, struct outcome *outcome);

int shrink(struct engine *engine, struct outcome *outcome)
{
	struct shrinking shrinking;
	int err = begin(&shrinking, engine, outcome);

	if (!err) {
		leave_out_what_does_not_matter(&shrinking);
		while (run_on_somewhere(&shrinking))
			leave_out_what_does_not_matter(&shrinking);
		follow(&shrinking, &shrinking.best, outcome);
	}
	history_fini(&shrinking.history);
	free(shrinking.best.steps);
	free(shrinking.next.steps);
	return err ? err : shrinking.executions;
}

/* ---- Plans -------------------------------------------------------------------------------------------- */

/* The steps that the engine's execution took. */
static void note_execution(struct shrinking *shrinking, struct plan *plan)
{
	const struct explored_step *steps = explored_steps(shrinking->engine->explored);

	plan->nr = explored_nr_steps(shrinking->engine->explored);
	for (unsigned int i = 0; i < plan->nr; i++)
		plan->steps[i] = (struct planned){ .task = steps[i].task, .value = steps[i].value };
}

static int begin(struct shrinking *shrinking, struct engine *engine, const struct outcome *outcome)
{
	size_t nr = engine->bound.step_bound + 1;
	int err;

	*shrinking = (struct shrinking){ .engine = engine, .outcome = *outcome };
	shrinking->best.steps = calloc(nr, sizeof(struct planned));
	shrinking->next.steps = calloc(nr, sizeof(struct planned));
	err = history_init(&shrinking->history, engine->explored);
	if (err || !shrinking->best.steps || !shrinking->next.steps)
		return -ENOMEM;
	note_execution(shrinking, &shrinking->best);
	shrinking->switches = engine_context_switches(engine);
	return 0;
}

static void append(struct plan *to, const struct plan *from, unsigned int begin, unsigned int end)
{
	memcpy(&to->steps[to->nr], &from->steps[begin], (end - begin) * sizeof(*to->steps));
	to->nr += end - begin;
}

/* One past the last step of the run that @begin is in. */
static unsigned int end_of_run(const struct plan *plan, unsigned int begin)
{
	unsigned int end = begin + 1;

	while (end < plan->nr && plan->steps[end].task == plan->steps[begin].task)
		end++;
	return end;
}

/* Where @task goes on at or after @at; plan->nr: it does not. */
static unsigned int next_run_of(const struct plan *plan, unsigned int at, unsigned char task)
{
	while (at < plan->nr && plan->steps[at].task != task)
		at++;
	return at;
}

/* ---- Following one -------------------------------------------------------------------------------------- */

/* What is followed, and who follows it. */
struct guide {
	struct shrinking *shrinking;
	struct plan *plan;
};

/* The first step of the plan that is possible; beyond the plan, whoever ran last. */
static int guide_pick(void *arg, struct explored *x, uint32_t runnable)
{
	const struct guide *guide = arg;
	struct shrinking *shrinking = guide->shrinking;
	struct plan *plan = guide->plan;
	unsigned int nr = explored_nr_steps(x);
	int last = nr ? explored_steps(x)[nr - 1].task : 0;

	while (shrinking->at < plan->nr && plan->steps[shrinking->at].taken)
		shrinking->at++;
	for (unsigned int i = shrinking->at; i < plan->nr; i++) {
		if (plan->steps[i].taken || !(runnable >> plan->steps[i].task & 1))
			continue;
		plan->steps[i].taken = true;
		shrinking->taken = i;
		return plan->steps[i].task;
	}
	shrinking->taken = plan->nr;
	return runnable >> last & 1 ? last : __builtin_ctz(runnable);
}

static int guide_choose(void *arg, struct explored *x, unsigned int bound)
{
	const struct guide *guide = arg;
	const struct plan *plan = guide->plan;
	unsigned int taken = guide->shrinking->taken;

	(void)x;
	return taken < plan->nr && plan->steps[taken].value < bound ? (int)plan->steps[taken].value
								    : 0;
}

static void follow(struct shrinking *shrinking, struct plan *plan, struct outcome *outcome)
{
	static const struct explored_strategy strategy = { .pick = guide_pick,
							   .choose = guide_choose };
	struct guide guide = { .shrinking = shrinking, .plan = plan };

	for (unsigned int i = 0; i < plan->nr; i++)
		plan->steps[i].taken = false;
	shrinking->at = 0;
	engine_execute(shrinking->engine, &strategy, &guide, outcome);
	shrinking->executions++;
	shrinking->steps += outcome->nr_steps;
}

/* ---- Is it better? ---------------------------------------------------------------------------------------- */

/* Numbers apart. */
static bool same_words(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			a += strspn(a, "0123456789abcdefx");
			b += strspn(b, "0123456789abcdefx");
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return *a == *b;
}

static bool fails_alike(const struct outcome *a, const struct outcome *b)
{
	return b->violated && !strcmp(a->invariant, b->invariant) &&
	       same_words(a->message, b->message);
}

/* Follow the next plan, and keep what came of it if that is smaller. */
static bool try_next(struct shrinking *shrinking)
{
	struct outcome outcome;
	unsigned int switches;

	follow(shrinking, &shrinking->next, &outcome);
	switches = engine_context_switches(shrinking->engine);
	if (!fails_alike(&shrinking->outcome, &outcome) || switches > shrinking->switches ||
	    (switches == shrinking->switches && outcome.nr_steps >= shrinking->best.nr))
		return false;
	note_execution(shrinking, &shrinking->best);
	shrinking->outcome = outcome;
	shrinking->switches = switches;
	return true;
}

static bool budget_is_left(const struct shrinking *shrinking)
{
	return shrinking->executions < EXECUTIONS_MAX && shrinking->steps < STEPS_MAX;
}

/* ---- What is tried ------------------------------------------------------------------------------------------ */

static bool leave_out_what_does_not_matter(struct shrinking *shrinking)
{
	struct history *history = &shrinking->history;
	struct plan *next = &shrinking->next;
	struct outcome outcome;

	if (shrinking->outcome.end != EXPLORED_FOUND || !budget_is_left(shrinking))
		return false;
	follow(shrinking, &shrinking->best, &outcome);
	history_truncate(history, 0);
	if (history_extend(history, shrinking->engine->explored) || !history->nr)
		return false;
	next->nr = 0;
	for (int i = 0; i < history->nr; i++)
		if (happened_before(history, i, history->nr - 1))
			append(next, &shrinking->best, (unsigned int)i, (unsigned int)i + 1);
	return next->nr < shrinking->best.nr && try_next(shrinking);
}

/* The run from @begin to @end, and the next one of its task, become one at the first place. */
static void pull(struct plan *to, const struct plan *from, unsigned int end, unsigned int again)
{
	unsigned int again_end = end_of_run(from, again);

	to->nr = 0;
	append(to, from, 0, end);
	append(to, from, again, again_end);
	append(to, from, end, again);
	append(to, from, again_end, from->nr);
}

/* The same at the second place. */
static void push(struct plan *to, const struct plan *from, unsigned int begin, unsigned int end,
		 unsigned int again)
{
	to->nr = 0;
	append(to, from, 0, begin);
	append(to, from, end, again);
	append(to, from, begin, end);
	append(to, from, again, from->nr);
}

/* => true: there is one switch less, or more */
static bool run_on_somewhere(struct shrinking *shrinking)
{
	struct plan *best = &shrinking->best;
	unsigned int end;

	for (unsigned int begin = 0; begin < best->nr; begin = end) {
		unsigned int again;

		end = end_of_run(best, begin);
		again = next_run_of(best, end, best->steps[begin].task);
		if (again == best->nr)
			continue;
		if (!budget_is_left(shrinking))
			return false;
		pull(&shrinking->next, best, end, again);
		if (try_next(shrinking))
			return true;
		push(&shrinking->next, best, begin, end, again);
		if (try_next(shrinking))
			return true;
	}
	return false;
}
