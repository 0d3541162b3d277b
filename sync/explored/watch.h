/* SPDX-License-Identifier: MIT */
/*
 * watch.h - plain accesses: are they ordered, and is what they touch alive?
 *
 * What explored.c and verbs.c tell the watch, and what the driver asks of it.  watch_state.h says who has the rest.
 */
#pragma once

#include "explored.h"

struct explored;
struct watch;

/* The watch of the task that runs on this thread; NULL: nobody's accesses are looked at. */
extern __thread struct watch *watch_current __attribute__((tls_model("initial-exec")));

/* An execution begins: whatever was done before it comes before all of it. */
void watch_begin(struct watch *watch);
/* What is alive now is what each execution begins with. */
void watch_keep(struct watch *watch);

/* @task goes on, until watch_leave(). */
void watch_enter(struct watch *watch, unsigned int task);
static inline void watch_leave(void)
{
	watch_current = NULL;
}

/* The running task has been given @step: note what it touches and what it orders. */
void watch_step(struct explored *x, struct watch *watch, const struct explored_step *step);
/* The object that stands for @object where plain accesses to it are steps as well. */
const void *watch_object(const struct watch *watch, const void *object);
/* The RCU callback that the running task ran is over. */
void watch_callback_ran(struct explored *x);

/* What the core's calls of lib/block.h are linked to. */
void explored_block_copy(void *to, const void *from, size_t len);
void explored_block_zero(void *to, size_t len);
void explored_block_fill(void *to, unsigned char byte, size_t len);
bool explored_block_is_filled(const void *at, unsigned char byte, size_t len);
