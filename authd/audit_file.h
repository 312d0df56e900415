/*
 * audit_file.h - the files of the audit log: records one behind the other (ipc/chain.h), in files
 * named by the number of their first, the oldest of which go when all are too large.
 *
 * Beside them stands `head`: where the chain ended when the last batch was durable. It is written
 * behind the sync and not synced itself, so after lost power it is never ahead of the records: a
 * log that ends before its head was cut by somebody. Functions block; one thread at a time.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ipc/chain.h"

#define AUDIT_NAME_SIZE 32
#define AUDIT_FILES     16u /* that all of the room is divided into */

struct audit_files {
	int dir, fd, head;     /* fd -1: the next batch begins a file */
	uint64_t room;         /* octets that all files may have */
	uint64_t number, size; /* of the file that is written */
	uint64_t total;
	uint64_t first;   /* record that is kept */
	uint64_t dropped; /* files, by the last batch */
};

/* How the log was found. */
struct audit_found {
	uint64_t mended; /* octets of a record that lost power had cut, and are gone now */
	bool broken;     /* records are missing or were altered: why */
	char why[ERR_TEXT_MAX];
};

/* In the working directory's folder `audit`, which is made. last: where the chain goes on. */
int audit_files_open(struct audit_files *f, uint64_t room, struct chain *last,
    struct audit_found *found, struct err *e);
void audit_files_close(struct audit_files *f);
/* Records from `from` to end. Durable on return; on failure nothing of them counts, and the next
 * call writes to another file (INVARIANTS 5). */
int audit_files_write(struct audit_files *f, struct str records, uint64_t from,
    const struct chain *end, struct err *e);
void audit_files_name(uint64_t number, char out[AUDIT_NAME_SIZE]);
/* The first one of that number or a higher one. E_NOTFOUND. */
int audit_files_next(int dir, uint64_t number, uint64_t *out, struct err *e);
/* The last one of a lower number; 0: there is none. */
int audit_files_before(int dir, uint64_t number, uint64_t *out, struct err *e);
