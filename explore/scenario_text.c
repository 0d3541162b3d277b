// SPDX-License-Identifier: MIT
/*
 * scenario_text.c - scenarios from text
 *
 * One pass over the lines.  A line belongs to the top (scenario, machine, process, file, guard,
 * design, start, and the heads of sections) or is an operation of the section that was opened last.
 * What a name means must have been said above, so that a message can point at the first use that is
 * wrong.
 *
 * A scenario that can be read but not run would waste its writer's time: who may use an address
 * before it is known, an address space before exec has made it or after exit has given it up, is
 * decided here.
 *
 * Everything that is read belongs to the struct scenario_text; when a line is wrong all of it goes.
 */
#define _GNU_SOURCE
#include "scenario_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define TEXT_SIZE_MAX	(1u << 20)
#define FRAMES_MAX	4096
#define FILE_SIZE_MAX	(256u << 10)
#define ARGS_BYTES_MAX	(64u << 10)
#define OPERATIONS_MAX	64 /* of a section */
#define TASK_SIZE_LEAST (64ul << 20)
#define TASK_SIZE_MOST	((1ul << 47) - GW_PAGE_SIZE)
#define NAME_LEN_MAX	31
#define TASK_NAME_LEN	15 /* as the kernel's */

/* ---- Memory of one scenario ----------------------------------------------------------------------------- */

struct text_block {
	struct text_block *next;
	max_align_t bytes[];
};

void *text_alloc(struct scenario_text *text, size_t size)
{
	struct text_block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = text->blocks;
	text->blocks = block;
	return block->bytes;
}

char *text_strndup(struct scenario_text *text, const char *from, size_t len)
{
	char *copy = text_alloc(text, len + 1);

	if (copy)
		memcpy(copy, from, len);
	return copy;
}

static void text_free(struct scenario_text *text)
{
	while (text->blocks) {
		struct text_block *block = text->blocks;

		text->blocks = block->next;
		free(block);
	}
	free(text);
}

void gw_scenario_get(const struct gw_scenario *scenario)
{
	if (scenario->text)
		scenario->text->refs++;
}

void gw_scenario_put(const struct gw_scenario *scenario)
{
	if (scenario && scenario->text && --scenario->text->refs == 0)
		text_free(scenario->text);
}

/* ---- Names ----------------------------------------------------------------------------------------------- */

static bool same_name(const struct word *word, const char *name, size_t len)
{
	return word->kind == WORD_PLAIN && word->len == len && !memcmp(word->at, name, len);
}

static int find_process(const struct scenario_text *text, const struct word *word)
{
	for (int i = 0; i < text->nr_processes; i++)
		if (same_name(word, text->processes[i].name, strlen(text->processes[i].name)))
			return i;
	return -1;
}

static int find_task(const struct scenario_text *text, const struct word *word)
{
	for (int i = 0; i < text->nr_tasks; i++) {
		const char *name = text->scenario.tasks[i].name;

		if (same_name(word, name, strlen(name)))
			return i;
	}
	return -1;
}

static int find_file(const struct scenario_text *text, const struct word *word)
{
	for (int i = 0; i < text->nr_files; i++)
		if (same_name(word, text->files[i].name, strlen(text->files[i].name)))
			return i;
	return -1;
}

static int find_label(const struct scenario_text *text, const char *at, size_t len)
{
	for (int i = 0; i < text->nr_labels; i++)
		if (strlen(text->labels[i].name) == len && !memcmp(text->labels[i].name, at, len))
			return i;
	return -1;
}

/* What @maker makes is there when @user comes: before the race, earlier in the task, or after all. */
static bool is_made(int maker, int user)
{
	return maker != NOWHERE && (maker == IN_SETUP || maker == user || user == IN_EXPECT);
}

static bool parse_process_name(struct reader *reader, int *process)
{
	*process = find_process(reader->text, reader->next);
	if (*process < 0)
		return reject_next(reader, "the name of a process that is declared above");
	reader->next++;
	return true;
}

/* ---- Addresses, lengths, permissions ------------------------------------------------------------------------ */

static size_t label_length(const char *at, size_t len)
{
	size_t i = 0;

	while (i < len && (at[i] == '_' || (at[i] >= 'a' && at[i] <= 'z') ||
			   (at[i] >= 'A' && at[i] <= 'Z') || (i && at[i] >= '0' && at[i] <= '9')))
		i++;
	return i;
}

static bool is_reserved(const char *at, size_t len)
{
	static const char *const reserved[] = { "sp", "entry", "brk", "all" };

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strlen(reserved[i]) == len && !memcmp(reserved[i], at, len))
			return true;
	return false;
}

/* sp, entry and brk: what exec has left. */
static bool parse_exec_base(struct reader *reader, const struct operation *op,
			    struct address *address, const char *at)
{
	address->base = *at == 's' ? ADDRESS_SP : *at == 'e' ? ADDRESS_ENTRY : ADDRESS_BRK;
	if (op->process < 0)
		return reject(reader, reader->next,
			      "expected 'in PROCESS' before the operation: "
			      "the address is one of its program");
	if (!is_made(reader->text->processes[op->process].exec_by, reader->section->where))
		return reject(reader, reader->next,
			      "process %s has run no program by then: expected its exec in setup, "
			      "or above in this task",
			      reader->text->processes[op->process].name);
	return true;
}

static bool parse_base(struct reader *reader, const struct operation *op, struct address *address,
		       size_t len)
{
	const struct word *word = reader->next;
	int label;

	if (is_reserved(word->at, len) && *word->at != 'a')
		return parse_exec_base(reader, op, address, word->at);
	label = find_label(reader->text, word->at, len);
	if (label < 0)
		return reject(reader, word,
			      "expected an address; no 'LABEL = mmap' above has the label '%.*s'",
			      (int)len, word->at);
	if (!is_made(reader->text->labels[label].made_by, reader->section->where))
		return reject(reader, word,
			      "the label '%.*s' is made by another task, which may not have come "
			      "there yet",
			      (int)len, word->at);
	address->base = ADDRESS_LABEL;
	address->label = label;
	return true;
}

/* A number, or a label, sp, entry or brk, then any of +N and -N, in one word. */
static bool parse_address_to(struct reader *reader, const struct operation *op,
			     struct address *address)
{
	const struct word *word = reader->next;
	const char *at = word->at, *end = at + word->len;
	size_t len = word->kind == WORD_PLAIN ? label_length(at, word->len) : 0;
	char sign = '+';
	uint64_t number;

