// SPDX-License-Identifier: MIT
/*
 * doctor.c - godwit doctor: what this host allows, and what it forbids
 */
#include "cli.h"

#include <stdio.h>

#include "platform.h"

static const struct argp argp = {
	.doc = "Check what `godwit run' needs of this host, one line for each thing."
	       "\v"
	       "The exit code is 0 if all is there, 1 if something is missing.",
};

static void print_line(void *arg, const char *what, bool ok, const char *detail)
{
	bool *all_ok = arg;

	printf("%-3s  %-28s %s\n", ok ? "ok" : "NO", what, detail ? detail : "");
	*all_ok = *all_ok && ok;
}

int cmd_doctor(int argc, char **argv)
{
	bool all_ok = true;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	platform_doctor(print_line, &all_ok);
	return all_ok ? 0 : 1;
}
