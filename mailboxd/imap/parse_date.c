/*
 * parse_date.c - dates of IMAP (RFC 3501 9, "date" and "date-time").
 */
#include "mailboxd/imap/lex.h"
#include "mailboxd/imap/parse.h"

#include <stdio.h>

#include "base/num.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years that begin in
 * March. */
int64_t
imap_day(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
month_of(struct str s)
{
	for (int i = 0; i < 12; i++)
		if (s.n == 3 && str_ieq(s, str_of(months + i * 3, 3)))
			return i + 1;
	return 0;
}

static int
days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

int
parse_day(struct str s, int64_t *day)
{
	struct str d, m;
	uint64_t dn, yn;
	int mn;

	if (!str_cut(&s, '-', &d) || !str_cut(&s, '-', &m))
		return -1;
	if (d.n < 1 || d.n > 2 || num_parse(d, 1, 31, &dn) < 0)
		return -1;
	if ((mn = month_of(m)) == 0 || s.n != 4 || num_parse(s, 0, 9999, &yn) < 0)
		return -1;
	if ((int)dn > days_in((int)yn, mn))
		return -1;
	*day = imap_day((int)yn, mn, (int)dn);
	return 0;
}

int
parse_date(struct lex *l, int64_t *day)
{
	struct str s;

	if (lex_astring(l, &s) < 0)
		return -1;
	return parse_day(s, day) < 0 ? lex_fail(l, "Bad date") : 0;
}

/* date-day-fixed "-" date-month "-" date-year SP time SP zone */
int
imap_parse_datetime(struct str s, int64_t *out)
{
	uint64_t h, m, sec, zh, zm;
	int64_t day, zone;
	struct str d;

	if (s.n != 26 || s.p[11] != ' ' || s.p[14] != ':' || s.p[17] != ':' || s.p[20] != ' ')
		return -1;
	d = str_sub(s, 0, 11);
	if (d.p[0] == ' ')
		d = str_from(d, 1);
	if (parse_day(d, &day) < 0 || (s.p[21] != '+' && s.p[21] != '-'))
		return -1;
	/* 60 is a leap second; it counts as the next minute's first. */
	if (num_parse(str_sub(s, 12, 2), 0, 23, &h) < 0 ||
	    num_parse(str_sub(s, 15, 2), 0, 59, &m) < 0 ||
	    num_parse(str_sub(s, 18, 2), 0, 60, &sec) < 0 ||
	    num_parse(str_sub(s, 22, 2), 0, 24, &zh) < 0 ||
	    num_parse(str_sub(s, 24, 2), 0, 59, &zm) < 0)
		return -1;
	zone = (int64_t)(zh * 3600 + zm * 60);
	*out = day * 86400 + (int64_t)(h * 3600 + m * 60 + sec) - (s.p[21] == '-' ? -zone : zone);
	return 0;
}

const char *
imap_datetime(int64_t t, char out[32])
{
	struct tm tm;
	time_t when = (time_t)t;

	if (gmtime_r(&when, &tm) == NULL || tm.tm_year > 8099 || tm.tm_year < -1900)
		return imap_datetime(0, out);
	snprintf(out, 32, "%2d-%.3s-%04d %02d:%02d:%02d +0000", tm.tm_mday,
	    months + (size_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return out;
}
