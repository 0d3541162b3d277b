/* SPDX-License-Identifier: MIT */
/*
 * process.h - a guest process and its thread
 */
#pragma once

#include <godwit/core.h>

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "cpu_time.h"
#include "files.h"
#include "platform.h"
#include "signals.h"
#include "world.h"

/* Where data crosses between the guest and the host, a piece at a time. */
#define BOUNCE_SIZE (256ul << 10)

/* What restart_syscall() goes on with: a sleep that was interrupted without a handler. */
struct restart {
	long clock;
	struct timespec until;
	unsigned long remaining; /* where clock_nanosleep() was to put the rest, or 0 */
};

/* What a signal frame tells of the last exception that became a signal, as on Linux. */
struct last_trap {
	unsigned long trapno, error, addr;
};

/*
 * struct thread - one guest thread, driven by one thread of the runner
 *
 * (o) its own runner thread alone
 * (a) atomic: read by the monitor
 */
struct thread {
	struct process *process;
	struct platform_thread *platform;
	pthread_t host; /* constant */
	int tid;	/* constant */

	long syscall_nr;		/* (o) -1: not in a system call */
	bool regs_replaced;		/* (o) the call set all registers: no result */
	_Atomic uint64_t blocked;	/* (a) signal mask */
	_Atomic uint64_t awaited;	/* (a) what sigtimedwait() takes, blocked or not */
	uint64_t saved_blocked;		/* (o) what ppoll() and its like put back */
	bool restore_blocked;		/* (o) */
	_Atomic bool waiting;		/* (a) in a host call that a signal must interrupt */
	int interrupted;		/* (a) a signal came: for host_syscall_unless() */
	struct restart restart;		/* (o) */
	stack_t altstack;		/* (o) size 0: none */
	struct last_trap trap;		/* (o) */
	unsigned long clear_child_tid;	/* (o) */
	unsigned long set_child_tid;	/* (o) where a child stores its number first, or 0 */
	unsigned long robust_list;	/* (o) */
	unsigned long fs_base, gs_base; /* (o) as arch_prctl() set them */
	unsigned char *bounce;		/* (o) BOUNCE_SIZE bytes */
};

enum process_state {
	PROCESS_RUNNING,
	PROCESS_STOPPED,
	PROCESS_ZOMBIE, /* its thread is gone; wait() has not asked for it */
};

/* How long its parent sleeps: until a vfork's child has another address space, or none. */
struct vfork_wait {
	unsigned int done; /* a futex */
};

/*
 * struct process - one guest process
 *
 * (o) the thread's runner thread alone, until threads come
 * (f) world->family.lock
 */
struct process {
	struct world *world;
	struct platform_process *platform;
	struct thread *thread; /* constant: the only one */
	int pid;	       /* constant */
	int virtual_cpu;       /* constant: of its runner thread */

	/* The family: guest/family.c. */
	struct list_head link;		  /* (f) family.processes */
	struct process *parent;		  /* (f) NULL: none among the guests */
	struct list_head children;	  /* (f) process.sibling, the oldest first */
	struct list_head sibling;	  /* (f) */
	int pgid, sid;			  /* (f) */
	enum process_state state;	  /* (f) */
	int exit_signal;		  /* (f) what the parent gets at its end; 0: nothing */
	bool has_executed;		  /* (f) an execve since its birth */
	int stop_signal;		  /* (f) what stopped it, until wait() has told; or 0 */
	bool continued;			  /* (f) until wait() has told */
	unsigned int child_events;	  /* (f) to change; a futex: what wait() sleeps on */
	unsigned int continue_events;	  /* (f) to change; a futex: what the stopped sleeps on */
	struct vfork_wait *vfork;	  /* (f) who waits for it, or NULL */
	struct cpu_time cpu, children_cpu; /* (f) of itself, at its end; of those waited for */

