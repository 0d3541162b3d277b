/* SPDX-License-Identifier: MIT */
/*
 * forward.h - signals that Godwit gets are the guests'
 */
#pragma once

#include "compiler.h"

struct forwarder;
struct world;

/*
 * From now on, signals for this process go to the guests.  Threads that are made later leave them
 * alone as well.
 * => -EAGAIN: no thread
 */
int forward_start(struct world *world, struct forwarder **forwarder) __must_check;
/* As it was before. */
void forward_stop(struct forwarder *forwarder);
