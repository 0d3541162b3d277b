// SPDX-License-Identifier: MIT
/* test_list.c - lists, bitmaps and the histogram of lib/ */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bitmap.h"
#include "hist.h"
#include "list.h"
#include "prng.h"

struct item {
	int value;
	struct list_head link;
};

/* The values of @head as one decimal number, forwards and backwards. */
static int forwards(struct list_head *head)
{
	struct item *item;
	int number = 0;

	list_for_each_entry(item, head, link)
		number = number * 10 + item->value;
	return number;
}

static int backwards(struct list_head *head)
{
	int number = 0;

	for (struct list_head *at = head->prev; at != head; at = at->prev)
		number = number * 10 + list_entry(at, struct item, link)->value;
	return number;
}

/* Fails when an end of the list is linked wrongly. */
static void adding_at_both_ends_keeps_order(void **state)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	LIST_HEAD(head);

	(void)state;
	assert_true(list_empty(&head));
	list_add(&b.link, &head);
	list_add(&a.link, &head);
	list_add_tail(&c.link, &head);
	assert_int_equal(forwards(&head), 123);
	assert_int_equal(backwards(&head), 321);
	list_move_tail(&a.link, &head);
	assert_int_equal(forwards(&head), 231);
	list_move(&a.link, &head);
	assert_int_equal(forwards(&head), 123);
}

/* Fails when a removed entry still looks linked, or its neighbours do not meet. */
static void removal_joins_the_neighbours(void **state)
{
	struct item items[4] = { { .value = 1 }, { .value = 2 }, { .value = 3 }, { .value = 4 } };
	struct item *item, *next;
	LIST_HEAD(head);

	(void)state;
	for (int i = 0; i < 4; i++)
		list_add_tail(&items[i].link, &head);
	list_for_each_entry_safe(item, next, &head, link) {
		if (item->value % 2 == 0)
			list_del_init(&item->link);
	}
	assert_int_equal(forwards(&head), 13);
	assert_int_equal(backwards(&head), 31);
	assert_true(list_empty(&items[1].link));
	list_del(&items[0].link);
	assert_null(items[0].link.next);
	assert_int_equal(forwards(&head), 3);
}

/* Fails when a splice loses entries or leaves the source linked. */
static void splicing_puts_all_at_the_front(void **state)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	LIST_HEAD(from);
	LIST_HEAD(to);

	(void)state;
	list_splice_init(&from, &to);
	assert_true(list_empty(&to));
	list_add_tail(&a.link, &from);
	list_add_tail(&b.link, &from);
	list_add_tail(&c.link, &to);
	list_splice_init(&from, &to);
	assert_int_equal(forwards(&to), 123);
	assert_int_equal(backwards(&to), 321);
	assert_true(list_empty(&from));
}

/* Fails when the search misses a bit at a word's edge, or finds one beyond the end. */
static void bitmap_finds_exactly_the_set_bits(void **state)
{
	static const size_t bits[] = { 0, 63, 64, 127, 128, 199 };
	DECLARE_BITMAP(map, 200);
	size_t at = 0;

	(void)state;
	bitmap_zero(map, 200);
	assert_int_equal(bitmap_next(map, 200, 0), 200);
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		bitmap_set(map, bits[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		at = bitmap_next(map, 200, at);
		assert_int_equal(at, bits[i]);
		assert_true(bitmap_test(map, at));
		at++;
	}
	assert_int_equal(bitmap_next(map, 200, at), 200);
	assert_int_equal(bitmap_next(map, 199, 129), 199);
	assert_int_equal(bitmap_weight(map, 200), ARRAY_SIZE(bits));
	bitmap_clear(map, 64);
	assert_int_equal(bitmap_next(map, 200, 64), 127);
}

/* Fails when a quantile is off by more than one part in HIST_SUB. */
static void quantiles_are_within_a_bucket(void **state)
{
	static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 1 };
	static struct hist hist, other;

	(void)state;
	hist_init(&hist);
	hist_init(&other);
	assert_int_equal(hist_quantile(&hist, 0.5), 0);
	for (uint64_t value = 1; value <= 100000; value++)
		hist_add(value % 2 ? &hist : &other, value);
	hist_merge(&hist, &other);
	assert_int_equal(hist.count, 100000);
	assert_int_equal(hist.min, 1);
	assert_int_equal(hist.max, 100000);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		double exact = shares[i] * 100000;
		double found = (double)hist_quantile(&hist, shares[i]);

		assert_true(found >= exact && found <= exact * (1 + 1.0 / HIST_SUB));
	}
	assert_true(hist_mean(&hist) == 50000.5);
}

/* Fails when the largest values have no bucket. */
static void histogram_takes_every_value(void **state)
{
	static struct hist hist;

	(void)state;
	hist_init(&hist);
	for (int bit = 0; bit < 64; bit++) {
		hist_add(&hist, 1ull << bit);
		hist_add(&hist, (1ull << bit) - 1);
	}
	hist_add(&hist, UINT64_MAX);
	assert_int_equal(hist_quantile(&hist, 1), UINT64_MAX);
	assert_int_equal(hist_quantile(&hist, 0), 0);
}

/* Fails when the generator is not reproducible or leaves its bound. */
static void generator_repeats_and_stays_below_the_bound(void **state)
{
	struct prng one, two;
	unsigned int seen = 0;

	(void)state;
	prng_seed(&one, 42);
	prng_seed(&two, 42);
	for (int i = 0; i < 1000; i++) {
		uint64_t value = prng_below(&one, 10);

		assert_true(value < 10);
		assert_int_equal(value, prng_below(&two, 10));
		seen |= 1u << value;
	}
	assert_int_equal(seen, (1u << 10) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding_at_both_ends_keeps_order),
		cmocka_unit_test(removal_joins_the_neighbours),
		cmocka_unit_test(splicing_puts_all_at_the_front),
		cmocka_unit_test(bitmap_finds_exactly_the_set_bits),
		cmocka_unit_test(quantiles_are_within_a_bucket),
		cmocka_unit_test(histogram_takes_every_value),
		cmocka_unit_test(generator_repeats_and_stays_below_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
