// SPDX-License-Identifier: MIT
/*
 * races.c - which steps of an execution could have come in the other order, and what to run for it
 *
 * Two dependent steps race when nothing but their own dependence orders them.  For words that is
 * plain.  A step that waits needs more care: an unlock before a lock orders them, but cannot come
 * after it, so a lock races with the lock before, whose unlock merely stands between them; and a
 * step that waits for a condition may be possible only after an earlier of the writes before it.
 *
 * Candidates are therefore taken generously for steps that wait, and one is dropped when its
 * reversal would leave the step waiting.  A reader-writer lock may be held by several: then all
 * of them are moved behind the writer together, or some traces are never seen.
 *
 * Where a task waits for ever, what it waits for races as if it had come last; leaving that out
 * loses traces too.
 *
 * Abdulla, Aronis, Jonsson, Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order
 * Reduction", JACM 64(4), 2017, whose words e, e', v and notdep() these are.
 */
#include "races.h"

#include "dependence.h"
#include "rules.h"

/* ---- Kinds ------------------------------------------------------------------------------------------- */

static bool takes_exclusively(const struct event *event)
{
	switch ((int)event->op.kind) {
	case EXPLORED_LOCK:
	case EXPLORED_BIT_LOCK:
	case EXPLORED_WRITE_LOCK:
		return true;
	case EXPLORED_TRYLOCK:
	case EXPLORED_BIT_TRYLOCK:
	case EXPLORED_WRITE_TRYLOCK:
		return event->value;
	default:
		return false;
	}
}

static bool takes_shared(const struct event *event)
{
	return event->op.kind == EXPLORED_READ_LOCK ||
	       (event->op.kind == EXPLORED_READ_TRYLOCK && event->value);
}

static bool releases(const struct event *event)
{
	switch ((int)event->op.kind) {
	case EXPLORED_UNLOCK:
	case EXPLORED_BIT_UNLOCK:
	case EXPLORED_READ_UNLOCK:
	case EXPLORED_WRITE_UNLOCK:
	case EXPLORED_DOWNGRADE:
		return true;
	default:
		return false;
	}
}

/* ---- Candidates ---------------------------------------------------------------------------------------- */

struct search {
	const struct history *history;
	const struct op *op;
	int last;   /* step of the task before @op */
	int before; /* where the chain of its object begins */
	int *out;
	int nr;
};

/* Ordered before @op by something else than its object. */
static bool ordered(const struct search *search, int step)
{
	return search->last >= 0 && happened_before(search->history, step, search->last);
}

static void take(struct search *search, int step)
{
	if (!ordered(search, step))
		search->out[search->nr++] = step;
}

static int last_write(const struct search *search, int step)
{
	const struct event *events = search->history->events;

	return step < 0 || events[step].writes ? step : events[step].prev_write;
}

/* Of a plain read, and of a read-unlock. */
static void races_of_read(struct search *search)
{
	int write = last_write(search, search->before);

	if (write >= 0)
		take(search, write);
}

/* The last read of each task since @write.  => there were some */
static bool take_reads(struct search *search, int write)
{
	const struct event *events = search->history->events;
	uint32_t seen = 0;

	for (int i = search->before; i > write; i = events[i].prev) {
		if (!(seen >> events[i].op.task & 1))
			take(search, i);
		seen |= 1u << events[i].op.task;
	}
	return seen;
}

/* Of a step that never waits and may change its object. */
static void races_of_write(struct search *search)
{
	int write = last_write(search, search->before);

	if (!take_reads(search, write) && write >= 0)
		take(search, write);
}

/*
 * Of a step that waits until nobody holds the object exclusively: back to the last who took it.
 * What lies between may be a failed trylock, or another bit of the same word.
 */
static void races_of_lock(struct search *search)
{
	const struct event *events = search->history->events;
	int i = last_write(search, search->before);

	if (search->op->kind == EXPLORED_BIT_LOCK)
		take_reads(search, i);
	for (; i >= 0 && !ordered(search, i); i = events[i].prev_write) {
		if (!releases(&events[i]))
			take(search, i);
		if (takes_exclusively(&events[i]))
			return;
	}
}

/*
 * Of a writer: the last section of each reader since the last writer, or that writer.  A writer that
 * has become a reader is both.
 */
