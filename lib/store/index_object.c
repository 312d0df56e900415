/*
 * index_object.c - see index.h: rows of objects.
 */
#include "store/index_row.h"

int
index_object_get(
    struct index *ix, unsigned kind, uint32_t id, struct arena *a, struct str *text, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT text FROM object WHERE kind = ? AND id = ?", e);
	int rc;

	*text = STR_NONE;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kind);
	db_bind_int(s, 2, id);
	if ((rc = db_step(s, e)) == 1)
		*text = arena_dup(a, db_str(s, 0));
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_objects(struct index *ix, unsigned kind, bool (*fn)(void *arg, uint32_t id, struct str text),
    void *arg, struct err *e)
{
	struct db_stmt *s =
	    index_read(ix, "SELECT id, text FROM object WHERE kind = ? ORDER BY id", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kind);
	while ((rc = db_step(s, e)) == 1) {
		if (!fn(arg, (uint32_t)db_int(s, 0), db_str(s, 1))) {
			rc = 0;
			break;
		}
	}
	db_done(&s);
	return rc;
}

int
index_object_count(struct index *ix, unsigned kind, uint64_t *n, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT count(*) FROM object WHERE kind = ?", e);
	int rc;

	*n = 0;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kind);
	if ((rc = db_step(s, e)) == 1)
		*n = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_object_octets(struct index *ix, unsigned frame, uint64_t *n, struct err *e)
{
	struct db_stmt *s = index_read(
	    ix, "SELECT coalesce(sum(length(CAST(text AS BLOB)) + ?), 0) FROM object", e);
	int rc;

	*n = 0;
	if (s == NULL)
		return -1;
	db_bind_int(s, 1, frame);
	if ((rc = db_step(s, e)) == 1)
		*n = (uint64_t)db_int(s, 0);
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_object_put(struct index *ix, unsigned kind, uint32_t id, struct str text, struct err *e)
{
	struct db_stmt *s =
	    index_write(ix, "INSERT OR REPLACE INTO object (kind, id, text) VALUES (?, ?, ?)", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kind);
	db_bind_int(s, 2, id);
	db_bind_str(s, 3, text);
	return db_run(&s, e);
}

int
index_object_remove(struct index *ix, unsigned kind, uint32_t id, struct err *e)
{
	struct db_stmt *s = index_write(ix, "DELETE FROM object WHERE kind = ? AND id = ?", e);

	if (s == NULL)
		return -1;
	db_bind_int(s, 1, kind);
	db_bind_int(s, 2, id);
	return db_run(&s, e);
}
