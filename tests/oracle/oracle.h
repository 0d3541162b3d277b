/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - what both sides of a comparison share
 *
 * A program is first carried out by processes of the host, then on the library, each operation
 * leaving a record; then the records are compared.  Both sides decide alike what is left out
 * (differences.c), from the maps before the operation, which were equal or it would have ended.
 */
#pragma once

#include <sys/types.h>

#include "differences.h"
#include "program.h"

#define MAPS_SIZE 16384
#define TEXT_SIZE (16ul << 20)

/* A stack above keeps its gap: then a hint is not taken, and where else is nobody's business. */
#define ELSEWHERE 1

struct record {
	long value; /* an address, an errno, a byte, the distance of the break */
	uint32_t maps,
		child; /* /proc/PID/maps of the process, and of a child made, in results.text */
	uint64_t pages
		[WINDOW_PAGES]; /* mincore: a byte each; look: a digest each, or NOT_READABLE */
};

#define NOT_READABLE 1

struct results {
	int nr; /* records that there are */
	uint32_t text_used;
	uint32_t last_text; /* the maps that were added last */
	struct record records[OPS_MAX];
	char text[TEXT_SIZE];
};

enum problem {
	PROBLEM_NONE,
	PROBLEM_VALUE,
	PROBLEM_MAPS,
	PROBLEM_CHILD_MAPS,
	PROBLEM_PAGES,
	PROBLEM_INVALID, /* machine_validate() */
	PROBLEM_LEAK,	 /* frames are missing when all processes are gone */
	PROBLEM_PANIC,	 /* the library gave up, or a signal ended it */
	PROBLEM_HOST,	 /* the host's processes did not end well: no difference, but no result */
	NR_PROBLEMS,
};

struct outcome {
	enum problem problem;
	int at; /* the operation */
	char words[512];
};

/* In memory that the supervisor, its workers and the host's processes share. */
struct session {
	struct program asked;	/* what is tried */
	struct program program; /* the same with what is looked at in the end */
	bool dead[OPS_MAX];	/* operations of processes that there are not */
	int child[OPS_MAX];	/* of a fork: the process made, or -1 */
	struct outcome outcome;
	unsigned long nr_ops; /* carried out since the session began */
	unsigned long heap;   /* where the host's heap ended at first, page aligned */

	unsigned int differences; /* bits of enum difference: those that this host has */
	bool reads_make_pages;	  /* the host does without the zero page */
	int file_fd;		  /* read only, FILE_PAGES long */
	char file_name[64];	  /* as /proc/PID/maps has it */
	dev_t file_dev;
	ino_t file_ino;

	struct {
		int turn; /* futex: the process whose turn it is */
		int next; /* operation */
		bool failed;
	} host_run;
	struct results host, ours;
};

/* Once, before anything else. */
struct session *session_create(const char *differences_path);

/* ---- Both sides ---------------------------------------------------------------------------------- */

/* What the looks at the end are added to, and who is alive when. */
void session_prepare(struct session *session, const struct program *program);

/* Add @maps to the text of @results; the same text twice in a row is kept once. */
uint32_t results_add_maps(struct results *results, const char *maps);

uint64_t page_digest(const void *page);

/* Each side numbers shared anonymous memory for itself. */
void maps_hide_inodes(char *maps);
/* The mapping of @maps that contains @addr. */
bool maps_find(const char *maps, unsigned long addr, unsigned long *start, unsigned long *end);
/* Is all of [@addr, @addr + @len) in the window, and free? */
bool maps_are_free(const char *maps, unsigned long addr, unsigned long len);
/* The heap as the comparison sees it. */
bool in_heap(const struct session *session, unsigned long start, unsigned long end);

/* Where the host placed something: outside the window is ELSEWHERE, and is to be unmapped. */
bool is_elsewhere(const struct op *op, long value);

/* ---- The two sides --------------------------------------------------------------------------------- */

/* False: the host's processes did not end well. */
bool host_run(struct session *session);

struct ours;
struct ours *ours_create(const struct session *session);
void ours_destroy(struct ours *ours);
/* Stops at the first difference from what the host did, which goes to session->outcome. */
void ours_run(struct ours *ours, struct session *session);

/* ---- The comparison --------------------------------------------------------------------------------- */

/* Do the records of operation @i differ?  Then session->outcome says how. */
bool records_differ(struct session *session, int i);
void outcome_set(struct session *session, enum problem problem, int at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Both sides of session->program, from the beginning to a difference. */
void session_run(struct session *session, struct ours *ours);
void outcome_print(FILE *out, const struct session *session);
