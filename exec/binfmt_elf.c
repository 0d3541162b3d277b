// SPDX-License-Identifier: MIT
/*
 * binfmt_elf.c - static ELF executables, fixed and position independent
 *
 * What can be checked is checked before begin_new_exec(), where a bad file is still an errno of
 * execve(2).  That is little: the header and the shape of the program header table.  Segments are
 * looked at one by one while they are mapped, as Linux does, so that a bad one kills.  Sizes and
 * offsets of a file may be anything, and sums of them wrap; mmap() answers for what comes out.
 *
 * A fixed program (ET_EXEC) is mapped where its headers say.  A position-independent one without
 * interpreter (ET_DYN) goes where mmap() puts it, below the stack; it may be a dynamic linker that
 * is about to load a program into the usual place, two thirds up.  Its heap goes there instead.
 *
 * Linux: fs/binfmt_elf.c (6.12).  Not modelled: PT_INTERP, which is refused by name; properties
 * of PT_GNU_PROPERTY, of which x86 reads none; x32 and 32 bits; core dumps.
 */
#include "binprm.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "uaccess.h"

#define ERRNO_MAX  4095
#define PHDRS_SIZE 65536 /* Linux had one page as its limit for a while, up to 6.12 */

/* For address spaces of 47 bits, see exec_random_offset(). */
#define BRK_RANDOM_RANGE (1ul << 30)

BUILD_ASSERT(sizeof(Elf64_Ehdr) <= BINPRM_BUF_SIZE);

/* One program on its way into bprm->mm. */
struct elf_load {
	struct binprm *bprm;
	const Elf64_Ehdr *ehdr; /* in bprm->buf */
	const Elf64_Phdr *phdrs;
	struct folio *table; /* 2^table_order frames that hold @phdrs */
	int table_order;
	enum stack_exec stack_exec;

	/* What mapping the segments finds out; addresses as the file has them, without the bias. */
	bool placed;	    /* the first segment is mapped, and the bias is known */
	unsigned long bias; /* what is added to every address of the file */
	unsigned long phdr_addr;
	unsigned long start_code, end_code, start_data, end_data, brk;
};

static int check_elf_header(struct elf_load *load);
static int load_elf_phdrs(struct elf_load *load);
static int check_interpreter(struct elf_load *load);
static int load_program(struct elf_load *load);
static void free_elf_phdrs(struct elf_load *load);

int load_elf_binary(struct binprm *bprm)
{
	struct elf_load load = {
		.bprm = bprm,
		.ehdr = (const Elf64_Ehdr *)bprm->buf,
		.stack_exec = STACK_EXEC_DEFAULT,
		.start_code = ~0ul,
	};
	int err;

	err = check_elf_header(&load);
	if (err)
		return err;
	err = load_elf_phdrs(&load);
	if (err)
		return err;
	err = check_interpreter(&load);
	if (!err)
		err = load_program(&load);
	free_elf_phdrs(&load);
	return err;
}

#define for_each_phdr(load, phdr)                                                                  \
	for (phdr = (load)->phdrs; phdr < (load)->phdrs + (load)->ehdr->e_phnum; phdr++)

/* ---- Before the point of no return ------------------------------------------------------------------- */

/* Linux does not look at the class: who claims to be x86-64 is taken for ELF64. */
static int check_elf_header(struct elf_load *load)
{
	const Elf64_Ehdr *ehdr = load->ehdr;

	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC; /* the next handler's turn */
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return bprm_fail(load->bprm, -ENOEXEC, "an ELF file, but no executable");
	if (ehdr->e_machine != EM_X86_64)
		return bprm_fail(load->bprm, -ENOEXEC, "an ELF program for another processor");
	return 0;
}

