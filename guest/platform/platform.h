/* SPDX-License-Identifier: MIT */
/*
 * platform.h - how a guest's instructions run
 *
 * A guest process is a host process whose user address space holds nothing but guest mappings and
 * a small stub at its top.  Faults, system calls and exceptions of a guest thread trap into the
 * stub, which hands its registers over through shared memory and waits; the runner's thread edits
 * them and resumes it, with the changes of host mappings that the stub must make first.
 *
 * The guest's page tables in the core are the truth; host mappings are a cache of them, filled and
 * flushed through the gw_tlb_ops of host_tlb.c.
 */
#pragma once

#include <godwit/core.h>

#include <sys/types.h>
#include <ucontext.h>

/* The guest's part of the address space; all above is the stub's. */
#define GUEST_LOW 0x10000ul
#define GUEST_TOP 0x7fff00000000ul

struct platform;	 /* frames in a memfd, the factory that makes stubs */
struct platform_process; /* one stub process */
struct platform_thread;	 /* one guest thread in it, driven by one thread of the runner */

/* Orders that tests break on purpose, to see that they are needed (tests of the tests). */
enum platform_fault_injection {
	PLATFORM_NO_WAIT_FOR_FILLS = 1 << 0, /* flush without waiting for fills in flight */
	PLATFORM_NO_FLUSH = 1 << 1,
	PLATFORM_DELAY_FILLS = 1 << 2, /* no fault: fills stay in flight for long */
};

struct platform_config {
	const struct gw_core *core;
	unsigned long nr_frames;
	unsigned long mappings_max; /* of the host for one guest; 0: as many as it allows */
	unsigned int fault_injection;
};

/* => -errno, and *@why in words for the user: what the host forbids and what to change */
int platform_create(const struct platform_config *config, struct platform **platform,
		    const char **why);
void platform_destroy(struct platform *platform);

/* The memfd's frames, mapped here: for gw_machine_config.frames. */
void *platform_frames(const struct platform *platform);
/* For gw_machine_config.tlb_ops, with the platform as tlb_host. */
const struct gw_tlb_ops *platform_tlb_ops(void);

/* A new stub process with one thread, parked.  Its address space is empty. */
int platform_process_create(struct platform *platform, struct platform_process **process);
/*
 * Kill it.  It runs nothing any more; its pid remains its own, as nobody has reaped it.
 * => before the last reference to what it runs goes
 */
void platform_process_end(struct platform_process *process);
/* End it if it is not, reap it, forget it. */
void platform_process_destroy(struct platform_process *process);
/* Has it ended?  *@status: as wait(2) gives it; from any thread. */
bool platform_process_gone(const struct platform_process *process, int *status);
pid_t platform_process_pid(const struct platform_process *process);
struct platform_thread *platform_process_thread(struct platform_process *process);

/*
 * Run @mm from now on (exec, or the first program): every host mapping goes, segment bases become
 * 0.  Also makes the process the user of @mm (gw_core.mm_set_user).  Its thread is parked.
 */
void platform_process_set_mm(struct platform_process *process, struct mm *mm);
/*
 * The same with all registers left as they are: a fork's child takes its address space, and a
 * vfork's child its parent's, which until then runs nothing (@mm NULL).
 */
void platform_process_attach_mm(struct platform_process *process, struct mm *mm);

/* The parked thread's registers, in place until the next run, indexed by REG_RIP and friends. */
greg_t *platform_gregs(struct platform_thread *thread);
/* Registers, floating point included, as execve leaves them. */
void platform_reset_regs(struct platform_thread *thread, unsigned long entry, unsigned long sp);
/* The parked @to gets the registers of the parked @from, floating point included.  -EFAULT: the
 * guest has spoilt a frame */
int platform_copy_regs(struct platform_thread *to, struct platform_thread *from);
/*
 * Its floating-point state in place, as the host's signal frame holds it: an XSAVE block with the
 * software bytes of struct _fpx_sw_bytes at 464, and its size without the closing magic number.
 * NULL: the guest has spoilt the frame.
 */
void *platform_fpstate(struct platform_thread *thread, size_t *size_bytes);
/* Set FS or GS base (ARCH_SET_FS, ARCH_SET_GS) before the next instruction. */
void platform_set_segment_base(struct platform_thread *thread, int which, unsigned long base);

enum platform_event_kind {
	PLATFORM_SYSCALL,   /* number in REG_RAX; REG_RIP is after the instruction */
	PLATFORM_FAULT,	    /* a page fault: addr, access */
	PLATFORM_EXCEPTION, /* signo, code, trapno, error: what Linux would send */
	PLATFORM_KICK,	    /* platform_kick() */
	PLATFORM_HOSTILE,   /* the guest called from inside the stub or broke its slot; kill it */
	PLATFORM_DIED,	    /* the stub process is gone: host_status as wait(2) gives it */
};

struct platform_event {
	enum platform_event_kind kind;
	unsigned long addr;
	enum gw_access access;
	int signo, code, trapno;
	unsigned long error;
	int host_status;
};

/* A translation to make just before the guest goes on: the page it faulted on. */
struct platform_want {
	bool valid;
	unsigned long addr;
	enum gw_access access;
};

/*
 * Let the guest go on until its next event.
 *
 * With @want, the page walk (gw_core.translate) happens here, in the same critical section in
 * which the fill is issued, so that no flush can fall between (the rules are in host_tlb.c).
 * => false: the entry does not allow the access any more; the guest did not run; fault again
 */
bool platform_run(struct platform_thread *thread, const struct platform_want *want,
		  struct platform_event *event);

/* Make a running guest come back with PLATFORM_KICK soon; from any thread.  Never lost. */
void platform_kick(struct platform_thread *thread);

struct platform_stats {
	unsigned long events, fills, fill_pages, flushes_queued, flushes_remote, evictions;
	unsigned long spins_hit, spins_missed, sleeps;
};
void platform_stats(const struct platform *platform, struct platform_stats *stats);

/* What the host allows; for godwit doctor.  One call per check, in order. */
void platform_doctor(void (*line)(void *arg, const char *what, bool ok, const char *detail),
		     void *arg);
