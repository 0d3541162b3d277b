// SPDX-License-Identifier: MIT
/*
 * story_columns.c - a column for each task, time goes down
 *
 * As changelogs draw it: a line stands in the column of the task that did it, below the functions
 * that it was in, of which only those are written that were not written above.
 */
#define _GNU_SOURCE
#include "story.h"

#include "scenario_text.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH_MIN      60
#define COLUMN_MIN     16
#define LINES_MAX      120 /* of more, those in the middle are left out */
#define LINES_AT_FIRST 40
#define CONTINUED      4 /* columns that the second row of a line is set in */

struct line {
	int task;
	struct chain chain;
	char text[STORY_TEXT_MAX];
	int times; /* in a row */
};

struct layout {
	struct story *story;
	FILE *out;
	unsigned int width; /* of all */
	bool many_mms;	    /* so that each line must say which it means */

	struct line *lines;
	int nr_lines, max_lines;

	unsigned int columns[HISTORY_TASKS_MAX]; /* by task, from 1; 0: nothing to tell */
	unsigned int nr_columns, column_width;
	struct chain last[HISTORY_TASKS_MAX];
	int last_task;
};

static bool collect_lines(struct layout *layout);
static void print_states(struct layout *layout, const char *title, const struct sights *sights);
static void print_heads(struct layout *layout);
static void print_lines(struct layout *layout);
static void print_end(struct layout *layout);

char *story_lay_out(struct story *story, unsigned int width)
{
	struct layout layout = { .story = story, .width = max(width, (unsigned int)WIDTH_MIN) };
	char *text = NULL;
	size_t size;

	layout.last_task = -1;
	layout.out = open_memstream(&text, &size);
	if (!layout.out)
		return NULL;
	if (collect_lines(&layout)) {
		print_states(&layout, "At first", &story->first);
		print_heads(&layout);
		print_lines(&layout);
		print_states(&layout, "In the end", &story->now);
		print_end(&layout);
	} else {
		story->failed = true;
	}
	free(layout.lines);
	if (!fclose(layout.out) && !story->failed)
		return text;
	free(text);
	return NULL;
}

/* ---- Lines ---------------------------------------------------------------------------------------------------- */

static const char *start_of(const struct layout *layout, int task)
{
	const struct gw_bound *bound = &layout->story->engine.bound;

	return task < bound->nr_tasks ? bound->tasks[task].start_at : NULL;
}

static void add_line(struct layout *layout, int task, const void *const *callers, const void *site,
		     const char *text)
{
	struct line *last = layout->nr_lines ? &layout->lines[layout->nr_lines - 1] : NULL;
	struct line *line;

	if (layout->nr_lines == layout->max_lines) {
		int max = layout->max_lines ? 2 * layout->max_lines : 64;

		line = realloc(layout->lines, (size_t)max * sizeof(*line));
		if (!line) {
			layout->story->failed = true;
			return;
		}
		layout->lines = line;
		layout->max_lines = max;
		last = layout->nr_lines ? &line[layout->nr_lines - 1] : NULL;
	}
	line = &layout->lines[layout->nr_lines];
	*line = (struct line){ .task = task, .times = 1 };
	story_functions(layout->story->symbols, callers, site, start_of(layout, task),
			&line->chain);
	snprintf(line->text, sizeof(line->text), "%s", text);
	if (last && last->task == task && !strcmp(last->text, text) &&
	    story_same_functions(&last->chain, &line->chain))
		last->times++;
	else
		layout->nr_lines++;
}

/* What a step does to an entry, to a VMA or to a TLB is told as the change that it makes. */
static bool is_told_by_changes(const struct story *story, int nth)
{
	const struct gw_place *place = &story->steps[nth].place;
	bool writes = story_step(story, nth)->kind == EXPLORED_WRITE ||
		      story_step(story, nth)->kind == EXPLORED_MODIFY;

	if (writes && place->has_addr && !place->is_table)
		return true;
	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];
		const struct gw_sight *sight = told_sight(change);

		if (change->step != (unsigned int)nth || !change->matters)
			continue;
		if ((sight->kind == GW_SIGHT_VMA && writes && strstr(place->name, "of VMA")) ||
		    (sight->kind == GW_SIGHT_TRANSLATION && place->tlb_of == sight->cpu))
			return true;
	}
	return false;
}

