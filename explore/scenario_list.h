/* SPDX-License-Identifier: MIT */
/*
 * scenario_list.h - the races of this program, a folder of races/ each, and their scenarios
 *
 * The first scenario of a race has its name, that of race.gw; the names of the others begin with it.
 */
#pragma once

#define RACES(X)                                                                                   \
	X(race_2010_exec_tempstack_README, "2010-exec-tempstack")                                  \
	X(race_2023_fork_vmalock_README, "2023-fork-vmalock")

#define SCENARIOS(X)                                                                               \
	X(race_2010_exec_tempstack_race, "2010-exec-tempstack")                                    \
	X(race_2010_exec_tempstack_whole_exec, "2010-exec-tempstack-whole")                        \
	X(race_2010_exec_tempstack_two_pages, "2010-exec-tempstack-two-pages")                     \
	X(race_2010_exec_tempstack_lock, "2010-exec-tempstack-lock")                               \
	X(race_2010_exec_tempstack_lock_ahead, "2010-exec-tempstack-lock-ahead")                   \
	X(race_2010_exec_tempstack_second_vma, "2010-exec-tempstack-second-vma")                   \
	X(race_2010_exec_tempstack_vma_last, "2010-exec-tempstack-vma-last")                       \
	X(race_2010_exec_tempstack_guess, "2010-exec-tempstack-guess")                             \
	X(race_2010_exec_tempstack_guess_wrong, "2010-exec-tempstack-guess-wrong")                 \
	X(race_2010_exec_tempstack_guess_cost, "2010-exec-tempstack-guess-cost")                   \
	X(race_2023_fork_vmalock_race, "2023-fork-vmalock")

#define X(symbol, name) extern const char symbol[], symbol##_end[];
RACES(X)
SCENARIOS(X)
#undef X
