/* limits_test.c - what an address and its network may do, and what a storm of addresses cannot. */
#include "net/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "net/trusted.h"

static struct sockaddr_storage
peer(const char *text)
{
	struct sockaddr_storage ss = {.ss_family = AF_INET};

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&ss)->sin_addr) != 1) {
		ss.ss_family = AF_INET6;
		assert_int_equal(
		    inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&ss)->sin6_addr), 1);
	}
	return ss;
}

static enum limits_verdict
enter(const char *text, struct limits_source *out)
{
	struct sockaddr_storage ss = peer(text);

	return limits_enter(&ss, out);
}

/* Comes and goes. */
static enum limits_verdict
visit(const char *text)
{
	struct limits_source s;
	enum limits_verdict v = enter(text, &s);

	if (v == LIMITS_OK)
		limits_leave(&s);
	return v;
}

static int
up(void **state)
{
	static const struct limits_rules r = {
	    .total = 10, .at_once = 2, .factor = 2, .n = {20, 3, 5, 4, 2}};
	static const struct str trusted[] = {STR_INIT("127.0.0.0/8"), STR_INIT("2001:db8:7::/48")};

	(void)state;
	clock_advance(1000);
	assert_int_equal(trusted_configure(trusted, 2, NULL), 0);
	limits_configure(&r);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	assert_int_equal(limits_total(), 0);
	limits_done();
	return 0;
}

static void
one_address_has_its_share(void **state)
{
	struct limits_source a, b, c, d, e;

	(void)state;
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	assert_int_equal(enter("::ffff:192.0.2.1", &b), LIMITS_OK);
	assert_int_equal(enter("192.0.2.1", &c), LIMITS_AT_ONCE);
	assert_int_equal(enter("192.0.2.2", &c), LIMITS_OK);
	assert_int_equal(enter("192.0.2.2", &d), LIMITS_OK);
	/* The /24 has twice the share of an address. */
	assert_int_equal(enter("192.0.2.3", &e), LIMITS_AT_ONCE);
	assert_int_equal(enter("192.0.3.3", &e), LIMITS_OK);
	assert_int_equal(limits_total(), 5);
	limits_leave(&a);
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	limits_leave(&a);
	limits_leave(&b);
	limits_leave(&c);
	limits_leave(&d);
	limits_leave(&e);
}

/* Of those who come by a proxy. */
static void
who_has_no_connection_is_counted_too(void **state)
{
	struct network n, next;
	unsigned allowed = 0, all = 0;

	(void)state;
	assert_int_equal(network_parse(STR("192.0.2.1"), &n, NULL), 0);
	assert_int_equal(network_parse(STR("192.0.2.2"), &next, NULL), 0);
	for (int i = 0; i < 1000; i++)
		allowed += limits_allow(&n, LIMITS_MESSAGES_MINUTE);
	assert_true(allowed > 0 && allowed < 1000);
	/* The network has a share of its own. */
	for (int i = 0; i < 1000; i++)
		all += limits_allow(&next, LIMITS_MESSAGES_MINUTE);
	assert_true(all > 0 && all <= allowed);
	assert_int_equal(limits_total(), 0);
}

static void
a_network_of_version_six_is_one(void **state)
{
	struct limits_source a, b, c;

	(void)state;
	assert_int_equal(enter("2001:db8:0:1::1", &a), LIMITS_OK);
	assert_int_equal(enter("2001:db8:0:1:ffff::2", &b), LIMITS_OK);
	assert_int_equal(enter("2001:db8:0:1::3", &c), LIMITS_AT_ONCE);
	assert_int_equal(enter("2001:db8:0:2::1", &c), LIMITS_OK);
	limits_leave(&a);
	limits_leave(&b);
	limits_leave(&c);
}

static void
the_total_counts_for_all(void **state)
{
	struct limits_source s[11];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(enter("127.0.0.1", &s[i]), LIMITS_OK);
	assert_int_equal(enter("127.0.0.1", &s[10]), LIMITS_TOTAL);
	assert_int_equal(enter("192.0.2.1", &s[10]), LIMITS_TOTAL);
	for (size_t i = 0; i < 10; i++)
		limits_leave(&s[i]);
}

static void
programs_here_are_counted_by_number(void **state)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	struct limits_source a, b, c;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(limits_enter(&local, &a), LIMITS_OK);
		limits_leave(&a);
	}
	assert_int_equal(limits_enter(&local, &a), LIMITS_OK);
	assert_int_equal(limits_enter(&local, &b), LIMITS_OK);
	assert_int_equal(limits_enter(&local, &c), LIMITS_AT_ONCE);
	limits_leave(&a);
	limits_leave(&b);
}

