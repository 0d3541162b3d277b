/* SPDX-License-Identifier: MIT */
/*
 * strace.h - a guest's system calls, in the notation of strace(1)
 */
#pragma once

#include <stdio.h>

#include "compiler.h"
#include "world.h"

struct strace;

/*
 * Bytes of the guest's memory copied before the first that could not be: guest/user_copy.h's
 * user_get_some(), handed in because a report calls nobody.
 */
typedef size_t (*strace_reader)(struct thread *thread, void *to, unsigned long from, size_t len);

/* NULL: out of memory. */
struct strace *strace_create(FILE *out, strace_reader read);
void strace_destroy(struct strace *strace);

/* The two ends of a call, from the thread that makes it. */
void strace_enter(struct strace *strace, const struct syscall_record *record);
void strace_exit(struct strace *strace, const struct syscall_record *record, long result);
/* A call that has not returned never will; then how the process of @thread ended. */
void strace_end(struct strace *strace, struct thread *thread, int pid, int wait_status);
