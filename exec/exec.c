// SPDX-License-Identifier: MIT
/*
 * exec.c - loading a program into a new address space
 *
 * The strings of a program must be on its stack before anybody knows where the stack will be: the
 * handler that decides may be found only after some #! lines, each of which changes the strings.
 * So the stack is built in a temporary VMA at the very top, and setup_arg_pages() moves it down.
 * Moving whole page tables is cheap; what makes it delicate is told at shift_arg_pages().
 *
 * Until begin_new_exec() a failure is an errno of execve(2) and the caller lives on; after it Linux
 * kills the process, as its old address space is gone.  Here the old one is the caller's own, so
 * both failures free everything and differ in past_point_of_no_return alone.
 *
 * Locks: mmap_lock of the new address space, which other tasks reach from the moment it exists,
 * because migration walks all address spaces.
 *
 * Linux: fs/exec.c (6.12); relocate_vma_down() in mm/mmap.c was shift_arg_pages() until 6.10.
 * Not modelled: credentials and set-user-ID, security modules, binfmt_misc, ptrace.
 */
#include "binprm.h"

#include <errno.h>
#include <string.h>

#include "block.h"
#include "memory.h"
#include "uaccess.h"

#define STK_LIM		(8ul << 20)   /* Linux's default RLIMIT_STACK */
#define ARG_MAX_MIN	(128ul << 10) /* room that arguments have even on a small stack */
#define STACK_SLACK	(128ul << 10) /* mapped below the arguments from the start */
#define BINPRM_MAX_DEPTH 5	      /* #! lines that may lead to one another */
#define TASK_SIZE_47	(1ul << 47)

/* For address spaces of 47 bits, see in_proportion(). */
#define MMAP_GAP_MIN	  (128ul << 20) /* between the top and where mmap() starts */
#define MMAP_RANDOM_RANGE (1ul << 40)

/* A user can ask for neither of the two hints on a stack, and exec asks for one at no other time. */
BUILD_ASSERT((VM_STACK_FLAGS & VM_STACK_INCOMPLETE_SETUP) == 0);

static void exec_clear_results(struct gw_exec *exec);
static int bprm_mm_init(struct binprm *bprm);
static int bprm_copy_arguments(struct binprm *bprm);
static int exec_binprm(struct binprm *bprm);
static void bprm_finish(struct binprm *bprm, int err);

int exec_program(struct machine *machine, struct gw_exec *exec)
{
	struct binprm bprm = { .machine = machine, .exec = exec };
	int err;

	exec_clear_results(exec);
	err = open_exec(&bprm, exec->filename, &bprm.file);
	if (!err)
		err = bprm_mm_init(&bprm);
	if (!err)
		err = bprm_copy_arguments(&bprm);
	if (!err)
		err = exec_binprm(&bprm);
	bprm_finish(&bprm, err);
	return err;
}

static void exec_clear_results(struct gw_exec *exec)
{
	exec->mm = NULL;
	exec->entry = 0;
	exec->sp = 0;
	exec->past_point_of_no_return = false;
	exec->failure = NULL;
	exec->comm[0] = '\0';
	exec->auxv_words = 0;
}

/* The one place where a struct binprm ends: success hands its use of the address space on. */
static void bprm_finish(struct binprm *bprm, int err)
{
	struct gw_exec *exec = bprm->exec;

	if (bprm->interpreter)
		mapping_put(bprm->interpreter);
	if (bprm->file)
		mapping_put(bprm->file);
	if (!err) {
		exec->mm = bprm->mm;
		return;
	}
	if (bprm->mm)
		mm_put(bprm->mm);
	if (err == -ENOMEM)
		bprm_fail(bprm, err, "out of memory");
	bprm_fail(bprm, err, "the program could not be loaded");
}

int bprm_fail(struct binprm *bprm, int err, const char *sentence)
{
	if (!bprm->exec->failure)
		bprm->exec->failure = sentence;
	return err;
}

int open_exec(struct binprm *bprm, const char *path, struct mapping **file)
{
	int err;

	*file = NULL;
	err = bprm->exec->open(bprm->exec->host, path, file);
	if (err)
		return bprm_fail(bprm, err, "the program or its interpreter could not be opened");
	return 0;
}

/* ---- The temporary stack ------------------------------------------------------------------------- */

/*
 * One page at the very top, above any place that a stack can have in the end.  The mark keeps
 * migration away from the first page on: no migration entry can be in this VMA when it moves.
 */
