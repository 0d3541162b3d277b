/* SPDX-License-Identifier: MIT */
/*
 * stats.h - how a run went, in numbers
 */
#pragma once

#include <stdio.h>

#include "compiler.h"
#include "world.h"

/* For a person: one line for each figure, the kernel's names where it has them. */
void stats_print_text(FILE *out, const struct run_result *result);
/* For a program: an object, as godwit(1) describes it.  => -EIO, -ENOMEM */
int stats_print_json(FILE *out, const struct run_result *result) __must_check;

/* "clean", "not checked", or the first thing that disagrees. */
const char *stats_validation(const struct run_result *result);
