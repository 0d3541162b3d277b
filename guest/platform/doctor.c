// SPDX-License-Identifier: MIT
/*
 * doctor.c - what the host allows, for godwit doctor
 *
 * Each check is one line with what to change when it fails.  The last one is the real thing: a
 * platform is made, and taken down again.
 */
#include "platform.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "host_limits.h"
#include "memfd.h"
#include "stub/layout.h"
#include "syscall.h"

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif

#define FEW_MAPPINGS 65530

struct report {
	void (*line)(void *arg, const char *what, bool ok, const char *detail);
	void *arg;
};

static void __attribute__((format(printf, 4, 5)))
say(const struct report *report, const char *what, bool ok, const char *format, ...)
{
	char detail[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	report->line(report->arg, what, ok, detail);
}

/* close_range is the youngest call that is needed: 5.9. */
static void check_kernel(const struct report *report)
{
	struct utsname name;
	int major = 0, minor = 0;
	bool ok;

	if (host_syscall(SYS_uname, &name))
		return;
	ok = sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	     (major > 5 || (major == 5 && minor >= 9));
	say(report, "kernel", ok, ok ? "Linux %s" : "Linux %s; 5.9 or later is needed",
	    name.release);
}

static void check_seccomp(const struct report *report)
{
	unsigned int action = SECCOMP_RET_TRAP;
	long err = host_syscall(SYS_seccomp, (long)SECCOMP_GET_ACTION_AVAIL, 0l, &action);

	if (!err)
		say(report, "seccomp filters", true, "can trap system calls");
	else
		say(report, "seccomp filters", false,
		    "%s; the kernel needs CONFIG_SECCOMP_FILTER, and a container must allow "
		    "seccomp(2)",
		    strerror((int)-err));
}

static void check_memfd(const struct report *report)
{
	const char *why = "";
	int fd = memfd_create_exec("godwit-doctor", &why);

	say(report, "executable memfd", fd >= 0, "%s", fd >= 0 ? "allowed" : why);
	if (fd >= 0)
		host_syscall(SYS_close, (long)fd);
}

static void check_map_count(const struct report *report)
{
	unsigned long max = host_max_map_count();

	if (max >= FEW_MAPPINGS)
		say(report, "vm.max_map_count", true, "%lu mappings for each guest", max);
	else
		say(report, "vm.max_map_count", false,
		    "%lu; guests with scattered memory will fault more often than they need: "
		    "sysctl vm.max_map_count=%d",
		    max, FEW_MAPPINGS);
}

static void check_overcommit(const struct report *report)
{
	unsigned long mode;

	if (!host_sysctl("/proc/sys/vm/overcommit_memory", &mode))
		say(report, "vm.overcommit_memory", true, "unknown: /proc is not there");
	else if (mode == 2)
		say(report, "vm.overcommit_memory", false,
		    "2: the machine's memory is charged at once, used or not; choose a small "
		    "--memory, or sysctl vm.overcommit_memory=0");
	else
		say(report, "vm.overcommit_memory", true, "%lu: memory is charged when it is used",
		    mode);
}

static void check_min_addr(const struct report *report)
{
	unsigned long min = 0;
	bool known = host_sysctl("/proc/sys/vm/mmap_min_addr", &min);

	if (min <= STUB_GUEST_LOW)
		say(report, "vm.mmap_min_addr", true,
		    known ? "%lu; guests begin at %lu" : "unknown (%lu); guests begin at %lu", min,
		    STUB_GUEST_LOW);
	else
		say(report, "vm.mmap_min_addr", false,
		    "%lu; guests begin at %lu: sysctl "
		    "vm.mmap_min_addr=%lu",
		    min, STUB_GUEST_LOW, STUB_GUEST_LOW);
}

static void check_cpus(const struct report *report)
{
	int nr = host_nr_cpus();

	if (nr > 1)
		say(report, "CPUs", true, "%d; the guest and the runner hand over by spinning", nr);
	else
		say(report, "CPUs", true,
		    "1; every system call of a guest costs two switches of the host");
}

/*
 * Some hypervisors let the instruction work that writes the segment base and then forget its
 * effect.  Guests are told that it does not exist (AT_HWCAP2), as the kernel tells us.
 */
static void check_fsgsbase(const struct report *report)
{
	bool there = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;

	say(report, "FSGSBASE", true,
	    there ? "guests may write segment bases themselves"
		  : "not offered by the kernel; guests use arch_prctl(2)");
}

static void check_platform(const struct report *report)
{
	const struct platform_config config = { .nr_frames = 16 };
	struct platform *platform;
	const char *why = "";
	int err = platform_create(&config, &platform, &why);

	if (err) {
		say(report, "guest process", false, "%s (%s)", why, strerror(-err));
		return;
	}
	platform_destroy(platform);
	say(report, "guest process", true, "starts, traps and maps memory");
}

void platform_doctor(void (*line)(void *arg, const char *what, bool ok, const char *detail),
		     void *arg)
{
	const struct report report = { line, arg };

	check_kernel(&report);
	check_cpus(&report);
	check_seccomp(&report);
	check_memfd(&report);
	check_map_count(&report);
	check_overcommit(&report);
	check_min_addr(&report);
	check_fsgsbase(&report);
	check_platform(&report);
}
