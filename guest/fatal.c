// SPDX-License-Identifier: MIT
/*
 * fatal.c - what killed the program, in one line
 */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "process.h"

struct vma_search {
	unsigned long addr;
	bool found;
	struct gw_maps_line line;
	char name[200];
};

static void look(void *arg, const struct gw_maps_line *line)
{
	struct vma_search *search = arg;

	if (search->addr < line->start || search->addr >= line->end)
		return;
	search->found = true;
	search->line = *line;
	snprintf(search->name, sizeof(search->name), "%s", line->name);
}

/* The mapping at @addr, as /proc/PID/maps shows it. */
static void describe_place(struct thread *thread, unsigned long addr, char *text, size_t size)
{
	struct process *process = thread->process;
	struct vma_search search = { .addr = addr };

	process->world->core->mm_maps(process->mm, look, &search);
	if (!search.found)
		snprintf(text, size, "nothing is mapped there");
	else
		snprintf(text, size, "in %lx-%lx %s%s%s", search.line.start, search.line.end,
			 search.line.perms, search.name[0] ? " " : "", search.name);
}

static const char *code_name(const siginfo_t *info)
{
	static const struct {
		int signo, code;
		const char *name;
	} names[] = {
		{ SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR" }, { SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR" },
		{ SIGBUS, BUS_ADRERR, "BUS_ADRERR" },	 { SIGBUS, BUS_ADRALN, "BUS_ADRALN" },
		{ SIGFPE, FPE_INTDIV, "FPE_INTDIV" },	 { SIGFPE, FPE_INTOVF, "FPE_INTOVF" },
		{ SIGFPE, FPE_FLTDIV, "FPE_FLTDIV" },	 { SIGFPE, FPE_FLTINV, "FPE_FLTINV" },
		{ SIGILL, ILL_ILLOPN, "ILL_ILLOPN" },	 { SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT" },
		{ SIGTRAP, TRAP_TRACE, "TRAP_TRACE" },
	};

	if (info->si_code == SI_KERNEL)
		return "SI_KERNEL";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].signo == info->si_signo && names[i].code == info->si_code)
			return names[i].name;
	}
	return NULL;
}

static bool has_address(const siginfo_t *info)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	if (info->si_code <= 0 || info->si_code == SI_KERNEL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (signals[i] == info->si_signo)
			return true;
	}
	return false;
}

static void signal_name(int signo, char *text, size_t size)
{
	const char *abbreviation = sigabbrev_np(signo);

	if (abbreviation)
		snprintf(text, size, "SIG%s", abbreviation);
	else
		snprintf(text, size, "signal %d", signo);
}

/*
 * The two by which pipelines and terminals end programs every day.  And a child has a parent that
 * knows why it was killed, if it did not crash.
 */
static bool is_usual_end(const struct process *process, const siginfo_t *info)
{
	if (info->si_signo == SIGINT || info->si_signo == SIGPIPE)
		return true;
	return process != process->world->first && info->si_code <= 0;
}

void report_fatal_signal(struct thread *thread, const siginfo_t *info)
{
	unsigned long ip = (unsigned long)platform_gregs(thread->platform)[REG_RIP];
	const char *code = code_name(info);
	char name[32], place[256];

	if (thread->process->said_why || is_usual_end(thread->process, info))
		return;
	thread->process->said_why = true;
	signal_name(info->si_signo, name, sizeof(name));
	if (has_address(info)) {
		unsigned long addr = (unsigned long)info->si_addr;

		describe_place(thread, addr, place, sizeof(place));
		message("%s: killed by %s%s%s at %#lx (%s), ip %#lx", thread->process->comm, name,
			code ? " " : "", code ? code : "", addr, place, ip);
	} else if (code) {
		message("%s: killed by %s %s, ip %#lx", thread->process->comm, name, code, ip);
	} else {
		message("%s: killed by %s", thread->process->comm, name);
	}
}
