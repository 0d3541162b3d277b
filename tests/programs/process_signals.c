// SPDX-License-Identifier: MIT
/*
 * process_signals.c - fails when processes signal, stop, continue or group each other otherwise than
 * on Linux
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

static volatile sig_atomic_t nr_caught, last_code, last_value;
static volatile pid_t last_pid;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	nr_caught++;
	last_code = info->si_code;
	last_pid = info->si_pid;
	last_value = info->si_value.sival_int;
}

static void install(int signo, int flags)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };

	sigaction(signo, &action, NULL);
	nr_caught = 0;
}

static sigset_t block(int signo)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, &old);
	return old;
}

/* ---- SIGCHLD ---------------------------------------------------------------------------------------- */

static void death_of_a_child(void)
{
	sigset_t old = block(SIGCHLD);
	pid_t pid;

	install(SIGCHLD, 0);
	pid = fork();
	if (!pid)
		_exit(3);
	while (!nr_caught)
		sigsuspend(&old);
	say("SIGCHLD: code %d, from %s, wait %s\n", (int)last_code,
	    last_pid == pid ? "the child" : "another",
	    waitpid(pid, NULL, WNOHANG) == pid ? "ok" : "?");
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGCHLD, SIG_DFL);
}

/*
 * A child that signals its parent until told to stop, or @times, so that one signal must meet a
 * sleep.  => its pid; *@gate: to be closed
 */
static pid_t pester(int times, int *gate)
{
	pid_t pid, parent = getpid();
	int fds[2];

	if (pipe(fds))
		abort();
	pid = fork();
	if (!pid) {
		struct pollfd poll_gate = { .fd = fds[0], .events = POLLIN };

		close(fds[1]);
		while (times-- && poll(&poll_gate, 1, 5) == 0)
			kill(parent, SIGUSR1);
		_exit(4);
	}
	close(fds[0]);
	*gate = fds[1];
	return pid;
}

static void interrupted_wait(int flags)
{
	pid_t pid, got;
	int status = 0, gate;

	install(SIGUSR1, flags);
	pid = pester(flags ? 10 : -1, &gate);
	got = waitpid(pid, &status, 0);
	say("interrupted wait, %s: %s, %s\n", flags ? "restarted" : "not restarted",
	    got == pid ? "child" : error(got), nr_caught ? "caught" : "nothing came");
	close(gate);
	while (got != pid)
		got = waitpid(pid, &status, 0);
	say("status %x\n", (unsigned int)status);
}

static void interrupted_read(void)
{
	int fds[2], gate;
	pid_t pid;
	char c;

	if (pipe(fds))
		abort();
	install(SIGUSR1, 0);
	pid = pester(-1, &gate);
	say("interrupted read: %s\n", error(read(fds[0], &c, 1)));
	close(gate);
	while (waitpid(pid, NULL, 0) != pid)
		;
	close(fds[0]);
	close(fds[1]);
}

/* ---- Between processes --------------------------------------------------------------------------------- */