/* All of [@offset, @offset + @len), with the errnos of kernel_read(). */
static int elf_read(struct elf_load *load, void *to, size_t len, uint64_t offset)
{
	long nr;

	if (offset > LLONG_MAX || offset + len > LLONG_MAX)
		return -EINVAL;
	nr = mapping_read(load->bprm->file, to, len, offset);
	if (nr < 0)
		return (int)nr;
	return (size_t)nr == len ? 0 : -EIO;
}

/*
 * To Linux a table that cannot be read is one more thing that makes a file no ELF program; only a
 * lack of memory is told apart here.
 */
static int load_elf_phdrs(struct elf_load *load)
{
	static const char *const bad_table = "the ELF program header table is malformed";
	const Elf64_Ehdr *ehdr = load->ehdr;
	struct machine *machine = load->bprm->machine;
	size_t size = (size_t)ehdr->e_phnum * sizeof(Elf64_Phdr);
	void *phdrs;
	int err;

	if (ehdr->e_phentsize != sizeof(Elf64_Phdr) || !size || size > PHDRS_SIZE)
		return bprm_fail(load->bprm, -ENOEXEC, bad_table);
	while (PAGE_SIZE << load->table_order < size)
		load->table_order++;
	load->table = folios_alloc(machine, GFP_CORE, GW_NODE_ANY, load->table_order);
	if (!load->table)
		return -ENOMEM;
	phdrs = folio_address(machine, load->table);
	load->phdrs = phdrs;
	err = elf_read(load, phdrs, size, ehdr->e_phoff);
	if (err) {
		free_elf_phdrs(load);
		return err == -ENOMEM ? err : bprm_fail(load->bprm, -ENOEXEC, bad_table);
	}
	return 0;
}

static void free_elf_phdrs(struct elf_load *load)
{
	folios_free(load->bprm->machine, load->table, load->table_order);
	load->table = NULL;
	load->phdrs = NULL;
}

/* A path that Linux would have gone on to open; anything else fails as it does there. */
static int check_interpreter_path(struct elf_load *load, const Elf64_Phdr *phdr)
{
	static const char *const bad_path = "the path of the ELF interpreter is malformed";
	char last;
	int err;

	if (phdr->p_filesz > PATH_MAX || phdr->p_filesz < 2)
		return bprm_fail(load->bprm, -ENOEXEC, bad_path);
	if (phdr->p_offset > LLONG_MAX)
		return bprm_fail(load->bprm, -EINVAL, bad_path);
	err = elf_read(load, &last, 1, phdr->p_offset + phdr->p_filesz - 1);
	if (err)
		return bprm_fail(load->bprm, err, bad_path);
	return last ? bprm_fail(load->bprm, -ENOEXEC, bad_path) : 0;
}

static int check_interpreter(struct elf_load *load)
{
	const Elf64_Phdr *phdr;
	int err;

	for_each_phdr(load, phdr)
	{
		if (phdr->p_type != PT_INTERP)
			continue;
		err = check_interpreter_path(load, phdr);
		if (err)
			return err;
		return bprm_fail(load->bprm, -ENOEXEC, "dynamically linked: link it statically");
	}
	return 0;
}

/* ---- The new address space ----------------------------------------------------------------------------- */

static void read_stack_header(struct elf_load *load);
static int map_segment(struct elf_load *load, const Elf64_Phdr *phdr);
static int finish_address_space(struct elf_load *load);

static bool bad_addr(const struct elf_load *load, unsigned long addr)
{
	return addr >= load->bprm->mm->task_size;
}

/* Of an address that is bad, because it is an errno or because the file says so. */
static int address_error(long addr)
{
	return addr < 0 && addr >= -ERRNO_MAX ? (int)addr : -EINVAL;
}

