// SPDX-License-Identifier: MIT
/*
 * thread.c - one guest thread: handing over, and what its events mean
 *
 * A word in the slot says whose turn it is.  Whoever waits for it spins a little if the other side
 * runs on another CPU, as a hand-over by a spin costs a tenth of one by a futex; on the same CPU
 * spinning would only delay the other.  How long to spin is learnt: the budget doubles when it was
 * enough and halves when it was not.
 *
 * The slot can be written by the guest at any time.  So each word of it is read once and checked.
 * What the guest can achieve by lies is to be judged by the lie: it may claim any system call or
 * fault, as it could make any.
 */
#include "internal.h"

#include <asm/prctl.h>
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "syscall.h"

#define FILL_AROUND	   GW_TLB_FILL_MAX
#define REPLIES_FAILED_MAX 3
#define EXECUTE_LOOKS	   50
#define CPU_SELECTOR	   0x7b /* as in the stub */
#define FILL_DELAY_NS	   300000l

/* The x86 page-fault error code, and the number of the exception. */
#define TRAP_PAGE_FAULT	  14
#define PF_WRITE	  0x02
#define PF_INSTRUCTION	  0x10
#define PF_PROTECTION_KEY 0x20

/* si_code of SIGSYS: the filter's doing. */
#define CODE_SECCOMP 1

#define READ_FIELD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* ---- Waiting --------------------------------------------------------------------------------- */

static uint32_t cpu_number(void)
{
	uint32_t limit;

	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(CPU_SELECTOR));
	return limit & 0xfff;
}

static bool our_turn(struct stub_slot *slot)
{
	return __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) & STUB_TURN_RUNNER;
}

/* As in the stub. */
static uint32_t spin_budget(struct platform_thread *thread)
{
	uint32_t max = thread->process->platform->spin_max;
	uint32_t budget = thread->budget;

	if (!budget && (++thread->idle & 15) == 0)
		budget = max;
	return budget;
}

static bool spin(struct platform_thread *thread, uint32_t budget)
{
	struct platform *platform = thread->process->platform;
	uint32_t max = platform->spin_max;
	uint64_t start = __builtin_ia32_rdtsc();

	do {
		for (int i = 0; i < 16; i++) {
			if (our_turn(thread->slot)) {
				thread->budget = min(max(budget, max / 8) * 2, max);
				count(platform, spins_hit, 1);
				return true;
			}
			__builtin_ia32_pause();
		}
	} while (__builtin_ia32_rdtsc() - start < budget);
	thread->budget = thread->budget < max / 8 ? 0 : thread->budget / 2;
	count(platform, spins_missed, 1);
	return false;
}

static uint32_t next_penance(uint32_t penance)
{
	return min(max(penance * 2, (uint32_t)STUB_PENANCE_MIN), (uint32_t)STUB_PENANCE_MAX);
}

/* As in the stub. */
static bool yield(struct platform_thread *thread)
{
	uint64_t start = __builtin_ia32_rdtsc();

	for (int i = 0; i < STUB_YIELDS && !our_turn(thread->slot); i++)
		host_syscall(SYS_sched_yield);
	if (our_turn(thread->slot) &&
	    __builtin_ia32_rdtsc() - start < thread->process->platform->spin_max) {
		thread->penance = 0;
		return true;
	}
	thread->penance = next_penance(thread->penance);
	thread->abstain = thread->penance;
	return our_turn(thread->slot);
}

static bool wait_awake(struct platform_thread *thread)
{
	uint32_t budget;

	if (READ_FIELD(thread->slot->cpu) == cpu_number()) {
		if (!thread->abstain)
			return yield(thread);
		thread->abstain--;
		return false;
	}
	budget = spin_budget(thread);
	return budget && spin(thread, budget);
}

/* What was seen of a thread that does not answer a kick. */
struct vigil {
	int looks;
	unsigned long cpu_ns; /* of its process, at the first */
};

