// SPDX-License-Identifier: MIT
/* rig.c - what stress tests share */
#include "rig.h"

#include "threads.h"

#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RIG_CPUS 8

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void rig_fail(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "FAIL: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	fflush(NULL);
	_exit(1);
}

static uint64_t guard_named(const struct gw_core *core, const char *name)
{
	for (int i = 0; i < GW_NR_GUARDS; i++) {
		if (strcmp(core->guard_info((enum gw_guard)i)->name, name) == 0)
			return 1ull << i;
	}
	rig_fail("there is no guard %s", name);
}

static void parse(struct rig *rig, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "frames", required_argument, NULL, 'f' },
		{ "without", required_argument, NULL, 'w' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			rig->seconds = atof(optarg);
			break;
		case 's':
			rig->seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			rig->nr_frames = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			rig->guards_off |= guard_named(rig->core, optarg);
			break;
		default:
			exit(2);
		}
	}
}

static void *map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	RIG_CHECK(at != MAP_FAILED, "no memory for the machine");
	return at;
}

void rig_create(struct rig *rig, int argc, char **argv)
{
	struct gw_machine_config config = {
		.nr_cpus = RIG_CPUS,
		.nr_nodes = 1,
		.task_size = 0x7ffffffff000,
		.mmap_min_addr = 0x10000,
		.overcommit_memory = 1,
		.poison = true,
	};
	int err;

	*rig = (struct rig){
		.core = &godwit_core_threads, .seconds = 5, .seed = 1, .nr_frames = 4096
	};
	parse(rig, argc, argv);
	rig->core_size = rig->core->machine_core_size(rig->nr_frames);
	config.frames = rig->frames = map(rig->nr_frames * GW_PAGE_SIZE);
	config.core = rig->core_memory = map(rig->core_size);
	config.nr_frames = rig->nr_frames;
	config.core_size = rig->core_size;
	config.seed = rig->seed;
	config.guards_off = rig->guards_off;
	threads_task_attach("main", 0);
	err = rig->core->machine_create(&config, &rig->machine);
	RIG_CHECK(err == 0, "machine_create: %d", err);
	rig->free_at_start = rig->core->machine_free_frames(rig->machine);
}

struct worker *rig_add(struct rig *rig, const char *name, int cpu,
		       void (*run)(struct worker *worker), void *arg)
{
	struct worker *worker = &rig->workers[rig->nr_workers];

	RIG_CHECK(rig->nr_workers < RIG_WORKERS_MAX, "too many workers");
	*worker = (struct worker){ .rig = rig, .name = name, .cpu = cpu, .run = run, .arg = arg };
	prng_seed(&worker->prng, rig->seed * RIG_WORKERS_MAX + (uint64_t)rig->nr_workers);
	rig->nr_workers++;
	return worker;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	threads_task_attach(worker->name, worker->cpu);
	worker->run(worker);
	threads_task_detach();
	return NULL;
}

void rig_run(struct rig *rig)
{
	rig->deadline = now() + rig->seconds;
	for (int i = 0; i < rig->nr_workers; i++) {
		struct worker *worker = &rig->workers[i];

		if (pthread_create(&worker->thread, NULL, worker_main, worker))
			rig_fail("no thread for %s", worker->name);
	}
	for (int i = 0; i < rig->nr_workers; i++)
		pthread_join(rig->workers[i].thread, NULL);
}

bool rig_time_is_up(const struct rig *rig)
{
	return now() >= rig->deadline;
}

void rig_validate(struct rig *rig)
{
	struct gw_validation validation;

	rig->core->machine_validate(rig->machine, &validation);
	RIG_CHECK(validation.migration_entries == 0, "%lu migration entries are left",
		  validation.migration_entries);
	RIG_CHECK(validation.nr_problems == 0, "%u problems, first: %s", validation.nr_problems,
		  validation.first);
}

void rig_destroy(struct rig *rig)
{
	const struct gw_core *core = rig->core;
	unsigned long left = rig->free_at_start - core->machine_free_frames(rig->machine);

	printf("seed %lu, %.0f s:", (unsigned long)rig->seed, rig->seconds);
	for (int i = 0; i < rig->nr_workers; i++)
		printf(" %s %lu;", rig->workers[i].name, rig->workers[i].rounds);
	printf(" %lu faults, %lu pages moved, %lu given up, %lu waits, %lu stacks left alone\n",
	       core->machine_counter(rig->machine, GW_COUNTER_pgfault),
	       core->machine_counter(rig->machine, GW_COUNTER_pgmigrate_success),
	       core->machine_counter(rig->machine, GW_COUNTER_pgmigrate_fail),
	       core->machine_counter(rig->machine, GW_COUNTER_migration_wait),
	       core->machine_counter(rig->machine, GW_COUNTER_migrate_skip_tmp_stack));
	RIG_CHECK(left == 0, "%lu frames are not free", left);
	core->machine_destroy(rig->machine);
	threads_task_detach();
	munmap(rig->frames, rig->nr_frames * GW_PAGE_SIZE);
	munmap(rig->core_memory, rig->core_size);
}

void rig_migrate_all(struct worker *worker)
{
	const struct gw_core *core = worker->rig->core;

	while (!rig_time_is_up(worker->rig)) {
		struct gw_migrate migrate = {
			.mode = (enum gw_migrate_mode)prng_below(&worker->prng, 3),
			.reason = GW_MR_COMPACTION,
		};
		int err = core->migrate_all(worker->rig->machine, &migrate);

		RIG_CHECK(err == 0, "migrate_all: %d", err);
		worker->rounds++;
		if (migrate.nr_candidates == 0)
			sched_yield();
	}
}