static void ping_pong(void)
{
	enum { ROUNDS = 300 };
	sigset_t old = block(SIGUSR1);
	pid_t pid, parent = getpid();
	int status;

	install(SIGUSR1, 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < ROUNDS; i++) {
			while (nr_caught <= i)
				sigsuspend(&old);
			kill(parent, SIGUSR1);
		}
		_exit(nr_caught == ROUNDS ? 0 : 1);
	}
	for (int i = 0; i < ROUNDS; i++) {
		kill(pid, SIGUSR1);
		while (nr_caught <= i)
			sigsuspend(&old);
	}
	waitpid(pid, &status, 0);
	say("ping-pong: %d, %x\n", (int)nr_caught, (unsigned int)status);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void queued_values(void)
{
	int signo = SIGRTMIN + 3, sum = 0, status;
	sigset_t old = block(signo), set;
	struct timespec time = { .tv_sec = 10 };
	pid_t pid, parent = getpid();
	siginfo_t info;

	pid = fork();
	if (!pid) {
		for (int i = 1; i <= 20; i++)
			if (sigqueue(parent, signo, (union sigval){ .sival_int = i * i }))
				_exit(1);
		_exit(0);
	}
	sigemptyset(&set);
	sigaddset(&set, signo);
	for (int i = 0; i < 20; i++) {
		if (sigtimedwait(&set, &info, &time) != signo || info.si_pid != pid)
			abort();
		sum = sum * 3 + info.si_value.sival_int;
	}
	waitpid(pid, &status, 0);
	say("queued: %d, %x, code %d\n", sum, (unsigned int)status, info.si_code);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void fork_for_ever(void)
{
	for (;;) {
		if (!fork())
			_exit(0);
		wait(NULL);
	}
}

static void be_somewhere(int where)
{
	switch (where) {
	case 0:
		pause();
		return;
	case 1:
		for (volatile unsigned long n = 0;; n++)
			;
	case 2:
		kill(getpid(), SIGSTOP);
		return;
	default:
		fork_for_ever();
	}
}

static void killed_wherever_it_is(void)
{
	sigset_t old = block(SIGTERM);
	int status;

	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid) {
			be_somewhere(i);
			_exit(1);
		}
		usleep(20000);
		kill(pid, SIGTERM);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		say("killed: %x\n", (unsigned int)status);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void timers(void)
{
	struct itimerval value = { .it_value.tv_usec = 20000 }, left;
	pid_t pid;
	int status;

	install(SIGALRM, 0);
	alarm(1000);
	pid = fork();
	if (!pid) {
		sigset_t old = block(SIGALRM);

		/* Not inherited; its own comes to it alone. */
		getitimer(ITIMER_REAL, &left);
		setitimer(ITIMER_REAL, &value, NULL);
		sigsuspend(&old);
		_exit(left.it_value.tv_sec == 0 && nr_caught == 1 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	say("a child's timer: %x, here %d, alarm left %s\n", (unsigned int)status, (int)nr_caught,
	    alarm(0) >= 900 ? "yes" : "no");
}

/* ---- Stopping --------------------------------------------------------------------------------------------- */

/* => how the child that @pid was told of changed */
static unsigned int next_status(pid_t pid, int options)
{
	int status;

	while (waitpid(pid, &status, options) != pid)
		if (errno != EINTR)
			abort();
	return (unsigned int)status;
}

/* What comes while it is stopped waits until it goes on. */
static void stops_and_goes_on(void)
{
	int status;
	pid_t pid;

	install(SIGCHLD, 0);
	pid = fork();
	if (!pid) {
		install(SIGUSR2, 0);
		raise(SIGSTOP);
		raise(SIGSTOP);
		_exit(nr_caught);
	}
	say("stopped: %x, ", next_status(pid, WUNTRACED));
	say("again: %d, SIGCHLD code %d\n", waitpid(pid, &status, WUNTRACED | WNOHANG),
	    (int)last_code);
	kill(pid, SIGUSR2);
	usleep(20000);
	say("not while it is stopped: %d\n", waitpid(pid, &status, WNOHANG));
	kill(pid, SIGCONT);
	say("stopped: %x, ", next_status(pid, WUNTRACED));
	kill(pid, SIGCONT);
	say("then: %x\n", next_status(pid, 0));
}

static void stops(void)
{
	siginfo_t info = { 0 };
	pid_t pid;

	stops_and_goes_on();
	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		pause();
	}
	say("%s ", error(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT)));
	say("waitid: code %d status %d, ", info.si_code, info.si_status);
	say("once more %x\n", next_status(pid, WUNTRACED));
	kill(pid, SIGCONT);
	say("%s ", error(waitid(P_PID, (id_t)pid, &info, WCONTINUED)));
	say("waitid: code %d status %d\n", info.si_code, info.si_status);
	kill(pid, SIGSTOP);
	kill(pid, SIGCONT);
	kill(pid, SIGTERM);
	say("end: %x\n", next_status(pid, 0));
}

/* ---- Groups and sessions ------------------------------------------------------------------------------------ */

static void groups(void)
{
	pid_t own = getpgrp(), pids[4];
	int status, sum = 0;

	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			pause();
			_exit(1);
		}
		/* Two of two. */
		if (setpgid(pids[i], pids[i & ~1]))
			say("setpgid: %s\n", error(-1));
	}
	say("in the first's group: %d %d %d\n", getpgid(pids[1]) == pids[0],
	    getpgid(pids[3]) == pids[2], getpgrp() == own);
	say("no such group: %s, not a child: %s, negative: %s\n", error(setpgid(pids[1], 1)),
	    error(setpgid(getppid(), 0)), error(setpgid(pids[0], -4)));
	kill(-pids[2], SIGTERM);
	for (int i = 0; i < 2; i++) {
		pid_t pid = waitpid(-pids[2], &status, 0);

		sum += (pid == pids[2]) + 2 * (pid == pids[3]) + 10 * status;
	}
	say("the second group: %d, left %s\n", sum, error(waitpid(-pids[2], &status, 0)));
	say("signal to nobody: %s, 0 to the others: %s\n", error(kill(-pids[2], SIGTERM)),
	    error(kill(-pids[0], 0)));
	kill(pids[0], SIGKILL);
	kill(pids[1], SIGHUP);
	waitpid(pids[0], &status, 0);
	say("first %x, ", (unsigned int)status);
	waitpid(pids[1], &status, 0);
	say("second %x\n", (unsigned int)status);
}

