/* IMAP sessions on a real home: each command, and what sessions hear of each other. */
#include "mailboxd/imap/conn_test_in.h"

#define MESSAGE                                         \
	"From: Bob <bob@example.test>\r\n"              \
	"To: alice@example.test\r\n"                    \
	"Subject: =?utf-8?q?caf=C3=A9?= at noon\r\n"    \
	"Date: Sat, 31 Jan 2026 12:00:00 +0000\r\n"     \
	"Content-Type: multipart/mixed; boundary=b\r\n" \
	"\r\n"                                          \
	"--b\r\n"                                       \
	"Content-Type: text/plain\r\n"                  \
	"\r\n"                                          \
	"hello there\r\n"                               \
	"--b\r\n"                                       \
	"Content-Type: message/rfc822\r\n"              \
	"\r\n"                                          \
	"Subject: inner\r\n"                            \
	"\r\n"                                          \
	"inner body\r\n"                                \
	"--b--\r\n"

/* Appends MESSAGE with what stands between mailbox and literal (" (\\Seen) "). */
static const char *
put(struct session *s, const char *mailbox, const char *args)
{
	char command[2048];

	snprintf(command, sizeof(command), "APPEND %s %s{%zu+}\r\n%s", mailbox, args,
	    strlen(MESSAGE), MESSAGE);
	return ask(s, command);
}

