// SPDX-License-Identifier: MIT
/*
 * filemap.c - the page cache: a file's folios by page offset
 *
 * The index is a radix tree of 64 slots per node, as deep as its largest offset needs.  A folio in
 * it is locked until its contents have been read; whoever finds it meanwhile waits for the lock and
 * looks whether it has become uptodate.  A folio that could not be read is taken out again before
 * it is unlocked, so a folio that is in the index, unlocked and not uptodate does not exist.
 *
 * A folio leaves its file in four ways, all under the folio lock: a failed read, migration, which
 * puts another in its place, truncation, and the end of the mapping.  So folio->mapping of a locked
 * folio is stable, and the mapping lives at least until the folio is unlocked.  Whoever holds a
 * reference that the cache gave out keeps migration from replacing the folio, but not truncation from
 * taking it out: who maps a folio, or writes to it, looks under its lock.
 *
 * Who puts a folio in looks at the size afterwards: either it sees the new size, or truncation, which
 * writes the size first, finds the folio.
 *
 * Locks: inode_lock, the folio lock, i_mmap_lock, i_pages_lock.  Index nodes are allocated before
 * i_pages_lock is taken.  The VMAs' bounds are keys of i_mmap, so whoever changes them holds
 * i_mmap_lock over the removal, the change and the insertion; hence it is the caller's.
 *
 * Linux: mm/filemap.c, lib/xarray.c.  Not modelled: large folios.  Lookups take i_pages_lock where
 * Linux relies on RCU.
 */
#include "filemap.h"

#include <errno.h>

#include "machine.h"
#include "vma.h"

#define RADIX_SHIFT	 6
#define RADIX_SLOTS	 (1 << RADIX_SHIFT)
#define RADIX_HEIGHT_MAX 9 /* 54 bits: every page offset of 64-bit sizes */

BUILD_ASSERT(RADIX_HEIGHT_MAX *RADIX_SHIFT >= 64 - GW_PAGE_SHIFT);

/* Nodes of level 1 hold folios, those above hold nodes.  All under i_pages_lock. */
struct radix_node {
	unsigned int nr; /* slots in use; never 0 while i_pages_lock is free */
	void *slots[RADIX_SLOTS];
};

size_t radix_node_size(void)
{
	return sizeof(struct radix_node);
}

/* ---- A mapping's life ------------------------------------------------------------------------------- */

static void mapping_copy_name(struct mapping *mapping, const char *name)
{
	size_t len = 0;

	for (; name && name[len] && len < sizeof(mapping->name) - 1; len++)
		mapping->name[len] = name[len];
	mapping->name[len] = '\0';
	mapping->info.name = mapping->name;
}

static void mapping_link(struct mapping *mapping)
{
	struct machine *machine = mapping->machine;

	spin_lock(&machine->mms_lock);
	list_add_tail(&mapping->mappings, &machine->mappings);
	spin_unlock(&machine->mms_lock);
}

static void mapping_unlink(struct mapping *mapping)
{
	struct machine *machine = mapping->machine;

	spin_lock(&machine->mms_lock);
	list_del(&mapping->mappings);
	spin_unlock(&machine->mms_lock);
}

int mapping_create(struct machine *machine, const struct gw_mapping_info *info,
		   struct mapping **result)
{
	struct mapping *mapping;
	int err;

	if (info->ops && !info->ops->read_page)
		return -EINVAL;
	mapping = machine_alloc(machine, KMEM_MAPPING);
	if (!mapping)
		return -ENOMEM;
	*mapping = (struct mapping){ .machine = machine, .info = *info };
	mapping_copy_name(mapping, info->name);
	err = shmem_charge_size(mapping, info->size);
	if (err) {
		machine_free(machine, KMEM_MAPPING, mapping);
		return err;
	}
	atomic_set(&mapping->refcount, 1);
	rwsem_init(&mapping->inode_lock, LOCK_INODE);
	spin_lock_init(&mapping->i_pages_lock, LOCK_I_PAGES);
	rwsem_init(&mapping->i_mmap_lock, LOCK_I_MMAP);
	interval_tree_init(&mapping->i_mmap);
	atomic_inc(&machine->nr_mappings);
	mapping_link(mapping);
	*result = mapping;
	return 0;
}

