/* home_test.c - opening, durability, numbering, rebuilding; making, renaming and deleting
 * mailboxes. */
#include <errno.h>
#include <sys/wait.h>

#include "io/file.h"

#include "store/home_test_in.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"

/* ---- opening ---- */

static void
a_new_home_has_its_folders(void **state)
{
	static const char *const names[] = {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"};
	struct mailbox *mb;
	struct str name;
	size_t i = 0, n = 0;

	(void)state;
	while ((mb = home_next(home, &i)) != NULL) {
		assert_true(str_eq_z(mb->name, names[n++]));
		assert_true(mb->subscribed);
		assert_int_equal(mb->uidnext, 1);
		assert_true(mb->uidvalidity > 0);
	}
	assert_int_equal(n, 6);
	assert_string_equal(mailbox_use_name(box("Sent")->use), "\\Sent");
	for (n = i = 0; home_subscribed(home, &i, &name);)
		n++;
	assert_int_equal(n, 6);
	assert_int_equal(access("Maildir/.Sent/cur", F_OK), 0);
}

static void
one_process_at_a_time(void **state)
{
	const struct home_options o = {.host = STR_INIT("h"), .no_timers = true};
	struct err e;

	(void)state;
	assert_null(home_open(&o, &e));
	assert_int_equal(e.code, E_TEMP);
}

static void
everything_is_there_after_closing(void **state)
{
	static const struct str words[] = {STR_INIT("$Label1"), STR_INIT("work")};
	const struct flag_set set = {FLAG_SEEN, words, 2};
	const struct message *m;
	uint32_t uid = append(box("Sent"), MSG, FLAG_FLAGGED), validity = box("Sent")->uidvalidity;
	uint64_t modseq, epoch = home_epoch(home);
	struct mailbox *mb;

	(void)state;
	assert_int_equal(mailbox_store(box("Sent"), &uid, 1, STORE_ADD, &set, UINT64_MAX, &me,
			     &scratch, NULL, &err),
	    0);
	modseq = box("Sent")->highestmodseq;
	reopen_home();
	mb = box("Sent");
	assert_int_equal(mb->uidvalidity, validity);
	assert_int_equal(mb->uidnext, uid + 1);
	assert_int_equal(mb->highestmodseq, modseq);
	assert_int_equal(home_epoch(home), epoch);
	assert_int_equal(mb->nkeywords, 2);
	assert_true(str_eq_z(mb->keywords[1], "work"));
	m = mailbox_get(mb, uid);
	assert_non_null(m);
	assert_int_equal(m->flags, FLAG_SEEN | FLAG_FLAGGED);
	assert_int_equal(m->keywords, 3);
	assert_int_equal(m->date, 1700000000);
	assert_int_equal(m->size, strlen(MSG));
	assert_int_equal(m->modseq, modseq);
	assert_int_equal(home_messages(home), 1);
	assert_int_equal(home_octets(home), strlen(MSG));
}

/* ---- waiting for commits ---- */

struct waited {
	unsigned n;
	bool failed;
	struct home_waiter w;
};

static void
committed(void *arg, const struct err *e)
{
	struct waited *w = arg;

	w->n++;
	w->failed = e != NULL;
	/* One that asks again waits for the next. */
	if (w->n == 1)
		home_commit(home, &w->w);
}

static void
waiters_are_called_once_each(void **state)
{
	struct waited w = {.w = {.fn = committed}};

	(void)state;
	w.w.arg = &w;
	append(box("INBOX"), MSG, 0);
	assert_true(home_is_dirty(home));
	home_commit(home, &w.w);
	assert_int_equal(w.n, 0);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(w.n, 1);
	assert_false(home_is_dirty(home));
	assert_true(w.w.queued);
	home_commit_cancel(home, &w.w);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(w.n, 1);
}

static int
sync_fails(enum file_op op, const char *name)
{
	(void)name;
	return op == FILE_SYNC || op == FILE_SYNC_ALL ? EIO : 0;
}

static int
dir_sync_fails(enum file_op op, const char *name)
{
	(void)name;
	return op == FILE_SYNC_DIR ? EIO : 0;
}

/* Octets that could not be synced get no name: somebody else's sync might make it durable. */
static void
no_name_before_its_octets(void **state)
{
	const struct flag_set set = {0};
	struct mailbox *in = box("INBOX"), *sent = box("Sent");
	uint32_t uids[20], uid = 0;
	struct append *ap;
	struct copy_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		uids[i] = append(in, MSG, 0);
	ap = append_new(home, 3, &err);
	assert_int_equal(append_write(ap, STR("abc"), &err), 0);
	file_fault = sync_fails;
	assert_int_equal(append_finish(&ap, in, &set, 1, &me, &uid, &err), -1);
	assert_int_equal(err.code, E_IO);
	/* Few are synced one by one, many at once. */
	assert_int_equal(mailbox_copy(in, uids, 2, sent, &me, &scratch, &r, &err), -1);
	assert_int_equal(mailbox_copy(in, uids, 20, sent, &me, &scratch, &r, &err), -1);
	assert_int_equal(mailbox_move(in, uids, 1, sent, &me, &scratch, &r, &err), -1);
	file_fault = NULL;
	assert_int_equal(count_files("Maildir/.Sent/cur"), 0);
	assert_int_equal(count_files("Maildir/cur"), 20);
	assert_int_equal(count_files("Maildir/tmp"), 0);
	assert_int_equal(home_flush(home, &err), 0);
	assert_int_equal(mailbox_copy(in, uids, 20, sent, &me, &scratch, &r, &err), 0);
	assert_int_equal(r.n, 20);
}

static unsigned syncs_of_all, syncs_of_one;

static int
count_syncs(enum file_op op, const char *name)
{
	syncs_of_all += op == FILE_SYNC_ALL;
	syncs_of_one += op == FILE_SYNC && strcmp(name, "store.copy") == 0;
	return 0;
}

static void
copies_cost(const uint32_t *uids, size_t n, unsigned all, unsigned one)
{
	struct copy_result r;

	syncs_of_all = syncs_of_one = 0;
	file_fault = count_syncs;
	assert_int_equal(
	    mailbox_copy(box("INBOX"), uids, n, box("Sent"), &me, &scratch, &r, &err), 0);
	file_fault = NULL;
	assert_int_equal(r.n, n);
	assert_int_equal(syncs_of_all, all);
	assert_int_equal(syncs_of_one, one);
}

/* What was synced with the file system needs no other sync, except what stands in new/: a replay
 * may put another file in its place. */
static void
what_is_durable_is_not_synced_again(void **state)
{
	struct mailbox *in = box("INBOX");
	uint32_t uids[60];

	(void)state;
	for (size_t i = 0; i < 40; i++)
		uids[i] = append(in, MSG, 0);
	copies_cost(uids, 2, 0, 2);
	copies_cost(uids, 20, 1, 0);
	copies_cost(uids + 20, 20, 0, 0);
	copies_cost(uids, 2, 0, 0);
	for (size_t i = 40; i < 60; i++) {
		char id[21];

		(void)snprintf(id, sizeof id, "%020zu", i);
		arrive(1700000000 + (int64_t)i, id, MSG);
		uids[i] = (uint32_t)i + 1;
	}
	home_delivered(home);
	assert_int_equal(in->n, 60);
	copies_cost(uids + 40, 20, 1, 0);
	copies_cost(uids + 40, 20, 1, 0);
	copies_cost(uids + 20, 20, 0, 0);
	assert_int_equal(home_mirror(home, &err), 0);
	copies_cost(uids + 40, 20, 1, 0);
	copies_cost(uids + 40, 20, 0, 0);
}

/* gk-local's half: a name in the folder, which it has made if need be. */
static void
junk_arrives(const char *id20)
{
	char base[MAILDIR_NAME_SIZE], path[300];

	maildir_base(base, 1700000000, str_z(id20), STR("host.test"), strlen(MSG));
	(void)snprintf(path, sizeof path, "Maildir/.Junk/new/%s", base);
	write_file_at(path, MSG);
	home_delivered(home);
}

static void
junk_is_met_in_its_mailbox(void **state)
{
	(void)state;
	junk_arrives("00000000000000000001");
	assert_int_equal(box("Junk")->exists, 1);
	assert_int_equal(box("INBOX")->exists, 0);
	/* Removed by its user, it comes back with the next junk, and what went with it does not. */
	assert_int_equal(home_delete(home, STR("Junk"), &me, &err), 0);
	home_delivered(home);
	assert_null(home_find(home, STR("Junk")));
	assert_int_equal(mkdir("Maildir/.Junk", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Junk/cur", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Junk/new", 0700), 0);
	junk_arrives("00000000000000000002");
	assert_int_equal(box("Junk")->exists, 1);
	assert_int_equal(box("Junk")->use, USE_JUNK);
	reopen_home();
	assert_int_equal(box("Junk")->use, USE_JUNK);
	/* Renamed, it keeps its use, and the new one has none. */
	assert_int_equal(home_rename(home, STR("Junk"), STR("Spam"), &me, &err), 0);
	assert_int_equal(mkdir("Maildir/.Junk", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Junk/cur", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Junk/new", 0700), 0);
	reopen_home();
	junk_arrives("00000000000000000003");
	assert_int_equal(box("Junk")->exists, 1);
	assert_int_equal(box("Junk")->use, USE_NONE);
	assert_int_equal(box("Spam")->use, USE_JUNK);
}

static void
a_failed_sync_is_told_and_final(void **state)
{
	struct waited w = {.w = {.fn = committed}};

	(void)state;
	w.w.arg = &w;
	append(box("INBOX"), MSG, 0);
	home_commit(home, &w.w);
	file_fault = dir_sync_fails;
	assert_int_equal(home_flush(home, &err), -1);
	file_fault = NULL;
	assert_int_equal(w.n, 1);
	assert_true(w.failed);
	home_commit_cancel(home, &w.w);
	assert_null(append_new(home, 3, &err));
	/* What is on disk counts after that: the file had a name, so it is found. */
	reopen_home();
	assert_true(box("INBOX")->exists <= 1);
}

/* ---- numbers ---- */

/* Does something in a process that dies without closing. */
static void
crash(void (*fn)(void))
{
	pid_t pid;
	int status;

	home_close(&home);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_home();
		fn();
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
	open_home();
}

static void
append_and_lose(void)
{
	append(box("INBOX"), MSG, 0);
	append(box("INBOX"), MSG, 0);
}

static void
nothing(void)
{
}

static void
numbers_go_on_above_what_was_shown(void **state)
{
	uint64_t epoch = home_epoch(home), modseq = home_modseq(home);
	uint32_t validity = box("INBOX")->uidvalidity, sent = box("Sent")->uidvalidity;
	struct mailbox *mb;

	(void)state;
	crash(append_and_lose);
	mb = box("INBOX");
	assert_int_equal(home_epoch(home), epoch + 1);
	assert_true(home_modseq(home) > modseq + 2);
	assert_int_equal(mb->uidvalidity, validity);
	assert_int_equal(box("Sent")->uidvalidity, sent);
	assert_true(mb->uidnext > 1000);
	assert_true(mb->highestmodseq > modseq + 2);
	/* What was said in the gap cannot be told from what was not. */
	assert_true(home_modseq_is_known(home, modseq));
	assert_false(home_modseq_is_known(home, modseq + 1));
	assert_true(home_modseq_is_known(home, home_modseq(home)));
	assert_false(home_modseq_is_known(home, home_modseq(home) + 1));
	/* Every message shows a modseq that nobody has heard. */
	assert_int_equal(home_modseq_floor(home), box("Sent")->highestmodseq);
	reopen_home();
	assert_int_equal(home_modseq_floor(home), box("Sent")->highestmodseq);
}

static void
reading_alone_leaves_a_clean_end(void **state)
{
	uint64_t epoch;

	(void)state;
	reopen_home();
	epoch = home_epoch(home);
	crash(nothing);
	assert_int_equal(home_epoch(home), epoch);
}

static void
a_lost_state_file_jumps(void **state)
{
	uint64_t modseq, epoch = home_epoch(home);
	uint32_t uid = append(box("INBOX"), MSG, 0);

	(void)state;
	modseq = home_modseq(home);
	home_close(&home);
	assert_int_equal(unlink("db/state"), 0);
	open_home();
	assert_true(home_modseq(home) > modseq);
	assert_true(home_epoch(home) > epoch);
	assert_true(box("INBOX")->uidnext > uid + 1);
}

static void
a_torn_state_file_is_a_lost_one(void **state)
{
	uint64_t epoch = home_epoch(home);

	(void)state;
	home_close(&home);
	assert_int_equal(truncate("db/state", 20), 0);
	open_home();
	assert_true(home_epoch(home) > epoch);
}

/* ---- who follows the list ---- */

struct listed {
	struct home_observer o;
	unsigned seen[16];
	uint32_t last;
};

static void
note_listed(void *arg, struct mailbox *mb, unsigned change, const struct change_by *by)
{
	struct listed *l = arg;

	assert_ptr_equal(by, &me);
	l->seen[change]++;
	l->last = mb->id;
}

static void
an_observer_hears_of_mailboxes(void **state)
{
	struct listed l = {.o = {.mailbox = note_listed}};
	struct mailbox *mb;

	(void)state;
	l.o.arg = &l;
	home_observe(home, &l.o);
	assert_int_equal(home_create(home, STR("a/b"), &me, &mb, &err), 0);
	assert_int_equal(l.seen[CHANGE_CREATED], 2);
	assert_int_equal(l.last, mb->id);
	assert_int_equal(home_rename(home, STR("a"), STR("c"), &me, &err), 0);
	assert_int_equal(l.seen[CHANGE_RENAMED], 2);
	assert_int_equal(home_subscribe(home, STR("c"), true, &me, &err), 0);
	assert_int_equal(l.seen[CHANGE_SUBSCRIBED], 1);
	assert_int_equal(home_delete(home, STR("c/b"), &me, &err), 0);
	assert_int_equal(l.seen[CHANGE_DELETED], 1);
	home_unobserve(home, &l.o);
	assert_int_equal(home_delete(home, STR("c"), &me, &err), 0);
	assert_int_equal(l.seen[CHANGE_DELETED], 1);
}

/* ---- rebuilding ---- */

static void
a_lost_index_comes_back_from_files_and_uid_list(void **state)
{
	struct mailbox *mb;
	uint32_t validity, uid, gone;
	uint64_t then;

	(void)state;
	assert_int_equal(home_create(home, STR("Work/2024"), &me, NULL, &err), 0);
	assert_int_equal(home_subscribe(home, STR("nowhere"), true, &me, &err), 0);
	gone = append(box("Work/2024"), MSG, FLAG_DELETED);
	uid = append(box("Work/2024"), MSG "two", FLAG_SEEN | FLAG_ANSWERED);
	validity = box("Work/2024")->uidvalidity;
	assert_int_equal(mailbox_expunge(box("Work/2024"), NULL, SIZE_MAX, &me, &err), 0);
	then = home_modseq(home);
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	open_home();
	mb = box("Work/2024");
	/* Its tombstones went with it. */
	assert_false(home_modseq_is_known(home, then));
	assert_true(home_modseq_floor(home) > then);
	assert_int_equal(mb->uidvalidity, validity);
	assert_int_equal(mb->n, 1);
	assert_int_equal(mb->messages[0].uid, uid);
	assert_int_equal(mb->messages[0].flags, FLAG_SEEN | FLAG_ANSWERED);
	assert_int_equal(mb->messages[0].date, 1700000000);
	assert_true(mb->uidnext > uid);
	assert_null(mailbox_get(mb, gone));
	assert_int_equal(box("Sent")->use, USE_SENT);
	assert_true(box("INBOX")->subscribed);
	assert_int_equal(home_subscribe(home, STR("nowhere"), false, &me, &err), 0);
}

static void
without_the_uid_list_uidvalidity_changes(void **state)
{
	uint32_t validity = box("INBOX")->uidvalidity;

	(void)state;
	append(box("INBOX"), MSG, FLAG_SEEN);
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	assert_int_equal(unlink("db/uidlist"), 0);
	open_home();
	assert_true(box("INBOX")->uidvalidity > validity);
	assert_int_equal(box("INBOX")->n, 1);
	assert_int_equal(box("INBOX")->messages[0].flags, FLAG_SEEN);
}

static void
a_damaged_index_is_put_aside(void **state)
{
	int fd;

	(void)state;
	append(box("INBOX"), MSG, 0);
	home_close(&home);
	fd = open("db/index.db", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "this is no database, however long it is", 39), 39);
	close(fd);
	open_home();
	assert_int_equal(box("INBOX")->n, 1);
	assert_int_equal(access("db/index.db.damaged", F_OK), 0);
}

