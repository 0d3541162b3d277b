// SPDX-License-Identifier: MIT
/*
 * test_scenarios.c - scenarios as text: what is refused and where, and what is kept
 *
 * If one of these fails, a wrong line is taken for a right one or blamed on the wrong word, a race
 * is another one when it is text, or a schedule is replayed on a scenario that has changed.
 * usage: test_scenarios EVERY-OPERATION.gw
 */
#include "scenario_text.h"

#include "engine.h"
#include "tempstack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *every_operation;

static const struct gw_scenario *parse(const char *text)
{
	char error[512];
	const struct gw_scenario *scenario =
		gw_scenario_parse(text, strlen(text), "a.gw", error, sizeof(error));

	if (!scenario)
		fail_msg("%s", error);
	return scenario;
}

static struct gw_verdict explore(const struct gw_scenario *scenario, uint64_t guards_off)
{
	const struct gw_explore request = { .scenario = scenario,
					    .strategy = "dpor",
					    .executions = 20000,
					    .guards_off = guards_off };
	struct gw_verdict verdict;

	gw_explore(&request, &verdict);
	if (verdict.kind == GW_VERDICT_ERROR)
		print_error("%s\n", verdict.error);
	return verdict;
}

/* ---- What is wrong, and where --------------------------------------------------------------------------- */

#define S  "scenario s \"a scenario\"\n" /* line 1 */
#define P  S "process P\n"		  /* 2 */
#define SU P "setup:\n"			  /* 3 */
#define T  P "task A on cpu 0:\n"	  /* 3 */
#define L  SU "a = mmap 4K rw-p\n"	  /* 4 */
#define E  T "munmap 0 4K\nexpect:\n"	  /* 5 */

