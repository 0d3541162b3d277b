// SPDX-License-Identifier: MIT
/*
 * fork.c - a second process that looks like the first
 *
 * The child gets a stub of its own, a copy of the address space, of the descriptors (the same open
 * files) and of all that a process knows of itself, and a thread of Godwit that runs it.  All that
 * can fail is done before anybody can find the child.
 *
 * vfork: an address space has one stub at a time, so the parent's lets go of it for as long as the
 * child has it, and takes it again, with nothing mapped by the host, when the child executes a
 * program or ends.  What the child stores the parent finds, as on Linux.
 *
 * Linux: kernel/fork.c (copy_process, wait_for_vfork_done).
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

#include "family.h"
#include "process.h"
#include "syscall.h"
#include "threads.h"
#include "user_copy.h"

struct fork {
	struct thread *parent;
	const struct fork_args *args;
	bool clear_handlers;
	struct process *child;
	struct vfork_wait wait;
};

/* ---- The copy -------------------------------------------------------------------------------------- */

static void copy_thread(const struct fork *fork)
{
	const struct fork_args *args = fork->args;
	const struct thread *parent = fork->parent;
	struct thread *child = fork->child->thread;

	child->tid = fork->child->pid;
	child->blocked = parent->blocked;
	child->altstack = parent->altstack;
	child->fs_base = args->flags & CLONE_SETTLS ? args->tls : parent->fs_base;
	child->gs_base = parent->gs_base;
	if (args->flags & CLONE_CHILD_CLEARTID)
		child->clear_child_tid = args->child_tid;
	if (args->flags & CLONE_CHILD_SETTID)
		child->set_child_tid = args->child_tid;
}

static int copy_process(const struct fork *fork)
{
	const struct process *parent = fork->parent->process;
	struct process *child = fork->child;
	long cwd;

	child->pid = platform_process_pid(child->platform);
	child->exit_signal = fork->args->exit_signal;
	child->umask = parent->umask;
	memcpy(child->limits, parent->limits, sizeof(child->limits));
	memcpy(child->exe, parent->exe, sizeof(child->exe));
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	memcpy(child->auxv, parent->auxv, sizeof(child->auxv));
	child->auxv_words = parent->auxv_words;
	signals_fork(&child->signals, &fork->parent->process->signals, fork->clear_handlers);
	copy_thread(fork);
	cwd = host_syscall(SYS_fcntl, (long)parent->cwd, (long)F_DUPFD_CLOEXEC, 3L);
	if (cwd < 0)
		return -ENOMEM;
	child->cwd = (int)cwd;
	/* Godwit's own limit is no errno of fork's. */
	return files_fork(&child->files, &parent->files) ? -ENOMEM : 0;
}

/* The mm is the child's; with a vfork the parent's stub has left it. */
static int copy_mm(const struct fork *fork)
{
	struct process *parent = fork->parent->process;
	const struct gw_core *core = parent->world->core;
	struct mm *mm = parent->mm;
	int err = 0;

	if (fork->args->flags & CLONE_VM) {
		core->mm_get(mm);
		platform_process_attach_mm(parent->platform, NULL);
	} else {
		err = core->fork(parent->mm, &mm);
	}
	if (err)
		return err;
	fork->child->mm = mm;
	platform_process_attach_mm(fork->child->platform, mm);
	return 0;
}

static int copy_regs(const struct fork *fork)
{
	const struct thread *child = fork->child->thread;
	greg_t *gregs;
	int err = platform_copy_regs(child->platform, fork->parent->platform);

	if (err)
		return err;
	gregs = platform_gregs(child->platform);
	gregs[REG_RAX] = 0;
	if (fork->args->stack)
		gregs[REG_RSP] = (greg_t)fork->args->stack;
	platform_set_segment_base(child->platform, ARCH_SET_FS, child->fs_base);
	platform_set_segment_base(child->platform, ARCH_SET_GS, child->gs_base);
	return 0;
}

/* ---- The child's thread ---------------------------------------------------------------------------- */

static void *child_main(void *arg)
{
	struct process *process = arg;
	struct thread *thread = process->thread;
	struct world *world = process->world;

	/* Whoever made us has finished when the lock is free. */
	family_lock(&world->family);
	family_unlock(&world->family);
	threads_task_attach("guest", process->virtual_cpu);
	world_enter(world);
	if (thread->set_child_tid &&
	    user_put(thread, thread->set_child_tid, &thread->tid, sizeof(thread->tid)))
		thread->set_child_tid = 0; /* as on Linux: not there, not told */
	process_run(process);
	process_end(process);
	world_leave(world);
	threads_task_detach();
	family_exit(process);
	return NULL;
}

