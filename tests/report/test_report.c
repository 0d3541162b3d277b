// SPDX-License-Identifier: MIT
/* test_report.c - what a run writes about itself: system calls, trace lines, counters */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <godwit/mm.h>

#include "stats.h"
#include "strace.h"
#include "trace.h"

/* ---- A guest whose memory is one array -------------------------------------------------------------- */

#define BASE 0x10000ul
#define SIZE 256

static unsigned char memory[SIZE];

static size_t read_memory(struct thread *thread, void *to, unsigned long from, size_t len)
{
	(void)thread;
	if (from < BASE || from >= BASE + SIZE)
		return 0;
	len = len < BASE + SIZE - from ? len : BASE + SIZE - from;
	memcpy(to, memory + (from - BASE), len);
	return len;
}

static unsigned long put(unsigned long at, const void *bytes, size_t len)
{
	memcpy(memory + at, bytes, len);
	return BASE + at;
}

/* What strace prints of one call that returned. */
static char *line_of(const char *name, const char *format, const unsigned long *args, long result)
{
	static char *line;
	const struct syscall_record record = {
		.thread = (struct thread *)memory, .name = name, .format = format, .args = args
	};
	struct strace *strace;
	size_t size;
	FILE *out;

	free(line);
	line = NULL;
	out = open_memstream(&line, &size);
	strace = strace_create(out, read_memory);
	strace_enter(strace, &record);
	strace_exit(strace, &record, result);
	strace_destroy(strace);
	fclose(out);
	*strchr(line, '\n') = '\0';
	return line;
}

#define assert_line(name, format, result, expected, ...)                                           \
	assert_string_equal(line_of(name, format, (unsigned long[6]){ __VA_ARGS__ }, result),      \
			    expected)

/* ---- System calls ------------------------------------------------------------------------------------- */

/* Fails when a reader of strace output cannot read ours. */
static void a_call_looks_as_strace_prints_it(void **state)
{
	unsigned long text = put(0, "hello\n", 6);

	(void)state;
	assert_line("write", "fbz", 6, "write(1, \"hello\\n\", 6)                  = 6", 1, text,
		    6);
	assert_line("getpid", "", 12, "getpid()                                = 12", 0);
	assert_line("close", "f", -EBADF,
		    "close(-1)                               = -1 EBADF (Bad file descriptor)",
		    (unsigned long)-1);
	assert_line("mmap", "azpmfz", 0x7f0000000000,
		    "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		    "0x7f0000000000",
		    0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1,
		    0);
	assert_line("pause", "", -514,
		    "pause()                                 = ? ERESTARTNOHAND (To be restarted)",
		    0);
}

/* Fails when bytes are shown that the call did not fill in, or none of those it did. */
static void results_are_read_after_the_call(void **state)
{
	unsigned long buffer = put(0, "abcdef", 6);
	int pair[2] = { 3, 4 };

	(void)state;
	assert_line("read", "fBz", 3, "read(0, \"abc\", 4096)                    = 3", 0, buffer,
		    4096);
	assert_line("read", "fBz", 0, "read(0, \"\", 4096)                       = 0", 0, buffer,
		    4096);
	assert_line("read", "fBz", -EIO,
		    "read(0, 0x10000, 4096)                  = -1 EIO (Input/output error)", 0,
		    buffer, 4096);
	buffer = put(16, pair, sizeof(pair));
	assert_line("pipe2", "Pn", 0, "pipe2([3, 4], O_CLOEXEC)                = 0", buffer,
		    O_CLOEXEC);
}

/* Fails when an argument is shown that the kernel does not look at. */
static void arguments_that_do_not_count_are_left_out(void **state)
{
	unsigned long path = put(0, "f", 2);

	(void)state;
	assert_line("openat", "hsno", 3, "openat(AT_FDCWD, \"f\", O_RDONLY)         = 3",
		    (unsigned long)AT_FDCWD, path, O_RDONLY, 0644);
	assert_line("openat", "hsno", 3, "openat(AT_FDCWD, \"f\", O_WRONLY|O_CREAT, 0644) = 3",
		    (unsigned long)AT_FDCWD, path, O_WRONLY | O_CREAT, 0644);
	assert_line("fcntl", "fcl", 0, "fcntl(3, F_GETFD)                       = 0", 3, F_GETFD,
		    77);
	assert_line("fcntl", "fcl", 0, "fcntl(3, F_SETFD, FD_CLOEXEC)           = 0", 3, F_SETFD,
		    FD_CLOEXEC);
}

