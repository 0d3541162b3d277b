// SPDX-License-Identifier: MIT
/*
 * story_words.c - steps, entries and VMAs, as one who reads mm/ writes them
 */
#include "story.h"

#include "lock_class.h"

#include <inttypes.h>
#include <string.h>

#define NAME_TEXT_MAX 100

/* ---- Steps --------------------------------------------------------------------------------------------------- */

/* Linux's verb for what is done to a lock; NULL: it is no lock. */
static const char *lock_verb(const struct explored_step *step, const struct gw_place *place)
{
	bool folio = place->frame >= 0;

	switch ((int)step->kind) {
	case EXPLORED_BIT_LOCK:
		return folio ? "folio_lock" : "bit_lock";
	case EXPLORED_BIT_TRYLOCK:
		return folio ? "folio_trylock" : "bit_trylock";
	case EXPLORED_BIT_UNLOCK:
		return folio ? "folio_unlock" : "bit_unlock";
	case EXPLORED_BIT_WAIT:
		return folio ? "folio_wait_locked" : "bit_wait";
	case EXPLORED_LOCK:
		return "spin_lock";
	case EXPLORED_TRYLOCK:
		return "spin_trylock";
	case EXPLORED_UNLOCK:
		return "spin_unlock";
	case EXPLORED_READ_LOCK:
		return "down_read";
	case EXPLORED_READ_TRYLOCK:
		return "down_read_trylock";
	case EXPLORED_READ_UNLOCK:
		return "up_read";
	case EXPLORED_WRITE_LOCK:
		return "down_write";
	case EXPLORED_WRITE_TRYLOCK:
		return "down_write_trylock";
	case EXPLORED_WRITE_UNLOCK:
		return "up_write";
	case EXPLORED_DOWNGRADE:
		return "downgrade_write";
	default:
		return NULL;
	}
}

static bool can_fail(const struct explored_step *step)
{
	return step->kind == EXPLORED_TRYLOCK || step->kind == EXPLORED_READ_TRYLOCK ||
	       step->kind == EXPLORED_WRITE_TRYLOCK || step->kind == EXPLORED_BIT_TRYLOCK;
}

/* What the machine calls it, or else a number as schedules have it. */
static void name_object(struct story *story, const struct explored_step *step,
			const struct told_step *told, char to[NAME_TEXT_MAX])
{
	char numbered[OBJECT_NAME_MAX];

	if (step->kind == EXPLORED_BIT_LOCK || step->kind == EXPLORED_BIT_TRYLOCK ||
	    step->kind == EXPLORED_BIT_UNLOCK || step->kind == EXPLORED_BIT_WAIT) {
		if (told->place.frame >= 0) {
			snprintf(to, NAME_TEXT_MAX, "frame %ld", told->place.frame);
			return;
		}
	}
	object_name(numbered, &story->objects, step);
	snprintf(to, NAME_TEXT_MAX, "%s", told->place.name[0] ? told->place.name : numbered);
}

/* Addresses and flags say nothing, small numbers do. */
static bool is_number(uint64_t word)
{
	return word < 1u << 16 || word > UINT32_MAX - (1u << 16);
}

static void describe_lock_word(const struct told_step *told, unsigned int bit, const char *name,
			       char text[STORY_TEXT_MAX])
{
	const char *locked = told->after >> bit & 1 ? "locked" : "not locked";

	if (told->before == told->after)
		snprintf(text, STORY_TEXT_MAX, "reads %s: %s", name, locked);
	else
		snprintf(text, STORY_TEXT_MAX, "writes %s: %s", name, locked);
}

