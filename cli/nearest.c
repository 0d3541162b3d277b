// SPDX-License-Identifier: MIT
/*
 * nearest.c - what somebody may have meant
 *
 * The distance of two words: how many letters must be inserted, deleted, replaced or swapped with
 * their neighbour.  (Damerau and Levenshtein, as "optimal string alignment".)
 */
#include "cli.h"

#include <string.h>

#define WORD_MAX 31

static int least(int a, int b, int c)
{
	int ab = min(a, b);

	return min(ab, c);
}

static int distance(const char *a, int a_len, const char *b, int b_len)
{
	int d[WORD_MAX + 1][WORD_MAX + 1];

	for (int i = 0; i <= a_len; i++)
		d[i][0] = i;
	for (int j = 0; j <= b_len; j++)
		d[0][j] = j;
	for (int i = 1; i <= a_len; i++) {
		for (int j = 1; j <= b_len; j++) {
			bool same = a[i - 1] == b[j - 1];

			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
					d[i - 1][j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[a_len][b_len];
}

bool name_is_near(const char *typed, const char *name)
{
	int typed_len = (int)strnlen(typed, WORD_MAX + 1);
	int name_len = (int)strnlen(name, WORD_MAX + 1);

	if (!typed_len || typed_len > WORD_MAX || name_len > WORD_MAX)
		return false;
	if (!strncmp(typed, name, (size_t)typed_len))
		return true;
	return distance(typed, typed_len, name, name_len) <= (name_len < 5 ? 1 : 2);
}
