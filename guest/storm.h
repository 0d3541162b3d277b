/* SPDX-License-Identifier: MIT */
/*
 * storm.h - moving the guest's pages under it: run --migrate=storm, --migrate=RATE
 */
#pragma once

#include "compiler.h"

struct storm;
struct world;

/* *@storm is NULL when no migration is asked for.  => -EAGAIN: no thread */
int storm_start(struct world *world, struct storm **storm) __must_check;
/* world->ending is set. */
void storm_stop(struct storm *storm);
