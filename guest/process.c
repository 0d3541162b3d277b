// SPDX-License-Identifier: MIT
/*
 * process.c - a guest process: its birth, the loop that runs it, its end
 *
 * The first process has the pid that Godwit itself has, so that whoever started it, its process
 * group and its terminal mean the right one by it; its stub's pid is nobody's business.  The others
 * come from fork.c.
 *
 * The loop is what a processor and the kernel's entry code do together: run until something
 * happens, resolve it with the core, deliver signals, go on.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "family.h"
#include "interrupt.h"
#include "message.h"
#include "syscall.h"
#include "user_copy.h"

#define TRAP_PAGE_FAULT 14

/* ---- Birth -------------------------------------------------------------------------------------- */

static int create_thread(struct process *process)
{
	struct thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return -ENOMEM;
	process->thread = thread;
	thread->process = process;
	thread->platform = platform_process_thread(process->platform);
	thread->host = pthread_self();
	thread->syscall_nr = -1;
	thread->restart.clock = -1;
	thread->bounce = malloc(BOUNCE_SIZE);
	return thread->bounce ? 0 : -ENOMEM;
}

static void destroy_thread(struct thread *thread)
{
	if (!thread)
		return;
	free(thread->bounce);
	free(thread);
}

static void inherit_limits(struct process *process)
{
	for (long i = 0; i < RLIM_NLIMITS; i++)
		host_syscall(SYS_prlimit64, 0L, i, NULL, &process->limits[i]);
}

static void inherit_mask(struct thread *thread)
{
	uint64_t mask = 0;

	host_syscall(SYS_rt_sigprocmask, (long)SIG_BLOCK, NULL, &mask, sizeof(mask));
	thread_set_blocked(thread, mask);
}

static int inherit(struct process *process)
{
	long cwd = host_syscall(SYS_openat, (long)AT_FDCWD, ".",
				(long)(O_PATH | O_DIRECTORY | O_CLOEXEC), 0L);

	if (cwd < 0)
		return (int)cwd;
	process->cwd = (int)cwd;
	process->pid = (int)host_syscall(SYS_getpid);
	process->thread->tid = process->pid;
	process->pgid = (int)host_syscall(SYS_getpgid, 0L);
	process->sid = (int)host_syscall(SYS_getsid, 0L);
	inherit_limits(process);
	inherit_mask(process->thread);
	return files_adopt(&process->files,
			   (int)min(process->limits[RLIMIT_NOFILE].rlim_cur, (rlim_t)INT_MAX));
}

int process_alloc(struct world *world, struct process **out)
{
	struct process *process = calloc(1, sizeof(*process));
	int err;

	if (!process)
		return -ENOMEM;
	process->world = world;
	process->cwd = -1;
	process->virtual_cpu =
		CPU_GUEST + (int)(atomic_fetch_add(&world->family.born, 1) % NR_GUEST_CPUS);
	list_init(&process->children);
	pthread_mutex_init(&process->mm_lock, NULL);
	signals_init(&process->signals);
	err = platform_process_create(world->platform, &process->platform);
	if (!err)
		err = create_thread(process);
	if (err) {
		process_release(process);
		process_free(process);
		return err;
	}
	*out = process;
	return 0;
}

int process_create(struct world *world, struct process **out)
{
	struct process *process;
	int err = process_alloc(world, &process);

	if (err)
		return err;
	err = inherit(process);
	if (err) {
		process_release(process);
		process_free(process);
		return err;
	}
	*out = process;
	return 0;
}

/* ---- Death ---------------------------------------------------------------------------------------- */

static void put_mm(struct process *process)
{
	struct mm *mm = process->mm;

	pthread_mutex_lock(&process->mm_lock);
	process->mm = NULL;
	pthread_mutex_unlock(&process->mm_lock);
	if (mm)
		process->world->core->mm_put(mm);
}

/* Its parent may look at any time: it can have been continued, and wait() not have told of it. */
static void note_cpu_time(struct process *process)
{
	struct cpu_time cpu;

	process_cpu_time(process, &cpu);
	family_lock(&process->world->family);
	process->cpu = cpu;
	family_unlock(&process->world->family);
}

void process_release(struct process *process)
{
	if (process->has_timer)
		timer_delete(process->timer);
	process->has_timer = false;
	/* The stub first: nobody can use translations of what goes after it. */
	if (process->platform) {
		note_cpu_time(process);
		platform_process_end(process->platform);
	}
	process_vfork_done(process);
	put_mm(process);
	files_destroy(&process->files);
	if (process->cwd >= 0)
		host_syscall(SYS_close, (long)process->cwd);
	process->cwd = -1;
}

static bool is_waited_for(struct process *process)
{
	bool waited_for;

	family_lock(&process->world->family);
	waited_for = process->vfork != NULL;
	family_unlock(&process->world->family);
	return waited_for;
}

