// SPDX-License-Identifier: MIT
/*
 * test_death.c - ends that nobody planned: of the stub, and of the runner
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "code.h"
#include "toy.h"

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *kill_later(void *arg)
{
	struct toy *toy = arg;

	usleep(20000);
	kill(platform_process_pid(toy->process), SIGKILL);
	return NULL;
}

static void a_stub_killed_while_the_guest_computes_is_reported(void **state)
{
	struct toy *toy = toy_create(0, CODE(spin));
	struct platform_event event;
	pthread_t killer;

	(void)state;
	pthread_create(&killer, NULL, kill_later, toy);
	event = toy_run(toy);
	pthread_join(killer, NULL);
	assert_int_equal(event.kind, PLATFORM_DIED);
	assert_true(WIFSIGNALED(event.host_status));
	assert_int_equal(WTERMSIG(event.host_status), SIGKILL);
	/* And again, whoever asks. */
	assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
	toy_destroy(toy);
}

static void a_stub_killed_while_parked_is_reported(void **state)
{
	struct toy *toy = toy_create(0, CODE(syscalls));

	(void)state;
	assert_int_equal(toy_run_to_syscall(toy), 39);
	kill(platform_process_pid(toy->process), SIGKILL);
	assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
	toy_destroy(toy);
}

/* A flush that waits for the dead must end, and the migration with it. */
static void a_migration_outlives_the_stub(void **state)
{
	(void)state;
	for (int i = 0; i < 15; i++) {
		struct toy *toy = toy_create(0, CODE(count));
		pthread_t killer;

		for (unsigned long page = 0; page < 16; page++)
			toy_map(toy, TOY_DATA + page * PAGE_SIZE, true, false);
		platform_gregs(toy->thread)[REG_RDI] = TOY_DATA;
		platform_gregs(toy->thread)[REG_RSI] = 16;
		platform_gregs(toy->thread)[REG_RDX] = -1;
		toy_start_migrating(toy, TOY_DATA, 16, 1);
		pthread_create(&killer, NULL, kill_later, toy);
		assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
		pthread_join(killer, NULL);
		toy_stop_migrating(toy);
		toy_destroy(toy);
	}
}

/* What a terminal sends to all is the runner's affair. */
static void other_signals_do_not_reach_the_stub(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM };
	struct toy *toy = toy_create(0, CODE(syscalls));

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_int_equal(kill(platform_process_pid(toy->process), signals[i]), 0);
		assert_int_equal(toy_run_to_syscall(toy), 39);
	}
	toy_destroy(toy);
}

static bool gone(pid_t pid)
{
	double end = seconds() + 10;

	while (seconds() < end) {
		/* Orphans come to us, the subreaper. */
		waitpid(pid, NULL, WNOHANG | __WALL);
		if (kill(pid, 0) && errno == ESRCH)
			return true;
		usleep(1000);
	}
	return false;
}

/* A runner with a guest that computes, until somebody kills it. */
static void be_a_runner(int report)
{
	struct toy *toy = toy_create(0, CODE(spin));
	pid_t pid = platform_process_pid(toy->process);

	if (write(report, &pid, sizeof(pid)) == (ssize_t)sizeof(pid))
		toy_run(toy);
	_exit(1);
}

static void no_stub_outlives_its_runner(void **state)
{
	(void)state;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int i = 0; i < 5; i++) {
		pid_t runner, stub;
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		runner = fork();
		assert_true(runner >= 0);
		if (!runner)
			be_a_runner(fds[1]);
		assert_int_equal(read(fds[0], &stub, sizeof(stub)), sizeof(stub));
		usleep(1000);
		kill(runner, SIGKILL);
		assert_int_equal(waitpid(runner, NULL, 0), runner);
		assert_true(gone(stub));
		close(fds[0]);
		close(fds[1]);
	}
}

static void a_destroyed_process_is_gone(void **state)
{
	struct toy *toy = toy_create(0, CODE(syscalls));
	pid_t pid = platform_process_pid(toy->process);

	(void)state;
	assert_int_equal(toy_run_to_syscall(toy), 39);
	platform_process_destroy(toy->process);
	toy->process = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	toy_destroy(toy);
}

/* ---- What the host forbids is said in words -------------------------------------------------- */

static int create_with_limit(int resource, rlim_t value, const char **why)
{
	struct platform_config config = { .nr_frames = 4096 };
	struct rlimit old, limit;
	struct platform *platform;
	int err;

	assert_int_equal(getrlimit((__rlimit_resource_t)resource, &old), 0);
	limit = (struct rlimit){ value, old.rlim_max };
	assert_int_equal(setrlimit((__rlimit_resource_t)resource, &limit), 0);
	err = platform_create(&config, &platform, why);
	setrlimit((__rlimit_resource_t)resource, &old);
	if (!err)
		platform_destroy(platform);
	return err;
}

static void missing_descriptors_are_named(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_int_not_equal(create_with_limit(RLIMIT_NOFILE, 4, &why), 0);
	assert_non_null(strstr(why, "ulimit -n"));
}

static void missing_address_space_is_named(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_int_not_equal(create_with_limit(RLIMIT_AS, 1ul << 20, &why), 0);
	assert_non_null(strstr(why, "ulimit -v"));
}

