/*
 * report_note.h - counts messages for aggregate reports (RFC 9990): in memory, as rows that differ
 * in some result, until they are written down together.
 *
 * Everything is bounded: what strangers can make many of (domains, addresses, selectors) beyond the
 * ceilings is not counted, and how much that was is.
 */
#pragma once

#include "base/hash.h"
#include "smtpd/screen/check.h"
#include "smtpd/screen/report.h"

#define REPORT_NOTES_MAX 20000u /* rows in memory */

struct report_tally {
	UT_hash_handle hh;
	uint64_t count;
	struct str key; /* a row, encoded; behind this struct */
};

struct report_policy {
	UT_hash_handle hh;
	struct str domain, record; /* the record that was seen last */
	struct report_tally *tallies;
};

struct report_notes {
	struct report_policy *policies;
	size_t n;         /* rows */
	uint64_t dropped; /* messages that there was no room for */
};

/* Counts one message; nothing when nobody wants a report about it. */
void report_note(struct report_notes *n, const struct check_query *q, const struct check_result *r);
void report_notes_free(struct report_notes *n);

/* The row that a message counts in. */
void report_row_of(const struct check_query *q, const struct check_result *r, struct arena *a,
    struct report_row *out);
/* A row without its count as octets, and back. -1: they are none. */
void report_row_encode(const struct report_row *r, struct buf *out);
int report_row_decode(struct str s, struct arena *a, struct report_row *out);
