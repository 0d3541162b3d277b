// SPDX-License-Identifier: MIT
/*
 * test_hostile.c - a guest that uses the stub's own instructions
 *
 * It jumps to each system call of the stub, with arguments that would serve it.  None may pass:
 * the runner must hear of it, or the guest must die by it, and the stub must still work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/prctl.h>
#include <elf.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "code.h"
#include "stub/layout.h"
#include "toy.h"

/* The stub's executable, as it is embedded in the runner. */
extern const char stub_image[];

#define SHARED_FIXED (MAP_SHARED | MAP_FIXED | MAP_POPULATE)

static greg_t *reg(struct toy *toy, int which)
{
	return &platform_gregs(toy->thread)[which];
}

/* The address of @name in the stub. */
static unsigned long stub_symbol(const char *name)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)stub_image;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(stub_image + header->e_shoff);

	for (int i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const Elf64_Sym *)(stub_image + sections[i].sh_offset);
		const char *names = stub_image + sections[sections[i].sh_link].sh_offset;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t k = 0; k < sections[i].sh_size / sizeof(*symbols); k++)
			if (!strcmp(names + symbols[k].st_name, name))
				return symbols[k].st_value;
	}
	fail_msg("the stub has no %s", name);
	return 0;
}

/* Arguments in the order of a C call: call_x puts the fourth where the kernel wants it. */
struct call {
	const char *name;
	unsigned long arg[6];
};

static struct toy *prepare(const struct call *call)
{
	struct toy *toy = toy_create(0, CODE(call));

	*reg(toy, REG_RBX) = (greg_t)stub_symbol(call->name);
	*reg(toy, REG_RDI) = (greg_t)call->arg[0];
	*reg(toy, REG_RSI) = (greg_t)call->arg[1];
	*reg(toy, REG_RDX) = (greg_t)call->arg[2];
	*reg(toy, REG_RCX) = (greg_t)call->arg[3];
	*reg(toy, REG_R8) = (greg_t)call->arg[4];
	*reg(toy, REG_R9) = (greg_t)call->arg[5];
	return toy;
}

static void assert_refused(const struct call *call)
{
	struct toy *toy = prepare(call);
	struct platform_event event = toy_run(toy);

	if (event.kind != PLATFORM_HOSTILE)
		fail_msg("%s(%lx, %lx, %lx, %lx, %lx, %lx): event %d, result %llx", call->name,
			 call->arg[0], call->arg[1], call->arg[2], call->arg[3], call->arg[4],
			 call->arg[5], event.kind, *reg(toy, REG_RAX));
	toy_destroy(toy);
}

static void refuse_all(const struct call *calls, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		assert_refused(&calls[i]);
}

#define REFUSE_ALL(calls) refuse_all(calls, sizeof(calls) / sizeof((calls)[0]))

