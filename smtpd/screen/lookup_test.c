/* lookup_test.c - wishes become facts, whatever the DNS answers. */
#include "smtpd/screen/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/loop.h"
#include "net/dns_script.h"

static struct arena arena;
static struct facts facts;
static struct dns *dns;
static struct lookup *lookup;
static unsigned done;

static void
on_done(void *arg)
{
	(void)arg;
	done++;
	lookup_free(&lookup);
}

static int
setup(void **state)
{
	static bool looping;

	(void)state;
	if (!looping)
		assert_int_equal(loop_init(NULL), 0);
	looping = true;
	arena_init(&arena);
	facts_init(&facts, &arena);
	dns = dns_script_new();
	done = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	lookup_free(&lookup);
	dns_free(&dns);
	arena_free(&arena);
	return 0;
}

static void
run(void)
{
	lookup = lookup_new(dns, &facts, on_done, NULL);
	for (int i = 0; i < 50 && done == 0; i++)
		loop_once(10);
	assert_int_equal(done, 1);
}

static void
test_every_kind_of_record(void **state)
{
	const struct fact *f;

	(void)state;
	dns_script_a(dns, "a.example", "192.0.2.7");
	dns_script_aaaa(dns, "a.example", "2001:db8::7");
	dns_script_mx(dns, "a.example", 10, "mx.example");
	dns_script_txt(dns, "a.example", "v=spf1 -all");
	dns_script_name(dns, "7.2.0.192.in-addr.arpa", DNS_PTR, "host.example");
	assert_null(facts_get(&facts, STR("a.example"), FACT_A));
	assert_null(facts_get(&facts, STR("A.EXAMPLE."), FACT_AAAA));
	assert_null(facts_get(&facts, STR("a.example"), FACT_MX));
	assert_null(facts_get(&facts, STR("a.example"), FACT_TXT));
	assert_null(facts_get(&facts, STR("7.2.0.192.in-addr.arpa"), FACT_PTR));
	run();
	f = facts_get(&facts, STR("a.example"), FACT_A);
	assert_true(f->n == 1 && str_eq(f->records[0], STR("\xc0\x00\x02\x07")));
	f = facts_get(&facts, STR("a.example"), FACT_AAAA);
	assert_true(f->n == 1 && f->records[0].n == 16);
	f = facts_get(&facts, STR("a.example"), FACT_MX);
	assert_true(f->n == 1 && str_eq_z(f->records[0], "mx.example"));
	f = facts_get(&facts, STR("a.example"), FACT_TXT);
	assert_true(f->n == 1 && str_eq_z(f->records[0], "v=spf1 -all"));
	f = facts_get(&facts, STR("7.2.0.192.in-addr.arpa"), FACT_PTR);
	assert_true(f->n == 1 && str_eq_z(f->records[0], "host.example"));
}

static void
test_what_is_not_found(void **state)
{
	(void)state;
	dns_script_a(dns, "there.example", "192.0.2.7");
	dns_script_status(dns, "bogus.example", DNS_TXT, DNS_BOGUS);
	dns_script_status(dns, "temp.example", DNS_TXT, DNS_TEMP);
	dns_script_status(dns, "large.example", DNS_TXT, DNS_TOO_LARGE);
	assert_null(facts_get(&facts, STR("there.example"), FACT_TXT));
	assert_null(facts_get(&facts, STR("gone.example"), FACT_TXT));
	assert_null(facts_get(&facts, STR("bogus.example"), FACT_TXT));
	assert_null(facts_get(&facts, STR("temp.example"), FACT_TXT));
	assert_null(facts_get(&facts, STR("large.example"), FACT_TXT));
	run();
	assert_int_equal(facts_get(&facts, STR("there.example"), FACT_TXT)->status, FACT_NODATA);
	assert_int_equal(facts_get(&facts, STR("gone.example"), FACT_TXT)->status, FACT_NXDOMAIN);
	/* INVARIANTS 21 */
	assert_int_equal(facts_get(&facts, STR("bogus.example"), FACT_TXT)->status, FACT_FAILED);
	assert_int_equal(facts_get(&facts, STR("temp.example"), FACT_TXT)->status, FACT_FAILED);
	assert_int_equal(facts_get(&facts, STR("large.example"), FACT_TXT)->status, FACT_NODATA);
}

static void
test_freed_while_it_waits(void **state)
{
	(void)state;
	dns_script_hold(dns, true);
	assert_null(facts_get(&facts, STR("a.example"), FACT_A));
	assert_null(facts_get(&facts, STR("b.example"), FACT_A));
	lookup = lookup_new(dns, &facts, on_done, NULL);
	loop_once(10);
	lookup_free(&lookup);
	dns_script_hold(dns, false);
	loop_once(10);
	assert_int_equal(done, 0);
	assert_null(facts_get(&facts, STR("a.example"), FACT_A));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_kind_of_record, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_is_not_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_freed_while_it_waits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
