/* model_test.c - emails of a home in memory. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "mailboxd/jmap/model.h"
#include "store/home_test_in.h"

#define BODY "\r\nhello\r\n"

static struct jmap_model *model;

static int
setup_model(void **state)
{
	if (setup(state) < 0)
		return -1;
	model = jmap_model_new(home, &err);
	return model != NULL ? 0 : -1;
}

static int
teardown_model(void **state)
{
	jmap_model_free(&model);
	return teardown(state);
}

static uint32_t
add(const char *name, int64_t date, uint32_t flags, const char *text)
{
	struct append *ap = append_new(home, strlen(text), &err);
	const struct flag_set set = {.flags = flags};
	uint32_t uid = 0;

	assert_non_null(ap);
	assert_int_equal(append_write(ap, str_z(text), &err), 0);
	assert_int_equal(append_finish(&ap, box(name), &set, date, &me, &uid, &err), 0);
	return uid;
}

static const struct jmap_email *
email(const char *name, uint32_t uid)
{
	return jmap_model_at(model, box(name), uid);
}

static struct jmap_counts
counts(const char *name)
{
	struct jmap_counts c;
	int rc;

	while ((rc = jmap_model_thread_all(model, 1000000, &err)) == 0)
		;
	assert_int_equal(rc, 1);
	jmap_model_counts(model, jmap_model_box(model, box(name)->id), &c);
	return c;
}

static void
set_flags(const char *name, uint32_t uid, enum store_mode mode, uint32_t flags, const char *keyword)
{
	const struct str k = str_z(keyword);
	const struct flag_set set = {.flags = flags, .keywords = &k, .nkeywords = keyword != NULL};

	assert_int_equal(
	    mailbox_store(box(name), &uid, 1, mode, &set, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
}

static bool
has(const struct jmap_email *em, const char *name)
{
	struct jmap_keyword k;

	jmap_keyword_init(&k, model, str_z(name), &scratch);
	return jmap_email_has(model, em, &k);
}

static void
emails_stand_in_the_order_of_time(void **state)
{
	static const int64_t dates[] = {50, 10, 90, 30, 70, 20};
	struct jmap_email *const *v;
	uint32_t uids[ARRAY_LEN(dates)], gone;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dates); i++)
		uids[i] = add(i % 2 ? "INBOX" : "Sent", dates[i], 0, BODY);
	v = jmap_model_all(model, &n);
	assert_int_equal(n, 6);
	for (size_t i = 1; i < n; i++)
		assert_true(v[i - 1]->received < v[i]->received);
	gone = uids[2];
	set_flags("Sent", gone, STORE_ADD, FLAG_DELETED, NULL);
	(void)add("INBOX", 40, 0, BODY);
	v = jmap_model_all(model, &n);
	assert_int_equal(n, 6);
	assert_int_equal(v[5]->received, 70);
	assert_int_equal(v[3]->received, 40);
	assert_null(email("Sent", gone));
	/* Without \Deleted it is there again. */
	set_flags("Sent", gone, STORE_REMOVE, FLAG_DELETED, NULL);
	v = jmap_model_all(model, &n);
	assert_int_equal(n, 7);
	assert_int_equal(v[6]->received, 90);
	assert_ptr_equal(v[6], email("Sent", gone));
}

static void
what_comes_in_one_second_keeps_its_order(void **state)
{
	struct jmap_email *const *v;
	uint32_t uids[50];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		uids[i] = add("INBOX", 7, 0, "Message-ID: <1@x>\r\n" BODY);
	assert_int_equal(counts("INBOX").threads, 1);
	v = jmap_model_all(model, &n);
	assert_int_equal(n, ARRAY_LEN(uids));
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(v[i], email("INBOX", uids[i]));
	for (size_t i = 0; i + 1 < n; i++)
		assert_ptr_equal(jmap_email_next(v[i]), v[i + 1]);
}