/* The test's own check: what the stub itself does must pass, else the rest proves nothing. */
static void the_stubs_own_calls_pass(void **state)
{
	static const struct call calls[] = {
		{ "call_mmap", { TOY_DATA, 4096, PROT_READ, SHARED_FIXED, STUB_FRAMES_FD, 0 } },
		{ "call_mprotect", { TOY_DATA, 4096, PROT_READ } },
		{ "call_munmap", { TOY_DATA, 4096 } },
		{ "call_arch_prctl", { ARCH_SET_FS, TOY_DATA } },
		{ "call_futex", { STUB_CONTROL, FUTEX_WAKE, 1, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct toy *toy = prepare(&calls[i]);
		struct platform_event event = toy_run(toy);

		assert_int_equal(event.kind, PLATFORM_SYSCALL);
		assert_int_equal(*reg(toy, REG_RAX), 60);
		toy_destroy(toy);
	}
}

static void mmap_maps_frames_in_the_guests_part_alone(void **state)
{
	const struct call calls[] = {
		{ "call_mmap",
		  { TOY_DATA, 4096, 7, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1ul } },
		{ "call_mmap", { TOY_DATA, 4096, 7, SHARED_FIXED | MAP_ANONYMOUS, -1ul } },
		{ "call_mmap", { TOY_DATA, 4096, 7, SHARED_FIXED | MAP_LOCKED, STUB_FRAMES_FD } },
		{ "call_mmap", { TOY_DATA, 4096, 7, SHARED_FIXED | 1ul << 32, STUB_FRAMES_FD } },
		{ "call_mmap", { TOY_DATA, 4096, 3, MAP_SHARED | MAP_POPULATE, STUB_FRAMES_FD } },
		{ "call_mmap", { TOY_DATA, 4096, 3, SHARED_FIXED, STUB_CONTROL_FD } },
		{ "call_mmap", { TOY_DATA, 4096, 8, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap", { TOY_DATA, 4096, 3 | 1ul << 32, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap", { STUB_BASE, 4096, 7, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap", { STUB_CONTROL, 4096, 3, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap", { STUB_GUEST_TOP, 4096, 3, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap",
		  { STUB_GUEST_TOP - 4096, 0xff402000, 3, SHARED_FIXED, STUB_FRAMES_FD } },
		{ "call_mmap", { TOY_DATA, 1ul << 32, 3, SHARED_FIXED, STUB_FRAMES_FD } },
	};

	(void)state;
	REFUSE_ALL(calls);
}

static void munmap_cannot_reach_the_stub(void **state)
{
	const struct call calls[] = {
		{ "call_munmap", { STUB_BASE, 4096 } },
		{ "call_munmap", { STUB_CONTROL, STUB_CONTROL_SIZE } },
		{ "call_munmap", { STUB_GUEST_TOP, 1ul << 32 } },
		{ "call_munmap", { STUB_GUEST_TOP - 4096, 0xff402000 } },
		{ "call_munmap", { STUB_GUEST_TOP - 4096, STUB_LENGTH_MAX + 4096 } },
		{ "call_munmap", { STUB_GUEST_LOW, STUB_GUEST_TOP - STUB_GUEST_LOW } },
		{ "call_munmap", { 0, 0x7ffffffff000 } },
		{ "call_munmap_all", { STUB_GUEST_LOW, 0x7ffffffff000 } },
		{ "call_munmap_all", { STUB_GUEST_LOW, STUB_GUEST_TOP } },
		{ "call_munmap_all", { STUB_BASE, 4096 } },
		{ "call_munmap_all",
		  { STUB_GUEST_LOW | 1ul << 46, STUB_GUEST_TOP - STUB_GUEST_LOW } },
	};

	(void)state;
	REFUSE_ALL(calls);
}

static void mprotect_cannot_open_the_stub(void **state)
{
	const struct call calls[] = {
		{ "call_mprotect", { STUB_BASE, 4096, 7 } },
		{ "call_mprotect", { STUB_CONTROL, 4096, 7 } },
		{ "call_mprotect", { STUB_GUEST_TOP - 4096, 0xff402000, 7 } },
		{ "call_mprotect", { TOY_DATA, 4096, PROT_READ | PROT_GROWSDOWN } },
		{ "call_mprotect", { TOY_DATA, 1ul << 32, PROT_READ } },
	};

	(void)state;
	REFUSE_ALL(calls);
}

static void futex_waits_and_wakes_on_slots_alone(void **state)
{
	const struct call calls[] = {
		{ "call_futex", { TOY_DATA, FUTEX_WAKE, 1, 0 } },
		{ "call_futex", { STUB_CONTROL, FUTEX_LOCK_PI, 0, 0 } },
		{ "call_futex", { STUB_CONTROL, FUTEX_WAKE_OP, 1, 1, TOY_DATA } },
		{ "call_futex", { STUB_CONTROL, FUTEX_CMP_REQUEUE, 1, 1, TOY_DATA } },
		{ "call_futex", { STUB_CONTROL, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0 } },
	};

	(void)state;
	REFUSE_ALL(calls);
}

static void segment_bases_and_nothing_else_are_set(void **state)
{
	const struct call calls[] = {
		{ "call_arch_prctl", { ARCH_GET_FS, TOY_DATA } },
		{ "call_arch_prctl", { ARCH_SET_CPUID, 0 } },
		{ "call_arch_prctl", { 0x1022, 1 } }, /* ARCH_GET_XCOMP_PERM and its kind */
	};

	(void)state;
	REFUSE_ALL(calls);
}

static void calls_of_the_start_are_closed(void **state)
{
	const struct call calls[] = {
		{ "call_any", { SYS_getpid } },
		{ "call_any", { SYS_exit_group, 0 } },
		{ "call_clone", { SIGCHLD, 0 } },
		{ "call_clone", { 0x50f00, TOY_STACK_TOP } },
		{ "trap", { 0 } },
	};

	(void)state;
	REFUSE_ALL(calls);
}

/* Past the number that the stub loads, to the instruction itself. */
static void each_instruction_serves_one_number(void **state)
{
	static const char *const sites[] = { "site_mmap",     "site_munmap", "site_munmap_all",
					     "site_mprotect", "site_futex",  "site_arch_prctl",
					     "site_sigreturn" };
	static const long numbers[] = { SYS_getpid,	    SYS_fork,
					SYS_execve,	    SYS_exit_group,
					SYS_kill,	    SYS_open,
					SYS_rt_sigprocmask, 0x40000000 + SYS_getpid };

	(void)state;
	for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			struct toy *toy = toy_create(0, CODE(call));

			*reg(toy, REG_RBX) = (greg_t)stub_symbol(sites[i]) - 2;
			*reg(toy, REG_RAX) = numbers[k];
			assert_int_equal(toy_run(toy).kind, PLATFORM_HOSTILE);
			toy_destroy(toy);
		}
}

/* ---- Memory of the stub ---------------------------------------------------------------------- */

/* What is linked in by accident, data or a library, would show here. */
static void the_stub_is_code_and_constants(void **state)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)stub_image;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(stub_image + header->e_phoff);
	int nr_loads = 0;

	(void)state;
	assert_int_equal(header->e_type, ET_EXEC);
	for (int i = 0; i < header->e_phnum; i++) {
		assert_int_not_equal(segments[i].p_type, PT_DYNAMIC);
		assert_int_not_equal(segments[i].p_type, PT_INTERP);
		if (segments[i].p_type != PT_LOAD)
			continue;
		nr_loads++;
		assert_int_equal(segments[i].p_vaddr, STUB_BASE);
		assert_int_equal(segments[i].p_flags, PF_R | PF_X);
		assert_true(segments[i].p_memsz <= 4 * PAGE_SIZE);
	}
	assert_int_equal(nr_loads, 1);
}

static void the_stubs_code_cannot_be_written(void **state)
{
	struct toy *toy = toy_create(0, CODE(store));
	struct platform_event event;

	(void)state;
	*reg(toy, REG_RDI) = STUB_BASE + 0x200;
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_WRITE);
	assert_int_equal(event.addr, STUB_BASE + 0x200);
	toy_destroy(toy);
}

static void the_slots_cannot_be_executed(void **state)
{
	struct toy *toy = toy_create(0, CODE(jump));
	struct platform_event event;

	(void)state;
	*reg(toy, REG_RDI) = STUB_CONTROL + STUB_SLOT_SIZE;
	*reg(toy, REG_RSP) = TOY_STACK;
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_FAULT);
	assert_int_equal(event.access, GW_EXEC);
	toy_destroy(toy);
}

