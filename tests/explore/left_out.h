/* SPDX-License-Identifier: MIT */
/*
 * left_out.h - the reduction's rules as questions, so that one can be left out
 *
 * Included first in everything that is compiled for test_rules.  What each rule says is in
 * docs/explorer.md; a test that leaves one out must be noticed by the comparison with brute force.
 */
#pragma once

#include <stdbool.h>

/* id, its number there, programs to try, what is done without it */
#define RULES(X)                                                                                   \
	X(modifying_writes, "R1", WORDS, "a compare-and-swap or an addition is taken for a read")  \
	X(locks_race_with_locks, "R2", LOCKS, "a lock races with the unlock before it")            \
	X(the_blocked_race, "R3", LOCKS, "who waits at the end is not looked at")                  \
	X(readers_share, "R4", RWSEMS, "readers of an rwsem exclude each other's orders")          \
	X(each_reader_races, "R4", RWSEMS, "a writer races with the last reader only")             \
	X(holders_move_together, "R4", RWSEMS, "a second holder is not moved behind a writer")     \
	X(downgraded_races, "R4", RWSEMS, "a writer that became a reader races as a reader only")  \
	X(earlier_holders_stay, "R4", RWSEMS, "a holder is moved although it must come before")    \
	X(trying_writes, "R5", TRYLOCKS, "a trylock is taken for a read")                          \
	X(trying_never_waits, "R5", TRYLOCKS, "a trylock races with locks, not with unlocks")      \
	X(every_write_races, "R6", AWAITS, "what waits races with the last write only")            \
	X(awaits_hold, "R6", AWAITS, "a word is awaited where it cannot have the value")           \
	X(sleepers_are_woken, "R6", QUEUES, "a sleeper goes on before anybody woke it")            \
	X(readers_are_awaited, "R7", RCU, "a grace period ends with readers left")                 \
	X(readers_end_grace_periods, "R7", RCU, "a grace period races with writes only")           \
	X(every_choice, "R8", CHOICES, "of a choice one value is tried")                           \
	X(sleepers_cover, "R10", WORDS, "what a sleeping step covers is planned again")            \
	X(initials_come_first, "R10", WORDS, "a step is moved before steps that it depends on")

enum rule {
#define X(id, number, class, without) RULE_##id,
	RULES(X)
#undef X
		NR_RULES
};

/* Bits of those that are left out; exhaust.c puts all back to tell traces apart. */
extern unsigned int rules_left_out;

#define RULE(id) (!(rules_left_out >> RULE_##id & 1))
