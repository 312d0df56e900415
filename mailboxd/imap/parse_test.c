/* Commands of IMAP: what is understood, and what is refused how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mailboxd/imap/parse.h"

static struct arena arena;
static struct imap_cmd cmd;
static struct err err;

static int
parse(const char *z)
{
	arena_reset(&arena);
	err = (struct err){0};
	return imap_parse(str_z(z), &arena, &cmd, &err);
}

static void
good_and_bad(void **state)
{
	static const char *const good[] = {
	    "a1 NOOP",
	    "a1 noop ",
	    "A.1]x CAPABILITY",
	    "a SELECT INBOX",
	    "a SELECT \"in\\\"box\"",
	    "a SELECT {5}\r\nInbox",
	    "a SELECT {5+}\r\nInbox",
	    "a EXAMINE &AOk-",
	    "a CREATE owatagusiam/",
	    "a CREATE x (USE (\\Sent))",
	    "a RENAME a b",
	    "a LIST \"\" *",
	    "a LIST \"\" \"%\"",
	    "a LIST ~/Mail/ %",
	    "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a% \"b*\") RETURN (STATUS (UIDNEXT))",
	    "a LIST \"\" * RETURN (CHILDREN STATUS (MESSAGES))",
	    "a LIST () \"\" \"\"",
	    "a LSUB \"\" *",
	    "a STATUS x (UIDNEXT MESSAGES RECENT UNSEEN UIDVALIDITY SIZE DELETED)",
	    "a FETCH 1 FLAGS",
	    "a FETCH 1:* ALL",
	    "a FETCH *:1,4,5:6 FAST",
	    "a UID FETCH 4294967295 (UID BODY[] BODY.PEEK[1.2.MIME]<0.10> RFC822.SIZE)",
	    "a FETCH 1 BODY[HEADER.FIELDS (DATE \"From\" {2}\r\nTo)]",
	    "a FETCH 1 BODY.PEEK[1.HEADER.FIELDS.NOT (X)]<5.4294967295>",
	    "a FETCH 1 (BODY BODYSTRUCTURE ENVELOPE INTERNALDATE RFC822 RFC822.HEADER RFC822.TEXT)",
	    "a STORE 1 +FLAGS (\\Seen \\Deleted $Forwarded)",
	    "a STORE 1 FLAGS.SILENT ()",
	    "a UID STORE 1:2 -FLAGS \\Flagged",
	    "a COPY 1:3 Archive",
	    "a UID MOVE 5 \"Trash\"",
	    "a SEARCH ALL",
	    "a SEARCH CHARSET UTF-8 TEXT {2}\r\n\xc3\xa9",
	    "a SEARCH 1:4 NOT (OR SEEN FLAGGED) SINCE 1-Feb-1994 HEADER X-Y \"\" UID 4:*",
	    "a SEARCH ON \"01-Jan-2000\" LARGER 5 KEYWORD $X NEW OLD",
	    "a UID EXPUNGE 1:5",
	    "a EXPUNGE",
	    "a ID NIL",
	    "a ID (\"name\" \"x\" \"version\" NIL)",
	    "a ENABLE CONDSTORE X",
	    "a GETQUOTA \"\"",
	    "a GETQUOTAROOT INBOX",
	    "a SETQUOTA \"\" (STORAGE 512)",
	    "a IDLE",
	    "a SELECT INBOX (CONDSTORE)",
	    "a SELECT INBOX  ",
	    "a EXAMINE x (condstore qresync (1 2))",
	    "a SELECT x (QRESYNC (4294967295 9223372036854775807 1:5,7,12:9))",
	    "a SELECT x (QRESYNC (1 2 (1,3:4 5,7:8)))",
	    "a SELECT x (QRESYNC (1 2 1:9 (1:3,9 2:4,4294967295)) CONDSTORE)",
	    "a STATUS x (HIGHESTMODSEQ MESSAGES)",
	    "a FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 12345)",
	    "a FETCH 1:* MODSEQ",
	    "a FETCH 1 FAST (CHANGEDSINCE 0)",
	    "a FETCH 1 BODY[1]<0.5> (CHANGEDSINCE 7)",
	    "a UID FETCH 1:* (UID) (VANISHED CHANGEDSINCE 1)",
	    "a UID FETCH 1:* UID (CHANGEDSINCE 1 VANISHED) ",
	    "a STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\\Seen)",
	    "a UID STORE 1:* (unchangedsince 9223372036854775807) FLAGS ()",
	    "a SEARCH MODSEQ 0",
	    "a SEARCH OR NOT MODSEQ 720162338 LARGER 50000",
	    "a UID SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338 SEEN",
	    "a SEARCH MODSEQ \"/flags/$x\" priv 1",
	    "a APPEND x {3}",
	    "a APPEND \"x\" (\\Seen) \" 1-Jan-2026 12:00:00 +0100\" {310+}",
	    "a LOGIN x y",
	};
	static const char *const bad[] = {
	    "",
	    "a",
	    "a ",
	    " a NOOP",
	    "a+ NOOP",
	    "a XYZZY",
	    "a NOOP x",
	    "a UID NOOP",
	    "a SELECT x (",
	    "a SELECT x ()",
	    "a SELECT x CONDSTORE",
	    "a SELECT x(CONDSTORE)",
	    "a SELECT x (CONDSTORE",
	    "a SELECT x (X)",
	    "a DELETE x (CONDSTORE)",
	    "a SELECT x (QRESYNC)",
	    "a SELECT x (QRESYNC ())",
	    "a SELECT x (QRESYNC (1))",
	    "a SELECT x (QRESYNC (0 1))",
	    "a SELECT x (QRESYNC (1 0))",
	    "a SELECT x (QRESYNC (1 9223372036854775808))",
	    "a SELECT x (QRESYNC (1 2 ))",
	    "a SELECT x (QRESYNC (1 2 *))",
	    "a SELECT x (QRESYNC (1 2 1:*))",
	    "a SELECT x (QRESYNC (1 2 1:3 ))",
	    "a SELECT x (QRESYNC (1 2 1:3 (1 *)))",
	    "a SELECT x (QRESYNC (1 2 1:3 (1:2 1)))",
	    "a SELECT x (QRESYNC (1 2 1:3 (2,1 1,2)))",
	    "a SELECT x (QRESYNC (1 2 1:3 (1,1 1,2)))",
	    "a SELECT x (QRESYNC (1 2 1:3 (2:1 1:2)))",
	    "a SELECT x (QRESYNC (1 2 (1 1) 1:3))",
	    "a SELECT x (QRESYNC (1 2) QRESYNC (1 2))",
	    "a STATUS x (NOMODSEQ)",
	    "a FETCH 1 FLAGS (",
	    "a FETCH 1 FLAGS ()",
	    "a FETCH 1 FLAGS (CHANGEDSINCE)",
	    "a FETCH 1 FLAGS (CHANGEDSINCE -1)",
	    "a FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
	    "a FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
	    "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
	    "a UID FETCH 1 FLAGS (VANISHED)",
	    "a UID FETCH 1 FLAGS VANISHED",
	    "a STORE 1 (UNCHANGEDSINCE) FLAGS ()",
	    "a STORE 1 (UNCHANGEDSINCE 1)",
	    "a STORE 1 (UNCHANGEDSINCE 1)FLAGS ()",
	    "a STORE 1 (CHANGEDSINCE 1) FLAGS ()",
	    "a STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS ()",
	    "a SEARCH MODSEQ",
	    "a SEARCH MODSEQ x",
	    "a SEARCH MODSEQ \"/flags/x\" 1",
	    "a SEARCH MODSEQ \"/x\" all 1",
	    "a SEARCH MODSEQ \"/flags/x\" some 1",
	    "a SEARCH MODSEQ 18446744073709551616",
	    "a SELECT",
	    "a SELECT ",
	    "a SELECT \"INBOX",
	    "a SELECT \"a\\b\"",
	    "a SELECT INBOX x",
	    "a SELECT (x)",
	    "a SELECT {6}\r\nInbox",
	    "a FETCH 0 FLAGS",
	    "a FETCH 1,,2 FLAGS",
	    "a FETCH 4294967296 FLAGS",
	    "a FETCH 1 FLAG",
	    "a FETCH 1 (FLAGS",
	    "a FETCH 1 ()",
	    "a FETCH 1 BODY[",
	    "a FETCH 1 BODY[MIME]",
	    "a FETCH 1 BODY[1.]",
	    "a FETCH 1 BODY[0]",
	    "a FETCH 1 BODY[]<0.0>",
	    "a FETCH 1 BODY[]<0>",
	    "a FETCH 1 BODY[HEADER.FIELDS ()]",
	    "a STORE 1 +FLAGS (\\Recent)",
	    "a STORE 1 +FLAGS (\\Foo)",
	    "a STORE 1 FLAGZ (\\Seen)",
	    "a STORE 1 FLAGS",
	    "a SEARCH",
	    "a SEARCH FOO",
	    "a SEARCH SINCE 31-Feb-2000",
	    "a SEARCH (ALL",
	    "a SEARCH OR ALL",
	    "a STATUS x ()",
	    "a STATUS x (FOO)",
	    "a LIST (RECURSIVEMATCH) \"\" *",
	    "a APPEND x {3} ",
	    "a APPEND x hello",
	    "a ID (\"a\")",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (parse(good[i]) < 0)
			fail_msg("%s: %s", good[i], err.text);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(bad[i]) == 0 || cmd.code != NULL)
			fail_msg("%s: taken", bad[i]);
}

static void
refused_with_no(void **state)
{
	(void)state;
	assert_int_equal(parse("a SEARCH CHARSET KOI8-R TEXT x"), -1);
	assert_string_equal(cmd.code, "BADCHARSET (US-ASCII UTF-8)");
	assert_true(str_eq_z(cmd.tag, "a"));
	assert_int_equal(parse("a SELECT &"), -1);
	assert_string_equal(cmd.code, "CANNOT");
	assert_int_equal(parse("a CREATE a//b"), -1);
	assert_string_equal(cmd.code, "CANNOT");
}

static void
names(void **state)
{
	(void)state;
	assert_int_equal(parse("a SELECT inBox"), 0);
	assert_true(str_eq_z(cmd.mailbox, "INBOX"));
	assert_int_equal(parse("a SELECT &ZeVnLIqe-"), 0);
	assert_true(str_eq_z(cmd.mailbox, "日本語"));
	assert_int_equal(parse("a CREATE foo/bar/"), 0);
	assert_true(str_eq_z(cmd.mailbox, "foo/bar"));
}

static void
fetch_items(void **state)
{
	(void)state;
	assert_int_equal(
	    parse("a UID FETCH 1:3 (BODY.PEEK[2.1.header.fields (DATE \"X Y\")]<7.9> RFC822)"), 0);
	assert_true(cmd.uid);
	assert_int_equal(cmd.nitems, 2);
	assert_true(str_eq_z(cmd.items[0].label, "BODY[2.1.HEADER.FIELDS (DATE \"X Y\")]"));
	assert_true(cmd.items[0].peek && cmd.items[0].partial);
	assert_int_equal(cmd.items[0].from, 7);
	assert_int_equal(cmd.items[0].count, 9);
	assert_int_equal(cmd.items[0].depth, 2);
	assert_int_equal(cmd.items[0].path[0], 2);
	assert_int_equal(cmd.items[0].part, PART_FIELDS);
	assert_true(str_eq_z(cmd.items[1].label, "RFC822"));
	assert_false(cmd.items[1].peek);
	assert_int_equal(parse("a FETCH 1 FULL"), 0);
	assert_int_equal(cmd.nitems, 5);
}

static void
sets(void **state)
{
	struct imap_set *s = &cmd.set;

	(void)state;
	assert_int_equal(parse("a FETCH 5,3:1,*,4,9:7 FLAGS"), 0);
	imap_set_resolve(s, 20);
	assert_int_equal(s->n, 3);
	assert_true(s->r[0].lo == 1 && s->r[0].hi == 5);
	assert_true(s->r[1].lo == 7 && s->r[1].hi == 9);
	assert_true(s->r[2].lo == 20 && s->r[2].hi == 20);
	assert_true(imap_set_has(s, 4) && imap_set_has(s, 20) && imap_set_has(s, 7));
	assert_false(imap_set_has(s, 6) || imap_set_has(s, 0) || imap_set_has(s, 21));
	/* "*" is the last, on whichever side (RFC 3501 9). */
	assert_int_equal(parse("a UID FETCH 500:* FLAGS"), 0);
	imap_set_resolve(s, 20);
	assert_true(imap_set_has(s, 20) && imap_set_has(s, 500));
	assert_int_equal(parse("a FETCH 1:* FLAGS"), 0);
	imap_set_resolve(s, 0);
	assert_int_equal(s->n, 0);
	assert_int_equal(parse("a FETCH 1:4294967295,4294967295 FLAGS"), 0);
	imap_set_resolve(s, 7);
	assert_int_equal(s->n, 1);
}

