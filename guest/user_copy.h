/* SPDX-License-Identifier: MIT */
/*
 * user_copy.h - a guest thread's memory, copied in and out for its system calls
 *
 * No address of a guest is ever given to the host: what crosses is copied through the core, which
 * faults, waits for migrations and breaks copy-on-write as the kernel's own copies do.
 */
#pragma once

#include <stddef.h>

#include "compiler.h"

struct thread;

/* => 0 or -EFAULT, and then an unknown part has been copied */
int user_get(struct thread *thread, void *to, unsigned long from, size_t len) __must_check;
int user_put(struct thread *thread, unsigned long to, const void *from, size_t len) __must_check;

/* Bytes copied before the first that could not be. */
size_t user_get_some(struct thread *thread, void *to, unsigned long from, size_t len);
size_t user_put_some(struct thread *thread, unsigned long to, const void *from, size_t len);

/* Length without the NUL, -EFAULT, or -ENAMETOOLONG when @size bytes hold no NUL. */
long user_string(struct thread *thread, char *to, unsigned long from, size_t size) __must_check;
