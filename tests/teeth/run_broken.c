// SPDX-License-Identifier: MIT
/*
 * run_broken.c - a program under the storm on a runner that is broken on purpose
 *
 * usage: run_broken no-flush|no-wait|late-flush|sound PROGRAM [ARG]...
 *
 * Exits with what the program came to: with anything but "sound" a program that counts must notice,
 * or the machine's own checks must, or its tests check nothing.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const struct breakage {
	const char *name;
	unsigned int fault_injection;
	uint64_t guards_off;
} breakages[] = {
	{ "sound", 0, 0 },
	{ "no-flush", PLATFORM_NO_FLUSH, 0 },
	/* The window is narrow: fills that take long make it wide, and are no fault themselves. */
	{ "no-wait", PLATFORM_NO_WAIT_FOR_FILLS | PLATFORM_DELAY_FILLS, 0 },
	{ "slow-fills", PLATFORM_DELAY_FILLS, 0 },
	{ "late-flush", 0, 1ull << GW_GUARD_migrate_flush_before_copy },
};

static const struct breakage *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(breakages); i++) {
		if (strcmp(breakages[i].name, name) == 0)
			return &breakages[i];
	}
	fprintf(stderr, "run_broken: what is %s?\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct breakage *breakage;
	struct run_options options = {
		.memory = 64 << 20, .migration = MIGRATION_STORM, .check = true, .seed = 1
	};
	struct program_args program = { .argc = argc - 2, .envp = (const char *const *)environ };
	struct run_result result = { 0 };

	if (argc < 3)
		return 2;
	breakage = find(argv[1]);
	options.fault_injection = breakage->fault_injection;
	options.guards_off = breakage->guards_off;
	program.path = argv[2];
	program.argv = (const char *const *)argv + 2;
	while (environ[program.envc])
		program.envc++;
	if (run_program(&options, &program, &result))
		return RUN_STATUS_FAILED;
	if (result.validation.nr_problems) {
		fprintf(stderr, "invalid: %s\n", result.validation.first);
		return 1;
	}
	return run_exit_status(&result);
}
