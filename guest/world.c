// SPDX-License-Identifier: MIT
/*
 * world.c - all that one run owns: machine, platform, processes, the gate that stops everybody
 *
 * The machine's frames are the platform's memfd, which guests map; its own structures and page
 * tables lie in anonymous memory that no guest can reach.
 *
 * Locks: gate.lock, innermost, never held across a call into the core.
 */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "family.h"
#include "file_mapping.h"
#include "message.h"
#include "process.h"
#include "syscall.h"

static int create_machine(struct world *world);

int world_create(const struct run_options *options, struct world **out)
{
	struct world *world = calloc(1, sizeof(*world));
	struct platform_config config = {
		.core = &godwit_core_threads,
		.nr_frames = options->memory >> GW_PAGE_SHIFT,
		.fault_injection = options->fault_injection,
	};
	const char *why = NULL;
	int err;

	if (!world)
		return -ENOMEM;
	world->core = config.core;
	world->options = *options;
	world->nr_frames = config.nr_frames;
	family_init(&world->family);
	pthread_mutex_init(&world->gate.lock, NULL);
	pthread_cond_init(&world->gate.changed, NULL);
	err = platform_create(&config, &world->platform, &why);
	if (err) {
		message("cannot run guests here: %s (%s)", why ? why : "the platform failed",
			strerror(-err));
		goto out_free;
	}
	err = create_machine(world);
	if (err)
		goto out_platform;
	world->files = file_mappings_create(world);
	if (!world->files) {
		err = -ENOMEM;
		goto out_machine;
	}
	*out = world;
	return 0;

out_machine:
	world->core->machine_destroy(world->machine);
	host_syscall(SYS_munmap, world->core_memory, world->core_size);
out_platform:
	platform_destroy(world->platform);
out_free:
	free(world);
	return err;
}

void world_destroy(struct world *world)
{
	file_mappings_destroy(world->files);
	world->core->machine_destroy(world->machine);
	host_syscall(SYS_munmap, world->core_memory, world->core_size);
	platform_destroy(world->platform);
	family_fini(&world->family);
	pthread_cond_destroy(&world->gate.changed);
	pthread_mutex_destroy(&world->gate.lock);
	free(world);
}

static void machine_event(void *host, const struct gw_event *event)
{
	const struct world *world = host;

	world->options.observer.event(world->options.observer.arg, event);
}

static const struct gw_machine_ops observed_ops = { .event = machine_event };
static const struct gw_machine_ops plain_ops = { .event = NULL };

static int map_core_memory(struct world *world)
{
	long addr;

	world->core_size = ALIGN_UP(world->core->machine_core_size(world->nr_frames), GW_PAGE_SIZE);
	addr = host_syscall(SYS_mmap, 0L, world->core_size, (long)(PROT_READ | PROT_WRITE),
			    (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), -1L, 0L);
	if (addr < 0)
		return (int)addr;
	world->core_memory = (void *)addr;
	/* Millions of bytes are touched at the start: by small pages that takes longer than the run. */
	host_syscall(SYS_madvise, addr, world->core_size, (long)MADV_HUGEPAGE);
	return 0;
}

static int create_machine(struct world *world)
{
	struct gw_machine_config config = {
		.nr_frames = world->nr_frames,
		.nr_cpus = NR_CPUS,
		.nr_nodes = 1,
		.task_size = GUEST_TOP,
		.mmap_min_addr = GUEST_LOW,
		.overcommit_memory = world->options.overcommit,
		.seed = world->options.seed,
		.guards_off = world->options.guards_off,
		.poison = world->options.check,
		.ops = world->options.observer.event ? &observed_ops : &plain_ops,
		.host = world,
		.tlb_ops = platform_tlb_ops(),
		.tlb_host = world->platform,
	};
	int err = map_core_memory(world);

	if (err) {
		message("no memory for the machine's own structures: %s", strerror(-err));
		return err;
	}
	config.frames = platform_frames(world->platform);
	config.core = world->core_memory;
	config.core_size = world->core_size;
	err = world->core->machine_create(&config, &world->machine);
	if (err) {
		message("cannot build a machine of %lu frames: %s", world->nr_frames,
			strerror(-err));
		host_syscall(SYS_munmap, world->core_memory, world->core_size);
	}
	return err;
}

bool world_first_time(struct world *world, enum unsupported what)
{
	return !(atomic_fetch_or(&world->named, 1u << what) & (1u << what));
}

/* ---- The gate ------------------------------------------------------------------------------- */

void world_enter(struct world *world)
{
	struct gate *gate = &world->gate;

	pthread_mutex_lock(&gate->lock);
	while (gate->stopped)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->inside++;
	pthread_mutex_unlock(&gate->lock);
}

void world_leave(struct world *world)
{
	struct gate *gate = &world->gate;

	pthread_mutex_lock(&gate->lock);
	gate->inside--;
	if (gate->stopped)
		pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void world_pass(struct world *world)
{
	if (!atomic_load_explicit(&world->gate.ask, memory_order_relaxed))
		return;
	world_leave(world);
	world_enter(world);
}

void world_stop(struct world *world)
{
	struct gate *gate = &world->gate;

	pthread_mutex_lock(&gate->lock);
	gate->stopped = true;
	atomic_store(&gate->ask, true);
	pthread_mutex_unlock(&gate->lock);
	/*
	 * A guest in a long computation comes back; one that is just resumed does so at once.  And
	 * one that is born meanwhile finds the gate closed.
	 */
	family_kick_all(&world->family);
	pthread_mutex_lock(&gate->lock);
	while (gate->inside)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void world_start(struct world *world)
{
	struct gate *gate = &world->gate;

	pthread_mutex_lock(&gate->lock);
	gate->stopped = false;
	atomic_store(&gate->ask, false);
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void world_validate(struct world *world, struct run_result *result)
{
	struct gw_validation found = { 0 };

	world->core->machine_validate(world->machine, &found);
	result->validations++;
	if (result->validation.nr_problems == 0)
		result->validation = found;
}
