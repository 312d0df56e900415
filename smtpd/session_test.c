/*
 * session_test.c - whole sessions over a socket pair, with an authd and a queue that the test
 * plays.
 *
 * The fakes answer through real channels, at once or only when told to, so that every order of
 * answers can be had.
 */
#include "smtpd/session_test_in.h"

static void
a_session_in_one_write(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	expect("Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n", "250 221");
	assert_int_equal(committed, 1);
	assert_true(str_ends(buf_view(&stored), STR("\r\nSubject: x\r\n\r\n.dot\r\n")));
	assert_true(str_starts(
	    buf_view(&stored), STR("Return-Path: <a@x.test>\r\nReceived: from c.test ")));
	assert_int_equal(env.return_path, strlen("Return-Path: <a@x.test>\r\n"));
	assert_true(str_eq_z(env.sender, "a@x.test"));
	assert_int_equal(env.nrcpts, 1);
	assert_true(str_eq_z(env.rcpts[0].targets[0], "bob@here.test"));
	assert_true(str_find(buf_view(&stored), STR("for <bob@here.test>")) < stored.n);
	leave();
}

/* The greeting does not wait for the DNS, nor does a message; who is known stands in Received. */
static void
the_name_of_a_client(void **state)
{
	(void)state;
	dns_script_name(names, "0.0.0.0.in-addr.arpa", DNS_PTR, "client.test");
	dns_script_a(names, "client.test", "0.0.0.0");
	dns_script_hold(names, true);
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	expect("Subject: x\r\n\r\n.\r\n", "250");
	assert_true(
	    str_find(buf_view(&stored), STR("from c.test (unknown [192.0.2.9])")) < stored.n);
	dns_script_hold(names, false);
	turn();
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	expect("Subject: x\r\n\r\n.\r\n", "250");
	assert_true(
	    str_find(buf_view(&stored), STR("from c.test (client.test [192.0.2.9])")) < stored.n);
	leave();
	dns_script_hold(names, true);
	connect_to("smtp");
	leave(); /* with a question under way */
	dns_script_hold(names, false);
	turn();
}

/* Each way of cutting a session in two gives the same replies. */
static void
every_split_of_a_session(void **state)
{
	static const char all[] =
	    OPENING "DATA\r\nSubject: x\r\n\r\n.\r\n"
		    "MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\n"
		    "BDAT 5\r\nA: b\n\r\nBDAT 6\r\nA: b\r\nRSET\r\nNOOP\r\nQUIT\r\n";

	(void)state;
	for (size_t at = 1; at < sizeof(all) - 1; at++) {
		connect_to("smtp");
		say(str_of(all, at));
		say(str_of(all + at, sizeof(all) - 1 - at));
		assert_string_equal(
		    codes(), "220 250 250 250 354 250 250 250 550 500 503 250 250 221");
		leave();
	}
}

static void
replies_keep_their_order(void **state)
{
	(void)state;
	authd_waits = true;
	connect_to("smtp");
	expect(OPENING "RCPT TO:<nobody@here.test>\r\nRCPT TO:<carol@here.test>\r\n"
		       "RCPT TO:<bad>\r\nRCPT TO:<x@else.test>\r\nDATA\r\n",
	    "220 250 250");
	assert_int_equal(nwaiting, 4);
	/* The last answers first. */
	for (unsigned i = 4; i-- > 1;)
		answer(i);
	turn();
	assert_string_equal(codes(), "");
	answer(0);
	turn();
	assert_string_equal(codes(), "250 550 250 501 550 354");
	expect("x\r\n.\r\n", "250");
	assert_int_equal(env.nrcpts, 2);
	/* With several recipients none is named. */
	assert_int_equal(str_find(buf_view(&stored), STR("for <")), stored.n);
	leave();
}

