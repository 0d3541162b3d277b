/* SPDX-License-Identifier: MIT */
/* scenario_list.h - the scenarios of this program; each is the race.gw of one folder of races/ */
#pragma once

#define SCENARIOS(X) X(race_2010_exec_tempstack, "2010-exec-tempstack")

#define X(symbol, name) extern const char symbol[], symbol##_end[];
SCENARIOS(X)
#undef X