static void
copies_are_one_email(void **state)
{
	uint32_t uid = add("INBOX", 5, 0, BODY), inbox = jmap_model_box(model, box("INBOX")->id);
	const struct jmap_email *em = email("INBOX", uid);
	struct copy_result r;
	struct mailbox *work;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &me, &work, &err), 0);
	assert_int_equal(jmap_model_ready(model, &err), 0);
	assert_int_equal(mailbox_copy(box("INBOX"), &uid, 1, work, &me, &scratch, &r, &err), 0);
	assert_int_equal(mailbox_copy(box("INBOX"), &uid, 1, work, &me, &scratch, &r, &err), 0);
	assert_int_equal(em->nplaces, 3);
	assert_true(jmap_email_in(em, inbox));
	assert_int_equal(counts("Work").emails, 1);
	assert_int_equal(counts("Work").unread_threads, 1);
	set_flags("INBOX", uid, STORE_ADD, FLAG_DELETED, NULL);
	assert_int_equal(mailbox_expunge(box("INBOX"), NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(em->nplaces, 2);
	assert_false(jmap_email_in(em, inbox));
	assert_int_equal(counts("INBOX").emails, 0);
	assert_int_equal(counts("INBOX").threads, 0);
	assert_int_equal(home_delete(home, STR("Work"), &me, &err), 0);
	assert_null(jmap_model_find(model, em->number));
}

static void
keywords_of_copies_are_one_set(void **state)
{
	uint32_t uid = add("INBOX", 5, FLAG_SEEN | FLAG_FLAGGED, BODY);
	const struct jmap_email *em = email("INBOX", uid);
	struct copy_result r;
	struct str *v;

	(void)state;
	set_flags("INBOX", uid, STORE_ADD, 0, "Project-X");
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Sent"), &me, &scratch, &r, &err), 0);
	assert_true(has(em, "$SEEN") && has(em, "$flagged") && has(em, "project-x"));
	set_flags("Sent", r.to[0], STORE_REPLACE, FLAG_ANSWERED, "other");
	/* $seen: all copies; others: any. */
	assert_false(has(em, "$seen"));
	assert_true(has(em, "$flagged") && has(em, "$answered") && !has(em, "$draft"));
	assert_true(has(em, "PROJECT-X") && has(em, "other") && !has(em, "missing"));
	assert_int_equal(jmap_email_keywords(model, em, &scratch, &v), 4);
	assert_true(str_eq_z(v[0], "$answered") && str_eq_z(v[1], "$flagged"));
	assert_true(str_eq_z(v[2], "other") && str_eq_z(v[3], "project-x"));
}

/* RFC 8621 2 */
static void
threads_are_counted_by_mailbox(void **state)
{
	uint32_t first, sent, trashed;
	struct copy_result r;

	(void)state;
	first = add("INBOX", 1, FLAG_SEEN, "Subject: a\r\nMessage-ID: <a@x>\r\n" BODY);
	sent = add("Sent", 2, FLAG_SEEN, "Subject: Re: a\r\nReferences: <a@x>\r\n" BODY);
	assert_int_equal(counts("INBOX").threads, 1);
	assert_int_equal(counts("INBOX").unread_threads, 0);
	/* An unread one counts for all mailboxes of the thread. */
	set_flags("Sent", sent, STORE_REMOVE, FLAG_SEEN, NULL);
	assert_int_equal(counts("INBOX").unread_threads, 1);
	assert_int_equal(counts("INBOX").unread_emails, 0);
	set_flags("Sent", sent, STORE_ADD, FLAG_DRAFT, NULL);
	assert_int_equal(counts("INBOX").unread_threads, 0);
	/* What is only in the trash counts there alone. */
	trashed = add("Trash", 3, 0, "Subject: Re: a\r\nReferences: <a@x>\r\n" BODY);
	assert_int_equal(counts("Trash").unread_threads, 1);
	assert_int_equal(counts("INBOX").unread_threads, 0);
	assert_int_equal(
	    mailbox_copy(box("Trash"), &trashed, 1, box("INBOX"), &me, &scratch, &r, &err), 0);
	assert_int_equal(counts("Sent").unread_threads, 1);
	assert_int_equal(email("INBOX", first)->thread->n, 3);
	assert_ptr_equal(email("INBOX", first)->thread->first, email("INBOX", first));
	assert_ptr_equal(email("INBOX", first)->thread->last, email("Trash", trashed));
	/* In the trash only what is in it counts. */
	set_flags("Trash", trashed, STORE_ADD, FLAG_SEEN, NULL);
	set_flags("INBOX", r.to[0], STORE_ADD, FLAG_SEEN, NULL);
	set_flags("INBOX", first, STORE_REMOVE, FLAG_SEEN, NULL);
	assert_int_equal(counts("Trash").unread_threads, 0);
	assert_int_equal(counts("INBOX").unread_threads, 1);
}

/* ---- against the plain way ---- */

static void
compare_with_fresh(void)
{
	struct jmap_model *fresh;
	struct jmap_email *const *v, *const *w;
	struct mailbox *mb;
	size_t n, k, i = 0;

	assert_int_equal(jmap_model_ready(model, &err), 0);
	assert_int_equal(jmap_model_thread_all(model, UINT64_MAX / 2, &err), 1);
	fresh = jmap_model_new(home, &err);
	assert_non_null(fresh);
	assert_int_equal(jmap_model_thread_all(fresh, UINT64_MAX / 2, &err), 1);
	v = jmap_model_all(model, &n);
	w = jmap_model_all(fresh, &k);
	assert_int_equal(n, k);
	for (size_t at = 0; at < n; at++) {
		assert_true(v[at]->number == w[at]->number);
		assert_int_equal(v[at]->nplaces, w[at]->nplaces);
		assert_int_equal(v[at]->any, w[at]->any);
		assert_int_equal(v[at]->all, w[at]->all);
		assert_true(v[at]->thread->number == w[at]->thread->number);
		assert_int_equal(v[at]->thread->n, w[at]->thread->n);
		assert_true(v[at]->next == NULL ? w[at]->next == NULL
						: v[at]->next->number == w[at]->next->number);
	}
	while ((mb = home_next(home, &i)) != NULL) {
		struct jmap_counts a = counts(mb->name.p), b;

		jmap_model_counts(fresh, jmap_model_box(fresh, mb->id), &b);
		assert_memory_equal(&a, &b, sizeof a);
	}
	jmap_model_free(&fresh);
}

static void
random_change(unsigned step)
{
	static const char *const names[] = {"INBOX", "Sent", "Trash", "Archive"};
	const char *name = names[random() % 4], *other = names[random() % 4];
	struct mailbox *mb = box(name);
	struct copy_result r;
	struct str text;
	uint32_t uid;

	if (mb->n == 0 || random() % 3 == 0) {
		text = arena_printf(&scratch, "Message-ID: <%u@x>\r\nReferences: <%ld@x>\r\n" BODY,
		    step, random() % (step + 1));
		(void)add(name, random() % 10, random() % 2 ? FLAG_SEEN : 0, text.p);
		return;
	}
	uid = mb->messages[random() % (long)mb->n].uid;
	switch (random() % 5) {
	case 0:
		set_flags(
		    name, uid, random() % 2 ? STORE_ADD : STORE_REMOVE, 1u << random() % 5, NULL);
		break;
	case 1:
		(void)mailbox_expunge(mb, NULL, SIZE_MAX, &me, &err);
		break;
	case 2:
		(void)mailbox_copy(mb, &uid, 1, box(other), &me, &scratch, &r, &err);
		break;
	case 3:
		if (strcmp(name, other) != 0)
			(void)mailbox_move(mb, &uid, 1, box(other), &me, &scratch, &r, &err);
		break;
	default:
		(void)counts(name);
	}
}

static void
it_stays_what_a_new_one_would_be(void **state)
{
	(void)state;
	srandom(7);
	for (unsigned step = 0; step < 600; step++) {
		random_change(step);
		if (step % 40 == 39)
			compare_with_fresh();
	}
}

/* What changes while it is read is as if it had been read after. */
static void
read_in_slices(void **state)
{
	struct jmap_model *slow;
	struct jmap_counts a, b;
	size_t n, m;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct str path =
		    arena_printf(&scratch, "Maildir/cur/%u.f%04u.host,S=9:2,", 1700000000 + i, i);
		int fd = open(path.p, O_WRONLY | O_CREAT | O_EXCL, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, BODY, 9), 9);
		close(fd);
	}
	assert_int_equal(mailbox_refresh(box("INBOX"), &err), 0);
	slow = jmap_model_begin(home, &err);
	assert_non_null(slow);
	assert_int_equal(jmap_model_load(slow, 0, &err), 0);
	/* One that is read and one that is not, of each. */
	for (unsigned i = 0; i < 2; i++) {
		uint32_t uid = i * 900 + 5;

		set_flags("INBOX", uid, STORE_ADD, FLAG_DELETED, NULL);
		assert_int_equal(mailbox_expunge(box("INBOX"), &uid, 1, &me, &err), 0);
		set_flags("INBOX", uid + 1, STORE_ADD, FLAG_DELETED, NULL);
		set_flags("INBOX", uid + 2, STORE_ADD, FLAG_SEEN, NULL);
	}
	(void)add("INBOX", 1800000000, 0, BODY);
	for (unsigned i = 0; i < 100 && jmap_model_load(slow, 0, &err) == 0; i++)
		;
	jmap_model_counts(slow, jmap_model_box(slow, box("INBOX")->id), &a);
	jmap_model_counts(model, jmap_model_box(model, box("INBOX")->id), &b);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(a.emails, 997);
	assert_int_equal(a.unread_emails, 995);
	assert_int_equal(a.threads, 997);
	(void)jmap_model_all(slow, &n);
	(void)jmap_model_all(model, &m);
	assert_int_equal(n, m);
	jmap_model_free(&slow);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_model, teardown_model)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(read_in_slices),
	    TEST(emails_stand_in_the_order_of_time),
	    TEST(what_comes_in_one_second_keeps_its_order),
	    TEST(copies_are_one_email),
	    TEST(keywords_of_copies_are_one_set),
	    TEST(threads_are_counted_by_mailbox),
	    TEST(it_stays_what_a_new_one_would_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
