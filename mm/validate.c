// SPDX-License-Identifier: MIT
/*
 * validate.c - recompute all that is cached or implied, and name what disagrees
 *
 * Nothing else may run.  Every page-table entry of every address space is visited once; what it
 * says is checked against its VMA and its folio, and counted; then the counts are compared with
 * those that the folios, the address spaces and the zones keep.  Letters in brackets are the
 * invariants: a leftover migration entry (I1), reverse maps that find every entry (I2, I8), map
 * counts (I3), translations (I4), lifetime (I5), pages that two processes could write (I6), pins
 * (I10), rights (I11), geometry (I14).
 *
 * Linux: the nearest are validate_mm(), CONFIG_DEBUG_VM_RB and page_table_check.
 */
#include "machine.h"

#include "filemap.h"
#include "gup.h"
#include "mm.h"
#include "rmap.h"
#include "text.h"
#include "vma.h"

#include <stdarg.h>

struct validation {
	struct machine *machine;
	struct gw_validation *result;
	struct mm *mm; /* being looked at */
	long rss_anon, rss_file, nr_tables;
	unsigned long total_vm, locked_vm, committed;
};

static void problem(void *arg, const char *fmt, ...) __printf(2, 3);

static void problem(void *arg, const char *fmt, ...)
{
	struct validation *v = arg;
	va_list args;

	if (v->result->nr_problems++)
		return;
	va_start(args, fmt);
	text_vformat(v->result->first, sizeof(v->result->first), fmt, args);
	va_end(args);
}

static void validate_mm(struct validation *v, struct mm *mm);
static void validate_mappings(struct validation *v);
static void validate_folios(struct validation *v);
static void validate_lru(struct validation *v);
static void validate_tlbs(struct validation *v);

void machine_validate(struct machine *machine, struct gw_validation *result)
{
	struct validation v = { .machine = machine, .result = result };
	struct mm *mm;

	rcu_barrier(); /* callbacks free frames, whoever runs */
	*result = (struct gw_validation){ 0 };
	for (unsigned long pfn = 0; pfn < machine->nr_guest_frames; pfn++)
		machine->folios[pfn].seen = 0;
	list_for_each_entry(mm, &machine->mms, mms)
		validate_mm(&v, mm);
	validate_mappings(&v);
	if (v.committed != vm_committed(machine))
		problem(&v, "%lu pages are promised, the machine says %lu", v.committed,
			vm_committed(machine));
	validate_folios(&v);
	validate_lru(&v);
	validate_tlbs(&v);
	for (int i = 0; i < machine->nr_zones; i++)
		zone_validate(machine, &machine->zones[i], problem, &v);
	for (int id = 0; id < NR_KMEM; id++)
		kmem_cache_validate(machine, &machine->kmem[id], problem, &v);
}

/* ---- VMAs ------------------------------------------------------------------------------------------- */

static bool chain_links(const struct vma *vma, const struct anon_vma *anon_vma)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma) {
		if (avc->anon_vma == anon_vma)
			return true;
	}
	return false;
}

/* Where walks look for @vma's pages must be where its pages are. (I14) */
static bool node_agrees(const struct vma *vma, const struct interval_node *node)
{
	return node->first == vma->pgoff && node->last == vma->pgoff + vma_pages(vma) - 1;
}

static void validate_chains(struct validation *v, const struct vma *vma)
{
	struct anon_vma_chain *avc;

	if (vma->anon_vma && !chain_links(vma, vma->anon_vma))
		problem(v, "VMA %lx-%lx is not linked into its own anon_vma", vma->start, vma->end);
	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma) {
		if (avc->vma != vma)
			problem(v, "VMA %lx-%lx has a stranger's chain", vma->start, vma->end);
		if (avc->anon_vma->root != vma->anon_vma->root)
			problem(v, "VMA %lx-%lx is in two families of anon_vmas", vma->start,
				vma->end);
		if (!node_agrees(vma, &avc->node))
			problem(v, "VMA %lx-%lx is at another place in its anon_vma", vma->start,
				vma->end);
	}
}