static void
login_and_logout(void **state)
{
	struct session *s = begin(0, "t1", STR_NONE);

	(void)state;
	expect_heard(s, "t1 OK [CAPABILITY IMAP4rev1 ");
	expect(s, "CAPABILITY", "* CAPABILITY IMAP4rev1 ");
	expect(s, "NOOP", "a OK ");
	expect(s, "FETCH 1 FLAGS", "a BAD ");
	expect(s, "LOGIN a b", "a BAD Already logged in");
	expect(s, "ID NIL", "* ID (\"name\" \"GK Mail\"");
	expect(s, "ENABLE X", "* ENABLED\r\n");
	expect(s, "NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	expect(s, "LOGOUT", "* BYE Logging out\r\na OK ");
	hear(s);
	close(s->fd);
	s->fd = -1;
	for (int i = 0; i < 5; i++)
		turn(s);
	assert_true(s->ended);
	end(s);
}

static void
mailboxes(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);

	(void)state;
	hear(s);
	expect(s, "LIST \"\" *", "\\Trash) \"/\" Trash\r\n");
	expect(s, "LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\n");
	expect(s, "CREATE x/y/z", "a OK ");
	expect(s, "CREATE x/y/z", "a NO [ALREADYEXISTS]");
	expect(s, "LIST \"\" x", "* LIST (\\HasChildren) \"/\" x\r\n");
	expect(s, "LIST \"\" x/y/*", "* LIST (\\HasNoChildren) \"/\" x/y/z\r\n");
	expect_not(s, "LIST \"\" x/%", "x/y/z");
	expect(s, "DELETE x/y", "a OK ");
	expect(s, "LIST \"\" x/y", "* LIST (\\Noselect \\HasChildren) \"/\" x/y\r\n");
	expect(s, "SELECT x/y", "a NO [NONEXISTENT]");
	expect(s, "RENAME x n", "a OK ");
	expect(s, "LIST n/ *", "n/y/z");
	expect(s, "CREATE &ZeVnLIqe-", "a OK ");
	expect(s, "LIST \"\" &ZeVnLIqe-", "&ZeVnLIqe-\r\n");
	expect(s, "DELETE INBOX", "a NO ");
	expect(s, "DELETE nothing", "a NO [NONEXISTENT]");
	expect(s, "SUBSCRIBE n/y/z", "a OK ");
	expect(s, "LSUB \"\" n/*", "* LSUB () \"/\" n/y/z\r\n");
	expect(s, "LSUB \"\" n/%", "* LSUB (\\Noselect) \"/\" n/y\r\n");
	expect(s, "LIST (SUBSCRIBED) \"\" n/*", "\\Subscribed) \"/\" n/y/z\r\n");
	expect(s, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" n",
	    " \"/\" n (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n");
	expect(s, "UNSUBSCRIBE n/y/z", "a OK ");
	expect_not(s, "LSUB \"\" *", "n/y/z");
	expect(s, "LIST (SPECIAL-USE) \"\" *", "\\Junk) \"/\" Junk");
	expect(s, "LIST \"\" Trash RETURN (STATUS (MESSAGES UIDNEXT))",
	    "* STATUS Trash (MESSAGES 0 UIDNEXT 1)\r\n");
	expect(s, "STATUS Trash (MESSAGES RECENT UNSEEN SIZE DELETED DELETED-STORAGE)",
	    "(MESSAGES 0 RECENT 0 UNSEEN 0 SIZE 0 DELETED 0 DELETED-STORAGE 0)\r\n");
	expect(s, "GETQUOTAROOT INBOX", "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" ()\r\n");
	expect(s, "SETQUOTA \"\" (STORAGE 1)", "a NO [NOPERM]");
	end(s);
}

static void
append_and_fetch(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);
	char want[64];

	(void)state;
	hear(s);
	assert_true(has(
	    put(s, "INBOX", "(\\Flagged $k) \"17-Jul-1996 02:44:25 -0700\" "), "a OK [APPENDUID "));
	assert_true(has(put(s, "nowhere", ""), "a NO [TRYCREATE]"));
	expect(s, "APPEND INBOX {0+}\r\n", "a NO ");
	expect(s, "APPEND INBOX {1048577}", "a NO [TOOBIG]");
	expect(s, "SELECT INBOX", "* 1 EXISTS\r\n* 1 RECENT\r\n");
	expect(s, "FETCH 1 (UID FLAGS INTERNALDATE)",
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent $k) INTERNALDATE \"17-Jul-1996 09:44:25 "
	    "+0000\")\r\n");
	snprintf(want, sizeof(want), "RFC822.SIZE %zu", strlen(MESSAGE));
	expect(s, "FETCH 1 FAST", want);
	expect(s, "FETCH 1 ENVELOPE", "((\"Bob\" NIL \"bob\" \"example.test\"))");
	expect(s, "FETCH 1 BODY", " \"mixed\"))\r\n");
	expect(s, "FETCH 1 BODY.PEEK[]", MESSAGE);
	expect(s, "FETCH 1 BODY.PEEK[1]", "BODY[1] {11}\r\nhello there)");
	expect(s, "FETCH 1 BODY.PEEK[1]<6.100>", "BODY[1]<6> {5}\r\nthere)");
	expect(s, "FETCH 1 BODY.PEEK[1]<60.1>", "BODY[1]<60> {0}\r\n)");
	expect(s, "FETCH 1 BODY.PEEK[1.MIME]", "{28}\r\nContent-Type: text/plain\r\n\r\n)");
	expect(s, "FETCH 1 BODY.PEEK[2.HEADER]", "{18}\r\nSubject: inner\r\n\r\n)");
	expect(s, "FETCH 1 BODY.PEEK[2.TEXT]", "{10}\r\ninner body)");
	expect(s, "FETCH 1 BODY.PEEK[2.1]", "{10}\r\ninner body)");
	expect(s, "FETCH 1 BODY.PEEK[3]", "BODY[3] NIL)");
	expect(s, "FETCH 1 BODY.PEEK[HEADER.FIELDS (to date)]",
	    "BODY[HEADER.FIELDS (to date)] {65}\r\nTo: alice@example.test\r\nDate: Sat, 31 Jan "
	    "2026 "
	    "12:00:00 +0000\r\n\r\n)");
	expect_not(s, "FETCH 1 FLAGS", "\\Seen");
	expect(s, "FETCH 1 BODY[TEXT]", "FLAGS (\\Seen \\Flagged \\Recent $k))\r\n");
	expect(s, "UID FETCH 1:* FLAGS", "* 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent $k) UID 1)");
	expect(s, "FETCH 2 FLAGS", "a BAD ");
	expect(s, "UID FETCH 77 FLAGS", "a OK ");
	end(s);
}

