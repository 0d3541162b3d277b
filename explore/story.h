/* SPDX-License-Identifier: MIT */
/*
 * story.h - what the parts of a story share
 *
 * A schedule is followed once more (story.c), and what can be seen is written down: before each
 * step the stack of its task and the place of its object, after it what changed in the machine.
 * story_matters.c leaves out what has nothing to do with the finding, story_words.c turns the rest
 * into words, story_functions.c says in which functions, story_columns.c lays it out.
 *
 * Nothing of this is kept while schedules are searched.
 */
#pragma once

#include "engine.h"
#include "history.h"
#include "schedule.h"
#include "symbols.h"

#include <godwit/look.h>

#include <stdio.h>

#define STORY_CALLERS_MAX 40
#define STORY_EVENTS_MAX  256
#define STORY_TEXT_MAX	  640

struct told_step {
	const void *callers[STORY_CALLERS_MAX]; /* up to the first NULL */
	struct gw_place place;			/* of its object, before it */
	struct gw_sight entry;			/* if that is a PTE that is not none */
	bool has_entry;
	uint64_t before, after; /* if it is a word */
	bool matters;
};

/* What a step, and what its task did up to its next one, changed. */
struct told_change {
	unsigned int step;
	struct gw_sight before, after;
	bool was, is; /* there was one, there is one */
	bool matters;
};

/* What @change is about, as it is in the end, or was before it went. */
static inline const struct gw_sight *told_sight(const struct told_change *change)
{
	return change->is ? &change->after : &change->before;
}

struct told_event {
	unsigned int step; /* in which it happened */
	struct gw_event event;
	const void *callers[STORY_CALLERS_MAX];
	bool matters;
};

struct sights {
	struct gw_sight *items;
	int nr, max;
};

/* What a story is about. */
#define STORY_FRAMES_MAX 64
#define STORY_PAGES_MAX	 64

struct told_page {
	unsigned long mm_id; /* 0: whichever */
	unsigned long addr;
};

struct subject {
	long frames[STORY_FRAMES_MAX];
	int nr_frames;
	struct told_page pages[STORY_PAGES_MAX];
	int nr_pages;
};

struct story {
	struct engine engine;
	struct replay replay;
	struct objects objects;
	struct history history;
	struct symbols *symbols; /* NULL: functions are not named */
	struct outcome outcome;
	bool failed; /* out of memory on the way */

	struct told_step *steps; /* one more than the schedule has: what a task could not do */
	int nr_steps;
	struct told_change *changes;
	int nr_changes, max_changes;
	struct told_event events[STORY_EVENTS_MAX];
	int nr_events;
	struct sights first, now, next;		   /* now: in the end */
	struct told_step waits[HISTORY_TASKS_MAX]; /* what waits for ever */
	struct explored_step waits_for[HISTORY_TASKS_MAX];
	bool waiting[HISTORY_TASKS_MAX];
	unsigned char *lock_bits; /* by the history's objects: the bit that is a lock, plus 1 */
	int *candidates;	  /* scratch for races_of() */

	struct subject subject;
};

static inline const struct explored_step *story_step(const struct story *story, int nth)
{
	return &explored_steps(story->engine.explored)[nth];
}

/* story.c: of the same thing, though perhaps not in the same state */
bool story_same_thing(const struct gw_sight *a, const struct gw_sight *b);

/* story_functions.c */
#define CHAIN_MAX    5
#define FUNCTION_MAX 40

/* The functions that somebody was in, the outermost first, as a reader of Linux knows them. */
struct chain {
	char names[CHAIN_MAX][FUNCTION_MAX];
	int nr;
};

/* @start_at: what is further out is left away; NULL: nothing is. */
void story_functions(struct symbols *symbols, const void *const *callers, const void *site,
		     const char *start_at, struct chain *chain);
bool story_same_functions(const struct chain *a, const struct chain *b);

/* story_matters.c */
void story_find_what_matters(struct story *story);
bool story_is_about(const struct story *story, const struct gw_sight *sight);
/* The bit that is a lock in the word of step @nth, plus 1; 0: none is. */
unsigned int story_lock_bit(const struct story *story, int nth);

/* story_words.c */
void story_describe_step(struct story *story, int nth, char text[STORY_TEXT_MAX]);
void story_describe_wait(struct story *story, int task, char text[STORY_TEXT_MAX]);
void story_describe_change(const struct told_change *change, char text[STORY_TEXT_MAX]);
/* False: it goes without saying. */
bool story_describe_event(const struct gw_event *event, char text[STORY_TEXT_MAX]);
void story_describe_sight(const struct gw_sight *sight, char text[STORY_TEXT_MAX]);

/* story_columns.c: => malloc()ed; NULL: out of memory */
char *story_lay_out(struct story *story, unsigned int width);
