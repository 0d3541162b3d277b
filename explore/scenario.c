// SPDX-License-Identifier: MIT
/* scenario.c - the list of scenarios, and what they share */
#include "scenario.h"

#include "design.h"
#include "scenario_list.h"

#include <string.h>

/* ---- The list -------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text, *end;
} scenarios[] = {
#define X(symbol, name) { name, symbol, symbol##_end },
	SCENARIOS(X)
#undef X
};

size_t gw_nr_scenarios(void)
{
	return ARRAY_SIZE(scenarios);
}

const struct gw_scenario *gw_scenario(size_t nth)
{
	char error[256];

	if (nth >= ARRAY_SIZE(scenarios))
		return NULL;
	return gw_scenario_parse(scenarios[nth].text,
				 (size_t)(scenarios[nth].end - scenarios[nth].text), NULL, error,
				 sizeof(error));
}

const struct gw_scenario *gw_scenario_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(scenarios[i].name, name))
			return gw_scenario(i);
	return NULL;
}

/* ---- The races ------------------------------------------------------------------------------------- */

static const struct gw_race races[] = {
#define X(symbol, name) { name, symbol, symbol##_end },
	RACES(X)
#undef X
};

size_t gw_nr_races(void)
{
	return ARRAY_SIZE(races);
}

const struct gw_race *gw_race(size_t nth)
{
	return nth < ARRAY_SIZE(races) ? &races[nth] : NULL;
}

const struct gw_race *gw_race_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(races); i++)
		if (!strcmp(races[i].id, id))
			return &races[i];
	return NULL;
}

bool gw_race_has(const struct gw_race *race, const struct gw_scenario *scenario)
{
	size_t len = strlen(race->id);

	return !strncmp(scenario->name, race->id, len) &&
	       (scenario->name[len] == '-' || !scenario->name[len]);
}

/* ---- The designs ----------------------------------------------------------------------------------- */

const struct gw_design *design_at(size_t nth)
{
	static const struct gw_design *const arrays[] = {
#define X(designs) designs,
		DESIGNS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		for (const struct gw_design *design = arrays[i]; design->name; design++)
			if (!nth--)
				return design;
	return NULL;
}

/* ---- What a scenario is about ------------------------------------------------------------------------ */

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

const struct gw_design *gw_scenario_design(const struct gw_scenario *scenario)
{
	return scenario->design;
}

/* ---- Bounds -------------------------------------------------------------------------------------------- */

#define DEFAULT_FRAMES	       24
#define DEFAULT_CPUS	       2
#define DEFAULT_MIGRATE_PASSES 10 /* Linux's */
#define DEFAULT_MIGRATE_BATCH  512
#define DEFAULT_STEP_BOUND     20000

void gw_scenario_bound(const struct gw_scenario *scenario, unsigned int step_bound,
		       struct gw_bound *bound)
{
	*bound = (struct gw_bound){
		.frames = scenario->nr_frames ?: DEFAULT_FRAMES,
		.cpus = scenario->nr_cpus ?: DEFAULT_CPUS,
		.migrate_passes = scenario->migrate_passes ?: DEFAULT_MIGRATE_PASSES,
		.migrate_batch = scenario->migrate_batch ?: DEFAULT_MIGRATE_BATCH,
		.early_callbacks = scenario->early_callbacks,
		.step_bound = step_bound ?: scenario->step_bound ?: DEFAULT_STEP_BOUND,
		.design = scenario->design,
		.instead_of = scenario->instead_of,
	};
	while (bound->nr_tasks < SCENARIO_TASKS_MAX && scenario->tasks[bound->nr_tasks].name) {
		const struct scenario_task *task = &scenario->tasks[bound->nr_tasks];

		bound->tasks[bound->nr_tasks++] = (struct gw_bound_task){
			.name = task->name,
			.cpu = task->cpu,
			.start_at = task->start_at,
		};
	}
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
