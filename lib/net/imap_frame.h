/*
 * frame.h - where a command ends: lines and literals (RFC 3501 4.3, RFC 7888), gathered under
 * limits.
 *
 * Pure. Used by the front before login and by the owner after it. A literal that the caller wants
 * for itself (the message of an APPEND) is not gathered: the framer stops in front of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum imap_frame_end {
	FRAME_MORE,     /* all input is taken, more is needed */
	FRAME_CONTINUE, /* write "+ OK", go on feeding */
	FRAME_MESSAGE, /* the octets that follow are the message of an APPEND; text ends in "{n}" */
	FRAME_DONE,    /* text is the command without its line end */
	FRAME_REFUSED  /* too large; it is skipped as a whole, text is what was read of it */
};

struct imap_frame_limits {
	size_t command; /* lines and literals of one command together */
	size_t literal; /* one literal */
	/* Does a literal hold what the caller takes by itself? text: the command so far, "{n}" at
	 * its end. May be NULL. */
	bool (*wants)(struct str text);
};

struct imap_frame {
	struct buf text;
	bool skipping; /* it is too large already, and skipped to its end */
	/* private */
	const struct imap_frame_limits *limits;
	uint64_t literal; /* octets of a literal still to come */
	size_t line_at;   /* where in text the current line began */
};

void imap_frame_init(struct imap_frame *f, const struct imap_frame_limits *limits);
void imap_frame_free(struct imap_frame *f);
/* Before the next command. Gives back memory that an unusual one took. */
void imap_frame_reset(struct imap_frame *f);
/* Takes octets from in; *used of them are done with. */
enum imap_frame_end imap_frame_feed(struct imap_frame *f, struct str in, size_t *used);