	*address = (struct address){ .base = ADDRESS_NUMBER };
	if (len && !parse_base(reader, op, address, len))
		return false;
	if (word->kind != WORD_PLAIN)
		return reject_next(reader, "an address");
	if (len) {
		at += len;
		sign = at < end ? *at++ : '\0';
	}
	while (sign) {
		const char *next = at;

		while (next < end && *next != '+' && *next != '-')
			next++;
		if ((sign != '+' && sign != '-') || !number_of(at, (size_t)(next - at), &number))
			return reject_next(reader, "an address, such as 0x10000 or a+4K");
		address->offset += sign == '+' ? number : -number;
		sign = next < end ? *next : '\0';
		at = next + 1;
	}
	reader->next++;
	return true;
}

static bool parse_address(struct reader *reader, struct operation *op)
{
	return parse_address_to(reader, op, &op->address);
}

static bool parse_length(struct reader *reader, struct operation *op)
{
	uint64_t number;

	if (!parse_number(reader, "a length in bytes", 0, UINT64_MAX, &number))
		return false;
	op->len = number;
	return true;
}

/* As /proc/PID/maps has them: "rw-p", and without the last letter for mprotect. */
static bool parse_permissions(struct reader *reader, struct operation *op, size_t len)
{
	static const int prot[] = { PROT_READ, PROT_WRITE, PROT_EXEC };
	const struct word *word = reader->next;
	bool right = word->kind == WORD_PLAIN && word->len == len;

	for (size_t i = 0; right && i < 3; i++) {
		right = word->at[i] == '-' || word->at[i] == "rwx"[i];
		if (word->at[i] != '-')
			op->prot |= prot[i];
	}
	if (right && len == 4) {
		right = word->at[3] == 'p' || word->at[3] == 's';
		op->map_flags |= word->at[3] == 'p' ? MAP_PRIVATE : MAP_SHARED;
	}
	if (!right)
		return reject_next(reader, len == 4 ? "permissions such as rw-p or r--s"
						    : "permissions such as rw- or r--");
	reader->next++;
	return true;
}

/* ---- One function per operation ------------------------------------------------------------------------------ */

static bool parse_nothing(struct reader *reader, struct operation *op)
{
	(void)reader, (void)op;
	return true;
}

static bool parse_just_length(struct reader *reader, struct operation *op)
{
	return parse_length(reader, op);
}

/* brk LENGTH is from where the heap begins. */
static bool parse_brk(struct reader *reader, struct operation *op)
{
	if (op->process >= 0 &&
	    !is_made(reader->text->processes[op->process].exec_by, reader->section->where))
		return reject(reader, reader->next - 1,
			      "process %s has run no program by then, and has no heap",
			      reader->text->processes[op->process].name);
	return parse_just_length(reader, op);
}

static bool parse_address_value(struct reader *reader, struct operation *op)
{
	return parse_address(reader, op) &&
	       parse_number(reader, "a value", 0, UINT64_MAX, &op->value);
}

static bool parse_range(struct reader *reader, struct operation *op)
{
	return parse_address(reader, op) && parse_length(reader, op);
}

/* Words that are bits of op->flags, in any order. */
struct flag_word {
	const char *word;
	int flag;
};

static bool parse_flags(struct reader *reader, struct operation *op, const struct flag_word *words,
			size_t nr, const char *what)
{
	while (!at_end(reader) && !word_is(reader->next, "->")) {
		size_t i = 0;

		while (i < nr && !accept(reader, words[i].word))
			i++;
		if (i == nr)
			return reject_next(reader, what);
		op->flags |= words[i].flag;
	}
	return true;
}

static bool parse_new_length(struct reader *reader, struct operation *op)
{
	uint64_t number;

	if (!parse_number(reader, "the new length in bytes", 0, UINT64_MAX, &number))
		return false;
	op->new_len = number;
	return true;
}

static bool parse_mremap_option(struct reader *reader, struct operation *op)
{
	if (accept(reader, "maymove")) {
		op->flags |= MREMAP_MAYMOVE;
		return true;
	}
	if (accept(reader, "fixed")) {
		op->flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
		return parse_address_to(reader, op, &op->to);
	}
	if (accept(reader, "dontunmap")) {
		op->flags |= MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
		return true;
	}
	return reject_next(reader, "maymove, fixed, dontunmap, '->' or the end of the line");
}

static bool parse_mremap(struct reader *reader, struct operation *op)
{
	if (!parse_range(reader, op) || !parse_new_length(reader, op))
		return false;
	while (!at_end(reader) && !word_is(reader->next, "->"))
		if (!parse_mremap_option(reader, op))
			return false;
	return true;
}

static bool parse_madvise(struct reader *reader, struct operation *op)
{
	static const struct flag_word advices[] = {
		{ "normal", MADV_NORMAL },
		{ "random", MADV_RANDOM },
		{ "sequential", MADV_SEQUENTIAL },
		{ "willneed", MADV_WILLNEED },
		{ "dontneed", MADV_DONTNEED },
		{ "dontneed_locked", 24 },
		{ "free", MADV_FREE },
		{ "remove", MADV_REMOVE },
		{ "dontfork", MADV_DONTFORK },
		{ "dofork", MADV_DOFORK },
		{ "wipeonfork", MADV_WIPEONFORK },
		{ "keeponfork", MADV_KEEPONFORK },
		{ "dontdump", MADV_DONTDUMP },
		{ "dodump", MADV_DODUMP },
		{ "cold", 20 },
		{ "pageout", 21 },
		{ "populate_read", 22 },
		{ "populate_write", 23 },
	};

	if (!parse_range(reader, op))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		if (!accept(reader, advices[i].word))
			continue;
		op->advice = advices[i].flag;
		return true;
	}
	return reject_next(reader, "advice, such as dontneed or populate_write");
}

static bool parse_mincore(struct reader *reader, struct operation *op)
{
	return parse_range(reader, op) && parse_address_to(reader, op, &op->to);
}

static bool parse_mlock(struct reader *reader, struct operation *op)
{
	static const struct flag_word words[] = { { "onfault", MLOCK_ONFAULT } };

	return parse_range(reader, op) && parse_flags(reader, op, words, ARRAY_SIZE(words),
						      "onfault, '->' or the end of the line");
}

static bool parse_mlockall(struct reader *reader, struct operation *op)
{
	static const struct flag_word words[] = { { "current", MCL_CURRENT },
						  { "future", MCL_FUTURE },
						  { "onfault", MCL_ONFAULT } };

	return parse_flags(reader, op, words, ARRAY_SIZE(words),
			   "current, future, onfault, '->' or the end of the line");
}

