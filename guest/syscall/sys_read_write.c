// SPDX-License-Identifier: MIT
/*
 * sys_read_write.c - bytes between files and the guest's memory
 *
 * Everything goes through the thread's bounce buffer, a piece at a time.  A call that got at least
 * one piece through says how far it came; whatever stopped it comes with the next call, as on
 * Linux.  A second piece is read only if it is there: nobody waits who has something already.
 *
 * Linux: fs/read_write.c, fs/splice.c.
 * Differs: a write longer than BOUNCE_SIZE is several on the host, between which others' may fall.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sys.h"
#include "syscall.h"

#define TRANSFER_MAX 0x7ffff000ul /* MAX_RW_COUNT */
#define IOV_MAX_NR   1024
#define AT_POSITION  (-1) /* of struct transfer: the file's own position */

struct segment {
	uint64_t addr, len;
};

/* One call: where the bytes go or come from, and how far it is. */
struct transfer {
	struct thread *thread;
	long host;
	long offset;	 /* of the first byte, or AT_POSITION */
	long flags;	 /* RWF_* */
	size_t total;	 /* bytes wanted */
	size_t done;	 /* bytes of them */
	unsigned int nr; /* segments */
	unsigned int at; /* the one that is next */
	size_t at_done;	 /* bytes of it */
	struct segment segments[IOV_MAX_NR];
};

/* ---- Between the bounce buffer and the segments ---------------------------------------------------- */

enum direction { TO_GUEST, FROM_GUEST };

/* The next @len bytes; less when memory is not there. */
static size_t move(struct transfer *transfer, size_t len, enum direction direction)
{
	struct thread *thread = transfer->thread;
	unsigned int at = transfer->at;
	size_t at_done = transfer->at_done, moved = 0;

	while (moved < len && at < transfer->nr) {
		const struct segment *segment = &transfer->segments[at];
		size_t part = min(len - moved, segment->len - at_done);
		unsigned char *bounce = thread->bounce + moved;
		size_t copied;

		if (direction == TO_GUEST)
			copied = user_put_some(thread, segment->addr + at_done, bounce, part);
		else
			copied = user_get_some(thread, bounce, segment->addr + at_done, part);
		moved += copied;
		if (copied < part)
			break;
		at_done += part;
		if (at_done == segment->len) {
			at++;
			at_done = 0;
		}
	}
	return moved;
}

static void advance(struct transfer *transfer, size_t len)
{
	transfer->done += len;
	while (len && transfer->at < transfer->nr) {
		size_t left = transfer->segments[transfer->at].len - transfer->at_done;
		size_t part = min(len, left);

		transfer->at_done += part;
		len -= part;
		if (part < left)
			return;
		transfer->at++;
		transfer->at_done = 0;
	}
}

/* ---- The host's side -------------------------------------------------------------------------------- */

static long host_piece(struct transfer *transfer, size_t len, enum direction direction)
{
	struct iovec iov = { .iov_base = transfer->thread->bounce, .iov_len = len };
	bool read = direction == TO_GUEST;
	long offset = transfer->offset;

	if (offset != AT_POSITION)
		offset += (long)transfer->done;
	if (transfer->flags)
		return thread_wait_call(transfer->thread, read ? SYS_preadv2 : SYS_pwritev2,
					transfer->host, &iov, 1l, offset, 0l, transfer->flags);
	if (offset != AT_POSITION)
		return thread_wait_call(transfer->thread, read ? SYS_pread64 : SYS_pwrite64,
					transfer->host, iov.iov_base, len, offset);
	return thread_wait_call(transfer->thread, read ? SYS_read : SYS_write, transfer->host,
				iov.iov_base, len);
}

/* Would a read wait?  Files on disks are always ready. */
static bool has_more(const struct transfer *transfer)
{
	struct pollfd poll = { .fd = (int)transfer->host, .events = POLLIN };
	const struct timespec now = { 0 };

	return host_syscall(SYS_ppoll, &poll, 1l, &now, NULL, 0l) == 1 && (poll.revents & POLLIN);
}

/* Bytes that were read but had no place are to be read again; a pipe has lost them. */
static void unread(const struct transfer *transfer, size_t len)
{
	if (transfer->offset == AT_POSITION)
		host_syscall(SYS_lseek, transfer->host, -(long)len, (long)SEEK_CUR);
}

static long result_of(const struct transfer *transfer, long error)
{
	return transfer->done ? (long)transfer->done : restart_sys(error);
}

