/*
 * db_copy.c - see db.h: a copy of a database that is in use, by sqlite's online backup.
 *
 * The copy is a file that never has a name for anybody else: made beside the database, where a
 * confined process may write, and unlinked as soon as it is open. It is all or nothing: a crash
 * leaves a file `<path>.copy` at most, which the next copy removes.
 */
#include "db/db.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/mem.h"
#include "io/file.h"

#define PATH_MAX_LEN 256u

/* Nobody but us sees the copy before it is whole: no journal, no sync, no lock. */
static int
copy_pages(struct db *db, const char *path, struct err *e)
{
	sqlite3 *to = NULL;
	sqlite3_backup *b;
	int rc = -1;

	if (sqlite3_open_v2(path, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK ||
	    sqlite3_exec(to,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = "
		"OFF",
		NULL, NULL, NULL) != SQLITE_OK ||
	    (b = sqlite3_backup_init(to, "main", db_handle(db), "main")) == NULL) {
		err_set(e, E_IO, "copy: %s", to != NULL ? sqlite3_errmsg(to) : "no memory");
		goto out;
	}
	rc = sqlite3_backup_step(b, -1);
	(void)sqlite3_backup_finish(b);
	if (rc != SQLITE_DONE)
		rc = err_set(
		    e, rc == SQLITE_FULL ? E_NOSPACE : E_IO, "copy: %s", sqlite3_errstr(rc));
	else
		rc = 0;
out:
	sqlite3_close(to);
	return rc;
}

int
db_copy(struct db *db, const char *path, int *fd, struct err *e)
{
	bool (*full)(void) = file_full;
	char name[PATH_MAX_LEN];
	int rc = -1, made = -1;

	*fd = -1;
	if (db_in_transaction(db))
		return err_set(e, E_INTERNAL, "copy of %s within a transaction", path);
	if (snprintf(name, sizeof(name), "%s.copy", path) >= (int)sizeof(name))
		return err_set(e, E_INVAL, "path too long");
	/* The reserve is not for what may be asked for again. */
	file_full = NULL;
	if (file_unlink(AT_FDCWD, name, e) < 0 ||
	    (made = file_open(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, e)) < 0)
		goto out;
	file_close(&made);
	if (copy_pages(db, name, e) < 0 ||
	    (*fd = file_open(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW, 0, e)) < 0)
		goto out;
	rc = 0;
out:
	(void)file_unlink(AT_FDCWD, name, NULL);
	file_full = full;
	return rc < 0 ? err_wrap(e, "%s", path) : 0;
}
