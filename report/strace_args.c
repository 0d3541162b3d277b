// SPDX-License-Identifier: MIT
/*
 * strace_args.c - the arguments of a system call as text
 *
 * The letters of a format are explained in guest/syscall/table.h.  Small ones are printed when the
 * call is made, since what they point to may be gone or changed when it returns; capital ones when
 * it has returned, as addresses if it failed.
 */
#include "strace_args.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "strace_flags.h"

#define SHOWN_BYTES   32 /* of a string, as strace shows */
#define SHOWN_VECTORS 16
#define NR_ARGS	      6

/* struct sigaction as the kernel has it. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};

void text_add(struct text *text, const char *fmt, ...)
{
	size_t room = sizeof(text->at) - text->len;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text->at + text->len, room, fmt, ap);
	va_end(ap);
	if (len > 0)
		text->len += min((size_t)len, room - 1);
}

const char *strace_errno_name(long err)
{
	static const char *const restart[] = { "ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND",
					       NULL, "ERESTART_RESTARTBLOCK" };

	if (err >= 512 && err < 512 + (long)ARRAY_SIZE(restart))
		return restart[err - 512];
	return strerrorname_np((int)err);
}

/* ---- Bytes and strings ------------------------------------------------------------------------- */

static void add_address(struct text *text, unsigned long addr)
{
	if (addr)
		text_add(text, "%#lx", addr);
	else
		text_add(text, "NULL");
}

static void add_char(struct text *text, unsigned char c, unsigned char next)
{
	static const char plain[] = "\"\\\n\t\r\v\f", escapes[] = "\"\\ntrvf";
	const char *known = c ? strchr(plain, c) : NULL;

	if (known)
		text_add(text, "\\%c", escapes[known - plain]);
	else if (isprint(c))
		text_add(text, "%c", c);
	else
		text_add(text, isdigit(next) ? "\\%03o" : "\\%o", c);
}

static void add_quoted(struct text *text, const unsigned char *bytes, size_t len, bool more)
{
	text_add(text, "\"");
	for (size_t i = 0; i < len; i++)
		add_char(text, bytes[i], i + 1 < len ? bytes[i + 1] : 0);
	text_add(text, more ? "\"..." : "\"");
}

static void add_bytes(struct text *text, const struct call *call, unsigned long addr, size_t len)
{
	unsigned char bytes[SHOWN_BYTES];
	size_t shown = min(len, sizeof(bytes));

	if (!addr || call->read(call->record->thread, bytes, addr, shown) < shown)
		add_address(text, addr);
	else
		add_quoted(text, bytes, shown, len > shown);
}

static void add_string(struct text *text, const struct call *call, unsigned long addr)
{
	unsigned char bytes[SHOWN_BYTES + 1];
	size_t got = addr ? call->read(call->record->thread, bytes, addr, sizeof(bytes)) : 0;
	size_t len = strnlen((const char *)bytes, got);

	if (len == got && got < sizeof(bytes))
		add_address(text, addr); /* it does not end before the memory does */
	else
		add_quoted(text, bytes, min(len, (size_t)SHOWN_BYTES), len > SHOWN_BYTES);
}

static void add_strings(struct text *text, const struct call *call, unsigned long addr)
{
	const char *sep = "";
	uint64_t string;

	text_add(text, "[");
	for (int i = 0;; i++) {
		if (call->read(call->record->thread, &string, addr + 8ul * (unsigned)i, 8) < 8 ||
		    !string)
			break;
		if (i == SHOWN_VECTORS) {
			text_add(text, ", ...");
			break;
		}
		text_add(text, "%s", sep);
		add_string(text, call, string);
		sep = ", ";
	}
	text_add(text, "]");
}

static void add_environment(struct text *text, const struct call *call, unsigned long addr)
{
	uint64_t string;
	int nr = 0;

	while (call->read(call->record->thread, &string, addr + 8ul * (unsigned)nr, 8) == 8 &&
	       string)
		nr++;
	add_address(text, addr);
	text_add(text, " /* %d var%s */", nr, nr == 1 ? "" : "s");
}

static void add_iovecs(struct text *text, const struct call *call, unsigned long addr,
		       unsigned long nr, size_t bytes)
{
	struct iovec vector;

	text_add(text, "[");
	for (unsigned long i = 0; i < nr; i++) {
		if (call->read(call->record->thread, &vector, addr + i * sizeof(vector),
			       sizeof(vector)) < sizeof(vector))
			break;
		if (i == SHOWN_VECTORS) {
			text_add(text, ", ...");
			break;
		}
		text_add(text, i ? ", {iov_base=" : "{iov_base=");
		add_bytes(text, call, (unsigned long)vector.iov_base, min(bytes, vector.iov_len));
		text_add(text, ", iov_len=%zu}", vector.iov_len);
		bytes -= min(bytes, vector.iov_len);
	}
	text_add(text, "]");
}

