/* scan_test.c - files that others bring, rename and remove; file names that follow flags. */
#include "store/home_test_in.h"

#include "store/model.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"
#define ID1 "01aaaaaaaaaaaaaaaaaa"
#define ID2 "01bbbbbbbbbbbbbbbbbb"
#define ID3 "01cccccccccccccccccc"

/* Past the second in which a directory may have changed unseen. */
static void
later(void)
{
	clock_advance(1500);
	clock_turn();
}

static struct mailbox *
look(void)
{
	later();
	return box("INBOX");
}

static void
mirror(void)
{
	assert_int_equal(home_mirror(home, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
}

/* ---- new mail ---- */

static void
new_files_get_uids_in_order_of_arrival(void **state)
{
	struct mailbox *mb = box("INBOX");
	struct heard h;

	(void)state;
	listen_to(mb, &h);
	arrive(1700000002, ID1, MSG);
	arrive(1700000001, ID3, MSG);
	arrive(1700000001, ID2, MSG "longer");
	home_delivered(home);
	assert_int_equal(h.added, 1);
	assert_int_equal(h.last, 1);
	assert_int_equal(mb->n, 3);
	assert_int_equal(mb->messages[0].date, 1700000001);
	assert_int_equal(mb->messages[0].size, strlen(MSG) + 6);
	assert_int_equal(mb->messages[2].date, 1700000002);
	assert_true(mb->messages[0].modseq == mb->messages[2].modseq);
	/* Told again: nothing new. */
	home_delivered(home);
	assert_int_equal(h.added, 1);
	mailbox_unobserve(mb, &h.o);
	assert_int_equal(count_files("Maildir/new"), 3);
	mirror();
	assert_int_equal(count_files("Maildir/new"), 0);
	assert_int_equal(count_files("Maildir/cur"), 3);
	assert_int_equal(look()->n, 3);
}

/* By a mirror, say, while nobody is told: an owner that leaves is not. */
static void
a_delivery_beside_own_changes_is_seen(void **state)
{
	struct mailbox *mb = box("INBOX");
	struct scan_own own;

	(void)state;
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	later();
	assert_int_equal(mailbox_refresh(mb, &err), 0);
	own = scan_own_begin(mb);
	arrive(1700000002, ID2, MSG);
	scan_own_end(mb, own);
	assert_int_equal(mailbox_refresh(mb, &err), 0);
	assert_int_equal(mb->n, 2);
}

static void
a_name_is_not_a_message(void **state)
{
	(void)state;
	write_file_at("Maildir/new/1700000000." ID1 ".host,S=30", "short");
	write_file_at("Maildir/new/1700000000." ID2 ".host,S=0", "");
	write_file_at("Maildir/new/1700000000.foreign.host", "");
	write_file_at("Maildir/new/no-message", "hello");
	assert_int_equal(mkdir("Maildir/new/1700000000.dir.host", 0700), 0);
	home_delivered(home);
	assert_int_equal(look()->n, 0);
	/* Rewritten as it should be, it is one. */
	assert_int_equal(unlink("Maildir/new/1700000000." ID1 ".host,S=30"), 0);
	write_file_at("Maildir/new/1700000000." ID1 ".host,S=30", "123456789012345678901234567890");
	home_delivered(home);
	assert_int_equal(look()->n, 1);
}

static void
what_arrives_while_closed_is_found(void **state)
{
	(void)state;
	home_close(&home);
	arrive(1700000001, ID1, MSG);
	write_file_at("Maildir/.Sent/cur/1700000000.mutt.host:2,S", MSG);
	open_home();
	assert_int_equal(home_find(home, STR("INBOX"))->exists, 1);
	assert_int_equal(box("Sent")->n, 1);
	assert_int_equal(box("Sent")->messages[0].flags, FLAG_SEEN);
}

static void
nothing_comes_back(void **state)
{
	struct mailbox *mb;
	const struct flag_set deleted = {.flags = FLAG_DELETED};
	uint32_t uid = 1;

	(void)state;
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	mb = box("INBOX");
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_ADD, &deleted, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	assert_int_equal(mailbox_expunge(mb, NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(count_files("Maildir/new"), 0);
	/* A replay delivers it again under its old name: before and after the tombstone is done. */
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(count_files("Maildir/new"), 0);
	mirror();
	reopen_home();
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(count_files("Maildir/new"), 0);
}

static void
a_replay_of_what_is_there_is_no_second_message(void **state)
{
	(void)state;
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	mirror();
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	assert_int_equal(look()->n, 1);
	assert_int_equal(look()->n, 1);
	assert_int_equal(count_files("Maildir/new") + count_files("Maildir/cur"), 1);
}

static void
a_name_that_lost_its_octets_gets_them_back(void **state)
{
	struct content *c;
	char path[300];

	(void)state;
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	mirror();
	(void)snprintf(
	    path, sizeof path, "Maildir/cur/" STR_FMT, STR_ARG(only_file("Maildir/cur")));
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(look()->n, 1);
	assert_null(content_open(box("INBOX"), 1, &err));
	assert_int_equal(err.code, E_TEMP);
	/* The replay. */
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	assert_int_equal(look()->n, 1);
	assert_int_equal(count_files("Maildir/new"), 0);
	c = content_open(box("INBOX"), 1, &err);
	assert_non_null(c);
	assert_true(str_eq_z(c->octets, MSG));
	content_close(&c);
}

static void
a_rename_that_power_took_is_done_again(void **state)
{
	struct str name;

	(void)state;
	arrive(1700000001, ID1, MSG);
	home_delivered(home);
	mirror();
	name = only_file("Maildir/cur");
	rename_in("Maildir/cur", name.p, "Maildir/new",
	    arena_dupz(&scratch, str_sub(name, 0, str_chr(name, ':'))));
	assert_int_equal(look()->n, 1);
	mirror();
	assert_int_equal(count_files("Maildir/cur"), 1);
	assert_int_equal(look()->n, 1);
}

/* ---- flags and foreign hands ---- */

static void
flags_go_into_names(void **state)
{
	const struct flag_set set = {.flags = FLAG_SEEN | FLAG_ANSWERED};
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, FLAG_FLAGGED);

	(void)state;
	assert_true(str_ends(only_file("Maildir/cur"), STR(":2,F")));
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_REPLACE, &set, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	assert_true(str_ends(only_file("Maildir/cur"), STR(":2,F")));
	mirror();
	assert_true(str_ends(only_file("Maildir/cur"), STR(":2,RS")));
	assert_int_equal(look()->messages[0].flags, FLAG_SEEN | FLAG_ANSWERED);
}

static void
a_foreign_name_wins_for_what_it_changes(void **state)
{
	const struct flag_set flagged = {.flags = FLAG_FLAGGED};
	struct mailbox *mb = box("INBOX");
	uint32_t uid = append(mb, MSG, 0);
	struct str name = only_file("Maildir/cur");
	struct heard h;

	(void)state;
	assert_int_equal(home_flush(home, &err), 0);
	later();
	/* We flag it, not yet mirrored; others mark it seen and give it a keyword of theirs. */
	assert_int_equal(
	    mailbox_store(mb, &uid, 1, STORE_ADD, &flagged, UINT64_MAX, &me, &scratch, NULL, &err),
	    0);
	listen_to(mb, &h);
	rename_in("Maildir/cur", name.p, "Maildir/cur",
	    arena_printf(&scratch, STR_FMT "Sb", STR_ARG(name)).p);
	mb = look();
	assert_int_equal(h.flags, 1);
	assert_int_equal(mb->messages[0].flags, FLAG_FLAGGED | FLAG_SEEN);
	mailbox_unobserve(mb, &h.o);
	mirror();
	assert_true(str_ends(only_file("Maildir/cur"), STR(":2,FSb")));
	/* And takes it back. */
	name = only_file("Maildir/cur");
	later();
	rename_in("Maildir/cur", name.p, "Maildir/cur",
	    arena_dupz(&scratch, str_sub(name, 0, str_rchr(name, ',') + 1)));
	assert_int_equal(look()->messages[0].flags, 0);
}

static void
names_in_other_forms_are_settled(void **state)
{
	struct content *c;

	(void)state;
	write_file_at("Maildir/cur/1700000000.a.host", "Subject: a\n\nb\n");
	write_file_at("Maildir/cur/1700000001.b.host:2,SF", MSG);
	assert_int_equal(look()->n, 2);
	assert_int_equal(box("INBOX")->messages[1].flags, FLAG_SEEN | FLAG_FLAGGED);
	/* Bare LF becomes CRLF, in size and octets. */
	assert_int_equal(box("INBOX")->messages[0].size, 17);
	c = content_open(box("INBOX"), 1, &err);
	assert_non_null(c);
	assert_true(str_eq_z(c->octets, "Subject: a\r\n\r\nb\r\n"));
	content_close(&c);
	c = content_open(box("INBOX"), 2, &err);
	assert_non_null(c);
	content_close(&c);
}

static void
a_vanished_file_goes_at_the_second_look(void **state)
{
	struct mailbox *mb = box("INBOX");
	struct str name;
	struct heard h;
	char path[300];

	(void)state;
	append(mb, MSG, 0);
	assert_int_equal(home_flush(home, &err), 0);
	listen_to(mb, &h);
	name = only_file("Maildir/cur");
	later();
	(void)snprintf(path, sizeof path, "Maildir/cur/" STR_FMT, STR_ARG(name));
	assert_int_equal(rename(path, "elsewhere"), 0);
	assert_int_equal(mailbox_refresh(mb, &err), 0);
	assert_int_equal(mb->n, 1);
	assert_int_equal(mailbox_refresh(mb, &err), 0);
	assert_int_equal(mb->n, 1);
	/* It was on its way elsewhere in the directory only. */
	assert_int_equal(rename("elsewhere", path), 0);
	assert_int_equal(look()->n, 1);
	assert_int_equal(look()->n, 1);
	assert_int_equal(rename(path, "elsewhere"), 0);
	assert_int_equal(look()->n, 1);
	assert_int_equal(look()->n, 0);
	assert_int_equal(h.expunged, 1);
	mailbox_unobserve(mb, &h.o);
	/* Should it return, it is a new message. */
	assert_int_equal(rename("elsewhere", path), 0);
	assert_int_equal(look()->n, 1);
	assert_int_equal(box("INBOX")->messages[0].uid, 2);
}

static void
a_renamed_file_is_found_at_once(void **state)
{
	struct mailbox *mb = box("INBOX"), *to = box("Sent");
	uint32_t uid = append(mb, MSG, 0);
	struct str name = only_file("Maildir/cur");
	struct copy_result r;
	struct content *c;

	(void)state;
	assert_int_equal(home_flush(home, &err), 0);
	rename_in("Maildir/cur", name.p, "Maildir/cur",
	    arena_printf(&scratch, STR_FMT "S", STR_ARG(name)).p);
	c = content_open(mb, uid, &err);
	assert_non_null(c);
	content_close(&c);
	rename_in("Maildir/cur", arena_printf(&scratch, STR_FMT "S", STR_ARG(name)).p,
	    "Maildir/cur", name.p);
	assert_int_equal(mailbox_copy(mb, &uid, 1, to, &me, &scratch, &r, &err), 0);
	assert_int_equal(r.n, 1);
}

static void
an_expunged_file_that_was_renamed_goes_too(void **state)
{
	struct mailbox *mb = box("INBOX");
	struct str name;

	(void)state;
	append(mb, MSG, FLAG_DELETED);
	assert_int_equal(home_flush(home, &err), 0);
	name = only_file("Maildir/cur");
	later();
	rename_in("Maildir/cur", name.p, "Maildir/cur",
	    arena_printf(&scratch, STR_FMT "R", STR_ARG(str_sub(name, 0, name.n - 1))).p);
	assert_int_equal(mailbox_expunge(mb, NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	mirror();
	assert_int_equal(count_files("Maildir/cur"), 0);
	assert_int_equal(look()->n, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(new_files_get_uids_in_order_of_arrival),
	    TEST(a_delivery_beside_own_changes_is_seen),
	    TEST(a_name_is_not_a_message),
	    TEST(what_arrives_while_closed_is_found),
	    TEST(nothing_comes_back),
	    TEST(a_replay_of_what_is_there_is_no_second_message),
	    TEST(a_name_that_lost_its_octets_gets_them_back),
	    TEST(a_rename_that_power_took_is_done_again),
	    TEST(flags_go_into_names),
	    TEST(a_foreign_name_wins_for_what_it_changes),
	    TEST(names_in_other_forms_are_settled),
	    TEST(a_vanished_file_goes_at_the_second_look),
	    TEST(a_renamed_file_is_found_at_once),
	    TEST(an_expunged_file_that_was_renamed_goes_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
