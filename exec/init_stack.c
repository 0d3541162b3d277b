// SPDX-License-Identifier: MIT
/*
 * init_stack.c - argc, argv, envp and the auxiliary vector
 *
 * Where a program finds itself when it starts, from the stack pointer up:
 *
 *	argc
 *	argv[0] .. argv[argc - 1], 0
 *	envp[0] .. envp[envc - 1], 0
 *	auxiliary vector: pairs, the last one 0, 0
 *	(up to 8 bytes, so that the stack pointer is a multiple of 16)
 *	16 random bytes, the platform's name
 *	(up to 8 KiB when the stack is randomised)
 *	the strings of argv and envp, the file name		<- since bprm_copy_arguments()
 *
 * Linux: create_elf_tables() of fs/binfmt_elf.c (6.12).  Left out of the vector: AT_SYSINFO_EHDR,
 * as there is no vDSO, and AT_RSEQ_*, as there are no restartable sequences.
 */
#include "binprm.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "uaccess.h"

#define CLOCK_TICKS  100 /* of times(2), per second */
#define PLATFORM_MAX 64	 /* bytes of AT_PLATFORM's string */

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* Below the strings: what the vector points at. */
struct stack_data {
	unsigned long platform; /* 0: none */
	unsigned long random;
};

static int put_stack_data(struct binprm *bprm, unsigned long *p, struct stack_data *data);
static void fill_auxv(struct binprm *bprm, const struct elf_tables *tables,
		      const struct stack_data *data);
static int extend_stack(struct mm *mm, unsigned long addr);
static int put_vectors(struct binprm *bprm);

int create_elf_tables(struct binprm *bprm, const struct elf_tables *tables)
{
	unsigned long p = exec_align_stack(bprm, bprm->p);
	unsigned long nr_words;
	struct stack_data data = { 0 };
	int err;

	err = put_stack_data(bprm, &p, &data);
	if (err)
		return err;
	fill_auxv(bprm, tables, &data);
	nr_words = 1 + (unsigned long)bprm->argc + 1 + (unsigned long)bprm->envc + 1;
	nr_words += (unsigned long)bprm->exec->auxv_words;
	bprm->p = ALIGN_DOWN(p - nr_words * sizeof(uint64_t), 16);
	err = extend_stack(bprm->mm, bprm->p);
	if (err)
		return err;
	return put_vectors(bprm);
}

/* ---- What the auxiliary vector points at ---------------------------------------------------------------- */

static int put_stack_data(struct binprm *bprm, unsigned long *p, struct stack_data *data)
{
	const char *platform = bprm->exec->platform;
	uint64_t random[2] = { machine_random(bprm->machine), machine_random(bprm->machine) };

	if (platform) {
		const char *nul = memchr(platform, '\0', PLATFORM_MAX);
		size_t size = nul ? (size_t)(nul - platform) + 1 : 0;

		if (!nul)
			return -EINVAL;
		*p -= size;
		data->platform = *p;
		if (copy_to_user(bprm->mm, *p, platform, size))
			return -EFAULT;
	}
	*p -= sizeof(random);
	data->random = *p;
	return copy_to_user(bprm->mm, *p, random, sizeof(random)) ? -EFAULT : 0;
}

static void put_aux(struct gw_exec *exec, uint64_t type, uint64_t value)
{
	ASSERT(exec->auxv_words + 2 <= 2 * GW_EXEC_AUXV_MAX);
	exec->auxv[exec->auxv_words++] = type;
	exec->auxv[exec->auxv_words++] = value;
}

