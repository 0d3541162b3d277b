// SPDX-License-Identifier: MIT
/*
 * family.c - who is whose child, in which group and session; death, stopping and signals between
 *
 * One lock for all of it, as Linux has its tasklist_lock.  A process that is found under it is there
 * until it is dropped, and so is its thread unless it is a zombie: who becomes one takes the lock
 * last of all, and touches nothing of itself afterwards.
 *
 * An orphan belongs to nobody among the guests; nobody waits for it, and its parent is said to be
 * process 1.
 *
 * Locks: family.lock; signals.lock and process.mm_lock nest inside.  Never held over a wait, or a
 * call of the core but mm_get().
 */
#include "family.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process.h"
#include "syscall.h"

#define NS_PER_TICK 10000000ull

void family_init(struct family *family)
{
	pthread_mutex_init(&family->lock, NULL);
	pthread_cond_init(&family->changed, NULL);
	list_init(&family->processes);
}

void family_fini(struct family *family)
{
	pthread_cond_destroy(&family->changed);
	pthread_mutex_destroy(&family->lock);
}

void family_lock(struct family *family)
{
	pthread_mutex_lock(&family->lock);
}

void family_unlock(struct family *family)
{
	pthread_mutex_unlock(&family->lock);
}

static void bump(unsigned int *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
	host_syscall(SYS_futex, word, (long)FUTEX_WAKE_PRIVATE, (long)INT_MAX, NULL, NULL, 0l);
}

static bool is_alive(const struct process *process)
{
	return process->state != PROCESS_ZOMBIE;
}

/* ---- Birth ----------------------------------------------------------------------------------------- */

void family_add(struct process *process)
{
	struct family *family = &process->world->family;

	list_add_tail(&process->link, &family->processes);
	if (process->parent)
		list_add_tail(&process->sibling, &process->parent->children);
	family->nr_running++;
}

/* ---- What a parent hears ----------------------------------------------------------------------------- */

static bool ignores_children(struct process *parent, bool *no_signal)
{
	struct guest_sigaction action;
	bool ignored;

	process_sigaction(parent, SIGCHLD, NULL, &action);
	ignored = action.handler == (uint64_t)(uintptr_t)SIG_IGN;
	*no_signal = ignored;
	return ignored || (action.flags & SA_NOCLDWAIT);
}

static void fill_child_info(const struct process *child, int code, int status, siginfo_t *info)
{
	*info = (siginfo_t){ .si_code = code };
	info->si_pid = child->pid;
	info->si_uid = (uid_t)host_syscall(SYS_getuid);
	info->si_status = status;
	info->si_utime = (clock_t)(child->cpu.user_ns / NS_PER_TICK);
	info->si_stime = (clock_t)(child->cpu.system_ns / NS_PER_TICK);
}

/* SIGCHLD for a child that goes on living.  Linux: do_notify_parent_cldstop() */
static void tell_of_change(struct process *child, int code, int status)
{
	struct process *parent = child->parent;
	struct guest_sigaction action;
	siginfo_t info;

	if (!parent)
		return;
	process_sigaction(parent, SIGCHLD, NULL, &action);
	fill_child_info(child, code, status, &info);
	info.si_signo = SIGCHLD;
	if (action.handler != (uint64_t)(uintptr_t)SIG_IGN && !(action.flags & SA_NOCLDSTOP))
		family_signal(parent, &info);
	bump(&parent->child_events);
}

static int death_code(int wait_status)
{
	if (WIFEXITED(wait_status))
		return CLD_EXITED;
	return WCOREDUMP(wait_status) ? CLD_DUMPED : CLD_KILLED;
}

/* => nobody will ask for it.  Linux: do_notify_parent() */
static bool tell_of_death(struct process *child)
{
	struct process *parent = child->parent;
	int status = child->wait_status;
	bool no_signal = false, forget = false;
	siginfo_t info;

	if (!parent)
		return child != child->world->first;
	fill_child_info(child, death_code(status),
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), &info);
	info.si_signo = child->exit_signal;
	if (child->exit_signal == SIGCHLD)
		forget = ignores_children(parent, &no_signal);
	/* clone() takes any number, and one that is no signal is none. */
	if (is_signal(child->exit_signal) && !no_signal)
		family_signal(parent, &info);
	return forget;
}

/* ---- Death ------------------------------------------------------------------------------------------- */

static void unlink_process(struct process *process)
{
	list_del(&process->link);
	if (process->parent)
		list_del(&process->sibling);
}

void family_bury(struct process *process)
{
	struct family *family = &process->world->family;

	unlink_process(process);
	family_unlock(family);
	process_free(process);
}

