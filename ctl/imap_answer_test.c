/* imap_answer_test.c - responses as servers write them (RFC 9051 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/imap_answer.h"

static struct arena a;
static struct imap_answer x;

#define same(s, z) assert_true(str_eq_z((s), (z)))
#define good(z)    assert_int_equal(imap_answer_read(str_z(z), STR("g7"), &a, &x), 0)
#define bad(z)     assert_int_equal(imap_answer_read(str_z(z), STR("g7"), &a, &x), -1)

static void
statuses(void **state)
{
	(void)state;
	good("g7 OK [READ-ONLY] done");
	assert_true(x.kind == IMAP_TAGGED && x.ok);
	same(x.text, "[READ-ONLY] done");
	good("g7 NO no such mailbox");
	assert_true(x.kind == IMAP_TAGGED && !x.ok);
	good("g7 BAD");
	assert_true(x.kind == IMAP_TAGGED && !x.ok);
	good("+ go on");
	assert_int_equal(x.kind, IMAP_GO_ON);
	good("* BYE later");
	assert_int_equal(x.kind, IMAP_BYE);
	good("* OK [UIDVALIDITY 4294967295] x");
	assert_int_equal(x.kind, IMAP_UIDVALIDITY);
	assert_int_equal(x.uidvalidity, 4294967295u);
	good("* OK [UIDVALIDITY 0] x");
	assert_int_equal(x.kind, IMAP_OTHER);
	good("* CAPABILITY IMAP4rev1 AUTH=PLAIN");
	assert_true(imap_answer_has(x.text, "auth=plain") && !imap_answer_has(x.text, "AUTH"));
	good("* STATUS \"a (b\" (MESSAGES 17)");
	assert_true(x.kind == IMAP_STATUS && x.messages == 17);
	good("* SEARCH 1 2 3");
	same(x.text, "1 2 3");
	good("* 3 EXISTS");
	assert_true(x.kind == IMAP_EXISTS && x.messages == 3);
	good("* 3 RECENT");
	assert_int_equal(x.kind, IMAP_OTHER);
	bad("g8 OK of another");
	bad("g7 MAYBE");
	bad("");
	bad("*");
}

static void
lists(void **state)
{
	(void)state;
	good("* LIST (\\HasNoChildren \\Sent) \"/\" \"[Gmail]/Sent Mail\"");
	assert_int_equal(x.kind, IMAP_LIST);
	assert_true(imap_answer_has(x.attributes, "\\sent"));
	assert_int_equal(x.separator, '/');
	same(x.name, "[Gmail]/Sent Mail");
	good("* LIST () NIL INBOX");
	assert_int_equal(x.separator, 0);
	good("* LIST () \".\" Entw&APw-rfe.a]b%c");
	same(x.name, "Entw&APw-rfe.a]b%c");
	good("* LSUB () \"\\\\\" {3}\r\na\"b");
	assert_int_equal(x.separator, '\\');
	same(x.name, "a\"b");
	good("* LIST () \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	same(x.name, "x");
	bad("* LIST \"/\" x");
	bad("* LIST () \"ab\" x");
	bad("* LIST () \"/\" ");
}

static void
messages(void **state)
{
	(void)state;
	good("* 12 FETCH (UID 34 FLAGS (\\Seen $Work) INTERNALDATE \"14-Nov-2023 23:13:20 +0100\" "
	     "RFC822.SIZE 9 BODY[] {9}\r\nA: (\r\n\r\n\")");
	assert_int_equal(x.kind, IMAP_FETCH);
	assert_int_equal(x.uid, 34);
	assert_int_equal(x.size, 9);
	same(x.flags, "\\Seen $Work");
	assert_int_equal(x.date, 1700000000);
	assert_true(x.has_body && x.has_date);
	same(x.body, "A: (\r\n\r\n\"");
	/* What was not asked for. */
	good(
	    "* 1 FETCH (ENVELOPE (\"a\" NIL ((\"x\" NIL {2}\r\n)) \"y\"))) "
	    "BODY[HEADER.FIELDS (A B)]<0> \"\" UID 3 MODSEQ (7) BODY[] NIL X-GM-LABELS (a \"b\"))");
	assert_int_equal(x.uid, 3);
	assert_false(x.has_body);
	good("* 1 FETCH (BODY[] \"short\" UID 3)");
	same(x.body, "short");
	good("* 1 FETCH (INTERNALDATE \"yesterday\" UID 3)");
	assert_false(x.has_date);
	bad("* 1 FETCH (UID 0)");
	bad("* 1 FETCH (UID 4294967296)");
	bad("* 1 FETCH (UID 3");
	bad("* 1 FETCH (BODY[] {99}\r\nless)");
	bad("* 1 FETCH (FLAGS (\\Seen)");
	bad("* 1 FETCH (FLAGS (\"\\Seen\"))");
	bad("* 1 FETCH UID 3");
	bad("* 99999999999 FETCH (UID 3)");
}

static void
depth_is_bounded(void **state)
{
	char text[256] = "* 1 FETCH (X ";

	(void)state;
	memset(text + strlen(text), '(', 100);
	bad(text);
}

static void
quotes(void **state)
{
	struct str out;

	(void)state;
	assert_int_equal(imap_answer_quote(STR("a\"b\\c"), &a, &out), 0);
	same(out, "\"a\\\"b\\\\c\"");
	assert_int_equal(imap_answer_quote(STR("a\nb"), &a, &out), -1);
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
	    cmocka_unit_test(statuses),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(quotes),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
