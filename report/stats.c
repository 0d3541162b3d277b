// SPDX-License-Identifier: MIT
/*
 * stats.c - how a run went, in numbers
 *
 * The names are an interface: those of /proc/vmstat where the kernel counts the same thing.
 */
#include "stats.h"

#include <errno.h>
#include <jansson.h>
#include <sys/wait.h>

static const char *const counter_names[GW_NR_COUNTERS] = {
#define X(name) #name,
	GW_COUNTERS(X)
#undef X
};

static const char *counter_unit(enum gw_counter counter)
{
	switch (counter) {
	case GW_COUNTER_pgfault:
	case GW_COUNTER_pgmajfault:
	case GW_COUNTER_fault_anon:
	case GW_COUNTER_fault_zero:
	case GW_COUNTER_fault_file:
	case GW_COUNTER_fault_cow:
	case GW_COUNTER_fault_reuse:
	case GW_COUNTER_fault_unshare:
	case GW_COUNTER_fault_stack:
	case GW_COUNTER_fault_spurious:
	case GW_COUNTER_vma_lock_success:
	case GW_COUNTER_vma_lock_abort:
	case GW_COUNTER_vma_lock_retry:
		return "faults";
	case GW_COUNTER_migration_wait:
		return "waits";
	case GW_COUNTER_pgmigrate_success:
	case GW_COUNTER_pgmigrate_fail:
	case GW_COUNTER_fork_copy_pinned:
		return "pages";
	case GW_COUNTER_nr_foll_pin_acquired:
	case GW_COUNTER_nr_foll_pin_released:
		return "pins";
	case GW_COUNTER_migrate_retry:
		return "passes";
	case GW_COUNTER_migrate_skip_tmp_stack:
	case GW_COUNTER_vma_lock_miss:
		return "mappings";
	case GW_COUNTER_pgalloc:
	case GW_COUNTER_pgfree:
		return "frames";
	case GW_COUNTER_tlb_fill:
		return "translations";
	case GW_COUNTER_tlb_flush:
	case GW_COUNTER_tlb_flush_batch:
		return "flushes";
	case GW_NR_COUNTERS:
		break;
	}
	return "";
}

/* What the platform did, by name; world.h has the meanings. */
#define PLATFORM_STATS(X)                                                                          \
	X(events)                                                                                  \
	X(fills)                                                                                   \
	X(fill_pages)                                                                              \
	X(flushes_queued)                                                                          \
	X(flushes_remote)                                                                          \
	X(evictions)                                                                               \
	X(spins_hit)                                                                               \
	X(spins_missed)                                                                            \
	X(sleeps)

const char *stats_validation(const struct run_result *result)
{
	if (result->validation.nr_problems)
		return result->validation.first;
	return result->validations ? "clean" : "not checked";
}

static void print_line(FILE *out, const char *name, unsigned long value, const char *unit)
{
	fprintf(out, "  %-24s %14lu %s\n", name, value, unit);
}

static void print_end(FILE *out, const struct run_result *result)
{
	if (result->failed)
		fputs("the run failed", out);
	else if (WIFSIGNALED(result->status))
		fprintf(out, "ended by signal %d", WTERMSIG(result->status));
	else
		fprintf(out, "exit status %d", WEXITSTATUS(result->status));
}

void stats_print_text(FILE *out, const struct run_result *result)
{
	const unsigned long *counters = result->counters;

	fprintf(out, "godwit: %.3f s, ", result->wall_seconds);
	print_end(out, result);
	if (result->wall_seconds > 0 && counters[GW_COUNTER_pgmigrate_success])
		fprintf(out, ", %.0f pages migrated a second",
			(double)counters[GW_COUNTER_pgmigrate_success] / result->wall_seconds);
	fputs("\n", out);
	print_line(out, "syscalls", result->syscalls, "calls");
	for (int i = 0; i < GW_NR_COUNTERS; i++)
		print_line(out, counter_names[i], counters[i], counter_unit((enum gw_counter)i));
	print_line(out, "frames_free", result->frames_free, "frames");
#define X(name) print_line(out, "platform_" #name, result->platform.name, "");
	PLATFORM_STATS(X)
#undef X
	print_line(out, "migration_entries_left", result->validation.migration_entries, "entries");
	print_line(out, "validations", result->validations, "checks of the whole machine");
	fprintf(out, "  %-24s %14s\n", "validation", stats_validation(result));
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

static int put_count(json_t *object, const char *name, unsigned long value)
{
	return json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *platform_object(const struct platform_stats *platform)
{
	json_t *object = json_object();
	int failed = 0;

#define X(name) failed |= put_count(object, #name, platform->name);
	PLATFORM_STATS(X)
#undef X
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *exit_status(const struct run_result *result)
{
	if (result->failed || !WIFEXITED(result->status))
		return json_null();
	return json_integer(WEXITSTATUS(result->status));
}

static json_t *end_signal(const struct run_result *result)
{
	if (result->failed || !WIFSIGNALED(result->status))
		return json_null();
	return json_integer(WTERMSIG(result->status));
}

static json_t *stats_object(const struct run_result *result)
{
	json_t *object = json_object();
	int failed = 0;

	for (int i = 0; i < GW_NR_COUNTERS; i++)
		failed |= put_count(object, counter_names[i], result->counters[i]);
	failed |= put_count(object, "frames_free", result->frames_free);
	failed |= put_count(object, "migration_entries_left", result->validation.migration_entries);
	failed |= put_count(object, "validations", result->validations);
	failed |= json_object_set_new(object, "validation", json_string(stats_validation(result)));
	failed |= json_object_set_new(object, "wall_seconds", json_real(result->wall_seconds));
	failed |= put_count(object, "syscalls", result->syscalls);
	failed |= json_object_set_new(object, "exit_status", exit_status(result));
	failed |= json_object_set_new(object, "signal", end_signal(result));
	failed |= json_object_set_new(object, "platform", platform_object(&result->platform));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

int stats_print_json(FILE *out, const struct run_result *result)
{
	json_t *object = stats_object(result);
	int err;

	if (!object)
		return -ENOMEM;
	err = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ? -EIO : 0;
	json_decref(object);
	if (fputs("\n", out) == EOF)
		err = -EIO;
	return err;
}
