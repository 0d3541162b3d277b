// SPDX-License-Identifier: MIT
/*
 * sys_memory.c - mmap and its like: decoded here, done by the core
 *
 * Linux: mm/mmap.c, arch/x86/kernel/sys_x86_64.c.
 * Differs: shared writable mappings of files do not exist yet, and say so.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "file_mapping.h"
#include "message.h"
#include "sys.h"
#include "syscall.h"

static const struct gw_core *core_of(const struct thread *thread)
{
	return thread->process->world->core;
}

SYS(brk)
{
	return (long)core_of(thread)->brk(thread->process->mm, args[0]);
}

SYS(munmap)
{
	return core_of(thread)->munmap(thread->process->mm, args[0], args[1]);
}

SYS(mprotect)
{
	return core_of(thread)->mprotect(thread->process->mm, args[0], args[1], (int)args[2]);
}

/* ---- mmap ------------------------------------------------------------------------------------------ */

static bool is_shared(int flags)
{
	int type = flags & MAP_TYPE;

	return type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
}

/* The rights that the descriptor must have.  Linux: do_mmap(). */
static int check_file_mode(struct thread *thread, long host, int prot, int flags)
{
	long mode = host_syscall(SYS_fcntl, host, (long)F_GETFL);

	if (mode < 0)
		return (int)mode;
	if (mode & O_PATH)
		return -EBADF;
	if ((mode & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	if (!is_shared(flags) || !(prot & PROT_WRITE))
		return 0;
	if ((mode & O_ACCMODE) != O_RDWR)
		return -EACCES;
	if (world_first_time(thread->process->world, UNSUPPORTED_SHARED_WRITABLE))
		message("%s: shared writable mappings of files are not supported (ENODEV)",
			thread->process->comm);
	return -ENODEV;
}

/* Mapping /dev/zero is the old way to anonymous memory. */
static bool is_dev_zero(long host)
{
	struct stat stat;

	return host_syscall(SYS_fstat, host, &stat) == 0 && S_ISCHR(stat.st_mode) &&
	       stat.st_rdev == makedev(1, 5);
}

static long map_file(struct thread *thread, struct gw_mmap *request, unsigned long fd)
{
	long host = host_fd(thread, fd);
	long result;

	if (host < 0)
		return host;
	result = check_file_mode(thread, host, request->prot, request->flags);
	if (result)
		return result;
	if (is_dev_zero(host)) {
		request->pgoff = 0;
		return core_of(thread)->mmap(thread->process->mm, request);
	}
	result = file_mapping_get(thread->process->world->files, (int)host, &request->mapping);
	if (result)
		return result;
	result = core_of(thread)->mmap(thread->process->mm, request);
	core_of(thread)->mapping_put(request->mapping);
	return result;
}

SYS(mmap)
{
	struct gw_mmap request = {
		.addr = args[0],
		.len = args[1],
		.prot = (int)args[2],
		.flags = (int)args[3],
		.pgoff = args[5] >> GW_PAGE_SHIFT,
	};

	if (args[5] & (GW_PAGE_SIZE - 1))
		return -EINVAL;
	/* The host's pool of huge pages is not the guest's; it finds its own empty. */
	if (request.flags & MAP_HUGETLB)
		return -ENOMEM;
	if (!(request.flags & MAP_ANONYMOUS))
		return map_file(thread, &request, args[4]);
	return core_of(thread)->mmap(thread->process->mm, &request);
}

/* ---- The rest of the family ----------------------------------------------------------------------------- */

SYS(mremap)
{
	return core_of(thread)->mremap(thread->process->mm, args[0], args[1], args[2], args[3],
				       args[4]);
}

/* What Linux knows and this kernel was, so to say, not configured for. */
static bool is_known_advice(int advice)
{
	static const int known[] = { MADV_MERGEABLE,
				     MADV_UNMERGEABLE,
				     MADV_HUGEPAGE,
				     MADV_NOHUGEPAGE,
				     MADV_HWPOISON,
				     101 /* MADV_SOFT_OFFLINE */,
				     25 /* MADV_COLLAPSE */ };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i] == advice)
			return true;
	}
	return false;
}

SYS(madvise)
{
	int advice = (int)args[2];

	if (is_known_advice(advice) &&
	    world_first_time(thread->process->world, UNSUPPORTED_MADVISE))
		message("%s: madvise advice %d is not supported here (EINVAL)",
			thread->process->comm, advice);
	return core_of(thread)->madvise(thread->process->mm, args[0], args[1], advice);
}

SYS(mlock)
{
	return core_of(thread)->mlock(thread->process->mm, args[0], args[1], 0);
}

SYS(mlock2)
{
	return core_of(thread)->mlock(thread->process->mm, args[0], args[1], (int)args[2]);
}

SYS(munlock)
{
	return core_of(thread)->munlock(thread->process->mm, args[0], args[1]);
}

SYS(mlockall)
{
	return core_of(thread)->mlockall(thread->process->mm, (int)args[0]);
}

SYS(munlockall)
{
	(void)args;
	return core_of(thread)->munlockall(thread->process->mm);
}

SYS(mincore)
{
	return core_of(thread)->mincore(thread->process->mm, args[0], args[1], args[2]);
}

SYS(msync)
{
	return core_of(thread)->msync(thread->process->mm, args[0], args[1], (int)args[2]);
}
