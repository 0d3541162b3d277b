/* SPDX-License-Identifier: MIT */
/*
 * guest.h - running guests/bench_guest.c, on the host or on Godwit
 */
#pragma once

#include <stdbool.h>

#include "compiler.h"

#define GUEST_ARGS_MAX 4

struct guest {
	char path[4096];   /* its file */
	char godwit[4096]; /* this very program */
};

struct guest_call {
	const char *args[GUEST_ARGS_MAX]; /* of bench_guest, NULL at the end */
	const char *option;		  /* of godwit run, or NULL */
	bool native;			  /* on the host */
	bool one_cpu;			  /* all its threads share one */
};

/* => -errno */
int guest_init(struct guest *guest) __must_check;
void guest_fini(struct guest *guest);

/*
 * Run it to its end, and read the figure that it prints; @wall is how long it took, in nanoseconds.
 * => -EIO when it failed or printed none; NULL for a figure that is not wanted
 */
int guest_call(const struct guest *guest, const struct guest_call *call, double *figure,
	       double *wall) __must_check;
