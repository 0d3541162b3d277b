// SPDX-License-Identifier: MIT
/*
 * guest.c - running guests/bench_guest.c, on the host or on Godwit
 *
 * It lies in this program as data and is written to a file for as long as it is needed.  On Godwit means: by the same `godwit
 * run' that everybody uses, in a process of its own.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern const unsigned char bench_guest_image[], bench_guest_image_end[];

/* A file, since a guest may not reach files by what /proc shows of other processes. */
static int write_image(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	size_t len = (size_t)(bench_guest_image_end - bench_guest_image);
	int fd, err = 0;

	snprintf(path, size, "%s/godwit-bench-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, bench_guest_image, len) != (ssize_t)len || fchmod(fd, 0700))
		err = -EIO;
	close(fd);
	if (err)
		unlink(path);
	return err;
}

int guest_init(struct guest *guest)
{
	ssize_t name_len = readlink("/proc/self/exe", guest->godwit, sizeof(guest->godwit) - 1);

	if (name_len < 0)
		return -errno;
	guest->godwit[name_len] = '\0';
	return write_image(guest->path, sizeof(guest->path));
}

void guest_fini(struct guest *guest)
{
	unlink(guest->path);
}

/* The first CPU that this process may run on. */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static _Noreturn void child(const struct guest *guest, const struct guest_call *call, int out)
{
	const char *argv[4 + GUEST_ARGS_MAX + 1];
	int argc = 0;

	if (!call->native) {
		argv[argc++] = guest->godwit;
		argv[argc++] = "run";
		if (call->option)
			argv[argc++] = call->option;
		argv[argc++] = "--";
	}
	argv[argc++] = guest->path;
	for (int i = 0; i < GUEST_ARGS_MAX && call->args[i]; i++)
		argv[argc++] = call->args[i];
	argv[argc] = NULL;
	if (call->one_cpu)
		stay_on_one_cpu();
	if (dup2(out, STDOUT_FILENO) >= 0)
		execv(argv[0], (char **)(uintptr_t)argv);
	_exit(127);
}

/* All that comes until the other end is closed, as a number. */
static int read_figure(int in, double *figure)
{
	char text[64];
	size_t len = 0;
	ssize_t got;
	char *end;

	while (len < sizeof(text) - 1 && (got = read(in, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	if (!figure)
		return 0;
	*figure = strtod(text, &end);
	return end == text ? -EIO : 0;
}

int guest_call(const struct guest *guest, const struct guest_call *call, double *figure,
	       double *wall)
{
	uint64_t start = bench_now();
	int ends[2], status, err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		child(guest, call, ends[1]);
	close(ends[1]);
	err = pid < 0 ? -EAGAIN : read_figure(ends[0], figure);
	close(ends[0]);
	if (pid < 0)
		return err;
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		return -EIO;
	if (wall)
		*wall = (double)(bench_now() - start);
	return err;
}
