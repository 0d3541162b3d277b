// SPDX-License-Identifier: MIT
/* host_exec.c - what the host kernel makes of a program: the oracle of the exec tests */
#define _GNU_SOURCE
#include "host_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The child ------------------------------------------------------------------------------------- */

#define NOT_AVAILABLE 0xffff /* in the place of an errno */

static void __attribute__((noreturn))
become_program(const char *path, char *const argv[], char *const envp[], int report)
{
	const struct rlimit stack = { HOST_EXEC_STACK_LIMIT, HOST_EXEC_STACK_LIMIT };
	int err = NOT_AVAILABLE;

	if (personality(ADDR_NO_RANDOMIZE) != -1 && setrlimit(RLIMIT_STACK, &stack) == 0 &&
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
		execve(path, argv, envp);
		err = errno;
	}
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(2);
	_exit(1);
}

/* The errno, or 0 when the point of no return closed the pipe. */
static int read_report(int report)
{
	int err = 0;
	ssize_t nr;

	do
		nr = read(report, &err, sizeof(err));
	while (nr < 0 && errno == EINTR);
	return nr == sizeof(err) ? err : 0;
}

/* ---- What it looks like ------------------------------------------------------------------------------ */

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "r");
}

static bool is_kernels_own(const char *line)
{
	return strstr(line, "[vdso]") || strstr(line, "[vvar") || strstr(line, "[vsyscall]");
}

static bool read_maps(struct host_exec *host)
{
	FILE *file = open_proc(host->pid, "maps");
	char line[512];
	size_t len = 0;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		unsigned long start, end;
		char perms[8];

		if (is_kernels_own(line) || sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3)
			continue;
		len += (size_t)snprintf(host->maps + len, sizeof(host->maps) - len, "%lx-%lx %s\n",
					start, end, perms);
	}
	fclose(file);
	return len < sizeof(host->maps);
}

static bool read_auxv(struct host_exec *host)
{
	FILE *file = open_proc(host->pid, "auxv");

	if (!file)
		return false;
	host->auxv_words = (int)fread(host->auxv, sizeof(uint64_t), HOST_EXEC_AUXV_MAX, file);
	fclose(file);
	return host->auxv_words >= 2;
}

/* Fields as proc(5) numbers them; those before the name's ")" are skipped. */
static bool read_stat(struct host_exec *host)
{
	FILE *file = open_proc(host->pid, "stat");
	unsigned long fields[53] = { 0 };
	char line[2048], *at;
	int nr = 3;

	if (!file)
		return false;
	at = fgets(line, sizeof(line), file);
	fclose(file);
	at = at ? strrchr(line, ')') : NULL;
	if (!at)
		return false;
	at += 4; /* ") S" */
	for (nr = 4; nr < 53 && *at; nr++)
		fields[nr] = strtoul(at, &at, 10);
	host->start_code = fields[26];
	host->end_code = fields[27];
	host->start_data = fields[45];
	host->end_data = fields[46];
	host->start_brk = fields[47];
	host->arg_start = fields[48];
	host->arg_end = fields[49];
	host->env_start = fields[50];
	host->env_end = fields[51];
	return nr == 53;
}

static bool look_at(struct host_exec *host)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, host->pid, NULL, &regs))
		return false;
	host->entry = regs.rip;
	host->sp = regs.rsp;
	return read_maps(host) && read_auxv(host) && read_stat(host);
}

/* ---- The interface ------------------------------------------------------------------------------------- */

static void fail(const char *what)
{
	fprintf(stderr, "host_exec: %s: %s\n", what, strerror(errno));
	abort();
}

void host_exec(struct host_exec *host, const char *path, char *const argv[], char *const envp[])
{
	int report[2], status;

	memset(host, 0, sizeof(*host));
	if (pipe2(report, O_CLOEXEC))
		fail("pipe");
	host->pid = fork();
	if (host->pid < 0)
		fail("fork");
	if (host->pid == 0)
		become_program(path, argv, envp, report[1]);
	close(report[1]);
	host->err = read_report(report[0]);
	close(report[0]);
	if (waitpid(host->pid, &status, 0) != host->pid)
		fail("waitpid");
	host->outcome = host->err ? HOST_ERRNO : HOST_KILLED;
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
		host->outcome = HOST_LOADED;
		if (look_at(host))
			return;
		host->outcome = HOST_ERRNO;
		host->err = NOT_AVAILABLE;
	}
	if (!WIFSTOPPED(status))
		host->pid = 0;
	host_exec_end(host);
}

void host_exec_end(struct host_exec *host)
{
	if (!host->pid)
		return;
	kill(host->pid, SIGKILL);
	waitpid(host->pid, NULL, 0);
	host->pid = 0;
}

bool host_exec_read(const struct host_exec *host, unsigned long addr, void *to, size_t len)
{
	struct iovec local = { .iov_base = to, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)addr, .iov_len = len };

	return process_vm_readv(host->pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

bool host_exec_available(void)
{
	char *argv[] = { "/bin/true", NULL }, *envp[] = { NULL };
	struct host_exec host;
	bool available;

	host_exec(&host, "/bin/true", argv, envp);
	available = host.outcome == HOST_LOADED;
	host_exec_end(&host);
	return available;
}

unsigned long host_mmap_min_addr(void)
{
	void *zero = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "r");
	unsigned long lowest = 65536;

	if (file && fscanf(file, "%lu", &lowest) != 1)
		lowest = 65536;
	if (file)
		fclose(file);
	if (zero == MAP_FAILED)
		return lowest;
	munmap(zero, 4096);
	return 0;
}
