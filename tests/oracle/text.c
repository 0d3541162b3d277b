// SPDX-License-Identifier: MIT
/*
 * text.c - programs of memory operations as text, to be read and replayed
 *
 * A line is a process, an operation and its arguments:
 *
 *	0 mmap w12 4p rw- private,anonymous,fixed anon
 *	0 fork
 *	1 store w12+4095 0x7f
 *
 * wN is page N of the window, Np is N pages; both may be followed by +BYTES, or be a plain number.
 */
#include "program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "compiler.h"

#define PAGE 4096ul

const struct op_spec op_specs[NR_OPS] = {
#define X(id, name_, ...) [OP_##id] = { .name = name_, .fields = { __VA_ARGS__ } },
	OP_KINDS(X)
#undef X
};

/* ---- Words for bits -------------------------------------------------------------------------------- */

struct word {
	const char *name;
	int value;
};

#define WORDS_MAX 20

static const struct word map_flags[WORDS_MAX] = {
	{ "private", MAP_PRIVATE },	{ "shared", MAP_SHARED },
	{ "anonymous", MAP_ANONYMOUS }, { "fixed-noreplace", MAP_FIXED_NOREPLACE },
	{ "fixed", MAP_FIXED },		{ "noreserve", MAP_NORESERVE },
	{ "growsdown", MAP_GROWSDOWN }, { "populate", MAP_POPULATE },
	{ "locked", MAP_LOCKED },
};
static const struct word mremap_flags[WORDS_MAX] = {
	{ "maymove", MREMAP_MAYMOVE },
	{ "fixed", MREMAP_FIXED },
	{ "dontunmap", MREMAP_DONTUNMAP },
};
static const struct word mlock_flags[WORDS_MAX] = { { "onfault", MLOCK_ONFAULT } };
static const struct word mlockall_flags[WORDS_MAX] = { { "current", MCL_CURRENT },
						       { "future", MCL_FUTURE },
						       { "onfault", MCL_ONFAULT } };
static const struct word msync_flags[WORDS_MAX] = { { "async", MS_ASYNC },
						    { "invalidate", MS_INVALIDATE },
						    { "sync", MS_SYNC } };
static const struct word advices[] = {
	{ "normal", MADV_NORMAL },
	{ "random", MADV_RANDOM },
	{ "sequential", MADV_SEQUENTIAL },
	{ "willneed", MADV_WILLNEED },
	{ "dontneed", MADV_DONTNEED },
	{ "free", MADV_FREE },
	{ "remove", MADV_REMOVE },
	{ "dontfork", MADV_DONTFORK },
	{ "dofork", MADV_DOFORK },
	{ "wipeonfork", MADV_WIPEONFORK },
	{ "keeponfork", MADV_KEEPONFORK },
	{ "dontdump", MADV_DONTDUMP },
	{ "dodump", MADV_DODUMP },
	{ "cold", MADV_COLD },
	{ "populate-read", MADV_POPULATE_READ },
	{ "populate-write", MADV_POPULATE_WRITE },
	{ "dontneed-locked", MADV_DONTNEED_LOCKED },
};

/* ---- Printing -------------------------------------------------------------------------------------- */

static void print_bits(FILE *out, const struct word *words, int bits)
{
	const char *comma = "";

	if (!bits)
		fputc('-', out);
	for (int i = 0; i < WORDS_MAX && words[i].name; i++) {
		if ((bits & words[i].value) != words[i].value)
			continue;
		fprintf(out, "%s%s", comma, words[i].name);
		bits &= ~words[i].value;
		comma = ",";
	}
	if (bits)
		fprintf(out, "%s%#x", comma, (unsigned int)bits);
}

static void print_in_pages(FILE *out, const char *fmt, unsigned long bytes)
{
	fprintf(out, fmt, bytes / PAGE);
	if (bytes % PAGE)
		fprintf(out, "+%lu", bytes % PAGE);
}

static void print_addr(FILE *out, unsigned long addr)
{
	if (addr >= WINDOW && addr < WINDOW_END)
		print_in_pages(out, "w%lu", addr - WINDOW);
	else
		fprintf(out, "%#lx", addr);
}

