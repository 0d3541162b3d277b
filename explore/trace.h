/* SPDX-License-Identifier: MIT */
/*
 * trace.h - the steps of an execution without its addresses
 *
 * An object is named by its number, in the order in which an execution first touches objects.
 * The same schedule on the same program gives the same numbers, wherever its memory lies.
 */
#pragma once

#include "explored.h"

struct objects {
	const void **slots; /* open addressing; a power of two of them */
	unsigned int *numbers;
	unsigned int mask;
	unsigned int nr;
};

/* Room for the objects of @nr_steps steps.  => -ENOMEM */
int objects_init(struct objects *objects, unsigned int nr_steps) __must_check;
void objects_fini(struct objects *objects);
void objects_clear(struct objects *objects);

/* The number of @object, from 1; a new one if it was not seen since objects_clear(). */
unsigned int object_number(struct objects *objects, const void *object);

#define OBJECT_NAME_MAX 40

/* "mmap_lock#3", "word#17", "" */
void object_name(char to[OBJECT_NAME_MAX], struct objects *objects,
		 const struct explored_step *step);

/* "got", "busy", "= 2": what came of a step that has been taken. */
#define RESULT_NAME_MAX 16
void result_name(char to[RESULT_NAME_MAX], const struct explored_step *step);

/* A digest of the steps, in their order. */
uint64_t trace_digest(struct objects *objects, const struct explored_step *steps,
		      unsigned int nr_steps);
