// SPDX-License-Identifier: MIT
/*
 * stub.c - what lives beside the guest in its process
 *
 * The guest's thread enters handler() by a signal, for whatever it did: system call, fault,
 * exception, or the runner's kick.  The handler hands the thread over to the runner, waits for its
 * turn, executes the commands of the runner's reply, and returns into the guest through
 * rt_sigreturn, with the registers as the runner left them.
 *
 * The helper is a second thread that executes commands while the guest runs.
 *
 * No libc, no thread-local storage, no writable data, general registers only: the guest's
 * floating-point registers stay where the kernel saved them.
 */
#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "layout.h"
#include "sites.h"

#define SA_RESTORER  0x04000000ul
#define USER_TOP     0x7ffffffff000ul
#define EFLAGS_AC    "0x40000"
#define CPU_SELECTOR 0x7b /* its limit holds the CPU's number, for the vDSO's getcpu() */

#pragma GCC visibility push(hidden)
extern const char _end[];
#pragma GCC visibility pop

static struct stub_slot *slot_of(int nr)
{
	return (struct stub_slot *)(STUB_CONTROL + (unsigned long)nr * STUB_SLOT_SIZE);
}

/* ---- Handing over ---------------------------------------------------------------------------- */

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

static uint32_t cpu_number(void)
{
	uint32_t limit;

	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(CPU_SELECTOR));
	return limit & 0xfff;
}

static void hand_over(struct stub_slot *slot)
{
	uint32_t old;

	slot->cpu = cpu_number();
	old = __atomic_exchange_n(&slot->turn, STUB_TURN_RUNNER, __ATOMIC_ACQ_REL);
	if (old & STUB_TURN_WAITER)
		call_futex(&slot->turn, FUTEX_WAKE, 1, 0);
}

static int our_turn(struct stub_slot *slot)
{
	return !(__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) & STUB_TURN_RUNNER);
}

/*
 * Spinning pays only while the runner runs on another CPU.  The budget doubles when it was enough
 * and halves when it was not, down to nothing; then every 16th wait tries again.
 */
static uint32_t spin_budget(struct stub_slot *slot)
{
	uint32_t budget = slot->budget;

	if (!budget && (++slot->idle & 15) == 0)
		budget = slot->spin_max;
	return budget;
}

static int spin(struct stub_slot *slot, uint32_t budget)
{
	uint32_t max = slot->spin_max;
	uint64_t start = ticks();

	do {
		for (int i = 0; i < 16; i++) {
			if (our_turn(slot)) {
				budget = budget < max / 8 ? max / 8 : budget;
				slot->budget = budget > max / 2 ? max : budget * 2;
				return 1;
			}
			__asm__ volatile("pause");
		}
	} while (ticks() - start < budget);
	slot->budget = slot->budget < max / 8 ? 0 : slot->budget / 2;
	return 0;
}

/*
 * On the runner's own CPU the way to let it run is to yield: half the price of a sleep and a wake.
 * Unless somebody else takes the CPU; then, and each time again for longer, no more of it.
 */
static int yield(struct stub_slot *slot)
{
	uint64_t start = ticks();

	for (int i = 0; i < STUB_YIELDS && !our_turn(slot); i++)
		call_sched_yield();
	if (our_turn(slot) && ticks() - start < slot->spin_max) {
		slot->penance = 0;
		return 1;
	}
	slot->penance = slot->penance < STUB_PENANCE_MIN   ? STUB_PENANCE_MIN
			: slot->penance < STUB_PENANCE_MAX ? slot->penance * 2
							   : slot->penance;
	slot->abstain = slot->penance;
	return our_turn(slot);
}

static int wait_awake(struct stub_slot *slot)
{
	uint32_t budget;

	if (!slot->spin_max)
		return our_turn(slot);
	if (slot->runner_cpu == cpu_number()) {
		if (!slot->abstain)
			return yield(slot);
		slot->abstain--;
		return 0;
	}
	budget = spin_budget(slot);
	return budget && spin(slot, budget);
}

