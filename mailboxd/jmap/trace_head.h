/*
 * trace_head.h - what this server wrote on top of a message (smtpd/trace.c,
 * smtpd/screen/results.c): from whom it came, over what, and what was found out about that. Pure
 * functions.
 *
 * Only the fields above our own Received, and that one, are ours; gk-smtpd takes out what came in
 * our name. A header that does not begin so says nothing that is believed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Of Received (RFC 5321 4.4); empty where it does not say. */
struct trace_received {
	struct str helo, name, address; /* as it called itself; of its address; that, no brackets */
	struct str by, protocol, id, rcpt, suite, version;
	struct str account; /* a program of this machine, of that account */
	bool local;         /* from a program or a mailbox here */
	int64_t date;       /* 0: none */
};

/* Of Authentication-Results (RFC 8601 2.2). */
struct trace_result {
	struct str method, result, property, value, reason;
};

#define TRACE_RESULTS 24u

struct trace_head {
	bool ours;         /* else all else is empty */
	struct str sender; /* of Return-Path; p NULL: there is none */
	struct trace_received received;
	struct trace_result results[TRACE_RESULTS];
	size_t nresults;
	bool screened, junk;
	struct str score, required, tests;
};

/* host: server.host_name. Strings are in a, or in the header. */
void trace_head_read(struct str header, struct str host, struct arena *a, struct trace_head *out);
