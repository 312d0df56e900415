/* dns_test.c - questions and answers over a channel, scripted answers, names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "net/dns.h"
#include "net/dns_script.h"

/* ---- a gk-dnsd that says what it is told to ---- */

static struct ipc_chan *dnsd, *to_dnsd;
static struct dns *dns;
static struct dns_answer next;
static char asked_name[300];
static uint32_t asked_type, asked_ms;
static bool garble;

static void
dnsd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;

	(void)arg;
	assert_int_equal(m->type, MSG_DNS_ASK);
	assert_int_equal(str_cz(ipc_get_str(m), asked_name, sizeof(asked_name)), 0);
	asked_type = ipc_get_u32(m);
	asked_ms = ipc_get_u32(m);
	assert_int_equal(ipc_end(m), 0);
	next.type = (enum dns_type)asked_type;
	if (garble) {
		const struct str odd = STR("odd");

		ipc_begin(&out, MSG_DNS_ASK_R);
		ipc_put_u32(&out, DNS_FOUND);
		ipc_put_u32(&out, 0);
		ipc_put_u32(&out, 0);
		ipc_put_z(&out, "");
		ipc_put_z(&out, "");
		ipc_put_list(&out, &odd, 1);
	} else {
		dns_answer_put(&out, &next);
	}
	ipc_reply(c, m->id, &out);
}

/* ---- what came back ---- */

static unsigned answers;
static enum dns_status status;
static bool secure;
static uint32_t ttl;
static size_t n;
static struct dns_record first;
static char name[DNS_TEXT_SIZE], canonical[DNS_TEXT_SIZE];
static struct buf data;

static void
on_answer(void *arg, const struct dns_answer *r)
{
	(void)arg;
	answers++;
	status = r->status;
	secure = r->secure;
	ttl = r->ttl;
	n = r->n;
	buf_reset(&data);
	assert_int_equal(str_cz(r->canonical, canonical, sizeof(canonical)), 0);
	if (n == 0)
		return;
	first = r->records[0];
	assert_int_equal(str_cz(r->records[0].name, name, sizeof(name)), 0);
	assert_int_equal(buf_str(&data, r->records[0].data), 0);
}

static void
wait_for(unsigned count)
{
	for (int i = 0; i < 100 && answers < count; i++)
		loop_once(10);
	assert_int_equal(answers, count);
}