	_Atomic(struct mm *) mm; /* (o) to change, under mm_lock */
	pthread_mutex_t mm_lock;
	struct files files;		    /* (o) */
	int cwd;			    /* (o) an O_PATH descriptor */
	unsigned int umask;		    /* (o) */
	bool has_timer;			    /* (o) ITIMER_REAL was used */
	timer_t timer;			    /* (o) */
	struct signals signals;		    /* own lock */
	struct rlimit limits[RLIM_NLIMITS]; /* (o) */
	char exe[PATH_MAX];		    /* (o) what /proc/self/exe points to */
	char comm[16];			    /* (o) */
	uint64_t auxv[2 * GW_EXEC_AUXV_MAX];
	int auxv_words;

	bool exited;	       /* (o) */
	_Atomic bool stub_gone; /* (a) without a word of ours: there is nothing to go on with */
	_Atomic bool said_why; /* (a) the user knows what killed it */
	int wait_status;       /* (o) as wait(2) gives it */
};

/*
 * The first process: it shares the caller's descriptors, directory, limits and identity; no program
 * yet.
 */
int process_create(struct world *world, struct process **process) __must_check;
/* One with a thread and nothing else, of which nobody knows; process_release() and _free() end it. */
int process_alloc(struct world *world, struct process **process) __must_check;
/*
 * Its end: stub, address space and descriptors go, in this order; what its parent may ask for stays.
 * => its runner thread, inside the gate; or nobody knows of it
 */
void process_release(struct process *process);
/* Forget it; its pid may be somebody else's. */
void process_free(struct process *process);

/* What clone() was asked for. */
struct fork_args {
	unsigned long flags; /* CLONE_* that process_fork() knows */
	int exit_signal;
	unsigned long stack; /* 0: as its parent */
	unsigned long parent_tid, child_tid, tls;
};

#define FORK_FLAGS                                                                                 \
	(CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |                       \
	 CLONE_CHILD_CLEARTID | CLONE_SETTLS | CLONE_DETACHED | CLONE_UNTRACED | CLONE_SYSVSEM |   \
	 CLONE_IO)

/* A child of the calling thread's process, running.  With CLONE_VM there is CLONE_VFORK.  => its pid */
long process_fork(struct thread *parent, const struct fork_args *args, bool clear_handlers);
/* A vfork's child has left its parent's address space, if it was in it. */
void process_vfork_done(struct process *process);

struct exec_args {
	const char *path;
	const char *const *argv;
	int argc;
	const char *const *envp;
	int envc;
	const char *failure;   /* on failure: one sentence, or NULL */
	char interpreter[256]; /* on failure: of the #! line that it was about, or "" */
	bool too_late;	       /* on failure: the old program is gone */
};

/* Replace the program.  => -errno; with nothing changed unless @too_late */
int process_exec(struct process *process, struct exec_args *args) __must_check;

/* A reference to the address space for another thread, or NULL. */
struct mm *process_mm_get(struct process *process);

/* Run the thread until the process has exited; the caller is its runner thread, inside. */
void process_run(struct process *process);
/* Bring the guest's thread out of its own code soon; from any thread. */
void process_kick(struct process *process);
/* And out of a wait in the host, to look again at what there is to do. */
void process_wake(struct process *process);

/* After process_run(): its last words to who watches, and process_release(). */
void process_end(struct process *process);

void process_exit(struct process *process, int code);
void process_kill(struct process *process, int signo);
/* The page at @addr could not be had: kill it, and say so. */
void process_out_of_memory(struct process *process, unsigned long addr);
/* Godwit cannot go on; the caller has said why. */
void process_fail(struct process *process);

/* What getppid() says. */
int process_ppid(struct process *process);
/* Its pid for whoever watches; 0 as long as there has been no other. */
int observed_pid(const struct process *process);

/* The limits that the core obeys, after a change. */
void process_update_limits(struct process *process);
void process_gw_limits(const struct process *process, struct gw_limits *limits);

/*
 * A host call that may wait: outside the gate, and ended by a signal for the guest.
 * => the result, or -errno; -EINTR when a signal is pending
 */
long thread_wait_call(struct thread *thread, long nr, ...);

/* guest/syscall/dispatch.c: answer the system call that the thread's registers ask for. */
void thread_syscall(struct thread *thread);

/* guest/fatal.c: say what killed the program, in one line. */
void report_fatal_signal(struct thread *thread, const siginfo_t *info);
