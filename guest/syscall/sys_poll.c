// SPDX-License-Identifier: MIT
/*
 * sys_poll.c - waiting for descriptors
 *
 * All four are the host's ppoll(), which says how much of the time is left; the guest's mask is
 * never the host's, as signals reach a guest through Godwit.
 *
 * Linux: fs/select.c.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "sys.h"

/* What makes a descriptor readable, writable, exceptional.  Linux: POLLIN_SET and so on. */
#define READ_EVENTS   (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL)
#define WRITE_EVENTS  (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL)
#define EXCEPT_EVENTS (POLLPRI | POLLNVAL)

/* ---- Descriptors of the host ------------------------------------------------------------------------- */

/* One that is not open is ready at once, with POLLNVAL. */
static int to_host(struct thread *thread, struct pollfd *polls, const int *fds, size_t nr)
{
	int nr_invalid = 0;

	for (size_t i = 0; i < nr; i++) {
		polls[i].revents = 0;
		polls[i].fd = fds[i] < 0 ? -1 : (int)host_fd(thread, (unsigned long)fds[i]);
		if (fds[i] >= 0 && polls[i].fd < 0) {
			polls[i].fd = -1;
			polls[i].revents = POLLNVAL;
			nr_invalid++;
		}
	}
	return nr_invalid;
}

/*
 * Wait, with descriptors @fds in the place of those in @polls; @time is what is left afterwards.
 * => the number of descriptors with events
 */
static long wait_for(struct thread *thread, struct pollfd *polls, const int *fds, size_t nr,
		     struct timespec *time)
{
	struct timespec now = { 0 };
	int nr_invalid = to_host(thread, polls, fds, nr);
	long result =
		thread_wait_call(thread, SYS_ppoll, polls, nr, nr_invalid ? &now : time, NULL, 0l);

	for (size_t i = 0; i < nr; i++) {
		if (fds[i] >= 0 && polls[i].fd < 0)
			polls[i].revents = POLLNVAL;
		polls[i].fd = fds[i];
	}
	return result < 0 ? result : result + nr_invalid;
}

/* ---- poll ----------------------------------------------------------------------------------------------- */

struct poll_call {
	struct pollfd *polls;
	int *fds;
};

static void free_poll(struct poll_call *call)
{
	free(call->polls);
	free(call->fds);
}

static long alloc_poll(struct poll_call *call, size_t nr)
{
	call->polls = calloc(max(nr, (size_t)1), sizeof(*call->polls));
	call->fds = calloc(max(nr, (size_t)1), sizeof(*call->fds));
	if (call->polls && call->fds)
		return 0;
	free_poll(call);
	return -ENOMEM;
}

static long do_poll(struct thread *thread, unsigned long addr, unsigned int nr,
		    struct timespec *time)
{
	struct poll_call call;
	long result;

