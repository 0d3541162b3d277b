/* SPDX-License-Identifier: MIT */
/*
 * places.h - objects by numbers that hold in every engine and every process
 *
 * Each engine has the scenario's memory at an address of its own, and each history numbers objects
 * as it meets them.  What two of them have in common is where in that memory an object lies.
 */
#pragma once

#include "history.h"

/* A range of memory that every engine has somewhere. */
struct place_range {
	const void *base;
	size_t size;
};

#define PLACE_RANGES 2
#define PLACE_SHIFT  56 /* of the range's number plus one; 0: the program itself */

struct places {
	uint64_t *keys; /* by number: range and offset */
	int nr, max;
	int *slots; /* number plus one; open addressing */
	unsigned int nr_slots;
	bool failed; /* out of memory */
};

void places_init(struct places *places);
void places_fini(struct places *places);
/* => -1: out of memory, and places->failed */
int places_number(struct places *places, uint64_t key);

/* Between the objects of one history and those of the places. */
struct numbering {
	struct places *places;
	struct history *history;
	struct place_range ranges[PLACE_RANGES];
	int *shared; /* by the history's number; -1: not known yet */
	int nr_shared;
	int *own; /* by the places' number; -1: not known yet */
	int nr_own;
};

void numbering_init(struct numbering *numbering, struct places *places, struct history *history,
		    const struct place_range ranges[PLACE_RANGES]);
void numbering_fini(struct numbering *numbering);

/* Of no object: no object. */
struct op op_to_shared(struct numbering *numbering, const struct op *op);
struct op op_to_own(struct numbering *numbering, const struct op *op);
