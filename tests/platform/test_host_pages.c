// SPDX-License-Identifier: MIT
/*
 * test_host_pages.c - the record of host mappings against a plain array
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "host_pages.h"
#include "prng.h"

#define NR_PAGES (8ul * HOST_REGION_PAGES)
#define BASE	 (0x7ffe00000000ul - 3 * HOST_REGION_SIZE)

static unsigned long addr_of(unsigned long i)
{
	return BASE + (i << HOST_PAGE_SHIFT);
}

/* VMAs that the host would make, were regions not merged with each other. */
static unsigned long count_vmas(const host_page_t *model)
{
	unsigned long nr = 0;

	for (unsigned long i = 0; i < NR_PAGES; i++)
		nr += model[i] &&
		      (i % HOST_REGION_PAGES == 0 || !host_page_joins(model[i - 1], model[i]));
	return nr;
}

static unsigned long count_pages(const host_page_t *model)
{
	unsigned long nr = 0;

	for (unsigned long i = 0; i < NR_PAGES; i++)
		nr += model[i] != 0;
	return nr;
}

/* Frames that often are contiguous, rights that often are equal. */
static host_page_t random_page(struct prng *prng, unsigned long i)
{
	switch (prng_below(prng, 4)) {
	case 0:
		return 0;
	case 1:
		return host_page(i + 100, prng_below(prng, 2), false);
	default:
		return host_page(i + 1000, true, false);
	}
}

static void records_and_counts_match_a_plain_array(void **state)
{
	host_page_t *model = calloc(NR_PAGES, sizeof(*model));
	struct host_pages pages;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 1);
	host_pages_init(&pages);
	for (int round = 0; round < 20000; round++) {
		unsigned long i = prng_below(&prng, NR_PAGES);
		host_page_t page = random_page(&prng, i);
		struct host_region *region = host_pages_reserve(&pages, addr_of(i));

		host_pages_set(&pages, region, host_page_index(addr_of(i)), page);
		model[i] = page;
		if (round % 100)
			continue;
		assert_int_equal(pages.nr_pages, count_pages(model));
		assert_int_equal(pages.nr_vmas, count_vmas(model));
	}
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		struct host_region *region = host_pages_next(&pages, addr_of(i), addr_of(i + 1));
		host_page_t page = region ? region->pages[host_page_index(addr_of(i))] : 0;

		assert_int_equal(page, model[i]);
	}
	host_pages_clear(&pages);
	assert_int_equal(pages.nr_pages, 0);
	assert_null(host_pages_next(&pages, 0, ~0ul >> 17));
	free(model);
}

static void walks_find_regions_in_order_and_pass_over_empty_ones(void **state)
{
	static const unsigned long addrs[] = { 0x10000, 0x40000000, 0x555555554000,
					       0x7ffeffe00000 };
	struct host_pages pages;
	unsigned long at = 0;

	(void)state;
	host_pages_init(&pages);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		host_pages_reserve(&pages, addrs[i] + 16 * HOST_REGION_SIZE); /* stays empty */
		host_pages_set(&pages, host_pages_reserve(&pages, addrs[i]),
			       host_page_index(addrs[i]), host_page(1, true, true));
	}
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct host_region *region = host_pages_next(&pages, at, 0x7fff00000000);

		assert_non_null(region);
		assert_int_equal(region->base, ALIGN_DOWN(addrs[i], HOST_REGION_SIZE));
		at = region->base + HOST_REGION_SIZE;
	}
	assert_null(host_pages_next(&pages, at, 0x7fff00000000));
	assert_null(host_pages_next(&pages, 0, 0));
	host_pages_clear(&pages);
}

static void a_dropped_region_takes_its_counts_along(void **state)
{
	struct host_pages pages;
	struct host_region *region;

	(void)state;
	host_pages_init(&pages);
	for (int i = 0; i < 10; i++)
		host_pages_set(&pages, host_pages_reserve(&pages, BASE), 2 * i,
			       host_page((unsigned long)i, false, false));
	region = host_pages_reserve(&pages, BASE + HOST_REGION_SIZE);
	host_pages_set(&pages, region, 0, host_page(77, false, false));
	assert_int_equal(pages.nr_vmas, 11);
	assert_ptr_not_equal(list_first_entry(&pages.order, struct host_region, order), region);
	host_pages_drop(&pages, list_first_entry(&pages.order, struct host_region, order));
	assert_int_equal(pages.nr_pages, 1);
	assert_int_equal(pages.nr_vmas, 1);
	assert_ptr_equal(host_pages_next(&pages, 0, 0x7fff00000000), region);
	host_pages_clear(&pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_counts_match_a_plain_array),
		cmocka_unit_test(walks_find_regions_in_order_and_pass_over_empty_ones),
		cmocka_unit_test(a_dropped_region_takes_its_counts_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
