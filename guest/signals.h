/* SPDX-License-Identifier: MIT */
/*
 * signals.h - a guest's signals: dispositions, masks, what is pending, and what delivery does
 *
 * Linux: kernel/signal.c.
 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"

struct process;
struct thread;

#define GUEST_NSIG 64

/* Internal results of interrupted calls, as inside Linux; a guest never sees them. */
#define ERESTARTSYS	      512 /* again, unless a handler without SA_RESTART ran */
#define ERESTARTNOHAND	      514 /* again, unless a handler ran */
#define ERESTART_RESTARTBLOCK 516 /* the rest of it, by restart_syscall(), unless a handler ran */

#define GUEST_SA_RESTORER   0x04000000u
#define GUEST_SS_AUTODISARM ((int)(1u << 31)) /* of stack_t.ss_flags */

/* struct sigaction as the kernel has it. */
struct guest_sigaction {
	uint64_t handler; /* or SIG_DFL, SIG_IGN */
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

static inline bool is_signal(int signo)
{
	return signo >= 1 && signo <= GUEST_NSIG;
}

static inline uint64_t sig_bit(int signo)
{
	return 1ull << (signo - 1);
}

/*
 * A signal below SIGRTMIN (32) is pending once or not at all, the others as often as they came.
 *
 * (l) lock
 */
struct signals {
	pthread_mutex_t lock;
	struct guest_sigaction action[GUEST_NSIG + 1]; /* (l) */
	struct list_head queue;			       /* (l) struct queued_signal, oldest first */
	int nr_queued;				       /* (l) */
	bool stop_taken; /* (l) a stop signal was, and no SIGCONT or SIGKILL has come since */
	_Atomic uint64_t pending;		       /* written under (l) */
};

/* What the caller ignores stays ignored, as over execve. */
void signals_init(struct signals *signals);
void signals_fini(struct signals *signals);
/* A child's: the same dispositions, or, for those with a handler, the default; nothing pending. */
void signals_fork(struct signals *child, struct signals *parent, bool clear_handlers);
/* As execve leaves them: handlers are forgotten, what is ignored stays so. */
void signals_exec(struct thread *thread);

/*
 * Make @info->si_signo pending for @process, unless it is ignored; from any thread.
 * => -EAGAIN: too many are queued (RLIMIT_SIGPENDING)
 */
int process_signal(struct process *process, const siginfo_t *info);
/* A signal that the thread caused and cannot evade: blocked or ignored, it kills. */
void thread_force_signal(struct thread *thread, const siginfo_t *info);

/* The stop signal that was taken last still holds.  Linux: JOBCTL_STOP_DEQUEUED */
bool signals_may_stop(struct signals *signals);

/* Take a pending signal out of @set.  => its number, or 0 */
int signals_take(struct signals *signals, uint64_t set, siginfo_t *info);

/* sigaction(): the old action, the new one; either may be NULL. */
void process_sigaction(struct process *process, int signo, const struct guest_sigaction *new,
		       struct guest_sigaction *old);

/* Is there something that a handler or a default action must be run for? */
bool thread_signal_pending(struct thread *thread);
/*
 * Before the guest goes on: run default actions, build the frame of a handler, restart or end the
 * system call that was interrupted.
 */
void thread_deliver_signals(struct thread *thread);

/* sigaltstack(), also for the frame that rt_sigreturn() restores.  => -EINVAL, -ENOMEM, -EPERM */
int thread_set_altstack(struct thread *thread, const stack_t *stack, unsigned long sp);
bool on_altstack(const struct thread *thread, unsigned long sp);

/* Set the mask; what was blocked and is pending is delivered before the guest goes on. */
void thread_set_blocked(struct thread *thread, uint64_t mask);

/* guest/sigframe.c: the frame on the guest's stack.  => -EFAULT: the stack is not there */
int sigframe_push(struct thread *thread, const struct guest_sigaction *action,
		  const siginfo_t *info, uint64_t mask);
int sigframe_pop(struct thread *thread);
