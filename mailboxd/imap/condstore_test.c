/* CONDSTORE, QRESYNC and ENABLE (RFC 7162, 5161) as sessions on a real home see them. */
#include "mailboxd/imap/conn_test_in.h"

#define MESSAGE "Subject: x\r\n\r\nbody\r\n"

static void
append(struct session *s, const char *mailbox, const char *args)
{
	char command[256];

	snprintf(command, sizeof(command), "APPEND %s %s{%zu+}\r\n%s", mailbox, args,
	    strlen(MESSAGE), MESSAGE);
	assert_true(has(ask(s, command), "a OK [APPENDUID "));
}

static struct session *
login(unsigned i)
{
	struct session *s = begin(i, "t", STR_NONE);

	expect_heard(s, " CONDSTORE QRESYNC");
	return s;
}

/* The number behind a word in what was heard last. */
static uint64_t
number_after(const struct session *s, const char *word)
{
	const char *at = strstr(s->got.p, word);

	if (at == NULL) {
		fail_msg("no %s in: %s", word, s->got.p);
		return 0;
	}
	return strtoull(at + strlen(word), NULL, 10);
}

static uint64_t
highest(struct session *s)
{
	ask(s, "STATUS INBOX (HIGHESTMODSEQ)");
	return number_after(s, "HIGHESTMODSEQ ");
}

/* The command has one number to be put in. */
static const char *
ask_since(struct session *s, const char *format, uint64_t n)
{
	static char command[256];
	const char *at = strchr(format, '#');

	assert_non_null(at);
	snprintf(command, sizeof(command), "%.*s%llu%s", (int)(at - format), format,
	    (unsigned long long)n, at + 1);
	return ask(s, command);
}

#define expect_since(s, format, n, want)                                             \
	do {                                                                         \
		const char *got_ = ask_since((s), (format), (n));                    \
		if (!has(got_, (want)))                                              \
			fail_msg("%s\nwanted: %s\ngot: %s", (format), (want), got_); \
	} while (0)

static void
enabling(void **state)
{
	static const char *const ways[] = {"ENABLE CONDSTORE", "ENABLE x QRESYNC", "FETCH 1 MODSEQ",
	    "FETCH 1 FLAGS (CHANGEDSINCE 1)", "STORE 1 (UNCHANGEDSINCE 1) +FLAGS ()",
	    "SEARCH MODSEQ 1", "STATUS Sent (HIGHESTMODSEQ)",
	    "LIST \"\" INBOX RETURN (STATUS (HIGHESTMODSEQ))"};
	struct session *s, *o = login(1);

	(void)state;
	append(o, "INBOX", "");
	expect(o, "SELECT INBOX", "* 1 RECENT");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		s = login(0);
		expect(s, "SELECT INBOX", "* OK [HIGHESTMODSEQ ");
		expect_not(s, "STORE 1 FLAGS (\\Draft)", "MODSEQ");
		expect_not(s, "STORE 1 FLAGS.SILENT ()", "FETCH");
		/* The first of them is answered with the modseq of the mailbox, and once only. */
		expect(s, ways[i], "* OK [HIGHESTMODSEQ ");
		expect_not(s, ways[i], "* OK [HIGHESTMODSEQ ");
		expect(s, "STORE 1 FLAGS (\\Seen)", "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (");
		expect(s, "STORE 1 FLAGS.SILENT ()", "* 1 FETCH (UID 1 MODSEQ (");
		expect_not(s, "FETCH 1 FLAGS", "MODSEQ");
		end(s);
	}
	s = login(0);
	expect(s, "ENABLE QRESYNC CONDSTORE", "* ENABLED CONDSTORE QRESYNC\r\na OK ");
	expect(s, "SELECT INBOX (CONDSTORE)", "a OK [READ-WRITE] ");
	expect(s, "EXAMINE INBOX", "* OK [CLOSED]");
	end(s);
	s = login(0);
	expect(s, "SELECT INBOX (CONDSTORE)", "[HIGHESTMODSEQ ");
	expect(s, "STORE 1 FLAGS.SILENT ()", "MODSEQ");
	expect(s, "FETCH 1 BODY[]", " FLAGS (\\Seen) UID 1 MODSEQ (");
	end(s);
	/* What is not enabled is not understood. */
	s = login(0);
	expect(s, "SELECT INBOX", "a OK ");
	expect(s, "SELECT INBOX (QRESYNC (1 1))", "a BAD ");
	expect(s, "UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "a BAD ");
	expect(s, "FETCH 1 FLAGS", "a OK ");
	end(s);
	end(o);
}

