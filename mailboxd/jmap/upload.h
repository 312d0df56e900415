/*
 * upload.h - between upload.c and blob.c.
 */
#pragma once

#include "base/id.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/request.h"

struct jmap_uploaded {
	char id[ID_SIZE];
	uint64_t size;
	int64_t time; /* seconds */
	char *type;   /* NULL: of an earlier life of the owner */
	UT_hash_handle hh;
};

/* The file of an id (without "u"); its type, or STR_NONE. A descriptor, or -1 (E_NOTFOUND). */
int jmap_upload_open(struct jmap *j, struct str id, struct str *type, struct err *e);