/* The order is Linux's. */
static void fill_auxv(struct binprm *bprm, const struct elf_tables *tables,
		      const struct stack_data *data)
{
	struct gw_exec *exec = bprm->exec;

	exec->auxv_words = 0;
	if (exec->minsigstksz) /* a C library takes 0 for an answer, and a wrong one */
		put_aux(exec, AT_MINSIGSTKSZ, exec->minsigstksz);
	put_aux(exec, AT_HWCAP, exec->hwcap);
	put_aux(exec, AT_PAGESZ, PAGE_SIZE);
	put_aux(exec, AT_CLKTCK, CLOCK_TICKS);
	put_aux(exec, AT_PHDR, tables->phdr_addr);
	put_aux(exec, AT_PHENT, sizeof(Elf64_Phdr));
	put_aux(exec, AT_PHNUM, tables->phnum);
	put_aux(exec, AT_BASE, 0);
	put_aux(exec, AT_FLAGS, 0);
	put_aux(exec, AT_ENTRY, tables->entry);
	put_aux(exec, AT_UID, exec->uid);
	put_aux(exec, AT_EUID, exec->euid);
	put_aux(exec, AT_GID, exec->gid);
	put_aux(exec, AT_EGID, exec->egid);
	put_aux(exec, AT_SECURE, exec->euid != exec->uid || exec->egid != exec->gid);
	put_aux(exec, AT_RANDOM, data->random);
	put_aux(exec, AT_HWCAP2, exec->hwcap2);
	put_aux(exec, AT_EXECFN, bprm->execfn);
	if (data->platform)
		put_aux(exec, AT_PLATFORM, data->platform);
	put_aux(exec, AT_NULL, 0);
}

/* ---- Vectors ---------------------------------------------------------------------------------------------- */

/* The vectors may be larger than what has been mapped below the strings. */
static int extend_stack(struct mm *mm, unsigned long addr)
{
	struct vma *vma;
	int err = 0;

	mmap_write_lock(mm);
	vma = vma_find(mm, addr);
	if (!vma)
		err = -EFAULT;
	else if (vma->start > addr)
		err = (vma->flags & VM_GROWSDOWN) ? expand_stack(mm, vma, addr) : -EFAULT;
	mmap_write_unlock(mm);
	return err ? -EFAULT : 0;
}

static int put_user(struct mm *mm, uint64_t word, unsigned long *at)
{
	int err = copy_to_user(mm, *at, &word, sizeof(word));

	*at += sizeof(word);
	return err ? -EFAULT : 0;
}

/* Pointers to @nr strings that follow one another from *@string on, and a null pointer. */
static int put_pointers(struct mm *mm, int nr, unsigned long *at, unsigned long *string)
{
	while (nr-- > 0) {
		size_t len;

		if (put_user(mm, *string, at))
			return -EFAULT;
		len = strnlen_user(mm, *string, MAX_ARG_STRLEN);
		if (!len)
			return -EINVAL;
		*string += len;
	}
	return put_user(mm, 0, at);
}

static int put_vectors(struct binprm *bprm)
{
	const struct gw_exec *exec = bprm->exec;
	struct mm *mm = bprm->mm;
	unsigned long at = bprm->p, arg_start = mm->arg_start;
	unsigned long string = arg_start, arg_end;
	int err;

	err = put_user(mm, (uint64_t)bprm->argc, &at);
	if (!err)
		err = put_pointers(mm, bprm->argc, &at, &string);
	arg_end = string;
	if (!err)
		err = put_pointers(mm, bprm->envc, &at, &string);
	if (err)
		return err;
	mmap_write_lock(mm);
	mm->arg_end = arg_end;
	mm->env_start = arg_end;
	mm->env_end = string;
	mmap_write_unlock(mm);
	return copy_to_user(mm, at, exec->auxv, (size_t)exec->auxv_words * sizeof(uint64_t))
		       ? -EFAULT
		       : 0;
}

size_t strnlen_user(struct mm *mm, unsigned long addr, size_t max)
{
	char piece[256];
	size_t len = 0;

	while (len < max) {
		size_t size = min(max - len, sizeof(piece));
		long nr = strncpy_from_user(mm, piece, addr + len, size);

		if (nr >= 0)
			return len + (size_t)nr + 1;
		if (nr != -ENAMETOOLONG)
			return 0;
		len += size;
	}
	return 0;
}
