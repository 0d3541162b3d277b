// SPDX-License-Identifier: MIT
/* files.c - fails when a call about files and descriptors does otherwise than the host's own */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

static void check(const char *what, long result)
{
	if (result == -1)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
}

static void reading_and_writing(void)
{
	char buf[64] = { 0 };
	struct iovec out[3] = { { "one,", 4 }, { "", 0 }, { "two", 3 } };
	struct iovec in[2] = { { buf, 3 }, { buf + 10, 20 } };
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640);

	check("create again", open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	check("write", write(fd, "0123456789", 10));
	check("pwrite", pwrite(fd, "XY", 2, 4));
	check("lseek end", lseek(fd, 0, SEEK_END));
	check("lseek before the start", lseek(fd, -1, SEEK_SET));
	check("writev", writev(fd, out, 3));
	check("lseek", lseek(fd, 2, SEEK_SET));
	check("read", read(fd, buf, 6));
	printf("%s\n", buf);
	check("pread", pread(fd, buf, 63, 8));
	printf("%s\n", buf);
	memset(buf, 0, sizeof(buf));
	check("preadv", preadv(fd, in, 2, 1));
	printf("%s %s\n", buf, buf + 10);
	check("pread at the end", pread(fd, buf, 10, 1000));
	check("pread before the start", pread(fd, buf, 10, -5));
	check("read of nothing", read(fd, NULL, 0));
	check("too many vectors", syscall(SYS_readv, fd, in, -1l));
	check("ftruncate", ftruncate(fd, 5));
	check("ftruncate longer", ftruncate(fd, 100));
	check("size", lseek(fd, 0, SEEK_END));
	check("fsync", fsync(fd));
	check("close", close(fd));
	check("close again", close(fd));
	check("read a closed one", read(fd, buf, 1));
	check("write a closed one", write(999, buf, 1));
}

static void print_stat(const char *what, const struct stat *st)
{
	printf("%s: mode %o, links %lu, size %ld, owner %d\n", what, st->st_mode,
	       (unsigned long)st->st_nlink, S_ISDIR(st->st_mode) ? 0 : (long)st->st_size,
	       st->st_uid == getuid());
}

static void status(void)
{
	struct stat st, other;
	struct utsname name;
	char path[PATH_MAX];

	umask(022);
	check("mkdir", mkdir("d", 0777));
	check("mkdir again", mkdir("d", 0777));
	check("symlink", symlink("../a", "d/link"));
	check("link", link("a", "d/hard"));
	check("stat", stat("d/link", &st));
	print_stat("through the link", &st);
	check("lstat", lstat("d/link", &other));
	print_stat("the link", &other);
	check("stat directory", stat("d", &st));
	print_stat("the directory", &st);
	check("stat missing", stat("missing", &st));
	check("stat under a file", stat("a/b", &st));
	check("readlink", readlink("d/link", path, sizeof(path)));
	check("readlink of a file", readlink("a", path, sizeof(path)));
	check("readlink, short", readlink("d/link", path, 2));
	check("chmod", chmod("a", 0600));
	stat("a", &st);
	print_stat("changed", &st);
	check("access", access("a", R_OK | W_OK));
	check("access missing", access("missing", F_OK));
	check("uname", uname(&name));
	printf("%s\n", name.sysname);
	check("stat, bad address", stat("a", (struct stat *)8));
	check("open, bad address", open((char *)8, O_RDONLY));
	check("long name", open(memset(path, 'x', 300) ? (path[300] = 0, path) : "", O_RDONLY));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void directories(void)
{
	char *names[600];
	char path[64], cwd[PATH_MAX];
	int nr = 0;
	struct dirent *entry;
	DIR *dir;

	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "d/file-with-a-longer-name-%03d", i);
		close(open(path, O_WRONLY | O_CREAT, 0644));
	}
	dir = opendir("d");
	while ((entry = readdir(dir)))
		names[nr++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, (size_t)nr, sizeof(names[0]), by_name);
	printf("%d entries: %s %s %s ... %s\n", nr, names[0], names[1], names[2], names[nr - 1]);
	for (int i = 0; i < nr; i++)
		free(names[i]);
	check("chdir", chdir("d"));
	printf("%s\n", getcwd(cwd, sizeof(cwd)) ? strrchr(cwd, '/') : "?");
	check("getcwd, short", getcwd(cwd, 2) ? 0 : -1);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "file-with-a-longer-name-%03d", i);
		unlink(path);
	}
	check("chdir up", chdir(".."));
	check("rename", rename("d/hard", "b"));
	check("rename missing", rename("d/hard", "b"));
	check("rmdir, not empty", rmdir("d"));
	check("unlink", unlink("d/link"));
	check("unlink directory", unlink("d"));
	check("rmdir", rmdir("d"));
	check("unlink missing", unlink("d/link"));
}

static void descriptors(void)
{
	int fd = open("a", O_RDONLY), other;
	int ends[2];
	char buf[16];

	printf("lowest: %d\n", fd);
	other = dup(fd);
	check("dup", other);
	check("dup2", dup2(fd, 20));
	check("dup2 onto itself", dup2(fd, fd));
	check("dup2 of a closed one", dup2(17, 18));
	check("dup2 too high", dup2(fd, 1 << 30));
	check("dup3 onto itself", dup3(fd, fd, 0));
	check("shared offset", lseek(fd, 3, SEEK_SET));
	check("seen through dup", lseek(other, 0, SEEK_CUR));
	check("seen through dup2", lseek(20, 0, SEEK_CUR));
	check("F_DUPFD", fcntl(fd, F_DUPFD, 30));
	check("F_GETFD", fcntl(fd, F_GETFD));
	check("F_SETFD", fcntl(fd, F_SETFD, FD_CLOEXEC));
	check("F_GETFD", fcntl(fd, F_GETFD));
	check("F_GETFL", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	check("write to a read-only one", write(fd, "x", 1));
	close(fd);
	check("reused", open("a", O_RDONLY));
	check("pipe", pipe(ends));
	check("write to a pipe", write(ends[1], "through", 7));
	check("read from it", read(ends[0], buf, sizeof(buf)));
	check("seek in it", lseek(ends[0], 0, SEEK_SET));
	check("isatty", isatty(ends[0]) ? 1 : -1);
	check("F_SETFL", fcntl(ends[0], F_SETFL, O_NONBLOCK));
	check("read when empty", read(ends[0], buf, sizeof(buf)));
	close(ends[1]);
	check("read at the end", read(ends[0], buf, sizeof(buf)));
}

static void special(void)
{
	char buf[8] = "abcdefg";
	int zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_WRONLY);

	check("read zeros", read(zero, buf, 4));
	printf("%d %d %c\n", buf[0], buf[3], buf[4]);
	check("write to /dev/full", write(full, buf, 4));
	check("open a directory for writing", open(".", O_RDWR));
	check("read a directory", read(open(".", O_RDONLY), buf, 4));
	check("no such directory", open("no/such", O_RDONLY));
}

int main(void)
{
	reading_and_writing();
	status();
	directories();
	descriptors();
	special();
	return 0;
}
