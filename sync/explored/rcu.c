// SPDX-License-Identifier: MIT
/*
 * rcu.c - read-copy-update, over explored coroutines
 *
 * The end of a grace period is nobody's action but a condition: no task is left in a section that
 * was entered when the period began or before.  Whoever awaits it has it as the next step and can
 * be picked from then on, or much later, which is every delay that a real grace period can have.
 *
 * Callbacks run as tasks, one per CPU, oldest first, as Linux runs those that were queued on one
 * CPU; between CPUs there is no order.  They may not sleep.
 *
 * Waiting is two steps, so that when a grace period begins is a step of its own and not an
 * accident of the step before.
 */
#include "execution.h"

#include <stdio.h>

#define SITE __builtin_return_address(0)

static void point(struct explored *x, enum explored_kind kind, const void *site)
{
	explored_point(x, (struct explored_step){ .kind = (unsigned char)kind,
						  .object = &x->rcu,
						  .class = EXPLORED_NO_CLASS,
						  .site = site });
}

void explored_rcu_init(struct explored *x)
{
	x->rcu = (struct explored_rcu){ .clock = 0 };
	for (int cpu = 0; cpu < x->config.nr_cpus; cpu++) {
		struct task *task = &x->tasks[x->config.nr_tasks + cpu];

		x->rcu.cpus[cpu].last = &x->rcu.cpus[cpu].first;
		snprintf(task->name, sizeof(task->name), "rcu/%d", cpu);
		task->home_cpu = cpu;
	}
}

/* ---- Readers ------------------------------------------------------------------------------------------- */

void explored_rcu_read_lock(void)
{
	struct explored *x = explored_current;

	if (x->running->rcu_nesting == 0) {
		point(x, EXPLORED_RCU_READ_LOCK, SITE);
		x->running->rcu_since = ++x->rcu.clock;
	}
	x->running->rcu_nesting++;
}

void explored_rcu_read_unlock(void)
{
	struct explored *x = explored_current;

	if (x->running->rcu_nesting == 0)
		explored_misuse(EXPLORED_LOCK_MISUSE, "rcu_read_unlock() outside of a section");
	if (x->running->rcu_nesting == 1)
		point(x, EXPLORED_RCU_READ_UNLOCK, SITE);
	x->running->rcu_nesting--;
}

/* ---- Grace periods ----------------------------------------------------------------------------------------- */

static bool grace_period_over(const struct explored *x, unsigned long began)
{
	for (int i = 0; i < x->config.nr_tasks + x->config.nr_cpus; i++)
		if (x->tasks[i].rcu_nesting && x->tasks[i].rcu_since <= began)
			return false;
	return true;
}

static bool callbacks_done(const struct explored *x, unsigned long queued)
{
	for (int cpu = 0; cpu < x->config.nr_cpus; cpu++) {
		const struct task *task = &x->tasks[x->config.nr_tasks + cpu];
		const struct rcu_head *next = x->rcu.cpus[cpu].first;

		if ((next && next->since <= queued) ||
		    (task->in_callback && task->until <= queued))
			return false;
	}
	return true;
}

bool explored_rcu_enabled(const struct explored *x, const struct task *task)
{
	switch (task->next.kind) {
	case EXPLORED_RCU_CALLBACK:
		return grace_period_over(x, x->rcu.cpus[task->cpu].first->since);
	case EXPLORED_RCU_SYNC_END:
		return grace_period_over(x, task->until);
	default: /* EXPLORED_RCU_BARRIER_END */
		return callbacks_done(x, task->until);
	}
}

void explored_synchronize_rcu(void)
{
	struct explored *x = explored_current;

	explored_might_sleep();
	point(x, EXPLORED_RCU_SYNC_BEGIN, SITE);
	x->running->until = x->rcu.clock;
	point(x, EXPLORED_RCU_SYNC_END, SITE);
}

/* ---- Callbacks ---------------------------------------------------------------------------------------------- */

static struct rcu_head *pop(struct callbacks *callbacks)
{
	struct rcu_head *head = callbacks->first;

	callbacks->first = head->next;
	if (!callbacks->first)
		callbacks->last = &callbacks->first;
	return head;
}

/* The head belongs to the callback, which may free it. */
static void run_oldest(struct explored *x, struct callbacks *callbacks)
{
	struct task *task = x->running;
	struct rcu_head *head = pop(callbacks);

	task->until = head->since;
	task->in_callback = true;
	head->func(head);
	task->in_callback = false;
	watch_callback_ran(x);
	if (task->held.nr || task->rcu_nesting)
		explored_misuse(EXPLORED_LOCK_MISUSE,
				"an RCU callback ends while it holds %u locks and is in %u RCU sections",
				task->held.nr, task->rcu_nesting);
}

static struct explored_step next_callback(struct explored *x, int cpu)
{
	return (struct explored_step){ .kind = EXPLORED_RCU_CALLBACK,
				       .object = &x->rcu,
				       .arg = (unsigned int)cpu,
				       .class = EXPLORED_NO_CLASS,
				       .site = x->rcu.cpus[cpu].first->func };
}

/* An RCU task lives while callbacks are queued on its CPU.  It begins with its first step taken. */
static void run_callbacks(void *arg)
{
	struct explored *x = arg;
	struct callbacks *callbacks = &x->rcu.cpus[x->running->cpu];

	if (watch_current)
		watch_step(x, watch_current, &x->running->next);
	run_oldest(x, callbacks);
	while (callbacks->first) {
		explored_point(x, next_callback(x, x->running->cpu));
		run_oldest(x, callbacks);
	}
}

static void begin_rcu_task(struct explored *x, int cpu)
{
	struct task *task = &x->tasks[x->config.nr_tasks + cpu];

	if (task_is_live(x, task))
		return;
	task_set_live(x, task, true);
	task->next = next_callback(x, cpu);
	coroutine_start(&task->coroutine, run_callbacks, x);
}

void explored_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	struct explored *x = explored_current;
	struct callbacks *callbacks;

	point(x, EXPLORED_RCU_CALL, SITE);
	explored_step_result(x, (unsigned int)x->running->cpu);
	callbacks = &x->rcu.cpus[x->running->cpu];
	*head = (struct rcu_head){ .func = func, .since = ++x->rcu.clock };
	*callbacks->last = head;
	callbacks->last = &head->next;
	if (x->scheduling)
		begin_rcu_task(x, x->running->cpu);
}

void explored_rcu_settle(struct explored *x)
{
	for (int cpu = 0; cpu < x->config.nr_cpus; cpu++)
		while (x->rcu.cpus[cpu].first)
			run_oldest(x, &x->rcu.cpus[cpu]);
}

void explored_rcu_barrier(void)
{
	struct explored *x = explored_current;

	explored_might_sleep();
	if (!x->scheduling)
		explored_rcu_settle(x);
	point(x, EXPLORED_RCU_BARRIER_BEGIN, SITE);
	x->running->until = x->rcu.clock;
	point(x, EXPLORED_RCU_BARRIER_END, SITE);
}
