// SPDX-License-Identifier: MIT
/*
 * strace_flags.c - the names of flags and small numbers in system calls
 *
 * Bits without a name are added in hex, so that nothing is hidden.
 */
#include "strace_flags.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct name {
	unsigned long value;
	const char *name;
};

#define NAME(x)                                                                                    \
	{                                                                                          \
		(unsigned long)(x), #x                                                             \
	}

/* The first name of @names that is exactly @value; else the number. */
static void add_one(struct text *text, const struct name *names, size_t nr, unsigned long value)
{
	for (size_t i = 0; i < nr; i++) {
		if (names[i].value == value) {
			text_add(text, "%s", names[i].name);
			return;
		}
	}
	text_add(text, "%#lx", value);
}

/* All names whose bits are in @bits, joined by |, after @sep if there are any. */
static void add_bits(struct text *text, const char *sep, const struct name *names, size_t nr,
		     unsigned long bits)
{
	for (size_t i = 0; i < nr; i++) {
		if ((bits & names[i].value) != names[i].value)
			continue;
		text_add(text, "%s%s", sep, names[i].name);
		bits &= ~names[i].value;
		sep = "|";
	}
	if (bits)
		text_add(text, "%s%#lx", sep, bits);
}

void text_add_prot(struct text *text, unsigned long prot)
{
	static const struct name names[] = { NAME(PROT_READ), NAME(PROT_WRITE), NAME(PROT_EXEC),
					     NAME(PROT_GROWSDOWN), NAME(PROT_GROWSUP) };

	if (!prot)
		text_add(text, "PROT_NONE");
	else
		add_bits(text, "", names, ARRAY_SIZE(names), prot);
}

void text_add_map_flags(struct text *text, unsigned long flags)
{
	static const struct name types[] = {
		NAME(MAP_SHARED), NAME(MAP_PRIVATE), NAME(MAP_SHARED_VALIDATE), { 0, "0" }
	};
	static const struct name names[] = {
		NAME(MAP_FIXED),     NAME(MAP_ANONYMOUS), NAME(MAP_GROWSDOWN),
		NAME(MAP_DENYWRITE), NAME(MAP_LOCKED),	  NAME(MAP_NORESERVE),
		NAME(MAP_POPULATE),  NAME(MAP_NONBLOCK),  NAME(MAP_STACK),
		NAME(MAP_HUGETLB),   NAME(MAP_SYNC),	  NAME(MAP_FIXED_NOREPLACE),
	};

	add_one(text, types, ARRAY_SIZE(types), flags & MAP_TYPE);
	add_bits(text, "|", names, ARRAY_SIZE(names), flags & ~(unsigned long)MAP_TYPE);
}

/* Of two that overlap the longer comes first; 0100000 is what the kernel adds on its own. */
static const struct name open_flags[] = {
	NAME(O_CREAT),
	NAME(O_EXCL),
	NAME(O_NOCTTY),
	NAME(O_TRUNC),
	NAME(O_APPEND),
	NAME(O_NONBLOCK),
	NAME(O_SYNC),
	NAME(O_DSYNC),
	NAME(O_ASYNC),
	NAME(O_DIRECT),
	NAME(O_NOFOLLOW),
	NAME(O_NOATIME),
	NAME(O_CLOEXEC),
	NAME(O_PATH),
	NAME(O_TMPFILE),
	NAME(O_DIRECTORY),
	{ 0100000, "O_LARGEFILE" },
};

void text_add_open_flags(struct text *text, unsigned long flags)
{
	static const struct name modes[] = { NAME(O_RDONLY), NAME(O_WRONLY), NAME(O_RDWR) };

	add_one(text, modes, ARRAY_SIZE(modes), flags & O_ACCMODE);
	add_bits(text, "|", open_flags, ARRAY_SIZE(open_flags), flags & ~(unsigned long)O_ACCMODE);
}

void text_add_descriptor_flags(struct text *text, unsigned long flags)
{
	if (!flags)
		text_add(text, "0");
	else
		add_bits(text, "", open_flags, ARRAY_SIZE(open_flags), flags);
}

void text_add_at_flags(struct text *text, unsigned long flags)
{
	static const struct name names[] = { NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_REMOVEDIR),
					     NAME(AT_SYMLINK_FOLLOW), NAME(AT_NO_AUTOMOUNT),
					     NAME(AT_EMPTY_PATH) };

	if (!flags)
		text_add(text, "0");
	else
		add_bits(text, "", names, ARRAY_SIZE(names), flags);
}

