// SPDX-License-Identifier: MIT
/* test_files.c - a guest's descriptors: which host descriptor stands behind each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int host)
{
	return fcntl(host, F_GETFD) >= 0;
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

/* Fails when what a starting program inherits is not what the caller has open. */
static void what_is_open_is_shared_under_the_same_number(void **state)
{
	int passed_on = dup(0), kept = open_null();
	struct files files;

	(void)state;
	assert_int_equal(files_adopt(&files, 1024), 0);
	for (int fd = 0; fd < 3; fd++) {
		assert_true(files_host(&files, fd) >= 3);
		assert_true(same_file(files_host(&files, fd), fd));
	}
	assert_true(files_host(&files, passed_on) >= 0);
	assert_int_equal(files_host(&files, kept), -EBADF);
	files_destroy(&files);
	assert_true(is_open(passed_on));
	close(passed_on);
	close(kept);
}

/* Fails when a descriptor is not the lowest free one, as POSIX promises. */
static void the_lowest_free_number_is_taken(void **state)
{
	struct files files = { .limit = 64 };

	(void)state;
	for (int fd = 0; fd < 5; fd++)
		assert_int_equal(files_install(&files, open_null(), 0, false), fd);
	assert_int_equal(files_close(&files, 1), 0);
	assert_int_equal(files_close(&files, 3), 0);
	assert_int_equal(files_install(&files, open_null(), 0, false), 1);
	assert_int_equal(files_install(&files, open_null(), 2, false), 3);
	assert_int_equal(files_install(&files, open_null(), 40, false), 40);
	assert_int_equal(files_close(&files, 17), -EBADF);
	assert_int_equal(files_close(&files, -1), -EBADF);
	assert_int_equal(files_close(&files, 1000), -EBADF);
	files_destroy(&files);
}

/* Fails when a limit is passed, or a host descriptor leaks where it is met. */
static void a_full_table_gives_emfile_and_closes(void **state)
{
	struct files files = { .limit = 2 };
	int host;

	(void)state;
	files_install(&files, open_null(), 0, false);
	files_install(&files, open_null(), 0, false);
	host = open_null();
	assert_int_equal(files_install(&files, host, 0, false), -EMFILE);
	assert_false(is_open(host));
	host = open_null();
	assert_int_equal(files_replace(&files, 2, host, false), -EBADF);
	assert_false(is_open(host));
	assert_int_equal(files_dup(&files, 0, 0, false), -EMFILE);
	assert_int_equal(files_dup(&files, 0, 2, false), -EINVAL);
	assert_int_equal(files_dup(&files, 9, 0, false), -EBADF);
	files_destroy(&files);
}

/* Fails when dup2() leaves the file open that was there before. */
static void replacing_closes_what_was_there(void **state)
{
	struct files files = { .limit = 64 };
	int old = open_null(), new = open_null();

	(void)state;
	assert_int_equal(files_install(&files, old, 7, false), 7);
	assert_int_equal(files_replace(&files, 7, new, true), 7);
	assert_false(is_open(old));
	assert_int_equal(files_host(&files, 7), new);
	assert_true(files.fd[7].cloexec);
	files_destroy(&files);
	assert_false(is_open(new));
}

/* Fails when execve() keeps what is marked, or closes what is not; a copy is not marked. */
static void exec_closes_what_is_marked(void **state)
{
	struct files files = { .limit = 64 };

	(void)state;
	files_install(&files, open_null(), 0, true);
	files_install(&files, open_null(), 0, false);
	assert_int_equal(files_dup(&files, 0, 0, false), 2);
	assert_int_equal(files_dup(&files, 0, 0, true), 3);
	files_exec(&files);
	assert_int_equal(files_host(&files, 0), -EBADF);
	assert_true(files_host(&files, 1) >= 0);
	assert_true(files_host(&files, 2) >= 0);
	assert_int_equal(files_host(&files, 3), -EBADF);
	files_destroy(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_open_is_shared_under_the_same_number),
		cmocka_unit_test(the_lowest_free_number_is_taken),
		cmocka_unit_test(a_full_table_gives_emfile_and_closes),
		cmocka_unit_test(replacing_closes_what_was_there),
		cmocka_unit_test(exec_closes_what_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