static bool parse_msync(struct reader *reader, struct operation *op)
{
	static const struct flag_word words[] = { { "async", MS_ASYNC },
						  { "sync", MS_SYNC },
						  { "invalidate", MS_INVALIDATE } };

	return parse_range(reader, op) &&
	       parse_flags(reader, op, words, ARRAY_SIZE(words),
			   "async, sync, invalidate, '->' or the end of the line");
}

static const char *const limit_words[] = { "as", "data", "stack", "memlock" };

static bool parse_limit(struct reader *reader, struct operation *op)
{
	for (size_t i = 0; i < ARRAY_SIZE(limit_words); i++) {
		if (!accept(reader, limit_words[i]))
			continue;
		op->limit = (int)i;
		return parse_number(reader, "bytes", 0, UINT64_MAX, &op->value);
	}
	return reject_next(reader, "as, data, stack or memlock");
}

static bool parse_mprotect(struct reader *reader, struct operation *op)
{
	return parse_range(reader, op) && parse_permissions(reader, op, 3);
}

static bool parse_fault(struct reader *reader, struct operation *op)
{
	static const char *const accesses[] = {
		[GW_READ] = "read", [GW_WRITE] = "write", [GW_EXEC] = "exec"
	};

	if (!parse_address(reader, op))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		if (!accept(reader, accesses[i]))
			continue;
		op->access = (enum gw_access)i;
		return true;
	}
	return reject_next(reader, "read, write or exec");
}

static bool parse_migrate(struct reader *reader, struct operation *op)
{
	if (!op->everything && !parse_range(reader, op))
		return false;
	op->mode = GW_MIGRATE_ASYNC;
	if (accept(reader, "sync"))
		op->mode = GW_MIGRATE_SYNC;
	else if (accept(reader, "sync-light"))
		op->mode = GW_MIGRATE_SYNC_LIGHT;
	else
		accept(reader, "async");
	return true;
}

static bool parse_file_name(struct reader *reader, struct operation *op)
{
	op->file = find_file(reader->text, reader->next);
	if (op->file < 0)
		return reject_next(reader, "the name of a file that is declared above");
	reader->next++;
	return true;
}

/* What is on a disk must have one. */
static bool parse_file_offset(struct reader *reader, struct operation *op)
{
	const struct word *name = reader->next;

	if (!parse_file_name(reader, op))
		return false;
	if (op->code == OP_DISK && reader->text->files[op->file].kind != FILE_WRITABLE)
		return reject(reader, name, "this file is not written back: expected one that is "
					    "declared 'writable'");
	return parse_number(reader, "an offset in bytes", 0, UINT64_MAX, &op->offset);
}

static bool parse_truncate(struct reader *reader, struct operation *op)
{
	return parse_file_name(reader, op) &&
	       parse_number(reader, "a size in bytes", 0, UINT64_MAX, &op->offset);
}

static bool parse_punch(struct reader *reader, struct operation *op)
{
	return parse_file_offset(reader, op) && parse_length(reader, op);
}

static bool parse_write(struct reader *reader, struct operation *op)
{
	return parse_file_offset(reader, op) &&
	       parse_number(reader, "a value", 0, UINT64_MAX, &op->value);
}

static bool parse_mmap_file(struct reader *reader, struct operation *op)
{
	uint64_t number;

	if (!parse_file_name(reader, op))
		return false;
	op->map_flags &= ~MAP_ANONYMOUS;
	if (reader->next->kind != WORD_PLAIN ||
	    !number_of(reader->next->at, reader->next->len, &number))
		return true;
	if (number % GW_PAGE_SIZE)
		return reject_next(reader, "an offset of whole pages");
	op->pgoff = number >> GW_PAGE_SHIFT;
	reader->next++;
	return true;
}

static bool parse_mmap_option(struct reader *reader, struct operation *op)
{
	if (accept(reader, "file"))
		return parse_mmap_file(reader, op);
	if (accept(reader, "at"))
		return parse_address(reader, op);
	if (accept(reader, "fixed")) {
		op->map_flags |= MAP_FIXED;
		return parse_address(reader, op);
	}
	if (accept(reader, "noreplace")) {
		op->map_flags |= MAP_FIXED_NOREPLACE;
		return parse_address(reader, op);
	}
	if (accept(reader, "growsdown"))
		op->map_flags |= MAP_GROWSDOWN;
	else if (accept(reader, "locked"))
		op->map_flags |= MAP_LOCKED;
	else if (accept(reader, "noreserve"))
		op->map_flags |= MAP_NORESERVE;
	else if (accept(reader, "populate"))
		op->map_flags |= MAP_POPULATE;
	else
		return reject_next(reader, "file, at, fixed, noreplace, growsdown, locked, "
					   "noreserve, populate, '->' or the end of the line");
	return true;
}

static bool parse_mmap(struct reader *reader, struct operation *op)
{
	op->map_flags = MAP_ANONYMOUS;
	if (!parse_length(reader, op) || !parse_permissions(reader, op, 4))
		return false;
	while (!at_end(reader) && !word_is(reader->next, "->"))
		if (!parse_mmap_option(reader, op))
			return false;
	return true;
}

/* The new process is there for this task, and for nobody else in the race. */
static bool parse_fork(struct reader *reader, struct operation *op)
{
	struct scenario_text *text = reader->text;
	const struct word *word = reader->next;
	struct text_process *child;

	if (!parse_process_name(reader, &op->child))
		return false;
	child = &text->processes[op->child];
	if (!child->not_yet || child->made_by != NOWHERE || child->exec_by != NOWHERE)
		return reject(
			reader, word,
			"expected a process that is declared 'before fork' and was not made yet");
	return true;
}

static int find_pin(const struct scenario_text *text, const struct word *word)
{
	for (int i = 0; i < text->nr_pins; i++)
		if (same_name(word, text->pins[i].name, strlen(text->pins[i].name)))
			return i;
	return -1;
}

static bool parse_pin(struct reader *reader, struct operation *op)
{
	if (op->pin < 0)
		return reject(reader, reader->words, "expected 'NAME = pin', to use it by");
	if (!parse_address(reader, op))
		return false;
	op->gup_flags = GW_GUP_PIN;
	if (accept(reader, "write"))
		op->gup_flags |= GW_GUP_WRITE;
	else if (!expect(reader, "read"))
		return false;
	if (accept(reader, "reference"))
		op->gup_flags &= ~(unsigned int)GW_GUP_PIN;
	op->fast = accept(reader, "fast");
	if (accept(reader, "force"))
		op->gup_flags |= GW_GUP_FORCE;
	reader->text->pins[op->pin].gup_flags = op->gup_flags;
	return true;
}

