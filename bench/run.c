// SPDX-License-Identifier: MIT
/*
 * run.c - a program that computes under godwit run, next to itself on the host
 *
 * Left alone, it should not notice: its instructions run natively.  In a storm of migrations it
 * faults on every page again and again, and the storm takes a CPU.
 */
#include "bench.h"
#include "guest.h"

#include <string.h>

static const struct guest_call sha256 = { .args = { "sha256", "32" } };

static int run_alone(void *arg, double *figure)
{
	return guest_call(arg, &sha256, figure, NULL);
}

static int run_in_storm(void *arg, double *figure)
{
	struct guest_call call = sha256;

	call.option = "--migrate=storm";
	return guest_call(arg, &call, figure, NULL);
}

static int run_native(void *arg, double *figure)
{
	struct guest_call call = sha256;

	call.native = true;
	return guest_call(arg, &call, figure, NULL);
}

static int start(const struct guest *guest, bool native, double *milliseconds)
{
	const struct guest_call call = { .args = { "start" }, .native = native };
	double wall;
	int err = guest_call(guest, &call, NULL, &wall);

	*milliseconds = err ? 0 : wall / 1e6;
	return err;
}

static int start_godwit(void *arg, double *figure)
{
	return start(arg, false, figure);
}

static int start_native(void *arg, double *figure)
{
	return start(arg, true, figure);
}

void bench_run(struct bench *bench)
{
	const struct bench_row alone = { "run", "MB/s", "the same program on the host" };
	const struct bench_row storm = { "run.storm", "MB/s", "the same program on the host" };
	const struct bench_row begin = { "run.start", "ms", "fork, exec and wait on the host" };
	struct guest guest;
	int err = guest_init(&guest);

	if (err) {
		bench_skip(bench, alone.name, "no program to run: %s", strerror(-err));
		return;
	}
	bench_compare(bench, &alone, run_alone, run_native, &guest);
	bench_compare(bench, &storm, run_in_storm, run_native, &guest);
	bench_compare(bench, &begin, start_godwit, start_native, &guest);
	guest_fini(&guest);
}
