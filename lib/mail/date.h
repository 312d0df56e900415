/*
 * date.h - dates of mail: RFC 5322 3.3 with the obsolete forms of 4.3, and those of IMAP (RFC 9051
 * 9).
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

struct date {
	int64_t utc;  /* seconds since the epoch */
	int32_t zone; /* minutes east of UTC */
};

/* A Date field's value; also without day of week, seconds or zone, with comments, and with years of
 * two or three digits. -1 when it is none. */
int date_parse(struct str s, struct date *out);

/* IMAP date-time without its quotes: "17-Jul-1996 02:44:25 -0700", " 7-Jul-…". */
int date_imap_parse(struct str s, struct date *out);

/* "2026-01-31T12:00:00.5+01:00" (RFC 3339 5.6); a fraction of a second is dropped. -1 when it is
 * none. */
int date_rfc3339_parse(struct str s, struct date *out);
/* The same in UTC and capitals, as JMAP has it (UTCDate, RFC 8620 1.4): seconds. */
int date_utc_parse(struct str s, int64_t *out);

#define DATE_IMAP_SIZE 27
/* The same form from seconds, shown in a zone (minutes). */
const char *date_imap(int64_t utc, int32_t zone, char out[DATE_IMAP_SIZE]);

#define DATE_RFC3339_SIZE 26
/* "2026-01-31T12:00:00+01:00", or with Z where zone is 0 (RFC 3339 5.6); "" where the year has not
 * four digits. */
const char *date_rfc3339(int64_t utc, int32_t zone, char out[DATE_RFC3339_SIZE]);

/* IMAP date of SEARCH, "1-Feb-1994" (without quotes): days since the epoch. */
int date_day_parse(struct str s, int64_t *day);

/* The day on which a date fell where it was written, time and zone disregarded (SENTBEFORE …, RFC
 * 9051 6.4.4); with zone 0 the day of an internal date. */
int64_t date_day(struct date d);
