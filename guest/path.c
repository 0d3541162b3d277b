// SPDX-License-Identifier: MIT
/*
 * path.c - a guest's paths, as the host is asked for them
 *
 * Two nets.  A path that reads like one to the process itself is rewritten: /proc/self/exe, cwd
 * and fd/N, and /dev/stdin and its like, which are links to those.  Whatever still leads there, by
 * a symbolic link, a relative path or a thread's number, is caught when it is opened: links of
 * /proc to open files are not followed, and a file of /proc that describes Godwit's own processes
 * is replaced by the guest's, or refused.  To the host "self" is Godwit for every guest.
 *
 * Linux: fs/namei.c, fs/open.c, fs/proc/base.c.
 */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "family.h"
#include "message.h"
#include "process.h"
#include "procfs.h"
#include "syscall.h"
#include "user_copy.h"

/* The kernel's value; <fcntl.h> has 0, as it needs none. */
#define HOST_O_LARGEFILE 0100000

int path_of_host_fd(int host, char *to, size_t size)
{
	char link[32];
	long len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", host);
	len = host_syscall(SYS_readlink, link, to, size - 1);
	to[len < 0 ? 0 : len] = '\0';
	return len < 0 ? (int)len : 0;
}

/* ---- Reading a path ------------------------------------------------------------------------------ */

struct component {
	const char *name;
	size_t len; /* 0: the path ends */
};

static struct component next_component(const char **at)
{
	struct component component;

	do {
		*at += strspn(*at, "/");
		component.name = *at;
		component.len = strcspn(*at, "/");
		*at += component.len;
	} while (component.len == 1 && component.name[0] == '.');
	return component;
}

static bool component_is(struct component component, const char *name)
{
	return component.len == strlen(name) && !memcmp(component.name, name, component.len);
}

/* -1: not a number. */
static int component_number(struct component component)
{
	int number = 0;

	if (!component.len || component.len > 9)
		return -1;
	for (size_t i = 0; i < component.len; i++) {
		if (component.name[i] < '0' || component.name[i] > '9')
			return -1;
		number = number * 10 + component.name[i] - '0';
	}
	return number;
}

static bool names_guest(const struct process *process, struct component component)
{
	return component_is(component, "self") || component_is(component, "thread-self") ||
	       component_number(component) == process->pid;
}

/* Another process of the run: what the host shows under its number is Godwit's or its stub's. */
static bool names_other_guest(const struct process *process, struct component component)
{
	struct family *family = &process->world->family;
	bool found;

	family_lock(family);
	found = family_find(family, component_number(component)) != NULL;
	family_unlock(family);
	return found && component_number(component) != process->pid;
}

/* After "/proc/self": skip "task/TID", which is the same for the only thread. */
static const char *skip_task(int pid, const char *rest)
{
	const char *at = rest;

	if (component_is(next_component(&at), "task") &&
	    component_number(next_component(&at)) == pid)
		return at;
	return rest;
}

/* ---- Rewriting ------------------------------------------------------------------------------------ */

/*
 * @path leads to host descriptor @host, and on by @rest.  What is beyond it is as little to be
 * trusted as any path: from "/" there is a way to /proc/self, Godwit's own.
 */
static int lead_to_fd(struct path *path, int host, const char *rest)
{
	const char *at = rest;
	struct component beyond = next_component(&at);

	if (host < 0)
		return -ENOENT;
	if (beyond.len) {
		if (strlen(beyond.name) >= sizeof(path->text))
			return -ENAMETOOLONG;
		path->dir = host;
		memmove(path->text, beyond.name, strlen(beyond.name) + 1);
		return 0;
	}
	snprintf(path->text, sizeof(path->text), "/proc/self/fd/%d%s", host, *rest ? "/" : "");
	path->trusted = true;
	return 0;
}

