// SPDX-License-Identifier: MIT
/*
 * frontier.c - what is left of a search, in parts that can be explored apart
 *
 * In one piece, optimal reduction never blocks because what the earlier branches of a node found is
 * planned in the later ones before these are begun.  Parts that are explored at the same time cannot
 * have that, and a search that leaves out what begins with a sleeping step, as it does, loses traces
 * then: tests/explore/test_exhaust.c shows it within a few programs.  So steps that were put to sleep
 * elsewhere are taken as source sets take them: they are not run, but what is merely independent
 * of them is.
 */
#include "frontier.h"

#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void send_what_is_in_order(struct frontier *frontier);

int frontier_init(struct frontier *frontier, unsigned int part_executions, bool keep_going,
		  unsigned int step_bound)
{
	int max = (int)step_bound + 2;

	*frontier = (struct frontier){
		.part_executions = part_executions,
		.keep_going = keep_going,
		.first = calloc(1, sizeof(struct part)),
		.sequence = { .ops = calloc((size_t)max, sizeof(struct op)), .max = max },
		.rest = { .ops = calloc((size_t)max, sizeof(struct op)), .max = max },
	};
	wakeup_init(&frontier->pool);
	places_init(&frontier->places);
	if (!frontier->first || !frontier->sequence.ops || !frontier->rest.ops)
		return -ENOMEM;
	frontier->first->plan = -1;
	return 0;
}

bool frontier_failed(const struct frontier *frontier)
{
	return frontier->failed || frontier->pool.failed || frontier->places.failed;
}

/* ---- Findings ---------------------------------------------------------------------------------------- */

void findings_add(struct finding **to, struct finding *from)
{
	while (from) {
		struct finding *next = from->next, **at = to;

		while (*at && !fail_alike((*at)->invariant, (*at)->message, from->invariant,
					  from->message))
			at = &(*at)->next;
		from->next = NULL;
		if (*at) {
			(*at)->times += from->times;
			findings_free(from);
		} else {
			*at = from;
		}
		from = next;
	}
}

void findings_free(struct finding *finding)
{
	while (finding) {
		struct finding *next = finding->next;

		free(finding->path);
		free(finding);
		finding = next;
	}
}

/* ---- Forks and parts ----------------------------------------------------------------------------------- */

static void free_part(struct part *part)
{
	findings_free(part->findings);
	free(part->letters);
	free(part->stack);
	free(part->signatures);
	free(part);
}

static void fork_put(struct fork *fork)
{
	while (fork && --fork->users == 0) {
		struct fork *above = fork->above;

		free(fork);
		fork = above;
	}
}

void frontier_fini(struct frontier *frontier)
{
	while (frontier->first) {
		struct part *part = frontier->first;

		frontier->first = part->next;
		fork_put(part->at);
		free_part(part);
	}
	findings_free(frontier->findings);
	wakeup_fini(&frontier->pool);
	places_fini(&frontier->places);
	trace_set_fini(&frontier->traces);
	free(frontier->sequence.ops);
	free(frontier->rest.ops);
}

/* A part of @fork, with all that sleeps there by now; its branch will sleep for the next one. */
static struct part *add_part(struct frontier *frontier, struct part **at, struct fork *fork,
			     const struct op *branch, uint32_t sleep)
{
	struct part *part = calloc(1, sizeof(*part));

	if (!part) {
		frontier->failed = true;
		return NULL;
	}
	part->at = fork;
	part->branch = *branch;
	part->sleep = sleep;
	part->plan = -1;
	part->next = *at;
	*at = part;
	fork->users++;
	fork->sleep |= 1u << branch->task;
	fork->backtrack |= 1u << branch->task;
	fork->sleeping[branch->task] = *branch;
	return part;
}

struct part *frontier_take(struct frontier *frontier)
{
	for (struct part *part = frontier->first; part; part = part->next) {
		if (part->state == PART_NEW || part->state == PART_STOPPED) {
			part->state = PART_RUNNING;
			return part;
		}
		if (part->findings && !frontier->keep_going)
			return NULL;
	}
	return NULL;
}

bool frontier_is_open(const struct frontier *frontier)
{
	return frontier->first && (frontier->keep_going || !frontier->findings);
}

static void add_counts(struct part_counts *sum, const struct part_counts *counts)
{
	sum->executions += counts->executions;
	sum->traces += counts->traces;
	sum->blocked += counts->blocked;
	sum->steps += counts->steps;
	sum->left_out += counts->left_out;
	sum->longest = max(sum->longest, counts->longest);
}

