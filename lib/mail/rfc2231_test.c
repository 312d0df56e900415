/* rfc2231_test.c - parameters of MIME fields. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/rfc2231.h"

/* "name=value;" of each parameter as IMAP hands it on. */
static void
check(const char *in, const char *want)
{
	struct params p;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 10000);
	rfc2231_parse(str_z(in), &a, &p);
	for (size_t i = 0; i < p.n; i++)
		buf_printf(
		    &out, STR_FMT "=" STR_FMT ";", STR_ARG(p.v[i].name), STR_ARG(p.v[i].value));
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
	arena_free(&a);
}

static void
test_parse(void **state)
{
	(void)state;
	check("", "");
	check("; a=b", "a=b;");
	check(" ;a = b ; C=\"d\"", "a=b;C=d;");
	check("; a=\"b\\\"c;\\\\d\"; e=f", "a=b\"c;\\d;e=f;");
	check("; (x;y) a (z) = (=) b (c)", "a=b;");
	check(";;; a=b;; ;=x; c; d=", "a=b;");
	check("; a=b c/d.pdf; e=f", "a=b c/d.pdf;e=f;");
	check("; a=\"unterminated", "a=unterminated;");
	check("; a=\"fold\r\n ed\"", "a=fold ed;");
	check("; a=b\r\n c=d", "a=b;c=d;");
	check("; a=\"\"", "a=;");
}

static void
test_continuations(void **state)
{
	(void)state;
	check("; a*0=b; a*1=c", "a=bc;");
	check("; a*1=c; x=y; A*0=b", "a=bc;x=y;");
	check("; a*0=b; a*2=c", "a=b;");
	check("; a*1=b", "");
	check("; a*=utf-8''%C3%A9", "a*=utf-8''%C3%A9;");
	check("; a*0*=utf-8'en'%C3; a*1*=%A9; a*2=\" (1)%\"", "a*=utf-8'en'%C3%A9%20%281%29%25;");
	check("; a*0=b; a*1*=%20c", "a*=''b%20c;");
	check("; a*0=b; a*0=c", "a=b;");
	check("; a*x=b", "a*x=b;");
	check("; *=b; *0=c", "*=b;*0=c;");
	check("; a*9999=b", "a*9999=b;");
}

static void
test_text(void **state)
{
	struct params p;
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a);
	buf_init(&out, 1000);
	rfc2231_parse(STR("; n=plain; n*=iso-8859-1''%E9%zz%; m=\"=?utf-8?q?=C3=A9?=\"; "
			  "o*=noquotes; p*=''%C3%A9; q=\" x \""),
	    &a, &p);
	assert_int_equal(rfc2231_text(&p, STR("N"), &out), 0);
	buf_putc(&out, '|');
	assert_int_equal(rfc2231_text(&p, STR("m"), &out), 0);
	buf_putc(&out, '|');
	assert_int_equal(rfc2231_text(&p, STR("o"), &out), 0);
	buf_putc(&out, '|');
	assert_int_equal(rfc2231_text(&p, STR("p"), &out), 0);
	buf_putc(&out, '|');
	assert_int_equal(rfc2231_text(&p, STR("q"), &out), 0);
	assert_int_equal(rfc2231_text(&p, STR("r"), &out), -1);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, "\xc3\xa9%zz%|\xc3\xa9|noquotes|\xc3\xa9| x ");
	buf_free(&out);
	arena_free(&a);
}

static void
test_many(void **state)
{
	struct params p;
	struct arena a;
	struct buf in;

	(void)state;
	arena_init(&a);
	buf_init(&in, 100000);
	for (size_t i = 0; i <= RFC2231_PARAMS_MAX; i++)
		buf_printf(&in, ";a%zu=b", i);
	rfc2231_parse(buf_view(&in), &a, &p);
	assert_int_equal(p.n, RFC2231_PARAMS_MAX);
	buf_free(&in);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_continuations), cmocka_unit_test(test_text),
	    cmocka_unit_test(test_many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