/* The literal of an answer and what follows it. */
static const char *
literal_of(const char *got, char out[40000])
{
	const char *at = strstr(got, "] {");

	snprintf(out, 40000, "%s", at != NULL ? at : got);
	return out;
}

/* Fields come the same from the index, where it keeps them, and from the file. */
static void
fields_of_headers(void **state)
{
	static const char *const shapes[] = {"From: a@b.test\r\nTO:x@y.test\r\nSubject: one\r\n "
					     "two\r\nX-Odd: 1\r\nto: z@y.test\r\n\r\nTo: body\r\n",
	    "From: a@b.test\r\nTo: no line end", "To: b@c.test\nDate: bare\n\nbody\n",
	    "\r\nbody alone\r\n", "no field at all\r\nTo : blank before the colon\r\n\r\n",
	    "To: =?utf-8?q?=C3=A9?= <e@x.test>\r\n\r\n"};
	struct session *s = begin(0, "t", STR_NONE);
	char first[40000], again[40000], file[40000], command[128];
	struct buf b;

	(void)state;
	hear(s);
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		buf_reset(&b);
		buf_printf(&b, "APPEND INBOX {%zu+}\r\n%s", strlen(shapes[i]), shapes[i]);
		assert_true(has(ask_n(s, b.p, b.n), "a OK"));
	}
	/* More than the index keeps. */
	buf_reset(&b);
	buf_printf(
	    &b, "APPEND INBOX {%u+}\r\nTo: x@y.test\r\nReferences:", 14 + 11 + 2000 * 11 + 2);
	for (unsigned i = 0; i < 2000; i++)
		buf_puts(&b, " <012345>\r\n");
	buf_puts(&b, "\r\n");
	assert_true(has(ask_n(s, b.p, b.n), "a OK"));
	expect(s, "SELECT INBOX", "* 7 EXISTS\r\n");
	for (unsigned i = 1; i <= 7; i++) {
		snprintf(command, sizeof command,
		    "FETCH %u BODY.PEEK[HEADER.FIELDS (to References subject)]", i);
		literal_of(ask(s, command), first);
		literal_of(ask(s, command), again);
		snprintf(command, sizeof command,
		    "FETCH %u BODY.PEEK[HEADER.FIELDS (to References subject x-none)]", i);
		assert_string_equal(literal_of(ask(s, command), file), first);
		assert_string_equal(again, first);
	}
	expect(s, "FETCH 1 BODY.PEEK[HEADER.FIELDS (subject)]<0.8>", "<0> {8}\r\nSubject:)");
	expect(s, "FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-Odd)] BODY.PEEK[HEADER.FIELDS (From)])",
	    "X-Odd: 1\r\n\r\n BODY[HEADER.FIELDS (From)] {18}\r\nFrom: a@b.test\r\n\r\n)");
	expect(s, "FETCH 7 BODY[HEADER.FIELDS (to)]", "\\Seen");
	expect(s, "SEARCH HEADER References 345", "* SEARCH 7\r\n");
	expect(s, "SEARCH NOT HEADER References \"\"", "* SEARCH 1 2 3 4 5 6\r\n");
	expect(s, "SEARCH HEADER X-Odd 1", "* SEARCH 1\r\n");
	ask(s, "APPEND INBOX {36+}\r\nTo: a\r\nIn-Reply-To: <Q@x.test>\r\n\r\nb");
	expect(s, "SEARCH HEADER In-Reply-To q@X", "* SEARCH 8\r\n");
	expect(s, "SEARCH HEADER In-Reply-To q@X", "* SEARCH 8\r\n");
	buf_free(&b);
	end(s);
}