static const struct {
	const char *text, *error;
} wrong[] = {
	/* words */
	{ "scenario s \"a", "1:12: this string has no end" },
	{ S "machine\001", "2:8: a control character, number 1" },
	{ "scenario s \"a\tb\rc\"", "1:16: a control character, number 13" },
	{ S "\001", "2:1: a control character, number 1" },
	{ S "process P Q", "2:11: expected the end of the line, not 'Q'" },
	/* the top */
	{ "", "1:1: expected 'scenario NAME \"SUMMARY\"', not the end of the file" },
	{ "# nothing\n\n", "3:1: expected 'scenario NAME" },
	{ "process P", "1:1: expected 'scenario NAME \"SUMMARY\"' first, not 'process'" },
	{ "scenario", "1:9: expected the scenario's name, not the end of the line" },
	{ "scenario s", "1:11: expected its summary in quotes" },
	{ "scenario a/b \"x\"", "1:10: expected the scenario's name, not 'a/b'" },
	{ "scenario abcdefghijklmnopqrstuvwxyz0123456 \"x\"",
	  "1:10: expected the scenario's name of at most 31 letters" },
	{ S S, "2:1: a second scenario line" },
	{ S, "2:1: expected a task, not the end of the file" },
	{ S "dance", "2:1: expected scenario, machine, process" },
	{ S "munmap 0 4K", "2:1: expected scenario, machine, process" },
	/* the machine */
	{ S "machine", "2:8: expected frames, cpus" },
	{ S "machine frames", "2:15: expected frames, not the end of the line" },
	{ S "machine frames x", "2:16: expected frames, not 'x'" },
	{ S "machine frames 0x", "2:16: expected frames, not '0x'" },
	{ S "machine frames 4P", "2:16: expected frames, not '4P'" },
	{ S "machine frames 1", "2:16: expected frames from 2 to 4096" },
	{ S "machine frames 99999999999999999999", "2:16: expected frames, not" },
	{ S "machine cpus 17", "2:14: expected cpus from 1 to 16" },
	{ S "machine task-size 65537K", "2:19: expected whole pages" },
	{ S "machine task-size 1M", "2:19: expected task-size from" },
	{ S "machine migrate-passes 0", "2:24: expected migrate-passes from 1" },
	{ S "machine migrate-batch 513", "2:23: expected migrate-batch from 1" },
	{ S "machine step-bound 0", "2:20: expected step-bound from 1" },
	{ S "machine poison maybe", "2:16: expected 'on', not 'maybe'" },
	{ S "machine callbacks soon", "2:19: expected 'late', not 'soon'" },
	{ S "machine seed 1 wheels 4", "2:16: expected frames, cpus" },
	/* processes, files, guards */
	{ P "process P", "3:9: expected a name that no process has yet, not 'P'" },
	{ S "process P before lunch", "2:18: expected exec or fork, not 'lunch'" },
	{ S "file f", "2:7: expected its size, not the end" },
	{ S "file f 1M", "2:8: expected its size from 0 to 262144" },
	{ S "file f 4K\nfile f 4K", "3:6: expected a name that no file has yet" },
	{ S "guard sleep must break \"x\"", "2:7: expected the name of a guard" },
	{ S "guard skip-temporary-stack", "2:27: expected 'must', not the end" },
	{ S "guard skip-temporary-stack must break x", "2:39: expected the words of what must break" },
	{ S "guard skip-temporary-stack must break \"\"", "2:39: expected the words" },
	{ S "design hope", "2:8: expected the name of a design" },
	{ S "design lock", "2:12: expected 'instead', not the end" },
	{ S "design lock instead of", "2:23: expected the name of a guard" },
	{ S "design lock instead of sleep", "2:24: expected the name of a guard" },
	{ S "design lock instead of skip-temporary-stack must", "2:49: expected 'break'" },
	{ S "design lock instead of skip-temporary-stack\ndesign lock",
	  "3:1: a second design line" },
	{ S "design lock instead of skip-temporary-stack\nguard skip-temporary-stack must",
	  "3:1: the design says what it stands for" },
	{ S "guard skip-temporary-stack must break \"x\"\ndesign lock",
	  "3:1: a design stands for guards" },
	{ S "guard skip-temporary-stack must break \"x\"\nguard migrate-recheck-refs must "
	    "break \"y\"",
	  "3:1: a second guard line" },
	/* sections */
	{ S "setup", "2:6: expected ':', not the end" },
	{ S "setup in Q:", "2:10: expected the name of a process that is declared above" },
	{ T "setup:", "4:1: setup: stands above the tasks" },
	{ S "task a on cpu 0:", "2:6: expected the task's name, which begins with a capital" },
	{ S "task A:", "2:7: expected 'on', not ':'" },
	{ S "task A on 0:", "2:11: expected 'cpu', not '0'" },
	{ S "task A on cpu 2:", "2:15: expected a CPU from 0 to 1" },
	{ T "task A on cpu 1:", "4:6: expected a name that no task has yet" },
	{ E "task B on cpu 1:", "6:1: expect: stands below the tasks" },
	{ T "start B at x", "4:7: expected the name of a task that is described above" },
	{ T "start A in x", "4:9: expected 'at', not 'in'" },
	{ T "start A at x\nstart A at y", "5:1: a second start of A" },
	/* operations */
	{ SU "dance", "4:1: expected an operation, such as mmap, store or migrate, not 'dance'" },
	{ SU "fork", "4:5: expected the name of a process that is declared above, not the end" },
	{ SU "fork P", "4:6: expected a process that is declared 'before fork'" },
	{ P "process Q before fork\nsetup:\nin P fork Q\nin P fork Q",
	  "6:11: expected a process that is declared 'before fork'" },
	{ SU "pin 0 read", "4:1: expected 'NAME = pin', to use it by" },
	{ L "p = pin a", "5:10: expected 'read', not the end" },
	{ L "a = pin a read", "5:1: the label 'a' is taken" },
	{ L "p = pin a read\np = mmap 4K rw-p", "6:1: the label 'p' is taken" },
	{ L "p = pin a read\nunpin q", "6:7: expected the name of a pin that is made above" },
	{ L "p = pin a read\nunpin p\nunpin p", "7:7: expected a pin that this task has" },
	{ L "p = pin a read\ndevice_write p", "6:15: expected a value, not the end" },
	{ SU "  swapin 0 4K", "4:3: swapin: not there yet" },
	{ T "swapout 0 4K", "4:1: swapout: not there yet" },
	{ E "exit", "6:1: exit stands in setup: or a task only" },
	{ T "counter pgfault -> 1", "4:1: counter stands in expect: only" },
	{ E "exec x", "6:1: exec stands in setup: or a task only" },
	{ E "counter pgfaults", "6:9: expected a counter, such as" },
	{ SU "in Q munmap 0 4K", "4:4: expected the name of a process" },
	{ S "setup:\nmunmap 0 4K", "3:1: expected 'in PROCESS' here" },
	{ P "process Q\nsetup:\nmunmap 0 4K", "5:1: expected 'in PROCESS' here" },
	{ SU "munmap", "4:7: expected an address, not the end" },
	{ SU "munmap 0", "4:9: expected a length in bytes, not the end" },
	{ SU "munmap a 4K", "4:8: expected an address; no 'LABEL = mmap' above has the label 'a'" },
	{ L "munmap a+ 4K", "5:8: expected an address, such as 0x10000 or a+4K, not 'a+'" },
	{ L "munmap a*2 4K", "5:8: expected an address, such as" },
	{ L "munmap \"a\" 4K", "5:8: expected an address, not 'a'" },
	{ L "store a", "5:8: expected a value, not the end" },
	{ L "mremap a 4K", "5:12: expected the new length in bytes, not the end" },
	{ L "mremap a 4K 8K move", "5:16: expected maymove, fixed, dontunmap, '->' or the end" },
	{ L "mremap a 4K 4K fixed", "5:21: expected an address, not the end" },
	{ L "madvise a 4K go", "5:14: expected advice, such as dontneed" },
	{ L "mlock a 4K hard", "5:12: expected onfault, '->' or the end of the line, not 'hard'" },
	{ SU "mlockall 4K", "4:10: expected current, future, onfault, '->' or the end" },
	{ L "msync a 4K now", "5:12: expected async, sync, invalidate, '->' or the end" },
	{ L "mincore a 4K", "5:13: expected an address, not the end" },
	{ SU "limit time 4K", "4:7: expected as, data, stack or memlock, not 'time'" },
	{ L "fault a", "5:8: expected read, write or exec, not the end" },
	{ L "mprotect a 4K rw-p", "5:15: expected permissions such as rw- or r--, not 'rw-p'" },
	{ SU "mmap 4K wr-p", "4:9: expected permissions such as rw-p or r--s, not 'wr-p'" },
	{ SU "mmap 4K rw-p file f", "4:19: expected the name of a file that is declared above" },
	{ S "file f 4K\nprocess P\nsetup:\nmmap 4K rw-p file f 100",
	  "5:21: expected an offset of whole pages" },
	{ SU "mmap 4K rw-p nicely", "4:14: expected file, at, fixed" },
	{ SU "a = munmap 0 4K", "4:5: expected mmap or mremap, whose address gets the label, or pin" },
	{ SU "a-b = mmap 4K rw-p", "4:1: expected a label: letters, digits and _" },
	{ SU "sp = mmap 4K rw-p", "4:1: the label 'sp' is taken" },
	{ L "a = mmap 4K rw-p", "5:1: the label 'a' is taken" },
	{ SU "migrate all quickly", "4:13: expected '->' or the end of the line, not 'quickly'" },
	{ SU "exec", "4:5: expected the name of the program, not the end" },
	{ SU "exec x y*z", "4:8: expected an argument, such as x or x*5000" },
	{ SU "exec x yy*40000", "4:8: expected arguments of at most 65536 bytes" },
	{ SU "exec 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
	  "4:45: expected at most 16 arguments" },
	/* how it may end */
	{ L "load a ->", "5:10: expected a value, values such as 1..3, ok, any, MAPERR" },
	{ L "load a -> EINVAL", "5:11: expected a value" },
	{ L "load a -> 3..2", "5:11: expected a value" },
	{ L "load a -> 1 |", "5:14: expected a value" },
	{ L "load a -> 1 2", "5:13: expected '|' or the end of the line, not '2'" },
	{ L "load a -> 1|2|3|4|5|6|7|8|9", "5:27: expected at most 8 ways to end" },
	{ L "store a 1 -> 1", "5:14: expected ok, any, MAPERR, ACCERR, SIGBUS or OOM, not '1'" },
	{ L "munmap a 4K -> MAPERR", "5:16: expected ok, any or an errno such as EINVAL" },
	{ E "free-frames -> EINVAL", "6:16: expected a value, values such as 1..3, or any" },
	/* what is not there when it is needed */
	{ SU "load sp", "4:6: process P has run no program by then" },
	{ SU "brk 4K", "4:1: process P has run no program by then" },
	{ S "process P before exec\nsetup:\nload 0", "4:1: process P has no address space by then" },
	{ S "process P before exec\ntask A on cpu 0:\nexec x\ntask B on cpu 1:\nload 0",
	  "6:1: process P has no address space by then" },
	{ T "exec x\ntask B on cpu 1:\nload 0", "4:1: exec would end task B, which uses process P" },
	{ T "a = mmap 4K rw-p\ntask B on cpu 1:\nload a",
	  "6:6: the label 'a' is made by another task" },
	{ P "process Q before fork\ntask A on cpu 0 in P:\nfork Q\ntask B on cpu 1 in Q:\nload 0",
	  "7:1: process Q has no address space by then" },
	{ T "a = mmap 4K rw-p\np = pin a read\ntask B on cpu 1:\nunpin p",
	  "7:7: expected a pin that this task has" },
	{ L "p = pin a read\ntask A on cpu 0:\nunpin p\ntask B on cpu 1:\ndevice_read p",
	  "9:13: expected a pin that this task has" },
	{ SU "exit\nload 0", "5:1: process P has gone: this task's exit is above" },
	{ SU "exit\ntask A on cpu 0:\nload 0", "6:1: process P has no address space by then" },
	{ T "exit\nload 0", "5:1: process P has gone: this task's exit is above" },
	{ T "exit\nexpect:\nload 0", "6:1: process P has gone: all its tasks exit" },
};