static void
answers_are_remembered(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING "RSET\r\nMAIL FROM:<b@x.test>\r\nRCPT TO:<bob@here.test>\r\n",
	    "220 250 250 250 250 250 250");
	assert_int_equal(nwaiting, 1);
	answers_forget();
	expect("RSET\r\nMAIL FROM:<b@x.test>\r\nRCPT TO:<bob@here.test>\r\n", "250 250 250");
	assert_int_equal(nwaiting, 2);
	leave();
}

static void
recipients_are_limited_and_folded(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\nMAIL FROM:<>\r\n", "220 250 250");
	expect("RCPT TO:<u1@here.test>\r\nRCPT TO:<U1@HERE.test>\r\nRCPT TO:<u2@here.test>\r\n"
	       "RCPT TO:<u3@here.test>\r\nRCPT TO:<u4@here.test>\r\nRCPT TO:<u5@here.test>\r\n"
	       "RCPT TO:<u6@here.test>\r\nDATA\r\n",
	    "250 250 250 250 250 250 452 354");
	expect("x\r\n.\r\n", "250");
	assert_int_equal(env.nrcpts, 5);
	leave();
}

static void
the_order_of_commands(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "220 503 503 503");
	expect("EHLO c\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\n", "250 503 250 503 554");
	leave();
	connect_to("smtp");
	expect("HELO c\r\nRCPT TO:<bob@here.test>\r\nBDAT 3 LAST\r\nabcNOOP\r\n",
	    "220 250 503 503 250");
	expect("EHLO c\r\nAUTH PLAIN AAAA\r\nSTARTTLS\r\nVRFY x\r\nEXPN x\r\nHELP\r\nNOOP x\r\n",
	    "250 502 454 252 502 214 250");
	leave();
}

static void
bad_endings_refuse_the_message(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	expect("a\n.\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nb\r\n.\r\n",
	    "550");
	assert_int_equal(committed, 0);
	/* The transaction is over, the session goes on. */
	expect("DATA\r\nNOOP\r\n", "503 250");
	leave();
}

static void
size_is_limited(void **state)
{
	static char big[1100000];

	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\nMAIL FROM:<> SIZE=1048577\r\nMAIL FROM:<> SIZE=1048576\r\n",
	    "220 250 552 250");
	expect("RCPT TO:<bob@here.test>\r\nDATA\r\n", "250 354");
	memset(big, 'x', sizeof(big));
	for (size_t i = 98; i < sizeof(big); i += 100)
		memcpy(big + i, "\r\n", 2);
	memcpy(big, "A: b\r\n\r\n", 8);
	say(str_of(big, sizeof(big)));
	expect("\r\n.\r\n", "552");
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	say(str_of(big, 900000));
	expect("\r\n.\r\n", "250");
	assert_int_equal(committed, 1);
	assert_int_equal(commit_answer, MSG_SPOOL_COMMIT_LARGE_R);
	assert_memory_equal(stored.p + stored.n - 900002, big, 900000);
	/* Small ones come in a packet, those between in a memory file. */
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	say(str_of(big, 15000));
	expect("\r\n.\r\n", "250");
	assert_int_equal(commit_answer, MSG_SPOOL_PUT_R);
	assert_memory_equal(stored.p + stored.n - 15002, big, 15000);
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	say(str_of(big, IPC_INLINE_MAX));
	expect("\r\n.\r\n", "250");
	assert_int_equal(commit_answer, MSG_SPOOL_COMMIT_R);
	assert_memory_equal(stored.p + stored.n - IPC_INLINE_MAX - 2, big, IPC_INLINE_MAX);
	leave();
}

static void
headers_are_limited(void **state)
{
	static char big[20000];

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "A: ", 3);
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	say(str_of(big, 9000));
	expect("\r\n\r\n.\r\n", "552");
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	for (int i = 0; i < 7; i++)
		say(STR("Received: x\r\n"));
	expect("\r\n.\r\n", "554");
	leave();
}

