// SPDX-License-Identifier: MIT
/* fixture.c - a machine for unit tests: in malloc'd memory, with one address space */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "threads.h"

#define SWEEP_MAX 1000 /* an operation that needs more allocations than this does not end */

struct gw_machine_config fixture_config(void)
{
	return (struct gw_machine_config){
		.nr_frames = 1024,
		.nr_cpus = 2,
		.nr_nodes = 1,
		.task_size = (1ul << 47) - PAGE_SIZE,
		.mmap_min_addr = 65536,
		.overcommit_memory = OVERCOMMIT_ALWAYS, /* addresses are many, frames few */
		.seed = 1,
		.poison = true,
	};
}

struct fixture *fixture_create(const struct gw_machine_config *wanted)
{
	const struct gw_limits limits = {
		.as = ~0ull, .data = ~0ull, .stack = ~0ull, .memlock = ~0ull
	};
	struct gw_machine_config config = *wanted;
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	threads_task_attach("test", 0);
	config.core_size = machine_core_size(config.nr_frames);
	config.frames = fixture->frames = aligned_alloc(PAGE_SIZE, config.nr_frames * PAGE_SIZE);
	config.core = fixture->core = aligned_alloc(PAGE_SIZE, config.core_size);
	assert_non_null(fixture->frames);
	assert_non_null(fixture->core);
	assert_int_equal(machine_create(&config, &fixture->machine), 0);
	assert_int_equal(mm_create(fixture->machine, &limits, &fixture->mm), 0);
	return fixture;
}

void fixture_destroy(struct fixture *fixture)
{
	fixture_assert_valid(fixture);
	if (fixture->mm)
		mm_put(fixture->mm);
	machine_destroy(fixture->machine);
	threads_task_detach();
	free(fixture->core);
	free(fixture->frames);
	free(fixture);
}

int fixture_setup(void **state)
{
	struct gw_machine_config config = fixture_config();

	*state = fixture_create(&config);
	return 0;
}

int fixture_teardown(void **state)
{
	fixture_destroy(*state);
	return 0;
}

void fixture_assert_valid(struct fixture *fixture)
{
	struct gw_validation result = { 0 };

	machine_validate(fixture->machine, &result);
	if (result.nr_problems)
		fail_msg("%u problems, the first: %s", result.nr_problems, result.first);
}

/* ---- Address spaces as text ----------------------------------------------------------------------- */

struct text {
	char *to;
	size_t len;
	bool short_form;
};

static void add_line(void *arg, const struct gw_maps_line *line)
{
	struct text *text = arg;
	int n = snprintf(text->to + text->len, FIXTURE_MAPS_SIZE - text->len, "%lx-%lx %s",
			 line->start, line->end, line->perms);

	text->len += n;
	if (!text->short_form)
		text->len += snprintf(text->to + text->len, FIXTURE_MAPS_SIZE - text->len,
				      " %llx %s", (unsigned long long)line->offset, line->name);
	text->len += snprintf(text->to + text->len, FIXTURE_MAPS_SIZE - text->len, "\n");
	assert_true(text->len < FIXTURE_MAPS_SIZE);
}

void fixture_maps(struct mm *mm, char maps[FIXTURE_MAPS_SIZE])
{
	struct text text = { .to = maps };

	maps[0] = '\0';
	mm_maps(mm, add_line, &text);
}

void fixture_assert_maps(struct mm *mm, const char *lines)
{
	char maps[FIXTURE_MAPS_SIZE] = "";
	struct text text = { .to = maps, .short_form = true };

	mm_maps(mm, add_line, &text);
	assert_string_equal(maps, lines);
}

/* ---- Calls, short --------------------------------------------------------------------------------- */

long fixture_mmap(struct mm *mm, unsigned long addr, unsigned long len, int prot, int flags,
		  struct mapping *mapping, unsigned long pgoff)
{
	const struct gw_mmap args = {
		.addr = addr,
		.len = len,
		.prot = prot,
		.flags = flags,
		.mapping = mapping,
		.pgoff = pgoff,
	};

	return mm_mmap(mm, &args);
}

void fixture_map_at(struct mm *mm, unsigned long addr, unsigned long len, int prot)
{
	long at =
		fixture_mmap(mm, addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);

	assert_int_equal(at, addr);
}

/* ---- Files in memory ------------------------------------------------------------------------------ */

struct file {
	size_t size;
};

unsigned char fixture_file_byte(uint64_t offset)
{
	return (unsigned char)(offset ^ offset >> 12 ^ 0x5a);
}

static int file_read_page(void *arg, unsigned long pgoff, void *to)
{
	const struct file *file = arg;
	unsigned char *bytes = to;

	for (size_t i = 0; i < PAGE_SIZE; i++) {
		uint64_t offset = ((uint64_t)pgoff << PAGE_SHIFT) + i;

		bytes[i] = offset < file->size ? fixture_file_byte(offset) : 0;
	}
	return 0;
}

static void file_release(void *file)
{
	free(file);
}

struct mapping *fixture_file(struct fixture *fixture, const char *name, size_t size)
{
	static const struct gw_mapping_ops ops = {
		.read_page = file_read_page,
		.release = file_release,
	};
	struct file *file = malloc(sizeof(*file));
	struct gw_mapping_info info = {
		.ops = &ops,
		.file = file,
		.size = size,
		.name = name,
		.dev = 1,
		.ino = 1,
	};
	struct mapping *mapping = NULL;

	assert_non_null(file);
	file->size = size;
	assert_int_equal(mapping_create(fixture->machine, &info, &mapping), 0);
	return mapping;
}

/* ---- A second task -------------------------------------------------------------------------------- */

struct other_task {
	void (*work)(void *arg);
	void *arg;
};

static void *other_thread(void *arg)
{
	const struct other_task *other = arg;

	threads_task_attach("other", 1);
	other->work(other->arg);
	threads_task_detach();
	return NULL;
}

void fixture_in_another_task(void (*work)(void *arg), void *arg)
{
	struct other_task other = { .work = work, .arg = arg };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, other_thread, &other), 0);
	pthread_join(thread, NULL);
}

/* ---- Fail the Nth --------------------------------------------------------------------------------- */

int fixture_fail_nth_sweep(struct fixture *fixture, struct mm *mm,
			   int (*operation)(struct fixture *fixture, void *arg), void *arg)
{
	char before[FIXTURE_MAPS_SIZE], after[FIXTURE_MAPS_SIZE];
	int nth, err;

	fixture_maps(mm, before);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		machine_fail_nth(fixture->machine, nth);
		err = operation(fixture, arg);
		machine_fail_nth(fixture->machine, 0);
		fixture_assert_valid(fixture);
		if (!err)
			return nth - 1;
		assert_int_equal(err, -ENOMEM);
		fixture_maps(mm, after);
		assert_string_equal(after, before);
	}
	fail_msg("it still fails with the %dth allocation", nth);
	return 0;
}