/* One task of the race may use a pin, so that none can have given it back under another. */
static bool parse_use_of_pin(struct reader *reader, struct operation *op)
{
	int here = reader->section->where;
	struct text_pin *pin;

	op->pin = find_pin(reader->text, reader->next);
	if (op->pin < 0)
		return reject_next(reader, "the name of a pin that is made above");
	pin = &reader->text->pins[op->pin];
	if (!is_made(pin->made_by, here) || pin->given_back ||
	    (here >= 0 && pin->used_by != NOWHERE && pin->used_by != here))
		return reject_next(reader, "a pin that this task has, and no other uses");
	if (here >= 0)
		pin->used_by = here;
	pin->given_back = op->code == OP_UNPIN;
	reader->next++;
	return op->code != OP_DEVICE_WRITE ||
	       parse_number(reader, "a value", 0, UINT64_MAX, &op->value);
}

static bool parse_counter(struct reader *reader, struct operation *op)
{
	static const char *const names[] = {
#define X(name) #name,
		GW_COUNTERS(X)
#undef X
	};

	for (int i = 0; i < GW_NR_COUNTERS; i++) {
		if (!accept(reader, names[i]))
			continue;
		op->counter = (enum gw_counter)i;
		return true;
	}
	return reject_next(reader, "a counter, such as pgmigrate_success");
}

/* "x*5000": so many copies of what is before the star. */
static bool parse_argument(struct reader *reader, struct operation *op, size_t *bytes)
{
	const struct word *word = reader->next;
	const char *star = word->kind == WORD_PLAIN ? memrchr(word->at, '*', word->len) : NULL;
	size_t len = star ? (size_t)(star - word->at) : word->len;
	uint64_t times = 1;
	char *argument;

	if (op->argc == ARGS_MAX)
		return reject(reader, word, "expected at most %d arguments", ARGS_MAX);
	if (star && (!len || !number_of(star + 1, word->len - len - 1, &times)))
		return reject_next(reader, "an argument, such as x or x*5000");
	if (times > ARGS_BYTES_MAX || (*bytes += len * times + 1) > ARGS_BYTES_MAX)
		return reject(reader, word, "expected arguments of at most %u bytes in all",
			      ARGS_BYTES_MAX);
	argument = text_alloc(reader->text, len * times + 1);
	if (!argument)
		return reject_memory(reader);
	for (uint64_t i = 0; i < times; i++)
		memcpy(argument + i * len, word->at, len);
	op->argv[op->argc++] = argument;
	reader->next++;
	return true;
}

static bool parse_exec(struct reader *reader, struct operation *op)
{
	struct text_process *process =
		op->process >= 0 ? &reader->text->processes[op->process] : NULL;
	size_t bytes = 0;

	op->randomize = accept(reader, "randomized");
	if (reader->next->kind != WORD_PLAIN && reader->next->kind != WORD_STRING)
		return reject_next(reader, "the name of the program");
	while (reader->next->kind == WORD_PLAIN || reader->next->kind == WORD_STRING)
		if (!parse_argument(reader, op, &bytes))
			return false;
	if (process && process->exec_by != NOWHERE && process->exec_by != reader->section->where &&
	    process->exec_by != IN_SETUP)
		return reject(reader, reader->words, "another task gives process %s its program",
			      process->name);
	reader->text->has_exec = true;
	return true;
}

/* ---- How it may end --------------------------------------------------------------------------------------- */

static const char *const fault_names[] = {
	[GW_FAULT_DONE] = "done",     [GW_FAULT_MAPERR] = "MAPERR", [GW_FAULT_ACCERR] = "ACCERR",
	[GW_FAULT_SIGBUS] = "SIGBUS", [GW_FAULT_OOM] = "OOM",
};

