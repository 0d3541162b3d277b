// SPDX-License-Identifier: MIT
/* big_args.c - fails when two megabytes of arguments do not arrive whole on the new stack */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

#define NR_ARGS 1000
#define NR_ENV	900
#define LEN	1000

/* String number @i of its kind. */
static void compose(char *text, char kind, int i)
{
	for (int at = 0; at < LEN; at++)
		text[at] = (char)(kind + (i * 7 + at) % 26);
	text[LEN] = '\0';
}

static int wrong(char **strings, int nr, char kind)
{
	char want[LEN + 1];
	int found = 0;

	for (int i = 0; i < nr; i++) {
		compose(want, kind, i);
		found += strcmp(strings[i], want) != 0;
	}
	return found;
}

int main(int argc, char **argv)
{
	char *args[NR_ARGS + 2] = { argv[0] }, *env[NR_ENV + 1] = { NULL };

	if (argc > 1) {
		int nr_env = 0;

		while (environ[nr_env])
			nr_env++;
		printf("%d arguments, %d wrong\n", argc - 1, wrong(argv + 1, argc - 1, 'a'));
		printf("%d variables, %d wrong\n", nr_env, wrong(environ, nr_env, 'A'));
		return 0;
	}
	for (int i = 0; i < NR_ARGS; i++)
		compose(args[i + 1] = malloc(LEN + 1), 'a', i);
	for (int i = 0; i < NR_ENV; i++)
		compose(env[i] = malloc(LEN + 1), 'A', i);
	execve("/proc/self/exe", args, env);
	printf("execve: %s\n", strerrorname_np(errno));
	return 1;
}
