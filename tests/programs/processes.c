// SPDX-License-Identifier: MIT
/*
 * processes.c - fails when a child is not what it is on Linux: its memory, its end, its descriptors
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

#define PAGE 4096ul

/* Run @body in a child, and return how it ended. */
static int in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(body());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

/* ---- Memory ---------------------------------------------------------------------------------------- */

static int in_data = 1, in_bss;
static __thread int in_tls = 3;
static unsigned char *pages;
#define NR_PAGES 64

static unsigned long sum_pages(void)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < NR_PAGES * PAGE; i++)
		sum = sum * 31 + pages[i];
	return sum;
}

/* Each generation changes its own, and the one before must not see it. */
static unsigned long generation(int depth)
{
	volatile int on_stack = depth;
	unsigned long before, sum;
	int status;
	pid_t pid;

	for (unsigned long i = (unsigned long)depth; i < NR_PAGES; i += 2)
		pages[i * PAGE + 7] += (unsigned char)(depth + 1);
	before = sum_pages();
	if (depth == 6)
		return before;
	pid = fork();
	if (!pid) {
		sum = generation(depth + 1);
		say("generation %d: %lx, tls %d\n", depth + 1, sum, in_tls);
		_exit((int)(sum & 0x3f));
	}
	in_tls++;
	waitpid(pid, &status, 0);
	if (sum_pages() != before || on_stack != depth)
		say("generation %d was changed by its child\n", depth);
	say("child of %d: status %x\n", depth, (unsigned int)status);
	return before;
}

static int change_all(void)
{
	in_data = 10;
	in_bss = 20;
	in_tls = 30;
	memset(pages, 0xee, NR_PAGES * PAGE);
	return in_data + in_bss + in_tls;
}

static void memory(void)
{
	unsigned long sum;

	pages = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	pages[5] = 55;
	sum = sum_pages();
	say("child changes all: %x, here %d %d %d, %s\n", (unsigned int)in_child(change_all),
	    in_data, in_bss, in_tls, sum == sum_pages() ? "same" : "changed");
	say("%lx\n", generation(0));
}

static int look_at_advised(void)
{
	const unsigned char *wiped = pages + 2 * PAGE;
	unsigned char vec;

	/* What is not there cannot be asked about. */
	return wiped[0] * 2 + (mincore(pages, PAGE, &vec) < 0 && errno == ENOMEM);
}

static void advice(void)
{
	pages[2 * PAGE] = 9;
	madvise(pages, PAGE, MADV_DONTFORK);
	madvise(pages + 2 * PAGE, PAGE, MADV_WIPEONFORK);
	say("dontfork, wipeonfork: %x\n", (unsigned int)in_child(look_at_advised));
	say("here %d\n", pages[2 * PAGE]);
	madvise(pages, PAGE, MADV_DOFORK);
}

/* Many at once, each with its own copies of the same pages. */
static void crowd(void)
{
	unsigned long before = sum_pages(), total = 0;
	int status;

	for (int i = 0; i < 12; i++) {
		if (fork())
			continue;
		for (int round = 0; round < 40; round++)
			for (unsigned long at = 0; at < NR_PAGES * PAGE; at += PAGE / 2)
				pages[at] = (unsigned char)(pages[at] + i);
		for (unsigned long at = 0; at < NR_PAGES * PAGE; at += PAGE / 2)
			total += pages[at];
		_exit((int)(total & 0x7f));
	}
	while (wait(&status) > 0)
		total += (unsigned long)WEXITSTATUS(status);
	say("crowd: %lu, %s\n", total, before == sum_pages() ? "same" : "changed");
}

static void registers(void)
{
	volatile double numbers[4] = { 1.5, 2.25, -3.125, 1e100 };
	uint32_t mxcsr = 0x3f80, got = 0; /* round down */
	uint16_t control = 0x77f, got_control = 0;
	pid_t pid;
	double sum;

	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
	sum = numbers[0] * numbers[1] + numbers[2];
	pid = fork();
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(got), "=m"(got_control));
	if (!pid) {
		say("floating point: %g %x %x\n", sum + numbers[3] * 0, got & 0x7f80, got_control);
		_exit(0);
	}
	wait(NULL);
	mxcsr = 0x1f80;
	control = 0x37f;
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
}

/* ---- Waiting ------------------------------------------------------------------------------------------ */

