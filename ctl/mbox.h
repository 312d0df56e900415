/*
 * mbox.h - messages in files of the mbox family (RFC 4155, and what programs make of it).
 *
 * Pure functions on octets. A message begins with a line "From sender date", which stands at the
 * beginning of the file or behind an empty line. Inside of messages such lines are quoted with ">"
 * (mboxo, mboxrd), or the field Content-Length says where the message ends (mboxcl, mboxcl2): it is
 * believed where that place is the end of a message.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Fields of programs that keep mailboxes so, longest text of flags. */
#define MBOX_FLAGS_MAX 4096u

struct mbox_message {
	size_t used; /* octets, with the From_ line and the empty line behind it */
	int64_t date;
	struct str text; /* the message as it stands there */
	bool quoted;     /* ">From " stands for "From " */
};

enum mbox_got {
	MBOX_MORE, /* the message goes on behind the window */
	MBOX_DONE,
	MBOX_BAD /* the window does not begin with a From_ line */
};

/* The message with which the window begins. end: nothing comes behind the window. *seen: how far
 * the window was looked through, 0 at first, so that a longer one is not looked through again. */
enum mbox_got mbox_split(struct str window, bool end, size_t *seen, struct mbox_message *out);
/* Offset of the first From_ line behind an empty line, from `from` on; window.n: there is none. */
size_t mbox_next(struct str window, bool end, size_t from);
/* The date of a From_ line (UTC where it names no zone, RFC 4155); -1: it is none. */
int mbox_date(struct str line, int64_t *out);

/* The message as it was before: lines end in CRLF, quotes and the fields of the mailbox's keeper
 * are gone; what these say of flags is in `flags`, as IMAP has them, spaces between. *keeper: it is
 * no message, but where a program keeps its own data ("FOLDER INTERNAL DATA"). -1: out is full. */
int mbox_write(const struct mbox_message *m, struct buf *out, struct buf *flags, bool *keeper);

/* A message whose lines end anyhow; each will end in CRLF. */
int mbox_crlf(struct str text, struct buf *out);