void text_add_whence(struct text *text, unsigned long whence)
{
	static const struct name names[] = { NAME(SEEK_SET), NAME(SEEK_CUR), NAME(SEEK_END),
					     NAME(SEEK_DATA), NAME(SEEK_HOLE) };

	add_one(text, names, ARRAY_SIZE(names), whence);
}

void text_add_fcntl_cmd(struct text *text, unsigned long cmd)
{
	static const struct name names[] = {
		NAME(F_DUPFD),	    NAME(F_DUPFD_CLOEXEC), NAME(F_GETFD),     NAME(F_SETFD),
		NAME(F_GETFL),	    NAME(F_SETFL),	   NAME(F_GETLK),     NAME(F_SETLK),
		NAME(F_SETLKW),	    NAME(F_GETOWN),	   NAME(F_SETOWN),    NAME(F_GETPIPE_SZ),
		NAME(F_SETPIPE_SZ), NAME(F_ADD_SEALS),	   NAME(F_GET_SEALS),
	};

	add_one(text, names, ARRAY_SIZE(names), cmd);
}

void text_add_signal(struct text *text, unsigned long signo)
{
	const char *name = signo < NSIG ? sigabbrev_np((int)signo) : NULL;

	if (name)
		text_add(text, "SIG%s", name);
	else if (signo >= 32 && signo <= 64)
		text_add(text, "SIGRT_%lu", signo - 32);
	else
		text_add(text, "%lu", signo);
}

void text_add_sigmask_how(struct text *text, unsigned long how)
{
	static const struct name names[] = { NAME(SIG_BLOCK), NAME(SIG_UNBLOCK),
					     NAME(SIG_SETMASK) };

	add_one(text, names, ARRAY_SIZE(names), how);
}

void text_add_sigaction_flags(struct text *text, unsigned long flags)
{
	static const struct name names[] = {
		{ 0x04000000, "SA_RESTORER" },
		NAME(SA_ONSTACK),
		NAME(SA_RESTART),
		NAME(SA_INTERRUPT),
		NAME(SA_NODEFER),
		{ 0x80000000, "SA_RESETHAND" },
		NAME(SA_SIGINFO),
		NAME(SA_NOCLDSTOP),
		NAME(SA_NOCLDWAIT),
	};

	if (!flags)
		text_add(text, "0");
	else
		add_bits(text, "", names, ARRAY_SIZE(names), flags);
}

void text_add_clock(struct text *text, unsigned long clock)
{
	static const struct name names[] = {
		NAME(CLOCK_REALTIME),
		NAME(CLOCK_MONOTONIC),
		NAME(CLOCK_PROCESS_CPUTIME_ID),
		NAME(CLOCK_THREAD_CPUTIME_ID),
		NAME(CLOCK_MONOTONIC_RAW),
		NAME(CLOCK_REALTIME_COARSE),
		NAME(CLOCK_MONOTONIC_COARSE),
		NAME(CLOCK_BOOTTIME),
		NAME(CLOCK_TAI),
	};

	add_one(text, names, ARRAY_SIZE(names), clock);
}

void text_add_file_mode(struct text *text, unsigned long mode)
{
	static const struct name types[] = { NAME(S_IFREG), NAME(S_IFDIR), NAME(S_IFCHR),
					     NAME(S_IFBLK), NAME(S_IFIFO), NAME(S_IFLNK),
					     NAME(S_IFSOCK) };
	static const struct name names[] = { NAME(S_ISUID), NAME(S_ISGID), NAME(S_ISVTX) };

	add_one(text, types, ARRAY_SIZE(types), mode & S_IFMT);
	if (mode & (S_ISUID | S_ISGID | S_ISVTX))
		add_bits(text, "|", names, ARRAY_SIZE(names), mode & (S_ISUID | S_ISGID | S_ISVTX));
	text_add(text, "|%#03lo", mode & 0777);
}

void text_add_sigset(struct text *text, uint64_t set)
{
	bool most = __builtin_popcountll(set) > 32;
	const char *sep = "";

	text_add(text, most ? "~[" : "[");
	if (most)
		set = ~set;
	for (unsigned long signo = 1; signo <= 64; signo++) {
		const char *name = signo < 32 ? sigabbrev_np((int)signo) : NULL;

		if (!(set >> (signo - 1) & 1))
			continue;
		if (name)
			text_add(text, "%s%s", sep, name);
		else
			text_add(text, "%sRT_%lu", sep, signo - 32);
		sep = " ";
	}
	text_add(text, "]");
}
