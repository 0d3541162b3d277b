/* SPDX-License-Identifier: MIT */
/*
 * run.h - one program, from the first instruction to its end
 */
#pragma once

#include "compiler.h"
#include "world.h"

/* Exit codes that are not the program's: those of env(1) and nohup(1). */
enum run_status {
	RUN_STATUS_FAILED = 125, /* Godwit */
	RUN_STATUS_NOT_EXECUTABLE = 126,
	RUN_STATUS_NOT_FOUND = 127,
	RUN_STATUS_SIGNAL = 128, /* and the signal's number */
};

struct program_args {
	const char *path; /* as it was typed; searched in PATH when it holds no slash */
	const char *const *argv;
	int argc;
	const char *const *envp;
	int envc;
};

/*
 * Run @program to its end.  While it runs, signals that the caller's process gets go to it.
 * => 0, and @result->status is the program's; or -errno, and Godwit has said why: then
 *    @result->failed (Godwit's fault) or @result->start_error (the program's) is set
 */
int run_program(const struct run_options *options, const struct program_args *program,
		struct run_result *result) __must_check;

/* What a shell would call it: enum run_status, or the program's own exit code. */
int run_exit_status(const struct run_result *result);
