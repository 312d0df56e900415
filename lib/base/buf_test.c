/* buf_test.c - owned octets with a ceiling; arenas. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"

static void
test_ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_puts(&b, "hello"), 0);
	assert_int_equal(buf_putc(&b, '!'), -1);
	assert_true(b.over);
	assert_true(str_eq(buf_view(&b), STR("hello")));
	buf_reset(&b);
	assert_false(b.over);
	assert_int_equal(buf_printf(&b, "%d", 123456), -1);
	assert_int_equal(buf_printf(&b, "%d", 12345), 0);
	assert_null(buf_room(&b, SIZE_MAX));
	buf_free(&b);
}

/* A queue of octets: put at the end, consumed at the front, never lost, never growing without need.
 */
static void
test_consume(void **state)
{
	struct buf b;
	unsigned char next_in = 0, next_out = 0;

	(void)state;
	buf_init(&b, 4096);
	for (int round = 1; round <= 2000; round++) {
		for (int i = 0; i < round % 37; i++, next_in++)
			assert_int_equal(buf_put(&b, &next_in, 1), 0);
		for (size_t n = b.n / 2 + (round % 3 == 0 ? b.n - b.n / 2 : 0); n > 0; n--) {
			assert_int_equal((unsigned char)b.p[0], next_out++);
			buf_consume(&b, 1);
		}
		assert_int_equal(b.p[b.n], 0);
	}
	assert_true(b.cap <= 256);
	buf_consume(&b, b.n);
	buf_shrink(&b);
	assert_int_equal(b.cap, 0);
	assert_int_equal(buf_puts(&b, "again"), 0);
	buf_free(&b);
}

/* Who consumes what it has just found may still look at it. */
static void
test_consumed_stays(void **state)
{
	struct buf b;
	const char *line;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(buf_puts(&b, "line"), 0);
	line = b.p;
	buf_consume(&b, b.n);
	assert_string_equal(line, "line");
	assert_int_equal(b.n, 0);
	assert_int_equal(b.p[0], 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(buf_puts(&b, "0123456789"), 0);
		assert_string_equal(b.p, "0123456789");
		buf_consume(&b, b.n);
	}
	assert_true(b.cap <= 64);
	buf_free(&b);
}

static void
count(void *arg)
{
	(*(int *)arg)++;
}

static void
test_arena(void **state)
{
	struct arena a;
	int runs = 0;
	char *p;

	(void)state;
	arena_init(&a);
	for (size_t n = 1; n < 20000; n = n * 2 + 1) {
		p = arena_alloc(&a, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_true(str_eq(arena_printf(&a, "%s-%d", "x", 7), STR("x-7")));
	arena_defer(&a, count, &runs);
	arena_reset(&a);
	assert_int_equal(runs, 1);
	assert_int_equal(a.used, 0);
	assert_string_equal(arena_dupz(&a, STR("kept")), "kept");
	arena_free(&a);
	assert_int_equal(runs, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ceiling),
	    cmocka_unit_test(test_consume),
	    cmocka_unit_test(test_consumed_stays),
	    cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
