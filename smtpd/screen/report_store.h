/*
 * report_store.h - what is kept of DMARC reports, in gk-screen's own directory: counts for those to
 * send, how far their sending is, and those that came in.
 *
 * One sqlite file of at most REPORT_STORE_PAGES pages, one writer. Counts are committed in batches
 * without a sync: lost power may take the last of them, which are statistics. What is sent is
 * written down durably before (report_store_plan), so that a crash can repeat a message of it,
 * under the same report id and file name, but not lose one nor make another of it.
 *
 * Called by one thread at a time (a pool's), never by the loop.
 */
#pragma once

#include "db/db.h"
#include "smtpd/screen/report_note.h"
#include "smtpd/screen/report_to.h"

#define REPORT_STORE_FILE     "reports.db" /* in gk-screen's directory */
#define REPORT_STORE_PAGES    (256u << 10) /* of 4 KiB */
#define REPORT_POLICIES_MAX   20000u       /* domains in one period */
#define REPORT_TALLIES_MAX    5000u        /* rows of one domain in one period */
#define REPORT_KEPT_ROWS      10000u       /* of one received report */
#define REPORT_STORE_ROOM_PCT 90u          /* full beyond: the oldest received reports go */

struct report_store;

struct report_store *report_store_open(const char *path, struct err *e);
void report_store_close(struct report_store **s);
/* As db_copy() does it. */
int report_store_copy(struct report_store *s, int *fd, struct err *e);

/* ---- to send ---- */

/* Adds counts to the period that now belongs to (every: seconds, periods begin at multiples of it).
 * *dropped: messages that met a ceiling. */
int report_store_add(struct report_store *s, const struct report_notes *n, int64_t now,
    uint64_t every, uint64_t *dropped, struct err *e);
/* Ends the period under way when it is over, or at once (force). Its reports are due from then on,
 * spread being the seconds they wait. */
int report_store_roll(struct report_store *s, int64_t now, uint64_t every, uint64_t spread,
    bool force, struct err *e);

/* One message of a report to one address. */
struct report_mailing {
	int64_t id;
	struct str address, mid;
	uint64_t max;
};

/* A report whose turn has come. */
struct report_due {
	int64_t id;
	struct str domain, record; /* the policy as published */
	uint64_t begin, end;
	unsigned tries;
	struct str report_id; /* empty: not planned yet */
	struct report_mailing *mailings;
	size_t n;
};

/* 1: there is one; 0: none now, *next: seconds since the epoch when to ask again (0: nothing
 * waits). */
int report_store_due(struct report_store *s, int64_t now, struct arena *a, struct report_due *out,
    int64_t *next, struct err *e);
/* Durable on return: it has an id, and goes to these, each with a message id of its own. Fills in
 * d. */
int report_store_plan(struct report_store *s, struct report_due *d, const struct report_to *to,
    size_t n, struct arena *a, struct err *e);
/* Its rows, most messages first; of the rest only what the policy says. */
int report_store_rows(struct report_store *s, const struct report_due *d, struct arena *a,
    struct report *out, struct err *e);
int report_store_sent(struct report_store *s, int64_t mailing, struct err *e);
/* Tried again at that time. */
int report_store_later(struct report_store *s, int64_t due, int64_t next, struct err *e);
/* Forgets it: all was sent, or nobody may have it. */
int report_store_forget(struct report_store *s, int64_t due, struct err *e);

/* ---- received ---- */

struct report_source {
	struct str from; /* the domain whose message carried it */
	bool verified;   /* DMARC passed for that */
	int64_t now;
};

/* 1: kept; 0: it is there already. */
int report_store_keep(struct report_store *s, const struct report *r,
    const struct report_source *from, struct err *e);
/* Removes what was received before that, and the oldest when the file is nearly full. */
int report_store_trim(struct report_store *s, int64_t before, struct err *e);

/* ---- for gkmail ---- */

/* Rows of strings in the arena. domain: empty for all. */
struct report_list {
	struct str *v;
	size_t n; /* strings */
	size_t capacity;
	bool more;
};

#define REPORT_LIST_WIDTH \
	9u /* id, domain, organization, begin, end, messages, passed, from, verified */
#define REPORT_SOURCES_WIDTH \
	8u /* domain, source, messages, passed, dkim, spf, refused, reporters */
#define REPORT_WAITING_WIDTH 6u /* id, domain, begin, end (empty: under way), messages, state */
int report_store_list(struct report_store *s, struct str domain, int64_t after, struct arena *a,
    struct report_list *out, struct err *e);
int report_store_sources(struct report_store *s, struct str domain, int64_t since, uint64_t skip,
    struct arena *a, struct report_list *out, struct err *e);
int report_store_waiting(
    struct report_store *s, int64_t after, struct arena *a, struct report_list *out, struct err *e);
