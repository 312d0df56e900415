/* network_test.c - notation of networks, and what lies in what. */
#include "base/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/mem.h"

static struct network
net(const char *text)
{
	struct network n;
	struct err e = {0};

	if (network_parse(str_z(text), &n, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return n;
}

static void
what_is_a_network(void **state)
{
	static const char *const good[][2] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"192.0.2.1/32", "192.0.2.1"},
	    {"192.0.2.0/24", "192.0.2.0/24"},
	    {"0.0.0.0/0", "0.0.0.0/0"},
	    {"10.128.0.0/9", "10.128.0.0/9"},
	    {"::1", "::1"},
	    {"::/0", "::/0"},
	    {"2001:DB8::/32", "2001:db8::/32"},
	    {"2001:db8:0:1::/64", "2001:db8:0:1::/64"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
	};
	static const char *const bad[] = {"", "/", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1",
	    "192.0.2.0/024", "192.0.2.0/24 ", "192.0.2.0/24/24", "192.0.2", "192.0.2.256",
	    "localhost", "::/129", "[::1]", "fe80::1%eth0", "::ffff:0.0.0.0/90", "1.2.3.4.5",
	    "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0"};
	char text[NETWORK_TEXT];
	struct network n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		n = net(good[i][0]);
		assert_string_equal(network_text(&n, text), good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(network_parse(str_z(bad[i]), &n, NULL), -1);
	/* An inner NUL ends no address. */
	assert_int_equal(network_parse(str_of("::1\0/64", 7), &n, NULL), -1);
}

static void
bits_behind_the_prefix_are_told(void **state)
{
	struct network n;
	struct err e = {0};

	(void)state;
	assert_int_equal(network_parse(STR("192.0.2.77/24"), &n, &e), -1);
	assert_non_null(strstr(e.text, "did you mean 192.0.2.0/24?"));
	assert_int_equal(network_parse(STR("2001:db8:ffff::/33"), &n, &e), -1);
	assert_non_null(strstr(e.text, "did you mean 2001:db8:8000::/33?"));
}

static void
what_lies_in_what(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool holds;
	} cases[] = {
	    {"192.0.2.0/24", "192.0.2.255", true},
	    {"192.0.2.0/24", "192.0.3.0", false},
	    {"192.0.2.0/24", "192.0.2.0/25", true},
	    {"192.0.2.0/25", "192.0.2.0/24", false},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"0.0.0.0/0", "255.255.255.255", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"2001:db8::/33", "2001:db8:7fff:ffff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::", false},
	    {"::/0", "2001:db8::1", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct network outer = net(cases[i].outer), inner = net(cases[i].inner);

		assert_int_equal(network_holds(&outer, &inner), cases[i].holds);
	}
}

static void
the_network_of_a_peer(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_INET};
	char text[NETWORK_TEXT];
	struct network n, v4;

	(void)state;
	inet_pton(AF_INET, "192.0.2.77", &((struct sockaddr_in *)&ss)->sin_addr);
	assert_true(network_of(&ss, 24, 64, &v4));
	assert_string_equal(network_text(&v4, text), "192.0.2.0/24");
	ss = (struct sockaddr_storage){.ss_family = AF_INET6};
	inet_pton(AF_INET6, "::ffff:192.0.2.77", &((struct sockaddr_in6 *)&ss)->sin6_addr);
	assert_true(network_of(&ss, 24, 64, &n));
	assert_true(network_eq(&n, &v4));
	inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", &((struct sockaddr_in6 *)&ss)->sin6_addr);
	assert_true(network_of(&ss, 24, 64, &n));
	assert_string_equal(network_text(&n, text), "2001:db8:1:2::/64");
	ss = (struct sockaddr_storage){.ss_family = AF_UNIX};
	assert_false(network_of(&ss, 24, 64, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_a_network),
	    cmocka_unit_test(bits_behind_the_prefix_are_told),
	    cmocka_unit_test(what_lies_in_what),
	    cmocka_unit_test(the_network_of_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
