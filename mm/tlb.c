// SPDX-License-Identifier: MIT
/*
 * tlb.c - flushing translations, and the modelled TLBs
 *
 * The first part speaks to machine->tlb_ops, whoever they are.  The second is one such world: each
 * virtual CPU has a small direct-mapped cache that keeps a translation until it is flushed or
 * displaced, so that a forgotten flush is a stale translation that really gets used.  Loads and
 * stores of the model go through it.
 *
 * Linux: arch/x86/mm/tlb.c, mm/rmap.c (try_to_unmap_flush).
 */
#include "tlb.h"

#include "fault.h"
#include "machine.h"
#include "mm.h"
#include "vma.h"

/* ---- Flushing -------------------------------------------------------------------------------------- */

void flush_tlb_range(struct mm *mm, unsigned long start, unsigned long end,
		     enum gw_tlb_flush_kind kind)
{
	struct machine *machine = mm->machine;
	struct gw_tlb_range range = { .mm = mm, .start = start, .end = end };

	count_event(machine, tlb_flush);
	machine->tlb_ops->flush(machine->tlb_host, &range, 1, kind);
}

void flush_tlb_batched_pending(struct mm *mm, unsigned long start, unsigned long end)
{
	if (unlikely(atomic_read(&mm->tlb_flush_batched) > 0))
		flush_tlb_range(mm, start, end, GW_TLB_UNMAP);
}

static bool extends(const struct gw_tlb_range *last, const struct mm *mm, unsigned long addr)
{
	return last->mm == mm && last->end == addr;
}

void tlb_batch_add(struct tlb_batch *batch, struct mm *mm, unsigned long addr)
{
	atomic_inc(&mm->tlb_flush_batched);
	if (batch->nr && extends(&batch->ranges[batch->nr - 1], mm, addr)) {
		batch->ranges[batch->nr - 1].end += PAGE_SIZE;
		return;
	}
	if (batch->nr == TLB_BATCH_MAX)
		tlb_batch_flush(mm->machine, batch);
	mm_grab(mm);
	batch->ranges[batch->nr++] =
		(struct gw_tlb_range){ .mm = mm, .start = addr, .end = addr + PAGE_SIZE };
}

void tlb_batch_flush(struct machine *machine, struct tlb_batch *batch)
{
	if (!batch->nr)
		return;
	count_event(machine, tlb_flush_batch);
	machine->tlb_ops->flush(machine->tlb_host, batch->ranges, batch->nr, GW_TLB_UNMAP);
	for (int i = 0; i < batch->nr; i++) {
		struct gw_tlb_range *range = &batch->ranges[i];
		long nr_pages = (range->end - range->start) >> PAGE_SHIFT;

		atomic_add_return(&range->mm->tlb_flush_batched, -nr_pages);
		mm_drop(range->mm);
	}
	batch->nr = 0;
}

/* ---- The page walk ------------------------------------------------------------------------------------- */

/*
 * What the walker leaves in the entry: accessed, and dirty for a store.  Where translations do not
 * report back, the first writable one counts as the store.
 */
static pte_t pte_walked(const struct machine *machine, pte_t pte, enum gw_access access)
{
	pte = pte_mkyoung(pte);
	if (access == GW_WRITE || (!machine->tlb_ops->reports_accessed_dirty && pte_write(pte)))
		pte = pte_mkdirty(pte);
	return pte;
}

/* Walk to @ptep for @access and describe the translation. */
static struct gw_tlb_entry walk_entry(struct machine *machine, pte_t *ptep, unsigned long addr,
				      enum gw_access access)
{
	pte_t old = ptep_get(ptep), pte = pte_walked(machine, old, access);

	ASSERT_MSG(pte_pfn(pte) < machine->nr_guest_frames, "a guest maps frame %lu of %lu",
		   pte_pfn(pte), machine->nr_guest_frames);
	if (pte.v != old.v)
		set_pte(machine, ptep, pte);
	return (struct gw_tlb_entry){
		.addr = addr,
		.pfn = pte_pfn(pte),
		.write = pte_write(pte),
		.exec = pte_exec(pte),
		.dirty = pte_dirty(pte),
	};
}