static long do_read(struct transfer *transfer)
{
	do {
		size_t len = min(transfer->total - transfer->done, BOUNCE_SIZE);
		size_t put;
		long got;

		if (transfer->done && !has_more(transfer))
			break;
		got = host_piece(transfer, len, TO_GUEST);
		if (got <= 0)
			return result_of(transfer, got);
		put = move(transfer, (size_t)got, TO_GUEST);
		advance(transfer, put);
		if (put < (size_t)got) {
			unread(transfer, (size_t)got - put);
			return result_of(transfer, -EFAULT);
		}
		if ((size_t)got < len)
			break;
	} while (transfer->done < transfer->total);
	return (long)transfer->done;
}

/* What the kernel sends along with the error, here to Godwit, which ignores it. */
static void signal_for(struct thread *thread, long error)
{
	siginfo_t info = { .si_code = SI_USER, .si_pid = thread->process->pid };

	if (error == -EPIPE)
		info.si_signo = SIGPIPE;
	else if (error == -EFBIG && thread->process->limits[RLIMIT_FSIZE].rlim_cur != RLIM_INFINITY)
		info.si_signo = SIGXFSZ;
	else
		return;
	info.si_uid = (uid_t)host_syscall(SYS_getuid);
	process_signal(thread->process, &info);
}

static long do_write(struct transfer *transfer)
{
	do {
		size_t len = min(transfer->total - transfer->done, BOUNCE_SIZE);
		size_t got = move(transfer, len, FROM_GUEST);
		long put;

		if (got < len && !got)
			return result_of(transfer, -EFAULT);
		put = host_piece(transfer, got, FROM_GUEST);
		if (put < 0) {
			signal_for(transfer->thread, put);
			return result_of(transfer, put);
		}
		advance(transfer, (size_t)put);
		if ((size_t)put < len)
			break;
	} while (transfer->done < transfer->total);
	return (long)transfer->done;
}

/* ---- Decoding ----------------------------------------------------------------------------------------- */

static long begin(struct thread *thread, unsigned long fd, struct transfer *transfer)
{
	transfer->thread = thread;
	transfer->host = host_fd(thread, fd);
	transfer->offset = AT_POSITION;
	transfer->flags = 0;
	transfer->total = 0;
	transfer->done = 0;
	transfer->nr = 0;
	transfer->at = 0;
	transfer->at_done = 0;
	return transfer->host < 0 ? -EBADF : 0;
}

static long one_segment(struct transfer *transfer, unsigned long addr, unsigned long len)
{
	/* Linux: access_ok(), before anything is read or written. */
	if (addr > GUEST_TOP || len > GUEST_TOP - addr)
		return -EFAULT;
	transfer->total = min(len, TRANSFER_MAX);
	transfer->nr = 1;
	transfer->segments[0] = (struct segment){ addr, transfer->total };
	return 0;
}

static long many_segments(struct transfer *transfer, unsigned long addr, unsigned long nr)
{
	if (nr > IOV_MAX_NR)
		return -EINVAL;
	if (user_get(transfer->thread, transfer->segments, addr, nr * sizeof(struct segment)))
		return -EFAULT;
	transfer->nr = (unsigned int)nr;
	for (unsigned int i = 0; i < nr; i++) {
		struct segment *segment = &transfer->segments[i];

		if ((int64_t)segment->len < 0)
			return -EINVAL;
		segment->len = min(segment->len, TRANSFER_MAX - transfer->total);
		transfer->total += segment->len;
	}
	return 0;
}

SYS(read)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = one_segment(&transfer, args[1], args[2]);
	return err ? err : do_read(&transfer);
}

SYS(write)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = one_segment(&transfer, args[1], args[2]);
	return err ? err : do_write(&transfer);
}

static long at_offset(struct transfer *transfer, unsigned long offset)
{
	transfer->offset = (long)offset;
	return transfer->offset < 0 ? -EINVAL : 0;
}

SYS(pread64)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = at_offset(&transfer, args[3]);
	if (!err)
		err = one_segment(&transfer, args[1], args[2]);
	return err ? err : do_read(&transfer);
}

SYS(pwrite64)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = at_offset(&transfer, args[3]);
	if (!err)
		err = one_segment(&transfer, args[1], args[2]);
	return err ? err : do_write(&transfer);
}

SYS(readv)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = many_segments(&transfer, args[1], args[2]);
	return err ? err : do_read(&transfer);
}