/* ---- mailboxes ---- */

static void
making_mailboxes(void **state)
{
	struct mailbox *mb;

	(void)state;
	assert_int_equal(home_create(home, STR("a/b/c"), &me, &mb, &err), 0);
	assert_true(str_eq_z(mb->name, "a/b/c"));
	assert_non_null(home_find(home, STR("a")));
	assert_non_null(home_find(home, STR("a/b")));
	assert_int_equal(access("Maildir/.a.b.c/cur", F_OK), 0);
	assert_int_equal(home_create(home, STR("a/b"), &me, &mb, &err), -1);
	assert_int_equal(err.code, E_EXISTS);
	reopen_home();
	assert_non_null(home_find(home, STR("a/b/c")));
	/* A name that is made again is another mailbox. */
	mb = box("a/b/c");
	{
		uint32_t validity = mb->uidvalidity;

		assert_int_equal(home_delete(home, STR("a/b/c"), &me, &err), 0);
		assert_int_equal(home_create(home, STR("a/b/c"), &me, &mb, &err), 0);
		assert_true(mb->uidvalidity > validity);
	}
}

/* ---- refused, and not done ---- */

static const char *failing; /* part of a file's name, or a sync's site */
static int fail_at;         /* how many pass before */

static int
fails(enum file_op op, const char *name)
{
	(void)op;
	return failing != NULL && name != NULL && strstr(name, failing) != NULL && fail_at-- == 0
		   ? ENOSPC
		   : 0;
}

