/* mailbox_test.c - messages: appending, flags, copies, moves, expunging, octets, quota. */
#include "store/home_test_in.h"

#define MSG  "Subject: x\r\n\r\nbody\r\n"
#define MSG2 "Subject: two\r\n\r\nanother body\r\n"

static int
store(struct mailbox *mb, uint32_t uid, enum store_mode mode, uint32_t flags)
{
	const struct flag_set set = {.flags = flags};

	return mailbox_store(mb, &uid, 1, mode, &set, UINT64_MAX, &me, &scratch, NULL, &err);
}

static uint32_t
flags_of(struct mailbox *mb, uint32_t uid)
{
	const struct message *m = mailbox_get(mb, uid);

	assert_non_null(m);
	return m->flags;
}

/* ---- append ---- */

static void
appending(void **state)
{
	struct mailbox *mb = box("INBOX");
	struct heard h;
	struct stat st;
	char path[300];

	(void)state;
	listen_to(mb, &h);
	assert_int_equal(append(mb, MSG, FLAG_SEEN), 1);
	assert_int_equal(append(mb, MSG2, 0), 2);
	assert_int_equal(h.added, 2);
	assert_int_equal(h.last, 2);
	assert_int_equal(mb->exists, 2);
	assert_int_equal(mb->unseen, 1);
	assert_int_equal(mailbox_first_unseen(mb), 2);
	assert_int_equal(mb->octets, strlen(MSG) + strlen(MSG2));
	assert_int_equal(count_files("Maildir/cur"), 2);
	assert_int_equal(count_files("Maildir/tmp"), 0);
	mailbox_unobserve(mb, &h.o);
	assert_int_equal(home_delete(home, STR("Sent"), &me, &err), 0);
	assert_int_equal(store(mb, 2, STORE_ADD, FLAG_DELETED), 0);
	assert_int_equal(mailbox_expunge(mb, NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	(void)snprintf(
	    path, sizeof path, "Maildir/cur/" STR_FMT, STR_ARG(only_file("Maildir/cur")));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_true(str_ends(str_z(path), STR(":2,S")));
}

static void
an_unfinished_append_leaves_nothing(void **state)
{
	struct append *ap = append_new(home, 10, &err);
	uint32_t uid = 0;

	(void)state;
	assert_non_null(ap);
	assert_int_equal(append_write(ap, STR("12345"), &err), 0);
	assert_int_equal(append_write(ap, STR("123456"), &err), -1);
	assert_int_equal(append_finish(&ap, box("INBOX"), &no_flags, 0, &me, &uid, &err), -1);
	assert_int_equal(err.code, E_INVAL);
	assert_null(ap);
	ap = append_new(home, 10, &err);
	append_free(&ap);
	assert_int_equal(count_files("Maildir/tmp"), 0);
	assert_int_equal(box("INBOX")->exists, 0);
}

static void
quota(void **state)
{
	struct copy_result copied;
	uint32_t uid = append(box("INBOX"), MSG, 0);

	(void)state;
	home_set_quota(home, 2 * strlen(MSG) - 1);
	assert_null(append_new(home, strlen(MSG), &err));
	assert_int_equal(err.code, E_QUOTA);
	assert_int_equal(
	    mailbox_copy(box("INBOX"), &uid, 1, box("Sent"), &me, &scratch, &copied, &err), -1);
	assert_int_equal(err.code, E_QUOTA);
	/* A move needs no room. */
	assert_int_equal(
	    mailbox_move(box("INBOX"), &uid, 1, box("Sent"), &me, &scratch, &copied, &err), 0);
	home_set_quota(home, 2 * strlen(MSG));
	uid = copied.to[0];
	assert_int_equal(
	    mailbox_copy(box("Sent"), &uid, 1, box("INBOX"), &me, &scratch, &copied, &err), 0);
}

/* ---- flags ---- */

static void
storing_flags(void **state)
{
	static const struct str words[] = {STR_INIT("$Forwarded"), STR_INIT("a")};
	static const struct str again[] = {STR_INIT("$FORWARDED")};
	const struct flag_set both = {.keywords = words, .nkeywords = 2};
	const struct flag_set one = {.keywords = again, .nkeywords = 1};
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0);
	uint64_t modseq = mailbox_get(mb, uid)->modseq;
	struct heard h;

	(void)state;
	listen_to(mb, &h);
	assert_int_equal(store(mb, uid, STORE_ADD, FLAG_SEEN | FLAG_FLAGGED), 0);
	assert_true(mailbox_get(mb, uid)->modseq > modseq);
	assert_int_equal(mb->highestmodseq, mailbox_get(mb, uid)->modseq);
	assert_int_equal(mb->unseen, 0);
	assert_int_equal(h.flags, 1);
	/* Nothing changes: no modseq, no word. */
	modseq = mb->highestmodseq;
	assert_int_equal(store(mb, uid, STORE_ADD, FLAG_SEEN), 0);
	assert_int_equal(mb->highestmodseq, modseq);
	assert_int_equal(h.flags, 1);
	assert_int_equal(store(mb, uid, STORE_REMOVE, FLAG_SEEN), 0);
	assert_int_equal(flags_of(mb, uid), FLAG_FLAGGED);
	assert_int_equal(store(mb, uid, STORE_REPLACE, FLAG_DELETED), 0);
	assert_int_equal(flags_of(mb, uid), FLAG_DELETED);
	assert_int_equal(mb->deleted, 1);
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_ADD, &both, UINT64_MAX, &me, &scratch, NULL, &err), 0);
	assert_int_equal(h.keyword, 2);
	assert_int_equal(mailbox_get(mb, uid)->keywords, 3);
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_REMOVE, &one, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	assert_int_equal(mailbox_get(mb, uid)->keywords, 2);
	assert_int_equal(mb->nkeywords, 2);
	mailbox_unobserve(mb, &h.o);
}

