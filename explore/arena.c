// SPDX-License-Identifier: MIT
/*
 * arena.c - memory that is put back as it was
 *
 * Copying a few hundred KiB is quicker than knowing what changed: protecting pages and taking
 * faults costs a microsecond a page, and the core must not be instrumented for the explorer's sake.
 */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGN 4096ul

int arena_init(struct arena *arena, size_t size)
{
	void *base;

	size = ALIGN_UP(size, ARENA_ALIGN);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	*arena = (struct arena){ .base = base, .size = size };
	return 0;
}

void arena_fini(struct arena *arena)
{
	if (arena->base)
		munmap(arena->base, arena->size);
	free(arena->kept);
	*arena = (struct arena){ 0 };
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *at = arena->base + arena->used;

	size = ALIGN_UP(size, ARENA_ALIGN);
	if (size > arena->size - arena->used)
		return NULL;
	arena->used += size;
	return at;
}

int arena_keep(struct arena *arena)
{
	if (!arena->kept)
		arena->kept = malloc(arena->used);
	if (!arena->kept)
		return -ENOMEM;
	memcpy(arena->kept, arena->base, arena->used);
	return 0;
}

void arena_restore(struct arena *arena)
{
	memcpy(arena->base, arena->kept, arena->used);
}