static void
searches(void **state)
{
	static const struct {
		const char *keys, *result;
	} rows[] = {
	    {"ALL", " 1 2"},
	    {"SEEN", " 2"},
	    {"UNSEEN", " 1"},
	    {"FROM bob", " 1 2"},
	    {"FROM carol", ""},
	    {"SUBJECT \"caf\xc3\xa9\"", " 1 2"},
	    {"CHARSET UTF-8 SUBJECT {5+}\r\nCAF\xc3\x89", " 1 2"},
	    {"BODY \"hello THERE\"", " 1 2"},
	    {"BODY noon", ""},
	    {"TEXT noon", " 1 2"},
	    {"HEADER Subject \"\"", " 1 2"},
	    {"HEADER X-None \"\"", ""},
	    {"SENTON 31-Jan-2026", " 1 2"},
	    {"SENTBEFORE 31-Jan-2026", ""},
	    {"BEFORE 1-Jan-2000", " 2"},
	    {"SINCE 1-Jan-2000", " 1"},
	    {"ON 17-Jul-1996", " 2"},
	    {"LARGER 10 SMALLER 10000", " 1 2"},
	    {"2", " 2"},
	    {"NOT 2", " 1"},
	    {"OR 1 2", " 1 2"},
	    {"UID 2:*", " 2"},
	    {"KEYWORD k", " 2"},
	    {"UNKEYWORD k", " 1"},
	    {"NEW", " 1"},
	    {"OLD", ""},
	    {"(SEEN) 1:*", " 2"},
	};
	struct session *s = begin(0, "t", STR_NONE);
	char command[200], want[80];

	(void)state;
	hear(s);
	put(s, "INBOX", "");
	put(s, "INBOX", "(\\Seen k) \"17-Jul-1996 02:44:25 -0700\" ");
	ask(s, "SELECT INBOX");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(command, sizeof(command), "SEARCH %s", rows[i].keys);
		snprintf(want, sizeof(want), "* SEARCH%s\r\na OK ", rows[i].result);
		expect(s, command, want);
	}
	expect(s, "UID SEARCH 2", "* SEARCH 2\r\n");
	expect(s, "SEARCH CHARSET X-NO ALL", "a NO [BADCHARSET (US-ASCII UTF-8)]");
	end(s);
}

static void
flags_and_expunge(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);

	(void)state;
	hear(s);
	hear(o);
	for (int i = 0; i < 4; i++)
		put(s, "INBOX", "");
	ask(s, "SELECT INBOX");
	ask(o, "SELECT INBOX");
	expect(s, "STORE 1 +FLAGS (\\Seen $x)",
	    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $x)\r\n* 1 FETCH (FLAGS "
	    "(\\Seen \\Recent $x))\r\n");
	expect(o, "NOOP", "* 1 FETCH (FLAGS (\\Seen $x))\r\n");
	expect_not(s, "STORE 2 +FLAGS.SILENT (\\Deleted)", "FETCH");
	expect(o, "NOOP", "* 2 FETCH (FLAGS (\\Deleted))\r\n");
	expect(s, "UID STORE 4 FLAGS (\\Deleted)", "* 4 FETCH (UID 4 FLAGS (\\Deleted \\Recent))");
	expect(s, "EXPUNGE", "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\na OK ");
	/* Numbers stay while the other session has not been told (RFC 3501 7.4.1). */
	expect_not(o, "FETCH 3 UID", "EXPUNGE");
	expect(o, "FETCH 3 UID", "* 3 FETCH (UID 3)");
	expect(o, "FETCH 4 UID", "a NO [EXPUNGEISSUED]");
	expect(o, "NOOP", "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n");
	expect(o, "FETCH 2 UID", "* 2 FETCH (UID 3)");
	ask(o, "STORE 1 +FLAGS (\\Deleted)");
	expect(s, "UID EXPUNGE 2:3", "a OK ");
	expect(s, "UID EXPUNGE 1", "* 1 EXPUNGE\r\n");
	expect(o, "EXAMINE INBOX", "a OK [READ-ONLY]");
	expect(o, "STORE 1 FLAGS ()", "a NO [READ-ONLY]");
	expect(o, "EXPUNGE", "a NO [READ-ONLY]");
	ask(s, "STORE 1 +FLAGS (\\Deleted)");
	expect(s, "CLOSE", "a OK ");
	expect(s, "STATUS INBOX (MESSAGES)", "(MESSAGES 0)");
	assert_true(changes > 0);
	end(s);
	end(o);
}

