// SPDX-License-Identifier: MIT
/*
 * story.c - what was found, as a story: who did what, and which guard would have prevented it
 */
#include "verdict.h"

#include <godwit/core.h>

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH	  100 /* where there is no terminal */
#define WIDTH_MIN 60
#define WIDTH_MAX 160

/* For each guard.  A scenario that takes longer is not proved by the way. */
#define SECONDS_TO_TRY 2

/* As ls has it: $COLUMNS, or else the terminal. */
static unsigned int width_of(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
	struct winsize size;

	if (!width && isatty(fileno(out)) && !ioctl(fileno(out), TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width)
		width = WIDTH;
	return (unsigned int)max(min(width, (unsigned long)WIDTH_MAX), (unsigned long)WIDTH_MIN);
}

/* @text after @indent blanks, broken at blanks. */
static void print_wrapped(FILE *out, int indent, const char *text)
{
	size_t width = width_of(out) - (unsigned int)indent;

	while (*text) {
		size_t len = strlen(text);

		if (len > width) {
			for (len = width; len > width / 2 && text[len] != ' '; len--)
				;
		}
		fprintf(out, "%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* ---- The guards that were off ---------------------------------------------------------------------------- */

static void print_guard(FILE *out, const struct gw_guard_info *info, const char *does)
{
	char *line;

	if (asprintf(&line, "%s %s: %s%s%s%s", info->name, does, info->reason,
		     info->commit ? " (Linux " : "", info->commit ?: "",
		     info->commit ? ")" : "") < 0)
		return;
	print_wrapped(out, 0, line);
	free(line);
}

/* The same scenario with @guard on: is it what this schedule lacked? */
static void try_guard(FILE *out, const struct gw_schedule *schedule, enum gw_guard guard)
{
	const struct gw_explore explore = {
		.scenario = gw_schedule_scenario(schedule),
		.strategy = "auto",
		.seed = 1,
		.seconds = SECONDS_TO_TRY,
		.step_bound = gw_schedule_step_bound(schedule),
		.guards_off = gw_schedule_guards_off(schedule) & ~(1ull << guard),
		.interrupted = verdict_interrupted,
	};
	const struct gw_guard_info *info = godwit_core_explored.guard_info(guard);
	struct gw_verdict verdict = { .interrupted = verdict_interrupted(NULL) };

	if (!verdict.interrupted)
		gw_explore(&explore, &verdict);
	if (verdict.interrupted) {
		print_guard(out, info, "was not tried, or not to the end: interrupted");
		return;
	}
	switch (verdict.kind) {
	case GW_VERDICT_EXHAUSTED:
		print_guard(out, info, "prevents it");
		fprintf(out, "  with it on: exhausted, %" PRIu64 " traces, and nothing breaks\n",
			verdict.traces);
		break;
	case GW_VERDICT_BUDGET:
		print_guard(out, info, "may prevent it");
		fprintf(out,
			"  with it on: nothing breaks in %" PRIu64
			" executions; there are more, so nothing is proved\n",
			verdict.executions);
		break;
	case GW_VERDICT_VIOLATED:
		print_guard(out, info, "does not prevent it");
		fputs("  with it on:\n", out);
		print_wrapped(out, 4, verdict.message);
		break;
	case GW_VERDICT_ERROR:
		print_guard(out, info, "could not be tried");
		print_wrapped(out, 4, verdict.error);
		break;
	}
	gw_schedule_free(verdict.schedule);
}

void story_print(FILE *out, const struct gw_schedule *schedule, bool breaks)
{
	uint64_t guards = gw_schedule_guards_off(schedule);
	char error[1024];
	char *text = gw_story(schedule, width_of(out), error, sizeof(error));

	if (!text) {
		warnx("the story cannot be told: %s", error);
		return;
	}
	fprintf(out, "\n%s", text);
	free(text);
	fflush(out); /* the guards take their time */
	for (int guard = 0; breaks && guard < GW_NR_GUARDS; guard++) {
		if (!(guards >> guard & 1))
			continue;
		fputc('\n', out);
		try_guard(out, schedule, (enum gw_guard)guard);
	}
}
