/* SPDX-License-Identifier: MIT */
/*
 * frontier.h - what is left of a search, in parts that can be explored apart
 *
 * A part is a branch of the search tree with all below it.  What it needs is fixed when it is made:
 * the way to the branch, the tasks that sleep there, what is planned below.  So it comes out the
 * same whoever explores it and when, and parts can be explored in any order, by any number of
 * workers.  Where the branches of a node belong to several parts there is a fork.
 *
 * A step that another part put to sleep is foreign to this one.  Sequences that may begin with it but do
 * not have it are planned all the same, as what that part saw is not known here; their executions
 * may turn out to be blocked, as with source sets, and their races are looked at.  So in one
 * piece dpor.c has no blocked execution, in parts it has some, and each trace is seen once.
 *
 * A part may find races whose reversal begins above it, at a fork.  It collects them; when it has
 * been explored, and all before it have, they are sent: what no branch of the fork covers is a
 * new branch there.  A branch that has a part covers whatever may begin with it, as the part will
 * explore all of that.  When all parts below a fork are done its new branches become parts.
 *
 * A part that turns out to be large hands out branches, those nearest to its root, after so many
 * executions.  As that is counted and not timed, the parts, their order and all they find depend
 * on nothing but the scenario.
 */
#pragma once

#include "places.h"
#include "search.h"
#include "trace_set.h"

#define FRONTIER_PART_EXECUTIONS 256

struct part_counts {
	uint64_t executions;
	uint64_t traces, blocked; /* see struct search_stats */
	uint64_t steps, left_out;
	unsigned int longest;
};

/* One step of an execution that violated something. */
struct path_step {
	unsigned char task;
	unsigned int value; /* of a choice */
};

/* An execution that violated something; those that did so in the same words are counted. */
struct finding {
	struct finding *next;
	char invariant[32], message[640];
	uint64_t execution; /* its number, from the part's beginning; then from the search's */
	uint64_t times;
	struct path_step *path;
	unsigned int nr_steps;
};

/* In search order.  The findings of @from are used up. */
void findings_add(struct finding **to, struct finding *from);
void findings_free(struct finding *finding);

/* A node whose branches are those of several parts. */
struct fork {
	struct fork *above;		 /* NULL: it is the first node */
	struct op taken;		 /* the step from there to here */
	unsigned int choice, nr_choices; /* if that is one */
	int depth;			 /* steps before it */
	int users;			 /* parts and forks below that are not done */
	uint32_t sleep;	  /* tasks that slept here at first, or whose branch has a part */
	uint32_t foreign; /* of these: another part above put it to sleep */
	struct op sleeping[HISTORY_TASKS_MAX]; /* that step */
	int plan;			       /* new branches: a wakeup tree; -1: none */
	uint32_t wanted;		       /* new branches of a search without plans */
	uint32_t backtrack;
	unsigned int preemptions;
	int stays;
	int mark; /* saved.c */
};

enum part_state {
	PART_NEW,
	PART_RUNNING,
	PART_STOPPED, /* in the middle; @stack goes on from there */
	PART_DONE,
};

/* What a part sends to the fork at that depth on the way to it. */
struct letter {
	int plan;
	uint32_t wanted;
};

/* A node of a part that was stopped: its branch, the rest of its plan, who sleeps. */
struct stopped_node {
	struct node node; /* of which @wakeup is a plan of the frontier's, and so are the objects */
};

struct part {
	struct part *next;
	struct fork *at; /* NULL: the whole tree */
	struct op branch;
	unsigned int choice, nr_choices, choices_left;
	uint32_t sleep; /* at the fork; the steps are there */
	int plan;	/* below the branch */
	enum part_state state;
	struct part_counts counts;
	struct letter *letters; /* by depth; NULL: none yet */
	struct stopped_node *stack;
	int nr_stack;
	uint64_t *signatures; /* of traces, if they are to be told apart */
	size_t nr_signatures, max_signatures;
	struct finding *findings;
};

struct frontier {
	unsigned int part_executions;
	bool keep_going;
	struct part *first;	 /* NULL: all is explored */
	struct wakeup_pool pool; /* of all plans here */
	struct places places;
	struct sequence sequence; /* scratch */
	struct sequence rest;	  /* scratch */
	/* Of parts that are done, and so are all before them. */
	struct part_counts counts;
	struct trace_set traces;
	struct finding *findings;
	bool failed; /* out of memory */
};

/* The whole tree is one part at first.  => -ENOMEM */
int frontier_init(struct frontier *frontier, unsigned int part_executions, bool keep_going,
		  unsigned int step_bound) __must_check;
void frontier_fini(struct frontier *frontier);
bool frontier_failed(const struct frontier *frontier);

/* The first part that nobody has begun, or that was stopped; it is running now.  NULL: none */
struct part *frontier_take(struct frontier *frontier);
/* No part violated anything, or those before the first that did are not done. */
bool frontier_is_open(const struct frontier *frontier);
/* Of all parts, done or not. */
void frontier_count(const struct frontier *frontier, struct part_counts *counts);

/*
 * @search, which is open, is made ready for the first execution of @part, or the next one.  All
 * of these change the frontier; between them, search_next_execution() and an execution do not.
 */
void part_load(struct frontier *frontier, struct part *part, struct search *search,
	       struct numbering *numbering);
/* The next execution is decided; is it time to hand branches out? */
void part_hand_out(struct frontier *frontier, struct part *part, struct search *search,
		   struct numbering *numbering);
/* The same place; but nobody goes on for now. */
void part_stop(struct frontier *frontier, struct part *part, struct search *search,
	       struct numbering *numbering);
/* There is no next execution.  What is in order now is sent. */
void part_finish(struct frontier *frontier, struct part *part, struct search *search,
		 struct numbering *numbering);

/* ---- For one execution of a part: these change nothing but the part ---------------------------------- */

/* @search has made an execution. */
void part_count(struct part *part, const struct search *search, unsigned int nr_steps);
/* => -ENOMEM */
int part_note_trace(struct part *part, uint64_t signature) __must_check;
