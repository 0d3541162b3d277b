// SPDX-License-Identifier: MIT
/*
 * exec_storm.c - fails when a page that moves while exec builds a stack is lost or left half moved
 *
 * The race of Linux a8bef8ff6ea1 on real threads: CPU 0 executes a small program over and over,
 * CPU 1 migrates everything all the time.  What exec wrote, and what is written after it, must be
 * read back; in the end no migration entry may be left.
 */
#include "rig.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#define PAGE	  GW_PAGE_SIZE
#define TEXT	  0x400000ul
#define DATA	  0x500000ul
#define NR_PAGES  3 /* of the file: header, text, data */
#define BSS_PAGES 4
#define ARGS_MAX  120 /* many: the longer the stack is built and moved, the better */
#define ARG_LEN	  700
#define STACK_USE 20 /* pages touched below the stack pointer */

/* ---- A program in memory -------------------------------------------------------------------------- */

static unsigned char file_byte(size_t offset)
{
	return (unsigned char)(offset * 11 + offset / PAGE);
}

static void compose_headers(unsigned char *page)
{
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = TEXT + PAGE,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	Elf64_Phdr phdrs[3] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_offset = 0,
		  .p_vaddr = TEXT,
		  .p_filesz = 2 * PAGE,
		  .p_memsz = 2 * PAGE,
		  .p_align = PAGE },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_offset = 2 * PAGE,
		  .p_vaddr = DATA,
		  .p_filesz = 1000,
		  .p_memsz = (1 + BSS_PAGES) * PAGE,
		  .p_align = PAGE },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	};

	memcpy(page, &ehdr, sizeof(ehdr));
	memcpy(page + sizeof(ehdr), phdrs, sizeof(phdrs));
}

static int read_page(void *file, unsigned long pgoff, void *to)
{
	unsigned char *bytes = to;

	(void)file;
	for (size_t i = 0; i < PAGE; i++)
		bytes[i] = file_byte(pgoff * PAGE + i);
	if (pgoff == 0)
		compose_headers(bytes);
	return 0;
}

static void release(void *file)
{
	(void)file;
}

static const struct gw_mapping_ops file_ops = { .read_page = read_page, .release = release };

static int open_file(void *host, const char *path, struct mapping **mapping)
{
	struct rig *rig = host;
	const struct gw_mapping_info info = {
		.ops = &file_ops, .size = NR_PAGES * PAGE, .name = path, .dev = 1, .ino = 1
	};

	return rig->core->mapping_create(rig->machine, &info, mapping);
}

/* ---- What it should find ------------------------------------------------------------------------- */

struct program {
	struct worker *worker;
	struct mm *mm;
	unsigned long sp;
	int argc;
	char args[ARGS_MAX][ARG_LEN + 1];
};

static void load(struct program *program, unsigned long addr, void *to, size_t len)
{
	enum gw_fault fault = program->worker->rig->core->load(program->mm, addr, to, len);

	RIG_CHECK(fault == GW_FAULT_DONE, "load of %#lx ended with %d", addr, fault);
}

static void store(struct program *program, unsigned long addr, const void *from, size_t len)
{
	enum gw_fault fault = program->worker->rig->core->store(program->mm, addr, from, len);

	RIG_CHECK(fault == GW_FAULT_DONE, "store to %#lx ended with %d", addr, fault);
}

static void compose_args(struct program *program)
{
	struct prng *prng = &program->worker->prng;

	program->argc = 1 + (int)prng_below(prng, ARGS_MAX);
	for (int i = 0; i < program->argc; i++) {
		size_t len = prng_below(prng, ARG_LEN + 1);

		memset(program->args[i], 'a' + (int)prng_below(prng, 26), len);
		program->args[i][len] = '\0';
	}
}

static void check_args(struct program *program)
{
	uint64_t argc;

	load(program, program->sp, &argc, sizeof(argc));
	RIG_CHECK(argc == (uint64_t)program->argc, "argc is %lu, not %d", (unsigned long)argc,
		  program->argc);
	for (int i = 0; i < program->argc; i++) {
		char found[ARG_LEN + 1];
		size_t len = strlen(program->args[i]) + 1;
		uint64_t pointer;

		load(program, program->sp + 8 + 8 * (unsigned long)i, &pointer, sizeof(pointer));
		load(program, pointer, found, len);
		RIG_CHECK(memcmp(found, program->args[i], len) == 0, "argument %d is wrong", i);
	}
}

