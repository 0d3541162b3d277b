/* SPDX-License-Identifier: MIT */
/*
 * machine.h - the owner of everything
 *
 * struct machine lies at the start of the core range and reaches all else.  No pointer leads out
 * of the core range and the frames, except to what the creator handed in.
 */
#pragma once

#include <godwit/core.h>

#include "lru.h"
#include "page_alloc.h"
#include "prng.h"
#include "slab.h"
#include "tlb.h"

#define ZONES_MAX (GW_MAX_NODES + 1)

/* Structures that come from slabs; the order is that of kmem_specs in machine.c. */
enum kmem_id {
	KMEM_MM,
	KMEM_VMA,
	KMEM_VMA_NODE,
	KMEM_ANON_VMA,
	KMEM_ANON_VMA_CHAIN,
	KMEM_MAPPING,
	KMEM_RADIX_NODE,
	NR_KMEM,
};

/* vm.overcommit_memory */
enum overcommit { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

struct machine {
	/* Constant after machine_create(). */
	const struct gw_machine_ops *ops;
	const struct gw_tlb_ops *tlb_ops;
	void *host, *tlb_host;
	unsigned char *frames;	      /* contents of pfn 0 .. nr_guest_frames - 1 */
	unsigned char *core_frames;   /* contents of the pfns after them */
	unsigned long nr_guest_frames;
	unsigned long nr_frames;      /* guest and core */
	struct folio *folios;	      /* by pfn */
	struct folio *zero_folio;     /* pfn 0 */
	int nr_cpus, nr_nodes, nr_zones;
	unsigned long task_size, mmap_min_addr;
	int max_map_count;
	int overcommit_memory;
	int migrate_passes, migrate_batch;
	uint64_t guards_off;
	bool poison, quarantine;
	const struct gw_design *design; /* NULL: none */

	struct zone zones[ZONES_MAX]; /* own locks; guest zones by node first, the core's last */
	struct lruvec lruvecs[GW_MAX_NODES]; /* own locks, by node */
	struct kmem_cache kmem[NR_KMEM];     /* own locks */
	struct tlb tlbs[GW_MAX_CPUS];	     /* own locks; unused when tlb_ops is a platform's */

	struct spinlock mms_lock;   /* LOCK_MACHINE: the four below */
	struct list_head mms;	    /* mm->mms, newest last */
	struct list_head mappings;  /* mapping->mappings, newest last */
	uint64_t last_ino;	    /* of shared anonymous memory */
	unsigned long last_mm_id;

	struct spinlock prng_lock;  /* LOCK_RANDOM: the one below */
	struct prng prng;

	/* Pages of VMAs with VM_ACCOUNT.  Only OVERCOMMIT_NEVER reads while it runs: an atomic there. */
	struct counter committed;
	atomic_long_t committed_strictly;

	atomic_t fail_nth;	    /* 0: never; 1: the next allocation fails */
	atomic_t nr_mappings;	    /* live, for machine_destroy() */
	/* By CPU, each in cache lines of its own: two that fault would pass them to and fro. */
	struct cpu_counters {
		_Alignas(64) struct counter at[GW_NR_COUNTERS];
		struct counter nr_allocations;
	} counters[GW_MAX_CPUS];
};

static inline bool machine_guard(const struct machine *machine, enum gw_guard guard)
{
	return !(machine->guards_off & (1ull << guard));
}

/* True unless an experiment switched the protective measure off: guard(machine, skip_temporary_stack) */
#define guard(machine, name) machine_guard(machine, GW_GUARD_##name)

static inline void count(struct machine *machine, enum gw_counter counter, unsigned long n)
{
	counter_add(&machine->counters[task_cpu()].at[counter], n);
}

#define count_event(machine, name)     count(machine, GW_COUNTER_##name, 1)
#define count_events(machine, name, n) count(machine, GW_COUNTER_##name, n)

void machine_event(struct machine *machine, const struct gw_event *event);

/* A number from the machine's own seeded source. */
uint64_t machine_random(struct machine *machine);

/* Is this allocation the one that must fail?  Counts it.  Called by page_alloc.c and slab.c. */
bool machine_should_fail(struct machine *machine);

static inline void *machine_alloc(struct machine *machine, enum kmem_id id)
{
	return kmem_cache_alloc(machine, &machine->kmem[id]);
}

static inline void machine_free(struct machine *machine, enum kmem_id id, void *object)
{
	kmem_cache_free(machine, &machine->kmem[id], object);
}

/* The entries of gw_core that concern the machine itself; see <godwit/core.h>. */
size_t machine_core_size(unsigned long nr_frames);
int machine_create(const struct gw_machine_config *config, struct machine **machine) __must_check;
void machine_destroy(struct machine *machine);
void machine_validate(struct machine *machine, struct gw_validation *result);
void machine_look(struct machine *machine, void (*sight)(void *arg, const struct gw_sight *sight),
		  void *arg);
void machine_place(struct machine *machine, const void *address, struct gw_place *place);
unsigned long machine_counter(const struct machine *machine, enum gw_counter counter);
unsigned long machine_free_frames(const struct machine *machine);
void machine_memory(struct machine *machine, struct gw_memory_info *info);
int machine_zone(struct machine *machine, int index, struct gw_zone_info *info);
void machine_fail_nth(struct machine *machine, int nth);
unsigned long machine_nr_allocations(const struct machine *machine);

const struct gw_guard_info *guard_info(enum gw_guard guard);
