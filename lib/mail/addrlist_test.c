/* addrlist_test.c - address lists of header fields. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/addrlist.h"

/* As "name|adl|mailbox|host;" with '-' for what is not there. */
static void
check(const char *in, const char *want)
{
	struct addrlist l;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 10000);
	addrlist_parse(str_z(in), &a, &l);
	for (size_t i = 0; i < l.n; i++) {
		const struct str v[] = {l.v[i].name, l.v[i].adl, l.v[i].mailbox, l.v[i].host};

		for (size_t k = 0; k < ARRAY_LEN(v); k++) {
			buf_str(&out, v[k].p ? v[k] : STR("-"));
			buf_putc(&out, k < 3 ? '|' : ';');
		}
	}
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
	arena_free(&a);
}

static void
test_mailboxes(void **state)
{
	(void)state;
	check("", "");
	check(" , ,, ", "");
	check("a@b", "-|-|a|b;");
	check(" a@b , c@d ", "-|-|a|b;-|-|c|d;");
	check("John Doe <j@d.test>", "John Doe|-|j|d.test;");
	check("John Q. Doe <j@d.test>", "John Q. Doe|-|j|d.test;");
	check("\"Doe, \\\"J\\\"\" <j@d>", "Doe, \"J\"|-|j|d;");
	check("\"a b\"@c", "-|-|a b|c;");
	check("<@x,@y:a@b>", "-|@x,@y|a|b;");
	check("j@d (John)", "John|-|j|d;");
	check("(no) j@d (Jo\\)hn (x))", "Jo)hn (x)|-|j|d;");
	check("a@[1.2.3.4]", "-|-|a|[1.2.3.4];");
	check("=?utf-8?q?a=2C?= <a@b>", "=?utf-8?q?a=2C?=|-|a|b;");
	check("pete(his)@silly .test(x)", "x|-|pete|silly.test;");
	check("x\r\n y\r\n <a@b>", "x y|-|a|b;");
}

static void
test_broken(void **state)
{
	(void)state;
	check("a@b <c@d>", "a@b|-|c|d;");
	check("root", "-|-|root|;");
	check("Jo <j@d", "Jo|-|j|d;");
	check("Jo <j>", "Jo|-|j|;");
	check("Jo <>", "Jo|-||;");
	check("<a@b> Jo", "Jo|-|a|b;");
	check("\"unterminated <a@b>", "-|-|unterminated <a@b>|;");
	check("(unterminated a@b", "");
	check("a@b@c", "-|-|a|b@c;");
	check("a@[1.2", "-|-|a|[1.2;");
	check("<@x a@b>", "-|-||x a@b;");
}

static void
test_groups(void **state)
{
	(void)state;
	check("G:;", "-|-|G|-;-|-|-|-;");
	check("G: a@b, Jo <c@d>; e@f", "-|-|G|-;-|-|a|b;Jo|-|c|d;-|-|-|-;-|-|e|f;");
	check("\"My (G)\" : a@b;", "-|-|My (G)|-;-|-|a|b;-|-|-|-;");
	/* Without an end, and one inside another: IMAP wants each closed. */
	check("G: a@b", "-|-|G|-;-|-|a|b;-|-|-|-;");
	check("G: H: a@b; c@d;", "-|-|G|-;-|-|a|b;-|-|-|-;-|-|c|d;");
	check("a@b; c@d", "-|-|a|b;-|-|c|d;");
}

static void
test_many(void **state)
{
	struct addrlist l;
	struct arena a;
	struct buf in;

	(void)state;
	arena_init(&a);
	buf_init(&in, 1 << 20);
	for (size_t i = 0; i <= ADDRLIST_MAX; i++)
		buf_puts(&in, "a@b,");
	addrlist_parse(buf_view(&in), &a, &l);
	assert_int_equal(l.n, ADDRLIST_MAX);
	buf_free(&in);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mailboxes),
	    cmocka_unit_test(test_broken), cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
