/*
 * index_message.c - see index.h: rows of messages and tombstones.
 */
#include "base/clock.h"
#include "base/num.h"
#include "store/index_row.h"
#include "store/maildir.h"

/* ---- reading ---- */

#define MESSAGE_COLUMNS "uid, flags, keywords, modseq, size, date, email, thread"

static void
read_message(struct db_stmt *s, struct message *m)
{
	m->uid = (uint32_t)db_int(s, 0);
	m->flags = (uint32_t)db_int(s, 1);
	m->keywords = (uint64_t)db_int(s, 2);
	m->modseq = (uint64_t)db_int(s, 3);
	m->size = (uint64_t)db_int(s, 4);
	m->date = db_int(s, 5);
	m->email = (uint64_t)db_int(s, 6);
	m->thread = (uint64_t)db_int(s, 7);
}

int
index_messages(struct index *ix, uint32_t mailbox, void (*fn)(void *arg, const struct message *m),
    void *arg, struct err *e)
{
	struct db_stmt *s = index_read(
	    ix, "SELECT " MESSAGE_COLUMNS " FROM message WHERE mailbox = ? ORDER BY uid", e);
	struct message m;
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	while ((rc = db_step(s, e)) == 1) {
		read_message(s, &m);
		fn(arg, &m);
	}
	db_done(&s);
	return rc;
}

int
index_files(struct index *ix, uint32_t mailbox, bool dirty_only,
    void (*fn)(void *arg, const struct message *m, const struct index_file *f), void *arg,
    struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    dirty_only ? "SELECT " MESSAGE_COLUMNS ", base, letters, in_new, missing FROM message"
			 " WHERE mailbox = ? AND dirty = 1 ORDER BY uid LIMIT 1000"
		       : "SELECT " MESSAGE_COLUMNS ", base, letters, in_new, missing FROM message"
			 " WHERE mailbox = ? ORDER BY uid",
	    e);
	struct message m;
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	while ((rc = db_step(s, e)) == 1) {
		const struct index_file f = {.base = db_str(s, 8),
		    .letters = (uint32_t)db_int(s, 9),
		    .in_new = db_int(s, 10) != 0,
		    .missing = db_int(s, 11) != 0};

		read_message(s, &m);
		fn(arg, &m, &f);
	}
	db_done(&s);
	return rc;
}

int
index_file_get(struct index *ix, uint32_t mailbox, uint32_t uid, struct index_file *f, char *base,
    struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT base, letters, in_new, missing FROM message WHERE mailbox = ? AND uid = ?", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	db_bind_int(s, 2, uid);
	if ((rc = db_step(s, e)) == 1) {
		if (str_cz(db_str(s, 0), base, MAILDIR_NAME_SIZE) < 0)
			rc = err_set(e, E_PROTO, "a file name in the index is over-long");
		*f = (struct index_file){.base = str_z(base),
		    .letters = (uint32_t)db_int(s, 1),
		    .in_new = db_int(s, 2) != 0,
		    .missing = db_int(s, 3) != 0};
	}
	db_done(&s);
	if (rc == 0)
		return err_set(e, E_NOTFOUND, "no such message");
	return rc < 0 ? -1 : 0;
}

