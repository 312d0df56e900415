/* Unit tests of seal.c: a state comes back once, to the request and session it was sealed for, in
 * time, and no octet of it can be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mcpd/seal.h"

#define ALICE "0123456789abcdef"
#define BOB   "fedcba9876543210"

static struct buf text;

static int
setup(void **state)
{
	(void)state;
	buf_init(&text, SEAL_TEXT_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&text);
	seal_reset();
	return 0;
}

static struct seal_use
use_of(const char *session, const char *method, const char *params)
{
	cJSON *p = params != NULL ? json_parse(str_z(params), 100, NULL) : NULL;
	struct seal_use use;

	seal_use_init(&use, str_z(session), str_z(method), p);
	cJSON_Delete(p);
	return use;
}

/* Seals {"step":n}. */
static void
make(const struct seal_use *use, int n)
{
	cJSON *v = cJSON_CreateObject();

	json_put_num(v, "step", n);
	buf_reset(&text);
	assert_int_equal(seal(use, v, &text), 0);
	cJSON_Delete(v);
}

static bool
opens(const struct seal_use *use, struct str s)
{
	cJSON *v = NULL;
	struct err e;
	bool ok = seal_open(use, s, &v, &e) == 0;

	assert_true(ok || (v == NULL && e.code == E_DENIED));
	cJSON_Delete(v);
	return ok;
}

static void
test_once(void **state)
{
	struct seal_use use = use_of(ALICE, "tools/call", "{\"name\":\"x\"}");
	cJSON *v = NULL;
	int64_t step;
	struct err e;

	(void)state;
	make(&use, 7);
	assert_int_equal(seal_open(&use, buf_view(&text), &v, &e), 0);
	assert_int_equal(json_int(json_get(v, "step"), 0, 9, &step), 0);
	assert_int_equal(step, 7);
	cJSON_Delete(v);
	assert_false(opens(&use, buf_view(&text)));
	/* No state is one as well. */
	buf_reset(&text);
	assert_int_equal(seal(&use, NULL, &text), 0);
	assert_int_equal(seal_open(&use, buf_view(&text), &v, &e), 0);
	assert_null(v);
}

static void
test_what_differs_each_time(void **state)
{
	struct seal_use first =
	    use_of(ALICE, "tools/call", "{\"name\":\"x\",\"arguments\":{\"a\":1},\"_meta\":{}}");
	struct seal_use again = use_of(ALICE, "tools/call",
	    "{\"name\":\"x\",\"arguments\":{\"a\":1},\"_meta\":{\"b\":2},\"inputResponses\":{},"
	    "\"requestState\":\"s\"}");

	(void)state;
	make(&first, 1);
	assert_true(opens(&again, buf_view(&text)));
}

static void
test_for_nothing_else(void **state)
{
	struct seal_use use = use_of(ALICE, "tools/call", "{\"name\":\"x\",\"arguments\":{}}");
	const struct seal_use others[] = {
	    use_of(BOB, "tools/call", "{\"name\":\"x\",\"arguments\":{}}"),
	    use_of(ALICE, "prompts/get", "{\"name\":\"x\",\"arguments\":{}}"),
	    use_of(ALICE, "tools/call", "{\"name\":\"y\",\"arguments\":{}}"),
	    use_of(ALICE, "tools/call", "{\"name\":\"x\",\"arguments\":{\"to\":\"z\"}}"),
	    use_of(ALICE, "tools/call", NULL),
	};

	(void)state;
	make(&use, 1);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(opens(&others[i], buf_view(&text)));
	/* A wrong try does not use it up. */
	assert_true(opens(&use, buf_view(&text)));
}

static void
test_any_change_is_seen(void **state)
{
	struct seal_use use = use_of(ALICE, "tools/call", NULL);
	char copy[SEAL_TEXT_MAX];

	(void)state;
	make(&use, 1);
	for (size_t i = 0; i < text.n; i++) {
		memcpy(copy, text.p, text.n);
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		assert_false(opens(&use, str_of(copy, text.n)));
		assert_false(opens(&use, str_sub(buf_view(&text), 0, i)));
	}
	buf_puts(&text, "-TAMPERED");
	assert_false(opens(&use, buf_view(&text)));
	assert_false(opens(&use, STR("")));
	assert_true(opens(&use, str_sub(buf_view(&text), 0, text.n - 9)));
}

static void
test_it_ends(void **state)
{
	struct seal_use use = use_of(ALICE, "tools/call", NULL);

	(void)state;
	make(&use, 1);
	clock_advance(SEAL_MS);
	clock_turn();
	assert_false(opens(&use, buf_view(&text)));
	/* Nor does it outlive the process. */
	make(&use, 1);
	seal_reset();
	assert_false(opens(&use, buf_view(&text)));
}

static void
test_who_asks_for_many_loses_its_own(void **state)
{
	struct seal_use alice = use_of(ALICE, "tools/call", NULL);
	struct seal_use bob = use_of(BOB, "tools/call", NULL);
	struct buf of_bob, first;

	(void)state;
	buf_init(&of_bob, SEAL_TEXT_MAX);
	buf_init(&first, SEAL_TEXT_MAX);
	assert_int_equal(seal(&bob, NULL, &of_bob), 0);
	assert_int_equal(seal(&alice, NULL, &first), 0);
	for (int i = 0; i < 10 * (int)SEAL_OF_ONE; i++)
		make(&alice, i);
	assert_false(opens(&alice, buf_view(&first)));
	assert_true(opens(&alice, buf_view(&text)));
	assert_true(opens(&bob, buf_view(&of_bob)));
	buf_free(&of_bob);
	buf_free(&first);
}

static void
test_too_long(void **state)
{
	struct seal_use use = use_of(ALICE, "tools/call", NULL);
	char *many = mem_alloc(SEAL_STATE_MAX + 1);
	cJSON *v;

	(void)state;
	memset(many, 'x', SEAL_STATE_MAX);
	v = cJSON_CreateString(many);
	assert_int_equal(seal(&use, v, &text), -1);
	many[SEAL_STATE_MAX - 2] = '\0';
	cJSON_Delete(v);
	v = cJSON_CreateString(many);
	assert_int_equal(seal(&use, v, &text), 0);
	assert_true(opens(&use, buf_view(&text)));
	cJSON_Delete(v);
	free(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_differs_each_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_for_nothing_else, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_any_change_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_it_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_who_asks_for_many_loses_its_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
