/* route_test.c - the most specific domain wins; one smart host is one destination. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/route.h"

#define HOST "host_name = \"mail.example.org\"\n"

static const char text[] =
    HOST "[[route]]\ndomain = \"*\"\nhost = \"relay.example\"\nport = 587\n"
	 "[[route]]\ndomain = \".a.example\"\nhost = \"[2001:db8::1]\"\n"
	 "[[route]]\ndomain = \".b.a.example\"\nhost = \"mx:c.example\"\n"
	 "[[route]]\ndomain = \"X.a.example\"\ntls = \"required\"\n"
	 "[[route]]\ndomain = \"y.example\"\nhost = \"relay.example\"\nport = 587\n"
	 "[[route]]\ndomain = \"z.example\"\nhost = \"relay.example\"\nport = 587\n"
	 "tls = \"required\"\n"
	 "[[route]]\ndomain = \"w.example\"\nhost = \"relay.example\"\nport = 587\n"
	 "tls = \"none\"\n";

static struct routes *
make(const char *toml)
{
	struct err e = {0};
	struct conf *c = conf_parse(str_z(toml), "t", &e);
	struct routes *r;

	if (c == NULL)
		fail_msg("%s", e.text);
	r = routes_new(c);
	conf_free(&c);
	return r;
}

static void
check(const struct routes *r, const char *domain, const char *dest, size_t row)
{
	struct str got = routes_destination(r, str_z(domain));

	if (!str_eq_z(got, dest))
		fail_msg("%s: %.*s, not %s", domain, STR_ARG(got), dest);
	assert_int_equal(routes_find(r, got), row);
}

static void
the_most_specific_domain_wins(void **state)
{
	struct routes *r = make(text);

	(void)state;
	check(r, "elsewhere.example", "relay.example:587", 0);
	check(r, "a.example", "relay.example:587", 0);
	check(r, "sub.a.example", "[2001:db8::1]:25", 1);
	check(r, "xa.example", "relay.example:587", 0);
	check(r, "b.a.example", "[2001:db8::1]:25", 1);
	check(r, "c.b.a.example", "mx:c.example:25", 2);
	/* Without a host the domain stays its own destination, with the route's TLS. */
	check(r, "x.a.example", "x.a.example", 3);
	check(r, "[192.0.2.1]", "relay.example:587", 0);
	routes_free(&r);
	assert_null(r);
}

static void
one_way_is_one_destination(void **state)
{
	struct routes *r = make(text);

	(void)state;
	check(r, "y.example", "relay.example:587", 0);
	check(r, "z.example", "relay.example:587/2", 5);
	check(r, "w.example", "relay.example:587/3", 6);
	routes_free(&r);
}

static void
without_routes_a_domain_is_its_own_destination(void **state)
{
	struct routes *r = make(HOST);

	(void)state;
	check(r, "a.example", "a.example", ROUTE_NONE);
	/* A route that was there when the mail was queued. */
	assert_int_equal(routes_find(r, STR("relay.example:587")), ROUTE_NONE);
	assert_true(routes_is_name(STR("relay.example:587")));
	assert_true(routes_is_name(STR("[2001:db8::1]:25")));
	assert_true(routes_is_name(STR("mx:c.example:25/2")));
	assert_false(routes_is_name(STR("[ipv6:2001:db8::1]")));
	assert_false(routes_is_name(STR("a.example")));
	assert_false(routes_is_name(STR("")));
	routes_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_most_specific_domain_wins),
	    cmocka_unit_test(one_way_is_one_destination),
	    cmocka_unit_test(without_routes_a_domain_is_its_own_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