SYS(writev)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = many_segments(&transfer, args[1], args[2]);
	return err ? err : do_write(&transfer);
}

SYS(preadv)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = at_offset(&transfer, args[3]);
	if (!err)
		err = many_segments(&transfer, args[1], args[2]);
	return err ? err : do_read(&transfer);
}

SYS(pwritev)
{
	struct transfer transfer;
	long err = begin(thread, args[0], &transfer);

	if (!err)
		err = at_offset(&transfer, args[3]);
	if (!err)
		err = many_segments(&transfer, args[1], args[2]);
	return err ? err : do_write(&transfer);
}

/* Offset -1 is the file's own position. */
static long begin_v2(struct thread *thread, const unsigned long *args, struct transfer *transfer)
{
	long err = begin(thread, args[0], transfer);

	if (!err && (long)args[3] != AT_POSITION)
		err = at_offset(transfer, args[3]);
	transfer->flags = (int)args[5];
	return err ? err : many_segments(transfer, args[1], args[2]);
}

SYS(preadv2)
{
	struct transfer transfer;
	long err = begin_v2(thread, args, &transfer);

	return err ? err : do_read(&transfer);
}

SYS(pwritev2)
{
	struct transfer transfer;
	long err = begin_v2(thread, args, &transfer);

	return err ? err : do_write(&transfer);
}

SYS(lseek)
{
	long host = host_fd(thread, args[0]);

	return host < 0 ? host : host_syscall(SYS_lseek, host, args[1], (long)(int)args[2]);
}

/* ---- From file to file: the bytes never meet the guest ------------------------------------------------ */

/* Offsets that the call reads and moves on, if their addresses are given. */
struct offset_arg {
	unsigned long addr;
	long value;
};

static int offset_get(struct thread *thread, struct offset_arg *offset)
{
	return offset->addr ? user_get(thread, &offset->value, offset->addr, sizeof(offset->value))
			    : 0;
}

static int offset_put(struct thread *thread, const struct offset_arg *offset)
{
	return offset->addr ? user_put(thread, offset->addr, &offset->value, sizeof(offset->value))
			    : 0;
}

static long *offset_pointer(struct offset_arg *offset)
{
	return offset->addr ? &offset->value : NULL;
}

SYS(sendfile)
{
	long out = host_fd(thread, args[0]), in = host_fd(thread, args[1]);
	struct offset_arg offset = { .addr = args[2] };
	long result;

	if (in < 0 || out < 0)
		return -EBADF;
	if (offset_get(thread, &offset))
		return -EFAULT;
	result = thread_wait_call(thread, SYS_sendfile, out, in, offset_pointer(&offset), args[3]);
	if (result < 0)
		signal_for(thread, result);
	if (result >= 0 && offset_put(thread, &offset))
		return -EFAULT;
	return restart_sys(result);
}

static long between_files(struct thread *thread, long nr, const unsigned long *args)
{
	long in = host_fd(thread, args[0]), out = host_fd(thread, args[2]);
	struct offset_arg in_offset = { .addr = args[1] }, out_offset = { .addr = args[3] };
	long result;

	if (in < 0 || out < 0)
		return -EBADF;
	if (offset_get(thread, &in_offset) || offset_get(thread, &out_offset))
		return -EFAULT;
	result =
		thread_wait_call(thread, nr, in, offset_pointer(&in_offset), out,
				 offset_pointer(&out_offset), args[4], (long)(unsigned int)args[5]);
	if (result < 0)
		signal_for(thread, result);
	if (result >= 0 && (offset_put(thread, &in_offset) || offset_put(thread, &out_offset)))
		return -EFAULT;
	return restart_sys(result);
}

SYS(copy_file_range)
{
	return between_files(thread, SYS_copy_file_range, args);
}

SYS(splice)
{
	return between_files(thread, SYS_splice, args);
}

/* ---- Randomness --------------------------------------------------------------------------------------- */

SYS(getrandom)
{
	size_t done = 0;

	do {
		size_t len = min(args[1] - done, BOUNCE_SIZE);
		long got = thread_wait_call(thread, SYS_getrandom, thread->bounce, len,
					    (long)(unsigned int)args[2]);

		if (got < 0)
			return done ? (long)done : restart_sys(got);
		if (user_put(thread, args[0] + done, thread->bounce, (size_t)got))
			return -EFAULT;
		done += (size_t)got;
		if ((size_t)got < len)
			break;
	} while (done < args[1]);
	return (long)done;
}
