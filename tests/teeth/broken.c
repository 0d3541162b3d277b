// SPDX-License-Identifier: MIT
/* broken.c - what a sanitizer must see: if its test fails, the sanitizers check nothing */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static volatile int shared;

static void *increment(void *arg)
{
	for (int i = 0; i < 10000; i++)
		shared++;
	return arg;
}

int main(void)
{
	pthread_t thread;
	volatile int index = 10;
	int *volatile ints = calloc(10, sizeof(*ints));

	if (!ints || pthread_create(&thread, NULL, increment, NULL))
		return 2;
	increment(NULL);
	pthread_join(thread, NULL);
	printf("%d %d\n", shared, ints[index]); /* one beyond the last */
	free(ints);
	return 0;
}
