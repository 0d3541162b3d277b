// SPDX-License-Identifier: MIT
/*
 * sys_process.c - identity, limits, exec and exit
 *
 * Linux: kernel/sys.c, fs/exec.c, arch/x86/kernel/process_64.c, kernel/sched/syscalls.c.
 * Differs: credentials cannot be changed.
 */
#include <asm/prctl.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "message.h"
#include "path.h"
#include "sys.h"
#include "syscall.h"

/* ---- Identity ----------------------------------------------------------------------------------------- */

SYS(getpid)
{
	(void)args;
	return thread->process->pid;
}

SYS(gettid)
{
	(void)args;
	return thread->tid;
}

SYS(getuid)
{
	(void)thread;
	(void)args;
	return host_syscall(SYS_getuid);
}

SYS(geteuid)
{
	(void)thread;
	(void)args;
	return host_syscall(SYS_geteuid);
}

SYS(getgid)
{
	(void)thread;
	(void)args;
	return host_syscall(SYS_getgid);
}

SYS(getegid)
{
	(void)thread;
	(void)args;
	return host_syscall(SYS_getegid);
}

static long three_ids(struct thread *thread, long nr, const unsigned long *args)
{
	unsigned int ids[3];
	long result = host_syscall(nr, &ids[0], &ids[1], &ids[2]);

	for (int i = 0; i < 3 && result >= 0; i++)
		result = put_result(thread, result, args[i], &ids[i], sizeof(ids[i]));
	return result;
}

SYS(getresuid)
{
	return three_ids(thread, SYS_getresuid, args);
}

SYS(getresgid)
{
	return three_ids(thread, SYS_getresgid, args);
}

SYS(getgroups)
{
	int nr = (int)args[0];
	unsigned int groups[1024];
	long got;

	if (nr < 0)
		return -EINVAL;
	got = host_syscall(SYS_getgroups, (long)min(nr, (int)ARRAY_SIZE(groups)), groups);
	if (got <= 0 || !nr)
		return got;
	return put_result(thread, got, args[1], groups, (size_t)got * sizeof(*groups));
}

/* ---- The machine -------------------------------------------------------------------------------------- */

SYS(uname)
{
	struct utsname uname;

	return put_result(thread, host_syscall(SYS_uname, &uname), args[0], &uname, sizeof(uname));
}

/* Memory is the machine's, the rest the host's. */
SYS(sysinfo)
{
	struct world *world = thread->process->world;
	struct sysinfo info;
	long result = host_syscall(SYS_sysinfo, &info);

	info.totalram = world->nr_frames * GW_PAGE_SIZE;
	info.freeram = world->core->machine_free_frames(world->machine) * GW_PAGE_SIZE;
	info.sharedram = 0;
	info.bufferram = 0;
	info.totalswap = 0;
	info.freeswap = 0;
	info.totalhigh = 0;
	info.freehigh = 0;
	info.mem_unit = 1;
	return put_result(thread, result, args[0], &info, sizeof(info));
}

SYS(getcpu)
{
	const unsigned int zero = 0;
	long result = 0;

	if (args[0])
		result = put_result(thread, result, args[0], &zero, sizeof(zero));
	if (args[1])
		result = put_result(thread, result, args[1], &zero, sizeof(zero));
	return result;
}

SYS(sched_yield)
{
	(void)thread;
	(void)args;
	return host_syscall(SYS_sched_yield);
}

/* A guest has one thread, which can be on one processor. */
SYS(sched_getaffinity)
{
	const uint64_t mask = 1;

	if (args[1] < sizeof(mask) || (args[1] & (sizeof(mask) - 1)))
		return -EINVAL;
	if ((int)args[0] != 0 && (int)args[0] != thread->process->pid)
		return -ESRCH;
	return put_result(thread, sizeof(mask), args[2], &mask, sizeof(mask));
}

SYS(sched_getscheduler)
{
	(void)thread;
	return host_syscall(SYS_sched_getscheduler, (long)(int)args[0]);
}

SYS(sched_getparam)
{
	int param[1];
	long result = host_syscall(SYS_sched_getparam, (long)(int)args[0], param);

	return put_result(thread, result, args[1], param, sizeof(param));
}

SYS(sched_get_priority_max)
{
	(void)thread;
	return host_syscall(SYS_sched_get_priority_max, (long)(int)args[0]);
}

SYS(sched_get_priority_min)
{
	(void)thread;
	return host_syscall(SYS_sched_get_priority_min, (long)(int)args[0]);
}

SYS(getpriority)
{
	(void)thread;
	return host_syscall(SYS_getpriority, (long)(int)args[0], (long)(int)args[1]);
}

SYS(personality)
{
	long now = host_syscall(SYS_personality, 0xffffffffl);

	(void)thread;
	return (unsigned int)args[0] == 0xffffffffu || (long)(unsigned int)args[0] == now ? now
											  : -EINVAL;
}

