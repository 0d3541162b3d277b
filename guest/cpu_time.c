// SPDX-License-Identifier: MIT
/*
 * cpu_time.c - what a guest has cost
 */
#include "cpu_time.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "process.h"
#include "syscall.h"

static uint64_t clock_ns(long clock)
{
	struct timespec now = { 0 };

	host_syscall(SYS_clock_gettime, clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The clock of all threads of process @pid; <linux/posix-timers.h>: CPUCLOCK_SCHED. */
static long process_clock(pid_t pid)
{
	return (long)((~(unsigned int)pid << 3) | 2) | ~0xffffffffl;
}

static uint64_t stub_ns(const struct process *process)
{
	return clock_ns(process_clock(platform_process_pid(process->platform)));
}

uint64_t process_cpu_ns(struct process *process)
{
	return stub_ns(process) + clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/*
 * All that the stub does counts as the guest's own; entering and leaving its handler is part of
 * what a trap costs here.
 */
void process_cpu_time(struct process *process, struct cpu_time *time)
{
	time->user_ns = stub_ns(process);
	time->system_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
