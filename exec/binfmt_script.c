// SPDX-License-Identifier: MIT
/*
 * binfmt_script.c - #! interpreters
 *
 * "#!" NAME [ARGUMENT]: the file is not run but read by another program, which gets NAME, the
 * rest of the line as at most one argument, and the script's path in the place of argv[0].
 *
 * Only the first 256 bytes of a file are looked at.  A name that may be cut off there must not be
 * run: it could name another program.  A cut argument is harmless, as the interpreter can read
 * the line itself.  Linux 6eb3c3d0a52d ("exec: increase BINPRM_BUF_SIZE to 256") and
 * b5372fe5dc84 ("exec: load_script: Do not exec truncated interpreter path").
 *
 * Linux: fs/binfmt_script.c (6.12).
 */
#include "binprm.h"

#include <errno.h>
#include <string.h>

/* The parts of the line, as offsets into bprm->buf. */
struct shebang {
	size_t name, name_end;
	size_t arg, arg_end; /* equal: no argument */
};

static int parse_shebang(const char *buf, struct shebang *line);
static int push_interpreter(struct binprm *bprm, const char *name, size_t name_len,
			    const char *arg);

int load_script(struct binprm *bprm)
{
	char line[BINPRM_BUF_SIZE + 1];
	struct shebang parts;
	int err;

	if (bprm->buf[0] != '#' || bprm->buf[1] != '!')
		return -ENOEXEC;
	err = parse_shebang(bprm->buf, &parts);
	if (err)
		return bprm_fail(bprm, err, "the #! line names no interpreter, or is too long");
	memcpy(line, bprm->buf, BINPRM_BUF_SIZE);
	line[parts.name_end] = '\0';
	line[parts.arg_end] = '\0';
	return push_interpreter(bprm, line + parts.name, parts.name_end - parts.name,
				parts.arg < parts.arg_end ? line + parts.arg : NULL);
}

/*
 * The script's path takes the place of argv[0], then come the argument and the interpreter's name,
 * each below the one before, as strings are stored from the top down.
 */
static int push_interpreter(struct binprm *bprm, const char *name, size_t name_len, const char *arg)
{
	int err;

	err = remove_arg_zero(bprm);
	if (err)
		return err;
	err = copy_string(bprm, bprm->interp[0] ? bprm->interp : bprm->exec->filename);
	if (err)
		return err;
	bprm->argc++;
	if (arg) {
		err = copy_string(bprm, arg);
		if (err)
			return err;
		bprm->argc++;
	}
	err = copy_string(bprm, name);
	if (err)
		return err;
	bprm->argc++;
	memcpy(bprm->interp, name, name_len + 1);
	return open_exec(bprm, name, &bprm->interpreter);
}

/* ---- The line ---------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *buf, size_t at, size_t end)
{
	while (at < end && is_blank(buf[at]))
		at++;
	return at;
}

/* Up to the next blank or NUL, or to @end. */
static size_t skip_word(const char *buf, size_t at, size_t end)
{
	while (at < end && !is_blank(buf[at]) && buf[at])
		at++;
	return at;
}

/* Where the line ends, trailing blanks left out; 0 when the name may be cut off. */
static size_t line_end(const char *buf)
{
	const char *newline = memchr(buf, '\n', BINPRM_BUF_SIZE);
	size_t end = BINPRM_BUF_SIZE;

	if (newline) {
		end = (size_t)(newline - buf);
	} else {
		size_t name = skip_blanks(buf, 2, end);

		if (skip_word(buf, name, end) == end)
			return 0;
		end--; /* Linux looks at no more than 255 bytes of a line without end */
	}
	while (is_blank(buf[end - 1]))
		end--;
	return end;
}

static int parse_shebang(const char *buf, struct shebang *line)
{
	size_t end = line_end(buf);

	if (!end)
		return -ENOEXEC;
	line->name = skip_blanks(buf, 2, end);
	if (line->name == end)
		return -ENOEXEC;
	line->name_end = skip_word(buf, line->name, end);
	/* A NUL comes first: Linux looks the empty name up, and finds the working directory. */
	if (line->name == line->name_end)
		return -EACCES;
	/* A NUL ends the line; a blank is followed by the argument. */
	line->arg = line->arg_end = line->name_end;
	if (line->name_end < end && buf[line->name_end]) {
		line->arg = skip_blanks(buf, line->name_end, end);
		line->arg_end = end;
	}
	return 0;
}
