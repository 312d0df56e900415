/*
 * answered.c - see answered.h.
 */
#include "store/answered.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/db.h"

struct answered {
	struct db *db;
};

static const char *const steps[] = {
    "CREATE TABLE answered (sender TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE seen (modseq INTEGER NOT NULL);"
    "INSERT INTO seen VALUES (0);",
};

static const struct db_schema schema = {.id = 0x676b7661, /* "gkva" */
    .steps = steps,
    .version = ARRAY_LEN(steps)};

struct answered *
answered_open(bool make, struct err *e)
{
	const struct db_options o = {.schema = &schema,
	    .mode = 0600,
	    .sync = DB_SYNC_FULL,
	    .exclusive = true,
	    .cache_kib = 100};
	struct answered *a;
	struct db *db;

	if (!make && access(ANSWERED_PATH, F_OK) < 0) {
		err_set(e, E_NOTFOUND, "no answer");
		return NULL;
	}
	if ((db = db_open(ANSWERED_PATH, &o, e)) == NULL)
		return NULL;
	a = mem_alloc(sizeof *a);
	a->db = db;
	return a;
}

void
answered_close(struct answered **ap)
{
	if (*ap == NULL)
		return;
	db_close(&(*ap)->db);
	free(*ap);
	*ap = NULL;
}

int
answered_remove(struct answered **ap, struct err *e)
{
	answered_close(ap);
	(void)unlink(ANSWERED_PATH "-wal");
	if (unlink(ANSWERED_PATH) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", ANSWERED_PATH);
	return 0;
}

int
answered_seen(struct answered *a, uint64_t *modseq, struct err *e)
{
	struct db_stmt *s = db_sql(a->db, "SELECT modseq FROM seen", e);
	int rc;

	if (s == NULL)
		return -1;
	if ((rc = db_step(s, e)) == 1)
		*modseq = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
answered_set_seen(struct answered *a, uint64_t modseq, struct err *e)
{
	struct db_stmt *s = db_sql(a->db, "UPDATE seen SET modseq = ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, (int64_t)modseq);
	return db_run(&s, e);
}

int
answered_find(struct answered *a, struct str sender, int64_t since, struct err *e)
{
	struct db_stmt *s =
	    db_sql(a->db, "SELECT 1 FROM answered WHERE sender = ? AND time > ?", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, sender);
	db_bind_int(s, 2, since);
	rc = db_step(s, e);
	db_done(&s);
	return rc;
}

int
answered_note(struct answered *a, struct str sender, int64_t now, struct err *e)
{
	struct db_stmt *s = db_sql(a->db, "INSERT OR REPLACE INTO answered VALUES (?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_str(s, 1, sender);
	db_bind_int(s, 2, now);
	return db_run(&s, e);
}

int
answered_forget(struct answered *a, int64_t before, struct err *e)
{
	struct db_stmt *s = db_sql(a->db, "DELETE FROM answered WHERE time <= ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, before);
	return db_run(&s, e);
}
