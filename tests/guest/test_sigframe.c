// SPDX-License-Identifier: MIT
/*
 * test_sigframe.c - the layout of a signal frame, next to one that the host's kernel makes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sigframe.h"

/* What a handler found. */
static struct {
	unsigned long frame; /* address of the frame: the way back */
	unsigned long interrupted_sp;
	unsigned long fpstate;
	unsigned long info;
	struct guest_ucontext uc;
	struct fp_sw_bytes sw;
	uint32_t magic2;
} seen;

static void look(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	memcpy(&seen.uc, context, sizeof(seen.uc));
	seen.frame = (unsigned long)context - offsetof(struct guest_rt_sigframe, uc);
	seen.interrupted_sp = seen.uc.mcontext.gregs[REG_RSP];
	seen.fpstate = seen.uc.mcontext.fpstate;
	seen.info = (unsigned long)info;
	memcpy(&seen.sw, (char *)seen.fpstate + FP_SW_BYTES, sizeof(seen.sw));
	memcpy(&seen.magic2, (char *)seen.fpstate + seen.sw.xstate_size, sizeof(seen.magic2));
}

static int take_a_signal(void **state)
{
	struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO };
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	return seen.frame ? 0 : -1;
}

/* Fails when a part of the frame lies elsewhere than the host's kernel puts it. */
static void parts_lie_where_the_host_puts_them(void **state)
{
	struct sigframe_place place =
		sigframe_place(seen.interrupted_sp - 128, seen.sw.extended_size);

	(void)state;
	assert_int_equal(place.fpstate, seen.fpstate);
	assert_int_equal(place.frame, seen.frame);
	assert_int_equal(seen.frame + offsetof(struct guest_rt_sigframe, info), seen.info);
}

/* Fails when a field of the context is not where the C library finds it. */
static void the_context_is_the_c_librarys(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct guest_ucontext, stack), offsetof(ucontext_t, uc_stack));
	assert_int_equal(offsetof(struct guest_ucontext, mcontext),
			 offsetof(ucontext_t, uc_mcontext));
	assert_int_equal(offsetof(struct guest_ucontext, mcontext.fpstate),
			 offsetof(ucontext_t, uc_mcontext.fpregs));
	assert_int_equal(offsetof(struct guest_ucontext, sigmask),
			 offsetof(ucontext_t, uc_sigmask));
}

/* Fails when the flags or the mask are not those of the host's kernel. */
static void flags_and_mask_are_the_hosts(void **state)
{
	(void)state;
	assert_int_equal(seen.uc.flags,
			 GUEST_UC_FP_XSTATE | GUEST_UC_SIGCONTEXT_SS | GUEST_UC_STRICT_RESTORE_SS);
	assert_int_equal(seen.uc.sigmask, 1ul << (SIGWINCH - 1));
	assert_int_equal(seen.uc.mcontext.gregs[REG_OLDMASK], seen.uc.sigmask);
	assert_int_equal(seen.uc.stack.flags, 0);
}

/* Fails when the floating-point block is not described as the host's kernel does it. */
static void the_extended_block_has_its_magic_numbers(void **state)
{
	(void)state;
	assert_int_equal(seen.sw.magic1, FP_MAGIC1);
	assert_int_equal(seen.magic2, FP_MAGIC2);
	assert_int_equal(seen.sw.extended_size, seen.sw.xstate_size + sizeof(seen.magic2));
}

/* Fails when a stack pointer can be found that makes a frame which is not aligned or overlaps. */
static void every_stack_pointer_makes_an_aligned_frame(void **state)
{
	(void)state;
	for (unsigned long top = 0x7ff000000000; top < 0x7ff000000000 + 256; top++) {
		struct sigframe_place place = sigframe_place(top, 2436);

		assert_int_equal(place.fpstate % 64, 0);
		assert_int_equal(place.frame % 16, 8);
		assert_true(place.fpstate + 2436 <= top);
		assert_true(place.frame + sizeof(struct guest_rt_sigframe) <= place.fpstate);
		assert_true(top - place.frame < 2436 + sizeof(struct guest_rt_sigframe) + 64 + 24);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_lie_where_the_host_puts_them),
		cmocka_unit_test(the_context_is_the_c_librarys),
		cmocka_unit_test(flags_and_mask_are_the_hosts),
		cmocka_unit_test(the_extended_block_has_its_magic_numbers),
		cmocka_unit_test(every_stack_pointer_makes_an_aligned_frame),
	};

	return cmocka_run_group_tests(tests, take_a_signal, NULL);
}
