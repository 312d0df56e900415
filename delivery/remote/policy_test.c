/* policy_test.c - where mail for a destination goes, and what its hosts must prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/policy.h"
#include "delivery/remote/sts_file.h"
#include "io/loop.h"
#include "net/dns_script.h"

#define HOST "host_name = \"mail.example.org\"\n[remote]\nca_file = \"\"\n"

static struct dns *dns;
static struct policy *policy;
static struct arena arena;
static struct policy_route route;
static struct policy_tls tls;
static struct err error;
static unsigned answers;

static char directory[] = "/tmp/policy_test.XXXXXX";

static int
make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL && chdir(directory) == 0 ? 0 : -1;
}

static int
remove_directory(void **state)
{
	(void)state;
	unlink("sts/a.test");
	rmdir("sts");
	return chdir("/") == 0 ? rmdir(directory) : -1;
}

static int
set_up(void **state)
{
	(void)state;
	loop_init(NULL);
	arena_init(&arena);
	dns = dns_script_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	policy_free(&policy);
	dns_free(&dns);
	arena_free(&arena);
	return 0;
}

static void
configure(const char *toml)
{
	struct err e = {0};
	struct conf *c = conf_parse(str_z(toml), "t", &e);

	if (c == NULL)
		fail_msg("%s", e.text);
	if (policy == NULL)
		policy = policy_new(dns, c, &e);
	else if (policy_reload(policy, c, &e) < 0)
		fail_msg("%s", e.text);
	if (policy == NULL)
		fail_msg("%s", e.text);
	conf_free(&c);
}

static void
on_route(void *arg, const struct policy_route *r, const struct err *e)
{
	(void)arg;
	answers++;
	error = (struct err){0};
	if (r != NULL)
		policy_route_copy(&arena, r, &route);
	else
		error = *e;
}

static void
on_tls(void *arg, const struct policy_tls *t)
{
	(void)arg;
	answers++;
	policy_tls_copy(&arena, t, &tls);
}

static void
wait(void)
{
	assert_int_equal(answers, 0);
	for (int i = 0; i < 20 && answers == 0; i++)
		loop_once(10);
	assert_int_equal(answers, 1);
}

static void
ask(const char *dest)
{
	answers = 0;
	(void)policy_ask(policy, str_z(dest), on_route, NULL);
	wait();
}

static void
ask_host(const char *name, bool secure)
{
	struct policy_mx mx = {.domain = route.domain,
	    .name = str_z(name),
	    .canonical = str_z(name),
	    .port = 25,
	    .mx_secure = secure,
	    .address_secure = secure};

	answers = 0;
	(void)policy_host_ask(policy, &route, &mx, on_tls, NULL);
	wait();
}

static void
tlsa(const char *name, uint8_t usage)
{
	struct dns_record r = {.usage = usage,
	    .selector = 1,
	    .matching = 1,
	    .data = STR("0123456789abcdef0123456789abcdef")};

	dns_script_add(dns, name, DNS_TLSA, &r);
	dns_script_secure(dns, name);
}

static void
is(struct str got, const char *expected)
{
	if (!str_eq_z(got, expected))
		fail_msg("\"%.*s\", not \"%s\"", STR_ARG(got), expected);
}

static void
without_routes_mail_goes_by_mx(void **state)
{
	(void)state;
	configure(HOST);
	ask("example.org");
	is(route.name, "mx");
	is(route.domain, "example.org");
	assert_int_equal(route.nhosts, 0);
	assert_int_equal(route.port, 25);
	assert_int_equal(route.tls, POLICY_TLS_MAY);
	ask_host("mx.example.org", false);
	assert_int_equal(tls.mode, POLICY_TLS_MAY);
	is(tls.check.sni, "mx.example.org");
	assert_int_equal(tls.check.nnames, 0);
	is(tls.refused, "");
}

static void
a_literal_is_its_own_host(void **state)
{
	(void)state;
	configure(HOST);
	ask("[192.0.2.1]");
	assert_int_equal(route.nhosts, 1);
	is(route.hosts[0].name, "192.0.2.1");
	ask("[ipv6:2001:db8::1]");
	is(route.hosts[0].name, "2001:db8::1");
	assert_int_equal(route.hosts[0].port, 25);
}

static void
routes_name_hosts(void **state)
{
	(void)state;
	configure(HOST "[[route]]\ndomain = \"a.test\"\nhost = \"relay.test\"\nport = 465\n"
		       "[[route]]\ndomain = \"b.test\"\nhost = \"[2001:db8::1]\"\ntls = \"none\"\n"
		       "[[route]]\ndomain = \"c.test\"\nhost = \"mx:D.test\"\nport = 26\n"
		       "[[route]]\ndomain = \"e.test\"\ntls = \"required\"\n");
	ask("relay.test:465");
	is(route.name, "route");
	is(route.hosts[0].name, "relay.test");
	assert_int_equal(route.hosts[0].port, 465);
	assert_true(route.tls_from_start);
	ask("[2001:db8::1]:25");
	is(route.hosts[0].name, "2001:db8::1");
	assert_int_equal(route.tls, POLICY_TLS_NONE);
	assert_false(route.dane);
	ask("mx:D.test:26");
	assert_int_equal(route.nhosts, 0);
	is(route.domain, "d.test");
	assert_int_equal(route.port, 26);
	ask("e.test");
	assert_int_equal(route.nhosts, 0);
	is(route.domain, "e.test");
	assert_int_equal(route.tls, POLICY_TLS_VERIFY);
}

static void
mail_for_a_route_that_is_gone_waits(void **state)
{
	(void)state;
	configure(HOST "[[route]]\ndomain = \"a.test\"\nhost = \"relay.test\"\n");
	ask("relay.test:25");
	assert_int_equal(error.code, E_OK);
	configure(HOST);
	ask("relay.test:25");
	assert_int_equal(error.code, E_NOTFOUND);
	assert_string_equal(error.text, "4.3.5 no route leads to relay.test:25 any more");
}

static void
connections_are_not_shared_between_policies(void **state)
{
	struct str key;

	(void)state;
	configure(HOST "[[route]]\ndomain = \"a.test\"\n");
	ask("a.test");
	key = route.key;
	configure(HOST "[[route]]\ndomain = \"a.test\"\ntls = \"required\"\n");
	ask("a.test");
	assert_false(str_eq(key, route.key));
}

static void
verified_means_a_name_that_is_trusted(void **state)
{
	(void)state;
	configure(
	    HOST "[[route]]\ndomain = \"a.test\"\ntls = \"required\"\n"
		 "[[route]]\ndomain = \"b.test\"\nhost = \"relay.test\"\ntls = \"required\"\n");
	ask("a.test");
	/* The name of an MX may be anybody's word. */
	ask_host("mx.elsewhere.test", false);
	assert_int_equal(tls.mode, POLICY_TLS_VERIFY);
	assert_true(tls.check.required);
	assert_int_equal(tls.check.nnames, 2);
	is(tls.check.names[0], "a.test");
	is(tls.check.names[1], ".a.test");
	ask_host("mx.elsewhere.test", true);
	assert_int_equal(tls.check.nnames, 3);
	is(tls.check.names[0], "mx.elsewhere.test");
	ask("relay.test:25");
	ask_host("relay.test", false);
	assert_int_equal(tls.check.nnames, 1);
	is(tls.check.names[0], "relay.test");
}

