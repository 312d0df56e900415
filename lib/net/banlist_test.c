/* banlist_test.c - who is banned, and for how long. */
#include "net/banlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static struct network
net(const char *text)
{
	struct network n;

	assert_int_equal(network_parse(str_z(text), &n, NULL), 0);
	return n;
}

static void
set(const char *text, uint64_t ms)
{
	struct network n = net(text);

	banlist_set(&n, ms);
}

static bool
has(const char *text)
{
	struct network n = net(text);

	return banlist_has(&n);
}

static int
down(void **state)
{
	(void)state;
	banlist_reset();
	assert_int_equal(banlist_count(), 0);
	return 0;
}

static void
addresses_and_networks(void **state)
{
	struct network n;

	(void)state;
	assert_false(has("192.0.2.1"));
	set("192.0.2.1", 1000);
	set("198.51.100.0/24", 0);
	set("2001:db8::/33", 5000);
	assert_true(has("192.0.2.1") && has("198.51.100.255") && has("2001:db8:1::1"));
	assert_false(has("192.0.2.2") || has("198.51.101.0") || has("2001:db8:8000::1"));
	assert_true(has("198.51.100.128/25"));
	assert_false(has("198.51.0.0/16"));
	clock_advance(1000);
	assert_false(has("192.0.2.1"));
	set("2001:db8::/33", 60000); /* longer now */
	clock_advance(5000);
	assert_true(has("2001:db8:1::1"));
	clock_advance(86400000);
	assert_true(has("198.51.100.1"));
	n = net("198.51.100.0/24");
	banlist_clear(&n);
	banlist_clear(&n);
	assert_false(has("198.51.100.1"));
}

static void
everybody(void **state)
{
	(void)state;
	set("0.0.0.0/0", 1000);
	assert_true(has("192.0.2.1"));
	assert_false(has("2001:db8::1"));
	set("::/0", 1000);
	assert_true(has("2001:db8::1"));
}

static void
it_has_a_bound(void **state)
{
	struct network n = net("10.0.0.0");

	(void)state;
	for (unsigned i = 0; i < BANLIST_MAX + 1000; i++) {
		n.net[13] = (unsigned char)(i >> 16);
		n.net[14] = (unsigned char)(i >> 8);
		n.net[15] = (unsigned char)i;
		banlist_set(&n, 600000);
	}
	assert_int_equal(banlist_count(), BANLIST_MAX);
	assert_true(has("10.0.0.1"));
	clock_advance(600000);
	set("192.0.2.1", 600000); /* in place of what has ended */
	assert_true(has("192.0.2.1"));
	assert_int_equal(banlist_count(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(addresses_and_networks, down),
	    cmocka_unit_test_teardown(everybody, down),
	    cmocka_unit_test_teardown(it_has_a_bound, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
