// SPDX-License-Identifier: MIT
/*
 * sys_fcntl.c - fcntl and ioctl: the requests whose arguments are understood
 *
 * Both are doors to everything, and what lies behind most of them takes addresses.  So each request
 * is in a table with the size and direction of its argument, and the others are refused by name.
 *
 * Linux: fs/fcntl.c, fs/ioctl.c.
 */
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "message.h"
#include "sys.h"
#include "syscall.h"

/* The kernel's numbers; <fcntl.h> hides or renames some. */
#define KERNEL_F_GETLK	    5
#define KERNEL_F_SETLK	    6
#define KERNEL_F_SETLKW	    7
#define KERNEL_F_OFD_GETLK  36
#define KERNEL_F_OFD_SETLKW 38

/* ---- fcntl ------------------------------------------------------------------------------------------- */

static long set_fd_flags(struct thread *thread, unsigned long fd, unsigned long flags)
{
	if (host_fd(thread, fd) < 0)
		return -EBADF;
	thread->process->files.fd[(int)fd].cloexec = flags & FD_CLOEXEC;
	return 0;
}

static long get_fd_flags(struct thread *thread, unsigned long fd)
{
	if (host_fd(thread, fd) < 0)
		return -EBADF;
	return thread->process->files.fd[(int)fd].cloexec ? FD_CLOEXEC : 0;
}

static long not_supported_fcntl(struct thread *thread, int cmd)
{
	if (world_first_time(thread->process->world, UNSUPPORTED_FCNTL))
		message("%s: fcntl command %d is not supported (EINVAL)", thread->process->comm,
			cmd);
	return -EINVAL;
}

/* O_ASYNC would send SIGIO to Godwit. */
static long set_file_flags(struct thread *thread, long host, unsigned long flags)
{
	if (flags & O_ASYNC)
		return not_supported_fcntl(thread, F_SETFL);
	return host_syscall(SYS_fcntl, host, (long)F_SETFL, flags);
}

static long lock_file(struct thread *thread, long host, int cmd, unsigned long addr)
{
	struct flock lock;
	long result;

	if (user_get(thread, &lock, addr, sizeof(lock)))
		return -EFAULT;
	result = thread_wait_call(thread, SYS_fcntl, host, (long)cmd, &lock);
	if (cmd == KERNEL_F_GETLK || cmd == KERNEL_F_OFD_GETLK)
		return put_result(thread, result, addr, &lock, sizeof(lock));
	return restart_sys(result);
}

static long fcntl_of_host(struct thread *thread, long host, int cmd, unsigned long arg)
{
	if ((cmd >= KERNEL_F_GETLK && cmd <= KERNEL_F_SETLKW) ||
	    (cmd >= KERNEL_F_OFD_GETLK && cmd <= KERNEL_F_OFD_SETLKW))
		return lock_file(thread, host, cmd, arg);
	switch (cmd) {
	case F_SETFL:
		return set_file_flags(thread, host, arg);
	case F_GETFL:
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
	case F_ADD_SEALS:
	case F_GET_SEALS:
	case F_GETLEASE:
		return host_syscall(SYS_fcntl, host, (long)cmd, arg);
	default:
		return not_supported_fcntl(thread, cmd);
	}
}

SYS(fcntl)
{
	struct files *files = &thread->process->files;
	long host = host_fd(thread, args[0]);
	int cmd = (int)args[1];

	if (host < 0)
		return host;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return files_dup(files, (int)args[0], (int)args[2], cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return get_fd_flags(thread, args[0]);
	case F_SETFD:
		return set_fd_flags(thread, args[0], args[2]);
	default:
		return fcntl_of_host(thread, host, cmd, args[2]);
	}
}

/* ---- ioctl -------------------------------------------------------------------------------------------- */

enum ioctl_kind {
	IOCTL_NONE,  /* no argument */
	IOCTL_VALUE, /* a number */
	IOCTL_IN,    /* the address of what the host reads */
	IOCTL_OUT,   /* of what it writes */
};

struct ioctl_entry {
	unsigned int request;
	enum ioctl_kind kind;
	unsigned short size; /* bytes */
};

#define KERNEL_TERMIOS_SIZE 36 /* struct termios of <asm/termbits.h> */
#define IOCTL_ARG_MAX	    64

BUILD_ASSERT(sizeof(struct termios) == KERNEL_TERMIOS_SIZE);
BUILD_ASSERT(sizeof(struct termios2) <= IOCTL_ARG_MAX);