static void
copy_and_move(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);

	(void)state;
	hear(s);
	for (int i = 0; i < 3; i++)
		put(s, "INBOX", "(\\Flagged) ");
	ask(s, "SELECT INBOX");
	expect(s, "COPY 1:2 Archive", "a OK [COPYUID ");
	expect(s, "COPY 1 nowhere", "a NO [TRYCREATE]");
	expect(s, "UID COPY 99 Archive", "a OK ");
	expect(s, "MOVE 2:3 Trash", " 2:3 1:2] Moved\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\na OK ");
	expect(s, "STATUS Trash (MESSAGES)", "(MESSAGES 2)");
	expect(s, "SELECT Archive", "* 2 EXISTS\r\n");
	expect(s, "FETCH 1 FLAGS", "\\Flagged");
	expect(s, "UNSELECT", "a OK ");
	expect(s, "SEARCH ALL", "a BAD ");
	end(s);
}

static void
many_at_once(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);
	struct buf b;

	(void)state;
	hear(s);
	hear(o);
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 700; i++)
		buf_printf(&b, "p%d APPEND INBOX %s{%zu+}\r\n%s\r\n", i,
		    i % 7 == 0 ? "" : "(\\Deleted) ", strlen(MESSAGE), MESSAGE);
	say(s, b.p, b.n);
	buf_free(&b);
	expect(s, "SELECT INBOX", "* 700 EXISTS\r\n");
	ask(o, "SELECT INBOX");
	expect(s, "COPY 1:700 Archive", " 1:700 1:700] Copy completed");
	expect(s, "STATUS Archive (MESSAGES)", "(MESSAGES 700)");
	home_set_quota(home, home_octets(home) + 300 * strlen(MESSAGE));
	expect(s, "COPY 1:700 Trash", "a NO [OVERQUOTA]");
	home_set_quota(home, 0);
	expect(s, "STATUS Trash (MESSAGES)", "(MESSAGES 0)");
	expect(s, "UID EXPUNGE 1:7", "a OK ");
	expect(s, "NOOP", "a OK ");
	expect_not(s, "CLOSE", "EXPUNGE");
	expect(s, "STATUS INBOX (MESSAGES)", "(MESSAGES 100)");
	expect(o, "NOOP", "* 2 EXPUNGE\r\na OK ");
	expect(o, "SEARCH 100", "* SEARCH 100\r\n");
	end(s);
	end(o);
}

static void
idle_for_too_long(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);

	(void)state;
	hear(s);
	clock_advance(host.idle_ms + 1000);
	expect_heard(s, "* BYE Autologout");
	end(s);
}

static void
deleted_under_a_session(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);

	(void)state;
	hear(s);
	hear(o);
	ask(s, "CREATE gone");
	ask(s, "SELECT gone");
	expect(o, "DELETE gone", "a OK ");
	expect(s, "FETCH 1 FLAGS", "* BYE ");
	end(o);
	end(s);
}

static void
pipelined_and_split(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);
	const char *all =
	    "1 SELECT INBOX\r\n2 APPEND INBOX {3+}\r\nx\r\n\r\n3 FETCH 1 BODY[]\r\na NOOP\r\n";

	(void)state;
	hear(s);
	buf_reset(&s->got);
	for (const char *p = all; *p; p++)
		say(s, p, 1);
	for (int i = 0; i < 500 && !answered(s); i++)
		turn(s);
	assert_true(has(s->got.p, "1 OK [READ-WRITE]"));
	assert_true(has(s->got.p, "2 OK [APPENDUID"));
	assert_true(has(s->got.p, "BODY[] {3}\r\nx\r\n"));
	assert_true(has(s->got.p, "3 OK "));
	end(s);
}

/* APPENDs that come together are answered together, each only when it is durable; what follows
 * waits for them. */
