// SPDX-License-Identifier: MIT
/*
 * sys_time.c - clocks, sleeps, timers, and what the guest has cost
 *
 * Clocks are the host's, but for those that measure the caller: its own code runs in the stub.  The
 * real-time interval timer is the host's as well: its SIGALRM reaches Godwit, which passes it on as
 * it does with every signal from outside.
 *
 * Linux: kernel/time/, kernel/sys.c.
 * Differs: no timers of virtual time; no sleep on a CPU-time clock.
 */
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "cpu_time.h"
#include "sys.h"
#include "syscall.h"

#define NS_PER_SECOND	  1000000000l
#define CLOCK_TICKS_PER_S 100

static void to_timespec(uint64_t ns, struct timespec *time)
{
	time->tv_sec = (time_t)(ns / NS_PER_SECOND);
	time->tv_nsec = (long)(ns % NS_PER_SECOND);
}

static void to_timeval(uint64_t ns, struct timeval *time)
{
	time->tv_sec = (time_t)(ns / NS_PER_SECOND);
	time->tv_usec = (suseconds_t)(ns % NS_PER_SECOND / 1000);
}

static bool is_valid(const struct timespec *time)
{
	return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < NS_PER_SECOND;
}

int get_timespec(struct thread *thread, unsigned long addr, struct timespec *time)
{
	if (user_get(thread, time, addr, sizeof(*time)))
		return -EFAULT;
	return is_valid(time) ? 0 : -EINVAL;
}

/* ---- Clocks ------------------------------------------------------------------------------------------ */

