// SPDX-License-Identifier: MIT
/*
 * exec_self.c - fails when execve loses what must stay, keeps what must go, or errs otherwise
 *
 * The program replaces itself: by its own name, through a chain of scripts, and in vain.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static char *program;

static void handler(int signo)
{
	(void)signo;
}

static void write_file(const char *path, const char *text, size_t len, int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, (mode_t)mode))
		exit(2);
	close(fd);
}

static void try(const char *what, const char *path, char **argv)
{
	char *nothing[] = { "nothing", NULL };

	execve(path, argv ? argv : nothing, environ);
	printf("%s: %s\n", what, strerrorname_np(errno));
}

static char *repeat(char c, size_t len)
{
	char *text = malloc(len + 1);

	memset(text, c, len);
	text[len] = '\0';
	return text;
}

static void errors(void)
{
	char *one_too_long[] = { "x", repeat('a', 131072), NULL };
	char *many[200];

	try("missing", "./missing", NULL);
	try("empty name", "", NULL);
	try("directory", ".", NULL);
	try("under a file", "./garbage/x", NULL);
	write_file("garbage", "\1\2\3\4garbage", 12, 0755);
	try("garbage", "./garbage", NULL);
	write_file("empty", "", 0, 0755);
	try("empty", "./empty", NULL);
	write_file("plain", "#!/bin/sh\n", 10, 0644);
	try("not executable", "./plain", NULL);
	write_file("lost", "#!./no-such-interpreter\n", 24, 0755);
	try("script without interpreter", "./lost", NULL);
	write_file("loop", "#!./loop\n", 9, 0755);
	try("script of itself", "./loop", NULL);
	write_file("bare", "#!   \n", 6, 0755);
	try("script of nothing", "./bare", NULL);
	write_file("half", "\177ELF\2\1\1", 7, 0755);
	try("half a header", "./half", NULL);
	try("argument too long", program, one_too_long);
	for (int i = 0; i < 199; i++)
		many[i] = repeat('b', 100000);
	many[199] = NULL;
	try("arguments too many", program, many);
	try("bad address", (char *)8, NULL);
	try("bad vector", program, (char **)8);
	for (int i = 0; i < 199; i++)
		free(many[i]);
	free(one_too_long[1]);
}

static void prepare(void)
{
	sigset_t set;

	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	raise(SIGTERM);
	dup2(1, 40);
	dup2(1, 41);
	fcntl(41, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "before");
	setenv("KEPT", "yes", 1);
	umask(077);
}

static void inspect(void)
{
	struct sigaction one, two;
	sigset_t mask, pending;
	char name[16];

	sigaction(SIGUSR1, NULL, &one);
	sigaction(SIGUSR2, NULL, &two);
	printf("handler forgotten: %d, still ignored: %d\n", one.sa_handler == SIG_DFL,
	       two.sa_handler == SIG_IGN);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigpending(&pending);
	printf("still blocked: %d, still pending: %d\n", sigismember(&mask, SIGTERM),
	       sigismember(&pending, SIGTERM));
	printf("descriptors: %d %d\n", fcntl(40, F_GETFD), fcntl(41, F_GETFD));
	prctl(PR_GET_NAME, name);
	printf("name: %s, environment: %s, mask: %o\n", name, getenv("KEPT"), umask(022));
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* ./outer leads to ./inner, which leads here; each line adds what it says. */
static void through_scripts(void)
{
	char line[1024];
	char *argv[] = { "lost-name", "scripted", "with space", "", NULL };
	int len = snprintf(line, sizeof(line), "#! %s  inner option \nrest\n", program);

	if (len > 250)
		exit(2);
	write_file("inner", line, (size_t)len, 0755);
	write_file("outer", "#!./inner\n", 10, 0755);
	fflush(stdout);
	try("scripts", "./outer", argv);
}

int main(int argc, char **argv)
{
	const char *stage = argc > 1 ? argv[1] : "first";
	char *again[] = { argv[0], "second", "20", NULL };
	int left = argc > 2 ? atoi(argv[2]) : 0;

	program = realpath("/proc/self/exe", NULL);
	if (strcmp(stage, "first") == 0) {
		errors();
		prepare();
	} else if (strcmp(stage, "second") == 0) {
		char number[16];

		if (left == 20)
			inspect();
		if (left == 0)
			through_scripts();
		snprintf(number, sizeof(number), "%d", left - 1);
		again[2] = strdup(number);
	} else {
		for (int i = 0; i < argc; i++)
			printf("argv[%d] = \"%s\"\n", i, i ? argv[i] : strrchr(argv[i], '/'));
		return 7;
	}
	fflush(stdout);
	try("itself", program, again);
	return 1;
}
