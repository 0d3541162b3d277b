/* SPDX-License-Identifier: MIT */
/*
 * prng.h - a small seeded generator (splitmix64, Steele, Lea and Flood, OOPSLA 2014)
 *
 * Not for secrets.  The same seed gives the same sequence on every machine.
 */
#pragma once

#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline void prng_seed(struct prng *prng, uint64_t seed)
{
	prng->state = seed;
}

static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t z = (prng->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform enough in [0, bound) for choices; @bound > 0. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)prng_next(prng) * bound) >> 64);
}