	if (nr > thread->process->limits[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	result = alloc_poll(&call, nr);
	if (result)
		return result;
	result = -EFAULT;
	if (user_get(thread, call.polls, addr, nr * sizeof(*call.polls)))
		goto out_free;
	for (unsigned int i = 0; i < nr; i++)
		call.fds[i] = call.polls[i].fd;
	result = wait_for(thread, call.polls, call.fds, nr, time);
	result = put_result(thread, result, addr, call.polls, nr * sizeof(*call.polls));
out_free:
	free_poll(&call);
	return restart_nohand(result);
}

SYS(poll)
{
	int timeout = (int)args[2];
	struct timespec time = {
		.tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000l,
	};

	return do_poll(thread, args[0], (unsigned int)args[1], timeout < 0 ? NULL : &time);
}

/* What is left of the time, unless it was no time at all.  Linux tells it in select and ppoll. */
static void put_left(struct thread *thread, unsigned long addr, const struct timespec *time)
{
	if (addr && user_put(thread, addr, time, sizeof(*time)))
		return; /* memory that cannot be written does not undo the wait */
}

SYS(ppoll)
{
	struct timespec time;
	uint64_t mask;
	bool masked;
	long result = get_mask(thread, args[3], args[4], &mask, &masked);

	if (!result && args[2])
		result = get_timespec(thread, args[2], &time);
	if (result)
		return result;
	if (masked)
		mask_for_call(thread, mask);
	result = do_poll(thread, args[0], (unsigned int)args[1], args[2] ? &time : NULL);
	put_left(thread, args[2], &time);
	return unmask_after_call(thread, result);
}

/* ---- select ----------------------------------------------------------------------------------------------- */

struct select_call {
	unsigned long addr[3]; /* of the sets in the guest, or 0 */
	uint64_t in[3][FD_SETSIZE / 64];
	uint64_t out[3][FD_SETSIZE / 64];
	struct pollfd polls[FD_SETSIZE];
	int fds[FD_SETSIZE];
	int nr;
	size_t bytes; /* of a set */
};

static const short select_events[3] = { READ_EVENTS, WRITE_EVENTS, EXCEPT_EVENTS };

static bool in_set(const uint64_t *set, int fd)
{
	return set[fd / 64] >> (fd % 64) & 1;
}

static int get_sets(struct thread *thread, struct select_call *call)
{
	for (int i = 0; i < 3; i++) {
		if (call->addr[i] && user_get(thread, call->in[i], call->addr[i], call->bytes))
			return -EFAULT;
	}
	return 0;
}

/* Unlike poll, select fails when one is not open. */
static int make_polls(struct thread *thread, struct select_call *call, int nr_fds)
{
	for (int fd = 0; fd < nr_fds; fd++) {
		short events = 0;

		for (int i = 0; i < 3; i++) {
			if (in_set(call->in[i], fd))
				events |= select_events[i];
		}
		if (!events)
			continue;
		if (host_fd(thread, (unsigned long)fd) < 0)
			return -EBADF;
		call->polls[call->nr].events = events;
		call->fds[call->nr++] = fd;
	}
	return 0;
}

static long take_results(struct select_call *call)
{
	long nr = 0;

	for (int at = 0; at < call->nr; at++) {
		int fd = call->fds[at];

		for (int i = 0; i < 3; i++) {
			if (!in_set(call->in[i], fd) ||
			    !(call->polls[at].revents & select_events[i]))
				continue;
			call->out[i][fd / 64] |= 1ull << (fd % 64);
			nr++;
		}
	}
	return nr;
}

static long put_sets(struct thread *thread, const struct select_call *call)
{
	for (int i = 0; i < 3; i++) {
		if (call->addr[i] && user_put(thread, call->addr[i], call->out[i], call->bytes))
			return -EFAULT;
	}
	return 0;
}

static long select_with(struct thread *thread, struct select_call *call, int nr_fds,
			struct timespec *time)
{
	long result;
	int err = get_sets(thread, call);

	if (!err)
		err = make_polls(thread, call, nr_fds);
	if (err)
		return err;
	result = wait_for(thread, call->polls, call->fds, (size_t)call->nr, time);
	if (result < 0)
		return restart_nohand(result);
	result = take_results(call);
	err = (int)put_sets(thread, call);
	return err ? err : result;
}

static long do_select(struct thread *thread, const unsigned long *args, struct timespec *time)
{
	int nr_fds = (int)args[0];
	struct select_call *call;
	long result;

	if (nr_fds < 0)
		return -EINVAL;
	nr_fds = min(nr_fds, FD_SETSIZE);
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->bytes = (size_t)(nr_fds + 63) / 64 * 8;
	memcpy(call->addr, &args[1], sizeof(call->addr));
	result = select_with(thread, call, nr_fds, time);
	free(call);
	return result;
}

SYS(select)
{
	struct timespec time;
	struct timeval value;
	long result;

	if (!args[4])
		return do_select(thread, args, NULL);
	if (user_get(thread, &value, args[4], sizeof(value)))
		return -EFAULT;
	if (value.tv_sec < 0 || value.tv_usec < 0)
		return -EINVAL;
	time.tv_sec = value.tv_sec + value.tv_usec / 1000000;
	time.tv_nsec = value.tv_usec % 1000000 * 1000;
	result = do_select(thread, args, &time);
	value.tv_sec = time.tv_sec;
	value.tv_usec = time.tv_nsec / 1000;
	if (user_put(thread, args[4], &value, sizeof(value)))
		return result; /* as in put_left() */
	return result;
}

SYS(pselect6)
{
	uint64_t packed[2] = { 0 }; /* address and size of the mask */
	struct timespec time;
	uint64_t mask;
	bool masked;
	long result = 0;

	if (args[5] && user_get(thread, packed, args[5], sizeof(packed)))
		return -EFAULT;
	result = get_mask(thread, packed[0], packed[1], &mask, &masked);
	if (!result && args[4])
		result = get_timespec(thread, args[4], &time);
	if (result)
		return result;
	if (masked)
		mask_for_call(thread, mask);
	result = do_select(thread, args, args[4] ? &time : NULL);
	put_left(thread, args[4], &time);
	return unmask_after_call(thread, result);
}
