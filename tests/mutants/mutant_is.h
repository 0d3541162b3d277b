/* SPDX-License-Identifier: MIT */
/* mutant_is.h - which mutant of the core is it?  Included first in what mutants.py generates. */
#pragma once

#include <stdbool.h>

/* $GODWIT_MUTANT, as it was when the program began, is @name. */
bool mutant_is(const char *name);