static void validate_vma(struct validation *v, const struct vma *vma, const struct vma_slot *slot)
{
	const struct mm *mm = v->mm;

	if (vma->start != slot->start || vma->end != slot->end)
		problem(v, "VMA %lx-%lx is in the tree as %lx-%lx", vma->start, vma->end,
			slot->start, slot->end);
	if (vma->mm != mm || vma->start >= vma->end || vma->end > mm->task_size ||
	    !IS_ALIGNED(vma->start | vma->end, PAGE_SIZE))
		problem(v, "VMA %lx-%lx is out of bounds", vma->start, vma->end);
	if (vma_is_temporary_stack(vma))
		problem(v, "VMA %lx-%lx is still marked as exec's temporary stack", vma->start,
			vma->end);
	if (vma->mapping && !node_agrees(vma, &vma->i_mmap_node))
		problem(v, "VMA %lx-%lx is at another place in its file", vma->start, vma->end);
	if (vma->anon_vma || !list_empty(&vma->anon_vma_chain))
		validate_chains(v, vma);
	v->total_vm += vma_pages(vma);
	if (vma->flags & VM_LOCKED)
		v->locked_vm += vma_pages(vma);
	else if (vma->flags & VM_LOCKONFAULT)
		problem(v, "VMA %lx-%lx locks on fault what is not locked", vma->start, vma->end);
	if (vma->flags & VM_ACCOUNT)
		v->committed += vma_pages(vma);
}

static void validate_vmas(struct validation *v)
{
	struct mm *mm = v->mm;
	struct vma_slot slot = { 0 };
	unsigned long addr = 0;
	struct vma *vma;
	int nr = 0;

	vma_tree_validate(&mm->vmas, problem, v);
	while ((vma = vma_tree_find(&mm->vmas, addr, &slot))) {
		validate_vma(v, vma, &slot);
		addr = slot.end;
		nr++;
	}
	if (nr != mm->map_count)
		problem(v, "mm %lu has %d VMAs, map_count says %d", mm->id, nr, mm->map_count);
	if (v->total_vm != mm->total_vm)
		problem(v, "mm %lu covers %lu pages, total_vm says %lu", mm->id, v->total_vm,
			mm->total_vm);
	if (v->locked_vm != mm->locked_vm)
		problem(v, "mm %lu locks %lu pages, locked_vm says %lu", mm->id, v->locked_vm,
			mm->locked_vm);
}

/* ---- Entries ------------------------------------------------------------------------------------------ */

/* Would a walk from @folio come to @addr of @vma? (I2, I8) */
static bool rmap_finds(const struct folio *folio, const struct vma *vma)
{
	struct anon_vma *anon_vma = folio_anon_vma(folio);
	struct interval_node *node;

	if (!anon_vma && (!vma->mapping || vma->mapping != folio_mapping(folio)))
		return false;
	if (!anon_vma) {
		interval_tree_for_each(node, &vma->mapping->i_mmap, folio->index, folio->index) {
			if (container_of(node, struct vma, i_mmap_node) == vma)
				return true;
		}
		return false;
	}
	interval_tree_for_each(node, &anon_vma->rb, folio->index, folio->index) {
		if (container_of(node, struct anon_vma_chain, node)->vma == vma)
			return true;
	}
	return false;
}

static void validate_present(struct validation *v, const struct vma *vma, unsigned long addr,
			     pte_t pte)
{
	struct folio *folio = pfn_folio(v->machine, pte_pfn(pte));

	if (pte_pfn(pte) >= v->machine->nr_guest_frames) {
		problem(v, "mm %lu maps frame %lu, which is not a guest's, at %lx", v->mm->id,
			pte_pfn(pte), addr);
		return;
	}
	if (folio == v->machine->zero_folio) {
		if (pte_write(pte))
			problem(v, "mm %lu may write the zero page at %lx", v->mm->id, addr);
		return;
	}
	folio->seen++;
	*(folio_anon(folio) ? &v->rss_anon : &v->rss_file) += 1;
	if (folio_ref_count(folio) <= 0)
		problem(v, "mm %lu maps frame %lu, which is free, at %lx", v->mm->id, pte_pfn(pte),
			addr);
	if ((pte_write(pte) && !(vma->flags & VM_WRITE)) ||
	    (pte_accessible(pte) && !(vma->flags & VM_ACCESS_FLAGS)) ||
	    (pte_accessible(pte) && pte_exec(pte) && !(vma->flags & VM_EXEC)))
		problem(v, "mm %lu: the entry at %lx allows more than its VMA", v->mm->id, addr);
	if (folio->index != linear_page_index(vma, addr))
		problem(v, "mm %lu maps page %lx of an object at %lx, where page %lx belongs",
			v->mm->id, folio->index, addr, linear_page_index(vma, addr));
	else if (!rmap_finds(folio, vma))
		problem(v, "mm %lu maps frame %lu at %lx, where its reverse map does not lead",
			v->mm->id, pte_pfn(pte), addr);
	if (vma->mapping && linear_page_index(vma, addr) >= file_pages(vma->mapping))
		problem(v, "mm %lu maps frame %lu at %lx, beyond the end of %s", v->mm->id,
			pte_pfn(pte), addr, vma->mapping->name);
	if (pte_write(pte) && vma_wants_writenotify(vma, vma->flags) && !folio_test(folio, PG_dirty))
		problem(v, "mm %lu may write frame %lu at %lx, and its file does not know", v->mm->id,
			pte_pfn(pte), addr);
	if (pte_write(pte) && folio_anon(folio) && !folio_test(folio, PG_anon_exclusive))
		problem(v, "mm %lu may write frame %lu at %lx, which is not its own", v->mm->id,
			pte_pfn(pte), addr);
}