/* The clock of all threads of the process; <linux/posix-timers.h>: CPUCLOCK_SCHED. */
static unsigned long cpu_ns(const struct platform_process *process)
{
	long clock = (long)((~(unsigned int)process->pid << 3) | 2) | ~0xffffffffl;
	struct timespec now = { .tv_sec = 0 };

	host_syscall(SYS_clock_gettime, clock, &now);
	return (unsigned long)now.tv_sec * 1000000000ul + (unsigned long)now.tv_nsec;
}

/*
 * It has blocked the signal, or moved the stack of its handler away, if it had the time to answer;
 * on a host that is overloaded it may have had none.
 */
static bool evades(const struct platform_thread *thread, const struct vigil *vigil)
{
	if (vigil->looks <= KICK_LOOKS)
		return false;
	return vigil->looks > KICK_LOOKS_MAX ||
	       cpu_ns(thread->process) - vigil->cpu_ns > KICK_CPU_NS;
}

/* A look at a thread that did not answer for a while.  => false: it never will */
static bool look_after(struct platform_thread *thread, struct vigil *vigil)
{
	if (!stub_process_alive(thread->process))
		return false;
	if (!thread->kicked) {
		vigil->looks = 0;
		return true;
	}
	if (!vigil->looks++)
		vigil->cpu_ns = cpu_ns(thread->process);
	if (!evades(thread, vigil))
		return true;
	stub_process_kill(thread->process);
	return false;
}