/* Nobody is left who would continue its stopped jobs: POSIX has them woken. */
static void wake_orphaned_group(struct family *family, int pgid, bool was_orphaned)
{
	const siginfo_t hangup = { .si_signo = SIGHUP, .si_code = SI_KERNEL };
	const siginfo_t cont = { .si_signo = SIGCONT, .si_code = SI_KERNEL };
	struct process *process;
	bool stopped = false;

	list_for_each_entry(process, &family->processes, link)
		stopped |= process->pgid == pgid && process->state == PROCESS_STOPPED;
	if (!stopped || was_orphaned || !family_is_orphaned(family, pgid))
		return;
	list_for_each_entry(process, &family->processes, link) {
		if (process->pgid != pgid)
			continue;
		family_signal(process, &hangup);
		family_signal(process, &cont);
	}
}

/* Its children are orphans; those that are dead already have nobody left who could ask for them. */
static void leave_children(struct process *process, struct list_head *dead)
{
	struct family *family = &process->world->family;
	struct process *child, *next;

	list_for_each_entry_safe(child, next, &process->children, sibling) {
		bool was_orphaned = family_is_orphaned(family, child->pgid);

		list_del(&child->sibling);
		child->parent = NULL;
		if (is_alive(child))
			wake_orphaned_group(family, child->pgid, was_orphaned);
		else
			list_move_tail(&child->link, dead);
	}
}

void family_exit(struct process *process)
{
	struct family *family = &process->world->family;
	struct process *parent, *orphan, *next;
	struct list_head dead;
	bool forget, was_orphaned;

	list_init(&dead);
	family_lock(family);
	was_orphaned = family_is_orphaned(family, process->pgid);
	leave_children(process, &dead);
	process->state = PROCESS_ZOMBIE;
	forget = tell_of_death(process);
	parent = process->parent;
	if (forget)
		unlink_process(process);
	if (parent)
		bump(&parent->child_events);
	wake_orphaned_group(family, process->pgid, was_orphaned);
	family_unlock(family);

	list_for_each_entry_safe(orphan, next, &dead, link)
		process_free(orphan);
	if (forget)
		process_free(process);

	family_lock(family);
	family->nr_running--;
	pthread_cond_broadcast(&family->changed);
	family_unlock(family);
}

void family_wait_end(struct family *family)
{
	family_lock(family);
	while (family->nr_running)
		pthread_cond_wait(&family->changed, &family->lock);
	family_unlock(family);
}

/* ---- Looking for somebody ------------------------------------------------------------------------------ */

struct process *family_find(struct family *family, int pid)
{
	struct process *process;

	list_for_each_entry(process, &family->processes, link) {
		if (process->pid == pid)
			return process;
	}
	return NULL;
}

bool family_has_group(struct family *family, int pgid)
{
	const struct process *process;

	list_for_each_entry(process, &family->processes, link) {
		if (process->pgid == pgid && is_alive(process))
			return true;
	}
	return false;
}

/* Could @process's parent continue it?  What started Godwit is taken for a shell. */
static bool has_keeper(const struct process *process)
{
	const struct process *parent = process->parent;

	if (process == process->world->first)
		return true;
	return parent && parent->pgid != process->pgid && parent->sid == process->sid;
}

bool family_is_orphaned(struct family *family, int pgid)
{
	const struct process *process;

	list_for_each_entry(process, &family->processes, link) {
		if (process->pgid == pgid && is_alive(process) && has_keeper(process))
			return false;
	}
	return true;
}

struct mm *family_mm_from(struct family *family, int *pid, bool after)
{
	struct process *process;
	struct mm *mm = NULL;
	bool reached = false;

	family_lock(family);
	list_for_each_entry(process, &family->processes, link) {
		reached |= process->pid == *pid && !after;
		if (reached && is_alive(process))
			mm = process_mm_get(process);
		if (mm) {
			*pid = process->pid;
			break;
		}
		reached |= process->pid == *pid;
	}
	family_unlock(family);
	return mm;
}

void family_kick_all(struct family *family)
{
	struct process *process;

	family_lock(family);
	list_for_each_entry(process, &family->processes, link) {
		if (is_alive(process))
			process_kick(process);
	}
	family_unlock(family);
}

/* ---- Signals -------------------------------------------------------------------------------------------- */

static void go_on(struct process *process, int signo)
{
	process->state = PROCESS_RUNNING;
	process->stop_signal = 0;
	bump(&process->continue_events);
	if (signo != SIGCONT)
		return;
	process->continued = true;
	tell_of_change(process, CLD_CONTINUED, SIGCONT);
}