static int load_program(struct elf_load *load)
{
	struct binprm *bprm = load->bprm;
	const Elf64_Phdr *phdr;
	int err;

	read_stack_header(load);
	begin_new_exec(bprm);
	setup_new_exec(bprm);
	err = setup_arg_pages(bprm,
			      bprm->mm->task_size - exec_random_offset(bprm, STACK_RANDOM_RANGE),
			      load->stack_exec);
	if (err)
		return err;
	for_each_phdr(load, phdr)
	{
		if (phdr->p_type != PT_LOAD)
			continue;
		err = map_segment(load, phdr);
		if (err)
			return bprm_fail(bprm, err,
					 "a segment of the ELF program cannot be mapped");
	}
	if (bad_addr(load, load->ehdr->e_entry + load->bias))
		return bprm_fail(bprm, -EINVAL, "the entry point is outside the address space");
	return finish_address_space(load);
}

/* The last PT_GNU_STACK counts. */
static void read_stack_header(struct elf_load *load)
{
	const Elf64_Phdr *phdr;

	for_each_phdr(load, phdr)
	{
		if (phdr->p_type == PT_GNU_STACK)
			load->stack_exec =
				phdr->p_flags & PF_X ? STACK_EXEC_ENABLE : STACK_EXEC_DISABLE;
	}
}

static int finish_address_space(struct elf_load *load)
{
	struct binprm *bprm = load->bprm;
	struct mm *mm = bprm->mm;
	bool fixed = load->ehdr->e_type == ET_EXEC;
	struct elf_tables tables = {
		.entry = load->ehdr->e_entry + load->bias,
		.phdr_addr = load->phdr_addr + load->bias,
		.phnum = load->ehdr->e_phnum,
	};
	unsigned long brk;
	int err;

	err = create_elf_tables(bprm, &tables);
	if (err)
		return bprm_fail(bprm, err, "the arguments could not be written to the stack");
	brk = ALIGN_UP(fixed ? load->brk + load->bias : mm->task_size / 3 * 2, PAGE_SIZE);
	if (bprm->exec->randomize) {
		if (fixed)
			brk += PAGE_SIZE; /* never right behind the bss */
		brk += exec_random_offset(bprm, BRK_RANDOM_RANGE);
	}
	mmap_write_lock(mm);
	mm->start_code = load->start_code + load->bias;
	mm->end_code = load->end_code + load->bias;
	mm->start_data = load->start_data + load->bias;
	mm->end_data = load->end_data + load->bias;
	mm->start_stack = bprm->p;
	mm->start_brk = brk;
	mm->brk = brk;
	mmap_write_unlock(mm);
	bprm->exec->entry = tables.entry;
	bprm->exec->sp = bprm->p;
	return 0;
}

/* ---- Segments ------------------------------------------------------------------------------------------- */

static int place_program(struct elf_load *load, const Elf64_Phdr *first, int *flags,
			 unsigned long *total_size);
static long elf_load_segment(struct elf_load *load, unsigned long addr, const Elf64_Phdr *phdr,
			     int flags, unsigned long total_size);
static int note_segment(struct elf_load *load, const Elf64_Phdr *phdr);

/*
 * The first segment must not hit anything, in particular the stack; the later ones may replace
 * parts of the earlier ones.
 */
static int map_segment(struct elf_load *load, const Elf64_Phdr *phdr)
{
	unsigned long total_size = 0;
	int flags = MAP_PRIVATE;
	long addr;
	int err;

	if (load->placed) {
		flags |= MAP_FIXED;
	} else if (load->ehdr->e_type == ET_EXEC) {
		flags |= MAP_FIXED_NOREPLACE;
	} else {
		err = place_program(load, phdr, &flags, &total_size);
		if (err)
			return err;
	}
	addr = elf_load_segment(load, load->bias + phdr->p_vaddr, phdr, flags, total_size);
	if (bad_addr(load, (unsigned long)addr))
		return address_error(addr);
	if (!load->placed && load->ehdr->e_type == ET_DYN)
		load->bias +=
			(unsigned long)addr - ALIGN_DOWN(load->bias + phdr->p_vaddr, PAGE_SIZE);
	load->placed = true;
	return note_segment(load, phdr);
}

