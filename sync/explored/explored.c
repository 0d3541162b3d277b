// SPDX-License-Identifier: MIT
/*
 * explored.c - one execution: tasks that stop before each step, and the loop that picks among them
 *
 * Invariant: every live task has shown its next step (task->next), so which tasks can run is a
 * question about the present state and never a guess.  Nothing polls: a task whose step is not
 * possible is simply not offered to the strategy.
 *
 * A task that panics records the finding and parks for ever.  Its stack, like those of the others,
 * is forgotten, not unwound: the core keeps nothing outside of its machine, whose memory the
 * driver puts back.
 *
 * The loop runs on the driver's stack, so that a strategy need not care how deep the stack of a task
 * is.  One that needs little is asked on the task's (struct explored_strategy, @shallow), and there
 * is no switch while the same task goes on.
 */
#include "execution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_STACK_SIZE (64ul << 10)
#define DEFAULT_STEP_BOUND 65536

#define SETUP_ID RUNNERS_MAX

__thread struct explored *explored_current;

BUILD_ASSERT(NR_LOCK_CLASSES < EXPLORED_NO_CLASS);

/* ---- Names ------------------------------------------------------------------------------------------ */

static const char *const kind_names[EXPLORED_NR_KINDS] = {
#define X(id, name) [EXPLORED_##id] = name,
	EXPLORED_KINDS(X)
#undef X
};

const char *explored_kind_name(enum explored_kind kind)
{
	return kind < EXPLORED_NR_KINDS ? kind_names[kind] : "step of no kind";
}

int explored_kind_parse(const char *name, size_t len)
{
	for (int kind = 0; kind < EXPLORED_NR_KINDS; kind++)
		if (strlen(kind_names[kind]) == len && memcmp(kind_names[kind], name, len) == 0)
			return kind;
	return -1;
}

const char *explored_finding_name(enum explored_finding_kind kind)
{
	static const char *const names[EXPLORED_NR_FINDINGS] = {
#define X(id, name) [EXPLORED_##id] = name,
		EXPLORED_FINDINGS(X)
#undef X
	};

	return kind < EXPLORED_NR_FINDINGS ? names[kind] : "finding of no kind";
}

/* ---- The place ---------------------------------------------------------------------------------------- */

static struct explored_config with_defaults(const struct explored_config *config)
{
	struct explored_config full = *config;

	if (!full.stack_size)
		full.stack_size = DEFAULT_STACK_SIZE;
	if (!full.step_bound)
		full.step_bound = DEFAULT_STEP_BOUND;
	full.stack_size = ALIGN_UP(full.stack_size, 64ul);
	if (full.nr_tasks < 1 || full.nr_tasks > EXPLORED_TASKS_MAX || full.nr_cpus < 1 ||
	    full.nr_cpus > EXPLORED_CPUS_MAX ||
	    full.nr_tasks + full.nr_cpus > EXPLORED_RUNNERS_MAX ||
	    full.stack_size < COROUTINE_STACK_MIN)
		explored_die("%d tasks on %d CPUs with stacks of %zu bytes: out of bounds",
			     full.nr_tasks, full.nr_cpus, full.stack_size);
	return full;
}

static int max_runners(const struct explored_config *config)
{
	return config->nr_tasks + config->nr_cpus;
}

size_t explored_size(const struct explored_config *config)
{
	struct explored_config full = with_defaults(config);

	return ALIGN_UP(sizeof(struct explored), 64ul) +
	       (size_t)max_runners(&full) * full.stack_size +
	       full.step_bound * sizeof(struct explored_step);
}

/* Tasks, then their stacks, then the steps: what an execution is made of, then its record. */
struct explored *explored_create(void *memory, const struct explored_config *config)
{
	struct explored *x = memory;
	unsigned char *stack = (unsigned char *)memory + ALIGN_UP(sizeof(*x), 64ul);

