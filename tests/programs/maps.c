// SPDX-License-Identifier: MIT
/*
 * maps.c - fails when /proc/self/maps shows other mappings than Linux would
 *
 * Addresses are random and the kernel's own pages may be missing, so lines are printed with their
 * size, rights, offset and the last part of their name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static int is_kernels(const char *name)
{
	return strncmp(name, "[v", 2) == 0;
}

static void print_line(const char *line)
{
	unsigned long start, end, offset;
	char perms[8], dev[16], name[512] = "";
	unsigned long ino;
	const char *slash;

	if (sscanf(line, "%lx-%lx %7s %lx %15s %lu %511[^\n]", &start, &end, perms, &offset, dev,
		   &ino, name) < 6)
		return;
	if (is_kernels(name))
		return;
	slash = strrchr(name, '/');
	printf("%s %6lx %8lx %s%s", perms, offset, strcmp(name, "[stack]") ? end - start : 0,
	       ino ? "file " : "", slash ? slash + 1 : name);
	printf("%s\n", strcmp(dev, "00:00") == 0 ? "" : " on a device");
}

static void print_maps(const char *when)
{
	static char text[1 << 16];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t len = 0;
	ssize_t got;

	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	text[len] = '\0';
	printf("-- %s\n", when);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		print_line(line);
}

int main(void)
{
	int fd = open("maps_file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *at, *file;

	if (fd < 0 || ftruncate(fd, 16 * PAGE))
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	print_maps("at the start");
	at = mmap(NULL, 40 * PAGE, PROT_NONE, ANON, -1, 0);
	mprotect(at + 2 * PAGE, 3 * PAGE, RW);
	mprotect(at + 5 * PAGE, 3 * PAGE, PROT_READ | PROT_EXEC);
	mprotect(at + 10 * PAGE, PAGE, PROT_WRITE);
	munmap(at + 20 * PAGE, 4 * PAGE);
	print_maps("pieces");
	mprotect(at + 2 * PAGE, 6 * PAGE, PROT_NONE);
	mprotect(at + 10 * PAGE, PAGE, PROT_NONE);
	print_maps("merged");
	file = mmap(NULL, 16 * PAGE, RW, MAP_PRIVATE, fd, 0);
	mmap(file + 4 * PAGE, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)(8 * PAGE));
	mmap(file + 8 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	print_maps("of a file");
	mmap(file + 8 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(8 * PAGE));
	mmap(file + 4 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(4 * PAGE));
	print_maps("whole again");
	free(malloc(100));
	print_maps("after the first allocation");
	return 0;
}
