// SPDX-License-Identifier: MIT
/*
 * decode.c - any bytes are a program
 *
 * Each decision takes a byte or two.  Ranges are mostly short, so that neighbours meet; now and then
 * an argument is wrong.  Nothing depends on where the host places mappings: those that it may place
 * have a hint that is free.
 */
#include "program.h"

#include <sys/mman.h>

#include "compiler.h"

#define PAGE	      4096ul
#define PMD	      (2ul << 20)
#define ADDRESS_SPACE (1ul << 47)

struct bytes {
	const uint8_t *at;
	size_t left;
};

static unsigned int next_byte(struct bytes *bytes)
{
	if (!bytes->left)
		return 0;
	bytes->left--;
	return *bytes->at++;
}

static unsigned long pick(struct bytes *bytes, unsigned long bound)
{
	unsigned long value = next_byte(bytes);

	if (bound > 256)
		value = value << 8 | next_byte(bytes);
	return value % bound;
}

static int random_prot(struct bytes *bytes)
{
	/* Not PROT_EXEC alone, for which the host may take a protection key. */
	static const int prots[] = {
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_NONE,
		PROT_READ,
		PROT_WRITE,
		PROT_READ | PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return prots[pick(bytes, ARRAY_SIZE(prots))];
}

static void random_range(struct bytes *bytes, struct op *op)
{
	unsigned long page = pick(bytes, WINDOW_PAGES);
	unsigned long nr_pages = 1 + pick(bytes, pick(bytes, 4) ? 6 : WINDOW_PAGES);

	nr_pages = min(nr_pages, WINDOW_PAGES - page);
	op->addr = WINDOW + page * PAGE;
	op->len = nr_pages * PAGE;
	switch (pick(bytes, 40)) {
	case 39:
		op->len = 0;
		break;
	case 38:
		op->addr += 1 + pick(bytes, PAGE - 1);
		break;
	case 37:
		op->len -= pick(bytes, PAGE);
		break;
	case 36:
		op->len = ~0ul - pick(bytes, 2 * PAGE);
		break;
	case 35:
		op->len = ADDRESS_SPACE - op->addr; /* one page too far */
		break;
	default:
		break;
	}
}

/* For what would succeed beyond the window, where the host's processes live. */
static void stay_inside(struct op *op)
{
	if (op->len >= PMD && op->addr + op->len > op->addr)
		op->len = WINDOW_END - op->addr;
}

static void random_file(struct bytes *bytes, struct op *op)
{
	op->file = true;
	op->pgoff = pick(bytes, FILE_PAGES);
	if (pick(bytes, 2)) /* as if it continued a neighbour */
		op->pgoff = (op->addr - WINDOW) / PAGE % FILE_PAGES;
	if (pick(bytes, 8) == 7) {
		op->flags = MAP_SHARED;
		op->prot &= ~PROT_WRITE; /* the file is open for reading */
	}
}

static void random_mmap(struct bytes *bytes, struct op *op)
{
	random_range(bytes, op);
	op->prot = random_prot(bytes);
	op->flags = pick(bytes, 30) == 29 ? 0 : MAP_PRIVATE;
	if (pick(bytes, 4) == 3)
		random_file(bytes, op);
	else
		op->flags = MAP_ANONYMOUS |
			    (op->flags && pick(bytes, 6) == 5 ? MAP_SHARED : op->flags);
	if (pick(bytes, 8) == 7)
		op->flags |= MAP_NORESERVE;
	if (pick(bytes, 12) == 11)
		op->flags |= MAP_GROWSDOWN;
	if (pick(bytes, 10) == 9)
		op->flags |= MAP_POPULATE;
	if (pick(bytes, 15) == 14)
		op->flags |= MAP_LOCKED;
}

static void random_mmap_fixed(struct bytes *bytes, struct op *op)
{
	random_mmap(bytes, op);
	op->flags |= pick(bytes, 5) == 4 ? MAP_FIXED_NOREPLACE : MAP_FIXED;
}

static void random_mprotect(struct bytes *bytes, struct op *op)
{
	random_range(bytes, op);
	stay_inside(op);
	op->prot = random_prot(bytes);
	if (pick(bytes, 20) == 19)
		op->prot |= PROT_GROWSDOWN;
	if (pick(bytes, 40) == 39)
		op->prot |= 0x40;
}

static void random_brk(struct bytes *bytes, struct op *op)
{
	op->len = pick(bytes, BRK_PAGES * PAGE / 16) * 16;
}

/* Mostly of one mapping, to where it may grow, shrink, move over others, or must not. */
static void random_mremap(struct bytes *bytes, struct op *op)
{
	static const int flags[] = {
		0,
		MREMAP_MAYMOVE,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
	};

	random_range(bytes, op);
	op->len = min(op->len, WINDOW_PAGES * PAGE);
	if (pick(bytes, 30) == 29)
		op->len = 0;
	op->flags = flags[pick(bytes, ARRAY_SIZE(flags))];
	if (pick(bytes, 50) == 49)
		op->flags ^= pick(bytes, 2) ? MREMAP_MAYMOVE : 8;
	op->new_len = op->len;
	if (!(op->flags & MREMAP_DONTUNMAP) && pick(bytes, 3))
		op->new_len = pick(bytes, 12) * PAGE + (pick(bytes, 20) == 19 ? 100 : 0);
	op->new_addr = WINDOW + pick(bytes, WINDOW_PAGES - 12) * PAGE;
	if (pick(bytes, 3) == 2) /* the same place of another table, or the one below */
		op->new_addr = op->addr ^ PMD;
	if (pick(bytes, 40) == 39)
		op->new_addr += 1 + pick(bytes, PAGE - 1);
}

static void random_madvise(struct bytes *bytes, struct op *op)
{
	static const int advices[] = {
		MADV_NORMAL,
		MADV_RANDOM,
		MADV_SEQUENTIAL,
		MADV_WILLNEED,
		MADV_DONTNEED,
		MADV_DONTNEED,
		MADV_DONTNEED,
		MADV_FREE,
		MADV_REMOVE,
		MADV_DONTFORK,
		MADV_DOFORK,
		MADV_WIPEONFORK,
		MADV_KEEPONFORK,
		MADV_DONTDUMP,
		MADV_DODUMP,
		MADV_COLD,
		MADV_POPULATE_READ,
		MADV_POPULATE_READ,
		MADV_POPULATE_WRITE,
		MADV_POPULATE_WRITE,
		MADV_DONTNEED_LOCKED,
		5,
		60,
	};

	random_range(bytes, op);
	stay_inside(op);
	op->advice = advices[pick(bytes, ARRAY_SIZE(advices))];
}

static void random_lock(struct bytes *bytes, struct op *op)
{
	static const enum op_kind kinds[] = {
		OP_MLOCK,   OP_MLOCK,	OP_MLOCK,    OP_MLOCK,	    OP_MLOCK,
		OP_MUNLOCK, OP_MUNLOCK, OP_MLOCKALL, OP_MUNLOCKALL,
	};

	op->kind = kinds[pick(bytes, ARRAY_SIZE(kinds))];
	if (op->kind == OP_MLOCKALL) { /* not MCL_CURRENT: a process is more than the window */
		op->flags = MCL_FUTURE | (pick(bytes, 2) ? MCL_ONFAULT : 0);
		if (pick(bytes, 4) == 3)
			op->flags = pick(bytes, 2) ? 0 : MCL_ONFAULT;
	} else if (op->kind != OP_MUNLOCKALL) {
		random_range(bytes, op);
		stay_inside(op);
		if (op->kind == OP_MLOCK)
			op->flags = pick(bytes, 3) ? 0 : pick(bytes, 8) ? MLOCK_ONFAULT : 2;
	}
}

static void random_msync(struct bytes *bytes, struct op *op)
{
	random_range(bytes, op);
	op->flags = (int)pick(bytes, 8);
}

static void random_mincore(struct bytes *bytes, struct op *op)
{
	random_range(bytes, op);
	op->len = min(op->len, 4 * WINDOW_PAGES * PAGE);
}

/* Few places in a page, so that what was stored is loaded again. */
static void random_byte(struct bytes *bytes, struct op *op)
{
	op->addr = WINDOW + pick(bytes, WINDOW_PAGES) * PAGE + pick(bytes, 2) * (PAGE - 1);
	if (op->kind == OP_STORE)
		op->byte = (unsigned char)next_byte(bytes);
}

static void random_op(struct bytes *bytes, struct op *op)
{
	static const struct {
		unsigned int weight;
		enum op_kind kind;
		void (*make)(struct bytes *bytes, struct op *op);
	} kinds[] = {
		{ 24, OP_MMAP, random_mmap_fixed },
		{ 5, OP_MMAP_HINT, random_mmap },
		{ 9, OP_MUNMAP, random_range },
		{ 13, OP_MPROTECT, random_mprotect },
		{ 5, OP_BRK, random_brk },
		{ 14, OP_MREMAP, random_mremap },
		{ 12, OP_MADVISE, random_madvise },
		{ 7, OP_MLOCK, random_lock },
		{ 2, OP_MSYNC, random_msync },
		{ 4, OP_MINCORE, random_mincore },
		{ 20, OP_STORE, random_byte },
		{ 8, OP_LOAD, random_byte },
		{ 1, OP_LOOK, NULL },
		{ 3, OP_FORK, NULL },
		{ 1, OP_EXIT, NULL },
	};
	unsigned int dice = next_byte(bytes) & 127; /* the sum of the weights is 128 */
	size_t i = 0;

	while (dice >= kinds[i].weight)
		dice -= kinds[i++].weight;
	*op = (struct op){ .kind = kinds[i].kind };
	if (kinds[i].make)
		kinds[i].make(bytes, op);
}

void program_decode(struct program *program, const uint8_t *data, size_t len, int ops_max)
{
	struct bytes bytes = { data, len };
	int proc = 0;

	program->nr = 0;
	while (bytes.left && program->nr < min(ops_max, OPS_MAX)) {
		struct op *op = &program->ops[program->nr++];

		random_op(&bytes, op);
		if (pick(&bytes, 8) == 7) /* the others seldom interrupt */
			proc = (int)pick(&bytes, PROCESSES_MAX);
		op->proc = proc;
	}
}
