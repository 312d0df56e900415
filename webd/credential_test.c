/* credential_test.c - what a request shows for itself, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "webd/webauth.h"

static struct arena arena;
static struct credential got;

static enum credential_kind
header(const char *authorization)
{
	credential_read(str_z(authorization), STR("not looked at"), &arena, &got);
	return got.kind;
}

static enum credential_kind
cookie(const char *value)
{
	credential_read(STR_NONE, str_z(value), &arena, &got);
	return got.kind;
}

static void
tokens(void **state)
{
	static const char good[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_-8";
	char text[64];

	(void)state;
	assert_int_equal(cookie(good), CREDENTIAL_COOKIE);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(got.token[i], i);
	assert_int_equal(got.token[31], 0xef);
	snprintf(text, sizeof(text), "bEaReR  %s", good);
	assert_int_equal(header(text), CREDENTIAL_BEARER);
	assert_int_equal(got.token[30], 0xff);
	for (size_t n = 0; n < strlen(good); n++) {
		snprintf(text, sizeof(text), "%.*s", (int)n, good);
		assert_int_equal(cookie(text), CREDENTIAL_BAD);
	}
	snprintf(text, sizeof(text), "%sA", good);
	assert_int_equal(cookie(text), CREDENTIAL_BAD);
	/* Of the last character two bits mean nothing: only zeros there are the token. */
	snprintf(text, sizeof(text), "%.42s9", good);
	assert_int_equal(cookie(text), CREDENTIAL_BAD);
	snprintf(text, sizeof(text), "%.41s/8", good);
	assert_int_equal(cookie(text), CREDENTIAL_BAD);
	snprintf(text, sizeof(text), "Bearer %.42s", good);
	assert_int_equal(header(text), CREDENTIAL_BAD);
	credential_read(STR_NONE, STR_NONE, &arena, &got);
	assert_int_equal(got.kind, CREDENTIAL_NONE);
}

static void
names_and_passwords(void **state)
{
	(void)state;
	/* RFC 7617 2 and 2.1 */
	assert_int_equal(header("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), CREDENTIAL_BASIC);
	assert_true(str_eq_z(got.user, "Aladdin"));
	assert_true(str_eq_z(got.password, "open sesame"));
	assert_int_equal(header("basic dGVzdDoxMjPCow=="), CREDENTIAL_BASIC);
	assert_true(str_eq_z(got.password, "123\xc2\xa3"));
	assert_int_equal(header("Basic YTpiOmM="), CREDENTIAL_BASIC);
	assert_true(str_eq_z(got.password, "b:c"));
	assert_int_equal(header("Basic YTo="), CREDENTIAL_BAD);     /* a: */
	assert_int_equal(header("Basic OmI="), CREDENTIAL_BAD);     /* :b */
	assert_int_equal(header("Basic YWI="), CREDENTIAL_BAD);     /* ab */
	assert_int_equal(header("Basic YTpiAA=="), CREDENTIAL_BAD); /* a:b NUL */
	assert_int_equal(header("Basic YTr/"), CREDENTIAL_BAD);     /* no UTF-8 */
	assert_int_equal(header("Basic YTpi YTpi"), CREDENTIAL_BAD);
	assert_int_equal(header("Basic YTpi!"), CREDENTIAL_BAD);
	assert_int_equal(header("Basic "), CREDENTIAL_BAD);
	assert_int_equal(header("Basic"), CREDENTIAL_BAD);
	assert_int_equal(header("Digest username=a"), CREDENTIAL_BAD);
	assert_int_equal(header(""), CREDENTIAL_BAD);
}

static void
a_name_without_end_is_refused(void **state)
{
	char text[4096] = "Basic ";

	(void)state;
	memset(text + 6, 'Y', 2732);
	assert_int_equal(header(text), CREDENTIAL_BAD);
}

static int
up(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens),
	    cmocka_unit_test(names_and_passwords),
	    cmocka_unit_test(a_name_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, up, down);
}
