/* import_lists_test.c - names and lists as Dovecot and Courier keep them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/import.h"

static struct arena a;

#define same(s, z) assert_true(str_eq_z((s), (z)))

static void
keywords(void **state)
{
	struct str name;
	unsigned letter;

	(void)state;
	assert_int_equal(import_keyword_line(STR("3 $Forwarded\r"), &letter, &name), 0);
	assert_int_equal(letter, 3);
	same(name, "$Forwarded");
	assert_int_equal(import_keyword_line(STR("26 x"), &letter, &name), -1);
	assert_int_equal(import_keyword_line(STR("x y"), &letter, &name), -1);
	assert_int_equal(import_keyword_line(STR("1 "), &letter, &name), -1);
	assert_int_equal(import_keyword_line(STR("1 two words"), &letter, &name), -1);
}

static void
folders(void **state)
{
	(void)state;
	same(import_folder_name(STR("A.Entw&APw-rfe"), '.', &a), "A/Entwürfe");
	same(import_folder_name(STR("Entwürfe"), '.', &a), "Entwürfe");
	same(import_folder_name(STR("R&D"), '.', &a), "R&D");
	same(import_folder_name(STR("R&-D"), '.', &a), "R&D");
}

static void
subscriptions(void **state)
{
	struct str name;
	bool tabs = false;

	(void)state;
	assert_int_equal(import_subscribed_line(STR("A.B"), &tabs, &a, &name), 0);
	same(name, "A/B");
	assert_int_equal(import_subscribed_line(STR("INBOX.A.B"), &tabs, &a, &name), 0);
	same(name, "A/B");
	assert_int_equal(import_subscribed_line(STR("A/v1.2"), &tabs, &a, &name), 0);
	same(name, "A/v1.2");
	assert_int_equal(import_subscribed_line(STR("V\t2"), &tabs, &a, &name), -1);
	assert_int_equal(import_subscribed_line(STR(""), &tabs, &a, &name), -1);
	assert_int_equal(import_subscribed_line(STR("v1.2\tB"), &tabs, &a, &name), 0);
	same(name, "v1.2/B");
}

static int
begin(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keywords),
	    cmocka_unit_test(folders),
	    cmocka_unit_test(subscriptions),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
