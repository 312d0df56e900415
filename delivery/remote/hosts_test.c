/* hosts_test.c - the hosts of a destination as the DNS may have them, and their addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delivery/remote/hosts.h"
#include "io/loop.h"
#include "net/dns_script.h"

static struct dns *dns;
static char got[2000];
static unsigned answers;
static bool secure;

static void
on_hosts(void *arg, const struct hosts *h)
{
	size_t n = 0;

	(void)arg;
	answers++;
	secure = h->secure;
	got[0] = '\0';
	if (h->status != HOSTS_FOUND)
		snprintf(got, sizeof(got), "%s " STR_FMT, h->status == HOSTS_TEMP ? "temp" : "none",
		    STR_ARG(h->text));
	for (size_t i = 0; i < h->n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%u:" STR_FMT, i ? " " : "",
		    h->v[i].preference, STR_ARG(h->v[i].name));
}

static const char *
hosts_of(const char *domain)
{
	answers = 0;
	(void)hosts_ask(dns, str_z(domain), STR("us.test"), 25, on_hosts, NULL);
	assert_int_equal(answers, 0);
	for (int i = 0; i < 20 && answers == 0; i++)
		loop_once(10);
	assert_int_equal(answers, 1);
	return got;
}

static void
on_addresses(void *arg, const struct addresses *a)
{
	char text[HOSTS_ADDRESS_SIZE];
	size_t n = 0;

	(void)arg;
	answers++;
	secure = a->secure;
	got[0] = '\0';
	if (a->status != HOSTS_FOUND)
		snprintf(got, sizeof(got), "%s " STR_FMT, a->status == HOSTS_TEMP ? "temp" : "none",
		    STR_ARG(a->text));
	for (size_t i = 0; i < a->n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s", i ? " " : "",
		    hosts_address_text(&a->v[i], text));
}

static const char *
addresses_of(const char *name)
{
	struct hosts_host h = {.name = str_z(name), .port = 25};

	answers = 0;
	(void)addresses_ask(dns, &h, on_addresses, NULL);
	assert_int_equal(answers, 0);
	for (int i = 0; i < 20 && answers == 0; i++)
		loop_once(10);
	assert_int_equal(answers, 1);
	return got;
}

static void
hosts_come_by_preference(void **state)
{
	unsigned first = 0;

	(void)state;
	dns_script_mx(dns, "a.test", 20, "c.a.test");
	dns_script_mx(dns, "a.test", 10, "a.a.test");
	dns_script_mx(dns, "a.test", 30, "d.a.test");
	dns_script_mx(dns, "a.test", 10, "b.a.test");
	for (int i = 0; i < 200; i++) {
		const char *z = hosts_of("a.test");

		if (strcmp(z, "10:a.a.test 10:b.a.test 20:c.a.test 30:d.a.test") == 0)
			first++;
		else
			assert_string_equal(z, "10:b.a.test 10:a.a.test 20:c.a.test 30:d.a.test");
	}
	assert_in_range(first, 50, 150);
	assert_false(secure);
	dns_script_secure(dns, "a.test");
	hosts_of("a.test");
	assert_true(secure);
}

static void
a_domain_without_mx_is_its_own_host(void **state)
{
	(void)state;
	dns_script_a(dns, "b.test", "192.0.2.1");
	assert_string_equal(hosts_of("b.test"), "0:b.test");
	assert_string_equal(hosts_of("nowhere.test"), "none 5.1.2 the domain does not exist");
	assert_string_equal(hosts_of("[192.0.2.7]"), "0:[192.0.2.7]");
	assert_string_equal(addresses_of("[192.0.2.7]"), "192.0.2.7");
	assert_string_equal(hosts_of("[IPv6:2001:db8::7]"), "0:[IPv6:2001:db8::7]");
	assert_string_equal(addresses_of("[IPv6:2001:db8::7]"), "2001:db8::7");
	assert_string_equal(hosts_of("[x]"), "none 5.1.2 no address of a kind that is known");
}

static void
some_domains_take_no_mail(void **state)
{
	(void)state;
	dns_script_mx(dns, "null.test", 0, ".");
	assert_string_equal(
	    hosts_of("null.test"), "none 5.1.10 the domain takes no mail (null MX)");
	dns_script_mx(dns, "half.test", 0, ".");
	dns_script_mx(dns, "half.test", 10, "mx.test");
	assert_string_equal(hosts_of("half.test"), "10:mx.test");
	dns_script_mx(dns, "number.test", 10, "192.0.2.1");
	dns_script_mx(dns, "number.test", 10, "a\\032b.test");
	assert_string_equal(hosts_of("number.test"),
	    "none 5.4.4 none of the domain's mail exchangers is a host name");
	dns_script_status(dns, "later.test", DNS_MX, DNS_TEMP);
	assert_string_equal(hosts_of("later.test"),
	    "temp 4.4.3 no answer from the DNS about its MX: temp as scripted");
	dns_script_status(dns, "forged.test", DNS_MX, DNS_BOGUS);
	assert_string_equal(hosts_of("forged.test"),
	    "temp 4.4.3 no answer from the DNS about its MX: bogus as scripted");
}

/* RFC 5321 5.1 */
static void
we_and_who_stands_behind_us_are_left_out(void **state)
{
	(void)state;
	dns_script_mx(dns, "ours.test", 10, "US.test");
	dns_script_mx(dns, "ours.test", 20, "backup.test");
	assert_string_equal(hosts_of("ours.test"),
	    "none 5.4.6 its mail exchanger is this host, which does not know it");
	dns_script_mx(dns, "second.test", 10, "first.test");
	dns_script_mx(dns, "second.test", 20, "equal.test");
	dns_script_mx(dns, "second.test", 20, "us.test");
	dns_script_mx(dns, "second.test", 30, "third.test");
	for (int i = 0; i < 20; i++)
		assert_string_equal(hosts_of("second.test"), "10:first.test");
	dns_script_a(dns, "us.test", "192.0.2.1");
	assert_string_equal(hosts_of("us.test"),
	    "none 5.4.6 its mail exchanger is this host, which does not know it");
}