int family_signal(struct process *process, const siginfo_t *info)
{
	int err;

	if (!is_alive(process))
		return 0;
	err = process_signal(process, info);
	if (process->state == PROCESS_STOPPED &&
	    (info->si_signo == SIGCONT || info->si_signo == SIGKILL))
		go_on(process, info->si_signo);
	return err;
}

/* -1 means all but oneself: whom a guest can reach is the guests. */
static bool is_meant(const struct process *process, const struct process *sender, int pid)
{
	if (pid > 0)
		return process->pid == pid;
	if (pid == -1)
		return process != sender;
	return process->pgid == (pid ? -pid : sender->pgid);
}

int family_kill(struct family *family, const struct process *sender, int pid, const siginfo_t *info)
{
	struct process *process;
	int result = -ESRCH;

	family_lock(family);
	list_for_each_entry(process, &family->processes, link) {
		int err;

		if (!is_meant(process, sender, pid))
			continue;
		err = info->si_signo ? family_signal(process, info) : 0;
		/* It is enough if one got it. */
		if (result)
			result = err;
	}
	family_unlock(family);
	return result;
}

static void signal_everybody(struct family *family, const siginfo_t *info)
{
	struct process *process;

	list_for_each_entry(process, &family->processes, link)
		family_signal(process, info);
}

void family_signal_first(struct world *world, const siginfo_t *info)
{
	struct family *family = &world->family;

	family_lock(family);
	if (is_alive(world->first))
		family_signal(world->first, info);
	else
		signal_everybody(family, info);
	family_unlock(family);
}

void family_signal_foreground(struct world *world, const siginfo_t *info)
{
	struct family *family = &world->family;
	struct process *process;

	family_lock(family);
	list_for_each_entry(process, &family->processes, link) {
		if (process->pgid == family->foreground)
			family_signal(process, info);
	}
	family_unlock(family);
}

void family_kill_all(struct family *family)
{
	const siginfo_t kill = { .si_signo = SIGKILL, .si_code = SI_KERNEL };

	family_lock(family);
	signal_everybody(family, &kill);
	family_unlock(family);
}

void family_look_after_stubs(struct family *family)
{
	struct process *process;
	int status;

	family_lock(family);
	list_for_each_entry(process, &family->processes, link) {
		if (!is_alive(process) || process->stub_gone ||
		    !platform_process_gone(process->platform, &status))
			continue;
		process->stub_gone = true;
		if (process->state == PROCESS_STOPPED)
			go_on(process, SIGKILL);
		process_wake(process);
	}
	family_unlock(family);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

/* Sent by a guest, which may want to continue it? */
static bool is_from_guest(struct family *family, const siginfo_t *info)
{
	return info->si_code <= 0 && family_find(family, info->si_pid);
}

static bool others_run(struct family *family, const struct process *process)
{
	const struct process *other;

	list_for_each_entry(other, &family->processes, link) {
		if (other != process && other->state == PROCESS_RUNNING)
			return true;
	}
	return false;
}

/* => stopped; *@all: and Godwit with it, for whoever started it to see */
static bool become_stopped(struct process *process, const siginfo_t *info, bool *all)
{
	struct family *family = &process->world->family;
	bool stopped;

	family_lock(family);
	stopped = signals_may_stop(&process->signals) &&
		  (info->si_signo == SIGSTOP || !family_is_orphaned(family, process->pgid));
	if (stopped) {
		process->state = PROCESS_STOPPED;
		process->stop_signal = info->si_signo;
		process->continued = false;
		tell_of_change(process, CLD_STOPPED, info->si_signo);
	}
	*all = stopped && process == process->world->first &&
	       (!is_from_guest(family, info) || !others_run(family, process));
	family_unlock(family);
	return stopped;
}

static bool is_stopped(struct process *process, unsigned int *events)
{
	bool stopped;

	family_lock(&process->world->family);
	stopped = process->state == PROCESS_STOPPED;
	*events = process->continue_events;
	family_unlock(&process->world->family);
	return stopped;
}

void family_stop(struct thread *thread, const siginfo_t *info)
{
	struct process *process = thread->process;
	unsigned int events;
	bool all;

	if (!become_stopped(process, info, &all))
		return;
	world_leave(process->world);
	if (all)
		host_syscall(SYS_kill, host_syscall(SYS_getpid), (long)SIGSTOP);
	while (is_stopped(process, &events))
		host_syscall(SYS_futex, &process->continue_events, (long)FUTEX_WAIT_PRIVATE,
			     (long)events, NULL, NULL, 0l);
	world_enter(process->world);
}