static void
chunks_make_a_message(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING "BDAT 6\r\nA: b\r\nBDAT 0\r\nDATA\r\nRCPT TO:<carol@here.test>\r\nBDAT 5 "
		       "LAST\r\n\r\n.\r\n",
	    "220 250 250 250 250 250 503 503 250");
	assert_true(str_ends(buf_view(&stored), STR("A: b\r\n\r\n.\r\n")));
	expect("BDAT 3 LAST\r\nabcNOOP\r\n", "503 250");
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nBDAT 2\r\na\nBDAT 1\r\nxBDAT 1 "
	       "LAST\r\nxRSET\r\n",
	    "250 250 550 503 503 250");
	leave();
}

static void
nothing_is_acknowledged_early(void **state)
{
	(void)state;
	queue_waits = true;
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	expect("x\r\n.\r\nNOOP\r\n", "");
	assert_int_equal(committed, 1);
	ipc_reply_ok(queue, commit_id, commit_answer);
	turn();
	assert_string_equal(codes(), "250 250");
	leave();
	/* The client goes away meanwhile. */
	connect_to("smtp");
	expect(OPENING "DATA\r\nx\r\n.\r\n", "220 250 250 250 354");
	leave();
	ipc_reply_ok(queue, commit_id, commit_answer);
	turn();
}

static void
trouble_of_the_queue(void **state)
{
	static const struct {
		enum err_code code;
		const char *want;
	} rows[] = {
	    {E_NOSPACE, "452"}, {E_LIMIT, "452"}, {E_TEMP, "451"}, {E_IO, "451"}, {E_PERM, "554"}};

	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\n", "220 250");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue_error.code = rows[i].code;
		expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
		expect("x\r\n.\r\n", rows[i].want);
		clock_advance(1100);
		turn();
	}
	/* A full disk is told before the next message is sent. */
	queue_error.code = E_NOSPACE;
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	expect("x\r\n.\r\n", "452");
	expect("MAIL FROM:<>\r\n", "452");
	clock_advance(1100);
	turn();
	expect("MAIL FROM:<>\r\n", "250");
	leave();
}

static void
channels_that_are_away(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\nMAIL FROM:<>\r\n", "220 250 250");
	ipc_free(&authd);
	turn();
	say(STR("RCPT TO:<bob@here.test>\r\n"));
	clock_advance(30000);
	turn();
	clock_advance(30000);
	turn();
	assert_string_equal(codes(), "451");
	expect("NOOP\r\n", "250");
	leave();
}

static void
errors_have_an_end(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("X\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\n",
	    "220 500 500 500 500 500 500 500 500 421");
	leave();
	connect_to("smtp");
	expect("GET / HTTP/1.0\r\nHost: x\r\nMAIL FROM:<>\r\n\r\n", "220 554");
	leave();
}

static void
over_long_lines(void **state)
{
	static char big[9000];

	(void)state;
	memset(big, 'x', sizeof(big));
	connect_to("smtp");
	say(str_of(big, sizeof(big)));
	expect("\r\nNOOP\r\nNOOP\n\rNOOP\r\n", "220 500 250 500 500");
	leave();
}

static void
silence_is_cut(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\n", "220 250");
	clock_advance(299000);
	turn();
	assert_string_equal(codes(), "");
	expect("NOOP\r\n", "250");
	clock_advance(299000);
	turn();
	assert_string_equal(codes(), "");
	clock_advance(2000);
	turn();
	assert_string_equal(codes(), "421");
	leave();
}

static void
a_session_has_an_end(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\n", "220 250");
	for (int minutes = 4; minutes < 120; minutes += 4) {
		clock_advance(4 * 60000);
		turn();
		expect("NOOP\r\n", "250");
	}
	clock_advance(4 * 60000);
	turn();
	assert_string_equal(codes(), "421");
	leave();
}

static void
draining_lets_transactions_finish(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	draining = true;
	session_drain_all();
	assert_false(drained);
	expect("x\r\n.\r\n", "250 421");
	leave();
	assert_true(drained);
}

static void
draining_ends_the_idle(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO c\r\n", "220 250");
	draining = true;
	session_drain_all();
	turn();
	assert_string_equal(codes(), "421");
	leave();
	assert_true(drained);
}

