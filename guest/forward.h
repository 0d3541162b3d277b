/* SPDX-License-Identifier: MIT */
/*
 * forward.h - signals that Godwit gets are the guest's
 */
#pragma once

#include "compiler.h"

struct forwarder;
struct process;

/*
 * From now on, signals for this process go to @process.  Threads that are made later leave them
 * alone as well.
 * => -EAGAIN: no thread
 */
int forward_start(struct process *process, struct forwarder **forwarder) __must_check;
/* As it was before. */
void forward_stop(struct forwarder *forwarder);
