/*
 * index_import.c - see index.h: keys of messages that came from elsewhere.
 */
#include "store/index_row.h"

int
index_import_has(struct index *ix, struct str key, bool *has, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT 1 FROM imported WHERE key = ?", e);
	int rc;

	if (s == NULL)
		return -1;
	db_bind_blob(s, 1, key);
	rc = db_step(s, e);
	*has = rc == 1;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}

int
index_import_put(struct index *ix, struct str key, struct err *e)
{
	struct db_stmt *s = index_write(ix, "INSERT INTO imported (key) VALUES (?)", e);

	if (s == NULL)
		return -1;
	db_bind_blob(s, 1, key);
	return db_run(&s, e);
}

int
index_imports(
    struct index *ix, int (*fn)(void *arg, struct str key, struct err *e), void *arg, struct err *e)
{
	struct db_stmt *s = index_read(ix, "SELECT key FROM imported", e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = db_step(s, e)) == 1)
		if ((rc = fn(arg, db_str(s, 0), e)) < 0)
			break;
	db_done(&s);
	return rc < 0 ? -1 : 0;
}