/* A change of another session that FETCH happens to tell first is told with its UID: a client need
 * not know which number is whose (RFC 7162 3.2.4). */
static void
news_in_a_fetch(void **state)
{
	struct session *s = login(0), *o = login(1);

	(void)state;
	append(o, "INBOX", "");
	expect(s, "ENABLE QRESYNC", "* ENABLED ");
	expect(s, "SELECT INBOX", "* 1 EXISTS");
	expect(o, "SELECT INBOX", "* 1 EXISTS");
	expect(o, "STORE 1 FLAGS ($x)", "FLAGS ($x)");
	expect(s, "FETCH 1 FLAGS", " $x) UID 1 MODSEQ (");
	/* Once; and asked for size it is told behind it. */
	expect_not(s, "FETCH 1 FLAGS", "MODSEQ");
	expect(o, "STORE 1 FLAGS ()", "FLAGS ()");
	expect(s, "FETCH 1 RFC822.SIZE", "* 1 FETCH (UID 1 FLAGS (\\Recent) MODSEQ (");
	end(s);
	end(o);
}

static void
changed_since(void **state)
{
	struct session *s = login(0);
	uint64_t then;

	(void)state;
	for (int i = 0; i < 4; i++)
		append(s, "INBOX", i == 2 ? "(\\Deleted) " : "");
	expect(s, "SELECT INBOX (CONDSTORE)", "* 4 EXISTS");
	then = number_after(s, "HIGHESTMODSEQ ");
	assert_int_equal(highest(s), then);
	expect_since(s, "FETCH 1:* FLAGS (CHANGEDSINCE #)", then, "a OK ");
	assert_false(has(s->got.p, "FETCH ("));
	expect(s, "STORE 2 +FLAGS.SILENT ($x)", "* 2 FETCH (UID 2 MODSEQ (");
	expect_since(s, "FETCH 1:* FLAGS (CHANGEDSINCE #)", then, "* 2 FETCH (FLAGS (");
	assert_true(number_after(s, "MODSEQ (") > then);
	assert_false(has(s->got.p, "* 1 FETCH"));
	expect_since(s, "SEARCH MODSEQ #", then + 1, "* SEARCH 2 (MODSEQ ");
	assert_int_equal(number_after(s, "(MODSEQ "), then + 1);
	assert_int_equal(highest(s), then + 1);
	expect_since(s, "UID SEARCH MODSEQ \"/flags/\\\\seen\" all #", then, " 2 4 (MODSEQ ");
	expect_since(s, "SEARCH OR NOT MODSEQ # LARGER 50000", then + 1, "* SEARCH 1 3 4 (MODSEQ ");
	expect_since(s, "SEARCH MODSEQ #", then + 50, "* SEARCH\r\n");
	expect_since(s, "FETCH 2 (MODSEQ UID) (CHANGEDSINCE #)", then, "* 2 FETCH (MODSEQ (");
	/* Nothing changes by saying it again. */
	then = highest(s);
	expect(s, "STORE 2 +FLAGS ($x)", "a OK ");
	assert_int_equal(highest(s), then);
	end(s);
}

