// SPDX-License-Identifier: MIT
/* shared_memory.c - fails when a child and its parent do not see each other's stores while pages move */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	 4096
#define NR_PAGES 64
#define ROUNDS	 2000

struct page {
	atomic_int turns;
	char rest[PAGE - sizeof(atomic_int)];
};

/* Each adds one to every page, again and again. */
static void work(struct page *pages)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NR_PAGES; i++)
			atomic_fetch_add(&pages[i].turns, 1);
	}
}

static int wrong(const struct page *pages, int wanted)
{
	int nr = 0;

	for (int i = 0; i < NR_PAGES; i++)
		nr += pages[i].turns != wanted;
	return nr;
}

int main(void)
{
	struct page *pages = mmap(NULL, NR_PAGES * sizeof(*pages), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct page *again;
	int status;

	if (pages == MAP_FAILED)
		return 1;
	if (fork() == 0) {
		work(pages);
		_exit(7);
	}
	work(pages);
	if (wait(&status) < 0)
		return 2;
	printf("child %d, wrong %d\n", WEXITSTATUS(status), wrong(pages, 2 * ROUNDS));
	again = mremap(pages, 0, NR_PAGES * sizeof(*pages), MREMAP_MAYMOVE);
	if (again == MAP_FAILED)
		return 3;
	printf("again: wrong %d\n", wrong(again, 2 * ROUNDS));
	if (madvise(pages, NR_PAGES * sizeof(*pages), MADV_REMOVE))
		return 4;
	printf("removed: wrong %d\n", wrong(again, 0));
	return 0;
}
