/*
 * trace.h - what the server puts on top of a message: Return-Path, Received, and on submission what
 * is missing.
 *
 * RFC 5321 4.4; RFC 3848, 6531 and 8314 for the clauses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* No prefix is longer: every part of it is cut before it comes in. */
#define TRACE_MAX        8192u
#define TRACE_FIELDS_MAX 4096u

struct trace {
	struct str sender; /* MAIL FROM, empty for the null path */
	struct str helo;   /* as the client said it */
	struct str peer;   /* the client's address as text */
	struct str client; /* its confirmed name in the DNS; empty: not known */
	struct str host;   /* server.host_name */
	struct str mid;
	struct str tls;     /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or empty */
	struct str account; /* of a program on this machine: it did not come over a network */
	bool from_mailbox;  /* out of a mailbox here: whose, its reader is told by From alone */
	struct str rcpt;    /* the one recipient; empty when there are several */
	bool esmtp, authed, utf8;
	bool add_date, add_message_id; /* RFC 6409 8.2, 8.3 */
	bool no_header; /* the message has none: an empty line keeps its text from becoming one */
	int64_t now;    /* wall clock, seconds */
	/* Header fields of gk-screen and gk-sign, at most TRACE_FIELDS_MAX: above Received, as they
	 * were made after it was (RFC 6376 5.6, RFC 8601 5). */
	struct str fields;
};

/* The prefix, in a; *return_path gets the octets of its first line. */
struct str trace_make(const struct trace *t, struct arena *a, uint32_t *return_path);
/* What of it stands below Received and belongs to the message: it is signed with it. */
struct str trace_added(const struct trace *t, struct arena *a);
/* "ESMTPSA": RFC 3848, RFC 6531 4.3. */
const char *trace_protocol(const struct trace *t);
/* Are these whole header fields (RFC 5322 2.2), and not too many, that may stand on top? */
bool trace_are_fields(struct str s);
