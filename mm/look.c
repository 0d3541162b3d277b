// SPDX-License-Identifier: MIT
/*
 * look.c - what a machine looks like between two steps, and what an address in it is
 *
 * For stories and reports.  Tasks are in the middle of things, and the machine may be broken: that
 * is why somebody looks.  So no lock is taken, nothing is asserted, and what an entry names is
 * followed only if it can be what it claims to be.
 *
 * The plain reads are sound where nothing runs between the steps that sync.h knows: VMA trees are
 * never changed in place, tables are linked when they are zeroed, and a list is whole whenever its
 * lock's holder can be interrupted.
 */
#include "machine.h"

#include "filemap.h"
#include "mm.h"
#include "text.h"
#include "vma.h"

#include <stdarg.h>

struct look {
	struct machine *machine;
	void (*sight)(void *arg, const struct gw_sight *sight);
	void *arg;
};

static void look_at_frames(const struct look *look);
static void look_at_vmas(const struct look *look, struct mm *mm);
static void look_at_entries(const struct look *look, const struct mm *mm);
static void look_at_translations(const struct look *look);

void machine_look(struct machine *machine, void (*sight)(void *arg, const struct gw_sight *sight),
		  void *arg)
{
	const struct look look = { machine, sight, arg };
	struct mm *mm;

	look_at_frames(&look);
	list_for_each_entry(mm, &machine->mms, mms) {
		look_at_vmas(&look, mm);
		look_at_entries(&look, mm);
	}
	look_at_translations(&look);
}

static void look_at_frames(const struct look *look)
{
	struct machine *machine = look->machine;

	for (unsigned long pfn = 0; pfn < machine->nr_guest_frames; pfn++) {
		struct folio *folio = &machine->folios[pfn];
		const struct gw_sight sight = {
			.kind = GW_SIGHT_FRAME,
			.pfn = pfn,
			.locked = folio_locked(folio),
			.refcount = folio_ref_count(folio),
			.mapcount = folio_mapcount(folio),
		};

		if (folio != machine->zero_folio && (sight.refcount || sight.locked))
			look->sight(look->arg, &sight);
	}
}

static void look_at_vmas(const struct look *look, struct mm *mm)
{
	struct vma_slot slot = { 0 };
	const struct vma *vma;

	for (; (vma = vma_tree_find(&mm->vmas, slot.end, &slot));) {
		const unsigned long flags = vma->flags;
		const struct gw_sight sight = {
			.kind = GW_SIGHT_VMA,
			.mm_id = mm->id,
			.vma = vma,
			.addr = vma->start,
			.end = vma->end,
			.pgoff = vma->pgoff,
			.perms = { flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
				   flags & VM_EXEC ? 'x' : '-', flags & VM_MAYSHARE ? 's' : 'p' },
			.grows_down = flags & VM_GROWSDOWN,
			.incomplete = vma_is_temporary_stack(vma),
		};

		look->sight(look->arg, &sight);
	}
}

/* ---- Entries ----------------------------------------------------------------------------------------- */

/* NULL: not a frame that can hold a table. */
static const pte_t *table_at(const struct machine *machine, unsigned long pfn)
{
	if (pfn < machine->nr_guest_frames || pfn >= machine->nr_frames ||
	    !folio_test(&machine->folios[pfn], PG_table))
		return NULL;
	return (const pte_t *)(machine->core_frames +
			       ((pfn - machine->nr_guest_frames) << PAGE_SHIFT));
}

/* True: seen enough. */
typedef bool (*visit_table)(void *arg, const struct mm *mm, const pte_t *table, int shift,
			    unsigned long base);

static bool visit_tables(const struct mm *mm, unsigned long pfn, int shift, unsigned long base,
			 visit_table visit, void *arg)
{
	const pte_t *table = table_at(mm->machine, pfn);

	if (!table)
		return false;
	if (visit(arg, mm, table, shift, base))
		return true;
	for (unsigned long i = 0; shift > PAGE_SHIFT && i < PTRS_PER_TABLE; i++)
		if (!pte_none(table[i]) &&
		    visit_tables(mm, pte_pfn(table[i]), shift - 9, base + (i << shift), visit, arg))
			return true;
	return false;
}

static void look_at_entry(const struct look *look, const struct mm *mm, unsigned long addr,
			  pte_t pte)
{
	struct gw_sight sight = { .kind = GW_SIGHT_PTE, .mm_id = mm->id, .addr = addr };

	if (pte_present(pte)) {
		sight.state = GW_PTE_PRESENT;
		sight.pfn = pte_pfn(pte);
		sight.write = pte_write(pte);
	} else {
		sight.state = pte_is_migration(pte) ? GW_PTE_MIGRATION : GW_PTE_SWAP;
		sight.pfn = pte_migration_pfn(pte);
		sight.write = pte_is_migration_write(pte);
	}
	look->sight(look->arg, &sight);
}