/* Where a frame's state is not told by its lock and its counts. */
static bool is_worth_a_line(const struct told_change *change)
{
	const struct gw_sight *sight = told_sight(change);

	return change->matters && (sight->kind != GW_SIGHT_FRAME || !change->was || !change->is);
}

static bool has_many_mms(const struct story *story)
{
	unsigned long mm_id = 0;

	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];
		const struct gw_sight *sight = told_sight(change);

		if (!change->matters || sight->kind == GW_SIGHT_FRAME)
			continue;
		if (mm_id && mm_id != sight->mm_id)
			return true;
		mm_id = sight->mm_id;
	}
	return false;
}

static void say_which_mm(const struct layout *layout, unsigned long mm_id,
			 char text[STORY_TEXT_MAX])
{
	char what[STORY_TEXT_MAX];

	if (!layout->many_mms || !mm_id)
		return;
	memcpy(what, text, sizeof(what));
	snprintf(text, STORY_TEXT_MAX, "mm %lu: %.600s", mm_id, what);
}

static void collect_step(struct layout *layout, int nth)
{
	struct story *story = layout->story;
	const struct explored_step *step = story_step(story, nth);
	const struct told_step *told = &story->steps[nth];
	char text[STORY_TEXT_MAX];

	story_describe_step(story, nth, text); /* numbers objects, hence always */
	if (told->place.has_addr && !told->place.is_table)
		say_which_mm(layout, told->place.mm_id, text);
	if (told->matters && !is_told_by_changes(story, nth))
		add_line(layout, step->task, told->callers, step->site, text);
	for (int i = 0; i < story->nr_events; i++) {
		const struct told_event *event = &story->events[i];

		if (event->step != (unsigned int)nth || !event->matters ||
		    !story_describe_event(&event->event, text))
			continue;
		say_which_mm(layout, event->event.mm_id, text);
		add_line(layout, step->task, event->callers, NULL, text);
	}
	for (int i = 0; i < story->nr_changes; i++) {
		const struct told_change *change = &story->changes[i];

		if (change->step != (unsigned int)nth || !is_worth_a_line(change))
			continue;
		story_describe_change(change, text);
		say_which_mm(layout, told_sight(change)->mm_id, text);
		add_line(layout, step->task, told->callers, step->site, text);
	}
}

/* The message, without who says so, as his column does, and without the line that says it. */
static void words_of_finding(const struct story *story, const struct explored_finding *finding,
			     char text[STORY_TEXT_MAX])
{
	const char *invariant = story->outcome.invariant;
	const char *message = story->outcome.message;
	size_t len = strlen(finding->task);
	char *where;

	if (!strncmp(message, finding->task, len) && !strncmp(message + len, ": ", 2))
		message += len + 2;
	if (strncmp(message, invariant, strlen(invariant)))
		snprintf(text, STORY_TEXT_MAX, "*** %s: %.560s", invariant, message);
	else
		snprintf(text, STORY_TEXT_MAX, "*** %.560s", message);
	where = finding->file[0] ? strrchr(text, '(') : NULL;
	if (where && where[-1] == ' ')
		where[-1] = '\0';
}

/* What a task ran into, in its column. */
static void collect_finding(struct layout *layout)
{
	struct story *story = layout->story;
	const struct explored_finding *finding = explored_finding(story->engine.explored);
	char text[STORY_TEXT_MAX];

	for (int task = 0; task < story->history.nr_tasks; task++) {
		if (!story->waiting[task])
			continue;
		story_describe_wait(story, task, text);
		add_line(layout, task, story->waits[task].callers, story->waits_for[task].site,
			 text);
	}
	if (!finding || story->outcome.end != EXPLORED_FOUND || !finding->task[0] ||
	    !story->nr_steps)
		return;
	words_of_finding(story, finding, text);
	add_line(layout, story_step(story, story->nr_steps - 1)->task,
		 story->steps[story->nr_steps - 1].callers,
		 story_step(story, story->nr_steps - 1)->site, text);
}

static void make_columns(struct layout *layout)
{
	for (int i = 0; i < layout->nr_lines; i++)
		layout->columns[layout->lines[i].task] = 1;
	for (int task = 0; task < layout->story->history.nr_tasks; task++)
		if (layout->columns[task])
			layout->columns[task] = ++layout->nr_columns;
	if (layout->nr_columns)
		layout->column_width =
			max((layout->width + 2) / layout->nr_columns - 2, (unsigned int)COLUMN_MIN);
}