static void describe_word(struct story *story, const struct explored_step *step,
			  const struct told_step *told, unsigned int bit, char text[STORY_TEXT_MAX])
{
	bool numbers = is_number(told->before) && is_number(told->after);
	char name[NAME_TEXT_MAX], entry[STORY_TEXT_MAX];

	name_object(story, step, told, name);
	if (bit) {
		describe_lock_word(told, bit - 1, name, text);
	} else if (step->kind == EXPLORED_READ && told->place.has_addr && !told->place.is_table) {
		story_describe_sight(&told->entry, entry);
		snprintf(text, STORY_TEXT_MAX, "reads %.180s", told->has_entry ? entry : name);
	} else if (step->kind == EXPLORED_READ && numbers) {
		snprintf(text, STORY_TEXT_MAX, "reads %s: %d", name, (int)told->before);
	} else if (step->kind == EXPLORED_READ) {
		snprintf(text, STORY_TEXT_MAX, "reads %s", name);
	} else if (numbers) {
		snprintf(text, STORY_TEXT_MAX, "%s: %d -> %d", name, (int)told->before,
			 (int)told->after);
	} else {
		snprintf(text, STORY_TEXT_MAX, "writes %s", name);
	}
}

static bool is_translation(const struct gw_sight *sight, int cpu, const struct told_page *page)
{
	return sight->kind == GW_SIGHT_TRANSLATION && sight->cpu == cpu &&
	       sight->addr == page->addr && (!page->mm_id || sight->mm_id == page->mm_id);
}

/* What @cpu translated @page to when step @nth was taken; NULL: it did not. */
static const struct gw_sight *translation_at(const struct story *story, int nth, int cpu,
					     const struct told_page *page)
{
	const struct gw_sight *found = NULL;

	for (int i = 0; i < story->first.nr; i++)
		if (is_translation(&story->first.items[i], cpu, page))
			found = &story->first.items[i];
	for (int i = 0; i < story->nr_changes && story->changes[i].step < (unsigned int)nth; i++) {
		const struct told_change *change = &story->changes[i];

		if (is_translation(told_sight(change), cpu, page))
			found = change->is ? &change->after : NULL;
	}
	return found;
}

/* Whoever takes the lock of a TLB looks for a translation, and what he does about it is a change. */
static void describe_lookup(const struct story *story, int nth, int cpu, char text[STORY_TEXT_MAX])
{
	const struct gw_sight *found = NULL;
	char translation[STORY_TEXT_MAX];

	for (int i = 0; i < story->subject.nr_pages && !found; i++)
		found = translation_at(story, nth, cpu, &story->subject.pages[i]);
	if (found) {
		story_describe_sight(found, translation);
		snprintf(text, STORY_TEXT_MAX, "looks in %.600s", translation);
	} else {
		snprintf(text, STORY_TEXT_MAX, "looks in TLB of CPU %d: no translation", cpu);
	}
}

/* @bit: of the lock that the word holds, plus 1 */
static void describe(struct story *story, const struct explored_step *step,
		     const struct told_step *told, unsigned int bit, char text[STORY_TEXT_MAX])
{
	const char *verb = lock_verb(step, &told->place);
	char name[NAME_TEXT_MAX];

	name_object(story, step, told, name);
	switch ((int)step->kind) {
	case EXPLORED_READ:
	case EXPLORED_WRITE:
	case EXPLORED_MODIFY:
		describe_word(story, step, told, bit, text);
		break;
	case EXPLORED_CHOOSE:
		snprintf(text, STORY_TEXT_MAX, "chooses %u of %u", step->value, step->arg);
		break;
	default:
		if (verb)
			snprintf(text, STORY_TEXT_MAX, "%s(%s)%s", verb, name,
				 can_fail(step) && !step->value ? " fails" : "");
		else
			snprintf(text, STORY_TEXT_MAX, "%s%s%s",
				 explored_kind_name((enum explored_kind)step->kind),
				 name[0] ? " " : "", name);
		break;
	}
}

void story_describe_step(struct story *story, int nth, char text[STORY_TEXT_MAX])
{
	const struct explored_step *step = story_step(story, nth);
	const struct told_step *told = &story->steps[nth];

	describe(story, step, told, story_lock_bit(story, nth), text);
	if (step->kind == EXPLORED_LOCK && told->place.tlb_of >= 0)
		describe_lookup(story, nth, told->place.tlb_of, text);
}

void story_describe_wait(struct story *story, int task, char text[STORY_TEXT_MAX])
{
	char what[STORY_TEXT_MAX];

	describe(story, &story->waits_for[task], &story->waits[task], 0, what);
	snprintf(text, STORY_TEXT_MAX, "waits for ever: %.600s", what);
}

/* ---- States --------------------------------------------------------------------------------------------------- */

