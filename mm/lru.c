// SPDX-License-Identifier: MIT
/*
 * lru.c - the lists of folios that reclaim and migration take from
 *
 * The list holds no reference.  PG_lru is the right to touch folio->lru: it is set under
 * lruvec->lock when the folio goes onto its list, and whoever clears it is the only one to take the
 * folio off.  Two can: an isolator, who holds a reference, and the last folio_put(), after which no
 * isolator can have one; so they never meet.
 *
 * Locks: lruvec->lock, inside everything that looks at a folio.
 * Linux: mm/swap.c, folio_isolate_lru() of mm/vmscan.c.  No active and inactive lists and no
 * per-CPU batches: nothing ages folios yet.
 */
#include "lru.h"

#include "machine.h"

void lruvec_init(struct lruvec *lruvec)
{
	spin_lock_init(&lruvec->lock, LOCK_LRU);
	for (int list = 0; list < NR_LRU_LISTS; list++) {
		list_init(&lruvec->lists[list]);
		lruvec->nr[list] = 0;
	}
}

static struct lruvec *folio_lruvec(struct machine *machine, const struct folio *folio)
{
	return &machine->lruvecs[folio->node];
}

/* The same at insertion and removal: an anonymous folio keeps its mark until it is freed. */
static enum lru_list folio_lru_list(const struct folio *folio)
{
	return folio_anon(folio) ? LRU_ANON : LRU_FILE;
}

static void lruvec_del_folio_locked(struct lruvec *lruvec, struct folio *folio)
{
	enum lru_list list = folio_lru_list(folio);

	ASSERT(lruvec->nr[list] > 0);
	list_del(&folio->lru);
	lruvec->nr[list]--;
}

static void lruvec_del_folio(struct lruvec *lruvec, struct folio *folio)
{
	spin_lock(&lruvec->lock);
	lruvec_del_folio_locked(lruvec, folio);
	spin_unlock(&lruvec->lock);
}

static void lruvec_add_folio_locked(struct machine *machine, struct lruvec *lruvec,
				    struct folio *folio)
{
	enum lru_list list = folio_lru_list(folio);

	ASSERT(folio->zone < machine->nr_zones - 1); /* the core's frames are on no list */
	ASSERT(!folio_test(folio, PG_lru));
	list_add(&folio->lru, &lruvec->lists[list]);
	lruvec->nr[list]++;
	folio_set(folio, PG_lru);
}

void folio_add_lru(struct machine *machine, struct folio *folio)
{
	struct lruvec *lruvec = folio_lruvec(machine, folio);

	spin_lock(&lruvec->lock);
	lruvec_add_folio_locked(machine, lruvec, folio);
	spin_unlock(&lruvec->lock);
}

/* Hold the lock of @folio's lists instead of that of @locked, which may be NULL. */
static struct lruvec *relock(struct machine *machine, struct lruvec *locked,
			     const struct folio *folio)
{
	struct lruvec *lruvec = folio_lruvec(machine, folio);

	if (lruvec == locked)
		return locked;
	if (locked)
		spin_unlock(&locked->lock);
	spin_lock(&lruvec->lock);
	return lruvec;
}

/* Who clears the flag is alone with folio->lru from then on. */
static bool claim(struct folio *folio)
{
	ASSERT(folio_ref_count(folio) > 0);
	if (!folio_test_clear(folio, PG_lru))
		return false;
	folio_get(folio);
	return true;
}

bool folio_isolate_lru(struct machine *machine, struct folio *folio)
{
	if (!claim(folio))
		return false;
	lruvec_del_folio(folio_lruvec(machine, folio), folio);
	return true;
}

int folios_isolate_lru(struct machine *machine, struct folio **folios, int nr)
{
	struct lruvec *locked = NULL;
	int kept = 0;

	for (int i = 0; i < nr; i++)
		if (claim(folios[i]))
			folios[kept++] = folios[i];
	for (int i = 0; i < kept; i++) {
		locked = relock(machine, locked, folios[i]);
		/* Neighbours on the list lie anywhere: let their lines come together. */
		if (i + 4 < kept && folio_lruvec(machine, folios[i + 4]) == locked) {
			__builtin_prefetch(folios[i + 4]->lru.next, 1);
			__builtin_prefetch(folios[i + 4]->lru.prev, 1);
		}
		lruvec_del_folio_locked(locked, folios[i]);
	}
	if (locked)
		spin_unlock(&locked->lock);
	return kept;
}

void folio_putback_lru(struct machine *machine, struct folio *folio)
{
	folio_add_lru(machine, folio);
	folio_put(machine, folio);
}

/* References are dropped without the lock, as a last one would want it. */
void folios_putback_lru(struct machine *machine, struct list_head *folios)
{
	while (!list_empty(folios)) {
		struct folio *batch[LRU_BATCH];
		struct lruvec *locked = NULL;
		int nr = 0;

		while (!list_empty(folios) && nr < LRU_BATCH) {
			struct folio *folio = list_first_entry(folios, struct folio, lru);

			list_del(&folio->lru);
			locked = relock(machine, locked, folio);
			lruvec_add_folio_locked(machine, locked, folio);
			batch[nr++] = folio;
		}
		spin_unlock(&locked->lock);
		for (int i = 0; i < nr; i++)
			folio_put(machine, batch[i]);
	}
}

void lru_remove_dying(struct machine *machine, struct folio *folio)
{
	ASSERT(folio_ref_count(folio) == 0);
	if (folio_test_clear(folio, PG_lru))
		lruvec_del_folio(folio_lruvec(machine, folio), folio);
}
