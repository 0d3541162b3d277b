/* SPDX-License-Identifier: MIT */
/*
 * trace.h - what the machine did, line by line, as the kernel's trace file has it
 */
#pragma once

#include "compiler.h"

struct gw_event;
struct trace;

/* => -errno: @path cannot be written, or -ENOMEM */
int trace_create(const char *path, struct trace **trace) __must_check;
/* From any thread. */
void trace_event(struct trace *trace, const struct gw_event *event);
/* => -EIO when some of it could not be written */
int trace_destroy(struct trace *trace) __must_check;
