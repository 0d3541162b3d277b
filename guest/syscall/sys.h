/* SPDX-License-Identifier: MIT */
/*
 * sys.h - the system calls, by area, and the words they share
 *
 * Every one takes the six argument registers as they are; which of them count, and how wide they
 * are, is the call's own affair, as the upper half of an int argument may hold anything.
 */
#pragma once

#include <errno.h>

#include "process.h"
#include "user_copy.h"

#define SYS(name) long sys_##name(struct thread *thread, const unsigned long *args)

/* sys_memory.c */
SYS(brk);
SYS(madvise);
SYS(mincore);
SYS(mlock);
SYS(mlock2);
SYS(mlockall);
SYS(mmap);
SYS(mprotect);
SYS(mremap);
SYS(msync);
SYS(munlock);
SYS(munlockall);
SYS(munmap);

/* sys_read_write.c */
SYS(copy_file_range);
SYS(getrandom);
SYS(lseek);
SYS(pread64);
SYS(preadv);
SYS(preadv2);
SYS(pwrite64);
SYS(pwritev);
SYS(pwritev2);
SYS(read);
SYS(readv);
SYS(sendfile);
SYS(splice);
SYS(write);
SYS(writev);

/* sys_file.c: descriptors */
SYS(close);
SYS(close_range);
SYS(creat);
SYS(dup);
SYS(dup2);
SYS(dup3);
SYS(fadvise64);
SYS(fallocate);
SYS(fchmod);
SYS(fchown);
SYS(fdatasync);
SYS(flock);
SYS(fsync);
SYS(ftruncate);
SYS(getdents64);
SYS(memfd_create);
SYS(open);
SYS(openat);
SYS(pipe);
SYS(pipe2);
SYS(readahead);
SYS(sync);
SYS(sync_file_range);
SYS(syncfs);

/* sys_path.c: names */
SYS(access);
SYS(chdir);
SYS(chmod);
SYS(chown);
SYS(faccessat);
SYS(faccessat2);
SYS(fchdir);
SYS(fchmodat);
SYS(fchmodat2);
SYS(fchownat);
SYS(futimesat);
SYS(getcwd);
SYS(lchown);
SYS(link);
SYS(linkat);
SYS(mkdir);
SYS(mkdirat);
SYS(mknod);
SYS(mknodat);
SYS(readlink);
SYS(readlinkat);
SYS(rename);
SYS(renameat);
SYS(renameat2);
SYS(rmdir);
SYS(symlink);
SYS(symlinkat);
SYS(truncate);
SYS(umask);
SYS(unlink);
SYS(unlinkat);
SYS(utime);
SYS(utimensat);
SYS(utimes);

/* sys_stat.c */
SYS(fstat);
SYS(fstatfs);
SYS(lstat);
SYS(newfstatat);
SYS(stat);
SYS(statfs);
SYS(statx);

/* sys_xattr.c */
SYS(fgetxattr);
SYS(flistxattr);
SYS(fremovexattr);
SYS(fsetxattr);
SYS(getxattr);
SYS(lgetxattr);
SYS(listxattr);
SYS(llistxattr);
SYS(lremovexattr);
SYS(lsetxattr);
SYS(removexattr);
SYS(setxattr);

/* sys_fcntl.c */
SYS(fcntl);
SYS(ioctl);

/* sys_poll.c */
SYS(poll);
SYS(ppoll);
SYS(pselect6);
SYS(select);

/* sys_signal.c */
SYS(kill);
SYS(pause);
SYS(rt_sigaction);
SYS(rt_sigpending);
SYS(rt_sigprocmask);
SYS(rt_sigqueueinfo);
SYS(rt_sigreturn);
SYS(rt_sigsuspend);
SYS(rt_sigtimedwait);
SYS(rt_tgsigqueueinfo);
SYS(sigaltstack);
SYS(tgkill);
SYS(tkill);

/* sys_time.c */
SYS(alarm);
SYS(clock_getres);
SYS(clock_gettime);
SYS(clock_nanosleep);
SYS(getitimer);
SYS(getrusage);
SYS(gettimeofday);
SYS(nanosleep);
SYS(restart_syscall);
SYS(setitimer);
SYS(time);
SYS(times);

/* sys_process.c */
SYS(arch_prctl);
SYS(execve);
SYS(execveat);
SYS(exit);
SYS(exit_group);
SYS(get_robust_list);
SYS(getcpu);
SYS(getegid);
SYS(geteuid);
SYS(getgid);
SYS(getgroups);
SYS(getpid);
SYS(getpriority);
SYS(getresgid);
SYS(getresuid);
SYS(getrlimit);
SYS(gettid);
SYS(getuid);
SYS(personality);
SYS(prctl);
SYS(prlimit64);
SYS(rseq);
SYS(sched_get_priority_max);
SYS(sched_get_priority_min);
SYS(sched_getaffinity);
SYS(sched_getparam);
SYS(sched_getscheduler);
SYS(sched_yield);
SYS(set_robust_list);
SYS(set_tid_address);
SYS(setrlimit);
SYS(sysinfo);
SYS(uname);

/* sys_fork.c */
SYS(clone);
SYS(clone3);
SYS(fork);
SYS(vfork);

/* sys_wait.c */
SYS(wait4);
SYS(waitid);

/* sys_group.c */
SYS(getpgid);
SYS(getpgrp);
SYS(getppid);
SYS(getsid);
SYS(setpgid);
SYS(setsid);

/* sys_futex.c */
SYS(futex);

/* ---- Words they share -------------------------------------------------------------------------- */

/* The host's descriptor for the guest's, or -EBADF. */
static inline long host_fd(struct thread *thread, unsigned long fd)
{
	return files_host(&thread->process->files, (int)fd);
}

/* What an interrupted wait is: made again unless a handler says otherwise. */
static inline long restart_sys(long result)
{
	return result == -EINTR ? -ERESTARTSYS : result;
}

static inline long restart_nohand(long result)
{
	return result == -EINTR ? -ERESTARTNOHAND : result;
}

/* Give a call's structure to the guest, if the call went well. */
static inline long put_result(struct thread *thread, long result, unsigned long to,
			      const void *from, size_t len)
{
	if (result >= 0 && user_put(thread, to, from, len))
		return -EFAULT;
	return result;
}

/* Until the call ends, or a handler has run. */
void mask_for_call(struct thread *thread, uint64_t mask);
/* The call's result; the old mask comes back now, or when the signal is delivered. */
long unmask_after_call(struct thread *thread, long result);
/* The mask at @addr, of @size bytes, which must be 8.  @addr 0: none, and *@given is false. */
int get_mask(struct thread *thread, unsigned long addr, unsigned long size, uint64_t *mask,
	     bool *given);

/* sys_group.c: TIOCGPGRP and TIOCSPGRP of a host descriptor. */
long get_foreground(struct thread *thread, long host, int *pgid);
long set_foreground(struct thread *thread, long host, int pgid);

/* sys_time.c: a time from now, as an absolute one, for waits that go on after an interruption. */
struct timespec;
int get_timespec(struct thread *thread, unsigned long addr, struct timespec *time);