/* The guest writes its slot itself: a frame where none can be, and the turn. */
static void a_forged_event_is_found_out(void **state)
{
	struct toy *toy = toy_create(0, CODE(forge));

	(void)state;
	*reg(toy, REG_RDI) = STUB_CONTROL + STUB_THREAD_SLOT * STUB_SLOT_SIZE;
	*reg(toy, REG_RSI) = offsetof(struct stub_slot, frame);
	assert_int_equal(toy_run(toy).kind, PLATFORM_HOSTILE);
	toy_destroy(toy);
}

/* ---- Signals --------------------------------------------------------------------------------- */

/* A frame on the guest's stack for the stub's rt_sigreturn: to @rip with @mask. */
static void forge_sigreturn(struct toy *toy, unsigned long rip, unsigned long mask)
{
	/* As the kernel has it: the mask follows the registers. */
	ucontext_t *frame = toy_memory(toy, TOY_STACK + 1024);

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->uc_mcontext.gregs, platform_gregs(toy->thread),
	       sizeof(frame->uc_mcontext.gregs));
	frame->uc_stack.ss_flags = SS_DISABLE;
	frame->uc_mcontext.gregs[REG_RIP] = (greg_t)rip;
	memcpy(&frame->uc_sigmask, &mask, sizeof(mask));
	*reg(toy, REG_RSP) = TOY_STACK + 1024;
	*reg(toy, REG_RDI) = (greg_t)stub_symbol("call_sigreturn");
}