/* ---- Structures --------------------------------------------------------------------------------- */

static void add_sigset_at(struct text *text, const void *object)
{
	text_add_sigset(text, *(const uint64_t *)object);
}

static void add_sigaction(struct text *text, const void *object)
{
	const struct kernel_sigaction *action = object;

	if (action->handler == 0)
		text_add(text, "{sa_handler=SIG_DFL");
	else if (action->handler == 1)
		text_add(text, "{sa_handler=SIG_IGN");
	else
		text_add(text, "{sa_%s=%#lx", action->flags & 4 ? "sigaction" : "handler",
			 (unsigned long)action->handler);
	text_add(text, ", sa_mask=");
	text_add_sigset(text, action->mask);
	text_add(text, ", sa_flags=");
	text_add_sigaction_flags(text, action->flags);
	if (action->flags & 0x04000000)
		text_add(text, ", sa_restorer=%#lx", (unsigned long)action->restorer);
	text_add(text, "}");
}

static void add_timespec(struct text *text, const void *object)
{
	const struct timespec *time = object;

	text_add(text, "{tv_sec=%ld, tv_nsec=%ld}", (long)time->tv_sec, time->tv_nsec);
}

static void add_limit(struct text *text, unsigned long limit)
{
	if (limit == RLIM_INFINITY)
		text_add(text, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		text_add(text, "%lu*1024", limit / 1024);
	else
		text_add(text, "%lu", limit);
}

static void add_rlimit(struct text *text, const void *object)
{
	const struct rlimit *limit = object;

	text_add(text, "{rlim_cur=");
	add_limit(text, limit->rlim_cur);
	text_add(text, ", rlim_max=");
	add_limit(text, limit->rlim_max);
	text_add(text, "}");
}

static void add_stat(struct text *text, const void *object)
{
	const struct stat *stat = object;

	text_add(text, "{st_mode=");
	text_add_file_mode(text, stat->st_mode);
	text_add(text, ", st_size=%ld, ...}", (long)stat->st_size);
}

static void add_pair(struct text *text, const void *object)
{
	const int *pair = object;

	text_add(text, "[%d, %d]", pair[0], pair[1]);
}

static void add_utsname(struct text *text, const void *object)
{
	const struct utsname *uts = object;

	text_add(text, "{sysname=\"%.64s\", nodename=\"%.64s\", ...}", uts->sysname, uts->nodename);
}

struct structure {
	char letter;
	size_t size;
	void (*add)(struct text *text, const void *object);
};

static const struct structure structures[] = {
	{ 'q', 8, add_sigset_at },
	{ 'Q', 8, add_sigset_at },
	{ 'j', sizeof(struct kernel_sigaction), add_sigaction },
	{ 'J', sizeof(struct kernel_sigaction), add_sigaction },
	{ 't', sizeof(struct timespec), add_timespec },
	{ 'T', sizeof(struct timespec), add_timespec },
	{ 'L', sizeof(struct rlimit), add_rlimit },
	{ 'R', sizeof(struct rlimit), add_rlimit },
	{ 'S', sizeof(struct stat), add_stat },
	{ 'P', 2 * sizeof(int), add_pair },
	{ 'M', sizeof(struct utsname), add_utsname },
};

static const struct structure *find_structure(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(structures); i++)
		if (structures[i].letter == letter)
			return &structures[i];
	return NULL;
}

static void add_structure(struct text *text, const struct call *call,
			  const struct structure *structure, unsigned long addr)
{
	union {
		struct kernel_sigaction sigaction;
		struct timespec timespec;
		struct rlimit rlimit;
		struct stat stat;
		struct utsname utsname;
	} object;

	if (!addr ||
	    call->read(call->record->thread, &object, addr, structure->size) < structure->size)
		add_address(text, addr);
	else
		structure->add(text, &object);
}

/* ---- Numbers -------------------------------------------------------------------------------------- */

static void add_directory(struct text *text, unsigned long fd)
{
	if ((int)fd == AT_FDCWD)
		text_add(text, "AT_FDCWD");
	else
		text_add(text, "%d", (int)fd);
}

