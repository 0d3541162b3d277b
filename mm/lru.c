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

static void lruvec_del_folio(struct lruvec *lruvec, struct folio *folio)
{
	enum lru_list list = folio_lru_list(folio);

	spin_lock(&lruvec->lock);
	ASSERT(lruvec->nr[list] > 0);
	list_del(&folio->lru);
	lruvec->nr[list]--;
	spin_unlock(&lruvec->lock);
}

void folio_add_lru(struct machine *machine, struct folio *folio)
{
	struct lruvec *lruvec = folio_lruvec(machine, folio);
	enum lru_list list = folio_lru_list(folio);

	ASSERT(folio->zone < machine->nr_zones - 1); /* the core's frames are on no list */
	spin_lock(&lruvec->lock);
	ASSERT(!folio_test(folio, PG_lru));
	list_add(&folio->lru, &lruvec->lists[list]);
	lruvec->nr[list]++;
	folio_set(folio, PG_lru);
	spin_unlock(&lruvec->lock);
}

bool folio_isolate_lru(struct machine *machine, struct folio *folio)
{
	ASSERT(folio_ref_count(folio) > 0);
	if (!folio_test_clear(folio, PG_lru))
		return false;
	folio_get(folio);
	lruvec_del_folio(folio_lruvec(machine, folio), folio);
	return true;
}

void folio_putback_lru(struct machine *machine, struct folio *folio)
{
	folio_add_lru(machine, folio);
	folio_put(machine, folio);
}

void lru_remove_dying(struct machine *machine, struct folio *folio)
{
	ASSERT(folio_ref_count(folio) == 0);
	if (folio_test_clear(folio, PG_lru))
		lruvec_del_folio(folio_lruvec(machine, folio), folio);
}