static void a_wrong_word_is_named_with_line_and_column(void **state)
{
	char expected[256], error[512];
	int mistakes = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *text = wrong[i].text;

		snprintf(expected, sizeof(expected), "a.gw:%s", wrong[i].error);
		error[0] = '\0';
		if (gw_scenario_parse(text, strlen(text), "a.gw", error, sizeof(error)))
			fail_msg("nothing wrong with:\n%s", text);
		if (!strncmp(error, expected, strlen(expected)))
			continue;
		print_error("'%s' instead of '%s' for:\n%s\n", error, expected, text);
		mistakes++;
	}
	assert_int_equal(mistakes, 0);
}

/* A limit is the last number that is taken. */
static void limits_are_refused_and_not_overrun(void **state)
{
	static const struct {
		const char *head, *line, *foot, *error;
		int most;
	} limits[] = {
		{ S, "process P%d\n", "task A on cpu 0:\n", "expected at most 8 processes", 8 },
		{ S, "file f%d 4K\n", "task A on cpu 0:\n", "expected at most 4 files", 4 },
		{ S, "task T%d on cpu 0:\n", "", "expected at most 8 tasks", 8 },
		{ SU, "a%d = mmap 4K rw-p\n", "task A on cpu 0:\n", "expected at most 32 labels",
		  32 },
		{ SU, "p%d = pin 4K read\n", "task A on cpu 0:\n", "expected at most 8 pins", 8 },
		{ T, "munmap %d 4K\n", "", "expected at most 64 operations", 64 },
	};
	char text[8192], error[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		for (int nr = limits[i].most; nr <= limits[i].most + 1; nr++) {
			const struct gw_scenario *scenario;
			size_t len = (size_t)snprintf(text, sizeof(text), "%s", limits[i].head);

			for (int line = 0; line < nr; line++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				len += (size_t)snprintf(text + len, sizeof(text) - len,
							limits[i].line, line);
#pragma GCC diagnostic pop
			}
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
						limits[i].foot);
			scenario = gw_scenario_parse(text, len, "a.gw", error, sizeof(error));
			if ((scenario != NULL) != (nr == limits[i].most) ||
			    (!scenario && !strstr(error, limits[i].error)))
				fail_msg("%d times %s: %s", nr, limits[i].line,
					 scenario ? "taken" : error);
			gw_scenario_put(scenario);
		}
	}
}