static int exit_300(void)
{
	return 300;
}

static int die_by_kill(void)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static void *volatile nowhere = NULL;

static int die_by_fault(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	*(volatile int *)nowhere = 1;
	return 0;
}

static void ends(void)
{
	say("exit 300: %x\n", (unsigned int)in_child(exit_300));
	say("SIGKILL: %x\n", (unsigned int)in_child(die_by_kill));
	say("fault: %x\n", (unsigned int)(in_child(die_by_fault) & ~0x80));
	say("no child: %s\n", error(wait(NULL)));
	say("no such option: %s\n", error(waitpid(-1, NULL, 0x1000)));
	say("not a child: %s\n", error(waitpid(getppid(), NULL, 0)));
}

static void say_info(const char *what, const siginfo_t *info, pid_t pid)
{
	say("%s: signo %d code %d pid %s status %d\n", what, info->si_signo, info->si_code,
	    info->si_pid == pid ? "child"
	    : info->si_pid	? "other"
				: "0",
	    info->si_status);
}

static void zombies(void)
{
	siginfo_t info;
	int gate[2];
	pid_t pid;
	char c;

	if (pipe(gate))
		abort();
	pid = fork();
	if (!pid) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) == 0 ? 12 : 13);
	}
	close(gate[0]);
	memset(&info, 0, sizeof(info));
	say("not yet: %d\n", waitpid(pid, NULL, WNOHANG));
	say("not yet: %s ", error(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG)));
	say_info("info", &info, pid);
	close(gate[1]);
	say("%s ", error(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT)));
	say_info("left", &info, pid);
	say("a zombie: kill %s, getpgid %s\n", error(kill(pid, 0)),
	    getpgid(pid) == getpgrp() ? "ours" : "other");
	say("%s ", error(waitid(P_ALL, 0, &info, WEXITED)));
	say_info("taken", &info, pid);
	say("gone: kill %s, waitid %s\n", error(kill(pid, 0)),
	    error(waitid(P_PID, (id_t)pid, &info, WEXITED)));
}

static void ignored_children(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	signal(SIGCHLD, SIG_IGN);
	if (!fork())
		_exit(1);
	say("ignored: %s\n", error(wait(NULL)));
	sigaction(SIGCHLD, &action, NULL);
	if (!fork())
		_exit(1);
	say("SA_NOCLDWAIT: %s\n", error(wait(NULL)));
	signal(SIGCHLD, SIG_DFL);
}

