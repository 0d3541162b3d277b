/* SPDX-License-Identifier: MIT */
/* shrink.h - the shortest program that still shows a difference */
#pragma once

#include "program.h"

/*
 * Leave out operations, then make what is left simpler, for as long as @still says that @program shows
 * the same; it is called with programs that may not.
 */
void program_shrink(struct program *program,
		    bool (*still)(void *arg, const struct program *program), void *arg);
