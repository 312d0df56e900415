/* Unit tests of chain.c: records that follow, and every way in which they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipc/chain.h"

#define RECORDS 4

static struct buf lines[RECORDS];

static int
up(void **state)
{
	struct chain c;

	(void)state;
	chain_init(&c);
	for (unsigned i = 0; i < RECORDS; i++) {
		buf_init(&lines[i], CHAIN_LINE_MAX);
		chain_begin(&c, &lines[i]);
		buf_printf(&lines[i], ",\"n\":%u", i);
		chain_end(&c, &lines[i]);
		assert_int_equal(c.seq, i + 1);
	}
	return 0;
}

static int
down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RECORDS; i++)
		buf_free(&lines[i]);
	return 0;
}

static struct str
line(unsigned i)
{
	return str_sub(buf_view(&lines[i]), 0, lines[i].n - 1);
}

static void
test_follows(void **state)
{
	struct chain c;

	(void)state;
	chain_init(&c);
	for (unsigned i = 0; i < RECORDS; i++)
		assert_int_equal(chain_follow(&c, line(i), NULL), 0);
	/* A log whose beginning has gone. */
	chain_init(&c);
	assert_int_equal(chain_follow(&c, line(2), NULL), 0);
	assert_int_equal(chain_follow(&c, line(3), NULL), 0);
	assert_int_equal(c.seq, 4);
}

static void
test_removed_and_swapped(void **state)
{
	struct chain c;

	(void)state;
	chain_init(&c);
	assert_int_equal(chain_follow(&c, line(0), NULL), 0);
	assert_int_equal(chain_follow(&c, line(2), NULL), -1);
	assert_int_equal(chain_follow(&c, line(0), NULL), -1);
	assert_int_equal(chain_follow(&c, line(1), NULL), 0);
	assert_int_equal(c.seq, 2);
}

/* Any octet that is another one, and any cut, is found. */
static void
test_each_octet(void **state)
{
	struct chain before, c;
	char copy[1024], prev[CHAIN_HEX + 1];
	struct str l = line(1);

	(void)state;
	chain_init(&before);
	assert_int_equal(chain_follow(&before, line(0), NULL), 0);
	for (size_t i = 0; i < l.n; i++) {
		memcpy(copy, l.p, l.n);
		copy[i] ^= 1;
		c = before;
		assert_int_equal(chain_follow(&c, str_of(copy, l.n), NULL), -1);
		assert_int_equal(c.seq, 1);
		assert_int_equal(chain_read(str_sub(l, 0, i), &c, prev, NULL), -1);
	}
}

/* Its own hash made anew, it does not follow; the next does not follow it. */
static void
test_made_anew(void **state)
{
	struct chain c, other;
	struct buf forged;

	(void)state;
	chain_init(&other);
	buf_init(&forged, CHAIN_LINE_MAX);
	other.seq = 1;
	chain_begin(&other, &forged);
	buf_puts(&forged, ",\"n\":9");
	chain_end(&other, &forged);
	chain_init(&c);
	assert_int_equal(chain_follow(&c, line(0), NULL), 0);
	assert_int_equal(chain_follow(&c, str_sub(buf_view(&forged), 0, forged.n - 1), NULL), -1);
	buf_free(&forged);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_follows, up, down),
	    cmocka_unit_test_setup_teardown(test_removed_and_swapped, up, down),
	    cmocka_unit_test_setup_teardown(test_each_octet, up, down),
	    cmocka_unit_test_setup_teardown(test_made_anew, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
