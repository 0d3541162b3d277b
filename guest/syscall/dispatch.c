// SPDX-License-Identifier: MIT
/*
 * dispatch.c - from a thread's registers to the call it asks for, and back
 *
 * Linux: arch/x86/entry/common.c.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "bitmap.h"
#include "message.h"
#include "sys.h"
#include "table.h"

#define RESTARTS_LOW  512
#define RESTARTS_HIGH 516

static bool is_interrupted(long result)
{
	return result <= -RESTARTS_LOW && result >= -RESTARTS_HIGH;
}

/* True the first time that @nr is asked for; numbers beyond the bitmap share its last word. */
static bool first_time(struct world *world, long nr)
{
	unsigned long bit = 1ul << ((unsigned long)nr % BITS_PER_LONG);
	size_t word = min((unsigned long)nr / BITS_PER_LONG, ARRAY_SIZE(world->named_syscalls) - 1);

	return !(atomic_fetch_or(&world->named_syscalls[word], bit) & bit);
}

/* A program often lives without; the user must know all the same. */
static long not_supported(struct thread *thread, const struct syscall_entry *entry, long nr)
{
	struct process *process = thread->process;

	if (!first_time(process->world, nr))
		return -ENOSYS;
	if (entry)
		message("%s: system call %s is not supported (ENOSYS)", process->comm, entry->name);
	else
		message("%s: there is no system call %ld (ENOSYS)", process->comm, nr);
	return -ENOSYS;
}

static long make_call(struct thread *thread, const struct syscall_record *record,
		      const struct syscall_entry *entry)
{
	if (!entry || !entry->call)
		return not_supported(thread, entry, record->nr);
	return entry->call(thread, record->args);
}

static void observe_enter(struct thread *thread, const struct syscall_record *record)
{
	const struct observer *observer = &thread->process->world->options.observer;

	if (observer->syscall_enter)
		observer->syscall_enter(observer->arg, record);
}

/* A call that ended the process, or replaced all registers, has no result of its own. */
static void observe_exit(struct thread *thread, const struct syscall_record *record, long result)
{
	const struct observer *observer = &thread->process->world->options.observer;

	if (observer->syscall_exit && !thread->process->exited)
		observer->syscall_exit(observer->arg, record, result);
}

void thread_syscall(struct thread *thread)
{
	greg_t *regs = platform_gregs(thread->platform);
	/* The kernel looks at 32 bits of the number. */
	long nr = (int)regs[REG_RAX];
	const struct syscall_entry *entry = syscall_entry(nr);
	const unsigned long args[6] = {
		(unsigned long)regs[REG_RDI], (unsigned long)regs[REG_RSI],
		(unsigned long)regs[REG_RDX], (unsigned long)regs[REG_R10],
		(unsigned long)regs[REG_R8],  (unsigned long)regs[REG_R9],
	};
	const struct syscall_record record = {
		.thread = thread,
		.pid = observed_pid(thread->process),
		.nr = nr,
		.name = entry ? entry->name : NULL,
		.format = entry ? entry->format : NULL,
		.args = args,
	};
	long result;

	atomic_fetch_add_explicit(&thread->process->world->nr_syscalls, 1, memory_order_relaxed);
	thread->syscall_nr = nr;
	thread->regs_replaced = false;
	observe_enter(thread, &record);
	result = make_call(thread, &record, entry);
	if (thread->regs_replaced)
		result = (long)regs[REG_RAX];
	else
		regs[REG_RAX] = result;
	observe_exit(thread, &record, result);
	if (thread->regs_replaced || !is_interrupted(result))
		thread->syscall_nr = -1;
	else
		thread_deliver_signals(thread);
}
