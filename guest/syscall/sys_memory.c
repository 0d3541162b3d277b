// SPDX-License-Identifier: MIT
/*
 * sys_memory.c - mmap and its like: decoded here, done by the core
 *
 * Linux: mm/mmap.c, arch/x86/kernel/sys_x86_64.c, mm/madvise.c, mm/msync.c.
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

#ifndef MADV_COLD
#define MADV_COLD 20
#endif

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

/* ---- What is mapped in a range ------------------------------------------------------------------------ */

struct range_walk {
	unsigned long start, end;
	unsigned long next; /* mapped without a hole from start to here */
	bool hole;
	bool only_anonymous; /* private, neither file nor stack */
	int nr;
	struct gw_maps_line lines[64];
};

static void walk_line(void *arg, const struct gw_maps_line *line)
{
	struct range_walk *walk = arg;

	if (line->end <= walk->start || line->start >= walk->end)
		return;
	walk->hole |= line->start > walk->next;
	walk->next = line->end;
	walk->only_anonymous &=
		line->perms[3] == 'p' && !line->ino && (!line->name[0] || line->name[1] == 'h');
	if (walk->nr < (int)ARRAY_SIZE(walk->lines))
		walk->lines[walk->nr] = *line;
	walk->nr++;
}

static void walk_range(struct thread *thread, unsigned long start, unsigned long end,
		       struct range_walk *walk)
{
	*walk = (struct range_walk){
		.start = start, .end = end, .next = start, .only_anonymous = true
	};
	core_of(thread)->mm_maps(thread->process->mm, walk_line, walk);
	walk->hole |= walk->next < end;
}

/* ---- madvise -------------------------------------------------------------------------------------------- */

static int prot_of(const char *perms)
{
	return (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
	       (perms[2] == 'x' ? PROT_EXEC : 0);
}

static long not_advised(struct thread *thread, int advice)
{
	if (world_first_time(thread->process->world, UNSUPPORTED_MADVISE))
		message("%s: madvise advice %d is not supported here (EINVAL)",
			thread->process->comm, advice);
	return -EINVAL;
}

/* Private anonymous pages come back as zeroes: a mapping made anew in place of the old. */
static long dont_need(struct thread *thread, const struct range_walk *walk)
{
	if (!walk->only_anonymous || walk->nr > (int)ARRAY_SIZE(walk->lines))
		return not_advised(thread, MADV_DONTNEED);
	for (int i = 0; i < walk->nr; i++) {
		const struct gw_maps_line *line = &walk->lines[i];
		unsigned long start = max(line->start, walk->start);
		const struct gw_mmap request = {
			.addr = start,
			.len = min(line->end, walk->end) - start,
			.prot = prot_of(line->perms),
			.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		};
		long result = core_of(thread)->mmap(thread->process->mm, &request);

		if (result < 0)
			return result;
	}
	return walk->hole ? -ENOMEM : 0;
}

static bool is_hint(int advice)
{
	static const int
		hints[] = { MADV_NORMAL,   MADV_RANDOM,	  MADV_SEQUENTIAL, MADV_WILLNEED,
			    MADV_FREE,	   MADV_HUGEPAGE, MADV_DODUMP,	   MADV_NOHUGEPAGE,
			    MADV_DONTDUMP, MADV_COLD,	  MADV_COLD + 1 /* MADV_PAGEOUT */ };

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i] == advice)
			return true;
	}
	return false;
}

SYS(madvise)
{
	unsigned long start = args[0], len = ALIGN_UP(args[1], GW_PAGE_SIZE);
	int advice = (int)args[2];
	struct range_walk walk;

	if (!is_hint(advice) && advice != MADV_DONTNEED)
		return not_advised(thread, advice);
	if ((start & (GW_PAGE_SIZE - 1)) || (args[1] && !len) || start + len < start)
		return -EINVAL;
	if (!len)
		return 0;
	walk_range(thread, start, start + len, &walk);
	if (advice == MADV_DONTNEED)
		return dont_need(thread, &walk);
	return walk.hole ? -ENOMEM : 0;
}

/* ---- msync ---------------------------------------------------------------------------------------------- */

/* No mapping has dirty pages that belong to a file. */
SYS(msync)
{
	unsigned long start = args[0], len = ALIGN_UP(args[1], GW_PAGE_SIZE);
	int flags = (int)args[2];
	struct range_walk walk;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC))
		return -EINVAL;
	if ((start & (GW_PAGE_SIZE - 1)) || ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (start + len < start)
		return -ENOMEM;
	if (!len)
		return 0;
	walk_range(thread, start, start + len, &walk);
	return walk.hole ? -ENOMEM : 0;
}