/* With nothing running, nobody will come back for it. (I1) */
static void validate_migration_entry(struct validation *v, unsigned long addr, pte_t pte)
{
	v->result->migration_entries++;
	problem(v, "mm %lu: a migration entry for frame %lu is left at %lx", v->mm->id,
		pte_migration_pfn(pte), addr);
}

static void validate_pte(struct validation *v, unsigned long addr, pte_t pte)
{
	const struct vma *vma = vma_tree_find(&v->mm->vmas, addr, NULL);

	if (!vma || vma->start > addr) {
		problem(v, "mm %lu: an entry at %lx, where no VMA is", v->mm->id, addr);
		if (!pte_is_migration(pte))
			return;
	}
	if (pte_is_migration(pte))
		validate_migration_entry(v, addr, pte);
	else if (pte_present(pte))
		validate_present(v, vma, addr, pte);
	else
		problem(v, "mm %lu: entry %llx at %lx is of no known kind", v->mm->id,
			(unsigned long long)pte.v, addr);
}

static void validate_table(void *arg, unsigned long addr, struct folio *table, pte_t *ptes)
{
	struct validation *v = arg;
	int nr = 0;

	for (int i = 0; i < PTRS_PER_TABLE; i++, addr += PAGE_SIZE) {
		if (pte_none(ptes[i]))
			continue;
		nr++;
		validate_pte(v, addr, ptes[i]);
	}
	if (nr != table->table.nr_entries)
		problem(v, "mm %lu: the table at %lx has %d entries, its count says %d", v->mm->id,
			addr - PMD_SIZE, nr, table->table.nr_entries);
}

static void validate_mm(struct validation *v, struct mm *mm)
{
	v->mm = mm;
	v->rss_anon = v->rss_file = 0;
	v->total_vm = v->locked_vm = 0;
	validate_vmas(v);
	pgtable_for_each(mm, validate_table, v);
	if (v->rss_anon != atomic_long_read(&mm->rss_anon) ||
	    v->rss_file != atomic_long_read(&mm->rss_file))
		problem(v, "mm %lu maps %ld anonymous and %ld file pages, rss says %ld and %ld",
			mm->id, v->rss_anon, v->rss_file, atomic_long_read(&mm->rss_anon),
			atomic_long_read(&mm->rss_file));
	if (atomic_read(&mm->tlb_flush_batched))
		problem(v, "mm %lu is owed %d flushes", mm->id, atomic_read(&mm->tlb_flush_batched));
}

/* ---- Files ---------------------------------------------------------------------------------------------- */

/* What is cached lies within the file. */
static void validate_cached(void *arg, struct folio *folio)
{
	struct validation *v = arg;
	const struct mapping *mapping = folio_mapping(folio);

	if (!mapping)
		problem(v, "frame %lu is cached for a file, and does not know", folio_pfn(v->machine, folio));
	else if (folio->index >= file_pages(mapping))
		problem(v, "page %lu of %s is cached, beyond its end", folio->index, mapping->name);
	if (!folio_test(folio, PG_uptodate))
		problem(v, "frame %lu is cached and was never read", folio_pfn(v->machine, folio));
}

static void validate_mappings(struct validation *v)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, &v->machine->mappings, mappings) {
		filemap_for_each(mapping, validate_cached, v);
		v->committed += shmem_charged(mapping);
	}
}

/* ---- Folios --------------------------------------------------------------------------------------------- */

/*
 * References that have a reason: entries, the page cache, get_user_pages().  Nobody is in the middle
 * of anything.
 */