static void
dane_is_demanded_where_records_are_proven(void **state)
{
	(void)state;
	configure(HOST);
	tlsa("_25._tcp.mx.test", 3);
	ask("a.test");
	ask_host("mx.test", true);
	assert_int_equal(tls.mode, POLICY_TLS_VERIFY);
	assert_int_equal(tls.check.ntlsa, 1);
	assert_true(tls.check.required);
	is(tls.why, "dane");
	is(tls.check.sni, "mx.test");
	assert_int_equal(tls.check.nnames, 2);
	is(tls.check.names[1], "a.test");
	/* An MX that is not proven could be anybody's, with records that suit. */
	ask_host("mx.test", false);
	assert_int_equal(tls.mode, POLICY_TLS_MAY);
	assert_int_equal(tls.check.ntlsa, 0);
	/* Turned off. */
	configure(HOST "dane = false\n");
	ask("a.test");
	ask_host("mx.test", true);
	assert_int_equal(tls.mode, POLICY_TLS_MAY);
}

static void
records_of_no_use_demand_tls_without_proof(void **state)
{
	(void)state;
	configure(HOST "[[route]]\ndomain = \"b.test\"\ntls = \"required\"\n"
		       "[[route]]\ndomain = \"c.test\"\ntls = \"dane\"\n");
	tlsa("_25._tcp.mx.test", 1);
	ask("a.test");
	ask_host("mx.test", true);
	assert_int_equal(tls.mode, POLICY_TLS_ENCRYPT);
	is(tls.why, "dane");
	ask("b.test");
	ask_host("mx.test", true);
	assert_int_equal(tls.mode, POLICY_TLS_VERIFY);
	assert_int_equal(tls.check.nnames, 3);
	ask("c.test");
	ask_host("mx.test", true);
	assert_non_null(strstr(tls.refused.p, "4.7.5 mx.test: the route demands DANE"));
}

