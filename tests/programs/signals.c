// SPDX-License-Identifier: MIT
/* signals.c - fails when a signal is not delivered, blocked, nested or returned from as on Linux */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int order[16], nr_order;

static void note(int what)
{
	order[nr_order++] = what;
}

static void print_order(const char *what)
{
	printf("%s:", what);
	for (int i = 0; i < nr_order; i++)
		printf(" %d", order[i]);
	printf("\n");
	nr_order = 0;
}

static void install(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(signo, &action, NULL);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	note(signo);
	if (info->si_code == SI_TKILL || info->si_code == SI_USER)
		note(info->si_pid == getpid() && info->si_uid == getuid());
}

static void simple(void)
{
	install(SIGUSR1, on_signal, 0);
	raise(SIGUSR1);
	print_order("raised");
	kill(getpid(), SIGUSR1);
	print_order("sent to itself");
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	print_order("ignored");
	printf("errors: %s", kill(getpid(), 0) ? "?" : "-");
	printf(" %s", kill(getpid(), 65) ? strerrorname_np(errno) : "?");
	printf(" %s", sigaction(SIGKILL, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL)
			      ? strerrorname_np(errno)
			      : "?");
	printf(" %s\n", kill(1 << 30, SIGTERM) ? strerrorname_np(errno) : "?");
}

