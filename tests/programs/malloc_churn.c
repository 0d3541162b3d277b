// SPDX-License-Identifier: MIT
/* malloc_churn.c - fails when the heap's contents change while it is grown, trimmed and moved */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_BLOCKS 400

static struct block {
	unsigned char *at;
	size_t len;
	unsigned char byte;
} blocks[NR_BLOCKS];

static uint64_t rng = 1234567;

static uint64_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* Mostly small, sometimes beyond the size from which blocks are mapped one by one. */
static size_t random_len(void)
{
	switch (next() % 16) {
	case 0:
		return next() % (700 << 10) + 1;
	case 1:
	case 2:
		return next() % (40 << 10) + 1;
	default:
		return next() % 600 + 1;
	}
}

static void verify(const struct block *block, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (block->at[i] != (unsigned char)(block->byte + i)) {
			printf("byte %zu of %zu is %d\n", i, block->len, block->at[i]);
			exit(1);
		}
	}
}

static void fill(struct block *block)
{
	block->byte = (unsigned char)next();
	for (size_t i = 0; i < block->len; i++)
		block->at[i] = (unsigned char)(block->byte + i);
}

static void churn(struct block *block)
{
	size_t len = random_len();

	if (!block->at) {
		block->at = next() % 4 ? malloc(len) : calloc(1, len);
		block->len = len;
	} else if (next() % 3) {
		verify(block, block->len);
		free(block->at);
		block->at = NULL;
		return;
	} else {
		block->at = realloc(block->at, len);
		verify(block, len < block->len ? len : block->len);
		block->len = len;
	}
	if (!block->at)
		exit(2);
	fill(block);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 20000;
	unsigned long sum = 0;

	for (long i = 0; i < rounds; i++)
		churn(&blocks[next() % NR_BLOCKS]);
	for (int i = 0; i < NR_BLOCKS; i++) {
		if (!blocks[i].at)
			continue;
		verify(&blocks[i], blocks[i].len);
		sum = sum * 31 + blocks[i].len + blocks[i].byte;
		free(blocks[i].at);
	}
	printf("%ld rounds, checksum %016lx\n", rounds, sum);
	return 0;
}
