/* Unit tests of verdict.c: what our own field says, whatever stands in the values of strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/verdict.h"

#define HOST STR("mail.here.test")

static void
test_verdicts(void **state)
{
	static const struct {
		const char *field;
		enum verdict verdict;
		const char *text;
	} cases[] = {
	    {"mail.here.test;\r\n\tiprev=pass policy.iprev=192.0.2.1;\r\n\tspf=pass "
	     "smtp.mailfrom=a@x.test;\r\n\tdkim=pass header.d=x.test;\r\n\tdmarc=pass "
	     "header.from=x.test polrec.p=reject",
		VERDICT_PASS, "dmarc=pass dkim=pass spf=pass"},
	    {"MAIL.here.TEST; dmarc=FAIL", VERDICT_FAIL, "dmarc=fail"},
	    {"mail.here.test; spf=pass; dkim=none; dmarc=none", VERDICT_UNPROVEN,
		"dmarc=none dkim=none spf=pass"},
	    /* the best of all signatures */
	    {"mail.here.test; dkim=fail; dkim=pass; dkim=fail", VERDICT_UNPROVEN, "dkim=pass"},
	    {"mail.here.test; none", VERDICT_NONE, "none"},
	    {"", VERDICT_NONE, "none"},
	    /* somebody else's */
	    {"mx.there.test; dmarc=pass", VERDICT_NONE, "none"},
	    {"mail.here.test.evil.test; dmarc=pass", VERDICT_NONE, "none"},
	    {"(mail.here.test) evil.test; dmarc=pass", VERDICT_NONE, "none"},
	    {"\"mail.here.test\"; dmarc=pass", VERDICT_PASS, "dmarc=pass"},
	    /* what the sender chose says nothing */
	    {"mail.here.test; spf=fail smtp.mailfrom=\"x; dmarc=pass\"@y.test", VERDICT_UNPROVEN,
		"spf=fail"},
	    {"mail.here.test; spf=fail smtp.mailfrom=\"x\\\"; dmarc=pass\"@y.test",
		VERDICT_UNPROVEN, "spf=fail"},
	    {"mail.here.test; spf=fail reason=\"dmarc=pass\"", VERDICT_UNPROVEN, "spf=fail"},
	    {"mail.here.test; spf=fail (; dmarc=pass)", VERDICT_UNPROVEN, "spf=fail"},
	    {"mail.here.test; spf (one \\) ; dmarc=pass (two)) = softfail", VERDICT_UNPROVEN,
		"spf=softfail"},
	    {"mail.here.test; xdmarc=pass; dmarc.x=pass", VERDICT_NONE, "none"},
	    {"mail.here.test; dmarc=averylongresultindeed", VERDICT_NONE, "none"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict_read v;
		struct buf text;

		buf_init(&text, 1000);
		verdict_read(str_z(cases[i].field), HOST, &v);
		verdict_put(&v, &text);
		if (v.verdict != cases[i].verdict || !str_eq_z(buf_view(&text), cases[i].text))
			fail_msg("%s: %s, %s", cases[i].field, verdict_name(v.verdict), text.p);
		buf_free(&text);
	}
}

/* Cut anywhere it never says more than the whole. */
static void
test_cut(void **state)
{
	const struct str field = STR("mail.here.test; spf=fail smtp.mailfrom=\"a; dmarc=pass\"@x "
				     "(c; dmarc=pass); dkim=none");

	(void)state;
	for (size_t n = 0; n <= field.n; n++) {
		struct verdict_read v;

		verdict_read(str_sub(field, 0, n), HOST, &v);
		assert_true(v.verdict == VERDICT_NONE || v.verdict == VERDICT_UNPROVEN);
	}
}

/* Without a name of ours nothing is ours. */
static void
test_no_host(void **state)
{
	struct verdict_read v;

	(void)state;
	verdict_read(STR("; dmarc=pass"), STR(""), &v);
	assert_int_equal(v.verdict, VERDICT_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