/* Whatever its bytes are, a text is read or refused; sanitizers watch. */
static void cut_off_and_garbled_texts_do_no_harm(void **state)
{
	FILE *in = fopen(every_operation, "re");
	char whole[8192], garbled[8192], error[512];
	size_t len;

	(void)state;
	assert_non_null(in);
	len = fread(whole, 1, sizeof(whole), in);
	fclose(in);
	for (size_t cut = 0; cut <= len; cut++)
		gw_scenario_put(gw_scenario_parse(whole, cut, "a.gw", error, sizeof(error)));
	for (size_t at = 0; at < len; at++) {
		static const char bytes[] = { '\0', '"', ':', '=', '-', '9', '\n', ' ', '\377' };

		for (size_t i = 0; i < sizeof(bytes); i++) {
			memcpy(garbled, whole, len);
			garbled[at] = bytes[i];
			gw_scenario_put(
				gw_scenario_parse(garbled, len, "a.gw", error, sizeof(error)));
		}
	}
}

/* ---- What it means --------------------------------------------------------------------------------------- */

static void the_race_is_the_same_in_c_and_as_text(void **state)
{
	const struct gw_scenario *text = gw_scenario_find("2010-exec-tempstack");
	uint64_t guard = 1ull << GW_GUARD_skip_temporary_stack;
	struct gw_verdict in_c = explore(&tempstack_in_c, 0), as_text;

	(void)state;
	assert_non_null(text);
	as_text = explore(text, 0);
	assert_int_equal(in_c.kind, GW_VERDICT_EXHAUSTED);
	assert_int_equal(as_text.kind, GW_VERDICT_EXHAUSTED);
	assert_int_equal(as_text.traces, in_c.traces);
	assert_int_equal(as_text.steps, in_c.steps);
	print_message("# %llu traces, %llu steps\n", (unsigned long long)in_c.traces,
		      (unsigned long long)in_c.steps);
	assert_int_equal(gw_scenario_guards(text), guard);
	as_text = explore(text, guard);
	assert_int_equal(as_text.kind, GW_VERDICT_VIOLATED);
	assert_non_null(strstr(as_text.message, gw_scenario_breaks(text)));
	gw_schedule_free(as_text.schedule);
	gw_scenario_put(text);
}

