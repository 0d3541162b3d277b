// SPDX-License-Identifier: MIT
/* time.c - fails when clocks go back or stand still, or a sleep ends early */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void monotonic(clockid_t clock, const char *name)
{
	double start = now(clock), last = start;
	int backwards = 0;

	for (int i = 0; i < 20000; i++) {
		double next = now(clock);

		backwards += next < last;
		last = next;
	}
	printf("%s: went back %d times, advanced: %d\n", name, backwards, last > start);
}

static void sleeping(void)
{
	struct timespec delay = { .tv_nsec = 30000000 }, bad = { .tv_nsec = 2000000000 };
	struct timespec until;
	double start = now(CLOCK_MONOTONIC);

	nanosleep(&delay, NULL);
	printf("slept long enough: %d\n", now(CLOCK_MONOTONIC) - start >= 0.03);
	printf("bad delay: %s\n", nanosleep(&bad, NULL) ? strerrorname_np(errno) : "ok");
	start = now(CLOCK_MONOTONIC);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 20000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	printf("until: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	printf("slept long enough: %d\n", now(CLOCK_MONOTONIC) - start >= 0.0199);
	start = now(CLOCK_MONOTONIC);
	printf("poll: %d\n", poll(NULL, 0, 20));
	printf("waited long enough: %d\n", now(CLOCK_MONOTONIC) - start >= 0.0199);
}

int main(void)
{
	struct timeval tv;
	struct timespec ts;
	time_t seconds;
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID);

	monotonic(CLOCK_MONOTONIC, "monotonic");
	monotonic(CLOCK_BOOTTIME, "boot time");
	gettimeofday(&tv, NULL);
	seconds = time(NULL);
	clock_gettime(CLOCK_REALTIME, &ts);
	printf("they agree: %d %d\n", seconds - tv.tv_sec <= 1, ts.tv_sec - seconds <= 1);
	printf("after 2024: %d\n", seconds > 1704067200);
	printf("bad clock: %s\n", clock_gettime(77, &ts) ? strerrorname_np(errno) : "ok");
	clock_getres(CLOCK_MONOTONIC, &ts);
	printf("resolution: %ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
	sleeping();
	printf("used its CPU: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) >= cpu);
	return 0;
}
