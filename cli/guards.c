// SPDX-License-Identifier: MIT
/*
 * guards.c - godwit guards: the protective measures that experiments switch off
 */
#include "cli.h"

#include <godwit/core.h>

#include <stdio.h>
#include <string.h>

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (!strcmp(arg, "report"))
		argp_error(state, "report: not yet; `godwit explore SCENARIO --without=GUARD' "
				  "switches one guard off");
	else if (state->arg_num || strcmp(arg, "list"))
		argp_error(state, "%s: there is only `list'", arg);
	return 0;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[list]",
	.doc = "List the guards: measures that some schedule needs, each of which an experiment "
	       "can switch off with --without=GUARD.",
};

int cmd_guards(int argc, char **argv)
{
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	for (int guard = 0; guard < GW_NR_GUARDS; guard++) {
		const struct gw_guard_info *info =
			godwit_core_threads.guard_info((enum gw_guard)guard);

		printf("%-26s %-13s %s\n", info->name, info->commit ? info->commit : "-",
		       info->reason);
	}
	return 0;
}