static void
unchanged_since(void **state)
{
	struct session *s = login(0), *o = login(1);
	uint64_t then;

	(void)state;
	for (int i = 0; i < 4; i++)
		append(s, "INBOX", "");
	expect(s, "SELECT INBOX (CONDSTORE)", "* 4 EXISTS");
	then = number_after(s, "HIGHESTMODSEQ ");
	expect(o, "SELECT INBOX", "* 4 EXISTS");
	expect(o, "STORE 2:3 +FLAGS (\\Flagged)", "a OK ");
	/* Who failed is told why. Number 4 stands twice, and is stored to once. */
	expect_since(s, "STORE 4,1:4 (UNCHANGEDSINCE #) +FLAGS.SILENT (\\Flagged)", then,
	    "a OK [MODIFIED 2:3] ");
	assert_true(has(s->got.p, "* 1 FETCH (UID 1 MODSEQ ("));
	assert_true(has(s->got.p, "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ ("));
	assert_true(has(s->got.p, "* 4 FETCH (UID 4 MODSEQ ("));
	expect_since(
	    s, "UID STORE 3,4 (UNCHANGEDSINCE #) -FLAGS (\\Flagged)", then, "a OK [MODIFIED 3:4] ");
	/* Another flag than those that changed. */
	expect_since(s, "STORE 1:4 (UNCHANGEDSINCE #) +FLAGS (\\Draft)", then, "a OK Store");
	expect_since(s, "STORE 1 (UNCHANGEDSINCE #) FLAGS (\\Draft)", then, "a OK [MODIFIED 1]");
	expect(s, "STORE 1 (UNCHANGEDSINCE 0) +FLAGS ($MDNSent)", "a OK Store completed");
	expect(s, "STORE 1 (UNCHANGEDSINCE 0) +FLAGS ($MDNSent)", "a OK [MODIFIED 1]");
	expect_since(
	    s, "STORE 1:4 (UNCHANGEDSINCE #) FLAGS ()", highest(s), "a OK Store completed");
	/* With messages that are gone already. */
	then = highest(s);
	expect(o, "STORE 1 FLAGS (\\Seen)", "a OK ");
	expect(o, "STORE 4 FLAGS (\\Deleted)", "a OK ");
	expect(o, "EXPUNGE", "* 4 EXPUNGE");
	expect_since(s, "STORE 1:4 (UNCHANGEDSINCE #) +FLAGS (\\Seen)", then,
	    "a NO [MODIFIED 1] Some of the messages are gone");
	assert_false(has(s->got.p, "EXPUNGE\r\n"));
	expect(s, "NOOP", "* 4 EXPUNGE\r\n");
	end(s);
	end(o);
}

static void
vanished(void **state)
{
	struct session *s = login(0), *o = login(1);
	uint64_t then, held;

	(void)state;
	for (int i = 0; i < 8; i++)
		append(s, "INBOX", i % 3 == 1 ? "(\\Deleted) " : "");
	expect(s, "ENABLE QRESYNC", "* ENABLED QRESYNC\r\n");
	expect(s, "SELECT INBOX", "* 8 EXISTS");
	then = number_after(s, "HIGHESTMODSEQ ");
	expect(o, "SELECT INBOX", "* 8 EXISTS");
	/* 2, 5 and 8 go. */
	expect(s, "EXPUNGE", "* VANISHED 2,5,8\r\na OK [HIGHESTMODSEQ ");
	assert_true(number_after(s, "HIGHESTMODSEQ ") == highest(s) && highest(s) > then);
	/* The other has not enabled it, and hears numbers. */
	expect(o, "NOOP", "* 8 EXPUNGE\r\n* 5 EXPUNGE\r\n* 2 EXPUNGE\r\na OK NOOP");
	expect_since(s, "UID FETCH 1:* FLAGS (CHANGEDSINCE # VANISHED)", then,
	    "* VANISHED (EARLIER) 2,5,8\r\n");
	expect_since(s, "UID FETCH 3:7 FLAGS (CHANGEDSINCE # VANISHED)", then,
	    "* VANISHED (EARLIER) 5\r\na OK");
	expect_since(s, "UID FETCH 1:* FLAGS (CHANGEDSINCE # VANISHED)", highest(s), "a OK");
	assert_false(has(s->got.p, "VANISHED"));
	/* While an expunge is held back nothing above it counts. */
	expect(o, "STORE 1 +FLAGS (\\Deleted)", "a OK ");
	expect(s, "NOOP", "a OK [HIGHESTMODSEQ ");
	held = highest(s);
	expect(o, "EXPUNGE", "* 1 EXPUNGE");
	expect(o, "STORE 1 +FLAGS (\\Answered)", "a OK ");
	expect(s, "FETCH 2 (FLAGS MODSEQ)", "a OK [HIGHESTMODSEQ ");
	assert_true(number_after(s, "MODSEQ (") > held);
	assert_int_equal(number_after(s, "OK [HIGHESTMODSEQ "), held);
	expect(s, "STORE 2 (UNCHANGEDSINCE 1) +FLAGS (\\Answered)", "* OK [HIGHESTMODSEQ ");
	assert_int_equal(number_after(s, "OK [HIGHESTMODSEQ "), held);
	assert_true(has(s->got.p, "a OK [MODIFIED 2]"));
	expect(s, "UID SEARCH 1:2", "a OK [HIGHESTMODSEQ ");
	/* It is still shown: no EARLIER for it. */
	expect_since(s, "UID FETCH 1:* FLAGS (CHANGEDSINCE # VANISHED)", held, "* VANISHED 1\r\n");
	assert_false(has(s->got.p, "EARLIER"));
	assert_true(number_after(s, "a OK [HIGHESTMODSEQ ") > held);
	/* CLOSE says nothing of modseqs (RFC 7162 3.2.8), MOVE does. */
	expect(s, "UID MOVE 3 Trash", "* VANISHED 3\r\na OK [HIGHESTMODSEQ ");
	expect(s, "STORE 1 +FLAGS (\\Deleted)", "a OK ");
	expect(s, "CLOSE", "a OK Close completed");
	assert_false(has(s->got.p, "MODSEQ"));
	end(s);
	end(o);
}

