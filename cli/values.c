// SPDX-License-Identifier: MIT
/*
 * values.c - numbers and sizes on the command line
 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 1e9

/* strtoull() takes signs and blanks, which are no part of a number here. */
static bool parse_digits(const char *text, uint64_t *value, const char **end)
{
	char *rest;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &rest, 10);
	*end = rest;
	return errno == 0;
}

/* The power of two that a suffix stands for, or -1. */
static int suffix_shift(const char *suffix)
{
	static const char letters[] = "KMGT";
	const char *letter;

	if (!*suffix)
		return 0;
	letter = strchr(letters, toupper((unsigned char)*suffix));
	if (!letter)
		return -1;
	suffix++;
	if (strcmp(suffix, "") && strcmp(suffix, "iB") && strcmp(suffix, "B"))
		return -1;
	return 10 * (int)(letter - letters + 1);
}

uint64_t value_count(const struct argp_state *state, const char *option, const char *text,
		     uint64_t low, uint64_t high)
{
	const char *end;
	uint64_t value;

	if (!parse_digits(text, &value, &end) || *end)
		argp_error(state, "%s=%s: not a number", option, text);
	else if (value < low || value > high)
		argp_error(state, "%s=%s: must be from %" PRIu64 " to %" PRIu64, option, text, low,
			   high);
	return value;
}

double value_seconds(const struct argp_state *state, const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || value > SECONDS_MAX)
		argp_error(state, "%s=%s: not a number of seconds above 0", option, text);
	return value;
}

uint64_t value_size(const struct argp_state *state, const char *option, const char *text,
		    uint64_t low, uint64_t high)
{
	const char *end;
	uint64_t value;
	int shift;

	if (!parse_digits(text, &value, &end) || (shift = suffix_shift(end)) < 0)
		argp_error(state, "%s=%s: not a size; write a number, or one with K, M, G or T",
			   option, text);
	else if (value > high >> shift || value << shift < low)
		argp_error(state, "%s=%s: must be from %" PRIu64 "M to %" PRIu64 "M", option, text,
			   low >> 20, high >> 20);
	else
		return value << shift;
	return low;
}
