// SPDX-License-Identifier: MIT
/*
 * replay.c - godwit replay: one schedule again, step by step if wanted
 */
#include "verdict.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULE_SIZE_MAX (64u << 20)

struct replay_command {
	const char *path;
	bool steps, story;
	const char *log_path; /* NULL: no log */
	FILE *log;
};

enum { OPT_STEPS = 0x100, OPT_STORY, OPT_LOG };

static const struct argp_option options[] = {
	{ "log", OPT_LOG, "FILE", 0,
	  "Write every step and event, with all that is known of it, to FILE: the same bytes each time",
	  0 },
	{ "steps", OPT_STEPS, NULL, 0, "Print each step, and what happened in it", 0 },
	{ "story", OPT_STORY, NULL, 0, "Print what matters, a column for each task", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay_command *command = state->input;

	switch (key) {
	case OPT_STEPS:
		command->steps = true;
		return 0;
	case OPT_STORY:
		command->story = true;
		return 0;
	case OPT_LOG:
		command->log_path = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "%s: one schedule at a time", arg);
		command->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which schedule?  `godwit explore --save=FILE' writes one");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Run the schedule in FILE again (-: standard input)."
	       "\v"
	       "The exit code is 1 if something was violated, 0 if nothing was, 2 if FILE is no "
	       "schedule or its scenario has changed.  Where the program goes another way than the "
	       "schedule, that is said, and it is run to its end in the schedule's order.",
};

/* ---- The file ---------------------------------------------------------------------------------------- */

static char *read_all(FILE *in, size_t *len)
{
	char *text = NULL, buffer[4096];
	size_t nr;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	while ((nr = fread(buffer, 1, sizeof(buffer), in)) > 0 && ftell(out) < SCHEDULE_SIZE_MAX)
		fwrite(buffer, 1, nr, out);
	if (fclose(out) || ferror(in) || !feof(in)) {
		free(text);
		errno = feof(in) || ferror(in) ? EIO : EFBIG;
		return NULL;
	}
	return text;
}

static struct gw_schedule *read_schedule(const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	struct gw_schedule *schedule;
	char error[1024];
	size_t len;
	char *text = in ? read_all(in, &len) : NULL;

	if (!text) {
		warn("%s", path);
		if (in && in != stdin)
			fclose(in);
		return NULL;
	}
	if (in != stdin)
		fclose(in);
	schedule = gw_schedule_parse(text, len, path, error, sizeof(error));
	if (!schedule)
		warnx("%s", error);
	free(text);
	return schedule;
}

/* ---- Step by step -------------------------------------------------------------------------------------- */

static void print_step(const struct gw_step *step)
{
	printf("%6u  %-8s%-18s%-24s%s\n", step->number, step->task, step->kind, step->object,
	       step->result);
}

static const char *event_name(enum gw_event_kind kind)
{
	static const char *const names[] = {
		[GW_EVENT_FAULT] = "page fault",
		[GW_EVENT_SET_MIGRATION_PTE] = "set migration entry",
		[GW_EVENT_REMOVE_MIGRATION_PTE] = "remove migration entry",
		[GW_EVENT_NO_MIGRATION_PTE] = "no migration entry to remove",
		[GW_EVENT_MIGRATE_PAGES] = "migrate pages",
		[GW_EVENT_EXEC_SHIFT] = "exec shifts its stack",
		[GW_EVENT_MMAP] = "mmap",
		[GW_EVENT_MUNMAP] = "munmap",
		[GW_EVENT_FORK] = "fork",
	};

	return names[kind];
}

static void print_event(const struct gw_event *event)
{
	printf("        %-8s* %s", event->task, event_name(event->kind));
	if (event->kind == GW_EVENT_MIGRATE_PAGES)
		printf(": %" PRIu64 " moved, %" PRIu64 " not\n", event->arg[0], event->arg[1]);
	else if (event->kind == GW_EVENT_FORK)
		printf(" of address space %lu: %" PRIu64 "\n", event->mm_id, event->arg[0]);
	else
		printf(" at %lx of address space %lu\n", event->addr, event->mm_id);
}

static void show_step(void *arg, const struct gw_step *step)
{
	const struct replay_command *command = arg;

	if (command->steps)
		print_step(step);
	if (command->log)
		fprintf(command->log, "step\t%u\t%s\t%s\t%s\t%u\t%s\n", step->number, step->task,
			step->kind, step->object, step->arg, step->result);
}

static void show_event(void *arg, const struct gw_event *event)
{
	const struct replay_command *command = arg;

	if (command->steps)
		print_event(event);
	if (command->log)
		fprintf(command->log,
			"event\t%s\t%s\t%d\t%lu\t%lx\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64
			"\t%" PRIx64 "\n",
			event->task, event_name(event->kind), event->cpu, event->mm_id, event->addr,
			event->arg[0], event->arg[1], event->arg[2], event->arg[3]);
}

/* ---- The log --------------------------------------------------------------------------------------------- */

/* => false, after a line */
static bool open_log(struct replay_command *command, const struct gw_schedule *schedule)
{
	if (!command->log_path)
		return true;
	command->log = fopen(command->log_path, "we");
	if (!command->log) {
		warn("%s", command->log_path);
		return false;
	}
	fprintf(command->log, "godwit log 1\nscenario\t%s\n",
		gw_scenario_name(gw_schedule_scenario(schedule)));
	return true;
}

static bool close_log(const struct replay_command *command, const struct gw_verdict *verdict)
{
	if (!command->log)
		return true;
	fprintf(command->log, "end\t%" PRIu64 "\t%016" PRIx64 "\t%s\t%s\n", verdict->steps,
		verdict->state, verdict->invariant, verdict->message);
	if (!ferror(command->log) && fclose(command->log) == 0)
		return true;
	warn("%s could not be written", command->log_path);
	return false;
}

/* ---- What came of it --------------------------------------------------------------------------------- */

static void print_violation(const char *name, const struct gw_verdict *verdict)
{
	if (verdict->error[0])
		printf("%s: violated, but not as the schedule has it\n  %s\n", name,
		       verdict->error);
	else
		printf("%s: violated again, in the same state %016" PRIx64 "\n", name,
		       verdict->state);
	printf("  %s: %s\n", verdict->invariant, verdict->message);
	if (verdict->consequence[0])
		printf("  and then: %s\n", verdict->consequence);
}

/* What is gone on one schedule may be there on another. */
static void print_nothing(const char *name, const struct gw_schedule *schedule,
			  const struct gw_verdict *verdict)
{
	if (verdict->error[0])
		printf("%s: not violated\n  %s\n"
		       "  from there it ran to its end in the schedule's order, and nothing broke\n",
		       name, verdict->error);
	else
		printf("%s: not violated: followed to its end, and nothing broke\n", name);
	if (gw_schedule_invariant(schedule)[0])
		printf("  the schedule was to violate %s: that is gone from it; whether from every other "
		       "too, godwit explore says\n",
		       gw_schedule_invariant(schedule));
}

static void print_verdict(const struct replay_command *command, const struct gw_schedule *schedule,
			  const struct gw_verdict *verdict)
{
	const char *name = gw_scenario_name(gw_schedule_scenario(schedule));

	switch (verdict->kind) {
	case GW_VERDICT_VIOLATED:
		print_violation(name, verdict);
		break;
	case GW_VERDICT_ERROR:
		warnx("%s: %s", command->path, verdict->error);
		break;
	case GW_VERDICT_EXHAUSTED:
	case GW_VERDICT_BUDGET:
		print_nothing(name, schedule, verdict);
		break;
	}
}

int cmd_replay(int argc, char **argv)
{
	struct replay_command command = { 0 };
	struct gw_replay request = { 0 };
	struct gw_schedule *schedule;
	struct gw_verdict verdict;
	bool written;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	schedule = read_schedule(command.path);
	if (!schedule)
		return EXIT_USAGE;
	if (!open_log(&command, schedule)) {
		gw_schedule_free(schedule);
		return EXIT_USAGE;
	}
	request.schedule = schedule;
	request.arg = &command;
	if (command.steps || command.log) {
		request.step = show_step;
		request.event = show_event;
	}
	gw_replay(&request, &verdict);
	written = close_log(&command, &verdict);
	print_verdict(&command, schedule, &verdict);
	if (command.story && !verdict.error[0])
		story_print(stdout, schedule, verdict.kind == GW_VERDICT_VIOLATED);
	else if (command.story)
		puts("  there is no story to tell: the schedule is another program's");
	gw_schedule_free(schedule);
	if (fflush(stdout)) {
		warnx("the steps could not be written");
		return EXIT_USAGE;
	}
	if (!written)
		return EXIT_USAGE;
	return verdict_exit_code(verdict.kind);
}
