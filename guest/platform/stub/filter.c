// SPDX-License-Identifier: MIT
/*
 * filter.c - the seccomp filter: which system call may be made from which instruction
 *
 * Everything that the guest calls becomes an event (SIGSYS).  The stub's own calls pass, each only
 * from its own instruction and only with arguments of the shape that the stub uses: the guest can
 * jump to these instructions with registers of its own, and must not gain by it.
 *
 *	site	     passes
 *	rt_sigreturn as it is: it can hurt the caller alone
 *	sched_yield  as it is
 *	futex	     FUTEX_WAIT and FUTEX_WAKE on words of the slots
 *	arch_prctl   ARCH_SET_FS and ARCH_SET_GS
 *	mmap	     shared, fixed, of the frames, inside the guest's part
 *	munmap	     inside the guest's part, at most 1 GiB
 *	munmap_all   the guest's whole part exactly
 *	mprotect     inside the guest's part, at most 1 GiB, read, write and execute alone
 *
 * What is left to a hostile guest is to map another frame of the same memfd: the offset is data.
 * Guests of one runner are not protected from each other, the host is from all of them.
 *
 * The filter is a list of blocks, one per site.  A block is passed over when the address is not
 * its own; inside, every check that fails goes to the block's end, which traps.
 */
#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "layout.h"
#include "sites.h"

/* A jump to the end of its block, patched when the end is known: no length has this value. */
#define TO_END 0xff

struct builder {
	struct sock_filter *code;
	int nr;
	int block; /* the first instruction after the block's address check */
};

static void emit(struct builder *builder, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	struct sock_filter *insn = &builder->code[builder->nr++];

	insn->code = code;
	insn->jt = yes;
	insn->jf = no;
	insn->k = k;
}

static void load(struct builder *builder, uint32_t offset)
{
	emit(builder, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static uint32_t low_word(int arg)
{
	return (uint32_t)offsetof(struct seccomp_data, args) + 8 * (uint32_t)arg;
}

static uint32_t high_word(int arg)
{
	return low_word(arg) + 4;
}

static void require_equal(struct builder *builder, uint32_t offset, uint32_t value)
{
	load(builder, offset);
	emit(builder, BPF_JMP | BPF_JEQ | BPF_K, 0, TO_END, value);
}

static void require_at_most(struct builder *builder, uint32_t offset, uint32_t value)
{
	load(builder, offset);
	emit(builder, BPF_JMP | BPF_JGT | BPF_K, TO_END, 0, value);
}

static void require_either(struct builder *builder, uint32_t offset, uint32_t a, uint32_t b)
{
	load(builder, offset);
	emit(builder, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, a);
	emit(builder, BPF_JMP | BPF_JEQ | BPF_K, 0, TO_END, b);
}

static void begin_site(struct builder *builder, const char *site, uint32_t nr)
{
	load(builder, offsetof(struct seccomp_data, instruction_pointer));
	emit(builder, BPF_JMP | BPF_JEQ | BPF_K, 0, TO_END, (uint32_t)(uintptr_t)site);
	builder->block = builder->nr;
	require_equal(builder, offsetof(struct seccomp_data, nr), nr);
}

static void end_site(struct builder *builder)
{
	int trap;

	emit(builder, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	trap = builder->nr;
	emit(builder, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
	/* Another address: the next block.  A check that fails: the trap. */
	builder->code[builder->block - 1].jf = (uint8_t)(builder->nr - builder->block);
	for (int i = builder->block; i < trap; i++) {
		struct sock_filter *insn = &builder->code[i];

		if (insn->jt == TO_END)
			insn->jt = (uint8_t)(trap - i - 1);
		if (insn->jf == TO_END)
			insn->jf = (uint8_t)(trap - i - 1);
	}
}

/* Arguments 0 and 1 lie in the guest's part: the address below its end, the length bounded. */
static void require_guest_range(struct builder *builder)
{
	require_at_most(builder, high_word(0), (uint32_t)(STUB_GUEST_TOP >> 32) - 1);
	require_equal(builder, high_word(1), 0);
	require_at_most(builder, low_word(1), STUB_LENGTH_MAX);
}

static void require_prot(struct builder *builder)
{
	require_equal(builder, high_word(2), 0);
	require_at_most(builder, low_word(2), PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void memory_sites(struct builder *builder)
{
	begin_site(builder, site_mmap, SYS_mmap);
	require_guest_range(builder);
	require_prot(builder);
	require_equal(builder, low_word(3), MAP_SHARED | MAP_FIXED | MAP_POPULATE);
	require_equal(builder, high_word(3), 0);
	require_equal(builder, low_word(4), STUB_FRAMES_FD);
	end_site(builder);

	begin_site(builder, site_munmap, SYS_munmap);
	require_guest_range(builder);
	end_site(builder);

	begin_site(builder, site_mprotect, SYS_mprotect);
	require_guest_range(builder);
	require_prot(builder);
	end_site(builder);

	begin_site(builder, site_munmap_all, SYS_munmap);
	require_equal(builder, low_word(0), (uint32_t)STUB_GUEST_LOW);
	require_equal(builder, high_word(0), 0);
	require_equal(builder, low_word(1), (uint32_t)(STUB_GUEST_TOP - STUB_GUEST_LOW));
	require_equal(builder, high_word(1), (STUB_GUEST_TOP - STUB_GUEST_LOW) >> 32);
	end_site(builder);
}

int stub_filter(struct sock_filter *filter)
{
	struct builder builder = { .code = filter };

	load(&builder, offsetof(struct seccomp_data, arch));
	emit(&builder, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	emit(&builder, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
	load(&builder, offsetof(struct seccomp_data, instruction_pointer) + 4);
	emit(&builder, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)(STUB_BASE >> 32));
	emit(&builder, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);

	begin_site(&builder, site_sigreturn, SYS_rt_sigreturn);
	end_site(&builder);

	begin_site(&builder, site_sched_yield, SYS_sched_yield);
	end_site(&builder);

	begin_site(&builder, site_futex, SYS_futex);
	require_either(&builder, low_word(1), FUTEX_WAIT, FUTEX_WAKE);
	require_equal(&builder, high_word(0), (uint32_t)(STUB_CONTROL >> 32));
	end_site(&builder);

	memory_sites(&builder);

	begin_site(&builder, site_arch_prctl, SYS_arch_prctl);
	require_either(&builder, low_word(0), ARCH_SET_FS, ARCH_SET_GS);
	end_site(&builder);

	emit(&builder, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP);
	return builder.nr;
}
