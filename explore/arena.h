/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is put back as it was
 *
 * Everything that an execution can change lies in one range, at addresses that stay.  The range
 * is kept once after set-up; going back copies the pages that have ever been written to since.
 */
#pragma once

#include "compiler.h"

struct arena {
	unsigned char *base;
	size_t size;	      /* bytes, whole pages */
	size_t used;
	unsigned char *kept;  /* what arena_restore() brings back; NULL before arena_keep() */
	bool *is_written;     /* by page: it was written to since */
	unsigned int *written; /* those pages */
	unsigned int nr_written;
};

/* => -ENOMEM */
int arena_init(struct arena *arena, size_t size) __must_check;
void arena_fini(struct arena *arena);

/* Zeroed, page aligned, there until arena_fini().  NULL: the arena is full. */
void *arena_alloc(struct arena *arena, size_t size) __must_check;

/* Once.  SIGSEGV is the arena's from then on.  => -ENOMEM */
int arena_keep(struct arena *arena) __must_check;
/* The thread that called this last is the one that may write to the arena. */
void arena_restore(struct arena *arena);
