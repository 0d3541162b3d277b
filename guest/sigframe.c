// SPDX-License-Identifier: MIT
/*
 * sigframe.c - building a handler's frame, and going back through it
 *
 * Integer registers and the floating-point block are copied between the stub's own signal frame,
 * which the host kernel made at the last trap and will restore at the next resume, and the frame
 * on the guest's stack.  The host restores whatever is in the stub's block, so that nothing may be
 * put there that XRSTOR refuses: the stub, not the guest, would get the exception.
 *
 * Linux: arch/x86/kernel/signal.c, signal_64.c, fpu/signal.c.
 * Differs: segment selectors are not restored from the frame, so that there is no way into 32-bit
 * code; an extended block of another size than the host's counts as one without extension.
 */
#include "sigframe.h"

#include <errno.h>
#include <string.h>

#include "process.h"
#include "user_copy.h"

#define REDZONE 128 /* bytes below the stack pointer that belong to the interrupted function */

/* What a program may change by rt_sigreturn: AC OF DF TF SF ZF AF PF CF RF. */
#define EFLAGS_RESTORED 0x50dd5ul
/* What a handler starts without: DF TF RF. */
#define EFLAGS_CLEARED	0x10500ul

#define MXCSR_DEFAULT	   0x1f80u
#define MXCSR_MASK_DEFAULT 0xffbfu /* when the processor says 0 */
#define X87_CW_DEFAULT	   0x37fu

struct sigframe_place sigframe_place(unsigned long top, size_t fp_size)
{
	struct sigframe_place place;

	place.fpstate = ALIGN_DOWN(top - fp_size, 64);
	place.frame =
		ALIGN_DOWN(place.fpstate - sizeof(struct guest_rt_sigframe), 16) - sizeof(uint64_t);
	return place;
}

/* ---- The floating-point block ------------------------------------------------------------------- */

static uint32_t get32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void put32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* What every function may expect of its caller; extended components follow from an empty header. */
static void fp_reset(unsigned char *block, size_t size)
{
	uint16_t control = X87_CW_DEFAULT;

	memcpy(block, &control, sizeof(control));
	put32(block + FP_MXCSR, MXCSR_DEFAULT);
	if (size >= FP_LEGACY_SIZE + FP_HEADER_SIZE)
		memset(block + FP_LEGACY_SIZE, 0, FP_HEADER_SIZE);
}

static bool has_header(size_t size)
{
	return size >= FP_LEGACY_SIZE + FP_HEADER_SIZE;
}

/* The frame's copy carries its own description, as the size may be less than the host's. */
static int fp_push(struct thread *thread, unsigned long at, const unsigned char *block, size_t size)
{
	const uint32_t magic2 = FP_MAGIC2;
	int err = user_put(thread, at, block, size);

	if (!err && has_header(size))
		err = user_put(thread, at + size, &magic2, sizeof(magic2));
	return err;
}

/* Would XRSTOR take it?  Otherwise the guest gets the SIGSEGV that it gets on Linux. */
static bool fp_acceptable(const unsigned char *block, const unsigned char *copy, size_t size)
{
	uint32_t mask = get32(block + FP_MXCSR_MASK);
	struct fp_sw_bytes sw;

	if (get32(copy + FP_MXCSR) & ~(mask ? mask : MXCSR_MASK_DEFAULT))
		return false;
	if (!has_header(size))
		return true;
	memcpy(&sw, block + FP_SW_BYTES, sizeof(sw));
	if (get64(copy + FP_LEGACY_SIZE) & ~sw.xfeatures)
		return false;
	/* The compact form, and 8 bytes that must be zero; XRSTOR does not look at the others. */
	return !get64(copy + FP_LEGACY_SIZE + 8) && !get64(copy + FP_LEGACY_SIZE + 16);
}

