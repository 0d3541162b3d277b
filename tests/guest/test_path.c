// SPDX-License-Identifier: MIT
/* test_path.c - paths that mean the process itself are rewritten, and no others */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "family.h"
#include "process.h"

#define EXE "/usr/bin/the-program"

static struct world world;
static struct process process = { .world = &world };

static int make_process(void **state)
{
	(void)state;
	family_init(&world.family);
	process.pid = getpid();
	world.first = &process;
	family_add(&process);
	process.files = (struct files){ .limit = 64 };
	process.cwd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	strcpy(process.exe, EXE);
	/* Descriptors 0 to 2, and 5, which leads into /proc. */
	for (int fd = 0; fd < 3; fd++)
		files_install(&process.files, open("/dev/null", O_RDONLY | O_CLOEXEC), fd, false);
	return files_install(&process.files, open("/proc", O_PATH | O_CLOEXEC), 5, false) != 5;
}

static int end_process(void **state)
{
	(void)state;
	files_destroy(&process.files);
	close(process.cwd);
	return 0;
}

static struct path resolve_at(int dir, const char *text)
{
	struct path path;

	assert_int_equal(path_from_text(&process, dir, text, 0, &path), 0);
	return path;
}

static struct path resolve(const char *text)
{
	return resolve_at(AT_FDCWD, text);
}

static void assert_unchanged(const char *text)
{
	struct path path = resolve(text);

	assert_string_equal(path.text, text);
	assert_int_equal(path.proc, PROC_NONE);
	assert_false(path.trusted);
	assert_false(path.is_exe);
}

/* Fails when a path of others is taken for the process's own. */
static void other_paths_stay_as_they_are(void **state)
{
	static const char *const paths[] = {
		"/",
		"/etc/passwd",
		"relative/file",
		"exe",
		"maps",
		"self/maps",
		"/proc",
		"/proc/",
		"/proc/1/maps",
		"/proc/selfish/maps",
		"/proc/self",
		"/proc/self/",
		"/proc/self/mem",
		"/proc/self/mapsx",
		"/proc/self/maps/x",
		"/proc/uptime",
		"/proc/meminfo/x",
		"/dev/null",
		"/dev/stdinx",
		"/usr/proc/self/exe",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_unchanged(paths[i]);
}

/* Fails when one of the names of the running program leads to Godwit. */
static void every_name_of_the_program_leads_to_it(void **state)
{
	char by_pid[64], by_task[64];
	const char *const names[] = {
		"/proc/self/exe", "/proc/thread-self/exe", "//proc/./self//exe", by_pid, by_task,
	};

	(void)state;
	snprintf(by_pid, sizeof(by_pid), "/proc/%d/exe", getpid());
	snprintf(by_task, sizeof(by_task), "/proc/self/task/%d/exe", getpid());
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct path path = resolve(names[i]);

		assert_string_equal(path.text, EXE);
		assert_true(path.is_exe);
		assert_false(path.trusted);
	}
}

static void assert_leads_to_fd(const char *text, int fd)
{
	char expected[64];
	struct path path = resolve(text);

	snprintf(expected, sizeof(expected), "/proc/self/fd/%d", files_host(&process.files, fd));
	assert_string_equal(path.text, expected);
	assert_true(path.trusted);
}

/* Fails when a descriptor's name leads to the host's descriptor of that number. */
static void names_of_descriptors_lead_to_the_guests(void **state)
{
	struct path path;

	(void)state;
	assert_leads_to_fd("/proc/self/fd/2", 2);
	assert_leads_to_fd("/dev/fd/1", 1);
	assert_leads_to_fd("/dev/stdin", 0);
	assert_leads_to_fd("/dev/stdout", 1);
	assert_leads_to_fd("/dev/stderr", 2);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "/dev/fd/9", 0, &path), -ENOENT);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "/dev/fd/x", 0, &path), -ENOENT);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "/proc/self/fd/99999999999", 0, &path),
			 -ENOENT);
}

