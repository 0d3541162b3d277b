// SPDX-License-Identifier: MIT
/*
 * schedule.c - schedules as text
 *
 * Lines of words, to be read, compared and sent by mail:
 *
 *	godwit-schedule 1
 *	scenario 2010-exec-tempstack
 *	scenario-text 5f1e0c2b93a4d870
 *	without skip-temporary-stack
 *	step-bound 20000
 *	strategy random
 *	seed 1
 *	execution 17
 *	shrunk-from 5
 *	violates assertion
 *	message E: assertion failed: ...
 *	state 8c0e9d3a55b1f7e2
 *
 *	E 212 begin
 *	M 35 read word#12
 *	M 1 choose = 1
 *
 * A run says: this task takes so many steps, the first of which does this to that object, the n-th
 * that the execution touches.  Blank lines and lines that begin with # say nothing.
 */
#include "schedule.h"

#include "scenario_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1

struct gw_schedule *schedule_create(const struct gw_scenario *scenario)
{
	struct gw_schedule *schedule = calloc(1, sizeof(*schedule));

	if (!schedule)
		return NULL;
	schedule->scenario = scenario;
	if (scenario)
		gw_scenario_get(scenario);
	return schedule;
}

void gw_schedule_free(struct gw_schedule *schedule)
{
	if (!schedule)
		return;
	gw_scenario_put(schedule->scenario);
	free(schedule->runs);
	free(schedule);
}

const struct gw_scenario *gw_schedule_scenario(const struct gw_schedule *schedule)
{
	return schedule->scenario;
}

uint64_t gw_schedule_guards_off(const struct gw_schedule *schedule)
{
	return schedule->guards_off;
}

unsigned int gw_schedule_step_bound(const struct gw_schedule *schedule)
{
	return schedule->step_bound;
}

const char *gw_schedule_invariant(const struct gw_schedule *schedule)
{
	return schedule->invariant;
}

uint64_t schedule_nr_steps(const struct gw_schedule *schedule)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < schedule->nr_runs; i++)
		nr += schedule->runs[i].nr_steps;
	return nr;
}

static struct schedule_run *add_run(struct gw_schedule *schedule)
{
	struct schedule_run *runs = schedule->runs;

	if (schedule->nr_runs == schedule->max_runs) {
		size_t max = schedule->max_runs ? 2 * schedule->max_runs : 64;

		runs = realloc(runs, max * sizeof(*runs));
		if (!runs)
			return NULL;
		schedule->runs = runs;
		schedule->max_runs = max;
	}
	runs[schedule->nr_runs] = (struct schedule_run){ 0 };
	return &runs[schedule->nr_runs++];
}

/* ---- From an execution ------------------------------------------------------------------------------ */

static bool begins_run(const struct explored_step *steps, unsigned int i)
{
	return i == 0 || steps[i].task != steps[i - 1].task || steps[i].kind == EXPLORED_CHOOSE ||
	       steps[i - 1].kind == EXPLORED_CHOOSE;
}

int schedule_record(struct gw_schedule *schedule, const struct explored *x, struct objects *objects)
{
	const struct explored_step *steps = explored_steps(x);
	struct schedule_run *run = NULL;

	objects_clear(objects);
	for (unsigned int i = 0; i < explored_nr_steps(x); i++) {
		char object[OBJECT_NAME_MAX];

		object_name(object, objects, &steps[i]);
		if (begins_run(steps, i)) {
			run = add_run(schedule);
			if (!run)
				return -ENOMEM;
			snprintf(run->task, sizeof(run->task), "%s",
				 explored_name_of(x, steps[i].task));
			run->kind = (enum explored_kind)steps[i].kind;
			run->value = steps[i].value;
			snprintf(run->object, sizeof(run->object), "%s", object);
		}
		run->nr_steps++;
	}
	return 0;
}

/* ---- To text ------------------------------------------------------------------------------------------- */

void schedule_print_guards(FILE *out, uint64_t guards_off)
{
	const char *separator = "without ";

	if (!guards_off)
		return;
	for (int guard = 0; guard < GW_NR_GUARDS; guard++) {
		if (!(guards_off >> guard & 1))
			continue;
		fprintf(out, "%s%s", separator,
			godwit_core_explored.guard_info((enum gw_guard)guard)->name);
		separator = ",";
	}
	fputc('\n', out);
}

