// SPDX-License-Identifier: MIT
/*
 * file_mapping.c - which mapping of the machine stands for a host file
 *
 * A short list, newest first, keyed by inode and by what tells that it is unchanged.  The list
 * holds a reference to each; the oldest is dropped when it is full, which costs sharing and page
 * cache, never correctness, because nothing here is mapped both shared and writable.
 *
 * Locks: file_mappings.lock, around everything; the core's locks nest inside it.
 */
#include "file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "list.h"
#include "syscall.h"
#include "world.h"

#define FILE_MAPPINGS_MAX 64

struct file_mappings {
	struct world *world;
	pthread_mutex_t lock;
	struct list_head list; /* file_mapping.link, newest first */
	int nr;
};

struct file_mapping {
	struct list_head link;
	struct mapping *mapping;
	struct stat stat; /* its identity: dev, ino, size, times */
};

/* What the core hands back to read a page: the runner's own descriptor of the file. */
struct host_file {
	int fd;
};

struct file_mappings *file_mappings_create(struct world *world)
{
	struct file_mappings *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->world = world;
	pthread_mutex_init(&files->lock, NULL);
	list_init(&files->list);
	return files;
}

static void forget(struct file_mappings *files, struct file_mapping *entry)
{
	list_del(&entry->link);
	files->nr--;
	files->world->core->mapping_put(entry->mapping);
	free(entry);
}

void file_mappings_destroy(struct file_mappings *files)
{
	struct file_mapping *entry, *next;

	list_for_each_entry_safe(entry, next, &files->list, link)
		forget(files, entry);
	pthread_mutex_destroy(&files->lock);
	free(files);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static int read_page(void *file, unsigned long pgoff, void *to)
{
	const struct host_file *host_file = file;
	unsigned char *at = to;
	size_t done = 0;

	while (done < GW_PAGE_SIZE) {
		long n = host_syscall(SYS_pread64, (long)host_file->fd, at + done,
				      GW_PAGE_SIZE - done, pgoff * GW_PAGE_SIZE + done);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	__builtin_memset(at + done, 0, GW_PAGE_SIZE - done);
	return 0;
}

static void release(void *file)
{
	struct host_file *host_file = file;

	host_syscall(SYS_close, (long)host_file->fd);
	free(host_file);
}

static const struct gw_mapping_ops host_file_ops = { .read_page = read_page, .release = release };

/* The name that /proc/PID/maps shows. */
static void name_of(int host, char *name, size_t size)
{
	char link[32];
	long len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", host);
	len = host_syscall(SYS_readlink, link, name, size - 1);
	name[len < 0 ? 0 : len] = '\0';
}

/* Linux: can_do_mincore().  Whoever can read others' files as root is taken for their owner. */
static bool may_see_residency(int host, const struct stat *stat)
{
	uid_t uid = (uid_t)host_syscall(SYS_geteuid);
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", host);
	return uid == 0 || stat->st_uid == uid ||
	       host_syscall(SYS_faccessat2, (long)AT_FDCWD, link, (long)W_OK, (long)AT_EACCESS) ==
		       0;
}

static int create_mapping(struct file_mappings *files, int host, const struct stat *stat,
			  struct mapping **mapping)
{
	struct host_file *file = malloc(sizeof(*file));
	char name[256];
	struct gw_mapping_info info = {
		.ops = &host_file_ops,
		.file = file,
		.size = (uint64_t)stat->st_size,
		.name = name,
		.dev = stat->st_dev,
		.ino = stat->st_ino,
		.hide_residency = !may_see_residency(host, stat),
	};
	long fd = host_syscall(SYS_fcntl, (long)host, (long)F_DUPFD_CLOEXEC, 3L);
	int err;

	if (!file || fd < 0) {
		err = fd < 0 ? (int)fd : -ENOMEM;
		goto out_free;
	}
	file->fd = (int)fd;
	name_of(host, name, sizeof(name));
	err = files->world->core->mapping_create(files->world->machine, &info, mapping);
	if (err)
		goto out_free;
	return 0;

out_free:
	if (fd >= 0)
		host_syscall(SYS_close, fd);
	free(file);
	return err;
}

static struct file_mapping *find(struct file_mappings *files, const struct stat *stat)
{
	struct file_mapping *entry;

	list_for_each_entry(entry, &files->list, link) {
		if (same_file(&entry->stat, stat))
			return entry;
	}
	return NULL;
}

static int add(struct file_mappings *files, int host, const struct stat *stat,
	       struct file_mapping **out)
{
	struct file_mapping *entry = malloc(sizeof(*entry));
	int err = entry ? create_mapping(files, host, stat, &entry->mapping) : -ENOMEM;

	if (err) {
		free(entry);
		return err;
	}
	entry->stat = *stat;
	list_add(&entry->link, &files->list);
	if (++files->nr > FILE_MAPPINGS_MAX)
		forget(files, list_last_entry(&files->list, struct file_mapping, link));
	*out = entry;
	return 0;
}

int file_mapping_get(struct file_mappings *files, int host, struct mapping **mapping)
{
	struct file_mapping *entry;
	struct stat stat;
	long err = host_syscall(SYS_fstat, (long)host, &stat);

	if (err < 0)
		return (int)err;
	if (!S_ISREG(stat.st_mode))
		return -ENODEV;
	pthread_mutex_lock(&files->lock);
	entry = find(files, &stat);
	if (!entry)
		err = add(files, host, &stat, &entry);
	if (!err) {
		*mapping = entry->mapping;
		files->world->core->mapping_get(*mapping);
	}
	pthread_mutex_unlock(&files->lock);
	return (int)err;
}