/* Linux: mm_release(), which does it for memory that somebody else has too: a vfork's. */
static void clear_child_tid(struct thread *thread)
{
	const int nobody = 0;

	if (thread->clear_child_tid && is_waited_for(thread->process) &&
	    user_put(thread, thread->clear_child_tid, &nobody, sizeof(nobody)))
		thread->clear_child_tid = 0;
}

void process_end(struct process *process)
{
	const struct observer *observer = &process->world->options.observer;

	if (observer->thread_end)
		observer->thread_end(observer->arg, process->thread, observed_pid(process),
				     process->wait_status);
	clear_child_tid(process->thread);
	process_release(process);
}

void process_free(struct process *process)
{
	if (process->platform)
		platform_process_destroy(process->platform);
	destroy_thread(process->thread);
	signals_fini(&process->signals);
	pthread_mutex_destroy(&process->mm_lock);
	free(process);
}

/* The first one's is asked anew: whoever started Godwit may have ended. */
int process_ppid(struct process *process)
{
	struct family *family = &process->world->family;
	int ppid = 1;

	if (process == process->world->first)
		return (int)host_syscall(SYS_getppid);
	family_lock(family);
	if (process->parent)
		ppid = process->parent->pid;
	family_unlock(family);
	return ppid;
}

int observed_pid(const struct process *process)
{
	return process->world->family.born > 1 ? process->pid : 0;
}

struct mm *process_mm_get(struct process *process)
{
	struct mm *mm;

	pthread_mutex_lock(&process->mm_lock);
	mm = process->mm;
	if (mm)
		process->world->core->mm_get(mm);
	pthread_mutex_unlock(&process->mm_lock);
	return mm;
}

