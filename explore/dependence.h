/* SPDX-License-Identifier: MIT */
/*
 * dependence.h - when does the order of two steps matter?
 *
 * When they are on one object and one of them changes it.  A trylock changes it even if it fails,
 * and so does a compare-and-swap: coarser is sound.  Words that overlap without being the same are
 * not known to the core: every atomic word is used in one size.
 */
#pragma once

#include "explored.h"

#include "rules.h"

/* Steps of this kind commute with one another on one object. */
static inline bool kind_reads(enum explored_kind kind)
{
	switch ((int)kind) {
	case EXPLORED_READ:
	case EXPLORED_SEQ_BEGIN:
	case EXPLORED_AWAIT:
	case EXPLORED_BIT_WAIT:
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_WAIT_SLEEP:
	case EXPLORED_RCU_READ_LOCK:
	case EXPLORED_RCU_READ_UNLOCK:
		return true;
	case EXPLORED_READ_LOCK:
	case EXPLORED_READ_UNLOCK:
		return RULE(readers_share);
	case EXPLORED_MODIFY:
		return !RULE(modifying_writes);
	case EXPLORED_TRYLOCK:
	case EXPLORED_READ_TRYLOCK:
	case EXPLORED_WRITE_TRYLOCK:
	case EXPLORED_BIT_TRYLOCK:
		return !RULE(trying_writes);
	default:
		return false;
	}
}

static inline bool steps_conflict(const struct explored_step *a, const struct explored_step *b)
{
	return a->object && a->object == b->object &&
	       !(kind_reads((enum explored_kind)a->kind) &&
		 kind_reads((enum explored_kind)b->kind));
}
