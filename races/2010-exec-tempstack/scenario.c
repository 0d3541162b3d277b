// SPDX-License-Identifier: MIT
/*
 * 2010-exec-tempstack - exec moves its stack between the two walks of a migration
 *
 *	E: execve				M: migration of all pages
 *						lock the page
 *						walk: old address, set a migration entry
 *	vma_expand(): walks look elsewhere
 *						copy the page
 *						walk: new address, nothing there
 *						unlock the page
 *	move_page_tables(): the entry moves
 *	writes argc: a migration entry of
 *	a page that nobody has locked
 *
 * E runs the core's exec of a program of one page, M the core's migration of every address space,
 * the half-built one included.  Neither knows of the other.
 *
 * The stack of a 64-bit program moves only if its place is randomised, as on Linux.  The machine's
 * generator is seeded with a number that moves it by a few pages.
 *
 * Guard: skip-temporary-stack.  Must break without it: the assertion that a migration entry names
 * a locked page, or validation, which finds the entry left behind.
 * Linux a8bef8ff6ea1 ("mm: migration: avoid race between shift_arg_pages() and rmap_walk() during
 * migration by not migrating temporary stacks"), 2.6.35.
 */
#include "scenario_list.h"

#include <elf.h>
#include <string.h>

#define PROGRAM_BASE 0x400000ul
#define STACK_SEED   1

struct tempstack {
	struct mapping *program;
	struct gw_exec exec;
};

/* ---- The program ------------------------------------------------------------------------------------- */

/* exit(0), which nobody runs: the race is over before the first instruction. */
static const struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	unsigned char code[9];
} program = {
	.header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = PROGRAM_BASE + offsetof(struct program, code),
		.e_phoff = offsetof(struct program, segments),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	},
	.segments = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = PROGRAM_BASE,
		  .p_filesz = sizeof(struct program), .p_memsz = sizeof(struct program),
		  .p_align = GW_PAGE_SIZE },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	},
	.code = { 0x31, 0xff, 0xb8, 0x3c, 0x00, 0x00, 0x00, 0x0f, 0x05 },
};

static const struct memory_file program_file = { .bytes = &program, .size = sizeof(program) };

static void setup(struct world *world)
{
	struct tempstack *race = world->data;
	int err = memory_file_map(world, &program_file, "/bin/true", &race->program);

	scenario_expect(err == 0, "the program's file: error %d", err);
}

/* ---- E ----------------------------------------------------------------------------------------------- */

static int open_program(void *host, const char *path, struct mapping **mapping)
{
	struct world *world = host;
	struct tempstack *race = world->data;

	(void)path;
	world->core->mapping_get(race->program);
	*mapping = race->program;
	return 0;
}

static void run_exec(struct world *world)
{
	static const char *const argv[] = { "/bin/true" };
	struct tempstack *race = world->data;
	int err;

	race->exec = (struct gw_exec){
		.filename = argv[0],
		.argv = argv,
		.argc = 1,
		.open = open_program,
		.host = world,
		.limits = { .as = ~0ull, .data = ~0ull, .stack = 8ul << 20, .memlock = 8ul << 20 },
		.platform = "x86_64",
		.randomize = true,
	};
	err = world->core->exec(world->machine, &race->exec);
	scenario_expect(err == 0, "exec: error %d: %s", err, race->exec.failure);
}

/* ---- M ----------------------------------------------------------------------------------------------- */

static void run_migration(struct world *world)
{
	struct gw_migrate migrate = { .mode = GW_MIGRATE_ASYNC, .reason = GW_MR_COMPACTION };
	int err = world->core->migrate_all(world->machine, &migrate);

	scenario_expect(err == 0, "migration: error %d", err);
}

/* ---- What must hold ------------------------------------------------------------------------------------ */

/* The program's first instructions read argc. */
static void touch_stack(struct world *world)
{
	const struct tempstack *race = world->data;
	uint64_t argc = 0;
	enum gw_fault fault;

	fault = world->core->load(race->exec.mm, race->exec.sp, &argc, sizeof(argc));
	scenario_expect(fault == GW_FAULT_DONE && argc == 1, "argc: fault %d, value %llu", fault,
			(unsigned long long)argc);
}

const struct gw_scenario race_2010_exec_tempstack = {
	.name = "2010-exec-tempstack",
	.summary = "exec moves its stack between the two walks of a migration",
	.guards = 1ull << GW_GUARD_skip_temporary_stack,
	.breaks = "a migration entry",
	.nr_frames = 16,
	.nr_cpus = 2,
	.task_size = 1ul << 30,
	.migrate_passes = 1,
	.seed = STACK_SEED,
	.data_size = sizeof(struct tempstack),
	.setup = setup,
	.tasks = {
		{ .name = "E", .cpu = 0, .run = run_exec, .start_at = "setup_arg_pages" },
		{ .name = "M", .cpu = 1, .run = run_migration, .start_at = "migrate_pages_batch" },
	},
	.check = touch_stack,
};