static void print_len(FILE *out, unsigned long len)
{
	if (len >= PAGE && len <= 1024 * PAGE)
		print_in_pages(out, "%lup", len);
	else
		fprintf(out, len < PAGE ? "%lu" : "%#lx", len);
}

static void print_prot(FILE *out, int prot)
{
	int more = prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC);

	fputc(prot & PROT_READ ? 'r' : '-', out);
	fputc(prot & PROT_WRITE ? 'w' : '-', out);
	fputc(prot & PROT_EXEC ? 'x' : '-', out);
	if (more)
		fprintf(out, ",%#x", (unsigned int)more);
}

static void print_advice(FILE *out, int advice)
{
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		if (advices[i].value == advice) {
			fputs(advices[i].name, out);
			return;
		}
	}
	fprintf(out, "%d", advice);
}

static const struct word *field_words(enum field field)
{
	switch ((int)field) {
	case FIELD_MAP_FLAGS:
		return map_flags;
	case FIELD_MREMAP_FLAGS:
		return mremap_flags;
	case FIELD_MLOCK_FLAGS:
		return mlock_flags;
	case FIELD_MLOCKALL_FLAGS:
		return mlockall_flags;
	case FIELD_MSYNC_FLAGS:
		return msync_flags;
	default:
		return NULL;
	}
}

static void print_field(FILE *out, const struct op *op, enum field field)
{
	const struct word *words = field_words(field);

	if (words)
		print_bits(out, words, op->flags);
	else if (field == FIELD_ADDR)
		print_addr(out, op->addr);
	else if (field == FIELD_NEW_ADDR)
		print_addr(out, op->new_addr);
	else if (field == FIELD_LEN)
		print_len(out, op->len);
	else if (field == FIELD_NEW_LEN)
		print_len(out, op->new_len);
	else if (field == FIELD_PROT)
		print_prot(out, op->prot);
	else if (field == FIELD_ADVICE)
		print_advice(out, op->advice);
	else if (field == FIELD_BYTE)
		fprintf(out, "%#04x", op->byte);
	else if (op->file)
		fprintf(out, "file:%lu", op->pgoff);
	else
		fputs("anon", out);
}

void op_print(FILE *out, const struct op *op)
{
	const enum field *field = op_specs[op->kind].fields;

	fprintf(out, "%d %s", op->proc, op_specs[op->kind].name);
	for (; *field != FIELD_END; field++) {
		fputc(' ', out);
		print_field(out, op, *field);
	}
	fputc('\n', out);
}

void program_print(FILE *out, const struct program *program)
{
	for (int i = 0; i < program->nr; i++)
		op_print(out, &program->ops[i]);
}

/* ---- Reading: true when the word could be read ------------------------------------------------------- */

static bool read_number(const char *word, unsigned long *value)
{
	char *end;

	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*value = strtoul(word, &end, 0);
	return !errno && *end == '\0';
}

/* "+BYTES" or nothing. */
static bool read_rest(const char *word, unsigned long *value)
{
	unsigned long rest;

	if (!*word)
		return true;
	if (*word != '+' || !read_number(word + 1, &rest))
		return false;
	*value += rest;
	return true;
}

static bool read_addr(const char *word, unsigned long *addr)
{
	char *end;

	if (*word != 'w')
		return read_number(word, addr);
	*addr = WINDOW + strtoul(word + 1, &end, 10) * PAGE;
	return end != word + 1 && read_rest(end, addr);
}

static bool read_len(const char *word, unsigned long *len)
{
	char *end;

	if (read_number(word, len))
		return true;
	*len = strtoul(word, &end, 10) * PAGE;
	return end != word && *end == 'p' && read_rest(end + 1, len);
}

static bool read_bits(char *word, const struct word *words, int *bits)
{
	char *save = NULL;

	if (!strcmp(word, "-"))
		return true;
	for (char *name = strtok_r(word, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		unsigned long number;
		int i = 0;

		while (i < WORDS_MAX && words[i].name && strcmp(words[i].name, name) != 0)
			i++;
		if (i < WORDS_MAX && words[i].name)
			*bits |= words[i].value;
		else if (read_number(name, &number))
			*bits |= (int)number;
		else
			return false;
	}
	return true;
}

static bool read_prot(const char *word, int *prot)
{
	static const char letters[] = "rwx";
	static const int bits[] = { PROT_READ, PROT_WRITE, PROT_EXEC };
	unsigned long more = 0;

	for (int i = 0; i < 3; i++) {
		if (word[i] == letters[i])
			*prot |= bits[i];
		else if (word[i] != '-')
			return false;
	}
	if (word[3] && (word[3] != ',' || !read_number(word + 4, &more)))
		return false;
	*prot |= (int)more;
	return true;
}

static bool read_advice(const char *word, int *advice)
{
	unsigned long number;

	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		if (!strcmp(advices[i].name, word)) {
			*advice = advices[i].value;
			return true;
		}
	}
	if (!read_number(word, &number))
		return false;
	*advice = (int)number;
	return true;
}

