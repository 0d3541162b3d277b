// SPDX-License-Identifier: MIT
/*
 * scenario_run.c - the operations of a scenario that was read from text, as calls of the core
 *
 * What they keep from one to the next lies in world->data: address spaces, labels, what exec gave.
 * A field of it is written by set-up or by one task, and read by others only when the race is over
 * (scenario_text.c sees to that), so none of it is shared while tasks run.
 *
 * Each task whose operations name a process has a reference to its address space from before the
 * race, as a thread has.  exit gives that one up; what is left at the end stays.
 */
#define _GNU_SOURCE
#include "scenario_text.h"
#include "tiny_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STACK_LIMIT (8ul << 20)

struct text_world {
	struct mm *mms[PROCESSES_MAX];
	struct gw_limits limits[PROCESSES_MAX];
	struct gw_exec execs[PROCESSES_MAX];
	struct mapping *files[FILES_MAX];
	struct mapping *program;
	unsigned long labels[LABELS_MAX];
	struct folio *pins[PINS_MAX]; /* NULL: it failed, or was given back */
	struct text_disk {
		struct disk disk;
		unsigned char bytes[DISK_ROOM];
	} disks[];
};

/* How an operation ended. */
struct ending {
	enum { ENDED_OK, ENDED_ERRNO, ENDED_FAULT } kind;
	uint64_t value; /* of ENDED_OK the value, else the errno or the fault */
};

static const struct gw_limits limits = {
	.as = ~0ull, .data = ~0ull, .stack = STACK_LIMIT, .memlock = STACK_LIMIT
};

static const struct scenario_text *text_of(const struct world *world)
{
	return world->scenario->text;
}

/* 0 and a value, or a negative errno */
static struct ending ended(long result)
{
	if (result < 0)
		return (struct ending){ ENDED_ERRNO, (uint64_t)-result };
	return (struct ending){ ENDED_OK, (uint64_t)result };
}

static struct ending ended_value(uint64_t value)
{
	return (struct ending){ ENDED_OK, value };
}

static struct ending ended_access(enum gw_fault fault, uint64_t value)
{
	if (fault == GW_FAULT_DONE)
		return ended_value(value);
	return (struct ending){ ENDED_FAULT, fault };
}

/* ---- How it was to end ----------------------------------------------------------------------------------- */

static const char *fault_name(uint64_t fault)
{
	static const char *const names[] = {
		[GW_FAULT_DONE] = "done",     [GW_FAULT_MAPERR] = "MAPERR",
		[GW_FAULT_ACCERR] = "ACCERR", [GW_FAULT_SIGBUS] = "SIGBUS",
		[GW_FAULT_OOM] = "OOM",
	};

	return names[fault];
}

static bool is_wanted(const struct wanted *wanted, const struct ending *ending)
{
	switch (wanted->kind) {
	case WANTED_ANY:
		return true;
	case WANTED_OK:
		return ending->kind == ENDED_OK;
	case WANTED_VALUE:
		return ending->kind == ENDED_OK && ending->value >= wanted->low &&
		       ending->value <= wanted->high;
	case WANTED_ERRNO:
		return ending->kind == ENDED_ERRNO && ending->value == wanted->low;
	case WANTED_FAULT:
		return ending->kind == ENDED_FAULT && ending->value == wanted->low;
	}
	return false;
}

static void print_ending(FILE *out, const struct ending *ending)
{
	switch (ending->kind) {
	case ENDED_OK:
		fprintf(out, "%llu", (unsigned long long)ending->value);
		break;
	case ENDED_ERRNO:
		fputs(strerrorname_np((int)ending->value), out);
		break;
	case ENDED_FAULT:
		fputs(fault_name(ending->value), out);
		break;
	}
}

