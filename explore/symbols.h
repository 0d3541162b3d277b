/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - which function of the program an address belongs to
 *
 * By the debugging information of the running program, inlined functions included; without it by
 * its symbols.
 */
#pragma once

#include "compiler.h"

struct symbols;

/* NULL: the program's file cannot be read. */
struct symbols *symbols_open(void);
void symbols_close(struct symbols *symbols);

/*
 * Call @function for each that the return address @site lies in, the innermost first: an inlined
 * one, then the one it was inlined into.  @file and @line are where in it; "" and 0: not known.
 */
void symbols_at(struct symbols *symbols, const void *site,
		void (*function)(void *arg, const char *name, const char *file, int line), void *arg);

/* Does @site lie in the function @name, or in what was inlined into it? */
bool symbols_inside(struct symbols *symbols, const void *site, const char *name);
/* Does the program have such a function at all? */
bool symbols_have(struct symbols *symbols, const char *name);
