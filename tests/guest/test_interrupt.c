// SPDX-License-Identifier: MIT
/*
 * test_interrupt.c - a host call that is told to end does end, whenever it is told
 *
 * One thread goes into calls that would wait for ever; another tells it to come back, after a time
 * that sweeps over the beginning of the call.  One telling that is missed and the test hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interrupt.h"

#define ROUNDS 20000
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
		cmocka_unit_test(a_set_flag_makes_no_call),
		cmocka_unit_test(all_six_arguments_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
