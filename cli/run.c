// SPDX-License-Identifier: MIT
/*
 * run.c - godwit run: a program on Godwit's memory manager
 *
 * What can go wrong with an option or a file is found before the program starts.  Nothing but the
 * program writes to stdout; what Godwit has to say goes to stderr or to the files that were named.
 */
#include "cli.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "stats.h"
#include "strace.h"
#include "trace.h"
#include "user_copy.h"

#define MEMORY_DEFAULT (1ull << 30)
#define MEMORY_MIN     (16ull << 20)
#define MEMORY_MAX     (1ull << 40)
#define RATE_MAX       1000000000u

struct run_command {
	struct run_options options;
	struct program_args program;
	bool strace_wanted, stats_wanted;
	const char *stats_path; /* NULL: text on stderr */
	const char *trace_path; /* NULL: no trace */
	int error_exitcode;	/* 0: the program's own */

	/* Open while the program runs. */
	FILE *stats_file;
	struct trace *trace;
	struct strace *strace;
};

enum {
	OPT_MEMORY = 0x100,
	OPT_NUMA,
	OPT_MIGRATE,
	OPT_CHECK,
	OPT_STATS,
	OPT_TRACE,
	OPT_STRACE,
	OPT_ERROR_EXITCODE,
	OPT_SEED,
	OPT_OVERCOMMIT,
};

static const struct argp_option options[] = {
	{ "memory", OPT_MEMORY, "SIZE", 0, "Memory of the machine (default 1G)", 0 },
	{ "overcommit", OPT_OVERCOMMIT, "MODE", 0,
	  "vm.overcommit_memory of the machine: 0, 1 or 2 (default 0)", 0 },
	{ "migrate", OPT_MIGRATE, "off|storm|RATE", 0,
	  "Move pages while the program runs: never, all of them all the time, or RATE pages a "
	  "second (default off)",
	  0 },
	{ "check", OPT_CHECK, NULL, 0,
	  "Validate the whole machine again and again, and when the program has ended", 0 },
	{ "error-exitcode", OPT_ERROR_EXITCODE, "N", 0,
	  "Exit with N when a validation found something; implies --check", 0 },
	{ "stats", OPT_STATS, "FILE", OPTION_ARG_OPTIONAL,
	  "At the end, write counters: to stderr, or as JSON to FILE", 0 },
	{ "trace", OPT_TRACE, "FILE", 0,
	  "Write faults, migrations and mappings to FILE, as the kernel's trace file has them", 0 },
	{ "strace", OPT_STRACE, NULL, 0,
	  "Write each system call to stderr, in the notation of strace(1)", 0 },
	{ "seed", OPT_SEED, "N", 0, "Seed of the machine's random choices (default 1)", 0 },
	{ "numa", OPT_NUMA, "SIZE[,cpus=LIST]", 0, "A node of memory (not yet)", 0 },
	{ 0 },
};

static void parse_migrate(struct run_command *command, const struct argp_state *state,
			  const char *text)
{
	struct run_options *run = &command->options;

	if (!strcmp(text, "off")) {
		run->migration = MIGRATION_OFF;
	} else if (!strcmp(text, "storm")) {
		run->migration = MIGRATION_STORM;
	} else if (text[0] >= '0' && text[0] <= '9') {
		run->migration = MIGRATION_RATE;
		run->migration_rate = value_count(state, "--migrate", text, 1, RATE_MAX);
	} else {
		argp_error(state, "--migrate=%s: write off, storm, or a number of pages a second",
			   text);
	}
}

