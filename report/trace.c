// SPDX-License-Identifier: MIT
/*
 * trace.c - what the machine did, line by line, as the kernel's trace file has it
 *
 * Where the kernel has a trace event, the line is the kernel's, field by field, so that what reads
 * /sys/kernel/tracing/trace reads this: Perfetto's viewer, trace-cmd's users, their scripts.  What
 * it has not is called gw_.
 *
 * Linux: include/trace/events/migrate.h (6.12), Documentation/trace/ftrace.rst.
 */
#include "trace.h"

#include <godwit/machine.h>
#include <godwit/mm.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TRACE_BUFFER (1u << 20)
#define LINE_MAX_LEN 320

struct trace {
	FILE *out; /* stdio's own lock keeps lines whole */
};

int trace_create(const char *path, struct trace **out)
{
	struct trace *trace = malloc(sizeof(*trace));
	int err;

	if (!trace)
		return -ENOMEM;
	trace->out = fopen(path, "we");
	if (!trace->out) {
		err = -errno;
		free(trace);
		return err;
	}
	setvbuf(trace->out, NULL, _IOFBF, TRACE_BUFFER);
	fputs("# tracer: nop\n#\n", trace->out);
	*out = trace;
	return 0;
}

int trace_destroy(struct trace *trace)
{
	bool bad = ferror(trace->out);

	if (fclose(trace->out))
		bad = true;
	free(trace);
	return bad ? -EIO : 0;
}

/* ---- Names --------------------------------------------------------------------------------------- */

static const char *migrate_mode(uint64_t mode)
{
	switch ((enum gw_migrate_mode)mode) {
	case GW_MIGRATE_ASYNC:
		return "MIGRATE_ASYNC";
	case GW_MIGRATE_SYNC_LIGHT:
		return "MIGRATE_SYNC_LIGHT";
	case GW_MIGRATE_SYNC:
		return "MIGRATE_SYNC";
	}
	return "?";
}

static const char *migrate_reason(uint64_t reason)
{
	static const char *const names[] = {
#define X(id, name) name,
		GW_MIGRATE_REASONS(X)
#undef X
	};

	return reason < GW_NR_MR ? names[reason] : "?";
}

static const char *access_name(uint64_t access)
{
	switch ((enum gw_access)access) {
	case GW_READ:
		return "read";
	case GW_WRITE:
		return "write";
	case GW_EXEC:
		return "exec";
	}
	return "?";
}

static const char *fault_name(uint64_t fault)
{
	switch ((enum gw_fault)fault) {
	case GW_FAULT_DONE:
		return "done";
	case GW_FAULT_MAPERR:
		return "SEGV_MAPERR";
	case GW_FAULT_ACCERR:
		return "SEGV_ACCERR";
	case GW_FAULT_SIGBUS:
		return "SIGBUS";
	case GW_FAULT_OOM:
		return "OOM";
	}
	return "?";
}

/* ---- Lines --------------------------------------------------------------------------------------- */

/* "            task-1234    [000] .....  1234.567890: " */
static int print_head(char *line, const struct gw_event *event)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return snprintf(line, LINE_MAX_LEN, "%16.16s-%-7d [%03d] ..... %5ld.%06ld: ",
			event->task ? event->task : "<...>", (int)gettid(), event->cpu,
			(long)now.tv_sec, now.tv_nsec / 1000);
}

static int print_body(char *line, size_t size, const struct gw_event *event)
{
	const uint64_t *arg = event->arg;

	switch (event->kind) {
	case GW_EVENT_FAULT:
		return snprintf(line, size, "gw_fault: mm=%lu address=0x%lx access=%s result=%s\n",
				event->mm_id, event->addr, access_name(arg[0]), fault_name(arg[1]));
	case GW_EVENT_SET_MIGRATION_PTE:
		return snprintf(line, size, "set_migration_pte: addr=%lx, pte=%lx order=0\n",
				event->addr, (unsigned long)arg[0]);
	case GW_EVENT_REMOVE_MIGRATION_PTE:
		return snprintf(line, size, "remove_migration_pte: addr=%lx, pte=%lx order=0\n",
				event->addr, (unsigned long)arg[0]);
	case GW_EVENT_NO_MIGRATION_PTE:
		return snprintf(line, size, "gw_no_migration_pte: mm=%lu addr=0x%lx pte=%lx\n",
				event->mm_id, event->addr, (unsigned long)arg[0]);
	case GW_EVENT_MIGRATE_PAGES:
		return snprintf(line, size,
				"mm_migrate_pages: nr_succeeded=%lu nr_failed=%lu "
				"nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 "
				"mode=%s reason=%s\n",
				(unsigned long)arg[0], (unsigned long)arg[1], migrate_mode(arg[2]),
				migrate_reason(arg[3]));
	case GW_EVENT_EXEC_SHIFT:
		return snprintf(
			line, size, "gw_exec_shift: mm=%lu start=0x%lx end=0x%lx shift=0x%lx\n",
			event->mm_id, event->addr, (unsigned long)arg[0], (unsigned long)arg[1]);
	case GW_EVENT_MMAP:
		return snprintf(line, size, "gw_mmap: mm=%lu start=0x%lx end=0x%lx flags=0x%lx\n",
				event->mm_id, event->addr, (unsigned long)arg[0],
				(unsigned long)arg[1]);
	case GW_EVENT_MUNMAP:
		return snprintf(line, size, "gw_munmap: mm=%lu start=0x%lx end=0x%lx\n",
				event->mm_id, event->addr, (unsigned long)arg[0]);
	case GW_EVENT_FORK:
		return snprintf(line, size, "gw_fork: mm=%lu child=%lu\n", event->mm_id,
				(unsigned long)arg[0]);
	}
	return 0;
}

void trace_event(struct trace *trace, const struct gw_event *event)
{
	char line[LINE_MAX_LEN];
	int len = print_head(line, event);

	len += print_body(line + len, sizeof(line) - (size_t)len, event);
	fwrite(line, 1, (size_t)len, trace->out);
}
