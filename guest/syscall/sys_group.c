// SPDX-License-Identifier: MIT
/*
 * sys_group.c - parents, process groups, sessions, and which group has the terminal
 *
 * Groups and sessions are the guests' own numbers.  To the host all guests are one group, Godwit's,
 * and as long as that is the terminal's foreground group, one of the guests' groups has the terminal
 * here.  What the first process does to itself is done to Godwit too, if the host allows it, since
 * whoever started Godwit may look.
 *
 * Linux: kernel/sys.c, drivers/tty/tty_jobctrl.c.
 */
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "family.h"
#include "sys.h"
#include "syscall.h"

static struct family *family_of(const struct thread *thread)
{
	return &thread->process->world->family;
}

SYS(getppid)
{
	(void)args;
	return process_ppid(thread->process);
}

/* ---- Asking ----------------------------------------------------------------------------------------- */

enum which { GROUP, SESSION };

/* A guest's; else, of a process outside, the host's. */
static long get_id(struct thread *thread, int pid, enum which which)
{
	const struct process *process;
	long id = -ESRCH;

	family_lock(family_of(thread));
	process = pid ? family_find(family_of(thread), pid) : thread->process;
	if (process)
		id = which == GROUP ? process->pgid : process->sid;
	family_unlock(family_of(thread));
	if (process)
		return id;
	return host_syscall(which == GROUP ? SYS_getpgid : SYS_getsid, (long)pid);
}

SYS(getpgrp)
{
	(void)args;
	return get_id(thread, 0, GROUP);
}

SYS(getpgid)
{
	return get_id(thread, (int)args[0], GROUP);
}

SYS(getsid)
{
	return get_id(thread, (int)args[0], SESSION);
}

/* ---- Changing --------------------------------------------------------------------------------------- */

/* Is there such a group in the caller's session?  A new one has its only member's number. */
static bool may_join(struct family *family, const struct process *process, int pgid)
{
	const struct process *other;

	if (pgid == process->pid)
		return true;
	list_for_each_entry(other, &family->processes, link) {
		if (other->pgid == pgid && other->sid == process->sid)
			return true;
	}
	/* One outside, to which Godwit belongs or may return. */
	return process == process->world->first && host_syscall(SYS_getpgid, (long)pgid) == pgid;
}

static long set_pgid(struct thread *thread, int pid, int pgid)
{
	struct process *caller = thread->process;
	struct process *process = family_find(family_of(thread), pid);

	if (!process || (process != caller && process->parent != caller))
		return -ESRCH;
	if (process != caller) {
		if (process->sid != caller->sid)
			return -EPERM;
		if (process->has_executed)
			return -EACCES;
	}
	if (process->sid == process->pid || !may_join(family_of(thread), process, pgid))
		return -EPERM;
	process->pgid = pgid;
	/* One that is a guest's alone means nothing to the host. */
	if (process == process->world->first)
		host_syscall(SYS_setpgid, 0l, (long)pgid);
	return 0;
}

SYS(setpgid)
{
	int pid = (int)args[0] ? (int)args[0] : thread->process->pid;
	int pgid = (int)args[1] ? (int)args[1] : pid;
	long result;

	if (pgid < 0)
		return -EINVAL;
	family_lock(family_of(thread));
	result = set_pgid(thread, pid, pgid);
	family_unlock(family_of(thread));
	return result;
}

SYS(setsid)
{
	struct process *process = thread->process;
	long result = -EPERM;

	(void)args;
	family_lock(family_of(thread));
	if (!family_has_group(family_of(thread), process->pid)) {
		result = process->pid;
		process->pgid = process->pid;
		process->sid = process->pid;
		if (process == process->world->first)
			host_syscall(SYS_setsid);
	}
	family_unlock(family_of(thread));
	return result;
}

/* ---- The terminal ------------------------------------------------------------------------------------- */

long get_foreground(struct thread *thread, long host, int *pgid)
{
	long result = host_syscall(SYS_ioctl, host, (long)TIOCGPGRP, pgid);

	if (result < 0)
		return result;
	family_lock(family_of(thread));
	if (*pgid == host_syscall(SYS_getpgid, 0l))
		*pgid = family_of(thread)->foreground;
	family_unlock(family_of(thread));
	return 0;
}

long set_foreground(struct thread *thread, long host, int pgid)
{
	struct family *family = family_of(thread);
	int own = (int)host_syscall(SYS_getpgid, 0l);
	bool guests;
	long result;

	family_lock(family);
	guests = family_has_group(family, pgid);
	family_unlock(family);
	result = thread_wait_call(thread, SYS_ioctl, host, (long)TIOCSPGRP, guests ? &own : &pgid);
	if (result < 0 || !guests)
		return restart_sys(result);
	family_lock(family);
	family->foreground = pgid;
	family_unlock(family);
	return 0;
}