static void print_wanted(FILE *out, const struct wanted *wanted)
{
	switch (wanted->kind) {
	case WANTED_ANY:
		fputs("any", out);
		break;
	case WANTED_OK:
		fputs("ok", out);
		break;
	case WANTED_VALUE:
		fprintf(out, "%llu", (unsigned long long)wanted->low);
		if (wanted->high != wanted->low)
			fprintf(out, "..%llu", (unsigned long long)wanted->high);
		break;
	case WANTED_ERRNO:
		fputs(strerrorname_np((int)wanted->low), out);
		break;
	case WANTED_FAULT:
		fputs(fault_name(wanted->low), out);
		break;
	}
}

/* "17, expected 18 or MAPERR" */
static void describe_ending(char *to, size_t size, const struct operation *op,
			    const struct ending *ending)
{
	static const struct wanted success = { .kind = WANTED_OK };
	FILE *out = fmemopen(to, size, "w");

	if (!out)
		return;
	print_ending(out, ending);
	fputs(", expected ", out);
	if (!op->nr_wanted)
		print_wanted(out, &success);
	for (int i = 0; i < op->nr_wanted; i++) {
		fputs(i ? " or " : "", out);
		print_wanted(out, &op->wanted[i]);
	}
	fclose(out);
}

static void judge(const struct world *world, const struct operation *op,
		  const struct ending *ending)
{
	const char *path = text_of(world)->path ? text_of(world)->path : world->scenario->name;
	char described[256] = "";

	if (!op->nr_wanted && ending->kind == ENDED_OK)
		return;
	for (int i = 0; i < op->nr_wanted; i++)
		if (is_wanted(&op->wanted[i], ending))
			return;
	describe_ending(described, sizeof(described), op, ending);
	explored_panic(path, (int)op->line, world->task ? world->task->name : "setup or expect",
		       "%s: %s", op->words, described);
}

/* ---- Operations ------------------------------------------------------------------------------------------ */

static unsigned long start_brk_of(const struct world *world, const struct operation *op)
{
	const struct text_world *state = world->data;
	struct gw_mm_info info;

	world->core->mm_info(state->mms[op->process], &info);
	return info.start_brk;
}

static unsigned long value_of_address(const struct world *world, const struct operation *op,
				      const struct address *address)
{
	const struct text_world *state = world->data;
	unsigned long base = 0;

	switch (address->base) {
	case ADDRESS_NUMBER:
		break;
	case ADDRESS_LABEL:
		base = state->labels[address->label];
		break;
	case ADDRESS_SP:
		base = state->execs[op->process].sp;
		break;
	case ADDRESS_ENTRY:
		base = state->execs[op->process].entry;
		break;
	case ADDRESS_BRK:
		base = start_brk_of(world, op);
		break;
	}
	return base + address->offset;
}

static unsigned long address_of(const struct world *world, const struct operation *op)
{
	return value_of_address(world, op, &op->address);
}

static int open_program(void *host, const char *path, struct mapping **mapping)
{
	struct world *world = host;
	struct text_world *state = world->data;

	(void)path;
	world->core->mapping_get(state->program);
	*mapping = state->program;
	return 0;
}

/* The old address space goes, as when a process becomes another program. */
static struct ending run_exec(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	struct gw_exec *exec = &state->execs[op->process];
	int err;

	*exec = (struct gw_exec){
		.filename = op->argv[0],
		.argv = op->argv,
		.argc = op->argc,
		.open = open_program,
		.host = world,
		.limits = state->limits[op->process],
		.platform = "x86_64",
		.randomize = op->randomize,
	};
	err = world->core->exec(world->machine, exec);
	if (err)
		return ended(err);
	if (state->mms[op->process])
		world->core->mm_put(state->mms[op->process]);
	state->mms[op->process] = exec->mm;
	return ended(0);
}

static struct ending run_mmap(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	const struct gw_mmap args = {
		.addr = address_of(world, op),
		.len = op->len,
		.prot = op->prot,
		.flags = op->map_flags,
		.mapping = op->file >= 0 ? state->files[op->file] : NULL,
		.pgoff = op->pgoff,
		.writable = op->file >= 0 && text_of(world)->files[op->file].kind != FILE_CONSTANT,
	};
	long addr = world->core->mmap(state->mms[op->process], &args);

	if (addr >= 0 && op->label >= 0)
		state->labels[op->label] = (unsigned long)addr;
	return ended(addr);
}

