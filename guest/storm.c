// SPDX-License-Identifier: MIT
/*
 * storm.c - moving the guest's pages under it
 *
 * A task of its own, on a virtual CPU of its own, which does what compaction and tiering do on a
 * real machine, only much more often.  A storm moves every page of every address space again and
 * again, those that exec is building included.  A rate moves that many pages per second, process by
 * process, in the order of their addresses.
 */
#include "storm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "family.h"
#include "process.h"
#include "syscall.h"
#include "threads.h"
#include "world.h"

#define NS_PER_SECOND	1000000000ul
#define GRACE_NS	1000000ul  /* at least, between two passes of a storm */
#define TICK_NS		10000000ul /* how often a rate is looked at */
#define CHUNK_PAGES_MIN 64ul

struct storm {
	struct world *world;
	pthread_t thread;

	/* Of a rate. */
	uint64_t started_ns;
	unsigned long moved;  /* pages tried since then */
	int pid;	      /* whose is the next */
	unsigned long cursor; /* and its address */
};

static void pause_for(uint64_t ns)
{
	const struct timespec time = {
		.tv_sec = (time_t)(ns / NS_PER_SECOND),
		.tv_nsec = (long)(ns % NS_PER_SECOND),
	};

	host_syscall(SYS_nanosleep, &time, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	host_syscall(SYS_clock_gettime, (long)CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- All of it, again and again ------------------------------------------------------------------ */

/*
 * A pass takes every translation of the guest away.  As long as the pass took, and at least long
 * enough to fault in the pages that a small loop needs, the guest is then left alone: a storm that
 * never pauses would move pages that nobody has touched since the last time.
 */
static void storm_pass(struct world *world)
{
	struct gw_migrate migrate = {
		.mode = GW_MIGRATE_SYNC_LIGHT,
		.reason = GW_MR_COMPACTION,
	};
	uint64_t start_ns = now_ns();

	world_enter(world);
	world->core->migrate_all(world->machine, &migrate);
	world_leave(world);
	pause_for(max(now_ns() - start_ns, GRACE_NS));
}

/* ---- So many pages per second ---------------------------------------------------------------------- */

struct next_range {
	unsigned long from;
	unsigned long start, end; /* both 0: there is none */
};

static void look(void *arg, const struct gw_maps_line *line)
{
	struct next_range *next = arg;

	if (next->end || line->end <= next->from)
		return;
	next->start = max(line->start, next->from);
	next->end = line->end;
}

/* The next piece of the address space moves.  => pages tried, or -1: the end was reached */
static long move_next(struct storm *storm, struct mm *mm, unsigned long pages)
{
	const struct gw_core *core = storm->world->core;
	struct gw_migrate migrate = {
		.mode = GW_MIGRATE_SYNC_LIGHT,
		.reason = GW_MR_NUMA_MISPLACED,
	};
	struct next_range next = { .from = storm->cursor };
	unsigned long len = max(pages, CHUNK_PAGES_MIN) * GW_PAGE_SIZE;

	core->mm_maps(mm, look, &next);
	if (!next.end)
		return -1;
	next.end = next.start + min(len, next.end - next.start);
	storm->cursor = next.end;
	if (core->migrate_range(mm, next.start, next.end, &migrate))
		return 0;
	return (long)migrate.nr_candidates;
}

/* The process whose turn it is, or after its end the next; round again, and *@rounds counts it. */
static struct mm *choose(struct storm *storm, bool ended, int *rounds)
{
	struct family *family = &storm->world->family;
	int pid = storm->pid;
	struct mm *mm = family_mm_from(family, &pid, ended);

	if (!mm) {
		(*rounds)++;
		pid = storm->world->first->pid;
		mm = family_mm_from(family, &pid, false);
	}
	if (ended || pid != storm->pid)
		storm->cursor = 0;
	storm->pid = pid;
	return mm;
}

/* At most once round, as there may be nothing to move. */
static void move_pages(struct storm *storm, unsigned long pages)
{
	unsigned long tried = 0;
	int rounds = 0;
	bool ended = false;

	while (tried < pages && rounds < 2) {
		struct mm *mm = choose(storm, ended, &rounds);
		long nr;

		if (!mm)
			break;
		nr = move_next(storm, mm, pages - tried);
		storm->world->core->mm_put(mm);
		ended = nr < 0;
		if (!ended)
			tried += (unsigned long)nr;
	}
	if (ended)
		storm->cursor = ~0ul;
	storm->moved += tried;
}

static void rate_tick(struct storm *storm)
{
	struct world *world = storm->world;
	double seconds = (double)(now_ns() - storm->started_ns) / (double)NS_PER_SECOND;
	double due = seconds * (double)world->options.migration_rate - (double)storm->moved;

	if (due >= 1) {
		world_enter(world);
		move_pages(storm, (unsigned long)due);
		world_leave(world);
	}
	pause_for(TICK_NS);
}

/* ---- The thread -------------------------------------------------------------------------------------- */

static void *storm_main(void *arg)
{
	struct storm *storm = arg;
	struct world *world = storm->world;

	threads_task_attach("storm", CPU_STORM);
	storm->pid = world->first->pid;
	storm->started_ns = now_ns();
	while (!world->ending) {
		if (world->options.migration == MIGRATION_STORM)
			storm_pass(world);
		else
			rate_tick(storm);
	}
	threads_task_detach();
	return NULL;
}

int storm_start(struct world *world, struct storm **out)
{
	struct storm *storm;
	int err;

	*out = NULL;
	if (world->options.migration == MIGRATION_OFF)
		return 0;
	storm = calloc(1, sizeof(*storm));
	if (!storm)
		return -ENOMEM;
	storm->world = world;
	err = pthread_create(&storm->thread, NULL, storm_main, storm);
	if (err) {
		free(storm);
		return -err;
	}
	*out = storm;
	return 0;
}

void storm_stop(struct storm *storm)
{
	if (!storm)
		return;
	pthread_join(storm->thread, NULL);
	free(storm);
}
