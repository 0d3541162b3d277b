// SPDX-License-Identifier: MIT
/*
 * sigframe.c - fails when a handler finds another frame on its stack than Linux makes, or is not
 * returned from as Linux does
 */
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SW_BYTES 464 /* of the floating-point block: struct _fpx_sw_bytes */

static uint32_t get32(uintptr_t at)
{
	uint32_t value;

	memcpy(&value, (void *)at, sizeof(value));
	return value;
}

static unsigned int mxcsr(void)
{
	unsigned int value;

	__asm__ volatile("stmxcsr %0" : "=m"(value));
	return value;
}

static unsigned short control_word(void)
{
	unsigned short value;

	__asm__ volatile("fnstcw %0" : "=m"(value));
	return value;
}

static void print_frame(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	const greg_t *regs = uc->uc_mcontext.gregs;
	uintptr_t fp = (uintptr_t)uc->uc_mcontext.fpregs, frame = (uintptr_t)uc - 8;

	printf("signal %d, flags %lx, link %p, stack %d %zu\n", signo, uc->uc_flags,
	       (void *)uc->uc_link, uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
	printf("info at %ld, frame %% 16 = %ld, block %% 64 = %ld\n",
	       (long)((char *)info - (char *)uc), (long)(frame % 16), (long)(fp % 64));
	printf("block after info: %ld, red zone: %ld\n", (long)(fp - (uintptr_t)(info + 1)) / 64,
	       (long)((uintptr_t)regs[REG_RSP] - fp - get32(fp + SW_BYTES + 4)) / 64);
	printf("magic %x %x, sizes differ by %u\n", get32(fp + SW_BYTES),
	       get32(fp + get32(fp + SW_BYTES + 16)),
	       get32(fp + SW_BYTES + 4) - get32(fp + SW_BYTES + 16));
	printf("saved: control %x, mxcsr %x, components %x\n", get32(fp) & 0xffff, get32(fp + 24),
	       get32(fp + 512) & 3);
	printf("here: control %x, mxcsr %x\n", control_word(), mxcsr());
	printf("mask %lx %llx, trap %lld, error %llx, address %llx, selectors %llx\n",
	       *(unsigned long *)&uc->uc_sigmask, regs[REG_OLDMASK], regs[REG_TRAPNO],
	       regs[REG_ERR], regs[REG_CR2], regs[REG_CSGSFS]);
	printf("direction flag %d\n", (int)(__builtin_ia32_readeflags_u64() >> 10 & 1));
}

static void before_and_after(void)
{
	struct sigaction action = { .sa_sigaction = print_frame, .sa_flags = SA_SIGINFO };
	const unsigned int mine = 0x3f80;
	const unsigned short control = 0x27f;

	sigaddset(&action.sa_mask, SIGHUP);
	sigaction(SIGUSR1, &action, NULL);
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mine), "m"(control));
	raise(SIGUSR1);
	printf("after: control %x, mxcsr %x\n", control_word(), mxcsr());
	fesetenv(FE_DFL_ENV);
}

/* ---- What a handler changes ----------------------------------------------------------------------- */

static sigjmp_buf again;
static int how;

static void spoil(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char *fp = (char *)uc->uc_mcontext.fpregs;
	const uint32_t wrong_mxcsr = 0xffffffff, right_mxcsr = 0x5f80;

	(void)info;
	if (signo == SIGSEGV)
		siglongjmp(again, 1);
	switch (how) {
	case 0: /* another rounding mode */
		memcpy(fp + 24, &right_mxcsr, sizeof(right_mxcsr));
		break;
	case 1: /* a register that does not exist */
		memcpy(fp + 24, &wrong_mxcsr, sizeof(wrong_mxcsr));
		break;
	case 2: /* no description: the first 512 bytes count */
		memset(fp + SW_BYTES, 0, 4);
		break;
	case 3: /* no block at all: as after a reset */
		uc->uc_mcontext.fpregs = NULL;
		break;
	case 4: /* a block that is not there */
		uc->uc_mcontext.fpregs = (void *)64;
		break;
	case 5: /* reserved bytes of the header */
		memset(fp + 512 + 32, 1, 8);
		break;
	case 6: /* flags that are not a program's to set: interrupts off, I/O privileges */
		uc->uc_mcontext.gregs[REG_EFL] ^= 0x3200;
		break;
	case 7: /* the mask; SIGKILL stays */
		memset(&uc->uc_sigmask, 0xff, 8);
		break;
	}
}

static void changes(void)
{
	struct sigaction action = { .sa_sigaction = spoil, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags |= SA_NODEFER;
	sigaction(SIGSEGV, &action, NULL);
	for (how = 0; how < 8; how++) {
		sigset_t now, none;
		int killed = sigsetjmp(again, 1);

		if (!killed)
			raise(SIGUSR1);
		sigprocmask(SIG_BLOCK, NULL, &now);
		printf("change %d: %s, control %x, mxcsr %x, mask %lx\n", how,
		       killed ? "SIGSEGV" : "fine", control_word(), mxcsr(),
		       *(unsigned long *)&now);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fesetenv(FE_DFL_ENV);
	}
}

/* ---- The alternate stack ---------------------------------------------------------------------------- */

static void on_the_edge(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	stack_t now;

	(void)info;
	sigaltstack(NULL, &now);
	printf("signal %d: now %x, in the frame %x %zu\n", signo, (unsigned int)now.ss_flags,
	       (unsigned int)uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
	now = (stack_t){ .ss_flags = SS_DISABLE };
	printf("change while on it: %d\n", sigaltstack(&now, NULL));
}

static void stacks(void)
{
	struct sigaction action = { .sa_sigaction = on_the_edge,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	stack_t old;

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	printf("set: %d\n", sigaltstack(&stack, NULL));
	raise(SIGUSR1);
	stack.ss_flags = (int)(1u << 31); /* SS_AUTODISARM */
	printf("set: %d\n", sigaltstack(&stack, NULL));
	raise(SIGUSR1);
	printf("get: %d", sigaltstack(NULL, &old));
	printf(" %x %zu\n", (unsigned int)old.ss_flags, old.ss_size);
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	before_and_after();
	changes();
	stacks();
	return 0;
}
