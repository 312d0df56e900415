/* sts_test.c - when a policy is asked for, and who waits for it. HTTPS itself: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "delivery/remote/sts.h"
#include "delivery/remote/sts_file.h"
#include "io/loop.h"
#include "net/dns_script.h"

static struct dns *dns;
static struct https *https;
static struct sts *sts;
static unsigned answers;
static bool found;

static void
on_policy(void *arg, const struct sts_policy *p)
{
	(void)arg;
	answers++;
	found = p != NULL;
}

static void
turns(unsigned want)
{
	for (int i = 0; i < 50 && answers < want; i++)
		loop_once(10);
	assert_int_equal(answers, want);
}

static unsigned
asked_by(const char *domain)
{
	unsigned before = dns_script_asked(dns);

	answers = 0;
	(void)sts_ask(sts, str_z(domain), on_policy, NULL);
	turns(1);
	return dns_script_asked(dns) - before;
}

static int
set_up(void **state)
{
	struct err e;

	(void)state;
	loop_init(NULL);
	dns = dns_script_new();
	https = https_new(&e);
	sts = sts_new(dns, https, -1, 443, &e);
	return https != NULL && sts != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	sts_free(&sts);
	https_free(&https);
	dns_free(&dns);
	return 0;
}

static void
without_a_record_there_is_no_policy(void **state)
{
	(void)state;
	assert_int_equal(asked_by("a.test"), 1);
	assert_false(found);
	dns_script_txt(dns, "_mta-sts.b.test", "v=spf1 -all");
	assert_int_equal(asked_by("b.test"), 1);
	/* Two are as good as none. */
	dns_script_txt(dns, "_mta-sts.c.test", "v=STSv1; id=1");
	dns_script_txt(dns, "_mta-sts.c.test", "v=STSv1; id=2");
	assert_int_equal(asked_by("c.test"), 1);
	dns_script_status(dns, "_mta-sts.d.test", DNS_TXT, DNS_BOGUS);
	assert_int_equal(asked_by("d.test"), 1);
	assert_false(found);
}

static void
a_failed_fetch_is_not_tried_again_at_once(void **state)
{
	(void)state;
	dns_script_txt(dns, "_mta-sts.a.test", "v=STSv1; id=1");
	/* The record, and two kinds of addresses. */
	assert_int_equal(asked_by("A.test"), 3);
	assert_false(found);
	assert_int_equal(asked_by("a.test"), 1);
	clock_advance(5 * 60 * 1000);
	loop_once(0);
	assert_int_equal(asked_by("a.test"), 3);
}

static void
all_wait_for_one_fetch(void **state)
{
	unsigned before = dns_script_asked(dns);
	struct sts_ask *gone;

	(void)state;
	dns_script_txt(dns, "_mta-sts.a.test", "v=STSv1; id=1");
	answers = 0;
	for (int i = 0; i < 5; i++)
		(void)sts_ask(sts, STR("a.test"), on_policy, NULL);
	gone = sts_ask(sts, STR("a.test"), on_policy, NULL);
	loop_once(10);
	sts_cancel(&gone);
	turns(5);
	assert_int_equal(dns_script_asked(dns) - before, 6 + 2);
}

static void
what_is_under_way_ends_with_it(void **state)
{
	/* It takes connections, and says nothing. */
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(a);
	struct err e;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	sts_free(&sts);
	sts = sts_new(dns, https, -1, ntohs(a.sin_port), &e);
	assert_int_equal(https_trust(https, -1, &e), 0);
	dns_script_txt(dns, "_mta-sts.a.test", "v=STSv1; id=1");
	dns_script_a(dns, "mta-sts.a.test", "127.0.0.1");
	answers = 0;
	(void)sts_ask(sts, STR("a.test"), on_policy, NULL);
	for (int i = 0; i < 5; i++)
		loop_once(1);
	sts_free(&sts);
	assert_int_equal(answers, 0);
	close(fd);
}

/* A day after it was fetched a policy is fetched anew, if it was asked for since. */
static void
a_policy_in_use_is_fetched_anew(void **state)
{
	struct str mx = STR("mx.a.test");
	struct sts_kept k = {
	    .policy = {.id = STR("1"), .mode = STS_ENFORCE, .max_age = 864000, .mx = &mx, .nmx = 1},
	    .fetched = clock_wall() - 90000};
	char path[] = "/tmp/sts_test.XXXXXX";
	struct err e = {0};
	unsigned before;
	int dir;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(sts_file_write(dir, STR("a.test"), &k, &e), 0);
	assert_int_equal(sts_file_write(dir, STR("b.test"), &k, &e), 0);
	sts_free(&sts);
	sts = sts_new(dns, https, dir, 443, &e);
	assert_non_null(sts);
	dns_script_txt(dns, "_mta-sts.a.test", "v=STSv1; id=1");
	assert_int_equal(asked_by("a.test"), 1);
	assert_true(found);
	before = dns_script_asked(dns);
	clock_advance(10 * 60 * 1000);
	for (int i = 0; i < 5; i++)
		loop_once(1);
	/* The addresses of one web server; in vain, and the policy holds. */
	assert_int_equal(dns_script_asked(dns) - before, 2);
	assert_non_null(sts_find(sts, STR("a.test")));
	sts_free(&sts);
	for (const char *const *name = (const char *const[]){"a.test", "b.test", NULL};
	     *name != NULL; name++)
		assert_int_equal(sts_file_remove(dir, str_z(*name), &e), 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_a_record_there_is_no_policy),
	    TEST(a_failed_fetch_is_not_tried_again_at_once),
	    TEST(all_wait_for_one_fetch),
	    TEST(what_is_under_way_ends_with_it),
	    TEST(a_policy_in_use_is_fetched_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
