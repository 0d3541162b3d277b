/* SPDX-License-Identifier: MIT */
/*
 * layout.h - what the stub and the runner agree on: addresses, descriptors, the shared slot
 *
 *	0x7fffff000000	the stub: code and constants, read-only
 *	0x7fffff200000	slot 0: the helper, a thread that changes mappings while the guest runs
 *	0x7fffff210000	slot 1: the guest's thread
 *
 * A slot is a page or more of control words and commands, and above them the stack on which the
 * thread's signals are handled; it belongs to a memfd that the runner maps as well.  The guest can
 * write all of it: the runner checks what it reads there, and reads it once.
 */
#pragma once

#include <stdint.h>

#define STUB_BASE    0x7fffff000000ul
#define STUB_CONTROL (STUB_BASE + 0x200000ul)

#define STUB_HELPER_SLOT  0
#define STUB_THREAD_SLOT  1
#define STUB_NR_SLOTS	  2
#define STUB_SLOT_SIZE	  0x10000ul
#define STUB_STACK_OFFSET 0x8000ul /* the upper half of a slot is the stack */
#define STUB_CONTROL_SIZE (STUB_NR_SLOTS * STUB_SLOT_SIZE)

/* The guest's part.  Its end is 4 GiB aligned, so that the filter compares one word. */
#define STUB_GUEST_LOW	0x10000ul
#define STUB_GUEST_TOP	0x7fff00000000ul
/* One command maps or unmaps no more, so that address and length cannot reach the stub. */
#define STUB_LENGTH_MAX (1ul << 30)

#define STUB_FRAMES_FD	3
#define STUB_CONTROL_FD 4

/* slot->turn */
#define STUB_TURN_RUNNER 1u /* else the stub's */
#define STUB_TURN_WAITER 2u /* the other side sleeps on the word */

/* slot->ack: the sequence of the last executed reply, and this bit: somebody sleeps on the word */
#define STUB_ACK_WAITER		   1u
#define STUB_ACK(seq)		   ((uint32_t)(seq) << 1)
#define STUB_ACK_REACHED(ack, seq) ((int32_t)(((ack) & ~STUB_ACK_WAITER) - STUB_ACK(seq)) >= 0)

/* How often a wait yields, and for how many waits it does not when that was in vain. */
#define STUB_YIELDS	 2
#define STUB_PENANCE_MIN 8
#define STUB_PENANCE_MAX 1024

enum stub_op {
	STUB_MMAP,	 /* addr, len, offset into the frames, prot */
	STUB_MUNMAP,	 /* addr, len */
	STUB_MUNMAP_ALL, /* the guest's whole part */
	STUB_MPROTECT,	 /* addr, len, prot */
	STUB_SET_FS,	 /* addr */
	STUB_SET_GS,	 /* addr */
};

struct stub_command {
	uint32_t op, prot;
	uint64_t addr, len, offset; /* bytes */
};

#define STUB_COMMANDS_MAX 960

struct stub_slot {
	/* Whose turn it is. */
	_Alignas(64) uint32_t turn;

	/* From the stub. */
	_Alignas(64) uint32_t signo;
	int32_t code;
	uint32_t frame; /* offset of the ucontext in the slot */
	uint32_t cpu;	/* where the stub ran last */
	int64_t error;	/* of the first command that failed, else 0 */
	uint64_t addr;	/* si_addr */
	uint32_t arch;	/* of a system call: AUDIT_ARCH_x */
	uint32_t ack;
	uint32_t budget;  /* the stub's own: ticks that it spins now */
	uint32_t idle;	  /* the stub's own: waits since it last tried to spin */
	uint32_t abstain; /* the stub's own: waits for which it will not yield */
	uint32_t penance; /* the stub's own: what abstain was set to last */

	/* From the runner. */
	_Alignas(64) uint32_t seq;
	uint32_t nr_commands;
	uint32_t spin_max; /* ticks of the time stamp counter; 0: never spin */
	uint32_t runner_cpu;
	int32_t runner_pid; /* slot 0 */

	struct stub_command commands[STUB_COMMANDS_MAX];
};

_Static_assert(sizeof(struct stub_slot) <= STUB_STACK_OFFSET, "control words meet the stack");

/* Exit codes of a stub that could not start; stub_process.c has the words. */
enum stub_exit {
	STUB_EXIT_CONTROL = 40, /* the control memfd could not be mapped */
	STUB_EXIT_UNMAP,
	STUB_EXIT_ORPHAN, /* the runner died meanwhile */
	STUB_EXIT_SIGNALS,
	STUB_EXIT_HELPER,
	STUB_EXIT_NO_NEW_PRIVS,
	STUB_EXIT_FILTER,
};
