/* SPDX-License-Identifier: MIT */
/*
 * strace_args.h - the arguments of a system call as text
 */
#pragma once

#include <stdarg.h>

#include "strace.h"

/* A line that grows; what does not fit is cut off. */
struct text {
	size_t len;
	char at[1024];
};

__printf(2, 3) void text_add(struct text *text, const char *fmt, ...);

struct call {
	strace_reader read;
	const struct syscall_record *record;
	bool returned;
	long result; /* when it has */
};

/*
 * Add the arguments from number @from on, as far as they are known, each after the first with a
 * comma before it.
 * => the number of the first that is known only when the call has returned, or of all
 */
int strace_args(struct text *text, const struct call *call, int from);

/* The name of an errno, or NULL; those inside the kernel included. */
const char *strace_errno_name(long err);
