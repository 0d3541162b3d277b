// SPDX-License-Identifier: MIT
/*
 * sys_xattr.c - extended attributes
 *
 * These calls know no directory descriptor: a path is opened first, with O_PATH, and the host is
 * asked through its own /proc/self/fd.  Values and lists are at most 64 KiB, which fit the bounce
 * buffer.
 *
 * Linux: fs/xattr.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "path.h"
#include "sys.h"
#include "syscall.h"

#define NAME_SIZE      256
#define VALUE_SIZE_MAX 65536ul

/* The file, as a path that the host understands. */
struct xattr_file {
	char path[40];
	long opened; /* to be closed, or -1 */
};

enum follow { FOLLOW, NOFOLLOW };

static long file_of_path(struct thread *thread, unsigned long addr, enum follow follow,
			 struct xattr_file *file)
{
	const int flags = O_PATH | (follow == NOFOLLOW ? O_NOFOLLOW : 0);
	struct path path;
	int err = path_get(thread, AT_FDCWD, addr, 0, &path);

	if (err)
		return err;
	file->opened = path_open_host(&path, flags);
	if (file->opened < 0)
		return file->opened;
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%ld", file->opened);
	return 0;
}

static long file_of_fd(struct thread *thread, unsigned long fd, struct xattr_file *file)
{
	long host = host_fd(thread, fd);

	file->opened = -1;
	if (host < 0)
		return host;
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%ld", host);
	return 0;
}

static long finish(const struct xattr_file *file, long result)
{
	if (file->opened >= 0)
		host_syscall(SYS_close, file->opened);
	return result;
}

static long get_name(struct thread *thread, unsigned long addr, char *name)
{
	long len = user_string(thread, name, addr, NAME_SIZE);

	if (len == -ENAMETOOLONG || len == 0)
		return -ERANGE;
	return len < 0 ? len : 0;
}

/* ---- The four operations ---------------------------------------------------------------------------- */

static long do_get(struct thread *thread, const struct xattr_file *file, const unsigned long *args)
{
	size_t size = min(args[3], VALUE_SIZE_MAX);
	char name[NAME_SIZE];
	long got = get_name(thread, args[1], name);

	if (got)
		return got;
	got = host_syscall(SYS_getxattr, file->path, name, size ? thread->bounce : NULL, size);
	return size ? put_result(thread, got, args[2], thread->bounce, (size_t)max(got, 0l)) : got;
}

static long do_list(struct thread *thread, const struct xattr_file *file, const unsigned long *args)
{
	size_t size = min(args[2], VALUE_SIZE_MAX);
	long got = host_syscall(SYS_listxattr, file->path, size ? thread->bounce : NULL, size);

	return size ? put_result(thread, got, args[1], thread->bounce, (size_t)max(got, 0l)) : got;
}

static long do_set(struct thread *thread, const struct xattr_file *file, const unsigned long *args)
{
	char name[NAME_SIZE];
	long err = get_name(thread, args[1], name);

	if (err)
		return err;
	if (args[3] > VALUE_SIZE_MAX)
		return -E2BIG;
	if (user_get(thread, thread->bounce, args[2], args[3]))
		return -EFAULT;
	return host_syscall(SYS_setxattr, file->path, name, thread->bounce, args[3],
			    (long)(int)args[4]);
}

static long do_remove(struct thread *thread, const struct xattr_file *file,
		      const unsigned long *args)
{
	char name[NAME_SIZE];
	long err = get_name(thread, args[1], name);

	return err ? err : host_syscall(SYS_removexattr, file->path, name);
}

/* ---- Three ways to name the file ------------------------------------------------------------------------ */

typedef long xattr_operation(struct thread *thread, const struct xattr_file *file,
			     const unsigned long *args);

static long by_path(struct thread *thread, const unsigned long *args, enum follow follow,
		    xattr_operation *operation)
{
	struct xattr_file file;
	long err = file_of_path(thread, args[0], follow, &file);

	return err ? err : finish(&file, operation(thread, &file, args));
}

static long by_fd(struct thread *thread, const unsigned long *args, xattr_operation *operation)
{
	struct xattr_file file;
	long err = file_of_fd(thread, args[0], &file);

	return err ? err : finish(&file, operation(thread, &file, args));
}

SYS(getxattr)
{
	return by_path(thread, args, FOLLOW, do_get);
}

SYS(lgetxattr)
{
	return by_path(thread, args, NOFOLLOW, do_get);
}

SYS(fgetxattr)
{
	return by_fd(thread, args, do_get);
}

SYS(listxattr)
{
	return by_path(thread, args, FOLLOW, do_list);
}

SYS(llistxattr)
{
	return by_path(thread, args, NOFOLLOW, do_list);
}

SYS(flistxattr)
{
	return by_fd(thread, args, do_list);
}

SYS(setxattr)
{
	return by_path(thread, args, FOLLOW, do_set);
}

SYS(lsetxattr)
{
	return by_path(thread, args, NOFOLLOW, do_set);
}

SYS(fsetxattr)
{
	return by_fd(thread, args, do_set);
}

SYS(removexattr)
{
	return by_path(thread, args, FOLLOW, do_remove);
}

SYS(lremovexattr)
{
	return by_path(thread, args, NOFOLLOW, do_remove);
}

SYS(fremovexattr)
{
	return by_fd(thread, args, do_remove);
}
