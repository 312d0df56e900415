/*
 * backlog_test.c - a home that was there before anybody used threads: what is answered at once,
 * that it is right, and that a client which follows /changes ends with what there is.
 */
#include "mailboxd/jmap/backlog.h"
#include "mailboxd/jmap/jmap_test_in.h"
#include "mailboxd/jmap/model.h"
#include "store/email.h"

#define TALKS  40u
#define ROUNDS 5u /* emails of each, one round after the other */
#define ALL    (TALKS * ROUNDS)

static const char *
message(unsigned talk, unsigned round)
{
	struct str before = round == 0 ? STR("")
				       : arena_printf(&scratch,
					     "References: <%u.0@x>\r\nIn-Reply-To: <%u.%u@x>\r\n",
					     talk, talk, round - 1);

	return arena_printf(&scratch,
	    "Subject: %stalk %u\r\nMessage-ID: <%u.%u@x>\r\n" STR_FMT "\r\ntext\r\n",
	    round ? "Re: " : "", talk, talk, round, STR_ARG(before))
	    .p;
}

/* Mail of other hands. */
static void
put_file(unsigned talk, unsigned round)
{
	const char *octets = message(talk, round);
	struct str path = arena_printf(&scratch, "Maildir/cur/%u.f%03u.host,S=%zu:2,",
	    1700000000 + round * 1000 + talk, round * TALKS + talk, strlen(octets));
	int fd = open(path.p, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, strlen(octets)), strlen(octets));
	close(fd);
}

/* One that comes now, the newest. */
static uint32_t
say(unsigned talk, unsigned round)
{
	const char *octets = message(talk, round);
	struct append *ap = append_new(home, strlen(octets), &err);
	const struct flag_set set = {0};
	uint32_t uid = 0;

	assert_non_null(ap);
	assert_int_equal(append_write(ap, str_z(octets), &err), 0);
	assert_int_equal(
	    append_finish(&ap, box("INBOX"), &set, 1800000000, &by_test, &uid, &err), 0);
	return uid;
}

/* As after an upgrade, or with an index made anew: messages without threads, and JMAP for the first
 * time. Nothing is found unless it is asked for, before finish(). */
static int
setup_old(void **state)
{
	if (setup(state) < 0)
		return -1;
	close_all();
	assert_int_equal(unlink("db/index.db"), 0);
	for (unsigned n = 0; n < ALL; n++)
		put_file(n % TALKS, n / TALKS);
	jmap_backlog_after_ms = 3600000;
	open_all();
	return 0;
}

static const char *
email(unsigned talk, unsigned round)
{
	char id[EMAIL_TEXT_SIZE];

	email_text(mailbox_get(box("INBOX"), round * TALKS + talk + 1)->email, EMAIL_LETTER, id);
	return arena_dupz(&scratch, str_z(id));
}

static bool
all_known(void)
{
	return jmap_model_threads_are_known(jmap->model);
}

/* The idle time comes. */
static void
finish(void)
{
	jmap_backlog_after_ms = 0;
	jmap_backlog_resume(jmap);
	for (unsigned i = 0; i < 10000 && home_threads_left(home); i++)
		loop_once(1);
	assert_false(home_threads_left(home));
	assert_true(all_known());
	assert_int_equal(home_flush(home, &err), 0);
	jmap_backlog_after_ms = 3600000;
}

/* The ids at a pointer of the answer, one after the other. */
static const char *
ids_at(const char *pointer)
{
	struct str out = STR("");
	const cJSON *v;

	cJSON_ArrayForEach(v, at(answer, pointer))
	{
		out =
		    arena_printf(&scratch, STR_FMT " " STR_FMT, STR_ARG(out), STR_ARG(json_str(v)));
	}
	return arena_dupz(&scratch, out);
}

static const char *
query(const char *more)
{
	call("Email/query",
	    arena_printf(&scratch,
		"{\"collapseThreads\":true,\"sort\":[{\"property\":\"receivedAt\",\"isAscending\":"
		"false}]%s}",
		more)
		.p);
	assert_string_equal(name, "Email/query");
	return ids_at("/ids");
}

static const char *
thread_of(const char *id)
{
	call("Email/get",
	    arena_printf(&scratch, "{\"ids\":[\"%s\"],\"properties\":[\"threadId\"]}", id).p);
	return arena_dupz(&scratch, str_at("/list/0/threadId"));
}

static const char *
emails_of(const char *thread)
{
	call("Thread/get", arena_printf(&scratch, "{\"ids\":[\"%s\"]}", thread).p);
	return ids_at("/list/0/emailIds");
}

static const char *
state_of(const char *type)
{
	call(arena_printf(&scratch, "%s/get", type).p, "{\"ids\":[]}");
	return arena_dupz(&scratch, str_at("/state"));
}