/* ---- Limits ------------------------------------------------------------------------------------------- */

/* Only root may raise a hard limit.  Linux: do_prlimit(), with CAP_SYS_RESOURCE. */
static int check_limit(const struct process *process, unsigned int resource,
		       const struct rlimit *limit)
{
	if (limit->rlim_cur > limit->rlim_max)
		return -EINVAL;
	if (limit->rlim_max > process->limits[resource].rlim_max && host_syscall(SYS_geteuid) != 0)
		return -EPERM;
	return 0;
}

static long set_limit(struct process *process, unsigned int resource, const struct rlimit *limit)
{
	long err = check_limit(process, resource, limit);

	if (err)
		return err;
	/* The host alone can see to it that files do not grow beyond it. */
	if (resource == RLIMIT_FSIZE) {
		err = host_syscall(SYS_prlimit64, 0l, (long)resource, limit, NULL);
		if (err < 0)
			return err;
	}
	process->limits[resource] = *limit;
	process_update_limits(process);
	return 0;
}

SYS(getrlimit)
{
	unsigned int resource = (unsigned int)args[0];

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	return put_result(thread, 0, args[1], &thread->process->limits[resource],
			  sizeof(struct rlimit));
}

SYS(setrlimit)
{
	unsigned int resource = (unsigned int)args[0];
	struct rlimit limit;

	if (user_get(thread, &limit, args[1], sizeof(limit)))
		return -EFAULT;
	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	return set_limit(thread->process, resource, &limit);
}

SYS(prlimit64)
{
	struct process *process = thread->process;
	unsigned int resource = (unsigned int)args[1];
	struct rlimit new, old;
	long err;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (args[2] && user_get(thread, &new, args[2], sizeof(new)))
		return -EFAULT;
	if ((int)args[0] != 0 && (int)args[0] != process->pid)
		return host_syscall(SYS_kill, (long)(int)args[0], 0l) == -ESRCH ? -ESRCH : -EPERM;
	old = process->limits[resource];
	if (args[2]) {
		err = set_limit(process, resource, &new);
		if (err)
			return err;
	}
	return args[3] ? put_result(thread, 0, args[3], &old, sizeof(old)) : 0;
}

/* ---- Words that threads leave with the kernel ------------------------------------------------------------- */

SYS(set_tid_address)
{
	thread->clear_child_tid = args[0];
	return thread->tid;
}

SYS(set_robust_list)
{
	if (args[1] != 24)
		return -EINVAL;
	thread->robust_list = args[0];
	return 0;
}

SYS(get_robust_list)
{
	const unsigned long len = 24;

	if ((int)args[0] != 0 && (int)args[0] != thread->tid)
		return -ESRCH;
	return put_result(thread, put_result(thread, 0, args[1], &thread->robust_list, sizeof(len)),
			  args[2], &len, sizeof(len));
}

/* Kernels without it exist; libraries do without, and nobody need be told. */
SYS(rseq)
{
	(void)thread;
	(void)args;
	return -ENOSYS;
}

static long set_segment_base(struct thread *thread, int which, unsigned long base)
{
	if (base >= GUEST_TOP)
		return -EPERM;
	if (which == ARCH_SET_FS)
		thread->fs_base = base;
	else
		thread->gs_base = base;
	platform_set_segment_base(thread->platform, which, base);
	return 0;
}

