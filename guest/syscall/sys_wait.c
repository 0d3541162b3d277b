// SPDX-License-Identifier: MIT
/*
 * sys_wait.c - waiting for children
 *
 * A look at all children under the family's lock; then a sleep on the word that each of their
 * changes bumps, so that none between look and sleep is missed.
 *
 * Linux: kernel/exit.c.
 */
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "family.h"
#include "sys.h"
#include "syscall.h"

#define NS_PER_SECOND 1000000000ull

/* One call: whom it means, and what was found. */
struct wait {
	struct process *parent;
	idtype_t type; /* P_ALL, P_PID, P_PGID */
	int id;
	int options;

	struct process *zombie; /* to be buried */
	int pid;		/* 0: nothing found */
	int code;		/* CLD_* */
	int status;		/* as wait4() gives it */
	struct cpu_time cpu;
};

/* ---- Looking ---------------------------------------------------------------------------------------- */

static bool is_meant(const struct wait *wait, const struct process *child)
{
	bool clone_child = child->exit_signal != SIGCHLD;

	if (wait->type == P_PID && child->pid != wait->id)
		return false;
	if (wait->type == P_PGID && child->pgid != wait->id)
		return false;
	return (wait->options & __WALL) || clone_child == !!(wait->options & __WCLONE);
}

static void found(struct wait *wait, struct process *child, int code, int status)
{
	wait->pid = child->pid;
	wait->code = code;
	wait->status = status;
	wait->cpu.user_ns = child->cpu.user_ns + child->children_cpu.user_ns;
	wait->cpu.system_ns = child->cpu.system_ns + child->children_cpu.system_ns;
}

static void look_at_zombie(struct wait *wait, struct process *child)
{
	int status = child->wait_status;

	found(wait, child,
	      WIFEXITED(status)	  ? CLD_EXITED
	      : WCOREDUMP(status) ? CLD_DUMPED
				  : CLD_KILLED,
	      status);
	if (wait->options & WNOWAIT)
		return;
	wait->zombie = child;
	wait->parent->children_cpu.user_ns += wait->cpu.user_ns;
	wait->parent->children_cpu.system_ns += wait->cpu.system_ns;
}

/* Did it do something that wait() was asked for? */
static void look_at(struct wait *wait, struct process *child)
{
	bool keep = wait->options & WNOWAIT;

	if (child->state == PROCESS_ZOMBIE) {
		if (wait->options & WEXITED)
			look_at_zombie(wait, child);
	} else if ((wait->options & WSTOPPED) && child->stop_signal) {
		found(wait, child, CLD_STOPPED, W_STOPCODE(child->stop_signal));
		child->stop_signal = keep ? child->stop_signal : 0;
	} else if ((wait->options & WCONTINUED) && child->continued) {
		found(wait, child, CLD_CONTINUED, __W_CONTINUED);
		child->continued = keep;
	}
}

/* => -ECHILD: no child is meant; 0: look at wait->pid */
static int look(struct wait *wait)
{
	struct process *child;
	int result = -ECHILD;

	if (wait->type == P_PGID && !wait->id)
		wait->id = wait->parent->pgid;
	list_for_each_entry(child, &wait->parent->children, sibling) {
		if (!is_meant(wait, child))
			continue;
		result = 0;
		look_at(wait, child);
		if (wait->pid)
			break;
	}
	return result;
}

/* A look, and the burial that follows from it.  *@events: what the next sleep begins with */
static int look_once(struct wait *wait, unsigned int *events)
{
	struct family *family = &wait->parent->world->family;
	int result;

	family_lock(family);
	*events = wait->parent->child_events;
	result = look(wait);
	if (wait->zombie)
		family_bury(wait->zombie);
	else
		family_unlock(family);
	return result;
}

