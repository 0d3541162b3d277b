// SPDX-License-Identifier: MIT
/*
 * procfs.c - the files of /proc that only Godwit can write
 *
 * Each is written whole when it is opened, into a file in memory; so is pagemap, which a reader may
 * have to open again to see what has changed.  Where most of a file is as true of Godwit as of the
 * guest (identity, session, terminal), the host's own is read and what differs is replaced.
 *
 * Linux: fs/proc/base.c, array.c, task_mmu.c.
 */
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cpu_time.h"
#include "family.h"
#include "proc_text.h"
#include "process.h"
#include "syscall.h"

#define STRING_AREA_MAX	 (8ul << 20) /* arguments or environment, at most */

/* ---- Mappings ------------------------------------------------------------------------------------- */

static void print_maps_line(void *arg, const struct gw_maps_line *line)
{
	proc_text_maps(arg, line);
}

static void write_maps(struct process *process, FILE *out)
{
	process->world->core->mm_maps(process->mm, print_maps_line, out);
}

static void print_smaps(void *arg, const struct gw_smaps *smaps)
{
	proc_text_smaps(arg, smaps);
}

static void write_smaps(struct process *process, FILE *out)
{
	process->world->core->mm_smaps(process->mm, print_smaps, out);
}

static void add_smaps(void *arg, const struct gw_smaps *smaps)
{
	struct gw_smaps *sum = arg;

	if (!sum->line.end)
		sum->line.start = smaps->line.start;
	sum->line.end = smaps->line.end;
	sum->rss += smaps->rss;
	sum->referenced += smaps->referenced;
	sum->anonymous += smaps->anonymous;
	sum->lazyfree += smaps->lazyfree;
	sum->shared_clean += smaps->shared_clean;
	sum->shared_dirty += smaps->shared_dirty;
	sum->private_clean += smaps->private_clean;
	sum->private_dirty += smaps->private_dirty;
	sum->pss += smaps->pss;
	sum->pss_anon += smaps->pss_anon;
	sum->pss_file += smaps->pss_file;
	sum->pss_shmem += smaps->pss_shmem;
	sum->pss_dirty += smaps->pss_dirty;
	sum->pss_locked += smaps->pss_locked;
}

static void write_smaps_rollup(struct process *process, FILE *out)
{
	struct gw_smaps sum = { .line = { .perms = "---p", .name = "[rollup]" } };

	process->world->core->mm_smaps(process->mm, add_smaps, &sum);
	proc_text_smaps_rollup(out, &sum);
}

/* ---- Strings that exec left on the stack --------------------------------------------------------- */

static void write_memory(struct process *process, unsigned long start, unsigned long end, FILE *out)
{
	unsigned char *bytes = process->thread->bounce;

	if (end < start || end - start > STRING_AREA_MAX)
		return;
	while (start < end) {
		size_t len = min(end - start, BOUNCE_SIZE);

		if (process->world->core->copy_from_user(process->mm, bytes, start, len))
			return;
		fwrite(bytes, 1, len, out);
		start += len;
	}
}

static void write_cmdline(struct process *process, FILE *out)
{
	struct gw_mm_info info;

	process->world->core->mm_info(process->mm, &info);
	write_memory(process, info.arg_start, info.arg_end, out);
}

static void write_environ(struct process *process, FILE *out)
{
	struct gw_mm_info info;

	process->world->core->mm_info(process->mm, &info);
	write_memory(process, info.env_start, info.env_end, out);
}

static void write_auxv(struct process *process, FILE *out)
{
	fwrite(process->auxv, sizeof(uint64_t), (size_t)process->auxv_words, out);
}

static void write_comm(struct process *process, FILE *out)
{
	fprintf(out, "%s\n", process->comm);
}

/* ---- Numbers --------------------------------------------------------------------------------------- */

static void write_statm(struct process *process, FILE *out)
{
	struct gw_mm_info info;

	process->world->core->mm_info(process->mm, &info);
	fprintf(out, "%lu %lu %lu %lu 0 %lu 0\n", info.total_vm, info.rss_anon + info.rss_file,
		info.rss_file, info.exec_vm, info.data_vm + info.stack_vm);
}

