/*
 * index.c - see index.h: the schema, the transaction, facts, mailboxes, cached text, change log.
 * Messages and tombstones are in index_message.c.
 */
#include "store/index.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/index_row.h"

#define APPLICATION_ID 0x474b6978u /* "GKix" */

/* clang-format off */
static const char step_1[] =
	"CREATE TABLE fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE gap (low INTEGER NOT NULL, high INTEGER NOT NULL);"
	"CREATE TABLE mailbox (id INTEGER PRIMARY KEY, name TEXT NOT NULL, old_name TEXT NOT NULL,"
	" doomed INTEGER NOT NULL, use INTEGER NOT NULL, uidvalidity INTEGER NOT NULL,"
	" uidnext INTEGER NOT NULL, recent_from INTEGER NOT NULL, highestmodseq INTEGER NOT NULL,"
	" total INTEGER NOT NULL, unseen INTEGER NOT NULL, deleted INTEGER NOT NULL,"
	" octets INTEGER NOT NULL, cur_mtime INTEGER NOT NULL, new_mtime INTEGER NOT NULL);"
	"CREATE UNIQUE INDEX mailbox_name ON mailbox (name) WHERE doomed = 0;"
	"CREATE TABLE keyword (mailbox INTEGER NOT NULL, bit INTEGER NOT NULL, name TEXT NOT NULL,"
	" PRIMARY KEY (mailbox, bit)) WITHOUT ROWID;"
	"CREATE TABLE subscription (name TEXT PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE message (mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" keywords INTEGER NOT NULL, modseq INTEGER NOT NULL, size INTEGER NOT NULL,"
	" date INTEGER NOT NULL, base TEXT NOT NULL, letters INTEGER NOT NULL, in_new INTEGER NOT NULL,"
	" missing INTEGER NOT NULL, dirty INTEGER NOT NULL, PRIMARY KEY (mailbox, uid)) WITHOUT ROWID;"
	"CREATE INDEX message_base ON message (base);"
	"CREATE INDEX message_dirty ON message (mailbox, uid) WHERE dirty = 1;"
	"CREATE TABLE tombstone (mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, modseq INTEGER NOT NULL,"
	" time INTEGER NOT NULL, base TEXT NOT NULL, letters INTEGER NOT NULL, in_new INTEGER NOT NULL,"
	" state INTEGER NOT NULL, PRIMARY KEY (mailbox, uid)) WITHOUT ROWID;"
	"CREATE INDEX tombstone_base ON tombstone (base);"
	"CREATE INDEX tombstone_pending ON tombstone (mailbox, uid) WHERE state = 1;"
	"CREATE TABLE cache (mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" version INTEGER NOT NULL, text BLOB NOT NULL, PRIMARY KEY (mailbox, uid, kind)) WITHOUT ROWID;"
	"CREATE TABLE change (id INTEGER PRIMARY KEY, modseq INTEGER NOT NULL, time INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, actor TEXT NOT NULL, sid TEXT NOT NULL, mailbox INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, before TEXT NOT NULL);"
	"CREATE INDEX change_modseq ON change (modseq)";

/* Cached text by one number, which is what sqlite finds fastest (see cache_id). What the old table held
 * is made again when it is asked for. */
static const char step_2[] =
	"DROP TABLE cache;"
	"CREATE TABLE cache (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, text BLOB NOT NULL)";

/* Emails and threads. Rows of before have email 0 until index_email.c has numbered them. Emails have no
 * index of their own: their numbers come in no order, and each would touch another page. */
static const char step_3[] =
	"ALTER TABLE message ADD COLUMN email INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN thread INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE tombstone ADD COLUMN email INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE thread (id INTEGER PRIMARY KEY, thread INTEGER NOT NULL);"
	"INSERT INTO fact (name, value) SELECT 'emails', 1"
	" WHERE NOT EXISTS (SELECT 1 FROM message) AND NOT EXISTS (SELECT 1 FROM tombstone)";
/* The log names the email and its thread, which are not to be found any more once the mailbox has gone.
 * Cached text has more kinds (index_cache_id). */
static const char step_4[] =
	"ALTER TABLE change ADD COLUMN email INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE change ADD COLUMN thread INTEGER NOT NULL DEFAULT 0;"
	"DELETE FROM cache";
/* What is neither mailbox nor message (object.h). Where mailboxes stand in lists. */
static const char step_5[] =
	"ALTER TABLE mailbox ADD COLUMN sort INTEGER NOT NULL DEFAULT -1;"
	"CREATE TABLE object (kind INTEGER NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL,"
	" PRIMARY KEY (kind, id)) WITHOUT ROWID";
