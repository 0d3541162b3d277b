// SPDX-License-Identifier: MIT
/*
 * sys_signal.c - dispositions, masks, sending and waiting
 *
 * A guest can send signals to guests alone.  Other processes are the host's, and no business of a
 * guest's: the call is refused, and named.
 *
 * Linux: kernel/signal.c.
 */
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>

#include "family.h"
#include "message.h"
#include "sys.h"
#include "syscall.h"

#define SIGSET_SIZE sizeof(uint64_t)

/* The call that rt_sigreturn is not: no argument, and no result. */
SYS(rt_sigreturn)
{
	const siginfo_t info = { .si_signo = SIGSEGV, .si_code = SI_KERNEL };

	(void)args;
	thread->regs_replaced = true;
	if (sigframe_pop(thread))
		thread_force_signal(thread, &info);
	return 0;
}

/* ---- Dispositions and masks ---------------------------------------------------------------------------- */

SYS(rt_sigaction)
{
	struct guest_sigaction new, old;
	int signo = (int)args[0];

	if (args[3] != SIGSET_SIZE)
		return -EINVAL;
	if (args[1] && user_get(thread, &new, args[1], sizeof(new)))
		return -EFAULT;
	if (!is_signal(signo) || (args[1] && (signo == SIGKILL || signo == SIGSTOP)))
		return -EINVAL;
	process_sigaction(thread->process, signo, args[1] ? &new : NULL, &old);
	if (args[2] && user_put(thread, args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

static int change_mask(struct thread *thread, int how, uint64_t set)
{
	uint64_t blocked = thread->blocked;

	switch (how) {
	case SIG_BLOCK:
		blocked |= set;
		break;
	case SIG_UNBLOCK:
		blocked &= ~set;
		break;
	case SIG_SETMASK:
		blocked = set;
		break;
	default:
		return -EINVAL;
	}
	thread_set_blocked(thread, blocked);
	return 0;
}

SYS(rt_sigprocmask)
{
	uint64_t old = thread->blocked, set;
	int err;

	if (args[3] != SIGSET_SIZE)
		return -EINVAL;
	if (args[1]) {
		if (user_get(thread, &set, args[1], sizeof(set)))
			return -EFAULT;
		err = change_mask(thread, (int)args[0], set);
		if (err)
			return err;
	}
	if (args[2] && user_put(thread, args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYS(rt_sigpending)
{
	uint64_t pending = thread->process->signals.pending & thread->blocked;

	if (args[1] > SIGSET_SIZE)
		return -EINVAL;
	return user_put(thread, args[0], &pending, args[1]) ? -EFAULT : 0;
}

SYS(sigaltstack)
{
	unsigned long sp = (unsigned long)platform_gregs(thread->platform)[REG_RSP];
	stack_t new, old = thread->altstack;
	int err;

	if (args[0] && user_get(thread, &new, args[0], sizeof(new)))
		return -EFAULT;
	old.ss_flags &= GUEST_SS_AUTODISARM;
	if (!old.ss_size)
		old.ss_flags |= SS_DISABLE;
	else if (on_altstack(thread, sp))
		old.ss_flags |= SS_ONSTACK;
	if (args[0]) {
		err = thread_set_altstack(thread, &new, sp);
		if (err)
			return err;
	}
	if (args[1] && user_put(thread, args[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- Masks for the length of a call ----------------------------------------------------------------------- */

int get_mask(struct thread *thread, unsigned long addr, unsigned long size, uint64_t *mask,
	     bool *given)
{
	*given = addr != 0;
	if (!addr)
		return 0;
	if (size != SIGSET_SIZE)
		return -EINVAL;
	return user_get(thread, mask, addr, sizeof(*mask));
}

void mask_for_call(struct thread *thread, uint64_t mask)
{
	thread->saved_blocked = thread->blocked;
	thread->restore_blocked = true;
	thread_set_blocked(thread, mask);
}

long unmask_after_call(struct thread *thread, long result)
{
	if (thread->restore_blocked && result != -ERESTARTNOHAND) {
		thread->restore_blocked = false;
		thread_set_blocked(thread, thread->saved_blocked);
	}
	return result;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------ */

static long wait_for_signal(struct thread *thread)
{
	return restart_nohand(thread_wait_call(thread, SYS_ppoll, NULL, 0l, NULL, NULL, 0l));
}

SYS(pause)
{
	(void)args;
	return wait_for_signal(thread);
}

SYS(rt_sigsuspend)
{
	uint64_t mask;

	if (args[1] != SIGSET_SIZE)
		return -EINVAL;
	if (user_get(thread, &mask, args[0], sizeof(mask)))
		return -EFAULT;
	mask_for_call(thread, mask);
	return wait_for_signal(thread);
}

/* ppoll() wakes when a signal of @set has become pending, and when one must be delivered. */
static int await(struct thread *thread, uint64_t set, struct timespec *time, siginfo_t *info)
{
	struct signals *signals = &thread->process->signals;
	int signo = signals_take(signals, set, info);
	long result;

	if (signo)
		return signo;
	thread->awaited = set;
	result = thread_wait_call(thread, SYS_ppoll, NULL, 0l, time, NULL, 0l);
	thread->awaited = 0;
	signo = signals_take(signals, set, info);
	if (signo)
		return signo;
	return result == -EINTR ? -EINTR : -EAGAIN;
}

SYS(rt_sigtimedwait)
{
	struct timespec time;
	siginfo_t info;
	uint64_t set;
	int signo;

	if (args[3] != SIGSET_SIZE)
		return -EINVAL;
	if (user_get(thread, &set, args[0], sizeof(set)))
		return -EFAULT;
	if (args[2]) {
		int err = get_timespec(thread, args[2], &time);

		if (err)
			return err;
	}
	set &= ~(sig_bit(SIGKILL) | sig_bit(SIGSTOP));
	signo = await(thread, set, args[2] ? &time : NULL, &info);
	if (signo > 0 && args[1] && user_put(thread, args[1], &info, sizeof(info)))
		return -EFAULT;
	return signo;
}

/* ---- Sending ------------------------------------------------------------------------------------------------- */

static siginfo_t own_info(const struct thread *thread, int signo, int code)
{
	return (siginfo_t){
		.si_signo = signo,
		.si_code = code,
		.si_pid = thread->process->pid,
		.si_uid = (uid_t)host_syscall(SYS_getuid),
	};
}

/* No guest is meant: somebody outside, or nobody. */
static long refuse(struct thread *thread, int pid, int signo)
{
	long exists;

	/* Whether there is such a process is no secret. */
	exists = host_syscall(SYS_kill, (long)pid, 0l);
	if (!signo || exists == -ESRCH)
		return exists;
	if (world_first_time(thread->process->world, UNSUPPORTED_KILL))
		message("%s: signals to processes outside are not supported (kill(%d, %d): EPERM)",
			thread->process->comm, pid, signo);
	return -EPERM;
}

static long send(struct thread *thread, int pid, const siginfo_t *info)
{
	long result;

	if (info->si_signo && !is_signal(info->si_signo))
		return -EINVAL;
	result = family_kill(&thread->process->world->family, thread->process, pid, info);
	return result == -ESRCH && pid != -1 ? refuse(thread, pid, info->si_signo) : result;
}

/* The group's negative number means the guests in it; the host's may have others. */
SYS(kill)
{
	const siginfo_t info = own_info(thread, (int)args[1], SI_USER);

	if ((int)args[0] == INT_MIN)
		return -ESRCH;
	return send(thread, (int)args[0], &info);
}

/* A process has one thread, of the same number. */
static long send_to_thread(struct thread *thread, int tid, int signo)
{
	const siginfo_t info = own_info(thread, signo, SI_TKILL);

	if (tid <= 0)
		return -EINVAL;
	return send(thread, tid, &info);
}

SYS(tkill)
{
	return send_to_thread(thread, (int)args[0], (int)args[1]);
}

SYS(tgkill)
{
	if ((int)args[0] <= 0)
		return -EINVAL;
	if ((int)args[0] != (int)args[1] && (int)args[1] > 0)
		return -ESRCH;
	return send_to_thread(thread, (int)args[1], (int)args[2]);
}

/* Only to itself may a process pretend that a signal is the kernel's. */
static long send_info(struct thread *thread, int pid, int signo, unsigned long addr)
{
	siginfo_t info;

	if (user_get(thread, &info, addr, sizeof(info)))
		return -EFAULT;
	if (pid != thread->process->pid && (info.si_code >= 0 || info.si_code == SI_TKILL))
		return -EPERM;
	info.si_signo = signo;
	return pid > 0 ? send(thread, pid, &info) : -ESRCH;
}

SYS(rt_sigqueueinfo)
{
	return send_info(thread, (int)args[0], (int)args[1], args[2]);
}

SYS(rt_tgsigqueueinfo)
{
	if ((int)args[0] <= 0 || (int)args[1] <= 0)
		return -EINVAL;
	return send_info(thread, (int)args[1], (int)args[2], args[3]);
}
