// SPDX-License-Identifier: MIT
/*
 * test_exec.c - programs, good and broken, as the host kernel loads them
 *
 * Most tests load one file twice, on the host under ptrace and here, with randomisation off, and
 * compare what came of it: the errno, or whether it was too late for one, or the whole address
 * space with its initial stack.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_breaks.h"
#include "elf_image.h"
#include "exec.h"
#include "host_exec.h"
#include "uaccess.h"

#define FILES_MAX      10
#define PATH_SIZE      64
#define STRINGS_MAX    64
#define MACHINE_FRAMES 4096

/* ---- Files that both sides can execute --------------------------------------------------------------- */

struct file {
	char path[PATH_SIZE];
	unsigned char *bytes;
	size_t size;
	int read_error; /* what reading a page answers, here */
	unsigned long error_pgoff;
};

struct exec_test {
	struct fixture *fixture;
	char folder[32];
	struct file files[FILES_MAX];
	int nr_files;
	bool host; /* is there an oracle? */
	struct gw_exec exec;
};

static int read_page(void *arg, unsigned long pgoff, void *to)
{
	const struct file *file = arg;
	size_t offset = pgoff << PAGE_SHIFT;
	size_t len = offset < file->size ? file->size - offset : 0;

	if (file->read_error && pgoff == file->error_pgoff)
		return file->read_error;
	if (len > PAGE_SIZE)
		len = PAGE_SIZE;
	memset(to, 0, PAGE_SIZE);
	memcpy(to, file->bytes + offset, len);
	return 0;
}

static int open_file(void *arg, const char *path, struct mapping **mapping)
{
	static const struct gw_mapping_ops ops = { .read_page = read_page };
	struct exec_test *test = arg;

	for (int i = 0; i < test->nr_files; i++) {
		struct file *file = &test->files[i];
		const struct gw_mapping_info info = {
			.ops = &ops, .file = file, .size = file->size, .name = file->path
		};

		if (strcmp(file->path, path) == 0)
			return mapping_create(test->fixture->machine, &info, mapping);
	}
	return -ENOENT;
}

/* The same bytes on the host and here; a second file of one name replaces the first. */
static struct file *add_file(struct exec_test *test, const char *name, const void *bytes,
			     size_t size)
{
	struct file *file = &test->files[test->nr_files];
	FILE *out;

	assert_true(test->nr_files < FILES_MAX);
	snprintf(file->path, sizeof(file->path), "%s/%s", test->folder, name);
	file->bytes = malloc(size + 1);
	assert_non_null(file->bytes);
	memcpy(file->bytes, bytes, size);
	file->size = size;
	file->read_error = 0;
	out = fopen(file->path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(file->path, 0700), 0);
	test->nr_files++;
	return file;
}

static void remove_files(struct exec_test *test)
{
	while (test->nr_files) {
		struct file *file = &test->files[--test->nr_files];

		unlink(file->path);
		free(file->bytes);
	}
}

static struct file *add_program(struct exec_test *test, const struct elf_image *image)
{
	return add_file(test, "program", image->bytes, image->size);
}

/* ---- Running one here ------------------------------------------------------------------------------------ */

static int count_strings(const char *const *strings)
{
	int nr = 0;

	while (strings[nr])
		nr++;
	return nr;
}

/* The kernel's: getauxval() answers for AT_HWCAP with a value of the C library's own. */
static uint64_t auxv_value(uint64_t type)
{
	FILE *file = fopen("/proc/self/auxv", "r");
	uint64_t pair[2], value = 0;

	assert_non_null(file);
	while (fread(pair, sizeof(pair), 1, file) == 1) {
		if (pair[0] == type)
			value = pair[1];
	}
	fclose(file);
	return value;
}

static void prepare_exec(struct exec_test *test, const char *path, const char *const *argv,
			 const char *const *envp)
{
	test->exec = (struct gw_exec){
		.filename = path,
		.argv = argv,
		.argc = count_strings(argv),
		.envp = envp,
		.envc = count_strings(envp),
		.open = open_file,
		.host = test,
		.limits = { .as = ~0ull,
			    .data = ~0ull,
			    .stack = HOST_EXEC_STACK_LIMIT,
			    .memlock = ~0ull },
		.uid = getuid(),
		.euid = geteuid(),
		.gid = getgid(),
		.egid = getegid(),
		.hwcap = auxv_value(AT_HWCAP),
		.hwcap2 = auxv_value(AT_HWCAP2),
		.minsigstksz = auxv_value(AT_MINSIGSTKSZ),
		.platform = "x86_64",
	};
}