	if (!IS_ALIGNED((uintptr_t)memory, 64))
		explored_die("memory for executions must be aligned to 64 bytes");
	memset(x, 0, sizeof(*x));
	x->config = with_defaults(config);
	for (int i = 0; i < max_runners(&x->config); i++) {
		x->tasks[i].id = (unsigned char)i;
		x->shown.next[i] = &x->tasks[i].next;
		coroutine_init(&x->tasks[i].coroutine, stack, x->config.stack_size);
		stack += x->config.stack_size;
	}
	x->steps = (struct explored_step *)stack;
	snprintf(x->setup.name, sizeof(x->setup.name), "setup");
	x->setup.id = SETUP_ID;
	x->running = &x->setup;
	explored_rcu_init(x);
	return x;
}

void explored_attach(struct explored *x)
{
	explored_current = x;
}

int explored_add_task(struct explored *x, const char *name, int cpu, void (*func)(void *arg),
		      void *arg)
{
	struct task *task = &x->tasks[x->nr_tasks];

	if (x->nr_tasks == x->config.nr_tasks || cpu < 0 || cpu >= x->config.nr_cpus)
		explored_die("no room for task %s, or no CPU %d", name, cpu);
	snprintf(task->name, sizeof(task->name), "%s", name);
	task->home_cpu = cpu;
	task->func = func;
	task->arg = arg;
	return x->nr_tasks++;
}

int explored_nr_runners(const struct explored *x)
{
	return max_runners(&x->config);
}

unsigned int explored_step_bound(const struct explored *x)
{
	return x->config.step_bound;
}

bool explored_late_callbacks(const struct explored *x)
{
	return x->config.late_callbacks;
}

const char *explored_name_of(const struct explored *x, int task)
{
	return task >= 0 && task < max_runners(&x->config) ? x->tasks[task].name : "";
}

/* ---- The set-up task ------------------------------------------------------------------------------------ */

static void forget_task_state(struct task *task)
{
	task->cpu = task->home_cpu;
	task->in_callback = false;
	task->nr_spinlocks = 0;
	task->rcu_nesting = 0;
	memset(&task->held, 0, sizeof(task->held));
}

/* It holds nothing when it is done. */
static void check_nothing_held(const struct task *task)
{
	if (task->held.nr || task->rcu_nesting)
		explored_misuse(EXPLORED_LOCK_MISUSE,
				"%s ends while it holds %u locks and is in %u RCU sections",
				task->name, task->held.nr, task->rcu_nesting);
}

bool explored_call(struct explored *x, int cpu, void (*func)(void *arg), void *arg)
{
	jmp_buf call;

	explored_attach(x);
	x->found = false;
	x->setup.home_cpu = cpu;
	forget_task_state(&x->setup);
	x->call = &call;
	if (_setjmp(call) == 0) {
		func(arg);
		check_nothing_held(&x->setup);
		explored_rcu_settle(x);
	} else {
		explored_rcu_init(x);
	}
	x->call = NULL;
	return !x->found;
}

/* ---- Executions -------------------------------------------------------------------------------------------- */

static void begin_execution(struct explored *x);
static void forget_execution(struct explored *x);
static uint32_t runnable_tasks(const struct explored *x);
static void report_deadlock(struct explored *x);
static void report_livelock(struct explored *x);
static bool record_step(struct explored *x, struct task *task);
static void resume(struct explored *x, struct task *task);

static bool ends(struct explored *x, enum explored_end end)
{
	x->end = end;
	return false;
}

/* Who takes the next step?  => false: nobody, and x->end says why */
static bool decide(struct explored *x)
{
	uint32_t runnable = runnable_tasks(x);
	int task;

	if (unlikely(!runnable)) {
		if (!x->shown.live)
			return ends(x, EXPLORED_COMPLETE);
		report_deadlock(x);
		return ends(x, EXPLORED_FOUND);
	}
	if (unlikely(x->nr_steps == x->config.step_bound)) {
		report_livelock(x);
		return ends(x, EXPLORED_FOUND);
	}
	task = x->strategy->pick(x->strategy_arg, x, runnable);
	if (task < 0)
		return ends(x, EXPLORED_ABANDONED);
	if (task >= RUNNERS_MAX || !(runnable >> task & 1))
		explored_die("the strategy picked task %d, which cannot run", task);
	x->decided = &x->tasks[task];
	return record_step(x, x->decided) || ends(x, EXPLORED_ABANDONED);
}

