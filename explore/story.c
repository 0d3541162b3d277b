// SPDX-License-Identifier: MIT
/*
 * story.c - a schedule, told: following it, and writing down what can be seen
 *
 * A task takes a step and runs on, alone, to its next one.  So whatever is different in the machine
 * before the next step, this task has changed since, and the functions on its stack say on whose
 * behalf.
 */
#define _GNU_SOURCE
#include "story.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool prepare(struct story *story, const struct gw_schedule *schedule, char *error,
		    size_t error_size);
static bool follow(struct story *story, const struct gw_schedule *schedule, char *error,
		   size_t error_size);
static void destroy(struct story *story);

char *gw_story(const struct gw_schedule *schedule, unsigned int width, char *error,
	       size_t error_size)
{
	struct story *story = calloc(1, sizeof(*story));
	char *text = NULL;

	snprintf(error, error_size, "out of memory");
	if (story && prepare(story, schedule, error, error_size)) {
		if (follow(story, schedule, error, error_size)) {
			story_find_what_matters(story);
			text = story_lay_out(story, width);
		}
		destroy(story);
	}
	free(story);
	return text;
}

static bool prepare(struct story *story, const struct gw_schedule *schedule, char *error,
		    size_t error_size)
{
	size_t nr = (size_t)schedule_nr_steps(schedule) + 1;

	if (!engine_create(&story->engine, schedule->scenario, schedule->guards_off,
			   schedule->step_bound, error, error_size))
		return false;
	story->steps = calloc(nr, sizeof(*story->steps));
	story->lock_bits = calloc(nr, sizeof(*story->lock_bits)); /* a step has one object */
	story->candidates = calloc(nr, sizeof(*story->candidates));
	if (objects_init(&story->objects, story->engine.bound.step_bound) ||
	    history_init(&story->history, story->engine.explored) || !story->steps ||
	    !story->lock_bits || !story->candidates ||
	    !engine_promote(&story->engine, schedule->promoted, schedule->nr_promoted)) {
		snprintf(error, error_size, "out of memory");
		destroy(story);
		return false;
	}
	story->symbols = symbols_open();
	return true;
}

