/* SPDX-License-Identifier: MIT */
/*
 * stock.h - structures and tables got ahead
 *
 * An operation of several steps, each of which allocates, fills the stock of its address space for
 * all of them first: then only its beginning can fail.  What is left goes back at the end.
 *
 * Linux has no such thing: there mremap() that runs out of memory half way may leave what it has
 * done so far.
 */
#pragma once

#include "list.h"
#include "machine.h"

/* Under mmap_lock for write; empty while nobody holds that. */
struct stock {
	void *objects[NR_KMEM];	 /* linked by their first word */
	struct list_head tables; /* folio->lru of zeroed tables, not counted in mm->nr_tables */
};

void stock_init(struct stock *stock);
/* @nr more of @id.  => -ENOMEM; what was got stays in the stock */
int stock_fill(struct machine *machine, struct stock *stock, enum kmem_id id, int nr) __must_check;
/* From the stock if it has one, else as machine_alloc(); @stock may be NULL. */
void *stock_alloc(struct machine *machine, struct stock *stock, enum kmem_id id);
/* Give everything back. */
void stock_drain(struct machine *machine, struct stock *stock);
