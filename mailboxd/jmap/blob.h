/*
 * blob.h - octets by blob id (RFC 8620 6): messages, their parts, and what clients upload.
 *
 * Ids: "b" and the email's id for a message ("be04…"); behind "-" the numbers of a part of it as
 * IMAP counts them, with "_" between ("be04…-1_2"); "u…" for an upload, which has parts by the same
 * rule. A part is given decoded of its transfer encoding, its charset untouched.
 *
 * An upload is a file of its own in db/ until it is a day old, or sooner when there are too many.
 * It is synced by nobody: who makes mail of it copies it.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "mail/mime.h"
#include "store/email.h"

struct jmap;

#define JMAP_BLOB_EMAIL_SIZE (EMAIL_TEXT_SIZE + 1)
#define JMAP_UPLOAD_SPACE    (256u << 20) /* octets of all of a user's */
#define JMAP_UPLOAD_COUNT    1000u

/* ---- ids ---- */

/* "be…" of an email's number. Returns out. */
const char *jmap_blob_of_email(uint64_t email, char out[JMAP_BLOB_EMAIL_SIZE]);
/* Of a part in the tree of what the blob `of` is: a message, or a part that is one. STR_NONE for a
 * multipart, and for one so deep that no id can say it. */
struct str jmap_blob_of_part(struct str of, const struct mime_part *part, struct arena *a);
/* The email whose whole message the blob is; 0: it is something else. */
uint64_t jmap_blob_email(struct str id);

/* ---- reading ---- */

struct jmap_blob {
	struct str octets; /* all of them; hold until jmap_blob_close(), over turns too */
	struct str type;   /* "image/png", as its header or who uploaded it says; may be empty */
	/* private */
	struct content *content;
	struct buf decoded, type_text;
	void *map;
	size_t mapped;
};

/* E_NOTFOUND: there is no such blob; E_INVAL: it is no id. */
int jmap_blob_open(struct jmap *j, struct str id, struct jmap_blob *out, struct err *e);
void jmap_blob_close(struct jmap_blob *b); /* of zeros is fine */

/* ---- over HTTP (RFC 8620 6.1, 6.2) ---- */

/* jmap_blob_open() for an account; E_NOTFOUND for another's too. */
int jmap_download(
    struct jmap *j, struct str account, struct str id, struct jmap_blob *out, struct err *e);

struct jmap_upload;

/* E_NOTFOUND: no such account; E_LIMIT: too many at a time; E_QUOTA: too much is there. */
struct jmap_upload *
jmap_upload_new(struct jmap *j, struct str account, struct str type, struct err *e);
/* E_LIMIT: more than maxSizeUpload. */
int jmap_upload_write(struct jmap_upload *u, struct str octets, struct err *e);
/* It is a blob from now on; appends the answer, {"accountId":…}, for status 201. Frees *u in any
 * case. */
int jmap_upload_finish(struct jmap_upload **u, struct buf *json, struct err *e);
/* Forgets it; NULL inside is fine. */
void jmap_upload_free(struct jmap_upload **u);
/* What an error of these functions is over HTTP: appends a problem details object, returns the
 * status. */
unsigned jmap_blob_problem(const struct err *e, struct buf *json);

/* ---- inside ---- */

/* Takes in what is there of uploads; throws away what is old. */
void jmap_uploads_open(struct jmap *j);
void jmap_uploads_close(struct jmap *j);
