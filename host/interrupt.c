// SPDX-License-Identifier: MIT
/*
 * interrupt.c - host calls that another thread can end, without a window in which it is missed
 *
 *	interrupter			caller
 *	*interrupted = 1		window begins
 *	signal				*interrupted? -> -EINTR
 *					syscall
 *					window ends
 *
 * A signal before the window leaves the flag to be seen in it; one during the call ends the call,
 * as its handler does not restart; one in between finds the address in the window.  A call that
 * the kernel rewinds to be made again is found in the window too.  The technique is that of the
 * cancellation points of musl.
 */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

/* Their addresses bound the window. */
extern const char host_window_begin[], host_window_end[], host_window_missed[];

long host_window_call(const int *interrupted, long nr, const long args[6]);

__asm__(".pushsection .text\n"
	".hidden host_window_call, host_window_begin, host_window_end, host_window_missed\n"
	".globl host_window_call, host_window_begin, host_window_end, host_window_missed\n"
	".type host_window_call, @function\n"
	"host_window_call:\n"
	"	movq %rdi, %r11\n"
	"	movq %rsi, %rax\n"
	"	movq %rdx, %rcx\n"
	"	movq (%rcx), %rdi\n"
	"	movq 8(%rcx), %rsi\n"
	"	movq 16(%rcx), %rdx\n"
	"	movq 24(%rcx), %r10\n"
	"	movq 32(%rcx), %r8\n"
	"	movq 40(%rcx), %r9\n"
	"host_window_begin:\n"
	"	cmpl $0, (%r11)\n"
	"	jne host_window_missed\n"
	"	syscall\n"
	"host_window_end:\n"
	"	ret\n"
	"host_window_missed:\n"
	"	movq $-4, %rax\n" /* -EINTR */
	"	ret\n"
	".size host_window_call, . - host_window_call\n"
	".popsection\n");

_Static_assert(EINTR == 4, "what the assembler text returns");

static void interrupted(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];

	(void)signo;
	(void)info;
	if (*rip >= (greg_t)host_window_begin && *rip < (greg_t)host_window_end)
		*rip = (greg_t)host_window_missed;
}

int host_interrupts_init(void)
{
	struct sigaction action = { .sa_sigaction = interrupted, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	return sigaction(HOST_INTERRUPT_SIGNAL, &action, NULL) ? -errno : 0;
}

long host_syscall_unless(const int *flag, long nr, const long args[6])
{
	return host_window_call(flag, nr, args);
}

void host_interrupt(pthread_t thread)
{
	pthread_kill(thread, HOST_INTERRUPT_SIGNAL);
}
