/*
 * import.h - gkmail import: mail from elsewhere, into the mailboxes of a user while the suite
 * works.
 *
 * A source lists its mailboxes, then brings their messages one by one; import.c gathers them and
 * has the owner of the mailbox take them, many in a call. Each message has a key, which names it at
 * its source. The owner keeps the keys of what it took (lib/store/import.h): a run that was
 * interrupted is run again, and brings what is not there yet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/import.h"

struct import;

/* A mailbox of the source. */
struct import_box {
	struct str place; /* path, or name at the source: for messages to people */
	struct str name;  /* as it shall be called here, in normal form */
	const char *use;  /* "\\Sent", or "": the mailbox of that use is meant, if there is one */
	bool subscribed;
	struct str at;             /* what it is called here, once it was made; empty: not yet */
	uint64_t messages, wanted; /* at the source; of these, not here yet */
	const void *own;           /* of the source */
};

struct import_source {
	const char *kind; /* "maildir": part of keys */
	/* Finds mailboxes: import_found() for each. */
	int (*list)(struct import *im, struct err *e);
	/* Brings the messages of one: import_wants(), import_give(), import_skip(). */
	int (*bring)(struct import *im, struct import_box *b, struct err *e);
	/* At the end, however it ended. NULL: there is nothing to do. */
	void (*done)(struct import *im);
};

struct import {
	const struct import_source *source;
	void *own; /* of the source */
	const char *user;
	const char *into; /* the mailbox below which all goes; NULL: each to its own name */
	bool dry;
	uint64_t max_message;
	struct import_box *boxes;
	size_t n, cap;
	/* Keys that are here, sorted, IMPORT_KEY octets each. */
	unsigned char *keys;
	size_t nkeys;
	/* What is to come, where the source knows; what came. */
	uint64_t all, whole;
	uint64_t done, octets;
	uint64_t added, added_octets, there, skipped;
	struct import_batch *batch;
	struct arena arena; /* as long as all */
};

/* ---- for sources ---- */

/* A mailbox of that name (UTF-8, '/' between levels). use: NULL: it follows from the name. NULL:
 * its name cannot be one here, which is told. */
struct import_box *import_found(
    struct import *im, struct str place, struct str name, const char *use, bool subscribed);
/* The key of what is named by n words, in a mailbox. */
void import_key(const struct import *im, const struct import_box *b, const struct str *words,
    size_t n, unsigned char out[IMPORT_KEY]);
/* Is it not here yet? Else it is counted as done. */
bool
import_wants(struct import *im, struct import_box *b, const unsigned char *key, uint64_t octets);

struct import_mail {
	const unsigned char *key;
	struct str octets; /* with CRLF */
	struct str flags;  /* as IMAP has them, spaces between */
	int64_t date;
	uint64_t read; /* octets at the source, for progress */
};

/* Takes it, now or with others later. */
int
import_give(struct import *im, struct import_box *b, const struct import_mail *m, struct err *e);
/* It is left where it is; says why. */
void import_skip(struct import *im, struct str where, const char *why);

/* ---- sources ---- */

int import_maildir_open(struct import *im, const char *path, struct err *e);
int import_mbox_open(struct import *im, const char *path, struct err *e);

/* ---- files that stand beside mail (import_lists.c) ---- */

/* "0 $Forwarded", a line of dovecot-keywords: which letter of a name stands for which keyword. -1:
 * it is none. */
int import_keyword_line(struct str line, unsigned *letter, struct str *name);
/* The mailbox that a line of a file of subscriptions names, as our names are written; `version 2`
 * of Dovecot's has tabs between levels. -1: none. */
int import_subscribed_line(struct str line, bool *tabs, struct arena *a, struct str *name);
/* The name of a folder of Maildir++ (".A.B"): levels with '/' between, in UTF-8. */
struct str import_folder_name(struct str entry, char separator, struct arena *a);
