/* Connections are counted by address, IPv6 by /64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "imapd/peers.h"

static struct sockaddr_storage
address(const char *text)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {0};

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.in.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.in6.sin6_family = AF_INET6;
	return a.any;
}

static void
counted(void **state)
{
	struct sockaddr_storage a = address("192.0.2.1"), b = address("192.0.2.2");
	struct sockaddr_storage c = address("2001:db8::1"), d = address("2001:db8::ffff:2");
	struct sockaddr_storage e = address("2001:db8:0:1::1");

	(void)state;
	assert_true(peers_enter(&a, 2) && peers_enter(&a, 2));
	assert_false(peers_enter(&a, 2));
	assert_true(peers_enter(&b, 2));
	peers_leave(&a);
	assert_true(peers_enter(&a, 2));
	assert_true(peers_enter(&c, 2) && peers_enter(&d, 2));
	assert_false(peers_enter(&c, 2));
	assert_true(peers_enter(&e, 2));
	peers_leave(&a);
	peers_leave(&a);
	peers_leave(&b);
	peers_leave(&c);
	peers_leave(&d);
	peers_leave(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
