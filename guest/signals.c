// SPDX-License-Identifier: MIT
/*
 * signals.c - dispositions, what is pending, and what delivery does
 *
 * A process has one thread, so that Linux's two sets of pending signals are one here.  Delivery
 * happens just before the guest goes on, in the thread's own runner thread, as often as there is
 * something to deliver: several handlers then have their frames on top of each other, as on Linux.
 *
 * Locks: signals.lock, innermost.
 * Linux: kernel/signal.c, arch/x86/kernel/signal.c.
 */
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "family.h"
#include "interrupt.h"
#include "message.h"
#include "process.h"
#include "syscall.h"

struct queued_signal {
	struct list_head link;
	siginfo_t info;
};

#define SIGNALS_RT_FIRST 32
#define ALTSTACK_MIN	 2048 /* MINSIGSTKSZ as x86 has always had it */

#define SIGNALS_SYNCHRONOUS                                                                        \
	(sig_bit(SIGSEGV) | sig_bit(SIGBUS) | sig_bit(SIGILL) | sig_bit(SIGTRAP) |                 \
	 sig_bit(SIGFPE) | sig_bit(SIGSYS))
#define SIGNALS_IGNORED	      (sig_bit(SIGCONT) | sig_bit(SIGCHLD) | sig_bit(SIGWINCH) | sig_bit(SIGURG))
#define SIGNALS_STOPPING      (sig_bit(SIGSTOP) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) | sig_bit(SIGTTOU))
#define SIGNALS_NOT_BLOCKABLE (sig_bit(SIGKILL) | sig_bit(SIGSTOP))

/* The kernel's, which is what the host is asked with. */
struct host_sigaction {
	uint64_t handler, flags, restorer, mask;
};

void signals_init(struct signals *signals)
{
	memset(signals, 0, sizeof(*signals));
	pthread_mutex_init(&signals->lock, NULL);
	list_init(&signals->queue);
	for (long signo = 1; signo <= GUEST_NSIG; signo++) {
		struct host_sigaction host = { 0 };

		host_syscall(SYS_rt_sigaction, signo, NULL, &host, sizeof(uint64_t));
		if (host.handler == (uint64_t)(uintptr_t)SIG_IGN)
			signals->action[signo].handler = host.handler;
	}
}

/* ---- The queue -------------------------------------------------------------------------------- */

static void forget(struct signals *signals, uint64_t set)
{
	struct queued_signal *queued, *next;

	list_for_each_entry_safe(queued, next, &signals->queue, link) {
		if (!(sig_bit(queued->info.si_signo) & set))
			continue;
		list_del(&queued->link);
		signals->nr_queued--;
		free(queued);
	}
	atomic_fetch_and(&signals->pending, ~set);
}

void signals_fini(struct signals *signals)
{
	forget(signals, ~0ull);
	pthread_mutex_destroy(&signals->lock);
}