/* RFC 5321 3.8: not without a word, however long it is given. */
static void
who_drains_for_too_long_is_told(void **state)
{
	(void)state;
	connect_to("smtp");
	expect(OPENING, "220 250 250 250");
	draining = true;
	session_drain_all();
	turn();
	assert_string_equal(codes(), "");
	session_overdue();
	turn();
	assert_string_equal(codes(), "421");
	leave();
	assert_true(drained);
}

static void
half_a_close_still_gets_its_replies(void **state)
{
	(void)state;
	queue_waits = true;
	connect_to("smtp");
	assert_true(send(client, OPENING "DATA\r\nx\r\n.\r\n", strlen(OPENING) + 12, 0) > 0);
	shutdown(client, SHUT_WR);
	turn();
	assert_string_equal(codes(), "220 250 250 250 354");
	ipc_reply_ok(queue, commit_id, commit_answer);
	turn();
	assert_string_equal(codes(), "250");
	leave();
}

static void
submission_wants_authentication(void **state)
{
	(void)state;
	connect_to("submission");
	expect(
	    "EHLO c\r\nMAIL FROM:<a@here.test>\r\nRCPT TO:<bob@here.test>\r\n", "220 250 530 503");
	expect("AUTH PLAIN AGEAYg==\r\nMAIL FROM:<alice@here.test>\r\nRCPT "
	       "TO:<bob@here.test>\r\nDATA\r\n",
	    "235 250 250 354");
	expect("x\r\n.\r\n", "250");
	assert_true(str_eq_z(env.user, "alice@here.test"));
	assert_int_equal(env.flags & ENVELOPE_SUBMITTED, ENVELOPE_SUBMITTED);
	leave();
}

/* What the header says is asked while the text still comes; nothing is committed before the
 * answers. */
static void
authors_are_checked(void **state)
{
	(void)state;
	connect_to("submission");
	expect("EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<alice@here.test>\r\nRCPT "
	       "TO:<bob@here.test>\r\nDATA\r\n",
	    "220 250 235 250 250 354");
	authd_waits = true;
	nwaiting = 0;
	expect("From: alice+1@here.test\r\nSender: alice+2@here.test\r\n\r\nx\r\n.\r\n", "");
	assert_int_equal(nwaiting, 2);
	assert_int_equal(committed, 0);
	answer(1);
	turn();
	assert_int_equal(committed, 0);
	answer(0);
	turn();
	assert_string_equal(codes(), "250");
	nwaiting = 0;
	expect(
	    "MAIL FROM:<alice+1@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	expect("From: bob@here.test\r\n\r\nx\r\n.\r\n", "");
	answer(0);
	turn();
	assert_string_equal(codes(), "550");
	assert_int_equal(committed, 1);
	leave();
	/* The client leaves while an answer is awaited. */
	connect_to("submission");
	say(STR("EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<alice@here.test>\r\nRCPT "
		"TO:<bob@here.test>\r\nDATA\r\n"
		"From: bob@here.test\r\n\r\nx\r\n.\r\n"));
	leave();
	answer(0);
	turn();
}

static void
a_refused_mail_leaves_nothing(void **state)
{
	(void)state;
	connect_to("submission");
	expect("EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<bob@here.test> SMTPUTF8 RET=FULL "
	       "ENVID=1 SIZE=5\r\n",
	    "220 250 235 550");
	expect("MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n", "250 250 354");
	expect("x\r\n.\r\n", "250");
	assert_int_equal(env.flags, ENVELOPE_SUBMITTED);
	assert_int_equal(env.ret, RET_NONE);
	assert_int_equal(env.envid.n, 0);
	leave();
}

static void
an_abandoned_file_is_given_back(void **state)
{
	static char big[400000];

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t i = 98; i < sizeof(big); i += 100)
		memcpy(big + i, "\r\n", 2);
	memcpy(big, "A: b\r\n\r\n", 8);
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	say(str_of(big, sizeof(big)));
	assert_int_equal(aborted, 0);
	leave();
	assert_int_equal(aborted, 1);
	/* A message that turns out bad is given back at once. */
	connect_to("smtp");
	expect(OPENING "DATA\r\n", "220 250 250 250 354");
	say(str_of(big, sizeof(big)));
	say(STR("\n"));
	assert_int_equal(aborted, 2);
	expect("\r\n.\r\n", "550");
	leave();
	assert_int_equal(committed, 0);
}