static bool collect_lines(struct layout *layout)
{
	struct story *story = layout->story;

	objects_clear(&story->objects);
	layout->many_mms = has_many_mms(story);
	for (int i = 0; i < story->nr_steps; i++)
		collect_step(layout, i);
	collect_finding(layout);
	make_columns(layout);
	return !story->failed;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------- */

/* How much of @text goes into @width: to a blank if there is one. */
static size_t row_of(const char *text, size_t width)
{
	size_t len = strlen(text);

	if (len <= width)
		return len;
	for (len = width; len > width / 3 && text[len] != ' '; len--)
		;
	return text[len] == ' ' ? len : width;
}

/* @text at column @left, in rows of @width of which all but the first are set in. */
static void print_rows(FILE *out, unsigned int left, unsigned int width, const char *text)
{
	size_t len = row_of(text, width);

	fprintf(out, "%*s%.*s\n", (int)left, "", (int)len, text);
	text += len + strspn(text + len, " ");
	for (width -= CONTINUED; *text; text += len + strspn(text + len, " ")) {
		len = row_of(text, width);
		fprintf(out, "%*s%.*s\n", (int)(left + CONTINUED), "", (int)len, text);
	}
}

static unsigned int left_of(const struct layout *layout, int task)
{
	return (layout->columns[task] - 1) * (layout->column_width + 2);
}

static void print_cell(struct layout *layout, int task, int depth, const char *text)
{
	unsigned int indent = min(2 * (unsigned int)depth, layout->column_width / 3);

	print_rows(layout->out, left_of(layout, task) + indent, layout->column_width - indent,
		   text);
}

/* The functions that are not the same as in the task's line before. */
static void print_functions(struct layout *layout, const struct line *line)
{
	const struct chain *last = &layout->last[line->task];
	const struct chain *chain = &line->chain;
	int same = 0;
	char name[FUNCTION_MAX + 2];

	while (same < last->nr && same < chain->nr &&
	       !strcmp(last->names[same], chain->names[same]))
		same++;
	if (same == chain->nr && same && line->task != layout->last_task)
		same--; /* who comes back says where he is */
	for (int i = same; i < chain->nr; i++) {
		snprintf(name, sizeof(name), "%s()", chain->names[i]);
		print_cell(layout, line->task, i, name);
	}
}

static void print_line(struct layout *layout, const struct line *line)
{
	char text[STORY_TEXT_MAX + 32];

	print_functions(layout, line);
	snprintf(text, sizeof(text), "%s", line->text);
	if (line->times > 1)
		snprintf(text, sizeof(text), "%s (%d times)", line->text, line->times);
	print_cell(layout, line->task, line->chain.nr, text);
	layout->last[line->task] = line->chain;
	layout->last_task = line->task;
}

static void print_lines(struct layout *layout)
{
	int left_out = layout->nr_lines - LINES_MAX;

	for (int i = 0; i < layout->nr_lines; i++) {
		if (left_out > 0 && i == LINES_AT_FIRST) {
			fprintf(layout->out, "... %d lines are left out ...\n", left_out);
			i += left_out;
		}
		print_line(layout, &layout->lines[i]);
	}
}

/* ---- Heads ------------------------------------------------------------------------------------------------------ */

/* What a task of a text does, as written there; "": it is C. */
static void operations_of(const struct story *story, int task, char to[STORY_TEXT_MAX])
{
	const struct scenario_text *text = story->engine.scenario->text;
	size_t len = 0;

	to[0] = '\0';
	if (!text || task >= story->engine.bound.nr_tasks)
		return;
	for (const struct operation *op = text->tasks[task].first; op; op = op->next) {
		int more = snprintf(to + len, STORY_TEXT_MAX - len, "%s%s", len ? "; " : "",
				    op->words);

		if (more < 0 || (size_t)more >= STORY_TEXT_MAX - len)
			break;
		len += (size_t)more;
	}
}

#define HEAD_ROWS 6

/* The rows of one column's head. */
struct head {
	char rows[HEAD_ROWS][STORY_TEXT_MAX];
	int nr;
};

static void head_add(struct head *head, size_t width, const char *text)
{
	while (*text && head->nr < HEAD_ROWS) {
		size_t len = row_of(text, width);

		snprintf(head->rows[head->nr++], STORY_TEXT_MAX, "%.*s", (int)len, text);
		text += len + strspn(text + len, " ");
	}
}

static void make_head(const struct layout *layout, int task, struct head *head)
{
	const struct story *story = layout->story;
	char text[STORY_TEXT_MAX], operations[STORY_TEXT_MAX];

	head->nr = 0;
	if (task >= story->engine.bound.nr_tasks) {
		head_add(head, layout->column_width,
			 explored_name_of(story->engine.explored, task));
		return;
	}
	operations_of(story, task, operations);
	snprintf(text, sizeof(text), "CPU %d, %s%s%.150s", story->engine.bound.tasks[task].cpu,
		 explored_name_of(story->engine.explored, task), operations[0] ? ": " : "",
		 operations);
	head_add(head, layout->column_width, text);
	if (start_of(layout, task)) {
		snprintf(text, sizeof(text), "(from %s on)", start_of(layout, task));
		head_add(head, layout->column_width, text);
	}
}

static void print_heads(struct layout *layout)
{
	struct head heads[HISTORY_TASKS_MAX];
	int nr_rows = 0, last = 0;

	for (int task = 0; task < layout->story->history.nr_tasks; task++) {
		if (!layout->columns[task])
			continue;
		make_head(layout, task, &heads[task]);
		nr_rows = max(nr_rows, heads[task].nr);
		last = task;
	}
	for (int row = 0; row < nr_rows; row++)
		for (int task = 0; task <= last; task++) {
			const char *text = layout->columns[task] && row < heads[task].nr
						   ? heads[task].rows[row]
						   : "";

			if (layout->columns[task])
				fprintf(layout->out, "%-*s%s",
					task == last ? 0 : (int)layout->column_width + 2, text,
					task == last ? "\n" : "");
		}
	for (unsigned int column = 1; column <= layout->nr_columns; column++) {
		fputs(column > 1 ? "  " : "", layout->out);
		for (unsigned int i = 0; i < layout->column_width; i++)
			fputc('-', layout->out);
	}
	if (layout->nr_columns)
		fputc('\n', layout->out);
}

/* ---- States ----------------------------------------------------------------------------------------------------- */

static void print_states(struct layout *layout, const char *title, const struct sights *sights)
{
	const struct story *story = layout->story;
	char text[STORY_TEXT_MAX + 32], state[STORY_TEXT_MAX];
	bool any = false;

	for (int i = 0; i < sights->nr; i++) {
		const struct gw_sight *sight = &sights->items[i];

		if (!story_is_about(story, sight))
			continue;
		if (!any)
			fprintf(layout->out, "%s%s:\n", sights == &story->first ? "" : "\n", title);
		any = true;
		story_describe_sight(sight, state);
		snprintf(text, sizeof(text), "%s", state);
		if (sight->kind != GW_SIGHT_FRAME)
			snprintf(text, sizeof(text), "mm %lu: %s", sight->mm_id, state);
		print_rows(layout->out, 2, layout->width - 2, text);
	}
	/* A frame that is free is not in use, so it was not seen. */
	for (int i = 0; i < story->subject.nr_frames; i++) {
		bool seen = false;

		for (int nth = 0; nth < sights->nr; nth++)
			seen |= sights->items[nth].kind == GW_SIGHT_FRAME &&
				(long)sights->items[nth].pfn == story->subject.frames[i];
		if (!seen && any)
			fprintf(layout->out, "  frame %ld: free\n", story->subject.frames[i]);
	}
	if (any && sights == &story->first)
		fputc('\n', layout->out);
}

/* What nobody ran into on the way. */
static void print_end(struct layout *layout)
{
	const struct story *story = layout->story;
	const struct outcome *outcome = &story->outcome;
	const struct explored_finding *finding = explored_finding(story->engine.explored);
	char text[sizeof(outcome->message) + 64];

	if (!outcome->violated || (outcome->end == EXPLORED_FOUND && finding && finding->task[0]))
		return;
	if (outcome->end == EXPLORED_COMPLETE)
		fputs("\nAfter all tasks have ended:\n", layout->out);
	else
		fputc('\n', layout->out);
	snprintf(text, sizeof(text), "*** %s: %s", outcome->invariant, outcome->message);
	print_rows(layout->out, 2, layout->width - 2, text);
	if (!outcome->consequence[0])
		return;
	snprintf(text, sizeof(text), "and then: %s", outcome->consequence);
	print_rows(layout->out, 2, layout->width - 2, text);
}
