// SPDX-License-Identifier: MIT
/*
 * test_run.c - a guest's instructions: system calls, faults, exceptions, kicks, registers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/prctl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "code.h"
#include "toy.h"

#define EFLAGS_DF 0x400
#define EFLAGS_AC 0x40000

static greg_t *reg(struct toy *toy, int which)
{
	return &platform_gregs(toy->thread)[which];
}

static void system_calls_arrive_with_registers_and_take_results(void **state)
{
	struct toy *toy = toy_create(0, CODE(syscalls));

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(toy_run_to_syscall(toy), 39);
		assert_int_equal(*reg(toy, REG_RIP), TOY_CODE + 7);
		*reg(toy, REG_RAX) = i;
	}
	toy_destroy(toy);
}

static void memory_is_read_and_written(void **state)
{
	struct toy *toy = toy_create(0, CODE(store));

	(void)state;
	toy_map(toy, TOY_DATA, true, false);
	*reg(toy, REG_RDI) = TOY_DATA + 8;
	*reg(toy, REG_RSI) = 12345;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*(long *)toy_memory(toy, TOY_DATA + 8), 12345);
	toy_destroy(toy);
}

static void faults_say_where_and_what(void **state)
{
	struct toy *toy = toy_create(0, CODE(store));
	struct platform_event event;

	(void)state;
	*reg(toy, REG_RDI) = TOY_DATA + 24;
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.addr, TOY_DATA + 24);
	assert_int_equal(event.access, GW_WRITE);

	/* A read-only page: the same; served once it is writable. */
	toy_map(toy, TOY_DATA, false, false);
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_WRITE);
	toy_pte(toy, TOY_DATA)->write = true;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	toy_destroy(toy);
}

static void reads_and_jumps_fault_as_such(void **state)
{
	struct toy *toy = toy_create(0, CODE(read));
	struct platform_event event;

	(void)state;
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSI) = 1;
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_READ);
	toy_destroy(toy);

	toy = toy_create(0, CODE(jump));
	toy_map(toy, TOY_DATA, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSP) = TOY_STACK;
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_EXEC);
	assert_int_equal(event.addr, TOY_DATA);
	toy_destroy(toy);
}

struct expected {
	const char *code, *end;
	int signo, trapno;
};

static void exceptions_have_linux_signals(void **state)
{
	static const struct expected expected[] = {
		{ CODE(hlt), SIGSEGV, 13 },	     { CODE(ud2), SIGILL, 6 },
		{ CODE(divide), SIGFPE, 0 },	     { CODE(int3), SIGTRAP, 3 },
		{ CODE(noncanonical), SIGSEGV, 13 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct toy *toy = toy_create(0, expected[i].code, expected[i].end);
		struct platform_event event;

		/* The last one reads its stack first. */
		*reg(toy, REG_RSP) = TOY_STACK + 128;
		event = toy_run(toy);
		assert_int_equal(event.kind, PLATFORM_EXCEPTION);
		assert_int_equal(event.signo, expected[i].signo);
		assert_int_equal(event.trapno, expected[i].trapno);
		toy_destroy(toy);
	}
}

/* Where the host traps it as a call, it has no number; elsewhere it is an exception. */
static void calls_of_another_architecture_have_no_number(void **state)
{
	struct toy *toy = toy_create(0, CODE(int80));
	struct platform_event event = toy_run(toy);

	(void)state;
	if (event.kind == PLATFORM_SYSCALL)
		assert_int_equal(*reg(toy, REG_RAX), -1);
	else
		assert_int_equal(event.kind, PLATFORM_EXCEPTION);
	toy_destroy(toy);
}

static void vectors_survive_calls_and_exec_resets_them(void **state)
{
	struct toy *toy = toy_create(0, CODE(vectors));
	size_t size;
	char *fp;

	(void)state;
	*reg(toy, REG_RDI) = 0x1234567;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(toy_run_to_syscall(toy), 60);
		assert_int_equal(*reg(toy, REG_RBX), 0x1234567);
		assert_int_equal(*reg(toy, REG_RSI), 0x1234567);
	}

	/* In place: a store here is what the guest finds.  XMM0 is at 160. */
	fp = platform_fpstate(toy->thread, &size);
	assert_non_null(fp);
	assert_true(size >= 512);
	memset(fp + 160, 0x11, 8);
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*reg(toy, REG_RBX), 0x1111111111111111);

	platform_reset_regs(toy->thread, (unsigned long)*reg(toy, REG_RIP), TOY_STACK_TOP);
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*reg(toy, REG_RBX), 0);
	assert_int_equal(*reg(toy, REG_RSI), 0);
	toy_destroy(toy);
}

