// SPDX-License-Identifier: MIT
/*
 * sys_path.c - what is done to names
 *
 * The older calls are the newer ones with AT_FDCWD, as on Linux.
 *
 * Linux: fs/namei.c, fs/open.c, fs/utimes.c, fs/d_path.c.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include "path.h"
#include "sys.h"
#include "syscall.h"

#define CWD ((unsigned long)AT_FDCWD)

/* ---- One name ----------------------------------------------------------------------------------------- */

/* @nr is a call of the host's whose first arguments are a directory and a path. */
static long on_path(struct thread *thread, long nr, unsigned long dir, unsigned long addr,
		    int at_flags, unsigned long a, unsigned long b, unsigned long c)
{
	struct path path;
	int err = path_get(thread, (int)dir, addr, at_flags, &path);

	return err ? err : host_syscall(nr, path.dir, path.text, a, b, c);
}

SYS(access)
{
	return on_path(thread, SYS_faccessat, CWD, args[0], 0, args[1], 0, 0);
}

SYS(faccessat)
{
	return on_path(thread, SYS_faccessat, args[0], args[1], 0, args[2], 0, 0);
}

SYS(faccessat2)
{
	return on_path(thread, SYS_faccessat2, args[0], args[1], (int)args[3], args[2], args[3], 0);
}

/* Processes have masks of their own, and Godwit, which is one to the host, has none. */
static unsigned long masked(const struct thread *thread, unsigned long mode)
{
	return mode & ~(unsigned long)thread->process->umask;
}

SYS(mkdir)
{
	return on_path(thread, SYS_mkdirat, CWD, args[0], 0, masked(thread, args[1]), 0, 0);
}

SYS(mkdirat)
{
	return on_path(thread, SYS_mkdirat, args[0], args[1], 0, masked(thread, args[2]), 0, 0);
}

SYS(mknod)
{
	return on_path(thread, SYS_mknodat, CWD, args[0], 0, masked(thread, args[1]), args[2], 0);
}

SYS(mknodat)
{
	return on_path(thread, SYS_mknodat, args[0], args[1], 0, masked(thread, args[2]), args[3], 0);
}

SYS(rmdir)
{
	return on_path(thread, SYS_unlinkat, CWD, args[0], 0, AT_REMOVEDIR, 0, 0);
}

SYS(unlink)
{
	return on_path(thread, SYS_unlinkat, CWD, args[0], 0, 0, 0, 0);
}

SYS(unlinkat)
{
	return on_path(thread, SYS_unlinkat, args[0], args[1], 0, args[2], 0, 0);
}

SYS(chmod)
{
	return on_path(thread, SYS_fchmodat, CWD, args[0], 0, args[1], 0, 0);
}

SYS(fchmodat)
{
	return on_path(thread, SYS_fchmodat, args[0], args[1], 0, args[2], 0, 0);
}

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

SYS(fchmodat2)
{
	return on_path(thread, SYS_fchmodat2, args[0], args[1], (int)args[3], args[2], args[3], 0);
}

SYS(chown)
{
	return on_path(thread, SYS_fchownat, CWD, args[0], 0, args[1], args[2], 0);
}

SYS(lchown)
{
	return on_path(thread, SYS_fchownat, CWD, args[0], 0, args[1], args[2],
		       AT_SYMLINK_NOFOLLOW);
}

SYS(fchownat)
{
	return on_path(thread, SYS_fchownat, args[0], args[1], (int)args[4], args[2], args[3],
		       args[4]);
}

