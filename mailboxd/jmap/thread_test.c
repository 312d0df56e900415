/*
 * thread_test.c - tests of Threads: RFC 8621 3.
 */
#include "mailboxd/jmap/jmap_test_in.h"
#include "store/email.h"

#define FIRST  "Subject: s\r\nMessage-ID: <1@x>\r\n\r\ntext\r\n"
#define ANSWER "Subject: Re: s\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\nx\r\n"
#define OTHER  "Subject: other\r\nMessage-ID: <3@x>\r\n\r\ntext\r\n"

static const char *
email(const char *mailbox, uint32_t uid)
{
	char id[EMAIL_TEXT_SIZE];

	email_text(mailbox_get(box(mailbox), uid)->email, EMAIL_LETTER, id);
	return arena_dupz(&scratch, str_z(id));
}

static const char *
thread_of(const char *mailbox, uint32_t uid)
{
	char id[EMAIL_TEXT_SIZE];
	uint64_t thread;

	assert_int_equal(mailbox_thread(box(mailbox), uid, &thread, &err), 0);
	email_text(thread, THREAD_LETTER, id);
	return arena_dupz(&scratch, str_z(id));
}

static const char *
state_now(void)
{
	call("Thread/get", "{\"ids\":[]}");
	return arena_dupz(&scratch, str_at("/state"));
}

static void
set_flags(const char *mailbox, uint32_t uid, enum store_mode mode, uint32_t flags)
{
	const struct flag_set set = {.flags = flags};

	assert_int_equal(mailbox_store(box(mailbox), &uid, 1, mode, &set, UINT64_MAX, &by_test,
			     &scratch, NULL, &err),
	    0);
}

static void
changes_since(const char *since, const char *created, const char *updated, const char *destroyed)
{
	call("Thread/changes", arena_printf(&scratch, "{\"sinceState\":\"%s\"}", since).p);
	expect("/created", created);
	expect("/updated", updated);
	expect("/destroyed", destroyed);
	expect("/hasMoreChanges", "false");
	expect("/updatedProperties", "");
}

static const char *
list(const char *id)
{
	return arena_printf(&scratch, "[\"%s\"]", id).p;
}

static void
test_get(void **state)
{
	const char *t, *e1, *e2;

	(void)state;
	e1 = email("INBOX", append("INBOX", FIRST, 0));
	e2 = email("Sent", append("Sent", ANSWER, 0));
	t = thread_of("INBOX", 1);
	call("Thread/get",
	    arena_printf(&scratch, "{\"ids\":[\"%s\",\"t0000000000001\",\"x\"]}", t).p);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list")), 1);
	expect("/list/0/id", arena_printf(&scratch, "\"%s\"", t).p);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/list/0/emailIds")), 2);
	assert_true(str_find(buf_view(&text), str_z(e1)) < text.n);
	assert_true(str_find(buf_view(&text), str_z(e2)) < text.n);
	expect("/notFound", "[\"t0000000000001\",\"x\"]");
	call("Thread/get", arena_printf(&scratch, "{\"ids\":[\"%s\"],\"properties\":[]}", t).p);
	expect("/list/0", arena_printf(&scratch, "{\"id\":\"%s\"}", t).p);
	call("Thread/get", "{}");
	expect("/type", "\"requestTooLarge\"");
}

