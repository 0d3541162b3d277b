/* SPDX-License-Identifier: MIT */
/*
 * say.h - what programs that fork print with
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

/* Nothing is buffered over a fork. */
#define say(...)                                                                                   \
	do {                                                                                       \
		printf(__VA_ARGS__);                                                               \
		fflush(stdout);                                                                    \
	} while (0)

/* Not every C library has strerrorname_np(). */
static inline const char *errno_name(int err)
{
	static const char *const names[] = {
		[EPERM] = "EPERM",   [ENOENT] = "ENOENT", [ESRCH] = "ESRCH",   [EINTR] = "EINTR",
		[EBADF] = "EBADF",   [ECHILD] = "ECHILD", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM",
		[EACCES] = "EACCES", [EFAULT] = "EFAULT", [EINVAL] = "EINVAL", [EPIPE] = "EPIPE",
		[ENOSYS] = "ENOSYS",
	};

	if (err < 0 || (size_t)err >= sizeof(names) / sizeof(*names) || !names[err])
		return "another";
	return names[err];
}

static inline const char *error(long result)
{
	return result < 0 ? errno_name(errno) : "ok";
}
