// SPDX-License-Identifier: MIT
/*
 * interrupted.c - fails when a signal does not end a wait, ends the wrong one, or is lost
 *
 * Each wait is for ever, or for far too long; a timer's signal comes a moment later.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int nr_signals;
static const struct timespec five_seconds = { 5, 0 };

static void count(int signo)
{
	(void)signo;
	nr_signals++;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };

	sigaction(SIGALRM, &action, NULL);
}

static void soon(void)
{
	const struct itimerval timer = { .it_value = { 0, 30000 } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void print(const char *what, long result)
{
	printf("%s: %ld %s, %d signals\n", what, result, result < 0 ? strerrorname_np(errno) : "",
	       nr_signals);
	nr_signals = 0;
}

static void waits_end(void)
{
	struct timespec left = { 0, 0 };
	char byte;
	int fds[2];

	handle(0);
	if (pipe(fds))
		return;
	soon();
	print("read", read(fds[0], &byte, 1));
	soon();
	print("poll", poll(NULL, 0, 5000));
	soon();
	print("select", select(0, NULL, NULL, NULL, NULL));
	soon();
	print("pause", pause());
	soon();
	print("nanosleep", nanosleep(&five_seconds, &left));
	printf("left: %ld\n", (long)left.tv_sec);
	soon();
	print("clock_nanosleep", -clock_nanosleep(CLOCK_REALTIME, 0, &five_seconds, &left));
	printf("left: %ld\n", (long)left.tv_sec);
	close(fds[0]);
	close(fds[1]);
}

/* The mask for the wait lets the signal through; the old one is back when it has ended. */
static void masks_for_a_wait(void)
{
	sigset_t alarm_set, none, now;

	sigemptyset(&none);
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm_set, NULL);
	soon();
	print("sigsuspend", sigsuspend(&none));
	soon();
	print("ppoll", ppoll(NULL, 0, &five_seconds, &none));
	soon();
	print("pselect", pselect(0, NULL, NULL, NULL, &five_seconds, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("blocked again: %d\n", sigismember(&now, SIGALRM));
	print("pselect in time",
	      pselect(0, NULL, NULL, NULL, &(struct timespec){ 0, 1000 }, &none));
	sigprocmask(SIG_UNBLOCK, &alarm_set, NULL);
}

static void waiting_for_signals(void)
{
	const struct timespec moment = { 0, 10000000 };
	sigset_t set, pending;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	soon();
	print("sigtimedwait", sigtimedwait(&set, &info, &five_seconds));
	printf("signal %d, from the kernel: %d\n", info.si_signo, info.si_code > 0);
	print("sigtimedwait in vain", sigtimedwait(&set, &info, &moment));
	raise(SIGALRM);
	sigpending(&pending);
	printf("pending: %d\n", sigismember(&pending, SIGALRM));
	print("sigwaitinfo", sigwaitinfo(&set, &info));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Another signal than those that are waited for. */
	sigdelset(&set, SIGALRM);
	sigaddset(&set, SIGUSR1);
	soon();
	print("sigtimedwait, another", sigtimedwait(&set, &info, &five_seconds));
}

/* A signal that is ignored ends nothing. */
static void ignored(void)
{
	const struct timespec moment = { 0, 60000000 };

	signal(SIGALRM, SIG_IGN);
	soon();
	print("ignored", nanosleep(&moment, NULL));
	handle(0);
}

/* Real-time signals queue, with what they carry, in order. */
static void queued(void)
{
	const int signo = SIGRTMIN + 1;
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 4; i++)
		sigqueue(getpid(), signo, (union sigval){ .sival_int = 10 + i });
	raise(SIGUSR1);
	raise(SIGUSR1);
	for (int i = 0; i < 6; i++) {
		memset(&info, 0, sizeof(info));
		if (sigtimedwait(&set, &info, &(struct timespec){ 0, 0 }) < 0)
			printf("none: %s\n", strerrorname_np(errno));
		else
			printf("signal %d, code %d, value %d\n", info.si_signo - signo,
			       info.si_code, info.si_signo == signo ? info.si_value.sival_int : 0);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* A computation without a single call hears of a timer, each time. */
static void computing(void)
{
	const struct itimerval timer = { { 0, 10000 }, { 0, 10000 } }, off = { 0 };

	handle(SA_RESTART);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (nr_signals < 20)
		;
	setitimer(ITIMER_REAL, &off, NULL);
	printf("computing: %d\n", nr_signals >= 20);
	nr_signals = 0;
}

int main(void)
{
	waits_end();
	masks_for_a_wait();
	waiting_for_signals();
	ignored();
	queued();
	computing();
	return 0;
}