static void
unchangedsince_keeps_and_tells(void **state)
{
	const struct flag_set set = {.flags = FLAG_SEEN};
	struct mailbox *mb = box("INBOX");
	uint32_t uids[4] = {append(mb, MSG, 0), append(mb, MSG, 0), append(mb, MSG, 0), 99};
	struct uid_list modified;
	uint64_t then = mb->highestmodseq;

	(void)state;
	/* Set and taken away again: it was another in between. */
	assert_int_equal(store(mb, uids[1], STORE_ADD, FLAG_SEEN), 0);
	assert_int_equal(store(mb, uids[1], STORE_REPLACE, FLAG_FLAGGED), 0);
	assert_int_equal(
	    mailbox_store(mb, uids, 4, STORE_ADD, &set, then, &me, &scratch, &modified, &err), 0);
	assert_int_equal(modified.n, 1);
	assert_int_equal(modified.uids[0], uids[1]);
	assert_int_equal(flags_of(mb, uids[0]), FLAG_SEEN);
	assert_int_equal(flags_of(mb, uids[1]), FLAG_FLAGGED);
	assert_int_equal(flags_of(mb, uids[2]), FLAG_SEEN);
	/* One modseq for the command. */
	assert_int_equal(mailbox_get(mb, uids[0])->modseq, mailbox_get(mb, uids[2])->modseq);
}

/* -1: a failure; else how many stayed as they were. */
static int
store_if(struct mailbox *mb, uint32_t uid, enum store_mode mode, uint32_t flags, const char *word,
    uint64_t since)
{
	const struct str keyword = str_z(word);
	const struct flag_set set = {flags, &keyword, word[0] ? 1 : 0};
	struct uid_list modified;

	if (mailbox_store(mb, &uid, 1, mode, &set, since, &me, &scratch, &modified, &err) < 0)
		return -1;
	return (int)modified.n;
}

static void
unchangedsince_is_about_the_flags_named(void **state)
{
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0), later;
	uint64_t then = mb->highestmodseq;
	unsigned before;

	(void)state;
	assert_int_equal(store_if(mb, uid, STORE_ADD, 0, "$Work", UINT64_MAX), 0);
	assert_int_equal(store(mb, uid, STORE_ADD, FLAG_SEEN), 0);
	/* Others than these have changed. */
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_FLAGGED, "", then), 0);
	assert_int_equal(flags_of(mb, uid), FLAG_SEEN | FLAG_FLAGGED);
	/* Now this one has too, and so have the others. */
	assert_int_equal(store_if(mb, uid, STORE_REMOVE, FLAG_FLAGGED, "", then), 1);
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_SEEN, "", then), 1);
	assert_int_equal(store_if(mb, uid, STORE_REMOVE, FLAG_DRAFT, "$work", then), 1);
	assert_int_equal(store_if(mb, uid, STORE_REPLACE, FLAG_DRAFT, "", then), 1);
	/* What stays makes no keyword. */
	before = mb->nkeywords;
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_SEEN, "$New", then), 1);
	assert_int_equal(mb->nkeywords, before);
	/* 0: only what does not exist has not changed. */
	assert_int_equal(store_if(mb, uid, STORE_ADD, 0, "$Work", 0), 1);
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_DRAFT, "", 0), 1);
	assert_int_equal(store_if(mb, uid, STORE_ADD, 0, "$MDNSent", 0), 0);
	assert_int_equal(store_if(mb, uid, STORE_ADD, 0, "$MDNSent", 0), 1);
	/* It was not there then. */
	later = append(mb, MSG, 0);
	assert_int_equal(store_if(mb, later, STORE_ADD, FLAG_DRAFT, "", then), 1);
	/* The log forgets: any change counts then. */
	then = mb->highestmodseq;
	assert_int_equal(store(mb, later, STORE_ADD, FLAG_SEEN), 0);
	assert_int_equal(home_flush(home, &err), 0);
	clock_advance(31ull * 86400 * 1000);
	reopen_home();
	mb = box("INBOX");
	assert_int_equal(mailbox_load(mb, &err), 0);
	assert_int_equal(store_if(mb, later, STORE_ADD, FLAG_DRAFT, "", then), 1);
	assert_int_equal(store_if(mb, later, STORE_ADD, FLAG_DRAFT, "", then + 1), 0);
}