/* What agents did, and what of it was undone: few rows, which are asked for by their session. */
static const char step_6[] =
	"CREATE INDEX change_agent ON change (actor, sid, id) WHERE actor = 'agent' OR actor = 'undo'";
/* What came from elsewhere (import.h), by the key of the message where it came from. */
static const char step_7[] =
	"CREATE TABLE imported (key BLOB PRIMARY KEY) WITHOUT ROWID";
/* clang-format on */

static const char *const steps[] = {step_1, step_2, step_3, step_4, step_5, step_6, step_7};
static const struct db_schema schema = {APPLICATION_ID, steps, ARRAY_LEN(steps)};

struct index *
index_open(const char *path, bool *fresh, struct err *e)
{
	const struct db_options o = {.schema = &schema,
	    .mode = 0600,
	    .sync = DB_SYNC_FULL,
	    .exclusive = true,
	    .cache_kib = 2048};
	struct index *ix = mem_alloc(sizeof *ix);
	struct db_stmt *s = NULL;

	if ((ix->db = db_open(path, &o, e)) == NULL)
		goto fail;
	if ((s = db_sql(ix->db, "SELECT 1 FROM mailbox LIMIT 1", e)) == NULL)
		goto fail;
	switch (db_step(s, e)) {
	case 0:
		*fresh = true;
		break;
	case 1:
		*fresh = false;
		break;
	default:
		goto fail;
	}
	db_done(&s);
	if (index_number_emails(ix, e) < 0)
		goto fail;
	return ix;
fail:
	db_done(&s);
	index_close(&ix);
	return NULL;
}

void
index_close(struct index **ix)
{
	if (*ix == NULL)
		return;
	if ((*ix)->db != NULL) {
		db_rollback((*ix)->db);
		db_close(&(*ix)->db);
	}
	free(*ix);
	*ix = NULL;
}

struct db_stmt *
index_read(struct index *ix, const char *sql, struct err *e)
{
	/* Between transactions each statement would begin one, which costs a system call and more
	 * than most of them. Nobody else writes, so that an open one holds up nobody. */
	if (!db_in_transaction(ix->db) && db_begin_reading(ix->db, e) < 0)
		return NULL;
	return db_sql(ix->db, sql, e);
}

struct db_stmt *
index_write(struct index *ix, const char *sql, struct err *e)
{
	if (!db_in_transaction(ix->db) && db_begin(ix->db, e) < 0)
		return NULL;
	ix->dirty = true;
	return db_sql(ix->db, sql, e);
}

int
index_commit(struct index *ix, struct err *e)
{
	ix->dirty = false;
	return db_in_transaction(ix->db) ? db_commit(ix->db, e) : 0;
}

int
index_copy(struct index *ix, int *fd, struct err *e)
{
	assume(!ix->dirty);
	/* What a statement left open for reading. */
	db_rollback(ix->db);
	return db_copy(ix->db, INDEX_PATH, fd, e);
}

void
index_rollback(struct index *ix)
{
	ix->dirty = false;
	db_rollback(ix->db);
}

bool
index_is_dirty(const struct index *ix)
{
	return ix->dirty;
}

int
index_verify(struct index *ix, void (*fn)(void *arg, struct str text), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix, "PRAGMA integrity_check(20)", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1)
		if (!str_eq_z(db_str(s, 0), "ok"))
			fn(arg, db_str(s, 0));
	db_done(&s);
	return rc;
}

/* ---- facts and gaps ---- */

