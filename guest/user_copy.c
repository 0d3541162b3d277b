// SPDX-License-Identifier: MIT
/*
 * user_copy.c - a guest thread's memory, copied in and out for its system calls
 */
#include "user_copy.h"

#include <errno.h>

#include "process.h"
#include "world.h"

/*
 * A copy failed: if for want of memory, the process is killed, as it would be in its own code.
 * => -EFAULT
 */
static int explain(struct thread *thread, unsigned long addr, size_t len, enum gw_access access)
{
	struct process *process = thread->process;
	unsigned long end = addr + len;

	while (addr < end) {
		enum gw_fault fault = process->world->core->fault(process->mm, addr, access);

		if (fault == GW_FAULT_OOM)
			process_out_of_memory(process, addr);
		if (fault != GW_FAULT_DONE)
			break;
		addr = ALIGN_DOWN(addr, GW_PAGE_SIZE) + GW_PAGE_SIZE;
	}
	return -EFAULT;
}

int user_get(struct thread *thread, void *to, unsigned long from, size_t len)
{
	struct process *process = thread->process;

	if (!len || !process->world->core->copy_from_user(process->mm, to, from, len))
		return 0;
	return explain(thread, from, len, GW_READ);
}

int user_put(struct thread *thread, unsigned long to, const void *from, size_t len)
{
	struct process *process = thread->process;

	if (!len || !process->world->core->copy_to_user(process->mm, to, from, len))
		return 0;
	return explain(thread, to, len, GW_WRITE);
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