static void
fail_on(const char *name, int at)
{
	failing = name;
	fail_at = at;
	file_fault = fails;
}

static size_t
mailboxes(void)
{
	size_t i = 0, n = 0;

	while (home_next(home, &i) != NULL)
		n++;
	return n;
}

/* Whatever fails before the commit, at any step: nothing was made, now and after opening. */
static void
a_refused_create_makes_nothing(void **state)
{
	static const char *const steps[] = {".a", ".a/cur", ".a/tmp", ".a.b", ".a.b.c/new",
	    "store.folder", "store.folders", "store.state", "db/state"};
	struct mailbox *mb;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		for (int at = 0; at < 3; at++) {
			fail_on(steps[i], at);
			if (home_create(home, STR("a/b/c"), &me, &mb, &err) == 0) {
				file_fault = NULL;
				assert_int_equal(home_delete(home, STR("a/b/c"), &me, &err), 0);
				assert_int_equal(home_delete(home, STR("a/b"), &me, &err), 0);
				assert_int_equal(home_delete(home, STR("a"), &me, &err), 0);
			}
			file_fault = NULL;
			assert_false(home_has_failed(home));
			assert_int_equal(mailboxes(), 6);
			reopen_home();
			assert_int_equal(mailboxes(), 6);
		}
	/* A folder that is not ours stays. */
	assert_int_equal(mkdir("Maildir/.a", 0700), 0);
	fail_on(".a/new", 0);
	assert_int_equal(home_create(home, STR("a"), &me, &mb, &err), -1);
	file_fault = NULL;
	assert_int_equal(access("Maildir/.a", F_OK), 0);
}