/* Does the guest's block have the extension that its software bytes promise? */
static bool fp_is_extended(struct thread *thread, const unsigned char *copy, unsigned long at,
			   size_t size)
{
	struct fp_sw_bytes sw;
	uint32_t magic2;

	memcpy(&sw, copy + FP_SW_BYTES, sizeof(sw));
	if (!has_header(size) || sw.magic1 != FP_MAGIC1 || sw.xstate_size != size)
		return false;
	return user_get(thread, &magic2, at + size, sizeof(magic2)) == 0 && magic2 == FP_MAGIC2;
}

/* Only x87 and SSE were saved: the header says so, and the rest is as after fp_reset(). */
static void fp_make_header(unsigned char *copy)
{
	const uint64_t x87_and_sse = 3;

	memset(copy + FP_LEGACY_SIZE, 0, FP_HEADER_SIZE);
	memcpy(copy + FP_LEGACY_SIZE, &x87_and_sse, sizeof(x87_and_sse));
}

static int fp_pop(struct thread *thread, unsigned long at)
{
	size_t size;
	unsigned char *block = platform_fpstate(thread->platform, &size);
	unsigned char *copy = thread->bounce;
	size_t copied = size;

	if (!block)
		return -EFAULT;
	if (!at) {
		fp_reset(block, size);
		return 0;
	}
	if (size > BOUNCE_SIZE || user_get(thread, copy, at, FP_LEGACY_SIZE))
		return -EFAULT;
	if (fp_is_extended(thread, copy, at, size)) {
		if (user_get(thread, copy, at, size))
			return -EFAULT;
	} else if (has_header(size)) {
		fp_make_header(copy);
		copied = FP_LEGACY_SIZE + FP_HEADER_SIZE;
	}
	if (!fp_acceptable(block, copy, size))
		return -EFAULT;
	/* The software bytes describe the stub's block, not the guest's. */
	memcpy(block, copy, FP_SW_BYTES);
	memcpy(block + FP_LEGACY_SIZE, copy + FP_LEGACY_SIZE, copied - FP_LEGACY_SIZE);
	if (has_header(size))
		memset(block + FP_LEGACY_SIZE + 24, 0, FP_HEADER_SIZE - 24);
	return 0;
}

/* ---- Entering a handler ------------------------------------------------------------------------- */

static bool wants_altstack(const struct thread *thread, const struct guest_sigaction *action,
			   unsigned long sp)
{
	return (action->flags & SA_ONSTACK) && thread->altstack.ss_size && !on_altstack(thread, sp);
}

static unsigned long stack_top(const struct thread *thread, const struct guest_sigaction *action,
			       unsigned long sp)
{
	if (wants_altstack(thread, action, sp))
		return (unsigned long)thread->altstack.ss_sp + thread->altstack.ss_size;
	return sp - REDZONE;
}

/* A frame that leaves the alternate stack at its lower end would destroy what lies below it. */
static bool overflows_altstack(const struct thread *thread, const struct guest_sigaction *action,
			       unsigned long sp, unsigned long frame)
{
	if (!wants_altstack(thread, action, sp) && !on_altstack(thread, sp))
		return false;
	return frame <= (unsigned long)thread->altstack.ss_sp ||
	       frame - (unsigned long)thread->altstack.ss_sp > thread->altstack.ss_size;
}

static void fill_frame(const struct thread *thread, const struct guest_sigaction *action,
		       const siginfo_t *info, uint64_t mask, struct guest_rt_sigframe *frame)
{
	const greg_t *regs = platform_gregs(thread->platform);

	memset(frame, 0, sizeof(*frame));
	frame->pretcode = action->restorer;
	frame->uc.flags = GUEST_UC_FP_XSTATE | GUEST_UC_SIGCONTEXT_SS | GUEST_UC_STRICT_RESTORE_SS;
	frame->uc.stack.sp = (uint64_t)(uintptr_t)thread->altstack.ss_sp;
	frame->uc.stack.flags = thread->altstack.ss_flags;
	frame->uc.stack.size = thread->altstack.ss_size;
	for (size_t i = 0; i < ARRAY_SIZE(frame->uc.mcontext.gregs); i++)
		frame->uc.mcontext.gregs[i] = (uint64_t)regs[i];
	frame->uc.mcontext.gregs[REG_TRAPNO] = thread->trap.trapno;
	frame->uc.mcontext.gregs[REG_ERR] = thread->trap.error;
	frame->uc.mcontext.gregs[REG_CR2] = thread->trap.addr;
	frame->uc.mcontext.gregs[REG_OLDMASK] = mask;
	frame->uc.sigmask = mask;
	frame->info = *info;
}

