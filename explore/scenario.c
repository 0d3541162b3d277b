// SPDX-License-Identifier: MIT
/* scenario.c - the list of scenarios, and what they share */
#include "scenario.h"

#include "scenario_list.h"

#include <string.h>

/* ---- The list -------------------------------------------------------------------------------------- */

static const struct gw_scenario *const scenarios[] = {
#define X(name) &name,
	SCENARIOS(X)
#undef X
};

size_t gw_nr_scenarios(void)
{
	return ARRAY_SIZE(scenarios);
}

const struct gw_scenario *gw_scenario(size_t nth)
{
	return nth < ARRAY_SIZE(scenarios) ? scenarios[nth] : NULL;
}

const struct gw_scenario *gw_scenario_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(scenarios[i]->name, name))
			return scenarios[i];
	return NULL;
}

const char *gw_scenario_name(const struct gw_scenario *scenario)
{
	return scenario->name;
}

const char *gw_scenario_summary(const struct gw_scenario *scenario)
{
	return scenario->summary;
}

uint64_t gw_scenario_guards(const struct gw_scenario *scenario)
{
	return scenario->guards;
}

const char *gw_scenario_breaks(const struct gw_scenario *scenario)
{
	return scenario->breaks;
}

/* ---- A file in memory -------------------------------------------------------------------------------- */

static int memory_read_page(void *arg, unsigned long pgoff, void *to)
{
	const struct memory_file *file = arg;
	size_t offset = pgoff << GW_PAGE_SHIFT, len = 0;

	if (offset < file->size)
		len = min(file->size - offset, GW_PAGE_SIZE);
	memcpy(to, (const char *)file->bytes + offset, len);
	memset((char *)to + len, 0, GW_PAGE_SIZE - len);
	return 0;
}

static void memory_release(void *arg)
{
	(void)arg;
}

int memory_file_map(struct world *world, const struct memory_file *file, const char *name,
		    struct mapping **mapping)
{
	static const struct gw_mapping_ops ops = { .read_page = memory_read_page,
						   .release = memory_release };
	const struct gw_mapping_info info = {
		.ops = &ops,
		.file = (void *)(uintptr_t)file,
		.size = file->size,
		.name = name,
	};

	return world->core->mapping_create(world->machine, &info, mapping);
}
