// SPDX-License-Identifier: MIT
/*
 * mutant_is.c - the choice between the core's mutants
 *
 * A process is one mutant or none from its beginning to its end, so that all executions of a search
 * are of one core.
 */
#include "mutant_is.h"

#include <stdlib.h>
#include <string.h>

static const char *chosen = "";

__attribute__((constructor)) static void choose(void)
{
	const char *name = getenv("GODWIT_MUTANT");

	if (name)
		chosen = name;
}

bool mutant_is(const char *name)
{
	return strcmp(chosen, name) == 0;
}