static void enter_handler(struct thread *thread, const struct guest_sigaction *action, int signo,
			  unsigned long frame)
{
	greg_t *regs = platform_gregs(thread->platform);

	regs[REG_RDI] = signo;
	regs[REG_RSI] = (greg_t)(frame + offsetof(struct guest_rt_sigframe, info));
	regs[REG_RDX] = (greg_t)(frame + offsetof(struct guest_rt_sigframe, uc));
	regs[REG_RAX] = 0; /* no vector arguments, for a handler declared without prototype */
	regs[REG_RSP] = (greg_t)frame;
	regs[REG_RIP] = (greg_t)action->handler;
	regs[REG_EFL] &= ~(greg_t)EFLAGS_CLEARED;
}

int sigframe_push(struct thread *thread, const struct guest_sigaction *action,
		  const siginfo_t *info, uint64_t mask)
{
	unsigned long sp = (unsigned long)platform_gregs(thread->platform)[REG_RSP];
	size_t fp_size;
	unsigned char *block = platform_fpstate(thread->platform, &fp_size);
	size_t fp_size_all = fp_size + (has_header(fp_size) ? sizeof(uint32_t) : 0);
	struct sigframe_place place;
	struct guest_rt_sigframe frame;

	/* On x86-64 the C library brings the way back. */
	if (!block || !(action->flags & GUEST_SA_RESTORER))
		return -EFAULT;
	place = sigframe_place(stack_top(thread, action, sp), fp_size_all);
	if (overflows_altstack(thread, action, sp, place.frame))
		return -EFAULT;
	fill_frame(thread, action, info, mask, &frame);
	frame.uc.mcontext.fpstate = place.fpstate;
	if (fp_push(thread, place.fpstate, block, fp_size) ||
	    user_put(thread, place.frame, &frame, sizeof(frame)))
		return -EFAULT;
	fp_reset(block, fp_size);
	enter_handler(thread, action, info->si_signo, place.frame);
	return 0;
}

/* ---- Coming back ---------------------------------------------------------------------------------- */

static void restore_gregs(struct thread *thread, const struct guest_sigcontext *mcontext)
{
	greg_t *regs = platform_gregs(thread->platform);
	greg_t flags = regs[REG_EFL] & ~(greg_t)EFLAGS_RESTORED;

	for (int i = 0; i <= REG_RIP; i++)
		regs[i] = (greg_t)mcontext->gregs[i];
	regs[REG_EFL] = flags | ((greg_t)mcontext->gregs[REG_EFL] & (greg_t)EFLAGS_RESTORED);
}

int sigframe_pop(struct thread *thread)
{
	unsigned long sp = (unsigned long)platform_gregs(thread->platform)[REG_RSP];
	struct guest_rt_sigframe frame;
	stack_t stack;

	/* The handler's return has taken the way back off the stack. */
	if (user_get(thread, &frame, sp - sizeof(uint64_t), sizeof(frame)))
		return -EFAULT;
	if (fp_pop(thread, frame.uc.mcontext.fpstate))
		return -EFAULT;
	thread_set_blocked(thread, frame.uc.sigmask);
	restore_gregs(thread, &frame.uc.mcontext);
	stack = (stack_t){
		.ss_sp = (void *)(uintptr_t)frame.uc.stack.sp,
		.ss_flags = frame.uc.stack.flags,
		.ss_size = frame.uc.stack.size,
	};
	/* What cannot be restored is left as it is: Linux ignores it as well. */
	(void)thread_set_altstack(thread, &stack,
				  (unsigned long)platform_gregs(thread->platform)[REG_RSP]);
	return 0;
}