static int run(struct exec_test *test, const char *path, const char *const *argv,
	       const char *const *envp)
{
	prepare_exec(test, path, argv, envp);
	return exec_program(test->fixture->machine, &test->exec);
}

static int run_program(struct exec_test *test)
{
	static const char *const argv[] = { "program", "one", NULL };
	static const char *const envp[] = { "A=b", NULL };

	return run(test, test->files[test->nr_files - 1].path, argv, envp);
}

static void put_result(struct exec_test *test)
{
	if (test->exec.mm)
		mm_put(test->exec.mm);
	test->exec.mm = NULL;
}

static void read_user(struct exec_test *test, unsigned long addr, void *to, size_t len)
{
	assert_int_equal(copy_from_user(test->exec.mm, to, addr, len), 0);
}

static uint64_t read_word(struct exec_test *test, unsigned long addr)
{
	uint64_t word;

	read_user(test, addr, &word, sizeof(word));
	return word;
}

static void assert_user_string(struct exec_test *test, unsigned long addr, const char *string)
{
	char buffer[256];

	assert_int_equal(strncpy_from_user(test->exec.mm, buffer, addr, sizeof(buffer)),
			 strlen(string));
	assert_string_equal(buffer, string);
}

struct maps_text {
	char text[HOST_EXEC_MAPS_SIZE];
	size_t len;
};

static void add_maps_line(void *arg, const struct gw_maps_line *line)
{
	struct maps_text *maps = arg;

	maps->len += (size_t)snprintf(maps->text + maps->len, sizeof(maps->text) - maps->len,
				      "%lx-%lx %s\n", line->start, line->end, line->perms);
	assert_true(maps->len < sizeof(maps->text));
}

/* ---- Setting up ------------------------------------------------------------------------------------------- */

static struct gw_machine_config test_config(void)
{
	struct gw_machine_config config = fixture_config();

	config.nr_frames = MACHINE_FRAMES;
	config.mmap_min_addr = host_mmap_min_addr();
	return config;
}

static int setup_with(void **state, const struct gw_machine_config *config)
{
	struct exec_test *test = calloc(1, sizeof(*test));

	if (!test)
		return -1;
	test->fixture = fixture_create(config);
	strcpy(test->folder, "/tmp/godwit-exec-XXXXXX");
	if (!mkdtemp(test->folder))
		return -1;
	test->host = host_exec_available();
	*state = test;
	return 0;
}

static int setup(void **state)
{
	const struct gw_machine_config config = test_config();

	return setup_with(state, &config);
}

static int teardown(void **state)
{
	struct exec_test *test = *state;

	put_result(test);
	remove_files(test);
	rmdir(test->folder);
	fixture_destroy(test->fixture);
	free(test);
	return 0;
}

static void need_host(const struct exec_test *test)
{
	if (!test->host) {
		print_message("# no ptrace here: the host cannot be asked\n");
		skip();
	}
}

/* ---- The same thing twice --------------------------------------------------------------------------------- */

static void compare_maps(struct exec_test *test, const struct host_exec *host)
{
	struct maps_text maps = { .len = 0 };

	mm_maps(test->exec.mm, add_maps_line, &maps);
	assert_string_equal(maps.text, host->maps);
}

static void compare_page(struct exec_test *test, const struct host_exec *host, unsigned long addr)
{
	static unsigned char ours[PAGE_SIZE], theirs[PAGE_SIZE];
	int err = copy_from_user(test->exec.mm, ours, addr, PAGE_SIZE);

	assert_int_equal(err == 0, host_exec_read(host, addr, theirs, PAGE_SIZE));
	if (!err)
		assert_memory_equal(ours, theirs, PAGE_SIZE);
}

#define PAGES_COMPARED 16

/* The first pages, and the last, of every mapping but the stack, which has its own comparison. */
static void compare_contents(struct exec_test *test, const struct host_exec *host)
{
	const char *line = host->maps;
	unsigned long start, end;
	char perms[8];

	for (; sscanf(line, "%lx-%lx %7s", &start, &end, perms) == 3;
	     line = strchr(line, '\n') + 1) {
		/* What may only be written can be read by the processor, but not by the oracle. */
		if (end >= host->sp || perms[0] != 'r')
			continue;
		for (unsigned long page = 0; page < PAGES_COMPARED; page++) {
			if (start + page * PAGE_SIZE < end)
				compare_page(test, host, start + page * PAGE_SIZE);
		}
		compare_page(test, host, end - PAGE_SIZE);
	}
}