static unsigned long counter(const struct process *process, enum gw_counter counter)
{
	return process->world->core->machine_counter(process->world->machine, counter);
}

/* Fields of /proc/PID/stat, by their number in proc(5), that are not Godwit's own. */
struct stat_field {
	int field;
	unsigned long value;
};

#define STAT_FIELDS_MAX 32
#define NS_PER_TICK	10000000

/* Its parent may be changing it; its session it can change only itself. */
static int group_of(struct process *process)
{
	int pgid;

	family_lock(&process->world->family);
	pgid = process->pgid;
	family_unlock(&process->world->family);
	return pgid;
}

static int own_stat_fields(struct process *process, struct stat_field *fields)
{
	unsigned long major = counter(process, GW_COUNTER_pgmajfault);
	struct gw_mm_info info;
	struct cpu_time time;

	process_cpu_time(process, &time);
	process->world->core->mm_info(process->mm, &info);
	const struct stat_field own[] = {
		{ 4, (unsigned long)process_ppid(process) },
		{ 5, (unsigned long)group_of(process) },
		{ 6, (unsigned long)process->sid },
		{ 10, counter(process, GW_COUNTER_pgfault) - major },
		{ 12, major },
		{ 14, time.user_ns / NS_PER_TICK },
		{ 15, time.system_ns / NS_PER_TICK },
		{ 20, 1 }, /* threads */
		{ 23, info.total_vm * GW_PAGE_SIZE },
		{ 24, info.rss_anon + info.rss_file },
		{ 28, info.start_stack },
		{ 47, info.start_brk },
		{ 48, info.arg_start },
		{ 49, info.arg_end },
		{ 50, info.env_start },
		{ 51, info.env_end },
		/* Code, stack pointer, signal sets, data: Linux hides them from most. */
		{ 26, 0 },
		{ 27, 0 },
		{ 29, 0 },
		{ 30, 0 },
		{ 31, 0 },
		{ 32, 0 },
		{ 33, 0 },
		{ 34, 0 },
		{ 45, 0 },
		{ 46, 0 },
	};

	BUILD_ASSERT(ARRAY_SIZE(own) <= STAT_FIELDS_MAX);
	memcpy(fields, own, sizeof(own));
	return (int)ARRAY_SIZE(own);
}

