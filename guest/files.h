/* SPDX-License-Identifier: MIT */
/*
 * files.h - a guest's descriptors: which host descriptor stands behind each
 *
 * On the host every one of them closes on exec, since no guest exec is one of the host; the
 * guest's own flag is kept here.  Linux: fs/file.c.
 */
#pragma once

#include "compiler.h"

struct fd {
	int host; /* -1: free */
	bool cloexec;
};

struct files {
	struct fd *fd;
	int nr;	   /* size of @fd */
	int limit; /* RLIMIT_NOFILE */
};

/* Share what the caller has open and would pass on to a program. */
int files_adopt(struct files *files, int limit) __must_check;
/* A child's: as many, of the same open files.  => -EMFILE, -ENOMEM */
int files_fork(struct files *child, const struct files *parent) __must_check;
void files_destroy(struct files *files);
/* Close what is marked so. */
void files_exec(struct files *files);

/* The host descriptor, or -EBADF. */
int files_host(const struct files *files, int fd);
/* The lowest free number >= @from gets @host, which is closed on failure.  => -EMFILE, -ENOMEM */
int files_install(struct files *files, int host, int from, bool cloexec);
/* Exactly @fd gets @host; what was there is closed. */
int files_replace(struct files *files, int fd, int host, bool cloexec);
int files_close(struct files *files, int fd);
int files_dup(struct files *files, int fd, int from, bool cloexec);