SYS(arch_prctl)
{
	switch ((int)args[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_segment_base(thread, (int)args[0], args[1]);
	case ARCH_GET_FS:
		return put_result(thread, 0, args[1], &thread->fs_base, sizeof(thread->fs_base));
	case ARCH_GET_GS:
		return put_result(thread, 0, args[1], &thread->gs_base, sizeof(thread->gs_base));
	default: /* a control-flow or tagging feature that the host may have and a guest has not */
		return -EINVAL;
	}
}

/* ---- prctl ------------------------------------------------------------------------------------------------ */

static long set_name(struct thread *thread, unsigned long addr)
{
	char name[16];
	long len = user_string(thread, name, addr, sizeof(name));

	if (len == -EFAULT)
		return -EFAULT;
	name[sizeof(name) - 1] = '\0';
	memcpy(thread->process->comm, name, sizeof(name));
	return 0;
}

static long not_supported_prctl(struct thread *thread, int option)
{
	if (world_first_time(thread->process->world, UNSUPPORTED_PRCTL))
		message("%s: prctl option %d is not supported (EINVAL)", thread->process->comm,
			option);
	return -EINVAL;
}

SYS(prctl)
{
	switch ((int)args[0]) {
	case PR_SET_NAME:
		return set_name(thread, args[1]);
	case PR_GET_NAME:
		return put_result(thread, 0, args[1], thread->process->comm,
				  sizeof(thread->process->comm));
	case PR_GET_DUMPABLE:
		return 1;
	case PR_SET_DUMPABLE:
		return args[1] <= 1 ? 0 : -EINVAL;
	case PR_GET_NO_NEW_PRIVS: /* no program gets any here */
		return 1;
	case PR_SET_NO_NEW_PRIVS:
		return args[1] == 1 ? 0 : -EINVAL;
	case PR_GET_SECCOMP:
	case PR_GET_KEEPCAPS:
		return 0;
	case 0x53564d41: /* PR_SET_VMA, which names memory for those who look at maps */
		return -EINVAL;
	default:
		return not_supported_prctl(thread, (int)args[0]);
	}
}

/* ---- exit ------------------------------------------------------------------------------------------------- */

SYS(exit)
{
	process_exit(thread->process, (int)args[0]);
	return 0;
}

SYS(exit_group)
{
	process_exit(thread->process, (int)args[0]);
	return 0;
}

/* ---- exec ------------------------------------------------------------------------------------------------- */

#define STRINGS_NR_MAX	  (1 << 20)
#define STRINGS_BYTES_MAX (32ul << 20) /* the core has the exact limits */
#define STRING_SIZE_MAX	  (32 * GW_PAGE_SIZE)

/* argv or envp, copied. */
struct strings {
	char **at;
	int nr, room;
	size_t bytes;
};

static void free_strings(struct strings *strings)
{
	for (int i = 0; i < strings->nr; i++)
		free(strings->at[i]);
	free(strings->at);
}

static int add_string(struct thread *thread, struct strings *strings, unsigned long addr)
{
	long len = user_string(thread, (char *)thread->bounce, addr, STRING_SIZE_MAX);

	if (len < 0)
		return len == -ENAMETOOLONG ? -E2BIG : (int)len;
	strings->bytes += (size_t)len + 1;
	if (strings->nr == STRINGS_NR_MAX || strings->bytes > STRINGS_BYTES_MAX)
		return -E2BIG;
	if (strings->nr == strings->room) {
		int room = strings->room ? 2 * strings->room : 64;
		char **at = realloc(strings->at, (size_t)room * sizeof(*at));

		if (!at)
			return -ENOMEM;
		strings->at = at;
		strings->room = room;
	}
	strings->at[strings->nr] = strdup((char *)thread->bounce);
	return strings->at[strings->nr++] ? 0 : -ENOMEM;
}

/* A null pointer stands for an empty list. */
static int get_strings(struct thread *thread, struct strings *strings, unsigned long addr)
{
	unsigned long string;
	int err = 0;

	for (; addr && !err; addr += sizeof(string)) {
		if (user_get(thread, &string, addr, sizeof(string)))
			return -EFAULT;
		if (!string)
			return 0;
		err = add_string(thread, strings, string);
	}
	return err;
}

static long exec_with(struct thread *thread, const char *path, const struct strings *argv,
		      const struct strings *envp)
{
	struct process *process = thread->process;
	struct exec_args args = {
		.path = path,
		.argv = (const char *const *)argv->at,
		.argc = argv->nr,
		.envp = (const char *const *)envp->at,
		.envc = envp->nr,
	};
	const siginfo_t too_late = { .si_signo = SIGSEGV, .si_code = SI_KERNEL };
	int err = process_exec(process, &args);

	if (!err) {
		thread->regs_replaced = true;
		return 0;
	}
	if (args.too_late) {
		message("%s: execve of %s failed past the point of no return: %s", process->comm,
			path, args.failure ? args.failure : strerror(-err));
		thread_force_signal(thread, &too_late);
	} else if (err == -ENOEXEC && args.failure) {
		message("%s: execve of %s: %s", process->comm, path, args.failure);
	}
	return err;
}

static long exec_path(struct thread *thread, const char *path, unsigned long argv_addr,
		      unsigned long envp_addr)
{
	struct strings argv = { 0 }, envp = { 0 };
	long result = get_strings(thread, &argv, argv_addr);

	if (!result)
		result = get_strings(thread, &envp, envp_addr);
	if (!result)
		result = exec_with(thread, path, &argv, &envp);
	free_strings(&argv);
	free_strings(&envp);
	return result;
}

SYS(execve)
{
	char path[PATH_MAX];
	long len = user_string(thread, path, args[0], sizeof(path));

	if (len <= 0)
		return len ? len : -ENOENT;
	return exec_path(thread, path, args[1], args[2]);
}

/* The core knows paths alone: what a descriptor stands for is named by it, as Linux does. */
SYS(execveat)
{
	char path[PATH_MAX], full[PATH_MAX + 32];
	int dir = (int)args[0], flags = (int)args[4];
	long len = user_string(thread, path, args[1], sizeof(path));

	if (len < 0)
		return len;
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (!len && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (path[0] == '/' || (len && dir == AT_FDCWD))
		return exec_path(thread, path, args[2], args[3]);
	if (host_fd(thread, args[0]) < 0)
		return -EBADF;
	snprintf(full, sizeof(full), "/dev/fd/%d%s%s", dir, len ? "/" : "", path);
	return exec_path(thread, full, args[2], args[3]);
}
