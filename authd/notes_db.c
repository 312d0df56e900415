/*
 * notes_db.c - notes in accounts.db. See notes.h.
 */
#include "authd/notes.h"

int
notes_db_load(struct db *db, int64_t now, void (*fn)(const struct note_row *r), struct err *e)
{
	struct db_stmt *s = db_sql(
	    db, "SELECT kind, key, a, b, until FROM notes WHERE until > ? ORDER BY until DESC", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, now);
	while ((rc = db_step(s, e)) == 1) {
		struct note_row r = {.kind = (uint8_t)db_int(s, 0),
		    .a = (uint64_t)db_int(s, 2),
		    .b = (uint64_t)db_int(s, 3),
		    .until = db_int(s, 4)};
		struct str key = db_str(s, 1);

		if (key.n != sizeof(r.key.octets))
			continue;
		memcpy(r.key.octets, key.p, key.n);
		fn(&r);
	}
	db_done(&s);
	return rc;
}

static int
put(struct db *db, const struct note_row *r, struct err *e)
{
	struct db_stmt *s = db_sql(
	    db, "INSERT OR REPLACE INTO notes (kind, key, a, b, until) VALUES (?, ?, ?, ?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, r->kind);
	db_bind_blob(s, 2, str_of(r->key.octets, sizeof(r->key.octets)));
	db_bind_int(s, 3, (int64_t)r->a);
	db_bind_int(s, 4, (int64_t)r->b);
	db_bind_int(s, 5, r->until);
	return db_run(&s, e);
}

static int
trim(struct db *db, int64_t now, size_t max, struct err *e)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM notes WHERE until <= ?", e);
	int64_t excess = 0;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, now);
	if (db_run(&s, e) < 0 || (s = db_sql(db, "SELECT count(*) FROM notes", e)) == NULL)
		return -1;
	if (db_step(s, e) == 1)
		excess = db_int(s, 0) - (int64_t)max;
	db_done(&s);
	if (excess <= 0)
		return 0;
	s = db_sql(db,
	    "DELETE FROM notes WHERE (kind, key) IN (SELECT kind, key FROM notes ORDER BY until "
	    "LIMIT ?)",
	    e);
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, excess);
	return db_run(&s, e);
}

int
notes_db_save(
    struct db *db, const struct note_row *rows, size_t n, int64_t now, size_t max, struct err *e)
{
	if (db_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put(db, &rows[i], e) < 0)
			goto fail;
	if (trim(db, now, max, e) < 0)
		goto fail;
	return db_commit(db, e);
fail:
	db_rollback(db);
	return -1;
}