static int insert_temporary_stack(struct mm *mm, struct vma *vma)
{
	int err;

	vma->end = ALIGN_DOWN(mm->task_size, PAGE_SIZE);
	vma->start = vma->end - PAGE_SIZE;
	vma->pgoff = vma->start >> PAGE_SHIFT;
	vma->flags = VM_STACK_FLAGS | VM_STACK_INCOMPLETE_SETUP;
	vma->page_prot = vma_page_prot(vma, vma->flags);
	mmap_write_lock(mm);
	err = vma_insert(mm, vma);
	mmap_write_unlock(mm);
	return err;
}

static int bprm_mm_init(struct binprm *bprm)
{
	struct vma *vma;
	int err;

	err = mm_create(bprm->machine, &bprm->exec->limits, &bprm->mm);
	if (err) {
		bprm->mm = NULL;
		return err;
	}
	vma = vma_alloc(bprm->mm);
	if (!vma)
		return -ENOMEM;
	err = insert_temporary_stack(bprm->mm, vma);
	if (err) {
		vma_free(vma);
		return err;
	}
	bprm->vma = vma;
	bprm->p = vma->end - sizeof(void *); /* Linux leaves the last word zero */
	return 0;
}

/* ---- Strings --------------------------------------------------------------------------------------- */

static int bprm_stack_limits(struct binprm *bprm);
static int copy_strings(struct binprm *bprm, int nr, const char *const *strings);

/* From the top down: file name, environment, arguments; the last string of each first. */
static int bprm_copy_arguments(struct binprm *bprm)
{
	const struct gw_exec *exec = bprm->exec;
	int err;

	err = bprm_stack_limits(bprm);
	if (err)
		return err;
	err = copy_string(bprm, exec->filename);
	if (err)
		return err;
	bprm->execfn = bprm->p;
	err = copy_strings(bprm, exec->envc, exec->envp);
	if (err)
		return err;
	bprm->envc = exec->envc;
	err = copy_strings(bprm, exec->argc, exec->argv);
	if (err)
		return err;
	bprm->argc = exec->argc;
	if (bprm->argc)
		return 0;
	/* Programs start at argv[1] and would run into envp: Linux dcd46d897adb (5.18). */
	err = copy_string(bprm, "");
	bprm->argc = 1;
	return err;
}

/*
 * A quarter of the stack's limit, at most 6 MiB, at least what has always been possible.  The
 * pointers to the strings count too, though they are written when it is too late for an errno.
 */
static int bprm_stack_limits(struct binprm *bprm)
{
	const struct gw_exec *exec = bprm->exec;
	uint64_t limit = max(min(STK_LIM / 4 * 3, exec->limits.stack / 4), ARG_MAX_MIN);
	uint64_t pointers;

	if (exec->argc < 0 || exec->envc < 0)
		return bprm_fail(bprm, -E2BIG, "negative number of arguments");
	pointers = ((uint64_t)max(exec->argc, 1) + (uint64_t)exec->envc) * sizeof(uint64_t);
	if (limit <= pointers)
		return bprm_fail(bprm, -E2BIG, "too many arguments or environment strings");
	limit -= pointers;
	if (bprm->p < limit)
		return bprm_fail(bprm, -E2BIG, "the address space is too small for arguments");
	bprm->argmin = bprm->p - limit;
	return 0;
}

static int copy_strings(struct binprm *bprm, int nr, const char *const *strings)
{
	int err = 0;

	while (nr-- > 0 && !err)
		err = copy_string(bprm, strings[nr]);
	return err;
}

static int write_arg_page(struct binprm *bprm, unsigned long addr, const char *from, size_t len);

int copy_string(struct binprm *bprm, const char *string)
{
	const char *nul = memchr(string, '\0', MAX_ARG_STRLEN);
	size_t left;
	int err = 0;

	if (!nul)
		return bprm_fail(bprm, -E2BIG, "an argument is longer than 128 KiB");
	left = (size_t)(nul - string) + 1;
	if (bprm->p - bprm->argmin < left)
		return bprm_fail(bprm, -E2BIG, "arguments and environment are too long");
	/* The last piece first, as the stack grows down; a piece lies in one page. */
	while (left && !err) {
		size_t len = min(left, ((bprm->p - 1) & ~PAGE_MASK) + 1);

		bprm->p -= len;
		left -= len;
		err = write_arg_page(bprm, bprm->p, string + left, len);
	}
	return err;
}

