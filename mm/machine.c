// SPDX-License-Identifier: MIT
/*
 * machine.c - the owner of everything: laying a machine out, counting, taking it down
 *
 * The core range holds, from its start: struct machine, one struct folio per frame, the pageblock
 * types of each zone, and then, page aligned, the core's own frames.  Core frames are numbered
 * after the guests' ones, so that a frame number of either kind finds its folio in one array.
 */
#include "machine.h"

#include "anon_vma.h"
#include "block.h"
#include "filemap.h"
#include "mm.h"
#include "vma.h"

#include <errno.h>

/* Enough for a tiny machine of an explored scenario: page tables, one slab per cache. */
#define CORE_FRAMES_MIN 64
/* And beyond: page tables take 1/512 of what is mapped, the rest is for VMAs and chains. */
#define CORE_FRAMES_SHARE 16

#define DEFAULT_MAX_MAP_COUNT  65530
#define DEFAULT_MIGRATE_PASSES 10
#define DEFAULT_MIGRATE_BATCH  512
#define MIGRATE_BATCH_MAX      512

static const struct gw_guard_info guards[GW_NR_GUARDS] = {
#define X(id, name_, commit_, reason_) { .name = name_, .commit = commit_, .reason = reason_ },
	GW_GUARDS(X)
#undef X
};

const struct gw_guard_info *guard_info(enum gw_guard guard)
{
	return guard < GW_NR_GUARDS ? &guards[guard] : NULL;
}

static unsigned long core_frames_wanted(unsigned long nr_frames)
{
	return CORE_FRAMES_MIN + nr_frames / CORE_FRAMES_SHARE;
}

/* What stands before the core frames when the machine has @nr_guest and @nr_core of them. */
static size_t metadata_size(unsigned long nr_guest, unsigned long nr_core)
{
	size_t size = ALIGN_UP(sizeof(struct machine), 64ul);

	size += (nr_guest + nr_core) * sizeof(struct folio);
	size += zone_pageblock_bytes(nr_guest) + GW_MAX_NODES + zone_pageblock_bytes(nr_core);
	return ALIGN_UP(size, PAGE_SIZE);
}

size_t machine_core_size(unsigned long nr_frames)
{
	unsigned long nr_core = core_frames_wanted(nr_frames);

	return metadata_size(nr_frames, nr_core) + nr_core * PAGE_SIZE;
}

/* ---- Creating ------------------------------------------------------------------------------------ */

static int check_config(const struct gw_machine_config *config)
{
	unsigned long in_nodes = 0;

	for (int node = 0; node < GW_MAX_NODES; node++)
		in_nodes += config->node_frames[node];
	if (!config->frames || !config->core || config->nr_frames < 2)
		return -EINVAL;
	if (!IS_ALIGNED((uintptr_t)config->frames, PAGE_SIZE) ||
	    !IS_ALIGNED((uintptr_t)config->core, PAGE_SIZE))
		return -EINVAL;
	if (config->nr_cpus < 1 || config->nr_cpus > GW_MAX_CPUS)
		return -EINVAL;
	if (config->nr_nodes < 1 || config->nr_nodes > GW_MAX_NODES)
		return -EINVAL;
	if (in_nodes && in_nodes != config->nr_frames)
		return -EINVAL;
	if (!config->task_size || !IS_ALIGNED(config->task_size, PAGE_SIZE) ||
	    config->task_size > 1ul << 47)
		return -EINVAL;
	if (config->overcommit_memory < OVERCOMMIT_GUESS ||
	    config->overcommit_memory > OVERCOMMIT_NEVER)
		return -EINVAL;
	if (config->migrate_batch < 0 || config->migrate_batch > MIGRATE_BATCH_MAX)
		return -EINVAL;
	return 0;
}

/* How many core frames fit behind their own metadata; 0 when it is too few. */
static unsigned long core_frames_that_fit(const struct gw_machine_config *config)
{
	unsigned long nr_core = config->core_size / PAGE_SIZE;

	while (nr_core && metadata_size(config->nr_frames, nr_core) + nr_core * PAGE_SIZE >
				  config->core_size)
		nr_core--;
	return nr_core >= CORE_FRAMES_MIN / 2 ? nr_core : 0;
}