int
index_get(struct index *ix, const char *name, uint64_t *out, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT value FROM fact WHERE name = ?", e);
	int rc = -1;

	*out = 0;
	if (s == NULL)
		return -1;
	db_bind_str(s, 1, str_z(name));
	if ((rc = db_step(s, e)) == 1)
		*out = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_put(struct index *ix, const char *name, uint64_t v, struct err *e)
{
	struct db_stmt *s =
	    index_write(ix, "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, str_z(name));
	db_bind_int(s, 2, (int64_t)v);
	return db_run(&s, e);
}

int
index_highest(
    struct index *ix, uint64_t *modseq, uint32_t *uidvalidity, uint32_t *mailbox, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT max(ifnull((SELECT max(modseq) FROM change), 0), ifnull(max(highestmodseq), "
	    "0)),"
	    " max(uidvalidity), max(id) FROM mailbox",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	if ((rc = db_step(s, e)) == 1) {
		*modseq = (uint64_t)db_int(s, 0);
		*uidvalidity = (uint32_t)db_int(s, 1);
		*mailbox = (uint32_t)db_int(s, 2);
	}
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_gap_add(struct index *ix, uint64_t low, uint64_t high, struct err *e)
{
	struct db_stmt *s = index_write(ix, "INSERT INTO gap (low, high) VALUES (?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)low);
	db_bind_int(s, 2, (int64_t)high);
	return db_run(&s, e);
}

int
index_gap_has(struct index *ix, uint64_t modseq, bool *in_gap, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT 1 FROM gap WHERE low < ?1 AND ?1 <= high LIMIT 1", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)modseq);
	rc = db_step(s, e);
	*in_gap = rc == 1;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_gap_end(struct index *ix, uint64_t *high, struct err *e)
{
	struct db_stmt *s = db_sql(ix->db, "SELECT max(high) FROM gap", e);
	int rc;

	if (s == NULL)
		return -1;
	rc = db_step(s, e);
	*high = rc == 1 ? (uint64_t)db_int(s, 0) : 0;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

/* One statement of pruning, bound to the time. */
static int
prune(struct index *ix, const char *sql, int64_t before, struct err *e)
{
	struct db_stmt *s = index_write(ix, sql, e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, before);
	return db_run(&s, e);
}

int
index_prune(struct index *ix, int64_t before, struct err *e)
{
	if (prune(ix,
		"INSERT OR REPLACE INTO fact (name, value) SELECT 'pruned', max(modseq) FROM "
		"tombstone"
		" WHERE time < ? AND state <> 1 HAVING max(modseq) IS NOT NULL",
		before, e) < 0)
		return -1;
	if (prune(ix, "DELETE FROM tombstone WHERE time < ? AND state <> 1", before, e) < 0)
		return -1;
	if (prune(ix,
		"INSERT OR REPLACE INTO fact (name, value) SELECT 'log_pruned', max(modseq) FROM "
		"change"
		" WHERE time < ? HAVING max(modseq) IS NOT NULL",
		before, e) < 0)
		return -1;
	return prune(ix, "DELETE FROM change WHERE time < ?", before, e);
}

/* ---- mailboxes ---- */

int
index_mailboxes(struct index *ix,
    int (*fn)(void *arg, const struct index_mailbox *m, struct err *e), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT id, name, old_name, doomed, use, uidvalidity, uidnext, recent_from,"
	    " highestmodseq, total, unseen, deleted, octets, cur_mtime, new_mtime, sort FROM "
	    "mailbox",
	    e);
	int rc = -1;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1) {
		const struct index_mailbox m = {.id = (uint32_t)db_int(s, 0),
		    .name = db_str(s, 1),
		    .old_name = db_str(s, 2),
		    .doomed = db_int(s, 3) != 0,
		    .use = (uint32_t)db_int(s, 4),
		    .uidvalidity = (uint32_t)db_int(s, 5),
		    .uidnext = (uint32_t)db_int(s, 6),
		    .recent_from = (uint32_t)db_int(s, 7),
		    .highestmodseq = (uint64_t)db_int(s, 8),
		    .exists = (uint32_t)db_int(s, 9),
		    .unseen = (uint32_t)db_int(s, 10),
		    .deleted = (uint32_t)db_int(s, 11),
		    .octets = (uint64_t)db_int(s, 12),
		    .cur_mtime = db_int(s, 13),
		    .new_mtime = db_int(s, 14),
		    .sort = db_int(s, 15)};

		if ((rc = fn(arg, &m, e)) < 0)
			break;
	}
	db_done(&s);
	return rc;
}

int
index_mailbox_put(struct index *ix, const struct index_mailbox *m, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "INSERT OR REPLACE INTO mailbox (id, name, old_name, doomed, use, uidvalidity, uidnext,"
	    " recent_from, highestmodseq, total, unseen, deleted, octets, cur_mtime, new_mtime, "
	    "sort)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, m->id);
	db_bind_str(s, 2, m->name);
	db_bind_str(s, 3, m->old_name.p ? m->old_name : STR(""));
	db_bind_int(s, 4, m->doomed);
	db_bind_int(s, 5, m->use);
	db_bind_int(s, 6, m->uidvalidity);
	db_bind_int(s, 7, m->uidnext);
	db_bind_int(s, 8, m->recent_from);
	db_bind_int(s, 9, (int64_t)m->highestmodseq);
	db_bind_int(s, 10, m->exists);
	db_bind_int(s, 11, m->unseen);
	db_bind_int(s, 12, m->deleted);
	db_bind_int(s, 13, (int64_t)m->octets);
	db_bind_int(s, 14, m->cur_mtime);
	db_bind_int(s, 15, m->new_mtime);
	db_bind_int(s, 16, m->sort);
	return db_run(&s, e);
}

int
index_mailbox_drop(struct index *ix, uint32_t id, struct err *e)
{
	static const char *const sql[] = {"DELETE FROM message WHERE mailbox = ?",
	    "DELETE FROM tombstone WHERE mailbox = ?",
	    "DELETE FROM cache WHERE id >= ?1 << 35 AND id < (?1 + 1) << 35",
	    "DELETE FROM keyword WHERE mailbox = ?", "DELETE FROM mailbox WHERE id = ?"};

	for (size_t i = 0; i < ARRAY_LEN(sql); i++)
		if (prune(ix, sql[i], id, e) < 0)
			return -1;
	return 0;
}

int
index_keywords(struct index *ix, uint32_t mailbox,
    void (*fn)(void *arg, unsigned bit, struct str name), void *arg, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT bit, name FROM keyword WHERE mailbox = ? ORDER BY bit", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	while ((rc = db_step(s, e)) == 1)
		fn(arg, (unsigned)db_int(s, 0), db_str(s, 1));
	db_done(&s);
	return rc;
}

int
index_keyword_put(struct index *ix, uint32_t mailbox, unsigned bit, struct str name, struct err *e)
{
	struct db_stmt *s = index_write(
	    ix, "INSERT OR REPLACE INTO keyword (mailbox, bit, name) VALUES (?, ?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, mailbox);
	db_bind_int(s, 2, bit);
	db_bind_str(s, 3, name);
	return db_run(&s, e);
}

int
index_subscriptions(
    struct index *ix, void (*fn)(void *arg, struct str name), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT name FROM subscription ORDER BY name", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1)
		fn(arg, db_str(s, 0));
	db_done(&s);
	return rc;
}

int
index_subscribe(struct index *ix, struct str name, bool on, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    on ? "INSERT OR IGNORE INTO subscription (name) VALUES (?)"
	       : "DELETE FROM subscription WHERE name = ?",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, name);
	return db_run(&s, e);
}

/* ---- cached text ---- */

int64_t
index_cache_id(uint32_t mailbox, uint32_t uid, enum cache_kind kind)
{
	assume(mailbox < 1u << 28 && (unsigned)kind < CACHE_KINDS);
	return ((int64_t)mailbox << 35) | ((int64_t)uid << 3) | (int64_t)kind;
}

int
index_cache_get(struct index *ix, uint32_t mailbox, uint32_t uid, enum cache_kind kind,
    unsigned version, struct arena *a, struct str *out, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT text FROM cache WHERE id = ? AND version = ?", e);
	int rc;

	*out = STR_NONE;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, index_cache_id(mailbox, uid, kind));
	db_bind_int(s, 2, version);
	if ((rc = db_step(s, e)) == 1)
		*out = arena_dup(a, db_str(s, 0));
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_cache_clear(struct index *ix, struct err *e)
{
	struct db_stmt *s = index_write(ix, "DELETE FROM cache", e);

	return s == NULL ? -1 : db_run(&s, e);
}

int
index_cache_put(struct index *ix, uint32_t mailbox, uint32_t uid, enum cache_kind kind,
    unsigned version, struct str text, struct err *e)
{
	struct db_stmt *s =
	    index_write(ix, "INSERT OR REPLACE INTO cache (id, version, text) VALUES (?, ?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, index_cache_id(mailbox, uid, kind));
	db_bind_int(s, 2, version);
	db_bind_blob(s, 3, text);
	return db_run(&s, e);
}

/* ---- change log ---- */

int
index_change_add(struct index *ix, const struct change *c, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "INSERT INTO change (modseq, time, kind, actor, sid, mailbox, uid, before, email, "
	    "thread)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)c->modseq);
	db_bind_int(s, 2, c->time);
	db_bind_int(s, 3, c->kind);
	db_bind_str(s, 4, c->actor.p ? c->actor : STR(""));
	db_bind_str(s, 5, c->sid.p ? c->sid : STR(""));
	db_bind_int(s, 6, c->mailbox);
	db_bind_int(s, 7, c->uid);
	db_bind_str(s, 8, c->before.p ? c->before : STR(""));
	db_bind_int(s, 9, (int64_t)c->email);
	db_bind_int(s, 10, (int64_t)c->thread);
	return db_run(&s, e);
}

int
index_change_mailbox(struct index *ix, uint32_t mailbox, uint64_t modseq, int64_t time,
    const struct change_by *by, struct err *e)
{
	struct db_stmt *s = index_write(ix,
	    "INSERT INTO change (modseq, time, kind, actor, sid, mailbox, uid, before, email, "
	    "thread)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, mailbox, uid, CASE WHEN flags & ?7 THEN '\\Deleted' ELSE "
	    "'' "
	    "END, email, thread FROM message WHERE mailbox = ?6",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)modseq);
	db_bind_int(s, 2, time);
	db_bind_int(s, 3, CHANGE_EXPUNGED);
	db_bind_str(s, 4, by->actor.p ? by->actor : STR(""));
	db_bind_str(s, 5, by->sid.p ? by->sid : STR(""));
	db_bind_int(s, 6, mailbox);
	db_bind_int(s, 7, FLAG_DELETED);
	return db_run(&s, e);
}

int
index_change_latest(struct index *ix, uint32_t kinds, unsigned object, struct str actor,
    uint64_t *modseq, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT modseq FROM change WHERE (1 << kind) & ?1 <> 0 AND (?2 = '' OR actor = ?2)"
	    " AND (?3 = 0 OR email = ?3)"
	    " ORDER BY modseq DESC LIMIT 1",
	    e);
	int rc;

	*modseq = 0;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kinds);
	db_bind_str(s, 2, actor.p != NULL ? actor : STR(""));
	db_bind_int(s, 3, object);
	if ((rc = db_step(s, e)) == 1)
		*modseq = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_change_oldest(struct index *ix, uint64_t *modseq, struct err *e)
{
	struct db_stmt *s = db_sql(ix->db, "SELECT min(modseq) FROM change", e);
	int rc;

	if (s == NULL)
		return -1;
	rc = db_step(s, e);
	*modseq = rc == 1 ? (uint64_t)db_int(s, 0) : 0;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

#define CHANGE_COLUMNS "modseq, time, kind, actor, sid, mailbox, uid, before, email, thread, id"

/* Calls fn for what a statement finds; it is done with then. */
static int
each_change(
    struct db_stmt *s, bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e)
{
	int rc;

	while ((rc = db_step(s, e)) == 1) {
		const struct change c = {.modseq = (uint64_t)db_int(s, 0),
		    .time = db_int(s, 1),
		    .kind = (enum change_kind)db_int(s, 2),
		    .actor = db_str(s, 3),
		    .sid = db_str(s, 4),
		    .mailbox = (uint32_t)db_int(s, 5),
		    .uid = (uint32_t)db_int(s, 6),
		    .before = db_str(s, 7),
		    .email = (uint64_t)db_int(s, 8),
		    .thread = (uint64_t)db_int(s, 9),
		    .row = (uint64_t)db_int(s, 10)};

		if (!fn(arg, &c)) {
			rc = 0;
			break;
		}
	}
	db_done(&s);
	return rc;
}

int
index_changes(struct index *ix, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e)
{
	struct db_stmt *s = index_read(
	    ix, "SELECT " CHANGE_COLUMNS " FROM change WHERE modseq > ? ORDER BY modseq, id", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)after);
	return each_change(s, fn, arg, e);
}

int
index_change_rows(struct index *ix, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT " CHANGE_COLUMNS " FROM change WHERE id > ? ORDER BY id", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)after);
	return each_change(s, fn, arg, e);
}

int
index_change_rows_of(struct index *ix, const char *actor, struct str sid, uint64_t after,
    bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT " CHANGE_COLUMNS " FROM change INDEXED BY change_agent"
	    " WHERE (actor = 'agent' OR actor = 'undo') AND actor = ? AND sid = ? AND id > ?"
	    " ORDER BY id",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, str_z(actor));
	db_bind_str(s, 2, sid);
	db_bind_int(s, 3, (int64_t)after);
	return each_change(s, fn, arg, e);
}

int
index_change_sessions(
    struct index *ix, bool (*fn)(void *arg, struct str sid), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix,
	    "SELECT sid FROM change INDEXED BY change_agent WHERE actor = 'agent'"
	    " GROUP BY sid ORDER BY max(id) DESC",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1)
		if (!fn(arg, db_str(s, 0))) {
			rc = 0;
			break;
		}
	db_done(&s);
	return rc;
}
