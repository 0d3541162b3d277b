// SPDX-License-Identifier: MIT
/*
 * exec.c - a new program for a process
 *
 * The core builds the new address space beside the old one.  When it is complete the stub, which
 * stays the same, changes over: its host mappings go, its registers are reset, and the old address
 * space is put.
 *
 * Linux: fs/exec.c.  Not modelled: ETXTBSY; set-user-ID, set-group-ID and file capabilities, which
 * a host process without them could not grant; such a program runs with the caller's rights.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "family.h"
#include "file_mapping.h"
#include "path.h"
#include "process.h"
#include "syscall.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* The program and its interpreters, as the core asks for one after another. */
struct opener {
	struct process *process;
	int nr;		    /* opened, or tried */
	char name[256];	    /* of the last, cut if need be */
	char exe[PATH_MAX]; /* the last one opened, which is the one that runs */
};

static int check_executable(int fd)
{
	struct stat stat;
	long err = host_syscall(SYS_fstat, (long)fd, &stat);

	if (err < 0)
		return (int)err;
	if (!S_ISREG(stat.st_mode))
		return -EACCES;
	/* faccessat2() of the file itself: the path may have changed its meaning. */
	return (int)host_syscall(SYS_faccessat2, (long)fd, "", (long)X_OK,
				 (long)(AT_EMPTY_PATH | AT_EACCESS));
}

static int open_program(void *host, const char *name, struct mapping **mapping)
{
	struct opener *opener = host;
	struct path path;
	int fd, err;

	opener->nr++;
	snprintf(opener->name, sizeof(opener->name), "%s", name);
	err = path_from_text(opener->process, AT_FDCWD, name, 0, &path);
	if (err)
		return err;
	fd = path_open_host(&path, O_RDONLY);
	if (fd < 0)
		return fd;
	err = check_executable(fd);
	if (!err)
		err = path_of_host_fd(fd, opener->exe, sizeof(opener->exe));
	if (!err)
		err = file_mapping_get(opener->process->world->files, fd, mapping);
	host_syscall(SYS_close, (long)fd);
	return err;
}

/*
 * What the host's kernel says to every program of its machine.  getauxval() will not do: the C
 * library answers AT_HWCAP with a mask of its own.
 */
static void fill_hardware(struct gw_exec *exec)
{
	uint64_t auxv[2 * GW_EXEC_AUXV_MAX] = { 0 };
	long fd = host_syscall(SYS_openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		host_syscall(SYS_read, fd, auxv, sizeof(auxv));
		host_syscall(SYS_close, fd);
	}
	for (size_t i = 0; i + 1 < ARRAY_SIZE(auxv) && auxv[i] != AT_NULL; i += 2) {
		if (auxv[i] == AT_HWCAP)
			exec->hwcap = auxv[i + 1];
		else if (auxv[i] == AT_HWCAP2)
			exec->hwcap2 = auxv[i + 1];
		else if (auxv[i] == AT_MINSIGSTKSZ)
			exec->minsigstksz = auxv[i + 1];
	}
}

/* Linux would have randomised nothing under setarch -R. */
static bool randomizes(void)
{
	return !(host_syscall(SYS_personality, 0xffffffffl) & ADDR_NO_RANDOMIZE);
}

static void fill_exec(const struct process *process, const struct exec_args *args,
		      struct opener *opener, struct gw_exec *exec)
{
	*exec = (struct gw_exec){
		.filename = args->path,
		.argv = args->argv,
		.argc = args->argc,
		.envp = args->envp,
		.envc = args->envc,
		.open = open_program,
		.host = opener,
		.uid = (uint32_t)host_syscall(SYS_getuid),
		.euid = (uint32_t)host_syscall(SYS_geteuid),
		.gid = (uint32_t)host_syscall(SYS_getgid),
		.egid = (uint32_t)host_syscall(SYS_getegid),
		.platform = "x86_64",
		.randomize = randomizes(),
	};
	fill_hardware(exec);
	process_gw_limits(process, &exec->limits);
}

static void change_mm(struct process *process, struct mm *mm)
{
	struct mm *old = process->mm;

	platform_process_set_mm(process->platform, mm);
	process_vfork_done(process);
	pthread_mutex_lock(&process->mm_lock);
	process->mm = mm;
	pthread_mutex_unlock(&process->mm_lock);
	if (old)
		process->world->core->mm_put(old);
}

static void become(struct process *process, const struct gw_exec *exec, const struct opener *opener)
{
	struct thread *thread = process->thread;

	change_mm(process, exec->mm);
	platform_reset_regs(thread->platform, exec->entry, exec->sp);
	thread->fs_base = 0;
	thread->gs_base = 0;
	thread->clear_child_tid = 0;
	thread->robust_list = 0;
	files_exec(&process->files);
	signals_exec(thread);
	family_lock(&process->world->family);
	process->has_executed = true;
	process->exit_signal = SIGCHLD;
	family_unlock(&process->world->family);
	memcpy(process->comm, exec->comm, sizeof(process->comm));
	memcpy(process->exe, opener->exe, sizeof(process->exe));
	memcpy(process->auxv, exec->auxv, sizeof(process->auxv));
	process->auxv_words = exec->auxv_words;
}

int process_exec(struct process *process, struct exec_args *args)
{
	struct opener opener = { .process = process };
	struct gw_exec exec;
	int err;

	fill_exec(process, args, &opener, &exec);
	err = process->world->core->exec(process->world->machine, &exec);
	args->failure = exec.failure;
	args->too_late = exec.past_point_of_no_return;
	snprintf(args->interpreter, sizeof(args->interpreter), "%s",
		 opener.nr > 1 ? opener.name : "");
	if (!err)
		become(process, &exec, &opener);
	return err;
}
