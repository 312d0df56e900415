/*
 * index_row.h - between the files of the index: the handle, and statements that write.
 */
#pragma once

#include "db/db.h"
#include "store/index.h"

struct index {
	struct db *db;
};

/* A statement of the open transaction, which is begun when there is none. NULL on error. */
struct db_stmt *index_write(struct index *ix, const char *sql, struct err *e);
