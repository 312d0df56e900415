/*
 * datascan.h - the octets behind DATA and BDAT: where the message ends, and what is wrong with it.
 *
 * Takes input in pieces of any size and gives the message back in runs that borrow from the input.
 * Pure: no I/O, no allocation.
 *
 * The end of DATA is CRLF "." CRLF and nothing else (RFC 5321 4.1.1.4). A CR or LF that stands
 * alone is no line end (2.3.8): it makes the message bad, never ends it, so no other server's idea
 * of an end can smuggle a second message through us or past us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Octets of a text line without CRLF. RFC 5321 4.5.3.1.6 asks for 998; what comes is kept as it
 * came. */
#define DATASCAN_LINE_MAX 65536u

enum datascan_state {
	DATASCAN_BOL,    /* at the beginning of a line */
	DATASCAN_DOT,    /* behind a dot there */
	DATASCAN_DOT_CR, /* behind a dot there and CR */
	DATASCAN_TEXT,
	DATASCAN_CR, /* behind CR */
	DATASCAN_END
};

struct datascan {
	enum datascan_state state;
	bool dots;       /* DATA: lines are dot-stuffed and a dot ends them. BDAT: neither */
	bool bare_eol;   /* a bare CR or LF was seen */
	bool long_line;  /* a line was longer than DATASCAN_LINE_MAX */
	size_t line;     /* octets of the current line */
	uint64_t octets; /* of the message so far */
	void (*out)(void *arg, const char *p, size_t n);
	void *arg;
};

void
datascan_init(struct datascan *d, bool dots, void (*out)(void *, const char *, size_t), void *arg);
/* Takes input up to the end of the message; returns how many octets it took. All of them, unless
 * state is then DATASCAN_END. A CR at the end of the input is held back and given out with what
 * follows. */
size_t datascan_feed(struct datascan *d, const char *p, size_t n);
/* The octets of a BDAT message are over: a CR still held back is a bare one. */
void datascan_finish(struct datascan *d);
