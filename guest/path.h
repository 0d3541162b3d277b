/* SPDX-License-Identifier: MIT */
/*
 * path.h - a guest's paths, as the host is asked for them
 *
 * Almost every path means the same to both.  Those that lead to the process itself do not: the
 * host's /proc/self is Godwit, and descriptors have other numbers.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "compiler.h"

struct process;
struct thread;

/* Files that Godwit writes: of /proc/self, and of /proc itself. */
enum proc_file {
	PROC_NONE,
	PROC_AUXV,
	PROC_CMDLINE,
	PROC_COMM,
	PROC_ENVIRON,
	PROC_MAPS,
	PROC_PAGEMAP,
	PROC_SMAPS,
	PROC_SMAPS_ROLLUP,
	PROC_STAT,
	PROC_STATM,
	PROC_STATUS,
	PROC_MEMINFO,
	PROC_VMSTAT,
	PROC_BUDDYINFO,
	PROC_ZONEINFO,
};

struct path {
	long dir; /* host descriptor that @text is relative to */
	char text[PATH_MAX];
	enum proc_file proc; /* to be opened, it is written by proc_open() */
	bool is_exe;	     /* /proc/self/exe itself: @text is where it leads */
	bool trusted;	     /* @text was written by Godwit; it may lead through its own /proc */
};

/*
 * The path at @addr, relative to the guest's descriptor @dir or AT_FDCWD.  With AT_EMPTY_PATH in
 * @at_flags it may be empty.
 * => -EFAULT, -ENAMETOOLONG, -ENOENT, -EBADF
 */
int path_get(struct thread *thread, int dir, unsigned long addr, int at_flags,
	     struct path *path) __must_check;
int path_from_text(struct process *process, int dir, const char *text, int at_flags,
		   struct path *path) __must_check;

/* Open it on the host, never through another link to Godwit's own descriptors.  => or -errno */
int path_open_host(const struct path *path, int flags) __must_check;
int path_open_host_mode(struct thread *thread, const struct path *path, int flags,
			unsigned int mode) __must_check;

/* What the host calls the file behind its descriptor. */
int path_of_host_fd(int host, char *to, size_t size) __must_check;
