/* SPDX-License-Identifier: MIT */
/*
 * monitor.h - looking at the whole machine once a second: run --check
 */
#pragma once

#include "compiler.h"

struct monitor;
struct run_result;
struct world;

/* *@monitor is NULL when no checks are asked for.  What it finds is in @result.  => -EAGAIN */
int monitor_start(struct world *world, struct run_result *result,
		  struct monitor **monitor) __must_check;
/* The first thing found is in the result afterwards. */
void monitor_stop(struct monitor *monitor);
