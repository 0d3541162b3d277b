// SPDX-License-Identifier: MIT
/* trace_set.c - which traces were seen, by their signatures */
#include "trace_set.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 1024

static uint64_t *slot_of(const struct trace_set *set, uint64_t signature)
{
	size_t slot = signature & (set->max - 1);

	while (set->slots[slot] && set->slots[slot] != signature)
		slot = (slot + 1) & (set->max - 1);
	return &set->slots[slot];
}

static int grow(struct trace_set *set)
{
	struct trace_set bigger = { .nr = set->nr, .max = set->max ? 2 * set->max : SLOTS_MIN };

	bigger.slots = calloc(bigger.max, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->max; i++)
		if (set->slots[i])
			*slot_of(&bigger, set->slots[i]) = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

int trace_set_add(struct trace_set *set, uint64_t signature)
{
	uint64_t *slot;

	if (2 * set->nr >= set->max && grow(set))
		return -ENOMEM;
	signature += !signature;
	slot = slot_of(set, signature);
	if (*slot)
		return 0;
	*slot = signature;
	set->nr++;
	return 1;
}

void trace_set_fini(struct trace_set *set)
{
	free(set->slots);
	*set = (struct trace_set){ .nr = 0 };
}
