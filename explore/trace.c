// SPDX-License-Identifier: MIT
/* trace.c - the steps of an execution without its addresses */
#define XXH_STATIC_LINKING_ONLY
#include "trace.h"

#include "lock_class.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- Objects ------------------------------------------------------------------------------------- */

int objects_init(struct objects *objects, unsigned int nr_steps)
{
	unsigned int nr_slots = 64;

	while (nr_slots < 2 * nr_steps)
		nr_slots *= 2;
	*objects = (struct objects){ .mask = nr_slots - 1 };
	objects->slots = calloc(nr_slots, sizeof(*objects->slots));
	objects->numbers = calloc(nr_slots, sizeof(*objects->numbers));
	if (objects->slots && objects->numbers)
		return 0;
	objects_fini(objects);
	return -ENOMEM;
}

void objects_fini(struct objects *objects)
{
	free(objects->slots);
	free(objects->numbers);
	*objects = (struct objects){ 0 };
}

void objects_clear(struct objects *objects)
{
	memset(objects->slots, 0, (objects->mask + 1) * sizeof(*objects->slots));
	objects->nr = 0;
}

unsigned int object_number(struct objects *objects, const void *object)
{
	uint64_t hash = (uintptr_t)object * 0x9e3779b97f4a7c15u >> 32;
	unsigned int slot = (unsigned int)hash & objects->mask;

	while (objects->slots[slot] && objects->slots[slot] != object)
		slot = (slot + 1) & objects->mask;
	if (!objects->slots[slot]) {
		objects->slots[slot] = object;
		objects->numbers[slot] = ++objects->nr;
	}
	return objects->numbers[slot];
}

/* ---- Names ------------------------------------------------------------------------------------------ */

static const char *noun(const struct explored_step *step)
{
	if (step->class != EXPLORED_NO_CLASS)
		return lock_class_name((enum lock_class)step->class);
	switch (step->kind) {
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_WAIT_SLEEP:
	case EXPLORED_WAKE:
		return "queue";
	default:
		return "word";
	}
}

static bool has_name(const struct explored_step *step)
{
	bool rcu = step->kind >= EXPLORED_RCU_READ_LOCK && step->kind <= EXPLORED_RCU_BARRIER_END;

	return step->object && step->kind != EXPLORED_BEGIN && !rcu;
}

void object_name(char to[OBJECT_NAME_MAX], struct objects *objects,
		 const struct explored_step *step)
{
	to[0] = '\0';
	if (has_name(step))
		snprintf(to, OBJECT_NAME_MAX, "%s#%u", noun(step),
			 object_number(objects, step->object));
}

void result_name(char to[RESULT_NAME_MAX], const struct explored_step *step)
{
	to[0] = '\0';
	switch (step->kind) {
	case EXPLORED_TRYLOCK:
	case EXPLORED_READ_TRYLOCK:
	case EXPLORED_WRITE_TRYLOCK:
	case EXPLORED_BIT_TRYLOCK:
		snprintf(to, RESULT_NAME_MAX, "%s", step->value ? "got" : "busy");
		break;
	case EXPLORED_CHOOSE:
		snprintf(to, RESULT_NAME_MAX, "= %u", step->value);
		break;
	default:
		break;
	}
}

/* ---- The digest ---------------------------------------------------------------------------------------- */

uint64_t trace_digest(struct objects *objects, const struct explored_step *steps,
		      unsigned int nr_steps)
{
	XXH3_state_t hash;

	objects_clear(objects);
	XXH3_64bits_reset(&hash);
	for (unsigned int i = 0; i < nr_steps; i++) {
		const struct explored_step *step = &steps[i];
		const uint32_t words[] = {
			step->task,  step->kind,
			step->class, step->arg,
			step->value, has_name(step) ? object_number(objects, step->object) : 0,
		};

		XXH3_64bits_update(&hash, words, sizeof(words));
	}
	return XXH3_64bits_digest(&hash);
}