static bool host_only(uint64_t type)
{
	return type == AT_SYSINFO_EHDR || type == 27 /* AT_RSEQ_FEATURE_SIZE */ ||
	       type == 28 /* AT_RSEQ_ALIGN */;
}

/* The same types in the same order with the same values, those left out that we do not have. */
static void compare_auxv(struct exec_test *test, const struct host_exec *host)
{
	int ours = 0;

	for (int theirs = 0; theirs < host->auxv_words; theirs += 2) {
		if (host_only(host->auxv[theirs]))
			continue;
		assert_true(ours < test->exec.auxv_words);
		assert_int_equal(test->exec.auxv[ours], host->auxv[theirs]);
		assert_int_equal(test->exec.auxv[ours + 1], host->auxv[theirs + 1]);
		ours += 2;
	}
	assert_int_equal(ours, test->exec.auxv_words);
}

/* argc, argv and envp are words; what they point at, to the end of the stack, are bytes. */
static void compare_stack(struct exec_test *test, const struct host_exec *host)
{
	static unsigned char ours[4 * PAGE_SIZE], theirs[4 * PAGE_SIZE];
	unsigned long top = test->exec.mm->task_size, strings = test->exec.mm->arg_start;
	size_t words = (size_t)(test->exec.argc ? test->exec.argc : 1) + 1 +
		       (size_t)test->exec.envc + 1 + 1;

	assert_int_equal(test->exec.sp % 16, 0);
	assert_int_equal(host->sp % 16, 0);
	assert_true(words * 8 <= sizeof(ours) && top - strings <= sizeof(ours));
	read_user(test, test->exec.sp, ours, words * 8);
	assert_true(host_exec_read(host, host->sp, theirs, words * 8));
	assert_memory_equal(ours, theirs, words * 8);
	read_user(test, test->exec.sp + words * 8, ours, (size_t)test->exec.auxv_words * 8);
	assert_memory_equal(ours, test->exec.auxv, (size_t)test->exec.auxv_words * 8);
	read_user(test, strings, ours, top - strings);
	assert_true(host_exec_read(host, strings, theirs, top - strings));
	assert_memory_equal(ours, theirs, top - strings);
}

static void compare_fields(struct exec_test *test, const struct host_exec *host)
{
	const struct mm *mm = test->exec.mm;

	assert_int_equal(test->exec.entry, host->entry);
	assert_int_equal(mm->start_code, host->start_code);
	assert_int_equal(mm->end_code, host->end_code);
	assert_int_equal(mm->start_data, host->start_data);
	assert_int_equal(mm->end_data, host->end_data);
	assert_int_equal(mm->start_brk, host->start_brk);
	assert_int_equal(mm->brk, host->start_brk);
	assert_int_equal(mm->start_stack, test->exec.sp);
	assert_int_equal(mm->arg_start, host->arg_start);
	assert_int_equal(mm->arg_end, host->arg_end);
	assert_int_equal(mm->env_start, host->env_start);
	assert_int_equal(mm->env_end, host->env_end);
}

static void assert_outcome(struct exec_test *test, const struct host_exec *host, int err)
{
	switch (host->outcome) {
	case HOST_ERRNO:
		assert_int_equal(err, -host->err);
		assert_false(test->exec.past_point_of_no_return);
		break;
	case HOST_KILLED:
		assert_true(err < 0);
		assert_true(test->exec.past_point_of_no_return);
		break;
	case HOST_LOADED:
		if (err)
			print_message("# %s\n", test->exec.failure);
		assert_int_equal(err, 0);
		break;
	}
	if (err)
		assert_non_null(test->exec.failure);
	assert_int_equal(test->exec.mm != NULL, err == 0);
}