static struct ending run_mremap(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	long addr = world->core->mremap(state->mms[op->process], address_of(world, op), op->len,
					op->new_len, (unsigned long)op->flags,
					value_of_address(world, op, &op->to));

	if (addr >= 0 && op->label >= 0)
		state->labels[op->label] = (unsigned long)addr;
	return ended(addr);
}

/* What is said of a range, or of all. */
static struct ending run_say(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct mm *mm = state->mms[op->process];

	switch ((int)op->code) {
	case OP_MADVISE:
		return ended(core->madvise(mm, address_of(world, op), op->len, op->advice));
	case OP_MLOCK:
		return ended(core->mlock(mm, address_of(world, op), op->len, op->flags));
	case OP_MUNLOCK:
		return ended(core->munlock(mm, address_of(world, op), op->len));
	case OP_MLOCKALL:
		return ended(core->mlockall(mm, op->flags));
	case OP_MUNLOCKALL:
		return ended(core->munlockall(mm));
	case OP_MSYNC:
		return ended(core->msync(mm, address_of(world, op), op->len, op->flags));
	default:
		return ended(core->mincore(mm, address_of(world, op), op->len,
					   value_of_address(world, op, &op->to)));
	}
}

static struct ending run_limit(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	struct gw_limits *now = &state->limits[op->process];
	uint64_t *const values[] = { &now->as, &now->data, &now->stack, &now->memlock };

	*values[op->limit] = op->value;
	world->core->mm_set_limits(state->mms[op->process], now);
	return ended(0);
}

static struct ending run_migrate(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	struct gw_migrate migrate = { .mode = op->mode, .reason = GW_MR_COMPACTION };
	unsigned long start;
	int err;

	if (op->everything) {
		err = world->core->migrate_all(world->machine, &migrate);
	} else {
		start = address_of(world, op);
		err = world->core->migrate_range(state->mms[op->process], start, start + op->len,
						 &migrate);
	}
	return ended(err ? err : (long)migrate.nr_succeeded);
}

/* As the C library's sbrk(): the kernel's own call tells failure by the old break. */
static struct ending run_brk(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	unsigned long wanted = start_brk_of(world, op) + op->len;

	return ended(world->core->brk(state->mms[op->process], wanted) == wanted ? 0 : -ENOMEM);
}

/* In set-up nobody else holds it yet, and nobody will. */
static struct ending run_exit(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;

	world->core->mm_put(state->mms[op->process]);
	if (!world->task)
		state->mms[op->process] = NULL;
	return ended(0);
}

static struct ending run_fork(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;

	state->limits[op->child] = state->limits[op->process];
	return ended(world->core->fork(state->mms[op->process], &state->mms[op->child]));
}

static struct ending run_pin(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct folio **folio = &state->pins[op->pin];
	struct mm *mm = state->mms[op->process];
	unsigned long addr = address_of(world, op);
	long got = op->fast ? core->get_user_pages_fast(mm, addr, 1, op->gup_flags, folio)
			    : core->get_user_pages(mm, addr, 1, op->gup_flags, folio);

	if (got == 1)
		return ended(0);
	*folio = NULL;
	return ended(got);
}

/* A device's access, to the frame's first word. */
static struct ending run_pinned(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct folio **folio = &state->pins[op->pin];
	uint64_t value = 0;

	if (!*folio)
		return ended(-EBADF);
	if (op->code == OP_DEVICE_WRITE) {
		core->folio_write(world->machine, *folio, 0, &op->value, sizeof(op->value));
		return ended(0);
	}
	if (op->code == OP_DEVICE_READ) {
		core->folio_read(world->machine, *folio, 0, &value, sizeof(value));
		return ended_value(value);
	}
	core->put_user_pages(world->machine, folio, 1, text_of(world)->pins[op->pin].gup_flags);
	*folio = NULL;
	return ended(0);
}

