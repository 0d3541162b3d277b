// SPDX-License-Identifier: MIT
/*
 * run.c - one program, from the first instruction to its end and that of the last of its children
 *
 * The calling thread is the first guest's; beside it run the one that takes signals, and on request the
 * storm and the monitor, all of which begin before the program is loaded: loading is when the
 * oldest of the races that Godwit shows could happen.
 *
 * In the end the machine is always looked at once more, when nothing can be left half done.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "family.h"
#include "forward.h"
#include "interrupt.h"
#include "message.h"
#include "monitor.h"
#include "process.h"
#include "storm.h"
#include "syscall.h"
#include "threads.h"

#define PATH_DEFAULT "/bin:/usr/bin"

/* ---- Which file ---------------------------------------------------------------------------------- */

static const char *find_variable(const struct program_args *program, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < program->envc; i++) {
		if (!strncmp(program->envp[i], name, len) && program->envp[i][len] == '=')
			return program->envp[i] + len + 1;
	}
	return NULL;
}

/* => 0: it can be executed; -EACCES: it is there, -ENOENT: it is not */
static int try_file(const char *path)
{
	struct stat stat;

	if (host_syscall(SYS_stat, path, &stat) < 0)
		return -ENOENT;
	if (!S_ISREG(stat.st_mode) || host_syscall(SYS_access, path, (long)X_OK) < 0)
		return -EACCES;
	return 0;
}

/* In the directories of PATH, as execvp(3): one that may not be executed does not end the search. */
static int search_path(const struct program_args *program, char *found, size_t size)
{
	const char *at = find_variable(program, "PATH");
	int result = -ENOENT;

	if (!at)
		at = PATH_DEFAULT;
	for (;;) {
		int len = (int)strcspn(at, ":");
		int err;

		/* An empty entry is the current directory. */
		if (snprintf(found, size, "%.*s%s%s", len, at, len ? "/" : "./", program->path) <
		    (int)size) {
			err = try_file(found);
			if (!err)
				return 0;
			if (err == -EACCES)
				result = err;
		}
		if (!at[len])
			return result;
		at += len + 1;
	}
}

static int find_program(const struct program_args *program, char *found, size_t size)
{
	if (!program->path[0])
		return -ENOENT;
	if (!strchr(program->path, '/'))
		return search_path(program, found, size);
	if (strlen(program->path) >= size)
		return -ENAMETOOLONG;
	strcpy(found, program->path);
	return 0;
}

/* ---- Starting -------------------------------------------------------------------------------------- */

/* For files that are not there or not allowed, the error says it all. */
static void say_start_error(const char *name, int err, const struct exec_args *args)
{
	bool explained = args->failure && err != -ENOENT && err != -EACCES;

	message("%s: %s%s%s%s%s%s", name, args->interpreter[0] ? "its interpreter " : "",
		args->interpreter, args->interpreter[0] ? ": " : "", strerror(-err),
		explained ? ": " : "", explained ? args->failure : "");
}

static int start_program(struct process *process, const struct program_args *program,
			 struct run_result *result)
{
	char path[PATH_MAX];
	struct exec_args args = {
		.path = path,
		.argv = program->argv,
		.argc = program->argc,
		.envp = program->envp,
		.envc = program->envc,
	};
	int err = find_program(program, path, sizeof(path));

	if (!err)
		err = process_exec(process, &args);
	if (err) {
		say_start_error(program->path, err, &args);
		result->start_error = -err;
	}
	return err;
}

/* ---- The run ------------------------------------------------------------------------------------------ */

struct run {
	struct world *world;
	struct process *first;
	struct forwarder *forwarder;
	struct storm *storm;
	struct monitor *monitor;
};

static int start_threads(struct run *run, struct run_result *result)
{
	int err = forward_start(run->world, &run->forwarder);

	if (!err)
		err = storm_start(run->world, &run->storm);
	if (!err)
		err = monitor_start(run->world, result, &run->monitor);
	if (err) {
		message("no thread could be made: %s", strerror(-err));
		result->failed = true;
	}
	return err;
}