static void wait_for_turn(struct stub_slot *slot)
{
	uint32_t turn;

	if (wait_awake(slot))
		return;
	turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
	while (turn & STUB_TURN_RUNNER) {
		/* Announce the sleep, unless the turn comes meanwhile. */
		if (!(turn & STUB_TURN_WAITER) &&
		    !__atomic_compare_exchange_n(&slot->turn, &turn, turn | STUB_TURN_WAITER, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		call_futex(&slot->turn, FUTEX_WAIT, STUB_TURN_RUNNER | STUB_TURN_WAITER, 0);
		turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
	}
}

/* ---- Commands -------------------------------------------------------------------------------- */

static long execute(const struct stub_command *command)
{
	long result;

	switch (command->op) {
	case STUB_MMAP:
		result = call_mmap(command->addr, command->len, command->prot,
				   MAP_SHARED | MAP_FIXED | MAP_POPULATE, STUB_FRAMES_FD,
				   (long)command->offset);
		return result < 0 ? result : 0;
	case STUB_MUNMAP:
		return call_munmap(command->addr, command->len);
	case STUB_MUNMAP_ALL:
		return call_munmap_all(STUB_GUEST_LOW, STUB_GUEST_TOP - STUB_GUEST_LOW);
	case STUB_MPROTECT:
		result = call_mprotect(command->addr, command->len, command->prot);
		/* A part may be gone already, and then the rest was left as it is. */
		return result ? call_munmap(command->addr, command->len) : 0;
	case STUB_SET_FS:
		return call_arch_prctl(ARCH_SET_FS, command->addr);
	case STUB_SET_GS:
		return call_arch_prctl(ARCH_SET_GS, command->addr);
	}
	return 0;
}

/* Stops at the first that fails.  The ack says that those before are done. */
static long execute_all(struct stub_slot *slot)
{
	uint32_t nr = slot->nr_commands;
	uint32_t old;
	long error = 0;

	if (!nr)
		return 0;
	for (uint32_t i = 0; i < nr && i < STUB_COMMANDS_MAX && !error; i++)
		error = execute(&slot->commands[i]);
	old = __atomic_exchange_n(&slot->ack, STUB_ACK(slot->seq), __ATOMIC_ACQ_REL);
	if (old & STUB_ACK_WAITER)
		call_futex(&slot->ack, FUTEX_WAKE, __INT_MAX__, 0);
	return error;
}

/* ---- The guest's thread and the helper ------------------------------------------------------- */

/*
 * A reply that could not be carried out never lets the guest go on: it might go on with a mapping
 * that the runner believes gone.
 */
static void handler(int signo, siginfo_t *info, void *context)
{
	unsigned long frame = (unsigned long)__builtin_frame_address(0);
	struct stub_slot *slot = (struct stub_slot *)(frame & ~(STUB_SLOT_SIZE - 1));

	/* The kernel clears DF and TF at delivery, but not AC. */
	__asm__ volatile("pushfq; andl $~" EFLAGS_AC ", (%%rsp); popfq" ::: "memory", "cc");
	slot->signo = (uint32_t)signo;
	slot->code = info->si_code;
	slot->addr = (uint64_t)info->si_addr;
	slot->arch = info->si_arch;
	slot->frame = (uint32_t)((unsigned long)context - (unsigned long)slot);
	slot->error = 0;
	for (;;) {
		hand_over(slot);
		wait_for_turn(slot);
		slot->error = execute_all(slot);
		if (!slot->error)
			return;
	}
}

void helper_main(void)
{
	struct stub_slot *slot = slot_of(STUB_HELPER_SLOT);

	for (;;) {
		wait_for_turn(slot);
		slot->error = execute_all(slot);
		hand_over(slot);
	}
}

/* ---- Start ----------------------------------------------------------------------------------- */

static void fail(enum stub_exit code)
{
	call_any(SYS_exit_group, (long)code, 0l, 0l, 0l, 0l, 0l);
}

void stub_map_control(void)
{
	long addr =
		call_any(SYS_mmap, STUB_CONTROL, STUB_CONTROL_SIZE, (long)(PROT_READ | PROT_WRITE),
			 (long)(MAP_SHARED | MAP_FIXED_NOREPLACE), (long)STUB_CONTROL_FD, 0l);

	if (addr != (long)STUB_CONTROL)
		fail(STUB_EXIT_CONTROL);
}

static long unmap(unsigned long start, unsigned long end)
{
	return call_any(SYS_munmap, start, end - start, 0l, 0l, 0l, 0l);
}

/* All but the stub: the stack of exec, the vDSO and its data. */
static void unmap_rest(void)
{
	unsigned long end = ((unsigned long)_end + 0xffful) & ~0xffful;

	if (unmap(STUB_GUEST_LOW, STUB_BASE) || unmap(end, STUB_CONTROL) ||
	    unmap(STUB_CONTROL + STUB_CONTROL_SIZE, USER_TOP))
		fail(STUB_EXIT_UNMAP);
}

/*
 * Die with the runner.  It may have died before the request was made, and then nobody would ever
 * tell: so look who the parent is.
 */
static void follow_runner(void)
{
	const struct stub_slot *slot = slot_of(STUB_HELPER_SLOT);

	call_any(SYS_prctl, (long)PR_SET_PDEATHSIG, (long)SIGKILL, 0l, 0l, 0l, 0l);
	if (call_any(SYS_getppid, 0l, 0l, 0l, 0l, 0l, 0l) != slot->runner_pid)
		fail(STUB_EXIT_ORPHAN);
}

static void be_quiet(void)
{
	const struct rlimit none = { 0, 0 }; /* a guest's core is not the stub's */

	call_any(SYS_prctl, (long)PR_SET_NAME, (long)"godwit-guest", 0l, 0l, 0l, 0l);
	call_any(SYS_setrlimit, (long)RLIMIT_CORE, (long)&none, 0l, 0l, 0l, 0l);
}

struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static const unsigned char signals[] = {
	SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGUSR1
};

static void set_signals(void)
{
	const struct kernel_sigaction action = {
		.handler = handler,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
		.restorer = call_sigreturn,
		.mask = ~0ul,
	};
	const stack_t stack = {
		.ss_sp = (char *)slot_of(STUB_THREAD_SLOT) + STUB_STACK_OFFSET,
		.ss_size = STUB_SLOT_SIZE - STUB_STACK_OFFSET,
	};
	long error = call_any(SYS_sigaltstack, (long)&stack, 0l, 0l, 0l, 0l, 0l);

	for (unsigned int i = 0; i < sizeof(signals); i++)
		error |=
			call_any(SYS_rt_sigaction, (long)signals[i], (long)&action, 0l, 8l, 0l, 0l);
	if (error)
		fail(STUB_EXIT_SIGNALS);
}

static void set_mask(unsigned long mask)
{
	call_any(SYS_rt_sigprocmask, (long)SIG_SETMASK, (long)&mask, 0l, 8l, 0l, 0l);
}

/* Whatever else is sent to the process, say by a terminal, is the runner's affair. */
static unsigned long guest_mask(void)
{
	unsigned long mask = ~0ul;

	for (unsigned int i = 0; i < sizeof(signals); i++)
		mask &= ~(1ul << (signals[i] - 1));
	return mask;
}

static void start_helper(void)
{
	__atomic_store_n(&slot_of(STUB_HELPER_SLOT)->turn, STUB_TURN_RUNNER, __ATOMIC_RELEASE);
	if (call_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			       CLONE_SYSVSEM,
		       STUB_CONTROL + (STUB_HELPER_SLOT + 1) * STUB_SLOT_SIZE) < 0)
		fail(STUB_EXIT_HELPER);
}

static void set_filter(void)
{
	struct sock_filter filter[FILTER_MAX];
	const struct sock_fprog program = {
		.len = (unsigned short)stub_filter(filter),
		.filter = filter,
	};

	if (call_any(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER,
		     (long)(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW),
		     (long)&program, 0l, 0l, 0l))
		fail(STUB_EXIT_FILTER);
}

void stub_main(void)
{
	unmap_rest();
	follow_runner();
	be_quiet();
	call_any(SYS_close, (long)STUB_CONTROL_FD, 0l, 0l, 0l, 0l, 0l);
	if (call_any(SYS_prctl, (long)PR_SET_NO_NEW_PRIVS, 1l, 0l, 0l, 0l, 0l))
		fail(STUB_EXIT_NO_NEW_PRIVS);
	set_mask(~0ul);
	set_signals();
	start_helper();
	set_mask(guest_mask());
	set_filter();
	trap();
}