static const struct operation_syntax {
	const char *name, *syntax;
	unsigned int where, ends;
	bool (*parse)(struct reader *reader, struct operation *op);
} operations[] = {
#define X(id, name_, where_, ends_, syntax_)                                                       \
	[OP_##id] = { .name = name_, .where = where_, .ends = ends_, .syntax = syntax_ },
	OPERATIONS(X)
#undef X
};

static bool (*const parsers[])(struct reader *reader, struct operation *op) = {
	[OP_BRK] = parse_brk,
	[OP_COPY_FROM] = parse_address,
	[OP_COPY_TO] = parse_address_value,
	[OP_COUNTER] = parse_counter,
	[OP_DISK] = parse_file_offset,
	[OP_DEVICE_READ] = parse_use_of_pin,
	[OP_DEVICE_WRITE] = parse_use_of_pin,
	[OP_EXEC] = parse_exec,
	[OP_EXIT] = parse_nothing,
	[OP_FAULT] = parse_fault,
	[OP_FORK] = parse_fork,
	[OP_FREE_FRAMES] = parse_nothing,
	[OP_LOAD] = parse_address,
	[OP_LIMIT] = parse_limit,
	[OP_MADVISE] = parse_madvise,
	[OP_MIGRATE] = parse_migrate,
	[OP_MINCORE] = parse_mincore,
	[OP_MLOCK] = parse_mlock,
	[OP_MLOCKALL] = parse_mlockall,
	[OP_MMAP] = parse_mmap,
	[OP_MPROTECT] = parse_mprotect,
	[OP_MREMAP] = parse_mremap,
	[OP_MSYNC] = parse_msync,
	[OP_MUNLOCK] = parse_range,
	[OP_MUNLOCKALL] = parse_nothing,
	[OP_MUNMAP] = parse_range,
	[OP_PUNCH] = parse_punch,
	[OP_READ] = parse_file_offset,
	[OP_PIN] = parse_pin,
	[OP_RSS] = parse_nothing,
	[OP_STORE] = parse_address_value,
	[OP_SYNC] = parse_file_name,
	[OP_TRUNCATE] = parse_truncate,
	[OP_UNPIN] = parse_use_of_pin,
	[OP_VMAS] = parse_nothing,
	[OP_WRITE] = parse_write,
};
BUILD_ASSERT(ARRAY_SIZE(parsers) == NR_OPERATIONS);

static bool parse_errno(struct reader *reader, struct wanted *wanted)
{
	for (int number = 1; number < 134; number++) {
		const char *name = strerrorname_np(number);

		if (!name || !accept(reader, name))
			continue;
		*wanted = (struct wanted){ .kind = WANTED_ERRNO, .low = (uint64_t)number };
		return true;
	}
	return false;
}

static bool parse_fault_name(struct reader *reader, struct wanted *wanted)
{
	for (size_t i = GW_FAULT_MAPERR; i < ARRAY_SIZE(fault_names); i++) {
		if (!accept(reader, fault_names[i]))
			continue;
		*wanted = (struct wanted){ .kind = WANTED_FAULT, .low = i };
		return true;
	}
	return false;
}

/* N, or N..M with both */
static bool parse_values(struct reader *reader, struct wanted *wanted)
{
	const struct word *word = reader->next;
	const char *dots = word->kind == WORD_PLAIN ? memmem(word->at, word->len, "..", 2) : NULL;
	size_t len = dots ? (size_t)(dots - word->at) : word->len;

	if (word->kind != WORD_PLAIN || !number_of(word->at, len, &wanted->low))
		return false;
	wanted->kind = WANTED_VALUE;
	wanted->high = wanted->low;
	if (dots && (!number_of(dots + 2, word->len - len - 2, &wanted->high) ||
		     wanted->high < wanted->low))
		return false;
	reader->next++;
	return true;
}

static bool parse_way_to_end(struct reader *reader, unsigned int ends, struct wanted *wanted)
{
	static const char *const what[] = {
		[0] = "ok or any",
		[MAY_FAIL] = "ok, any or an errno such as EINVAL",
		[MAY_FAULT] = "ok, any, MAPERR, ACCERR, SIGBUS or OOM",
		[HAS_VALUE] = "a value, values such as 1..3, or any",
		[MAY_FAIL | HAS_VALUE] =
			"a value, values such as 1..3, ok, any, or an errno such as "
			"EINVAL",
		[MAY_FAULT | HAS_VALUE] = "a value, values such as 1..3, ok, any, MAPERR, ACCERR, "
					  "SIGBUS or OOM",
	};

	if (accept(reader, "any")) {
		wanted->kind = WANTED_ANY;
		return true;
	}
	if (accept(reader, "ok")) {
		wanted->kind = WANTED_OK;
		return true;
	}
	if ((ends & HAS_VALUE && parse_values(reader, wanted)) ||
	    (ends & MAY_FAIL && parse_errno(reader, wanted)) ||
	    (ends & MAY_FAULT && parse_fault_name(reader, wanted)))
		return true;
	return reject_next(reader, what[ends]);
}

/* "-> 1 | MAPERR"; without it the operation must succeed. */
static bool parse_ending(struct reader *reader, struct operation *op)
{
	if (!accept(reader, "->"))
		return at_end(reader) ? true : reject_next(reader, "'->' or the end of the line");
	do {
		if (op->nr_wanted == WANTED_MAX)
			return reject(reader, reader->next, "expected at most %d ways to end",
				      WANTED_MAX);
		if (!parse_way_to_end(reader, operations[op->code].ends,
				      &op->wanted[op->nr_wanted++]))
			return false;
	} while (accept(reader, "|"));
	return at_end(reader) ? true : reject_next(reader, "'|' or the end of the line");
}

/* ---- An operation -------------------------------------------------------------------------------------------- */

static bool reject_operation(struct reader *reader)
{
	static const char *const missing[] = {
		"clone",   "mbind",  "move_pages", "reclaim",	  "swap",  "swapin",
		"swapoff", "swapon", "swapout",	   "userfaultfd", "vfork",
	};

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (word_is(reader->next, missing[i]))
			return reject(reader, reader->next,
				      "%s: not there yet; the memory manager has no such operation",
				      missing[i]);
	return reject_next(reader, "an operation, such as mmap, store or migrate");
}

static bool parse_code(struct reader *reader, struct operation *op)
{
	unsigned int here = reader->section->where == IN_SETUP	  ? AT_SETUP
			    : reader->section->where == IN_EXPECT ? AT_EXPECT
								  : AT_TASK;
	static const char *const places[] = { [AT_SETUP] = "setup:",
					      [AT_TASK] = "a task",
					      [AT_SETUP | AT_TASK] = "setup: or a task",
					      [AT_EXPECT] = "expect:" };

	for (int code = 0; code < NR_OPERATIONS; code++) {
		if (!word_is(reader->next, operations[code].name))
			continue;
		op->code = (enum operation_code)code;
		if (!(operations[code].where & here))
			return reject(reader, reader->next, "%s stands in %s only",
				      operations[code].name, places[operations[code].where]);
		reader->next++;
		op->everything = op->code == OP_MIGRATE && accept(reader, "all");
		return true;
	}
	return reject_operation(reader);
}

bool operation_needs_process(const struct operation *op)
{
	switch ((int)op->code) {
	case OP_COUNTER:
	case OP_FREE_FRAMES:
	case OP_DEVICE_READ:
	case OP_DEVICE_WRITE:
	case OP_UNPIN:
	case OP_DISK:
	case OP_PUNCH:
	case OP_READ:
	case OP_SYNC:
	case OP_TRUNCATE:
	case OP_WRITE:
		return false;
	default:
		return !op->everything;
	}
}

/* Whose address space it is, and is there one by then? */
static bool choose_process(struct reader *reader, struct operation *op)
{
	struct scenario_text *text = reader->text;
	const struct section *section = reader->section;
	const struct text_process *process;

	if (op->process < 0)
		op->process = section->process;
	if (op->process < 0 && text->nr_processes == 1)
		op->process = 0;
	if (op->process < 0 || !operation_needs_process(op))
		return true;
	process = &text->processes[op->process];
	if (section->exited >> op->process & 1)
		return reject(reader, reader->next - 1,
			      "process %s has gone: this task's exit is above", process->name);
	if (op->code != OP_EXEC && !is_made(process->made_by, section->where))
		return reject(
			reader, reader->next - 1,
			"process %s has no address space by then: expected its exec or fork in "
			"setup, or above in this task",
			process->name);
	return true;
}

static bool parse_pin_name(struct reader *reader, struct operation *op)
{
	struct scenario_text *text = reader->text;
	const struct word *word = reader->next;

	if (text->nr_pins == PINS_MAX)
		return reject(reader, word, "expected at most %d pins", PINS_MAX);
	op->pin = text->nr_pins;
	text->pins[op->pin] = (struct text_pin){
		.name = text_strndup(text, word->at, word->len),
		.made_by = NOWHERE,
		.used_by = NOWHERE,
	};
	if (!text->pins[op->pin].name)
		return reject_memory(reader);
	text->nr_pins++;
	reader->next += 2;
	return true;
}

static bool parse_label(struct reader *reader, struct operation *op)
{
	const struct word *word = reader->next;
	struct scenario_text *text = reader->text;

	if (!word_is(word + 1, "="))
		return true;
	if (word->kind != WORD_PLAIN || label_length(word->at, word->len) != word->len)
		return reject_next(reader, "a label: letters, digits and _");
	if (is_reserved(word->at, word->len) || find_label(text, word->at, word->len) >= 0 ||
	    find_pin(text, word) >= 0)
		return reject(reader, word, "the label '%.*s' is taken", (int)word->len, word->at);
	if (word_is(word + 2, "pin"))
		return parse_pin_name(reader, op);
	if (!word_is(word + 2, "mmap") && !word_is(word + 2, "mremap")) {
		reader->next += 2;
		return reject_next(reader, "mmap or mremap, whose address gets the label, or pin");
	}
	if (text->nr_labels == LABELS_MAX)
		return reject(reader, word, "expected at most %d labels", LABELS_MAX);
	op->label = text->nr_labels;
	text->labels[op->label].name = text_strndup(text, word->at, word->len);
	text->labels[op->label].made_by = NOWHERE;
	if (!text->labels[op->label].name)
		return reject_memory(reader);
	text->nr_labels++;
	reader->next += 2;
	return true;
}

/* What the operation, once it is over, has made or given up. */
static void take_effect(struct reader *reader, const struct operation *op)
{
	struct scenario_text *text = reader->text;
	struct section *section = reader->section;
	struct text_process *process = op->process >= 0 ? &text->processes[op->process] : NULL;

	if (op->label >= 0)
		text->labels[op->label].made_by = section->where;
	if (op->code == OP_PIN)
		text->pins[op->pin].made_by = section->where;
	if (!process || !operation_needs_process(op))
		return;
	section->uses |= 1u << op->process;
	if (op->code == OP_EXIT)
		section->exited |= 1u << op->process;
	if (op->code == OP_EXIT && section->where == IN_SETUP)
		process->made_by = process->exec_by = NOWHERE;
	if (op->code == OP_FORK) {
		section->uses |= 1u << op->child;
		text->processes[op->child].made_by = section->where;
	}
	if (op->code == OP_EXEC) {
		if (process->made_by == NOWHERE)
			process->made_by = section->where;
		process->exec_by = section->where;
		process->exec = op;
	}
}

static bool add_operation(struct reader *reader, struct operation *op)
{
	struct section *section = reader->section;
	unsigned int nr = 0;

	for (const struct operation *other = section->first; other; other = other->next)
		nr++;
	if (nr == OPERATIONS_MAX)
		return reject(reader, reader->words, "expected at most %d operations in a section",
			      OPERATIONS_MAX);
	*section->last = op;
	section->last = &op->next;
	return true;
}

static bool parse_operation(struct reader *reader)
{
	struct operation *op = text_alloc(reader->text, sizeof(*op));
	const char *end;

	if (!op)
		return reject_memory(reader);
	op->line = reader->line;
	op->column = reader->words[0].column;
	op->process = op->file = op->label = op->pin = -1;
	if (accept(reader, "in") && !parse_process_name(reader, &op->process))
		return false;
	if (!parse_label(reader, op))
		return false;
	end = reader->next->at;
	if (!parse_code(reader, op) || !choose_process(reader, op))
		return false;
	if (!parsers[op->code](reader, op))
		return false;
	op->words = text_strndup(reader->text, end,
				 (size_t)((reader->next - 1)->at + (reader->next - 1)->len - end));
	if (!op->words)
		return reject_memory(reader);
	if (operation_needs_process(op) && op->process < 0)
		return reject(reader, reader->words,
			      "expected 'in PROCESS' here or in the section's head: there is not "
			      "exactly one process");
	if (!parse_ending(reader, op) || !add_operation(reader, op))
		return false;
	take_effect(reader, op);
	return true;
}

/* ---- The top ---------------------------------------------------------------------------------------------------- */

static bool parse_scenario(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;

	if (scenario->name)
		return reject(reader, reader->words, "a second scenario line");
	return parse_name(reader, "the scenario's name", NAME_LEN_MAX, &scenario->name) &&
	       parse_string(reader, "its summary", &scenario->summary);
}

static bool parse_callbacks(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;

	scenario->early_callbacks = accept(reader, "early");
	return scenario->early_callbacks || expect(reader, "late");
}

static bool parse_poison(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;

	scenario->no_poison = accept(reader, "off");
	return scenario->no_poison || expect(reader, "on");
}

static bool parse_task_size(struct reader *reader)
{
	const struct word *word = reader->next;
	uint64_t number;

	if (!parse_number(reader, "task-size", TASK_SIZE_LEAST, TASK_SIZE_MOST, &number))
		return false;
	if (number % GW_PAGE_SIZE)
		return reject(reader, word, "expected whole pages");
	reader->text->scenario.task_size = number;
	return true;
}

static bool parse_machine_value(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;
	uint64_t number;

	if (accept(reader, "task-size"))
		return parse_task_size(reader);
	if (accept(reader, "callbacks"))
		return parse_callbacks(reader);
	if (accept(reader, "poison"))
		return parse_poison(reader);
	if (accept(reader, "overcommit")) {
		if (!parse_number(reader, "overcommit", 0, 2, &number))
			return false;
		scenario->overcommit = (int)number + 1;
		return true;
	}
	if (accept(reader, "seed"))
		return parse_number(reader, "seed", 0, UINT64_MAX, &scenario->seed);
	if (accept(reader, "frames")) {
		if (!parse_number(reader, "frames", 2, FRAMES_MAX, &number))
			return false;
		scenario->nr_frames = number;
	} else if (accept(reader, "cpus")) {
		if (!parse_number(reader, "cpus", 1, GW_MAX_CPUS, &number))
			return false;
		scenario->nr_cpus = (int)number;
	} else if (accept(reader, "migrate-passes")) {
		if (!parse_number(reader, "migrate-passes", 1, 10, &number))
			return false;
		scenario->migrate_passes = (int)number;
	} else if (accept(reader, "migrate-batch")) {
		if (!parse_number(reader, "migrate-batch", 1, 512, &number))
			return false;
		scenario->migrate_batch = (int)number;
	} else if (accept(reader, "step-bound")) {
		if (!parse_number(reader, "step-bound", 1, 1u << 24, &number))
			return false;
		scenario->step_bound = (unsigned int)number;
	} else {
		return reject_next(reader,
				   "frames, cpus, task-size, migrate-passes, migrate-batch, "
				   "overcommit, seed, step-bound, poison or callbacks");
	}
	return true;
}

static bool parse_machine(struct reader *reader)
{
	do {
		if (!parse_machine_value(reader))
			return false;
	} while (!at_end(reader));
	return true;
}

static bool parse_process(struct reader *reader)
{
	struct scenario_text *text = reader->text;
	struct text_process *process = &text->processes[text->nr_processes];

	if (text->nr_processes == PROCESSES_MAX)
		return reject(reader, reader->words, "expected at most %d processes",
			      PROCESSES_MAX);
	if (find_process(text, reader->next) >= 0)
		return reject_next(reader, "a name that no process has yet");
	if (!parse_name(reader, "the process's name", NAME_LEN_MAX, &process->name))
		return false;
	process->not_yet = accept(reader, "before");
	if (process->not_yet && !accept(reader, "exec") && !accept(reader, "fork"))
		return reject_next(reader, "exec or fork");
	process->made_by = process->not_yet ? NOWHERE : IN_SETUP;
	process->exec_by = NOWHERE;
	text->nr_processes++;
	return true;
}

/* The last words: "writable", "shmem". */
static bool parse_file_kind(struct reader *reader, struct text_file *file)
{
	const struct word *word = reader->next;

	if (accept(reader, "shmem")) {
		file->kind = FILE_SHMEM;
	} else if (accept(reader, "writable")) {
		file->kind = FILE_WRITABLE;
		file->disk = reader->text->nr_disks++;
		if (file->content.size > DISK_ROOM)
			return reject(reader, word, "a writable file has at most %d bytes",
				      DISK_ROOM);
	}
	return true;
}

/* Every word of the file is the same number. */
static bool parse_file(struct reader *reader)
{
	struct scenario_text *text = reader->text;
	struct text_file *file = &text->files[text->nr_files];
	uint64_t size, value = 0, *words;

	if (text->nr_files == FILES_MAX)
		return reject(reader, reader->words, "expected at most %d files", FILES_MAX);
	if (find_file(text, reader->next) >= 0)
		return reject_next(reader, "a name that no file has yet");
	if (!parse_name(reader, "the file's name", NAME_LEN_MAX, &file->name) ||
	    !parse_number(reader, "its size", 0, FILE_SIZE_MAX, &size) ||
	    (!at_end(reader) && !word_is(reader->next, "shmem") &&
	     !word_is(reader->next, "writable") &&
	     !parse_number(reader, "the value of its words", 0, UINT64_MAX, &value)))
		return false;
	words = text_alloc(text, ALIGN_UP(size, 8));
	if (!words)
		return reject_memory(reader);
	for (uint64_t i = 0; i < ALIGN_UP(size, 8) / 8; i++)
		words[i] = value;
	file->content = (struct memory_file){ .bytes = words, .size = size };
	text->nr_files++;
	return parse_file_kind(reader, file);
}

/* The names of guards up to anything else, as bits. */
static bool parse_guard_names(struct reader *reader, uint64_t *guards)
{
	do {
		int guard = 0;

		while (guard < GW_NR_GUARDS &&
		       !accept(reader, godwit_core_explored.guard_info((enum gw_guard)guard)->name))
			guard++;
		if (guard == GW_NR_GUARDS)
			return reject_next(reader,
					   "the name of a guard; `godwit guards' lists them");
		*guards |= 1ull << guard;
	} while (!word_is(reader->next, "must") && !at_end(reader));
	return true;
}

static bool parse_must_break(struct reader *reader)
{
	return expect(reader, "must") && expect(reader, "break") &&
	       parse_string(reader, "the words of what must break", &reader->text->scenario.breaks);
}

static bool parse_guard(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;

	if (scenario->guards)
		return reject(reader, reader->words, "a second guard line: name all guards in one");
	if (scenario->design)
		return reject(reader, reader->words, "the design says what it stands for");
	return parse_guard_names(reader, &scenario->guards) && parse_must_break(reader);
}

static bool parse_design_name(struct reader *reader, const struct gw_design **design)
{
	for (size_t i = 0; (*design = design_at(i)); i++)
		if (accept(reader, (*design)->name))
			return true;
	return reject_next(reader, "the name of a design; docs/scenarios.md lists them");
}

/* design NAME instead of GUARD... [must break "WORDS"] */
static bool parse_design(struct reader *reader)
{
	struct gw_scenario *scenario = &reader->text->scenario;

	if (scenario->design)
		return reject(reader, reader->words, "a second design line");
	if (scenario->guards)
		return reject(reader, reader->words,
			      "a design stands for guards: there is no guard line then");
	if (!parse_design_name(reader, &scenario->design) || !expect(reader, "instead") ||
	    !expect(reader, "of") || !parse_guard_names(reader, &scenario->instead_of))
		return false;
	return at_end(reader) || parse_must_break(reader);
}

/* start E at FUNCTION */
static bool parse_start(struct reader *reader)
{
	struct scenario_text *text = reader->text;
	struct scenario_task *task;
	int nr = find_task(text, reader->next);

	if (nr < 0)
		return reject_next(reader, "the name of a task that is described above");
	task = &text->scenario.tasks[nr];
	reader->next++;
	if (!expect(reader, "at"))
		return false;
	if (task->start_at)
		return reject(reader, reader->words, "a second start of %s", task->name);
	return parse_name(reader, "the name of a function", 63, &task->start_at);
}

/* ---- Heads of sections ------------------------------------------------------------------------------------------- */

static bool open_section(struct reader *reader, struct section *section, int where)
{
	section->where = where;
	section->process = -1;
	if (accept(reader, "in") && !parse_process_name(reader, &section->process))
		return false;
	if (!expect(reader, ":"))
		return false;
	if (!section->last)
		section->last = &section->first;
	reader->section = section;
	return true;
}

static bool parse_setup(struct reader *reader)
{
	if (reader->text->nr_tasks)
		return reject(reader, reader->words, "setup: stands above the tasks");
	return open_section(reader, &reader->text->setup, IN_SETUP);
}

static bool parse_expect(struct reader *reader)
{
	return open_section(reader, &reader->text->expect, IN_EXPECT);
}

/*
 * task E on 0 in P:
 * A capital letter first, so that no line of a schedule can be taken for another.
 */
static bool parse_task(struct reader *reader)
{
	struct scenario_text *text = reader->text;
	struct scenario_task *task = &text->scenario.tasks[text->nr_tasks];
	const struct word *word = reader->next;
	uint64_t cpu = 0, nr_cpus = text->scenario.nr_cpus ? (uint64_t)text->scenario.nr_cpus : 2;

	if (text->expect.last)
		return reject(reader, reader->words, "expect: stands below the tasks");
	if (text->nr_tasks == SCENARIO_TASKS_MAX)
		return reject(reader, reader->words, "expected at most %d tasks",
			      SCENARIO_TASKS_MAX);
	if (find_task(text, word) >= 0)
		return reject_next(reader, "a name that no task has yet");
	if (word->kind != WORD_PLAIN || *word->at < 'A' || *word->at > 'Z')
		return reject_next(reader, "the task's name, which begins with a capital letter");
	if (!parse_name(reader, "the task's name", TASK_NAME_LEN, &task->name) ||
	    !expect(reader, "on") || !expect(reader, "cpu") ||
	    !parse_number(reader, "a CPU", 0, nr_cpus - 1, &cpu))
		return false;
	task->cpu = (int)cpu;
	return open_section(reader, &text->tasks[text->nr_tasks], text->nr_tasks) &&
	       ++text->nr_tasks;
}

static const struct {
	const char *name;
	bool (*parse)(struct reader *reader);
	bool opens; /* a section */
} top[] = {
	{ "scenario", parse_scenario, false }, { "machine", parse_machine, false },
	{ "process", parse_process, false },   { "file", parse_file, false },
	{ "guard", parse_guard, false },       { "design", parse_design, false },
	{ "start", parse_start, false },       { "setup", parse_setup, true },
	{ "task", parse_task, true },	       { "expect", parse_expect, true },
};

static bool parse_statement(struct reader *reader)
{
	if (at_end(reader))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(top); i++) {
		if (!word_is(reader->next, top[i].name))
			continue;
		if (!reader->text->scenario.name && i > 0)
			break;
		reader->next++;
		reader->section = NULL;
		if (!top[i].parse(reader))
			return false;
		return at_end(reader) ? true : reject_next(reader, "the end of the line");
	}
	if (!reader->text->scenario.name)
		return reject_next(reader, "'scenario NAME \"SUMMARY\"' first");
	if (reader->section)
		return parse_operation(reader);
	return reject_next(reader, "scenario, machine, process, file, guard, design, start, setup, "
				   "task or expect");
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

/* A task that runs exec takes its process along, and nobody else may be in it. */
static bool check_alone(struct reader *reader, int process, int task)
{
	const struct scenario_text *text = reader->text;
	const struct operation *exec = text->processes[process].exec;

	for (int i = 0; i < text->nr_tasks; i++) {
		if (i == task || !(text->tasks[i].uses >> process & 1))
			continue;
		reader->line = exec->line;
		return reject(reader, &(struct word){ .column = exec->column },
			      "exec would end task %s, which uses process %s too",
			      text->scenario.tasks[i].name, text->processes[process].name);
	}
	return true;
}

static bool check_process(struct reader *reader, int nr)
{
	struct scenario_text *text = reader->text;
	struct text_process *process = &text->processes[nr];
	bool gone = true;

	for (int i = 0; i < text->nr_tasks; i++) {
		if (!(text->tasks[i].uses >> nr & 1))
			continue;
		process->nr_users++;
		gone &= text->tasks[i].exited >> nr & 1;
	}
	if (process->exec_by >= 0 && !check_alone(reader, nr, process->exec_by))
		return false;
	if (!process->nr_users || !gone || !(text->expect.uses >> nr & 1))
		return true;
	for (const struct operation *op = text->expect.first; op; op = op->next) {
		if (op->process != nr || !operation_needs_process(op))
			continue;
		reader->line = op->line;
		return reject(reader, &(struct word){ .column = op->column },
			      "process %s has gone: all its tasks exit", process->name);
	}
	return true;
}

static bool check_whole(struct reader *reader)
{
	const struct word end = { .column = 1 };

	reader->line++;
	if (!reader->text->scenario.name)
		return reject(reader, &end,
			      "expected 'scenario NAME \"SUMMARY\"', not the end of "
			      "the file");
	if (!reader->text->nr_tasks)
		return reject(reader, &end, "expected a task, not the end of the file");
	for (int i = 0; i < reader->text->nr_processes; i++)
		if (!check_process(reader, i))
			return false;
	return true;
}

static bool parse_lines(struct reader *reader, const char *at, size_t len)
{
	const char *end = at + len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline ? newline : end;

		reader->line++;
		if (!read_line(reader, at, (size_t)(line_end - at)) || !parse_statement(reader))
			return false;
		at = line_end + 1;
	}
	return check_whole(reader);
}

