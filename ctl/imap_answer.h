/*
 * imap_answer.h - what an IMAP server says to gkmail import (RFC 9051 7, RFC 3501 7).
 *
 * Pure: each function reads one whole response, literals and all, as net/imap_frame.h gathered it.
 * What the server sends is believed in nothing: all is bounded by what came.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum imap_kind {
	IMAP_OTHER, /* nothing that is asked for */
	IMAP_TAGGED,
	IMAP_GO_ON, /* "+ text" */
	IMAP_BYE,
	IMAP_CAPABILITY,
	IMAP_LIST, /* LSUB too: attributes then say \Subscribed */
	IMAP_FETCH,
	IMAP_SEARCH,
	IMAP_STATUS,
	IMAP_EXISTS,
	IMAP_UIDVALIDITY
};

struct imap_answer {
	enum imap_kind kind;
	bool ok;         /* IMAP_TAGGED */
	struct str text; /* words behind it; of CAPABILITY and SEARCH all of them */
	uint32_t uidvalidity;
	uint64_t messages; /* STATUS, EXISTS */
	/* LIST */
	struct str attributes; /* "\HasNoChildren \Sent" */
	char separator;        /* 0: there is none */
	struct str name;       /* as it stands there: modified UTF-7, or UTF-8 */
	/* FETCH; uid 0: not said */
	uint32_t uid;
	uint64_t size;
	struct str flags; /* "\Seen $Work" */
	bool has_date, has_body;
	int64_t date;
	struct str body;
};

/* -1: it makes no sense. Strings borrow from the response, or lie in a. */
int imap_answer_read(struct str response, struct str tag, struct arena *a, struct imap_answer *out);
/* Is the word among those of text (spaces between, case does not matter)? */
bool imap_answer_has(struct str text, const char *word);
/* A string as a command has it: quoted. -1: it has octets that want a literal. */
int imap_answer_quote(struct str s, struct arena *a, struct str *out);