static void races_of_write_lock(struct search *search)
{
	const struct event *events = search->history->events;
	uint32_t readers = 0;
	bool downgraded = false;

	for (int i = search->before; i >= 0; i = events[i].prev) {
		const struct event *event = &events[i];

		if (takes_exclusively(event)) {
			if (!readers || (downgraded && RULE(downgraded_races)))
				take(search, i);
			return;
		}
		downgraded |= event->op.kind == EXPLORED_DOWNGRADE;
		if (releases(event))
			continue;
		if (!takes_shared(event) || !(readers >> event->op.task & 1))
			take(search, i);
		if (takes_shared(event))
			readers |= 1u << event->op.task;
		if (readers && !RULE(each_reader_races))
			return;
	}
}

/* Of a step that waits for a condition: every write, since any may have made it true. */
static void races_of_await(struct search *search)
{
	const struct event *events = search->history->events;
	int i = last_write(search, search->before);

	for (; i >= 0 && !ordered(search, i); i = events[i].prev_write) {
		take(search, i);
		if (!RULE(every_write_races))
			return;
	}
}

/* Of the end of a grace period, which readers end: every step of theirs as well. */
static void races_of_grace_period(struct search *search)
{
	const struct event *events = search->history->events;

	for (int i = search->before; i >= 0; i = events[i].prev) {
		if (events[i].writes && ordered(search, i))
			return;
		take(search, i);
	}
}

/* What the tests take a step for when they leave a rule out. */
static int kind_of_race(enum explored_kind kind)
{
	if (!RULE(locks_race_with_locks) && (kind == EXPLORED_LOCK || kind == EXPLORED_BIT_LOCK))
		return EXPLORED_WRITE;
	if (!RULE(trying_never_waits) && kind == EXPLORED_TRYLOCK)
		return EXPLORED_LOCK;
	if (!RULE(readers_end_grace_periods) && kind == EXPLORED_RCU_SYNC_END)
		return EXPLORED_READ;
	return (int)kind;
}

int races_of(const struct history *history, const struct op *op, int last, int before, int *out)
{
	struct search search = {
		.history = history,
		.op = op,
		.last = last,
		.before = before,
		.out = out,
	};

	if (op->object < 0)
		return 0;
	switch (kind_of_race((enum explored_kind)op->kind)) {
	case EXPLORED_READ:
	case EXPLORED_WAIT_PREPARE:
	case EXPLORED_READ_UNLOCK:
	case EXPLORED_RCU_READ_LOCK:
	case EXPLORED_RCU_READ_UNLOCK:
		races_of_read(&search);
		break;
	case EXPLORED_LOCK:
	case EXPLORED_BIT_LOCK:
	case EXPLORED_READ_LOCK:
		races_of_lock(&search);
		break;
	case EXPLORED_WRITE_LOCK:
		races_of_write_lock(&search);
		break;
	case EXPLORED_AWAIT:
	case EXPLORED_BIT_WAIT:
	case EXPLORED_SEQ_BEGIN:
	case EXPLORED_WAIT_SLEEP:
		races_of_await(&search);
		break;
	case EXPLORED_RCU_CALLBACK:
	case EXPLORED_RCU_SYNC_END:
		races_of_grace_period(&search);
		break;
	case EXPLORED_RCU_BARRIER_END: /* awaits the last steps of callbacks, which do not say so */
		return -1;
	default:
		races_of_write(&search);
		break;
	}
	return search.nr;
}

/* ---- Reversal ------------------------------------------------------------------------------------------ */

struct reversal {
	const struct history *history;
	const struct op *op;
	int self;     /* the step that is @op, or history->nr */
	int last;     /* step of its task before */
	int before;   /* on its object */
	int first;    /* e */
	int moved[HISTORY_TASKS_MAX + 1]; /* e, and who else must come after @op */
	int nr_moved;
};

/* Is step @i among those that run before @op in the new order? */
static bool stays(const struct reversal *r, int i)
{
	if (i < r->first)
		return true;
	if (i == r->self)
		return false;
	for (int k = 0; k < r->nr_moved; k++)
		if (happened_before(r->history, r->moved[k], i))
			return false;
	return true;
}

