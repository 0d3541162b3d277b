/* SPDX-License-Identifier: MIT */
/* rcu.h - what threads.c and rcu.c know of each other; the two cannot see both rcu_heads */
#pragma once

void threads_rcu_register(void);
void threads_rcu_unregister(void);

/* The calling thread, which liburcu made and registered, becomes a task unless it is one. */
void threads_task_adopt(const char *name, int cpu);

/* Wait until @flag is 1.  Once it is, the one who raised it does not touch it again. */
void threads_flag_wait(int *flag);
void threads_flag_raise(int *flag);