static enum explored_end run_to_the_end(struct explored *x)
{
	x->decision = UNDECIDED;
	while (!x->found) {
		if (x->decision == UNDECIDED)
			x->decision = decide(x) ? DECIDED : ENDED;
		if (x->decision == ENDED)
			return x->end;
		x->decision = UNDECIDED;
		resume(x, x->decided);
	}
	return EXPLORED_FOUND;
}

/*
 * The running task has shown its next step: is it the one to take it?  If it is not, or if the
 * execution ends here, the driver finds what was decided.
 */
static bool goes_on(struct explored *x, const struct task *task)
{
	x->decision = decide(x) ? DECIDED : ENDED;
	if (x->decision == ENDED || x->decided != task)
		return false;
	x->decision = UNDECIDED;
	return true;
}

void explored_begin(struct explored *x)
{
	explored_attach(x);
	explored_rcu_settle(x);
	begin_execution(x);
	if (x->watch) {
		watch_keep(x->watch);
		watch_begin(x->watch);
	}
}

enum explored_end explored_continue(struct explored *x, const struct explored_strategy *strategy,
				    void *arg)
{
	enum explored_end end;

	explored_attach(x);
	x->strategy = strategy;
	x->strategy_arg = arg;
	end = run_to_the_end(x);
	if (strategy->end)
		strategy->end(arg, x, end);
	if (end == EXPLORED_FOUND)
		forget_execution(x); /* what is held and queued is of a machine that is gone */
	return end;
}

enum explored_end explored_run(struct explored *x, const struct explored_strategy *strategy,
			       void *arg)
{
	enum explored_end end;

	explored_begin(x);
	end = explored_continue(x, strategy, arg);
	if (end == EXPLORED_ABANDONED)
		forget_execution(x);
	return end;
}

static void forget_execution(struct explored *x)
{
	explored_rcu_init(x);
	x->shown.live = 0;
	forget_task_state(&x->setup);
	for (int i = 0; i < max_runners(&x->config); i++)
		forget_task_state(&x->tasks[i]);
}

static void run_task(void *arg)
{
	struct task *task = arg;

	task->func(task->arg);
	check_nothing_held(task);
}

static void begin_execution(struct explored *x)
{
	x->found = false;
	x->nr_steps = 0;
	forget_execution(x);
	for (int i = 0; i < x->nr_tasks; i++) {
		struct task *task = &x->tasks[i];

		task_set_live(x, task, true);
		task->next = (struct explored_step){
			.kind = EXPLORED_BEGIN, .object = task, .class = EXPLORED_NO_CLASS
		};
		coroutine_start(&task->coroutine, run_task, task);
	}
}

static bool begins_callback(const struct task *task)
{
	return task->next.kind == EXPLORED_RCU_CALLBACK;
}

/* The first of those that may begin a callback, when they must come last. */
static uint32_t first_callback(const struct explored *x)
{
	for (uint32_t left = x->shown.live >> x->config.nr_tasks << x->config.nr_tasks; left;
	     left &= left - 1)
		if (explored_enabled(x, &x->tasks[__builtin_ctz(left)]))
			return left & -left;
	return 0;
}

static uint32_t runnable_tasks(const struct explored *x)
{
	bool late = x->config.late_callbacks;
	uint32_t runnable = 0;

	for (uint32_t left = x->shown.live; left; left &= left - 1) {
		const struct task *task = &x->tasks[__builtin_ctz(left)];

		if (!(late && begins_callback(task)) && explored_enabled(x, task))
			runnable |= left & -left;
	}
	return runnable || !late ? runnable : first_callback(x);
}

#define KIND(id) (1ull << EXPLORED_##id)

/* Steps of other kinds are always possible. */
#define KINDS_THAT_WAIT                                                                            \
	(KIND(LOCK) | KIND(READ_LOCK) | KIND(WRITE_LOCK) | KIND(BIT_LOCK) | KIND(BIT_WAIT) |       \
	 KIND(SEQ_BEGIN) | KIND(AWAIT) | KIND(WAIT_SLEEP) | KIND(RCU_CALLBACK) |                   \
	 KIND(RCU_SYNC_END) | KIND(RCU_BARRIER_END))