static int
setup(void **state)
{
	struct err e;
	int pair[2];

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	dnsd = ipc_new(pair[0], PEER_DNSD, PEER_SMTPD, dnsd_message, NULL, NULL);
	to_dnsd = ipc_new(pair[1], PEER_SMTPD, PEER_DNSD, NULL, NULL, NULL);
	dns = dns_new(to_dnsd);
	next = (struct dns_answer){.status = DNS_FOUND, .ttl = 60, .canonical = STR("x.test")};
	answers = 0;
	garble = false;
	buf_init(&data, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_free(&dns);
	ipc_free(&dnsd);
	ipc_free(&to_dnsd);
	buf_free(&data);
	return 0;
}

/* ---- over the channel ---- */

static void
test_records(void **state)
{
	struct dns_record r = {.name = STR("mx.x.test"),
	    .preference = 10,
	    .weight = 2,
	    .port = 25,
	    .data = STR("v=spf1 \0\xff"),
	    .usage = 3,
	    .selector = 1,
	    .matching = 2};

	(void)state;
	inet_pton(AF_INET, "192.0.2.7", &r.a);
	inet_pton(AF_INET6, "2001:db8::7", &r.aaaa);
	next.records = &r;
	next.n = 1;
	next.secure = true;
	assert_non_null(dns_ask(dns, STR("X.test"), DNS_MX, 1500, on_answer, NULL));
	assert_int_equal(answers, 0);
	wait_for(1);
	assert_string_equal(asked_name, "X.test");
	assert_int_equal(asked_type, 15);
	assert_int_equal(asked_ms, 1500);
	assert_int_equal(status, DNS_FOUND);
	assert_true(secure);
	assert_int_equal(ttl, 60);
	assert_string_equal(canonical, "x.test");
	assert_int_equal(first.preference, 10);
	assert_string_equal(name, "mx.x.test");

	dns_ask(dns, STR("x.test"), DNS_A, 0, on_answer, NULL);
	wait_for(2);
	assert_memory_equal(&first.a, &r.a, sizeof(r.a));
	dns_ask(dns, STR("x.test"), DNS_AAAA, 0, on_answer, NULL);
	wait_for(3);
	assert_memory_equal(&first.aaaa, &r.aaaa, sizeof(r.aaaa));
	dns_ask(dns, STR("x.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(4);
	assert_true(str_eq(buf_view(&data), r.data));
	dns_ask(dns, STR("x.test"), DNS_TLSA, 0, on_answer, NULL);
	wait_for(5);
	assert_int_equal(first.usage * 100 + first.selector * 10 + first.matching, 312);
	assert_true(str_eq(buf_view(&data), r.data));
	dns_ask(dns, STR("x.test"), DNS_SRV, 0, on_answer, NULL);
	wait_for(6);
	assert_int_equal(first.preference * 10000 + first.weight * 1000 + first.port, 102025);
	dns_ask(dns, STR("x.test"), DNS_PTR, 0, on_answer, NULL);
	wait_for(7);
	assert_string_equal(name, "mx.x.test");
	r.data = STR("");
	dns_ask(dns, STR("x.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(8);
	assert_int_equal(n, 1);
	assert_int_equal(data.n, 0);
}

/* What does not fit into one message is said to be too large; what fits comes whole. */
static void
test_large(void **state)
{
	static char text[66000];
	struct dns_record many[DNS_RECORDS_MAX + 1] = {0}, one = {.data = {text, 64000}};

	(void)state;
	memset(text, 'x', sizeof(text));
	next.records = &one;
	next.n = 1;
	dns_ask(dns, STR("x.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(1);
	assert_int_equal(status, DNS_FOUND);
	assert_int_equal(data.n, 64000);
	one.data.n = 66000;
	dns_ask(dns, STR("x.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(2);
	assert_int_equal(status, DNS_TOO_LARGE);
	next.records = many;
	next.n = DNS_RECORDS_MAX;
	dns_ask(dns, STR("x.test"), DNS_AAAA, 0, on_answer, NULL);
	wait_for(3);
	assert_int_equal(status, DNS_FOUND);
	assert_int_equal(n, DNS_RECORDS_MAX);
	next.n++;
	dns_ask(dns, STR("x.test"), DNS_AAAA, 0, on_answer, NULL);
	wait_for(4);
	assert_int_equal(status, DNS_TOO_LARGE);
}

static void
test_cancel(void **state)
{
	struct dns_ask *a = dns_ask(dns, STR("x.test"), DNS_A, 0, on_answer, NULL), *none = NULL;

	(void)state;
	dns_cancel(&a);
	assert_null(a);
	dns_cancel(&none);
	next.status = DNS_NO_NAME;
	dns_ask(dns, STR("y.test"), DNS_A, 0, on_answer, NULL);
	wait_for(1);
	assert_int_equal(status, DNS_NO_NAME);
	dns_ask(dns, STR("z.test"), DNS_A, 0, on_answer, NULL);
	dns_free(&dns); /* with a question under way */
	loop_once(10);
	loop_once(10);
	assert_int_equal(answers, 1);
}

static void
test_no_dnsd(void **state)
{
	(void)state;
	dns_ask(dns, STR("x.test"), DNS_A, 0, on_answer, NULL);
	loop_once(0);
	ipc_free(&dnsd);
	wait_for(1);
	assert_int_equal(status, DNS_TEMP);
}

static void
test_garbled(void **state)
{
	(void)state;
	garble = true;
	dns_ask(dns, STR("x.test"), DNS_A, 0, on_answer, NULL);
	wait_for(1);
	assert_int_equal(status, DNS_TEMP);
	assert_false(ipc_is_open(to_dnsd));
}

/* ---- scripts ---- */

static void
test_script(void **state)
{
	struct dns *s = dns_script_new();
	struct dns_ask *a;

	(void)state;
	dns_script_txt(s, "x.test", "one");
	dns_script_txt(s, "x.test", "two");
	dns_script_name(s, "alias.test", DNS_CNAME, "x.test");
	dns_script_name(s, "loop.test", DNS_CNAME, "loop.test");
	dns_script_status(s, "bogus.test", DNS_TXT, DNS_BOGUS);
	dns_script_secure(s, "x.test");
	dns_ask(s, STR("X.TEST."), DNS_TXT, 0, on_answer, NULL);
	assert_int_equal(answers, 0);
	wait_for(1);
	assert_int_equal(n, 2);
	assert_true(secure);
	dns_ask(s, STR("alias.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(2);
	assert_int_equal(n, 2);
	assert_false(secure);
	assert_string_equal(canonical, "x.test");
	dns_ask(s, STR("x.test"), DNS_MX, 0, on_answer, NULL);
	wait_for(3);
	assert_int_equal(status, DNS_NO_DATA);
	dns_ask(s, STR("nobody.test"), DNS_MX, 0, on_answer, NULL);
	wait_for(4);
	assert_int_equal(status, DNS_NO_NAME);
	dns_ask(s, STR("bogus.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(5);
	assert_int_equal(status, DNS_BOGUS);
	dns_ask(s, STR("loop.test"), DNS_TXT, 0, on_answer, NULL);
	wait_for(6);
	assert_int_equal(status, DNS_TEMP);
	dns_ask(s, STR("a..b"), DNS_TXT, 0, on_answer, NULL);
	wait_for(7);
	assert_int_equal(status, DNS_NO_NAME);
	assert_int_equal(dns_script_asked(s), 7);

	dns_script_hold(s, true);
	a = dns_ask(s, STR("x.test"), DNS_TXT, 0, on_answer, NULL);
	dns_ask(s, STR("x.test"), DNS_A, 0, on_answer, NULL);
	loop_once(0);
	assert_int_equal(answers, 7);
	dns_cancel(&a);
	dns_script_hold(s, false);
	wait_for(8);
	assert_int_equal(status, DNS_NO_DATA);
	dns_ask(s, STR("x.test"), DNS_A, 0, on_answer, NULL);
	dns_free(&s);
}

/* ---- names ---- */

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool is_name, is_host;
	} cases[] = {{"a.test", true, true}, {"a.test.", true, true}, {"A-1.test", true, true},
	    {".", true, false}, {"", false, false}, {"..", false, false}, {"a..b", false, false},
	    {".a", false, false}, {"-a.test", true, false}, {"a-.test", true, false},
	    {"_25._tcp.a", true, false}, {"a b", true, false}, {"a\\010b", true, false}};
	char label[65], long_name[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (dns_is_name(str_z(cases[i].name)) != cases[i].is_name ||
		    dns_is_host(str_z(cases[i].name)) != cases[i].is_host)
			fail_msg("%s", cases[i].name);
	memset(label, 'a', sizeof(label));
	assert_true(dns_is_name(str_of(label, 63)));
	assert_false(dns_is_name(str_of(label, 64)));
	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = i % 2 ? '.' : 'a';
	assert_true(dns_is_name(str_of(long_name, 253)));
	assert_true(dns_is_name(str_of(long_name, 254)));
	assert_false(dns_is_name(str_of(long_name, 255)));
	assert_int_equal(dns_type_parse(STR("tlsa")), DNS_TLSA);
	assert_int_equal(dns_type_parse(STR("ANY")), 0);
	assert_null(dns_type_name((enum dns_type)255));
}

static void
reverse_is(int family, const char *address, const char *want)
{
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
	char out[DNS_REVERSE_SIZE];

	if (family == AF_INET)
		inet_pton(AF_INET, address, &((struct sockaddr_in *)(void *)&a)->sin_addr);
	else
		inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)(void *)&a)->sin6_addr);
	assert_string_equal(dns_reverse(&a, out), want);
}

static void
test_reverse(void **state)
{
	(void)state;
	reverse_is(AF_INET, "192.0.2.7", "7.2.0.192.in-addr.arpa");
	reverse_is(AF_INET6, "::ffff:192.0.2.7", "7.2.0.192.in-addr.arpa");
	reverse_is(AF_INET6, "2001:db8::1",
	    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	reverse_is(AF_UNIX, "", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_records, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_large, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_dnsd, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_garbled, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_script, setup, teardown),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_reverse),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
