/* SPDX-License-Identifier: MIT */
/*
 * family.h - who is whose child, in which group and session; death, stopping and signals between
 *
 * The first process has Godwit's own pid, parent, group and session; the others have the pids of
 * their stubs, which are the host's and so nobody else's.  Groups and sessions that guests make are
 * numbers here: to the host all of a run is one group, and that has the terminal or has not.
 *
 * Linux: kernel/exit.c, kernel/signal.c, kernel/sys.c.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct family;
struct mm;
struct process;
struct thread;
struct world;

void family_init(struct family *family);
void family_fini(struct family *family);

void family_lock(struct family *family);
void family_unlock(struct family *family);

/* @process is alive, and whoever finds it may signal it.  => locked */
void family_add(struct process *process);
/* Its resources are gone: it is a zombie, or forgotten if nobody will ask.  Touch it no more. */
void family_exit(struct process *process);
/* A zombie was asked for.  Touch it no more.  => locked; not after return */
void family_bury(struct process *process);

/* => locked; NULL: there is none among the guests */
struct process *family_find(struct family *family, int pid);
/* Is there one that is no zombie in the group?  => locked */
bool family_has_group(struct family *family, int pgid);
/* Is there none who could continue the group's stopped jobs?  => locked */
bool family_is_orphaned(struct family *family, int pgid);

/* process_signal() that also continues what is stopped.  => locked */
int family_signal(struct process *process, const siginfo_t *info);
/*
 * What kill(2) means by @pid; @sender NULL: from outside.
 * => -ESRCH: nobody is meant
 */
int family_kill(struct family *family, const struct process *sender, int pid,
		const siginfo_t *info);
/* One of Godwit's own terminal, or whom else it may concern. */
void family_signal_foreground(struct world *world, const siginfo_t *info);
void family_signal_first(struct world *world, const siginfo_t *info);
void family_kill_all(struct family *family);

/* The default action of the stop signal @info: until SIGCONT or SIGKILL comes.  => inside the gate */
void family_stop(struct thread *thread, const siginfo_t *info);

/*
 * A reference to the address space of @*pid's process or, if that has none, of the first after it
 * that has, and *@pid then says whose.  NULL: there is none.
 */
struct mm *family_mm_from(struct family *family, int *pid, bool after);

/* Bring every guest out of its own code soon. */
void family_kick_all(struct family *family);
/* A stub has ended: whose it was, if it was not we who ended it, has to know. */
void family_look_after_stubs(struct family *family);
/* Until no process runs any more. */
void family_wait_end(struct family *family);