/* @compare_memory: the program's own argv is the one that was asked for. */
static void same_as_host(struct exec_test *test, const char *path, const char *const *argv,
			 const char *const *envp)
{
	struct host_exec host;
	int err = run(test, path, argv, envp);

	host_exec(&host, path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	assert_outcome(test, &host, err);
	if (!err) {
		compare_maps(test, &host);
		compare_fields(test, &host);
		compare_contents(test, &host);
		fixture_assert_valid(test->fixture);
	}
	host_exec_end(&host);
	put_result(test);
}

/* ---- Good programs --------------------------------------------------------------------------------------- */

static void assert_same_stack(struct exec_test *test, const char *const *argv,
			      const char *const *envp)
{
	const char *path = test->files[0].path;
	struct host_exec host;

	assert_int_equal(run(test, path, argv, envp), 0);
	host_exec(&host, path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	assert_int_equal(host.outcome, HOST_LOADED);
	compare_maps(test, &host);
	compare_fields(test, &host);
	compare_auxv(test, &host);
	compare_stack(test, &host);
	host_exec_end(&host);
	put_result(test);
}

/* Fails when a C library would not find its arguments, or would find other than on Linux. */
static void initial_stack_is_the_hosts(void **state)
{
	static const char *const argvs[][4] = {
		{ "program", "one", "two" },
		{ "" },
		{ "x", "", "" },
		{ NULL },
	};
	static const char *const envps[][4] = {
		{ "A=b", "PATH=/bin", "EMPTY=" },
		{ NULL },
		{ "" },
	};
	struct exec_test *test = *state;
	struct elf_image image;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (size_t i = 0; i < ARRAY_SIZE(argvs); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(envps); j++)
			assert_same_stack(test, argvs[i], envps[j]);
	}
}

/* Fails when the stack cannot be read back, host or no host. */
static void arguments_are_found_on_the_stack(void **state)
{
	static const char *const argv[] = { "zero", "one", NULL };
	static const char *const envp[] = { "A=b", NULL };
	struct exec_test *test = *state;
	struct elf_image image;
	unsigned long sp;

	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	prepare_exec(test, test->files[0].path, argv, envp);
	test->exec.randomize = true;
	assert_int_equal(exec_program(test->fixture->machine, &test->exec), 0);
	sp = test->exec.sp;
	assert_int_equal(sp % 16, 0);
	assert_int_equal(read_word(test, sp), 2);
	assert_user_string(test, read_word(test, sp + 8), "zero");
	assert_user_string(test, read_word(test, sp + 16), "one");
	assert_int_equal(read_word(test, sp + 24), 0);
	assert_user_string(test, read_word(test, sp + 32), "A=b");
	assert_int_equal(read_word(test, sp + 40), 0);
	for (int i = 0; i < test->exec.auxv_words; i += 2) {
		unsigned long value = read_word(test, sp + 48 + (unsigned long)i * 8 + 8);

		assert_int_equal(read_word(test, sp + 48 + (unsigned long)i * 8),
				 test->exec.auxv[i]);
		assert_int_equal(value, test->exec.auxv[i + 1]);
		if (test->exec.auxv[i] == AT_EXECFN)
			assert_user_string(test, value, test->files[0].path);
		if (test->exec.auxv[i] == AT_PLATFORM)
			assert_user_string(test, value, "x86_64");
		if (test->exec.auxv[i] == AT_RANDOM)
			assert_true(read_word(test, value) != read_word(test, value + 8));
	}
	assert_string_equal(test->exec.comm, "program");
}

/* Fails when AT_SECURE does not warn a program that runs with somebody else's rights. */
static void different_effective_ids_are_secure(void **state)
{
	static const char *const none[] = { NULL };
	struct exec_test *test = *state;
	struct elf_image image;

	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	prepare_exec(test, test->files[0].path, none, none);
	test->exec.egid = test->exec.gid + 1;
	assert_int_equal(exec_program(test->fixture->machine, &test->exec), 0);
	for (int i = 0; i < test->exec.auxv_words; i += 2) {
		if (test->exec.auxv[i] == AT_SECURE)
			assert_int_equal(test->exec.auxv[i + 1], 1);
	}
}

/* Fails when two runs are at one place, or a small address space is left. */
static void placement_is_random_and_inside(void **state)
{
	static const char *const none[] = { NULL };
	struct exec_test *test = *state;
	unsigned long sp = 0, entry = 0, brk = 0;
	struct elf_image image;

	elf_image_init(&image, ET_DYN);
	add_program(test, &image);
	for (int i = 0; i < 50; i++) {
		const struct mm *mm;

		prepare_exec(test, test->files[0].path, none, none);
		test->exec.randomize = true;
		assert_int_equal(exec_program(test->fixture->machine, &test->exec), 0);
		mm = test->exec.mm;
		assert_int_not_equal(test->exec.sp, sp);
		assert_int_not_equal(test->exec.entry, entry);
		assert_int_not_equal(mm->brk, brk);
		assert_true(mm->mmap_base > mm->task_size / 8 && mm->mmap_base < mm->task_size);
		assert_true(test->exec.entry < mm->mmap_base);
		sp = test->exec.sp;
		entry = test->exec.entry;
		brk = mm->brk;
		put_result(test);
	}
}

/* ---- Broken programs --------------------------------------------------------------------------------------- */

/* Fails when a file gets another errno than Linux's, or another address space. */
static void every_broken_program_ends_as_on_the_host(void **state)
{
	static const char *const argv[] = { "program", NULL };
	static const char *const envp[] = { "A=b", NULL };
	struct exec_test *test = *state;

	need_host(test);
	for (size_t i = 0; i < elf_nr_breaks; i++) {
		struct elf_image image;

		print_message("# %s\n", elf_breaks[i].name);
		elf_image_init(&image, elf_breaks[i].type);
		elf_breaks[i].apply(&image);
		add_program(test, &image);
		same_as_host(test, test->files[0].path, argv, envp);
		remove_files(test);
	}
}

/* Fails when a program needs more segments than fit a page. */
static void program_header_tables_may_exceed_a_page(void **state)
{
	struct exec_test *test = *state;
	struct elf_image image;
	const int nr = 200;

	elf_image_init(&image, ET_EXEC);
	elf_image_header(&image)->e_phoff = image.size;
	elf_image_header(&image)->e_phnum = nr;
	assert_true(image.size + nr * sizeof(Elf64_Phdr) <= sizeof(image.bytes));
	memcpy(image.bytes + image.size, elf_image_segment(&image, 0),
	       ELF_IMAGE_SEGMENTS * sizeof(Elf64_Phdr));
	image.size += nr * sizeof(Elf64_Phdr);
	add_program(test, &image);
	assert_int_equal(run_program(test), 0);
}

/* ---- Refusals of our own -------------------------------------------------------------------------------------- */

/* Fails when somebody with a dynamic program is left without the one sentence that helps. */
static void dynamic_programs_are_refused_by_name(void **state)
{
	static const char interpreter[] = "/lib64/ld-linux-x86-64.so.2";
	struct exec_test *test = *state;
	struct elf_image image;
	Elf64_Phdr *segment;

	elf_image_init(&image, ET_DYN);
	segment = elf_image_segment(&image, ELF_IMAGE_STACK);
	segment->p_type = PT_INTERP;
	segment->p_offset = 0x1800;
	segment->p_filesz = sizeof(interpreter);
	memcpy(image.bytes + segment->p_offset, interpreter, sizeof(interpreter));
	add_program(test, &image);
	assert_int_equal(run_program(test), -ENOEXEC);
	assert_false(test->exec.past_point_of_no_return);
	assert_string_equal(test->exec.failure, "dynamically linked: link it statically");
}

/* Fails when an error of the file is swallowed. */
static void files_that_cannot_be_read_fail(void **state)
{
	struct exec_test *test = *state;
	struct elf_image image;
	struct file *file;

	elf_image_init(&image, ET_EXEC);
	file = add_program(test, &image);
	file->read_error = -EIO;
	file->error_pgoff = 0;
	assert_int_equal(run_program(test), -EIO);
	assert_false(test->exec.past_point_of_no_return);
	/* The page that data shares with bss must be read, to be zeroed in part. */
	file->error_pgoff = 3;
	assert_int_equal(run_program(test), -EFAULT);
	assert_true(test->exec.past_point_of_no_return);
	file->read_error = 0;
	assert_int_equal(run_program(test), 0);
	put_result(test);
	assert_int_equal(run(test, "/nonexistent", (const char *const[]){ NULL },
			     (const char *const[]){ NULL }),
			 -ENOENT);
	assert_non_null(test->exec.failure);
}

/* ---- Arguments that are too long ------------------------------------------------------------------------------ */

static void argument_outcome_is_the_hosts(struct exec_test *test, const char *const *argv,
					  const char *const *envp)
{
	struct host_exec host;
	int err = run(test, test->files[0].path, argv, envp);

	host_exec(&host, test->files[0].path, (char *const *)(uintptr_t)argv,
		  (char *const *)(uintptr_t)envp);
	assert_outcome(test, &host, err);
	if (!err)
		compare_maps(test, &host);
	host_exec_end(&host);
	put_result(test);
}

static char *string_of(size_t len)
{
	char *string = malloc(len + 1);

	assert_non_null(string);
	memset(string, 'x', len);
	string[len] = '\0';
	return string;
}

#define ARG_STRLEN_MAX (32 * PAGE_SIZE - 1) /* without its NUL */

/* Fails when one argument may be longer, or must be shorter, than on Linux. */
static void longest_argument_is_the_hosts(void **state)
{
	static const char *const envp[] = { NULL };
	struct exec_test *test = *state;
	struct elf_image image;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (size_t len = ARG_STRLEN_MAX - 1; len <= ARG_STRLEN_MAX + 1; len++) {
		char *string = string_of(len);
		const char *const argv[] = { "program", string, NULL };

		argument_outcome_is_the_hosts(test, argv, envp);
		assert_int_equal(test->exec.failure != NULL, len > ARG_STRLEN_MAX);
		free(string);
	}
}

/* Fails when all arguments together may be longer, or must be shorter, than on Linux. */
static void total_of_arguments_is_the_hosts(void **state)
{
	const char *argv[STRINGS_MAX], *const envp[] = { NULL };
	size_t limit = HOST_EXEC_STACK_LIMIT / 4, rest;
	struct exec_test *test = *state;
	char *full = string_of(ARG_STRLEN_MAX);
	struct elf_image image;
	int nr = 15;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (int i = 0; i < nr; i++)
		argv[i] = full;
	argv[nr + 1] = NULL;
	rest = limit - (size_t)nr * (ARG_STRLEN_MAX + 1) - ((size_t)nr + 1) * sizeof(char *) -
	       strlen(test->files[0].path) - 1 - 1;
	for (size_t len = rest - 1; len <= rest + 1; len++) {
		char *last = string_of(len);

		argv[nr] = last;
		argument_outcome_is_the_hosts(test, argv, envp);
		assert_int_equal(test->exec.failure != NULL, len > rest);
		free(last);
	}
	free(full);
}

/* Fails when the pointers, written when it is too late to refuse, are not counted beforehand. */
static void number_of_arguments_is_the_hosts(void **state)
{
	static const int numbers[] = { 1000, 131071, 262143, 262144, 300000 };
	const char **argv = calloc(300001, sizeof(*argv));
	const char *const envp[] = { NULL };
	struct exec_test *test = *state;
	struct elf_image image;

	need_host(test);
	assert_non_null(argv);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (int nr = 0; nr < numbers[i]; nr++)
			argv[nr] = "";
		argv[numbers[i]] = NULL;
		argument_outcome_is_the_hosts(test, argv, envp);
	}
	free(argv);
}

