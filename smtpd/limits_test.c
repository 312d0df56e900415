/* limits_test.c - connections are counted by address, and by /64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "smtpd/limits.h"

static struct limits_key
key(const char *text)
{
	struct sockaddr_storage ss = {0};
	struct limits_key k;

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&ss)->sin_addr) == 1) {
		ss.ss_family = AF_INET;
	} else {
		assert_int_equal(
		    inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&ss)->sin6_addr), 1);
		ss.ss_family = AF_INET6;
	}
	limits_key(&ss, &k);
	return k;
}

static void
one_address_has_its_share(void **state)
{
	struct limits_key a = key("192.0.2.1"), mapped = key("::ffff:192.0.2.1"),
			  b = key("192.0.2.2");

	(void)state;
	assert_true(limits_enter(&a, 10, 2));
	assert_true(limits_enter(&mapped, 10, 2));
	assert_false(limits_enter(&a, 10, 2));
	assert_true(limits_enter(&b, 10, 2));
	assert_int_equal(limits_total(), 3);
	assert_false(limits_enter(&b, 3, 2));
	limits_leave(&a);
	assert_true(limits_enter(&a, 10, 2));
	limits_leave(&a);
	limits_leave(&mapped);
	limits_leave(&b);
	assert_int_equal(limits_total(), 0);
}

static void
a_network_of_version_six_is_one(void **state)
{
	struct limits_key a = key("2001:db8:0:1::1"), b = key("2001:db8:0:1:ffff::2"),
			  c = key("2001:db8:0:2::1");

	(void)state;
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_address_has_its_share),
	    cmocka_unit_test(a_network_of_version_six_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
