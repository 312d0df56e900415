/*
 * report.h - a DMARC aggregate report (RFC 9990) as data, and as XML.
 *
 * One form for those that we send and those that we get. The reader takes the format of RFC 7489
 * too, any element order, and passes over what it does not know (RFC 9990 5). What it reads is
 * hostile: no document type (so no entities), depth, rows, signatures and texts bounded.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define REPORT_ROWS_MAX       50000u /* read of one report; more is an error */
#define REPORT_SIGNATURES_MAX 100u   /* of one row; the rest is dropped (RFC 9990 3.1.4) */
#define REPORT_TEXT_MAX       512u   /* octets of one element; the rest is cut */
#define REPORT_DEPTH_MAX      32u

struct report_signature {
	struct str domain, selector, result;
};

struct report_row {
	struct str source; /* an IP address */
	uint64_t count;
	struct str disposition; /* "none", "pass", "quarantine", "reject" */
	struct str dkim, spf;   /* "pass" and aligned, or "fail" */
	struct str reason, comment;
	struct str header_from, envelope_from, envelope_to;
	struct report_signature *signatures;
	size_t nsignatures;
	struct str spf_domain, spf_scope, spf_result;
};

struct report {
	struct str organization, email, contact, id, error, generator;
	uint64_t begin, end; /* seconds since the epoch; the last belongs to it */
	/* What was published, or is the default; empty: not said. */
	struct str domain, discovery, p, sp, np, fo, adkim, aspf, testing;
	struct report_row *rows;
	size_t n;
};

/* As RFC 9990 has it. The caller checks out->over. */
void report_write(const struct report *r, struct buf *out);

/* Strings are in the arena. -1: E_PROTO, no report; E_LIMIT. */
int report_read(struct str xml, struct arena *a, struct report *out, struct err *e);

/* RFC 1952. -1 when the result does not fit into out. */
int report_gzip(struct str in, struct buf *out);

#define REPORT_UNPACKED_MAX (32u << 20)
#define REPORT_RATIO_MAX    300u /* octets out for one in; real reports have below 60 */
#define REPORT_PACKED_MAX   (10u << 20)
/* The XML of an attachment: gzip, the first file of a zip archive, or as it is. -1: E_PROTO, or
 * E_LIMIT for a bomb. */
int report_unpack(struct str in, struct buf *out, struct err *e);