/* Fails when a program with a small stack gets no arguments at all. */
static void small_stack_limits_leave_room_for_arguments(void **state)
{
	static const char *const envp[] = { NULL };
	struct exec_test *test = *state;
	char *string = string_of(100000);
	const char *const argv[] = { string, NULL };
	struct elf_image image;

	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	prepare_exec(test, test->files[0].path, argv, envp);
	test->exec.limits.stack = 256 << 10;
	assert_int_equal(exec_program(test->fixture->machine, &test->exec), 0);
	put_result(test);
	prepare_exec(test, test->files[0].path, argv, envp);
	test->exec.limits.stack = 64 << 10;
	assert_int_equal(exec_program(test->fixture->machine, &test->exec), -E2BIG);
	assert_false(test->exec.past_point_of_no_return);
	free(string);
}

/* ---- Scripts ------------------------------------------------------------------------------------------------------ */

/* "#!" LINE, with %s for the interpreter's path; @size: bytes of the file, 0: up to the NUL. */
static const struct script_case {
	const char *line;
	size_t size;
} script_cases[] = {
	{ "#!%s\n", 0 },
	{ "#!%s", 0 },
	{ "#!  \t %s\n", 0 },
	{ "#!%s arg\n", 0 },
	{ "#!%s  two words  \n", 0 },
	{ "#!%s\targ\t\n", 0 },
	{ "#!%s arg", 0 },
	{ "#!%s ", 0 },
	{ "#!%s \nsecond line\n", 0 },
	{ "#!\n", 0 },
	{ "#!", 0 },
	{ "#! \t \n", 0 },
	{ "#! ", 0 },
	{ "#!\n%s\n", 0 },
	{ "#%s\n", 0 },
	{ " #!%s\n", 0 },
	{ "#!/nonexistent/interpreter\n", 0 },
	{ "#!%s\r\n", 0 },
	{ "#!%s arg", 300 }, /* filled with x: the argument is cut */
	{ "#!%s\n", 300 },
	{ "#!/no/interpreter/", 300 }, /* the name is cut */
};

