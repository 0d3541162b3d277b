/* SPDX-License-Identifier: MIT */
/*
 * races.h - which steps of an execution could have come in the other order, and what to run for it
 */
#pragma once

#include "history.h"

/* Steps to take from some point on, in this order. */
struct sequence {
	struct op *ops;
	int nr, max;
};

/*
 * Steps that @op, of a task whose last step was @last (-1: none), races with: dependent, by other
 * tasks, not ordered before it in another way.  @before: the last step on its object that counts.
 * => how many of @out, which has room for history->nr; -1: that is not known
 */
int races_of(const struct history *history, const struct op *op, int last, int before, int *out);

/*
 * What must run after the steps before @first so that @op comes before @first: the steps that did
 * not happen after @first, then @op.  @self: the step that is @op, or history->nr when it is only
 * pending.
 * => false: then @op would not be possible
 */
bool race_reverse(const struct history *history, int first, const struct op *op, int self,
		  struct sequence *sequence);

/*
 * Is @op a possible first step of @sequence?
 * => its position plus 1; -1: it is not there but independent of all; 0: no
 */
int weak_initial(const struct sequence *sequence, const struct op *op);