static int
total_threads(void)
{
	call("Mailbox/get", "{\"properties\":[\"role\",\"totalThreads\",\"unreadThreads\"]}");
	for (int i = 0; i < cJSON_GetArraySize(at(answer, "/list")); i++) {
		const cJSON *v = cJSON_GetArrayItem(at(answer, "/list"), i);

		if (!str_eq_z(json_str(json_get(v, "role")), "inbox"))
			continue;
		assert_int_equal(
		    json_get(v, "totalThreads")->valueint, json_get(v, "unreadThreads")->valueint);
		return json_get(v, "totalThreads")->valueint;
	}
	fail();
	return 0;
}

static bool
has(const char *list, const char *id)
{
	return strstr(list, id) != NULL;
}

/* ---- what is given at once ---- */

static void
the_first_page_does_not_wait(void **state)
{
	static const char *const pages[] = {",\"limit\":10", ",\"limit\":7,\"position\":20",
	    ",\"limit\":3,\"anchor\":\"%s\",\"anchorOffset\":-2", ",\"limit\":100"};
	const char *found[ARRAY_LEN(pages)], *asked;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages) - 1; i++) {
		asked = i == 2 ? arena_printf(&scratch,
				     ",\"limit\":3,\"anchor\":\"%s\",\"anchorOffset\":-2",
				     email(TALKS - 6, ROUNDS - 1))
				     .p
			       : pages[i];
		found[i] = query(asked);
		assert_false(all_known());
	}
	assert_true(has(found[0], email(TALKS - 1, ROUNDS - 1)));
	assert_true(has(found[0], email(TALKS - 10, ROUNDS - 1)));
	assert_int_equal(strlen(found[0]), 10 * 15);
	assert_int_equal(strlen(found[1]), 7 * 15);
	assert_int_equal(strlen(found[2]), 3 * 15);
	assert_true(has(found[2], email(TALKS - 4, ROUNDS - 1)));
	finish();
	for (size_t i = 0; i < ARRAY_LEN(pages) - 1; i++) {
		asked = i == 2 ? arena_printf(&scratch,
				     ",\"limit\":3,\"anchor\":\"%s\",\"anchorOffset\":-2",
				     email(TALKS - 6, ROUNDS - 1))
				     .p
			       : pages[i];
		assert_string_equal(query(asked), found[i]);
	}
	assert_int_equal(strlen(query(",\"limit\":100")), TALKS * 15);
}

/* What all threads decide is exact, and waits for them. */
static void
a_total_is_exact(void **state)
{
	(void)state;
	(void)query(",\"limit\":2,\"calculateTotal\":true");
	expect("/total", "40");
	assert_true(all_known());
}

static void
a_condition_on_threads_is_exact(void **state)
{
	(void)state;
	(void)query(",\"limit\":2,\"filter\":{\"noneInThreadHaveKeyword\":\"$flagged\"}");
	assert_true(all_known());
}

/* ---- who follows ---- */

static void
a_thread_grows_and_that_is_told(void **state)
{
	const char *s, *mailbox, *t, *other, *partial, *whole;

	(void)state;
	t = thread_of(email(3, ROUNDS - 1));
	other = thread_of(email(4, ROUNDS - 1));
	partial = emails_of(t);
	assert_string_equal(partial, arena_printf(&scratch, " %s", email(3, ROUNDS - 1)).p);
	s = state_of("Thread");
	mailbox = state_of("Mailbox");
	assert_int_equal(total_threads(), ALL);
	finish();
	assert_string_not_equal(state_of("Thread"), s);
	call("Thread/changes", arena_printf(&scratch, "{\"sinceState\":\"%s\"}", s).p);
	assert_true(has(ids_at("/updated"), t));
	/* Nobody was told its emails. */
	assert_false(has(ids_at("/updated"), other));
	expect("/created", "[]");
	expect("/destroyed", "[]");
	whole = emails_of(t);
	assert_int_equal(strlen(whole), ROUNDS * 15);
	for (unsigned round = 0; round < ROUNDS; round++)
		assert_true(has(whole, email(3, round)));
	call("Mailbox/changes", arena_printf(&scratch, "{\"sinceState\":\"%s\"}", mailbox).p);
	assert_int_equal(cJSON_GetArraySize(at(answer, "/updated")), 1);
	assert_true(has(ids_at("/updatedProperties"), "totalThreads"));
	assert_int_equal(total_threads(), TALKS);
	/* Nothing changes any more. */
	s = state_of("Thread");
	close_all();
	open_all();
	assert_false(home_threads_left(home));
	(void)emails_of(t);
	assert_true(all_known());
	assert_string_equal(state_of("Thread"), s);
}

