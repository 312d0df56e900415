/* subject_test.c - base subjects. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/subject.h"

static void
same(const char *in, const char *want)
{
	struct arena a;
	struct str got;

	arena_init(&a);
	got = subject_base(str_z(in), &a);
	if (!str_eq_z(got, want))
		fail_msg("%s: " STR_FMT ", not %s", in, STR_ARG(got), want);
	arena_free(&a);
}

static void
test_rfc5256(void **state)
{
	static const char *const all[][2] = {{"Plans", "plans"},
	    {" Plans \t for\r\n May ", "plans for may"}, {"Re: Plans", "plans"},
	    {"RE : Plans", "plans"}, {"re:re:Re:Plans", "plans"}, {"Fw: Plans", "plans"},
	    {"Fwd: Plans", "plans"}, {"Re[2]: Plans", "plans"}, {"Re [3] : Plans", "plans"},
	    {"[list] Plans", "plans"}, {"[list] Re: Plans", "plans"}, {"Re: [list] Plans", "plans"},
	    {"[a][b] Re: [c] Plans", "plans"}, {"Plans (fwd)", "plans"},
	    {"Plans (fwd) (FWD)", "plans"}, {"[Fwd: Plans]", "plans"},
	    {"[fwd: Re: [x] Plans (fwd)]", "plans"}, {"[list]", "[list]"}, {"Re: [list]", "[list]"},
	    {"[li[st] Plans", "[li[st] plans"}, {"", ""}, {"Re:", ""}, {"Regards", "regards"},
	    {"Re", "re"}, {"Reply: Plans", "reply: plans"}, {"[Fwd: Plans", "[fwd: plans"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		same(all[i][0], all[i][1]);
}

static void
test_others(void **state)
{
	(void)state;
	same("AW: Caf=?utf-8?q?=C3=A9?=", "caf\xc3\xa9");
	same("AW: =?utf-8?q?Caf=C3=A9?=", "caf\xc3\xa9");
	same("=?utf-8?q?Re=3A_Plans?=", "plans");
	same("TR: SV: Antw: Plans", "plans");
}

static void
test_much(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a);
	p = arena_alloc(&a, 1u << 20);
	for (size_t i = 0; i < (1u << 20) - 4; i += 4)
		memcpy(p + i, i % 8 ? "[x] " : "re :", 4);
	assert_true(subject_base(str_of(p, 1u << 20), &a).n <= SUBJECT_MAX);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rfc5256),
	    cmocka_unit_test(test_others), cmocka_unit_test(test_much)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
