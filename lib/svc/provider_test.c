/* provider_test.c - assistant.url in its parts, and which of them are on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/provider.h"

static void
test_parts(void **state)
{
	struct provider p;

	(void)state;
	assert_int_equal(provider_parse(STR("http://127.0.0.1:11434"), &p), 0);
	assert_false(p.tls);
	assert_true(p.literal);
	assert_string_equal(p.host, "127.0.0.1");
	assert_int_equal(p.port, 11434);
	assert_string_equal(p.path, "");
	assert_int_equal(provider_parse(STR("https://Models.Example.org/a/b/"), &p), 0);
	assert_true(p.tls);
	assert_false(p.literal);
	assert_string_equal(p.host, "models.example.org");
	assert_int_equal(p.port, 443);
	assert_string_equal(p.path, "/a/b");
	assert_int_equal(provider_parse(STR("http://[::1]:8080/"), &p), 0);
	assert_string_equal(p.host, "::1");
	assert_int_equal(p.port, 8080);
	assert_int_equal(provider_parse(STR("http://ollama"), &p), 0);
	assert_int_equal(p.port, 80);
}

static void
test_what_is_none(void **state)
{
	static const char *const bad[] = {"", "http://", "https:///v1", "ftp://a",
	    "127.0.0.1:11434", "http://a@b", "http://a:0", "http://a:65536", "http://a:b",
	    "http://a?x", "http://a/#b", "http://a/b c", "http://::1", "http://[127.0.0.1]",
	    "http://[a]", "http://[::1", "http://-a", "http://a..b", "http://a\r\nb",
	    "http://a/\r\nX: y", "http://[::1]x", "http://a:1:2", "http://a/b?c=d"};
	struct provider p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(provider_parse(str_z(bad[i]), &p), -1);
}

static void
test_local(void **state)
{
	static const char *const here[] = {"http://127.0.0.1", "http://127.255.0.9:1",
	    "https://[::1]:443", "http://localhost:11434", "http://LOCALHOST"};
	static const char *const there[] = {"http://128.0.0.1", "http://0.0.0.0", "http://[::]",
	    "http://[::ffff:127.0.0.1]", "http://[::2]", "http://10.0.0.1", "http://localhost.a",
	    "http://127.0.0.1.nip.io", "http://a.localhost", "http://2130706433", "http://127.1"};
	struct provider p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		assert_int_equal(provider_parse(str_z(here[i]), &p), 0);
		assert_true(provider_is_local(&p));
	}
	for (size_t i = 0; i < ARRAY_LEN(there); i++) {
		assert_int_equal(provider_parse(str_z(there[i]), &p), 0);
		assert_false(provider_is_local(&p));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_what_is_none),
	    cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
