// SPDX-License-Identifier: MIT
/*
 * forward.c - signals that Godwit gets are the guest's
 *
 * All threads block them, and one waits for them, so that none interrupts Godwit itself.  Left as
 * they are: those that mean Godwit's own faults, SIGCHLD (the stub is its child), SIGTTIN and
 * SIGTTOU (the terminal driver treats who blocks them as somebody who must not be stopped).
 *
 * SIGPIPE and SIGXFSZ come from writes that Godwit makes for the guest.  They are ignored here, and
 * the guest gets its own when the write fails.
 *
 * A program that does not want to die from SIGINT dies from two of them in a second.
 */
#include "forward.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "interrupt.h"
#include "message.h"
#include "process.h"

#define AGAIN_NS 1000000000ul

struct forwarder {
	struct process *process;
	pthread_t thread;
	_Atomic bool stop;
	sigset_t set;	  /* what is waited for */
	sigset_t old_set; /* the mask before */
	struct sigaction old_pipe, old_xfsz;
	uint64_t last_interrupt_ns; /* 0: none yet */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_impatient(struct forwarder *forwarder)
{
	uint64_t now = now_ns(), last = forwarder->last_interrupt_ns;

	forwarder->last_interrupt_ns = now;
	return last && now - last < AGAIN_NS;
}

static void forward(struct forwarder *forwarder, const siginfo_t *info)
{
	const siginfo_t kill = { .si_signo = SIGKILL, .si_code = SI_KERNEL };

	if (info->si_signo == SIGINT && is_impatient(forwarder)) {
		message("interrupted twice: the program is killed");
		forwarder->process->said_why = true;
		process_signal(forwarder->process, &kill);
		return;
	}
	process_signal(forwarder->process, info);
}

static void *forward_main(void *arg)
{
	struct forwarder *forwarder = arg;
	siginfo_t info;

	while (!forwarder->stop) {
		if (sigwaitinfo(&forwarder->set, &info) < 0)
			continue;
		if (info.si_signo != HOST_INTERRUPT_SIGNAL)
			forward(forwarder, &info);
	}
	return NULL;
}

static void choose_signals(sigset_t *set)
{
	static const int own[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP,
				   SIGSYS,  SIGABRT, SIGCHLD, SIGTTIN, SIGTTOU,
				   SIGPROF, SIGPIPE, SIGXFSZ, SIGKILL, SIGSTOP };

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(set, own[i]);
}

static void ignore(int signo, struct sigaction *old)
{
	const struct sigaction action = { .sa_handler = SIG_IGN };

	sigaction(signo, &action, old);
}

int forward_start(struct process *process, struct forwarder **out)
{
	struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
	sigset_t interrupt;
	int err;

	if (!forwarder)
		return -ENOMEM;
	forwarder->process = process;
	choose_signals(&forwarder->set);
	ignore(SIGPIPE, &forwarder->old_pipe);
	ignore(SIGXFSZ, &forwarder->old_xfsz);
	pthread_sigmask(SIG_BLOCK, &forwarder->set, &forwarder->old_set);
	err = pthread_create(&forwarder->thread, NULL, forward_main, forwarder);
	/* The thread that waits for it takes it as any other; here it has its handler. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, HOST_INTERRUPT_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
	if (err) {
		pthread_sigmask(SIG_SETMASK, &forwarder->old_set, NULL);
		free(forwarder);
		return -err;
	}
	*out = forwarder;
	return 0;
}

/*
 * The guest's alarm is nobody's any more, and what came too late for the guest must not end Godwit
 * in its stead.
 */
static void drop_late_signals(const sigset_t *set)
{
	const struct itimerval off = { 0 };
	const struct timespec now = { 0 };

	setitimer(ITIMER_REAL, &off, NULL);
	while (sigtimedwait(set, NULL, &now) > 0)
		;
}

void forward_stop(struct forwarder *forwarder)
{
	forwarder->stop = true;
	pthread_kill(forwarder->thread, HOST_INTERRUPT_SIGNAL);
	pthread_join(forwarder->thread, NULL);
	drop_late_signals(&forwarder->set);
	sigaction(SIGPIPE, &forwarder->old_pipe, NULL);
	sigaction(SIGXFSZ, &forwarder->old_xfsz, NULL);
	pthread_sigmask(SIG_SETMASK, &forwarder->old_set, NULL);
	free(forwarder);
}