/* "frame 1, writable", "migration entry, frame 1", "none" */
static void describe_entry(const struct gw_sight *pte, char to[STORY_TEXT_MAX])
{
	switch (pte->state) {
	case GW_PTE_PRESENT:
		snprintf(to, STORY_TEXT_MAX, "frame %lu%s", pte->pfn,
			 pte->write ? ", writable" : "");
		break;
	case GW_PTE_MIGRATION:
		snprintf(to, STORY_TEXT_MAX, "migration entry, frame %lu", pte->pfn);
		break;
	case GW_PTE_SWAP:
		snprintf(to, STORY_TEXT_MAX, "swap entry, slot %lu", pte->pfn);
		break;
	}
}

/* "rw-p VM_GROWSDOWN VM_STACK_INCOMPLETE_SETUP" */
static void describe_flags(const struct gw_sight *vma, char to[STORY_TEXT_MAX])
{
	snprintf(to, STORY_TEXT_MAX, "%s%s%s", vma->perms, vma->grows_down ? " VM_GROWSDOWN" : "",
		 vma->incomplete ? " VM_STACK_INCOMPLETE_SETUP" : "");
}

void story_describe_sight(const struct gw_sight *sight, char text[STORY_TEXT_MAX])
{
	char state[STORY_TEXT_MAX];

	switch (sight->kind) {
	case GW_SIGHT_VMA:
		describe_flags(sight, state);
		snprintf(text, STORY_TEXT_MAX, "VMA %lx-%lx pgoff %lx %.100s", sight->addr,
			 sight->end, sight->pgoff, state);
		break;
	case GW_SIGHT_PTE:
		describe_entry(sight, state);
		snprintf(text, STORY_TEXT_MAX, "PTE %lx: %.100s", sight->addr, state);
		break;
	case GW_SIGHT_TRANSLATION:
		snprintf(text, STORY_TEXT_MAX, "TLB of CPU %d: %lx is frame %lu%s", sight->cpu,
			 sight->addr, sight->pfn, sight->write ? ", writable" : "");
		break;
	case GW_SIGHT_FRAME:
		snprintf(text, STORY_TEXT_MAX, "frame %lu: %slocked, refcount %d, mapcount %d",
			 sight->pfn, sight->locked ? "" : "not ", sight->refcount, sight->mapcount);
		break;
	}
}

/* ---- Changes ------------------------------------------------------------------------------------------------ */

/* " -VM_STACK_INCOMPLETE_SETUP", " rw-p -> r--p" */
static void describe_flags_change(const struct gw_sight *before, const struct gw_sight *after,
				  char to[STORY_TEXT_MAX])
{
	bool other_perms = strcmp(before->perms, after->perms) != 0;

	to[0] = '\0';
	if (other_perms)
		snprintf(to, STORY_TEXT_MAX, " %s -> %s", before->perms, after->perms);
	if (before->grows_down != after->grows_down)
		strcat(to, after->grows_down ? " +VM_GROWSDOWN" : " -VM_GROWSDOWN");
	if (before->incomplete != after->incomplete)
		strcat(to, after->incomplete ? " +VM_STACK_INCOMPLETE_SETUP"
					     : " -VM_STACK_INCOMPLETE_SETUP");
}

static void describe_vma_change(const struct gw_sight *before, const struct gw_sight *after,
				char text[STORY_TEXT_MAX])
{
	bool moved = before->addr != after->addr || before->end != after->end;
	char flags[STORY_TEXT_MAX], pgoff[64] = "";

	describe_flags_change(before, after, flags);
	if (before->pgoff != after->pgoff)
		snprintf(pgoff, sizeof(pgoff), " pgoff %lx -> %lx", before->pgoff, after->pgoff);
	else if (moved)
		snprintf(pgoff, sizeof(pgoff), " pgoff still %lx", before->pgoff);
	if (moved)
		snprintf(text, STORY_TEXT_MAX, "VMA %lx-%lx -> %lx-%lx%s%.60s", before->addr,
			 before->end, after->addr, after->end, pgoff, flags);
	else
		snprintf(text, STORY_TEXT_MAX, "VMA %lx-%lx%s%.100s", after->addr, after->end,
			 pgoff, flags);
}