static bool sleep_for_turn(struct platform_thread *thread)
{
	struct stub_slot *slot = thread->slot;
	uint32_t turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
	struct vigil vigil = { .looks = 0 };

	while (!(turn & STUB_TURN_RUNNER)) {
		int err = 0;

		if (thread->process->dead)
			return false;
		/* Announce the sleep, unless the turn comes meanwhile. */
		if ((turn & STUB_TURN_WAITER) ||
		    __atomic_compare_exchange_n(&slot->turn, &turn, turn | STUB_TURN_WAITER, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			err = slot_sleep(&slot->turn, turn | STUB_TURN_WAITER);
		if (err == -ETIMEDOUT && !look_after(thread, &vigil))
			return our_turn(slot);
		turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
	}
	return true;
}

/* => false: the stub is gone */
static bool wait_for_turn(struct platform_thread *thread)
{
	if (our_turn(thread->slot) || wait_awake(thread))
		return true;
	count(thread->process->platform, sleeps, 1);
	return sleep_for_turn(thread);
}

void thread_wait_executed(struct platform_thread *thread, uint32_t seq)
{
	uint32_t *ack = &thread->slot->ack;
	uint32_t value = __atomic_load_n(ack, __ATOMIC_ACQUIRE);
	int looks = 0;

	while (!STUB_ACK_REACHED(value, seq) && !thread->process->dead) {
		int err = 0;

		if ((value & STUB_ACK_WAITER) ||
		    __atomic_compare_exchange_n(ack, &value, value | STUB_ACK_WAITER, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			err = slot_sleep(ack, value | STUB_ACK_WAITER);
		/* It can only be a thread that plays the stub's part itself. */
		if (err == -ETIMEDOUT && stub_process_alive(thread->process) &&
		    ++looks > EXECUTE_LOOKS)
			stub_process_kill(thread->process);
		value = __atomic_load_n(ack, __ATOMIC_ACQUIRE);
	}
}

/* ---- Replies --------------------------------------------------------------------------------- */

void reply_add(struct reply *reply, const struct stub_command *command)
{
	assert(reply->nr < STUB_COMMANDS_MAX);
	reply->commands[reply->nr++] = *command;
}

void thread_issue(struct platform_thread *thread)
{
	const struct reply *reply = &thread->reply;

	thread->running = true;
	thread->issued_low = ~0ul;
	thread->issued_high = 0;
	if (!reply->nr)
		return;
	thread->seq++;
	for (int i = 0; i < reply->nr; i++) {
		const struct stub_command *command = &reply->commands[i];

		if (command->op == STUB_MUNMAP_ALL) {
			thread->issued_low = 0;
			thread->issued_high = STUB_GUEST_TOP;
		} else if (command->len) {
			thread->issued_low = min(thread->issued_low, command->addr);
			thread->issued_high =
				max(thread->issued_high, command->addr + command->len);
		}
	}
}

/* The reply is settled: nobody else touches it until the event is taken. */
static void hand_over(struct platform_thread *thread)
{
	struct stub_slot *slot = thread->slot;
	struct reply *reply = &thread->reply;
	uint32_t turn;

	memcpy(slot->commands, reply->commands, (size_t)reply->nr * sizeof(reply->commands[0]));
	slot->nr_commands = (uint32_t)reply->nr;
	slot->seq = thread->seq;
	slot->runner_cpu = cpu_number();
	turn = __atomic_exchange_n(&slot->turn, 0, __ATOMIC_ACQ_REL);
	if (turn & STUB_TURN_WAITER)
		slot_wake(&slot->turn);
}

static void set_parked(struct platform_thread *thread)
{
	struct host_tlb *tlb = thread->process->tlb;

	if (tlb)
		pthread_mutex_lock(&tlb->lock);
	thread->running = false;
	thread->reply.nr = 0;
	if (tlb)
		pthread_mutex_unlock(&tlb->lock);
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* Find the registers in the slot.  => false: not where they can be */
static bool find_frame(struct platform_thread *thread)
{
	uint32_t offset = READ_FIELD(thread->slot->frame);
	size_t size = offsetof(ucontext_t, uc_sigmask);

	if (offset < STUB_STACK_OFFSET || offset > STUB_SLOT_SIZE - size || offset % 8)
		return false;
	thread->frame = (ucontext_t *)((char *)thread->slot + offset);
	return true;
}

static bool inside_stub(greg_t rip)
{
	return (unsigned long)rip >= STUB_BASE && (unsigned long)rip < STUB_CONTROL;
}

static void decode_fault(struct platform_event *event, const greg_t *gregs)
{
	event->kind = PLATFORM_FAULT;
	event->addr = (unsigned long)gregs[REG_CR2];
	event->access = event->error & PF_INSTRUCTION ? GW_EXEC
			: event->error & PF_WRITE     ? GW_WRITE
						      : GW_READ;
}

/*
 * Only exception 14 is a page fault: a privileged instruction or an address that is not canonical
 * gives SIGSEGV too, with the address of some earlier fault.  And what no mapping can cure is none
 * for us: a protection key, or memory that the host lost.
 */
static bool is_fault(const struct platform_event *event)
{
	return event->signo == SIGSEGV && event->trapno == TRAP_PAGE_FAULT &&
	       !(event->error & PF_PROTECTION_KEY);
}

static void decode_syscall(struct platform_thread *thread, struct platform_event *event,
			   greg_t *gregs)
{
	event->kind = PLATFORM_SYSCALL;
	/* A call of another architecture (int $0x80): no number that we have. */
	if (READ_FIELD(thread->slot->arch) != AUDIT_ARCH_X86_64)
		gregs[REG_RAX] = -1;
}

static void decode(struct platform_thread *thread, struct platform_event *event)
{
	greg_t *gregs = thread->frame->uc_mcontext.gregs;

	event->signo = (int)READ_FIELD(thread->slot->signo);
	event->code = READ_FIELD(thread->slot->code);
	event->addr = READ_FIELD(thread->slot->addr);
	event->trapno = (int)READ_FIELD(gregs[REG_TRAPNO]);
	event->error = (unsigned long)READ_FIELD(gregs[REG_ERR]);
	if (inside_stub(READ_FIELD(gregs[REG_RIP])))
		event->kind = PLATFORM_HOSTILE;
	else if (event->signo == SIGSYS && event->code == CODE_SECCOMP)
		decode_syscall(thread, event, gregs);
	else if (event->signo == SIGUSR1)
		event->kind = PLATFORM_KICK;
	else if (is_fault(event))
		decode_fault(event, gregs);
	else
		event->kind = PLATFORM_EXCEPTION;
}

static void report_death(struct platform_thread *thread, struct platform_event *event)
{
	thread->process->dead = true;
	event->kind = PLATFORM_DIED;
	(void)platform_process_gone(thread->process, &event->host_status);
}

static void take_event(struct platform_thread *thread, struct platform_event *event)
{
	struct platform *platform = thread->process->platform;

	count(platform, events, 1);
	thread->kicked = false;
	if (find_frame(thread))
		decode(thread, event);
	else
		event->kind = PLATFORM_HOSTILE;
}

bool thread_start(struct platform_thread *thread)
{
	return wait_for_turn(thread) && find_frame(thread);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void delay_fills(struct platform_thread *thread)
{
	const struct timespec delay = { .tv_nsec = FILL_DELAY_NS };

	for (int i = 0; i < thread->reply.nr; i++)
		if (thread->reply.commands[i].op == STUB_MMAP) {
			host_syscall(SYS_nanosleep, &delay, NULL);
			return;
		}
}

/* Settle the reply, with the translation that is wanted in it.  => false: the walk refused */
static bool settle(struct platform_thread *thread, const struct platform_want *want)
{
	struct platform_process *process = thread->process;
	const struct platform *platform = process->platform;
	struct host_tlb *tlb = process->tlb;

	if (want && want->valid) {
		if (!host_tlb_reserve(tlb, want->addr)) {
			stub_process_kill(process);
			return true;
		}
		if (!platform->core->translate(process->mm, 0, want->addr, want->access,
					       FILL_AROUND))
			return false;
	}
	/* host_tlb.c did so in the fill, if there was one. */
	if (platform->fault_injection & PLATFORM_DELAY_FILLS)
		delay_fills(thread);
	pthread_mutex_lock(&tlb->lock);
	if (!thread->running)
		thread_issue(thread);
	pthread_mutex_unlock(&tlb->lock);
	return true;
}

/*
 * The host refused a command, and the guest did not run: there is no more room for mappings, it
 * seems.  Begin with nothing mapped.  => false: that does not help
 */
static bool recover(struct platform_thread *thread)
{
	struct host_tlb *tlb = thread->process->tlb;

	if (++thread->nr_failed > REPLIES_FAILED_MAX)
		return false;
	pthread_mutex_lock(&tlb->lock);
	thread->running = false;
	host_tlb_forget_all(tlb);
	pthread_mutex_unlock(&tlb->lock);
	return true;
}

enum outcome { EVENT, DIED, AGAIN };

static enum outcome resume(struct platform_thread *thread)
{
	struct platform *platform = thread->process->platform;

	/* The turn may still be ours from its last event, which would come again. */
	if (thread->process->dead)
		return DIED;
	hand_over(thread);
	/* While the guest runs. */
	if (!frames_populated(platform, thread->filled_pfn))
		frames_populate(platform, thread->filled_pfn);
	if (!wait_for_turn(thread))
		return DIED;
	if (!READ_FIELD(thread->slot->error)) {
		thread->nr_failed = 0;
		return EVENT;
	}
	if (recover(thread))
		return AGAIN;
	stub_process_kill(thread->process);
	return DIED;
}

bool platform_run(struct platform_thread *thread, const struct platform_want *want,
		  struct platform_event *event)
{
	enum outcome outcome;

	do {
		if (!settle(thread, want))
			return false;
		outcome = resume(thread);
	} while (outcome == AGAIN);

	set_parked(thread);
	*event = (struct platform_event){ .kind = PLATFORM_DIED };
	if (outcome == EVENT)
		take_event(thread, event);
	else
		report_death(thread, event);
	return true;
}

void platform_kick(struct platform_thread *thread)
{
	thread->kicked = true;
	host_syscall(SYS_tgkill, (long)thread->process->pid, (long)thread->tid, (long)SIGUSR1);
}

/* ---- Registers ------------------------------------------------------------------------------- */

greg_t *platform_gregs(struct platform_thread *thread)
{
	return thread->frame->uc_mcontext.gregs;
}

/* The floating-point state of a signal frame: arch/x86, struct _fpx_sw_bytes. */
#define FXSAVE_SIZE	  512
#define FXSAVE_CONTROL	  0  /* 16 bits */
#define FXSAVE_MXCSR	  24 /* 32 bits */
#define FXSAVE_SW_MAGIC1  464
#define FXSAVE_SW_XSTATE  480 /* bytes, without what closes the frame */
#define XSAVE_HEADER_SIZE 64  /* begins with the bits of what is in the frame */

#define CONTROL_INIT 0x37f
#define MXCSR_INIT   0x1f80

void *platform_fpstate(struct platform_thread *thread, size_t *size_bytes)
{
	unsigned long slot = STUB_CONTROL + (unsigned long)thread->slot_nr * STUB_SLOT_SIZE;
	unsigned long offset = (unsigned long)READ_FIELD(thread->frame->uc_mcontext.fpregs) - slot;
	char *state = (char *)thread->slot + offset;
	uint32_t magic;

	*size_bytes = 0;
	if (offset < STUB_STACK_OFFSET || offset > STUB_SLOT_SIZE - FXSAVE_SIZE || offset % 16)
		return NULL;
	memcpy(&magic, state + FXSAVE_SW_MAGIC1, sizeof(magic));
	*size_bytes = FXSAVE_SIZE;
	if (magic == FP_XSTATE_MAGIC1) {
		uint32_t size;

		memcpy(&size, state + FXSAVE_SW_XSTATE, sizeof(size));
		if (size >= FXSAVE_SIZE + XSAVE_HEADER_SIZE && size <= STUB_SLOT_SIZE - offset)
			*size_bytes = size;
	}
	return state;
}

/* All components as after a reset: the header says that none is in the frame. */
static void reset_fpstate(struct platform_thread *thread)
{
	const uint16_t control = CONTROL_INIT;
	const uint32_t mxcsr = MXCSR_INIT;
	size_t size;
	char *state = platform_fpstate(thread, &size);

	if (!state)
		return;
	memset(state, 0, FXSAVE_SW_MAGIC1);
	memcpy(state + FXSAVE_CONTROL, &control, sizeof(control));
	memcpy(state + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	if (size > FXSAVE_SIZE)
		memset(state + FXSAVE_SIZE, 0, 8);
}

void platform_reset_regs(struct platform_thread *thread, unsigned long entry, unsigned long sp)
{
	greg_t *gregs = platform_gregs(thread);

	for (int i = 0; i < REG_RSP; i++)
		gregs[i] = 0;
	gregs[REG_RSP] = (greg_t)sp;
	gregs[REG_RIP] = (greg_t)entry;
	gregs[REG_EFL] = 0x202; /* interrupts on, and the bit that is always set */
	reset_fpstate(thread);
}

/*
 * Both frames are the host kernel's, so what one of them holds can be restored from the other; the
 * software bytes describe the block that they stand in, and stay.
 */
int platform_copy_regs(struct platform_thread *to, struct platform_thread *from)
{
	size_t to_size, from_size;
	char *to_fp = platform_fpstate(to, &to_size), *from_fp = platform_fpstate(from, &from_size);
	greg_t *gregs = platform_gregs(to);

	if (!to_fp || !from_fp || to_size != from_size)
		return -EFAULT;
	memcpy(gregs, platform_gregs(from), sizeof(gregset_t));
	memcpy(to_fp, from_fp, FXSAVE_SW_MAGIC1);
	memcpy(to_fp + FXSAVE_SIZE, from_fp + FXSAVE_SIZE, from_size - FXSAVE_SIZE);
	return 0;
}

void platform_set_segment_base(struct platform_thread *thread, int which, unsigned long base)
{
	struct host_tlb *tlb = thread->process->tlb;

	pthread_mutex_lock(&tlb->lock);
	reply_add(&thread->reply, &(struct stub_command){
					  .op = which == ARCH_SET_GS ? STUB_SET_GS : STUB_SET_FS,
					  .addr = base,
				  });
	pthread_mutex_unlock(&tlb->lock);
}