/* Those that the thread caused itself first, then the lowest number. */
static int next_signal(uint64_t set)
{
	if (set & SIGNALS_SYNCHRONOUS)
		set &= SIGNALS_SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

static int take_locked(struct signals *signals, uint64_t set, siginfo_t *info)
{
	int signo = next_signal(signals->pending & set);
	struct queued_signal *queued, *next;
	bool taken = false, more = false;

	if (!signo)
		return 0;
	/* One for which there was no memory tells its number alone. */
	*info = (siginfo_t){ .si_signo = signo, .si_code = SI_USER };
	list_for_each_entry_safe(queued, next, &signals->queue, link) {
		if (queued->info.si_signo != signo)
			continue;
		if (taken) {
			more = true;
			break;
		}
		*info = queued->info;
		taken = true;
		list_del(&queued->link);
		signals->nr_queued--;
		free(queued);
	}
	if (!more)
		atomic_fetch_and(&signals->pending, ~sig_bit(signo));
	return signo;
}

int signals_take(struct signals *signals, uint64_t set, siginfo_t *info)
{
	int signo;

	pthread_mutex_lock(&signals->lock);
	signo = take_locked(signals, set, info);
	pthread_mutex_unlock(&signals->lock);
	return signo;
}

bool signals_may_stop(struct signals *signals)
{
	bool may;

	pthread_mutex_lock(&signals->lock);
	may = signals->stop_taken;
	pthread_mutex_unlock(&signals->lock);
	return may;
}

static int queue_locked(struct process *process, const siginfo_t *info)
{
	struct signals *signals = &process->signals;
	int signo = info->si_signo;
	bool forced = signo < SIGNALS_RT_FIRST;
	struct queued_signal *queued;

	if (forced && (signals->pending & sig_bit(signo)))
		return 0;
	if (!forced && (rlim_t)signals->nr_queued >= process->limits[RLIMIT_SIGPENDING].rlim_cur)
		return -EAGAIN;
	queued = malloc(sizeof(*queued));
	if (queued) {
		queued->info = *info;
		list_add_tail(&queued->link, &signals->queue);
		signals->nr_queued++;
	} else if (!forced) {
		return -EAGAIN;
	}
	atomic_fetch_or(&signals->pending, sig_bit(signo));
	return 0;
}

/* ---- Sending ---------------------------------------------------------------------------------- */

static bool ignores(const struct signals *signals, int signo)
{
	uint64_t handler = signals->action[signo].handler;

	if (handler == (uint64_t)(uintptr_t)SIG_IGN)
		return true;
	return handler == (uint64_t)(uintptr_t)SIG_DFL && (sig_bit(signo) & SIGNALS_IGNORED);
}

/* A handler may be set by the time that a blocked one is let through. */
static bool discard_locked(struct process *process, int signo)
{
	const struct thread *thread = process->thread;

	if (sig_bit(signo) & SIGNALS_NOT_BLOCKABLE)
		return false;
	if ((thread->blocked | thread->awaited) & sig_bit(signo))
		return false;
	return ignores(&process->signals, signo);
}

int process_signal(struct process *process, const siginfo_t *info)
{
	struct signals *signals = &process->signals;
	int signo = info->si_signo;
	bool discarded;
	int err = 0;

	pthread_mutex_lock(&signals->lock);
	if (signo == SIGCONT || signo == SIGKILL)
		signals->stop_taken = false;
	if (signo == SIGCONT)
		forget(signals, SIGNALS_STOPPING);
	else if (sig_bit(signo) & SIGNALS_STOPPING)
		forget(signals, sig_bit(SIGCONT));
	discarded = discard_locked(process, signo);
	if (!discarded)
		err = queue_locked(process, info);
	pthread_mutex_unlock(&signals->lock);
	if (!discarded && !err)
		process_wake(process);
	return err;
}

void thread_force_signal(struct thread *thread, const siginfo_t *info)
{
	struct signals *signals = &thread->process->signals;
	int signo = info->si_signo;
	struct guest_sigaction *action = &signals->action[signo];

	pthread_mutex_lock(&signals->lock);
	if ((thread->blocked & sig_bit(signo)) || action->handler == (uint64_t)(uintptr_t)SIG_IGN) {
		action->handler = (uint64_t)(uintptr_t)SIG_DFL;
		atomic_fetch_and(&thread->blocked, ~sig_bit(signo));
	}
	/* One from outside that is still pending must not hide where this one happened. */
	forget(signals, sig_bit(signo));
	(void)queue_locked(thread->process, info);
	pthread_mutex_unlock(&signals->lock);
}

/* ---- Dispositions ------------------------------------------------------------------------------ */

void process_sigaction(struct process *process, int signo, const struct guest_sigaction *new,
		       struct guest_sigaction *old)
{
	struct signals *signals = &process->signals;

	pthread_mutex_lock(&signals->lock);
	if (old)
		*old = signals->action[signo];
	if (new) {
		signals->action[signo] = *new;
		signals->action[signo].mask &= ~SIGNALS_NOT_BLOCKABLE;
		if (ignores(signals, signo))
			forget(signals, sig_bit(signo));
	}
	pthread_mutex_unlock(&signals->lock);
}

void signals_fork(struct signals *child, struct signals *parent, bool clear_handlers)
{
	pthread_mutex_lock(&parent->lock);
	memcpy(child->action, parent->action, sizeof(child->action));
	pthread_mutex_unlock(&parent->lock);
	for (int signo = 1; signo <= GUEST_NSIG && clear_handlers; signo++) {
		if (child->action[signo].handler != (uint64_t)(uintptr_t)SIG_IGN)
			child->action[signo] = (struct guest_sigaction){ 0 };
	}
}

void signals_exec(struct thread *thread)
{
	struct signals *signals = &thread->process->signals;

	pthread_mutex_lock(&signals->lock);
	for (int signo = 1; signo <= GUEST_NSIG; signo++) {
		bool ignored = signals->action[signo].handler == (uint64_t)(uintptr_t)SIG_IGN;

		signals->action[signo] = (struct guest_sigaction){
			.handler = (uint64_t)(uintptr_t)(ignored ? SIG_IGN : SIG_DFL),
		};
	}
	pthread_mutex_unlock(&signals->lock);
	thread->altstack.ss_sp = NULL;
	thread->altstack.ss_size = 0;
}

void thread_set_blocked(struct thread *thread, uint64_t mask)
{
	thread->blocked = mask & ~SIGNALS_NOT_BLOCKABLE;
}

bool thread_signal_pending(struct thread *thread)
{
	return (thread->process->signals.pending & ~thread->blocked) != 0;
}

/* ---- The alternate stack ------------------------------------------------------------------------ */

bool on_altstack(const struct thread *thread, unsigned long sp)
{
	unsigned long start = (unsigned long)thread->altstack.ss_sp;

	/* One that disarms itself is never "in use": the handler may leave it for good. */
	if (thread->altstack.ss_flags & GUEST_SS_AUTODISARM)
		return false;
	return sp > start && sp - start <= thread->altstack.ss_size;
}

int thread_set_altstack(struct thread *thread, const stack_t *stack, unsigned long sp)
{
	int mode = stack->ss_flags & ~GUEST_SS_AUTODISARM;

	if (on_altstack(thread, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		thread->altstack = (stack_t){ .ss_flags = stack->ss_flags };
		return 0;
	}
	if (stack->ss_size < ALTSTACK_MIN)
		return -ENOMEM;
	thread->altstack = *stack;
	return 0;
}

/* ---- Delivery ----------------------------------------------------------------------------------- */

/* The call that a signal has interrupted is made again when the guest goes on. */
static void rewind_call(greg_t *regs, long nr)
{
	regs[REG_RAX] = nr;
	regs[REG_RIP] -= 2; /* the syscall instruction */
}

static bool again_after_handler(long result, const struct guest_sigaction *action)
{
	return result == -ERESTARTSYS && (action->flags & SA_RESTART);
}

static bool is_restart(long result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOHAND ||
	       result == -ERESTART_RESTARTBLOCK;
}

static void restart_for_handler(struct thread *thread, const struct guest_sigaction *action)
{
	greg_t *regs = platform_gregs(thread->platform);

	if (thread->syscall_nr < 0 || !is_restart((long)regs[REG_RAX]))
		return;
	if (again_after_handler((long)regs[REG_RAX], action))
		rewind_call(regs, thread->syscall_nr);
	else
		regs[REG_RAX] = -EINTR;
}

static void restart_without_handler(struct thread *thread)
{
	greg_t *regs = platform_gregs(thread->platform);
	long result = (long)regs[REG_RAX];

	if (thread->syscall_nr >= 0 && is_restart(result))
		rewind_call(regs, result == -ERESTART_RESTARTBLOCK ? SYS_restart_syscall
								   : thread->syscall_nr);
	thread->syscall_nr = -1;
	if (thread->restore_blocked) {
		thread->restore_blocked = false;
		thread_set_blocked(thread, thread->saved_blocked);
	}
}

/* There is no place for the frame: the thread gets SIGSEGV, and no handler if that was it. */
static void frame_failed(struct thread *thread, int signo)
{
	const siginfo_t info = { .si_signo = SIGSEGV, .si_code = SI_KERNEL };

	if (signo == SIGSEGV)
		process_sigaction(thread->process, SIGSEGV, &(struct guest_sigaction){ 0 }, NULL);
	thread_force_signal(thread, &info);
}

static void run_handler(struct thread *thread, const struct guest_sigaction *action,
			const siginfo_t *info)
{
	uint64_t mask = thread->blocked;

	if (thread->restore_blocked) {
		thread->restore_blocked = false;
		mask = thread->saved_blocked;
	}
	restart_for_handler(thread, action);
	thread->syscall_nr = -1;
	if (sigframe_push(thread, action, info, mask)) {
		frame_failed(thread, info->si_signo);
		return;
	}
	if (thread->altstack.ss_flags & GUEST_SS_AUTODISARM)
		thread->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	mask = thread->blocked | action->mask;
	if (!(action->flags & SA_NODEFER))
		mask |= sig_bit(info->si_signo);
	thread_set_blocked(thread, mask);
}

static void default_action(struct thread *thread, const siginfo_t *info)
{
	uint64_t bit = sig_bit(info->si_signo);

	if (bit & SIGNALS_IGNORED)
		return;
	if (bit & SIGNALS_STOPPING) {
		family_stop(thread, info);
		return;
	}
	report_fatal_signal(thread, info);
	process_kill(thread->process, info->si_signo);
}

static int take_with_action(struct thread *thread, siginfo_t *info, struct guest_sigaction *action)
{
	struct signals *signals = &thread->process->signals;
	int signo;

	pthread_mutex_lock(&signals->lock);
	/* What nobody can handle goes first, so that it works whatever else is pending. */
	signo = take_locked(signals, sig_bit(SIGKILL), info);
	if (!signo)
		signo = take_locked(signals, ~thread->blocked, info);
	*action = signals->action[signo];
	if (signo && (sig_bit(signo) & SIGNALS_STOPPING))
		signals->stop_taken = true;
	if (signo && action->handler > (uint64_t)(uintptr_t)SIG_IGN &&
	    (action->flags & SA_RESETHAND))
		signals->action[signo].handler = (uint64_t)(uintptr_t)SIG_DFL;
	pthread_mutex_unlock(&signals->lock);
	return signo;
}

void thread_deliver_signals(struct thread *thread)
{
	struct process *process = thread->process;
	struct guest_sigaction action;
	siginfo_t info;

	while (!process->exited && take_with_action(thread, &info, &action)) {
		if (action.handler == (uint64_t)(uintptr_t)SIG_IGN)
			continue;
		if (action.handler == (uint64_t)(uintptr_t)SIG_DFL)
			default_action(thread, &info);
		else
			run_handler(thread, &action, &info);
	}
	if (!process->exited)
		restart_without_handler(thread);
}