void schedule_print_scenario(FILE *out, const struct gw_scenario *scenario)
{
	const char *path = gw_scenario_path(scenario);

	fprintf(out, "scenario %s\n", path ? path : scenario->name);
	if (scenario->text)
		fprintf(out, "scenario-text %016" PRIx64 "\n", scenario->text->hash);
}

static void print_header(FILE *out, const struct gw_schedule *schedule)
{
	fprintf(out, "godwit-schedule %d\n", FORMAT_VERSION);
	schedule_print_scenario(out, schedule->scenario);
	schedule_print_guards(out, schedule->guards_off);
	for (int i = 0; i < schedule->nr_promoted; i++)
		fprintf(out, "promoted 0x%zx %zu\n", schedule->promoted[i].offset,
			schedule->promoted[i].size);
	fprintf(out, "step-bound %u\n", schedule->step_bound);
	if (schedule->strategy[0])
		fprintf(out, "strategy %s\nseed %" PRIu64 "\nexecution %" PRIu64 "\n",
			schedule->strategy, schedule->seed, schedule->execution);
	if (schedule->found_switches)
		fprintf(out, "shrunk-from %u\n", schedule->found_switches);
	if (schedule->invariant[0])
		fprintf(out, "violates %s\nmessage %s\n", schedule->invariant, schedule->message);
	fprintf(out, "state %016" PRIx64 "\n\n", schedule->state);
}

static void print_run(FILE *out, const struct schedule_run *run)
{
	fprintf(out, "%s %u %s", run->task, run->nr_steps, explored_kind_name(run->kind));
	if (run->kind == EXPLORED_CHOOSE)
		fprintf(out, " = %u", run->value);
	else if (run->object[0])
		fprintf(out, " %s", run->object);
	fputc('\n', out);
}