static void
a_host_without_an_answer_is_passed_over(void **state)
{
	(void)state;
	configure(HOST);
	dns_script_status(dns, "_25._tcp.mx.test", DNS_TLSA, DNS_BOGUS);
	ask("a.test");
	ask_host("mx.test", true);
	is(str_sub(tls.refused, 0, 37), "4.4.3 mx.test: TLSA of mx.test: bogus");
}

/* As if a.test had been asked before the restart. */
static void
keep_policy(enum sts_mode mode, int64_t fetched)
{
	struct str mx = STR("*.a.test");
	struct sts_kept k = {
	    .policy = {.id = STR("1"), .mode = mode, .max_age = 86400, .mx = &mx, .nmx = 1},
	    .fetched = fetched};
	struct err e = {0};
	int dir;

	(void)mkdir("sts", 0700);
	dir = open("sts", O_RDONLY | O_DIRECTORY);
	if (sts_file_write(dir, STR("a.test"), &k, &e) < 0)
		fail_msg("%s", e.text);
	close(dir);
}

static void
a_kept_policy_of_mta_sts_holds_without_dns(void **state)
{
	(void)state;
	keep_policy(STS_ENFORCE, clock_wall() - 3600);
	configure(HOST);
	dns_script_status(dns, "_mta-sts.a.test", DNS_TXT, DNS_TEMP);
	ask("a.test");
	assert_true(route.sts);
	assert_int_equal(route.tls, POLICY_TLS_VERIFY);
	is(route.name, "mta-sts");
	ask_host("mx.a.test", false);
	is(tls.refused, "");
	is(tls.why, "mta-sts");
	assert_true(tls.check.required);
	assert_int_equal(tls.check.nnames, 1);
	is(tls.check.names[0], "mx.a.test");
	ask_host("mx.b.test", true);
	is(tls.refused, "4.7.5 mx.b.test: the domain's MTA-STS policy does not name this host");
	/* DANE comes first. */
	tlsa("_25._tcp.mx.b.test", 3);
	ask_host("mx.b.test", true);
	is(tls.refused, "");
	is(tls.why, "dane");
	ask("b.test");
	assert_false(route.sts);
	configure(HOST "mta_sts = false\n");
	ask("a.test");
	assert_false(route.sts);
}

static void
a_policy_that_tests_refuses_nothing(void **state)
{
	(void)state;
	keep_policy(STS_TESTING, clock_wall());
	configure(HOST);
	dns_script_txt(dns, "_mta-sts.a.test", "v=STSv1; id=1");
	ask("a.test");
	assert_true(route.sts_testing);
	assert_int_equal(route.tls, POLICY_TLS_MAY);
	ask_host("mx.b.test", false);
	is(tls.refused, "");
	assert_int_equal(tls.mode, POLICY_TLS_MAY);
	assert_false(tls.check.required);
	is(tls.why, "mta-sts testing");
}

static void
a_policy_ends(void **state)
{
	(void)state;
	keep_policy(STS_ENFORCE, clock_wall() - 86401);
	configure(HOST);
	ask("a.test");
	assert_false(route.sts);
	assert_int_equal(access("sts/a.test", F_OK), -1);
	/* None by its own word. */
	policy_free(&policy);
	keep_policy(STS_NONE, clock_wall());
	configure(HOST);
	ask("a.test");
	assert_false(route.sts || route.sts_testing);
}

static void
a_broken_file_is_passed_over(void **state)
{
	(void)state;
	keep_policy(STS_ENFORCE, clock_wall());
	assert_int_equal(truncate("sts/a.test", 60), 0);
	configure(HOST);
	ask("a.test");
	assert_false(route.sts);
	assert_int_equal(access("sts/a.test", F_OK), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_routes_mail_goes_by_mx),
	    TEST(a_literal_is_its_own_host),
	    TEST(routes_name_hosts),
	    TEST(mail_for_a_route_that_is_gone_waits),
	    TEST(connections_are_not_shared_between_policies),
	    TEST(verified_means_a_name_that_is_trusted),
	    TEST(dane_is_demanded_where_records_are_proven),
	    TEST(records_of_no_use_demand_tls_without_proof),
	    TEST(a_host_without_an_answer_is_passed_over),
	    TEST(a_kept_policy_of_mta_sts_holds_without_dns),
	    TEST(a_policy_that_tests_refuses_nothing),
	    TEST(a_policy_ends),
	    TEST(a_broken_file_is_passed_over),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
