// SPDX-License-Identifier: MIT
/*
 * strace.c - a guest's system calls, in the notation of strace(1)
 *
 * A line is written in one piece when its call has returned.  What was known when the call was
 * made has been kept until then; a call that never returns is printed when its process ends.
 *
 * Locks: strace->lock guards the list of calls under way; the text of one is its thread's own.
 */
#include "strace.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "list.h"
#include "strace_args.h"

#define RESULT_COLUMN 40

/* A thread that has made a call, and what is known of its last one. */
struct pending {
	struct list_head link;
	struct thread *thread;
	bool under_way;
	int nr_args; /* printed so far */
	struct text text;
};

struct strace {
	FILE *out;
	strace_reader read;
	pthread_mutex_t lock;
	struct list_head pending;
};

struct strace *strace_create(FILE *out, strace_reader read)
{
	struct strace *strace = malloc(sizeof(*strace));

	if (!strace)
		return NULL;
	*strace = (struct strace){ .out = out, .read = read };
	pthread_mutex_init(&strace->lock, NULL);
	list_init(&strace->pending);
	return strace;
}

static void write_line(struct strace *strace, struct text *text)
{
	/* One write, so that lines of threads, and the program's own, do not mix. */
	fwrite(text->at, 1, text->len, strace->out);
	fflush(strace->out);
}

/* The end of the arguments, and the column where results stand. */
static void close_args(struct text *text)
{
	text_add(text, ")%*s = ", max(RESULT_COLUMN - 2 - (int)text->len, 0), "");
}

/* As strace -f has it: which process, once there is more than one. */
static void add_pid(struct text *text, int pid)
{
	if (pid)
		text_add(text, "[pid %5d] ", pid);
}

static void write_end(struct strace *strace, int pid, int wait_status)
{
	struct text text = { 0 };

	add_pid(&text, pid);
	if (WIFSIGNALED(wait_status)) {
		const char *name = sigabbrev_np(WTERMSIG(wait_status));

		text_add(&text, "+++ killed by SIG%s%s +++\n", name ? name : "?",
			 WCOREDUMP(wait_status) ? " (core dumped)" : "");
	} else {
		text_add(&text, "+++ exited with %d +++\n", WEXITSTATUS(wait_status));
	}
	write_line(strace, &text);
}

void strace_destroy(struct strace *strace)
{
	struct pending *pending, *next;

	list_for_each_entry_safe(pending, next, &strace->pending, link)
		free(pending);
	pthread_mutex_destroy(&strace->lock);
	free(strace);
}

/* The thread's own entry; NULL: out of memory, and the line is lost. */
static struct pending *find_pending(struct strace *strace, struct thread *thread)
{
	struct pending *pending, *found = NULL;

	pthread_mutex_lock(&strace->lock);
	list_for_each_entry(pending, &strace->pending, link)
		if (pending->thread == thread)
			found = pending;
	if (!found)
		found = calloc(1, sizeof(*found));
	if (found && !found->thread) {
		found->thread = thread;
		list_add_tail(&found->link, &strace->pending);
	}
	pthread_mutex_unlock(&strace->lock);
	return found;
}

static void add_unknown_args(struct text *text, const unsigned long *args)
{
	for (int i = 0; i < 6; i++)
		text_add(text, "%s%#lx", i ? ", " : "", args[i]);
}

void strace_enter(struct strace *strace, const struct syscall_record *record)
{
	struct pending *pending = find_pending(strace, record->thread);
	const struct call call = { .read = strace->read, .record = record };

	if (!pending)
		return;
	pending->under_way = true;
	pending->text.len = 0;
	add_pid(&pending->text, record->pid);
	if (record->name)
		text_add(&pending->text, "%s(", record->name);
	else
		text_add(&pending->text, "syscall_%#lx(", record->nr);
	if (record->format)
		pending->nr_args = strace_args(&pending->text, &call, 0);
	else
		add_unknown_args(&pending->text, record->args);
}

static bool returns_address(const char *name)
{
	static const char *const names[] = { "brk", "mmap", "mremap", "shmat" };

	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void add_result(struct text *text, const char *name, long result)
{
	const char *error = result < 0 && result >= -4095 ? strace_errno_name(-result) : NULL;

	if (error && -result >= 512)
		text_add(text, "? %s (To be restarted)", error);
	else if (error)
		text_add(text, "-1 %s (%s)", error, strerrordesc_np((int)-result));
	else
		text_add(text, returns_address(name) ? "%#lx" : "%ld", result);
}

void strace_exit(struct strace *strace, const struct syscall_record *record, long result)
{
	struct pending *pending = find_pending(strace, record->thread);
	const struct call call = {
		.read = strace->read, .record = record, .returned = true, .result = result
	};
	struct text *text;

	if (!pending || !pending->under_way)
		return;
	text = &pending->text;
	if (record->format)
		strace_args(text, &call, pending->nr_args);
	close_args(text);
	add_result(text, record->name, result);
	if (text->len >= sizeof(text->at) - 1)
		text->len = sizeof(text->at) - 2;
	text_add(text, "\n");
	write_line(strace, text);
	pending->under_way = false;
}

void strace_end(struct strace *strace, struct thread *thread, int pid, int wait_status)
{
	struct pending *pending = find_pending(strace, thread);

	if (pending && pending->under_way) {
		close_args(&pending->text);
		text_add(&pending->text, "?\n");
		write_line(strace, &pending->text);
	}
	write_end(strace, pid, wait_status);
	if (!pending)
		return;
	/* Another thread may come to lie where this one lay. */
	pthread_mutex_lock(&strace->lock);
	list_del(&pending->link);
	pthread_mutex_unlock(&strace->lock);
	free(pending);
}
