/* SPDX-License-Identifier: MIT */
/* panics.h - a broken invariant must be noticed: the test for that, in a child process */
#pragma once

/*
 * @action, in a child, ends in a panic of the threads copy whose message contains @words; else the
 * test fails.  Nothing of it is seen by the caller.  The child has one thread only, so @action must
 * not wait for RCU callbacks.
 */
void assert_panics(void (*action)(void *arg), void *arg, const char *words);
