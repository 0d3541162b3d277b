/* SPDX-License-Identifier: MIT */
/* tiny_program.h - a program of one page, for scenarios that run exec */
#pragma once

#include "scenario.h"

extern const struct memory_file tiny_program;
