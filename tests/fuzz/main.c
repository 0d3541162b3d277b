// SPDX-License-Identifier: MIT
/*
 * main.c - a small driver for a fuzz target, where there is no libFuzzer
 *
 * usage: fuzz_elf_plain [-max_total_time=SECONDS] [-seed=N] [-artifact_prefix=PREFIX] [FILE]...
 *
 * The options are libFuzzer's.  With files it runs these and ends.  Without, it mutates the seeds,
 * and inputs made of them, until the time is up: no coverage guides it, only the knowledge that
 * the first half kilobyte is where the decisions are.  The input that kills it is left in
 * PREFIX"crash"; the same seed comes to it again.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "prng.h"

#define SEEDS_MAX	  200
#define HEADERS_SIZE	  512
#define SECONDS_PER_INPUT 10

struct input {
	uint8_t *bytes;
	size_t size;
};

struct driver {
	struct prng prng;
	struct input seeds[SEEDS_MAX];
	unsigned int nr_seeds;
	unsigned long seconds;
	const char *prefix;
	char **files;
	int nr_files;
};

/* What the signal handler saves: it has no other way to them. */
static uint8_t current[FUZZ_INPUT_MAX];
static volatile size_t current_size;
static char crash_path[4096];

/* ---- The input that kills ------------------------------------------------------------------------------ */

static void save_and_die(int signal_nr)
{
	static const char text[] = "the input has been saved as ";
	int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, current, current_size) < 0 ||
	    write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, crash_path, strlen(crash_path)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	signal(signal_nr, SIG_DFL);
	raise(signal_nr);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], save_and_die);
}

static void run(void)
{
	/* Of its own size on the heap, so that a sanitizer sees a read beyond. */
	uint8_t *bytes = malloc(current_size ? current_size : 1);

	if (!bytes)
		abort();
	memcpy(bytes, current, current_size);
	alarm(SECONDS_PER_INPUT);
	LLVMFuzzerTestOneInput(bytes, current_size);
	alarm(0);
	free(bytes);
}

/* ---- Mutations ------------------------------------------------------------------------------------------- */

static uint64_t interesting(struct prng *prng)
{
	static const uint64_t values[] = { 0,	   1,	   2,	    0xfff,	0x1000,
					   0x1001, 0xffff, 1 << 16, 0x7fffffff, 0xffffffff };
	uint64_t power = 1ull << prng_below(prng, 64);

	switch (prng_below(prng, 5)) {
	case 0:
		return values[prng_below(prng, sizeof(values) / sizeof(values[0]))];
	case 1:
		return power;
	case 2:
		return power - 1;
	case 3:
		return 0 - prng_below(prng, 0x3000);
	default:
		return ((1ull << 47) - 0x1000) - prng_below(prng, 0x40000) + 0x1000;
	}
}

static size_t random_place(struct prng *prng)
{
	size_t end = current_size;

	if (prng_below(prng, 4) && end > HEADERS_SIZE)
		end = HEADERS_SIZE;
	return end ? prng_below(prng, end) : 0;
}

static void put_value(struct prng *prng, uint64_t value)
{
	static const size_t widths[] = { 8, 8, 8, 4, 2, 1 };
	size_t width = widths[prng_below(prng, sizeof(widths) / sizeof(widths[0]))];
	size_t at = random_place(prng) & ~(width - 1);

	if (at + width <= current_size)
		memcpy(current + at, &value, width);
}

static void copy_within(struct prng *prng)
{
	size_t from = random_place(prng) & ~7ul, to = random_place(prng) & ~7ul;
	size_t len = 8ul << prng_below(prng, 6), left;

	left = current_size - (from > to ? from : to);
	memmove(current + to, current + from, len < left ? len : left);
}

static void mutate_once(struct driver *driver)
{
	struct prng *prng = &driver->prng;

	if (!current_size)
		return;
	switch (prng_below(prng, 8)) {
	case 0:
		current[random_place(prng)] ^= (uint8_t)(1 << prng_below(prng, 8));
		break;
	case 1:
		current[random_place(prng)] = (uint8_t)prng_next(prng);
		break;
	case 2:
		copy_within(prng);
		break;
	case 3:
		current_size = prng_below(prng, 4) ? current_size : prng_below(prng, current_size);
		break;
	case 4: /* the options */
		current[current_size - 1 - prng_below(prng, current_size < 4 ? 1 : 4)] =
			(uint8_t)prng_below(prng, 64);
		break;
	default:
		put_value(prng, interesting(prng));
		break;
	}
}

static void mutate(struct driver *driver)
{
	const struct input *seed = &driver->seeds[prng_below(&driver->prng, driver->nr_seeds)];
	uint64_t nr = 1 + prng_below(&driver->prng, 6);

	memcpy(current, seed->bytes, seed->size);
	current_size = seed->size;
	while (nr--)
		mutate_once(driver);
}

/* ---- The run ----------------------------------------------------------------------------------------------- */

static void load_seeds(struct driver *driver)
{
	while (driver->nr_seeds < SEEDS_MAX) {
		struct input *seed = &driver->seeds[driver->nr_seeds];

		seed->size = fuzz_seed(driver->nr_seeds, current);
		if (!seed->size)
			return;
		seed->bytes = malloc(seed->size);
		if (!seed->bytes)
			abort();
		memcpy(seed->bytes, current, seed->size);
		driver->nr_seeds++;
	}
	fprintf(stderr, "fuzz: more than %d seeds\n", SEEDS_MAX);
	exit(2);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_seeds(struct driver *driver)
{
	for (unsigned int nr = 0; nr < driver->nr_seeds; nr++) {
		memcpy(current, driver->seeds[nr].bytes, driver->seeds[nr].size);
		current_size = driver->seeds[nr].size;
		run();
	}
}

static void run_for_a_while(struct driver *driver)
{
	double start = seconds_now(), end = start + (double)driver->seconds;
	unsigned long nr = 0;

	run_seeds(driver);
	while (seconds_now() < end) {
		mutate(driver);
		run();
		nr++;
	}
	printf("%lu inputs from %u seeds in %.1f seconds, %.0f per second\n", nr, driver->nr_seeds,
	       seconds_now() - start, (double)nr / (seconds_now() - start));
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file) {
		perror(path);
		exit(2);
	}
	current_size = fread(current, 1, sizeof(current), file);
	fclose(file);
	run();
	printf("%s: nothing found\n", path);
}

static bool option_value(const char *arg, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len) != 0)
		return false;
	*value = arg + len;
	return true;
}

static void parse(struct driver *driver, int argc, char **argv)
{
	const char *value;
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (option_value(argv[at], "-max_total_time=", &value)) {
			driver->seconds = strtoul(value, NULL, 10);
		} else if (option_value(argv[at], "-seed=", &value)) {
			prng_seed(&driver->prng, strtoull(value, NULL, 10));
		} else if (option_value(argv[at], "-artifact_prefix=", &value)) {
			driver->prefix = value;
		} else {
			fprintf(stderr, "fuzz: unknown option %s\n", argv[at]);
			exit(2);
		}
	}
	driver->files = argv + at;
	driver->nr_files = argc - at;
}

int main(int argc, char **argv)
{
	static struct driver driver = { .seconds = 10, .prefix = "" };

	parse(&driver, argc, argv);
	snprintf(crash_path, sizeof(crash_path), "%scrash", driver.prefix);
	catch_signals();
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 0; i < driver.nr_files; i++)
		run_file(driver.files[i]);
	if (driver.nr_files)
		return 0;
	load_seeds(&driver);
	run_for_a_while(&driver);
	return 0;
}