/*
 * Every failure is -E2BIG, as in Linux, where get_arg_page() cannot say more.  Only exec itself
 * moves the stack's start, so that it may be read here without the lock.
 */
static int write_arg_page(struct binprm *bprm, unsigned long addr, const char *from, size_t len)
{
	struct mm *mm = bprm->mm;
	int err = 0;

	if (addr < bprm->vma->start) {
		mmap_write_lock(mm);
		err = expand_stack(mm, bprm->vma, addr);
		mmap_write_unlock(mm);
	}
	if (!err)
		err = copy_to_user(mm, addr, from, len);
	if (err)
		return bprm_fail(bprm, -E2BIG, "no memory or no stack limit left for arguments");
	return 0;
}

/* The first argument is the lowest string, at bprm->p. */
int remove_arg_zero(struct binprm *bprm)
{
	size_t len;

	ASSERT(bprm->argc > 0);
	len = strnlen_user(bprm->mm, bprm->p, MAX_ARG_STRLEN);
	if (!len)
		return -EFAULT;
	bprm->p += len;
	bprm->argc--;
	return 0;
}

/* ---- Which handler --------------------------------------------------------------------------------- */

static int search_binary_handler(struct binprm *bprm);
static int prepare_binprm(struct binprm *bprm);

/* A script is replaced by its interpreter, which may be a script. */
static int exec_binprm(struct binprm *bprm)
{
	int depth, err;

	for (depth = 0; depth <= BINPRM_MAX_DEPTH; depth++) {
		err = search_binary_handler(bprm);
		if (err || !bprm->interpreter)
			return err;
		mapping_put(bprm->file);
		bprm->file = bprm->interpreter;
		bprm->interpreter = NULL;
	}
	return bprm_fail(bprm, -ELOOP, "too many #! interpreters in a row");
}

static int search_binary_handler(struct binprm *bprm)
{
	static int (*const handlers[])(struct binprm *) = { load_script, load_elf_binary };
	int err;

	err = prepare_binprm(bprm);
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		err = handlers[i](bprm);
		if (err != -ENOEXEC || bprm->exec->past_point_of_no_return)
			return err;
	}
	return bprm_fail(bprm, -ENOEXEC, "neither an ELF program nor a #! script");
}

static int prepare_binprm(struct binprm *bprm)
{
	long nr;

	memset(bprm->buf, 0, sizeof(bprm->buf));
	nr = mapping_read(bprm->file, bprm->buf, sizeof(bprm->buf), 0);
	if (nr < 0)
		return bprm_fail(bprm, (int)nr, "the program could not be read");
	return 0;
}

/* Linux names the task after the file that was asked for, not after its interpreter. */
void begin_new_exec(struct binprm *bprm)
{
	struct gw_exec *exec = bprm->exec;
	const char *name = exec->filename;
	size_t len = 0;

	for (const char *c = exec->filename; *c; c++) {
		if (*c == '/')
			name = c + 1;
	}
	while (name[len] && len < sizeof(exec->comm) - 1)
		len++;
	memset(exec->comm, 0, sizeof(exec->comm));
	memcpy(exec->comm, name, len);
	exec->past_point_of_no_return = true;
}

/* ---- The final stack ------------------------------------------------------------------------------- */

static int place_stack(struct binprm *bprm, unsigned long shift, enum stack_exec stack_exec);
static int shift_arg_pages(struct vma *vma, unsigned long shift);

int setup_arg_pages(struct binprm *bprm, unsigned long stack_top, enum stack_exec stack_exec)
{
	const struct vma *vma = bprm->vma;
	unsigned long lowest = bprm->machine->mmap_min_addr;
	struct mm *mm = bprm->mm;
	unsigned long shift;
	int err;

	stack_top = ALIGN_UP(exec_align_stack(bprm, stack_top), PAGE_SIZE);
	if (stack_top < lowest || vma->end - vma->start >= stack_top - lowest)
		return bprm_fail(bprm, -ENOMEM, "the stack has no room below its top");
	shift = vma->end - stack_top;

	mmap_write_lock(mm);
	err = place_stack(bprm, shift, stack_exec);
	mmap_write_unlock(mm);
	if (err)
		return bprm_fail(bprm, err, "the stack could not be set up");
	return 0;
}

