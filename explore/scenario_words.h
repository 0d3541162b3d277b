/* SPDX-License-Identifier: MIT */
/* scenario_words.h - the words of a scenario's text, while it is read */
#pragma once

#include "scenario_text.h"

#define WORDS_MAX 64 /* of a line */

enum word_kind { WORD_PLAIN, WORD_STRING, WORD_MARK, WORD_END };

/* A piece of a line: plain up to a blank, in quotes, or one of : = | -> by itself. */
struct word {
	enum word_kind kind;
	const char *at; /* without quotes */
	size_t len;
	unsigned int column; /* from 1, in bytes */
};

struct reader {
	struct scenario_text *text;
	const char *path; /* for messages */
	unsigned int line;
	struct word words[WORDS_MAX + 1]; /* the last is WORD_END */
	const struct word *next;
	struct section *section; /* NULL: at the top */
	char *error;
	size_t error_size;
};

/* Say what is wrong at @word of the line.  => false */
__printf(3, 4) bool reject(struct reader *reader, const struct word *word, const char *fmt, ...);
/* "expected @what, not 'mmap'"  => false */
bool reject_next(struct reader *reader, const char *what);
bool reject_memory(struct reader *reader);

/* Cut up the line of @len bytes at @line. */
bool read_line(struct reader *reader, const char *line, size_t len) __must_check;

bool word_is(const struct word *word, const char *text);
/* Take the next word if it is @text. */
bool accept(struct reader *reader, const char *text);
bool expect(struct reader *reader, const char *text) __must_check;
bool at_end(const struct reader *reader);

/* A number in C's decimal or hexadecimal, with K, M or G for powers of 1024; @what is for messages. */
bool parse_number(struct reader *reader, const char *what, uint64_t low, uint64_t high,
		  uint64_t *number) __must_check;
/* One like "4K" of @len bytes at @at; false: it is none */
bool number_of(const char *at, size_t len, uint64_t *number);
bool parse_string(struct reader *reader, const char *what, const char **string) __must_check;
/* A name: letters, digits, _ and, but not first, -.  At most @max bytes. */
bool parse_name(struct reader *reader, const char *what, size_t max,
		const char **name) __must_check;
