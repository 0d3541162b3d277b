// SPDX-License-Identifier: MIT
/*
 * stub_process.c - the life of a stub process, and its helper
 *
 * Born by the factory with the frames and the slots as its only descriptors; ready when its thread
 * traps for the first time; ended by SIGKILL.  It is reaped at the very end alone, so that its
 * number cannot become somebody else's while a kick is on its way.
 */
#include "internal.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "syscall.h"

#define START_ATTEMPTS 5

/* ---- Futexes --------------------------------------------------------------------------------- */

int slot_sleep(uint32_t *word, uint32_t value)
{
	const struct timespec interval = { .tv_nsec = LOOK_INTERVAL_MS * 1000000l };

	/* Not FUTEX_PRIVATE: the word is shared with another process. */
	return (int)host_syscall(SYS_futex, word, (long)FUTEX_WAIT, (unsigned long)value, &interval,
				 NULL, 0l);
}

void slot_wake(uint32_t *word)
{
	host_syscall(SYS_futex, word, (long)FUTEX_WAKE, (long)__INT_MAX__, NULL, NULL, 0l);
}

/* ---- Birth ----------------------------------------------------------------------------------- */

static struct stub_slot *slot_at(const struct platform_process *process, int nr)
{
	return (struct stub_slot *)((char *)process->control + (unsigned long)nr * STUB_SLOT_SIZE);
}

/* => the memfd of the slots, mapped at process->control */
static int map_control(struct platform_process *process, const char **why)
{
	long fd = host_syscall(SYS_memfd_create, "godwit-control", (unsigned long)MFD_CLOEXEC);
	long addr;

	*why = "no descriptors are left; see ulimit -n";
	if (fd < 0)
		return (int)fd;
	*why = "no memory for the guest's process";
	addr = host_syscall(SYS_ftruncate, fd, (long)STUB_CONTROL_SIZE);
	if (!addr)
		addr = host_syscall(SYS_mmap, 0l, STUB_CONTROL_SIZE, (long)(PROT_READ | PROT_WRITE),
				    (long)MAP_SHARED, fd, 0l);
	if (addr < 0) {
		host_syscall(SYS_close, fd);
		return (int)addr;
	}
	process->control = (void *)addr;
	return (int)fd;
}

static void init_slots(struct platform_process *process)
{
	struct platform_thread *thread = &process->thread;

	process->helper = slot_at(process, STUB_HELPER_SLOT);
	process->helper->runner_pid = getpid();
	thread->process = process;
	thread->slot_nr = STUB_THREAD_SLOT;
	thread->slot = slot_at(process, STUB_THREAD_SLOT);
	thread->slot->spin_max = process->platform->spin_max;
	thread->slot->budget = process->platform->spin_max;
	thread->budget = process->platform->spin_max;
}

static const char *explain_death(int status)
{
	if (!WIFEXITED(status))
		return "the guest's process was killed while it started";
	switch (WEXITSTATUS(status)) {
	case STUB_EXIT_CONTROL:
		return "the guest's process could not map its control memory";
	case STUB_EXIT_UNMAP:
		return "the guest's process could not empty its address space";
	case STUB_EXIT_ORPHAN:
		return "the guest's process found another parent; was it made in another PID "
		       "namespace?";
	case STUB_EXIT_SIGNALS:
		return "the guest's process could not set its signal handlers";
	case STUB_EXIT_HELPER:
		return "the guest's process could not make its helper thread; see ulimit -u "
		       "(RLIMIT_NPROC) and pids.max";
	case STUB_EXIT_NO_NEW_PRIVS:
		return "PR_SET_NO_NEW_PRIVS is forbidden";
	case STUB_EXIT_FILTER:
		return "seccomp filters are missing or forbidden; the host's kernel needs "
		       "CONFIG_SECCOMP_FILTER";
	}
	return "the guest's process ended while it started";
}

static int reap(struct platform_process *process)
{
	int status = 0;

	host_syscall(SYS_wait4, (long)process->pid, &status, (long)__WALL, NULL);
	return status;
}

/* One attempt.  => -EAGAIN: the stub died; *why */
static int start(struct platform_process *process, const char **why)
{
	int control_fd = map_control(process, why);
	pid_t pid;

	if (control_fd < 0)
		return control_fd;
	init_slots(process);
	pid = factory_spawn(process->platform->factory, control_fd, why);
	host_syscall(SYS_close, (long)control_fd);
	if (pid < 0) {
		host_syscall(SYS_munmap, process->control, STUB_CONTROL_SIZE);
		return pid;
	}
	process->pid = pid;
	process->thread.tid = pid;
	if (thread_start(&process->thread))
		return 0;
	stub_process_kill(process);
	*why = explain_death(reap(process));
	host_syscall(SYS_munmap, process->control, STUB_CONTROL_SIZE);
	return -EAGAIN;
}

