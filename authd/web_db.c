/*
 * web_db.c - browsers' sessions in accounts.db. See web.h.
 */
#include "authd/web.h"

static void
take_text(struct str s, char *out, size_t size)
{
	s = str_sub(s, 0, size - 1);
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

int
web_db_load(struct db *db, void (*fn)(struct str user, const struct web_row *r), struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "SELECT address, web_sessions.id, digest, web_sessions.created, proven, used, peer, "
	    "agent FROM web_sessions JOIN users ON users.id = user ORDER BY web_sessions.created",
	    e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1) {
		struct web_row r = {.id = (uint64_t)db_int(s, 1),
		    .created = db_int(s, 3),
		    .proven = db_int(s, 4),
		    .used = db_int(s, 5)};
		struct str digest = db_str(s, 2);

		if (digest.n != sizeof(r.digest))
			continue;
		memcpy(r.digest, digest.p, digest.n);
		take_text(db_str(s, 6), r.peer, sizeof(r.peer));
		take_text(db_str(s, 7), r.agent, sizeof(r.agent));
		fn(db_str(s, 0), &r);
	}
	db_done(&s);
	return rc;
}

int
web_db_add(struct db *db, struct str user, struct str hash, const struct web_row *r, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "INSERT INTO web_sessions (id, user, digest, created, proven, used, peer, agent) "
	    "SELECT ?3, id, ?4, ?5, ?6, ?7, ?8, ?9 FROM users WHERE address = ?1 AND hash = ?2",
	    e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, user);
	db_bind_str(s, 2, hash);
	db_bind_int(s, 3, (int64_t)r->id);
	db_bind_blob(s, 4, str_of(r->digest, sizeof(r->digest)));
	db_bind_int(s, 5, r->created);
	db_bind_int(s, 6, r->proven);
	db_bind_int(s, 7, r->used);
	db_bind_str(s, 8, str_z(r->peer));
	db_bind_str(s, 9, str_z(r->agent));
	if (db_run(&s, e) < 0)
		return -1;
	return db_changes(db) > 0 ? 0 : err_set(e, E_TEMP, "changed meanwhile");
}

static int
save_one(struct db *db, const struct web_row *r, struct err *e)
{
	struct db_stmt *s = db_sql(db,
	    "UPDATE web_sessions SET proven = ?2, used = ?3, peer = ?4, agent = ?5 WHERE id = ?1",
	    e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)r->id);
	db_bind_int(s, 2, r->proven);
	db_bind_int(s, 3, r->used);
	db_bind_str(s, 4, str_z(r->peer));
	db_bind_str(s, 5, str_z(r->agent));
	return db_run(&s, e);
}

static int
remove_one(struct db *db, uint64_t id, struct err *e)
{
	struct db_stmt *s = db_sql(db, "DELETE FROM web_sessions WHERE id = ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)id);
	return db_run(&s, e);
}

int
web_db_save(struct db *db, const struct web_row *rows, size_t n, struct err *e)
{
	if (db_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (save_one(db, &rows[i], e) < 0) {
			db_rollback(db);
			return -1;
		}
	return db_commit(db, e);
}

int
web_db_remove(struct db *db, const uint64_t *ids, size_t n, struct err *e)
{
	if (db_begin(db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (remove_one(db, ids[i], e) < 0) {
			db_rollback(db);
			return -1;
		}
	return db_commit(db, e);
}