const struct gw_scenario *gw_scenario_parse(const char *text, size_t len, const char *path,
					    char *error, size_t error_size)
{
	struct scenario_text *parsed = calloc(1, sizeof(*parsed));
	struct reader reader = { .text = parsed,
				 .path = path ? path : "built-in scenario",
				 .error = error,
				 .error_size = error_size };

	if (!parsed) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	parsed->refs = 1;
	parsed->hash = XXH3_64bits(text, len);
	if (path && !(parsed->path = text_strndup(parsed, path, strlen(path)))) {
		reject_memory(&reader);
	} else if (parse_lines(&reader, text, len)) {
		scenario_text_bind(parsed);
		return &parsed->scenario;
	}
	text_free(parsed);
	return NULL;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static char *read_text(FILE *in, size_t *len)
{
	char *text = malloc(TEXT_SIZE_MAX + 1);

	if (!text)
		return NULL;
	*len = fread(text, 1, TEXT_SIZE_MAX + 1, in);
	if (!ferror(in) && *len <= TEXT_SIZE_MAX)
		return text;
	if (!ferror(in))
		errno = EFBIG;
	free(text);
	return NULL;
}

const struct gw_scenario *gw_scenario_load(const char *path, char *error, size_t error_size)
{
	const struct gw_scenario *scenario = NULL;
	FILE *in = fopen(path, "re");
	size_t len;
	char *text = in ? read_text(in, &len) : NULL;

	if (text)
		scenario = gw_scenario_parse(text, len, path, error, error_size);
	else
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
	free(text);
	if (in)
		fclose(in);
	return scenario;
}

bool gw_scenario_is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') || (len > 3 && !strcmp(name + len - 3, ".gw"));
}

const char *gw_scenario_path(const struct gw_scenario *scenario)
{
	return scenario->text ? scenario->text->path : NULL;
}