static void
a_refused_rename_of_inbox_makes_nothing(void **state)
{
	(void)state;
	append(box("INBOX"), MSG, 0);
	fail_on(".old/cur/", 0); /* the message's new name */
	assert_int_equal(home_rename(home, STR("INBOX"), STR("old"), &me, &err), -1);
	file_fault = NULL;
	assert_false(home_has_failed(home));
	assert_null(home_find(home, STR("old")));
	assert_int_equal(box("INBOX")->n, 1);
	reopen_home();
	assert_null(home_find(home, STR("old")));
	assert_int_equal(box("INBOX")->n, 1);
}

/* Behind the commit nothing is refused any more: the next opening does what could not be done. */
static void
what_is_committed_is_answered_and_finished(void **state)
{
	uint32_t uid;

	(void)state;
	assert_int_equal(home_create(home, STR("a/b"), &me, NULL, &err), 0);
	uid = append(box("a/b"), MSG, 0);
	fail_on(".x.b", 0);
	assert_int_equal(home_rename(home, STR("a"), STR("x"), &me, &err), 0);
	file_fault = NULL;
	assert_true(home_has_failed(home));
	reopen_home();
	assert_null(home_find(home, STR("a/b")));
	assert_non_null(mailbox_get(box("x/b"), uid));
	assert_int_equal(access("Maildir/.a.b", F_OK), -1);
	fail_on("store.folders", 0);
	assert_int_equal(home_delete(home, STR("x/b"), &me, &err), 0);
	file_fault = NULL;
	reopen_home();
	assert_null(home_find(home, STR("x/b")));
	assert_int_equal(access("Maildir/.x.b", F_OK), -1);
}

