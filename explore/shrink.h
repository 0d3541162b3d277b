/* SPDX-License-Identifier: MIT */
/* shrink.h - the same failure with fewer context switches and fewer steps */
#pragma once

#include "engine.h"

/*
 * @engine has just made an execution that failed with @outcome.  Make others, of which the last,
 * with its outcome, is the smallest that fails alike.  One that cannot be made again does not fail.
 * => how many were made, or -ENOMEM: then @engine has to make the first one again
 */
int shrink(struct engine *engine, struct outcome *outcome) __must_check;
