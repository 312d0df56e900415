/*
 * envelope.h - what SMTP knows of a message beside its octets, as it crosses channels and lies in
 * the journal.
 *
 * One versioned codec for both. Everything is bounded: encoded at most ENVELOPE_MAX octets.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

#define ENVELOPE_MAX     60000u
#define ENVELOPE_VERSION 4

/* RFC 3461 4.1 */
#define NOTIFY_NEVER   0x01u
#define NOTIFY_SUCCESS 0x02u
#define NOTIFY_FAILURE 0x04u
#define NOTIFY_DELAY   0x08u
#define NOTIFY_DEFAULT 0u /* none given: failure, and delay as configured */

enum envelope_ret {
	RET_NONE, /* not given */
	RET_FULL,
	RET_HDRS
};

#define ENVELOPE_SMTPUTF8  0x01u /* RFC 6531 */
#define ENVELOPE_8BITMIME  0x02u /* BODY=8BITMIME, RFC 6152 */
#define ENVELOPE_SUBMITTED 0x04u /* by an authenticated user */
#define ENVELOPE_JUNK      0x08u /* goes to the mailbox Junk of its users */

struct envelope_rcpt {
	struct str address;  /* as in RCPT TO, domain in lower case */
	struct str orcpt;    /* RFC 3461 4.2 as given ("rfc822;a@b", xtext), or empty */
	uint32_t notify;     /* NOTIFY_ bits */
	struct str *targets; /* where authd said it leads */
	uint32_t ntargets;
	uint32_t nlocal; /* the first so many are mailboxes of ours, the others addresses at other
			    hosts, their domains as A-labels in lower case */
};

struct envelope {
	struct str mid;    /* id.h */
	int64_t arrived;   /* wall clock, microseconds */
	int64_t release;   /* the same: not to be sent before (RFC 4865); 0: at once */
	struct str sender; /* MAIL FROM without brackets; empty: the null reverse-path */
	struct str user;   /* who authenticated; empty: nobody */
	struct str
	    actor; /* "smtp", "submission", "bounce" … (ARCHITECTURE: every change has an actor) */
	struct str peer; /* address text of the client */
	struct str helo;
	struct str envid; /* RFC 3461 4.4, xtext as given */
	enum envelope_ret ret;
	uint32_t flags;       /* ENVELOPE_ bits */
	uint32_t return_path; /* octets of our Return-Path line on top, which a relay leaves out */
	struct str
	    approval; /* of a human, to what an agent has written (mail/approval.h); or empty */
	struct envelope_rcpt *rcpts;
	uint32_t nrcpts;
};

/* Appends to out; -1 with E_LIMIT past ENVELOPE_MAX. */
int envelope_encode(const struct envelope *env, struct buf *out, struct err *e);
/* Reads all of s; strings borrow from s, arrays are in a. Refuses unknown versions, bad ids, too
 * many of anything. */
int envelope_decode(struct str s, struct envelope *env, struct arena *a, struct err *e);