static void
addresses_come_in_turn(void **state)
{
	char name[8], address[32];

	(void)state;
	dns_script_a(dns, "mx.test", "192.0.2.1");
	dns_script_a(dns, "mx.test", "192.0.2.2");
	dns_script_a(dns, "mx.test", "192.0.2.3");
	dns_script_aaaa(dns, "mx.test", "2001:db8::1");
	assert_string_equal(addresses_of("mx.test"), "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3");
	assert_false(secure);
	dns_script_secure(dns, "mx.test");
	addresses_of("mx.test");
	assert_true(secure);
	dns_script_name(dns, "alias.test", DNS_CNAME, "mx.test");
	addresses_of("alias.test");
	assert_false(secure);
	assert_string_equal(addresses_of("none.test"), "none 5.4.4 the host has no address");
	/* one of the two cannot be had: the other does */
	dns_script_a(dns, "half.mx.test", "192.0.2.1");
	dns_script_status(dns, "half.mx.test", DNS_AAAA, DNS_TEMP);
	assert_string_equal(addresses_of("half.mx.test"), "192.0.2.1");
	/* but not when it is forged */
	dns_script_a(dns, "bogus.mx.test", "192.0.2.1");
	dns_script_status(dns, "bogus.mx.test", DNS_AAAA, DNS_BOGUS);
	assert_string_equal(addresses_of("bogus.mx.test"),
	    "temp 4.4.3 no answer from the DNS about its address: bogus as scripted");
	snprintf(name, sizeof(name), "m.test");
	for (int i = 0; i < 20; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		dns_script_a(dns, name, address);
	}
	assert_string_equal(addresses_of("m.test"),
	    "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7");
}

static void
questions_are_cancelled(void **state)
{
	struct hosts_host h = {.name = STR("mx.test"), .port = 25};
	struct hosts_ask *a = hosts_ask(dns, STR("a.test"), STR("us"), 25, on_hosts, NULL);
	struct hosts_ask *b = hosts_ask(dns, STR("[192.0.2.1]"), STR("us"), 25, on_hosts, NULL);
	struct addresses_ask *c = addresses_ask(dns, &h, on_addresses, NULL);

	(void)state;
	answers = 0;
	hosts_cancel(&a);
	hosts_cancel(&b);
	addresses_cancel(&c);
	for (int i = 0; i < 5; i++)
		loop_once(5);
	assert_int_equal(answers, 0);
}

static int
set_up(void **state)
{
	(void)state;
	loop_init(NULL);
	dns = dns_script_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	dns_free(&dns);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hosts_come_by_preference),
	    cmocka_unit_test(a_domain_without_mx_is_its_own_host),
	    cmocka_unit_test(some_domains_take_no_mail),
	    cmocka_unit_test(we_and_who_stands_behind_us_are_left_out),
	    cmocka_unit_test(addresses_come_in_turn),
	    cmocka_unit_test(questions_are_cancelled),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
