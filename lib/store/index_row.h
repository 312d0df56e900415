/*
 * index_row.h - between the files of the index: the handle and its statements.
 */
#pragma once

#include "db/db.h"
#include "store/index.h"

struct index {
	struct db *db;
	bool dirty; /* the open transaction has written */
};

/* A statement that only reads. NULL on error. */
struct db_stmt *index_read(struct index *ix, const char *sql, struct err *e);
/* A statement of the open transaction, which is begun when there is none. NULL on error. */
struct db_stmt *index_write(struct index *ix, const char *sql, struct err *e);
/* index_email.c: rows that an older version wrote get their email. */
int index_number_emails(struct index *ix, struct err *e);
#define CACHE_KINDS 8 /* that the key has room for */
/* The key of cached text; the kinds of a message and the messages of a mailbox stand together. */
int64_t index_cache_id(uint32_t mailbox, uint32_t uid, enum cache_kind kind);
