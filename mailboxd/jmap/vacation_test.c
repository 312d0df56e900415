/* vacation_test.c - VacationResponse (RFC 8621 8) and to whom an answer is given (RFC 3834). */
#include "mailboxd/jmap/sending_test_in.h"

#include "mail/header.h"
#include "mailboxd/jmap/vacation.h"
#include "store/answered.h"

static bool
own(void *arg, struct str address)
{
	(void)arg;
	return str_ieq_z(address, "alice@example.test");
}

static const char *
judge(const char *fields)
{
	struct vacation_answer w;
	struct str header = arena_printf(&scratch,
	    "%sReceived: x\r\nTo: Alice <alice@example.test>\r\nSubject: hi\r\n\r\n", fields);

	return vacation_judge(header, own, NULL, &scratch, &w);
}

#define PATH "Return-Path: <bob@x.test>\r\n"

static void
programs_and_lists_get_none(void **state)
{
	static const char *const none[] = {"", "Return-Path: <>\r\n",
	    "Return-Path: <alice@example.test>\r\n", "Return-Path: <owner-list@x.test>\r\n",
	    "Return-Path: <list-request@x.test>\r\n", "Return-Path: <MAILER-DAEMON@x.test>\r\n",
	    "Return-Path: <noreply@x.test>\r\n", PATH "Auto-Submitted: auto-replied\r\n",
	    PATH "Auto-Submitted: auto-generated (x)\r\n", PATH "List-Id: <l.x.test>\r\n",
	    PATH "List-Unsubscribe: <mailto:a@b>\r\n", PATH "Precedence: bulk\r\n",
	    PATH "Precedence: list\r\n", PATH "Precedence: junk\r\n",
	    PATH "X-Auto-Response-Suppress: All\r\n", PATH "X-Autoreply: yes\r\n",
	    PATH "Content-Type: multipart/report; report-type=delivery-status\r\n"};
	struct vacation_answer w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_non_null(judge(none[i]));
	assert_null(judge(PATH));
	assert_null(judge(PATH "Auto-Submitted: no\r\n"));
	assert_null(judge(PATH "Precedence: first-class\r\n"));
	/* Whom it does not name it was not sent to. */
	assert_non_null(
	    vacation_judge(STR(PATH "To: team@example.test\r\n\r\n"), own, NULL, &scratch, &w));
	assert_null(vacation_judge(STR(PATH "Cc: team@example.test, alice@example.test\r\n\r\n"),
	    own, NULL, &scratch, &w));
	assert_true(str_eq_z(w.from, "alice@example.test"));
	assert_true(str_eq_z(w.to, "bob@x.test"));
	assert_null(vacation_judge(STR(PATH "To: alice@example.test\r\nMessage-ID: <3@x>\r\n"
					    "References: <1@x> <2@x>\r\n\r\n"),
	    own, NULL, &scratch, &w));
	assert_true(str_eq_z(w.id, "3@x"));
	assert_true(str_eq_z(w.references, "<1@x> <2@x> <3@x>"));
}

static void
there_is_one_object(void **state)
{
	(void)state;
	call("VacationResponse/get", "{}");
	expect("/list/0", "{\"id\":\"singleton\",\"isEnabled\":false,\"fromDate\":null,"
			  "\"toDate\":null,\"subject\":null,\"textBody\":null,\"htmlBody\":null}");
	call("VacationResponse/set",
	    "{\"update\":{\"singleton\":{\"isEnabled\":true,"
	    "\"textBody\":\"gone\",\"toDate\":\"2099-01-01T00:00:00Z\"}}}");
	expect("/notUpdated", "null");
	assert_int_equal(access(ANSWERED_PATH, F_OK), 0);
	call("VacationResponse/get", "{\"ids\":[\"singleton\"],\"properties\":[\"textBody\"]}");
	expect("/list/0/textBody", "\"gone\"");
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"subject\":7}}}");
	expect("/notUpdated/singleton/properties", "[\"subject\"]");
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"fromDate\":\"soon\"}}}");
	expect("/notUpdated/singleton/type", "\"invalidProperties\"");
	call("VacationResponse/set", "{\"create\":{\"k\":{}},\"destroy\":[\"singleton\"]}");
	expect("/notCreated/k/type", "\"singleton\"");
	expect("/notDestroyed/singleton/type", "\"singleton\"");
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"isEnabled\":false}}}");
	assert_int_equal(access(ANSWERED_PATH, F_OK), -1);
}

