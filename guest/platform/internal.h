/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the platform share
 *
 * Locks, outer to inner; the core's locks are outside all of them, since fill and flush are called
 * under a table lock:
 *
 *	host_tlb->flushing	a flush, from its first look at the pages until it is done
 *	  host_tlb->lock	never held over a wait
 *	platform->lock
 */
#pragma once

#include "platform.h"

#include <pthread.h>
#include <stdatomic.h>

#include "compiler.h"
#include "host_pages.h"
#include "stub/layout.h"

/*
 * A stub that does not answer is looked after so often.  After so many looks at a kick it is
 * killed, if it has used the CPU meanwhile; and after so many more in any case.
 */
#define LOOK_INTERVAL_MS 200
#define KICK_LOOKS	 5
#define KICK_LOOKS_MAX	 50
#define KICK_CPU_NS	 100000000ul

/* Room that flushes leave in a reply for what a fill and its evictions need. */
#define FILL_COMMANDS_MAX 80

struct host_tlb;
struct factory;

/* Commands on their way to the stub: composed here, since the guest can write to the slot. */
struct reply {
	int nr;
	struct stub_command commands[STUB_COMMANDS_MAX];
};

/*
 * (c) constant once the thread has reported
 * (o) the runner's thread that drives it
 * (l) tlb->lock of the address space that the process runs
 */
struct platform_thread {
	struct platform_process *process; /* (c) */
	struct stub_slot *slot;		  /* (c) */
	int slot_nr;			  /* (c) */
	pid_t tid;			  /* (c) */

	/*
	 * From the moment in which its reply is settled until its next event is taken.  A thread
	 * that is not running executes nothing before its reply.
	 */
	bool running;			       /* (l) */
	struct reply reply;		       /* (l) for the next resume */
	uint32_t seq;			       /* (l) of the last reply that was settled */
	unsigned long issued_low, issued_high; /* (l) addresses that its commands touch */

	ucontext_t *frame;	  /* (o) in the slot; its registers */
	uint32_t budget;	  /* (o) ticks that it spins now */
	uint32_t idle;		  /* (o) waits since it last tried to spin */
	uint32_t abstain;	  /* (o) waits for which it will not yield */
	uint32_t penance;	  /* (o) what abstain was set to last */
	unsigned long filled_pfn; /* (o) by the last fill */
	int nr_failed;		  /* (o) replies in a row that could not be carried out */
	_Atomic bool kicked;	  /* and no event since */
};

/*
 * (c) constant
 * (f) tlb->flushing
 */
struct platform_process {
	struct platform *platform; /* (c) */
	pid_t pid;		   /* (c) reaped at the end alone, so that it is nobody else's */
	void *control;		   /* (c) the slots */
	struct mm *mm;		   /* what it runs, and its translations; written by */
	struct host_tlb *tlb;	   /* its own thread under (f) and tlb->lock */
	_Atomic bool dead;	   /* killed, or found dead */
	struct stub_slot *helper;  /* (c) its contents: (f) */
	struct reply orders;	   /* (f) for the helper */
	uint32_t helper_seq;	   /* (f) */
	struct platform_thread thread;
};

/*
 * host_tlb - the translations of one address space that a stub may hold; gw_core.mm_user
 */
struct host_tlb {
	struct platform *platform; /* constant */
	pthread_mutex_t flushing;
	pthread_mutex_t lock;
	struct platform_process *process; /* written under both: who runs it, or NULL */
	struct host_pages pages;	  /* lock */
};

struct platform_counters {
	_Atomic unsigned long events, fills, fill_pages, flushes_queued, flushes_remote, evictions;
	_Atomic unsigned long spins_hit, spins_missed, sleeps;
};

#define count(platform, counter, n)                                                                \
	atomic_fetch_add_explicit(&(platform)->counters.counter, (unsigned long)(n),               \
				  memory_order_relaxed)

struct platform {
	const struct gw_core *core;
	unsigned int fault_injection;
	unsigned long nr_frames;
	unsigned long vmas_max; /* host mappings that one stub may have */
	uint32_t spin_max;	/* ticks */
	int frames_fd;
	void *frames;
	_Atomic unsigned char *populated; /* bitmap of chunks of frames */
	struct factory *factory;
	struct platform_counters counters;

	pthread_mutex_t lock;
	struct platform_process *spare; /* lock: made, and not yet used */
};

/* ---- frames.c -------------------------------------------------------------------------------- */

int frames_create(struct platform *platform, const char **why);
void frames_destroy(struct platform *platform);
/* Has the host been asked for the memory of @pfn and its neighbours?  And ask for it. */
bool frames_populated(struct platform *platform, unsigned long pfn);
void frames_populate(struct platform *platform, unsigned long pfn);

/* ---- factory.c: the thread that makes stub processes ----------------------------------------- */

int factory_create(int frames_fd, struct factory **factory, const char **why);
void factory_destroy(struct factory *factory);
/* => the process, or -errno */
pid_t factory_spawn(struct factory *factory, int control_fd, const char **why);

/* ---- stub_process.c -------------------------------------------------------------------------- */

int stub_process_create(struct platform *platform, struct platform_process **process,
			const char **why);
/* False once the process is gone, or being killed: no translation of it will be used again. */
bool stub_process_alive(struct platform_process *process);
void stub_process_kill(struct platform_process *process);
/*
 * Let the helper execute @process->orders.  => 0, -ESRCH: the stub is gone, or the host's error
 */
int stub_process_order(struct platform_process *process);

/* ---- thread.c -------------------------------------------------------------------------------- */

/* The first event.  => false: the stub died */
bool thread_start(struct platform_thread *thread);
/* The reply is settled; the thread is about to be resumed.  => tlb->lock held */
void thread_issue(struct platform_thread *thread);
/* Wait until it has executed the reply @seq.  => no lock held but flushing */
void thread_wait_executed(struct platform_thread *thread, uint32_t seq);

void reply_add(struct reply *reply, const struct stub_command *command);

/* ---- host_tlb.c ------------------------------------------------------------------------------ */

extern const struct gw_tlb_ops host_tlb_ops;

/* @process, whose thread is parked, runs @mm from now on; NULL: nothing. */
void host_tlb_attach(struct platform_process *process, struct mm *mm);
/* Room to record a fill of @addr.  => false: no memory */
bool host_tlb_reserve(struct host_tlb *tlb, unsigned long addr);
/* Record that nothing is mapped, and let the parked thread's reply make it true.  => lock held */
void host_tlb_forget_all(struct host_tlb *tlb);

/* ---- Futexes on the slots: shared with the stub's process ------------------------------------ */

/* => 0, -EAGAIN, -EINTR, -ETIMEDOUT */
int slot_sleep(uint32_t *word, uint32_t value);
void slot_wake(uint32_t *word);
