/* email_test.c - numbers of emails, and their threads. */
#include "db/db.h"
#include "store/home_test_in.h"

#define BODY "\r\nhello\r\n"

static struct str
number_text(const char *base)
{
	char text[EMAIL_TEXT_SIZE];

	return arena_dup(&scratch, str_z(email_text(email_number(str_z(base)), 'e', text)));
}

static void
numbers_follow_from_names(void **state)
{
	char base[MAILDIR_NAME_SIZE], text[EMAIL_TEXT_SIZE];
	struct str one = number_text("1700000000.1m827myh2s6q0cr10xmk.host.test,S=5"), other;

	(void)state;
	/* The id counts, not the time, the host or what others put behind it. */
	other = number_text("1800000000.1m827myh2s6q0cr10xmk.else,S=5,W=6");
	assert_true(str_eq(one, other));
	assert_false(str_eq(one, number_text("1700000000.1m827myh2s6q0cr10xmm.host.test,S=5")));
	/* A copy says whose it is. */
	maildir_base_copy(base, 1, STR("1m827myh2s6q0cr10xmz"), STR("h"), one, 5);
	assert_true(str_eq(one, number_text(base)));
	/* Names of other programs stand for themselves; a text that is none counts as no copy. */
	assert_false(str_eq(number_text("1700000000.M1P2.h"), number_text("1700000000.M1P2.g")));
	assert_true(str_eq(one, number_text("1700000000.1m827myh2s6q0cr10xmk.h,E=nonsense,S=5")));
	assert_true(email_parse(STR("ezzzzzzzzzzzzz"), 'e') == 0);
	assert_true(email_parse(STR("efzzzzzzzzzzzz"), 'e') == UINT64_MAX);
	assert_string_equal(email_text(UINT64_MAX, 'e', text), "efzzzzzzzzzzzz");
	assert_true(email_parse(STR("t0000000000001"), 'e') == 0);
	assert_true(email_parse(STR("t0000000000001"), 't') == 1);
	assert_true(email_parse(STR("t000000000000"), 't') == 0);
	assert_true(email_parse(STR("t00000000000u1"), 't') == 0);
}

static uint64_t
email_of(const char *name, uint32_t uid)
{
	const struct message *m = mailbox_get(box(name), uid);

	assert_non_null(m);
	return m->email;
}

static void
copies_are_one_email(void **state)
{
	struct copy_result r;
	uint32_t uid, other;
	uint64_t email;

	(void)state;
	uid = append(box("INBOX"), BODY, 0);
	other = append(box("INBOX"), BODY, 0);
	email = email_of("INBOX", uid);
	assert_true(email != 0 && email != email_of("INBOX", other));
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Sent"), &me, &scratch, &r, &err), 0);
	assert_true(email_of("Sent", r.to[0]) == email);
	assert_int_equal(
	    mailbox_move(box("Sent"), r.to, 1, box("Trash"), &me, &scratch, &r, &err), 0);
	assert_true(email_of("Trash", r.to[0]) == email);
	reopen_home();
	assert_true(email_of("INBOX", uid) == email);
	/* The names know it too. */
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	open_home();
	assert_true(email_of("INBOX", uid) == email);
	assert_true(email_of("Trash", r.to[0]) == email);
}

/* As version 2 of the index was. */
static void
take_back(void)
{
	static const char sql[] = "DROP TABLE thread; DELETE FROM fact WHERE name = 'emails';"
				  "ALTER TABLE message DROP COLUMN email;"
				  "ALTER TABLE message DROP COLUMN thread;"
				  "ALTER TABLE tombstone DROP COLUMN email;"
				  "ALTER TABLE change DROP COLUMN email;"
				  "ALTER TABLE change DROP COLUMN thread;"
				  "DROP TABLE object; ALTER TABLE mailbox DROP COLUMN sort;"
				  "DROP INDEX change_agent;"
				  "DROP TABLE imported;"
				  "PRAGMA user_version = 2";
	const struct db_options o = {.sync = DB_SYNC_FULL};
	struct db *db = db_open("db/index.db", &o, &err);

	assert_non_null(db);
	assert_int_equal(db_exec(db, sql, &err), 0);
	db_close(&db);
}

static void
an_older_index_is_numbered(void **state)
{
	uint32_t uids[700], gone;
	uint64_t first, last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		uids[i] = append(box("INBOX"), BODY, 0);
	gone = append(box("INBOX"), BODY, FLAG_DELETED);
	assert_int_equal(mailbox_expunge(box("INBOX"), &gone, 1, &me, &err), 0);
	first = email_of("INBOX", uids[0]);
	last = email_of("INBOX", uids[699]);
	home_close(&home);
	take_back();
	open_home();
	assert_int_equal(box("INBOX")->n, 700);
	assert_true(email_of("INBOX", uids[0]) == first);
	assert_true(email_of("INBOX", uids[699]) == last);
	assert_int_equal(box("INBOX")->messages[0].thread, 0);
}

