/*
 * reply.h - an SMTP server's replies (RFC 5321 4.2), read from octets as they come, and what is
 * handed on of them.
 *
 * What a server says is hostile until proven otherwise: lines, their number and all their octets
 * are bounded, codes are checked, and words go on only as printable characters.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define REPLY_LINE_MAX  8192u  /* RFC 5321 4.5.3.1.5 has 512; some say more */
#define REPLY_TOTAL_MAX 65536u /* octets of one reply */
#define REPLY_LINES_MAX 256u

enum reply_state {
	REPLY_MORE, /* not complete: again with what is left and more behind it */
	REPLY_DONE,
	REPLY_BAD /* no SMTP: the connection is of no more use */
};

struct reply {
	int code;        /* 200..599 when it is complete */
	struct buf text; /* of each line, '\n' between them; as it came */
	size_t lines, octets;
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
/* For the next reply. */
void reply_reset(struct reply *r);
/* Takes whole lines from in, up to the end of the reply; *used says how many octets that were. */
enum reply_state reply_read(struct reply *r, struct str in, size_t *used);

/* The enhanced status code (RFC 3463) in front of the words, when it is one that goes with the
 * code's class; else nothing. */
struct str reply_enhanced(const struct reply *r);

#define REPLY_WORDS_MAX 400u
/* "5.1.1 550 5.1.1 no such user": a status code (of the reply, else otherwise, whose class is made
 * the reply's), then what was said on one line, octets that are not printable as '?', cut at
 * REPLY_WORDS_MAX. */
struct str reply_words(const struct reply *r, const char *otherwise, struct arena *a);
