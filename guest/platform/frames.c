// SPDX-License-Identifier: MIT
/*
 * frames.c - the machine's frames: a memfd, mapped here and, page by page, by the stubs
 *
 * The host gives a page of the memfd memory when it is first touched, which is ours to do: the core
 * zeroes a frame before a guest sees it.  One by one that costs more than all else in a fault.  So
 * a chunk of frames is populated when the first of them comes into use; the core hands out
 * neighbours next.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "memfd.h"
#include "syscall.h"

#define CHUNK_FRAMES 64ul

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static unsigned long nr_chunks(const struct platform *platform)
{
	return (platform->nr_frames + CHUNK_FRAMES - 1) / CHUNK_FRAMES;
}

bool frames_populated(struct platform *platform, unsigned long pfn)
{
	unsigned long chunk = pfn / CHUNK_FRAMES;
	unsigned char bit = (unsigned char)(1 << chunk % 8);

	return atomic_load_explicit(&platform->populated[chunk / 8], memory_order_relaxed) & bit;
}

/* Before Linux 5.14 the host refuses, and they are touched one by one. */
void frames_populate(struct platform *platform, unsigned long pfn)
{
	unsigned long chunk = pfn / CHUNK_FRAMES, first = chunk * CHUNK_FRAMES;
	unsigned long nr = min(CHUNK_FRAMES, platform->nr_frames - first);
	unsigned char bit = (unsigned char)(1 << chunk % 8);

	if (atomic_fetch_or(&platform->populated[chunk / 8], bit) & bit)
		return;
	host_syscall(SYS_madvise, (char *)platform->frames + (first << HOST_PAGE_SHIFT),
		     nr << HOST_PAGE_SHIFT, (long)MADV_POPULATE_WRITE);
}

int frames_create(struct platform *platform, const char **why)
{
	unsigned long size = platform->nr_frames << HOST_PAGE_SHIFT;
	long addr;
	int err;

	*why = "more frames than a page's record can name";
	if (platform->nr_frames > HOST_PAGE_PFN_MAX)
		return -EINVAL;
	*why = "out of memory";
	platform->populated = calloc(nr_chunks(platform) / 8 + 1, 1);
	if (!platform->populated)
		return -ENOMEM;
	platform->frames_fd = memfd_create_exec("godwit-frames", why);
	err = platform->frames_fd;
	if (err < 0)
		goto out_free;
	*why = "a memfd cannot be that large; see ulimit -f (RLIMIT_FSIZE)";
	err = (int)host_syscall(SYS_ftruncate, (long)platform->frames_fd, size);
	if (err)
		goto out_close;
	*why = "no address space for the guest's memory; see ulimit -v (RLIMIT_AS) and "
	       "vm.overcommit_memory";
	addr = host_syscall(SYS_mmap, 0l, size, (long)(PROT_READ | PROT_WRITE),
			    (long)(MAP_SHARED | MAP_NORESERVE), (long)platform->frames_fd, 0l);
	if (addr < 0) {
		err = (int)addr;
		goto out_close;
	}
	platform->frames = (void *)addr;
	frames_populate(platform, 0);
	return 0;

out_close:
	host_syscall(SYS_close, (long)platform->frames_fd);
out_free:
	free(platform->populated);
	return err;
}

void frames_destroy(struct platform *platform)
{
	host_syscall(SYS_munmap, platform->frames, platform->nr_frames << HOST_PAGE_SHIFT);
	host_syscall(SYS_close, (long)platform->frames_fd);
	free(platform->populated);
}
