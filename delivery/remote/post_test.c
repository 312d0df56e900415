/*
 * post_test.c - where a POST to a push service may go.
 */
#include "delivery/remote/post.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void
reads(const char *url, const char *host, unsigned port, const char *path)
{
	struct post_url u;
	struct arena a;

	arena_init(&a);
	assert_int_equal(post_url_parse(str_z(url), &a, &u), host != NULL ? 0 : -1);
	if (host != NULL) {
		assert_true(str_eq_z(u.host, host));
		assert_int_equal(u.port, port);
		assert_true(str_eq_z(u.path, path));
	}
	arena_free(&a);
}

static void
test_url(void **state)
{
	static const char *const bad[] = {"", "http://push.test/", "https://", "https:///x",
	    "https://localhost/", "https://127.0.0.1/", "https://0x7f.1/", "https://2130706433/",
	    "https://a.127/", "https://[::1]/", "https://u@push.test/", "https://push.test:0/",
	    "https://push.test:65536/", "https://push.test:/", "https://push.test:4x/",
	    "https://pu sh.test/", "https://push.test/\r\nx", "https://push.test/\xc3\xa9",
	    "https://push..test/", "ftp://push.test/", "https://push.test\\@127.0.0.1/"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		reads(bad[i], NULL, 0, NULL);
	reads("https://Push.Test/a/b?c=d#e", "push.test", 443, "/a/b?c=d");
	reads("https://push.test:8443", "push.test", 8443, "/");
	reads("https://push.test?x", "push.test", 443, "/?x");
}

static void
test_public(void **state)
{
	static const char *const private[] = {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1",
	    "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1",
	    "::", "::ffff:127.0.0.1", "fe80::1", "fd00::1", "64:ff9b::7f00:1",
	    "2002:7f00:1::", "ff02::1", "nonsense"};
	static const char *const public[] = {
	    "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00:1450:4001::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		if (post_is_public(str_z(private[i])))
			fail_msg("%s", private[i]);
	for (size_t i = 0; i < ARRAY_LEN(public); i++)
		if (!post_is_public(str_z(public[i])))
			fail_msg("%s", public[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url), cmocka_unit_test(test_public)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