static void
names_and_addresses(void **state)
{
	(void)state;
	connect_to("smtp");
	expect("EHLO\r\nEHLO a b\r\nEHLO <x>\r\nHELO [192.0.2.1]\r\n", "220 501 501 501 250");
	expect("MAIL FROM:<a@\xc3\xa9.test>\r\nMAIL FROM:<a@\xc3\xa9.test> SMTPUTF8\r\nRSET\r\n",
	    "553 250 250");
	expect("MAIL FROM:<a@x.test> BODY=BINARYMIME\r\nMAIL FROM:<a@x.test> FOO=1\r\n", "501 555");
	expect(
	    "MAIL FROM:<a@x.test>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<\"bob@else\"@here.test>\r\n",
	    "250 550 250");
	assert_string_equal(asked[0], "postmaster@mail.here.test");
	leave();
}

#define FROM_CRON "MAIL FROM:<cron@mail.here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"

static void
a_program_is_known_from_the_start(void **state)
{
	(void)state;
	connect_as("local", "cron@mail.here.test", false);
	say(STR("EHLO localhost\r\n"));
	assert_non_null(strstr(heard.p, "\r\n250-XUSER cron@mail.here.test\r\n"));
	assert_null(strstr(heard.p, "STARTTLS"));
	assert_null(strstr(heard.p, "AUTH"));
	assert_string_equal(codes(), "220 250");
	expect("AUTH PLAIN AGEAYg==\r\nSTARTTLS\r\n", "503 502");
	expect(FROM_CRON "From: cron@mail.here.test\r\n\r\n.\r\n", "250 250 354 250");
	assert_int_equal(committed, 1);
	assert_true(str_eq_z(env.user, "cron@mail.here.test"));
	assert_true(str_eq_z(env.actor, "local"));
	assert_true(str_find(buf_view(&stored), STR("Received: by mail.here.test (GK Mail, from a "
						    "program of cron@mail.here.test)\r\n\tid ")) <
		    stored.n);
	leave();
}

