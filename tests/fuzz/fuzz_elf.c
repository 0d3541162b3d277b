// SPDX-License-Identifier: MIT
/*
 * fuzz_elf.c - any bytes, executed as a program in a small machine
 *
 * The last four bytes of an input are options, the rest is the file; a #! line may name the file
 * itself ("self") or a good program ("good").  Whether it loads or not, the machine must be valid
 * afterwards and nothing may be left; what loads is touched, its pages are moved, and it must be
 * valid again.  A broken invariant panics, which ends in abort().
 *
 * Built for libFuzzer, and for the driver of main.c where there is none.
 */
#include <godwit/core.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "elf_image.h"
#include "fuzz.h"
#include "threads.h"

#define NR_FRAMES     512
#define VMAS_TOUCHED  16
#define SMALL_SPACE   (16ul << 20)
#define LARGE_SPACE   ((1ul << 47) - GW_PAGE_SIZE)
#define OPTIONS_BYTES 4

enum option {
	OPTION_RANDOMIZE = 1 << 0,
	OPTION_SMALL = 1 << 1,
	OPTION_SMALL_STACK = 1 << 2,
	OPTION_MIGRATE = 1 << 3,
};

static const struct gw_core *const core = &godwit_core_threads;

struct file {
	const unsigned char *bytes;
	size_t size;
};

struct fuzz {
	struct machine *machine;
	struct file self, good;
	unsigned int options;
	int fail_nth; /* 0: nothing fails */
};

/* Of every machine in turn; each starts from what the one before has left there. */
static void *frames, *core_memory;
static struct elf_image good_image;

static void broken(const char *what, const char *detail)
{
	fprintf(stderr, "fuzz_elf: %s: %s\n", what, detail ? detail : "");
	abort();
}

/* ---- Files ------------------------------------------------------------------------------------------- */

static int read_page(void *arg, unsigned long pgoff, void *to)
{
	const struct file *file = arg;
	size_t offset = pgoff * GW_PAGE_SIZE, len;

	if (pgoff >= (file->size + GW_PAGE_SIZE - 1) / GW_PAGE_SIZE)
		broken("read_page", "beyond the end of the file");
	len = file->size - offset < GW_PAGE_SIZE ? file->size - offset : GW_PAGE_SIZE;
	memset(to, 0, GW_PAGE_SIZE);
	memcpy(to, file->bytes + offset, len);
	return 0;
}

static int open_file(void *arg, const char *path, struct mapping **mapping)
{
	static const struct gw_mapping_ops ops = { .read_page = read_page };
	struct fuzz *fuzz = arg;
	struct gw_mapping_info info = { .ops = &ops, .name = path };
	struct file *file = NULL;

	if (strcmp(path, "self") == 0)
		file = &fuzz->self;
	else if (strcmp(path, "good") == 0)
		file = &fuzz->good;
	else
		return -ENOENT;
	info.file = file;
	info.size = file->size;
	return core->mapping_create(fuzz->machine, &info, mapping);
}

/* ---- What loaded is used ------------------------------------------------------------------------------ */

static void validate(const struct fuzz *fuzz)
{
	struct gw_validation result = { 0 };

	core->machine_validate(fuzz->machine, &result);
	if (result.nr_problems)
		broken("validation", result.first);
	if (result.migration_entries)
		broken("validation", "migration entries are left");
}

struct vmas {
	struct gw_maps_line lines[VMAS_TOUCHED];
	int nr;
};

static void note_vma(void *arg, const struct gw_maps_line *line)
{
	struct vmas *vmas = arg;

	if (vmas->nr < VMAS_TOUCHED)
		vmas->lines[vmas->nr++] = *line;
}

static void touch(struct mm *mm, unsigned long addr)
{
	unsigned char byte = 1;

	core->load(mm, addr, &byte, 1);
	core->store(mm, addr, &byte, 1);
	core->fault(mm, addr, GW_EXEC);
}

static void touch_vmas(struct mm *mm)
{
	struct vmas vmas = { .nr = 0 };

	core->mm_maps(mm, note_vma, &vmas);
	for (int i = 0; i < vmas.nr; i++) {
		touch(mm, vmas.lines[i].start);
		touch(mm, vmas.lines[i].end - 1);
	}
}

