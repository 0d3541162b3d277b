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
	bool steps;
};

enum { OPT_STEPS = 0x100 };

static const struct argp_option options[] = {
	{ "steps", OPT_STEPS, NULL, 0, "Print each step, and what happened in it", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay_command *command = state->input;

	switch (key) {
	case OPT_STEPS:
		command->steps = true;
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
	       "The exit code is 1 if it violated again what it violated before and ended in the "
	       "same state, 0 if it was followed to its end and nothing happened, 2 if FILE is no "
	       "schedule or the program went another way.",
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
	char error[256];
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
	schedule = gw_schedule_parse(text, len, error, sizeof(error));
	if (!schedule)
		warnx("%s: %s", path, error);
	free(text);
	return schedule;
}

/* ---- Step by step -------------------------------------------------------------------------------------- */

static void print_step(void *arg, const struct gw_step *step)
{
	(void)arg;
	printf("%6u  %-8s%-18s%-24s%s\n", step->number, step->task, step->kind, step->object,
	       step->result);
}

static void print_event(void *arg, const struct gw_event *event)
{
	static const char *const names[] = {
		[GW_EVENT_FAULT] = "page fault",
		[GW_EVENT_SET_MIGRATION_PTE] = "set migration entry",
		[GW_EVENT_REMOVE_MIGRATION_PTE] = "remove migration entry",
		[GW_EVENT_MIGRATE_PAGES] = "migrate pages",
		[GW_EVENT_EXEC_SHIFT] = "exec shifts its stack",
		[GW_EVENT_MMAP] = "mmap",
		[GW_EVENT_MUNMAP] = "munmap",
		[GW_EVENT_FORK] = "fork",
	};

	(void)arg;
	printf("        %-8s* %s", event->task, names[event->kind]);
	if (event->kind == GW_EVENT_MIGRATE_PAGES)
		printf(": %" PRIu64 " moved, %" PRIu64 " not\n", event->arg[0], event->arg[1]);
	else if (event->kind == GW_EVENT_FORK)
		printf(" of address space %lu: %" PRIu64 "\n", event->mm_id, event->arg[0]);
	else
		printf(" at %lx of address space %lu\n", event->addr, event->mm_id);
}

static void print_verdict(const struct replay_command *command, const struct gw_schedule *schedule,
			  const struct gw_verdict *verdict)
{
	const char *name = gw_scenario_name(gw_schedule_scenario(schedule));

	switch (verdict->kind) {
	case GW_VERDICT_VIOLATED:
		printf("%s: violated again, in the same state %016" PRIx64 "\n  %s: %s\n", name,
		       verdict->state, verdict->invariant, verdict->message);
		if (verdict->consequence[0])
			printf("  and then: %s\n", verdict->consequence);
		break;
	case GW_VERDICT_ERROR:
		warnx("%s: %s", command->path, verdict->error);
		break;
	case GW_VERDICT_EXHAUSTED:
	case GW_VERDICT_BUDGET:
		printf("%s: followed to its end, and nothing happened\n", name);
		break;
	}
}

int cmd_replay(int argc, char **argv)
{
	struct replay_command command = { 0 };
	struct gw_replay request = { 0 };
	struct gw_schedule *schedule;
	struct gw_verdict verdict;

	argp_parse(&argp, argc, argv, 0, NULL, &command);
	schedule = read_schedule(command.path);
	if (!schedule)
		return EXIT_USAGE;
	request.schedule = schedule;
	if (command.steps) {
		request.step = print_step;
		request.event = print_event;
	}
	gw_replay(&request, &verdict);
	print_verdict(&command, schedule, &verdict);
	gw_schedule_free(schedule);
	if (fflush(stdout)) {
		warnx("the steps could not be written");
		return EXIT_USAGE;
	}
	return verdict_exit_code(verdict.kind);
}