static void take_program(struct run_command *command, const struct argp_state *state, int first)
{
	int envc = 0;

	while (environ[envc])
		envc++;
	command->program = (struct program_args){
		.path = state->argv[first],
		.argv = (const char *const *)state->argv + first,
		.argc = state->argc - first,
		.envp = (const char *const *)environ,
		.envc = envc,
	};
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_command *command = state->input;

	switch (key) {
	case OPT_MEMORY:
		command->options.memory =
			value_size(state, "--memory", arg, MEMORY_MIN, MEMORY_MAX) &
			~(GW_PAGE_SIZE - 1);
		return 0;
	case OPT_OVERCOMMIT:
		command->options.overcommit = (int)value_count(state, "--overcommit", arg, 0, 2);
		return 0;
	case OPT_NUMA:
		argp_error(state, "--numa=%s: not yet; the machine has one node", arg);
		return 0;
	case OPT_MIGRATE:
		parse_migrate(command, state, arg);
		return 0;
	case OPT_CHECK:
		command->options.check = true;
		return 0;
	case OPT_ERROR_EXITCODE:
		command->error_exitcode = (int)value_count(state, "--error-exitcode", arg, 1, 255);
		command->options.check = true;
		return 0;
	case OPT_STATS:
		command->stats_wanted = true;
		command->stats_path = arg;
		return 0;
	case OPT_TRACE:
		command->trace_path = arg;
		return 0;
	case OPT_STRACE:
		command->strace_wanted = true;
		return 0;
	case OPT_SEED:
		command->options.seed = value_count(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		take_program(command, state, state->next - 1);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which program?  godwit run [OPTION]... -- PROGRAM [ARG]...");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "-- PROGRAM [ARG]...",
	.doc = "Run PROGRAM on Godwit's memory manager, with its pages moving under it if you like."
	       "\v"
	       "Sizes are in bytes, or with K, M, G or T.  The exit code is the program's own, 128+N "
	       "if signal N ended it, 125 if Godwit failed, 126 if PROGRAM cannot be executed, 127 "
	       "if it was not found.",
};

/* ---- Those who watch ------------------------------------------------------------------------------ */

static void on_syscall_enter(void *arg, const struct syscall_record *record)
{
	const struct run_command *command = arg;

	strace_enter(command->strace, record);
}

static void on_syscall_exit(void *arg, const struct syscall_record *record, long result)
{
	const struct run_command *command = arg;

	strace_exit(command->strace, record, result);
}

static void on_thread_end(void *arg, struct thread *thread, int pid, int wait_status)
{
	const struct run_command *command = arg;

	strace_end(command->strace, thread, pid, wait_status);
}

static void on_event(void *arg, const struct gw_event *event)
{
	const struct run_command *command = arg;

	trace_event(command->trace, event);
}

/* => 0, or -errno after a line that names the file */
static int open_outputs(struct run_command *command)
{
	struct observer *observer = &command->options.observer;
	int err;

	observer->arg = command;
	if (command->stats_path) {
		command->stats_file = fopen(command->stats_path, "we");
		if (!command->stats_file) {
			err = -errno;
			warn("--stats=%s", command->stats_path);
			return err;
		}
	}
	if (command->trace_path) {
		err = trace_create(command->trace_path, &command->trace);
		if (err) {
			warnx("--trace=%s: %s", command->trace_path, strerror(-err));
			return err;
		}
		observer->event = on_event;
	}
	if (command->strace_wanted) {
		command->strace = strace_create(stderr, user_get_some);
		if (!command->strace)
			return -ENOMEM;
		observer->syscall_enter = on_syscall_enter;
		observer->syscall_exit = on_syscall_exit;
		observer->thread_end = on_thread_end;
	}
	return 0;
}

/* => -errno after a line: a file does not hold what it should */
static int close_outputs(struct run_command *command, const struct run_result *result)
{
	int failed = 0, err;

	if (command->strace)
		strace_destroy(command->strace);
	if (command->trace) {
		err = trace_destroy(command->trace);
		if (err)
			warnx("--trace=%s: %s", command->trace_path, strerror(-err));
		failed = err;
	}
	if (command->stats_file) {
		err = stats_print_json(command->stats_file, result);
		if (fclose(command->stats_file) && !err)
			err = -errno;
		if (err)
			warnx("--stats=%s: %s", command->stats_path, strerror(-err));
		failed = err ? err : failed;
	}
	return failed;
}

static void report_validation(const struct run_result *result)
{
	if (result->validation.nr_problems)
		warnx("validation: %s (%u problem%s)", stats_validation(result),
		      result->validation.nr_problems,
		      result->validation.nr_problems == 1 ? "" : "s");
}

int cmd_run(int argc, char **argv)
{
	struct run_command command = { .options = { .memory = MEMORY_DEFAULT, .seed = 1 } };
	struct run_result result = { 0 };
	int err;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &command);
	if (open_outputs(&command))
		return RUN_STATUS_FAILED;
	err = run_program(&command.options, &command.program, &result);
	if (close_outputs(&command, &result))
		return RUN_STATUS_FAILED;
	if (err)
		return run_exit_status(&result);
	if (command.stats_wanted && !command.stats_path)
		stats_print_text(stderr, &result);
	report_validation(&result);
	if (result.validation.nr_problems && command.error_exitcode)
		return command.error_exitcode;
	return run_exit_status(&result);
}
