// SPDX-License-Identifier: MIT
/*
 * slab.c - caches of structures of one size
 *
 * A slab is a block of core frames: a header with one link per object, then the objects.  The links
 * lie in the header and not in the free objects, so that a type-stable object keeps every byte, a
 * poisoned one is checked as a whole, and a second free is seen at once: the link of an object in
 * use says so.
 *
 * The slab of the object that was freed last is at the head of its cache's list and has that object
 * on top, so the next allocation gets it.  A cache that may give frames back keeps one slab without
 * objects, the one that became so last.
 *
 * A machine with a quarantine never hands an object out twice: use after free meets poison, and
 * whoever watches memory is told.
 *
 * Invariants: a slab is on @partial if and only if it has a free object; of a cache that is not
 * type-stable, at most one slab on @partial has no object in use, and cache->spare is that one.
 *
 * Locks: cache->lock, not held while frames are allocated or freed.
 * Linux: mm/slub.c.  No per-CPU lists: nothing is allocated on the way of a fault that hits.
 */
#include "slab.h"

#include "block.h"
#include "machine.h"

#define SLAB_ORDER_MAX	 3
#define SLAB_OBJECTS_MIN 4
#define SLAB_ALIGN	 64ul

#define POISON_FREE 0x6b

/* Links; anything below is the index of the next free object. */
#define LINK_IN_USE 0xffff
#define LINK_END    0xfffe
#define LINK_KEPT   0xfffd /* free, and never to be handed out again: machine->quarantine */

/*
 * (c) constant
 * (s) cache->lock
 */
struct kmem_slab {
	struct list_head list;	  /* (s) cache->partial or cache->full */
	struct kmem_cache *cache; /* (c) */
	struct folio *folio;	  /* (c) the first frame */
	unsigned char *objects;	  /* (c) */
	unsigned int nr_in_use;	  /* (s) */
	unsigned int nr_kept;	  /* (s) free, in quarantine */
	unsigned short top;	  /* (s) the free object that was freed last, or LINK_END */
	unsigned short links[];	  /* (s) by object */
};

/* ---- Geometry --------------------------------------------------------------------------------------- */

static size_t header_size(unsigned int nr_objects)
{
	return ALIGN_UP(sizeof(struct kmem_slab) + nr_objects * sizeof(unsigned short), SLAB_ALIGN);
}

static unsigned int objects_that_fit(size_t object_size, unsigned int order)
{
	size_t room = GW_PAGE_SIZE << order;
	unsigned int nr = (unsigned int)(room / object_size);

	while (nr && header_size(nr) + nr * object_size > room)
		nr--;
	return nr;
}

void kmem_cache_init(struct kmem_cache *cache, const char *name, size_t size, enum kmem_flags flags,
		     void (*ctor)(void *object))
{
	unsigned int order = 0;

	ASSERT(size >= 8 && IS_ALIGNED(size, 8ul));
	while (order < SLAB_ORDER_MAX && objects_that_fit(size, order) < SLAB_OBJECTS_MIN)
		order++;
	*cache = (struct kmem_cache){
		.name = name,
		.size = size,
		.flags = flags,
		.ctor = ctor,
		.slab_order = order,
		.slab_objects = objects_that_fit(size, order),
	};
	ASSERT_MSG(cache->slab_objects > 0, "%s: %zu bytes", name, size);
	ASSERT(cache->slab_objects < LINK_KEPT);
	spin_lock_init(&cache->lock, LOCK_SLAB);
	list_init(&cache->partial);
	list_init(&cache->full);
}

static unsigned char *slab_object(const struct kmem_slab *slab, unsigned int index)
{
	return slab->objects + index * slab->cache->size;
}

/* ---- Poison ----------------------------------------------------------------------------------------- */

/* What a constructor set, or a reader under RCU may look at, stays. */
static bool cache_poisons(const struct machine *machine, const struct kmem_cache *cache)
{
	return machine->poison && !(cache->flags & KMEM_TYPE_STABLE) && !cache->ctor;
}

/* Type-stable objects are reused, last freed first: their identity is what races are about. */
static bool cache_quarantines(const struct machine *machine, const struct kmem_cache *cache)
{
	return machine->quarantine && !(cache->flags & KMEM_TYPE_STABLE);
}

static void check_poison(const struct kmem_cache *cache, const unsigned char *object)
{
	size_t offset = 0;

	if (likely(block_is_filled(object, POISON_FREE, cache->size)))
		return;
	while (object[offset] == POISON_FREE)
		offset++;
	panic("a %s was written while it was free: byte %zu is 0x%02x, not 0x%02x", cache->name,
	      offset, object[offset], POISON_FREE);
}