static struct ending run_access(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct mm *mm = state->mms[op->process];
	unsigned long addr = address_of(world, op);
	uint64_t value = 0;
	enum gw_fault fault;

	if (op->code == OP_FAULT)
		return ended_access(core->fault(mm, addr, op->access), 0);
	if (op->code == OP_STORE)
		return ended_access(core->store(mm, addr, &op->value, sizeof(op->value)), 0);
	fault = core->load(mm, addr, &value, sizeof(value));
	return ended_access(fault, value);
}

static struct ending run_copy(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct mm *mm = state->mms[op->process];
	unsigned long addr = address_of(world, op);
	uint64_t value = 0;
	int err;

	if (op->code == OP_COPY_TO)
		return ended(core->copy_to_user(mm, addr, &op->value, sizeof(op->value)));
	err = core->copy_from_user(mm, &value, addr, sizeof(value));
	return err ? ended(err) : ended_value(value);
}

static struct ending run_change(struct world *world, const struct operation *op)
{
	struct text_world *state = world->data;
	struct mm *mm = state->mms[op->process];
	unsigned long addr = address_of(world, op);

	if (op->code == OP_MUNMAP)
		return ended(world->core->munmap(mm, addr, op->len));
	return ended(world->core->mprotect(mm, addr, op->len, op->prot));
}

/* The word at an offset of a file, as read(2) and write(2) do it. */
static struct ending run_word(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	const struct text_world *state = world->data;
	struct mapping *mapping = state->files[op->file];
	uint64_t word = 0;
	long nr;

	if (op->code == OP_WRITE)
		return ended(core->mapping_write(mapping, &op->value, sizeof(word), op->offset));
	nr = core->mapping_read(mapping, &word, sizeof(word), op->offset);
	return nr < 0 ? ended(nr) : ended_value(word);
}

static struct ending run_file(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	struct text_world *state = world->data;
	struct mapping *mapping = state->files[op->file];

	switch ((int)op->code) {
	case OP_DISK:
		return ended_value(disk_word(
			&state->disks[text_of(world)->files[op->file].disk].disk, op->offset));
	case OP_PUNCH:
		return ended(core->mapping_punch_hole(mapping, op->offset, op->len));
	case OP_SYNC:
		return ended(core->mapping_sync(mapping, 0, ~0ull));
	default:
		return ended(core->mapping_truncate(mapping, op->offset));
	}
}

static struct ending run_look(struct world *world, const struct operation *op)
{
	const struct gw_core *core = world->core;
	const struct text_world *state = world->data;
	struct gw_mm_info info;

	if (op->code == OP_COUNTER)
		return ended_value(core->machine_counter(world->machine, op->counter));
	if (op->code == OP_FREE_FRAMES)
		return ended_value(core->machine_free_frames(world->machine));
	core->mm_info(state->mms[op->process], &info);
	if (op->code == OP_VMAS)
		return ended_value((uint64_t)info.map_count);
	return ended_value(info.rss_anon + info.rss_file);
}

static struct ending (*const runners[])(struct world *world, const struct operation *op) = {
	[OP_BRK] = run_brk,
	[OP_COPY_FROM] = run_copy,
	[OP_COPY_TO] = run_copy,
	[OP_COUNTER] = run_look,
	[OP_DISK] = run_file,
	[OP_DEVICE_READ] = run_pinned,
	[OP_DEVICE_WRITE] = run_pinned,
	[OP_EXEC] = run_exec,
	[OP_EXIT] = run_exit,
	[OP_FAULT] = run_access,
	[OP_FORK] = run_fork,
	[OP_FREE_FRAMES] = run_look,
	[OP_LIMIT] = run_limit,
	[OP_LOAD] = run_access,
	[OP_MADVISE] = run_say,
	[OP_MIGRATE] = run_migrate,
	[OP_MINCORE] = run_say,
	[OP_MLOCKALL] = run_say,
	[OP_MLOCK] = run_say,
	[OP_MMAP] = run_mmap,
	[OP_MPROTECT] = run_change,
	[OP_MREMAP] = run_mremap,
	[OP_MSYNC] = run_say,
	[OP_MUNLOCKALL] = run_say,
	[OP_MUNLOCK] = run_say,
	[OP_MUNMAP] = run_change,
	[OP_PUNCH] = run_file,
	[OP_READ] = run_word,
	[OP_PIN] = run_pin,
	[OP_RSS] = run_look,
	[OP_STORE] = run_access,
	[OP_SYNC] = run_file,
	[OP_TRUNCATE] = run_file,
	[OP_UNPIN] = run_pinned,
	[OP_VMAS] = run_look,
	[OP_WRITE] = run_word,
};
BUILD_ASSERT(ARRAY_SIZE(runners) == NR_OPERATIONS);

