// SPDX-License-Identifier: MIT
/*
 * replay.c - following a schedule
 *
 * Each run's first step is compared with what its task is about to do.  A program that has changed
 * goes another way sooner or later; the first place where it does is reported, with both sides.
 *
 * The execution need not end there.  Whoever asks whether the violation is gone wants to see it
 * through: then tasks go on in the schedule's order as long as they can, and after it one by one.
 */
#include "schedule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void replay_begin(struct replay *replay, const struct gw_schedule *schedule,
		  struct objects *objects)
{
	*replay = (struct replay){ .schedule = schedule, .objects = objects };
	objects_clear(objects);
	replay->left = schedule->runs[0].nr_steps;
}

__printf(3, 4) static int diverge(struct replay *replay, struct explored *x, const char *fmt, ...)
{
	const struct gw_schedule *schedule = replay->schedule;
	unsigned int line =
		schedule->runs[min(replay->run, schedule->nr_runs - 1)].line; /* 0: it is no text */
	char where[32] = "";
	va_list args;
	int len;

	if (line)
		snprintf(where, sizeof(where), ", line %u", line);
	len = snprintf(replay->diverged, sizeof(replay->diverged),
		       "step %u%s: ", explored_nr_steps(x), where);
	va_start(args, fmt);
	vsnprintf(replay->diverged + len, sizeof(replay->diverged) - (size_t)len, fmt, args);
	va_end(args);
	return -1;
}

static int task_of(const struct explored *x, const char *name)
{
	const char *known;

	for (int task = 0; (known = explored_name_of(x, task))[0]; task++)
		if (!strcmp(known, name))
			return task;
	return -1;
}

void replay_show_steps(struct replay *replay, struct explored *x)
{
	for (; replay->nr_shown < explored_nr_steps(x); replay->nr_shown++)
		if (replay->on_step)
			replay->on_step(replay->on_step_arg, x, replay->nr_shown, replay->objects);
}

/* @next, which has the object's number by now, is what the run begins with. */
static bool is_at(const struct schedule_run *run, const struct explored_step *next,
		  const char *object)
{
	return next->kind == run->kind && !strcmp(object, run->object);
}

/* In the schedule's order, as far as it can be had. */
static int go_on(struct replay *replay, struct explored *x, uint32_t runnable)
{
	const struct gw_schedule *schedule = replay->schedule;

	while (replay->run < schedule->nr_runs) {
		int task = task_of(x, schedule->runs[replay->run].task);

		if (replay->left && task >= 0 && runnable >> task & 1) {
			replay->left--;
			return task;
		}
		if (++replay->run < schedule->nr_runs)
			replay->left = schedule->runs[replay->run].nr_steps;
	}
	return __builtin_ctz(runnable);
}

static int follow(struct replay *replay, struct explored *x, uint32_t runnable)
{
	const struct schedule_run *run;
	const struct explored_step *next;
	char object[OBJECT_NAME_MAX];
	int task;

	if (!replay->left && ++replay->run < replay->schedule->nr_runs)
		replay->left = replay->schedule->runs[replay->run].nr_steps;
	if (replay->run >= replay->schedule->nr_runs)
		return diverge(replay, x, "the schedule is at its end, the program is not");
	run = &replay->schedule->runs[replay->run];
	task = task_of(x, run->task);
	next = explored_next(x, task);
	if (!next)
		return diverge(replay, x, "the schedule goes on with %s, which has ended",
			       run->task);
	object_name(object, replay->objects, next);
	if (replay->left == run->nr_steps && !is_at(run, next, object))
		return diverge(replay, x, "the schedule has %s at %s %s, the program is at %s %s",
			       run->task, explored_kind_name(run->kind), run->object,
			       explored_kind_name((enum explored_kind)next->kind), object);
	if (!(runnable >> task & 1))
		return diverge(replay, x, "the schedule goes on with %s, which waits at %s %s",
			       run->task, explored_kind_name((enum explored_kind)next->kind),
			       object);
	replay->left--;
	return task;
}

static int replay_pick(void *arg, struct explored *x, uint32_t runnable)
{
	struct replay *replay = arg;
	int task = -1;

	replay_show_steps(replay, x);
	if (!replay->diverged[0])
		task = follow(replay, x, runnable);
	if (task < 0 && replay->to_the_end)
		task = go_on(replay, x, runnable);
	return task;
}

static int follow_choice(struct replay *replay, struct explored *x, unsigned int bound)
{
	const struct schedule_run *run = &replay->schedule->runs[replay->run];

	if (run->kind != EXPLORED_CHOOSE)
		return diverge(replay, x, "the program makes a choice, the schedule does not");
	if (run->value >= bound)
		return diverge(replay, x, "the schedule chooses %u, the program below %u",
			       run->value, bound);
	return (int)run->value;
}

static int replay_choose(void *arg, struct explored *x, unsigned int bound)
{
	struct replay *replay = arg;
	int value = -1;

	if (!replay->diverged[0])
		value = follow_choice(replay, x, bound);
	return value < 0 && replay->to_the_end ? 0 : value;
}

const struct explored_strategy replay_strategy = { .pick = replay_pick, .choose = replay_choose };

void replay_end(struct replay *replay, struct explored *x)
{
	replay_show_steps(replay, x);
	if (replay->diverged[0])
		return;
	if (replay->left || replay->run + 1 < replay->schedule->nr_runs)
		diverge(replay, x, "the program is at its end, the schedule is not");
}