void mapping_get(struct mapping *mapping)
{
	atomic_inc(&mapping->refcount);
}

void mapping_put(struct mapping *mapping)
{
	struct machine *machine = mapping->machine;

	might_sleep();
	if (!atomic_dec_and_test(&mapping->refcount))
		return;
	ASSERT_MSG(!mapping->i_mmap.rbh_root, "%s is still mapped", mapping->name);
	write_last_pages(mapping);
	truncate_all_pages(mapping);
	mapping_unlink(mapping);
	if (mapping_is_shmem(mapping))
		(void)!shmem_charge_size(mapping, 0); /* less is never refused */
	else if (mapping->info.ops->release)
		mapping->info.ops->release(mapping->info.file);
	machine_free(machine, KMEM_MAPPING, mapping);
	atomic_dec(&machine->nr_mappings);
}

uint64_t mapping_size(const struct mapping *mapping)
{
	return READ_ONCE(mapping->info.size);
}

/* ---- The index: under i_pages_lock ------------------------------------------------------------------- */

static unsigned int radix_slot(unsigned long pgoff, int level)
{
	return (pgoff >> ((level - 1) * RADIX_SHIFT)) % RADIX_SLOTS;
}

/* Levels that a tree with @pgoff in it has. */
static int radix_height(unsigned long pgoff)
{
	int height = 1;

	while (height < RADIX_HEIGHT_MAX && pgoff >> (height * RADIX_SHIFT))
		height++;
	return height;
}

static struct folio *index_lookup(const struct mapping *mapping, unsigned long pgoff)
{
	void *at = mapping->pages;

	if (radix_height(pgoff) > mapping->height)
		return NULL;
	for (int level = mapping->height; level > 0 && at; level--) {
		const struct radix_node *node = at;

		at = node->slots[radix_slot(pgoff, level)];
	}
	return at;
}

/*
 * The first at or after @pgoff below @node, whose own first offset is @base.  A slot before that of
 * @pgoff has only smaller ones, those after it only larger.
 */
static struct folio *index_next_below(const struct radix_node *node, int level, unsigned long base,
				      unsigned long pgoff)
{
	unsigned int slot = pgoff > base ? radix_slot(pgoff, level) : 0;

	for (; slot < RADIX_SLOTS; slot++) {
		unsigned long at = base + ((unsigned long)slot << ((level - 1) * RADIX_SHIFT));
		struct folio *folio = node->slots[slot];

		if (folio && level > 1)
			folio = index_next_below(node->slots[slot], level - 1, at, pgoff);
		if (folio)
			return folio;
	}
	return NULL;
}

static struct folio *index_next(const struct mapping *mapping, unsigned long pgoff)
{
	if (!mapping->pages || radix_height(pgoff) > mapping->height)
		return NULL;
	return index_next_below(mapping->pages, mapping->height, 0, pgoff);
}

/* Nodes that must be added before @pgoff has a slot. */
static int index_nodes_missing(const struct mapping *mapping, unsigned long pgoff)
{
	const struct radix_node *node = mapping->pages;
	int height = radix_height(pgoff);
	int level = mapping->height;

	if (!node)
		return height;
	/* New roots, and below the topmost a path of its own, as the old tree is in slot 0. */
	if (height > level)
		return height - level + height - 1;
	for (; level > 1; level--) {
		node = node->slots[radix_slot(pgoff, level)];
		if (!node)
			return level - 1;
	}
	return 0;
}

/* Nodes allocated ahead, linked by slot 0. */
struct radix_reserve {
	struct machine *machine;
	struct radix_node *nodes;
	int nr;
};

static int reserve_fill(struct radix_reserve *reserve, int nr)
{
	while (reserve->nr < nr) {
		struct radix_node *node = machine_alloc(reserve->machine, KMEM_RADIX_NODE);

		if (!node)
			return -ENOMEM;
		*node = (struct radix_node){ .slots = { reserve->nodes } };
		reserve->nodes = node;
		reserve->nr++;
	}
	return 0;
}

static struct radix_node *reserve_take(struct radix_reserve *reserve)
{
	struct radix_node *node = reserve->nodes;