static void
search_tree(void **state)
{
	const struct search_key *k;

	(void)state;
	assert_int_equal(parse("a SEARCH OR UNSEEN (FROM x SUBJECT y) LARGER 10"), 0);
	k = cmd.key;
	assert_int_equal(k->op, SEARCH_AND);
	assert_int_equal(k->child->op, SEARCH_OR);
	assert_int_equal(k->child->child->op, SEARCH_NOT);
	assert_int_equal(k->child->child->next->op, SEARCH_AND);
	assert_int_equal(k->child->next->op, SEARCH_LARGER);
	assert_int_equal(k->child->next->number, 10);
}

static void
depth_is_bounded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	buf_puts(&b, "a SEARCH ");
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '(');
	assert_int_equal(parse(b.p), -1);
	assert_string_equal(cmd.code, "LIMIT");
	buf_reset(&b);
	buf_puts(&b, "a SEARCH ");
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "NOT ");
	buf_puts(&b, "ALL");
	assert_int_equal(parse(b.p), -1);
	buf_free(&b);
}

static void
resynchronisation(void **state)
{
	(void)state;
	assert_int_equal(parse("a SELECT x (QRESYNC (7 20 9,3:5 (1,4:5 2,7:8)) CONDSTORE)"), 0);
	assert_true(cmd.condstore);
	assert_non_null(cmd.qresync);
	assert_int_equal(cmd.qresync->uidvalidity, 7);
	assert_int_equal(cmd.qresync->modseq, 20);
	assert_true(cmd.qresync->has_known);
	assert_int_equal(cmd.qresync->known.n, 2);
	assert_int_equal(cmd.qresync->match_numbers.r[1].lo, 4);
	assert_int_equal(cmd.qresync->match_uids.r[1].hi, 8);
	assert_int_equal(parse("a SELECT x (QRESYNC (7 20 (3 4)))"), 0);
	assert_false(cmd.qresync->has_known);
	assert_int_equal(cmd.qresync->match_uids.n, 1);
	assert_int_equal(parse("a SELECT x"), 0);
	assert_null(cmd.qresync);
	assert_int_equal(parse("a UID FETCH 1 (FLAGS) (CHANGEDSINCE 5 VANISHED)"), 0);
	assert_true(cmd.has_since && cmd.vanished);
	assert_int_equal(cmd.since, 5);
	assert_int_equal(parse("a STORE 1 (UNCHANGEDSINCE 6) FLAGS ()"), 0);
	assert_true(cmd.has_since);
	assert_int_equal(cmd.since, 6);
	assert_int_equal(parse("a UID SEARCH 1:3 MODSEQ 8"), 0);
	assert_true(cmd.by_number && cmd.by_modseq);
	assert_int_equal(parse("a UID SEARCH UID 1:3"), 0);
	assert_false(cmd.by_number || cmd.by_modseq);
}

