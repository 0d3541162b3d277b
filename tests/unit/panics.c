// SPDX-License-Identifier: MIT
/* panics.c - a broken invariant must be noticed: the test for that, in a child process */
#include "fixture.h"

#include "panics.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "threads.h"

#define EXIT_PANIC    77
#define MESSAGE_SIZE  512
#define CHILD_SECONDS 30 /* a child that hangs is one that does not panic */

static int report_fd; /* of the child */

static void report_panic(const char *file, int line, const char *func, const char *message)
{
	(void)file, (void)line, (void)func;
	_exit(write(report_fd, message, strlen(message)) < 0 ? 1 : EXIT_PANIC);
}

static void read_all(int fd, char message[MESSAGE_SIZE])
{
	size_t len = 0;
	ssize_t nr;

	while (len < MESSAGE_SIZE - 1) {
		nr = read(fd, message + len, MESSAGE_SIZE - 1 - len);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			break;
		len += (size_t)nr;
	}
	message[len] = '\0';
}

void assert_panics(void (*action)(void *arg), void *arg, const char *words)
{
	char message[MESSAGE_SIZE];
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		report_fd = fds[1];
		threads_on_panic(report_panic);
		alarm(CHILD_SECONDS);
		action(arg);
		_exit(0);
	}
	close(fds[1]);
	read_all(fds[0], message);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_PANIC)
		fail_msg("no panic, but status 0x%x", (unsigned int)status);
	if (!strstr(message, words))
		fail_msg("it panics with \"%s\", not with \"%s\"", message, words);
}
