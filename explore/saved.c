// SPDX-License-Identifier: MIT
/*
 * saved.c - an exploration that was stopped, as text
 *
 *	godwit-search 1
 *	program 0f36a5b1c2d3e4f5
 *	scenario 2010-exec-tempstack
 *	scenario-text 5f1e0c2b93a4d870
 *	without skip-temporary-stack
 *	step-bound 20000
 *	strategy dpor
 *	seed 1
 *	executions 1417 steps 412345 ...
 *
 * and then what the strategy knows: for a search the objects that it has met, and for each node on the
 * way to its next execution the step that is taken there, the tasks that sleep, and what is planned.
 * It belongs to one program: another one may take other steps.
 */
#include "saved.h"

#include "scenario_text.h"
#include "schedule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FORMAT_VERSION 1

/* ---- Lines of numbers --------------------------------------------------------------------------------- */

void saved_put(struct saving *saving, const char *word, const int64_t *numbers, int nr)
{
	fputs(word, saving->out);
	for (int i = 0; i < nr; i++)
		fprintf(saving->out, " %" PRId64, numbers[i]);
	fputc('\n', saving->out);
}

bool saved_reject(struct restoring *restoring, const char *what)
{
	snprintf(restoring->error, restoring->error_size, "%s:%u: %s", restoring->path,
		 restoring->line, what);
	return false;
}

bool saved_is(const struct restoring *restoring, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(restoring->at, word, len) &&
	       (restoring->at[len] == ' ' || restoring->at[len] == '\n');
}

bool saved_get(struct restoring *restoring, const char *word, int64_t *numbers, int nr)
{
	char *at = restoring->at + strlen(word);
	char what[80];

	snprintf(what, sizeof(what), "a line '%s' with %d numbers is missing", word, nr);
	if (!saved_is(restoring, word))
		return saved_reject(restoring, what);
	for (int i = 0; i < nr; i++) {
		char *end;

		errno = 0;
		numbers[i] = strtoll(at, &end, 10);
		if (end == at || errno || memchr(at, '\n', (size_t)(end - at)))
			return saved_reject(restoring, what);
		at = end;
	}
	if (*at != '\n')
		return saved_reject(restoring, what);
	restoring->at = at + 1;
	restoring->line++;
	return true;
}

/* ---- Steps and objects ---------------------------------------------------------------------------------- */

void saved_op_to(const struct op *op, int64_t *numbers)
{
	numbers[0] = op->task;
	numbers[1] = op->kind;
	numbers[2] = op->object;
	numbers[3] = op->arg;
	numbers[4] = op->value;
}

bool saved_op_from(const struct history *history, const int64_t *numbers, struct op *op)
{
	*op = (struct op){
		.task = (unsigned char)numbers[0],
		.kind = (unsigned char)numbers[1],
		.object = (int)numbers[2],
		.arg = (unsigned int)numbers[3],
		.value = (unsigned int)numbers[4],
	};
	return numbers[0] >= 0 && numbers[0] < history->nr_tasks && numbers[1] >= 0 &&
	       numbers[1] <= EXPLORED_NR_KINDS && numbers[2] >= -1 &&
	       numbers[2] < history->nr_objects;
}

/* Where the program itself lies: what has no range is static. */
static int64_t offset_in_program(const void *object)
{
	return (int64_t)((uintptr_t)object - (uintptr_t)&saved_put);
}

void saved_put_objects(struct saving *saving, const struct history *history)
{
	int64_t nr = history->nr_objects;

	saved_put(saving, "objects", &nr, 1);
	for (int i = 0; i < nr; i++) {
		const void *object = history->objects[i];
		int64_t place[2] = { 0, offset_in_program(object) };

		for (int range = 0; range < (int)ARRAY_SIZE(saving->ranges); range++) {
			size_t offset = (uintptr_t)object - (uintptr_t)saving->ranges[range].base;

			if (offset < saving->ranges[range].size) {
				place[0] = range + 1;
				place[1] = (int64_t)offset;
			}
		}
		saved_put(saving, "object", place, 2);
	}
}

bool saved_get_objects(struct restoring *restoring, struct history *history)
{
	int64_t nr, place[2];

	if (!saved_get(restoring, "objects", &nr, 1))
		return false;
	for (int i = 0; i < nr; i++) {
		const void *object;

		if (!saved_get(restoring, "object", place, 2))
			return false;
		if (place[0] < 0 || place[0] > (int64_t)ARRAY_SIZE(restoring->ranges) ||
		    (place[0] && (uint64_t)place[1] >= restoring->ranges[place[0] - 1].size))
			return saved_reject(restoring, "there is no such place");
		object = place[0] ? restoring->ranges[place[0] - 1].base + place[1]
				  : (const char *)((uintptr_t)&saved_put + (uintptr_t)place[1]);
		if (history_object(history, object) != i)
			return saved_reject(restoring, "an object that is there already");
	}
	return nr >= 0 || saved_reject(restoring, "no objects");
}