static void
unchangedsince_gives_up_on_a_long_log(void **state)
{
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0), other = append(mb, MSG, 0);
	uint64_t then = mb->highestmodseq;

	(void)state;
	assert_int_equal(store(mb, uid, STORE_ADD, FLAG_SEEN), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(
		    store(mb, other, i % 2 ? STORE_REMOVE : STORE_ADD, FLAG_FLAGGED), 0);
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_DRAFT, "", then), 1);
	assert_int_equal(store_if(mb, uid, STORE_ADD, FLAG_DRAFT, "", then + 1), 0);
}

static void
bad_keywords_change_nothing(void **state)
{
	static const char *const bad[] = {"", "a b", "\\x", "a\"", "(x", "a]", "\xc3\xbc"};
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0);
	struct str many[KEYWORDS_MAX + 1], word;
	struct flag_set set = {.flags = FLAG_SEEN, .keywords = &word, .nkeywords = 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		word = str_z(bad[i]);
		assert_int_equal(mailbox_store(mb, &uid, 1, STORE_ADD, &set, UINT64_MAX, &me,
				     &scratch, NULL, &err),
		    -1);
		assert_int_equal(err.code, E_INVAL);
	}
	for (size_t i = 0; i <= KEYWORDS_MAX; i++)
		many[i] = arena_printf(&scratch, "k%zu", i);
	set.keywords = many;
	set.nkeywords = KEYWORDS_MAX + 1;
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_ADD, &set, UINT64_MAX, &me, &scratch, NULL, &err), -1);
	assert_int_equal(err.code, E_LIMIT);
	assert_int_equal(flags_of(mb, uid), 0);
	set.nkeywords = KEYWORDS_MAX;
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_ADD, &set, UINT64_MAX, &me, &scratch, NULL, &err), 0);
	assert_int_equal(mailbox_get(mb, uid)->keywords, UINT64_MAX);
	reopen_home();
	assert_int_equal(mailbox_get(box("INBOX"), uid)->keywords, UINT64_MAX);
}

static void
recent_belongs_to_one_session(void **state)
{
	struct mailbox *mb = box("INBOX");

	(void)state;
	append(mb, MSG, 0);
	assert_int_equal(mailbox_take_recent(mb), 1);
	assert_int_equal(mailbox_take_recent(mb), 2);
	append(mb, MSG, 0);
	reopen_home();
	mb = box("INBOX");
	assert_int_equal(mailbox_take_recent(mb), 2);
	assert_int_equal(mailbox_take_recent(mb), 3);
}

/* ---- copy and move ---- */

