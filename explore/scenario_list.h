/* SPDX-License-Identifier: MIT */
/* scenario_list.h - the scenarios of this program; each is one folder of races/ */
#pragma once

#include "scenario.h"

#define SCENARIOS(X) X(race_2010_exec_tempstack)

#define X(name) extern const struct gw_scenario name;
SCENARIOS(X)
#undef X
