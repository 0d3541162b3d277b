// SPDX-License-Identifier: MIT
/*
 * monitor.c - looking at the whole machine once a second
 *
 * Everybody is stopped at the gate meanwhile, so that what is found is a state that lasts.
 *
 * Locks: monitor.lock, around the wish to stop; nothing nests inside.
 */
#include "monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "threads.h"
#include "world.h"

#define INTERVAL_SECONDS 1

struct monitor {
	struct world *world;
	struct run_result *result;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop; /* lock */
};

/* A second later, or at once when the run is over.  => false: it is */
static bool next_second(struct monitor *monitor)
{
	struct timespec until;
	bool stop;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += INTERVAL_SECONDS;
	pthread_mutex_lock(&monitor->lock);
	while (!monitor->stop && !err)
		err = pthread_cond_timedwait(&monitor->changed, &monitor->lock, &until);
	stop = monitor->stop;
	pthread_mutex_unlock(&monitor->lock);
	return !stop;
}

static void *monitor_main(void *arg)
{
	struct monitor *monitor = arg;

	threads_task_attach("monitor", CPU_MONITOR);
	while (next_second(monitor)) {
		world_stop(monitor->world);
		world_validate(monitor->world, monitor->result);
		world_start(monitor->world);
	}
	threads_task_detach();
	return NULL;
}

int monitor_start(struct world *world, struct run_result *result, struct monitor **out)
{
	struct monitor *monitor;
	int err;

	*out = NULL;
	if (!world->options.check)
		return 0;
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	monitor->world = world;
	monitor->result = result;
	pthread_mutex_init(&monitor->lock, NULL);
	pthread_cond_init(&monitor->changed, NULL);
	err = pthread_create(&monitor->thread, NULL, monitor_main, monitor);
	if (err) {
		free(monitor);
		return -err;
	}
	*out = monitor;
	return 0;
}

void monitor_stop(struct monitor *monitor)
{
	if (!monitor)
		return;
	pthread_mutex_lock(&monitor->lock);
	monitor->stop = true;
	pthread_cond_broadcast(&monitor->changed);
	pthread_mutex_unlock(&monitor->lock);
	pthread_join(monitor->thread, NULL);
	pthread_cond_destroy(&monitor->changed);
	pthread_mutex_destroy(&monitor->lock);
	free(monitor);
}