/* ---- the log ---- */

struct logged {
	struct change v[16];
	size_t n;
};

static bool
note_logged(void *arg, const struct change *c)
{
	struct logged *l = arg;

	if (c->uid != 0 && l->n < ARRAY_LEN(l->v))
		l->v[l->n++] = *c;
	return true;
}

static void
the_log_names_emails_and_threads(void **state)
{
	struct logged l = {.n = 0};
	struct mailbox *mb;
	uint64_t email, thread;
	uint32_t uid;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &me, &mb, &err), 0);
	uid = append(box("Work"), "Message-ID: <a@x>\r\n" BODY, 0);
	email = email_of("Work", uid);
	assert_int_equal(mailbox_thread(mb, uid, &thread, &err), 0);
	/* The thread is known from then on, and the email is expunged with its mailbox. */
	assert_int_equal(home_delete(home, STR("Work"), &me, &err), 0);
	assert_int_equal(change_each(home, 0, note_logged, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0].kind, CHANGE_ADDED);
	assert_true(l.v[0].email == email && l.v[0].thread == 0);
	assert_int_equal(l.v[1].kind, CHANGE_EXPUNGED);
	assert_true(l.v[1].email == email && l.v[1].thread == thread);
}

/* ---- threads ---- */

static uint64_t
thread_of(const char *headers)
{
	struct str text = arena_printf(&scratch, "%s" BODY, headers);
	uint64_t thread = 0;
	uint32_t uid = append(box("INBOX"), text.p, 0);

	assert_int_equal(mailbox_thread(box("INBOX"), uid, &thread, &err), 0);
	assert_true(thread != 0);
	return thread;
}

static void
answers_belong_together(void **state)
{
	uint64_t t = thread_of("Subject: Plans\r\nMessage-ID: <a@x>\r\n");

	(void)state;
	assert_true(
	    t == thread_of("Subject: Re: Plans\r\nMessage-ID: <b@x>\r\nReferences: <a@x>\r\n"));
	assert_true(
	    t == thread_of("Subject: AW: plans\r\nMessage-ID: <c@x>\r\nIn-Reply-To: <b@x>\r\n"));
	assert_true(
	    t == thread_of("Subject: Re: Plans\r\nMessage-ID: <d@x>\r\nReferences: <a@x> <b@x>\r\n"
			   " <c@x>\r\n"));
	/* Another subject, and nothing in common. */
	assert_true(t != thread_of("Subject: Lunch\r\nMessage-ID: <e@x>\r\nReferences: <a@x>\r\n"));
	assert_true(t != thread_of("Subject: Plans\r\nMessage-ID: <f@x>\r\n"));
	assert_true(thread_of("Subject: Plans\r\n") != thread_of("Subject: Plans\r\n"));
}

static void
an_answer_may_come_first(void **state)
{
	uint64_t t =
	    thread_of("Subject: Re: Plans\r\nMessage-ID: <c@x>\r\nReferences: <a@x> <b@x>\r\n");

	(void)state;
	assert_true(t == thread_of("Subject: Plans\r\nMessage-ID: <a@x>\r\n"));
	assert_true(
	    t == thread_of("Subject: Re: Plans\r\nMessage-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\n"));
}

static void
a_copy_is_in_the_same_thread(void **state)
{
	struct copy_result r;
	uint64_t t, copied;
	uint32_t uid;

	(void)state;
	t = thread_of("Subject: Plans\r\nMessage-ID: <a@x>\r\n");
	uid = box("INBOX")->messages[0].uid;
	assert_int_equal(
	    mailbox_move(box("INBOX"), &uid, 1, box("Archive"), &me, &scratch, &r, &err), 0);
	assert_int_equal(mailbox_thread(box("Archive"), r.to[0], &copied, &err), 0);
	assert_true(copied == t);
	reopen_home();
	assert_true(mailbox_get(box("Archive"), r.to[0])->thread == t);
	assert_true(t == thread_of("Subject: Re: Plans\r\nIn-Reply-To: <a@x>\r\n"));
	/* Two that nobody has looked at are one email all the same. */
	uid = append(box("INBOX"), "\r\nno ids", 0);
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Archive"), &me, &scratch, &r, &err), 0);
	assert_int_equal(mailbox_thread(box("Archive"), r.to[0], &copied, &err), 0);
	assert_int_equal(mailbox_thread(box("INBOX"), uid, &t, &err), 0);
	assert_true(copied == t);
}

static void
what_is_gone_has_no_thread(void **state)
{
	uint64_t t;

	(void)state;
	assert_int_equal(mailbox_thread(box("INBOX"), 7, &t, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(numbers_follow_from_names),
	    TEST(copies_are_one_email),
	    TEST(an_older_index_is_numbered),
	    TEST(the_log_names_emails_and_threads),
	    TEST(answers_belong_together),
	    TEST(an_answer_may_come_first),
	    TEST(a_copy_is_in_the_same_thread),
	    TEST(what_is_gone_has_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