/* Does the clock measure the caller?  Others are the host's; other processes' have negative ids. */
static bool is_own_cpu_clock(int clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

SYS(clock_gettime)
{
	int clock = (int)args[0];
	struct timespec now;
	long result = 0;

	if (is_own_cpu_clock(clock))
		to_timespec(process_cpu_ns(thread->process), &now);
	else
		result = host_syscall(SYS_clock_gettime, (long)clock, &now);
	return put_result(thread, result, args[1], &now, sizeof(now));
}

SYS(clock_getres)
{
	struct timespec resolution;
	long result = host_syscall(SYS_clock_getres, (long)(int)args[0], &resolution);

	return args[1] ? put_result(thread, result, args[1], &resolution, sizeof(resolution))
		       : result;
}

SYS(gettimeofday)
{
	struct timeval now;
	struct timezone zone;
	long result = host_syscall(SYS_gettimeofday, &now, &zone);

	if (args[0])
		result = put_result(thread, result, args[0], &now, sizeof(now));
	if (args[1])
		result = put_result(thread, result, args[1], &zone, sizeof(zone));
	return result;
}

SYS(time)
{
	long now = host_syscall(SYS_time, NULL);

	return args[0] ? put_result(thread, now, args[0], &now, sizeof(now)) : now;
}

/* ---- Sleeping ------------------------------------------------------------------------------------------ */

/* A relative sleep is an absolute one on a clock that nobody sets. */
static long sleep_clock(long clock)
{
	return clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : clock;
}

static void add(struct timespec *time, const struct timespec *more)
{
	time->tv_nsec += more->tv_nsec;
	if (__builtin_add_overflow(time->tv_sec, more->tv_sec, &time->tv_sec))
		time->tv_sec = INT64_MAX - 1;
	if (time->tv_nsec >= NS_PER_SECOND) {
		time->tv_nsec -= NS_PER_SECOND;
		time->tv_sec += time->tv_sec < INT64_MAX;
	}
}

/* From now until @until; nothing when that has passed. */
static void time_left(long clock, const struct timespec *until, struct timespec *left)
{
	struct timespec now = { 0 };

	host_syscall(SYS_clock_gettime, clock, &now);
	left->tv_sec = until->tv_sec - now.tv_sec;
	left->tv_nsec = until->tv_nsec - now.tv_nsec;
	if (left->tv_nsec < 0) {
		left->tv_nsec += NS_PER_SECOND;
		left->tv_sec--;
	}
	if (left->tv_sec < 0)
		*left = (struct timespec){ 0 };
}

static long sleep_until(struct thread *thread, const struct restart *restart)
{
	struct timespec left;
	long result = thread_wait_call(thread, SYS_clock_nanosleep, restart->clock,
				       (long)TIMER_ABSTIME, &restart->until, NULL);

	if (result != -EINTR)
		return result;
	thread->restart = *restart;
	if (restart->remaining) {
		time_left(restart->clock, &restart->until, &left);
		if (user_put(thread, restart->remaining, &left, sizeof(left)))
			return -EFAULT;
	}
	return -ERESTART_RESTARTBLOCK;
}

SYS(restart_syscall)
{
	const struct restart restart = thread->restart;

	(void)args;
	/* A guest that calls it by itself has nothing to go on with. */
	if (thread->restart.clock < 0)
		return -EINTR;
	thread->restart.clock = -1;
	return sleep_until(thread, &restart);
}

static long sleep_relative(struct thread *thread, long clock, const struct timespec *time,
			   unsigned long remaining)
{
	struct restart restart = { .clock = sleep_clock(clock), .remaining = remaining };
	long err = host_syscall(SYS_clock_gettime, restart.clock, &restart.until);

	if (err < 0)
		return err;
	add(&restart.until, time);
	return sleep_until(thread, &restart);
}

SYS(nanosleep)
{
	struct timespec time;
	int err = get_timespec(thread, args[0], &time);

	return err ? err : sleep_relative(thread, CLOCK_MONOTONIC, &time, args[1]);
}

SYS(clock_nanosleep)
{
	int clock = (int)args[0], flags = (int)args[1];
	struct timespec time;
	int err = get_timespec(thread, args[2], &time);

	if (err)
		return err;
	if (is_own_cpu_clock(clock))
		return clock == CLOCK_THREAD_CPUTIME_ID ? -EINVAL : -EOPNOTSUPP;
	if (!(flags & TIMER_ABSTIME))
		return sleep_relative(thread, clock, &time, args[3]);
	return restart_nohand(thread_wait_call(thread, SYS_clock_nanosleep, (long)clock,
					       (long)TIMER_ABSTIME, &time, NULL));
}

/* ---- Timers ---------------------------------------------------------------------------------------------- */

SYS(alarm)
{
	(void)thread;
	return host_syscall(SYS_alarm, (long)(unsigned int)args[0]);
}

SYS(getitimer)
{
	struct itimerval value;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	return put_result(thread, host_syscall(SYS_getitimer, (long)ITIMER_REAL, &value), args[1],
			  &value, sizeof(value));
}

SYS(setitimer)
{
	struct itimerval value = { 0 }, old;
	long result;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	if (args[1] && user_get(thread, &value, args[1], sizeof(value)))
		return -EFAULT;
	result = host_syscall(SYS_setitimer, (long)ITIMER_REAL, &value, &old);
	return args[2] ? put_result(thread, result, args[2], &old, sizeof(old)) : result;
}

/* ---- What it has cost -------------------------------------------------------------------------------------- */

static void own_usage(struct process *process, struct rusage *usage)
{
	const struct gw_core *core = process->world->core;
	struct machine *machine = process->world->machine;
	struct cpu_time time;
	struct gw_mm_info info;

	process_cpu_time(process, &time);
	to_timeval(time.user_ns, &usage->ru_utime);
	to_timeval(time.system_ns, &usage->ru_stime);
	core->mm_info(process->mm, &info);
	usage->ru_maxrss = (long)((info.rss_anon + info.rss_file) * (GW_PAGE_SIZE / 1024));
	usage->ru_majflt = (long)core->machine_counter(machine, GW_COUNTER_pgmajfault);
	usage->ru_minflt =
		(long)core->machine_counter(machine, GW_COUNTER_pgfault) - usage->ru_majflt;
}

SYS(getrusage)
{
	struct rusage usage = { 0 };

	switch ((int)args[0]) {
	case RUSAGE_SELF:
	case RUSAGE_THREAD:
		own_usage(thread->process, &usage);
		break;
	case RUSAGE_CHILDREN: /* it has none */
		break;
	default:
		return -EINVAL;
	}
	return user_put(thread, args[1], &usage, sizeof(usage)) ? -EFAULT : 0;
}

SYS(times)
{
	struct tms unused, tms = { 0 };
	long now = host_syscall(SYS_times, &unused);
	struct cpu_time time;

	process_cpu_time(thread->process, &time);
	tms.tms_utime = (clock_t)(time.user_ns * CLOCK_TICKS_PER_S / NS_PER_SECOND);
	tms.tms_stime = (clock_t)(time.system_ns * CLOCK_TICKS_PER_S / NS_PER_SECOND);
	return args[0] ? put_result(thread, now, args[0], &tms, sizeof(tms)) : now;
}