static void segment_bases_are_set(void **state)
{
	struct toy *toy = toy_create(0, CODE(segments));

	(void)state;
	toy_map(toy, TOY_DATA, true, false);
	toy_map(toy, TOY_DATA + PAGE_SIZE, true, false);
	*(long *)toy_memory(toy, TOY_DATA) = 7;
	*(long *)toy_memory(toy, TOY_DATA + PAGE_SIZE) = 8;
	platform_set_segment_base(toy->thread, ARCH_SET_FS, TOY_DATA);
	platform_set_segment_base(toy->thread, ARCH_SET_GS, TOY_DATA + PAGE_SIZE);
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*reg(toy, REG_RBX), 7);
	assert_int_equal(*reg(toy, REG_RDI), 8);
	toy_destroy(toy);
}

static void odd_flags_survive_calls_and_faults(void **state)
{
	struct toy *toy = toy_create(0, CODE(flags));

	(void)state;
	toy_map(toy, TOY_DATA, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	assert_int_equal(toy_run_to_syscall(toy), 39);
	assert_int_equal(toy_run_to_syscall(toy), 60);
	assert_int_equal(*reg(toy, REG_RBX) & (EFLAGS_DF | EFLAGS_AC), EFLAGS_DF | EFLAGS_AC);
	toy_destroy(toy);
}

/* ---- Kicks ----------------------------------------------------------------------------------- */

static void *kick_later(void *arg)
{
	struct toy *toy = arg;

	usleep(2000);
	platform_kick(toy->thread);
	return NULL;
}

static void a_kick_ends_a_computation(void **state)
{
	struct toy *toy = toy_create(0, CODE(spin));
	greg_t before = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		pthread_t kicker;

		pthread_create(&kicker, NULL, kick_later, toy);
		assert_int_equal(toy_run(toy).kind, PLATFORM_KICK);
		pthread_join(kicker, NULL);
		assert_true(*reg(toy, REG_RAX) >= before);
		before = *reg(toy, REG_RAX);
	}
	assert_true(before > 0);
	toy_destroy(toy);
}

static void a_kick_before_the_run_is_not_lost(void **state)
{
	struct toy *toy = toy_create(0, CODE(spin));

	(void)state;
	for (int i = 0; i < 20; i++) {
		platform_kick(toy->thread);
		assert_int_equal(toy_run(toy).kind, PLATFORM_KICK);
	}
	toy_destroy(toy);
}

static void a_new_program_finds_nothing_of_the_old_one(void **state)
{
	struct toy *toy = toy_create(0, CODE(store));
	struct platform_event event;

	(void)state;
	toy_map(toy, TOY_DATA, true, false);
	*reg(toy, REG_RDI) = TOY_DATA;
	assert_int_equal(toy_run_to_syscall(toy), 60);
	/* The table forgets; the host's mapping is there until the switch. */
	toy_pte(toy, TOY_DATA)->present = false;
	platform_process_set_mm(toy->process, toy->mm);
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.addr, TOY_DATA);
	toy_destroy(toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_calls_arrive_with_registers_and_take_results),
		cmocka_unit_test(memory_is_read_and_written),
		cmocka_unit_test(faults_say_where_and_what),
		cmocka_unit_test(reads_and_jumps_fault_as_such),
		cmocka_unit_test(exceptions_have_linux_signals),
		cmocka_unit_test(calls_of_another_architecture_have_no_number),
		cmocka_unit_test(vectors_survive_calls_and_exec_resets_them),
		cmocka_unit_test(segment_bases_are_set),
		cmocka_unit_test(odd_flags_survive_calls_and_faults),
		cmocka_unit_test(a_kick_ends_a_computation),
		cmocka_unit_test(a_kick_before_the_run_is_not_lost),
		cmocka_unit_test(a_new_program_finds_nothing_of_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