static void
test_changes(void **state)
{
	const char *s0, *s1, *s2, *s3, *t, *other;
	uint32_t first, answer_uid;

	(void)state;
	s0 = state_now();
	first = append("INBOX", FIRST, 0);
	t = thread_of("INBOX", first);
	s1 = state_now();
	changes_since(s0, list(t), "[]", "[]");
	answer_uid = append("Sent", ANSWER, 0);
	other = thread_of("INBOX", append("INBOX", OTHER, 0));
	changes_since(s1, list(other), list(t), "[]");
	changes_since(s0, arena_printf(&scratch, "[\"%s\",\"%s\"]", t, other).p, "[]", "[]");
	s2 = state_now();
	set_flags("INBOX", first, STORE_ADD, FLAG_SEEN | FLAG_FLAGGED);
	assert_string_equal(state_now(), s2);
	/* What is \Deleted is not there (model.h). */
	set_flags("INBOX", first, STORE_ADD, FLAG_DELETED);
	changes_since(s2, "[]", list(t), "[]");
	set_flags("Sent", answer_uid, STORE_ADD, FLAG_DELETED);
	changes_since(s2, "[]", "[]", list(t));
	s3 = state_now();
	set_flags("Sent", answer_uid, STORE_REMOVE, FLAG_DELETED);
	changes_since(s2, "[]", list(t), "[]");
	changes_since(s3, list(t), "[]", "[]");
	/* The first goes for good: an old thread still, with a new answer only. */
	assert_int_equal(mailbox_expunge(box("INBOX"), NULL, SIZE_MAX, &by_test, &err), 0);
	changes_since(s1, list(other), list(t), "[]");
	close_all();
	open_all();
	changes_since(s1, list(other), list(t), "[]");
}

/* A deleted mailbox takes its emails along. */
static void
test_changes_of_mailbox(void **state)
{
	const char *s0, *t;
	struct mailbox *mb;
	uint32_t uid;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &by_test, &mb, &err), 0);
	uid = append("Work", FIRST, 0);
	t = thread_of("Work", uid);
	s0 = state_now();
	assert_int_equal(home_delete(home, STR("Work"), &by_test, &err), 0);
	changes_since(s0, "[]", "[]", list(t));
}

/* Where the steps of a client end, there is what was there then (RFC 8620 5.2). */
static void
step(const char **since, const char *created, const char *updated, const char *destroyed)
{
	call("Thread/changes",
	    arena_printf(&scratch, "{\"sinceState\":\"%s\",\"maxChanges\":1}", *since).p);
	expect("/created", created);
	expect("/updated", updated);
	expect("/destroyed", destroyed);
	*since = arena_dupz(&scratch, str_at("/newState"));
}

static void
test_gone_and_back(void **state)
{
	const char *s0, *since, *t, *other;
	struct mailbox *mb;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &by_test, &mb, &err), 0);
	t = thread_of("Work", append("Work", FIRST, 0));
	s0 = since = state_now();
	assert_int_equal(home_delete(home, STR("Work"), &by_test, &err), 0);
	other = thread_of("INBOX", append("INBOX", OTHER, 0));
	append("INBOX", ANSWER, 0);
	assert_string_equal(thread_of("INBOX", 2), t);
	step(&since, "[]", "[]", list(t));
	step(&since, list(other), "[]", "[]");
	step(&since, list(t), "[]", "[]");
	changes_since(s0, list(other), list(t), "[]");
}

/* What was hidden is nothing that a client has, wherever it has been moved. */
static void
test_hidden(void **state)
{
	const char *since, *t;
	struct mailbox *mb;
	struct copy_result moved;
	uint32_t uid;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &by_test, &mb, &err), 0);
	uid = append("INBOX", FIRST, FLAG_DELETED);
	t = thread_of("INBOX", uid);
	since = state_now();
	assert_int_equal(
	    mailbox_move(box("INBOX"), &uid, 1, mb, &by_test, &scratch, &moved, &err), 0);
	changes_since(since, "[]", "[]", "[]");
	append("INBOX", ANSWER, 0);
	changes_since(since, list(t), "[]", "[]");
	assert_int_equal(mailbox_expunge(mb, NULL, SIZE_MAX, &by_test, &err), 0);
	changes_since(since, list(t), "[]", "[]");
	since = state_now();
	append("Work", OTHER, FLAG_DELETED);
	assert_int_equal(home_delete(home, STR("Work"), &by_test, &err), 0);
	changes_since(since, "[]", "[]", "[]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_get, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changes_of_mailbox, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_gone_and_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hidden, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
