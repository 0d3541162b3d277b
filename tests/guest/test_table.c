// SPDX-License-Identifier: MIT
/* test_table.c - the table of system calls: whole, and readable for those who print calls */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/syscall.h>

#include "compiler.h"
#include "table.h"

#define NUMBERS_MAX 1024
#define LETTERS	    "dulzxoafhsvebBiIpmnrwcgykqQjJtTRLSPMN"

/* Fails when a call that Linux has always had is not even known by name. */
static void every_number_of_old_has_a_name(void **state)
{
	(void)state;
	for (long nr = 0; nr <= SYS_statx; nr++) {
		if (!syscall_entry(nr))
			fail_msg("system call %ld has no name", nr);
	}
	assert_null(syscall_entry(-1));
	assert_null(syscall_entry(NUMBERS_MAX));
}

/* Fails when two numbers have one name, or one that is answered cannot be printed. */
static void what_is_answered_can_be_printed(void **state)
{
	int nr_answered = 0;

	(void)state;
	for (long nr = 0; nr < NUMBERS_MAX; nr++) {
		const struct syscall_entry *entry = syscall_entry(nr);

		if (!entry)
			continue;
		assert_int_equal(!entry->format, !entry->call);
		if (!entry->call)
			continue;
		nr_answered++;
		assert_true(strlen(entry->format) <= 6);
		assert_int_equal(strspn(entry->format, LETTERS), strlen(entry->format));
	}
	/* Eighty make a small program happy; what has been there must not get lost. */
	assert_true(nr_answered >= 170);
}

/* Fails when a letter whose length is the next argument has none that says it. */
static void bytes_and_iovecs_are_followed_by_their_length(void **state)
{
	(void)state;
	for (long nr = 0; nr < NUMBERS_MAX; nr++) {
		const struct syscall_entry *entry = syscall_entry(nr);

		if (!entry || !entry->format)
			continue;
		for (const char *at = entry->format; *at; at++) {
			if (strchr("bBiIN", *at) && (!at[1] || !strchr("zud", at[1])))
				fail_msg("%s: \"%s\"", entry->name, entry->format);
		}
	}
}

/* Fails when calls that other calls imply are answered alone. */
static void families_are_whole(void **state)
{
	static const long families[] = {
		SYS_read,	   SYS_write,	      SYS_readv,	SYS_writev,
		SYS_pread64,	   SYS_pwrite64,      SYS_rt_sigaction, SYS_rt_sigreturn,
		SYS_rt_sigsuspend, SYS_rt_sigpending, SYS_sigaltstack,	SYS_restart_syscall,
		SYS_mmap,	   SYS_munmap,	      SYS_mprotect,	SYS_brk,
		SYS_execve,	   SYS_exit,	      SYS_exit_group,	SYS_arch_prctl,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		assert_non_null(syscall_entry(families[i]));
		assert_non_null(syscall_entry(families[i])->call);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_old_has_a_name),
		cmocka_unit_test(what_is_answered_can_be_printed),
		cmocka_unit_test(bytes_and_iovecs_are_followed_by_their_length),
		cmocka_unit_test(families_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
