/* Unit tests of audit.c: what of a tool's arguments the audit log keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/audit.h"

static void
check(const char *args, const char *says)
{
	cJSON *v = json_parse(str_z(args), 10000, NULL);
	struct buf out;

	assert_non_null(v);
	buf_init(&out, 1u << 20);
	audit_arguments(v, &out);
	assert_string_equal(out.p, says);
	/* It is JSON. */
	assert_int_equal(json_check(buf_view(&out), 10000, NULL), 0);
	buf_free(&out);
	cJSON_Delete(v);
}

static void
test_kept(void **state)
{
	struct buf out;

	(void)state;
	check("{}", "{}");
	check("{\"query\":\"from:bob \\\"x\\\"\",\"limit\":5,\"unread\":true,\"to\":null}",
	    "{\"query\":\"from:bob \\\"x\\\"\",\"limit\":5,\"unread\":true,\"to\":null}");
	check("{\"ids\":[\"e1\",\"e2\"],\"at\":{\"a\":{\"b\":[]}}}",
	    "{\"ids\":[\"e1\",\"e2\"],\"at\":{\"a\":{\"b\":[]}}}");
	check("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":1}}}}}}}",
	    "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":\"(deep)\"}}}}}}");
	buf_init(&out, 100);
	audit_arguments(NULL, &out);
	assert_string_equal(out.p, "{}");
	buf_free(&out);
}

static void
test_texts_and_secrets(void **state)
{
	(void)state;
	check("{\"body\":\"abc\"}",
	    "{\"body\":{\"octets\":3,\"blake2b\":\"cf4ab791c62b8d2b2109c90275287816\"}}");
	check("{\"text\":[\"abc\"]}",
	    "{\"text\":[{\"octets\":3,\"blake2b\":\"cf4ab791c62b8d2b2109c90275287816\"}]}");
	check("{\"token\":\"x\",\"query\":\"my gka_0123\"}",
	    "{\"token\":\"(secret)\",\"query\":\"(secret)\"}");
}

static void
test_bounds(void **state)
{
	struct buf args, out;
	cJSON *v;

	(void)state;
	buf_init(&args, 1u << 20);
	buf_init(&out, 1u << 20);
	/* A list that is counted … */
	buf_puts(&args, "{\"ids\":[1");
	for (unsigned i = 1; i < 25; i++)
		buf_puts(&args, ",1");
	buf_puts(&args, "]}");
	v = json_parse(buf_view(&args), 10000, NULL);
	audit_arguments(v, &out);
	assert_non_null(strstr(out.p, ",1,\"(5 more)\"]}"));
	cJSON_Delete(v);
	/* … and more names than there is room for. */
	buf_reset(&args);
	buf_reset(&out);
	buf_puts(&args, "{\"n\":1");
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&args, ",\"name%u\":\"value\"", i);
	buf_puts(&args, "}");
	v = json_parse(buf_view(&args), 10000, NULL);
	audit_arguments(v, &out);
	assert_true(out.n < 100 && strstr(out.p, "\"blake2b\"") != NULL);
	cJSON_Delete(v);
	buf_free(&args);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_texts_and_secrets),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