static void
appends_in_a_row(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);
	struct buf b;

	(void)state;
	hear(s);
	ask(s, "SELECT INBOX");
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 40; i++)
		buf_printf(&b, "p%d APPEND %s {%zu+}\r\n%s\r\n", i, i == 7 ? "nowhere" : "INBOX",
		    strlen(MESSAGE), MESSAGE);
	buf_puts(&b, "a FETCH 39 UID\r\n");
	buf_reset(&s->got);
	say(s, b.p, b.n);
	for (int i = 0; i < 500 && !answered(s); i++)
		turn(s);
	assert_true(has(s->got.p, "p0 OK [APPENDUID"));
	assert_true(has(s->got.p, "p7 NO [TRYCREATE]"));
	assert_true(has(s->got.p, "p39 OK [APPENDUID"));
	assert_true(has(s->got.p, "* 39 FETCH (UID 39)\r\na OK "));
	assert_true(strstr(s->got.p, "p39 OK") < strstr(s->got.p, "* 39 FETCH"));
	/* The last words of a client that says no more are answered too. */
	buf_reset(&b);
	buf_puts(&b, "a APPEND INBOX {3+}\r\nx\r\n\r\n");
	buf_reset(&s->got);
	assert_int_equal(write(s->fd, b.p, b.n), (ssize_t)b.n);
	shutdown(s->fd, SHUT_WR);
	for (int i = 0; i < 500 && !answered(s); i++)
		turn(s);
	assert_true(has(s->got.p, "a OK [APPENDUID"));
	buf_free(&b);
	end(s);
}

static void
hostile(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);
	struct buf b;

	(void)state;
	hear(s);
	buf_init(&b, 8u << 20);
	buf_puts(&b, "FETCH ");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "1,");
	assert_true(has(ask_n(s, b.p, b.n), "a BAD [TOOBIG]"));
	expect(s, "SELECT {100000000}", "a BAD [TOOBIG]");
	expect(s, "XYZZY \x01\x02\xff", "a BAD ");
	expect(s, "SELECT INBOX", "a OK ");
	buf_reset(&b);
	buf_puts(&b, "SEARCH ");
	for (int i = 0; i < 30000; i++)
		buf_putc(&b, '(');
	assert_true(has(ask_n(s, b.p, b.n), "a NO [LIMIT]"));
	buf_reset(&b);
	buf_puts(&b, "SEARCH TEXT x");
	for (int i = 0; i < 100; i++)
		buf_puts(&b, " TEXT x");
	assert_true(has(ask_n(s, b.p, b.n), "a NO [LIMIT]"));
	expect(s, "NOOP", "a OK ");
	for (int i = 0; i < 60 && !s->ended; i++)
		ask(s, "XYZZY");
	assert_true(has(s->got.p ? s->got.p : "", "* BYE ") || s->ended);
	buf_free(&b);
	end(s);
}

