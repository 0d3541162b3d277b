/* SPDX-License-Identifier: MIT */
/*
 * threads.h - for those who call the core's threads copy: how a host thread becomes a task
 */
#pragma once

/*
 * The calling thread becomes the task @name on virtual CPU @cpu, and may call the core.
 * @name is copied, at most 15 bytes.
 */
void threads_task_attach(const char *name, int cpu);
/* The thread leaves; it holds no lock and is in no RCU section. */
void threads_task_detach(void);

/*
 * What happens on a broken invariant, before abort(): NULL restores the default, which prints.
 * One for the process: it is a property of the program, not of a machine.
 */
void threads_on_panic(void (*handler)(const char *file, int line, const char *func,
				      const char *message));
