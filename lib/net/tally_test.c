/* tally_test.c - buckets leak as they should, and the table keeps those who matter. */
#include "net/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"

static const struct tally_rate ten_a_minute = {10, 60000}, any = {0, 60000};

static struct tally_key
key(uint64_t n)
{
	struct tally_key k = {{0}};

	num_put_u64(k.octets, n);
	return k;
}

static struct tally_entry *
get(struct tally *t, uint64_t n)
{
	struct tally_key k = key(n);

	return tally_get(t, &k);
}

static bool
known(struct tally *t, uint64_t n)
{
	struct tally_key k = key(n);

	return tally_find(t, &k) != NULL;
}

static void
a_bucket_fills_and_leaks(void **state)
{
	struct tally *t = tally_new(8);
	struct tally_entry *x = get(t, 1);

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_true(tally_room(x, 0, &ten_a_minute, 1));
		tally_add(t, x, 0, &ten_a_minute, 1);
	}
	assert_false(tally_room(x, 0, &ten_a_minute, 1));
	assert_true(tally_room(x, 1, &ten_a_minute, 10)); /* another bucket */
	assert_true(tally_room(x, 0, &any, 1000000));
	assert_int_equal(tally_wait(x, 0, &ten_a_minute), 6001);
	clock_advance(5990);
	assert_false(tally_room(x, 0, &ten_a_minute, 1));
	clock_advance(tally_wait(x, 0, &ten_a_minute));
	assert_true(tally_room(x, 0, &ten_a_minute, 1));
	assert_false(tally_room(x, 0, &ten_a_minute, 2));
	clock_advance(60000);
	assert_int_equal(tally_used(x, 0, &ten_a_minute), 0);
	assert_int_equal(tally_wait(x, 0, &ten_a_minute), 0);
	tally_free(&t);
}

/* Who goes on after it is full waits longer, yet no longer than twice the time. */
static void
there_is_an_end_to_the_wait(void **state)
{
	struct tally *t = tally_new(8);
	struct tally_entry *x = get(t, 1);

	(void)state;
	tally_add(t, x, 0, &ten_a_minute, 1000000);
	assert_int_equal(tally_used(x, 0, &ten_a_minute), 20);
	assert_in_range(tally_wait(x, 0, &ten_a_minute), 60000, 67000);
	tally_forgive(x, 0, &ten_a_minute, 15);
	assert_int_equal(tally_used(x, 0, &ten_a_minute), 5);
	tally_forgive(x, 0, &ten_a_minute, 15);
	assert_int_equal(tally_used(x, 0, &ten_a_minute), 0);
	clock_advance(UINT32_MAX);
	assert_int_equal(tally_used(x, 0, &ten_a_minute), 0);
	tally_free(&t);
}

static void
passers_by_push_out_passers_by(void **state)
{
	struct tally *t = tally_new(100);

	(void)state;
	tally_add(t, get(t, 1), 0, &ten_a_minute, 9); /* has nearly used what it may */
	tally_add(t, get(t, 2), 0, &ten_a_minute, 1);
	for (uint64_t i = 100; i < 5100; i++)
		tally_add(t, get(t, i), 0, &ten_a_minute, 1);
	assert_true(tally_count(t) <= 100);
	assert_true(known(t, 1));
	assert_int_equal(tally_used(get(t, 1), 0, &ten_a_minute), 9);
	assert_false(known(t, 2));
	/* When it is forgotten anyway, its place is free. */
	clock_advance(120000);
	for (uint64_t i = 100; i < 400; i++)
		tally_add(t, get(t, i), 0, &ten_a_minute, 1);
	assert_false(known(t, 1));
	tally_free(&t);
}

/* Also when all are heavy, those who are new have a place, and the bound holds. */
static void
everybody_misbehaves(void **state)
{
	struct tally *t = tally_new(100);

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		tally_add(t, get(t, i), 0, &ten_a_minute, 9);
		assert_true(tally_count(t) <= 100);
	}
	tally_add(t, get(t, 20000), 0, &ten_a_minute, 1);
	for (uint64_t i = 0; i < 20; i++)
		tally_add(t, get(t, i), 0, &ten_a_minute, 9);
	assert_true(known(t, 20000));
	tally_free(&t);
}

static void
what_is_pinned_stays(void **state)
{
	struct tally *t = tally_new(10);
	struct tally_entry *x = get(t, 1);

	(void)state;
	tally_pin(t, x);
	tally_pin(t, x);
	tally_add(t, x, 0, &ten_a_minute, 9);
	for (uint64_t i = 100; i < 200; i++)
		get(t, i);
	assert_true(known(t, 1));
	assert_int_equal(tally_count(t), 11);
	tally_unpin(t, x);
	tally_unpin(t, x);
	assert_int_equal(tally_count(t), 10);
	assert_int_equal(tally_used(get(t, 1), 0, &ten_a_minute), 9);
	tally_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bucket_fills_and_leaks),
	    cmocka_unit_test(there_is_an_end_to_the_wait),
	    cmocka_unit_test(passers_by_push_out_passers_by),
	    cmocka_unit_test(everybody_misbehaves),
	    cmocka_unit_test(what_is_pinned_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
