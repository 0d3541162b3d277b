// SPDX-License-Identifier: MIT
/*
 * args_env_auxv.c - fails when a new program finds something else above its stack pointer
 *
 * Addresses are random, so what is printed is how they lie to one another.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

extern char **environ;
extern const Elf64_Ehdr __ehdr_start;
void _start(void);

static void print_strings(const char *name, char **strings)
{
	for (int i = 0; strings[i]; i++)
		printf("%s[%d] = \"%s\"\n", name, i, strings[i]);
}

/* The byte after the last string, or NULL when one does not follow the one before. */
static char *end_of_strings(char *at, char **strings)
{
	for (int i = 0; strings[i]; i++) {
		if (at && strings[i] != at)
			return NULL;
		at = strings[i] + strlen(strings[i]) + 1;
	}
	return at;
}

static void print_layout(int argc, char **argv)
{
	char **envp = argv + argc + 1;
	char **after = envp;
	const Elf64_auxv_t *auxv;
	char *end;

	while (*after)
		after++;
	auxv = (const Elf64_auxv_t *)(after + 1);
	printf("stack pointer mod 16: %d\n", (int)((uintptr_t)(argv - 1) & 15));
	printf("argc below argv: %d\n", *(int *)(argv - 1) == argc);
	printf("argv ends with NULL: %d\n", argv[argc] == NULL);
	printf("environ follows argv: %d\n", environ == envp);
	printf("auxv follows environ: %d\n", getauxval(AT_PAGESZ) == 4096 && auxv->a_type != 0);
	end = end_of_strings(argv[0], argv);
	end = end ? end_of_strings(end, envp) : NULL;
	printf("strings are contiguous: %d\n", end != NULL);
	printf("file name follows them: %d\n", end == (char *)getauxval(AT_EXECFN));
	end = end ? end + strlen(end) + 1 : NULL;
	printf("eight bytes end the stack: %d\n",
	       end && ((uintptr_t)end + 8) % 4096 == 0 && memcmp(end, "\0\0\0\0\0\0\0", 8) == 0);
}

static void print_auxv(void)
{
	static const struct {
		unsigned long type;
		const char *name;
	} values[] = {
		{ AT_PAGESZ, "AT_PAGESZ" }, { AT_CLKTCK, "AT_CLKTCK" },
		{ AT_PHENT, "AT_PHENT" },   { AT_PHNUM, "AT_PHNUM" },
		{ AT_BASE, "AT_BASE" },	    { AT_FLAGS, "AT_FLAGS" },
		{ AT_SECURE, "AT_SECURE" }, { AT_HWCAP, "AT_HWCAP" },
		{ AT_HWCAP2, "AT_HWCAP2" }, { AT_MINSIGSTKSZ, "AT_MINSIGSTKSZ" },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		errno = 0;
		printf("%s = %#lx", values[i].name, getauxval(values[i].type));
		printf("%s\n", errno == ENOENT ? " (missing)" : "");
	}
	printf("ids: %d %d %d %d\n", getauxval(AT_UID) == getuid(), getauxval(AT_EUID) == geteuid(),
	       getauxval(AT_GID) == getgid(), getauxval(AT_EGID) == getegid());
	printf("AT_PLATFORM = \"%s\"\n", (const char *)getauxval(AT_PLATFORM));
	printf("AT_EXECFN = \"%s\"\n", (const char *)getauxval(AT_EXECFN));
	printf("AT_ENTRY is _start: %d\n", getauxval(AT_ENTRY) == (uintptr_t)_start);
	printf("AT_PHDR is in the image: %d\n",
	       getauxval(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
}

/* Sixteen random bytes; all zero is as likely as a machine that breaks now. */
static void print_random(int argc, char **argv)
{
	static const unsigned char zeros[16];
	const unsigned char *bytes = (const unsigned char *)getauxval(AT_RANDOM);

	printf("random bytes: %d, above argv: %d, below the strings: %d\n",
	       memcmp(bytes, zeros, 16) != 0, (uintptr_t)bytes > (uintptr_t)(argv + argc),
	       (uintptr_t)bytes + 16 <= (uintptr_t)argv[0]);
}

int main(int argc, char **argv)
{
	print_strings("argv", argv);
	print_strings("envp", environ);
	print_layout(argc, argv);
	print_auxv();
	print_random(argc, argv);
	return 0;
}
