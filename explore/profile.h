/* SPDX-License-Identifier: MIT */
/*
 * profile.h - which pairs of places in the core race, and how often
 *
 * The number of traces grows with the races, so this is where to look before a scenario is made
 * smaller or a dependence finer.
 */
#pragma once

#include "history.h"

#include <stdio.h>

#define PROFILE_PAIRS 4096

struct profile_pair {
	const void *first, *second; /* sites */
	unsigned char first_kind, second_kind;
	uint64_t nr;
};

struct profile {
	struct profile_pair pairs[PROFILE_PAIRS]; /* open addressing */
	uint64_t nr, lost;
};

void profile_note(struct profile *profile, const struct event *first, const void *second_site,
		  const struct op *second);
/* The most frequent, one line each. */
void profile_print(struct profile *profile, FILE *out, int lines);