/* Fails when bad memory of a guest is read as if it were there, or makes a line unreadable. */
static void memory_that_is_not_there_is_an_address(void **state)
{
	(void)state;
	memset(memory, 'x', SIZE);
	assert_line("unlink", "s", -EFAULT,
		    "unlink(0x1)                             = -1 EFAULT (Bad address)", 1);
	assert_line("unlink", "s", -EFAULT,
		    "unlink(NULL)                            = -1 EFAULT (Bad address)", 0);
	/* It does not end before the memory does. */
	assert_line("unlink", "s", -EFAULT,
		    "unlink(0x100f8)                         = -1 EFAULT (Bad address)",
		    BASE + SIZE - 8);
	assert_line("unlink", "s", -ENOENT,
		    "unlink(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...) = -1 ENOENT (No such file or "
		    "directory)",
		    BASE);
	put(0, "\0011\0019\001z\n\\\"", 9);
	assert_line("write", "fbz", 9, "write(1, \"\\0011\\0019\\1z\\n\\\\\\\"\", 9)      = 9", 1,
		    BASE, 9);
}

/* Fails when the mask of a signal call is wrong by one. */
static void signal_sets_have_their_names(void **state)
{
	uint64_t set = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1);
	unsigned long few = put(0, &set, 8), many;

	(void)state;
	set = ~(1ull << (SIGKILL - 1));
	many = put(8, &set, 8);
	assert_line("rt_sigprocmask", "yqQz", 0,
		    "rt_sigprocmask(SIG_BLOCK, [INT TERM], ~[KILL], 8) = 0", SIG_BLOCK, few, many,
		    8);
	assert_line("kill", "dg", 0, "kill(5, SIGTERM)                        = 0", 5, SIGTERM);
}

/* Fails when a call that nobody knows is hidden. */
static void unknown_calls_show_their_words(void **state)
{
	(void)state;
	assert_line(
		"newcall", NULL, -ENOSYS,
		"newcall(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)   = -1 ENOSYS (Function not implemented)", 1,
		2, 3, 4, 5, 6);
}

/* Fails when the last call of a program is lost, or its end. */
static void what_did_not_return_is_shown_at_the_end(void **state)
{
	const unsigned long args[6] = { 3 };
	const struct syscall_record record = {
		.thread = (struct thread *)memory, .name = "exit_group", .format = "d", .args = args
	};
	struct strace *strace;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	strace = strace_create(out, read_memory);
	strace_enter(strace, &record);
	strace_end(strace, record.thread, 0, SIGSEGV);
	strace_destroy(strace);
	fclose(out);
	assert_string_equal(text, "exit_group(3)                           = ?\n"
				  "+++ killed by SIGSEGV +++\n");
	free(text);
}

/* ---- Trace -------------------------------------------------------------------------------------------- */

/* The text of a trace line after its time, and its head checked. */
static void expect_line(FILE *file, const char *expected)
{
	char line[400], task[32];
	int cpu;
	double seconds;

	assert_non_null(fgets(line, sizeof(line), file));
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(sscanf(line, " %31[^-]-%*d [%d] ..... %lf:", task, &cpu, &seconds), 3);
	assert_string_equal(task, "storm");
	assert_int_equal(cpu, 2);
	assert_true(seconds > 0);
	assert_string_equal(strstr(line, ": ") + 2, expected);
}