static void
copying(void **state)
{
	static const struct str words[] = {STR_INIT("one"), STR_INIT("two")};
	const struct flag_set pad = {.keywords = words + 1, .nkeywords = 1};
	const struct flag_set both = {.flags = FLAG_SEEN, .keywords = words, .nkeywords = 2};
	struct mailbox *in = box("INBOX"), *to = box("Archive");
	uint32_t uids[] = {append(in, MSG, 0), 7, append(in, MSG2, 0)}, pad_uid;
	struct copy_result r;
	const struct message *m;
	struct content *c;

	(void)state;
	uids[1] = uids[2];
	pad_uid = append(to, MSG, 0);
	/* Keywords have other bits there. */
	assert_int_equal(
	    mailbox_store(to, &pad_uid, 1, STORE_ADD, &pad, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	assert_int_equal(
	    mailbox_store(in, uids, 1, STORE_ADD, &both, UINT64_MAX, &me, &scratch, NULL, &err), 0);
	assert_int_equal(mailbox_copy(in, uids, 2, to, &me, &scratch, &r, &err), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.from[0], uids[0]);
	assert_int_equal(r.to[0], pad_uid + 1);
	assert_int_equal(r.to[1], pad_uid + 2);
	m = mailbox_get(to, r.to[0]);
	assert_int_equal(m->flags, FLAG_SEEN);
	assert_int_equal(m->date, 1700000000);
	assert_int_equal(m->keywords, 3);
	assert_true(str_eq_z(to->keywords[0], "two"));
	assert_int_equal(in->exists, 2);
	assert_int_equal(home_octets(home), 3 * strlen(MSG) + 2 * strlen(MSG2));
	c = content_open(to, r.to[1], &err);
	assert_non_null(c);
	assert_true(str_eq_z(c->octets, MSG2));
	content_close(&c);
	/* Into itself. */
	assert_int_equal(mailbox_copy(in, uids, 1, in, &me, &scratch, &r, &err), 0);
	assert_int_equal(in->exists, 3);
	assert_int_equal(mailbox_get(in, r.to[0])->keywords, 3);
	/* Unknown ones are no error. */
	uids[0] = 1000;
	assert_int_equal(mailbox_copy(in, uids, 1, to, &me, &scratch, &r, &err), 0);
	assert_int_equal(r.n, 0);
}

static void
moving(void **state)
{
	struct mailbox *in = box("INBOX"), *to = box("Archive");
	uint32_t uids[2] = {append(in, MSG, FLAG_SEEN), append(in, MSG2, 0)};
	struct copy_result r;
	struct heard here, there;

	(void)state;
	listen_to(in, &here);
	listen_to(to, &there);
	assert_int_equal(mailbox_move(in, uids, 1, to, &me, &scratch, &r, &err), 0);
	assert_int_equal(here.expunged, 1);
	assert_int_equal(there.added, 1);
	assert_int_equal(in->n, 1);
	assert_int_equal(to->n, 1);
	/* In both until it is durable in one. */
	assert_int_equal(count_files("Maildir/cur"), 2);
	assert_int_equal(count_files("Maildir/.Archive/cur"), 1);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(count_files("Maildir/cur"), 1);
	mailbox_unobserve(in, &here.o);
	mailbox_unobserve(to, &there.o);
	reopen_home();
	assert_int_equal(box("INBOX")->n, 1);
	assert_int_equal(flags_of(box("Archive"), r.to[0]), FLAG_SEEN);
}

/* ---- expunge ---- */

static void
expunging(void **state)
{
	struct mailbox *mb = box("INBOX");
	uint32_t uid[4];
	struct uid_list gone;
	struct heard h;
	uint64_t before;
	bool gap;

	(void)state;
	for (int i = 0; i < 4; i++)
		uid[i] = append(mb, MSG, i == 1 ? 0 : FLAG_DELETED);
	before = home_modseq(home);
	listen_to(mb, &h);
	/* UID EXPUNGE touches only those named, and of these the deleted. */
	assert_int_equal(mailbox_expunge(mb, uid, 2, &me, &err), 0);
	assert_int_equal(mb->n, 3);
	assert_int_equal(h.expunged, 1);
	assert_int_equal(h.last, uid[0]);
	assert_int_equal(mailbox_expunge(mb, NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(mb->n, 1);
	assert_int_equal(mb->deleted, 0);
	assert_int_equal(count_files("Maildir/cur"), 4);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(count_files("Maildir/cur"), 1);
	mailbox_unobserve(mb, &h.o);
	assert_int_equal(mailbox_vanished(mb, before, uid[3], &scratch, &gone, &gap, &err), 0);
	assert_false(gap);
	assert_int_equal(gone.n, 2);
	assert_int_equal(gone.uids[0], uid[0]);
	assert_int_equal(gone.uids[1], uid[2]);
	reopen_home();
	mb = box("INBOX");
	assert_int_equal(mb->n, 1);
	assert_int_equal(append(mb, MSG, 0), uid[3] + 1);
}

/* ---- octets and cached text ---- */

static void
reading(void **state)
{
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0), other = append(mb, MSG2, 0);
	struct content *a, *b, *c;

	(void)state;
	a = content_open(mb, uid, &err);
	b = content_open(mb, uid, &err);
	assert_ptr_equal(a, b);
	c = content_open(mb, other, &err);
	assert_true(str_eq_z(a->octets, MSG));
	assert_true(str_eq_z(c->octets, MSG2));
	content_close(&b);
	content_close(&a);
	content_close(&c);
	assert_null(content_open(mb, 77, &err));
	assert_int_equal(err.code, E_NOTFOUND);
}

static void
reading_writes_nothing(void **state)
{
	/* Long before the file's last change: a plain read would note the time (relatime). */
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_nsec = UTIME_OMIT}};
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0);
	struct content *c;
	struct stat st;
	char path[300];

	(void)state;
	(void)snprintf(
	    path, sizeof path, "Maildir/cur/" STR_FMT, STR_ARG(only_file("Maildir/cur")));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	c = content_open(mb, uid, &err);
	assert_non_null(c);
	content_close(&c);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_atim.tv_sec, 1);
}

