/* SPDX-License-Identifier: MIT */
/*
 * message.h - what Godwit itself has to say, on stderr, one line each
 */
#pragma once

#include "compiler.h"

/* "godwit: " and the text and a newline, in one write, so that lines of threads do not mix. */
__printf(1, 2) void message(const char *fmt, ...);
