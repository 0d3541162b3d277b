// SPDX-License-Identifier: MIT
/* block.c - copies of whole frames; see block.h for why they live here */
#include "block.h"

#include <string.h>

void block_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
}

void block_zero(void *to, size_t len)
{
	memset(to, 0, len);
}

void block_fill(void *to, unsigned char byte, size_t len)
{
	memset(to, byte, len);
}

bool block_is_filled(const void *at, unsigned char byte, size_t len)
{
	const unsigned char *bytes = at;

	return len == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, len - 1) == 0);
}