static int references_expected(struct validation *v, struct folio *folio)
{
	struct mapping *mapping = folio_mapping(folio);
	int nr = folio->seen + atomic_read(&folio->outside);

	if (mapping) {
		struct folio *cached = filemap_get_folio(mapping, folio->index);

		if (cached == folio)
			nr++;
		else
			problem(v, "frame %lu is not what its file caches at page %lx",
				folio_pfn(v->machine, folio), folio->index);
		if (cached)
			folio_put(v->machine, cached);
	}
	return nr;
}

static void validate_folio(struct validation *v, unsigned long pfn, struct folio *folio)
{
	int expected;

	if (folio_mapcount(folio) != folio->seen)
		problem(v, "frame %lu is mapped %d times, its count says %d", pfn, folio->seen,
			folio_mapcount(folio));
	if (folio_ref_count(folio) == 0)
		return; /* zone_validate() looks at free frames */
	if (folio_test(folio, PG_anon_exclusive) && folio->seen > 1)
		problem(v, "frame %lu is one process's own, and mapped %d times", pfn, folio->seen);
	if (folio_anon(folio) && folio->seen && !folio_test(folio, PG_anon_exclusive) &&
	    atomic_read(&folio->outside) >= GUP_PIN_COUNTING_BIAS)
		problem(v, "frame %lu is pinned, and not one process's own", pfn);
	if (folio_locked(folio))
		problem(v, "frame %lu is locked", pfn);
	expected = references_expected(v, folio);
	if (folio_ref_count(folio) != expected)
		problem(v, "frame %lu has %d references, %d of them known", pfn,
			folio_ref_count(folio), expected);
	if (!folio_test(folio, PG_lru))
		problem(v, "frame %lu is in use and on no LRU list", pfn);
}

static void validate_folios(struct validation *v)
{
	struct machine *machine = v->machine;

	for (unsigned long pfn = 0; pfn < machine->nr_guest_frames; pfn++) {
		if (!folio_test(&machine->folios[pfn], PG_reserved))
			validate_folio(v, pfn, &machine->folios[pfn]);
	}
}

static void validate_lru(struct validation *v)
{
	struct machine *machine = v->machine;

	for (int node = 0; node < machine->nr_nodes; node++) {
		for (int list = 0; list < NR_LRU_LISTS; list++) {
			struct lruvec *lruvec = &machine->lruvecs[node];
			unsigned long nr = 0;
			struct folio *folio;

			list_for_each_entry(folio, &lruvec->lists[list], lru) {
				nr++;
				if (!folio_test(folio, PG_lru) || folio_ref_count(folio) <= 0)
					problem(v, "frame %lu is on an LRU list by mistake",
						folio_pfn(machine, folio));
			}
			if (nr != lruvec->nr[list])
				problem(v, "LRU list %d of node %d has %lu folios, its count says %lu",
					list, node, nr, lruvec->nr[list]);
		}
	}
}

/* ---- Translations: the modelled ones (I4, I5, I11) ------------------------------------------------------- */

static void validate_translation(struct validation *v, int cpu, const struct tlb_entry *entry)
{
	pte_t *ptep = pte_offset_lockless(entry->mm, entry->addr);
	pte_t pte = ptep ? ptep_get_lockless(ptep) : (pte_t){ 0 };

	if (!pte_accessible(pte) || pte_pfn(pte) != entry->pfn)
		problem(v, "CPU %d translates %lx of mm %lu to frame %lu, its entry does not", cpu,
			entry->addr, entry->mm->id, entry->pfn);
	else if ((entry->write && !pte_write(pte)) || (entry->exec && !pte_exec(pte)))
		problem(v, "CPU %d may do more at %lx of mm %lu than its entry allows", cpu,
			entry->addr, entry->mm->id);
	else if (entry->dirty && !pte_dirty(pte))
		problem(v, "CPU %d stores at %lx of mm %lu, and its entry would stay clean", cpu,
			entry->addr, entry->mm->id);
}

static void validate_tlbs(struct validation *v)
{
	struct machine *machine = v->machine;

	if (machine->tlb_ops != &tlb_model_ops)
		return;
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++) {
		for (int i = 0; i < TLB_ENTRIES; i++) {
			if (machine->tlbs[cpu].entries[i].mm)
				validate_translation(v, cpu, &machine->tlbs[cpu].entries[i]);
		}
	}
}