#define NOBODY	(-1)
#define EARLIER (-2) /* somebody who took it before the first step, and keeps it */

/*
 * Who keeps @op from being possible: the last step that took what it waits for and has not given
 * it back, among those that stay.  Goes back along the object's chain; a task that runs alone to the
 * start of the race may come there with locks.
 */
static int exclusive_holder(const struct reversal *r)
{
	const struct event *events = r->history->events;
	bool bits = r->op->kind == EXPLORED_BIT_LOCK || r->op->kind == EXPLORED_BIT_WAIT;
	unsigned int held = bits ? 1u << r->op->arg : HELD_EXCLUSIVELY, at_first = 0;

	for (int i = r->before; i >= 0; i = events[i].prev) {
		at_first = events[i].word_before;
		if (!stays(r, i) || (bits && events[i].op.arg != r->op->arg &&
				     events[i].op.kind != EXPLORED_WRITE))
			continue;
		if (takes_exclusively(&events[i]))
			return i;
		if (events[i].op.kind == EXPLORED_UNLOCK ||
		    events[i].op.kind == EXPLORED_BIT_UNLOCK ||
		    events[i].op.kind == EXPLORED_WRITE_UNLOCK ||
		    events[i].op.kind == EXPLORED_DOWNGRADE ||
		    (bits && events[i].op.kind == EXPLORED_WRITE))
			return NOBODY;
	}
	return at_first & held ? EARLIER : NOBODY;
}

/* The same for a writer, whom readers keep out as well. */
static int any_holder(const struct reversal *r)
{
	const struct event *events = r->history->events;
	unsigned int at_first = 0;
	uint32_t gave_back = 0;
	bool writer_left = false;

	for (int i = r->before; i >= 0; i = events[i].prev) {
		const struct event *event = &events[i];
		uint32_t task = 1u << event->op.task;

		at_first = event->word_before;
		if (!stays(r, i))
			continue;
		if (event->op.kind == EXPLORED_READ_UNLOCK)
			gave_back |= task;
		else if (event->op.kind == EXPLORED_WRITE_UNLOCK)
			writer_left = true;
		else if (event->op.kind == EXPLORED_DOWNGRADE) {
			if (!(gave_back & task))
				return i;
			writer_left = true;
		} else if (takes_shared(event)) {
			if (!(gave_back & task))
				return i;
			gave_back &= ~task;
		} else if (takes_exclusively(event)) {
			return writer_left ? NOBODY : i;
		}
	}
	if (at_first & HELD_EXCLUSIVELY)
		return writer_left ? NOBODY : EARLIER;
	return at_first > (unsigned int)__builtin_popcount(gave_back) ? EARLIER : NOBODY;
}

/* The word that @op looks at, after the steps that stay. */
static unsigned int word_seen(const struct reversal *r)
{
	const struct event *events = r->history->events;
	unsigned int initial = 0;

	for (int i = r->before; i >= 0; i = events[i].prev) {
		if (events[i].writes && stays(r, i))
			return events[i].word;
		initial = events[i].word_before;
	}
	return initial;
}

/* Has somebody woken the queue since the task prepared to sleep on it? */
static bool woken(const struct reversal *r)
{
	const struct event *events = r->history->events;
	unsigned int generation = r->op->arg;

	for (int i = r->before; i >= 0; i = events[i].prev) {
		generation = events[i].word_before;
		if (!stays(r, i))
			continue;
		if (events[i].op.kind == EXPLORED_WAKE)
			return true;
		if (events[i].op.task == r->op->task && events[i].op.kind == EXPLORED_WAIT_PREPARE)
			return false;
	}
	return generation != r->op->arg; /* it prepared before the first step */
}

/* The step with which the grace period that @op awaits began. */
static int grace_period_begin(const struct reversal *r)
{
	const struct event *events = r->history->events;
	int nr = 0;

	if (r->op->kind != EXPLORED_RCU_CALLBACK)
		return r->last;
	/* The n-th callback of a CPU is that of the n-th call there. */
	for (int i = r->last; i >= 0; i = events[i].prev_of_task)
		nr += events[i].op.kind == EXPLORED_RCU_CALLBACK;
	for (int i = 0; i < r->self; i++) {
		if (events[i].op.kind != EXPLORED_RCU_CALL || events[i].value != r->op->arg)
			continue;
		if (nr-- == 0)
			return i;
	}
	return r->history->nr;
}

