// SPDX-License-Identifier: MIT
/*
 * host.c - a program carried out by processes of the host
 *
 * The first process is a child of the worker; it forks the others as the program says.  They take
 * turns: whoever has the turn carries out its operations up to the next one of another's.  Memory is
 * touched through read(2) and write(2), which answer EFAULT where an instruction would raise a
 * signal.  No stdio and no malloc, which would move the heap under the program.
 */
#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler.h"

#define PAGE	      4096ul
#define NOBODY	      -1
#define HANGS_SECONDS 30

struct host {
	struct session *session;
	int me;
	int maps_fd, mem_fd, scratch_fd;
	char maps[MAPS_SIZE]; /* as they are now */
};

static void run_as(struct host *host, int me) __noreturn;

/* ---- Turns ------------------------------------------------------------------------------------------- */

static void give_up(struct host *host)
{
	host->session->host_run.failed = true;
	_exit(3);
}

static void give_turn(struct host *host, int to)
{
	int *turn = &host->session->host_run.turn;

	__atomic_store_n(turn, to, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, turn, FUTEX_WAKE, PROCESSES_MAX + 1, NULL, NULL, 0);
}

/* False: the program has come to its end. */
static bool wait_for_turn(struct host *host)
{
	const struct timespec timeout = { .tv_sec = HANGS_SECONDS };
	int *turn = &host->session->host_run.turn;

	for (;;) {
		int now = __atomic_load_n(turn, __ATOMIC_SEQ_CST);

		if (now == host->me || now == NOBODY)
			return now == host->me;
		if (syscall(SYS_futex, turn, FUTEX_WAIT, now, &timeout, NULL, 0) < 0 &&
		    errno == ETIMEDOUT)
			give_up(host);
	}
}