static int place_stack(struct binprm *bprm, unsigned long shift, enum stack_exec stack_exec)
{
	unsigned long flags = VM_STACK_FLAGS | VM_STACK_INCOMPLETE_SETUP;
	struct mm *mm = bprm->mm;
	struct vma *vma = bprm->vma, *same;
	unsigned long size;
	int err;

	if (stack_exec == STACK_EXEC_ENABLE)
		flags |= VM_EXEC;
	err = mprotect_fixup(mm, vma, &same, vma->start, vma->end, flags);
	if (err)
		return err;
	ASSERT(same == vma); /* alone in its address space: nothing to split or merge */

	if (shift) {
		err = shift_arg_pages(vma, shift);
		if (err)
			return err;
	}
	bprm->p -= shift;
	bprm->execfn -= shift;
	mm->arg_start = bprm->p;
	mm->start_stack = bprm->p;

	/*
	 * Entries and geometry agree again, so the pages may move.  The mark has no part in
	 * page_prot; rmap walkers read the flags without mmap_lock.
	 */
	vma_start_write(vma);
	WRITE_ONCE(vma->flags, vma->flags & ~(unsigned long)VM_STACK_INCOMPLETE_SETUP);
	vma->mm->hiwater_vm = vma->mm->total_vm; /* the way that the stack has gone does not count */

	size = min((uint64_t)(vma->end - vma->start + STACK_SLACK),
		   ALIGN_DOWN(bprm->exec->limits.stack, PAGE_SIZE));
	if (size <= vma->end - vma->start)
		return 0;
	return expand_stack(mm, vma, vma->end - size) ? -EFAULT : 0;
}

/* ---- Moving a stack under the eyes of rmap walkers --------------------------------------------------- */

/*
 * The walk from a page to its entry computes an address, vma->start + (index - pgoff) pages.  The
 * first step changes that address for all pages at once, the second moves the entries one by one:
 * in between, the entry of a page is where nobody looks.  For most walks that is a missed page and
 * harmless.  Migration walks twice, first to replace entries by migration entries, then to replace
 * those by entries for the new frame, and must find them at the second time too:
 *
 *	CPU A: exec				CPU B: migration
 *						lock the page
 *						walk: old address, set a migration entry
 *	cover_both_ranges()
 *						copy the page
 *						walk: new address, nothing there
 *						unlock the page
 *	move_stack_entries():
 *	the migration entry moves along
 *	next access: migration entry of an unlocked page
 *
 * No lock could be held over both steps in 2010: the second allocates page tables.  Hence the mark
 * VM_STACK_INCOMPLETE_SETUP: the walk that sets migration entries skips the VMA, finds the page
 * still mapped and gives up (GW_GUARD_skip_temporary_stack, mm/rmap.c).  The mark is there before
 * the first page, so no migration entry exists when the move begins, and it goes when the last
 * step is done.  Linux a8bef8ff6ea1 ("mm: migration: avoid race between shift_arg_pages() and
 * rmap_walk() during migration by not migrating temporary stacks").
 */
struct stack_shift {
	struct vma *vma;
	unsigned long old_start, old_end;
	unsigned long new_start, new_end;
};

static int check_way_is_free(const struct stack_shift *shift);
static int cover_both_ranges(const struct stack_shift *shift);
static int move_stack_entries(const struct stack_shift *shift);
static void free_emptied_tables(const struct stack_shift *shift);
static int shrink_to_new_range(const struct stack_shift *shift);
static void report_shift(const struct stack_shift *shift);

/*
 * Move @vma with its pages @bytes down; both ranges may overlap.
 * => mmap_lock held for write; on failure the pages may be at either place, and @vma covers both
 */
static int shift_arg_pages(struct vma *vma, unsigned long bytes)
{
	const struct gw_design *design = vma->mm->machine->design;
	struct stack_shift shift = {
		.vma = vma,
		.old_start = vma->start,
		.old_end = vma->end,
		.new_start = vma->start - bytes,
		.new_end = vma->end - bytes,
	};
	int err;

	rwsem_assert_held_write(&vma->mm->mmap_lock);
	ASSERT(shift.new_start < shift.new_end);
	ASSERT(vma_is_temporary_stack(vma));
	report_shift(&shift);
	if (design && design->shift_arg_pages)
		return design->shift_arg_pages(vma, bytes);

	err = check_way_is_free(&shift);
	if (!err)
		err = cover_both_ranges(&shift);
	if (!err)
		err = move_stack_entries(&shift);
	if (err)
		return err;
	free_emptied_tables(&shift);
	return shrink_to_new_range(&shift);
}

