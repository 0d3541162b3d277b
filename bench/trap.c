// SPDX-License-Identifier: MIT
/*
 * trap.c - what a program's system call and its page fault cost under godwit run
 *
 * Both go from the program to the runner and back.  With a CPU of its own each side waits for the
 * other by spinning; on a single CPU the two must be switched.  The host's fault of a page of a
 * memfd is the reference for faults, as that is what a host mapping of the guest is in the end.
 */
#include "bench.h"
#include "guest.h"

#include <string.h>
#include <unistd.h>

struct trap {
	struct guest guest;
	struct guest_call call, reference;
};

static int sample_godwit(void *arg, double *figure)
{
	const struct trap *trap = arg;

	return guest_call(&trap->guest, &trap->call, figure, NULL);
}

static int sample_host(void *arg, double *figure)
{
	const struct trap *trap = arg;

	return guest_call(&trap->guest, &trap->reference, figure, NULL);
}

static void measure(struct bench *bench, struct trap *trap, bool one_cpu)
{
	const struct bench_row call = { one_cpu ? "trap.syscall.one-cpu" : "trap.syscall.two-cpus",
					"ns/call", "the host's getpid" };
	const struct bench_row fault = { one_cpu ? "trap.fault.one-cpu" : "trap.fault.two-cpus",
					 "ns/page", "the host's fault of a memfd's page" };

	trap->call = (struct guest_call){ .args = { "syscall", "10000" }, .one_cpu = one_cpu };
	trap->reference = trap->call;
	trap->reference.native = true;
	bench_compare(bench, &call, sample_godwit, sample_host, trap);

	trap->call = (struct guest_call){ .args = { "fault", "anon", "4096" }, .one_cpu = one_cpu };
	trap->reference = (struct guest_call){ .args = { "fault", "memfd", "4096" },
					       .native = true,
					       .one_cpu = one_cpu };
	bench_compare(bench, &fault, sample_godwit, sample_host, trap);
}

void bench_trap(struct bench *bench)
{
	struct trap trap;
	int err = guest_init(&trap.guest);

	if (err) {
		bench_skip(bench, "trap", "no program to run: %s", strerror(-err));
		return;
	}
	measure(bench, &trap, true);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		measure(bench, &trap, false);
	} else {
		bench_skip(bench, "trap.syscall.two-cpus", "there is one CPU");
		bench_skip(bench, "trap.fault.two-cpus", "there is one CPU");
	}
	guest_fini(&trap.guest);
}
