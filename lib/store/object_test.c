/*
 * object_test.c - tests of objects and of what the change log tells of them.
 */
#include "store/object.h"

#include "store/home_test_in.h"

struct seen {
	uint32_t ids[8];
	struct str texts[8];
	size_t n, stop;
};

static bool
see(void *arg, uint32_t id, struct str text)
{
	struct seen *s = arg;

	s->ids[s->n] = id;
	s->texts[s->n++] = arena_dup(&scratch, text);
	return s->n != s->stop;
}

static bool
see_change(void *arg, const struct change *c)
{
	struct seen *s = arg;

	if (c->kind < CHANGE_OBJECT_MADE || c->email != OBJECT_IDENTITY)
		return true;
	s->ids[s->n] = (uint32_t)c->kind * 1000 + c->uid;
	s->texts[s->n++] = arena_dup(&scratch, c->before);
	return true;
}

static uint32_t
put(enum object_kind kind, uint32_t id, const char *text)
{
	assert_int_equal(object_put(home, kind, &id, str_z(text), &me, &err), 0);
	return id;
}

static void
test_put_and_get(void **state)
{
	struct seen s = {0};
	uint32_t a, b, c, gone = 77;
	struct str text;

	(void)state;
	a = put(OBJECT_IDENTITY, 0, "one");
	b = put(OBJECT_SUBMISSION, 0, "other");
	c = put(OBJECT_IDENTITY, 0, "two");
	assert_true(a < b && b < c);
	assert_int_equal(put(OBJECT_IDENTITY, a, "one more"), a);
	reopen_home();
	assert_int_equal(object_get(home, OBJECT_IDENTITY, a, &scratch, &text, &err), 0);
	assert_true(str_eq_z(text, "one more"));
	assert_int_equal(object_get(home, OBJECT_SUBMISSION, a, &scratch, &text, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	assert_int_equal(object_put(home, OBJECT_IDENTITY, &gone, STR("x"), &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	assert_int_equal(object_each(home, OBJECT_IDENTITY, see, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_true(s.ids[0] == a && s.ids[1] == c && str_eq_z(s.texts[1], "two"));
	s = (struct seen){.stop = 1};
	assert_int_equal(object_each(home, OBJECT_IDENTITY, see, &s, &err), 0);
	assert_int_equal(s.n, 1);
}

/* A number is never given again, also when the highest has gone. */
static void
test_remove(void **state)
{
	uint32_t a = put(OBJECT_PUSH, 0, "x");

	(void)state;
	assert_int_equal(object_remove(home, OBJECT_PUSH, a, &me, &err), 0);
	assert_int_equal(object_remove(home, OBJECT_PUSH, a, &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	reopen_home();
	assert_true(put(OBJECT_PUSH, 0, "y") > a);
}

static void
test_log(void **state)
{
	uint64_t before = home_modseq(home), latest;
	struct seen s = {0};
	uint32_t a = put(OBJECT_IDENTITY, 0, "one");
	const uint32_t kinds = CHANGE_BIT(CHANGE_OBJECT_MADE) | CHANGE_BIT(CHANGE_OBJECT_GONE);

	(void)state;
	(void)put(OBJECT_IDENTITY, a, "two");
	assert_int_equal(object_remove(home, OBJECT_IDENTITY, a, &me, &err), 0);
	(void)put(OBJECT_VACATION, 0, "v");
	assert_int_equal(change_each(home, before, see_change, &s, &err), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ids[0], 11000 + a);
	assert_int_equal(s.ids[1], 12000 + a);
	assert_int_equal(s.ids[2], 13000 + a);
	assert_true(str_eq_z(s.texts[1], "one") && str_eq_z(s.texts[2], "two"));
	assert_int_equal(change_latest(home, kinds, OBJECT_IDENTITY, STR_NONE, &latest, &err), 0);
	assert_int_equal(latest, before + 3);
	assert_int_equal(
	    change_latest(home, kinds, OBJECT_VACATION, STR("imap"), &latest, &err), 0);
	assert_int_equal(latest, before + 4);
	assert_int_equal(
	    change_latest(home, kinds, OBJECT_VACATION, STR("jmap"), &latest, &err), 0);
	assert_int_equal(latest, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_put_and_get, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_log, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
