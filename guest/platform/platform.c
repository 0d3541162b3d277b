// SPDX-License-Identifier: MIT
/*
 * platform.c - what the host must offer for guests to run
 *
 * The first stub is made at once: whatever the host forbids shows here, with a reason, and not
 * later.
 */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "host_limits.h"
#include "syscall.h"

/* A wait spins for so long at most: a few times what a hand-over through a futex costs. */
#define SPIN_US 100

#define CALIBRATION_NS 500000ul
#define HANDLER_STACK  8192ul /* what the handler needs beside the signal frame, with room */

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static unsigned long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000000ul + (unsigned long)now.tv_nsec;
}

static uint32_t spin_ticks(void)
{
	unsigned long start_ns = now_ns(), ns = 0;
	uint64_t start = __builtin_ia32_rdtsc();

	while (ns < CALIBRATION_NS)
		ns = now_ns() - start_ns;
	return (uint32_t)((__builtin_ia32_rdtsc() - start) * SPIN_US * 1000ul / ns);
}

/* Ignored, it makes the kernel forget our children at their death, and reuse their numbers. */
static void heed_children(void)
{
	struct sigaction action;

	sigaction(SIGCHLD, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return;
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
}

/* Map a frame as code at the guest's lowest address: the most that the host can forbid. */
static int try_mapping(struct platform_process *process, const char **why)
{
	int err;

	reply_add(&process->orders, &(struct stub_command){
					    .op = STUB_MMAP,
					    .prot = PROT_READ | PROT_EXEC,
					    .addr = STUB_GUEST_LOW,
					    .len = HOST_PAGE_SIZE,
				    });
	reply_add(&process->orders, &(struct stub_command){ .op = STUB_MUNMAP_ALL });
	err = stub_process_order(process);
	if (err == -EPERM)
		*why = "the guest's lowest address is forbidden; sysctl vm.mmap_min_addr must be "
		       "at most 65536";
	else if (err == -EACCES)
		*why = "memory of a memfd cannot be executed; does a security module forbid it?";
	else if (err)
		*why = "the guest's process cannot map its memory; see ulimit -v (RLIMIT_AS)";
	return err;
}

static int create_spare(struct platform *platform, const char **why)
{
	int err = stub_process_create(platform, &platform->spare, why);

	if (err)
		return err;
	err = try_mapping(platform->spare, why);
	if (err) {
		platform_process_destroy(platform->spare);
		platform->spare = NULL;
	}
	return err;
}

int platform_create(const struct platform_config *config, struct platform **result,
		    const char **why)
{
	struct platform *platform;
	int err;

	*why = "the processor's register state does not fit on the signal stack of the stub";
	if (getauxval(AT_MINSIGSTKSZ) + HANDLER_STACK > STUB_SLOT_SIZE - STUB_STACK_OFFSET)
		return -ENOTSUP;
	*why = "out of memory";
	platform = calloc(1, sizeof(*platform));
	if (!platform)
		return -ENOMEM;
	platform->core = config->core;
	platform->fault_injection = config->fault_injection;
	platform->nr_frames = config->nr_frames;
	/* Some are the stub's own, and a change in the middle of one takes two more for a moment. */
	platform->vmas_max =
		config->mappings_max ? config->mappings_max : host_max_map_count() / 10 * 9;
	platform->spin_max = spin_ticks();
	pthread_mutex_init(&platform->lock, NULL);
	heed_children();
	err = frames_create(platform, why);
	if (err)
		goto out_free;
	err = factory_create(platform->frames_fd, &platform->factory, why);
	if (err)
		goto out_frames;
	err = create_spare(platform, why);
	if (err)
		goto out_factory;
	*result = platform;
	return 0;

out_factory:
	factory_destroy(platform->factory);
out_frames:
	frames_destroy(platform);
out_free:
	pthread_mutex_destroy(&platform->lock);
	free(platform);
	return err;
}

void platform_destroy(struct platform *platform)
{
	if (platform->spare)
		platform_process_destroy(platform->spare);
	factory_destroy(platform->factory);
	frames_destroy(platform);
	pthread_mutex_destroy(&platform->lock);
	free(platform);
}

void *platform_frames(const struct platform *platform)
{
	return platform->frames;
}

const struct gw_tlb_ops *platform_tlb_ops(void)
{
	return &host_tlb_ops;
}

void platform_stats(const struct platform *platform, struct platform_stats *stats)
{
	const struct platform_counters *counters = &platform->counters;

	*stats = (struct platform_stats){
		.events = counters->events,
		.fills = counters->fills,
		.fill_pages = counters->fill_pages,
		.flushes_queued = counters->flushes_queued,
		.flushes_remote = counters->flushes_remote,
		.evictions = counters->evictions,
		.spins_hit = counters->spins_hit,
		.spins_missed = counters->spins_missed,
		.sleeps = counters->sleeps,
	};
}