char *gw_schedule_text(const struct gw_schedule *schedule)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_header(out, schedule);
	for (size_t i = 0; i < schedule->nr_runs; i++)
		print_run(out, &schedule->runs[i]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- From text -------------------------------------------------------------------------------------------- */

struct parser {
	struct gw_schedule *schedule;
	const char *path;
	unsigned int line;
	char *words; /* what is left of this line */
	bool has_version, has_state, has_text;
	char *error;
	size_t error_size;
};

__printf(2, 3) static bool reject(struct parser *parser, const char *fmt, ...)
{
	va_list args;
	int len =
		snprintf(parser->error, parser->error_size, "%s:%u: ", parser->path, parser->line);

	va_start(args, fmt);
	if (len >= 0 && (size_t)len < parser->error_size)
		vsnprintf(parser->error + len, parser->error_size - (size_t)len, fmt, args);
	va_end(args);
	return false;
}

/* The next word of this line; "" at its end. */
static char *next_word(struct parser *parser)
{
	char *word = parser->words + strspn(parser->words, " \t");
	char *end = word + strcspn(word, " \t");

	parser->words = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static bool parse_number(struct parser *parser, const char *what, const char *word, int base,
			 uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(word, &end, base);
	if (!word[0] || *end || word[0] == '-' || errno || *number > max)
		return reject(parser, "%s: '%s' is no number up to %" PRIu64, what, word, max);
	return true;
}

static bool parse_unsigned(struct parser *parser, const char *what, unsigned int *number)
{
	uint64_t parsed;

	if (!parse_number(parser, what, next_word(parser), 10, 1u << 24, &parsed))
		return false;
	*number = (unsigned int)parsed;
	return true;
}

static bool copy_word(struct parser *parser, char *to, size_t size, const char *word)
{
	if (!word[0] || strlen(word) >= size)
		return reject(parser, "a word of 1 to %zu letters is missing", size - 1);
	memcpy(to, word, strlen(word) + 1);
	return true;
}

int schedule_guard(const char *name, size_t len)
{
	for (int guard = 0; guard < GW_NR_GUARDS; guard++) {
		const char *known = godwit_core_explored.guard_info((enum gw_guard)guard)->name;

		if (strlen(known) == len && !memcmp(known, name, len))
			return guard;
	}
	return -1;
}

static bool parse_guards(struct parser *parser)
{
	const char *name = next_word(parser);

	for (;;) {
		size_t len = strcspn(name, ",");
		int guard = schedule_guard(name, len);

		if (guard < 0)
			return reject(parser, "there is no guard '%.*s'", (int)len, name);
		parser->schedule->guards_off |= 1ull << guard;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

/* The rest of the line, as a path may have blanks. */
static bool parse_scenario(struct parser *parser)
{
	const char *name = parser->words + strspn(parser->words, " \t");
	struct gw_schedule *schedule = parser->schedule;
	char error[400];

	parser->words += strlen(parser->words);
	gw_scenario_put(schedule->scenario);
	if (gw_scenario_is_path(name)) {
		schedule->scenario = gw_scenario_load(name, error, sizeof(error));
		return schedule->scenario || reject(parser, "%s", error);
	}
	schedule->scenario = gw_scenario_find(name);
	return schedule->scenario || reject(parser, "there is no scenario '%s'", name);
}

static bool parse_scenario_text(struct parser *parser)
{
	const struct gw_scenario *scenario = parser->schedule->scenario;
	uint64_t hash;

	if (!parse_number(parser, "scenario-text", next_word(parser), 16, UINT64_MAX, &hash))
		return false;
	if (!scenario || !scenario->text)
		return reject(parser, "a scenario that is text must be named above");
	if (hash != scenario->text->hash)
		return reject(parser, "the scenario %s has changed since the schedule was made",
			      gw_scenario_path(scenario) ? gw_scenario_path(scenario)
							 : scenario->name);
	parser->has_text = true;
	return true;
}

static bool parse_version(struct parser *parser)
{
	uint64_t version;

	if (!parse_number(parser, "version", next_word(parser), 10, UINT64_MAX, &version))
		return false;
	if (version != FORMAT_VERSION)
		return reject(parser, "format version %" PRIu64 ", this program reads %d", version,
			      FORMAT_VERSION);
	parser->has_version = true;
	return true;
}

/* The rest of the line, as it is. */
static bool parse_message(struct parser *parser)
{
	struct gw_schedule *schedule = parser->schedule;

	snprintf(schedule->message, sizeof(schedule->message), "%s", parser->words);
	parser->words += strlen(parser->words);
	return true;
}

static bool parse_run(struct parser *parser, const char *task)
{
	struct schedule_run *run = add_run(parser->schedule);
	const char *count, *kind, *object;
	uint64_t number;
	int parsed;

	if (!run)
		return reject(parser, "out of memory");
	count = next_word(parser);
	if (!copy_word(parser, run->task, sizeof(run->task), task) ||
	    !parse_number(parser, "number of steps", count, 10, UINT32_MAX, &number))
		return false;
	run->nr_steps = (unsigned int)number;
	run->line = parser->line;
	if (!number)
		return reject(parser, "a run of no steps");
	kind = next_word(parser);
	parsed = explored_kind_parse(kind, strlen(kind));
	if (parsed < 0)
		return reject(parser, "there is no step '%s'", kind);
	run->kind = (enum explored_kind)parsed;
	object = next_word(parser);
	if (run->kind != EXPLORED_CHOOSE)
		return !object[0] || copy_word(parser, run->object, sizeof(run->object), object);
	if (strcmp(object, "=") || run->nr_steps != 1)
		return reject(parser, "a choice is one step, and reads 'TASK 1 choose = NUMBER'");
	if (!parse_number(parser, "choice", next_word(parser), 10, UINT32_MAX, &number))
		return false;
	run->value = (unsigned int)number;
	return true;
}

static bool parse_promoted(struct parser *parser)
{
	struct gw_schedule *schedule = parser->schedule;
	struct gw_promoted *promoted = &schedule->promoted[schedule->nr_promoted];
	uint64_t offset, size;

	if (schedule->nr_promoted == GW_PROMOTED_MAX)
		return reject(parser, "more than %d ranges are promoted", GW_PROMOTED_MAX);
	if (!parse_number(parser, "promoted", next_word(parser), 0, SIZE_MAX, &offset) ||
	    !parse_number(parser, "promoted", next_word(parser), 10, SIZE_MAX, &size))
		return false;
	promoted->offset = offset;
	promoted->size = size;
	schedule->nr_promoted++;
	return true;
}

static bool parse_header_or_run(struct parser *parser, const char *word)
{
	struct gw_schedule *schedule = parser->schedule;

	if (!strcmp(word, "scenario"))
		return parse_scenario(parser);
	if (!strcmp(word, "scenario-text"))
		return parse_scenario_text(parser);
	if (!strcmp(word, "without"))
		return parse_guards(parser);
	if (!strcmp(word, "promoted"))
		return parse_promoted(parser);
	if (!strcmp(word, "message"))
		return parse_message(parser);
	if (!strcmp(word, "strategy"))
		return copy_word(parser, schedule->strategy, sizeof(schedule->strategy),
				 next_word(parser));
	if (!strcmp(word, "violates"))
		return copy_word(parser, schedule->invariant, sizeof(schedule->invariant),
				 next_word(parser));
	if (!strcmp(word, "seed"))
		return parse_number(parser, word, next_word(parser), 10, UINT64_MAX,
				    &schedule->seed);
	if (!strcmp(word, "execution"))
		return parse_number(parser, word, next_word(parser), 10, UINT64_MAX,
				    &schedule->execution);
	if (!strcmp(word, "shrunk-from"))
		return parse_unsigned(parser, word, &schedule->found_switches);
	if (!strcmp(word, "state")) {
		parser->has_state = true;
		return parse_number(parser, word, next_word(parser), 16, UINT64_MAX,
				    &schedule->state);
	}
	if (!strcmp(word, "step-bound"))
		return parse_unsigned(parser, word, &schedule->step_bound);
	return parse_run(parser, word);
}

static bool parse_line(struct parser *parser, char *line)
{
	const char *word;

	parser->words = line;
	word = next_word(parser);
	if (!word[0] || word[0] == '#')
		return true;
	if (!strcmp(word, "godwit-schedule")) {
		if (!parse_version(parser))
			return false;
	} else if (!parser->has_version) {
		return reject(parser, "this is no schedule: it begins with 'godwit-schedule %d'",
			      FORMAT_VERSION);
	} else if (!parse_header_or_run(parser, word)) {
		return false;
	}
	word = next_word(parser);
	if (word[0])
		return reject(parser, "'%s' is too much", word);
	return true;
}

/* Tasks for RCU callbacks have numbers: rcu/0. */
static bool has_task(const struct gw_scenario *scenario, const char *name)
{
	if (!strncmp(name, "rcu/", 4))
		return true;
	for (int i = 0; i < SCENARIO_TASKS_MAX && scenario->tasks[i].name; i++)
		if (!strcmp(scenario->tasks[i].name, name))
			return true;
	return false;
}

static bool check_runs(struct parser *parser)
{
	const struct gw_schedule *schedule = parser->schedule;

	for (size_t i = 0; i < schedule->nr_runs; i++) {
		parser->line = schedule->runs[i].line;
		if (!has_task(schedule->scenario, schedule->runs[i].task))
			return reject(parser, "the scenario %s has no task '%s'",
				      schedule->scenario->name, schedule->runs[i].task);
	}
	return true;
}

/* The word that a header line owes, and the line after the last when it is missing. */
static bool check_complete(struct parser *parser)
{
	parser->line++;
	if (!parser->has_version)
		return reject(parser, "the file is empty");
	if (!parser->schedule->scenario)
		return reject(parser, "the schedule names no scenario");
	if (gw_scenario_path(parser->schedule->scenario) && !parser->has_text)
		return reject(parser, "the schedule lacks the line scenario-text");
	if (!parser->has_state)
		return reject(parser, "the schedule has no state to end in");
	if (!parser->schedule->nr_runs)
		return reject(parser, "the schedule has no steps");
	return check_runs(parser);
}

static bool parse_text(struct parser *parser, char *text)
{
	char *line = text;

	while (line) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		parser->line++;
		if (!parse_line(parser, line))
			return false;
		line = end ? end + 1 : NULL;
	}
	return check_complete(parser);
}

struct gw_schedule *gw_schedule_parse(const char *text, size_t len, const char *path, char *error,
				      size_t error_size)
{
	struct parser parser = { .path = path, .error = error, .error_size = error_size };
	char *copy = strndup(text, len);

	parser.schedule = schedule_create(NULL);
	if (!copy || !parser.schedule) {
		snprintf(error, error_size, "out of memory");
	} else if (parse_text(&parser, copy)) {
		free(copy);
		return parser.schedule;
	}
	free(copy);
	gw_schedule_free(parser.schedule);
	return NULL;
}