static void
many_mailboxes_keep_their_order(void **state)
{
	struct mailbox *mb, *last = NULL;
	size_t i = 0, n = 0;

	(void)state;
	for (int k = 0; k < 40; k++) {
		struct str name = arena_printf(&scratch, "m%d/x", k * 7919 % 40);

		assert_int_equal(home_create(home, name, &me, NULL, &err), 0);
		assert_int_equal(home_subscribe(home, name, k % 2 == 0, &me, &err), 0);
	}
	reopen_home();
	while ((mb = home_next(home, &i)) != NULL) {
		assert_true(n > 0 || str_eq_z(mb->name, "INBOX"));
		assert_true(n < 2 || str_cmp(last->name, mb->name) < 0);
		assert_ptr_equal(home_find(home, mb->name), mb);
		last = mb;
		n++;
	}
	assert_int_equal(n, 6 + 80);
	assert_null(home_find(home, STR("m1/")));
	assert_null(home_find(home, STR("")));
}

static void
deleting_mailboxes(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(home_create(home, STR("a/b"), &me, NULL, &err), 0);
	append(box("a"), MSG, 0);
	listen_to(box("a"), &h);
	assert_int_equal(home_delete(home, STR("a"), &me, &err), 0);
	assert_int_equal(h.gone, 1);
	assert_int_equal(access("Maildir/.a", F_OK), -1);
	assert_null(home_find(home, STR("a")));
	assert_non_null(home_find(home, STR("a/b")));
	assert_int_equal(home_messages(home), 0);
	assert_int_equal(home_delete(home, STR("a"), &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	assert_int_equal(home_delete(home, STR("INBOX"), &me, &err), -1);
	assert_int_equal(err.code, E_INVAL);
	reopen_home();
	assert_null(home_find(home, STR("a")));
}

static void
renaming_takes_inferiors_along(void **state)
{
	uint32_t uid, validity;

	(void)state;
	assert_int_equal(home_create(home, STR("a/b"), &me, NULL, &err), 0);
	assert_int_equal(home_create(home, STR("ab"), &me, NULL, &err), 0);
	uid = append(box("a/b"), MSG, 0);
	validity = box("a/b")->uidvalidity;
	assert_int_equal(home_rename(home, STR("a"), STR("x/y"), &me, &err), 0);
	assert_null(home_find(home, STR("a")));
	assert_non_null(home_find(home, STR("x")));
	assert_non_null(home_find(home, STR("ab")));
	assert_int_equal(box("x/y/b")->uidvalidity, validity);
	assert_non_null(mailbox_get(box("x/y/b"), uid));
	assert_int_equal(count_files("Maildir/.x.y.b/cur"), 1);
	assert_int_equal(access("Maildir/.a.b", F_OK), -1);
	assert_int_equal(home_rename(home, STR("x"), STR("x/y/z"), &me, &err), -1);
	assert_int_equal(err.code, E_INVAL);
	assert_int_equal(home_rename(home, STR("x"), STR("Sent"), &me, &err), -1);
	assert_int_equal(err.code, E_EXISTS);
	assert_int_equal(home_rename(home, STR("no"), STR("q"), &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	reopen_home();
	assert_int_equal(box("x/y/b")->n, 1);
	assert_null(home_find(home, STR("a/b")));
}

static void
renaming_inbox_moves_its_messages(void **state)
{
	(void)state;
	append(box("INBOX"), MSG, FLAG_SEEN);
	append(box("INBOX"), MSG, 0);
	assert_int_equal(home_create(home, STR("INBOX/sub"), &me, NULL, &err), 0);
	assert_int_equal(home_rename(home, STR("INBOX"), STR("old/mail"), &me, &err), 0);
	assert_int_equal(box("INBOX")->n, 0);
	assert_int_equal(box("old/mail")->n, 2);
	assert_non_null(home_find(home, STR("INBOX/sub")));
	assert_int_equal(count_files("Maildir/cur"), 0);
	assert_int_equal(count_files("Maildir/.old.mail/cur"), 2);
}

static void
subscriptions_are_names(void **state)
{
	struct str name;
	size_t i, n;

	(void)state;
	assert_int_equal(home_subscribe(home, STR("later"), true, &me, &err), 0);
	assert_int_equal(home_subscribe(home, STR("later"), true, &me, &err), 0);
	assert_int_equal(home_create(home, STR("later"), &me, NULL, &err), 0);
	assert_true(box("later")->subscribed);
	assert_int_equal(home_delete(home, STR("later"), &me, &err), 0);
	assert_int_equal(home_subscribe(home, STR("Sent"), false, &me, &err), 0);
	assert_false(box("Sent")->subscribed);
	reopen_home();
	assert_false(box("Sent")->subscribed);
	for (n = i = 0; home_subscribed(home, &i, &name);)
		n += str_eq_z(name, "later");
	assert_int_equal(n, 1);
}

static void
a_folder_that_others_made_is_taken_in(void **state)
{
	(void)state;
	assert_int_equal(mkdir("Maildir/.Made.by%2Emutt", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Made.by%2Emutt/cur", 0700), 0);
	write_file_at("Maildir/.Made.by%2Emutt/cur/1700000001.abc.host:2,S", MSG);
	reopen_home();
	assert_int_equal(box("Made/by.mutt")->n, 1);
	assert_int_equal(box("Made/by.mutt")->messages[0].flags, FLAG_SEEN);
}

static void
left_overs_and_old_tombstones_go(void **state)
{
	struct uid_list gone;
	uint64_t before;
	bool gap;

	(void)state;
	append(box("INBOX"), MSG, FLAG_DELETED);
	before = home_modseq(home);
	assert_int_equal(mailbox_expunge(box("INBOX"), NULL, SIZE_MAX, &me, &err), 0);
	write_file_at("Maildir/tmp/left", "x");
	reopen_home();
	assert_int_equal(count_files("Maildir/tmp"), 1);
	assert_int_equal(mailbox_vanished(box("INBOX"), before, 2, &scratch, &gone, &gap, &err), 0);
	assert_int_equal(gone.n, 1);
	assert_false(gap);
	clock_advance(31ull * 86400 * 1000);
	reopen_home();
	assert_int_equal(count_files("Maildir/tmp"), 0);
	assert_int_equal(mailbox_vanished(box("INBOX"), before, 2, &scratch, &gone, &gap, &err), 0);
	assert_int_equal(gone.n, 0);
	assert_true(gap);
}

static bool
count_change(void *arg, const struct change *c)
{
	unsigned *n = arg;

	n[c->kind]++;
	assert_true(c->modseq > 0);
	if (c->kind == CHANGE_RENAMED)
		assert_true(str_eq_z(c->before, "a"));
	if (c->kind == CHANGE_FLAGS)
		assert_true(str_eq_z(c->before, "\\Flagged"));
	return true;
}

static void
every_change_is_logged(void **state)
{
	const struct flag_set seen = {.flags = FLAG_SEEN | FLAG_DELETED};
	struct copy_result copied;
	unsigned n[16] = {0};
	uint64_t before;
	uint32_t uid;

	(void)state;
	before = home_modseq(home);
	assert_int_equal(home_create(home, STR("a"), &me, NULL, &err), 0);
	assert_int_equal(home_rename(home, STR("a"), STR("b"), &me, &err), 0);
	uid = append(box("b"), MSG, FLAG_FLAGGED);
	assert_int_equal(
	    mailbox_copy(box("b"), &uid, 1, box("Sent"), &me, &scratch, &copied, &err), 0);
	assert_int_equal(mailbox_store(box("b"), &uid, 1, STORE_ADD, &seen, UINT64_MAX, &me,
			     &scratch, NULL, &err),
	    0);
	assert_int_equal(mailbox_expunge(box("b"), NULL, SIZE_MAX, &me, &err), 0);
	assert_int_equal(
	    mailbox_move(box("Sent"), copied.to, 1, box("b"), &me, &scratch, &copied, &err), 0);
	assert_int_equal(home_delete(home, STR("b"), &me, &err), 0);
	assert_int_equal(change_each(home, before, count_change, n, &err), 0);
	assert_int_equal(n[CHANGE_CREATED], 1);
	assert_int_equal(n[CHANGE_RENAMED], 1);
	assert_int_equal(n[CHANGE_ADDED], 1);
	assert_int_equal(n[CHANGE_COPIED], 2);
	assert_int_equal(n[CHANGE_MOVED], 1);
	assert_int_equal(n[CHANGE_FLAGS], 1);
	assert_int_equal(n[CHANGE_EXPUNGED], 2); /* one with its mailbox */
	assert_int_equal(n[CHANGE_DELETED], 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* A special use belongs to one mailbox; both are kept. */
static void
arranging_mailboxes(void **state)
{
	struct mailbox *archive = box("Archive"), *other;

	(void)state;
	assert_int_equal(home_create(home, STR("Old"), &me, &other, &err), 0);
	assert_int_equal(other->sort, -1);
	assert_int_equal(home_arrange(home, other, USE_ARCHIVE, 7, &me, &err), -1);
	assert_int_equal(err.code, E_EXISTS);
	assert_int_equal(home_arrange(home, box("INBOX"), USE_ARCHIVE, 7, &me, &err), -1);
	assert_int_equal(err.code, E_INVAL);
	assert_int_equal(home_arrange(home, archive, USE_NONE, -1, &me, &err), 0);
	assert_int_equal(home_arrange(home, other, USE_ARCHIVE, 7, &me, &err), 0);
	reopen_home();
	assert_int_equal(box("Old")->use, USE_ARCHIVE);
	assert_int_equal(box("Old")->sort, 7);
	assert_int_equal(box("Archive")->use, USE_NONE);
	/* A lost index: the use is in the uid list. */
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	open_home();
	assert_int_equal(box("Old")->use, USE_ARCHIVE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_home_has_its_folders),
	    TEST(one_process_at_a_time),
	    TEST(everything_is_there_after_closing),
	    TEST(junk_is_met_in_its_mailbox),
	    TEST(waiters_are_called_once_each),
	    TEST(no_name_before_its_octets),
	    TEST(what_is_durable_is_not_synced_again),
	    TEST(a_failed_sync_is_told_and_final),
	    TEST(numbers_go_on_above_what_was_shown),
	    TEST(reading_alone_leaves_a_clean_end),
	    TEST(a_lost_state_file_jumps),
	    TEST(a_torn_state_file_is_a_lost_one),
	    TEST(an_observer_hears_of_mailboxes),
	    TEST(a_lost_index_comes_back_from_files_and_uid_list),
	    TEST(without_the_uid_list_uidvalidity_changes),
	    TEST(a_damaged_index_is_put_aside),
	    TEST(making_mailboxes),
	    TEST(a_refused_create_makes_nothing),
	    TEST(a_refused_rename_of_inbox_makes_nothing),
	    TEST(what_is_committed_is_answered_and_finished),
	    TEST(many_mailboxes_keep_their_order),
	    TEST(deleting_mailboxes),
	    TEST(renaming_takes_inferiors_along),
	    TEST(renaming_inbox_moves_its_messages),
	    TEST(subscriptions_are_names),
	    TEST(a_folder_that_others_made_is_taken_in),
	    TEST(left_overs_and_old_tombstones_go),
	    TEST(every_change_is_logged),
	    TEST(arranging_mailboxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