/* Present neighbours of @addr in the same table, in the aligned window of @around pages. */
static int walk_neighbours(struct machine *machine, pte_t *ptep, unsigned long addr, int around,
			   struct gw_tlb_entry *entries)
{
	unsigned long window = ALIGN_DOWN(addr, (unsigned long)around << PAGE_SHIFT);
	int nr = 0;

	for (int i = 0; i < around; i++) {
		unsigned long near = window + ((unsigned long)i << PAGE_SHIFT);
		pte_t *nearp = ptep + ((long)(near - addr) >> PAGE_SHIFT);

		if (near != addr && pte_accessible(ptep_get(nearp)))
			entries[nr++] = walk_entry(machine, nearp, near, GW_READ);
	}
	return nr;
}

bool tlb_translate(struct mm *mm, int cpu, unsigned long addr, enum gw_access access, int around)
{
	struct machine *machine = mm->machine;
	struct gw_tlb_entry entries[GW_TLB_FILL_MAX];
	struct spinlock *ptl;
	pte_t *ptep;
	int nr = 1;

	addr &= PAGE_MASK;
	ptep = pte_offset_map_lock(mm, addr, &ptl);
	if (!ptep)
		return false;
	if (!pte_allows(ptep_get(ptep), access)) {
		pte_unmap_unlock(ptl);
		return false;
	}
	entries[0] = walk_entry(machine, ptep, addr, access);
	around = min(around, GW_TLB_FILL_MAX);
	if (around > 1)
		nr += walk_neighbours(machine, ptep, addr, around, entries + 1);
	count_events(machine, tlb_fill, nr);
	machine->tlb_ops->fill(machine->tlb_host, mm, cpu, entries, nr);
	pte_unmap_unlock(ptl);
	return true;
}

/* ---- The model ---------------------------------------------------------------------------------------------- */

void tlb_model_init(struct machine *machine)
{
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++)
		spin_lock_init(&machine->tlbs[cpu].lock, LOCK_TLB);
}

static struct tlb_entry *tlb_slot(struct tlb *tlb, unsigned long addr)
{
	return &tlb->entries[(addr >> PAGE_SHIFT) % TLB_ENTRIES];
}

static void model_set(struct tlb *tlb, struct tlb_entry *slot, const struct tlb_entry *entry)
{
	int nr = tlb->nr + !!entry->mm - !!slot->mm;

	*slot = *entry;
	if (nr != tlb->nr)
		smp_store_release(&tlb->nr, nr);
}

/*
 * A translation is filled under the lock of its table, and flushed for after a change under that
 * lock; its frame is freed later still.  So who flushes or frees sees a count that includes it, and
 * where the count is 0 there is nothing to look for.  What was stored through a translation that is
 * gone comes before the count that says so: release and acquire.  Linux asks mm_cpumask(mm) for the
 * same reason.
 */
static bool model_empty(const struct tlb *tlb)
{
	return smp_load_acquire(&tlb->nr) == 0;
}

/* Give @pte's present value to CPU @cpu. */
static void model_fill(void *host, struct mm *mm, int cpu, const struct gw_tlb_entry *entries,
		       int nr)
{
	struct machine *machine = host;
	struct tlb *tlb = &machine->tlbs[cpu];

	spin_lock(&tlb->lock);
	for (int i = nr - 1; i >= 0; i--) /* the wanted one last, so that no neighbour displaces it */
		model_set(tlb, tlb_slot(tlb, entries[i].addr),
			  &(struct tlb_entry){
				  .mm = mm,
				  .addr = entries[i].addr,
				  .pfn = entries[i].pfn,
				  .write = entries[i].write,
				  .exec = entries[i].exec,
				  .dirty = entries[i].dirty,
			  });
	spin_unlock(&tlb->lock);
}

