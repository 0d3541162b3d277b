// SPDX-License-Identifier: MIT
/*
 * sys_fork.c - fork, vfork, clone and clone3
 *
 * A new process, with a copy of its parent's memory or, until it executes a program, with the
 * parent's own while that sleeps.  What else clone can share (descriptors, handlers, a thread group)
 * or set apart (namespaces) is refused by name.
 *
 * Linux: kernel/fork.c.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "message.h"
#include "sys.h"

#define CLONE3_SIZE_MIN CLONE_ARGS_SIZE_VER0
#define CLONE3_SIZE_MAX 4096u

static const struct {
	unsigned long flag;
	const char *name;
} clone_flags[] = {
	{ CLONE_THREAD, "CLONE_THREAD" },
	{ CLONE_VM, "CLONE_VM without CLONE_VFORK" },
	{ CLONE_SIGHAND, "CLONE_SIGHAND" },
	{ CLONE_FILES, "CLONE_FILES" },
	{ CLONE_FS, "CLONE_FS" },
	{ CLONE_PIDFD, "CLONE_PIDFD" },
	{ CLONE_PTRACE, "CLONE_PTRACE" },
	{ CLONE_PARENT, "CLONE_PARENT" },
	{ CLONE_NEWTIME, "CLONE_NEWTIME" },
	{ CLONE_NEWNS, "CLONE_NEWNS" },
	{ CLONE_NEWCGROUP, "CLONE_NEWCGROUP" },
	{ CLONE_NEWUTS, "CLONE_NEWUTS" },
	{ CLONE_NEWIPC, "CLONE_NEWIPC" },
	{ CLONE_NEWUSER, "CLONE_NEWUSER" },
	{ CLONE_NEWPID, "CLONE_NEWPID" },
	{ CLONE_NEWNET, "CLONE_NEWNET" },
	{ CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP" },
};

static long refuse_flags(struct thread *thread, unsigned long flags)
{
	const char *name = "an unknown flag";

	for (size_t i = 0; i < ARRAY_SIZE(clone_flags); i++) {
		if (flags & clone_flags[i].flag) {
			name = clone_flags[i].name;
			break;
		}
	}
	if (world_first_time(thread->process->world, UNSUPPORTED_CLONE))
		message("%s: clone with %s is not supported (flags %#lx: ENOSYS)",
			thread->process->comm, name, flags);
	return -ENOSYS;
}

/* What Linux refuses as well comes first. */
static long check_flags(struct thread *thread, unsigned long flags)
{
	unsigned long unsupported = flags & ~(unsigned long)FORK_FLAGS;

	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
		return -EINVAL;
	if ((flags & CLONE_VM) && !(flags & CLONE_VFORK))
		unsupported |= CLONE_VM;
	return unsupported ? refuse_flags(thread, unsupported) : 0;
}

static long do_fork(struct thread *thread, const struct fork_args *args, bool clear_handlers)
{
	long err = check_flags(thread, args->flags);

	if (err)
		return err;
	if ((args->flags & CLONE_SETTLS) && args->tls >= GUEST_TOP)
		return -EPERM;
	return process_fork(thread, args, clear_handlers);
}

SYS(fork)
{
	const struct fork_args fork = { .exit_signal = SIGCHLD };

	(void)args;
	return do_fork(thread, &fork, false);
}

SYS(vfork)
{
	const struct fork_args fork = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };

	(void)args;
	return do_fork(thread, &fork, false);
}

SYS(clone)
{
	const struct fork_args fork = {
		.flags = (unsigned int)args[0] & ~(unsigned long)CSIGNAL,
		.exit_signal = (int)(args[0] & CSIGNAL),
		.stack = args[1],
		.parent_tid = args[2],
		.child_tid = args[3],
		.tls = args[4],
	};

	return do_fork(thread, &fork, false);
}

/* A longer structure than we know is fine if the rest of it is zero.  Linux: copy_struct_from_user() */
static long get_clone_args(struct thread *thread, unsigned long addr, unsigned long size,
			   struct clone_args *args)
{
	unsigned char rest[CLONE3_SIZE_MAX];
	size_t known = min(size, sizeof(*args));

	if (size > CLONE3_SIZE_MAX)
		return -E2BIG;
	if (size < CLONE3_SIZE_MIN)
		return -EINVAL;
	*args = (struct clone_args){ 0 };
	if (user_get(thread, args, addr, known) ||
	    user_get(thread, rest, addr + known, size - known))
		return -EFAULT;
	for (size_t i = 0; i < size - known; i++) {
		if (rest[i])
			return -E2BIG;
	}
	return 0;
}

static bool is_valid_clone(const struct clone_args *args)
{
	if (args->exit_signal > GUEST_NSIG || (args->flags & (CSIGNAL | CLONE_DETACHED)))
		return false;
	if ((args->flags & CLONE_SIGHAND) && (args->flags & CLONE_CLEAR_SIGHAND))
		return false;
	return !args->stack == !args->stack_size;
}

SYS(clone3)
{
	struct clone_args clone;
	long err = get_clone_args(thread, args[0], args[1], &clone);
	struct fork_args fork;

	if (err)
		return err;
	if (!is_valid_clone(&clone))
		return -EINVAL;
	if (clone.set_tid_size)
		return refuse_flags(thread, 0);
	fork = (struct fork_args){
		.flags = clone.flags & ~CLONE_CLEAR_SIGHAND,
		.exit_signal = (int)clone.exit_signal,
		.stack = clone.stack + clone.stack_size,
		.parent_tid = clone.parent_tid,
		.child_tid = clone.child_tid,
		.tls = clone.tls,
	};
	return do_fork(thread, &fork, clone.flags & CLONE_CLEAR_SIGHAND);
}