bool explored_enabled(const struct explored *x, const struct task *task)
{
	if (likely(!(KINDS_THAT_WAIT >> task->next.kind & 1)))
		return true;
	switch (task->next.kind) {
	case EXPLORED_RCU_CALLBACK:
	case EXPLORED_RCU_SYNC_END:
	case EXPLORED_RCU_BARRIER_END:
		return explored_rcu_enabled(x, task);
	default:
		return explored_verb_enabled(&task->next);
	}
}

bool explored_can_run(const struct explored *x, int task)
{
	return explored_next(x, task) && explored_enabled(x, &x->tasks[task]);
}

/* False: the strategy would not choose. */
static bool record_step(struct explored *x, struct task *task)
{
	struct explored_step *step = &x->steps[x->nr_steps];

	*step = task->next;
	step->task = task->id;
	if (step->kind == EXPLORED_CHOOSE) {
		int value = x->strategy->choose(x->strategy_arg, x, step->arg);

		if (value < 0)
			return false;
		if ((unsigned int)value >= step->arg)
			explored_die("the strategy chose %d of %u", value, step->arg);
		step->value = (unsigned int)value;
	}
	x->nr_steps++;
	return true;
}

/* Until another task is to go on, and in any case to a point. */
static void resume(struct explored *x, struct task *task)
{
	bool parked;

	x->running = task;
	x->scheduling = true;
	if (x->watch)
		watch_enter(x->watch, task->id);
	parked = coroutine_resume(&task->coroutine);
	watch_leave();
	task_set_live(x, task, parked);
	x->scheduling = false;
	x->running = &x->setup;
	if (!coroutine_stack_intact(&task->coroutine))
		explored_die("task %s overran its stack of %zu bytes", task->name,
			     x->config.stack_size);
}

/* A word in a range that has been promoted is that range.  One that is awaited must stay a word. */
static void know_by_its_range(struct explored *x, struct explored_step *next)
{
	const void *object = watch_object(x->watch, next->object);

	if (likely(object == next->object))
		return;
	if (next->kind != EXPLORED_READ && next->kind != EXPLORED_WRITE &&
	    next->kind != EXPLORED_MODIFY)
		explored_misuse(EXPLORED_DATA_RACE, "part of what is not one word is waited for");
	next->object = object;
}

void explored_stop(struct explored *x)
{
	struct task *task = x->running;
	const void *object = task->next.object;

	task->frame = __builtin_frame_address(0);
	if (unlikely(!x->scheduling)) {
		if (!explored_enabled(x, task))
			explored_misuse(EXPLORED_DEADLOCK, "%s waits, and nobody else runs: %s",
					task->name,
					explored_kind_name((enum explored_kind)task->next.kind));
		return;
	}
	if (unlikely(x->promotes))
		know_by_its_range(x, &task->next);
	if (!x->strategy->shallow || !goes_on(x, task))
		coroutine_park(&task->coroutine);
	task->next.object = object; /* a word again, whatever it is part of */
	if (watch_current)
		watch_step(x, watch_current, &task->next);
}

void explored_step_result(struct explored *x, unsigned int value)
{
	if (likely(x->scheduling))
		x->steps[x->nr_steps - 1].value = value;
}

const struct explored_step *explored_steps(const struct explored *x)
{
	return x->steps;
}

unsigned int explored_nr_steps(const struct explored *x)
{
	return x->nr_steps;
}

/* A frame is the caller's frame and the address to return to. */
static int callers_from(const struct task *task, const void *const *frame, const void **callers,
			int max)
{
	uintptr_t stack = (uintptr_t)task->coroutine.stack;
	uintptr_t end = stack + task->coroutine.size - 2 * sizeof(void *);
	int nr = 0;

	while (nr < max && (uintptr_t)frame >= stack && (uintptr_t)frame <= end && frame[1]) {
		callers[nr++] = frame[1];
		if ((uintptr_t)frame[0] <= (uintptr_t)frame)
			break;
		frame = frame[0];
	}
	return nr;
}