static void describe_new(const struct gw_sight *after, char text[STORY_TEXT_MAX])
{
	char state[STORY_TEXT_MAX];

	switch (after->kind) {
	case GW_SIGHT_PTE:
		describe_entry(after, state);
		snprintf(text, STORY_TEXT_MAX, "PTE %lx: none -> %.150s", after->addr, state);
		break;
	case GW_SIGHT_FRAME:
		snprintf(text, STORY_TEXT_MAX, "frame %lu is allocated", after->pfn);
		break;
	case GW_SIGHT_VMA:
		story_describe_sight(after, state);
		snprintf(text, STORY_TEXT_MAX, "new %.150s", state);
		break;
	case GW_SIGHT_TRANSLATION:
		story_describe_sight(after, text);
		break;
	}
}

static void describe_gone(const struct gw_sight *before, char text[STORY_TEXT_MAX])
{
	char state[STORY_TEXT_MAX];

	switch (before->kind) {
	case GW_SIGHT_PTE:
		describe_entry(before, state);
		snprintf(text, STORY_TEXT_MAX, "PTE %lx: %.150s -> none", before->addr, state);
		break;
	case GW_SIGHT_FRAME:
		snprintf(text, STORY_TEXT_MAX, "frame %lu is freed", before->pfn);
		break;
	case GW_SIGHT_VMA:
		snprintf(text, STORY_TEXT_MAX, "VMA %lx-%lx is gone", before->addr, before->end);
		break;
	case GW_SIGHT_TRANSLATION:
		snprintf(text, STORY_TEXT_MAX, "TLB of CPU %d: %lx is flushed", before->cpu,
			 before->addr);
		break;
	}
}

void story_describe_change(const struct told_change *change, char text[STORY_TEXT_MAX])
{
	char was[STORY_TEXT_MAX], is[STORY_TEXT_MAX];

	if (!change->was) {
		describe_new(&change->after, text);
	} else if (!change->is) {
		describe_gone(&change->before, text);
	} else if (change->after.kind == GW_SIGHT_VMA) {
		describe_vma_change(&change->before, &change->after, text);
	} else if (change->after.kind == GW_SIGHT_PTE) {
		describe_entry(&change->before, was);
		describe_entry(&change->after, is);
		snprintf(text, STORY_TEXT_MAX, "PTE %lx: %.80s -> %.80s", change->after.addr, was,
			 is);
	} else {
		story_describe_sight(&change->after, text);
	}
}

/* ---- Events ---------------------------------------------------------------------------------------------------- */

static const char *access_name(uint64_t access)
{
	return access == GW_WRITE ? "write" : access == GW_EXEC ? "exec" : "read";
}

static const char *fault_name(uint64_t fault)
{
	switch (fault) {
	case GW_FAULT_MAPERR:
		return "no mapping there";
	case GW_FAULT_ACCERR:
		return "the mapping forbids it";
	case GW_FAULT_SIGBUS:
		return "SIGBUS";
	default:
		return "out of memory";
	}
}

bool story_describe_event(const struct gw_event *event, char text[STORY_TEXT_MAX])
{
	switch (event->kind) {
	case GW_EVENT_NO_MIGRATION_PTE:
		snprintf(text, STORY_TEXT_MAX,
			 "looks for the migration entry of frame %" PRIu64 " at %lx: %s",
			 event->arg[1], event->addr, event->arg[0] ? "another entry" : "none");
		return true;
	case GW_EVENT_FAULT:
		if (event->arg[1] == GW_FAULT_DONE)
			return false;
		snprintf(text, STORY_TEXT_MAX, "%s fault at %lx: %s", access_name(event->arg[0]),
			 event->addr, fault_name(event->arg[1]));
		return true;
	case GW_EVENT_SET_MIGRATION_PTE:
	case GW_EVENT_REMOVE_MIGRATION_PTE:
	case GW_EVENT_MIGRATE_PAGES:
	case GW_EVENT_EXEC_SHIFT:
	case GW_EVENT_FORK:
	case GW_EVENT_MMAP:
	case GW_EVENT_MUNMAP:
		break;
	}
	return false; /* the changes say it */
}