static void
large_bodies_wait_for_the_client(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);
	struct buf b;
	size_t got = 0;
	char tmp[65536];
	ssize_t n;

	(void)state;
	hear(s);
	hear(o);
	buf_init(&b, 8u << 20);
	buf_printf(&b, "APPEND INBOX {%d+}\r\n", 1000000);
	for (int i = 0; i < 1000000; i++)
		buf_putc(&b, (char)(i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x'));
	assert_true(has(ask_n(s, b.p, b.n), "a OK [APPENDUID"));
	ask(s, "SELECT INBOX");
	assert_true(write(s->fd, "b FETCH 1 BODY.PEEK[]\r\n", 23) == 23);
	/* Nothing is read, and the other session goes on. */
	for (int i = 0; i < 5; i++)
		expect(o, "NOOP", "a OK ");
	while (got < 1000000) {
		loop_once(1);
		while ((n = read(s->fd, tmp, sizeof(tmp))) > 0)
			got += (size_t)n;
	}
	buf_free(&b);
	end(s);
	end(o);
}

static void
idle_and_park(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);
	struct str record;

	(void)state;
	hear(s);
	hear(o);
	put(o, "INBOX", "");
	put(o, "INBOX", "");
	ask(s, "SELECT INBOX");
	ask(o, "SELECT INBOX");
	buf_reset(&s->got);
	say(s, "i1 IDLE\r\n", 9);
	expect_heard(o, "");
	put(o, "INBOX", "");
	expect_heard(s, "* 3 EXISTS\r\n");
	ask(o, "STORE 1 +FLAGS (\\Answered \\Deleted)");
	expect_heard(s, "* 1 FETCH (FLAGS (\\Answered \\Deleted \\Recent))\r\n");
	ask(o, "EXPUNGE");
	expect_heard(s, "* 1 EXPUNGE\r\n");
	clock_advance(host.park_after_ms);
	for (int i = 0; i < 200 && parking.asked == 0; i++)
		turn(s);
	assert_int_equal(parking.asked, 1);
	assert_int_equal(parking.conn, 0);
	assert_int_equal(parking.consumed, strlen("a SELECT INBOX\r\ni1 IDLE\r\n"));
	/* While the front decides nothing is told; afterwards the record tells it. */
	ask(o, "STORE 1 +FLAGS (\\Flagged)");
	assert_string_equal(hear(s), "");
	changes = 0;
	imap_conn_parked(s->c, true);
	for (int i = 0; i < 5; i++)
		turn(s);
	assert_int_equal(changes, 1);
	close(s->fd);
	s->fd = -1;
	for (int i = 0; i < 5; i++)
		turn(s);
	assert_true(s->ended);
	end(s);

	ask(o, "STORE 2 +FLAGS (\\Deleted)");
	ask(o, "EXPUNGE");
	put(o, "INBOX", "");
	record = str_of(parking.record, parking.n);
	s = begin(2, "", record);
	hear(s);
	assert_true(has(s->got.p, "* 2 EXPUNGE\r\n* 2 EXISTS\r\n"));
	assert_true(has(s->got.p, "* 1 FETCH (FLAGS (\\Flagged"));
	buf_reset(&s->got);
	assert_int_equal(write(s->fd, "DONE\r\n", 6), 6);
	expect_heard(s, "i1 OK Idle completed\r\n");
	expect(s, "FETCH 1:2 UID", "* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 4)\r\n");
	end(s);

	/* A record that is none, and one of a mailbox that is gone. */
	s = begin(2, "", STR("junk"));
	expect_heard(s, "* BYE ");
	end(s);
	end(o);
}

/* Parks in IDLE and ends; the record is in parking. */
static void
park_here(struct session *s)
{
	parking.asked = 0;
	say(s, "i IDLE\r\n", 8);
	clock_advance(host.park_after_ms);
	for (int i = 0; i < 200 && parking.asked == 0; i++)
		turn(s);
	assert_int_equal(parking.asked, 1);
	imap_conn_parked(s->c, true);
	for (int i = 0; i < 5; i++)
		turn(s);
	end(s);
}

static const char *
back(struct session **s, uint32_t told)
{
	parking.told = told;
	*s = begin(0, "", str_of(parking.record, parking.n));
	return hear(*s);
}

static void
done(struct session *s)
{
	assert_int_equal(write(s->fd, "DONE\r\n", 6), 6);
	expect_heard(s, "i OK Idle completed\r\n");
}