static bool look_at_table(void *arg, const struct mm *mm, const pte_t *table, int shift,
			  unsigned long base)
{
	for (unsigned long i = 0; shift == PAGE_SHIFT && i < PTRS_PER_TABLE; i++)
		if (!pte_none(table[i]))
			look_at_entry(arg, mm, base + (i << PAGE_SHIFT), table[i]);
	return false;
}

static void look_at_entries(const struct look *look, const struct mm *mm)
{
	visit_tables(mm, mm->pgd_pfn, PGDIR_SHIFT, 0, look_at_table, (void *)(uintptr_t)look);
}

static void look_at_translations(const struct look *look)
{
	const struct machine *machine = look->machine;

	for (int cpu = 0; machine->tlb_ops == &tlb_model_ops && cpu < machine->nr_cpus; cpu++) {
		const struct tlb *tlb = &machine->tlbs[cpu];

		for (int i = 0; tlb->nr && i < TLB_ENTRIES; i++) {
			const struct tlb_entry *entry = &tlb->entries[i];
			const struct gw_sight sight = {
				.kind = GW_SIGHT_TRANSLATION,
				.mm_id = entry->mm ? entry->mm->id : 0,
				.cpu = cpu,
				.addr = entry->addr,
				.pfn = entry->pfn,
				.write = entry->write,
			};

			if (entry->mm)
				look->sight(look->arg, &sight);
		}
	}
}

/* ---- Places ------------------------------------------------------------------------------------------- */

static void place_name(struct gw_place *place, const char *fmt, ...) __printf(2, 3);

static void place_name(struct gw_place *place, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vformat(place->name, sizeof(place->name), fmt, args);
	va_end(args);
}

/* The part of a structure that an offset is in. */
struct field {
	size_t offset, size;
	const char *name;
};

#define FIELD(type, field)                                                                         \
	{                                                                                          \
		offsetof(struct type, field), sizeof(((struct type *)NULL)->field), #field         \
	}

static const char *field_at(const struct field *fields, size_t nr, size_t offset)
{
	for (size_t i = 0; i < nr; i++)
		if (offset - fields[i].offset < fields[i].size)
			return fields[i].name;
	return "a field";
}

static const struct field mm_fields[] = {
	FIELD(mm, refcount),	      FIELD(mm, count),	      FIELD(mm, mmap_lock),
	FIELD(mm, page_table_lock),   FIELD(mm, vmas),	      FIELD(mm, rss_anon),
	FIELD(mm, rss_file),	      FIELD(mm, nr_tables),   FIELD(mm, tlb_flush_batched),
	FIELD(mm, write_protect_seq), FIELD(mm, mm_lock_seq),
};

static const struct field vma_fields[] = {
	FIELD(vma, start), FIELD(vma, end),	  FIELD(vma, pgoff),
	FIELD(vma, flags), FIELD(vma, page_prot), FIELD(vma, anon_vma),
	FIELD(vma, lock),  FIELD(vma, lock_seq),  FIELD(vma, detached),
};

static const struct field anon_vma_fields[] = {
	FIELD(anon_vma, root),
	FIELD(anon_vma, lock),
	FIELD(anon_vma, refcount),
};

static const struct field mapping_fields[] = {
	FIELD(mapping, refcount),
	FIELD(mapping, info.size),
	FIELD(mapping, inode_lock),
	FIELD(mapping, i_pages_lock),
	FIELD(mapping, i_mmap_lock),
	FIELD(mapping, pages),
};

static const struct field folio_fields[] = {
	FIELD(folio, flags),
	FIELD(folio, refcount),
	FIELD(folio, mapcount),
	FIELD(folio, mapping),
};

#define FIELD_AT(fields, offset) field_at(fields, ARRAY_SIZE(fields), offset)

static void place_in_object(const struct machine *machine, const struct kmem_object *object,
			    size_t offset, struct gw_place *place)
{
	const struct mm *mm = object->address;
	const struct vma *vma = object->address;
	const struct mapping *mapping = object->address;

	if (!object->in_use) {
		place_name(place, "a freed %s", object->cache->name);
		return;
	}
	switch ((enum kmem_id)(object->cache - machine->kmem)) {
	case KMEM_MM:
		place->mm_id = mm->id;
		place_name(place, "%s of mm %lu", FIELD_AT(mm_fields, offset), mm->id);
		break;
	case KMEM_VMA:
		place->mm_id = vma->mm ? vma->mm->id : 0;
		place_name(place, "%s of VMA %lx-%lx", FIELD_AT(vma_fields, offset), vma->start,
			   vma->end);
		break;
	case KMEM_ANON_VMA:
		place_name(place, "%s of anon_vma %u", FIELD_AT(anon_vma_fields, offset),
			   object->index);
		break;
	case KMEM_MAPPING:
		place_name(place, "%s of %s", FIELD_AT(mapping_fields, offset), mapping->info.name);
		break;
	case KMEM_VMA_NODE:
	case KMEM_ANON_VMA_CHAIN:
	case KMEM_RADIX_NODE:
	case NR_KMEM:
		place_name(place, "a %s", object->cache->name);
		break;
	}
}