	ASSERT(node);
	reserve->nodes = node->slots[0];
	reserve->nr--;
	node->slots[0] = NULL;
	return node;
}

static void reserve_free(struct radix_reserve *reserve)
{
	while (reserve->nr)
		machine_free(reserve->machine, KMEM_RADIX_NODE, reserve_take(reserve));
}

static void index_grow(struct mapping *mapping, int height, struct radix_reserve *reserve)
{
	if (!mapping->pages) {
		mapping->pages = reserve_take(reserve);
		mapping->height = height;
	}
	while (mapping->height < height) {
		struct radix_node *root = reserve_take(reserve);

		root->slots[0] = mapping->pages;
		root->nr = 1;
		mapping->pages = root;
		mapping->height++;
	}
}

/* @reserve holds at least index_nodes_missing(). */
static void index_insert(struct mapping *mapping, unsigned long pgoff, struct folio *folio,
			 struct radix_reserve *reserve)
{
	struct radix_node *node;

	index_grow(mapping, radix_height(pgoff), reserve);
	node = mapping->pages;
	for (int level = mapping->height; level > 1; level--) {
		void **slot = &node->slots[radix_slot(pgoff, level)];

		if (!*slot) {
			*slot = reserve_take(reserve);
			node->nr++;
		}
		node = *slot;
	}
	ASSERT(!node->slots[radix_slot(pgoff, 1)]);
	node->slots[radix_slot(pgoff, 1)] = folio;
	node->nr++;
}

static void index_replace(struct mapping *mapping, unsigned long pgoff, struct folio *folio)
{
	struct radix_node *node = mapping->pages;

	for (int level = mapping->height; level > 1; level--)
		node = node->slots[radix_slot(pgoff, level)];
	node->slots[radix_slot(pgoff, 1)] = folio;
}

/* Nodes left empty go too. */
static void index_delete(struct mapping *mapping, unsigned long pgoff)
{
	struct radix_node *path[RADIX_HEIGHT_MAX + 1], *node = mapping->pages;
	int height = mapping->height;

	for (int level = height; level >= 1; level--) {
		path[level] = node;
		node = node->slots[radix_slot(pgoff, level)];
	}
	for (int level = 1; level <= height; level++) {
		path[level]->slots[radix_slot(pgoff, level)] = NULL;
		if (--path[level]->nr)
			return;
		machine_free(mapping->machine, KMEM_RADIX_NODE, path[level]);
	}
	mapping->pages = NULL;
	mapping->height = 0;
}

/* ---- Folios into and out of the cache ----------------------------------------------------------------- */

struct folio *filemap_get_folio(struct mapping *mapping, unsigned long pgoff)
{
	struct folio *folio;

	spin_lock(&mapping->i_pages_lock);
	folio = index_lookup(mapping, pgoff);
	if (folio)
		folio_get(folio);
	spin_unlock(&mapping->i_pages_lock);
	return folio;
}

struct folio *filemap_next_folio(struct mapping *mapping, unsigned long first, unsigned long last)
{
	struct folio *folio;

	spin_lock(&mapping->i_pages_lock);
	folio = index_next(mapping, first);
	if (folio && folio->index > last)
		folio = NULL;
	if (folio)
		folio_get(folio);
	spin_unlock(&mapping->i_pages_lock);
	return folio;
}

/*
 * Put @folio, new and locked, into the cache, which takes a reference.
 * => -EEXIST: somebody else's is there
 */
static int filemap_add_folio(struct mapping *mapping, unsigned long pgoff, struct folio *folio)
{
	struct radix_reserve reserve = { .machine = mapping->machine };
	int missing, err = 0;

	WRITE_ONCE(folio->mapping, (unsigned long)mapping);
	WRITE_ONCE(folio->index, pgoff);
	for (;;) {
		spin_lock(&mapping->i_pages_lock);
		if (index_lookup(mapping, pgoff)) {
			err = -EEXIST;
			break;
		}
		missing = index_nodes_missing(mapping, pgoff);
		if (missing <= reserve.nr) {
			folio_get(folio);
			index_insert(mapping, pgoff, folio, &reserve);
			mapping->nr_pages++;
			break;
		}
		spin_unlock(&mapping->i_pages_lock);
		err = reserve_fill(&reserve, missing);
		if (err)
			goto out;
	}
	spin_unlock(&mapping->i_pages_lock);
out:
	reserve_free(&reserve);
	if (err)
		WRITE_ONCE(folio->mapping, 0);
	return err;
}