/* Fails when what reads the kernel's trace file cannot read ours. */
static void trace_lines_are_the_kernels(void **state)
{
	char path[] = "/tmp/godwit-test-trace.XXXXXX";
	int fd = mkstemp(path);
	struct gw_event event = { .task = "storm", .cpu = 2, .addr = 0x7f1000, .mm_id = 3 };
	struct trace *trace;
	char line[64];
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trace_create(path, &trace), 0);
	event.kind = GW_EVENT_SET_MIGRATION_PTE;
	event.arg[0] = 0xabc;
	trace_event(trace, &event);
	event.kind = GW_EVENT_REMOVE_MIGRATION_PTE;
	trace_event(trace, &event);
	event.kind = GW_EVENT_NO_MIGRATION_PTE;
	trace_event(trace, &event);
	event.kind = GW_EVENT_MIGRATE_PAGES;
	event.arg[0] = 7;
	event.arg[1] = 1;
	event.arg[2] = GW_MIGRATE_SYNC;
	event.arg[3] = GW_MR_COMPACTION;
	trace_event(trace, &event);
	assert_int_equal(trace_destroy(trace), 0);

	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "# tracer: nop\n");
	assert_non_null(fgets(line, sizeof(line), file));
	expect_line(file, "set_migration_pte: addr=7f1000, pte=abc order=0");
	expect_line(file, "remove_migration_pte: addr=7f1000, pte=abc order=0");
	expect_line(file, "gw_no_migration_pte: mm=3 addr=0x7f1000 pte=abc");
	expect_line(file, "mm_migrate_pages: nr_succeeded=7 nr_failed=1 nr_thp_succeeded=0 "
			  "nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_SYNC "
			  "reason=compaction");
	fclose(file);
	unlink(path);
}

/* Fails when a full disk, or a path that cannot be, goes unnoticed. */
static void trace_errors_are_reported(void **state)
{
	struct gw_event event = { .kind = GW_EVENT_MUNMAP };
	struct trace *trace;

	(void)state;
	assert_int_equal(trace_create("/nonexistent/trace", &trace), -ENOENT);
	assert_int_equal(trace_create("/dev/full", &trace), 0);
	trace_event(trace, &event);
	assert_int_equal(trace_destroy(trace), -EIO);
}

/* ---- Counters ------------------------------------------------------------------------------------------ */

static json_t *json_of(const struct run_result *result)
{
	json_t *object;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(stats_print_json(out, result), 0);
	fclose(out);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	free(text);
	return object;
}

/* Fails when a documented member is missing or has another run's figure. */
static void the_object_holds_what_was_counted(void **state)
{
	struct run_result result = { .status = 3 << 8, .syscalls = 11, .wall_seconds = 1.5 };
	json_t *object;

	(void)state;
	result.counters[GW_COUNTER_pgmigrate_success] = 123456789;
	result.validations = 2;
	object = json_of(&result);
	assert_int_equal(json_integer_value(json_object_get(object, "pgmigrate_success")),
			 123456789);
	assert_int_equal(json_integer_value(json_object_get(object, "syscalls")), 11);
	assert_int_equal(json_integer_value(json_object_get(object, "exit_status")), 3);
	assert_true(json_is_null(json_object_get(object, "signal")));
	assert_true(json_real_value(json_object_get(object, "wall_seconds")) == 1.5);
	assert_string_equal(json_string_value(json_object_get(object, "validation")), "clean");
	assert_true(json_is_integer(json_object_get(object, "migration_entries_left")));
	json_decref(object);
}

/* Fails when a run that nobody checked is called clean, or one that is not. */
static void only_a_validated_run_is_clean(void **state)
{
	struct run_result result = { .status = SIGSEGV };
	json_t *object = json_of(&result);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(object, "validation")),
			    "not checked");
	assert_int_equal(json_integer_value(json_object_get(object, "signal")), SIGSEGV);
	assert_true(json_is_null(json_object_get(object, "exit_status")));
	json_decref(object);
	result.validations = 1;
	result.validation.nr_problems = 1;
	result.validation.migration_entries = 4;
	strcpy(result.validation.first, "a folio is gone");
	object = json_of(&result);
	assert_string_equal(json_string_value(json_object_get(object, "validation")),
			    "a folio is gone");
	assert_int_equal(json_integer_value(json_object_get(object, "migration_entries_left")), 4);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_looks_as_strace_prints_it),
		cmocka_unit_test(results_are_read_after_the_call),
		cmocka_unit_test(arguments_that_do_not_count_are_left_out),
		cmocka_unit_test(memory_that_is_not_there_is_an_address),
		cmocka_unit_test(signal_sets_have_their_names),
		cmocka_unit_test(unknown_calls_show_their_words),
		cmocka_unit_test(what_did_not_return_is_shown_at_the_end),
		cmocka_unit_test(trace_lines_are_the_kernels),
		cmocka_unit_test(trace_errors_are_reported),
		cmocka_unit_test(the_object_holds_what_was_counted),
		cmocka_unit_test(only_a_validated_run_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
