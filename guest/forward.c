// SPDX-License-Identifier: MIT
/*
 * forward.c - signals that Godwit gets are the guests'
 *
 * All threads block them, and one waits for them, so that none interrupts Godwit itself.  Left as
 * they are: those that mean Godwit's own faults, SIGTTIN and SIGTTOU (the terminal driver treats who
 * blocks them as somebody who must not be stopped).  SIGCHLD tells of stubs, which are Godwit's only
 * children.
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
#include <time.h>

#include "family.h"
#include "interrupt.h"
#include "message.h"
#include "process.h"

#define AGAIN_NS 1000000000ul

struct forwarder {
	struct world *world;
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

/* sys_time.c: every guest's real-time timer is one of the host's that names it. */
static bool is_timer_of_guest(const siginfo_t *info)
{
	return info->si_signo == SIGALRM && info->si_code == SI_TIMER && info->si_int > 0;
}

static const siginfo_t alarm_info = { .si_signo = SIGALRM, .si_code = SI_KERNEL };

static bool is_impatient(struct forwarder *forwarder)
{
	uint64_t now = now_ns(), last = forwarder->last_interrupt_ns;

	forwarder->last_interrupt_ns = now;
	return last && now - last < AGAIN_NS;
}

/*
 * The terminal means its foreground group, and whoever continues Godwit means all that stopped with
 * it.  Else it is somebody who knows one pid, Godwit's, which is the first guest's.
 */
static bool is_for_group(const siginfo_t *info)
{
	return info->si_signo == SIGCONT ||
	       (info->si_code == SI_KERNEL && info->si_signo != SIGALRM);
}

static void forward(struct forwarder *forwarder, const siginfo_t *info)
{
	struct world *world = forwarder->world;

	if (info->si_signo == SIGCHLD) {
		family_look_after_stubs(&world->family);
	} else if (info->si_signo == SIGINT && is_impatient(forwarder)) {
		message("interrupted twice: the program is killed");
		world->first->said_why = true;
		family_kill_all(&world->family);
	} else if (is_timer_of_guest(info)) {
		family_kill(&world->family, NULL, info->si_int, &alarm_info);
	} else if (is_for_group(info)) {
		family_signal_foreground(world, info);
	} else {
		family_signal_first(world, info);
	}
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
	static const int own[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGSYS,	 SIGABRT,
				   SIGTTIN, SIGTTOU, SIGPROF, SIGPIPE, SIGXFSZ, SIGKILL, SIGSTOP };

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(set, own[i]);
}

static void ignore(int signo, struct sigaction *old)
{
	const struct sigaction action = { .sa_handler = SIG_IGN };

	sigaction(signo, &action, old);
}

int forward_start(struct world *world, struct forwarder **out)
{
	struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
	sigset_t interrupt;
	int err;

	if (!forwarder)
		return -ENOMEM;
	forwarder->world = world;
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

/* What came too late for the guests must not end Godwit in their stead. */
static void drop_late_signals(const sigset_t *set)
{
	const struct timespec now = { 0 };

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