void filemap_remove_folio(struct mapping *mapping, struct folio *folio)
{
	ASSERT(folio_locked(folio) && folio_mapping(folio) == mapping);
	ASSERT_MSG(!folio_mapped(folio), "page %lu of %s is mapped", folio->index, mapping->name);
	spin_lock(&mapping->i_pages_lock);
	ASSERT(index_lookup(mapping, folio->index) == folio);
	index_delete(mapping, folio->index);
	mapping->nr_pages--;
	WRITE_ONCE(folio->mapping, 0);
	spin_unlock(&mapping->i_pages_lock);
	shmem_uncharge_page(mapping);
	folio_put(mapping->machine, folio); /* not the last: the caller has one */
}

int filemap_replace_folio(struct mapping *mapping, struct folio *old, struct folio *new,
			  int expected)
{
	bool frozen = guard(mapping->machine, migrate_recheck_refs);
	int err = 0;

	ASSERT(folio_locked(old) && folio_locked(new) && folio_mapping(old) == mapping);
	spin_lock(&mapping->i_pages_lock);
	/* At 0 nobody who found the frame by its number gets a reference: Linux folio_ref_freeze(). */
	if (frozen && atomic_cmpxchg(&old->refcount, expected, 0) != expected) {
		err = -EAGAIN;
		goto out;
	}
	WRITE_ONCE(new->index, old->index);
	WRITE_ONCE(new->mapping, (unsigned long)mapping);
	folio_get(new);
	index_replace(mapping, old->index, new);
	WRITE_ONCE(old->mapping, 0);
	atomic_add_return(&old->refcount, frozen ? expected - 1 : -1);
out:
	spin_unlock(&mapping->i_pages_lock);
	return err;
}

/* ---- Reading -------------------------------------------------------------------------------------------- */

/* The contents may be read when it is.  Pairs with folio_set() in read_locked_folio(). */
static bool folio_uptodate(const struct folio *folio)
{
	return smp_load_acquire(&folio->flags.v) & (1 << PG_uptodate);
}

/* Shared memory begins as zeroes. */
static int fill_folio(struct mapping *mapping, unsigned long pgoff, struct folio *folio)
{
	int err;

	if (mapping_is_shmem(mapping)) {
		folio_zero(mapping->machine, folio);
		folio_set(folio, PG_swapbacked);
		return 0;
	}
	err = mapping->info.ops->read_page(mapping->info.file, pgoff,
					   folio_address(mapping->machine, folio));
	return err > 0 ? -EIO : err;
}

/*
 * Take the locked @folio out again if it cannot be read, before anybody who waits sees it; or if the
 * file has been cut off before it meanwhile, as truncation may have looked before it was there.
 */
static int read_locked_folio(struct mapping *mapping, unsigned long pgoff, struct folio *folio)
{
	int err = pgoff < file_pages(mapping) ? fill_folio(mapping, pgoff, folio) : -EINVAL;

	if (err) {
		filemap_remove_folio(mapping, folio);
		return err;
	}
	folio_set(folio, PG_uptodate);
	return 0;
}

/* => -EEXIST: somebody else has just put one there */
static int filemap_create_folio(struct mapping *mapping, unsigned long pgoff, struct folio **result)
{
	struct machine *machine = mapping->machine;
	struct folio *folio;
	int err = shmem_charge_page(mapping);

	if (err)
		return err;
	folio = folio_alloc(machine, GFP_MOVABLE, GW_NODE_ANY);
	if (!folio) {
		shmem_uncharge_page(mapping);
		return -ENOMEM;
	}
	if (!folio_trylock(folio))
		panic("a new folio is locked");
	err = filemap_add_folio(mapping, pgoff, folio);
	if (err) {
		shmem_uncharge_page(mapping);
	} else {
		folio_add_lru(machine, folio);
		err = read_locked_folio(mapping, pgoff, folio);
	}
	folio_unlock(folio);
	if (err) {
		folio_put(machine, folio);
		return err;
	}
	*result = folio;
	return 0;
}

