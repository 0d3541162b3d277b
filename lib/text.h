/* SPDX-License-Identifier: MIT */
/*
 * text.h - sentences, for those who may not use a standard library
 */
#pragma once

#include "compiler.h"

#include <stdarg.h>

/* As vsnprintf(): at most @size bytes with the NUL, cut off without a word. */
__printf(3, 0) void text_vformat(char *to, size_t size, const char *fmt, va_list args);
