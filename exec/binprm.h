/* SPDX-License-Identifier: MIT */
/*
 * binprm.h - a program on its way into a new address space
 *
 * exec.c makes the address space with a temporary stack at its top, copies the strings there, and
 * asks one handler after another.  A handler answers -ENOEXEC for a file that is not of its kind.
 * The script handler names another file to try; the ELF handler calls begin_new_exec(), which is
 * the point of no return, and completes the address space.
 *
 * All of it is reached from struct binprm, so that a failure anywhere is undone in one place.
 *
 * Linux: struct linux_binprm, include/linux/binfmts.h.
 */
#pragma once

#include "exec.h"
#include "filemap.h"

#define BINPRM_BUF_SIZE 256
#define MAX_ARG_STRLEN	(32 * PAGE_SIZE) /* the longest argument, its NUL included */

#define STACK_RANDOM_RANGE (1ul << 34) /* for exec_random_offset(), as below */

struct binprm {
	struct machine *machine;
	struct gw_exec *exec;	     /* what was asked, and what came of it */
	struct mm *mm;		     /* one use; NULL until bprm_mm_init() */
	struct vma *vma;	     /* the stack; not to be used once segments are mapped */
	struct mapping *file;	     /* being tried; a reference */
	struct mapping *interpreter; /* to be tried next; a reference, or NULL */
	unsigned long p;	     /* top of the stack so far: the lowest byte written */
	unsigned long argmin;	     /* strings may not go below */
	unsigned long execfn;	     /* address of the file name, for AT_EXECFN */
	int argc, envc;		     /* strings on the stack */
	char interp[BINPRM_BUF_SIZE]; /* path of @file if a script named it; "": exec->filename */
	union {
		char buf[BINPRM_BUF_SIZE]; /* first bytes of @file, zero padded */
		uint64_t align;
	};
};

/* PT_GNU_STACK.  Linux: EXSTACK_*. */
enum stack_exec { STACK_EXEC_DEFAULT, STACK_EXEC_ENABLE, STACK_EXEC_DISABLE };

/* ---- The handlers ------------------------------------------------------------------------------- */

int load_script(struct binprm *bprm) __must_check;
int load_elf_binary(struct binprm *bprm) __must_check;

/* ---- What exec.c does for them ------------------------------------------------------------------ */

/* Note why exec fails, unless something deeper did already; returns @err. */
int bprm_fail(struct binprm *bprm, int err, const char *sentence);

int open_exec(struct binprm *bprm, const char *path, struct mapping **file) __must_check;

/* Put @string below bprm->p, or take the lowest string off again. */
int copy_string(struct binprm *bprm, const char *string) __must_check;
int remove_arg_zero(struct binprm *bprm) __must_check;

/* From here on a failure kills. */
void begin_new_exec(struct binprm *bprm);
/* Where mmap() starts to look for room, below what the stack may take. */
void setup_new_exec(struct binprm *bprm);

/*
 * Give the stack its final rights, move it so that it ends at about @stack_top, and let it grow.
 * => mmap_lock not held; -ENOMEM, -EFAULT: the address space can only be thrown away
 */
int setup_arg_pages(struct binprm *bprm, unsigned long stack_top,
		    enum stack_exec stack_exec) __must_check;

/* ---- Randomisation: nothing moves unless exec->randomize ---------------------------------------- */

/*
 * Whole pages, less than @range bytes.  Linux's ranges are made for 47 bits of address; a smaller
 * address space gets them in proportion.
 */
unsigned long exec_random_offset(struct binprm *bprm, unsigned long range);
/* Lower @p by up to 8 KiB and align it for the ABI.  Linux: arch_align_stack(). */
unsigned long exec_align_stack(struct binprm *bprm, unsigned long p);

/* ---- init_stack.c ------------------------------------------------------------------------------- */

struct elf_tables {
	unsigned long entry;	 /* AT_ENTRY */
	unsigned long phdr_addr; /* AT_PHDR */
	unsigned int phnum;	 /* AT_PHNUM */
};

/* argc, argv, envp and the auxiliary vector below bprm->p, which becomes the stack pointer. */
int create_elf_tables(struct binprm *bprm, const struct elf_tables *tables) __must_check;

/* Length of a string on the stack, its NUL included; 0 when it cannot be read or has no end. */
size_t strnlen_user(struct mm *mm, unsigned long addr, size_t max);