static int lead_to_guest_fd(struct process *process, struct path *path, const char *rest)
{
	struct component number = next_component(&rest);

	if (!number.len)
		return 0;
	return lead_to_fd(path, files_host(&process->files, component_number(number)), rest);
}

static int lead_to_exe(const struct process *process, struct path *path, const char *rest)
{
	if (*rest)
		return -ENOTDIR;
	strcpy(path->text, process->exe);
	path->is_exe = true;
	return 0;
}

/* The host's root directory is the guest's too. */
static int lead_to_root(struct path *path, const char *rest)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "/%s", rest);
	strcpy(path->text, text);
	return 0;
}

struct proc_name {
	const char *name;
	enum proc_file file;
};

static enum proc_file proc_file_of(const struct proc_name *names, size_t nr,
				   struct component component)
{
	for (size_t i = 0; i < nr; i++) {
		if (component_is(component, names[i].name))
			return names[i].file;
	}
	return PROC_NONE;
}

static enum proc_file process_file_of(struct component component)
{
	static const struct proc_name names[] = {
		{ "auxv", PROC_AUXV },
		{ "cmdline", PROC_CMDLINE },
		{ "comm", PROC_COMM },
		{ "environ", PROC_ENVIRON },
		{ "maps", PROC_MAPS },
		{ "pagemap", PROC_PAGEMAP },
		{ "smaps", PROC_SMAPS },
		{ "smaps_rollup", PROC_SMAPS_ROLLUP },
		{ "stat", PROC_STAT },
		{ "statm", PROC_STATM },
		{ "status", PROC_STATUS },
	};

	return proc_file_of(names, ARRAY_SIZE(names), component);
}

static enum proc_file machine_file_of(struct component component)
{
	static const struct proc_name names[] = {
		{ "meminfo", PROC_MEMINFO },
		{ "vmstat", PROC_VMSTAT },
		{ "buddyinfo", PROC_BUDDYINFO },
		{ "zoneinfo", PROC_ZONEINFO },
	};

	return proc_file_of(names, ARRAY_SIZE(names), component);
}

static int rewrite_proc(struct process *process, struct path *path, const char *at)
{
	struct component component = next_component(&at);

	/* Its directory is there for all to see, as its number is. */
	if (component_number(component) > 0 && names_other_guest(process, component))
		return *at ? -EACCES : 0;
	if (!names_guest(process, component)) {
		if (!*at)
			path->proc = machine_file_of(component);
		return 0;
	}
	at = skip_task(process->pid, at);
	component = next_component(&at);
	if (component_is(component, "exe"))
		return lead_to_exe(process, path, at);
	if (component_is(component, "cwd"))
		return lead_to_fd(path, process->cwd, at);
	if (component_is(component, "root") && *at)
		return lead_to_root(path, at);
	if (component_is(component, "fd"))
		return lead_to_guest_fd(process, path, at);
	if (!*at)
		path->proc = process_file_of(component);
	return 0;
}

static int rewrite_dev(struct process *process, struct path *path, const char *at)
{
	static const char *const standard[] = { "stdin", "stdout", "stderr" };
	struct component component = next_component(&at);

	if (component_is(component, "fd"))
		return lead_to_guest_fd(process, path, at);
	for (int fd = 0; fd < (int)ARRAY_SIZE(standard); fd++) {
		if (component_is(component, standard[fd]))
			return lead_to_fd(path, files_host(&process->files, fd), at);
	}
	return 0;
}

static int rewrite(struct process *process, struct path *path, const char *absolute)
{
	const char *at = absolute;
	struct component component = next_component(&at);

	if (component_is(component, "proc"))
		return rewrite_proc(process, path, at);
	if (component_is(component, "dev"))
		return rewrite_dev(process, path, at);
	return 0;
}