void frontier_count(const struct frontier *frontier, struct part_counts *counts)
{
	*counts = frontier->counts;
	for (const struct part *part = frontier->first; part; part = part->next)
		add_counts(counts, &part->counts);
}

/* ---- Plans, from one pool to another ------------------------------------------------------------------- */

typedef struct op (*renumber_fn)(struct numbering *numbering, const struct op *op);

/* @node, with all below it and all to its right. */
static int copy_plan(struct wakeup_pool *to, const struct wakeup_pool *from, int node,
		     renumber_fn renumber, struct numbering *numbering)
{
	int first = -1, last = -1;

	for (; node >= 0; node = from->nodes[node].next) {
		struct op op = renumber(numbering, &from->nodes[node].op);
		int copy = wakeup_new(to, &op);
		int child;

		if (copy < 0)
			return first;
		if (last < 0)
			first = copy;
		else
			to->nodes[last].next = copy;
		last = copy;
		child = copy_plan(to, from, from->nodes[node].child, renumber, numbering);
		to->nodes[copy].child = child;
	}
	return first;
}

static int plan_to_shared(struct frontier *frontier, const struct search *search, int node,
			  struct numbering *numbering)
{
	if (!search->pool)
		return -1;
	return copy_plan(&frontier->pool, search->pool, node, op_to_shared, numbering);
}

static int plan_to_own(struct frontier *frontier, struct search *search, int node,
		       struct numbering *numbering)
{
	return copy_plan(search->pool, &frontier->pool, node, op_to_own, numbering);
}

static void free_plan(struct frontier *frontier, int *plan)
{
	wakeup_free(&frontier->pool, *plan);
	*plan = -1;
}

/* Those of @node whose tasks are in @tasks. */
static void copy_sleeping(struct op *to, const struct op *from, uint32_t tasks,
			  renumber_fn renumber, struct numbering *numbering)
{
	for (uint32_t left = tasks; left; left &= left - 1) {
		int task = __builtin_ctz(left);

		to[task] = renumber(numbering, &from[task]);
	}
}

/* ---- Loading ----------------------------------------------------------------------------------------------- */

static void forget(struct search *search)
{
	for (int i = 0; search->pool && i < search->used; i++) {
		wakeup_free(search->pool, search->nodes[i].wakeup);
		search->nodes[i].wakeup = -1;
	}
	search->used = 0;
	history_truncate(&search->history, 0);
}

/* What the part on the way to which it lies has to know of @fork. */
static void load_fork(struct search *search, const struct fork *fork, const struct op *taken,
		      const struct letter *letter, struct frontier *frontier,
		      struct numbering *numbering)
{
	struct node *node = &search->nodes[fork->depth];

	node->taken = op_to_own(numbering, taken);
	node->sleep = node->foreign = fork->foreign;
	node->elsewhere = fork->sleep & ~fork->foreign & ~(1u << taken->task);
	copy_sleeping(node->sleeping, fork->sleeping, fork->sleep, op_to_own, numbering);
	node->backtrack = fork->backtrack | (letter ? letter->wanted : 0);
	node->explored = 0;
	node->preemptions = fork->preemptions;
	node->stays = fork->stays;
	node->choices_left = 0;
	if (!search->pool)
		return;
	node->wakeup = wakeup_new(search->pool, &node->taken);
	if (letter && node->wakeup >= 0) {
		int sent = plan_to_own(frontier, search, letter->plan, numbering);

		search->pool->nodes[node->wakeup].next = sent;
	}
}

static void load_way(struct frontier *frontier, struct part *part, struct search *search,
		     struct numbering *numbering)
{
	const struct letter *letters = part->letters;
	const struct fork *fork = part->at;
	struct node *root = &search->nodes[fork->depth];

	load_fork(search, fork, &part->branch, letters ? &letters[fork->depth] : NULL, frontier,
		  numbering);
	root->sleep = root->foreign = part->sleep;
	root->choice = part->choice;
	root->nr_choices = part->nr_choices;
	root->choices_left = part->choices_left;
	if (search->pool && root->wakeup >= 0) {
		int plan = plan_to_own(frontier, search, part->plan, numbering);

		search->pool->nodes[root->wakeup].child = plan;
	}
	free_plan(frontier, &part->plan);
	for (; fork->above; fork = fork->above) {
		struct node *node = &search->nodes[fork->depth - 1];

		load_fork(search, fork->above, &fork->taken,
			  letters ? &letters[fork->depth - 1] : NULL, frontier, numbering);
		node->choice = fork->choice;
		node->nr_choices = fork->nr_choices;
	}
}

