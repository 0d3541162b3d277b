/* SPDX-License-Identifier: MIT */
/*
 * coroutine.h - a function with a stack of its own, which can stop in the middle
 *
 * Resumed from one place, parks back to it.  Abandoning one costs nothing: it is started anew or
 * forgotten, and what was on its stack is never unwound.
 */
#pragma once

#include "compiler.h"

struct coroutine {
	unsigned char *stack; /* lowest byte */
	size_t size;	      /* bytes */
	void *context;	      /* where it goes on; NULL: it has ended */
	void *resumer;	      /* where coroutine_park() goes */
	void (*func)(void *arg);
	void *arg;

	/* For AddressSanitizer alone. */
	void *fake_stack; /* of the parked function */
	const void *resumer_stack;
	size_t resumer_size;
};

#define COROUTINE_STACK_MIN 4096

/* The stack is the caller's memory, 16-byte aligned, at least COROUTINE_STACK_MIN bytes. */
void coroutine_init(struct coroutine *coroutine, void *stack, size_t size);

/* The next coroutine_resume() begins @func, whatever this coroutine was doing. */
void coroutine_start(struct coroutine *coroutine, void (*func)(void *arg), void *arg);

/* Run it until it parks (true) or its function returns (false). */
bool coroutine_resume(struct coroutine *coroutine);

/* Called by the coroutine itself. */
void coroutine_park(struct coroutine *coroutine);

/* False: the lowest bytes of its stack were overwritten, and who knows what below. */
bool coroutine_stack_intact(const struct coroutine *coroutine);

/* Does the library do what the prototypes in coroutine.c say?  NULL, or what it does not do. */
const char *coroutine_self_test(void);