/* Could it be one of the above, seen from a directory in /proc or /dev? */
static bool is_suspicious(const struct process *process, const char *relative)
{
	static const char *const names[] = { "exe", "cwd",   "fd",     "task",	"proc",
					     "dev", "stdin", "stdout", "stderr" };
	struct component component = next_component(&relative);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (component_is(component, names[i]))
			return true;
	}
	return component_number(component) >= 0 || names_guest(process, component) ||
	       machine_file_of(component) != PROC_NONE;
}

static int rewrite_relative(struct process *process, struct path *path)
{
	char absolute[2 * PATH_MAX];
	size_t len;
	int err;

	if (!is_suspicious(process, path->text))
		return 0;
	err = path_of_host_fd((int)path->dir, absolute, PATH_MAX);
	if (err)
		return 0;
	len = strlen(absolute);
	snprintf(absolute + len, sizeof(absolute) - len, "/%s", path->text);
	return rewrite(process, path, absolute);
}

/* ---- From the guest -------------------------------------------------------------------------------- */

static int finish_path(struct process *process, int dir, int at_flags, struct path *path)
{
	path->proc = PROC_NONE;
	path->is_exe = false;
	path->trusted = false;
	path->dir = process->cwd;
	if (path->text[0] == '/')
		return rewrite(process, path, path->text);
	if (!path->text[0] && !(at_flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (dir != AT_FDCWD) {
		path->dir = files_host(&process->files, dir);
		if (path->dir < 0)
			return -EBADF;
	}
	return path->text[0] ? rewrite_relative(process, path) : 0;
}

int path_get(struct thread *thread, int dir, unsigned long addr, int at_flags, struct path *path)
{
	long len;

	if (!addr && (at_flags & AT_EMPTY_PATH)) {
		path->text[0] = '\0';
	} else {
		len = user_string(thread, path->text, addr, sizeof(path->text));
		if (len < 0)
			return (int)len;
	}
	return finish_path(thread->process, dir, at_flags, path);
}

int path_from_text(struct process *process, int dir, const char *text, int at_flags,
		   struct path *path)
{
	size_t len = strlen(text);

	if (len >= sizeof(path->text))
		return -ENAMETOOLONG;
	memcpy(path->text, text, len + 1);
	return finish_path(process, dir, at_flags, path);
}

/* ---- Opening ---------------------------------------------------------------------------------------- */

/* What open(2) makes of its arguments before it looks at the path. */
static struct open_how open_how(int flags, unsigned int mode)
{
	const unsigned int known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
				   O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |
				   O_NOFOLLOW | O_NOATIME | O_PATH | O_TMPFILE;
	struct open_how how = { .flags = (unsigned int)flags & known };

	if (how.flags & O_PATH)
		how.flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH;
	else
		how.flags |= HOST_O_LARGEFILE;
	/* O_TMPFILE holds O_DIRECTORY. */
	if ((how.flags & O_CREAT) || (how.flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	how.flags |= O_CLOEXEC;
	return how;
}

static bool is_procfs(int host)
{
	struct statfs statfs;

	return host_syscall(SYS_fstatfs, (long)host, &statfs) == 0 &&
	       statfs.f_type == PROC_SUPER_MAGIC;
}

static bool is_task_of(int process, int task)
{
	char text[64];

	snprintf(text, sizeof(text), "/proc/%d/task/%d", process, task);
	return host_syscall(SYS_access, text, (long)F_OK) == 0;
}

/* Godwit, which "self" meant, and the caller's own stub. */
static bool is_own_task(const struct process *process, int task)
{
	return is_task_of((int)host_syscall(SYS_getpid), task) ||
	       is_task_of(platform_process_pid(process->platform), task);
}

/* The stubs are Godwit's children, and it has no others. */
static bool is_task_of_stub(int task)
{
	char name[32], text[1024], *line;
	long fd, len = -1;

	snprintf(name, sizeof(name), "/proc/%d/status", task);
	fd = host_syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_RDONLY | O_CLOEXEC), 0L);
	if (fd >= 0) {
		len = host_syscall(SYS_read, fd, text, sizeof(text) - 1);
		host_syscall(SYS_close, fd);
	}
	text[max(len, 0l)] = '\0';
	line = strstr(text, "\nPPid:");
	return line && atoi(line + strlen("\nPPid:")) == (int)host_syscall(SYS_getpid);
}

/* Files of /proc/PID that are the same for Godwit and for the guest. */
static bool is_shared_proc_file(struct component component)
{
	static const char *const names[] = {
		"attr",	       "cgroup",     "cpuset",	  "gid_map",   "loginuid", "mountinfo",
		"mounts",      "mountstats", "net",	  "oom_score", "oom_adj",  "oom_score_adj",
		"personality", "sessionid",  "setgroups", "uid_map"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (component_is(component, names[i]))
			return true;
	}
	return !component.len; /* the directory itself */
}

static int refuse_proc_file(struct process *process, int host, const char *name, const char *why)
{
	host_syscall(SYS_close, (long)host);
	if (world_first_time(process->world, UNSUPPORTED_PROC))
		message("%s: %s is %s and is not shown (EACCES)", process->comm, name, why);
	return -EACCES;
}

/* A file of /proc was opened; whose is it?  => the descriptor, another in its place, or -errno */
static int replace_own_proc_file(struct process *process, int host, int flags)
{
	struct component component;
	enum proc_file file;
	char name[PATH_MAX];
	const char *at = name;
	int number;
	bool own;

	/* Elsewhere a name does not tell whose file it is. */
	if (path_of_host_fd(host, name, sizeof(name)) || !component_is(next_component(&at), "proc"))
		return refuse_proc_file(process, host, name, "of a /proc mounted elsewhere");
	number = component_number(next_component(&at));
	own = number >= 0 && is_own_task(process, number);
	if (number < 0 || (!own && !is_task_of_stub(number)))
		return host;
	at = skip_task(number, at);
	component = next_component(&at);
	if (is_shared_proc_file(component))
		return host;
	file = *at || !own ? PROC_NONE : process_file_of(component);
	if (file == PROC_NONE)
		return refuse_proc_file(process, host, name, "Godwit's own");
	host_syscall(SYS_close, (long)host);
	return proc_open(process, file, flags);
}

static int host_open(struct thread *thread, const struct path *path, const struct open_how *how)
{
	struct open_how strict = *how;
	long fd;

	if (path->trusted)
		return (int)thread_wait_call(thread, SYS_openat, path->dir, path->text,
					     (long)how->flags, (long)how->mode);
	strict.resolve = RESOLVE_NO_MAGICLINKS;
	fd = thread_wait_call(thread, SYS_openat2, path->dir, path->text, &strict, sizeof(strict));
	if (fd == -ENOSYS)
		fd = thread_wait_call(thread, SYS_openat, path->dir, path->text, (long)how->flags,
				      (long)how->mode);
	return (int)fd;
}

int path_open_host_mode(struct thread *thread, const struct path *path, int flags,
			unsigned int mode)
{
	struct open_how how = open_how(flags, mode);
	int fd;

	if (path->proc != PROC_NONE)
		return proc_open(thread->process, path->proc, flags);
	fd = host_open(thread, path, &how);
	if (fd >= 0 && !path->trusted && is_procfs(fd))
		return replace_own_proc_file(thread->process, fd, flags);
	return fd;
}

int path_open_host(const struct path *path, int flags)
{
	struct open_how how = open_how(flags, 0);
	long fd = -ENOSYS;

	if (!path->trusted) {
		how.resolve = RESOLVE_NO_MAGICLINKS;
		fd = host_syscall(SYS_openat2, path->dir, path->text, &how, sizeof(how));
	}
	if (fd == -ENOSYS)
		fd = host_syscall(SYS_openat, path->dir, path->text, (long)how.flags, 0L);
	return (int)fd;
}