int
index_find_base(struct index *ix, uint32_t mailbox, struct str base, uint32_t *uid,
    struct index_file *f, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT uid, letters, in_new, missing FROM message WHERE base = ? AND mailbox = ?", e);
	int rc;

	*uid = 0;
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, base);
	db_bind_int(s, 2, mailbox);
	if ((rc = db_step(s, e)) == 1) {
		*uid = (uint32_t)db_int(s, 0);
		*f = (struct index_file){.base = base,
		    .letters = (uint32_t)db_int(s, 1),
		    .in_new = db_int(s, 2) != 0,
		    .missing = db_int(s, 3) != 0};
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_first_new(struct index *ix, uint32_t mailbox, uint32_t *uid, struct err *e)
{
	struct db_stmt *s = index_read(
	    ix, "SELECT uid FROM message WHERE mailbox = ? AND in_new = 1 ORDER BY uid LIMIT 1", e);
	int rc;

	*uid = UINT32_MAX;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	if ((rc = db_step(s, e)) == 1)
		*uid = (uint32_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_any_dirty(struct index *ix, uint32_t mailbox, bool *dirty, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT 1 FROM message WHERE mailbox = ? AND dirty = 1 LIMIT 1", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	rc = db_step(s, e);
	*dirty = rc == 1;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

/* ---- writing ---- */

int
index_message_add(struct index *ix, uint32_t mailbox, const struct message *m,
    const struct index_file *f, bool dirty, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "INSERT INTO message (mailbox, uid, flags, keywords, modseq, size, date, base, letters,"
	    " in_new, missing, dirty, email, thread) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, "
	    "?, ?)",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	db_bind_int(s, 2, m->uid);
	db_bind_int(s, 3, m->flags);
	db_bind_int(s, 4, (int64_t)m->keywords);
	db_bind_int(s, 5, (int64_t)m->modseq);
	db_bind_int(s, 6, (int64_t)m->size);
	db_bind_int(s, 7, m->date);
	db_bind_str(s, 8, f->base);
	db_bind_int(s, 9, f->letters);
	db_bind_int(s, 10, f->in_new);
	db_bind_int(s, 11, dirty);
	db_bind_int(s, 12, (int64_t)m->email);
	db_bind_int(s, 13, (int64_t)m->thread);
	return db_run(&s, e);
}

int
index_message_flags(
    struct index *ix, uint32_t mailbox, const struct message *m, bool dirty, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "UPDATE message SET flags = ?, keywords = ?, modseq = ?, dirty = max(dirty, ?)"
	    " WHERE mailbox = ? AND uid = ?",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, m->flags);
	db_bind_int(s, 2, (int64_t)m->keywords);
	db_bind_int(s, 3, (int64_t)m->modseq);
	db_bind_int(s, 4, dirty);
	db_bind_int(s, 5, mailbox);
	db_bind_int(s, 6, m->uid);
	return db_run(&s, e);
}

int
index_message_file(struct index *ix, uint32_t mailbox, uint32_t uid, const struct index_file *f,
    bool dirty, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "UPDATE message SET letters = ?, in_new = ?, missing = ?, dirty = ?"
	    " WHERE mailbox = ? AND uid = ?",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, f->letters);
	db_bind_int(s, 2, f->in_new);
	db_bind_int(s, 3, f->missing);
	db_bind_int(s, 4, dirty);
	db_bind_int(s, 5, mailbox);
	db_bind_int(s, 6, uid);
	return db_run(&s, e);
}

/* ---- tombstones ---- */

/* A statement about one message. */
static int
run_about(struct index *ix, const char *sql, uint32_t mailbox, uint32_t uid, struct err *e)
{
	struct db_stmt *s = index_write(ix, sql, e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	db_bind_int(s, 2, uid);
	return db_run(&s, e);
}

static int
forget_cached(struct index *ix, uint32_t mailbox, uint32_t uid, struct err *e)
{
	struct db_stmt *s = index_write(ix, "DELETE FROM cache WHERE id >= ? AND id < ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, index_cache_id(mailbox, uid, 0));
	db_bind_int(s, 2, index_cache_id(mailbox, uid, 0) + CACHE_KINDS);
	return db_run(&s, e);
}

int
index_message_expunge(struct index *ix, uint32_t mailbox, uint32_t uid, uint64_t modseq,
    enum tombstone state, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "INSERT OR REPLACE INTO tombstone (mailbox, uid, modseq, time, base, letters, in_new,"
	    " state, email) SELECT mailbox, uid, ?, ?, base, letters, in_new, ?, email FROM message"
	    " WHERE mailbox = ? AND uid = ?",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)modseq);
	db_bind_int(s, 2, clock_wall());
	db_bind_int(s, 3, state);
	db_bind_int(s, 4, mailbox);
	db_bind_int(s, 5, uid);
	if (db_run(&s, e) < 0)
		return -1;
	if (run_about(ix, "DELETE FROM message WHERE mailbox = ? AND uid = ?", mailbox, uid, e) < 0)
		return -1;
	return forget_cached(ix, mailbox, uid, e);
}

int
index_tombstone(
    struct index *ix, uint32_t mailbox, struct str base, enum tombstone *out, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT min(state) FROM tombstone WHERE base = ? AND mailbox = ?", e);
	int rc;

	*out = TOMBSTONE_NONE;
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, base);
	db_bind_int(s, 2, mailbox);
	if ((rc = db_step(s, e)) == 1)
		*out = (enum tombstone)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_tombstone_done(struct index *ix, uint32_t mailbox, uint32_t uid, struct err *e)
{
	return run_about(ix,
	    "UPDATE tombstone SET state = 2 WHERE mailbox = ? AND uid = ? AND state = 1", mailbox,
	    uid, e);
}

int
index_tombstones_pending(struct index *ix,
    void (*fn)(void *arg, uint32_t mailbox, uint32_t uid, const struct index_file *f), void *arg,
    struct err *e)
{
	struct db_stmt *s = index_read(
	    ix, "SELECT mailbox, uid, base, letters, in_new FROM tombstone WHERE state = 1", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1) {
		const struct index_file f = {.base = db_str(s, 2),
		    .letters = (uint32_t)db_int(s, 3),
		    .in_new = db_int(s, 4) != 0};

		fn(arg, (uint32_t)db_int(s, 0), (uint32_t)db_int(s, 1), &f);
	}
	db_done(&s);
	return rc;
}

int
index_vanished(struct index *ix, uint32_t mailbox, uint64_t modseq, uint32_t below,
    void (*fn)(void *arg, uint32_t uid), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT uid FROM tombstone WHERE mailbox = ? AND uid < ? AND modseq > ? ORDER BY uid",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	db_bind_int(s, 2, below);
	db_bind_int(s, 3, (int64_t)modseq);
	while ((rc = db_step(s, e)) == 1)
		fn(arg, (uint32_t)db_int(s, 0));
	db_done(&s);
	return rc;
}