/* A fork or an exec may have been allowed to fail; then nothing can be done in the process. */
static bool has_process(const struct world *world, const struct operation *op)
{
	const struct text_world *state = world->data;

	return op->code == OP_EXEC || !operation_needs_process(op) || state->mms[op->process];
}

static void run_section(struct world *world, const struct section *section)
{
	for (const struct operation *op = section->first; op; op = op->next) {
		struct ending ending;

		if (!has_process(world, op))
			continue;
		ending = runners[op->code](world, op);
		judge(world, op, &ending);
	}
}

/* ---- Set-up, tasks, what is expected ------------------------------------------------------------------------ */

static int make_file(struct world *world, const struct text_file *file, struct mapping **mapping)
{
	struct text_world *state = world->data;
	struct text_disk *disk;

	switch (file->kind) {
	case FILE_CONSTANT:
		return memory_file_map(world, &file->content, file->name, mapping);
	case FILE_SHMEM:
		return shared_memory_create(world, file->content.size, file->name, mapping);
	case FILE_WRITABLE:
		break;
	}
	disk = &state->disks[file->disk];
	disk->disk.bytes = disk->bytes;
	disk->disk.room = DISK_ROOM;
	return disk_map(world, &disk->disk, &file->content, file->name, mapping);
}

static void make_files(struct world *world)
{
	const struct scenario_text *text = text_of(world);
	struct text_world *state = world->data;
	int err = 0;

	if (text->has_exec)
		err = memory_file_map(world, &tiny_program, "/bin/true", &state->program);
	for (int i = 0; !err && i < text->nr_files; i++)
		err = make_file(world, &text->files[i], &state->files[i]);
	scenario_expect(err == 0, "the files: error %d", err);
}

static void make_processes(struct world *world)
{
	const struct scenario_text *text = text_of(world);
	struct text_world *state = world->data;

	for (int i = 0; i < text->nr_processes; i++) {
		int err;

		state->limits[i] = limits;
		if (text->processes[i].not_yet)
			continue;
		err = world->core->mm_create(world->machine, &limits, &state->mms[i]);
		scenario_expect(err == 0, "process %s: error %d", text->processes[i].name, err);
	}
}

/* The first reference is there already. */
static void give_references(struct world *world)
{
	const struct scenario_text *text = text_of(world);
	struct text_world *state = world->data;

	for (int i = 0; i < text->nr_processes; i++)
		for (int user = 1; state->mms[i] && user < text->processes[i].nr_users; user++)
			world->core->mm_get(state->mms[i]);
}

static void set_up(struct world *world)
{
	make_files(world);
	make_processes(world);
	run_section(world, &text_of(world)->setup);
	give_references(world);
}

static void run_task(struct world *world)
{
	run_section(world, &text_of(world)->tasks[world->task - world->scenario->tasks]);
}

static void check(struct world *world)
{
	run_section(world, &text_of(world)->expect);
}

void scenario_text_bind(struct scenario_text *text)
{
	struct gw_scenario *scenario = &text->scenario;

	scenario->text = text;
	scenario->data_size = sizeof(struct text_world) +
			      (size_t)text->nr_disks * sizeof(struct text_disk);
	scenario->setup = set_up;
	for (int i = 0; i < text->nr_tasks; i++)
		scenario->tasks[i].run = run_task;
	scenario->check = check;
}