static int check_way_is_free(const struct stack_shift *shift)
{
	return vma_find(shift->vma->mm, shift->new_start) == shift->vma ? 0 : -EFAULT;
}

/* pgoff stays: from here on rmap walks compute the new addresses. */
static int cover_both_ranges(const struct stack_shift *shift)
{
	struct vma *vma = shift->vma;

	return vma_expand(vma->mm, vma, shift->new_start, shift->old_end, vma->pgoff);
}

/*
 * Without the rmap locks: a walk that meets the moment between clear and set of one entry takes
 * the table lock and finds nothing, which the mark makes harmless.
 */
static int move_stack_entries(const struct stack_shift *shift)
{
	unsigned long len = shift->old_end - shift->old_start;

	return move_page_tables(shift->vma, shift->old_start, shift->vma, shift->new_start, len,
				MOVE_WITHOUT_RMAP_LOCKS) == len ?
		       0 :
		       -ENOMEM;
}

/*
 * The VMA still covers the old range, but no page's index leads there any more, and walkers that
 * had computed an old address were waited for by vma_expand(), which takes the rmap locks.
 */
static void free_emptied_tables(const struct stack_shift *shift)
{
	struct mm *mm = shift->vma->mm;
	const struct vma *next = vma_next(mm, shift->vma);
	bool overlap = shift->new_end > shift->old_start;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, mm);
	free_pgd_range(&tlb, overlap ? shift->new_end : shift->old_start, shift->old_end,
		       shift->new_end, next ? next->start : 0);
	tlb_finish_mmu(&tlb);
}

static int shrink_to_new_range(const struct stack_shift *shift)
{
	struct vma *vma = shift->vma;

	return vma_shrink(vma->mm, vma, shift->new_start, shift->new_end, vma->pgoff);
}

static void report_shift(const struct stack_shift *shift)
{
	struct mm *mm = shift->vma->mm;
	const struct gw_event event = {
		.kind = GW_EVENT_EXEC_SHIFT,
		.cpu = task_cpu(),
		.task = task_name(),
		.mm_id = mm->id,
		.addr = shift->old_start,
		.arg = { shift->old_end, shift->old_end - shift->new_end },
	};

	machine_event(mm->machine, &event);
}

/* ---- Layout and randomisation ------------------------------------------------------------------------ */

/* What @bytes of 47 bits of address are in this address space. */
static unsigned long in_proportion(const struct binprm *bprm, unsigned long bytes)
{
	unsigned long task_size = bprm->machine->task_size;

	if (task_size >= TASK_SIZE_47 - PAGE_SIZE)
		return bytes;
	return (unsigned long)((unsigned __int128)bytes * task_size / TASK_SIZE_47);
}

unsigned long exec_random_offset(struct binprm *bprm, unsigned long range)
{
	unsigned long nr_pages = in_proportion(bprm, range) >> PAGE_SHIFT;

	if (!bprm->exec->randomize)
		return 0;
	return nr_pages ? (machine_random(bprm->machine) % nr_pages) << PAGE_SHIFT : 0;
}

unsigned long exec_align_stack(struct binprm *bprm, unsigned long p)
{
	if (bprm->exec->randomize)
		p -= machine_random(bprm->machine) % 8192;
	return ALIGN_DOWN(p, 16);
}

/* Room for the stack's limit, its randomisation and its guard gap.  Linux: mmap_base() of x86. */
void setup_new_exec(struct binprm *bprm)
{
	struct mm *mm = bprm->mm;
	unsigned long gap = bprm->exec->limits.stack, pad = mm->stack_guard_gap;

	if (bprm->exec->randomize)
		pad += in_proportion(bprm, STACK_RANDOM_RANGE - PAGE_SIZE);
	if (gap + pad > gap)
		gap += pad;
	gap = min(max(gap, in_proportion(bprm, MMAP_GAP_MIN)), mm->task_size / 6 * 5);
	gap += exec_random_offset(bprm, MMAP_RANDOM_RANGE);
	mmap_write_lock(mm);
	mm->mmap_base = ALIGN_UP(mm->task_size - gap, PAGE_SIZE);
	mmap_write_unlock(mm);
}
