// SPDX-License-Identifier: MIT
/*
 * stack_growth.c - fails when a stack does not grow as Linux lets it, or grows further
 *
 * First into a mapping's guard gap of 256 pages, then by recursion to its resource limit; both end
 * in a SIGSEGV that is handled on another stack.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096ul

static sigjmp_buf back;
static volatile uintptr_t fault_addr;
static volatile int fault_code;
static char handler_stack[64 << 10];

static void handle(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	fault_addr = (uintptr_t)info->si_addr;
	fault_code = info->si_code;
	siglongjmp(back, 1);
}

static void install(void)
{
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

/* Touch page after page downwards until the gap above the mapping ends it. */
static void grow_into_gap(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(PAGE - 1);
	uintptr_t obstacle = here - (3ul << 20);
	void *mapped = mmap((void *)obstacle, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	volatile uintptr_t at = here;

	printf("a page 3 MiB below: %s\n", mapped == (void *)obstacle ? "mapped" : "refused");
	if (sigsetjmp(back, 1) == 0) {
		for (;; at -= PAGE)
			*(volatile char *)at = 1;
	}
	printf("stopped %ld pages above it, %s, at the address touched: %d\n",
	       (long)((at - obstacle) / PAGE) - 1, fault_code == SEGV_MAPERR ? "MAPERR" : "ACCERR",
	       fault_addr == at);
	munmap(mapped, PAGE);
	*(volatile char *)at = 1;
	printf("grows once the mapping has gone\n");
}

/* Each frame holds a pattern that is verified on the way back. */
static unsigned long recurse(unsigned long depth)
{
	unsigned char frame[2000];
	unsigned long sum = 0;

	memset(frame, (int)(depth & 0xff), sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
	if (depth)
		sum = recurse(depth - 1);
	for (size_t i = 0; i < sizeof(frame); i += 100)
		sum += frame[i] == (depth & 0xff);
	return sum;
}

static volatile uintptr_t deepest;

static volatile unsigned long enough = ~0ul;

__attribute__((noinline)) static int recurse_on(volatile char *above, unsigned long depth)
{
	volatile char frame[1024];

	frame[0] = above ? above[0] : 1;
	deepest = (uintptr_t)frame;
	if (depth == enough)
		return 0;
	return recurse_on(frame, depth + 1) + frame[0];
}

static void grow_to_limit(void)
{
	struct rlimit limit;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	getrlimit(RLIMIT_STACK, &limit);
	if (sigsetjmp(back, 1) == 0)
		recurse_on(NULL, 0);
	printf("limit %lu KiB, used at the end %lu MiB (rounded up), code %d\n",
	       (unsigned long)limit.rlim_cur >> 10, (here - deepest + (1 << 20) - 1) >> 20,
	       fault_code);
	printf("fault near the deepest frame: %d\n", deepest - fault_addr < 4 * PAGE);
}

int main(void)
{
	install();
	grow_into_gap();
	printf("recursion: %lu patterns intact\n", recurse(3000));
	grow_to_limit();
	printf("recursion again: %lu patterns intact\n", recurse(3000));
	return 0;
}
