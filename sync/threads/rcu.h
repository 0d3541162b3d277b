/* SPDX-License-Identifier: MIT */
/* rcu.h - what threads.c and rcu.c know of each other; the two cannot see both rcu_heads */
#pragma once

void threads_rcu_register(void);
void threads_rcu_unregister(void);
