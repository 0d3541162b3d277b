// SPDX-License-Identifier: MIT
/*
 * coroutine.c - coroutines over Boost.Context's C entry points
 *
 * The two functions are in Boost's library with C linkage and no C header: they are the layer that
 * its own classes stand on.  A switch saves the callee-saved registers and the two floating-point
 * control words, 10 to 20 ns and no system call (swapcontext(3) makes one).  The prototypes are
 * pinned here alone, and coroutine_self_test() checks what we rely on.
 *
 * Stacks are filled with a pattern.  Its lowest words are looked at after every switch: a stack
 * that ran over is reported at once, though its neighbour may be gone by then.
 */
#include "coroutine.h"

#include <stdint.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

/* boost/context/detail/fcontext.hpp, 1.61 and later. */
struct fcontext_transfer {
	void *context; /* the one that jumped here, parked */
	void *data;
};

void *make_fcontext(void *stack_top, size_t size, void (*entry)(struct fcontext_transfer));
struct fcontext_transfer jump_fcontext(void *to, void *data);

#define CANARY_BYTE  0xc5
#define CANARY_BYTES 64

void coroutine_init(struct coroutine *coroutine, void *stack, size_t size)
{
	*coroutine = (struct coroutine){ .stack = stack, .size = size };
	memset(stack, CANARY_BYTE, CANARY_BYTES);
}

/* ---- Telling AddressSanitizer which stack is in use ----------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__
static void leave_stack(void **fake_stack, const void *to, size_t size)
{
	__sanitizer_start_switch_fiber(fake_stack, to, size);
}

static void enter_stack(void *fake_stack, const void **from, size_t *size)
{
	__sanitizer_finish_switch_fiber(fake_stack, from, size);
}

/* Frames that were abandoned left their red zones behind. */
static void forget_frames(struct coroutine *coroutine)
{
	__asan_unpoison_memory_region(coroutine->stack, coroutine->size);
}
#else
static void leave_stack(void **fake_stack, const void *to, size_t size)
{
	(void)fake_stack, (void)to, (void)size;
}

static void enter_stack(void *fake_stack, const void **from, size_t *size)
{
	(void)fake_stack, (void)from, (void)size;
}

static void forget_frames(struct coroutine *coroutine)
{
	(void)coroutine;
}
#endif

/* ---- Switching ------------------------------------------------------------------------------------ */

static void entry(struct fcontext_transfer from);

void coroutine_start(struct coroutine *coroutine, void (*func)(void *arg), void *arg)
{
	forget_frames(coroutine);
	coroutine->func = func;
	coroutine->arg = arg;
	coroutine->fake_stack = NULL;
	coroutine->context =
		make_fcontext(coroutine->stack + coroutine->size, coroutine->size, entry);
}

/* It hands itself over when it parks, and nothing when it ends. */
bool coroutine_resume(struct coroutine *coroutine)
{
	struct fcontext_transfer from;
	void *fake_stack = NULL;

	leave_stack(&fake_stack, coroutine->stack, coroutine->size);
	from = jump_fcontext(coroutine->context, coroutine);
	enter_stack(fake_stack, NULL, NULL);
	coroutine->context = from.data ? from.context : NULL;
	return coroutine->context != NULL;
}

static void arrive(struct coroutine *coroutine, void *resumer)
{
	coroutine->resumer = resumer;
	enter_stack(coroutine->fake_stack, &coroutine->resumer_stack, &coroutine->resumer_size);
}

static void entry(struct fcontext_transfer from)
{
	struct coroutine *coroutine = from.data;

	arrive(coroutine, from.context);
	coroutine->func(coroutine->arg);
	leave_stack(NULL, coroutine->resumer_stack, coroutine->resumer_size);
	jump_fcontext(coroutine->resumer, NULL);
	__builtin_trap(); /* resumed after its end */
}

void coroutine_park(struct coroutine *coroutine)
{
	leave_stack(&coroutine->fake_stack, coroutine->resumer_stack, coroutine->resumer_size);
	arrive(coroutine, jump_fcontext(coroutine->resumer, coroutine).context);
}

/* ---- Stacks ---------------------------------------------------------------------------------------- */

bool coroutine_stack_intact(const struct coroutine *coroutine)
{
	uint64_t words[CANARY_BYTES / sizeof(uint64_t)];
	uint64_t wrong = 0;

	memcpy(words, coroutine->stack, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		wrong |= words[i] ^ 0x0101010101010101u * CANARY_BYTE;
	return wrong == 0;
}

/* ---- The self-test ---------------------------------------------------------------------------------- */

struct self_test {
	struct coroutine coroutine;
	const char *wrong;
	int turns;
	uint32_t mxcsr;
};

static void self_test_body(void *arg)
{
	struct self_test *test = arg;
	unsigned char *frame = __builtin_frame_address(0);
	struct coroutine *coroutine = &test->coroutine;

	if (frame < coroutine->stack || frame >= coroutine->stack + coroutine->size)
		test->wrong = "the function does not run on the stack that was given";
	else if ((uintptr_t)frame % 16)
		test->wrong = "the stack is not aligned as the ABI wants it";
	for (int i = 1; i <= 3; i++) {
		test->turns = i;
		__builtin_ia32_ldmxcsr(test->mxcsr ^ 0x2000); /* round down, while we run */
		coroutine_park(coroutine);
	}
}

const char *coroutine_self_test(void)
{
	_Alignas(16) unsigned char stack[4 * COROUTINE_STACK_MIN];
	struct self_test test = { .mxcsr = __builtin_ia32_stmxcsr() };
	int turns = 0;

	coroutine_init(&test.coroutine, stack, sizeof(stack));
	coroutine_start(&test.coroutine, self_test_body, &test);
	while (coroutine_resume(&test.coroutine)) {
		if (test.turns != ++turns)
			return "a resumed function does not go on where it parked";
		if (__builtin_ia32_stmxcsr() != test.mxcsr)
			return "the floating-point control word is not kept";
	}
	if (!test.wrong && turns != 3)
		test.wrong = "a function that returns is not at its end";
	if (!test.wrong && !coroutine_stack_intact(&test.coroutine))
		test.wrong = "the lowest bytes of the stack were written";
	return test.wrong;
}