static void who_blocks_the_trap_dies_by_it(void **state)
{
	struct toy *toy = toy_create(0, CODE(jump));
	struct platform_event event;

	(void)state;
	toy_map(toy, TOY_DATA, false, true);
	memcpy(toy_memory(toy, TOY_DATA), code_syscalls,
	       (size_t)(code_syscalls_end - code_syscalls));
	/* Both pages mapped by the host first: a fault with its signal blocked kills too. */
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSP) = TOY_STACK;
	assert_int_equal(toy_run_to_syscall(toy), 39);
	*reg(toy, REG_RIP) = TOY_CODE;
	forge_sigreturn(toy, TOY_DATA, ~0ul);
	event = toy_run(toy);
	assert_int_equal(event.kind, PLATFORM_DIED);
	assert_true(WIFSIGNALED(event.host_status));
	toy_destroy(toy);
}

static void *kick_later(void *arg)
{
	struct toy *toy = arg;

	usleep(50000); /* it has blocked the signal by now */
	platform_kick(toy->thread);
	return NULL;
}

static void who_does_not_answer_a_kick_is_killed(void **state)
{
	struct toy *toy = toy_create(0, CODE(jump));
	pthread_t kicker;

	(void)state;
	toy_map(toy, TOY_DATA, true, true);
	memcpy(toy_memory(toy, TOY_DATA), code_syscalls,
	       (size_t)(code_syscalls_end - code_syscalls));
	*reg(toy, REG_RDI) = TOY_DATA;
	*reg(toy, REG_RSP) = TOY_STACK;
	assert_int_equal(toy_run_to_syscall(toy), 39);
	memcpy(toy_memory(toy, TOY_DATA), code_spin, (size_t)(code_spin_end - code_spin));
	*reg(toy, REG_RIP) = TOY_CODE;
	forge_sigreturn(toy, TOY_DATA, ~0ul);
	pthread_create(&kicker, NULL, kick_later, toy);
	assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
	pthread_join(kicker, NULL);
	toy_destroy(toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stubs_own_calls_pass),
		cmocka_unit_test(mmap_maps_frames_in_the_guests_part_alone),
		cmocka_unit_test(munmap_cannot_reach_the_stub),
		cmocka_unit_test(mprotect_cannot_open_the_stub),
		cmocka_unit_test(futex_waits_and_wakes_on_slots_alone),
		cmocka_unit_test(segment_bases_and_nothing_else_are_set),
		cmocka_unit_test(calls_of_the_start_are_closed),
		cmocka_unit_test(each_instruction_serves_one_number),
		cmocka_unit_test(the_stub_is_code_and_constants),
		cmocka_unit_test(the_stubs_code_cannot_be_written),
		cmocka_unit_test(the_slots_cannot_be_executed),
		cmocka_unit_test(a_forged_event_is_found_out),
		cmocka_unit_test(who_blocks_the_trap_dies_by_it),
		cmocka_unit_test(who_does_not_answer_a_kick_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