/* ---- Slabs: on no list, nobody else's ---------------------------------------------------------------- */

static struct kmem_slab *slab_create(struct machine *machine, struct kmem_cache *cache)
{
	struct folio *folio = folios_alloc(machine, GFP_CORE, GW_NODE_ANY, (int)cache->slab_order);
	unsigned int nr = cache->slab_objects;
	struct kmem_slab *slab;

	if (!folio)
		return NULL;
	slab = folio_address(machine, folio);
	slab->cache = cache;
	slab->folio = folio;
	slab->objects = (unsigned char *)slab + header_size(nr);
	slab->nr_in_use = 0;
	slab->nr_kept = 0;
	slab->top = 0;
	for (unsigned int i = 0; i < nr; i++)
		slab->links[i] = (unsigned short)(i + 1 < nr ? i + 1 : LINK_END);
	for (unsigned int i = 0; i < 1u << cache->slab_order; i++) {
		folio[i].slab = slab;
		folio_set(&folio[i], PG_slab);
	}
	if (cache_poisons(machine, cache))
		block_fill(slab->objects, POISON_FREE, nr * cache->size);
	if (!(cache->flags & KMEM_TYPE_STABLE))
		memory_taken_back(slab->objects, nr * cache->size);
	for (unsigned int i = 0; cache->ctor && i < nr; i++)
		cache->ctor(slab_object(slab, i));
	return slab;
}

static void slab_destroy(struct machine *machine, struct kmem_slab *slab)
{
	struct kmem_cache *cache = slab->cache;
	struct folio *folio = slab->folio;

	ASSERT(slab->nr_in_use == 0 && slab->nr_kept == 0);
	if (!(cache->flags & KMEM_TYPE_STABLE))
		memory_handed_out(slab->objects, cache->slab_objects * cache->size, cache->name);
	if (cache_poisons(machine, cache)) {
		for (unsigned int i = 0; i < cache->slab_objects; i++)
			check_poison(cache, slab_object(slab, i));
	}
	for (unsigned int i = 0; i < 1u << cache->slab_order; i++) {
		folio_clear(&folio[i], PG_slab);
		folio[i].slab = NULL;
	}
	folios_free(machine, folio, (int)cache->slab_order);
}

/* The slab that @object was handed out from; panics when there is none. */
static struct kmem_slab *object_slab(struct machine *machine, const struct kmem_cache *cache,
				     const unsigned char *object)
{
	size_t offset = (size_t)(object - machine->core_frames);
	struct folio *folio =
		pfn_folio(machine, machine->nr_guest_frames + (offset >> GW_PAGE_SHIFT));

	/* A pointer below the core's frames is a huge offset. */
	ASSERT_MSG(object >= machine->core_frames && folio, "%p is no %s", (const void *)object,
		   cache->name);
	ASSERT_MSG(folio_test(folio, PG_slab) && folio->slab->cache == cache,
		   "%p is no %s, or its slab is gone", (const void *)object, cache->name);
	return folio->slab;
}

static unsigned int object_index(const struct kmem_slab *slab, const unsigned char *object)
{
	const struct kmem_cache *cache = slab->cache;
	size_t offset = (size_t)(object - slab->objects);
	unsigned int index = (unsigned int)(offset / cache->size);

	/* A pointer into the header is a huge offset. */
	ASSERT_MSG(index < cache->slab_objects && object == slab_object(slab, index),
		   "%p points into a %s, not at one", (const void *)object, cache->name);
	return index;
}

bool kmem_object_at(struct machine *machine, const void *address, struct kmem_object *object)
{
	size_t offset = (uintptr_t)address - (uintptr_t)machine->core_frames;
	struct folio *folio =
		pfn_folio(machine, machine->nr_guest_frames + (offset >> GW_PAGE_SHIFT));
	const struct kmem_slab *slab;

	/* An address below the core's frames is a huge offset. */
	if ((uintptr_t)address < (uintptr_t)machine->core_frames || !folio ||
	    !folio_test(folio, PG_slab))
		return false;
	slab = folio->slab;
	offset = (uintptr_t)address - (uintptr_t)slab->objects;
	object->cache = slab->cache;
	object->index = (unsigned int)min(offset / slab->cache->size, (size_t)LINK_END);
	if (object->index >= slab->cache->slab_objects)
		return false; /* the header, which is a huge offset too, or the rest */
	object->address = slab_object(slab, object->index);
	object->in_use = slab->links[object->index] == LINK_IN_USE;
	return true;
}

