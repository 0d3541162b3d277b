/* SPDX-License-Identifier: MIT */
/*
 * cpu_time.h - what a guest has cost
 *
 * Its own code runs in the stub's process, its system calls and faults in its runner thread.
 */
#pragma once

#include <stdint.h>

struct process;

struct cpu_time {
	uint64_t user_ns, system_ns;
};

void process_cpu_time(struct process *process, struct cpu_time *time);
/* Both together, exactly. */
uint64_t process_cpu_ns(struct process *process);