static void model_drop(struct tlb *tlb, struct tlb_entry *entry, const struct gw_tlb_range *range)
{
	if (entry->mm == range->mm && entry->addr >= range->start && entry->addr < range->end)
		model_set(tlb, entry, &(struct tlb_entry){ .mm = NULL });
}

static void model_flush_range(struct tlb *tlb, const struct gw_tlb_range *range)
{
	unsigned long nr_pages = (range->end - range->start) >> PAGE_SHIFT;

	if (nr_pages >= TLB_ENTRIES) {
		for (int i = 0; i < TLB_ENTRIES; i++)
			model_drop(tlb, &tlb->entries[i], range);
		return;
	}
	for (unsigned long addr = range->start; addr < range->end; addr += PAGE_SIZE)
		model_drop(tlb, tlb_slot(tlb, addr), range);
}

/* One interrupt per CPU, for all ranges. */
static void model_flush(void *host, const struct gw_tlb_range *ranges, int nr,
			enum gw_tlb_flush_kind kind)
{
	struct machine *machine = host;

	(void)kind; /* a translation that may not be writable any more is dropped like any other */
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++) {
		struct tlb *tlb = &machine->tlbs[cpu];

		if (model_empty(tlb))
			continue;
		spin_lock(&tlb->lock);
		for (int i = 0; i < nr; i++)
			model_flush_range(tlb, &ranges[i]);
		spin_unlock(&tlb->lock);
	}
}

/* What is asked of every translation that there is. */
struct tlb_question {
	void (*check)(const struct tlb_question *question, int cpu, const struct tlb_entry *entry);
	const struct mm *mm;
	unsigned long start, end, flags, pfn;
};

static void ask_every_translation(struct machine *machine, const struct tlb_question *question)
{
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++) {
		struct tlb *tlb = &machine->tlbs[cpu];

		if (model_empty(tlb))
			continue;
		spin_lock(&tlb->lock);
		for (int i = 0; i < TLB_ENTRIES; i++) {
			if (tlb->entries[i].mm)
				question->check(question, cpu, &tlb->entries[i]);
		}
		spin_unlock(&tlb->lock);
	}
}

static void check_exited(const struct tlb_question *question, int cpu,
			 const struct tlb_entry *entry)
{
	ASSERT_MSG(entry->mm != question->mm, "CPU %d still translates %lx of a dead address space",
		   cpu, entry->addr);
}

static void model_mm_exit(void *host, struct mm *mm)
{
	const struct tlb_question question = { .check = check_exited, .mm = mm };

	ask_every_translation(host, &question);
}

const struct gw_tlb_ops tlb_model_ops = {
	.reports_accessed_dirty = true,
	.fill = model_fill,
	.flush = model_flush,
	.mm_exit = model_mm_exit,
};

/* Looking through every TLB is for machines that look for errors. */
static bool checks_translations(const struct machine *machine)
{
	return machine->tlb_ops == &tlb_model_ops && machine->poison;
}

static bool may_more_than(const struct tlb_entry *entry, unsigned long flags)
{
	return !(flags & VM_ACCESS_FLAGS) || (entry->write && !(flags & VM_WRITE)) ||
	       (entry->exec && !(flags & VM_EXEC));
}

static void check_flushed(const struct tlb_question *question, int cpu,
			  const struct tlb_entry *entry)
{
	ASSERT_MSG(entry->mm != question->mm || entry->addr < question->start ||
			   entry->addr >= question->end || !may_more_than(entry, question->flags),
		   "CPU %d may still do more at %lx than is allowed from now on", cpu, entry->addr);
}

void tlb_assert_flushed(struct mm *mm, unsigned long start, unsigned long end, unsigned long flags)
{
	const struct tlb_question question = {
		.check = check_flushed, .mm = mm, .start = start, .end = end, .flags = flags
	};

	if (checks_translations(mm->machine))
		ask_every_translation(mm->machine, &question);
}