static void
who_comes_too_often(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(visit("192.0.2.1"), LIMITS_OK);
	assert_int_equal(visit("192.0.2.1"), LIMITS_RATE);
	for (int i = 0; i < 20; i++)
		assert_int_equal(visit("192.0.2.2"), LIMITS_OK);
	assert_int_equal(visit("192.0.2.3"), LIMITS_RATE); /* the network */
	assert_int_equal(visit("198.51.100.1"), LIMITS_OK);
	assert_int_equal(visit("127.0.0.1"), LIMITS_OK);
	/* What was refused is not held against it. */
	clock_advance(3001);
	assert_int_equal(visit("192.0.2.1"), LIMITS_OK);
}

static void
counts_are_shared_by_connections(void **state)
{
	struct limits_source a, b, t;

	(void)state;
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	assert_int_equal(enter("192.0.2.1", &b), LIMITS_OK);
	assert_int_equal(enter("127.0.0.1", &t), LIMITS_OK);
	for (int i = 0; i < 3; i++) {
		assert_true(limits_room(&b, LIMITS_MESSAGES_MINUTE));
		limits_count(i % 2 ? &a : &b, LIMITS_MESSAGES_MINUTE);
		limits_count(&t, LIMITS_MESSAGES_MINUTE);
	}
	assert_false(limits_room(&a, LIMITS_MESSAGES_MINUTE));
	assert_false(limits_room(&b, LIMITS_MESSAGES_MINUTE));
	assert_true(limits_room(&t, LIMITS_MESSAGES_MINUTE));
	assert_true(limits_room(&a, LIMITS_UNKNOWN));
	limits_leave(&a);
	limits_leave(&b);
	limits_leave(&t);
	/* And outlive them. */
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	assert_false(limits_room(&a, LIMITS_MESSAGES_MINUTE));
	for (int i = 0; i < 4; i++)
		limits_count(&a, LIMITS_ERRORS);
	limits_leave(&a);
	assert_int_equal(visit("192.0.2.1"), LIMITS_TROUBLE);
	clock_advance(3600000);
	assert_int_equal(visit("192.0.2.1"), LIMITS_OK);
}

static void
manners_are_remembered(void **state)
{
	struct sockaddr_storage ss = peer("192.0.2.1");
	struct limits_source a;

	(void)state;
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	assert_false(limits_greeted(&a));
	limits_greet(&a);
	limits_leave(&a);
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	assert_true(limits_greeted(&a));
	limits_leave(&a);
	assert_int_equal(enter("127.0.0.1", &a), LIMITS_OK);
	assert_true(limits_greeted(&a));
	limits_leave(&a);
	assert_true(limits_tell(&ss, LIMITS_RATE));
	assert_false(limits_tell(&ss, LIMITS_RATE));
	assert_true(limits_tell(&ss, LIMITS_AT_ONCE));
	clock_advance(60000);
	assert_true(limits_tell(&ss, LIMITS_RATE));
}

/* A million addresses: memory has its bound, and who was in trouble stays in trouble. */
static void
a_storm_of_addresses(void **state)
{
	struct sockaddr_storage ss = peer("2001:db8::1");
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct limits_source a;

	(void)state;
	assert_int_equal(enter("192.0.2.1", &a), LIMITS_OK);
	for (int i = 0; i < 4; i++)
		limits_count(&a, LIMITS_ERRORS);
	limits_leave(&a);
	for (uint32_t i = 0; i < 1000000; i++) {
		num_put_u32((unsigned char *)&in6->sin6_addr + 4, i * 2654435761u);
		if (limits_enter(&ss, &a) == LIMITS_OK)
			limits_leave(&a);
	}
	assert_true(limits_remembered() <= LIMITS_REMEMBERED);
	assert_int_equal(visit("192.0.2.1"), LIMITS_TROUBLE);
}

static void
networks_that_cannot_be_read(void **state)
{
	static const struct str wrong[] = {STR_INIT("10.0.0.1/8")};
	struct sockaddr_storage ss = peer("127.0.0.1");

	(void)state;
	assert_int_equal(trusted_configure(wrong, 1, NULL), -1);
	assert_true(trusted_peer(&ss)); /* all is as before */
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
	const struct CMUnitTest tests[] = {
	    TEST(one_address_has_its_share),
	    TEST(who_has_no_connection_is_counted_too),
	    TEST(a_network_of_version_six_is_one),
	    TEST(the_total_counts_for_all),
	    TEST(programs_here_are_counted_by_number),
	    TEST(who_comes_too_often),
	    TEST(counts_are_shared_by_connections),
	    TEST(manners_are_remembered),
	    TEST(a_storm_of_addresses),
	    TEST(networks_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
