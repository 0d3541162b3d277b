/* SPDX-License-Identifier: MIT */
/* trace_set.h - which traces were seen, by their signatures (see history.h) */
#pragma once

#include "compiler.h"

struct trace_set {
	uint64_t *slots; /* open addressing; 0: empty */
	size_t nr, max;
};

/* => 1: it is new, and in; 0: it was there; -ENOMEM */
int trace_set_add(struct trace_set *set, uint64_t signature) __must_check;
void trace_set_fini(struct trace_set *set);