static const struct ioctl_entry ioctls[] = {
	{ TCGETS, IOCTL_OUT, KERNEL_TERMIOS_SIZE },
	{ TCSETS, IOCTL_IN, KERNEL_TERMIOS_SIZE },
	{ TCSETSW, IOCTL_IN, KERNEL_TERMIOS_SIZE },
	{ TCSETSF, IOCTL_IN, KERNEL_TERMIOS_SIZE },
	{ TCGETS2, IOCTL_OUT, sizeof(struct termios2) },
	{ TCSETS2, IOCTL_IN, sizeof(struct termios2) },
	{ TCSETSW2, IOCTL_IN, sizeof(struct termios2) },
	{ TCSETSF2, IOCTL_IN, sizeof(struct termios2) },
	{ TCSBRK, IOCTL_VALUE, 0 },
	{ TCXONC, IOCTL_VALUE, 0 },
	{ TCFLSH, IOCTL_VALUE, 0 },
	{ TIOCEXCL, IOCTL_NONE, 0 },
	{ TIOCNXCL, IOCTL_NONE, 0 },
	{ TIOCGSID, IOCTL_OUT, sizeof(int) },
	{ TIOCOUTQ, IOCTL_OUT, sizeof(int) },
	{ TIOCGWINSZ, IOCTL_OUT, sizeof(struct winsize) },
	{ TIOCSWINSZ, IOCTL_IN, sizeof(struct winsize) },
	{ TIOCNOTTY, IOCTL_NONE, 0 },
	{ TIOCGPTN, IOCTL_OUT, sizeof(int) },
	{ TIOCSPTLCK, IOCTL_IN, sizeof(int) },
	{ FIONREAD, IOCTL_OUT, sizeof(int) },
	{ FIONBIO, IOCTL_IN, sizeof(int) },
	{ FS_IOC_GETFLAGS, IOCTL_OUT, sizeof(long) },
	{ FS_IOC_SETFLAGS, IOCTL_IN, sizeof(long) },
	{ FS_IOC_GETVERSION, IOCTL_OUT, sizeof(long) },
	{ BLKGETSIZE, IOCTL_OUT, sizeof(long) },
	{ BLKGETSIZE64, IOCTL_OUT, sizeof(uint64_t) },
	{ BLKSSZGET, IOCTL_OUT, sizeof(int) },
	{ BLKROGET, IOCTL_OUT, sizeof(int) },
};

static const struct ioctl_entry *find_ioctl(unsigned int request)
{
	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		if (ioctls[i].request == request)
			return &ioctls[i];
	}
	return NULL;
}

static long ioctl_by_table(struct thread *thread, long host, const struct ioctl_entry *entry,
			   unsigned long arg)
{
	unsigned char value[IOCTL_ARG_MAX] = { 0 };
	long request = entry->request;
	long result;

	switch (entry->kind) {
	case IOCTL_NONE:
		return host_syscall(SYS_ioctl, host, request, 0l);
	case IOCTL_VALUE:
		return restart_sys(thread_wait_call(thread, SYS_ioctl, host, request, arg));
	case IOCTL_IN:
		if (user_get(thread, value, arg, entry->size))
			return -EFAULT;
		return restart_sys(thread_wait_call(thread, SYS_ioctl, host, request, value));
	case IOCTL_OUT:
		/* Some write less on failure than on success, none more than is said here. */
		result = host_syscall(SYS_ioctl, host, request, value);
		return put_result(thread, result, arg, value, entry->size);
	}
	return -ENOTTY;
}

static long not_supported_ioctl(struct thread *thread, unsigned int request)
{
	if (world_first_time(thread->process->world, UNSUPPORTED_IOCTL))
		message("%s: ioctl request %#x is not supported (ENOTTY)", thread->process->comm,
			request);
	return -ENOTTY;
}

static long foreground_ioctl(struct thread *thread, long host, unsigned int request,
			     unsigned long arg)
{
	int pgid;

	if (request == TIOCGPGRP)
		return put_result(thread, get_foreground(thread, host, &pgid), arg, &pgid,
				  sizeof(pgid));
	if (user_get(thread, &pgid, arg, sizeof(pgid)))
		return -EFAULT;
	return set_foreground(thread, host, pgid);
}

SYS(ioctl)
{
	unsigned int request = (unsigned int)args[1];
	const struct ioctl_entry *entry;
	long host = host_fd(thread, args[0]);

	if (host < 0)
		return host;
	if (request == FIOCLEX || request == FIONCLEX)
		return set_fd_flags(thread, args[0], request == FIOCLEX ? FD_CLOEXEC : 0);
	/* Sharing blocks between two files: the argument is a descriptor. */
	if (request == FICLONE) {
		long from = host_fd(thread, args[2]);

		return from < 0 ? from : host_syscall(SYS_ioctl, host, (long)request, from);
	}
	if (request == TIOCGPGRP || request == TIOCSPGRP)
		return foreground_ioctl(thread, host, request, args[2]);
	entry = find_ioctl(request);
	if (!entry)
		return not_supported_ioctl(thread, request);
	return ioctl_by_table(thread, host, entry, args[2]);
}