/* A small file of the host's, as a string that the caller frees; NULL when it cannot be read. */
static char *read_host_file(const char *name)
{
	const size_t size = 16384;
	char *text = malloc(size);
	long fd = host_syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_RDONLY | O_CLOEXEC), 0L);
	long len = -EBADF;

	if (fd >= 0 && text) {
		len = host_syscall(SYS_read, fd, text, size - 1);
		text[len < 0 ? 0 : len] = '\0';
	}
	if (fd >= 0)
		host_syscall(SYS_close, fd);
	if (len < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void write_stat(struct process *process, FILE *out)
{
	char *text = read_host_file("/proc/self/stat");
	char *rest = text ? strrchr(text, ')') : NULL;
	struct stat_field fields[STAT_FIELDS_MAX];
	int nr = own_stat_fields(process, fields), field = 3;
	char *save = NULL;

	if (!rest) {
		free(text);
		return;
	}
	fprintf(out, "%d (%s)", process->pid, process->comm);
	for (char *word = strtok_r(rest + 1, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save), field++) {
		int i = 0;

		while (i < nr && fields[i].field != field)
			i++;
		if (i < nr)
			fprintf(out, " %lu", fields[i].value);
		else
			fprintf(out, " %s", word);
	}
	fputc('\n', out);
	free(text);
}

/* ---- status ---------------------------------------------------------------------------------------- */

static uint64_t handled_signals(struct process *process, bool ignored)
{
	uint64_t set = 0;

	for (int signo = 1; signo <= GUEST_NSIG; signo++) {
		struct guest_sigaction action;

		process_sigaction(process, signo, NULL, &action);
		if (ignored ? action.handler == (uint64_t)(uintptr_t)SIG_IGN
			    : action.handler > (uint64_t)(uintptr_t)SIG_IGN)
			set |= sig_bit(signo);
	}
	return set;
}

static void write_status_memory(struct process *process, FILE *out)
{
	struct gw_mm_info info;

	process->world->core->mm_info(process->mm, &info);
	proc_text_status(out, &info);
}

static void write_status_signals(struct process *process, FILE *out)
{
	fprintf(out, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", 0ul,
		(unsigned long)process->signals.pending, (unsigned long)process->thread->blocked);
	fprintf(out, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		(unsigned long)handled_signals(process, true),
		(unsigned long)handled_signals(process, false));
}

static bool begins(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/* => false: @line tells none of the guest's own numbers */
static bool write_status_number(struct process *process, const char *line, FILE *out)
{
	const struct {
		const char *key;
		int value;
	} numbers[] = {
		{ "Tgid:", process->pid },	   { "Pid:", process->pid },
		{ "NStgid:", process->pid },	   { "NSpid:", process->pid },
		{ "NSpgid:", group_of(process) },  { "NSsid:", process->sid },
		{ "PPid:", process_ppid(process) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (begins(line, numbers[i].key)) {
			fprintf(out, "%s\t%d\n", numbers[i].key, numbers[i].value);
			return true;
		}
	}
	return false;
}

/* One line of the host's: which of ours stands in its place? */
static void write_status_line(struct process *process, const char *line, FILE *out)
{
	if (begins(line, "Name:"))
		fprintf(out, "Name:\t%s\n", process->comm);
	else if (begins(line, "State:"))
		fprintf(out, "State:\tR (running)\n");
	else if (begins(line, "Umask:"))
		fprintf(out, "Umask:\t%04o\n", process->umask);
	else if (begins(line, "FDSize:"))
		fprintf(out, "FDSize:\t%d\n", process->files.nr);
	else if (begins(line, "VmPeak:"))
		write_status_memory(process, out);
	else if (begins(line, "Threads:"))
		fprintf(out, "Threads:\t1\n");
	else if (begins(line, "SigPnd:"))
		write_status_signals(process, out);
	else if (!write_status_number(process, line, out) && !begins(line, "Vm") &&
		 !begins(line, "Rss") && !begins(line, "Sig") && !begins(line, "ShdPnd") &&
		 !begins(line, "HugetlbPages"))
		fprintf(out, "%s\n", line);
}

static void write_status(struct process *process, FILE *out)
{
	char *text = read_host_file("/proc/self/status");
	char *save = NULL;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		write_status_line(process, line, out);
	free(text);
}

/* ---- The machine ------------------------------------------------------------------------------------- */

static void write_meminfo(struct process *process, FILE *out)
{
	struct gw_memory_info info;

	process->world->core->machine_memory(process->world->machine, &info);
	proc_text_meminfo(out, &info);
}

static void write_vmstat(struct process *process, FILE *out)
{
	struct gw_memory_info info;

	process->world->core->machine_memory(process->world->machine, &info);
	proc_text_vmstat_memory(out, &info);
	for (int i = 0; i < GW_NR_COUNTERS; i++)
		proc_text_vmstat_counter(out, (enum gw_counter)i, counter(process, (enum gw_counter)i));
}

static void each_zone(struct process *process, FILE *out,
		      void (*print)(FILE *out, const struct gw_zone_info *zone))
{
	const struct gw_core *core = process->world->core;
	struct gw_zone_info zone;

	for (int i = 0; core->machine_zone(process->world->machine, i, &zone) == 0; i++)
		print(out, &zone);
}

static void write_buddyinfo(struct process *process, FILE *out)
{
	each_zone(process, out, proc_text_buddyinfo);
}

static void write_zoneinfo(struct process *process, FILE *out)
{
	each_zone(process, out, proc_text_zoneinfo);
}

/* ---- Opening ----------------------------------------------------------------------------------------- */

static void write_file(struct process *process, enum proc_file file, FILE *out)
{
	static void (*const writers[])(struct process *, FILE *) = {
		[PROC_AUXV] = write_auxv,
		[PROC_CMDLINE] = write_cmdline,
		[PROC_COMM] = write_comm,
		[PROC_ENVIRON] = write_environ,
		[PROC_MAPS] = write_maps,
		[PROC_SMAPS] = write_smaps,
		[PROC_SMAPS_ROLLUP] = write_smaps_rollup,
		[PROC_STAT] = write_stat,
		[PROC_STATM] = write_statm,
		[PROC_STATUS] = write_status,
		[PROC_MEMINFO] = write_meminfo,
		[PROC_VMSTAT] = write_vmstat,
		[PROC_BUDDYINFO] = write_buddyinfo,
		[PROC_ZONEINFO] = write_zoneinfo,
	};

	writers[file](process, out);
}

static long write_at(long fd, const void *from, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		long n = host_syscall(SYS_pwrite64, fd, (const char *)from + done, len - done,
				      (long)(offset + done));

		if (n <= 0)
			return n ? n : -ENOMEM;
		done += (size_t)n;
	}
	return 0;
}

static int write_text(struct process *process, enum proc_file file, long fd)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	long err = -ENOMEM;

	if (!out)
		return -ENOMEM;
	write_file(process, file, out);
	if (!fclose(out))
		err = write_at(fd, text, len, 0);
	free(text);
	return (int)err;
}

#define PAGEMAP_CHUNK 512

struct range {
	unsigned long start, end;
};

static void note_range(void *arg, const struct gw_maps_line *line)
{
	const struct range range = { line->start, line->end };

	fwrite(&range, sizeof(range), 1, arg);
}

/* Where nothing is there is nothing to write: holes of the file are zero. */
static long write_pagemap_range(struct process *process, const struct range *range, long fd)
{
	static const uint64_t nothing[PAGEMAP_CHUNK];
	uint64_t entries[PAGEMAP_CHUNK];
	long err = 0;

	for (unsigned long addr = range->start, nr; addr < range->end && !err;
	     addr += nr * GW_PAGE_SIZE) {
		nr = min((range->end - addr) / GW_PAGE_SIZE, (unsigned long)PAGEMAP_CHUNK);
		process->world->core->mm_pagemap(process->mm, addr, nr, entries);
		if (memcmp(entries, nothing, nr * sizeof(*entries)))
			err = write_at(fd, entries, nr * sizeof(*entries),
				       addr / GW_PAGE_SIZE * sizeof(*entries));
	}
	return err;
}

/* Eight bytes for each page that an address space can have, most of them in holes. */
static int write_pagemap(struct process *process, long fd)
{
	const uint64_t size = GUEST_TOP / GW_PAGE_SIZE * sizeof(uint64_t);
	char *ranges = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&ranges, &len);
	long err;

	if (!out)
		return -ENOMEM;
	process->world->core->mm_maps(process->mm, note_range, out);
	err = fclose(out) ? -ENOMEM : host_syscall(SYS_ftruncate, fd, (long)size);
	for (size_t at = 0; at < len && !err; at += sizeof(struct range))
		err = write_pagemap_range(process, (const struct range *)(ranges + at), fd);
	free(ranges);
	return (int)err;
}

/* The file again, from its beginning and for reading only. */
static long reopen(long fd)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
	return host_syscall(SYS_openat, (long)AT_FDCWD, link, (long)(O_RDONLY | O_CLOEXEC), 0L);
}

int proc_open(struct process *process, enum proc_file file, int flags)
{
	long fd, again;
	int err;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	fd = host_syscall(SYS_memfd_create, "proc", (long)MFD_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	err = file == PROC_PAGEMAP ? write_pagemap(process, fd) : write_text(process, file, fd);
	host_syscall(SYS_fchmod, fd, file == PROC_PAGEMAP ? 0400L : 0444L);
	again = err ? err : reopen(fd);
	host_syscall(SYS_close, fd);
	return (int)again;
}
