/* dns_client_test.c - names of clients: confirmed, forged, many, not known now. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "base/mem.h"
#include "io/loop.h"
#include "net/dns_client.h"
#include "net/dns_script.h"

#define PTR4 "7.2.0.192.in-addr.arpa"
#define PTR6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

static struct dns *dns;
static unsigned answers;
static enum dns_client_result result;
static char name[DNS_NAME_MAX + 1];

static void
on_client(void *arg, enum dns_client_result got, struct str s)
{
	(void)arg;
	answers++;
	result = got;
	assert_int_equal(str_cz(s, name, sizeof(name)), 0);
}

static struct sockaddr_storage
peer_of(const char *address)
{
	struct sockaddr_storage a = {.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET};

	if (a.ss_family == AF_INET)
		inet_pton(AF_INET, address, &((struct sockaddr_in *)(void *)&a)->sin_addr);
	else
		inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)(void *)&a)->sin6_addr);
	return a;
}

static void
expect(const char *address, enum dns_client_result want, const char *want_name)
{
	struct sockaddr_storage peer = peer_of(address);
	unsigned before = answers;

	assert_non_null(dns_client_ask(dns, &peer, 0, on_client, NULL));
	assert_int_equal(answers, before);
	for (int i = 0; i < 50 && answers == before; i++)
		loop_once(0);
	assert_int_equal(answers, before + 1);
	assert_int_equal(result, want);
	assert_string_equal(name, want_name);
}

static int
setup(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	dns = dns_script_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_free(&dns);
	return 0;
}

static void
test_confirmed(void **state)
{
	(void)state;
	dns_script_name(dns, PTR4, DNS_PTR, "client.test");
	dns_script_a(dns, "client.test", "192.0.2.1");
	dns_script_a(dns, "client.test", "192.0.2.7");
	expect("192.0.2.7", DNS_CLIENT_PASS, "client.test");
	expect("::ffff:192.0.2.7", DNS_CLIENT_PASS, "client.test");
	dns_script_name(dns, PTR6, DNS_PTR, "six.test");
	dns_script_aaaa(dns, "six.test", "2001:db8::1");
	expect("2001:db8::1", DNS_CLIENT_PASS, "six.test");
}

/* Anybody can say to be anybody. */
static void
test_forged(void **state)
{
	(void)state;
	expect("192.0.2.7", DNS_CLIENT_FAIL, "");
	dns_script_name(dns, PTR4, DNS_PTR, "bank.test");
	dns_script_a(dns, "bank.test", "198.51.100.1");
	expect("192.0.2.7", DNS_CLIENT_FAIL, "");
	dns_script_name(dns, PTR4, DNS_PTR, "a\\013\\010b.test"); /* as dnsd escapes it */
	dns_script_a(dns, "a\\013\\010b.test", "192.0.2.7");
	expect("192.0.2.7", DNS_CLIENT_FAIL, "");
}

static void
test_many_names(void **state)
{
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "n%u.test", i);
		dns_script_name(dns, PTR4, DNS_PTR, text);
	}
	dns_script_a(dns, "n15.test", "192.0.2.7");
	expect("192.0.2.7", DNS_CLIENT_FAIL, "");
	assert_int_equal(dns_script_asked(dns), 1 + DNS_CLIENT_NAMES);
	dns_script_a(dns, "n9.test", "192.0.2.7");
	expect("192.0.2.7", DNS_CLIENT_PASS, "n9.test");
}

static void
test_not_now(void **state)
{
	(void)state;
	dns_script_status(dns, PTR4, DNS_PTR, DNS_TEMP);
	expect("192.0.2.7", DNS_CLIENT_TEMP, "");
	dns_script_status(dns, PTR6, DNS_PTR, DNS_BOGUS);
	expect("2001:db8::1", DNS_CLIENT_TEMP, "");
	dns_script_name(dns, PTR4, DNS_PTR, "down.test");
	dns_script_name(dns, PTR4, DNS_PTR, "up.test");
	dns_script_status(dns, "down.test", DNS_A, DNS_TEMP);
	expect("192.0.2.7", DNS_CLIENT_TEMP, "");
	dns_script_a(dns, "up.test", "192.0.2.7");
	expect("192.0.2.7", DNS_CLIENT_PASS, "up.test");
}

static void
test_cancel(void **state)
{
	struct sockaddr_storage peer = peer_of("192.0.2.7");
	struct dns_client *c, *none = NULL;

	(void)state;
	dns_client_cancel(&none);
	dns_script_name(dns, PTR4, DNS_PTR, "client.test");
	dns_script_a(dns, "client.test", "192.0.2.7");
	for (int turns = 0; turns < 2; turns++) {
		c = dns_client_ask(dns, &peer, 0, on_client, NULL);
		answers = 0;
		for (int i = 0; i < turns; i++)
			loop_once(0);
		assert_int_equal(answers, 0);
		dns_client_cancel(&c);
		for (int i = 0; i < 5; i++)
			loop_once(0);
		assert_int_equal(answers, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_confirmed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_now, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests_name("dns_client", tests, NULL, NULL);
}