static void blocking(void)
{
	sigset_t set, old, pending;

	install(SIGUSR1, on_signal, 0);
	install(SIGUSR2, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	print_order("blocked");
	sigpending(&pending);
	printf("pending: %d %d %d\n", sigismember(&pending, SIGUSR1),
	       sigismember(&pending, SIGUSR2), sigismember(&pending, SIGTERM));
	sigprocmask(SIG_SETMASK, &old, NULL);
	print_order("unblocked");
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	sigsuspend(&old);
	printf("sigsuspend: %s\n", strerrorname_np(errno));
	print_order("suspended");
	sigprocmask(SIG_SETMASK, NULL, &set);
	printf("blocked again after it: %d\n", sigismember(&set, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/* The handler's own signal is blocked in it, another is not, and sa_mask adds to that. */
static void nest(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	note(signo);
	if (signo == SIGUSR1 && nr_order < 4) {
		raise(SIGUSR1);
		raise(SIGUSR2);
	}
	note(-signo);
}

static void nesting(void)
{
	struct sigaction action = { .sa_sigaction = nest, .sa_flags = SA_SIGINFO };

	install(SIGUSR1, nest, 0);
	install(SIGUSR2, nest, 0);
	raise(SIGUSR1);
	print_order("nested");
	install(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	print_order("not deferred");
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	print_order("masked");
	install(SIGUSR1, nest, SA_RESETHAND);
	nr_order = 8; /* no recursion */
	raise(SIGUSR1);
	nr_order = 0;
	sigaction(SIGUSR1, NULL, &action);
	printf("reset: %d\n", action.sa_handler == SIG_DFL);
}

static char altstack[128 << 10];

static int on_altstack(void)
{
	char *here = __builtin_frame_address(0);

	return here >= altstack && here < altstack + sizeof(altstack);
}

static void use_altstack(int signo, siginfo_t *info, void *context)
{
	stack_t now;

	(void)info;
	sigaltstack(NULL, &now);
	note(on_altstack());
	note(now.ss_flags);
	note(((ucontext_t *)context)->uc_stack.ss_size == sizeof(altstack));
	if (signo == SIGUSR1) {
		note(sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL) ? errno : 0);
		raise(SIGUSR2);
	}
}

static void alternate_stack(void)
{
	stack_t stack = { .ss_sp = altstack, .ss_size = sizeof(altstack) }, old;

	printf("too small: %s\n", sigaltstack(&(stack_t){ .ss_sp = altstack, .ss_size = 100 }, NULL)
					  ? strerrorname_np(errno)
					  : "?");
	sigaltstack(&stack, NULL);
	install(SIGUSR1, use_altstack, SA_ONSTACK);
	install(SIGUSR2, use_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	print_order("on the other stack");
	install(SIGUSR2, use_altstack, 0);
	raise(SIGUSR2);
	print_order("not on it");
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, &old);
	printf("disabled, was %d\n", old.ss_sp == altstack);
}

static sigjmp_buf back;

static void jump_out(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	siglongjmp(back, signo);
}

static void jumping(void)
{
	volatile int jumps = 0;

	install(SIGUSR1, jump_out, 0);
	for (int i = 0; i < 500; i++) {
		if (sigsetjmp(back, 1) == 0)
			raise(SIGUSR1);
		else
			jumps++;
	}
	printf("jumped out: %d\n", jumps);
}

static int pipe_fds[2];

static void fill_pipe(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	note(signo);
	if (write(pipe_fds[1], "x", 1) != 1)
		note(-1);
}

/* A read that waits is interrupted: with SA_RESTART it goes on to find what the handler wrote. */
static void restarting(void)
{
	struct itimerval soon = { .it_value = { .tv_usec = 30000 } };
	struct timespec delay = { .tv_nsec = 1000000000 - 1 }, rest = { 0 };
	char byte;
	ssize_t len;

	if (pipe(pipe_fds))
		exit(2);
	install(SIGALRM, fill_pipe, SA_RESTART);
	setitimer(ITIMER_REAL, &soon, NULL);
	len = read(pipe_fds[0], &byte, 1);
	printf("restarted: %zd\n", len);
	install(SIGALRM, fill_pipe, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	len = read(pipe_fds[0], &byte, 1);
	printf("not restarted: %zd %s\n", len, strerrorname_np(errno));
	setitimer(ITIMER_REAL, &soon, NULL);
	len = nanosleep(&delay, &rest);
	printf("sleep: %zd %s, some is left: %d\n", len, strerrorname_np(errno),
	       rest.tv_sec == 0 && rest.tv_nsec > 0);
	alarm(1);
	pause();
	printf("pause: %s\n", strerrorname_np(errno));
	print_order("alarms");
	printf("alarm had left: %u\n", alarm(0));
}

static void clobber(int signo, siginfo_t *info, void *context)
{
	unsigned int mxcsr = 0x9fc0; /* flush to zero */
	unsigned short control = 0x27f;

	(void)signo;
	(void)info;
	(void)context;
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pcmpeqd %%xmm7, %%xmm7;"
			 "pxor %%xmm15, %%xmm15; fldpi; fldpi"
			 :
			 :
			 : "xmm0", "xmm1", "xmm7", "xmm15");
}

/* Registers are loaded, a signal is taken in the system call, and all must be as before. */
static void registers(void)
{
	static uint64_t before[4] = { 0x1111111111111111, 0x2222, 0x3333, 0x4444 }, after[4];
	unsigned int mxcsr_before, mxcsr_after;
	unsigned short control_before, control_after;
	long pid = getpid(), result = 62, number = SIGUSR1;
	uint64_t r12 = 0, r15 = 0, rbx = 0;

	install(SIGUSR1, clobber, 0);
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr_before), "=m"(control_before));
	__asm__ volatile(
		"movq %[b], %%xmm0; movq 8+%[b], %%xmm1; movq 16+%[b], %%xmm7;"
		"movq 24+%[b], %%xmm15; movq $0x1234, %%r12; movq $0x5678, %%r15;"
		"movq $0x9abc, %%rbx; std; syscall; pushfq; popq %%r11; cld;"
		"shrq $10, %%r11; andq $1, %%r11;"
		"movq %%xmm0, %[a]; movq %%xmm1, 8+%[a]; movq %%xmm7, 16+%[a];"
		"movq %%xmm15, 24+%[a]; movq %%r12, %[r12]; movq %%r15, %[r15];"
		"movq %%rbx, %[rbx]"
		: "+a"(result), [a] "=m"(after), [r12] "=m"(r12), [r15] "=m"(r15), [rbx] "=m"(rbx)
		: "D"(pid), "S"(number), [b] "m"(before)
		: "rcx", "r11", "r12", "r15", "rbx", "xmm0", "xmm1", "xmm7", "xmm15", "memory");
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr_after), "=m"(control_after));
	printf("result %ld, vectors kept %d, general kept %d, control words kept %d\n", result,
	       memcmp(before, after, sizeof(before)) == 0,
	       r12 == 0x1234 && r15 == 0x5678 && rbx == 0x9abc,
	       mxcsr_before == mxcsr_after && control_before == control_after);
}

/* A handler may change the registers that the program returns to. */
static void edit(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void editing(void)
{
	long value = 0;

	install(SIGILL, edit, 0);
	__asm__ volatile("ud2" : "+a"(value));
	printf("edited: %ld\n", value);
}

int main(void)
{
	simple();
	blocking();
	nesting();
	alternate_stack();
	jumping();
	restarting();
	registers();
	editing();
	return 0;
}
