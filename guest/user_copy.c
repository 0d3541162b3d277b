// SPDX-License-Identifier: MIT
/*
 * user_copy.c - a guest thread's memory, copied in and out for its system calls
 */
#include "user_copy.h"

#include "process.h"
#include "world.h"

int user_get(struct thread *thread, void *to, unsigned long from, size_t len)
{
	struct process *process = thread->process;

	return len ? process->world->core->copy_from_user(process->mm, to, from, len) : 0;
}

int user_put(struct thread *thread, unsigned long to, const void *from, size_t len)
{
	struct process *process = thread->process;

	return len ? process->world->core->copy_to_user(process->mm, to, from, len) : 0;
}

/* The part of [@addr, @addr + @left) that lies in one page. */
static size_t page_part(unsigned long addr, size_t left)
{
	return min(left, GW_PAGE_SIZE - (addr & (GW_PAGE_SIZE - 1)));
}

size_t user_get_some(struct thread *thread, void *to, unsigned long from, size_t len)
{
	size_t done = 0;

	if (user_get(thread, to, from, len) == 0)
		return len;
	while (done < len) {
		size_t part = page_part(from + done, len - done);

		if (user_get(thread, (char *)to + done, from + done, part) != 0)
			break;
		done += part;
	}
	return done;
}

size_t user_put_some(struct thread *thread, unsigned long to, const void *from, size_t len)
{
	size_t done = 0;

	if (user_put(thread, to, from, len) == 0)
		return len;
	while (done < len) {
		size_t part = page_part(to + done, len - done);

		if (user_put(thread, to + done, (const char *)from + done, part) != 0)
			break;
		done += part;
	}
	return done;
}

long user_string(struct thread *thread, char *to, unsigned long from, size_t size)
{
	struct process *process = thread->process;

	return process->world->core->strncpy_from_user(process->mm, to, from, size);
}