static bool read_byte(const char *word, unsigned char *byte)
{
	unsigned long number;

	if (!read_number(word, &number) || number > 255)
		return false;
	*byte = (unsigned char)number;
	return true;
}

static bool read_object(const char *word, struct op *op)
{
	if (!strcmp(word, "anon"))
		return true;
	op->file = true;
	return !strncmp(word, "file:", 5) && read_number(word + 5, &op->pgoff);
}

static bool read_field(char *word, struct op *op, enum field field)
{
	const struct word *words = field_words(field);

	if (words)
		return read_bits(word, words, &op->flags);
	switch ((int)field) {
	case FIELD_ADDR:
		return read_addr(word, &op->addr);
	case FIELD_NEW_ADDR:
		return read_addr(word, &op->new_addr);
	case FIELD_LEN:
		return read_len(word, &op->len);
	case FIELD_NEW_LEN:
		return read_len(word, &op->new_len);
	case FIELD_PROT:
		return read_prot(word, &op->prot);
	case FIELD_ADVICE:
		return read_advice(word, &op->advice);
	case FIELD_BYTE:
		return read_byte(word, &op->byte);
	default:
		return read_object(word, op);
	}
}

struct reader {
	int line;
	char *error;
	size_t error_size;
};

static __attribute__((format(printf, 2, 3))) bool wrong(const struct reader *reader,
							const char *fmt, ...)
{
	int n = snprintf(reader->error, reader->error_size, "%d: ", reader->line);
	va_list args;

	va_start(args, fmt);
	vsnprintf(reader->error + n, reader->error_size - (size_t)n, fmt, args);
	va_end(args);
	return false;
}

/* What follows the process. */
static bool read_operation(const struct reader *reader, struct op *op, char *name, char **save)
{
	const enum field *field;
	char *word;
	int kind = 0;

	if (!name)
		return wrong(reader, "no operation after the process");
	while (kind < NR_OPS && strcmp(op_specs[kind].name, name) != 0)
		kind++;
	if (kind == NR_OPS)
		return wrong(reader, "no operation is called \"%s\"", name);
	op->kind = (enum op_kind)kind;
	for (field = op_specs[kind].fields; *field != FIELD_END; field++) {
		word = strtok_r(NULL, " \t\n", save);
		if (!word)
			return wrong(reader, "%s has more arguments", name);
		if (!read_field(word, op, *field))
			return wrong(reader, "\"%s\" is no argument of %s here", word, name);
	}
	word = strtok_r(NULL, " \t\n", save);
	return word ? wrong(reader, "\"%s\" is one argument too many", word) : true;
}

static bool read_line(const struct reader *reader, char *line, struct program *program)
{
	char *save = NULL, *word;
	unsigned long proc;
	struct op *op;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, " \t\n", &save);
	if (!word)
		return true;
	if (program->nr == OPS_MAX)
		return wrong(reader, "more than %d operations", OPS_MAX);
	if (!read_number(word, &proc) || proc >= PROCESSES_MAX)
		return wrong(reader, "a line begins with a process, 0 to %d", PROCESSES_MAX - 1);
	op = &program->ops[program->nr++];
	*op = (struct op){ .proc = (int)proc };
	return read_operation(reader, op, strtok_r(NULL, " \t\n", &save), &save);
}

bool program_read(FILE *in, struct program *program, char *error, size_t error_size)
{
	struct reader reader = { .error = error, .error_size = error_size };
	char line[256];

	program->nr = 0;
	while (fgets(line, sizeof(line), in)) {
		reader.line++;
		if (!read_line(&reader, line, program))
			return false;
	}
	return true;
}