static void
told_in_small_steps(void **state)
{
	const char *s, *threads[20];
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
		threads[i] = thread_of(email(i, ROUNDS - 1));
		(void)emails_of(threads[i]);
	}
	s = state_of("Thread");
	finish();
	for (unsigned steps = 0; steps < 50; steps++) {
		call("Thread/changes",
		    arena_printf(&scratch, "{\"sinceState\":\"%s\",\"maxChanges\":16}", s).p);
		assert_string_equal(name, "Thread/changes");
		for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
			if (threads[i] != NULL && has(ids_at("/updated"), threads[i])) {
				threads[i] = NULL;
				seen++;
			}
		s = arena_dupz(&scratch, str_at("/newState"));
		if (cJSON_IsFalse(at(answer, "/hasMoreChanges")))
			break;
	}
	assert_int_equal(seen, ARRAY_LEN(threads));
	assert_string_equal(state_of("Thread"), s);
}

/* An email without a thread is one that is left: a process that ends leaves no other trace. */
static void
the_next_owner_goes_on(void **state)
{
	const char *s, *t;

	(void)state;
	t = thread_of(email(3, ROUNDS - 1));
	(void)emails_of(t);
	s = state_of("Thread");
	assert_false(all_known());
	close_all();
	open_all();
	assert_true(home_threads_left(home));
	finish();
	/* It knows that somebody may have been told, but not what. */
	call("Thread/changes", arena_printf(&scratch, "{\"sinceState\":\"%s\"}", s).p);
	assert_true(has(ids_at("/updated"), t));
	assert_int_equal(strlen(emails_of(t)), ROUNDS * 15);
}

static void
query_changes_do_not_wait(void **state)
{
	const char *s, *was, *now, *reply;
	uint32_t uid;

	(void)state;
	was = query(",\"limit\":10");
	s = arena_dupz(&scratch, str_at("/queryState"));
	uid = say(TALKS - 2, ROUNDS);
	reply = arena_dupz(&scratch, str_z(email_text(mailbox_get(box("INBOX"), uid)->email,
					 EMAIL_LETTER, (char[EMAIL_TEXT_SIZE]){0})));
	assert_true(mailbox_get(box("INBOX"), uid)->thread != 0);
	call("Email/queryChanges",
	    arena_printf(&scratch,
		"{\"sinceQueryState\":\"%s\",\"collapseThreads\":true,\"sort\":[{\"property\":"
		"\"receivedAt\",\"isAscending\":false}]}",
		s)
		.p);
	assert_string_equal(name, "Email/queryChanges");
	assert_false(all_known());
	assert_int_equal(cJSON_GetArraySize(at(answer, "/added")), 1);
	expect("/added/0", arena_printf(&scratch, "{\"id\":\"%s\",\"index\":0}", reply).p);
	assert_true(has(ids_at("/removed"), email(TALKS - 2, ROUNDS - 1)));
	now = query(",\"limit\":10");
	assert_true(has(now, reply));
	assert_true(has(was, email(TALKS - 2, ROUNDS - 1)));
	assert_false(has(now, email(TALKS - 2, ROUNDS - 1)));
	finish();
	assert_string_equal(query(",\"limit\":10"), now);
}

/* ---- what is kept ---- */

static void
what_is_told_is_durable(void **state)
{
	const char *id = email(3, ROUNDS - 1);

	(void)state;
	(void)thread_of(id);
	assert_false(home_has_new_threads(home));
	assert_false(home_is_dirty(home));
}

static bool
see_threaded(void *arg, const struct change *c)
{
	*(size_t *)arg += c->kind == CHANGE_THREADED;
	return true;
}

/* Mail that comes is not looked at a second time, nor told a second time. */
static void
what_comes_has_its_thread(void **state)
{
	size_t rows = 0;
	uint32_t uid;

	(void)state;
	(void)query(",\"limit\":2");
	finish();
	assert_int_equal(change_each(home, home_modseq(home), see_threaded, &rows, &err), 0);
	uid = say(7, ROUNDS);
	assert_string_equal(
	    thread_of(email(7, 0)), email_text(mailbox_get(box("INBOX"), uid)->thread,
					THREAD_LETTER, (char[EMAIL_TEXT_SIZE]){0}));
	rows = 0;
	assert_int_equal(change_each(home, mailbox_get(box("INBOX"), uid)->modseq - 1, see_threaded,
			     &rows, &err),
	    0);
	assert_int_equal(rows, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_first_page_does_not_wait, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(a_total_is_exact, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(a_condition_on_threads_is_exact, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(a_thread_grows_and_that_is_told, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(told_in_small_steps, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(the_next_owner_goes_on, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(query_changes_do_not_wait, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(what_is_told_is_durable, setup_old, teardown),
	    cmocka_unit_test_setup_teardown(what_comes_has_its_thread, setup_old, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
