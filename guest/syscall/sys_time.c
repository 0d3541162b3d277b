// SPDX-License-Identifier: MIT
/*
 * sys_time.c - clocks, sleeps, timers, and what the guest has cost
 *
 * Clocks are the host's, but for those that measure the caller: its own code runs in the stub.  The
 * real-time interval timer is one of the host's for each process that uses it: its SIGALRM reaches
 * Godwit, which passes it on to the process that it names.
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

/* The host's names whose it is, as all of them signal Godwit.  => -errno */
static int need_timer(struct process *process)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGALRM,
		.sigev_value.sival_int = process->pid,
	};

	if (!process->has_timer && timer_create(CLOCK_MONOTONIC, &event, &process->timer))
		return -errno;
	process->has_timer = true;
	return 0;
}

static void to_itimerval(const struct itimerspec *spec, struct itimerval *value)
{
	value->it_value.tv_sec = spec->it_value.tv_sec;
	/* Less than a microsecond is left, and so it is not over. */
	value->it_value.tv_usec = (spec->it_value.tv_nsec + 999) / 1000;
	value->it_interval.tv_sec = spec->it_interval.tv_sec;
	value->it_interval.tv_usec = spec->it_interval.tv_nsec / 1000;
	if (value->it_value.tv_usec == 1000000) {
		value->it_value.tv_sec++;
		value->it_value.tv_usec = 0;
	}
}

static bool is_valid_timeval(const struct timeval *time)
{
	return time->tv_sec >= 0 && time->tv_usec >= 0 && time->tv_usec < 1000000;
}

static int set_timer(struct process *process, const struct itimerval *value, struct itimerval *old)
{
	struct itimerspec old_spec, spec = {
		.it_value = { value->it_value.tv_sec, value->it_value.tv_usec * 1000 },
		.it_interval = { value->it_interval.tv_sec, value->it_interval.tv_usec * 1000 },
	};
	int err = need_timer(process);

	if (err)
		return err;
	if (timer_settime(process->timer, 0, &spec, &old_spec))
		return -errno;
	to_itimerval(&old_spec, old);
	return 0;
}

/* Seconds that were left, rounded, but not to none.  Linux: alarm_setitimer() */
SYS(alarm)
{
	struct itimerval old, value = { .it_value.tv_sec = min(args[0] & ~0u, 0x7ffffffful) };
	int err = set_timer(thread->process, &value, &old);

	if (err)
		return 0;
	if ((!old.it_value.tv_sec && old.it_value.tv_usec) || old.it_value.tv_usec >= 500000)
		old.it_value.tv_sec++;
	return old.it_value.tv_sec;
}

SYS(getitimer)
{
	struct itimerspec spec = { 0 };
	struct itimerval value;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	if (thread->process->has_timer)
		timer_gettime(thread->process->timer, &spec);
	to_itimerval(&spec, &value);
	return put_result(thread, 0, args[1], &value, sizeof(value));
}

SYS(setitimer)
{
	struct itimerval value = { 0 }, old;
	int err;

	if ((int)args[0] != ITIMER_REAL)
		return -EINVAL;
	if (args[1] && user_get(thread, &value, args[1], sizeof(value)))
		return -EFAULT;
	if (!is_valid_timeval(&value.it_value) || !is_valid_timeval(&value.it_interval))
		return -EINVAL;
	err = set_timer(thread->process, &value, &old);
	return args[2] ? put_result(thread, err, args[2], &old, sizeof(old)) : err;
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
	case RUSAGE_CHILDREN:
		to_timeval(thread->process->children_cpu.user_ns, &usage.ru_utime);
		to_timeval(thread->process->children_cpu.system_ns, &usage.ru_stime);
		break;
	default:
		return -EINVAL;
	}
	return user_put(thread, args[1], &usage, sizeof(usage)) ? -EFAULT : 0;
}

static void to_ticks(const struct cpu_time *time, clock_t *user, clock_t *system)
{
	*user = (clock_t)(time->user_ns * CLOCK_TICKS_PER_S / NS_PER_SECOND);
	*system = (clock_t)(time->system_ns * CLOCK_TICKS_PER_S / NS_PER_SECOND);
}

SYS(times)
{
	struct tms unused, tms = { 0 };
	long now = host_syscall(SYS_times, &unused);
	struct cpu_time time;

	process_cpu_time(thread->process, &time);
	to_ticks(&time, &tms.tms_utime, &tms.tms_stime);
	to_ticks(&thread->process->children_cpu, &tms.tms_cutime, &tms.tms_cstime);
	return args[0] ? put_result(thread, now, args[0], &tms, sizeof(tms)) : now;
}
