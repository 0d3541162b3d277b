/* SPDX-License-Identifier: MIT */
/* tempstack.h - a race of races/ once more, in C */
#pragma once

#include "scenario.h"

extern const struct gw_scenario tempstack_in_c;