/* Its thread waits until the lock is free: then the child is complete and can be found. */
static int start(struct fork *fork)
{
	struct process *child = fork->child, *parent = fork->parent->process;
	struct family *family = &parent->world->family;
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	family_lock(family);
	err = pthread_create(&child->thread->host, &attr, child_main, child);
	if (!err) {
		child->parent = parent;
		child->pgid = parent->pgid;
		child->sid = parent->sid;
		if (fork->args->flags & CLONE_VFORK)
			child->vfork = &fork->wait;
		family_add(child);
	}
	family_unlock(family);
	pthread_attr_destroy(&attr);
	return err ? -EAGAIN : 0;
}

/* ---- vfork ----------------------------------------------------------------------------------------- */

void process_vfork_done(struct process *process)
{
	struct family *family = &process->world->family;

	family_lock(family);
	if (process->vfork) {
		__atomic_store_n(&process->vfork->done, 1, __ATOMIC_RELEASE);
		host_syscall(SYS_futex, &process->vfork->done, (long)FUTEX_WAKE_PRIVATE, 1l, NULL,
			     NULL, 0l);
		process->vfork = NULL;
	}
	family_unlock(family);
}

/* The child goes on without us, and tells nobody. */
static void forsake(const struct fork *fork, int pid)
{
	struct family *family = &fork->parent->process->world->family;
	struct process *child;

	family_lock(family);
	child = family_find(family, pid);
	if (child && child->vfork == &fork->wait)
		child->vfork = NULL;
	family_unlock(family);
}

/* Nothing but SIGKILL ends the wait. */
static void wait_for_vfork(struct fork *fork, int pid)
{
	struct thread *thread = fork->parent;
	struct process *process = thread->process;
	uint64_t blocked = thread->blocked;
	long result = 0;

	thread->blocked = ~sig_bit(SIGKILL);
	while (!__atomic_load_n(&fork->wait.done, __ATOMIC_ACQUIRE) && result != -EINTR)
		result = thread_wait_call(thread, SYS_futex, &fork->wait.done,
					  (long)FUTEX_WAIT_PRIVATE, 0l, NULL, NULL, 0l);
	thread->blocked = blocked;
	forsake(fork, pid);
	if ((fork->args->flags & CLONE_VM) && fork->wait.done)
		platform_process_attach_mm(process->platform, process->mm);
}

/* ---- fork ------------------------------------------------------------------------------------------- */

/* Nobody has seen the child. */
static void undo(const struct fork *fork)
{
	struct process *parent = fork->parent->process;

	process_release(fork->child);
	process_free(fork->child);
	if (fork->args->flags & CLONE_VM)
		platform_process_attach_mm(parent->platform, parent->mm);
}

/* Linux counts all of a user's processes, and lets root have more. */
static bool too_many(struct process *process)
{
	struct family *family = &process->world->family;
	bool reached;

	family_lock(family);
	reached = (rlim_t)family->nr_running >= process->limits[RLIMIT_NPROC].rlim_cur;
	family_unlock(family);
	return reached && host_syscall(SYS_geteuid) != 0;
}

/* In the parent's memory alone, unless they share it. */
static void tell_parent(const struct fork *fork)
{
	const int pid = fork->child->pid;

	if ((fork->args->flags & CLONE_PARENT_SETTID) &&
	    user_put(fork->parent, fork->args->parent_tid, &pid, sizeof(pid)))
		return; /* as on Linux: there is a child all the same */
}

static int make_child(struct fork *fork)
{
	int err = copy_process(fork);

	if (!err)
		err = copy_mm(fork);
	if (!err)
		err = copy_regs(fork);
	if (!err)
		tell_parent(fork);
	if (!err)
		err = start(fork);
	if (err)
		undo(fork);
	return err;
}

long process_fork(struct thread *parent, const struct fork_args *args, bool clear_handlers)
{
	struct fork fork = { .parent = parent, .args = args, .clear_handlers = clear_handlers };
	int err, pid;

	if (too_many(parent->process))
		return -EAGAIN;
	err = process_alloc(parent->process->world, &fork.child);
	if (err)
		return err == -ENOMEM ? -ENOMEM : -EAGAIN;
	pid = platform_process_pid(fork.child->platform);
	err = make_child(&fork);
	if (err)
		return err;
	if (args->flags & CLONE_VFORK)
		wait_for_vfork(&fork, pid);
	return pid;
}