static void
a_program_is_nobody_else(void **state)
{
	(void)state;
	connect_as("local", "cron@mail.here.test", false);
	expect("EHLO localhost\r\n", "220 250");
	expect("MAIL FROM:<bob@here.test>\r\n", "550");
	expect(FROM_CRON "From: bob@here.test\r\n\r\n.\r\n", "250 250 354 550");
	expect(FROM_CRON "From: bob@here.test\r\nSender: bob@here.test\r\n\r\n.\r\n",
	    "250 250 354 550");
	assert_int_equal(committed, 0);
	/* Who says who it is may write for another (RFC 5322 3.6.2). */
	expect(FROM_CRON "From: bob@here.test\r\nSender: cron@mail.here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	leave();
	connect_as("local", "root@mail.here.test", true);
	say(STR("EHLO localhost\r\n"));
	assert_non_null(strstr(heard.p, "250-XUSER root@mail.here.test ANY\r\n"));
	buf_reset(&heard);
	expect("MAIL FROM:<bob@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: carol@here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	leave();
}

/* ---- the owner of a mailbox ---- */

static void
an_owner_sends_as_its_user(void **state)
{
	(void)state;
	connect_as("owner", "alice@here.test", false);
	say(STR("EHLO localhost\r\n"));
	assert_null(strstr(heard.p, "STARTTLS"));
	assert_null(strstr(heard.p, "AUTH"));
	assert_null(strstr(heard.p, "XUSER"));
	assert_string_equal(codes(), "220 250");
	expect("MAIL FROM:<bob@here.test>\r\n", "550");
	expect("MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: bob@here.test\r\nSender: alice@here.test\r\n\r\n.\r\n",
	    "250 250 354 550");
	assert_int_equal(committed, 0);
	expect("MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: alice@here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	assert_true(str_eq_z(env.user, "alice@here.test"));
	assert_true(str_eq_z(env.actor, "jmap"));
	assert_true(env.flags & ENVELOPE_SUBMITTED);
	assert_int_equal(env.release, 0);
	/* Who wrote it stands in From: nothing else tells of the account. */
	assert_true(str_find(buf_view(&stored), STR("Received: by mail.here.test (GK Mail, from a "
						    "mailbox here)\r\n\tid ")) < stored.n);
	/* The answer of who is away has no sender, and is still its user's. */
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: bob@here.test\r\n\r\n.\r\n",
	    "250 250 354 550");
	expect("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: alice@here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	assert_true(str_eq_z(env.actor, "vacation"));
	leave();
}

/* RFC 4865: on submission alone, within what is announced. */
static void
users_may_have_messages_wait(void **state)
{
	int64_t now = clock_wall_us();

	(void)state;
	connect_as("owner", "alice@here.test", false);
	say(STR("EHLO localhost\r\n"));
	assert_non_null(strstr(heard.p, "\r\n250-FUTURERELEASE 2592000 20"));
	assert_string_equal(codes(), "220 250");
	expect("MAIL FROM:<alice@here.test> HOLDFOR=2592001\r\n", "501");
	expect("MAIL FROM:<alice@here.test> HOLDUNTIL=2999-01-01T00:00:00Z\r\n", "501");
	expect("MAIL FROM:<alice@here.test> HOLDFOR=1 HOLDFOR=2\r\n", "501");
	expect("MAIL FROM:<alice@here.test> HOLDFOR=3600\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
	       "From: alice@here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	assert_in_range(env.release, now + 3600000000, now + 3660000000);
	/* It is of that message alone; what has passed is now. */
	expect("MAIL FROM:<alice@here.test> HOLDUNTIL=2020-01-01T00:00:00Z\r\n"
	       "RCPT TO:<bob@here.test>\r\nDATA\r\nFrom: alice@here.test\r\n\r\n.\r\n",
	    "250 250 354 250");
	assert_int_equal(env.release, 0);
	leave();
	connect_to("smtp");
	say(STR("EHLO c\r\n"));
	assert_null(strstr(heard.p, "FUTURERELEASE"));
	assert_string_equal(codes(), "220 250");
	expect("MAIL FROM:<a@b.test> HOLDFOR=60\r\n", "555");
	leave();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_session_in_one_write),
	    TEST(the_name_of_a_client),
	    TEST(every_split_of_a_session),
	    TEST(replies_keep_their_order),
	    TEST(answers_are_remembered),
	    TEST(recipients_are_limited_and_folded),
	    TEST(the_order_of_commands),
	    TEST(bad_endings_refuse_the_message),
	    TEST(size_is_limited),
	    TEST(headers_are_limited),
	    TEST(chunks_make_a_message),
	    TEST(nothing_is_acknowledged_early),
	    TEST(trouble_of_the_queue),
	    TEST(channels_that_are_away),
	    TEST(errors_have_an_end),
	    TEST(over_long_lines),
	    TEST(silence_is_cut),
	    TEST(a_session_has_an_end),
	    TEST(draining_lets_transactions_finish),
	    TEST(draining_ends_the_idle),
	    TEST(who_drains_for_too_long_is_told),
	    TEST(half_a_close_still_gets_its_replies),
	    TEST(submission_wants_authentication),
	    TEST(authors_are_checked),
	    TEST(a_refused_mail_leaves_nothing),
	    TEST(an_abandoned_file_is_given_back),
	    TEST(names_and_addresses),
	    TEST(a_program_is_known_from_the_start),
	    TEST(a_program_is_nobody_else),
	    TEST(an_owner_sends_as_its_user),
	    TEST(users_may_have_messages_wait),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
