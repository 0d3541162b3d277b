/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is put back as it was
 *
 * Everything that an execution can change lies in one range, at addresses that stay.  The range
 * is kept once after set-up; going back is one copy.
 */
#pragma once

#include "compiler.h"

struct arena {
	unsigned char *base;
	size_t size;	      /* bytes, whole pages */
	size_t used;
	unsigned char *kept;  /* what arena_restore() brings back; NULL before arena_keep() */
};

/* => -ENOMEM */
int arena_init(struct arena *arena, size_t size) __must_check;
void arena_fini(struct arena *arena);

/* Zeroed, page aligned, there until arena_fini().  NULL: the arena is full. */
void *arena_alloc(struct arena *arena, size_t size) __must_check;

/* => -ENOMEM */
int arena_keep(struct arena *arena) __must_check;
void arena_restore(struct arena *arena);