/* => 0: look at wait->pid, which is 0 when nothing has happened and nobody wants to wait */
static long do_wait(struct thread *thread, struct wait *wait)
{
	bool interrupted = false;

	wait->parent = thread->process;
	for (;;) {
		unsigned int events;
		int result = look_once(wait, &events);

		if (result || wait->pid || (wait->options & WNOHANG))
			return result;
		/* Looked at once more after the signal, as one often comes with a child's end. */
		if (interrupted)
			return -ERESTARTSYS;
		interrupted = thread_wait_call(thread, SYS_futex, &wait->parent->child_events,
					       (long)FUTEX_WAIT_PRIVATE, (long)events, NULL, NULL,
					       0l) == -EINTR;
	}
}

/* ---- The calls ---------------------------------------------------------------------------------------- */

static long put_usage(struct thread *thread, const struct wait *wait, unsigned long addr)
{
	struct rusage usage = { 0 };

	usage.ru_utime.tv_sec = (time_t)(wait->cpu.user_ns / NS_PER_SECOND);
	usage.ru_utime.tv_usec = (suseconds_t)(wait->cpu.user_ns % NS_PER_SECOND / 1000);
	usage.ru_stime.tv_sec = (time_t)(wait->cpu.system_ns / NS_PER_SECOND);
	usage.ru_stime.tv_usec = (suseconds_t)(wait->cpu.system_ns % NS_PER_SECOND / 1000);
	return user_put(thread, addr, &usage, sizeof(usage)) ? -EFAULT : 0;
}

SYS(wait4)
{
	int pid = (int)args[0], options = (int)args[2];
	struct wait wait = { .options = options | WEXITED };
	long result;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD))
		return -EINVAL;
	if (pid == INT_MIN)
		return -ESRCH;
	wait.type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID; /* of 0: one's own */
	wait.id = pid > 0 ? pid : -pid;
	result = do_wait(thread, &wait);
	if (result || !wait.pid)
		return result;
	result = wait.pid;
	if (args[1])
		result = put_result(thread, result, args[1], &wait.status, sizeof(wait.status));
	if (args[3] && put_usage(thread, &wait, args[3]))
		result = -EFAULT;
	return result;
}

static void fill_info(const struct wait *wait, siginfo_t *info)
{
	*info = (siginfo_t){ .si_signo = SIGCHLD, .si_code = wait->code };
	info->si_pid = wait->pid;
	info->si_uid = (uid_t)host_syscall(SYS_getuid);
	switch (wait->code) {
	case CLD_EXITED:
		info->si_status = WEXITSTATUS(wait->status);
		break;
	case CLD_STOPPED:
		info->si_status = WSTOPSIG(wait->status);
		break;
	case CLD_CONTINUED:
		info->si_status = SIGCONT;
		break;
	default:
		info->si_status = WTERMSIG(wait->status);
	}
}

static int check_waitid(const struct wait *wait)
{
	const int known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL;

	if ((wait->options & ~known) || !(wait->options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (wait->type) {
	case P_ALL:
		return 0;
	case P_PID:
		return wait->id > 0 ? 0 : -EINVAL;
	case P_PGID:
		return wait->id >= 0 ? 0 : -EINVAL;
	case P_PIDFD: /* nobody has one here */
		return wait->id >= 0 ? -EBADF : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* What Linux writes: the words before the union's padding, and no more. */
#define WAITID_INFO_SIZE (offsetof(siginfo_t, si_status) + sizeof(int))

SYS(waitid)
{
	struct wait wait = { .type = (idtype_t)args[0],
			     .id = (int)args[1],
			     .options = (int)args[3] };
	siginfo_t info = { 0 };
	long result = check_waitid(&wait);

	if (!result)
		result = do_wait(thread, &wait);
	if (result)
		return result;
	if (wait.pid)
		fill_info(&wait, &info);
	if (args[2] && user_put(thread, args[2], &info, WAITID_INFO_SIZE))
		return -EFAULT;
	if (args[4] && wait.pid && put_usage(thread, &wait, args[4]))
		return -EFAULT;
	return 0;
}