static void load_stack(struct frontier *frontier, struct part *part, struct search *search,
		       struct numbering *numbering)
{
	for (int i = 0; i < part->nr_stack; i++) {
		struct node *from = &part->stack[i].node;
		struct node *node = &search->nodes[search->root + 1 + i];

		*node = *from;
		node->taken = op_to_own(numbering, &from->taken);
		copy_sleeping(node->sleeping, from->sleeping, from->sleep | from->elsewhere,
			      op_to_own, numbering);
		if (!search->pool)
			continue;
		node->wakeup = plan_to_own(frontier, search, from->wakeup, numbering);
		free_plan(frontier, &from->wakeup);
	}
	free(part->stack);
	part->stack = NULL;
}

static void free_letters(struct frontier *frontier, struct part *part)
{
	for (int depth = 0; part->letters && depth <= part->at->depth; depth++)
		free_plan(frontier, &part->letters[depth].plan);
	free(part->letters);
	part->letters = NULL;
}

void part_load(struct frontier *frontier, struct part *part, struct search *search,
	       struct numbering *numbering)
{
	forget(search);
	search->root = part->at ? part->at->depth : -1;
	if (part->at)
		load_way(frontier, part, search, numbering);
	free_letters(frontier, part);
	search->decided = search->used = search->root + 1 + part->nr_stack;
	load_stack(frontier, part, search, numbering);
	part->nr_stack = 0;
	search->started = search->blocked = search->halted = false;
	search->nr_pending = 0;
	search->left_out = 0;
}

/* ---- Handing out ------------------------------------------------------------------------------------------- */

/* Branches of the node at @depth that are left, by task, beside the present one. */
static uint32_t branches_left(const struct search *search, int depth)
{
	const struct node *node = &search->nodes[depth];
	uint32_t tasks = 0;

	if (!search->pool)
		return node->backtrack & ~node->explored & ~node->sleep & ~node->elsewhere &
		       ~(1u << node->taken.task);
	for (int i = search->pool->nodes[node->wakeup].next; i >= 0;
	     i = search->pool->nodes[i].next)
		tasks |= 1u << search->pool->nodes[i].op.task;
	return tasks;
}

/* => -1: no node below the root has any */
static int nearest_with_branches(const struct search *search)
{
	for (int depth = search->root + 1; depth < search->decided; depth++)
		if (search->nodes[depth].choices_left || branches_left(search, depth))
			return depth;
	return -1;
}

/* The node at @depth as a fork, with the branch that is being explored, below @above. */
static struct fork *add_fork(struct frontier *frontier, struct fork *above,
			     const struct search *search, int depth, struct numbering *numbering)
{
	const struct node *node = &search->nodes[depth];
	struct fork *fork = calloc(1, sizeof(*fork));

	if (!fork) {
		frontier->failed = true;
		return NULL;
	}
	fork->above = above;
	fork->depth = depth;
	fork->users = 1;
	if (depth) {
		fork->taken = op_to_shared(numbering, &node[-1].taken);
		fork->choice = node[-1].choice;
		fork->nr_choices = node[-1].nr_choices;
	}
	fork->sleep = node->sleep | 1u << node->taken.task;
	copy_sleeping(fork->sleeping, node->sleeping, node->sleep, op_to_shared, numbering);
	fork->sleeping[node->taken.task] = op_to_shared(numbering, &node->taken);
	fork->foreign = node->foreign;
	fork->plan = -1;
	fork->backtrack = node->backtrack;
	fork->preemptions = node->preemptions;
	fork->stays = node->stays;
	return fork;
}

/* The other values of the choice that the part's root is. */
static struct part **hand_out_choices(struct frontier *frontier, struct part *part,
				      struct node *node, struct part **after,
				      struct numbering *numbering)
{
	struct op branch = op_to_shared(numbering, &node->taken);
	struct part *others;

	if (!node->choices_left)
		return after;
	others = add_part(frontier, after, part->at, &branch, node->sleep);
	if (!others)
		return after;
	others->nr_choices = node->nr_choices;
	others->choice = (node->choice + 1) % node->nr_choices;
	others->choices_left = node->choices_left - 1;
	node->choices_left = 0;
	return &others->next;
}

static void hand_out_planned(struct frontier *frontier, struct part *part, struct search *search,
			     struct part **after, uint32_t sleep, struct numbering *numbering)
{
	struct node *node = &search->nodes[search->root];
	struct wakeup_pool *pool = search->pool;
	int branch = pool->nodes[node->wakeup].next;

