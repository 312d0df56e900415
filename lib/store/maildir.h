/*
 * maildir.h - names of homes and of message files (folders: folder.h).
 *
 * Pure functions on names; no sqlite and no state, so that gk-local uses this page alone. A message
 * file is `<seconds>.<id>.<host>,S=<octets>` (a copy `…,E=<email>,S=<octets>`), followed in cur/ by
 * `:2,<letters>`. The part before the colon (the base) names the message for ever; the letters
 * mirror its flags. A file whose size is not the one in its name is no message (INVARIANTS 1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* ---- homes ---- */

#define MAILDIR_HOME_SIZE 512

/* "alice@example.test" -> "example.test/alice", relative to the mail directory. The address is one
 * that authd vouches for; E_INVAL for what could leave the directory all the same (empty parts, a
 * leading dot, '/', control characters, over-long). */
int maildir_home(struct str user, char out[MAILDIR_HOME_SIZE], struct err *e);
/* Makes home below dir (each level 0700): Maildir/{cur,new,tmp} and db. What is there stays. */
int maildir_home_make(int dir, struct str user, struct err *e);
/* Makes the folder Junk of a home; what is there stays. Durable with what is delivered into it: by
 * the next checkpoint. */
int maildir_junk_make(int dir, struct str user, struct err *e);

#define MAILDIR_NEW  "Maildir/new"       /* where gk-local links what it delivers, */
#define MAILDIR_JUNK "Maildir/.Junk/new" /* or what is junk */
#define MAILDIR_TMP  "Maildir/tmp"       /* the one tmp of a home: folders have none of their own */

/* ---- message files ---- */

#define MAILDIR_NAME_SIZE 256 /* NAME_MAX and a NUL */

/* Letters of the `:2,` part as bits: the six of Maildir, and `a` to `z`, which are other programs'
 * keywords and kept as they came. */
#define MAILDIR_DRAFT   0x01u
#define MAILDIR_FLAGGED 0x02u
#define MAILDIR_PASSED  0x04u
#define MAILDIR_REPLIED 0x08u
#define MAILDIR_SEEN    0x10u
#define MAILDIR_TRASHED 0x20u
#define MAILDIR_OTHER   0xffffffc0u /* bit 6 is `a` */

struct maildir_name {
	struct str base;  /* up to the colon */
	struct str id;    /* the second part of the base; id.h when it is one of ours */
	int64_t time;     /* the first part: seconds, INTERNALDATE */
	uint64_t size;    /* ,S= */
	struct str email; /* ,E=: a copy of that email (email.h); empty: the first of it */
	bool has_size;
	bool has_info;    /* `:2,` was there */
	uint32_t letters; /* MAILDIR_ bits */
};

/* -1 for what is no message name: a leading dot, no first part of digits, '/', over-long, control
 * characters. Borrows from name. */
int maildir_parse(struct str name, struct maildir_name *out);
/* The base of a new file; host is cut and cleaned to what may stand there. */
void maildir_base(
    char out[MAILDIR_NAME_SIZE], int64_t time, struct str id, struct str host, uint64_t size);
/* The same for a copy of an email, whose text (email.h) it carries. */
void maildir_base_copy(char out[MAILDIR_NAME_SIZE], int64_t time, struct str id, struct str host,
    struct str email, uint64_t size);
/* base and letters: the name in cur/. -1 when it is too long. */
int maildir_name(char out[MAILDIR_NAME_SIZE], struct str base, uint32_t letters);
