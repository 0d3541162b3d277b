// SPDX-License-Identifier: MIT
/*
 * shrink.c - the shortest program that still shows a difference
 *
 * First operations are left out, in runs of half the program, a quarter, ... one (Zeller and
 * Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002).  Then each argument is
 * replaced by simpler ones, and bits of flags are taken away.  Both until nothing helps any more.
 */
#include "shrink.h"

#include <string.h>
#include <sys/mman.h>

#include "compiler.h"

#define PAGE 4096ul

struct shrink {
	struct program *program;
	struct program trial;
	bool (*still)(void *arg, const struct program *program);
	void *arg;
};

static bool accept(struct shrink *shrink)
{
	if (!shrink->still(shrink->arg, &shrink->trial))
		return false;
	*shrink->program = shrink->trial;
	return true;
}

/* ---- Operations ---------------------------------------------------------------------------------------- */

static bool leave_out(struct shrink *shrink, int at, int nr)
{
	struct program *trial = &shrink->trial;

	*trial = *shrink->program;
	memmove(&trial->ops[at], &trial->ops[at + nr],
		(size_t)(trial->nr - at - nr) * sizeof(trial->ops[0]));
	trial->nr -= nr;
	return accept(shrink);
}

static bool shorten(struct shrink *shrink)
{
	bool shorter = false;

	for (int run = max(shrink->program->nr / 2, 1);; run = max(run / 2, 1)) {
		bool any = false;

		/* From the end: what follows the difference goes first. */
		for (int at = shrink->program->nr - run; at >= 0; at -= run)
			any |= leave_out(shrink, at, min(run, shrink->program->nr - at));
		shorter |= any;
		if (run == 1 && !any)
			return shorter;
	}
}

/* ---- Arguments ----------------------------------------------------------------------------------------- */

static bool try_ulong(struct shrink *shrink, unsigned long *of_program, unsigned long value)
{
	size_t offset = (size_t)((char *)of_program - (char *)shrink->program);

	if (*of_program == value)
		return false;
	shrink->trial = *shrink->program;
	*(unsigned long *)(void *)((char *)&shrink->trial + offset) = value;
	return accept(shrink);
}

static bool try_int(struct shrink *shrink, int *of_program, int value)
{
	size_t offset = (size_t)((char *)of_program - (char *)shrink->program);

	if (*of_program == value)
		return false;
	shrink->trial = *shrink->program;
	*(int *)(void *)((char *)&shrink->trial + offset) = value;
	return accept(shrink);
}

static bool simplify_length(struct shrink *shrink, unsigned long *len)
{
	bool simpler = try_ulong(shrink, len, PAGE);

	simpler |= try_ulong(shrink, len, ALIGN_UP(*len, PAGE));
	for (unsigned long part = *len / 2; part >= PAGE; part /= 2)
		simpler |= try_ulong(shrink, len, ALIGN_DOWN(*len - part, PAGE));
	return simpler;
}

/* Where the two must be equal, neither alone can change. */
static bool simplify_both_lengths(struct shrink *shrink, struct op *op)
{
	size_t i = (size_t)(op - shrink->program->ops);

	if (op->new_len != op->len || op->len <= PAGE)
		return false;
	shrink->trial = *shrink->program;
	shrink->trial.ops[i].len = shrink->trial.ops[i].new_len = PAGE;
	return accept(shrink);
}

static bool simplify_address(struct shrink *shrink, unsigned long *addr)
{
	bool simpler = try_ulong(shrink, addr, ALIGN_DOWN(*addr, PAGE));

	if (*addr >= WINDOW && *addr < WINDOW_END)
		simpler |= try_ulong(shrink, addr, WINDOW + (*addr - WINDOW) / 2 / PAGE * PAGE);
	return simpler;
}

static bool simplify_bits(struct shrink *shrink, int *bits)
{
	bool simpler = false;

	for (unsigned int bit = 1; bit && bit <= (unsigned int)*bits; bit <<= 1) {
		if ((unsigned int)*bits & bit)
			simpler |= try_int(shrink, bits, (int)((unsigned int)*bits & ~bit));
	}
	return simpler;
}

static bool simplify_op(struct shrink *shrink, struct op *op)
{
	bool simpler = try_int(shrink, &op->proc, 0);

	if (op->len)
		simpler |= simplify_length(shrink, &op->len);
	simpler |= simplify_both_lengths(shrink, op);
	if (op->new_len)
		simpler |= simplify_length(shrink, &op->new_len);
	simpler |= simplify_address(shrink, &op->addr);
	simpler |= simplify_address(shrink, &op->new_addr);
	simpler |= simplify_bits(shrink, &op->flags);
	if (op->kind == OP_MMAP || op->kind == OP_MMAP_HINT || op->kind == OP_MPROTECT)
		simpler |= try_int(shrink, &op->prot, PROT_READ | PROT_WRITE);
	return simpler | try_ulong(shrink, &op->pgoff, 0);
}

/* What process @proc does, process 0 does. */
static bool without_process(struct shrink *shrink, int proc)
{
	bool any = false;

	shrink->trial = *shrink->program;
	for (int i = 0; i < shrink->trial.nr; i++) {
		any |= shrink->trial.ops[i].proc == proc;
		if (shrink->trial.ops[i].proc == proc)
			shrink->trial.ops[i].proc = 0;
	}
	return any && accept(shrink);
}

void program_shrink(struct program *program,
		    bool (*still)(void *arg, const struct program *program), void *arg)
{
	static struct shrink shrink;
	bool again = true;

	shrink = (struct shrink){ .program = program, .still = still, .arg = arg };
	while (again) {
		again = shorten(&shrink);
		for (int proc = 1; proc < PROCESSES_MAX; proc++)
			again |= without_process(&shrink, proc);
		for (int i = 0; i < program->nr; i++)
			again |= simplify_op(&shrink, &program->ops[i]);
	}
}
