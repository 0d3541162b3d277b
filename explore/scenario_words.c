// SPDX-License-Identifier: MIT
/*
 * scenario_words.c - the words of a scenario's text, and what is said of wrong ones
 *
 * A line is cut up whole before anybody looks at a word, so that a message can always name the
 * column.  Every message reads FILE:LINE:COLUMN: and what was expected there.
 */
#include "scenario_words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_WORD_MAX 40 /* letters of a wrong word that are shown */

/* ---- What is wrong ------------------------------------------------------------------------------------- */

bool reject(struct reader *reader, const struct word *word, const char *fmt, ...)
{
	va_list args;
	int len = snprintf(reader->error, reader->error_size, "%s:%u:%u: ", reader->path,
			   reader->line, word->column);

	va_start(args, fmt);
	if (len >= 0 && (size_t)len < reader->error_size)
		vsnprintf(reader->error + len, reader->error_size - (size_t)len, fmt, args);
	va_end(args);
	return false;
}

bool reject_next(struct reader *reader, const char *what)
{
	const struct word *word = reader->next;

	if (word->kind == WORD_END)
		return reject(reader, word, "expected %s, not the end of the line", what);
	return reject(reader, word, "expected %s, not '%.*s'", what,
		      (int)min(word->len, (size_t)MESSAGE_WORD_MAX), word->at);
}

bool reject_memory(struct reader *reader)
{
	snprintf(reader->error, reader->error_size, "%s: out of memory", reader->path);
	return false;
}

/* ---- Cutting up ---------------------------------------------------------------------------------------- */

/* Bytes of the mark that @at begins with; 0: none.  A colon is one at the end of a word. */
static size_t mark_length(const char *at, const char *end)
{
	if (*at == '=' || *at == '|')
		return 1;
	if (end - at >= 2 && at[0] == '-' && at[1] == '>')
		return 2;
	if (*at == ':' && (at + 1 == end || at[1] == ' ' || at[1] == '\t'))
		return 1;
	return 0;
}

static bool read_string(struct reader *reader, struct word *word, const char *end)
{
	const char *close = memchr(word->at + 1, '"', (size_t)(end - word->at) - 1);

	if (!close)
		return reject(reader, word, "this string has no end: expected '\"'");
	word->kind = WORD_STRING;
	word->at++;
	word->len = (size_t)(close - word->at);
	return true;
}

static void read_plain(struct word *word, const char *end)
{
	const char *at = word->at;

	word->len = mark_length(at, end);
	word->kind = word->len ? WORD_MARK : WORD_PLAIN;
	if (word->len)
		return;
	while (at < end && *at != ' ' && *at != '\t' && *at != '"' && !mark_length(at, end))
		at++;
	word->len = (size_t)(at - word->at);
}

static const char *word_end(const struct word *word)
{
	return word->at + word->len + (word->kind == WORD_STRING);
}

static bool check_bytes(struct reader *reader, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct word word = { .column = (unsigned int)i + 1 };
		unsigned char c = (unsigned char)line[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return reject(reader, &word, "a control character, number %d", c);
	}
	return true;
}

bool read_line(struct reader *reader, const char *line, size_t len)
{
	const char *at = line, *end = line + len;
	int nr = 0;

	reader->next = reader->words;
	if (!check_bytes(reader, line, len))
		return false;
	for (;;) {
		struct word *word = &reader->words[nr];

		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		*word = (struct word){ WORD_END, at, 0, (unsigned int)(at - line) + 1 };
		if (at == end || *at == '#')
			return true;
		if (nr == WORDS_MAX)
			return reject(reader, word, "expected at most %d words in a line",
				      WORDS_MAX);
		if (*at != '"')
			read_plain(word, end);
		else if (!read_string(reader, word, end))
			return false;
		at = word_end(word);
		nr++;
	}
}

/* ---- Taking words --------------------------------------------------------------------------------------- */

bool word_is(const struct word *word, const char *text)
{
	return (word->kind == WORD_PLAIN || word->kind == WORD_MARK) && word->len == strlen(text) &&
	       !memcmp(word->at, text, word->len);
}

bool accept(struct reader *reader, const char *text)
{
	if (!word_is(reader->next, text))
		return false;
	reader->next++;
	return true;
}

bool expect(struct reader *reader, const char *text)
{
	char what[32];

	if (accept(reader, text))
		return true;
	snprintf(what, sizeof(what), "'%s'", text);
	return reject_next(reader, what);
}

bool at_end(const struct reader *reader)
{
	return reader->next->kind == WORD_END;
}

/* ---- Values ---------------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	if (isxdigit((unsigned char)c))
		return tolower((unsigned char)c) - 'a' + 10;
	return 16;
}

static int suffix_shift(char c)
{
	switch (c) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	default:
		return 0;
	}
}

bool number_of(const char *at, size_t len, uint64_t *number)
{
	int shift = len ? suffix_shift(at[len - 1]) : 0, base = 10;

	if (shift)
		len--;
	if (len > 2 && at[0] == '0' && at[1] == 'x') {
		base = 16;
		at += 2;
		len -= 2;
	}
	*number = 0;
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(at[i]);

		if (digit >= base || __builtin_mul_overflow(*number, (uint64_t)base, number) ||
		    __builtin_add_overflow(*number, (uint64_t)digit, number))
			return false;
	}
	return len && !__builtin_mul_overflow(*number, 1ull << shift, number);
}

bool parse_number(struct reader *reader, const char *what, uint64_t low, uint64_t high,
		  uint64_t *number)
{
	const struct word *word = reader->next;

	if (word->kind != WORD_PLAIN || !number_of(word->at, word->len, number))
		return reject_next(reader, what);
	if (*number < low || *number > high)
		return reject(reader, word, "expected %s from %llu to %llu", what,
			      (unsigned long long)low, (unsigned long long)high);
	reader->next++;
	return true;
}

bool parse_string(struct reader *reader, const char *what, const char **string)
{
	const struct word *word = reader->next;
	char quoted[64];

	if (word->kind != WORD_STRING || !word->len) {
		snprintf(quoted, sizeof(quoted), "%s in quotes", what);
		return reject_next(reader, quoted);
	}
	*string = text_strndup(reader->text, word->at, word->len);
	reader->next++;
	return *string || reject_memory(reader);
}

bool parse_name(struct reader *reader, const char *what, size_t max, const char **name)
{
	const struct word *word = reader->next;

	if (word->kind != WORD_PLAIN)
		return reject_next(reader, what);
	for (size_t i = 0; i < word->len; i++) {
		unsigned char c = (unsigned char)word->at[i];

		if (!isalnum(c) && (i == 0 ? c != '_' : c != '_' && c != '-'))
			return reject_next(reader, what);
	}
	if (word->len > max)
		return reject(reader, word, "expected %s of at most %zu letters", what, max);
	*name = text_strndup(reader->text, word->at, word->len);
	reader->next++;
	return *name || reject_memory(reader);
}