static void
cached_text_is_made_once(void **state)
{
	struct home_options o = {.host = STR_INIT("host.test"),
	    .no_timers = true,
	    .render = render,
	    .render_version = 1};
	unsigned calls = 0;
	struct str text;
	uint32_t uid = append(box("INBOX"), MSG, 0);

	(void)state;
	o.arg = &calls;
	for (int turn = 0; turn < 3; turn++) {
		home_close(&home);
		o.render_version = turn == 2 ? 2 : 1;
		home = home_open(&o, &err);
		assert_non_null(home);
		assert_int_equal(
		    mailbox_cached(box("INBOX"), uid, CACHE_BODY, &scratch, &text, &err), 0);
		assert_true(str_eq_z(text, "1:20"));
		assert_int_equal(calls, turn == 2 ? 2 : 1);
	}
}

/* ---- many ---- */

static void
ten_thousand_messages(void **state)
{
	const struct flag_set set = {.flags = FLAG_SEEN};
	struct mailbox *mb;
	uint32_t *uids = arena_array(&scratch, 10000, sizeof *uids);
	struct copy_result r;
	uint64_t began;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char id[ID_SIZE];

		id_new(id);
		arrive(1700000000 + i, id, MSG);
	}
	began = clock_us();
	mb = box("INBOX");
	print_message(
	    "10,000 picked up: %llu ms\n", (unsigned long long)(clock_us() - began) / 1000);
	assert_int_equal(mb->n, 10000);
	for (uint32_t i = 0; i < 10000; i++) {
		uids[i] = i + 1;
		assert_int_equal(mb->messages[i].uid, i + 1);
		assert_int_equal(mb->messages[i].date, 1700000000 + (int64_t)i);
	}
	began = clock_us();
	assert_int_equal(
	    mailbox_store(mb, uids, 10000, STORE_ADD, &set, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	assert_int_equal(home_flush(home, &err), 0);
	print_message("10,000 flagged: %llu ms\n", (unsigned long long)(clock_us() - began) / 1000);
	began = clock_us();
	home_close(&home);
	print_message(
	    "closed (mirrored): %llu ms\n", (unsigned long long)(clock_us() - began) / 1000);
	began = clock_us();
	open_home();
	print_message("opened: %llu us\n", (unsigned long long)(clock_us() - began));
	assert_int_equal(home_find(home, STR("INBOX"))->exists, 10000);
	began = clock_us();
	mb = box("INBOX");
	print_message("loaded: %llu us\n", (unsigned long long)(clock_us() - began));
	assert_int_equal(mb->n, 10000);
	assert_int_equal(mb->unseen, 0);
	began = clock_us();
	assert_int_equal(mailbox_move(mb, uids, 10000, box("Trash"), &me, &scratch, &r, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	print_message("moved: %llu ms\n", (unsigned long long)(clock_us() - began) / 1000);
	assert_int_equal(box("Trash")->n, 10000);
	assert_int_equal(count_files("Maildir/cur") + count_files("Maildir/new"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(appending),
	    TEST(an_unfinished_append_leaves_nothing),
	    TEST(quota),
	    TEST(storing_flags),
	    TEST(unchangedsince_keeps_and_tells),
	    TEST(unchangedsince_is_about_the_flags_named),
	    TEST(unchangedsince_gives_up_on_a_long_log),
	    TEST(bad_keywords_change_nothing),
	    TEST(recent_belongs_to_one_session),
	    TEST(copying),
	    TEST(moving),
	    TEST(expunging),
	    TEST(reading),
	    TEST(reading_writes_nothing),
	    TEST(cached_text_is_made_once),
	    TEST(ten_thousand_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