	for (int i = branch; i >= 0; i = pool->nodes[i].next) {
		struct op op = op_to_shared(numbering, &pool->nodes[i].op);
		struct part *new = add_part(frontier, after, part->at, &op, sleep);

		if (!new)
			return;
		new->plan = plan_to_shared(frontier, search, pool->nodes[i].child, numbering);
		after = &new->next;
		sleep |= 1u << op.task;
		node->elsewhere |= 1u << op.task;
		node->sleeping[op.task] = pool->nodes[i].op;
	}
	pool->nodes[node->wakeup].next = -1;
	wakeup_free(pool, branch);
}

static void hand_out_tasks(struct frontier *frontier, struct part *part, struct search *search,
			   struct part **after, uint32_t sleep)
{
	struct node *node = &search->nodes[search->root];

	for (uint32_t left = branches_left(search, search->root); left; left &= left - 1) {
		int task = __builtin_ctz(left);
		struct op op = { .task = (unsigned char)task, .kind = STEP_OF_TASK, .object = -1 };
		struct part *new = add_part(frontier, after, part->at, &op, sleep);

		if (!new)
			return;
		after = &new->next;
		sleep |= 1u << task;
		node->elsewhere |= 1u << task;
		node->sleeping[task] = op;
	}
}

void part_hand_out(struct frontier *frontier, struct part *part, struct search *search,
		   struct numbering *numbering)
{
	int depth = nearest_with_branches(search);
	struct part **after = &part->next;
	struct node *node;

	if (!part->counts.executions || part->counts.executions % frontier->part_executions ||
	    depth < 0)
		return;
	for (int i = search->root + 1; i <= depth && !frontier->failed; i++) {
		struct fork *fork = add_fork(frontier, part->at, search, i, numbering);

		part->at = fork ?: part->at;
	}
	if (frontier->failed)
		return;
	search->root = depth;
	node = &search->nodes[depth];
	part->branch = op_to_shared(numbering, &node->taken);
	part->sleep = node->sleep;
	after = hand_out_choices(frontier, part, node, after, numbering);
	if (search->pool)
		hand_out_planned(frontier, part, search, after,
				 node->sleep | 1u << node->taken.task, numbering);
	else
		hand_out_tasks(frontier, part, search, after, node->sleep | 1u << node->taken.task);
}

/* ---- Stopping and finishing ------------------------------------------------------------------------------- */

/* What races ask for above the part. */
static void write_letters(struct frontier *frontier, struct part *part, const struct search *search,
			  struct numbering *numbering)
{
	if (!part->at)
		return;
	part->letters = calloc((size_t)part->at->depth + 1, sizeof(*part->letters));
	if (!part->letters) {
		frontier->failed = true;
		return;
	}
	for (const struct fork *fork = part->at; fork; fork = fork->above) {
		const struct node *node = &search->nodes[fork->depth];
		struct letter *letter = &part->letters[fork->depth];

		letter->wanted = node->backtrack & ~fork->backtrack;
		letter->plan = -1;
		if (search->pool)
			letter->plan =
				plan_to_shared(frontier, search,
					       search->pool->nodes[node->wakeup].next, numbering);
	}
}

void part_stop(struct frontier *frontier, struct part *part, struct search *search,
	       struct numbering *numbering)
{
	int nr = search->decided - search->root - 1;

	write_letters(frontier, part, search, numbering);
	part->state = PART_STOPPED;
	if (part->at) {
		const struct node *root = &search->nodes[search->root];

		part->choice = root->choice;
		part->nr_choices = root->nr_choices;
		part->choices_left = root->choices_left;
		if (search->pool)
			part->plan =
				plan_to_shared(frontier, search,
					       search->pool->nodes[root->wakeup].child, numbering);
	}
	part->stack = calloc((size_t)max(nr, 1), sizeof(*part->stack));
	if (!part->stack) {
		frontier->failed = true;
		return;
	}
	part->nr_stack = nr;
	for (int i = 0; i < nr; i++) {
		const struct node *from = &search->nodes[search->root + 1 + i];
		struct node *node = &part->stack[i].node;

		*node = *from;
		node->taken = op_to_shared(numbering, &from->taken);
		copy_sleeping(node->sleeping, from->sleeping, from->sleep | from->elsewhere,
			      op_to_shared, numbering);
		node->wakeup = plan_to_shared(frontier, search, from->wakeup, numbering);
	}
}

void part_finish(struct frontier *frontier, struct part *part, struct search *search,
		 struct numbering *numbering)
{
	write_letters(frontier, part, search, numbering);
	part->state = PART_DONE;
	send_what_is_in_order(frontier);
}

