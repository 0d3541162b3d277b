// SPDX-License-Identifier: MIT
/*
 * story_matters.c - of hundreds of steps, the handful that a finding is made of
 *
 * A finding is about frames: those that it names, or else those whose folios more than one task
 * touched.  From there it is about the pages that ever led to them, and about the VMAs around those
 * pages.  What changed in any of these matters.
 *
 * Of the steps those matter that race, which is to say that nothing but the schedule put them into
 * their order, if they are on something that the finding is about.  Allocators and lists that all
 * tasks share race in every execution and are left out, and so are table locks: what was done to
 * the entries under them is told.  If nothing is left after that, every step that races matters.
 */
#include "story.h"

#include "races.h"

#include <stdlib.h>
#include <string.h>

static void find_subject(struct story *story);
static void find_racing_steps(struct story *story);
static void find_lock_words(struct story *story);
static void find_held_bits(struct story *story);
static void find_changes(struct story *story);
static void find_events(struct story *story);
static void join_changes(struct story *story);
static void find_last_step(struct story *story);

void story_find_what_matters(struct story *story)
{
	find_lock_words(story);
	find_subject(story);
	find_changes(story);
	join_changes(story);
	find_events(story);
	find_racing_steps(story);
	find_held_bits(story);
	find_last_step(story);
}

/* ---- What it is about --------------------------------------------------------------------------------- */

static bool is_about_frame(const struct story *story, long frame)
{
	for (int i = 0; i < story->subject.nr_frames; i++)
		if (story->subject.frames[i] == frame)
			return true;
	return false;
}

static void add_frame(struct story *story, long frame)
{
	struct subject *subject = &story->subject;

	if (frame > 0 && !is_about_frame(story, frame) &&
	    subject->nr_frames < STORY_FRAMES_MAX) /* frame 0 is everybody's zero page */
		subject->frames[subject->nr_frames++] = frame;
}

static bool is_about_page(const struct story *story, unsigned long mm_id, unsigned long addr)
{
	for (int i = 0; i < story->subject.nr_pages; i++) {
		const struct told_page *page = &story->subject.pages[i];

		if (page->addr == addr && (!page->mm_id || page->mm_id == mm_id))
			return true;
	}
	return false;
}

static bool is_about_vma(const struct story *story, const struct gw_sight *vma)
{
	for (int i = 0; i < story->subject.nr_pages; i++) {
		const struct told_page *page = &story->subject.pages[i];

		if ((!page->mm_id || page->mm_id == vma->mm_id) && vma->addr <= page->addr &&
		    page->addr < vma->end)
			return true;
	}
	return false;
}

bool story_is_about(const struct story *story, const struct gw_sight *sight)
{
	switch (sight->kind) {
	case GW_SIGHT_VMA:
		return is_about_vma(story, sight);
	case GW_SIGHT_PTE:
	case GW_SIGHT_TRANSLATION:
		return is_about_page(story, sight->mm_id, sight->addr);
	case GW_SIGHT_FRAME:
		return is_about_frame(story, (long)sight->pfn);
	}
	return false;
}

static void add_page(struct story *story, unsigned long mm_id, unsigned long addr)
{
	struct subject *subject = &story->subject;

	addr &= ~(GW_PAGE_SIZE - 1);
	if (!is_about_page(story, mm_id, addr) && subject->nr_pages < STORY_PAGES_MAX)
		subject->pages[subject->nr_pages++] =
			(struct told_page){ .mm_id = mm_id, .addr = addr };
}

/* "frame 3" and "at 3fff7000", as the core words what it finds. */
static void take_from_words(struct story *story, const char *words)
{
	const char *at;

	for (at = words; (at = strstr(at, "frame ")); at += strlen("frame ")) {
		const char *digits = at + strlen("frame ");

		if (*digits >= '0' && *digits <= '9')
			add_frame(story, strtol(digits, NULL, 10));
	}
	for (at = words; (at = strstr(at, " at ")); at += strlen(" at ")) {
		char *end;
		unsigned long addr = strtoul(at + strlen(" at "), &end, 16);

		if (addr >= GW_PAGE_SIZE && (!*end || strchr(" ,;:", *end)))
			add_page(story, 0, addr);
	}
}

static bool is_entry_of_subject(const struct story *story, const struct gw_sight *sight)
{
	return sight->kind == GW_SIGHT_PTE && sight->state != GW_PTE_SWAP &&
	       is_about_frame(story, (long)sight->pfn);
}