int filemap_read_folio(struct mapping *mapping, unsigned long pgoff, struct folio **result,
		       bool *major)
{
	struct folio *folio;
	int err;

	might_sleep();
	*major = false;
	if (pgoff >= file_pages(mapping))
		return -EINVAL;
	for (;;) {
		folio = filemap_get_folio(mapping, pgoff);
		if (!folio) {
			err = filemap_create_folio(mapping, pgoff, result);
			*major = !err && !mapping_is_shmem(mapping);
			if (err != -EEXIST)
				return err;
			continue;
		}
		if (!folio_uptodate(folio))
			folio_wait_locked(folio);
		if (folio_uptodate(folio))
			break;
		/* Its reader failed and took it out: try for ourselves, for an error of our own. */
		folio_put(mapping->machine, folio);
	}
	*result = folio;
	return 0;
}

/* Is the locked @folio, which was the file's page @pgoff once, so still? */
static bool still_cached(const struct mapping *mapping, const struct folio *folio,
			 unsigned long pgoff)
{
	if (!guard(mapping->machine, fault_recheck_file))
		return true;
	return folio_mapping(folio) == mapping && pgoff < file_pages(mapping);
}

/* Linux d00806b18315 ("mm: fix fault vs invalidate race for linear mappings"). */
int filemap_lock_folio(struct mapping *mapping, unsigned long pgoff, struct folio **result,
		       bool *major)
{
	bool read = false;

	for (;;) {
		bool now;
		int err = filemap_read_folio(mapping, pgoff, result, &now);

		if (err)
			return err;
		read |= now;
		folio_lock(*result);
		if (still_cached(mapping, *result, pgoff))
			break;
		folio_unlock(*result);
		folio_put(mapping->machine, *result);
	}
	*major = read;
	return 0;
}

/* ---- Bytes, by read(2) and write(2) ------------------------------------------------------------------------ */

/* What of @len bytes from @offset lies in the first page. */
static size_t first_piece(size_t len, uint64_t offset)
{
	return min(len, GW_PAGE_SIZE - offset % GW_PAGE_SIZE);
}

/* A hole of shared memory is read without a page of its own. */
static int read_piece(struct mapping *mapping, void *to, size_t len, uint64_t offset)
{
	unsigned long pgoff = offset >> GW_PAGE_SHIFT;
	struct folio *folio;
	bool major;
	int err;

	if (mapping_is_shmem(mapping)) {
		folio = filemap_get_folio(mapping, pgoff);
		if (!folio) {
			__builtin_memset(to, 0, len);
			return 0;
		}
		folio_put(mapping->machine, folio);
	}
	err = filemap_read_folio(mapping, pgoff, &folio, &major);
	if (err)
		return err;
	folio_read(mapping->machine, folio, offset % GW_PAGE_SIZE, to, len);
	folio_put(mapping->machine, folio);
	return 0;
}

long mapping_read(struct mapping *mapping, void *to, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		uint64_t at = offset + done, size = mapping_size(mapping);
		size_t piece;
		int err;

		if (at >= size)
			break;
		piece = first_piece((size_t)min((uint64_t)(len - done), size - at), at);
		err = read_piece(mapping, (char *)to + done, piece, at);
		/* What lies beyond the end now may be no more than zeroes. */
		if (err == -EINVAL || at + piece > mapping_size(mapping))
			break;
		if (err)
			return done ? (long)done : err;
		done += piece;
	}
	return (long)done;
}

/* The file has at least @size bytes now. */
static void grow_size(struct mapping *mapping, uint64_t size)
{
	if (size > mapping->info.size)
		WRITE_ONCE(mapping->info.size, size);
}

/* Into the locked @folio; a page that was mapped is written back like any other. */
static void write_locked_folio(struct mapping *mapping, struct folio *folio, const void *from,
			       size_t len, uint64_t offset)
{
	folio_write(mapping->machine, folio, offset % GW_PAGE_SIZE, from, len);
	folio_set(folio, PG_dirty);
	folio_unlock(folio);
	folio_put(mapping->machine, folio);
}

