// SPDX-License-Identifier: MIT
/*
 * main.c - random programs of memory operations, on the host's kernel and on the library
 *
 * usage: oracle [--seed N] [--seeds N] [--ops N] [--length N] [--time SECONDS] [--save FOLDER]
 *        oracle replay FILE...
 *
 * Results, errnos, /proc/self/maps, mincore vectors, the contents of every page and the children of
 * forks must be equal; docs/differences.md lists what need not be.  Each seed is so many operations,
 * in programs of --length; the seeds go on until there were --seeds of them, or the time is up.
 *
 * A worker process does a seed.  This one only supervises, so that a panic of the library is a find
 * like any other.  What differs is shrunk, printed, and saved as text.
 */
#include "oracle.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compiler.h"
#include "prng.h"
#include "shrink.h"
#include "threads.h"

struct options {
	unsigned long seed, nr_seeds, ops;
	int length;
	double seconds; /* 0: no limit */
	const char *save, *differences;
};

/* For the handler of panics, which has no other way to it. */
static struct session *the_session;

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Workers ------------------------------------------------------------------------------------------- */

static void panicked(const char *file, int line, const char *func, const char *message)
{
	outcome_set(the_session, PROBLEM_PANIC, the_session->ours.nr - 1, "panic: %s:%d: %s: %s",
		    file, line, func, message);
	_exit(9);
}

static void run_program(struct session *session, struct ours *ours)
{
	session_prepare(session, &session->asked);
	session_run(session, ours);
}

/* Wait for a worker; what killed it is an outcome too. */
static void reap(struct session *session, pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("worker");
		exit(2);
	}
	if (status)
		outcome_set(session, PROBLEM_PANIC, max(session->ours.nr - 1, 0),
			    "the library ended with %s %d",
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* One program, on a machine of its own. */
static void attempt(struct session *session, const struct program *program)
{
	pid_t pid;

	session->asked = *program;
	session_prepare(session, program);
	pid = fork();
	if (pid == 0) {
		struct ours *ours;

		threads_on_panic(panicked);
		ours = ours_create(session);
		session_run(session, ours);
		if (session->outcome.problem == PROBLEM_NONE)
			ours_destroy(ours);
		_exit(0);
	}
	reap(session, pid);
}

static void random_program(struct prng *prng, struct program *program, int length)
{
	static uint64_t bytes[OPS_MAX * OP_BYTES_MAX / sizeof(uint64_t)];
	size_t len = (size_t)length * OP_BYTES_MAX;

	for (size_t i = 0; i < len / sizeof(bytes[0]); i++)
		bytes[i] = prng_next(prng);
	program_decode(program, (const uint8_t *)bytes, len, length);
}

static void work(struct session *session, const struct options *options, unsigned long seed,
		 double end)
{
	unsigned long until = session->nr_ops + options->ops;
	struct ours *ours;
	struct prng prng;

	threads_on_panic(panicked);
	ours = ours_create(session);
	prng_seed(&prng, seed);
	while (session->nr_ops < until && (!options->seconds || seconds_now() < end)) {
		random_program(&prng, &session->asked, options->length);
		run_program(session, ours);
		if (session->outcome.problem != PROBLEM_NONE)
			_exit(0);
	}
	ours_destroy(ours);
	_exit(0);
}

/* ---- Finds --------------------------------------------------------------------------------------------- */

struct find {
	struct session *session;
	struct outcome outcome;
	enum op_kind kind;
};

static enum op_kind kind_of(const struct session *session)
{
	int at = session->outcome.at;

	return at < session->program.nr ? session->program.ops[at].kind : NR_OPS;
}

/* A shorter program may well show something else, which would hide this one. */
static bool still_differs(void *arg, const struct program *program)
{
	const struct find *find = arg;
	const struct outcome *now = &find->session->outcome;

	attempt(find->session, program);
	if (now->problem != find->outcome.problem)
		return false;
	return now->problem >= PROBLEM_INVALID || kind_of(find->session) == find->kind;
}

static void print_find(FILE *out, struct session *session, const struct program *program,
		       unsigned long seed)
{
	fprintf(out, "# Found with seed %lu, shrunk to %d operations.\n", seed, program->nr);
	outcome_print(out, session);
	program_print(out, program);
}

static void save_find(const char *folder, struct session *session, const struct program *program,
		      unsigned long seed)
{
	enum op_kind kind = kind_of(session);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s-%lu.txt", folder,
		 kind < NR_OPS ? op_specs[kind].name : "end", seed);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		return;
	}
	print_find(file, session, program, seed);
	fclose(file);
	printf("saved as %s\n", path);
}

