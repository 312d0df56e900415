/* dane_test.c - which TLSA records of a host count, and which names are asked for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delivery/remote/dane.h"
#include "io/loop.h"
#include "net/dns_script.h"

static const char digest[64] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";

static struct dns *dns;
static unsigned answers;
static enum dane_state state_of;
static size_t count;
static char base[256], why[256];

static void
on_records(void *arg, const struct dane_records *r)
{
	(void)arg;
	answers++;
	state_of = r->state;
	count = r->n;
	snprintf(base, sizeof(base), STR_FMT, STR_ARG(r->base));
	snprintf(why, sizeof(why), STR_FMT, STR_ARG(r->why));
}

static void
tlsa(const char *name, uint8_t usage, uint8_t selector, uint8_t matching, size_t n)
{
	struct dns_record r = {
	    .usage = usage, .selector = selector, .matching = matching, .data = str_of(digest, n)};

	dns_script_add(dns, name, DNS_TLSA, &r);
}

static void
ask(const char *name, const char *canonical, bool secure)
{
	answers = 0;
	(void)dane_ask(dns, str_z(name), str_z(canonical), 25, secure, on_records, NULL);
	assert_int_equal(answers, 0);
	for (int i = 0; i < 10 && answers == 0; i++)
		loop_once(10);
	assert_int_equal(answers, 1);
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

static void
usages_2_and_3_count(void **state)
{
	static const struct {
		uint8_t usage, selector, matching;
		size_t n;
		bool usable;
	} table[] = {{3, 1, 1, 32, true}, {3, 0, 2, 64, true}, {2, 0, 1, 32, true},
	    {2, 1, 0, 60, true}, {0, 0, 1, 32, false}, {1, 1, 1, 32, false}, {4, 0, 1, 32, false},
	    {255, 0, 1, 32, false}, {3, 2, 1, 32, false}, {3, 1, 3, 32, false},
	    {3, 1, 1, 31, false}, {3, 1, 2, 32, false}, {3, 1, 0, 0, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct dns_record r = {.usage = table[i].usage,
		    .selector = table[i].selector,
		    .matching = table[i].matching,
		    .data = str_of(digest, table[i].n)};

		assert_int_equal(dane_is_usable(&r), table[i].usable);
	}
}

static void
secure_records_are_used(void **state)
{
	(void)state;
	tlsa("_25._tcp.mx.test", 3, 1, 1, 32);
	tlsa("_25._tcp.mx.test", 1, 1, 1, 32);
	tlsa("_25._tcp.mx.test", 2, 0, 2, 64);
	dns_script_secure(dns, "_25._tcp.mx.test");
	ask("mx.test", "mx.test", true);
	assert_int_equal(state_of, DANE_USABLE);
	assert_int_equal(count, 2);
	assert_string_equal(base, "mx.test");
}

static void
insecure_records_do_not_count(void **state)
{
	(void)state;
	tlsa("_25._tcp.mx.test", 3, 1, 1, 32);
	ask("mx.test", "mx.test", true);
	assert_int_equal(state_of, DANE_NONE);
	/* Nor are they asked for where the addresses are not proven. */
	dns_script_secure(dns, "_25._tcp.mx.test");
	ask("mx.test", "mx.test", false);
	assert_int_equal(state_of, DANE_NONE);
	assert_int_equal(dns_script_asked(dns), 1);
}

static void
only_useless_records_demand_tls_all_the_same(void **state)
{
	(void)state;
	tlsa("_25._tcp.mx.test", 1, 1, 1, 32);
	dns_script_secure(dns, "_25._tcp.mx.test");
	ask("mx.test", "mx.test", true);
	assert_int_equal(state_of, DANE_UNUSABLE);
}

static void
an_alias_leads_to_the_records(void **state)
{
	(void)state;
	tlsa("_25._tcp.mx.test", 3, 1, 1, 32);
	tlsa("_25._tcp.real.test", 3, 1, 1, 32);
	dns_script_secure(dns, "_25._tcp.real.test");
	dns_script_secure(dns, "_25._tcp.mx.test");
	ask("mx.test", "real.test", true);
	assert_string_equal(base, "real.test");
	/* Without records there, those of the name itself. */
	ask("mx.test", "other.test", true);
	assert_string_equal(base, "mx.test");
}

static void
a_first_step_that_is_proven_leads_to_the_names_own(void **state)
{
	(void)state;
	tlsa("_25._tcp.mx.test", 3, 1, 1, 32);
	dns_script_secure(dns, "_25._tcp.mx.test");
	dns_script_name(dns, "mx.test", DNS_CNAME, "real.test");
	ask("mx.test", "real.test", false);
	assert_int_equal(state_of, DANE_NONE);
	dns_script_secure(dns, "mx.test");
	ask("mx.test", "real.test", false);
	assert_int_equal(state_of, DANE_USABLE);
	assert_string_equal(base, "mx.test");
}

static void
no_answer_is_no_permission(void **state)
{
	(void)state;
	dns_script_status(dns, "_25._tcp.bogus.test", DNS_TLSA, DNS_BOGUS);
	dns_script_status(dns, "_25._tcp.temp.test", DNS_TLSA, DNS_TEMP);
	ask("bogus.test", "bogus.test", true);
	assert_int_equal(state_of, DANE_FAILED);
	assert_non_null(strstr(why, "TLSA of bogus.test: bogus"));
	ask("temp.test", "temp.test", true);
	assert_int_equal(state_of, DANE_FAILED);
	/* Nor behind an alias. */
	ask("mx.test", "temp.test", true);
	assert_int_equal(state_of, DANE_FAILED);
}

static void
a_cancelled_question_is_not_answered(void **state)
{
	struct dane_ask *a =
	    dane_ask(dns, STR("mx.test"), STR("mx.test"), 25, true, on_records, NULL);

	(void)state;
	answers = 0;
	dane_cancel(&a);
	assert_null(a);
	dane_cancel(&a);
	loop_once(10);
	assert_int_equal(answers, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(usages_2_and_3_count),
	    TEST(secure_records_are_used),
	    TEST(insecure_records_do_not_count),
	    TEST(only_useless_records_demand_tls_all_the_same),
	    TEST(an_alias_leads_to_the_records),
	    TEST(a_first_step_that_is_proven_leads_to_the_names_own),
	    TEST(no_answer_is_no_permission),
	    TEST(a_cancelled_question_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