/* The argument after a F_* is what that command makes of it. */
static void add_fcntl_argument(struct text *text, unsigned long cmd, unsigned long value)
{
	switch (cmd) {
	case F_SETFD:
		text_add(text, value == FD_CLOEXEC ? "FD_CLOEXEC" : "%#lx", value);
		break;
	case F_SETFL:
		text_add_open_flags(text, value);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		add_address(text, value);
		break;
	default:
		text_add(text, "%d", (int)value);
	}
}

static bool fcntl_has_argument(unsigned long cmd)
{
	return cmd != F_GETFD && cmd != F_GETFL && cmd != F_GETOWN && cmd != F_GETPIPE_SZ &&
	       cmd != F_GET_SEALS;
}

static bool open_has_mode(unsigned long flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static void add_number(struct text *text, char letter, unsigned long value)
{
	switch (letter) {
	case 'd':
	case 'f':
		text_add(text, "%d", (int)value);
		break;
	case 'u':
		text_add(text, "%u", (unsigned int)value);
		break;
	case 'l':
		text_add(text, "%ld", (long)value);
		break;
	case 'z':
		text_add(text, "%lu", value);
		break;
	case 'x':
		text_add(text, "%#x", (unsigned int)value);
		break;
	case 'o':
		text_add(text, "%#03lo", value);
		break;
	case 'h':
		add_directory(text, value);
		break;
	case 'p':
		text_add_prot(text, value);
		break;
	case 'm':
		text_add_map_flags(text, value);
		break;
	case 'r':
		text_add_at_flags(text, value);
		break;
	case 'w':
		text_add_whence(text, value);
		break;
	case 'c':
		text_add_fcntl_cmd(text, value);
		break;
	case 'g':
		text_add_signal(text, value);
		break;
	case 'y':
		text_add_sigmask_how(text, value);
		break;
	case 'k':
		text_add_clock(text, value);
		break;
	default:
		add_address(text, value);
	}
}

/* ---- One argument, and all -------------------------------------------------------------------------- */

/* What it points to is there when the call has returned and succeeded. */
static bool is_result(char letter)
{
	return isupper((unsigned char)letter) && letter != 'L';
}

static void add_pointed(struct text *text, const struct call *call, char letter,
			unsigned long value, unsigned long next)
{
	size_t filled = call->returned && call->result > 0 ? (size_t)call->result : 0;

	switch (letter) {
	case 's':
		add_string(text, call, value);
		break;
	case 'v':
		add_strings(text, call, value);
		break;
	case 'e':
		add_environment(text, call, value);
		break;
	case 'b':
		add_bytes(text, call, value, next);
		break;
	case 'B':
	case 'N':
		add_bytes(text, call, value, filled);
		break;
	case 'i':
		add_iovecs(text, call, value, next, SIZE_MAX);
		break;
	case 'I':
		add_iovecs(text, call, value, next, filled);
		break;
	default:
		add_number(text, letter, value);
	}
}

/* Is argument @i there at all? */
static bool argument_exists(const struct call *call, int i)
{
	const char *format = call->record->format;
	const unsigned long *args = call->record->args;

	if (i == 0)
		return true;
	if (format[i] == 'o' && format[i - 1] == 'n')
		return open_has_mode(args[i - 1]);
	if (format[i - 1] == 'c')
		return fcntl_has_argument(args[i - 1]);
	return true;
}

static void add_argument(struct text *text, const struct call *call, int i)
{
	const char *format = call->record->format;
	const unsigned long *args = call->record->args;
	const struct structure *structure = find_structure(format[i]);

	if (i > 0)
		text_add(text, ", ");
	if (is_result(format[i]) && call->result < 0)
		add_address(text, args[i]);
	else if (format[i] == 'n' && i > 0 && format[i - 1] == 's')
		text_add_open_flags(text, args[i]);
	else if (format[i] == 'n')
		text_add_descriptor_flags(text, args[i]);
	else if (i > 0 && format[i - 1] == 'c')
		add_fcntl_argument(text, args[i - 1], args[i]);
	else if (structure)
		add_structure(text, call, structure, args[i]);
	else
		add_pointed(text, call, format[i], args[i], i + 1 < NR_ARGS ? args[i + 1] : 0);
}

int strace_args(struct text *text, const struct call *call, int from)
{
	const char *format = call->record->format;
	int i;

	for (i = from; i < NR_ARGS && format[i]; i++) {
		if (is_result(format[i]) && !call->returned)
			break;
		if (argument_exists(call, i))
			add_argument(text, call, i);
	}
	return i;
}
