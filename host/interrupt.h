/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - host calls that another thread can end, without a window in which it is missed
 *
 * To check a flag and then to make a call leaves a gap between the two.  Here the check and the
 * call are a few instructions with known addresses: the handler of the interrupting signal moves a
 * thread that is between them past the call.
 */
#pragma once

#include <pthread.h>

/* The signal that is used for it; nobody else may block, handle or mean anything by it. */
#define HOST_INTERRUPT_SIGNAL 64

/* Install its handler.  => -errno */
int host_interrupts_init(void);

/* host_syscall(), but -EINTR at once when *@interrupted is or becomes set and the thread is told. */
long host_syscall_unless(const int *interrupted, long nr, const long args[6]);

/* Tell @thread that its flag is set; the caller has set it. */
void host_interrupt(pthread_t thread);