/* ---- The header --------------------------------------------------------------------------------------------- */

/* Another program may take other steps.  0: it cannot be read */
static uint64_t program_hash(void)
{
	FILE *in = fopen("/proc/self/exe", "re");
	XXH3_state_t *state = XXH3_createState();
	uint64_t hash = 0;
	char block[65536];
	size_t len;

	if (in && state && XXH3_64bits_reset(state) == XXH_OK) {
		while ((len = fread(block, 1, sizeof(block), in)) > 0)
			XXH3_64bits_update(state, block, len);
		if (!ferror(in))
			hash = XXH3_64bits_digest(state);
	}
	XXH3_freeState(state);
	if (in)
		fclose(in);
	return hash;
}

void saved_put_header(FILE *out, const struct gw_explore *explore, const char *strategy,
		      unsigned int step_bound, const struct gw_verdict *verdict,
		      const struct saved_counts *counts)
{
	fprintf(out, "godwit-search %d\nprogram %016" PRIx64 "\n", FORMAT_VERSION,
		program_hash());
	schedule_print_scenario(out, explore->scenario);
	schedule_print_guards(out, explore->guards_off);
	fprintf(out, "strategy %s\nbounds %u %u %d %u\nseed %" PRIu64 "\n", strategy, step_bound,
		explore->depth, explore->bounded, explore->preemptions, explore->seed);
	for (int i = 0; i < verdict->nr_promoted; i++)
		fprintf(out, "promoted %zu %zu %s\n", verdict->promoted[i].offset,
			verdict->promoted[i].size, verdict->promoted[i].name);
	fprintf(out,
		"counts %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n"
		"times %.17g %.17g\nestimate %d %.17g %.17g\n",
		counts->executions, counts->steps, counts->watched, counts->first, counts->longest,
		counts->seconds, counts->search_began, counts->estimated, counts->estimate,
		counts->estimate_error);
}

struct reader {
	struct gw_saved *saved;
	struct restoring restoring;
	unsigned int seen; /* bits of what must be there */
};

enum {
	SEEN_SCENARIO = 1,
	SEEN_STRATEGY = 2,
	SEEN_BOUNDS = 4,
	SEEN_SEED = 8,
	SEEN_COUNTS = 16,
	SEEN_ESTIMATE = 32,
	SEEN_TIMES = 64,
	SEEN_PROGRAM = 128,
	SEEN_ALL = 255
};

__printf(2, 3) static bool reject(struct reader *reader, const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return saved_reject(&reader->restoring, what);
}

static bool read_scenario(struct reader *reader, const char *name)
{
	struct gw_saved *saved = reader->saved;
	char error[400];

	if (saved->scenario)
		return reject(reader, "a second scenario");
	if (gw_scenario_is_path(name)) {
		saved->scenario = gw_scenario_load(name, error, sizeof(error));
		return saved->scenario || reject(reader, "%s", error);
	}
	saved->scenario = gw_scenario_find(name);
	return saved->scenario || reject(reader, "there is no scenario '%s'", name);
}

static bool read_text_hash(struct reader *reader, const char *rest)
{
	const struct gw_scenario *scenario = reader->saved->scenario;

	if (scenario && scenario->text && strtoull(rest, NULL, 16) == scenario->text->hash)
		return true;
	return reject(reader, "the scenario has changed since the search was saved");
}

static bool read_guards(struct reader *reader, char *names)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		int guard = schedule_guard(name, strlen(name));

		if (guard < 0)
			return reject(reader, "there is no guard '%s'", name);
		reader->saved->guards_off |= 1ull << guard;
	}
	return true;
}

static bool read_promoted(struct reader *reader, const char *rest)
{
	struct gw_saved *saved = reader->saved;
	struct gw_promoted *promoted = &saved->promoted[saved->nr_promoted];

	if (saved->nr_promoted == GW_PROMOTED_MAX ||
	    sscanf(rest, "%zu %zu %79[^\n]", &promoted->offset, &promoted->size, promoted->name) !=
		    3)
		return reject(reader, "no memory that could be promoted");
	saved->nr_promoted++;
	return true;
}