/* From the lowest byte to the highest, of all segments.  Linux: total_mapping_size(). */
static unsigned long total_mapping_size(const struct elf_load *load)
{
	unsigned long lowest = ~0ul, highest = 0;
	const Elf64_Phdr *phdr;

	for_each_phdr(load, phdr)
	{
		if (phdr->p_type != PT_LOAD)
			continue;
		lowest = min(lowest, ALIGN_DOWN(phdr->p_vaddr, PAGE_SIZE));
		highest = max(highest, phdr->p_vaddr + phdr->p_memsz);
	}
	return highest - lowest;
}

/* The largest that any segment asks for; what is no power of two is no request. */
static unsigned long maximum_alignment(const struct elf_load *load)
{
	unsigned long alignment = PAGE_SIZE;
	const Elf64_Phdr *phdr;

	for_each_phdr(load, phdr)
	{
		if (phdr->p_type == PT_LOAD && !(phdr->p_align & (phdr->p_align - 1)))
			alignment = max(alignment, phdr->p_align);
	}
	return alignment;
}

/*
 * Choose the bias of a position-independent program, so that mapping its first segment @first with
 * all of @total_size finds room for the others.  A larger alignment than a page's is had by mapping
 * the program once for a try, and again at a multiple below.
 */
static int place_program(struct elf_load *load, const Elf64_Phdr *first, int *flags,
			 unsigned long *total_size)
{
	unsigned long alignment = maximum_alignment(load);
	unsigned long at = 0;

	*total_size = total_mapping_size(load);
	if (!*total_size)
		return -EINVAL;
	if (alignment > PAGE_SIZE) {
		long addr = elf_load_segment(load, 0, first, *flags, *total_size);

		if (bad_addr(load, (unsigned long)addr))
			return address_error(addr);
		at = (unsigned long)addr;
		if (mm_munmap(load->bprm->mm, at, *total_size) == -ENOMEM)
			return -ENOMEM;
		at = ALIGN_DOWN(at, alignment);
		*flags |= MAP_FIXED_NOREPLACE;
	}
	load->bias = ALIGN_DOWN(at - first->p_vaddr, PAGE_SIZE);
	return 0;
}

/* What the address space and the program want to know of where things are. */
static int note_segment(struct elf_load *load, const Elf64_Phdr *phdr)
{
	unsigned long task_size = load->bprm->mm->task_size;
	unsigned long start = phdr->p_vaddr, file_end;

	if (phdr->p_offset <= load->ehdr->e_phoff &&
	    load->ehdr->e_phoff < phdr->p_offset + phdr->p_filesz)
		load->phdr_addr = load->ehdr->e_phoff - phdr->p_offset + phdr->p_vaddr;
	if (bad_addr(load, start) || phdr->p_filesz > phdr->p_memsz || phdr->p_memsz > task_size ||
	    task_size - phdr->p_memsz < start)
		return -EINVAL;

	file_end = start + phdr->p_filesz;
	if (phdr->p_flags & PF_X) {
		load->start_code = min(load->start_code, start);
		load->end_code = max(load->end_code, file_end);
	}
	load->start_data = max(load->start_data, start);
	load->end_data = max(load->end_data, file_end);
	load->brk = max(load->brk, start + phdr->p_memsz);
	return 0;
}

/* ---- One segment ---------------------------------------------------------------------------------------- */

static long elf_map(struct elf_load *load, unsigned long addr, const Elf64_Phdr *phdr, int flags,
		    unsigned long total_size);
static int padzero(struct elf_load *load, unsigned long addr);
static int map_bss(struct elf_load *load, unsigned long start, unsigned long end, int prot);

static int segment_prot(const Elf64_Phdr *phdr)
{
	int prot = PROT_NONE;

	if (phdr->p_flags & PF_R)
		prot |= PROT_READ;
	if (phdr->p_flags & PF_W)
		prot |= PROT_WRITE;
	if (phdr->p_flags & PF_X)
		prot |= PROT_EXEC;
	return prot;
}