/* ---- Sending ------------------------------------------------------------------------------------------------ */

static void receive(struct frontier *frontier, struct fork *fork)
{
	struct sequence *rest = &frontier->rest;

	for (uint32_t left = fork->sleep; left; left &= left - 1) {
		int task = __builtin_ctz(left);
		int place = weak_initial(&frontier->sequence, &fork->sleeping[task]);

		if (place > 0 || (place < 0 && !(fork->foreign >> task & 1)))
			return;
	}
	rest->nr = frontier->sequence.nr;
	memcpy(rest->ops, frontier->sequence.ops, (size_t)rest->nr * sizeof(*rest->ops));
	wakeup_insert(&frontier->pool, &fork->plan, rest);
}

/* Each way from the root of @plan to a leaf is a sequence. */
static void send_plan(struct frontier *frontier, struct fork *fork, int plan)
{
	struct sequence *sequence = &frontier->sequence;

	while (plan >= 0) {
		/* By value: receiving may move the pool. */
		struct wakeup_node node = frontier->pool.nodes[plan];

		sequence->ops[sequence->nr++] = node.op;
		if (node.child < 0)
			receive(frontier, fork);
		else
			send_plan(frontier, fork, node.child);
		sequence->nr--;
		plan = node.next;
	}
}

static void send_letters(struct frontier *frontier, struct part *part)
{
	for (struct fork *fork = part->at; part->letters && fork; fork = fork->above) {
		frontier->sequence.nr = 0;
		send_plan(frontier, fork, part->letters[fork->depth].plan);
		fork->wanted |= part->letters[fork->depth].wanted;
	}
	free_letters(frontier, part);
}

/* All below @fork is done: its new branches become parts, the next in order.  => false: none */
static bool grow_branches(struct frontier *frontier, struct fork *fork)
{
	struct part **at = &frontier->first;
	uint32_t wanted = fork->wanted & ~fork->sleep;
	int plan = fork->plan;

	for (int i = plan; i >= 0; i = frontier->pool.nodes[i].next) {
		struct part *part =
			add_part(frontier, at, fork, &frontier->pool.nodes[i].op, fork->sleep);

		if (!part)
			break;
		part->plan = frontier->pool.nodes[i].child;
		frontier->pool.nodes[i].child = -1;
		at = &part->next;
	}
	free_plan(frontier, &fork->plan);
	for (; wanted; wanted &= wanted - 1) {
		struct op op = { .task = (unsigned char)__builtin_ctz(wanted),
				 .kind = STEP_OF_TASK,
				 .object = -1 };
		struct part *part = add_part(frontier, at, fork, &op, fork->sleep);

		if (!part)
			break;
		at = &part->next;
	}
	fork->wanted = 0;
	return fork->users;
}

static void take_results(struct frontier *frontier, struct part *part)
{
	for (struct finding *finding = part->findings; finding; finding = finding->next)
		finding->execution += frontier->counts.executions;
	findings_add(&frontier->findings, part->findings);
	part->findings = NULL;
	add_counts(&frontier->counts, &part->counts);
	for (size_t i = 0; i < part->nr_signatures; i++)
		if (trace_set_add(&frontier->traces, part->signatures[i]) < 0)
			frontier->failed = true;
}

static void send_what_is_in_order(struct frontier *frontier)
{
	while (frontier_is_open(frontier) && frontier->first->state == PART_DONE) {
		struct part *part = frontier->first;
		struct fork *fork = part->at;

		frontier->first = part->next;
		take_results(frontier, part);
		send_letters(frontier, part);
		free_part(part);
		while (fork && --fork->users == 0 && !grow_branches(frontier, fork)) {
			struct fork *done = fork;

			fork = fork->above;
			free(done);
		}
	}
}

/* ---- Executions ----------------------------------------------------------------------------------------------- */

void part_count(struct part *part, const struct search *search, unsigned int nr_steps)
{
	part->counts.executions++;
	part->counts.steps += nr_steps;
	part->counts.longest = max(part->counts.longest, nr_steps);
	if (search->blocked)
		part->counts.blocked++;
	else
		part->counts.traces++;
}

int part_note_trace(struct part *part, uint64_t signature)
{
	if (part->nr_signatures == part->max_signatures) {
		size_t max = part->max_signatures ? 2 * part->max_signatures : 64;
		uint64_t *signatures = realloc(part->signatures, max * sizeof(*signatures));

		if (!signatures)
			return -ENOMEM;
		part->signatures = signatures;
		part->max_signatures = max;
	}
	part->signatures[part->nr_signatures++] = signature;
	return 0;
}