static void add_pages_of_frames(struct story *story)
{
	for (int i = 0; i < story->first.nr; i++)
		if (is_entry_of_subject(story, &story->first.items[i]))
			add_page(story, story->first.items[i].mm_id, story->first.items[i].addr);
	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];

		if (change->was && is_entry_of_subject(story, &change->before))
			add_page(story, change->before.mm_id, change->before.addr);
		if (change->is && is_entry_of_subject(story, &change->after))
			add_page(story, change->after.mm_id, change->after.addr);
	}
	for (int i = 0; i < story->nr_events; i++) {
		const struct gw_event *event = &story->events[i].event;

		if (event->kind == GW_EVENT_NO_MIGRATION_PTE &&
		    is_about_frame(story, (long)event->arg[1]))
			add_page(story, event->mm_id, event->addr);
	}
}

static void add_frames_of_pages(struct story *story)
{
	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];
		const struct gw_sight *sight = told_sight(change);

		if (sight->kind != GW_SIGHT_PTE || !is_about_page(story, sight->mm_id, sight->addr))
			continue;
		if (change->was && change->before.state != GW_PTE_SWAP)
			add_frame(story, (long)change->before.pfn);
		if (change->is && change->after.state != GW_PTE_SWAP)
			add_frame(story, (long)change->after.pfn);
	}
}

/* What was to be there and was not. */
static void add_faults(struct story *story)
{
	for (int i = 0; i < story->nr_events; i++) {
		const struct gw_event *event = &story->events[i].event;

		if (event->kind == GW_EVENT_FAULT && event->arg[1] != GW_FAULT_DONE)
			add_page(story, event->mm_id, event->addr);
	}
}

/* Nothing is named: frames whose folios several tasks touched. */
static void add_shared_frames(struct story *story)
{
	for (int i = 0; i < story->nr_steps; i++) {
		long frame = story->steps[i].place.frame;

		for (int other = 0; frame > 0 && other < i; other++)
			if (story->steps[other].place.frame == frame &&
			    story_step(story, other)->task != story_step(story, i)->task)
				add_frame(story, frame);
	}
}

/* Not even that: whatever entries changed. */
static void add_changed_pages(struct story *story)
{
	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];
		const struct gw_sight *sight = told_sight(change);

		if (sight->kind == GW_SIGHT_PTE)
			add_page(story, sight->mm_id, sight->addr);
	}
}

static void find_subject(struct story *story)
{
	take_from_words(story, story->outcome.message);
	take_from_words(story, story->outcome.consequence);
	add_faults(story);
	if (!story->subject.nr_frames && !story->subject.nr_pages)
		add_shared_frames(story);
	add_pages_of_frames(story);
	if (!story->subject.nr_pages)
		add_changed_pages(story);
	add_frames_of_pages(story);
}

/* ---- What changed, and what the core reports --------------------------------------------------------- */

/* Where there are no pages that it is about, any may be. */
static bool sight_matters(const struct story *story, const struct gw_sight *sight)
{
	return story_is_about(story, sight) ||
	       (sight->kind != GW_SIGHT_FRAME && !story->subject.nr_pages);
}

static void find_changes(struct story *story)
{
	for (int i = 0; i < story->nr_changes; i++) {
		struct told_change *change = &story->changes[i];

		change->matters = (change->was && sight_matters(story, &change->before)) ||
				  (change->is && sight_matters(story, &change->after));
	}
}

static bool others_step_between(const struct story *story, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i < last; i++)
		if (story_step(story, (int)i)->task != story_step(story, (int)last)->task)
			return true;
	return false;
}

static bool in_same_functions(const struct story *story, unsigned int a, unsigned int b)
{
	struct chain chains[2];

	story_functions(story->symbols, story->steps[a].callers, NULL, NULL, &chains[0]);
	story_functions(story->symbols, story->steps[b].callers, NULL, NULL, &chains[1]);
	return story_same_functions(&chains[0], &chains[1]);
}

/* The next one of what @change is about; NULL: there is none. */
static struct told_change *next_change(struct story *story, const struct told_change *change)
{
	const struct gw_sight *about = told_sight(change);

	for (int i = (int)(change - story->changes) + 1; i < story->nr_changes; i++) {
		struct told_change *next = &story->changes[i];

		if (story_same_thing(about, next->was ? &next->before : &next->after))
			return next;
	}
	return NULL;
}

/*
 * An entry is cleared before it is set anew, and a VMA's start moves before its pgoff.  If one
 * function does both and nobody else comes in between, they are one change.
 */
static void join_changes(struct story *story)
{
	for (int i = 0; i < story->nr_changes; i++) {
		struct told_change *change = &story->changes[i];
		const struct gw_sight *about = told_sight(change);
		struct told_change *next;

		if (!change->matters ||
		    (about->kind != GW_SIGHT_PTE && about->kind != GW_SIGHT_VMA))
			continue;
		next = next_change(story, change);
		if (!next || others_step_between(story, change->step, next->step) ||
		    !in_same_functions(story, change->step, next->step))
			continue;
		next->was = change->was;
		next->before = change->before;
		change->matters = false;
	}
}

