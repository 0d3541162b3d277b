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
