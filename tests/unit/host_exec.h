/* SPDX-License-Identifier: MIT */
/*
 * host_exec.h - what the host kernel makes of a program: the oracle of the exec tests
 *
 * A child executes the file under ptrace, with randomisation off and an 8 MiB stack limit, and is
 * stopped before its first instruction: its address space is what execve() has built.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_EXEC_STACK_LIMIT (8ul << 20)
#define HOST_EXEC_MAPS_SIZE   8192
#define HOST_EXEC_AUXV_MAX    128

enum host_outcome {
	HOST_ERRNO,  /* execve() returned an error */
	HOST_KILLED, /* it failed when it was too late to return */
	HOST_LOADED, /* the program is about to run */
};

struct host_exec {
	enum host_outcome outcome;
	int err; /* of HOST_ERRNO */

	/* Of HOST_LOADED; the child is stopped until host_exec_end(). */
	pid_t pid;
	unsigned long entry, sp;
	/* "start-end perms\n", in hexadecimal, without what the kernel adds of its own (vdso). */
	char maps[HOST_EXEC_MAPS_SIZE];
	uint64_t auxv[HOST_EXEC_AUXV_MAX];
	int auxv_words;
	unsigned long start_code, end_code, start_data, end_data, start_brk;
	unsigned long arg_start, arg_end, env_start, env_end;
};

/* False: this host does not let us watch (ptrace, personality, or no room for the file). */
bool host_exec_available(void);

/* The lowest address that this process may map. */
unsigned long host_mmap_min_addr(void);

/* => must be ended */
void host_exec(struct host_exec *host, const char *path, char *const argv[], char *const envp[]);
void host_exec_end(struct host_exec *host);

/* Bytes of the stopped child; false when they are not all readable. */
bool host_exec_read(const struct host_exec *host, unsigned long addr, void *to, size_t len);