/* ---- Handing out and taking back: under cache->lock -------------------------------------------------- */

/* NULL: every slab is full. */
static void *take_object(struct kmem_cache *cache)
{
	struct kmem_slab *slab;
	unsigned int index;

	if (list_empty(&cache->partial))
		return NULL;
	slab = list_first_entry(&cache->partial, struct kmem_slab, list);
	index = slab->top;
	slab->top = slab->links[index];
	slab->links[index] = LINK_IN_USE;
	slab->nr_in_use++;
	cache->nr_objects++;
	if (slab == cache->spare)
		cache->spare = NULL;
	if (slab->top == LINK_END)
		list_move(&slab->list, &cache->full);
	return slab_object(slab, index);
}

/* In quarantine nobody else gets it, so that whoever still uses it is seen. */
static void keep_object(struct kmem_cache *cache, struct kmem_slab *slab, unsigned int index)
{
	slab->links[index] = LINK_KEPT;
	slab->nr_in_use--;
	slab->nr_kept++;
	cache->nr_objects--;
}

/* Returns the slab that is to be given back now, or NULL. */
static struct kmem_slab *put_object(struct kmem_cache *cache, struct kmem_slab *slab,
				    unsigned int index)
{
	struct kmem_slab *surplus;

	slab->links[index] = slab->top;
	slab->top = (unsigned short)index;
	slab->nr_in_use--;
	cache->nr_objects--;
	list_move(&slab->list, &cache->partial);
	if (slab->nr_in_use || slab->nr_kept || (cache->flags & KMEM_TYPE_STABLE))
		return NULL;
	surplus = cache->spare;
	cache->spare = slab;
	if (surplus) {
		list_del(&surplus->list);
		cache->nr_slabs--;
	}
	return surplus;
}

/* ---- The interface ------------------------------------------------------------------------------------ */

void *kmem_cache_alloc(struct machine *machine, struct kmem_cache *cache)
{
	struct kmem_slab *slab;
	void *object;

	might_sleep();
	if (machine_should_fail(machine))
		return NULL;
	spin_lock(&cache->lock);
	object = take_object(cache);
	spin_unlock(&cache->lock);
	if (!object) {
		slab = slab_create(machine, cache);
		spin_lock(&cache->lock);
		if (slab) {
			list_add(&slab->list, &cache->partial);
			cache->nr_slabs++;
		}
		/* Without one, the wait for frames may have brought objects of this cache back. */
		object = take_object(cache);
		spin_unlock(&cache->lock);
		if (!object)
			return NULL;
	}
	if (!(cache->flags & KMEM_TYPE_STABLE))
		memory_handed_out(object, cache->size, cache->name);
	if (cache_poisons(machine, cache))
		check_poison(cache, object);
	return object;
}

void kmem_cache_free(struct machine *machine, struct kmem_cache *cache, void *object)
{
	struct kmem_slab *slab = object_slab(machine, cache, object);
	unsigned int index = object_index(slab, object);
	struct kmem_slab *surplus = NULL;

	spin_lock(&cache->lock);
	ASSERT_MSG(slab->links[index] == LINK_IN_USE, "%s %p is freed twice", cache->name, object);
	if (cache_poisons(machine, cache))
		block_fill(object, POISON_FREE, cache->size);
	if (!(cache->flags & KMEM_TYPE_STABLE))
		memory_taken_back(object, cache->size);
	if (cache_quarantines(machine, cache))
		keep_object(cache, slab, index);
	else
		surplus = put_object(cache, slab, index);
	spin_unlock(&cache->lock);
	if (surplus)
		slab_destroy(machine, surplus);
}

/* The machine ends, and with it the quarantine. */
static void release_kept(struct kmem_cache *cache)
{
	struct kmem_slab *slab, *next;

	list_splice_init(&cache->full, &cache->partial);
	list_for_each_entry_safe(slab, next, &cache->partial, list) {
		slab->nr_kept = 0;
		if (slab->nr_in_use)
			list_move(&slab->list, &cache->full);
	}
}

void kmem_cache_fini(struct machine *machine, struct kmem_cache *cache)
{
	struct kmem_slab *slab, *next;

	ASSERT_MSG(cache->nr_objects == 0, "%lu objects of %s are left", cache->nr_objects,
		   cache->name);
	if (cache_quarantines(machine, cache))
		release_kept(cache);
	ASSERT(list_empty(&cache->full));
	list_for_each_entry_safe(slab, next, &cache->partial, list) {
		list_del(&slab->list);
		cache->nr_slabs--;
		slab_destroy(machine, slab);
	}
	ASSERT(cache->nr_slabs == 0);
	cache->spare = NULL;
}