int explored_callers(const struct explored *x, int task, const void **callers, int max)
{
	const struct task *parked = &x->tasks[task];

	if (!explored_next(x, task) || parked->next.kind == EXPLORED_BEGIN ||
	    parked->next.kind == EXPLORED_RCU_CALLBACK)
		return 0; /* not in a verb */
	return callers_from(parked, parked->frame, callers, max);
}

int explored_callers_of_frame(const struct explored *x, const void *frame, const void **callers,
			      int max)
{
	return x->scheduling ? callers_from(x->running, frame, callers, max) : 0;
}

/* ---- Coming back to the middle of an execution ---------------------------------------------------- */

/* The place, then what is in use of each task's stack. */
struct explored_snapshot {
	struct explored place;
	size_t stack_used[RUNNERS_MAX];
	unsigned char *stacks[RUNNERS_MAX];
};

static size_t parked_stack_size(const struct explored *x, const struct task *task)
{
	const unsigned char *top = task->coroutine.stack + task->coroutine.size;

	return task_is_live(x, task) && task->coroutine.context ?
		       (size_t)(top - (const unsigned char *)task->coroutine.context) :
		       0;
}

struct explored_snapshot *explored_snapshot(struct explored *x)
{
	struct explored_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	x->nr_steps = 0;
	for (int i = 0; i < max_runners(&x->config); i++) {
		size_t used = parked_stack_size(x, &x->tasks[i]);

		snapshot->stack_used[i] = used;
		snapshot->stacks[i] = malloc(used + 1);
		if (!snapshot->stacks[i]) {
			explored_snapshot_free(snapshot);
			return NULL;
		}
		memcpy(snapshot->stacks[i], x->tasks[i].coroutine.context, used);
	}
	snapshot->place = *x;
	if (x->watch)
		watch_keep(x->watch);
	return snapshot;
}

void explored_snapshot_free(struct explored_snapshot *snapshot)
{
	for (int i = 0; snapshot && i < RUNNERS_MAX; i++)
		free(snapshot->stacks[i]);
	free(snapshot);
}

void explored_rewind(struct explored *x, const struct explored_snapshot *snapshot)
{
	size_t tasks = (size_t)max_runners(&x->config) * sizeof(x->tasks[0]);

	explored_attach(x);
	memcpy(x, &snapshot->place, offsetof(struct explored, tasks) + tasks);
	for (int i = 0; i < max_runners(&x->config); i++)
		if (snapshot->stack_used[i])
			memcpy(x->tasks[i].coroutine.context, snapshot->stacks[i],
			       snapshot->stack_used[i]);
	if (x->watch)
		watch_begin(x->watch);
}

/* ---- Findings ------------------------------------------------------------------------------------------------ */

const struct explored_finding *explored_finding(const struct explored *x)
{
	return x->found ? &x->finding : NULL;
}

bool explored_deadlocked(const struct explored *x)
{
	return x->found && (x->finding.kind == EXPLORED_DEADLOCK ||
			    x->finding.kind == EXPLORED_LOST_WAKE_UP);
}

static void record_finding(struct explored *x, enum explored_finding_kind kind, const char *task)
{
	x->found = true;
	x->finding.kind = kind;
	snprintf(x->finding.task, sizeof(x->finding.task), "%s", task);
	x->finding.file = "";
	x->finding.func = "";
	x->finding.line = 0;
	memset(x->finding.sites, 0, sizeof(x->finding.sites));
	x->finding.message[0] = '\0';
}

__printf(2, 3) static void append(struct explored_finding *finding, const char *fmt, ...)
{
	size_t len = strlen(finding->message);
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->message + len, sizeof(finding->message) - len, fmt, args);
	va_end(args);
}