/* Which entries does a table have? */
struct find_table {
	const pte_t *table;
	const struct mm *mm;
	int shift;
	unsigned long base;
};

static bool find_table(void *arg, const struct mm *mm, const pte_t *table, int shift,
		       unsigned long base)
{
	struct find_table *find = arg;

	if (table != find->table)
		return false;
	find->mm = mm;
	find->shift = shift;
	find->base = base;
	return true;
}

/* @entry: its number, or -1: the table as a whole */
static void place_in_table(struct machine *machine, unsigned long pfn, long entry,
			   struct gw_place *place)
{
	struct find_table find = { .table = table_at(machine, pfn) };
	struct mm *mm;

	list_for_each_entry(mm, &machine->mms, mms) {
		if (visit_tables(mm, mm->pgd_pfn, PGDIR_SHIFT, 0, find_table, &find))
			break;
	}
	place->is_table = true;
	if (!find.mm) {
		place_name(place, "a page table out of its place");
		return;
	}
	place->mm_id = find.mm->id;
	place->has_addr = true;
	place->addr = find.base + ((unsigned long)max(entry, 0l) << find.shift);
	if (entry < 0) {
		place_name(place, "page table of %lx", find.base);
	} else if (find.shift == PAGE_SHIFT) {
		place->is_table = false;
		place_name(place, "PTE %lx", place->addr);
	} else {
		place_name(place, "upper entry of %lx", place->addr);
	}
}

static void place_in_folio(struct machine *machine, size_t offset, struct gw_place *place)
{
	unsigned long pfn = offset / sizeof(struct folio);
	size_t rest = offset % sizeof(struct folio);

	if (pfn < machine->nr_guest_frames) {
		place->frame = (long)pfn;
		place_name(place, "%s of frame %lu", FIELD_AT(folio_fields, rest), pfn);
	} else if (folio_test(&machine->folios[pfn], PG_table)) {
		place_in_table(machine, pfn, -1, place);
	} else {
		place->shared_by_all = true;
		place_name(place, "%s of core frame %lu", FIELD_AT(folio_fields, rest), pfn);
	}
}

static bool is_inside(const void *address, const void *start, size_t size)
{
	return (uintptr_t)address - (uintptr_t)start < size;
}

/* Of struct machine itself: what all address spaces share. */
static void place_in_machine(const struct machine *machine, const void *address,
			     struct gw_place *place)
{
	place->shared_by_all = true;
	if (is_inside(address, machine->tlbs, sizeof(machine->tlbs))) {
		place->shared_by_all = false;
		place->tlb_of =
			(int)(((uintptr_t)address - (uintptr_t)machine->tlbs) / sizeof(struct tlb));
		place_name(place, "TLB of CPU %d", place->tlb_of);
	} else if (is_inside(address, machine->lruvecs, sizeof(machine->lruvecs))) {
		place_name(place, "LRU lists");
	} else if (is_inside(address, machine->zones, sizeof(machine->zones))) {
		place_name(place, "free frames");
	} else if (is_inside(address, machine->kmem, sizeof(machine->kmem))) {
		place_name(place, "slab caches");
	} else if (is_inside(address, &machine->mms_lock, sizeof(machine->mms_lock))) {
		place_name(place, "list of address spaces");
	} else {
		place_name(place, "the machine");
	}
}

void machine_place(struct machine *machine, const void *address, struct gw_place *place)
{
	const unsigned char *core = machine->core_frames;
	unsigned long nr_core = machine->nr_frames - machine->nr_guest_frames;
	struct kmem_object object;

	*place = (struct gw_place){ .frame = -1, .tlb_of = -1 };
	if (is_inside(address, machine, sizeof(*machine))) {
		place_in_machine(machine, address, place);
	} else if (is_inside(address, machine->folios, machine->nr_frames * sizeof(struct folio))) {
		place_in_folio(machine, (uintptr_t)address - (uintptr_t)machine->folios, place);
	} else if (is_inside(address, core, nr_core << PAGE_SHIFT)) {
		size_t offset = (uintptr_t)address - (uintptr_t)core;
		unsigned long pfn = machine->nr_guest_frames + (offset >> PAGE_SHIFT);

		if (kmem_object_at(machine, address, &object))
			place_in_object(machine, &object,
					(uintptr_t)address - (uintptr_t)object.address, place);
		else if (table_at(machine, pfn))
			place_in_table(machine, pfn, (long)((offset & ~PAGE_MASK) / sizeof(pte_t)),
				       place);
	}
}
