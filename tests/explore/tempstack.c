// SPDX-License-Identifier: MIT
/*
 * tempstack.c - races/2010-exec-tempstack/race.gw as a scenario in C
 *
 * An example of the interface, for what text cannot say, and a second way to the same search: it
 * must come to the same number of traces.
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
#include "tempstack.h"

#include "tiny_program.h"

#define STACK_SEED 1

struct tempstack {
	struct mapping *program;
	struct gw_exec exec;
};

static void setup(struct world *world)
{
	struct tempstack *race = world->data;
	int err = memory_file_map(world, &tiny_program, "/bin/true", &race->program);

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

const struct gw_scenario tempstack_in_c = {
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
