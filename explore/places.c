// SPDX-License-Identifier: MIT
/* places.c - objects by numbers that hold in every engine and every process */
#include "places.h"

#include <stdlib.h>

#define SLOTS_MIN  1024u
#define NUMBER_MIN 512

void places_init(struct places *places)
{
	*places = (struct places){ .nr = 0 };
}

void places_fini(struct places *places)
{
	free(places->keys);
	free(places->slots);
}

static unsigned int slot_of(const struct places *places, uint64_t key)
{
	unsigned int slot =
		(unsigned int)(key * 0x9e3779b97f4a7c15u >> 32) & (places->nr_slots - 1);

	while (places->slots[slot] && places->keys[places->slots[slot] - 1] != key)
		slot = (slot + 1) & (places->nr_slots - 1);
	return slot;
}

static bool grow_slots(struct places *places)
{
	unsigned int nr = places->nr_slots ? 2 * places->nr_slots : SLOTS_MIN;
	int *slots = calloc(nr, sizeof(*slots));

	if (!slots)
		return false;
	free(places->slots);
	places->slots = slots;
	places->nr_slots = nr;
	for (int number = 0; number < places->nr; number++)
		places->slots[slot_of(places, places->keys[number])] = number + 1;
	return true;
}

static bool grow_keys(struct places *places)
{
	int max = places->max ? 2 * places->max : NUMBER_MIN;
	uint64_t *keys = realloc(places->keys, (size_t)max * sizeof(*keys));

	if (!keys)
		return false;
	places->keys = keys;
	places->max = max;
	return true;
}

int places_number(struct places *places, uint64_t key)
{
	unsigned int slot;

	if ((2 * (unsigned int)places->nr >= places->nr_slots && !grow_slots(places)) ||
	    (places->nr == places->max && !grow_keys(places))) {
		places->failed = true;
		return -1;
	}
	slot = slot_of(places, key);
	if (!places->slots[slot]) {
		places->keys[places->nr++] = key;
		places->slots[slot] = places->nr;
	}
	return places->slots[slot] - 1;
}

/* ---- Addresses --------------------------------------------------------------------------------------- */

void numbering_init(struct numbering *numbering, struct places *places, struct history *history,
		    const struct place_range ranges[PLACE_RANGES])
{
	*numbering = (struct numbering){ .places = places, .history = history };
	for (int i = 0; i < PLACE_RANGES; i++)
		numbering->ranges[i] = ranges[i];
}

void numbering_fini(struct numbering *numbering)
{
	free(numbering->shared);
	free(numbering->own);
}

/* Where the program itself lies: what has no range is static. */
static uintptr_t anchor(void)
{
	return (uintptr_t)&places_number;
}

static uint64_t key_of(const struct numbering *numbering, const void *object)
{
	for (int i = 0; i < PLACE_RANGES; i++) {
		const struct place_range *range = &numbering->ranges[i];
		uintptr_t offset = (uintptr_t)object - (uintptr_t)range->base;

		if (offset < range->size)
			return (uint64_t)(i + 1) << PLACE_SHIFT | offset;
	}
	return ((uintptr_t)object - anchor()) & ((1ull << PLACE_SHIFT) - 1);
}

static const void *object_of(const struct numbering *numbering, uint64_t key)
{
	uint64_t range = key >> PLACE_SHIFT, offset = key & ((1ull << PLACE_SHIFT) - 1);

	if (range)
		return (const char *)numbering->ranges[range - 1].base + offset;
	/* The sign of the offset is that of its highest bit. */
	return (const void *)(anchor() + (uintptr_t)((int64_t)(offset << (64 - PLACE_SHIFT)) >>
						     (64 - PLACE_SHIFT)));
}

static bool grow(int **numbers, int *nr, int wanted)
{
	int *grown = realloc(*numbers, (size_t)wanted * sizeof(**numbers));

	if (!grown)
		return false;
	while (*nr < wanted)
		grown[(*nr)++] = -1;
	*numbers = grown;
	return true;
}

/* Objects that the history has met since. */
static void learn(struct numbering *numbering)
{
	const struct history *history = numbering->history;

	if (!grow(&numbering->shared, &numbering->nr_shared, history->nr_objects)) {
		numbering->places->failed = true;
		return;
	}
	for (unsigned int i = 0; i < history->nr_slots; i++)
		if (history->slots[i] && numbering->shared[history->numbers[i]] < 0)
			numbering->shared[history->numbers[i]] = places_number(
				numbering->places, key_of(numbering, history->slots[i]));
}

struct op op_to_shared(struct numbering *numbering, const struct op *op)
{
	struct op shared = *op;

	if (op->object < 0)
		return shared;
	if (op->object >= numbering->nr_shared)
		learn(numbering);
	shared.object = op->object < numbering->nr_shared ? numbering->shared[op->object] : -1;
	return shared;
}

struct op op_to_own(struct numbering *numbering, const struct op *op)
{
	struct places *places = numbering->places;
	struct op own = *op;
	int *number;

	if (op->object < 0)
		return own;
	if (op->object >= numbering->nr_own &&
	    !grow(&numbering->own, &numbering->nr_own, places->nr)) {
		places->failed = true;
		return own;
	}
	number = &numbering->own[op->object];
	if (*number < 0)
		*number = history_object(numbering->history,
					 object_of(numbering, places->keys[op->object]));
	if (*number < 0)
		places->failed = true;
	own.object = *number;
	return own;
}