/* The turn of whoever has the next operation. */
static void pass_on(struct host *host)
{
	const struct session *session = host->session;
	int next = session->host_run.next;

	while (next < session->program.nr && session->dead[next])
		next++;
	give_turn(host, next < session->program.nr ? session->program.ops[next].proc : NOBODY);
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

/* Append a line if it lies in the window or is of the heap, whose first line is cut. */
static size_t add_line(const struct host *host, char *to, const char *line, size_t len)
{
	char *at, digits[40];
	unsigned long start = strtoul(line, &at, 16), end = strtoul(at + 1, &at, 16);
	unsigned long from = start;
	size_t prefix = 0;

	if (in_heap(host->session, start, end))
		from = max(start, host->session->heap);
	else if (start >= WINDOW_END || end <= WINDOW)
		return 0;
	if (from != start) {
		prefix = (size_t)snprintf(digits, sizeof(digits), "%08lx-%08lx", from, end);
		memcpy(to, digits, prefix);
		len -= (size_t)(at - line);
		line = at;
	}
	memcpy(to + prefix, line, len);
	to[prefix + len] = '\0';
	return prefix + len;
}

/* The window is below all else that there is, and the heap is close to the program. */
static void read_lines(struct host *host)
{
	static char text[65536];
	size_t len = 0, used = 0;
	char *line = text, *end;
	ssize_t n;

	host->maps[0] = '\0';
	while ((n = pread(host->maps_fd, text + len, sizeof(text) - len, (off_t)len)) > 0) {
		len += (size_t)n;
		while ((end = memchr(line, '\n', len - (size_t)(line - text)))) {
			size_t size = (size_t)(end + 1 - line);

			if (strtoul(line, NULL, 16) >
			    max(WINDOW_END, host->session->heap + (BRK_PAGES + 1) * PAGE))
				return;
			if (used + size + 40 > sizeof(host->maps))
				give_up(host);
			used += add_line(host, host->maps + used, line, size);
			line = end + 1;
		}
	}
	if (n < 0)
		give_up(host);
}

static void read_maps(struct host *host)
{
	read_lines(host);
	maps_hide_inodes(host->maps);
}

/* As a debugger reads, so that protection does not matter; but that would grow stacks. */
static void look(struct host *host, uint64_t *pages)
{
	static unsigned char page[PAGE];

	for (int i = 0; i < WINDOW_PAGES; i++) {
		unsigned long addr = WINDOW + (unsigned long)i * PAGE, start, end;

		pages[i] = NOT_READABLE;
		if (maps_find(host->maps, addr, &start, &end) &&
		    pread(host->mem_fd, page, sizeof(page), (off_t)addr) == (ssize_t)sizeof(page))
			pages[i] = page_digest(page);
	}
}

static void mincore_pages(const struct op *op, uint64_t *pages, long *value)
{
	unsigned char vector[4 * WINDOW_PAGES] = { 0 };

	*value = syscall(SYS_mincore, op->addr, op->len, vector) ? -errno : 0;
	for (int i = 0; i < WINDOW_PAGES; i++)
		pages[i] = vector[i];
}

/* ---- Operations ---------------------------------------------------------------------------------------- */

static long errno_or(long value)
{
	return value == -1 ? -errno : value;
}

/* A byte from the file arrives in memory. */
static long store(const struct host *host, unsigned long addr, unsigned char byte)
{
	long n;

	if (pwrite(host->scratch_fd, &byte, 1, 0) != 1)
		return -EIO;
	n = errno_or(syscall(SYS_pread64, host->scratch_fd, addr, 1, 0));
	return n < 0 ? n : 0;
}

static long load(const struct host *host, unsigned long addr)
{
	unsigned char byte;
	long n = errno_or(syscall(SYS_pwrite64, host->scratch_fd, addr, 1, 0));

	if (n < 0)
		return n;
	return pread(host->scratch_fd, &byte, 1, 0) == 1 ? byte : -EIO;
}

static long map(const struct host *host, const struct op *op)
{
	return errno_or(syscall(SYS_mmap, op->addr, op->len, op->prot, op->flags,
				op->file ? host->session->file_fd : -1, op->pgoff * PAGE));
}

/* False: the operation is left out. */
static bool prepare(const struct host *host, const struct op *op)
{
	unsigned int plan = differences_plan(host->session->differences, op, host->maps);
	unsigned long start, end;

	if (plan == PLAN_DO)
		return true;
	if (plan & PLAN_LEAVE_OUT || !maps_find(host->maps, op->addr, &start, &end))
		return false;
	if (plan & PLAN_TOUCH && store(host, op->addr, op->byte))
		return false;
	return !(plan & PLAN_UNLOCK) || syscall(SYS_munlock, start, end - start) == 0;
}

static long call(const struct host *host, const struct op *op)
{
	unsigned long heap = host->session->heap;

	switch ((int)op->kind) {
	case OP_MMAP_HINT:
		if (op->len == 0 || !maps_are_free(host->maps, op->addr, op->len))
			return 0;
		return map(host, op);
	case OP_MMAP:
		return map(host, op);
	case OP_MUNMAP:
		return errno_or(syscall(SYS_munmap, op->addr, op->len));
	case OP_MPROTECT:
		return errno_or(syscall(SYS_mprotect, op->addr, op->len, op->prot));
	case OP_BRK:
		return syscall(SYS_brk, heap + op->len) - (long)heap;
	case OP_MREMAP:
		return errno_or(syscall(SYS_mremap, op->addr, op->len, op->new_len, op->flags,
					op->new_addr));
	case OP_MADVISE:
		return errno_or(syscall(SYS_madvise, op->addr, op->len, op->advice));
	case OP_MLOCK:
		return errno_or(syscall(SYS_mlock2, op->addr, op->len, op->flags));
	case OP_MUNLOCK:
		return errno_or(syscall(SYS_munlock, op->addr, op->len));
	case OP_MLOCKALL:
		return errno_or(syscall(SYS_mlockall, op->flags));
	case OP_MUNLOCKALL:
		return errno_or(syscall(SYS_munlockall));
	case OP_MSYNC:
		return errno_or(syscall(SYS_msync, op->addr, op->len, op->flags));
	case OP_STORE:
		return store(host, op->addr, op->byte);
	case OP_LOAD:
		return load(host, op->addr);
	default:
		return -ENOSYS;
	}
}

static void open_proc(struct host *host)
{
	host->maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	host->mem_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (host->maps_fd < 0 || host->mem_fd < 0)
		give_up(host);
}

/* The child looks around, and gives the turn back. */
static long fork_child(struct host *host, int i)
{
	struct session *session = host->session;
	int child = session->child[i], parent = host->me;
	pid_t pid;

	if (child < 0)
		return 0;
	session->host_run.turn = child; /* nobody else's yet */
	pid = fork();
	if (pid < 0) {
		session->host_run.turn = parent;
		return -errno;
	}
	if (pid == 0) {
		close(host->maps_fd);
		close(host->mem_fd);
		open_proc(host);
		read_maps(host);
		session->host.records[i].child = results_add_maps(&session->host, host->maps);
		give_turn(host, parent);
		run_as(host, child);
	}
	wait_for_turn(host);
	return 0;
}

static void run_op(struct host *host, int i)
{
	struct session *session = host->session;
	const struct op *op = &session->program.ops[i];
	struct record *record = &session->host.records[i];

	record->value = 0;
	if (session->dead[i])
		goto out;
	if (op->kind == OP_LOOK)
		look(host, record->pages);
	else if (op->kind == OP_MINCORE)
		mincore_pages(op, record->pages, &record->value);
	else if (op->kind == OP_FORK)
		record->value = fork_child(host, i);
	else if (op->kind != OP_EXIT && prepare(host, op))
		record->value = call(host, op);
	if (is_elsewhere(op, record->value)) {
		syscall(SYS_munmap, record->value, op->kind == OP_MREMAP ? op->new_len : op->len);
		record->value = ELSEWHERE;
	}
	read_maps(host);
out:
	record->maps = results_add_maps(&session->host, host->maps);
	session->host.nr = i + 1;
	session->host_run.next = i + 1;
	if (differences_end(session->differences, op, record->value))
		session->host_run.next = session->program.nr = i + 1;
}

/* ---- Processes ----------------------------------------------------------------------------------------- */

static void run_as(struct host *host, int me)
{
	struct session *session = host->session;

	host->me = me;
	while (wait_for_turn(host)) {
		while (session->host_run.next < session->program.nr) {
			int i = session->host_run.next;
			const struct op *op = &session->program.ops[i];

			if (op->proc != me && !session->dead[i])
				break;
			run_op(host, i);
			if (op->kind == OP_EXIT && !session->dead[i]) {
				pass_on(host);
				_exit(0);
			}
		}
		pass_on(host);
	}
	while (me == 0 && waitpid(-1, NULL, 0) > 0)
		;
	_exit(0);
}

/* As on our side: a limit on locked memory that counts. */
static void be_unprivileged(struct host *host)
{
	const struct rlimit limit = { LOCKED_PAGES * PAGE, LOCKED_PAGES * PAGE };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || syscall(SYS_capset, &header, none))
		give_up(host);
}

static void first_process(struct session *session)
{
	static struct host host;

	host.session = session;
	host.scratch_fd = memfd_create("scratch", MFD_CLOEXEC);
	/* Who is left behind by a process that exits. */
	if (host.scratch_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) || prctl(PR_SET_DUMPABLE, 1))
		give_up(&host);
	open_proc(&host);
	be_unprivileged(&host);
	session->heap = (unsigned long)syscall(SYS_brk, 0);
	session->heap = (unsigned long)syscall(SYS_brk, ALIGN_UP(session->heap, PAGE));
	run_as(&host, 0);
}

bool host_run(struct session *session)
{
	int status;
	pid_t pid;

	session->host_run.failed = false;
	session->host_run.next = 0;
	session->host_run.turn = 0;
	pid = fork();
	if (pid == 0)
		first_process(session);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 &&
	       !session->host_run.failed && session->host.nr == session->program.nr;
}
