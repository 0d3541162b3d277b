// SPDX-License-Identifier: MIT
/*
 * mremap.c - moving a mapping in the library, next to the host's own mremap()
 *
 * 1 GiB of touched pages goes to a place that does not fit it table by table, and back: every entry
 * moves by itself.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <sys/mman.h>

#define NR_PAGES (1ul << 30 >> GW_PAGE_SHIFT)
#define LEN	 (NR_PAGES * GW_PAGE_SIZE)
#define SLACK	 4096ul
#define PLACE	 0x200000000000ul /* for the library */
#define UNALIGN	 (5 * GW_PAGE_SIZE)

struct moves {
	struct library library;
	unsigned long at;  /* the library's pages */
	char *host, *room; /* the host's pages; where they may go */
};

/* The other of two places. */
static unsigned long other_place(unsigned long at, unsigned long first)
{
	return at == first ? first + 2 * LEN + UNALIGN : first;
}

static int sample_library(void *arg, double *figure)
{
	struct moves *moves = arg;
	unsigned long to = other_place(moves->at, PLACE);
	uint64_t start = bench_now();
	long addr = moves->library.core->mremap(moves->library.mm, moves->at, LEN, LEN,
						MREMAP_MAYMOVE | MREMAP_FIXED, to);

	*figure = (double)(bench_now() - start) / NR_PAGES;
	if (addr < 0)
		return (int)addr;
	moves->at = to;
	return 0;
}

static int sample_host(void *arg, double *figure)
{
	struct moves *moves = arg;
	char *to = (char *)other_place((unsigned long)moves->host, (unsigned long)moves->room);
	uint64_t start = bench_now();
	char *addr = mremap(moves->host, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	*figure = (double)(bench_now() - start) / NR_PAGES;
	if (addr == MAP_FAILED)
		return -errno;
	moves->host = addr;
	return 0;
}

static int touch_library(struct moves *moves)
{
	long addr = library_mmap(&moves->library, PLACE, LEN);

	if (addr < 0)
		return (int)addr;
	moves->at = PLACE;
	return library_touch(&moves->library, PLACE, LEN);
}

/* Both places lie in one range, so that nobody else gets one. */
static int touch_host(struct moves *moves)
{
	char *room =
		mmap(NULL, 4 * LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return -errno;
	moves->room = (char *)ALIGN_UP((unsigned long)room, 2ul << 20);
	moves->host = mmap(moves->room, LEN, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (moves->host == MAP_FAILED)
		return -errno;
	madvise(moves->host, LEN, MADV_NOHUGEPAGE);
	return madvise(moves->host, LEN, MADV_POPULATE_WRITE) ? -errno : 0;
}

void bench_mremap(struct bench *bench)
{
	const struct bench_row row = { "mremap", "ns/page", "the host's mremap" };
	struct moves moves = { .room = NULL };

	if (library_init(&moves.library, NR_PAGES + SLACK)) {
		bench_skip(bench, row.name, "needs 2 GiB of memory");
		return;
	}
	if (touch_library(&moves) || touch_host(&moves))
		bench_skip(bench, row.name, "needs 2 GiB of memory");
	else
		bench_compare(bench, &row, sample_library, sample_host, &moves);
	if (moves.room)
		munmap(moves.room, 4 * LEN - (2ul << 20));
	library_fini(&moves.library);
}
