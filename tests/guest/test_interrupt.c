// SPDX-License-Identifier: MIT
/*
 * test_interrupt.c - a host call that is told to end does end, whenever it is told
 *
 * Twice: by another thread, at times that come as they come; and at each instruction on the way
 * into the call in turn, by the trap flag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "interrupt.h"

#define ROUNDS 5000
#define SPREAD 2000 /* pauses that the telling is late, at most */

struct waiter {
	pthread_t thread;
	int interrupted;
	int round;    /* begun */
	int returned; /* the last round that came back */
	int wrong;    /* results that were not -EINTR */
};

static void *wait_again_and_again(void *arg)
{
	const long args[6] = { 0 }; /* ppoll(NULL, 0, NULL, NULL) */
	struct waiter *waiter = arg;

	for (int round = 1; round <= ROUNDS; round++) {
		__atomic_store_n(&waiter->interrupted, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&waiter->round, round, __ATOMIC_SEQ_CST);
		if (host_syscall_unless(&waiter->interrupted, SYS_ppoll, args) != -EINTR)
			waiter->wrong++;
		__atomic_store_n(&waiter->returned, round, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void pause_for(int pauses)
{
	for (int i = 0; i < pauses; i++)
		__builtin_ia32_pause();
}

/* Fails, by its time limit, when an interruption can fall between the check and the call. */
static void no_interruption_is_missed(void **state)
{
	struct waiter waiter = { .interrupted = 0 };

	(void)state;
	assert_int_equal(host_interrupts_init(), 0);
	assert_int_equal(pthread_create(&waiter.thread, NULL, wait_again_and_again, &waiter), 0);
	for (int round = 1; round <= ROUNDS; round++) {
		while (__atomic_load_n(&waiter.round, __ATOMIC_SEQ_CST) != round)
			sched_yield();
		pause_for(round * 7 % SPREAD);
		__atomic_store_n(&waiter.interrupted, 1, __ATOMIC_SEQ_CST);
		host_interrupt(waiter.thread);
		while (__atomic_load_n(&waiter.returned, __ATOMIC_SEQ_CST) != round)
			sched_yield();
	}
	pthread_join(waiter.thread, NULL);
	assert_int_equal(waiter.wrong, 0);
}

/* ---- At each instruction --------------------------------------------------------------------------- */

#define TRAP_FLAG 0x100
#define STEPS_MAX 200

/* What the handler of SIGTRAP, which runs after each instruction, is to do. */
static struct {
	int interrupted;
	int steps, stop_at; /* instructions so far, and when to interrupt */
	bool reached;	    /* the next instruction is the call */
} stepping;

static void step(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	const unsigned char *next = (const unsigned char *)uc->uc_mcontext.gregs[REG_RIP];

	(void)signo;
	(void)info;
	stepping.reached = next[0] == 0x0f && next[1] == 0x05;
	if (++stepping.steps < stepping.stop_at && !stepping.reached)
		return;
	/* It is blocked in here, so that it comes when this handler returns: before @next. */
	__atomic_store_n(&stepping.interrupted, 1, __ATOMIC_SEQ_CST);
	host_interrupt(pthread_self());
	uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

/* => what the call returned, interrupted after @steps instructions */
static long call_stepped(int steps)
{
	const struct timespec time = { .tv_sec = 2 };
	const long args[6] = { 0, 0, (long)&time };

	stepping.interrupted = 0;
	stepping.steps = 0;
	stepping.stop_at = steps;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
	return host_syscall_unless(&stepping.interrupted, SYS_ppoll, args);
}

/* Fails when an interruption between the check and the call is missed: the call waits it out. */
static void every_instruction_on_the_way_can_be_interrupted(void **state)
{
	struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };
	int steps = 0;

	(void)state;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, HOST_INTERRUPT_SIGNAL);
	assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
	do {
		assert_int_equal(call_stepped(++steps), -EINTR);
	} while (!stepping.reached && steps < STEPS_MAX);
	assert_true(stepping.reached);
	signal(SIGTRAP, SIG_DFL);
}

/* Fails when a set flag does not keep the call from being made. */
static void a_set_flag_makes_no_call(void **state)
{
	const int interrupted = 1, free_to_go = 0;
	const long args[6] = { 0 };

	(void)state;
	assert_int_equal(host_syscall_unless(&interrupted, SYS_getpid, args), -EINTR);
	assert_int_equal(host_syscall_unless(&free_to_go, SYS_getpid, args), getpid());
}

/* Fails when arguments get into other registers than theirs. */
static void all_six_arguments_arrive(void **state)
{
	const int interrupted = 0;
	int fds[2];
	char out[4] = "";
	/* preadv2(fd, iov, 1, -1, 0, flags): the last is refused when it is not known. */
	struct {
		void *base;
		size_t len;
	} iov = { out, 3 };
	const long args[6] = { 0, (long)&iov, 1, -1, 0, 0 };
	long with_fd[6];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	for (int i = 0; i < 6; i++)
		with_fd[i] = args[i];
	with_fd[0] = fds[0];
	assert_int_equal(host_syscall_unless(&interrupted, SYS_preadv2, with_fd), 3);
	assert_string_equal(out, "abc");
	with_fd[5] = 1 << 30;
	assert_int_equal(host_syscall_unless(&interrupted, SYS_preadv2, with_fd), -EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_interruption_is_missed),
		cmocka_unit_test(every_instruction_on_the_way_can_be_interrupted),
		cmocka_unit_test(a_set_flag_makes_no_call),
		cmocka_unit_test(all_six_arguments_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
