// SPDX-License-Identifier: MIT
/*
 * watch_lives.c - who had which memory when, and what is said of it
 *
 * Allocators tell.  What was taken back is dead until it is handed out again: a bit for each eight
 * bytes, which is all that an access looks at.  The list of lives is for reports.
 */
#include "watch_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Who had it when ------------------------------------------------------------------------- */

void watch_lives_begin(struct watch *watch)
{
	for (unsigned int i = 0; i < watch->nr_changed; i++) {
		struct watch_page *page = &watch->pages[watch->changed[i]];

		memcpy(page->dead, page->kept_dead, sizeof(page->dead));
		page->changed = false;
	}
	watch->nr_changed = 0;
	watch->nr_lives = watch->kept_lives;
}

void watch_keep(struct watch *watch)
{
	for (unsigned int i = 0; i < watch->nr_changed; i++) {
		struct watch_page *page = &watch->pages[watch->changed[i]];

		memcpy(page->kept_dead, page->dead, sizeof(page->dead));
		page->changed = false;
	}
	watch->nr_changed = 0;
	watch->kept_lives = watch->nr_lives;
}

static void note_life(struct watch *watch, const struct life *life)
{
	if (watch->nr_lives == watch->max_lives) {
		size_t max = watch->max_lives ? 2 * watch->max_lives : 1024;
		struct life *lives = realloc(watch->lives, max * sizeof(*lives));

		if (!lives)
			explored_die("out of memory");
		watch->lives = lives;
		watch->max_lives = max;
	}
	watch->lives[watch->nr_lives++] = *life;
}

/* Bits [@first, @first + @nr). */
static void mark_bits(uint64_t *words, size_t first, size_t nr, bool set)
{
	while (nr) {
		size_t part = min(nr, 64 - first % 64);
		uint64_t mask = ~0ull >> (64 - part) << first % 64;

		if (set)
			words[first / 64] |= mask;
		else
			words[first / 64] &= ~mask;
		first += part;
		nr -= part;
	}
}

static void mark_dead(struct watch *watch, size_t offset, size_t size, bool dead)
{
	while (size) {
		struct watch_page *page = &watch->pages[offset / PAGE_BYTES];
		size_t part = min(size, PAGE_BYTES - offset % PAGE_BYTES);

		if (!page->changed) {
			page->changed = true;
			watch->changed[watch->nr_changed++] = (unsigned int)(offset / PAGE_BYTES);
		}
		mark_bits(page->dead, offset % PAGE_BYTES / 8, part / 8, dead);
		offset += part;
		size -= part;
	}
}

static struct life life_of(struct watch *watch, const void *at, size_t size, const char *what,
			   const void *site)
{
	return (struct life){
		.offset = (uintptr_t)at - watch->base,
		.size = size,
		.what = what,
		.site = near_site(site),
		.task = watch->x->scheduling ? watch->x->running->id : RUNNERS_MAX,
	};
}

static struct watch *watch_of(const void *at)
{
	struct watch *watch = explored_current ? explored_current->watch : NULL;

	return watch && watched(watch, at) ? watch : NULL;
}

void explored_memory_handed_out(const void *at, size_t size, const char *what)
{
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, size, what, __builtin_return_address(0));
	note_life(watch, &life);
	mark_dead(watch, life.offset, size, false);
}

/* To free is to write: what others did with it is ordered before. */
void explored_memory_taken_back(const void *at, size_t size)
{
	const void *site = __builtin_return_address(0);
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, size, NULL, site);
	life.end = true;
	watch_access(at, size, PLAIN_WRITE, site);
	note_life(watch, &life);
	mark_dead(watch, life.offset, size, true);
	if (watch_current)
		watch_forget(watch, life.offset, size);
}

void explored_memory_named(const void *at, size_t nr, size_t size, const char *what)
{
	struct watch *watch = watch_of(at);
	struct life life;

	if (!watch)
		return;
	life = life_of(watch, at, nr * size, what, __builtin_return_address(0));
	life.stride = size;
	note_life(watch, &life);
}

/* ---- Reports --------------------------------------------------------------------------------- */

static const struct life *life_at(const struct watch *watch, size_t offset)
{
	for (size_t i = watch->nr_lives; i-- > 0;) {
		const struct life *life = &watch->lives[i];

		if (offset - life->offset < life->size && life->what)
			return life;
	}
	return NULL;
}

static void name_place(const struct watch *watch, size_t offset, char *to, size_t size)
{
	const struct life *life = life_at(watch, offset);
	size_t inside = life ? offset - life->offset : 0;

	if (!life)
		snprintf(to, size, "memory at 0x%zx", offset);
	else if (life->stride)
		snprintf(to, size, "%s %zu+0x%zx", life->what, inside / life->stride,
			 inside % life->stride);
	else
		snprintf(to, size, "%s+0x%zx", life->what, inside);
}

static const char *done_before(enum access access)
{
	static const char *const names[] = { "read", "wrote", "read (marked)", "wrote (marked)" };

	return names[access];
}

static const char *does(enum access access)
{
	static const char *const names[] = { "reads", "writes", "reads (marked)",
					     "writes (marked)" };

	return names[access];
}

__noreturn void watch_report_race(struct watch *watch, const struct access_report *report)
{
	struct explored *x = watch->x;
	char place[80];

	name_place(watch, report->offset, place, sizeof(place));
	watch->racing = (struct explored_racing){ .offset = report->offset, .size = report->size };
	snprintf(watch->racing.name, sizeof(watch->racing.name), "%s", place);
	explored_misuse_at(
		EXPLORED_DATA_RACE,
		(const void *[3]){ far_site(report->site), far_site(report->site_before) },
		"data race on %s, %zu bytes: %s %s it in @1, %s %s it in @2, and nothing orders them",
		place, report->size, x->running->name, does(report->now),
		x->tasks[report->task_before].name, done_before(report->before));
}

static const char *task_of_life(const struct watch *watch, const struct life *life)
{
	return life->task < RUNNERS_MAX ? watch->x->tasks[life->task].name : "set-up";
}

__noreturn void watch_report_dead(struct watch *watch, size_t offset, size_t size,
				  enum access access, int32_t site)
{
	const struct life *end = NULL, *begin = NULL;
	struct explored *x = watch->x;
	char place[80];

	for (size_t i = watch->nr_lives; i-- > 0 && !begin;) {
		const struct life *life = &watch->lives[i];

		if (offset - life->offset >= life->size || life->stride)
			continue;
		if (!end && life->end)
			end = life;
		else if (end && !life->end && life->offset == end->offset)
			begin = life;
	}
	name_place(watch, offset, place, sizeof(place));
	explored_misuse_at(
		EXPLORED_USE_AFTER_FREE,
		(const void *[3]){ far_site(site), end ? far_site(end->site) : NULL,
				   begin ? far_site(begin->site) : NULL },
		"use of freed memory: %s %s %s, %zu bytes, in @1; %s%s%s%s%s", x->running->name,
		does(access), place, size, end ? task_of_life(watch, end) : "it was never in use",
		end ? " freed it in @2" : "", begin ? ", " : "",
		begin ? task_of_life(watch, begin) : "", begin ? " had got it in @3" : "");
}

bool explored_racing(const struct explored *x, struct explored_racing *racing)
{
	if (!x->watch || !x->watch->racing.size)
		return false;
	*racing = x->watch->racing;
	return true;
}
