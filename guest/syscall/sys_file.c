// SPDX-License-Identifier: MIT
/*
 * sys_file.c - descriptors: made, copied, closed, and what is done to a file through one
 *
 * Every descriptor on the host closes on exec; the guest's own flag is in struct files.
 *
 * Linux: fs/open.c, fs/file.c, fs/readdir.c, fs/sync.c, fs/pipe.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "path.h"
#include "sys.h"
#include "syscall.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 16u
#endif

/* ---- Opening ---------------------------------------------------------------------------------------- */

static long open_path(struct thread *thread, int dir, unsigned long addr, int flags,
		      unsigned int mode)
{
	struct path path;
	long host;
	int err = path_get(thread, dir, addr, 0, &path);

	if (err)
		return err;
	host = path_open_host_mode(thread, &path, flags, mode & ~thread->process->umask);
	if (host < 0)
		return restart_sys(host);
	return files_install(&thread->process->files, (int)host, 0, flags & O_CLOEXEC);
}

SYS(open)
{
	return open_path(thread, AT_FDCWD, args[0], (int)args[1], (unsigned int)args[2]);
}

SYS(openat)
{
	return open_path(thread, (int)args[0], args[1], (int)args[2], (unsigned int)args[3]);
}

SYS(creat)
{
	return open_path(thread, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC,
			 (unsigned int)args[1]);
}

SYS(memfd_create)
{
	const unsigned int known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
	unsigned int flags = (unsigned int)args[1];
	char name[NAME_MAX + 1];
	long host;

	if (flags & ~known)
		return -EINVAL;
	host = user_string(thread, name, args[0], sizeof(name));
	if (host < 0)
		return host == -ENAMETOOLONG ? -EINVAL : host;
	host = host_syscall(SYS_memfd_create, name, (long)(flags | MFD_CLOEXEC));
	if (host < 0)
		return host;
	return files_install(&thread->process->files, (int)host, 0, flags & MFD_CLOEXEC);
}

/* ---- Pipes ------------------------------------------------------------------------------------------ */

static long make_pipe(struct thread *thread, unsigned long addr, int flags)
{
	struct files *files = &thread->process->files;
	int host[2], fds[2];
	long err = host_syscall(SYS_pipe2, host, (long)(flags | O_CLOEXEC));

	if (err < 0)
		return err;
	fds[0] = files_install(files, host[0], 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		host_syscall(SYS_close, (long)host[1]);
		return fds[0];
	}
	fds[1] = files_install(files, host[1], 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		files_close(files, fds[0]);
		return fds[1];
	}
	if (user_put(thread, addr, fds, sizeof(fds))) {
		files_close(files, fds[0]);
		files_close(files, fds[1]);
		return -EFAULT;
	}
	return 0;
}

SYS(pipe)
{
	return make_pipe(thread, args[0], 0);
}

SYS(pipe2)
{
	return make_pipe(thread, args[0], (int)args[1]);
}

/* ---- Copies and ends --------------------------------------------------------------------------------- */

SYS(close)
{
	return files_close(&thread->process->files, (int)args[0]);
}

SYS(close_range)
{
	struct files *files = &thread->process->files;
	unsigned int first = (unsigned int)args[0], last = (unsigned int)args[1];
	unsigned int flags = (unsigned int)args[2];

	/* Sharing the table with nobody, a process may ask to unshare it. */
	if ((flags & ~(CLOSE_RANGE_CLOEXEC | 2u)) || first > last)
		return -EINVAL;
	for (unsigned int fd = first; fd <= last && fd < (unsigned int)files->nr; fd++) {
		if (files->fd[fd].host < 0)
			continue;
		if (flags & CLOSE_RANGE_CLOEXEC)
			files->fd[fd].cloexec = true;
		else
			files_close(files, (int)fd);
	}
	return 0;
}

SYS(dup)
{
	return files_dup(&thread->process->files, (int)args[0], 0, false);
}

static long dup_to(struct thread *thread, int from, int to, bool cloexec)
{
	struct files *files = &thread->process->files;
	int host = files_host(files, from);
	long copy;

	if (host < 0)
		return host;
	if (to < 0 || to >= files->limit)
		return -EBADF;
	copy = host_syscall(SYS_fcntl, (long)host, (long)F_DUPFD_CLOEXEC, 3l);
	return copy < 0 ? copy : files_replace(files, to, (int)copy, cloexec);
}

SYS(dup2)
{
	if ((int)args[0] == (int)args[1])
		return host_fd(thread, args[0]) < 0 ? -EBADF : (int)args[0];
	return dup_to(thread, (int)args[0], (int)args[1], false);
}

SYS(dup3)
{
	int flags = (int)args[2];

	if ((flags & ~O_CLOEXEC) || (int)args[0] == (int)args[1])
		return -EINVAL;
	return dup_to(thread, (int)args[0], (int)args[1], flags & O_CLOEXEC);
}

/* ---- Directories -------------------------------------------------------------------------------------- */

SYS(getdents64)
{
	long host = host_fd(thread, args[0]);
	size_t len = min((size_t)(unsigned int)args[2], BOUNCE_SIZE);
	long got;

	if (host < 0)
		return host;
	got = host_syscall(SYS_getdents64, host, thread->bounce, len);
	return put_result(thread, got, args[1], thread->bounce, (size_t)max(got, 0l));
}

/* ---- Calls that take a descriptor and numbers ------------------------------------------------------------ */

static long on_fd(struct thread *thread, long nr, const unsigned long *args)
{
	long host = host_fd(thread, args[0]);

	return host < 0 ? host : host_syscall(nr, host, args[1], args[2], args[3]);
}

/* Those that wait for a disk or for somebody else. */
static long on_fd_waiting(struct thread *thread, long nr, const unsigned long *args)
{
	long host = host_fd(thread, args[0]);

	if (host < 0)
		return host;
	return restart_sys(thread_wait_call(thread, nr, host, args[1], args[2], args[3]));
}

SYS(fadvise64)
{
	return on_fd(thread, SYS_fadvise64, args);
}

SYS(fallocate)
{
	return on_fd_waiting(thread, SYS_fallocate, args);
}

SYS(fchmod)
{
	return on_fd(thread, SYS_fchmod, args);
}

SYS(fchown)
{
	return on_fd(thread, SYS_fchown, args);
}

SYS(fdatasync)
{
	return on_fd_waiting(thread, SYS_fdatasync, args);
}

SYS(flock)
{
	return on_fd_waiting(thread, SYS_flock, args);
}

SYS(fsync)
{
	return on_fd_waiting(thread, SYS_fsync, args);
}

SYS(ftruncate)
{
	return on_fd(thread, SYS_ftruncate, args);
}

SYS(readahead)
{
	return on_fd(thread, SYS_readahead, args);
}

SYS(sync_file_range)
{
	return on_fd_waiting(thread, SYS_sync_file_range, args);
}

SYS(syncfs)
{
	return on_fd_waiting(thread, SYS_syncfs, args);
}

SYS(sync)
{
	(void)args;
	return thread_wait_call(thread, SYS_sync);
}