/* The runner's right is the program's; without a limit there is nothing it would have to override. */
static bool may_lock_memory(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (host_syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[0].effective & 1u << CAP_IPC_LOCK;
}

void process_gw_limits(const struct process *process, struct gw_limits *limits)
{
	*limits = (struct gw_limits){
		.data_hard = process->limits[RLIMIT_DATA].rlim_max,
		.as = process->limits[RLIMIT_AS].rlim_cur,
		.data = process->limits[RLIMIT_DATA].rlim_cur,
		.stack = process->limits[RLIMIT_STACK].rlim_cur,
		.memlock = may_lock_memory() ? ~0ull : process->limits[RLIMIT_MEMLOCK].rlim_cur,
	};
}

void process_update_limits(struct process *process)
{
	struct gw_limits limits;

	process_gw_limits(process, &limits);
	if (process->mm)
		process->world->core->mm_set_limits(process->mm, &limits);
	process->files.limit = (int)min(process->limits[RLIMIT_NOFILE].rlim_cur, (rlim_t)INT_MAX);
}

/* ---- The end ------------------------------------------------------------------------------------ */

void process_exit(struct process *process, int code)
{
	process->exited = true;
	process->wait_status = (code & 0xff) << 8;
}

void process_kill(struct process *process, int signo)
{
	process->exited = true;
	process->wait_status = signo;
}

void process_fail(struct process *process)
{
	process_kill(process, SIGKILL);
	process->world->failed = true;
	family_kill_all(&process->world->family);
}

/* Linux's OOM killer would choose a process; here it is always the one that found no memory. */
void process_out_of_memory(struct process *process, unsigned long addr)
{
	struct gw_mm_info info;

	if (process->exited)
		return;
	process->world->core->mm_info(process->mm, &info);
	message("%s: out of memory at %#lx: killed by SIGKILL (%lu of %lu frames are its own; "
		"--memory gives more)",
		process->comm, addr, info.rss_anon + info.rss_file, process->world->nr_frames);
	process->said_why = true;
	process_kill(process, SIGKILL);
}

/*
 * The first's end from outside is the end of the run; the stub of another is what the host shows of
 * that guest, and to kill it is to kill the guest.
 */
static void stub_died(struct process *process, int host_status)
{
	if ((process->signals.pending & sig_bit(SIGKILL)) ||
	    (process != process->world->first && WIFSIGNALED(host_status))) {
		/* Or we killed it ourselves, as it did not answer. */
		process_kill(process, SIGKILL);
		return;
	}
	if (WIFSIGNALED(host_status))
		message("the guest's host process was killed by signal %d (%s); the run cannot go on",
			WTERMSIG(host_status), strsignal(WTERMSIG(host_status)));
	else
		message("the guest's host process ended by itself (status %#x); the run cannot go on",
			(unsigned int)host_status);
	process_fail(process);
}

static void hostile(struct thread *thread)
{
	message("%s: called the host from inside Godwit's part of its address space, ip %#lx: "
		"killed by SIGKILL",
		thread->process->comm, (unsigned long)platform_gregs(thread->platform)[REG_RIP]);
	thread->process->said_why = true;
	process_kill(thread->process, SIGKILL);
}

/* ---- Running ------------------------------------------------------------------------------------ */

static void trap_signal(struct thread *thread, int signo, int code, unsigned long addr)
{
	const greg_t *regs = platform_gregs(thread->platform);
	const siginfo_t info = {
		.si_signo = signo,
		.si_code = code,
		.si_addr = (void *)addr, /* NOLINT: a guest's address */
	};

	thread->trap.trapno = (unsigned long)regs[REG_TRAPNO];
	thread->trap.error = (unsigned long)regs[REG_ERR];
	if (thread->trap.trapno == TRAP_PAGE_FAULT)
		thread->trap.addr = addr;
	thread_force_signal(thread, &info);
}

/* True: the entry allows the access now, or did a moment ago. */
static bool resolve_fault(struct thread *thread, const struct platform_want *want)
{
	struct process *process = thread->process;

	switch (process->world->core->fault(process->mm, want->addr, want->access)) {
	case GW_FAULT_DONE:
		return true;
	case GW_FAULT_MAPERR:
		trap_signal(thread, SIGSEGV, SEGV_MAPERR, want->addr);
		return false;
	case GW_FAULT_ACCERR:
		trap_signal(thread, SIGSEGV, SEGV_ACCERR, want->addr);
		return false;
	case GW_FAULT_SIGBUS:
		trap_signal(thread, SIGBUS, BUS_ADRERR, want->addr);
		return false;
	case GW_FAULT_OOM:
		process_out_of_memory(process, want->addr);
		return false;
	}
	return false;
}

static void exception(struct thread *thread, const struct platform_event *event)
{
	trap_signal(thread, event->signo, event->code, event->addr);
}

static void handle_event(struct thread *thread, const struct platform_event *event,
			 struct platform_want *want)
{
	switch (event->kind) {
	case PLATFORM_SYSCALL:
		thread_syscall(thread);
		return;
	case PLATFORM_FAULT:
		/* Most often a mapping of the host was flushed, and a page walk is all it takes. */
		want->addr = event->addr;
		want->access = event->access;
		want->valid = true;
		return;
	case PLATFORM_EXCEPTION:
		exception(thread, event);
		return;
	case PLATFORM_KICK:
		return;
	case PLATFORM_HOSTILE:
		hostile(thread);
		return;
	case PLATFORM_DIED:
		stub_died(thread->process, event->host_status);
		return;
	}
}

/* One stretch of the guest's own code, and what it ended with. */
static void run_once(struct thread *thread, struct platform_want *want)
{
	struct platform_event event;

	if (!platform_run(thread->platform, want, &event)) {
		want->valid = resolve_fault(thread, want);
		return;
	}
	want->valid = false;
	handle_event(thread, &event, want);
}

void process_run(struct process *process)
{
	struct thread *thread = process->thread;
	struct platform_want want = { .valid = false };

	while (!process->exited) {
		world_pass(process->world);
		if (process->stub_gone) {
			int status;

			(void)platform_process_gone(process->platform, &status);
			stub_died(process, status);
			break;
		}
		if (thread_signal_pending(thread)) {
			/* A handler runs elsewhere; the fault comes again if it is still one. */
			want.valid = false;
			thread_deliver_signals(thread);
			continue;
		}
		run_once(thread, &want);
	}
}

void process_kick(struct process *process)
{
	platform_kick(process->thread->platform);
}

void process_wake(struct process *process)
{
	struct thread *thread = process->thread;

	if (pthread_equal(pthread_self(), thread->host))
		return;
	/* Pairs with thread_wait_call(): it clears the flag, says that it waits, and looks again. */
	__atomic_store_n(&thread->interrupted, 1, __ATOMIC_SEQ_CST);
	if (atomic_load(&thread->waiting))
		host_interrupt(thread->host);
	process_kick(process);
}

/* ---- Waiting in the host ------------------------------------------------------------------------ */

static bool must_stop_waiting(const struct thread *thread)
{
	return thread->process->stub_gone ||
	       (thread->process->signals.pending & (~thread->blocked | thread->awaited)) != 0;
}

/* Pairs with process_wake(): whoever calls it has made the signal pending; it sets the flag, then looks. */
static long wait_call_once(struct thread *thread, long nr, const long args[6])
{
	long result = -EINTR;

	__atomic_store_n(&thread->interrupted, 0, __ATOMIC_SEQ_CST);
	atomic_store(&thread->waiting, true);
	if (!must_stop_waiting(thread))
		result = host_syscall_unless(&thread->interrupted, nr, args);
	atomic_store(&thread->waiting, false);
	return result;
}

/* What is ready is told though a signal has come as well.  Linux: do_poll() looks before it sleeps. */
static long poll_once_more(const long args[6])
{
	const struct timespec now = { 0 };
	long result = host_syscall(SYS_ppoll, args[0], args[1], &now, NULL, 0l);

	return result ? result : -EINTR;
}

long thread_wait_call(struct thread *thread, long nr, ...)
{
	long args[6];
	long result;
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	world_leave(thread->process->world);
	/* An interruption whose signal is gone again, or meant somebody else, is not the guest's. */
	do {
		result = wait_call_once(thread, nr, args);
	} while (result == -EINTR && !must_stop_waiting(thread));
	if (result == -EINTR && nr == SYS_ppoll)
		result = poll_once_more(args);
	world_enter(thread->process->world);
	return result;
}