/* As a shell has it whose job was faster than the shell. */
static void group_of_the_dead(void)
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	say("setpgid of the dead: %s, ", error(setpgid(pid, pid)));
	say("their group: %d\n", getpgid(pid) == pid);
	waitpid(pid, NULL, 0);
}

static void own_group(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		setpgid(0, 0);
		install(SIGUSR1, 0);
		for (int i = 0; i < 3; i++) {
			if (!fork()) {
				while (!nr_caught)
					usleep(1000);
				_exit(0);
			}
		}
		kill(0, SIGUSR1);
		while (wait(&status) > 0)
			if (status)
				_exit(1);
		_exit(nr_caught == 1 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	say("kill(0): %x\n", (unsigned int)status);
}

static void sessions(void)
{
	pid_t sid = getsid(0), pid = fork();
	int status;

	if (!pid) {
		say("setsid %s, ", setsid() == getpid() ? "ok" : "failed");
		say("group %d, session %d, again %s, setpgid %s\n", getpgrp() == getpid(),
		    getsid(0) == getpid() && getsid(0) != sid, error(setsid()),
		    error(setpgid(0, 0)));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	pid = fork();
	if (!pid) {
		setsid();
		pause();
	}
	while (getsid(pid) != pid)
		usleep(1000);
	say("of another session: %s\n", error(setpgid(pid, getpgrp())));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void after_exec(const char *self)
{
	pid_t pid;
	int gate[2];
	char c;

	if (pipe(gate))
		abort();
	pid = fork();
	if (!pid) {
		dup2(gate[1], 3);
		close(gate[0]);
		execl(self, self, "pause", NULL);
		_exit(1);
	}
	if (read(gate[0], &c, 1) != 1)
		abort();
	say("setpgid after exec: %s\n", error(setpgid(pid, pid)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		if (write(3, "x", 1) == 1 || write(4, "x", 1) == 1)
			pause();
		return 1;
	}
	/* Whoever runs this may ignore what would stop it. */
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	death_of_a_child();
	interrupted_wait(0);
	interrupted_wait(SA_RESTART);
	interrupted_read();
	ping_pong();
	queued_values();
	killed_wherever_it_is();
	timers();
	stops();
	groups();
	group_of_the_dead();
	own_group();
	sessions();
	after_exec(argv[0]);
	return 0;
}