static void destroy(struct story *story)
{
	symbols_close(story->symbols);
	history_fini(&story->history);
	objects_fini(&story->objects);
	free(story->steps);
	free(story->changes);
	free(story->first.items);
	free(story->now.items);
	free(story->next.items);
	free(story->lock_bits);
	free(story->candidates);
	engine_destroy(&story->engine);
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

static void note_sight(void *arg, const struct gw_sight *sight)
{
	struct story *story = arg;
	struct sights *sights = &story->next;

	if (sights->nr == sights->max) {
		int max = sights->max ? 2 * sights->max : 64;
		struct gw_sight *items = realloc(sights->items, (size_t)max * sizeof(*items));

		if (!items) {
			story->failed = true;
			return;
		}
		sights->items = items;
		sights->max = max;
	}
	sights->items[sights->nr++] = *sight;
}

static void look(struct story *story)
{
	story->next.nr = 0;
	story->engine.core->machine_look(story->engine.world.machine, note_sight, story);
}

bool story_same_thing(const struct gw_sight *a, const struct gw_sight *b)
{
	return a->kind == b->kind && a->mm_id == b->mm_id && a->vma == b->vma && a->cpu == b->cpu &&
	       (a->kind == GW_SIGHT_VMA || a->addr == b->addr) &&
	       (a->kind != GW_SIGHT_FRAME || a->pfn == b->pfn);
}

static bool same_state(const struct gw_sight *a, const struct gw_sight *b)
{
	return a->addr == b->addr && a->end == b->end && a->pgoff == b->pgoff &&
	       !strcmp(a->perms, b->perms) && a->grows_down == b->grows_down &&
	       a->incomplete == b->incomplete && a->state == b->state && a->write == b->write &&
	       a->pfn == b->pfn;
}

static const struct gw_sight *find_sight(const struct sights *sights, const struct gw_sight *like)
{
	for (int i = 0; i < sights->nr; i++)
		if (story_same_thing(&sights->items[i], like))
			return &sights->items[i];
	return NULL;
}

static void note_change(struct story *story, unsigned int step, const struct gw_sight *before,
			const struct gw_sight *after)
{
	struct told_change *change;

	if (before && after && same_state(before, after))
		return;
	if (story->nr_changes == story->max_changes) {
		int max = story->max_changes ? 2 * story->max_changes : 64;

		change = realloc(story->changes, (size_t)max * sizeof(*change));
		if (!change) {
			story->failed = true;
			return;
		}
		story->changes = change;
		story->max_changes = max;
	}
	change = &story->changes[story->nr_changes++];
	*change = (struct told_change){ .step = step, .was = before, .is = after };
	if (before)
		change->before = *before;
	if (after)
		change->after = *after;
}

/* What is in story->next and was not in story->now, and the other way round. */
static void note_changes(struct story *story, unsigned int step)
{
	for (int i = 0; i < story->now.nr; i++) {
		const struct gw_sight *before = &story->now.items[i];

		note_change(story, step, before, find_sight(&story->next, before));
	}
	for (int i = 0; i < story->next.nr; i++) {
		const struct gw_sight *after = &story->next.items[i];

		if (!find_sight(&story->now, after))
			note_change(story, step, NULL, after);
	}
}

static uint64_t word_of(const struct explored_step *step)
{
	uint64_t word = 0;

	switch ((int)step->kind) {
	case EXPLORED_READ:
	case EXPLORED_WRITE:
	case EXPLORED_MODIFY:
		memcpy(&word, step->object, min(step->arg, (unsigned int)sizeof(word)));
		break;
	default:
		break;
	}
	return word;
}

/* ---- Before and after each step ------------------------------------------------------------------------ */

static void end_step(struct story *story, struct explored *x)
{
	unsigned int nr = explored_nr_steps(x);
	struct sights before = story->now;

	look(story);
	if (nr) {
		note_changes(story, nr - 1);
		story->steps[nr - 1].after = word_of(&explored_steps(x)[nr - 1]);
	} else {
		story->first = story->next; /* keeps its memory, which the next look makes anew */
		story->next = (struct sights){ 0 };
		look(story);
	}
	story->now = story->next;
	story->next = before;
}

/* Of a PTE, what it is now. */
static void note_entry(const struct story *story, struct told_step *told)
{
	const struct gw_sight like = {
		.kind = GW_SIGHT_PTE,
		.mm_id = told->place.mm_id,
		.addr = told->place.addr,
	};
	const struct gw_sight *entry = NULL;

	if (told->place.has_addr && !told->place.is_table)
		entry = find_sight(&story->now, &like);
	told->has_entry = entry;
	if (entry)
		told->entry = *entry;
}

static void begin_step(struct story *story, struct explored *x, int task, struct told_step *told)
{
	const struct explored_step *next = explored_next(x, task);

	explored_callers(x, task, told->callers, STORY_CALLERS_MAX - 1);
	if (next->object && next->kind != EXPLORED_BEGIN)
		story->engine.core->machine_place(story->engine.world.machine, next->object,
						  &told->place);
	else
		told->place = (struct gw_place){ .frame = -1, .tlb_of = -1 };
	told->before = word_of(next);
	note_entry(story, told);
}

static int story_pick(void *arg, struct explored *x, uint32_t runnable)
{
	struct story *story = arg;
	int task = replay_strategy.pick(&story->replay, x, runnable);

	end_step(story, x);
	if (task >= 0)
		begin_step(story, x, task, &story->steps[explored_nr_steps(x)]);
	return task;
}

static int story_choose(void *arg, struct explored *x, unsigned int bound)
{
	return replay_strategy.choose(&((struct story *)arg)->replay, x, bound);
}

/* It is over: whoever still has a next step waits for it for ever, if nobody can go on. */
static void story_end(void *arg, struct explored *x, enum explored_end end)
{
	struct story *story = arg;

	(void)end;
	end_step(story, x);
	for (int task = 0; explored_deadlocked(x) && task < explored_nr_runners(x); task++) {
		if (!explored_next(x, task))
			continue;
		story->waiting[task] = true;
		story->waits_for[task] = *explored_next(x, task);
		begin_step(story, x, task, &story->waits[task]);
	}
}

static void note_event(void *arg, const struct gw_event *event)
{
	struct story *story = arg;
	const struct explored *x = story->engine.explored;
	unsigned int nr = explored_nr_steps(x);
	struct told_event *told = &story->events[story->nr_events];

	if (!nr || story->nr_events == STORY_EVENTS_MAX)
		return;
	story->nr_events++;
	told->step = nr - 1;
	told->event = *event;
	explored_callers_of_frame(x, __builtin_frame_address(0), told->callers,
				  STORY_CALLERS_MAX - 1);
}

static bool follow(struct story *story, const struct gw_schedule *schedule, char *error,
		   size_t error_size)
{
	static const struct explored_strategy strategy = {
		.pick = story_pick,
		.choose = story_choose,
		.end = story_end,
	};

	replay_begin(&story->replay, schedule, &story->objects);
	story->engine.on_event = note_event;
	story->engine.on_event_arg = story;
	engine_execute(&story->engine, &strategy, story, &story->outcome);
	replay_end(&story->replay, story->engine.explored);
	story->nr_steps = (int)explored_nr_steps(story->engine.explored);
	if (story->replay.diverged[0]) {
		snprintf(error, error_size, "the program goes another way than the schedule: %s",
			 story->replay.diverged);
		return false;
	}
	if (!story->failed && !history_extend(&story->history, story->engine.explored))
		return true;
	snprintf(error, error_size, "out of memory");
	return false;
}