static void
resync(void **state)
{
	struct session *s = login(0), *o = login(1);
	char command[128];
	unsigned long validity;
	uint64_t then;

	(void)state;
	for (int i = 0; i < 9; i++)
		append(o, "INBOX", "");
	expect(s, "SELECT INBOX", "* 9 EXISTS");
	then = number_after(s, "HIGHESTMODSEQ ");
	validity = (unsigned long)number_after(s, "UIDVALIDITY ");
	expect(s, "CLOSE", "a OK ");
	expect(o, "SELECT INBOX", "* 9 EXISTS");
	expect(o, "STORE 2,5,6 +FLAGS (\\Deleted)", "a OK ");
	expect(o, "EXPUNGE", "a OK ");
	expect(o, "UID STORE 4,9 +FLAGS (\\Flagged)", "a OK ");
	append(o, "INBOX", "(\\Draft) ");
	expect(s, "ENABLE QRESYNC", "* ENABLED QRESYNC");
	snprintf(command, sizeof(command), "SELECT INBOX (QRESYNC (%lu #))", validity);
	expect_since(s, command, then,
	    "Highest\r\n* VANISHED (EARLIER) 2,5:6\r\n* 3 FETCH (UID 4 FLAGS (\\Flagged) MODSEQ (");
	assert_true(has(s->got.p, "* 6 FETCH (UID 9 FLAGS (\\Flagged) MODSEQ ("));
	assert_true(has(s->got.p, "* 7 FETCH (UID 10 FLAGS (\\Draft"));
	assert_false(has(s->got.p, "* 1 FETCH"));
	assert_true(has(s->got.p, "\r\na OK [READ-WRITE] Select completed\r\n"));
	snprintf(command, sizeof(command), "EXAMINE INBOX (QRESYNC (%lu # 3:5))", validity);
	expect_since(s, command, then, "* OK [CLOSED]");
	assert_true(has(s->got.p, "* VANISHED (EARLIER) 5\r\n* 3 FETCH (UID 4 FLAGS"));
	assert_false(has(s->got.p, "* 6 FETCH"));
	assert_true(has(s->got.p, "a OK [READ-ONLY] Examine completed"));
	/* Another UIDVALIDITY: nothing of it. */
	snprintf(command, sizeof(command), "SELECT INBOX (QRESYNC (%lu #))", validity + 1);
	expect_since(s, command, then, "a OK [READ-WRITE]");
	assert_false(has(s->got.p, "FETCH") || has(s->got.p, "VANISHED"));
	/* A modseq that was never given out: everything. */
	snprintf(
	    command, sizeof(command), "SELECT INBOX (QRESYNC (%lu # 1:3,7:4000000000))", validity);
	expect_since(s, command, then + 1000, "* VANISHED (EARLIER) 2\r\n* 1 FETCH (UID 1 FLAGS");
	assert_false(has(s->got.p, "(UID 4"));
	/* Numbers that match say how far the client knows of expunges. */
	snprintf(command, sizeof(command),
	    "SELECT INBOX (QRESYNC (%lu # 1:20 (1:2,4,5:6 1,3,6,8:9)))", validity);
	expect_since(s, command, then + 1000, "* 1 FETCH (UID 1 FLAGS");
	assert_false(has(s->got.p, "VANISHED"));
	snprintf(command, sizeof(command), "SELECT INBOX (QRESYNC (%lu # 1:20 (1:2,4,9 1,3,6,9)))",
	    validity);
	expect_since(s, command, then + 1000, "* VANISHED (EARLIER) 5:6\r\n");
	snprintf(command, sizeof(command),
	    "SELECT INBOX (QRESYNC (%lu # (3,6,4294967295 4,8,4294967295)))", validity);
	expect_since(s, command, then, "* VANISHED (EARLIER) 5:6\r\n");
	snprintf(command, sizeof(command), "SELECT Sent (QRESYNC (%lu #))", validity + 2);
	expect_since(s, command, then, "a OK [READ-WRITE]");
	end(s);
	end(o);
}

