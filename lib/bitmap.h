/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h - arrays of bits in unsigned longs
 *
 * Not atomic: whoever shares one brings a lock.
 */
#pragma once

#include "compiler.h"

#define BITS_PER_LONG	      (8 * sizeof(unsigned long))
#define BITS_TO_LONGS(nr)     (((nr) + BITS_PER_LONG - 1) / BITS_PER_LONG)
#define DECLARE_BITMAP(name, nr) unsigned long name[BITS_TO_LONGS(nr)]

static inline bool bitmap_test(const unsigned long *map, size_t bit)
{
	return map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG) & 1;
}

static inline void bitmap_set(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] |= 1ul << (bit % BITS_PER_LONG);
}

static inline void bitmap_clear(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] &= ~(1ul << (bit % BITS_PER_LONG));
}

static inline void bitmap_zero(unsigned long *map, size_t nr)
{
	for (size_t i = 0; i < BITS_TO_LONGS(nr); i++)
		map[i] = 0;
}

/* The first set bit at or after @from, or @nr. */
static inline size_t bitmap_next(const unsigned long *map, size_t nr, size_t from)
{
	while (from < nr) {
		unsigned long word = map[from / BITS_PER_LONG] >> (from % BITS_PER_LONG);

		if (word) {
			from += (size_t)__builtin_ctzl(word);
			return from < nr ? from : nr;
		}
		from = (from / BITS_PER_LONG + 1) * BITS_PER_LONG;
	}
	return nr;
}

static inline size_t bitmap_weight(const unsigned long *map, size_t nr)
{
	size_t weight = 0;

	for (size_t bit = bitmap_next(map, nr, 0); bit < nr; bit = bitmap_next(map, nr, bit + 1))
		weight++;
	return weight;
}