static void init_constants(struct machine *machine, const struct gw_machine_config *config)
{
	machine->ops = config->ops;
	machine->tlb_ops = config->tlb_ops ? config->tlb_ops : &tlb_model_ops;
	machine->host = config->host;
	machine->tlb_host = config->tlb_ops ? config->tlb_host : machine;
	machine->nr_cpus = config->nr_cpus;
	machine->nr_nodes = config->nr_nodes;
	machine->task_size = config->task_size;
	machine->mmap_min_addr = config->mmap_min_addr;
	machine->max_map_count = config->max_map_count ? config->max_map_count
						       : DEFAULT_MAX_MAP_COUNT;
	machine->overcommit_memory = config->overcommit_memory;
	machine->migrate_passes = config->migrate_passes ? config->migrate_passes
							 : DEFAULT_MIGRATE_PASSES;
	machine->migrate_batch = config->migrate_batch ? config->migrate_batch
						       : DEFAULT_MIGRATE_BATCH;
	machine->guards_off = config->guards_off;
	machine->poison = config->poison;
	machine->design = config->design;
	machine->quarantine = config->quarantine;
}

static void init_caches(struct machine *machine)
{
	static const struct {
		const char *name;
		size_t size;
		enum kmem_flags flags;
		void (*ctor)(void *object);
	} kmem_specs[NR_KMEM] = {
		[KMEM_MM] = { "mm", sizeof(struct mm), 0, NULL },
		[KMEM_VMA] = { "vma", sizeof(struct vma), 0, NULL },
		[KMEM_ANON_VMA] = { "anon_vma", sizeof(struct anon_vma), KMEM_TYPE_STABLE,
				    anon_vma_ctor },
		[KMEM_ANON_VMA_CHAIN] = { "anon_vma_chain", sizeof(struct anon_vma_chain), 0, NULL },
		[KMEM_MAPPING] = { "mapping", sizeof(struct mapping), 0, NULL },
	};

	for (int id = 0; id < NR_KMEM; id++) {
		size_t size = kmem_specs[id].size;

		if (id == KMEM_VMA_NODE)
			size = vma_node_size();
		else if (id == KMEM_RADIX_NODE)
			size = radix_node_size();
		kmem_cache_init(&machine->kmem[id],
				kmem_specs[id].name ? kmem_specs[id].name : "node",
				ALIGN_UP(size, 8ul), kmem_specs[id].flags, kmem_specs[id].ctor);
	}
}

/* One guest zone per node that has frames, then the core's; all their frames become free. */
static void init_zones(struct machine *machine, const struct gw_machine_config *config,
		       unsigned char *pageblock_types)
{
	unsigned long pfn = 0;
	bool has_sizes = false;

	for (int node = 0; node < machine->nr_nodes; node++)
		has_sizes |= config->node_frames[node] != 0;
	for (int node = 0; node < machine->nr_nodes; node++) {
		unsigned long nr = config->node_frames[node];
		struct zone *zone = &machine->zones[machine->nr_zones];

		if (!has_sizes && node == 0)
			nr = config->nr_frames;
		lruvec_init(&machine->lruvecs[node]);
		if (!nr)
			continue;
		zone_init(machine, zone, ZONE_GUEST, node, pfn, pfn + nr, pageblock_types);
		pageblock_types += zone_pageblock_bytes(nr);
		machine->nr_zones++;
		pfn += nr;
	}
	zone_init(machine, &machine->zones[machine->nr_zones++], ZONE_CORE, 0, pfn,
		  machine->nr_frames, pageblock_types);
}

/* The zero page is pfn 0: mapped everywhere, counted nowhere, freed never. */
static void init_zero_page(struct machine *machine)
{
	struct folio *zero = &machine->folios[0];

	machine->zero_folio = zero;
	atomic_set(&zero->flags, 1 << PG_reserved | 1 << PG_uptodate);
	atomic_set(&zero->refcount, 1);
	folio_zero(machine, zero);
}

static void free_all_frames(struct machine *machine)
{
	for (int i = 0; i < machine->nr_zones; i++) {
		struct zone *zone = &machine->zones[i];

		zone_free_range(machine, zone, max(zone->start_pfn, 1ul), zone->end_pfn);
	}
}

static void name_memory(struct machine *machine)
{
	unsigned long nr_core = machine->nr_frames - machine->nr_guest_frames;

	memory_named(machine, 1, sizeof(*machine), "machine");
	memory_named(machine->folios, machine->nr_frames, sizeof(struct folio), "folio");
	memory_named(machine->frames, machine->nr_guest_frames, PAGE_SIZE, "frame");
	memory_named(machine->core_frames, nr_core, PAGE_SIZE, "core frame");
}