/* ---- Validation: nothing else runs -------------------------------------------------------------------- */

struct slab_check {
	struct machine *machine;
	struct kmem_cache *cache;
	void (*problem)(void *arg, const char *fmt, ...);
	void *arg;
	unsigned long nr_slabs, nr_objects, nr_empty;
};

/*
 * Links that say "in use" and "in quarantine", and what the chain of free ones holds, cut off where
 * it runs in a circle.
 */
static __unwatched void count_links(const struct kmem_slab *slab, unsigned int *nr_in_use,
				    unsigned int *nr_kept, unsigned int *nr_free)
{
	unsigned int nr = slab->cache->slab_objects;

	*nr_in_use = 0;
	*nr_kept = 0;
	*nr_free = 0;
	for (unsigned int i = 0; i < nr; i++) {
		*nr_in_use += slab->links[i] == LINK_IN_USE;
		*nr_kept += slab->links[i] == LINK_KEPT;
	}
	for (unsigned int i = slab->top; i < nr && *nr_free <= nr; i = slab->links[i])
		++*nr_free;
}

static __unwatched void check_slab(struct slab_check *check, const struct kmem_slab *slab, bool on_full)
{
	const struct kmem_cache *cache = check->cache;
	bool poisons = cache_poisons(check->machine, cache);
	unsigned int nr_in_use, nr_kept, nr_free;

	count_links(slab, &nr_in_use, &nr_kept, &nr_free);
	check->nr_slabs++;
	check->nr_objects += nr_in_use;
	check->nr_empty += nr_in_use == 0 && nr_kept == 0;
	if (slab->nr_in_use != nr_in_use || slab->nr_kept != nr_kept ||
	    nr_in_use + nr_kept + nr_free != cache->slab_objects)
		check->problem(check->arg,
			       "a slab of %s: %u objects in use, %u by their links, %u free",
			       cache->name, slab->nr_in_use, nr_in_use, nr_free);
	if (on_full != (nr_free == 0))
		check->problem(check->arg, "a slab of %s with %u objects free is on the wrong list",
			       cache->name, nr_free);
	for (unsigned int i = 0; poisons && i < cache->slab_objects; i++) {
		if (slab->links[i] != LINK_IN_USE &&
		    !block_is_filled(slab_object(slab, i), POISON_FREE, cache->size))
			check->problem(check->arg, "a %s was written while it was free",
				       cache->name);
	}
}

/* False: the list leads to what is no slab of this cache. */
static __unwatched bool check_entry(struct slab_check *check, const struct kmem_slab *slab)
{
	size_t offset = (size_t)((const unsigned char *)slab - check->machine->core_frames);
	const struct folio *folio = pfn_folio(check->machine, check->machine->nr_guest_frames +
								      (offset >> GW_PAGE_SHIFT));

	if (folio && folio_test(folio, PG_slab) && folio->slab == slab && slab->folio == folio &&
	    slab->cache == check->cache && check->nr_slabs <= check->cache->nr_slabs)
		return true;
	check->problem(check->arg, "a list of slabs of %s leads elsewhere", check->cache->name);
	return false;
}

static __unwatched void check_list(struct slab_check *check, struct list_head *list)
{
	struct kmem_slab *slab;

	list_for_each_entry(slab, list, list) {
		if (!check_entry(check, slab))
			return;
		check_slab(check, slab, list == &check->cache->full);
	}
}

void kmem_cache_validate(struct machine *machine, struct kmem_cache *cache,
			 void (*problem)(void *arg, const char *fmt, ...), void *arg)
{
	struct slab_check check = {
		.machine = machine, .cache = cache, .problem = problem, .arg = arg
	};

	check_list(&check, &cache->partial);
	check_list(&check, &cache->full);
	if (check.nr_slabs != cache->nr_slabs || check.nr_objects != cache->nr_objects)
		problem(arg, "%s: %lu objects in %lu slabs, found %lu in %lu", cache->name,
			cache->nr_objects, cache->nr_slabs, check.nr_objects, check.nr_slabs);
	if (!(cache->flags & KMEM_TYPE_STABLE) && check.nr_empty != (cache->spare != NULL))
		problem(arg, "%s: %lu slabs without objects are kept", cache->name, check.nr_empty);
}