static void every_built_in_scenario_can_be_read_and_has_its_name(void **state)
{
	(void)state;
	assert_true(gw_nr_scenarios() > 0);
	for (size_t i = 0; i < gw_nr_scenarios(); i++) {
		const struct gw_scenario *scenario = gw_scenario(i), *same;

		assert_non_null(scenario);
		same = gw_scenario_find(gw_scenario_name(scenario));
		assert_non_null(same);
		assert_null(gw_scenario_path(scenario));
		gw_scenario_put(same);
		gw_scenario_put(scenario);
	}
}

static const struct operation *find_operation(const struct scenario_text *text, int code)
{
	const struct operation *op;

	for (op = text->setup.first; op; op = op->next)
		if (op->code == (enum operation_code)code)
			return op;
	for (op = text->expect.first; op; op = op->next)
		if (op->code == (enum operation_code)code)
			return op;
	for (int task = 0; task < text->nr_tasks; task++)
		for (op = text->tasks[task].first; op; op = op->next)
			if (op->code == (enum operation_code)code)
				return op;
	return NULL;
}

static void each_operation_is_in_the_scenario_that_runs_them_all(void **state)
{
	char error[512];
	const struct gw_scenario *scenario =
		gw_scenario_load(every_operation, error, sizeof(error));

	(void)state;
	if (!scenario)
		fail_msg("%s", error);
	for (int code = 0; code < NR_OPERATIONS; code++)
		if (!find_operation(scenario->text, code))
			fail_msg("operation number %d is not tested", code);
	gw_scenario_put(scenario);
}

