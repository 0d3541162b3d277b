// SPDX-License-Identifier: MIT
/*
 * sys_stat.c - what is known of files and file systems
 *
 * Linux: fs/stat.c, fs/statfs.c.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "path.h"
#include "sys.h"
#include "syscall.h"

/* struct stat as the kernel has it on x86-64; <sys/stat.h> does not go with <linux/stat.h>. */
struct kernel_stat {
	uint64_t words[18];
};

BUILD_ASSERT(sizeof(struct kernel_stat) == 144);

/* Of the link itself, not of what it leads to, there is only the host's. */
static const char *name_to_stat(const struct path *path, int flags)
{
	return path->is_exe && (flags & AT_SYMLINK_NOFOLLOW) ? "/proc/self/exe" : path->text;
}

static long stat_path(struct thread *thread, unsigned long dir, unsigned long addr, int flags,
		      unsigned long to)
{
	struct kernel_stat stat;
	struct path path;
	int err = path_get(thread, (int)dir, addr, flags, &path);

	if (err)
		return err;
	return put_result(thread,
			  host_syscall(SYS_newfstatat, path.dir, name_to_stat(&path, flags), &stat,
				       (long)flags),
			  to, &stat, sizeof(stat));
}

SYS(newfstatat)
{
	return stat_path(thread, args[0], args[1], (int)args[3], args[2]);
}

SYS(stat)
{
	return stat_path(thread, (unsigned long)AT_FDCWD, args[0], 0, args[1]);
}

SYS(lstat)
{
	return stat_path(thread, (unsigned long)AT_FDCWD, args[0], AT_SYMLINK_NOFOLLOW, args[1]);
}

SYS(fstat)
{
	struct kernel_stat stat;
	long host = host_fd(thread, args[0]);

	if (host < 0)
		return host;
	return put_result(thread, host_syscall(SYS_fstat, host, &stat), args[1], &stat,
			  sizeof(stat));
}

SYS(statx)
{
	struct statx statx;
	struct path path;
	int err = path_get(thread, (int)args[0], args[1], (int)args[2], &path);
	long result;

	if (err)
		return err;
	result = host_syscall(SYS_statx, path.dir, name_to_stat(&path, (int)args[2]),
			      (long)(int)args[2], (long)(unsigned int)args[3], &statx);
	return put_result(thread, result, args[4], &statx, sizeof(statx));
}

/* statfs() has no variant that takes a directory. */
SYS(statfs)
{
	struct statfs statfs;
	struct path path;
	int err = path_get(thread, AT_FDCWD, args[0], 0, &path);
	long host, result;

	if (err)
		return err;
	host = path_open_host(&path, O_PATH);
	if (host < 0)
		return host;
	result = host_syscall(SYS_fstatfs, host, &statfs);
	host_syscall(SYS_close, host);
	return put_result(thread, result, args[1], &statfs, sizeof(statfs));
}

SYS(fstatfs)
{
	struct statfs statfs;
	long host = host_fd(thread, args[0]);

	if (host < 0)
		return host;
	return put_result(thread, host_syscall(SYS_fstatfs, host, &statfs), args[1], &statfs,
			  sizeof(statfs));
}
