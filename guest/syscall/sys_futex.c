// SPDX-License-Identifier: MIT
/*
 * sys_futex.c - waiting for a word to change
 *
 * A guest has one thread, and shares memory with nobody: nobody can be woken, and who waits is
 * ended by a signal or by the time.  Locks of one thread do not come here.
 *
 * Linux: kernel/futex/.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "sys.h"

static int check_word(struct thread *thread, unsigned long addr, unsigned int expected)
{
	unsigned int value;

	if (addr & (sizeof(value) - 1))
		return -EINVAL;
	if (user_get(thread, &value, addr, sizeof(value)))
		return -EFAULT;
	return value == expected ? 0 : -EAGAIN;
}

/* The time is relative for FUTEX_WAIT alone. */
static long wait_time(struct thread *thread, int op, const struct timespec *time)
{
	bool realtime = op & FUTEX_CLOCK_REALTIME;
	long flags = (op & FUTEX_CMD_MASK) == FUTEX_WAIT ? 0 : TIMER_ABSTIME;

	return thread_wait_call(thread, SYS_clock_nanosleep,
				(long)(realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC), flags, time,
				NULL);
}

static long wait(struct thread *thread, const unsigned long *args)
{
	struct timespec time;
	long result = check_word(thread, args[0], (unsigned int)args[2]);

	if (!result && args[3])
		result = get_timespec(thread, args[3], &time);
	if (result)
		return result;
	if (!args[3])
		return restart_sys(thread_wait_call(thread, SYS_ppoll, NULL, 0l, NULL, NULL, 0l));
	result = wait_time(thread, (int)args[1], &time);
	return result ? restart_nohand(result) : -ETIMEDOUT;
}

SYS(futex)
{
	switch ((int)args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return wait(thread, args);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_REQUEUE:
		return args[0] & (sizeof(int) - 1) ? -EINVAL : 0;
	case FUTEX_CMP_REQUEUE:
		return check_word(thread, args[0], (unsigned int)args[5]);
	default:
		return -ENOSYS;
	}
}