/* As gk-local puts it there. */
static void
deliver(const char *message)
{
	static unsigned n;
	char path[200];
	FILE *f;

	(void)snprintf(path, sizeof path, "Maildir/new/%u.01hx7h5k2mabcdef%04u.host.test,S=%zu",
	    1700000000 + n, n, strlen(message));
	n++;
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(message, 1, strlen(message), f), strlen(message));
	fclose(f);
	home_delivered(home);
}

#define MAIL                                                                                  \
	"Return-Path: <bob@x.test>\r\nTo: info@example.test\r\nFrom: bob@x.test\r\nSubject: " \
	"question\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n"

static void
spin(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		loop_once(1);
}

static bool
said(const char *what)
{
	return str_find(buf_view(&world.message), str_z(what)) < world.message.n;
}

static void
a_sender_is_answered_once(void **state)
{
	(void)state;
	append("INBOX", MAIL, 0);
	call("VacationResponse/set",
	    "{\"update\":{\"singleton\":{\"isEnabled\":true,\"textBody\":\"gone fishing\"}}}");
	/* What the user puts there, and what was there, is not answered. */
	append("INBOX", MAIL, 0);
	spin(50);
	assert_int_equal(world.messages, 0);
	deliver(MAIL);
	for (unsigned i = 0; i < 1000 && world.messages == 0; i++)
		loop_once(1);
	assert_int_equal(world.messages, 1);
	assert_string_equal(world.commands, "MAIL FROM:<>\nRCPT TO:<bob@x.test>\n");
	assert_true(said("From: <info@example.test>\r\n"));
	assert_true(said("To: <bob@x.test>\r\n"));
	assert_true(said("Subject: Auto: question\r\n"));
	assert_true(said("In-Reply-To: <1@x.test>\r\n"));
	assert_true(said("References: <1@x.test>\r\n"));
	assert_true(said("Auto-Submitted: auto-replied (vacation)\r\n"));
	assert_true(said("gone fishing"));
	deliver(MAIL);
	spin(100);
	assert_int_equal(world.messages, 1);
	assert_false(jmap_vacation_is_busy(jmap));
	/* Not by the next owner either, nor of what came while there was none. */
	close_all();
	open_all();
	jmap->host.outside = &fake_outside;
	spin(100);
	assert_int_equal(world.messages, 1);
	deliver("Return-Path: <carol@x.test>\r\nTo: alice@example.test\r\n\r\n");
	for (unsigned i = 0; i < 1000 && world.messages == 1; i++)
		loop_once(1);
	assert_int_equal(world.messages, 2);
	/* After a week it may be told again. */
	spin(50);
	clock_advance(8ull * 86400 * 1000);
	deliver(MAIL);
	for (unsigned i = 0; i < 1000 && world.messages == 2; i++)
		loop_once(1);
	assert_int_equal(world.messages, 3);
}

static void
outside_its_dates_nobody_is(void **state)
{
	(void)state;
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"isEnabled\":true,"
				     "\"fromDate\":\"2099-01-01T00:00:00Z\"}}}");
	deliver(MAIL);
	spin(100);
	assert_int_equal(world.messages, 0);
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"fromDate\":null,"
				     "\"toDate\":\"2020-01-01T00:00:00Z\"}}}");
	deliver(MAIL);
	spin(100);
	assert_int_equal(world.messages, 0);
	/* What came then is not answered later. */
	call("VacationResponse/set", "{\"update\":{\"singleton\":{\"toDate\":null}}}");
	spin(100);
	assert_int_equal(world.messages, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)
	const struct CMUnitTest tests[] = {
	    TEST(programs_and_lists_get_none),
	    TEST(there_is_one_object),
	    TEST(a_sender_is_answered_once),
	    TEST(outside_its_dates_nobody_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