/*
 * File pages, then zeros up to the end of the last of these, then anonymous pages.
 * Linux: elf_load().  => the first page's address, or a negative errno
 */
static long elf_load_segment(struct elf_load *load, unsigned long addr, const Elf64_Phdr *phdr,
			     int flags, unsigned long total_size)
{
	unsigned long in_page = phdr->p_vaddr & ~PAGE_MASK;
	unsigned long file_end, end;
	int prot = segment_prot(phdr);
	long at = (long)ALIGN_DOWN(addr, PAGE_SIZE);
	int err;

	if (phdr->p_filesz) {
		at = elf_map(load, addr, phdr, flags, total_size);
		if (bad_addr(load, (unsigned long)at))
			return at;
	}
	if (phdr->p_memsz <= phdr->p_filesz)
		return at;
	file_end = (unsigned long)at + (phdr->p_filesz ? in_page + phdr->p_filesz : 0);
	end = (unsigned long)at + in_page + phdr->p_memsz;
	/* A segment that is not writable keeps the rest of the file's page. */
	if (phdr->p_filesz && padzero(load, file_end) && (prot & PROT_WRITE))
		return -EFAULT;
	err = map_bss(load, ALIGN_UP(file_end, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE), prot);
	return err ? err : at;
}

static long mmap_file(struct elf_load *load, unsigned long addr, unsigned long len, int prot,
		      int flags, unsigned long offset)
{
	struct gw_mmap args = {
		.addr = addr,
		.len = len,
		.prot = prot,
		.flags = flags,
		.mapping = load->bprm->file,
		.pgoff = offset >> PAGE_SHIFT,
	};

	if (offset & ~PAGE_MASK || offset + ALIGN_UP(len, PAGE_SIZE) < offset)
		return -EINVAL;
	return mm_mmap(load->bprm->mm, &args);
}

/*
 * With @total_size the room for the whole program is looked for by mapping this segment as large
 * as that; what is too much goes again.
 */
static long elf_map(struct elf_load *load, unsigned long addr, const Elf64_Phdr *phdr, int flags,
		    unsigned long total_size)
{
	unsigned long in_page = phdr->p_vaddr & ~PAGE_MASK;
	unsigned long size = ALIGN_UP(phdr->p_filesz + in_page, PAGE_SIZE);
	unsigned long offset = phdr->p_offset - in_page;
	int prot = segment_prot(phdr);
	long at;

	addr = ALIGN_DOWN(addr, PAGE_SIZE);
	if (!size)
		return (long)addr; /* the sum has wrapped: note_segment() refuses it */
	if (!total_size)
		return mmap_file(load, addr, size, prot, flags, offset);

	total_size = ALIGN_UP(total_size, PAGE_SIZE);
	at = mmap_file(load, addr, total_size, prot, flags, offset);
	if (!bad_addr(load, (unsigned long)at) &&
	    mm_munmap(load->bprm->mm, (unsigned long)at + size, total_size - size) == -ENOMEM)
		return -ENOMEM;
	return at;
}

/* Zero from @addr to the end of its page. */
static int padzero(struct elf_load *load, unsigned long addr)
{
	static const char zeros[256];
	unsigned long end = ALIGN_UP(addr, PAGE_SIZE);
	int err = 0;

	while (addr < end && !err) {
		size_t len = min(end - addr, sizeof(zeros));

		err = copy_to_user(load->bprm->mm, addr, zeros, len);
		addr += len;
	}
	return err;
}

/* Writable whatever the segment says.  Linux: vm_brk_flags(). */
static int map_bss(struct elf_load *load, unsigned long start, unsigned long end, int prot)
{
	struct gw_mmap args = {
		.addr = start,
		.len = end - start,
		.prot = PROT_READ | PROT_WRITE | (prot & PROT_EXEC),
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	};
	long addr;

	if (start == end)
		return 0;
	addr = mm_mmap(load->bprm->mm, &args);
	return addr < 0 ? (int)addr : 0;
}
