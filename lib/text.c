// SPDX-License-Identifier: MIT
/* text.c - sentences; see text.h */
#include "text.h"

#include <stdio.h>

void text_vformat(char *to, size_t size, const char *fmt, va_list args)
{
	vsnprintf(to, size, fmt, args);
}