int machine_create(const struct gw_machine_config *config, struct machine **result)
{
	unsigned char *core = config->core;
	struct machine *machine = config->core;
	unsigned long nr_core;
	int err = check_config(config);

	if (err)
		return err;
	nr_core = core_frames_that_fit(config);
	if (!nr_core)
		return -ENOMEM;

	block_zero(core, metadata_size(config->nr_frames, nr_core));
	init_constants(machine, config);
	machine->frames = config->frames;
	machine->core_frames = core + metadata_size(config->nr_frames, nr_core);
	machine->nr_guest_frames = config->nr_frames;
	machine->nr_frames = config->nr_frames + nr_core;
	machine->folios = (struct folio *)(core + ALIGN_UP(sizeof(*machine), 64ul));
	spin_lock_init(&machine->mms_lock, LOCK_MACHINE);
	list_init(&machine->mms);
	list_init(&machine->mappings);
	spin_lock_init(&machine->prng_lock, LOCK_RANDOM);
	prng_seed(&machine->prng, config->seed);
	name_memory(machine);
	tlb_model_init(machine);
	init_zones(machine, config, (unsigned char *)(machine->folios + machine->nr_frames));
	init_zero_page(machine);
	free_all_frames(machine);
	init_caches(machine);
	*result = machine;
	return 0;
}

/* ---- Taking it down ------------------------------------------------------------------------------ */

void machine_destroy(struct machine *machine)
{
	unsigned long nr_free, nr_reserved = 1; /* the zero page */

	rcu_barrier();
	ASSERT_MSG(list_empty(&machine->mms), "an address space is left");
	ASSERT_MSG(atomic_read(&machine->nr_mappings) == 0, "%d mappings are left",
		   atomic_read(&machine->nr_mappings));
	ASSERT_MSG(vm_committed(machine) == 0, "%lu pages are still promised",
		   vm_committed(machine));
	for (int id = 0; id < NR_KMEM; id++)
		kmem_cache_fini(machine, &machine->kmem[id]);
	release_quarantine(machine);
	nr_free = nr_free_frames(machine, ZONE_GUEST) + nr_free_frames(machine, ZONE_CORE);
	ASSERT_MSG(nr_free + nr_reserved == machine->nr_frames, "%lu of %lu frames are not free",
		   machine->nr_frames - nr_reserved - nr_free, machine->nr_frames);
}

/* ---- Counters, events, chance, failures ------------------------------------------------------------ */

unsigned long machine_counter(const struct machine *machine, enum gw_counter counter)
{
	unsigned long sum = 0;

	if (counter >= GW_NR_COUNTERS)
		return 0;
	for (int cpu = 0; cpu < GW_MAX_CPUS; cpu++)
		sum += machine->counters[cpu].at[counter].v;
	return sum;
}

unsigned long machine_free_frames(const struct machine *machine)
{
	return nr_free_frames(machine, ZONE_GUEST);
}

void machine_event(struct machine *machine, const struct gw_event *event)
{
	struct gw_event stamped;

	if (!machine->ops || !machine->ops->event)
		return;
	stamped = *event;
	stamped.cpu = task_cpu();
	stamped.task = task_name();
	machine->ops->event(machine->host, &stamped);
}

uint64_t machine_random(struct machine *machine)
{
	uint64_t number;

	spin_lock(&machine->prng_lock);
	number = prng_next(&machine->prng);
	spin_unlock(&machine->prng_lock);
	return number;
}

/* The countdown is touched only while armed, so that it costs nothing otherwise. */
bool machine_should_fail(struct machine *machine)
{
	counter_add(&machine->counters[task_cpu()].nr_allocations, 1);
	if (likely(machine->fail_nth.v == 0))
		return false;
	return atomic_add_return(&machine->fail_nth, -1) == 0;
}

void machine_fail_nth(struct machine *machine, int nth)
{
	atomic_set(&machine->fail_nth, nth);
}

unsigned long machine_nr_allocations(const struct machine *machine)
{
	unsigned long sum = 0;

	for (int cpu = 0; cpu < GW_MAX_CPUS; cpu++)
		sum += machine->counters[cpu].nr_allocations.v;
	return sum;
}