/* What the front told of is not told again, and what is not there is taken back. */
static void
told_while_parked(void **state)
{
	struct session *s = begin(0, "t", STR_NONE), *o = begin(1, "t", STR_NONE);

	(void)state;
	hear(s);
	hear(o);
	put(o, "INBOX", "");
	put(o, "INBOX", "");
	ask(o, "SELECT INBOX");
	ask(s, "SELECT INBOX");
	park_here(s);
	assert_int_equal(parking.exists, 2);
	put(o, "INBOX", "");
	assert_string_equal(back(&s, 3), "* 3 EXISTS\r\n* 0 RECENT\r\n");
	done(s);
	park_here(s);
	/* One came, two were told. */
	put(o, "INBOX", "");
	assert_string_equal(back(&s, 5), "* 5 EXPUNGE\r\n* 4 EXISTS\r\n* 0 RECENT\r\n");
	done(s);
	park_here(s);
	/* What came is gone again, and one of before too. */
	put(o, "INBOX", "\\Deleted");
	ask(o, "STORE 2 +FLAGS (\\Deleted)");
	ask(o, "EXPUNGE");
	assert_string_equal(back(&s, 5), "* 2 EXPUNGE\r\n* 4 EXPUNGE\r\n");
	done(s);
	expect(s, "FETCH 1:* UID", "* 3 FETCH (UID 4)\r\n");
	/* Where EXPUNGE may not be said, what is not there ends the connection. */
	ask(s, "ENABLE QRESYNC");
	park_here(s);
	put(o, "INBOX", "");
	assert_string_equal(back(&s, 4), "* 4 EXISTS\r\n* 0 RECENT\r\n");
	end(s);
	assert_string_equal(back(&s, 5), "* BYE [UNAVAILABLE] Please reconnect\r\n");
	end(s);
	s = begin(0, "t", STR_NONE);
	hear(s);
	/* Mail comes to INBOX alone. */
	ask(s, "SELECT Drafts");
	park_here(s);
	assert_int_equal(parking.exists, IMAP_NO_COUNT);
	end(o);
}

static void
refused_parking(void **state)
{
	struct session *s = begin(0, "t", STR_NONE);

	(void)state;
	hear(s);
	parking.asked = 0;
	say(s, "i IDLE\r\n", 8);
	clock_advance(host.park_after_ms);
	for (int i = 0; i < 200 && parking.asked == 0; i++)
		turn(s);
	buf_reset(&s->got);
	say(s, "DONE\r\n", 6);
	assert_string_equal(hear(s), "");
	imap_conn_parked(s->c, false);
	expect_heard(s, "i OK Idle completed\r\n");
	end(s);
}

static int
names_cannot_be_synced(enum file_op op, const char *name)
{
	return op == FILE_SYNC_DIR && strcmp(name, "store.names") == 0 ? EIO : 0;
}

/* Whether what a failed commit held is there afterwards, nobody knows: neither OK nor NO. */
static void
a_failed_commit_answers_nothing(void **state)
{
	static const char *const commands[] = {
	    "CREATE x", "DELETE Junk", "RENAME Sent y", "RENAME INBOX z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct session *s;
		const struct flag_set none = {0};
		const struct change_by by = {.actor = STR_INIT("imap")};
		struct mailbox *in = home_find(home, STR("INBOX"));
		struct append *ap = append_new(home, 1, &err);
		uint32_t uid;

		s = begin(0, "t", STR_NONE);
		hear(s);
		assert_int_equal(append_write(ap, STR("x"), &err), 0);
		assert_int_equal(append_finish(&ap, in, &none, 1, &by, &uid, &err), 0);
		file_fault = names_cannot_be_synced;
		expect(s, commands[i], "* BYE [UNAVAILABLE]");
		file_fault = NULL;
		assert_false(answered(s));
		end(s);
		home_close(&home);
		assert_non_null(home = home_open(&home_o, &err));
		host.home = home;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(login_and_logout, setup, teardown),
	    cmocka_unit_test_setup_teardown(mailboxes, setup, teardown),
	    cmocka_unit_test_setup_teardown(append_and_fetch, setup, teardown),
	    cmocka_unit_test_setup_teardown(fields_of_headers, setup, teardown),
	    cmocka_unit_test_setup_teardown(searches, setup, teardown),
	    cmocka_unit_test_setup_teardown(flags_and_expunge, setup, teardown),
	    cmocka_unit_test_setup_teardown(copy_and_move, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(idle_for_too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(deleted_under_a_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(pipelined_and_split, setup, teardown),
	    cmocka_unit_test_setup_teardown(appends_in_a_row, setup, teardown),
	    cmocka_unit_test_setup_teardown(hostile, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_bodies_wait_for_the_client, setup, teardown),
	    cmocka_unit_test_setup_teardown(idle_and_park, setup, teardown),
	    cmocka_unit_test_setup_teardown(told_while_parked, setup, teardown),
	    cmocka_unit_test_setup_teardown(refused_parking, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_commit_answers_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
