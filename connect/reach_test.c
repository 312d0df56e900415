/* reach_test.c - where gk-connect connects to, and where it does not. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "connect/reach.h"
#include "io/loop.h"
#include "net/dns_script.h"

static struct {
	unsigned times;
	int fd;
	char address[REACH_TEXT_SIZE];
	struct err e;
} got;

static int listener = -1;
static uint16_t port;

static void
on_reach(void *arg, int fd, const char *address, const struct err *e)
{
	(void)arg;
	got.times++;
	got.fd = fd;
	snprintf(got.address, sizeof(got.address), "%s", address);
	if (e != NULL)
		got.e = *e;
}

static int
set_up(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000017)};
	socklen_t size = sizeof(a);

	(void)state;
	loop_init(NULL);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	port = ntohs(a.sin_port);
	return 0;
}

static void
reach(struct dns *dns, const char *host, bool local_only)
{
	struct provider p;
	char url[100];

	snprintf(url, sizeof(url), "http://%s:%u", host, port);
	assert_int_equal(provider_parse(str_z(url), &p), 0);
	memset(&got, 0, sizeof(got));
	got.fd = -1;
	assert_non_null(reach_start(dns, &p, local_only, 2000, on_reach, NULL));
	assert_int_equal(got.times, 0);
	for (int i = 0; i < 100 && got.times == 0; i++)
		loop_once(100);
	assert_int_equal(got.times, 1);
}

static void
assert_reached(void)
{
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	char want[REACH_TEXT_SIZE];

	snprintf(want, sizeof(want), "127.0.0.23:%u", port);
	assert_string_equal(got.address, want);
	assert_int_equal(getpeername(got.fd, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(ntohs(a.sin_port), port);
	close(got.fd);
}

static void
test_an_address(void **state)
{
	(void)state;
	reach(NULL, "127.0.0.23", true);
	assert_reached();
	reach(NULL, "127.0.0.24", true); /* nobody listens */
	assert_int_equal(got.fd, -1);
	assert_int_equal(got.e.code, E_TEMP);
	assert_non_null(strstr(got.e.text, "127.0.0.24"));
}

static void
test_a_name(void **state)
{
	struct dns *dns = dns_script_new();

	(void)state;
	dns_script_a(dns, "models.test", "127.0.0.24"); /* the first does not answer */
	dns_script_a(dns, "models.test", "127.0.0.23");
	reach(dns, "models.test", false);
	assert_reached();
	dns_script_status(dns, "gone.test", DNS_A, DNS_TEMP);
	reach(dns, "gone.test", false);
	assert_int_equal(got.fd, -1);
	assert_int_equal(got.e.code, E_TEMP);
	dns_free(&dns);
}

/* A name cannot lead out, whatever the DNS says; localhost is not asked for. */
static void
test_local_only(void **state)
{
	struct dns *dns = dns_script_new();

	(void)state;
	dns_script_a(dns, "models.test", "192.0.2.1");
	dns_script_aaaa(dns, "models.test", "2001:db8::1");
	reach(dns, "models.test", true);
	assert_int_equal(got.fd, -1);
	assert_non_null(strstr(got.e.text, "local_only"));
	reach(NULL, "192.0.2.1", true);
	assert_int_equal(got.fd, -1);
	assert_non_null(strstr(got.e.text, "local_only"));
	reach(NULL, "localhost", true); /* 127.0.0.1, where nobody listens on that port */
	assert_int_equal(got.fd, -1);
	assert_null(strstr(got.e.text, "local_only"));
	dns_free(&dns);
}

static void
test_cancelled(void **state)
{
	struct dns *dns = dns_script_new();
	struct reach *r;
	struct provider p;

	(void)state;
	memset(&got, 0, sizeof(got));
	dns_script_a(dns, "models.test", "127.0.0.23");
	assert_int_equal(provider_parse(STR("http://models.test"), &p), 0);
	r = reach_start(dns, &p, false, 2000, on_reach, NULL);
	reach_cancel(&r);
	assert_null(r);
	assert_int_equal(provider_parse(STR("http://127.0.0.23"), &p), 0);
	r = reach_start(dns, &p, false, 2000, on_reach, NULL);
	loop_once(0);
	reach_cancel(&r);
	reach_cancel(&r);
	loop_once(0);
	assert_int_equal(got.times, 0);
	dns_free(&dns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_address),
	    cmocka_unit_test(test_a_name),
	    cmocka_unit_test(test_local_only),
	    cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