/* Through an open file, so that no path can name one of Godwit's own for it. */
SYS(truncate)
{
	struct path path;
	long host, result;
	int err = path_get(thread, AT_FDCWD, args[0], 0, &path);

	if (err)
		return err;
	if ((long)args[1] < 0)
		return -EINVAL;
	host = path_open_host_mode(thread, &path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
	/* A FIFO without a reader, and a file that is no file. */
	if (host == -ENXIO)
		return -EINVAL;
	if (host < 0)
		return restart_sys(host);
	result = host_syscall(SYS_ftruncate, host, args[1]);
	host_syscall(SYS_close, host);
	return result;
}

/* ---- Two names ------------------------------------------------------------------------------------------ */

static long rename_path(struct thread *thread, unsigned long old_dir, unsigned long old,
			unsigned long new_dir, unsigned long new, unsigned int flags)
{
	struct path from, to;
	int err = path_get(thread, (int)old_dir, old, 0, &from);

	if (!err)
		err = path_get(thread, (int)new_dir, new, 0, &to);
	if (err)
		return err;
	return host_syscall(SYS_renameat2, from.dir, from.text, to.dir, to.text, (long)flags);
}

SYS(rename)
{
	return rename_path(thread, CWD, args[0], CWD, args[1], 0);
}

SYS(renameat)
{
	return rename_path(thread, args[0], args[1], args[2], args[3], 0);
}

SYS(renameat2)
{
	return rename_path(thread, args[0], args[1], args[2], args[3], (unsigned int)args[4]);
}

static long link_path(struct thread *thread, unsigned long old_dir, unsigned long old,
		      unsigned long new_dir, unsigned long new, int flags)
{
	struct path from, to;
	int err = path_get(thread, (int)old_dir, old, flags, &from);

	if (!err)
		err = path_get(thread, (int)new_dir, new, 0, &to);
	if (err)
		return err;
	return host_syscall(SYS_linkat, from.dir, from.text, to.dir, to.text, (long)flags);
}

SYS(link)
{
	return link_path(thread, CWD, args[0], CWD, args[1], 0);
}

SYS(linkat)
{
	return link_path(thread, args[0], args[1], args[2], args[3], (int)args[4]);
}

static long symlink_path(struct thread *thread, unsigned long target, unsigned long dir,
			 unsigned long addr)
{
	char text[PATH_MAX];
	struct path path;
	long len = user_string(thread, text, target, sizeof(text));
	int err;

	if (len < 0)
		return len;
	err = path_get(thread, (int)dir, addr, 0, &path);
	return err ? err : host_syscall(SYS_symlinkat, text, path.dir, path.text);
}

SYS(symlink)
{
	return symlink_path(thread, args[0], CWD, args[1]);
}

SYS(symlinkat)
{
	return symlink_path(thread, args[0], args[1], args[2]);
}

/* ---- Reading links ----------------------------------------------------------------------------------------- */

static long read_link(struct thread *thread, unsigned long dir, unsigned long addr,
		      unsigned long to, int size)
{
	char text[PATH_MAX];
	struct path path;
	size_t len = (size_t)min(size, (int)sizeof(text));
	long got;
	int err;

	if (size <= 0)
		return -EINVAL;
	/* A descriptor of a link itself may be given with an empty path. */
	err = path_get(thread, (int)dir, addr, AT_EMPTY_PATH, &path);
	if (err)
		return err;
	if (path.is_exe) {
		got = (long)min(len, strlen(path.text));
		memcpy(text, path.text, (size_t)got);
	} else {
		got = host_syscall(SYS_readlinkat, path.dir, path.text, text, len);
	}
	return put_result(thread, got, to, text, (size_t)max(got, 0l));
}

SYS(readlink)
{
	return read_link(thread, CWD, args[0], args[1], (int)args[2]);
}

SYS(readlinkat)
{
	return read_link(thread, args[0], args[1], args[2], (int)args[3]);
}

/* ---- The current directory ----------------------------------------------------------------------------------- */

SYS(getcwd)
{
	char text[PATH_MAX];
	struct stat stat;
	size_t len;
	int err = path_of_host_fd(thread->process->cwd, text, sizeof(text));

	if (err)
		return err;
	if (host_syscall(SYS_fstat, (long)thread->process->cwd, &stat) == 0 && !stat.st_nlink)
		return -ENOENT;
	len = strlen(text) + 1;
	if (len > args[1])
		return -ERANGE;
	return put_result(thread, (long)len, args[0], text, len);
}

/* The right to search is asked for now, as an O_PATH descriptor of a directory does not need it. */
static long change_directory(struct thread *thread, long dir, const char *text)
{
	struct process *process = thread->process;
	long host =
		host_syscall(SYS_openat, dir, text, (long)(O_PATH | O_DIRECTORY | O_CLOEXEC), 0l);
	long err;

	if (host < 0)
		return host;
	err = host_syscall(SYS_faccessat2, host, "", (long)X_OK,
			   (long)(AT_EMPTY_PATH | AT_EACCESS));
	if (err < 0) {
		host_syscall(SYS_close, host);
		return err;
	}
	host_syscall(SYS_close, (long)process->cwd);
	process->cwd = (int)host;
	return 0;
}

SYS(chdir)
{
	struct path path;
	int err = path_get(thread, AT_FDCWD, args[0], 0, &path);

	return err ? err : change_directory(thread, path.dir, path.text);
}

SYS(fchdir)
{
	long host = host_fd(thread, args[0]);
	struct stat stat;
	long err;

	if (host < 0)
		return host;
	err = host_syscall(SYS_fstat, host, &stat);
	if (err < 0)
		return err;
	return S_ISDIR(stat.st_mode) ? change_directory(thread, host, ".") : -ENOTDIR;
}

SYS(umask)
{
	unsigned int old = thread->process->umask;

	thread->process->umask = args[0] & 0777;
	return old;
}

/* ---- Times -------------------------------------------------------------------------------------------------------- */

static long set_times(struct thread *thread, unsigned long dir, unsigned long addr,
		      const struct timespec *times, int flags)
{
	struct path path;
	long host;
	int err;

	/* utimensat(fd, NULL) is futimens(). */
	if (!addr && (int)dir != AT_FDCWD) {
		host = host_fd(thread, dir);
		return host < 0 ? host
				: host_syscall(SYS_utimensat, host, NULL, times, (long)flags);
	}
	err = path_get(thread, (int)dir, addr, flags, &path);
	if (err)
		return err;
	return host_syscall(SYS_utimensat, path.dir, path.text, times, (long)flags);
}

SYS(utimensat)
{
	struct timespec times[2];

	if (args[2] && user_get(thread, times, args[2], sizeof(times)))
		return -EFAULT;
	return set_times(thread, args[0], args[1], args[2] ? times : NULL, (int)args[3]);
}

static long set_timevals(struct thread *thread, unsigned long dir, unsigned long addr,
			 unsigned long timevals)
{
	struct timespec times[2];
	struct timeval values[2];

	if (!timevals)
		return set_times(thread, dir, addr, NULL, 0);
	if (user_get(thread, values, timevals, sizeof(values)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (values[i].tv_usec < 0 || values[i].tv_usec >= 1000000)
			return -EINVAL;
		times[i].tv_sec = values[i].tv_sec;
		times[i].tv_nsec = values[i].tv_usec * 1000;
	}
	return set_times(thread, dir, addr, times, 0);
}

SYS(utimes)
{
	return set_timevals(thread, CWD, args[0], args[1]);
}

SYS(futimesat)
{
	return set_timevals(thread, args[0], args[1], args[2]);
}

SYS(utime)
{
	struct timespec times[2] = { 0 };
	struct utimbuf values;

	if (!args[1])
		return set_times(thread, CWD, args[0], NULL, 0);
	if (user_get(thread, &values, args[1], sizeof(values)))
		return -EFAULT;
	times[0].tv_sec = values.actime;
	times[1].tv_sec = values.modtime;
	return set_times(thread, CWD, args[0], times, 0);
}