static void check_result(const struct gw_exec *exec, unsigned long task_size)
{
	uint64_t argc;

	if (exec->sp % 16 || exec->sp >= task_size || exec->entry >= task_size)
		broken("exec", "stack or entry point outside");
	if (exec->auxv_words < 2 || exec->auxv[exec->auxv_words - 2] != 0)
		broken("exec", "the auxiliary vector has no end");
	if (core->copy_from_user(exec->mm, &argc, exec->sp, sizeof(argc)) || argc < 1 || argc > 32)
		broken("exec", "no argc on the stack");
}

static void use(struct fuzz *fuzz, struct mm *mm)
{
	const struct gw_mmap args = {
		.len = 3 * GW_PAGE_SIZE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS,
	};
	struct gw_migrate migrate = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_COMPACTION };
	struct gw_mm_info info;
	long addr;

	core->mm_info(mm, &info);
	core->brk(mm, info.brk + 2 * GW_PAGE_SIZE);
	addr = core->mmap(mm, &args);
	touch_vmas(mm);
	if (fuzz->options & OPTION_MIGRATE)
		core->migrate_all(fuzz->machine, &migrate);
	validate(fuzz);
	touch_vmas(mm);
	if (addr > 0 && core->munmap(mm, (unsigned long)addr, args.len))
		broken("munmap", "fails of what mmap gave");
}

/* ---- One input ----------------------------------------------------------------------------------------- */

static unsigned long task_size_of(const struct fuzz *fuzz)
{
	return fuzz->options & OPTION_SMALL ? SMALL_SPACE : LARGE_SPACE;
}

static void create_machine(struct fuzz *fuzz)
{
	const struct gw_machine_config config = {
		.frames = frames,
		.nr_frames = NR_FRAMES,
		.core = core_memory,
		.core_size = core->machine_core_size(NR_FRAMES),
		.nr_cpus = 1,
		.nr_nodes = 1,
		.task_size = task_size_of(fuzz),
		.mmap_min_addr = 65536,
		.overcommit_memory = 1, /* the programs are the hosts', the memory is not */
		.seed = fuzz->options,
		.poison = true,
	};

	if (core->machine_create(&config, &fuzz->machine))
		broken("machine_create", "fails");
}

static void execute(struct fuzz *fuzz)
{
	static const char *const argv[] = { "self", "argument", NULL };
	static const char *const envp[] = { "A=b", NULL };
	struct gw_exec exec = {
		.filename = "self",
		.argv = argv,
		.argc = 2,
		.envp = envp,
		.envc = 1,
		.open = open_file,
		.host = fuzz,
		.limits = { .as = ~0ull, .data = ~0ull, .stack = 8ull << 20, .memlock = ~0ull },
		.platform = "x86_64",
		.randomize = fuzz->options & OPTION_RANDOMIZE,
	};
	int err;

	if (fuzz->options & OPTION_SMALL_STACK)
		exec.limits.stack = 64 << 10;
	core->machine_fail_nth(fuzz->machine, fuzz->fail_nth);
	err = core->exec(fuzz->machine, &exec);
	core->machine_fail_nth(fuzz->machine, 0);
	if (err > 0 || err < -4095)
		broken("exec", "returns what is no errno");
	if (!exec.mm != (err != 0))
		broken("exec", "an address space with an error, or none without");
	if (err && !exec.failure)
		broken("exec", "fails without a word");
	validate(fuzz);
	if (err)
		return;
	check_result(&exec, task_size_of(fuzz));
	use(fuzz, exec.mm);
	core->mm_put(exec.mm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *options;
	struct fuzz fuzz = {
		.self = { .bytes = data },
		.good = { .bytes = good_image.bytes, .size = good_image.size },
	};

	if (size < OPTIONS_BYTES)
		return 0;
	fuzz.self.size = size - OPTIONS_BYTES;
	options = data + fuzz.self.size;
	fuzz.options = options[0];
	fuzz.fail_nth = options[1];
	create_machine(&fuzz);
	execute(&fuzz);
	core->machine_destroy(fuzz.machine);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	threads_task_attach("fuzz", 0);
	frames = aligned_alloc(GW_PAGE_SIZE, NR_FRAMES * GW_PAGE_SIZE);
	core_memory = aligned_alloc(GW_PAGE_SIZE, core->machine_core_size(NR_FRAMES));
	if (!frames || !core_memory)
		broken("no memory", NULL);
	elf_image_init(&good_image, ET_EXEC);
	return 0;
}
