// SPDX-License-Identifier: MIT
/* faults.c - fails when an exception of the processor arrives as another signal, code or address */
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t got;
static volatile long trapno, error;
static volatile uintptr_t rip;

static void handle(int signo, siginfo_t *info, void *context)
{
	const greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signo;
	got = *info;
	trapno = gregs[REG_TRAPNO];
	error = gregs[REG_ERR];
	rip = (uintptr_t)gregs[REG_RIP];
	siglongjmp(back, 1);
}

/* The label names the instruction; a fault's address is printed relative to @base. */
#define TRY(what, at, base, ...)                                                                   \
	do {                                                                                       \
		extern const char at[];                                                            \
		if (sigsetjmp(back, 1) == 0) {                                                     \
			__VA_ARGS__;                                                               \
			printf("%s: nothing happened\n", what);                                    \
		} else {                                                                           \
			report(what, (uintptr_t)at, (uintptr_t)(base));                            \
		}                                                                                  \
	} while (0)

static void report(const char *what, uintptr_t at, uintptr_t base)
{
	uintptr_t addr = (uintptr_t)got.si_addr;

	printf("%s: %s, code %d, trap %ld, error %ld, rip %+ld", what, sigabbrev_np(got.si_signo),
	       got.si_code, trapno, error, (long)(rip - at));
	if (base)
		printf(", address %+ld", (long)(addr - base));
	else
		printf(", address %s", addr == at ? "of the instruction" : addr ? "other" : "0");
	printf("\n");
}

static void arithmetic(void)
{
	TRY("divide by zero", at_div, 0,
	    __asm__ volatile("at_div: divl %%ecx"
			     :
			     : "a"(1), "c"(0), "d"(0)));
	TRY("quotient too large", at_div2, 0,
	    __asm__ volatile("at_div2: divl %%ecx"
			     :
			     : "a"(1), "c"(1), "d"(5)));
	feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
	TRY("SSE divide by zero", at_sse, 0, double one = 1, zero = 0;
	    __asm__ volatile("at_sse: divsd %1, %0"
			     : "+x"(one)
			     : "x"(zero)));
	feenableexcept(FE_DIVBYZERO);
	TRY("x87 divide by zero", at_x87, 0, __asm__ volatile("fld1; fldz; fdivrp; at_x87: fwait"));
	fedisableexcept(FE_ALL_EXCEPT);
	feclearexcept(FE_ALL_EXCEPT);
	__asm__ volatile("fninit");
}

static void instructions(void)
{
	TRY("undefined", at_ud2, 0, __asm__ volatile("at_ud2: ud2"));
	TRY("privileged", at_hlt, 0, __asm__ volatile("at_hlt: hlt"));
	TRY("port", at_in, 0, __asm__ volatile("at_in: inb $0x80, %%al" : : : "eax"));
	TRY("breakpoint", at_int3, 0, __asm__ volatile("int3; at_int3: nop"));
	TRY("single step", at_step, 0,
	    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; at_step: nop"
			     :
			     :
			     : "memory"));
}

static void addresses(void)
{
	char *none = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(hole, 4096);
	TRY("load from none", at_load, none,
	    __asm__ volatile("at_load: movb 17(%0), %%al"
			     :
			     : "r"(none)
			     : "eax"));
	TRY("store to none", at_store, none,
	    __asm__ volatile("at_store: movb $1, 4099(%0)"
			     :
			     : "r"(none)
			     : "memory"));
	TRY("load from nothing", at_hole, hole,
	    __asm__ volatile("at_hole: movb (%0), %%al"
			     :
			     : "r"(hole)
			     : "eax"));
	TRY("store to nothing", at_hole2, hole,
	    __asm__ volatile("at_hole2: movb $1, (%0)"
			     :
			     : "r"(hole)
			     : "memory"));
	TRY("not canonical", at_canon, 0,
	    __asm__ volatile("at_canon: movb (%0), %%al"
			     :
			     : "r"(1ul << 63)
			     : "eax"));
	TRY("into the kernel", at_kernel, -4096ul,
	    __asm__ volatile("at_kernel: movb (%0), %%al"
			     :
			     : "r"(-4096ul)
			     : "eax"));
	munmap(none, 8192);
}

/* An access that straddles two pages faults on the second, after the first was fine. */
static void straddling(void)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(two + 4096, 4096, PROT_NONE);
	two[4095] = 9;
	TRY("straddling load", at_straddle, two,
	    __asm__ volatile("at_straddle: movq 4092(%0), %%rax"
			     :
			     : "r"(two)
			     : "rax"));
	TRY("straddling store", at_straddle2, two,
	    __asm__ volatile("at_straddle2: movq %%rax, 4092(%0)"
			     :
			     : "r"(two)
			     : "memory"));
	printf("nothing was stored: %d\n", two[4095] == 9);
	munmap(two, 8192);
}

/* A handler may mend what was wrong, and the instruction runs again. */
static char *lazy;

static void mend(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	mprotect((void *)((uintptr_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void mending(void)
{
	struct sigaction action = { .sa_sigaction = mend, .sa_flags = SA_SIGINFO };
	struct sigaction old;
	long sum = 0;

	lazy = mmap(NULL, 100 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, &old);
	for (int i = 0; i < 100; i++)
		*(volatile char *)(lazy + i * 4096) = (char)i;
	for (int i = 0; i < 100; i++)
		sum += lazy[i * 4096];
	sigaction(SIGSEGV, &old, NULL);
	printf("mended a hundred pages: %ld\n", sum);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	arithmetic();
	instructions();
	addresses();
	straddling();
	mending();
	return 0;
}
