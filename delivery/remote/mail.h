/*
 * mail.h - what is to be sent: one message, some recipients, and what has become of each.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ipc/msg.h"
#include "mail/envelope.h"

struct mail_rcpt {
	struct str address, orcpt;
	uint32_t notify; /* NOTIFY_ bits */
	bool decided;
	enum deliver_result result;
	struct str text; /* "5.1.1 ..."; before it is decided, what was met last */
	struct str host; /* who said so */
	bool dsn;        /* the host has taken over RFC 3461's duties */
};

struct mail {
	struct arena *arena; /* of the texts */
	struct str mid, sender, envid;
	uint32_t flags; /* ENVELOPE_ bits */
	enum envelope_ret ret;
	struct str octets; /* in memory, or empty: */
	int fd;            /* a file, */
	uint64_t skip;     /* from here on */
	uint64_t size;     /* so many octets */
	struct mail_rcpt *rcpts;
	size_t n;
};

/* Recipients that are not decided. */
size_t mail_waiting(const struct mail *m);
void mail_decide(struct mail *m, struct mail_rcpt *r, enum deliver_result result, struct str text,
    struct str host);
/* All that are not decided yet. */
void mail_decide_all(struct mail *m, enum deliver_result result, struct str text, struct str host);
/* The same text for all that are not decided, which they stay. */
void mail_note(struct mail *m, struct str text, struct str host);

/* Octets above 127 in the header, or anywhere. -1: E_IO. */
enum mail_part {
	MAIL_HEADER,
	MAIL_WHOLE
};
int mail_is_ascii(const struct mail *m, enum mail_part part, bool *ascii, struct err *e);

/* An address that any host can be given: its domain as A-labels where that is what is not ASCII.
 * -1: its local part is not ASCII. */
int mail_ascii_address(struct arena *a, struct str address, struct str *out);