static void find_events(struct story *story)
{
	for (int i = 0; i < story->nr_events; i++) {
		const struct gw_event *event = &story->events[i].event;
		unsigned long page = event->addr & ~(GW_PAGE_SIZE - 1);

		story->events[i].matters =
			!story->subject.nr_pages || is_about_page(story, event->mm_id, page);
	}
}

/* ---- Steps ------------------------------------------------------------------------------------------------ */

static bool step_is_about_subject(const struct story *story, int nth)
{
	const struct gw_place *place = &story->steps[nth].place;

	if (place->shared_by_all || place->is_table || !story_step(story, nth)->object)
		return false;
	if (place->tlb_of >= 0 && story_step(story, nth)->kind != EXPLORED_LOCK)
		return false; /* whether it is empty: what is in it is told */
	if (place->frame >= 0)
		return is_about_frame(story, place->frame);
	if (place->has_addr)
		return is_about_page(story, place->mm_id, place->addr);
	return story_step(story, nth)->kind < EXPLORED_RCU_READ_LOCK;
}

/* Mark both ends of every race, @all or if the finding is about them.  => there were some */
static bool mark_races(struct story *story, bool all)
{
	struct history *history = &story->history;
	bool any = false;

	for (int i = 0; i < history->nr; i++) {
		const struct event *event = &history->events[i];
		int nr = races_of(history, &event->op, event->prev_of_task, event->prev,
				  story->candidates);

		if (!nr || (!all && !step_is_about_subject(story, i)))
			continue;
		for (int nth = 0; nth < nr; nth++)
			story->steps[story->candidates[nth]].matters = true;
		story->steps[i].matters = any = true;
	}
	return any;
}

static bool any_change_matters(const struct story *story)
{
	for (int i = 0; i < story->nr_changes; i++)
		if (story->changes[i].matters)
			return true;
	return false;
}

static bool is_word_step(const struct explored_step *step)
{
	return step->kind == EXPLORED_READ || step->kind == EXPLORED_WRITE ||
	       step->kind == EXPLORED_MODIFY;
}

/* What was read from a word that races was perhaps acted upon, though that read itself does not. */
static void mark_words(struct story *story)
{
	for (int i = 0; i < story->nr_steps; i++) {
		int object = story->history.events[i].op.object;

		if (object < 0 || !story->steps[i].matters || story_lock_bit(story, i) ||
		    !is_word_step(story_step(story, i)))
			continue;
		for (int other = 0; other < story->nr_steps; other++)
			if (story->history.events[other].op.object == object &&
			    is_word_step(story_step(story, other)))
				story->steps[other].matters = true;
	}
}

static void find_racing_steps(struct story *story)
{
	if (!mark_races(story, false) && !any_change_matters(story))
		mark_races(story, true);
	mark_words(story);
}

/* Which words hold a lock in one of their bits? */
static void find_lock_words(struct story *story)
{
	for (int i = 0; i < story->nr_steps; i++) {
		const struct op *op = &story->history.events[i].op;

		if (op->kind == EXPLORED_BIT_LOCK || op->kind == EXPLORED_BIT_TRYLOCK ||
		    op->kind == EXPLORED_BIT_UNLOCK)
			story->lock_bits[op->object] = (unsigned char)(op->arg + 1);
	}
}

unsigned int story_lock_bit(const struct story *story, int nth)
{
	int object = story->history.events[nth].op.object;

	return object < 0 ? 0 : story->lock_bits[object];
}

static bool is_bit_lock(const struct explored_step *step)
{
	return step->kind == EXPLORED_BIT_LOCK || step->kind == EXPLORED_BIT_UNLOCK ||
	       (step->kind == EXPLORED_BIT_TRYLOCK && step->value);
}

/*
 * A bit is a lock in a word that others read: since when and until when was it held?  What else
 * happens to the other bits of the word is another matter.
 */
static void find_held_bits(struct story *story)
{
	for (int i = 0; i < story->nr_steps; i++) {
		const struct explored_step *step = story_step(story, i);
		struct told_step *told = &story->steps[i];
		unsigned int bit = story_lock_bit(story, i);

		if (is_bit_lock(step))
			told->matters |= is_about_frame(story, told->place.frame);
		else if (bit && (step->kind == EXPLORED_WRITE || step->kind == EXPLORED_MODIFY))
			told->matters &= ((told->before ^ told->after) >> (bit - 1) & 1) != 0;
	}
}

/* What a task ran into has to do with its last step, unless that merely let go of something. */
static void find_last_step(struct story *story)
{
	const struct explored_step *step;

	if (!story->nr_steps || story->outcome.end != EXPLORED_FOUND)
		return;
	step = story_step(story, story->nr_steps - 1);
	if (step->kind != EXPLORED_UNLOCK && step->kind != EXPLORED_READ_UNLOCK &&
	    step->kind != EXPLORED_WRITE_UNLOCK && step->kind != EXPLORED_BIT_UNLOCK)
		story->steps[story->nr_steps - 1].matters = true;
}