static void
parked_sessions_keep_it(void **state)
{
	struct session *s = login(0), *o = login(1);
	char record[IMAP_RECORD_MAX];

	(void)state;
	for (int i = 0; i < 4; i++)
		append(o, "INBOX", i == 1 ? "(\\Deleted) " : "");
	expect(o, "SELECT INBOX", "* 4 EXISTS");
	expect(s, "ENABLE QRESYNC", "* ENABLED QRESYNC");
	expect(s, "SELECT INBOX", "* 4 EXISTS");
	parking.asked = 0;
	say(s, "i IDLE\r\n", 8);
	clock_advance(host.park_after_ms);
	for (int i = 0; i < 400 && parking.asked == 0; i++)
		turn(s);
	imap_conn_parked(s->c, true);
	hear(s);
	close(s->fd);
	s->fd = -1;
	for (int i = 0; i < 5; i++)
		turn(s);
	assert_true(s->ended);
	end(s);
	expect(o, "EXPUNGE", "* 2 EXPUNGE");
	expect(o, "STORE 1 +FLAGS (\\Flagged)", "a OK ");
	memcpy(record, parking.record, parking.n);
	s = begin(2, "", str_of(record, parking.n));
	hear(s);
	assert_true(has(s->got.p, "* VANISHED 2\r\n"));
	assert_true(has(s->got.p, "* 1 FETCH (UID 1 FLAGS (\\Flagged"));
	assert_true(has(s->got.p, ") MODSEQ ("));
	buf_reset(&s->got);
	assert_int_equal(write(s->fd, "DONE\r\n", 6), 6);
	expect_heard(s, "i OK [HIGHESTMODSEQ ");
	expect(s, "SELECT INBOX (QRESYNC (1 1))", "a OK ");
	end(s);
	/* Records of another version are none. */
	record[0] = 1;
	s = begin(2, "", str_of(record, parking.n));
	expect_heard(s, "* BYE ");
	end(s);
	end(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(enabling, setup, teardown),
	    cmocka_unit_test_setup_teardown(news_in_a_fetch, setup, teardown),
	    cmocka_unit_test_setup_teardown(changed_since, setup, teardown),
	    cmocka_unit_test_setup_teardown(unchanged_since, setup, teardown),
	    cmocka_unit_test_setup_teardown(vanished, setup, teardown),
	    cmocka_unit_test_setup_teardown(resync, setup, teardown),
	    cmocka_unit_test_setup_teardown(parked_sessions_keep_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