/* A reader that the grace period has to wait for. */
static bool reader_left(const struct reversal *r)
{
	const struct event *events = r->history->events;
	int begin = grace_period_begin(r);
	uint32_t left = 0;

	for (int i = r->before; i >= 0; i = events[i].prev) {
		uint32_t task = 1u << events[i].op.task;

		if (!stays(r, i))
			continue;
		if (events[i].op.kind == EXPLORED_RCU_READ_UNLOCK)
			left |= task;
		else if (events[i].op.kind == EXPLORED_RCU_READ_LOCK) {
			if (!(left & task) && i < begin)
				return true;
			left &= ~task;
		}
	}
	return !stays(r, begin);
}

enum possible { POSSIBLE, HELD, IMPOSSIBLE };

static enum possible held_by(int step, int *holder)
{
	*holder = step;
	return step == NOBODY ? POSSIBLE : HELD;
}

static enum possible possible(const struct reversal *r, int *holder)
{
	switch ((int)r->op->kind) {
	case EXPLORED_LOCK:
	case EXPLORED_BIT_LOCK:
	case EXPLORED_BIT_WAIT:
	case EXPLORED_READ_LOCK:
		return held_by(exclusive_holder(r), holder);
	case EXPLORED_WRITE_LOCK:
		return held_by(any_holder(r), holder);
	case EXPLORED_AWAIT:
		return word_seen(r) == r->op->arg || !RULE(awaits_hold) ? POSSIBLE : IMPOSSIBLE;
	case EXPLORED_SEQ_BEGIN:
		return word_seen(r) & 1 ? IMPOSSIBLE : POSSIBLE;
	case EXPLORED_WAIT_SLEEP:
		return woken(r) || !RULE(sleepers_are_woken) ? POSSIBLE : IMPOSSIBLE;
	case EXPLORED_RCU_CALLBACK:
	case EXPLORED_RCU_SYNC_END:
		return reader_left(r) && RULE(readers_are_awaited) ? IMPOSSIBLE : POSSIBLE;
	default:
		return POSSIBLE;
	}
}

/* Move @holder behind @op too.  => false: it cannot be */
static bool move_holder(struct reversal *r, int holder)
{
	if (holder < r->first || r->nr_moved == (int)ARRAY_SIZE(r->moved) ||
	    !RULE(holders_move_together))
		return false;
	if (r->last >= 0 && happened_before(r->history, holder, r->last) &&
	    RULE(earlier_holders_stay))
		return false; /* it comes before @op whatever we do */
	r->moved[r->nr_moved++] = holder;
	return true;
}

bool race_reverse(const struct history *history, int first, const struct op *op, int self,
		  struct sequence *sequence)
{
	const struct event *events = history->events;
	bool pending = self == history->nr;
	struct reversal r = {
		.history = history,
		.op = op,
		.self = self,
		.last = pending ? history->last_of_task[op->task] : events[self].prev_of_task,
		.before = pending ? history->last[op->object] : events[self].prev,
		.first = first,
		.moved = { first },
		.nr_moved = 1,
	};
	enum possible now;
	int holder;

	while ((now = possible(&r, &holder)) == HELD)
		if (!move_holder(&r, holder))
			return false;
	if (now == IMPOSSIBLE)
		return false;

	sequence->nr = 0;
	for (int i = first + 1; i < history->nr; i++)
		if (stays(&r, i) && (pending || !happened_before(history, self, i)))
			sequence->ops[sequence->nr++] = events[i].op;
	sequence->ops[sequence->nr++] = *op;
	return true;
}

int weak_initial(const struct sequence *sequence, const struct op *op)
{
	const struct op *ops = sequence->ops;

	for (int i = 0; i < sequence->nr; i++) {
		if (ops[i].task == op->task) {
			for (int k = 0; k < i; k++)
				if (ops_depend(&ops[k], &ops[i]) && RULE(initials_come_first))
					return 0;
			return i + 1;
		}
		if (ops_depend(&ops[i], op))
			return 0;
	}
	return -1;
}