static void make_script(char *text, size_t size, const struct script_case *script,
			const char *interpreter)
{
	memset(text, 'x', size);
	size = (size_t)snprintf(text, size, script->line, interpreter);
	if (script->size)
		text[size] = 'x';
}

static void compare_arguments(struct exec_test *test, const struct host_exec *host)
{
	static unsigned char ours[PAGE_SIZE], theirs[PAGE_SIZE];
	const struct mm *mm = test->exec.mm;
	size_t len = mm->arg_end - mm->arg_start;
	uint64_t argc;

	assert_int_equal(mm->arg_start, host->arg_start);
	assert_int_equal(mm->arg_end, host->arg_end);
	assert_int_equal(mm->env_end, host->env_end);
	assert_true(len <= sizeof(ours));
	read_user(test, mm->arg_start, ours, len);
	assert_true(host_exec_read(host, mm->arg_start, theirs, len));
	assert_memory_equal(ours, theirs, len);
	assert_true(host_exec_read(host, host->sp, &argc, sizeof(argc)));
	assert_int_equal(read_word(test, test->exec.sp), argc);
}

static void script_is_the_hosts(struct exec_test *test, const char *path, const char *const *argv)
{
	static const char *const envp[] = { "A=b", NULL };
	struct host_exec host;
	int err = run(test, path, argv, envp);

	host_exec(&host, path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	assert_outcome(test, &host, err);
	if (!err) {
		compare_arguments(test, &host);
		assert_string_equal(test->exec.comm, strrchr(path, '/') + 1);
	}
	host_exec_end(&host);
	put_result(test);
}

/* Fails when a #! line is read differently, or its parts end up elsewhere in argv. */
static void scripts_run_as_on_the_host(void **state)
{
	static const char *const argvs[][4] = { { "script", "one", "two" }, { NULL } };
	struct exec_test *test = *state;
	struct elf_image image;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (size_t i = 0; i < ARRAY_SIZE(script_cases); i++) {
		const struct script_case *script = &script_cases[i];
		char text[512];
		size_t size;

		print_message("# line %zu\n", i);
		make_script(text, sizeof(text), script, test->files[0].path);
		size = script->size ? script->size : strlen(text);
		for (size_t j = 0; j < ARRAY_SIZE(argvs); j++) {
			struct file *file = add_file(test, "script", text, size);

			script_is_the_hosts(test, file->path, argvs[j]);
			unlink(file->path);
			free(file->bytes);
			test->nr_files--;
		}
	}
}

/* Fails when a NUL in a #! line does not end what it ends on Linux. */
static void nul_bytes_in_scripts_are_as_on_the_host(void **state)
{
	static const char *const argv[] = { "script", NULL };
	struct exec_test *test = *state;
	struct elf_image image;
	char text[128];
	int len;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	len = snprintf(text, sizeof(text), "#!%s%cjunk\n", test->files[0].path, '\0');
	script_is_the_hosts(test, add_file(test, "s1", text, (size_t)len)->path, argv);
	len = snprintf(text, sizeof(text), "#!%s %cjunk\n", test->files[0].path, '\0');
	script_is_the_hosts(test, add_file(test, "s2", text, (size_t)len)->path, argv);
	len = snprintf(text, sizeof(text), "#!%s arg%cjunk\n", test->files[0].path, '\0');
	script_is_the_hosts(test, add_file(test, "s3", text, (size_t)len)->path, argv);
	len = snprintf(text, sizeof(text), "#!%cjunk\n", '\0');
	script_is_the_hosts(test, add_file(test, "s4", text, (size_t)len)->path, argv);
}

/* Fails when scripts may lead to one another more, or less, often than on Linux. */
static void chains_of_scripts_end_as_on_the_host(void **state)
{
	static const char *const argv[] = { "script", "arg", NULL };
	struct exec_test *test = *state;
	struct elf_image image;

	need_host(test);
	elf_image_init(&image, ET_EXEC);
	add_program(test, &image);
	for (int depth = 1; depth <= 7; depth++) {
		char name[8], text[128];
		int len = snprintf(text, sizeof(text), "#!%s %d\n",
				   test->files[test->nr_files - 1].path, depth);

		snprintf(name, sizeof(name), "s%d", depth);
		script_is_the_hosts(test, add_file(test, name, text, (size_t)len)->path, argv);
		assert_int_equal(test->exec.failure != NULL, depth > 5);
	}
}

/* Fails when a script that names itself does not end, or ends otherwise. */
static void script_that_names_itself_is_eloop(void **state)
{
	static const char *const argv[] = { "script", NULL };
	struct exec_test *test = *state;
	char text[128];
	int len = snprintf(text, sizeof(text), "#!%s/self\n", test->folder);

	add_file(test, "self", text, (size_t)len);
	if (test->host)
		script_is_the_hosts(test, test->files[0].path, argv);
	assert_int_equal(run(test, test->files[0].path, argv, argv + 1), -ELOOP);
}

/* ---- Nothing is left ------------------------------------------------------------------------------------------------ */

struct leftovers {
	unsigned long guest, core, objects;
};

static struct leftovers count_leftovers(struct exec_test *test)
{
	struct machine *machine = test->fixture->machine;
	struct leftovers left = { 0 };

	rcu_barrier();
	left.guest = nr_free_frames(machine, ZONE_GUEST);
	for (int id = 0; id < NR_KMEM; id++)
		left.objects += machine->kmem[id].nr_objects;
	return left;
}

static void sweep(struct exec_test *test, const char *path, unsigned int type)
{
	static const char *const argv[] = { "program", "one", NULL };
	static const char *const envp[] = { "A=b", NULL };
	struct machine *machine = test->fixture->machine;
	int nth, fatal = 0, err = -1;

	for (nth = 1; err && nth < 500; nth++) {
		struct leftovers before = count_leftovers(test), after;

		machine_fail_nth(machine, nth);
		err = run(test, path, argv, envp);
		machine_fail_nth(machine, 0);
		fixture_assert_valid(test->fixture);
		put_result(test);
		after = count_leftovers(test);
		assert_int_equal(after.guest, before.guest);
		assert_int_equal(after.objects, before.objects);
		if (!err)
			break;
		assert_true(err == -ENOMEM || err == -E2BIG || err == -EFAULT);
		assert_non_null(test->exec.failure);
		fatal += test->exec.past_point_of_no_return;
	}
	print_message("# %s: %d failures, %d of them fatal\n",
		      type == ET_EXEC ? "fixed" : "position independent", nth - 1, fatal);
	assert_int_equal(err, 0);
	assert_true(nth > 20 && fatal > 5);
}

/* Fails when some path out of a failed exec leaks, or fails without a word. */
static void every_failed_allocation_leaves_nothing(void **state)
{
	static const unsigned int types[] = { ET_EXEC, ET_DYN };
	struct exec_test *test = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct elf_image image;
		struct file *program, *script;
		char text[128];
		int len;

		elf_image_init(&image, types[i]);
		elf_image_segment(&image, ELF_IMAGE_DATA)->p_align = 1ul << 21;
		program = add_program(test, &image);
		len = snprintf(text, sizeof(text), "#!%s arg\n", program->path);
		script = add_file(test, "script", text, (size_t)len);
		sweep(test, script->path, types[i]);
		remove_files(test);
	}
}