static void report(struct session *session, const struct options *options, unsigned long seed)
{
	static struct program program;
	struct find find = { .session = session, .outcome = session->outcome };

	program = session->asked;
	find.kind = kind_of(session);
	printf("seed %lu: %s: %s\n", seed,
	       find.kind < NR_OPS ? op_specs[find.kind].name : "in the end", find.outcome.words);
	if (!still_differs(&find, &program)) {
		printf("the program alone, on a new machine, does not show it:\n");
		session->outcome = find.outcome;
	} else {
		program_shrink(&program, still_differs, &find);
		attempt(session, &program);
	}
	print_find(stdout, session, &program, seed);
	if (options->save)
		save_find(options->save, session, &program, seed);
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

static int run(const struct options *options, struct session *session)
{
	double start = seconds_now(), end = start + options->seconds;
	unsigned long seed = options->seed;

	for (; seed - options->seed < options->nr_seeds; seed++) {
		pid_t pid;

		if (options->seconds && seconds_now() >= end)
			break;
		session->outcome.problem = PROBLEM_NONE;
		session->ours.nr = 0;
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			work(session, options, seed, end);
		reap(session, pid);
		if (session->outcome.problem != PROBLEM_NONE) {
			report(session, options, seed);
			return 1;
		}
	}
	printf("%lu operations from %lu seeds in %.0f seconds: no difference from the host\n",
	       session->nr_ops, seed - options->seed, seconds_now() - start);
	return session->nr_ops ? 0 : 2;
}

static int replay(struct session *session, const char *path)
{
	static struct program program;
	FILE *file = fopen(path, "r");
	char error[256];
	bool ok;

	if (!file) {
		perror(path);
		return 2;
	}
	ok = program_read(file, &program, error, sizeof(error));
	fclose(file);
	if (!ok) {
		fprintf(stderr, "%s:%s\n", path, error);
		return 2;
	}
	attempt(session, &program);
	if (session->outcome.problem == PROBLEM_NONE) {
		printf("%s: %d operations: no difference from the host\n", path, program.nr);
		return 0;
	}
	printf("%s: differs\n", path);
	outcome_print(stdout, session);
	return 1;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: oracle [--seed N] [--seeds N] [--ops N] [--length N] [--time SECONDS]\n"
		"              [--save FOLDER] [--differences FILE]\n"
		"       oracle replay FILE...\n");
	exit(2);
}

/* The value of the option at *@at; moves there. */
static const char *value_of(int argc, char **argv, int *at)
{
	if (*at + 1 >= argc)
		usage();
	return argv[++*at];
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end)
		usage();
	return value;
}

/* Returns where the options end. */
static int parse(struct options *options, int argc, char **argv)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		const char *name = argv[at], *value = value_of(argc, argv, &at);

		if (!strcmp(name, "--seed"))
			options->seed = number(value);
		else if (!strcmp(name, "--seeds"))
			options->nr_seeds = number(value);
		else if (!strcmp(name, "--ops"))
			options->ops = number(value);
		else if (!strcmp(name, "--length"))
			options->length = (int)number(value);
		else if (!strcmp(name, "--time"))
			options->seconds = (double)number(value);
		else if (!strcmp(name, "--save"))
			options->save = value;
		else if (!strcmp(name, "--differences"))
			options->differences = value;
		else
			usage();
	}
	if (options->length < 1 || options->length > OPS_MAX - 4 * PROCESSES_MAX)
		usage();
	return at;
}

int main(int argc, char **argv)
{
	struct options options = {
		.seed = 1,
		.nr_seeds = 10,
		.ops = 10000,
		.length = 200,
		.differences = ORACLE_DIFFERENCES,
	};
	int at = parse(&options, argc, argv), status = 0;

	the_session = session_create(options.differences);
	if (at == argc)
		return run(&options, the_session);
	if (strcmp(argv[at++], "replay") != 0 || at == argc)
		usage();
	for (; at < argc; at++) {
		int result = replay(the_session, argv[at]);

		status = max(status, result);
	}
	return status;
}
