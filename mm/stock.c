// SPDX-License-Identifier: MIT
/* stock.c - structures and tables got ahead */
#include "stock.h"

#include <errno.h>

#include "pgtable.h"

void stock_init(struct stock *stock)
{
	*stock = (struct stock){ 0 };
	list_init(&stock->tables);
}

int stock_fill(struct machine *machine, struct stock *stock, enum kmem_id id, int nr)
{
	for (int i = 0; i < nr; i++) {
		void **object = machine_alloc(machine, id);

		if (!object)
			return -ENOMEM;
		*object = stock->objects[id];
		stock->objects[id] = object;
	}
	return 0;
}

static void *stock_take(struct stock *stock, enum kmem_id id)
{
	void **object = stock->objects[id];

	if (object)
		stock->objects[id] = *object;
	return object;
}

void *stock_alloc(struct machine *machine, struct stock *stock, enum kmem_id id)
{
	void *object = stock ? stock_take(stock, id) : NULL;

	return object ? object : machine_alloc(machine, id);
}

void stock_drain(struct machine *machine, struct stock *stock)
{
	for (enum kmem_id id = 0; id < NR_KMEM; id++) {
		void *object;

		while ((object = stock_take(stock, id)))
			machine_free(machine, id, object);
	}
	table_stock_drain(machine, stock);
}
