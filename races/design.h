/* SPDX-License-Identifier: MIT */
/*
 * design.h - where the designs are that were proposed and not taken
 *
 * `design NAME instead of GUARD' in a scenario's text puts a struct gw_design in place.  A design
 * is built from functions of the core, is linked into the explored copy alone, and has to do what
 * the guard does, which is off then.
 *
 * A new one is named in its race's designs.c; a new designs.c is named here and in meson.build.
 */
#pragma once

#include <godwit/machine.h>

#include "compiler.h"

#define DESIGNS(X) X(race_2010_exec_tempstack_designs)

/* Each ends with one that has no name. */
#define X(designs) __export extern const struct gw_design designs[];
DESIGNS(X)
#undef X