int stub_process_create(struct platform *platform, struct platform_process **result,
			const char **why)
{
	int err = -ENOMEM;

	*why = "out of memory";
	for (int i = 0; i < START_ATTEMPTS; i++) {
		struct platform_process *process = calloc(1, sizeof(*process));

		if (!process)
			break;
		process->platform = platform;
		err = start(process, why);
		if (!err) {
			*result = process;
			return 0;
		}
		free(process);
		if (err != -EAGAIN)
			break;
	}
	return err == -EAGAIN ? -ENOEXEC : err;
}

int platform_process_create(struct platform *platform, struct platform_process **process)
{
	const char *why;

	pthread_mutex_lock(&platform->lock);
	*process = platform->spare;
	platform->spare = NULL;
	pthread_mutex_unlock(&platform->lock);
	if (*process)
		return 0;
	return stub_process_create(platform, process, &why);
}

/* ---- Death ----------------------------------------------------------------------------------- */

/* One that nobody can wait for any more was killed, for all we know. */
bool platform_process_gone(const struct platform_process *process, int *status)
{
	siginfo_t info;
	long err;

	memset(&info, 0, sizeof(info));
	err = host_syscall(SYS_waitid, (long)P_PID, (long)process->pid, &info,
			   (long)(WEXITED | WNOHANG | WNOWAIT | __WALL), NULL);
	*status = SIGKILL;
	if (!err && info.si_pid == process->pid)
		*status =
			info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : info.si_status;
	return err == -ECHILD || (!err && info.si_pid == process->pid);
}

/* Whoever waits for an answer of the stub looks again. */
static void wake_all(struct platform_process *process)
{
	slot_wake(&process->helper->turn);
	slot_wake(&process->thread.slot->turn);
	slot_wake(&process->thread.slot->ack);
}

bool stub_process_alive(struct platform_process *process)
{
	int status;

	if (!process->dead && platform_process_gone(process, &status)) {
		process->dead = true;
		wake_all(process);
	}
	return !process->dead;
}

void stub_process_kill(struct platform_process *process)
{
	siginfo_t info;

	host_syscall(SYS_kill, (long)process->pid, (long)SIGKILL);
	/* Its address space is gone when it can be waited for, and not before. */
	host_syscall(SYS_waitid, (long)P_PID, (long)process->pid, &info,
		     (long)(WEXITED | WNOWAIT | __WALL), NULL);
	process->dead = true;
	wake_all(process);
}

void platform_process_end(struct platform_process *process)
{
	stub_process_kill(process);
	host_tlb_attach(process, NULL);
	host_syscall(SYS_munmap, process->control, STUB_CONTROL_SIZE);
	process->control = NULL;
}

void platform_process_destroy(struct platform_process *process)
{
	if (process->control)
		platform_process_end(process);
	reap(process);
	free(process);
}

pid_t platform_process_pid(const struct platform_process *process)
{
	return process->pid;
}

struct platform_thread *platform_process_thread(struct platform_process *process)
{
	return &process->thread;
}

void platform_process_set_mm(struct platform_process *process, struct mm *mm)
{
	host_tlb_attach(process, mm);
	platform_set_segment_base(&process->thread, ARCH_SET_FS, 0);
	platform_set_segment_base(&process->thread, ARCH_SET_GS, 0);
}

void platform_process_attach_mm(struct platform_process *process, struct mm *mm)
{
	host_tlb_attach(process, mm);
}

/* ---- The helper ------------------------------------------------------------------------------ */

/* It sleeps while it has nothing to do, and so do we: spinning would keep the guest off a CPU. */
int stub_process_order(struct platform_process *process)
{
	struct stub_slot *slot = process->helper;
	uint32_t turn;

	memcpy(slot->commands, process->orders.commands,
	       (size_t)process->orders.nr * sizeof(slot->commands[0]));
	slot->nr_commands = (uint32_t)process->orders.nr;
	slot->seq = ++process->helper_seq;
	process->orders.nr = 0;
	turn = __atomic_exchange_n(&slot->turn, 0, __ATOMIC_ACQ_REL);
	if (turn & STUB_TURN_WAITER)
		slot_wake(&slot->turn);

	turn = 0;
	while (!(turn & STUB_TURN_RUNNER)) {
		int err = 0;

		if (process->dead)
			return -ESRCH;
		if ((turn & STUB_TURN_WAITER) ||
		    __atomic_compare_exchange_n(&slot->turn, &turn, turn | STUB_TURN_WAITER, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			err = slot_sleep(&slot->turn, STUB_TURN_WAITER);
		if (err == -ETIMEDOUT)
			stub_process_alive(process);
		turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
	}
	return (int)slot->error;
}