static void stop_threads(struct run *run)
{
	run->world->ending = true;
	monitor_stop(run->monitor);
	storm_stop(run->storm);
	if (run->forwarder)
		forward_stop(run->forwarder);
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_guest(struct run *run, const struct program_args *program, struct run_result *result)
{
	double started = now_seconds();
	int err;

	world_enter(run->world);
	err = start_program(run->first, program, result);
	if (!err)
		process_run(run->first);
	process_end(run->first);
	world_leave(run->world);
	/* What it left running goes on, as it would on the host; we are its terminal's last user. */
	family_exit(run->first);
	family_wait_end(&run->world->family);
	result->wall_seconds = now_seconds() - started;
	return err;
}

static void fill_result(const struct run *run, struct run_result *result)
{
	const struct world *world = run->world;

	result->status = run->first->wait_status;
	result->failed = world->failed;
	result->syscalls = world->nr_syscalls;
	result->frames_free = world->core->machine_free_frames(world->machine);
	for (int i = 0; i < GW_NR_COUNTERS; i++)
		result->counters[i] =
			world->core->machine_counter(world->machine, (enum gw_counter)i);
	platform_stats(world->platform, &result->platform);
}

/* Godwit needs some beyond those that its guest may have.  => the limit as it was */
static struct rlimit raise_descriptor_limit(void)
{
	struct rlimit old, all;

	getrlimit(RLIMIT_NOFILE, &old);
	all = (struct rlimit){ .rlim_cur = old.rlim_max, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &all);
	return old;
}

/* The group that Godwit is in is the one that has the terminal, as far as a guest is concerned. */
static void make_first(struct world *world, struct process *process)
{
	world->first = process;
	family_lock(&world->family);
	world->family.foreground = process->pgid;
	family_add(process);
	family_unlock(&world->family);
}

static int run_in_world(struct world *world, const struct program_args *program,
			const struct rlimit *descriptors, unsigned int mask,
			struct run_result *result)
{
	struct run run = { .world = world };
	int err = host_interrupts_init();

	if (!err)
		err = process_create(world, &run.first);
	if (err) {
		message("no process could be made: %s", strerror(-err));
		result->failed = true;
		return err;
	}
	run.first->umask = mask;
	run.first->limits[RLIMIT_NOFILE] = *descriptors;
	process_update_limits(run.first);
	make_first(world, run.first);
	err = start_threads(&run, result);
	if (!err)
		err = run_guest(&run, program, result);
	else
		process_release(run.first);
	stop_threads(&run);
	if (!err) {
		world_validate(world, result);
		fill_result(&run, result);
		err = result->failed ? -EIO : 0;
	}
	process_free(run.first);
	return err;
}

int run_program(const struct run_options *options, const struct program_args *program,
		struct run_result *result)
{
	const struct rlimit descriptors = raise_descriptor_limit();
	/* Each guest has its own; Godwit makes no files but for guests. */
	long mask = host_syscall(SYS_umask, 0l);
	struct world *world;
	int err;

	*result = (struct run_result){ 0 };
	threads_task_attach("guest", CPU_GUEST);
	err = world_create(options, &world);
	if (err) {
		result->failed = true;
		goto out_detach;
	}
	err = run_in_world(world, program, &descriptors, (unsigned int)mask, result);
	world_destroy(world);
out_detach:
	threads_task_detach();
	host_syscall(SYS_umask, mask);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	return err;
}

int run_exit_status(const struct run_result *result)
{
	if (result->failed)
		return RUN_STATUS_FAILED;
	if (result->start_error == ENOENT || result->start_error == ENOTDIR)
		return RUN_STATUS_NOT_FOUND;
	if (result->start_error)
		return RUN_STATUS_NOT_EXECUTABLE;
	if (WIFSIGNALED(result->status))
		return RUN_STATUS_SIGNAL + WTERMSIG(result->status);
	return WEXITSTATUS(result->status);
}
