/* proxy_test.c - whom a proxy speaks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/conf.h"
#include "webd/proxy.h"

static bool
read_fields(
    bool forwarded, const char *const *values, size_t n, char text[NETWORK_TEXT], bool *https)
{
	struct http_field f[4];
	struct network client;
	bool known;

	for (size_t i = 0; i < n; i++)
		f[i] = (struct http_field){
		    forwarded ? STR("forwarded") : STR("x-forwarded-for"), str_z(values[i])};
	known = forwarded ? proxy_read_forwarded(f, n, &client, https)
			  : proxy_read_x(f, n, &client, https);
	if (known)
		network_text(&client, text);
	return known;
}

static void
assert_client(bool forwarded, const char *one, const char *two, const char *client)
{
	const char *const values[] = {one, two};
	char text[NETWORK_TEXT];
	bool https = false;

	assert_int_equal(read_fields(forwarded, values, two ? 2 : 1, text, &https), client != NULL);
	if (client)
		assert_string_equal(text, client);
}

static void
x_forwarded_for(void **state)
{
	(void)state;
	assert_client(false, "192.0.2.1", NULL, "192.0.2.1");
	assert_client(false, "10.9.9.9, 192.0.2.1", NULL, "192.0.2.1");
	assert_client(false, "10.9.9.9", "192.0.2.1", "192.0.2.1");
	assert_client(false, "192.0.2.1, 10.0.0.1,10.0.0.2", NULL, "192.0.2.1");
	/* All of them proxies: the first of the way. */
	assert_client(false, "10.0.0.1, 10.0.0.2", NULL, "10.0.0.1");
	assert_client(false, "192.0.2.1:4711", NULL, "192.0.2.1");
	assert_client(false, "[2001:db8::1]:4711", NULL, "2001:db8::1");
	assert_client(false, "2001:db8::1", NULL, "2001:db8::1");
	assert_client(false, "192.0.2.1, unknown, 10.0.0.2", NULL, "10.0.0.2");
	assert_client(false, "", NULL, NULL);
	assert_client(false, "unknown", NULL, NULL);
	assert_client(false, "192.0.2.0/24", NULL, NULL);
	assert_client(false, ",", NULL, NULL);
	assert_client(false, "[", NULL, NULL);
}

static void
forwarded(void **state)
{
	const char *const https_last[] = {"for=192.0.2.1;proto=http, for=10.0.0.1;Proto=HTTPS"};
	char text[NETWORK_TEXT];
	bool https = false;

	(void)state;
	assert_client(true, "for=192.0.2.1", NULL, "192.0.2.1");
	assert_client(true, "For=\"[2001:db8::1]:80\";proto=https", NULL, "2001:db8::1");
	assert_client(true, "for=10.9.9.9", "by=x;for=192.0.2.1", "192.0.2.1");
	assert_client(true, "for=10.9.9.9, for=192.0.2.1, for=10.0.0.1", NULL, "192.0.2.1");
	assert_client(true, "for=_hidden", NULL, NULL);
	assert_client(true, "192.0.2.1", NULL, NULL);
	assert_client(true, "for=", NULL, NULL);
	assert_client(true, "", NULL, NULL);
	/* The word of the one that spoke with us. */
	assert_true(read_fields(true, https_last, 1, text, &https));
	assert_true(https);
	assert_string_equal(text, "192.0.2.1");
}

static int
setup(void **state)
{
	struct conf *c = conf_parse(
	    STR("host_name = 'a.test'\n[web]\ntrusted_proxies = ['10.0.0.0/29']\n"), "t", NULL);

	*state = c;
	assert_non_null(c);
	return proxy_configure(c, NULL);
}

static int
teardown(void **state)
{
	struct conf *c = *state;

	proxy_done();
	conf_free(&c);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(x_forwarded_for),
	    cmocka_unit_test(forwarded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