static int write_piece(struct mapping *mapping, const void *from, size_t len, uint64_t offset)
{
	uint64_t old_size = mapping->info.size, end = offset + len;
	struct folio *folio;
	bool major;
	int err;

	if (end > old_size) {
		err = shmem_charge_size(mapping, end);
		if (err)
			return err;
		grow_size(mapping, end);
	}
	err = filemap_lock_folio(mapping, offset >> GW_PAGE_SHIFT, &folio, &major);
	if (!err)
		write_locked_folio(mapping, folio, from, len, offset);
	else if (end > old_size)
		(void)!mapping_set_size(mapping, old_size); /* a fault may have come there */
	return err;
}

/* A page is read before it is written in part, and before it is written at all. */
long mapping_write(struct mapping *mapping, const void *from, size_t len, uint64_t offset)
{
	size_t done = 0;
	int err = 0;

	if (offset + len < offset || offset + len > INT64_MAX)
		return -EFBIG;
	down_write(&mapping->inode_lock);
	while (done < len && !err) {
		size_t piece = first_piece(len - done, offset + done);

		err = write_piece(mapping, (const char *)from + done, piece, offset + done);
		if (!err)
			done += piece;
	}
	up_write(&mapping->inode_lock);
	return done ? (long)done : err;
}

/* Only who is in the cache can be behind. */
static void update_piece(struct mapping *mapping, const void *from, size_t len, uint64_t offset)
{
	struct folio *folio = filemap_get_folio(mapping, offset >> GW_PAGE_SHIFT);

	if (!folio)
		return;
	folio_lock(folio);
	if (folio_mapping(folio) == mapping) {
		write_locked_folio(mapping, folio, from, len, offset);
		return;
	}
	folio_unlock(folio);
	folio_put(mapping->machine, folio);
}

/*
 * The pages become dirty although the file has the bytes: what was being written back of a page
 * meanwhile may have been the older ones.
 */
int mapping_update(struct mapping *mapping, const void *from, size_t len, uint64_t offset)
{
	down_write(&mapping->inode_lock);
	grow_size(mapping, offset + len);
	for (size_t done = 0; done < len;) {
		size_t piece = first_piece(len - done, offset + done);

		update_piece(mapping, (const char *)from + done, piece, offset + done);
		done += piece;
	}
	up_write(&mapping->inode_lock);
	return 0;
}

/* ---- Validation ------------------------------------------------------------------------------------------ */

static void visit_node(const struct radix_node *node, int level,
		       void (*visit)(void *arg, struct folio *folio), void *arg)
{
	for (int slot = 0; slot < RADIX_SLOTS; slot++) {
		if (!node->slots[slot])
			continue;
		if (level > 1)
			visit_node(node->slots[slot], level - 1, visit, arg);
		else
			visit(arg, node->slots[slot]);
	}
}

void filemap_for_each(struct mapping *mapping, void (*visit)(void *arg, struct folio *folio),
		      void *arg)
{
	if (mapping->pages)
		visit_node(mapping->pages, mapping->height, visit, arg);
}

/* ---- Who maps the file ------------------------------------------------------------------------------------ */

void i_mmap_insert(struct mapping *mapping, struct vma *vma)
{
	rwsem_assert_held_write(&mapping->i_mmap_lock);
	vma->i_mmap_node.first = vma->pgoff;
	vma->i_mmap_node.last = vma->pgoff + vma_pages(vma) - 1;
	interval_tree_insert(&mapping->i_mmap, &vma->i_mmap_node);
}

void i_mmap_remove(struct mapping *mapping, struct vma *vma)
{
	rwsem_assert_held_write(&mapping->i_mmap_lock);
	interval_tree_remove(&mapping->i_mmap, &vma->i_mmap_node);
}

unsigned long mapping_users(struct mapping *mapping)
{
	struct interval_node *node;
	unsigned long nr = 0;

	down_read(&mapping->i_mmap_lock);
	interval_tree_for_each(node, &mapping->i_mmap, 0, ~0ul)
		nr++;
	up_read(&mapping->i_mmap_lock);
	return nr;
}