/* One that ends otherwise is a violation, which names its line and what was expected. */
static void an_operation_that_ends_otherwise_is_a_violation(void **state)
{
	static const struct {
		const char *text, *message;
	} otherwise[] = {
		{ L "task A on cpu 0:\nload a -> 1 | 3..4",
		  "A: load a: 0, expected 1 or 3..4 (a.gw:6, A)" },
		{ L "task A on cpu 0:\nstore a+4K 1", "A: store a+4K 1: MAPERR, expected ok" },
		{ L "task A on cpu 0:\nstore a 1 -> ACCERR", "store a 1: 0, expected ACCERR" },
		{ L "task A on cpu 0:\nmunmap a+1 4K -> ok | ENOMEM",
		  "munmap a+1 4K: EINVAL, expected ok or ENOMEM" },
		{ L "task A on cpu 0:\nmunmap a 4K -> EINVAL", "munmap a 4K: 0, expected EINVAL" },
		{ L "task A on cpu 0:\nmigrate all\nexpect:\nload a -> 1",
		  "setup: load a: 0, expected 1" },
		{ L "task A on cpu 0:\nmigrate all\nexpect:\ncounter pgmigrate_success -> 1",
		  "counter pgmigrate_success: 0, expected 1" },
		{ L "task A on cpu 0:\nfault a write\nexpect:\nrss -> 0", "rss: 1, expected 0" },
		{ L "task A on cpu 0:\nexit\nexpect:\nfree-frames -> 1",
		  "free-frames: 23, expected 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(otherwise); i++) {
		const struct gw_scenario *scenario = parse(otherwise[i].text);
		struct gw_verdict verdict = explore(scenario, 0);

		if (verdict.kind != GW_VERDICT_VIOLATED ||
		    !strstr(verdict.message, otherwise[i].message))
			fail_msg("'%s' instead of '%s'", verdict.message, otherwise[i].message);
		gw_schedule_free(verdict.schedule);
		gw_scenario_put(scenario);
	}
}

static void a_set_up_that_ends_otherwise_is_an_error(void **state)
{
	const struct gw_scenario *scenario = parse(L "load a -> 1\ntask A on cpu 0:\nload a");
	struct gw_verdict verdict = explore(scenario, 0);

	(void)state;
	assert_int_equal(verdict.kind, GW_VERDICT_ERROR);
	assert_non_null(strstr(verdict.error, "setup: load a: 0, expected 1 (a.gw:5"));
	gw_scenario_put(scenario);
}

/* ---- Schedules ---------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void a_schedule_belongs_to_the_text_that_it_was_made_with(void **state)
{
	static const char text[] = L "task A on cpu 0:\nload a -> 1\n";
	char path[] = "scenario with blanks.XXXXXX.gw", error[512], *words;
	int fd = mkstemps(path, 3);
	const struct gw_scenario *scenario;
	struct gw_schedule *schedule;
	struct gw_verdict found, again;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(path, text);
	scenario = gw_scenario_load(path, error, sizeof(error));
	assert_non_null(scenario);
	found = explore(scenario, 0);
	gw_scenario_put(scenario); /* the schedule has its own reference */
	words = gw_schedule_text(found.schedule);
	gw_schedule_free(found.schedule);

	schedule = gw_schedule_parse(words, strlen(words), "s", error, sizeof(error));
	assert_non_null(schedule);
	gw_replay(&(struct gw_replay){ .schedule = schedule }, &again);
	assert_int_equal(again.kind, GW_VERDICT_VIOLATED);
	gw_schedule_free(schedule);

	write_file(path, L "task A on cpu 0:\nload a -> 2\n");
	assert_null(gw_schedule_parse(words, strlen(words), "s", error, sizeof(error)));
	assert_non_null(strstr(error, "s:3: the scenario scenario with blanks."));
	assert_non_null(strstr(error, "has changed since"));
	write_file(path, "nothing");
	assert_null(gw_schedule_parse(words, strlen(words), "s", error, sizeof(error)));
	assert_non_null(strstr(error, ":1:1: expected 'scenario NAME"));
	unlink(path);
	assert_null(gw_schedule_parse(words, strlen(words), "s", error, sizeof(error)));
	assert_non_null(strstr(error, "No such file"));
	free(words);
}

static void a_schedule_of_a_file_must_say_of_which_text(void **state)
{
	char text[1024], error[512];

	(void)state;
	snprintf(text, sizeof(text), "godwit-schedule 1\nscenario %s\nstate 0\nE 1 begin\n",
		 every_operation);
	assert_null(gw_schedule_parse(text, strlen(text), "s", error, sizeof(error)));
	assert_non_null(strstr(error, "lacks the line scenario-text"));
	snprintf(text, sizeof(text), "godwit-schedule 1\nscenario-text 0\n");
	assert_null(gw_schedule_parse(text, strlen(text), "s", error, sizeof(error)));
	assert_non_null(strstr(error, "s:2: a scenario that is text must be named above"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_word_is_named_with_line_and_column),
		cmocka_unit_test(limits_are_refused_and_not_overrun),
		cmocka_unit_test(cut_off_and_garbled_texts_do_no_harm),
		cmocka_unit_test(the_race_is_the_same_in_c_and_as_text),
		cmocka_unit_test(every_built_in_scenario_can_be_read_and_has_its_name),
		cmocka_unit_test(each_operation_is_in_the_scenario_that_runs_them_all),
		cmocka_unit_test(an_operation_that_ends_otherwise_is_a_violation),
		cmocka_unit_test(a_set_up_that_ends_otherwise_is_an_error),
		cmocka_unit_test(a_schedule_belongs_to_the_text_that_it_was_made_with),
		cmocka_unit_test(a_schedule_of_a_file_must_say_of_which_text),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s EVERY-OPERATION.gw\n", argv[0]);
		return 2;
	}
	every_operation = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