/* ---- Small address spaces ---------------------------------------------------------------------------------------------- */

static int setup_small(void **state)
{
	struct gw_machine_config config = test_config();

	config.task_size = 16ul << 20;
	return setup_with(state, &config);
}

/* Fails when the explorer's machines cannot load a program. */
static void programs_load_in_sixteen_megabytes(void **state)
{
	static const unsigned int types[] = { ET_EXEC, ET_DYN };
	static const char *const none[] = { NULL };
	struct exec_test *test = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct elf_image image;

		elf_image_init(&image, types[i]);
		add_program(test, &image);
		for (int random = 0; random < 40; random++) {
			prepare_exec(test, test->files[0].path, none, none);
			test->exec.randomize = random != 0;
			assert_int_equal(exec_program(test->fixture->machine, &test->exec), 0);
			assert_true(test->exec.mm->brk < test->exec.mm->task_size);
			fixture_assert_valid(test->fixture);
			put_result(test);
		}
		remove_files(test);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(initial_stack_is_the_hosts),
		TEST(arguments_are_found_on_the_stack),
		TEST(different_effective_ids_are_secure),
		TEST(placement_is_random_and_inside),
		TEST(every_broken_program_ends_as_on_the_host),
		TEST(program_header_tables_may_exceed_a_page),
		TEST(dynamic_programs_are_refused_by_name),
		TEST(files_that_cannot_be_read_fail),
		TEST(longest_argument_is_the_hosts),
		TEST(total_of_arguments_is_the_hosts),
		TEST(number_of_arguments_is_the_hosts),
		TEST(small_stack_limits_leave_room_for_arguments),
		TEST(scripts_run_as_on_the_host),
		TEST(nul_bytes_in_scripts_are_as_on_the_host),
		TEST(chains_of_scripts_end_as_on_the_host),
		TEST(script_that_names_itself_is_eloop),
		TEST(every_failed_allocation_leaves_nothing),
		cmocka_unit_test_setup_teardown(programs_load_in_sixteen_megabytes, setup_small,
						teardown),
	};
#undef TEST

	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