static void check_unused(const struct tlb_question *question, int cpu,
			 const struct tlb_entry *entry)
{
	ASSERT_MSG(entry->pfn != question->pfn, "frame %lu freed while CPU %d translates %lx to it",
		   question->pfn, cpu, entry->addr);
}

void tlb_assert_unused(struct machine *machine, unsigned long pfn)
{
	const struct tlb_question question = { .check = check_unused, .pfn = pfn };

	if (checks_translations(machine))
		ask_every_translation(machine, &question);
}

static void check_clean(const struct tlb_question *question, int cpu, const struct tlb_entry *entry)
{
	ASSERT_MSG(entry->pfn != question->pfn || !entry->write || !entry->dirty,
		   "frame %lu is written back while CPU %d can store into it at %lx", question->pfn,
		   cpu, entry->addr);
}

void tlb_assert_clean(struct machine *machine, unsigned long pfn)
{
	const struct tlb_question question = { .check = check_clean, .pfn = pfn };

	if (checks_translations(machine))
		ask_every_translation(machine, &question);
}

/* ---- Loads and stores of a modelled CPU ------------------------------------------------------------------------ */

struct tlb_access {
	struct mm *mm;
	unsigned long addr;
	enum gw_access access;
	void *to;	  /* GW_READ */
	const void *from; /* GW_WRITE */
	size_t len;	  /* bytes, within one page */
};

/* A store through a clean translation goes back to the entry, to set dirty there. */
static bool translation_allows(const struct tlb_entry *entry, const struct tlb_access *access)
{
	return entry->mm == access->mm && entry->addr == (access->addr & PAGE_MASK) &&
	       (access->access != GW_WRITE || (entry->write && entry->dirty));
}

/* Use the translation that this CPU has; false: it has none that will do. */
static bool access_through_tlb(struct machine *machine, const struct tlb_access *access)
{
	struct tlb *tlb = &machine->tlbs[task_cpu()];
	struct tlb_entry *entry = tlb_slot(tlb, access->addr);
	size_t offset = access->addr & ~PAGE_MASK;
	bool hit;

	spin_lock(&tlb->lock);
	hit = translation_allows(entry, access);
	if (hit) {
		struct folio *folio = pfn_folio(machine, entry->pfn);

		if (access->access == GW_WRITE)
			folio_write(machine, folio, offset, access->from, access->len);
		else
			folio_read(machine, folio, offset, access->to, access->len);
	}
	spin_unlock(&tlb->lock);
	return hit;
}

static enum gw_fault access_page(const struct tlb_access *access)
{
	struct mm *mm = access->mm;

	while (!access_through_tlb(mm->machine, access)) {
		enum gw_fault fault;

		if (tlb_translate(mm, task_cpu(), access->addr, access->access, 1))
			continue;
		fault = mm_fault(mm, access->addr, access->access);
		if (fault != GW_FAULT_DONE)
			return fault;
	}
	return GW_FAULT_DONE;
}

static enum gw_fault access_range(struct tlb_access access, size_t len)
{
	while (len) {
		enum gw_fault fault;

		access.len = min(len, PAGE_SIZE - (access.addr & ~PAGE_MASK));
		fault = access_page(&access);
		if (fault != GW_FAULT_DONE)
			return fault;
		len -= access.len;
		access.addr += access.len;
		if (access.access == GW_WRITE)
			access.from = (const char *)access.from + access.len;
		else
			access.to = (char *)access.to + access.len;
	}
	return GW_FAULT_DONE;
}

enum gw_fault tlb_load(struct mm *mm, unsigned long addr, void *to, size_t len)
{
	return access_range((struct tlb_access){ .mm = mm, .addr = addr, .access = GW_READ, .to = to },
			    len);
}

enum gw_fault tlb_store(struct mm *mm, unsigned long addr, const void *from, size_t len)
{
	return access_range(
		(struct tlb_access){ .mm = mm, .addr = addr, .access = GW_WRITE, .from = from }, len);
}
