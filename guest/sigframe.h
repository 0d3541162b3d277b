/* SPDX-License-Identifier: MIT */
/*
 * sigframe.h - what lies on a guest's stack while a signal handler runs
 *
 * The layout is ABI: handlers read it, unwinders know it, and rt_sigreturn() finds it by the stack
 * pointer.  Linux: arch/x86/include/asm/sigframe.h, include/uapi/asm/sigcontext.h.
 */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "compiler.h"

/* Registers in the order of the kernel; the first 23 are those of gregset_t. */
struct guest_sigcontext {
	uint64_t gregs[23]; /* REG_R8 .. REG_CR2 */
	uint64_t fpstate;   /* address, or 0 */
	uint64_t reserved[8];
};

struct guest_ucontext {
	uint64_t flags;
	uint64_t link;
	struct {
		uint64_t sp;
		int32_t flags;
		int32_t pad;
		uint64_t size;
	} stack;
	struct guest_sigcontext mcontext;
	uint64_t sigmask;
};

struct guest_rt_sigframe {
	uint64_t pretcode; /* where the handler returns to: the restorer */
	struct guest_ucontext uc;
	siginfo_t info;
};

BUILD_ASSERT(sizeof(struct guest_sigcontext) == 256);
BUILD_ASSERT(sizeof(struct guest_ucontext) == 304);
BUILD_ASSERT(sizeof(siginfo_t) == 128);
BUILD_ASSERT(sizeof(struct guest_rt_sigframe) == 440);

/* uc.flags */
#define GUEST_UC_FP_XSTATE	   1u
#define GUEST_UC_SIGCONTEXT_SS	   2u
#define GUEST_UC_STRICT_RESTORE_SS 4u

/* The floating-point block: FXSAVE's 512 bytes, the XSAVE header, the extended components. */
#define FP_SW_BYTES    464 /* struct fp_sw_bytes, in what FXSAVE leaves unused */
#define FP_LEGACY_SIZE 512
#define FP_HEADER_SIZE 64
#define FP_MAGIC1      0x46505853u
#define FP_MAGIC2      0x46505845u
#define FP_MXCSR       24
#define FP_MXCSR_MASK  28

struct fp_sw_bytes {
	uint32_t magic1;
	uint32_t extended_size; /* the block and its closing magic number */
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t padding[7];
};

BUILD_ASSERT(FP_SW_BYTES + sizeof(struct fp_sw_bytes) == FP_LEGACY_SIZE);

/* Where the parts of a frame go, from the top of the stack down. */
struct sigframe_place {
	unsigned long fpstate; /* aligned to 64 */
	unsigned long frame;   /* 8 below a multiple of 16, as after a call */
};

/* @top: the first byte that may not be written; @fp_size: of the block, closing magic included. */
struct sigframe_place sigframe_place(unsigned long top, size_t fp_size);
