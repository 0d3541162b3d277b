// SPDX-License-Identifier: MIT
/*
 * arena.c - memory that is put back as it was
 *
 * An execution writes to a dozen of a hundred pages, and the next one to nearly the same.  So what
 * was kept is read-only until it is written to for the first time, by whichever execution: that
 * makes the page writable for good, and one of those that are copied back.  A fault is paid once
 * for a page and never again, and no execution makes a system call.
 *
 * In gdb: handle SIGSEGV nostop noprint.
 */
#include "arena.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul

/* The one that executions of this thread write to: a signal handler has no argument of ours. */
static __thread struct arena *arena_current __attribute__((tls_model("initial-exec")));

int arena_init(struct arena *arena, size_t size)
{
	void *base;

	size = ALIGN_UP(size, PAGE);
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
	if (arena_current == arena)
		arena_current = NULL;
	free(arena->kept);
	free(arena->is_written);
	free(arena->written);
	*arena = (struct arena){ 0 };
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *at = arena->base + arena->used;

	size = ALIGN_UP(size, PAGE);
	if (size > arena->size - arena->used)
		return NULL;
	arena->used += size;
	return at;
}

static void note_written(struct arena *arena, size_t page)
{
	arena->is_written[page] = true;
	arena->written[arena->nr_written++] = (unsigned int)page;
}

/* The first write to a page; what is none of ours ends the program as it would have done. */
static void meet_write(int signal, siginfo_t *info, void *context)
{
	struct arena *arena = arena_current;
	size_t offset = arena ? (size_t)((unsigned char *)info->si_addr - arena->base) : 0;

	(void)context;
	if (arena && offset < arena->used && !arena->is_written[offset / PAGE] &&
	    mprotect(arena->base + ALIGN_DOWN(offset, PAGE), PAGE, PROT_READ | PROT_WRITE) == 0)
		note_written(arena, offset / PAGE);
	else
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

/* Where writes cannot be met, all pages count as written to. */
static void watch_writes(struct arena *arena)
{
	const struct sigaction action = { .sa_sigaction = meet_write, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGSEGV, &action, NULL) == 0 &&
	    mprotect(arena->base, arena->used, PROT_READ) == 0)
		return;
	for (size_t page = 0; page < arena->used / PAGE; page++)
		note_written(arena, page);
}

int arena_keep(struct arena *arena)
{
	arena->kept = malloc(arena->used);
	arena->is_written = calloc(arena->used / PAGE, sizeof(*arena->is_written));
	arena->written = calloc(arena->used / PAGE, sizeof(*arena->written));
	if (!arena->kept || !arena->is_written || !arena->written)
		return -ENOMEM;
	memcpy(arena->kept, arena->base, arena->used);
	watch_writes(arena);
	return 0;
}

void arena_restore(struct arena *arena)
{
	arena_current = arena;
	for (unsigned int i = 0; i < arena->nr_written; i++) {
		size_t offset = arena->written[i] * PAGE;

		memcpy(arena->base + offset, arena->kept + offset, PAGE);
	}
}
