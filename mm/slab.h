/* SPDX-License-Identifier: MIT */
/*
 * slab.h - caches of structures of one size
 *
 * Slabs are frames of ZONE_CORE.  Objects are reused last freed first, so that a stale pointer
 * soon meets a stranger; a machine that poisons fills freed objects with 0x6b and checks them at
 * reuse.  A second free of an object is always noticed.  A type-stable cache (Linux:
 * SLAB_TYPESAFE_BY_RCU) keeps what its constructor set, is not poisoned, and never gives its frames
 * back while the machine lives, so that a reader under RCU may still look.
 *
 * Linux: mm/slub.c.
 */
#pragma once

#include "list.h"
#include "sync.h"

struct machine;
struct kmem_slab;

enum kmem_flags {
	KMEM_TYPE_STABLE = 1 << 0,
};

struct kmem_cache {
	struct spinlock lock; /* LOCK_SLAB: everything below */
	const char *name;
	size_t size; /* bytes, a multiple of 8 */
	enum kmem_flags flags;
	void (*ctor)(void *object); /* runs once per object, when its slab is made */
	struct list_head partial;   /* slabs with a free object, last touched first */
	struct list_head full;
	unsigned long nr_objects;   /* handed out */
	unsigned long nr_slabs;
	struct kmem_slab *spare;    /* the slab on @partial that is kept without objects, or NULL */
	unsigned int slab_order;    /* constant: a slab is 2^slab_order frames */
	unsigned int slab_objects;  /* constant: objects in a slab */
};

void kmem_cache_init(struct kmem_cache *cache, const char *name, size_t size,
		     enum kmem_flags flags, void (*ctor)(void *object));
/* All objects must be free; gives every slab back. */
void kmem_cache_fini(struct machine *machine, struct kmem_cache *cache);

/* Contents undefined (type-stable: as the last user left them).  NULL when out of memory. */
void *kmem_cache_alloc(struct machine *machine, struct kmem_cache *cache) __must_check;
void kmem_cache_free(struct machine *machine, struct kmem_cache *cache, void *object);

/* An object of whatever cache. */
struct kmem_object {
	const struct kmem_cache *cache;
	const void *address;
	unsigned int index; /* its number in its slab */
	bool in_use;
};
/* The one that @address lies in; false: it lies in none. */
bool kmem_object_at(struct machine *machine, const void *address, struct kmem_object *object);

/*
 * Recount @cache: slabs on their lists, objects by their links, poison.  Calls @problem for each
 * disagreement.
 * => nothing else runs
 */
void kmem_cache_validate(struct machine *machine, struct kmem_cache *cache,
			 void (*problem)(void *arg, const char *fmt, ...), void *arg);
