// SPDX-License-Identifier: MIT
/*
 * counters.c - fails when a store is lost while its page moves
 *
 * Counters all over many pages are incremented in a random order, by plain and atomic instructions
 * of every width and by string instructions.  The same sequence run backwards must leave nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NR_PAGES 96
#define WORDS	 (NR_PAGES * 4096 / sizeof(uint64_t))

static uint64_t rng;

static uint64_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/*
 * The high half of a word counts what the wide instructions do, the low parts the narrow ones: a
 * carry out of a part is lost, so the parts never touch one another.
 */
static void step(volatile uint64_t *words, int sign)
{
	uint64_t random = next();
	volatile uint64_t *word = &words[(random >> 8) % WORDS];
	uint64_t one = (uint64_t)(int64_t)sign << 32;

	switch (random & 7) {
	case 0:
		__atomic_fetch_add(word, one, __ATOMIC_SEQ_CST);
		break;
	case 1:
		*(volatile uint8_t *)word = (uint8_t)(*(volatile uint8_t *)word + sign);
		break;
	case 2:
		((volatile uint16_t *)word)[1] = (uint16_t)(((volatile uint16_t *)word)[1] + sign);
		break;
	case 3:
		__atomic_fetch_add((volatile uint8_t *)word + 1, (uint8_t)sign, __ATOMIC_SEQ_CST);
		break;
	default:
		*word += one;
	}
}

/* Move a block that straddles pages there and back, so that `rep movs` is cut by faults. */
static void shuffle(uint64_t *words)
{
	static char away[3 * 4096];
	char *at = (char *)words + 4096 * (next() % (NR_PAGES - 4)) + next() % 4096;
	void *from = at, *to = away;
	size_t len = sizeof(away);

	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(len) : : "memory");
	from = away;
	to = at;
	len = sizeof(away);
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(len) : : "memory");
}

static void run(uint64_t *words, unsigned long steps, int sign)
{
	rng = 88172645463325252;
	for (unsigned long i = 0; i < steps; i++) {
		step(words, sign);
		if (i % 65536 == 0)
			shuffle(words);
	}
}

int main(int argc, char **argv)
{
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000000;
	uint64_t sum = 0, bad = 0;
	uint64_t *words = mmap(NULL, WORDS * sizeof(*words), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (words == MAP_FAILED)
		return 2;
	run(words, steps, 1);
	for (size_t i = 0; i < WORDS; i++)
		sum = sum * 31 + words[i];
	printf("%lu steps, checksum %016lx\n", steps, sum);
	run(words, steps, -1);
	for (size_t i = 0; i < WORDS; i++) {
		if (words[i] == 0)
			continue;
		bad++;
		fprintf(stderr, "word %zu is %#lx\n", i, words[i]);
	}
	printf("%lu wrong\n", bad);
	return bad != 0;
}
