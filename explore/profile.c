// SPDX-License-Identifier: MIT
/* profile.c - which pairs of places in the core race, and how often */
#include "profile.h"

#include "symbols.h"

#include <stdlib.h>

void profile_note(struct profile *profile, const struct event *first, const void *second_site,
		  const struct op *second)
{
	uint64_t hash = (uint64_t)(uintptr_t)first->site * 31 + (uint64_t)(uintptr_t)second_site;
	unsigned int slot = (unsigned int)(hash * 0x9e3779b97f4a7c15u >> 40) % PROFILE_PAIRS;

	profile->nr++;
	for (int tries = 0; tries < 64; tries++, slot = (slot + 1) % PROFILE_PAIRS) {
		struct profile_pair *pair = &profile->pairs[slot];

		if (!pair->nr)
			*pair = (struct profile_pair){ .first = first->site,
						       .second = second_site,
						       .first_kind = first->op.kind,
						       .second_kind = second->kind };
		if (pair->first == first->site && pair->second == second_site) {
			pair->nr++;
			return;
		}
	}
	profile->lost++;
}

static int more_first(const void *a, const void *b)
{
	const struct profile_pair *one = a, *other = b;

	return one->nr < other->nr ? 1 : one->nr > other->nr ? -1 : 0;
}

/* Up to three functions, the innermost first. */
struct chain {
	FILE *out;
	int nr;
};

static void print_function(void *arg, const char *name, const char *file, int line)
{
	struct chain *chain = arg;

	(void)file, (void)line;
	if (chain->nr++ < 3)
		fprintf(chain->out, "%s%s", chain->nr > 1 ? " < " : "", name);
}

static void print_site(FILE *out, struct symbols *symbols, unsigned int kind, const void *site)
{
	struct chain chain = { .out = out };

	fprintf(out, "%s in ", explored_kind_name((enum explored_kind)kind));
	if (symbols)
		symbols_at(symbols, site, print_function, &chain);
	if (!chain.nr)
		fprintf(out, "%p", site);
}

void profile_print(struct profile *profile, FILE *out, int lines)
{
	struct symbols *symbols = symbols_open();

	qsort(profile->pairs, PROFILE_PAIRS, sizeof(profile->pairs[0]), more_first);
	for (int i = 0; i < lines && profile->pairs[i].nr; i++) {
		const struct profile_pair *pair = &profile->pairs[i];

		fprintf(out, "  %10llu  ", (unsigned long long)pair->nr);
		print_site(out, symbols, pair->first_kind, pair->first);
		fprintf(out, "  |  ");
		print_site(out, symbols, pair->second_kind, pair->second);
		fprintf(out, "\n");
	}
	symbols_close(symbols);
}