static bool read_numbers(struct reader *reader, const char *word, const char *rest)
{
	struct gw_saved *saved = reader->saved;
	struct saved_counts *counts = &saved->counts;
	int bounded = 0, estimated = 0;
	bool good = false;

	if (!strcmp(word, "bounds")) {
		good = sscanf(rest, "%u %u %d %u", &saved->step_bound, &saved->depth, &bounded,
			      &saved->preemptions) == 4;
		saved->bounded = bounded;
		reader->seen |= SEEN_BOUNDS;
	} else if (!strcmp(word, "seed")) {
		good = sscanf(rest, "%" SCNu64, &saved->seed) == 1;
		reader->seen |= SEEN_SEED;
	} else if (!strcmp(word, "counts")) {
		good = sscanf(rest, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %u",
			      &counts->executions, &counts->steps, &counts->watched, &counts->first,
			      &counts->longest) == 5;
		reader->seen |= SEEN_COUNTS;
	} else if (!strcmp(word, "times")) {
		good = sscanf(rest, "%lf %lf", &counts->seconds, &counts->search_began) == 2;
		reader->seen |= SEEN_TIMES;
	} else if (!strcmp(word, "estimate")) {
		good = sscanf(rest, "%d %lf %lf", &estimated, &counts->estimate,
			      &counts->estimate_error) == 3;
		counts->estimated = estimated;
		reader->seen |= SEEN_ESTIMATE;
	} else {
		return reject(reader, "'%s' says nothing here", word);
	}
	return good || reject(reader, "'%s' lacks its numbers", word);
}

static bool read_header_line(struct reader *reader, char *line)
{
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	if (!strcmp(line, "program")) {
		reader->seen |= SEEN_PROGRAM;
		return strtoull(rest, NULL, 16) == program_hash() ||
		       reject(reader, "the program is another one than the search was saved by");
	}
	if (!strcmp(line, "scenario")) {
		reader->seen |= SEEN_SCENARIO;
		return read_scenario(reader, rest);
	}
	if (!strcmp(line, "scenario-text"))
		return read_text_hash(reader, rest);
	if (!strcmp(line, "without"))
		return read_guards(reader, rest);
	if (!strcmp(line, "promoted"))
		return read_promoted(reader, rest);
	if (!strcmp(line, "strategy")) {
		reader->seen |= SEEN_STRATEGY;
		snprintf(reader->saved->strategy, sizeof(reader->saved->strategy), "%s", rest);
		return true;
	}
	return read_numbers(reader, line, rest);
}

/* Up to the line "state". */
static bool read_header(struct reader *reader)
{
	struct restoring *restoring = &reader->restoring;
	int64_t version;

	if (!saved_is(restoring, "godwit-search"))
		return reject(reader, "this is no saved search: it begins with 'godwit-search %d'",
			      FORMAT_VERSION);
	if (!saved_get(restoring, "godwit-search", &version, 1))
		return false;
	if (version != FORMAT_VERSION)
		return reject(reader, "format version %" PRId64 ", this program reads %d", version,
			      FORMAT_VERSION);
	while (!saved_is(restoring, "state")) {
		char *end = strchr(restoring->at, '\n');

		if (!end)
			return reject(reader, "the file ends too early");
		*end = '\0';
		if (!read_header_line(reader, restoring->at))
			return false;
		restoring->at = end + 1;
		restoring->line++;
	}
	if (reader->seen != SEEN_ALL)
		return reject(reader, "a line is missing above");
	return saved_get(restoring, "state", NULL, 0);
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (in && getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = ferror(in) ? NULL : calloc(1, 1);
	}
	if (in)
		fclose(in);
	return text;
}

struct gw_saved *gw_saved_load(const char *path, char *error, size_t error_size)
{
	struct gw_saved *saved = calloc(1, sizeof(*saved));
	struct reader reader = { .saved = saved };

	if (saved)
		saved->text = read_file(path);
	if (!saved || !saved->text) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
		gw_saved_free(saved);
		return NULL;
	}
	saved->path = path;
	reader.restoring = (struct restoring){
		.at = saved->text,
		.line = 1,
		.path = path,
		.error = error,
		.error_size = error_size,
	};
	if (read_header(&reader)) {
		saved->state = reader.restoring.at;
		saved->line = reader.restoring.line;
		return saved;
	}
	gw_saved_free(saved);
	return NULL;
}

void gw_saved_free(struct gw_saved *saved)
{
	if (!saved)
		return;
	gw_scenario_put(saved->scenario);
	free(saved->text);
	free(saved);
}

void gw_saved_request(const struct gw_saved *saved, struct gw_explore *explore)
{
	explore->resume = saved;
	explore->scenario = saved->scenario;
	explore->strategy = saved->strategy;
	explore->seed = saved->seed;
	explore->depth = saved->depth;
	explore->bounded = saved->bounded;
	explore->preemptions = saved->preemptions;
	explore->step_bound = saved->step_bound;
	explore->guards_off = saved->guards_off;
}
