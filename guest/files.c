// SPDX-License-Identifier: MIT
/*
 * files.c - a guest's descriptors: which host descriptor stands behind each
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "syscall.h"

/* Descriptors that a starting program may have been given; shells use no higher ones. */
#define ADOPT_MAX 256

static long host_dup(int host)
{
	return host_syscall(SYS_fcntl, (long)host, (long)F_DUPFD_CLOEXEC, 3L);
}

static int make_room(struct files *files, int fd)
{
	int nr = max(files->nr, 16);
	struct fd *table;

	if (fd < files->nr)
		return 0;
	while (nr <= fd)
		nr *= 2;
	table = realloc(files->fd, (size_t)nr * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (int i = files->nr; i < nr; i++)
		table[i] = (struct fd){ .host = -1 };
	files->fd = table;
	files->nr = nr;
	return 0;
}

int files_adopt(struct files *files, int limit)
{
	/* What is open already may lie above the limit. */
	*files = (struct files){ .limit = max(limit, ADOPT_MAX) };
	for (int fd = 0; fd < ADOPT_MAX; fd++) {
		long flags = host_syscall(SYS_fcntl, (long)fd, (long)F_GETFD);
		long host;
		int err;

		if (flags < 0 || (flags & FD_CLOEXEC))
			continue;
		host = host_dup(fd);
		err = host < 0 ? (int)host : files_replace(files, fd, (int)host, false);
		if (err < 0)
			return err;
	}
	files->limit = limit;
	return 0;
}

int files_fork(struct files *child, const struct files *parent)
{
	*child = (struct files){ .limit = parent->limit };
	for (int fd = parent->nr - 1; fd >= 0; fd--) {
		long host;
		int err = make_room(child, fd);

		if (err)
			return err;
		if (parent->fd[fd].host < 0)
			continue;
		host = host_dup(parent->fd[fd].host);
		if (host < 0)
			return (int)host;
		child->fd[fd] = (struct fd){ .host = (int)host, .cloexec = parent->fd[fd].cloexec };
	}
	return 0;
}

void files_destroy(struct files *files)
{
	for (int fd = 0; fd < files->nr; fd++)
		files_close(files, fd);
	free(files->fd);
	*files = (struct files){ .limit = 0 };
}

void files_exec(struct files *files)
{
	for (int fd = 0; fd < files->nr; fd++) {
		if (files->fd[fd].host >= 0 && files->fd[fd].cloexec)
			files_close(files, fd);
	}
}

int files_host(const struct files *files, int fd)
{
	if (fd < 0 || fd >= files->nr || files->fd[fd].host < 0)
		return -EBADF;
	return files->fd[fd].host;
}

int files_install(struct files *files, int host, int from, bool cloexec)
{
	int fd = from;
	int err;

	while (fd < files->nr && files->fd[fd].host >= 0)
		fd++;
	err = fd >= files->limit ? -EMFILE : make_room(files, fd);
	if (err) {
		host_syscall(SYS_close, (long)host);
		return err;
	}
	files->fd[fd] = (struct fd){ .host = host, .cloexec = cloexec };
	return fd;
}

int files_replace(struct files *files, int fd, int host, bool cloexec)
{
	int err = fd < 0 || fd >= files->limit ? -EBADF : make_room(files, fd);

	if (err) {
		host_syscall(SYS_close, (long)host);
		return err;
	}
	if (files->fd[fd].host >= 0)
		host_syscall(SYS_close, (long)files->fd[fd].host);
	files->fd[fd] = (struct fd){ .host = host, .cloexec = cloexec };
	return fd;
}

int files_close(struct files *files, int fd)
{
	int host = files_host(files, fd);

	if (host < 0)
		return host;
	files->fd[fd].host = -1;
	return (int)host_syscall(SYS_close, (long)host);
}

int files_dup(struct files *files, int fd, int from, bool cloexec)
{
	int host = files_host(files, fd);
	long copy;

	if (host < 0)
		return host;
	if (from < 0 || from >= files->limit)
		return -EINVAL;
	copy = host_dup(host);
	return copy < 0 ? (int)copy : files_install(files, (int)copy, from, cloexec);
}