/* The program grows its stack, as its functions would, and finds there what it stored. */
static void use_stack(struct program *program)
{
	uint64_t key = prng_next(&program->worker->prng), value;

	for (unsigned long i = 1; i <= STACK_USE; i++) {
		value = key + i;
		store(program, program->sp - i * PAGE, &value, sizeof(value));
	}
	for (unsigned long i = 1; i <= STACK_USE; i++) {
		load(program, program->sp - i * PAGE, &value, sizeof(value));
		RIG_CHECK(value == key + i, "page %lu below the stack pointer is wrong", i);
	}
}

static void use_image(struct program *program)
{
	unsigned long offset = PAGE + prng_below(&program->worker->prng, PAGE);
	unsigned long bss = DATA + 1000 + prng_below(&program->worker->prng, BSS_PAGES * PAGE);
	unsigned char byte, zero;

	load(program, TEXT + offset, &byte, 1);
	RIG_CHECK(byte == file_byte(offset), "text at %#lx is wrong", TEXT + offset);
	load(program, DATA + 999, &byte, 1);
	RIG_CHECK(byte == file_byte(2 * PAGE + 999), "data is wrong");
	load(program, bss, &zero, 1);
	RIG_CHECK(zero == 0, "bss at %#lx is %d", bss, zero);
	byte = 99;
	store(program, bss, &byte, 1);
	load(program, bss, &byte, 1);
	RIG_CHECK(byte == 99, "a store to %#lx is lost", bss);
}

/* ---- The storm ----------------------------------------------------------------------------------------- */

static void execute(struct program *program)
{
	struct worker *worker = program->worker;
	const char *argv[ARGS_MAX];
	const char *const envp[] = { "HOME=/", "PATH=/bin" };
	struct gw_exec exec = {
		.filename = "/program",
		.argv = argv,
		.envp = envp,
		.envc = 2,
		.open = open_file,
		.host = worker->rig,
		.limits = { ~0ull, ~0ull, 8 << 20, ~0ull },
		.platform = "x86_64",
		.randomize = true,
	};
	int err;

	compose_args(program);
	for (int i = 0; i < program->argc; i++)
		argv[i] = program->args[i];
	exec.argc = program->argc;
	err = worker->rig->core->exec(worker->rig->machine, &exec);
	RIG_CHECK(err == 0, "exec: %d, %s", err, exec.failure ? exec.failure : "no reason");
	RIG_CHECK(exec.entry == TEXT + PAGE, "entry is %#lx", exec.entry);
	program->mm = exec.mm;
	program->sp = exec.sp;
}

static void exec_all_the_time(struct worker *worker)
{
	struct program *program = worker->arg;

	program->worker = worker;
	while (!rig_time_is_up(worker->rig)) {
		execute(program);
		check_args(program);
		use_stack(program);
		use_image(program);
		worker->rig->core->mm_put(program->mm);
		worker->rounds++;
	}
}

int main(int argc, char **argv)
{
	static struct program program;
	struct worker *exec, *migrate;
	struct rig rig;

	rig_create(&rig, argc, argv);
	exec = rig_add(&rig, "exec", 0, exec_all_the_time, &program);
	migrate = rig_add(&rig, "migrate", 1, rig_migrate_all, NULL);
	rig_run(&rig);
	rig_validate(&rig);
	RIG_CHECK(exec->rounds > 0 && migrate->rounds > 0, "nothing was done");
	RIG_CHECK(rig.guards_off || rig.core->machine_counter(
					    rig.machine, GW_COUNTER_migrate_skip_tmp_stack) > 0,
		  "migration never met a stack that exec was building");
	RIG_CHECK(rig.core->machine_counter(rig.machine, GW_COUNTER_pgmigrate_success) > 0,
		  "no page was moved");
	rig_destroy(&rig);
	return 0;
}