static const char *object_name(const struct explored_step *step)
{
	if (step->class != EXPLORED_NO_CLASS)
		return lock_class_name((enum lock_class)step->class);
	switch (step->kind) {
	case EXPLORED_WAIT_SLEEP:
		return "a wait queue";
	case EXPLORED_SEQ_BEGIN:
		return "the writer of a sequence count";
	case EXPLORED_BIT_WAIT:
		return "a bit to be cleared";
	case EXPLORED_AWAIT:
		return "a word to change";
	case EXPLORED_RCU_BARRIER_END:
		return "RCU callbacks";
	default:
		return "an RCU grace period";
	}
}

static void append_wait(struct explored *x, const struct task *task)
{
	struct explored_finding *finding = &x->finding;
	bool held = false;

	append(finding, "; %s waits for %s (%s)", task->name, object_name(&task->next),
	       explored_kind_name((enum explored_kind)task->next.kind));
	for (int i = 0; i < max_runners(&x->config); i++) {
		const struct task *holder = &x->tasks[i];

		if (!held_locks_holds(&holder->held, task->next.object))
			continue;
		append(finding, "%s %s", held ? "," : " held by", holder->name);
		held = true;
	}
}

static void report_deadlock(struct explored *x)
{
	enum explored_finding_kind kind = EXPLORED_DEADLOCK;

	for (int i = 0; i < max_runners(&x->config); i++)
		if (task_is_live(x, &x->tasks[i]) && x->tasks[i].next.kind == EXPLORED_WAIT_SLEEP)
			kind = EXPLORED_LOST_WAKE_UP;
	record_finding(x, kind, "");
	append(&x->finding, "nobody can run");
	for (int i = 0; i < max_runners(&x->config); i++)
		if (task_is_live(x, &x->tasks[i]))
			append_wait(x, &x->tasks[i]);
}

static void report_livelock(struct explored *x)
{
	record_finding(x, EXPLORED_LIVELOCK, "");
	append(&x->finding, "%u steps, and no end", x->config.step_bound);
	for (int i = 0; i < max_runners(&x->config); i++)
		if (task_is_live(x, &x->tasks[i]))
			append(&x->finding, "; %s is at %s", x->tasks[i].name,
			       explored_kind_name((enum explored_kind)x->tasks[i].next.kind));
}

__noreturn static void leave_task(struct explored *x)
{
	if (x->scheduling)
		coroutine_park(&x->running->coroutine);
	else if (x->call)
		_longjmp(*x->call, 1);
	explored_die("%s:%d: %s: %s", x->finding.file, x->finding.line, x->finding.func,
		     x->finding.message);
}

/* Record who and where; the caller adds the words and leaves. */
static struct explored *begin_finding(enum explored_finding_kind kind, const char *file, int line,
				      const char *func)
{
	struct explored *x = explored_current;

	if (!x)
		explored_die("%s:%d: %s() panics, and no execution is attached to this thread",
			     file, line, func);
	record_finding(x, kind, x->running->name);
	x->finding.file = file;
	x->finding.line = line;
	x->finding.func = func;
	return x;
}

void explored_panic(const char *file, int line, const char *func, const char *fmt, ...)
{
	struct explored *x = begin_finding(EXPLORED_ASSERTION, file, line, func);
	va_list args;

	va_start(args, fmt);
	vsnprintf(x->finding.message, sizeof(x->finding.message), fmt, args);
	va_end(args);
	leave_task(x);
}

void explored_misuse(enum explored_finding_kind kind, const char *fmt, ...)
{
	struct explored *x = begin_finding(kind, "", 0, "");
	va_list args;

	va_start(args, fmt);
	vsnprintf(x->finding.message, sizeof(x->finding.message), fmt, args);
	va_end(args);
	leave_task(x);
}

void explored_misuse_at(enum explored_finding_kind kind, const void *const sites[3],
			const char *fmt, ...)
{
	struct explored *x = begin_finding(kind, "", 0, "");
	va_list args;

	memcpy(x->finding.sites, sites, sizeof(x->finding.sites));
	va_start(args, fmt);
	vsnprintf(x->finding.message, sizeof(x->finding.message), fmt, args);
	va_end(args);
	leave_task(x);
}

void explored_die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "godwit: exploring: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
