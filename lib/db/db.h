/*
 * db.h - sqlite, as thin as it can be while nobody forgets a pragma, a reset or an error.
 *
 * A handle belongs to one thread at a time. It is opened with WAL, foreign keys, a busy timeout,
 * temporary tables in memory and an untrusted schema. Names are relative to the working directory.
 * Statements are prepared once and kept.
 *
 *	struct db_stmt *s = db_sql(db, "SELECT id FROM users WHERE address = ?", e);
 *	int rc = -1;
 *
 *	if (s == NULL)
 *		return -1;
 *	db_bind_str(s, 1, address);
 *	if ((rc = db_step(s, e)) == 1)
 *		id = db_int(s, 0);
 *	db_done(&s);
 *
 * Errors: E_TEMP busy; E_NOSPACE full disk; E_EXISTS a key that is taken; E_NOTFOUND a foreign key
 * that leads nowhere; E_INVAL another constraint; E_PROTO the file is damaged or no database of
 * this kind; E_PERM it was written by a newer version; E_DENIED no right to it; E_IO the rest. When
 * a statement inside a transaction fails, roll back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct db;
struct db_stmt;
struct sqlite3;

/*
 * What a file holds. steps[i] is the SQL that brings version i to i + 1 (version 0 is an empty
 * file), so that each older version can be read: it is brought up in one transaction at open. A
 * newer one is refused, never touched.
 */
struct db_schema {
	uint32_t id; /* application_id: whose file it is */
	const char *const *steps;
	unsigned version; /* number of steps */
};

enum db_sync {
	DB_SYNC_FULL,   /* a commit is durable on return */
	DB_SYNC_NORMAL, /* a commit survives a crash of the process; durable at the next db_sync()
			   or checkpoint */
	DB_SYNC_OFF     /* what can be rebuilt */
};

struct db_options {
	const struct db_schema *schema; /* NULL: take the file as it is */
	/* Before the schema is looked at: registers what it uses (tokenizers). Optional. */
	int (*extend)(struct sqlite3 *h, struct err *e);
	mode_t mode; /* of a new file (its -wal and -shm follow it); 0: must exist */
	enum db_sync sync;
	bool read_only;
	bool exclusive; /* this handle alone uses the file: no -shm, no locking per transaction */
	bool secure_delete; /* overwrite what is deleted (secrets) */
	unsigned cache_kib; /* page cache; 0: 2,000 */
	unsigned busy_ms;   /* how long to wait for another handle; 0: 5,000 */
};

/* NULL on error. */
struct db *db_open(const char *path, const struct db_options *o, struct err *e);
/* Every statement must be done. */
void db_close(struct db **db);

/* A statement ready for binding, from the handle's cache; sql is one statement. NULL on error. */
struct db_stmt *db_sql(struct db *db, const char *sql, struct err *e);
/* Parameters count from 1. Octets are not copied: they must live until db_done(). */
void db_bind_str(struct db_stmt *s, int i, struct str v);  /* TEXT; v.p NULL: NULL */
void db_bind_blob(struct db_stmt *s, int i, struct str v); /* BLOB; v.p NULL: NULL */
void db_bind_int(struct db_stmt *s, int i, int64_t v);
void db_bind_null(struct db_stmt *s, int i);
/* 1: a row stands in the columns; 0: finished; -1: error. */
int db_step(struct db_stmt *s, struct err *e);
/* Starts the statement over with other parameters (the old ones stay bound until rebound). */
void db_reset(struct db_stmt *s);
/* Gives the statement back and sets *s = NULL; NULL is fine. */
void db_done(struct db_stmt **s);
/* Columns count from 0. Strings borrow until the next step, reset or done. NULL reads as 0 or
 * STR_NONE. */
int64_t db_int(struct db_stmt *s, int col);
struct str db_str(struct db_stmt *s, int col); /* TEXT or BLOB */
bool db_null(struct db_stmt *s, int col);
/* Steps a statement that gives no rows and gives it back. */
int db_run(struct db_stmt **s, struct err *e);

/* Statements without parameters or results, any number of them. */
int db_exec(struct db *db, const char *sql, struct err *e);
int64_t db_last_id(const struct db *db);
int64_t db_changes(const struct db *db);

/* BEGIN IMMEDIATE. Transactions do not nest. */
int db_begin(struct db *db, struct err *e);
/* BEGIN: for reading, until the first statement that writes. */
int db_begin_reading(struct db *db, struct err *e);
/* On failure the transaction is rolled back. */
int db_commit(struct db *db, struct err *e);
/* Fine, and without effect, when none is open. */
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);

/* Moves the WAL into the file and empties it; durable on return unless DB_SYNC_OFF. */
int db_checkpoint(struct db *db, struct err *e);
/* With DB_SYNC_NORMAL: makes everything committed durable (fdatasync of the WAL) on return. */
int db_sync(struct db *db, struct err *e);

/* A copy of the whole, as of now, in a file that has no name any more, opened for reading: the
 * caller closes *fd. path: of the database; the copy is made beside it, takes as much room, and no
 * reserve. Not within a transaction. */
int db_copy(struct db *db, const char *path, int *fd, struct err *e);

/* The error of the last call as *e, with context in front. Returns -1. */
int db_error(struct db *db, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));

/* The handle beneath, for what has no place here (blobs, backup, FTS5 auxiliaries). Borrowed. */
struct sqlite3 *db_handle(struct db *db);