/* No beginning of a command is taken for one that says something else, and none is read past its
 * end (under ASan). */
static void
every_beginning(void **state)
{
	static const char *const whole[] = {
	    "a SELECT x (QRESYNC (7 20 9,3:5 (1,4:5 2,7:8)) CONDSTORE)",
	    "a UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 5 VANISHED)",
	    "a UID STORE 1,2 (UNCHANGEDSINCE 6) +FLAGS.SILENT (\\Seen)",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		for (size_t n = 0; n < strlen(whole[i]); n++) {
			char *cut = mem_dup(whole[i], n);

			arena_reset(&arena);
			if (imap_parse(str_of(cut, n), &arena, &cmd, &err) == 0)
				assert_true(
				    cmd.qresync == NULL && !cmd.has_since && !cmd.condstore);
			free(cut);
		}
}

static void
message_literals(void **state)
{
	(void)state;
	assert_true(imap_parse_wants_message(STR("a APPEND x {3}")));
	assert_true(imap_parse_wants_message(STR("a append x (\\Seen) {3+}")));
	assert_true(imap_parse_wants_message(STR("a APPEND {1}\r\nx {3}")));
	assert_false(imap_parse_wants_message(STR("a APPEND {1}")));
	assert_false(imap_parse_wants_message(STR("a LOGIN {1}")));
	assert_int_equal(
	    parse("a APPEND {1}\r\nx (\\Draft k) \"17-Jul-1996 02:44:25 -0700\" {12+}"), 0);
	assert_int_equal(cmd.literal, 12);
	assert_false(cmd.literal_sync);
	assert_int_equal(cmd.date, 837596665);
	assert_int_equal(cmd.flags.flags, FLAG_DRAFT);
	assert_int_equal(cmd.flags.nkeywords, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_and_bad),
	    cmocka_unit_test(refused_with_no),
	    cmocka_unit_test(names),
	    cmocka_unit_test(fetch_items),
	    cmocka_unit_test(sets),
	    cmocka_unit_test(search_tree),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(resynchronisation),
	    cmocka_unit_test(every_beginning),
	    cmocka_unit_test(message_literals),
	};

	arena_init(&arena);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return rc;
}