static void orphans(void)
{
	int out[2], in[2], status;
	pid_t pid, middle = 0;
	char c = 0;

	if (pipe(out) || pipe(in))
		abort();
	pid = fork();
	if (!pid) {
		middle = getpid();
		if (!fork()) {
			close(in[1]);
			c = getppid() == middle;
			/* Until the middle one is gone. */
			if (read(in[0], &c, 1) == 0)
				c = getppid() != middle ? 'o' : 'c';
			_exit(write(out[1], &c, 1) != 1);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(in[1]);
	if (read(out[0], &c, 1) != 1)
		abort();
	say("an orphan: %c, to wait for: %s\n", c, error(wait(NULL)));
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

/* ---- Pipes ---------------------------------------------------------------------------------------------- */

static void on_pipe(int signo)
{
	say("signal %d\n", signo);
}

static void nobody_reads(void)
{
	int fds[2];

	if (pipe(fds))
		abort();
	close(fds[0]);
	signal(SIGPIPE, on_pipe);
	say("nobody reads: %s\n", error(write(fds[1], "x", 1)));
	signal(SIGPIPE, SIG_DFL);
	if (!fork())
		_exit(write(fds[1], "x", 1) == 1);
	wait(&fds[0]);
	say("killed by it: %x\n", (unsigned int)fds[0]);
	close(fds[1]);
}

static void poll_pipe(void)
{
	struct timeval time = { .tv_usec = 1000 };
	struct pollfd poll_in;
	fd_set set;
	int fds[2];
	char text[8] = "";

	if (pipe2(fds, O_NONBLOCK))
		abort();
	say("empty: %s\n", error(read(fds[0], text, 1)));
	poll_in = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	say("poll %d, select %d\n", poll(&poll_in, 1, 1),
	    select(fds[0] + 1, &set, NULL, NULL, &time));
	if (!fork()) {
		usleep(20000);
		_exit(write(fds[1], "late", 5) != 5);
	}
	close(fds[1]);
	say("poll %d ", poll(&poll_in, 1, -1));
	say("events %x, ", (unsigned int)poll_in.revents & POLLIN);
	say("read %zd %s\n", read(fds[0], text, sizeof(text)), text);
	wait(NULL);
	say("poll %d ", poll(&poll_in, 1, -1));
	say("events %x, read %zd\n", (unsigned int)poll_in.revents, read(fds[0], text, 1));
	close(fds[0]);
}

/* More than fits, through a chain of three. */
static void long_pipe(void)
{
	enum { TOTAL = 3000000 };
	static unsigned char block[10000];
	unsigned long sum = 0, total = 0;
	int in[2], out[2];
	ssize_t n;

	if (pipe(in) || pipe(out))
		abort();
	if (!fork()) {
		for (unsigned long at = 0; at < TOTAL; at += sizeof(block)) {
			for (size_t i = 0; i < sizeof(block); i++)
				block[i] = (unsigned char)((at + i) * 7 >> 3);
			for (size_t done = 0; done < sizeof(block); done += (size_t)n) {
				n = write(in[1], block + done, sizeof(block) - done);
				if (n < 0)
					_exit(1);
			}
		}
		_exit(0);
	}
	close(in[1]);
	if (!fork()) {
		while ((n = read(in[0], block, 777)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				block[i] ^= 0x55;
			if (write(out[1], block, (size_t)n) != n)
				_exit(1);
		}
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	while ((n = read(out[0], block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 33 + block[i];
		total += (unsigned long)n;
	}
	close(out[0]);
	while (wait(NULL) > 0)
		;
	say("through pipes: %lu bytes, %lx\n", total, sum);
}

/* ---- What is shared and what is not -------------------------------------------------------------------------- */

static int file;

static int move_on(void)
{
	char c;

	umask(077);
	return read(file, &c, 1) == 1 && lseek(file, 3, SEEK_CUR) == 4 && !chdir("/") &&
	       !fcntl(file, F_SETFL, O_APPEND) && !close(file);
}

static void descriptors(void)
{
	char cwd[512], now[512];

	umask(022);
	file = open("offsets", O_RDWR | O_CREAT, 0666);
	if (write(file, "0123456789", 10) != 10 || lseek(file, 0, SEEK_SET) || !getcwd(cwd, 512))
		abort();
	say("child: %x, ", (unsigned int)in_child(move_on));
	say("offset here %ld, flags %x, ", (long)lseek(file, 0, SEEK_CUR),
	    (unsigned int)fcntl(file, F_GETFL) & O_APPEND);
	say("umask %o, cwd %s\n", umask(022), getcwd(now, 512) && !strcmp(now, cwd) ? "same" : "?");
	say("dup2 to itself %d, to -1 %s, of -1 %s\n", dup2(file, file), error(dup2(file, -1)),
	    error(dup2(-1, 5)));
	say("dup3 to itself %s; F_DUPFD from 40: %d\n", error(dup3(file, file, 0)),
	    fcntl(file, F_DUPFD, 40));
	close(40);
	close(file);
}

static int count_calls(void)
{
	static int calls;

	return ++calls;
}

static int inherited(void)
{
	struct rlimit limit;
	sigset_t set;

	sigpending(&set);
	if (sigismember(&set, SIGUSR2))
		return 1;
	sigprocmask(SIG_BLOCK, NULL, &set);
	getrlimit(RLIMIT_NOFILE, &limit);
	return !sigismember(&set, SIGUSR2) + 2 * (limit.rlim_cur != 100) + 4 * (count_calls() != 1);
}

static void inheritance(void)
{
	struct rlimit limit, old;
	sigset_t set;

	getrlimit(RLIMIT_NOFILE, &old);
	limit = (struct rlimit){ 100, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &limit);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	say("inherited: %x\n", (unsigned int)in_child(inherited));
	sigpending(&set);
	say("still pending here: %d\n", sigismember(&set, SIGUSR2));
	signal(SIGUSR2, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR2, SIG_DFL);
	setrlimit(RLIMIT_NOFILE, &old);
}

/* ---- vfork and exec ---------------------------------------------------------------------------------------- */

static char *self;

static void vforks(void)
{
	volatile int seen = 0;
	pid_t pid = vfork();
	int status;

	if (!pid) {
		seen = 7;
		_exit(21);
	}
	say("vfork: its store is %d here, ", seen);
	waitpid(pid, &status, 0);
	say("status %x\n", (unsigned int)status);

	pid = vfork();
	if (!pid) {
		execl("/nonexistent", "nonexistent", NULL);
		seen = errno;
		_exit(22);
	}
	waitpid(pid, &status, 0);
	say("vfork and failed exec: %s, %x\n", errno_name(seen), (unsigned int)status);

	pid = vfork();
	if (!pid) {
		execl(self, self, "child", "vforked", NULL);
		_exit(23);
	}
	seen = 8;
	waitpid(pid, &status, 0);
	say("vfork's parent went on: %d\n", seen);
	say("vfork and exec: %x\n", (unsigned int)status);
}

static void spawns(void)
{
	char *args[] = { self, "child", "spawned", NULL }, *none[] = { NULL };
	posix_spawn_file_actions_t actions;
	char line[100] = "";
	int status, err, fds[2];
	pid_t pid;
	FILE *out;

	if (pipe2(fds, O_CLOEXEC))
		abort();
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	err = posix_spawn(&pid, self, &actions, NULL, args, none);
	say("spawn: %d\n", err);
	close(fds[1]);
	out = fdopen(fds[0], "r");
	while (fgets(line, sizeof(line), out))
		say("it said: %s", line);
	fclose(out);
	waitpid(pid, &status, 0);
	say("status %x\n", (unsigned int)status);
	err = posix_spawn(&pid, "/nonexistent", NULL, NULL, args, none);
	say("spawn of nothing: %s, %s\n", errno_name(err), error(wait(NULL)));
}

/* What the new program finds of the old one. */
static int child_main(const char *how)
{
	struct sigaction action;
	struct stat stat;

	sigaction(SIGUSR1, NULL, &action);
	say("%s: handler %s, descriptor 50 %s, 51 %s\n", how,
	    action.sa_handler == SIG_DFL ? "default" : "other", error(fstat(50, &stat)),
	    error(fstat(51, &stat)));
	return 33;
}

static void execs(void)
{
	int status;
	pid_t pid;

	signal(SIGUSR1, on_pipe);
	dup2(1, 50);
	fcntl(1, F_DUPFD_CLOEXEC, 51);
	pid = fork();
	if (!pid) {
		execl(self, self, "child", "executed", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	say("exec: %x\n", (unsigned int)status);
	close(50);
	close(51);
	signal(SIGUSR1, SIG_DFL);
}

/* ---- clone ---------------------------------------------------------------------------------------------------- */

static void clones(void)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .flags = 0, .exit_signal = SIGCHLD };
	int parent_tid = 0;
	long pid = syscall(SYS_clone, CLONE_PARENT_SETTID, NULL, &parent_tid, NULL, NULL);

	if (!pid)
		_exit(parent_tid != 0);
	say("clone: parent's word %s, ", parent_tid == pid ? "set" : "not set");
	say("wait %s, ", error(waitpid((pid_t)pid, NULL, 0)));
	say("with __WALL %s\n", waitpid((pid_t)pid, NULL, __WALL) == pid ? "ok" : "failed");
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		_exit(5);
	say("clone3: %s\n", waitpid((pid_t)pid, &parent_tid, 0) == pid ? "ok" : "failed");
	pid = syscall(SYS_clone, 255, NULL, NULL, NULL, NULL);
	if (!pid)
		_exit(6);
	say("with a number that is no signal: wait %s, ", error(waitpid((pid_t)pid, NULL, 0)));
	say("with __WALL %s\n", waitpid((pid_t)pid, NULL, __WALL) == pid ? "ok" : "failed");
	args.exit_signal = 200;
	say("no such signal: %s\n", error(syscall(SYS_clone3, &args, sizeof(args))));
	say("short: %s\n", error(syscall(SYS_clone3, &args, 8)));
	say("handlers without memory: %s\n", error(syscall(SYS_clone, CLONE_SIGHAND, NULL)));
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return child_main(argv[2]);
	self = argv[0];
	memory();
	advice();
	crowd();
	registers();
	ends();
	zombies();
	ignored_children();
	orphans();
	nobody_reads();
	poll_pipe();
	long_pipe();
	descriptors();
	inheritance();
	vforks();
	spawns();
	execs();
	clones();
	return 0;
}
