/* SPDX-License-Identifier: MIT */
/*
 * rules.h - the rules of partial-order reduction, by name, where they are followed
 *
 * All hold, always.  The tests compile these sources once more with a RULE() of their own, which
 * can leave one out, and see whether it is missed (tests/explore/left_out.h); docs/explorer.md lists
 * them.
 */
#pragma once

#ifndef RULE
#define RULE(name) true
#endif