/* Fails when Godwit's current directory is taken for the guest's. */
static void the_current_directory_is_the_guests(void **state)
{
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "/proc/self/fd/%d", process.cwd);
	assert_string_equal(resolve("/proc/self/cwd").text, expected);
	assert_int_equal(resolve("bin").dir, process.cwd);
}

static void assert_leads_beyond(const char *text, int dir, const char *rest)
{
	struct path path = resolve(text);

	assert_int_equal(path.dir, dir);
	assert_string_equal(path.text, rest);
	assert_false(path.trusted);
}

/* Fails when a directory of the guest's is a way to what is Godwit's own. */
static void what_is_beyond_a_descriptor_is_not_trusted(void **state)
{
	const int proc = files_host(&process.files, 5);

	(void)state;
	assert_leads_beyond("/proc/self/cwd/bin", process.cwd, "bin");
	assert_leads_beyond("/proc/self/cwd/../proc/self/mem", process.cwd, "../proc/self/mem");
	assert_leads_beyond("/proc/self/fd/5//self/mem", proc, "self/mem");
	assert_leads_beyond("/dev/fd/5/./self/fd/3", proc, "self/fd/3");
	assert_leads_beyond("/dev/stdin/x", files_host(&process.files, 0), "x");
}

/* Fails when a directory descriptor of /proc is a way around. */
static void paths_from_a_directory_of_proc_are_seen(void **state)
{
	(void)state;
	assert_true(resolve_at(5, "self/exe").is_exe);
	assert_int_equal(resolve_at(5, "self/maps").proc, PROC_MAPS);
	assert_int_equal(resolve_at(5, "meminfo").proc, PROC_MEMINFO);
}

/* Fails when a file that Godwit must write would be the host's. */
static void files_that_godwit_writes_are_known(void **state)
{
	(void)state;
	assert_int_equal(resolve("/proc/self/maps").proc, PROC_MAPS);
	assert_int_equal(resolve("/proc/self/status").proc, PROC_STATUS);
	assert_int_equal(resolve("/proc/thread-self/comm").proc, PROC_COMM);
	assert_int_equal(resolve("/proc/self/pagemap").proc, PROC_PAGEMAP);
	assert_int_equal(resolve("/proc/self/smaps").proc, PROC_SMAPS);
	assert_int_equal(resolve("/proc/vmstat").proc, PROC_VMSTAT);
	assert_int_equal(resolve("/proc/self/meminfo").proc, PROC_NONE);
}

/* Fails when a path that cannot be is accepted. */
static void what_cannot_be_is_refused(void **state)
{
	char longest[PATH_MAX + 1];
	struct path path;

	(void)state;
	memset(longest, 'x', PATH_MAX);
	longest[PATH_MAX] = '\0';
	assert_int_equal(path_from_text(&process, AT_FDCWD, longest, 0, &path), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	assert_int_equal(path_from_text(&process, AT_FDCWD, longest, 0, &path), 0);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "", 0, &path), -ENOENT);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "", AT_EMPTY_PATH, &path), 0);
	assert_int_equal(path_from_text(&process, 33, "x", 0, &path), -EBADF);
	assert_int_equal(path_from_text(&process, 33, "/x", 0, &path), 0);
	assert_int_equal(path_from_text(&process, AT_FDCWD, "/proc/self/exe/x", 0, &path),
			 -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_paths_stay_as_they_are),
		cmocka_unit_test(every_name_of_the_program_leads_to_it),
		cmocka_unit_test(names_of_descriptors_lead_to_the_guests),
		cmocka_unit_test(what_is_beyond_a_descriptor_is_not_trusted),
		cmocka_unit_test(the_current_directory_is_the_guests),
		cmocka_unit_test(paths_from_a_directory_of_proc_are_seen),
		cmocka_unit_test(files_that_godwit_writes_are_known),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, make_process, end_process);
}
