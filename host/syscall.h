/* SPDX-License-Identifier: MIT */
/*
 * syscall.h - the host's system calls, answered as the kernel answers
 *
 * Every argument is a long, an unsigned long, a size_t or a pointer: an int would be passed with
 * its upper half undefined.
 */
#pragma once

/* The result, or -errno; errno itself is left alone. */
long host_syscall(long nr, ...);

/*
 * A process that runs @child on a stack of its own in the caller's memory, while the caller waits
 * until it has executed a program or has returned.  It makes system calls and nothing else.
 * => its number, or -errno
 */
long host_vfork(void (*child)(void *), void *arg, void *stack_top);