static void a_file_size_limit_is_named(void **state)
{
	const char *why = NULL;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_not_equal(create_with_limit(RLIMIT_FSIZE, 1ul << 20, &why), 0);
	assert_non_null(strstr(why, "ulimit -f"));
	signal(SIGXFSZ, SIG_DFL);
}

/* ---- A sandbox ------------------------------------------------------------------------------- */

/* From now on, @nr fails with @error. */
static void forbid(int nr, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

/* Run @child in a process of its own; => its exit code */
static int in_child(int (*child)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(child(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct forbidden {
	int nr, error;
	const char *named; /* in the reason; NULL: it does without */
};

static int create_without(void *arg)
{
	const struct forbidden *forbidden = arg;
	struct platform_config config = { .nr_frames = 16 };
	struct platform *platform;
	const char *why = "";
	int err;

	forbid(forbidden->nr, forbidden->error);
	err = platform_create(&config, &platform, &why);
	if (!err) {
		platform_destroy(platform);
		return !!forbidden->named;
	}
	if (forbidden->named && strstr(why, forbidden->named))
		return 0;
	fprintf(stderr, "without call %d: %s (%s)\n", forbidden->nr, why, strerror(-err));
	return 1;
}

static void what_a_sandbox_forbids_is_named_or_done_without(void **state)
{
	static const struct forbidden calls[] = {
		{ SYS_memfd_create, EPERM, "memfd_create" },
		{ SYS_memfd_create, EACCES, "vm.memfd_noexec" },
		{ SYS_execveat, EPERM, "execveat" },
		{ SYS_close_range, ENOSYS, "close_range" },
		{ SYS_seccomp, EPERM, "seccomp" },
		{ SYS_rt_sigaction, EPERM, "signal handlers" },
		{ SYS_mprotect, EPERM, NULL },
		{ SYS_personality, EPERM, NULL },
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they need it themselves */
		{ SYS_sched_getaffinity, EPERM, NULL },
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct forbidden forbidden = calls[i];

		assert_int_equal(in_child(create_without, &forbidden), 0);
	}
}

/* Then addresses are random, and some attempts meet the stub's. */
static int run_with_random_addresses(void *arg)
{
	(void)arg;
	forbid(SYS_personality, EPERM);
	for (int i = 0; i < 100; i++) {
		struct toy *toy = toy_create(0, CODE(syscalls));

		if (toy_run_to_syscall(toy) != 39)
			return 1;
		toy_destroy(toy);
	}
	return 0;
}

static void random_addresses_do_no_harm(void **state)
{
	(void)state;
	assert_int_equal(in_child(run_with_random_addresses, NULL), 0);
}

static int run_as_nobody(void *arg)
{
	struct toy *toy;

	(void)arg;
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 2;
	toy = toy_create(0, CODE(syscalls));
	return toy_run_to_syscall(toy) != 39;
}

static int run_with_no_process_left(void *arg)
{
	const struct rlimit limit = { 1, 1 };
	struct platform_config config = { .nr_frames = 16 };
	struct platform *platform;
	const char *why = "";

	(void)arg;
	if (setrlimit(RLIMIT_NPROC, &limit) || setresuid(65534, 65534, 65534))
		return 2;
	if (!platform_create(&config, &platform, &why))
		return 3;
	return !strstr(why, "ulimit -u");
}

static void no_privilege_is_needed(void **state)
{
	(void)state;
	if (getuid())
		skip(); /* then all other tests show it */
	assert_int_equal(in_child(run_as_nobody, NULL), 0);
	assert_int_equal(in_child(run_with_no_process_left, NULL), 0);
}

/* As a shell's `trap "" CHLD' leaves it: the kernel would reap stubs for us. */
static void an_ignored_sigchld_does_no_harm(void **state)
{
	struct toy *toy;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	toy = toy_create(0, CODE(syscalls));
	kill(platform_process_pid(toy->process), SIGKILL);
	assert_int_equal(toy_run(toy).kind, PLATFORM_DIED);
	toy_destroy(toy);
	signal(SIGCHLD, SIG_DFL);
}

static void count_lines(void *arg, const char *what, bool ok, const char *detail)
{
	int *nr = arg;

	assert_non_null(what);
	assert_non_null(detail);
	if (!ok)
		print_message("# doctor: %s: %s\n", what, detail);
	++*nr;
}

static void the_doctor_looks_at_everything(void **state)
{
	int nr = 0;

	(void)state;
	platform_doctor(count_lines, &nr);
	assert_true(nr >= 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stub_killed_while_the_guest_computes_is_reported),
		cmocka_unit_test(a_stub_killed_while_parked_is_reported),
		cmocka_unit_test(a_migration_outlives_the_stub),
		cmocka_unit_test(other_signals_do_not_reach_the_stub),
		cmocka_unit_test(no_stub_outlives_its_runner),
		cmocka_unit_test(a_destroyed_process_is_gone),
		cmocka_unit_test(missing_descriptors_are_named),
		cmocka_unit_test(missing_address_space_is_named),
		cmocka_unit_test(a_file_size_limit_is_named),
		cmocka_unit_test(what_a_sandbox_forbids_is_named_or_done_without),
		cmocka_unit_test(random_addresses_do_no_harm),
		cmocka_unit_test(no_privilege_is_needed),
		cmocka_unit_test(an_ignored_sigchld_does_no_harm),
		cmocka_unit_test(the_doctor_looks_at_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
