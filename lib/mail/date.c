/*
 * date.c - dates of mail.
 *
 * A Date field is read as a row of words, with comments taken out: forgiving in what stands
 * between, strict in ranges. Days are counted in the proleptic Gregorian calendar; leap seconds are
 * taken and count as the second after (RFC 5322 3.3 allows :60).
 */
#include "mail/date.h"

#include <stdio.h>

#include "base/num.h"

#define WORDS_MAX 12u
#define NOISE_MAX 3u /* words before the day of the month */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days from 1970-01-01 to a civil date; m from 1. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, doy, doe;

	/* Years begin in March, so that the leap day is the last. */
	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = (y - era * 400) * 365 + (y - era * 400) / 4 - (y - era * 400) / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t days, int64_t *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = yoe + era * 400 + (*m <= 2);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int
days_in_month(int64_t y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
		return 29;
	return days[m - 1];
}

/* 1 to 12; 0 for no month. Long names ("March") count. */
static int
month_of(struct str s)
{
	for (int i = 0; i < 12 && s.n >= 3; i++)
		if (str_istarts(s, str_of(months + i * 3, 3)))
			return i + 1;
	return 0;
}

static int
number(struct str s, uint64_t min, uint64_t max, int *out)
{
	uint64_t v;

	if (s.n > 4 || num_parse(s, min, max, &v) < 0)
		return -1;
	*out = (int)v;
	return 0;
}

/* RFC 5322 4.3: two digits are 2000-2049 or 1950-1999, three are from 1900 on. */
static int
year_of(struct str s, int *out)
{
	if (s.n < 2 || number(s, 0, 9999, out) < 0)
		return -1;
	if (s.n == 2)
		*out += *out < 50 ? 2000 : 1900;
	else if (s.n == 3)
		*out += 1900;
	return *out >= 1 ? 0 : -1;
}

/* "hh:mm" or "hh:mm:ss" into seconds of the day */
static int
time_of(struct str s, int *seconds)
{
	struct str part;
	int h, m, sec = 0;

	if (!str_cut(&s, ':', &part) || number(part, 0, 23, &h) < 0)
		return -1;
	if (str_cut(&s, ':', &part)) {
		s.n = str_chr(s, '.'); /* a fraction, which some programs write */
		if (number(s, 0, 60, &sec) < 0)
			return -1;
	}
	if (number(part, 0, 59, &m) < 0)
		return -1;
	*seconds = h * 3600 + m * 60 + sec;
	return 0;
}

/* "+hhmm" or "-hhmm" */
static int
offset_of(struct str s, int *zone)
{
	int hhmm;

	if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') ||
	    number(str_from(s, 1), 0, 9999, &hhmm) < 0)
		return -1;
	if (hhmm % 100 > 59)
		return -1;
	*zone = (hhmm / 100 * 60 + hhmm % 100) * (s.p[0] == '-' ? -1 : 1);
	return 0;
}

/* RFC 5322 4.3: names it knows; others, and the military letters, are -0000. */
static int
zone_of(struct str s)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},
	    {"PST", -8}, {"PDT", -7}};
	int zone = 0;

	if (offset_of(s, &zone) == 0)
		return zone;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (str_istarts(s, str_z(zones[i].name)))
			return zones[i].hours * 60;
	return 0;
}

/* The words of s, comments and commas out. -1 with a comment that does not end. */
static int
split(struct str s, struct str w[WORDS_MAX], size_t *n)
{
	size_t i = 0, depth = 0, start;

	*n = 0;
	while (i < s.n && *n < WORDS_MAX) {
		char c = s.p[i];

		if (c == '\\' && depth > 0) {
			i += 2;
			continue;
		}
		if (c == '(' || (c == ')' && depth > 0))
			depth += c == '(' ? 1 : -1;
		if (depth > 0 || (!is_alnum(c) && strchr(" \t\r\n,()", c) != NULL)) {
			i++;
			continue;
		}
		start = i;
		while (i < s.n && (is_alnum(s.p[i]) || strchr(" \t\r\n,(", s.p[i]) == NULL))
			i++;
		w[(*n)++] = str_sub(s, start, i - start);
	}
	return depth > 0 ? -1 : 0;
}

/* "1-Jul-2003" as day, month and year; true when s was such a word. */
static bool
split_dashed(struct str s, struct str w[3])
{
	return str_cut(&s, '-', &w[0]) && str_cut(&s, '-', &w[1]) && (w[2] = s).n > 0;
}

/* Day, month and year to days. */
static int
day_of(struct str d, struct str m, struct str y, int64_t *days)
{
	int day, month = month_of(m), year;

	if (month == 0 && number(m, 1, 12, &month) < 0)
		return -1;
	if (number(d, 1, 31, &day) < 0 || d.n > 2 || year_of(y, &year) < 0 ||
	    day > days_in_month(year, month))
		return -1;
	*days = days_from_civil(year, month, day);
	return 0;
}

/* asctime and date(1) have the year behind the time, and perhaps the zone between: "Jul 1 10:52:37
 * EST 2003". Puts the words into the order of RFC 5322. */
static void
reorder(struct str *w, size_t n)
{
	struct str month = w[0], day = w[1], time = w[2], zone = w[3], year;
	bool zone_first = n >= 5 && month_of(zone) == 0 && zone.n > 0 && !is_digit(zone.p[0]) &&
			  w[4].n == 4 && is_digit(w[4].p[0]);

	if (month_of(month) == 0 || str_chr(time, ':') == time.n)
		return;
	year = zone_first ? w[4] : w[3];
	w[0] = day;
	w[1] = month;
	w[2] = year;
	w[3] = time;
	if (zone_first)
		w[4] = zone;
}

/* Whether the words are day month year time [zone]. */
static int
parse_words(struct str *w, size_t n, struct date *out)
{
	struct str parts[3];
	size_t used = 1;
	int64_t days;
	int seconds, zone = 0;

	if (n < 2)
		return -1;
	if (!split_dashed(w[0], parts)) {
		if (n < 4)
			return -1;
		reorder(w, n);
		memcpy(parts, w, sizeof(parts));
		used = 3;
	}
	if (day_of(parts[0], parts[1], parts[2], &days) < 0 || time_of(w[used], &seconds) < 0)
		return -1;
	if (n > used + 1)
		zone = zone_of(w[used + 1]);
	*out = (struct date){days * 86400 + seconds - zone * 60, zone};
	return 0;
}

int
date_parse(struct str s, struct date *out)
{
	struct str w[WORDS_MAX];
	size_t n;

	if (split(s, w, &n) < 0)
		return -1;
	/* The day of the week may stand first, and says nothing new; other noise is met there too.
	 */
	for (size_t i = 0; i < n && i < NOISE_MAX; i++)
		if (parse_words(w + i, n - i, out) == 0)
			return 0;
	return -1;
}

/* date-day-fixed "-" date-month "-" date-year SP time SP zone (RFC 9051 9) */
int
date_imap_parse(struct str s, struct date *out)
{
	struct str parts[3], date = str_sub(s, 0, 11), zone_text = str_from(s, 21);
	int64_t days;
	int seconds, zone;

	if (s.n != 26 || s.p[11] != ' ' || s.p[20] != ' ' || s.p[14] != ':' || s.p[17] != ':')
		return -1;
	if (date.p[0] == ' ')
		date = str_from(date, 1);
	if (!split_dashed(date, parts) || parts[1].n != 3 || month_of(parts[1]) == 0 ||
	    parts[2].n != 4)
		return -1;
	if (day_of(parts[0], parts[1], parts[2], &days) < 0 ||
	    time_of(str_sub(s, 12, 8), &seconds) < 0 || offset_of(zone_text, &zone) < 0)
		return -1;
	*out = (struct date){days * 86400 + seconds - zone * 60, zone};
	return 0;
}

const char *
date_imap(int64_t utc, int32_t zone, char out[DATE_IMAP_SIZE])
{
	int64_t local = utc + (int64_t)zone * 60, days = floor_div(local, 86400), y;
	int rest = (int)(local - days * 86400), m, d, z = zone < 0 ? -zone : zone;
	char text[64];

	civil_from_days(days, &y, &m, &d);
	/* The form has four digits for a year. */
	if (y < 0 || y > 9999)
		return date_imap(0, 0, out);
	snprintf(text, sizeof(text), "%2d-%.3s-%04d %02d:%02d:%02d %c%02d%02d", d,
	    months + (m - 1) * 3, (int)y, rest / 3600, rest / 60 % 60, rest % 60,
	    zone < 0 ? '-' : '+', z / 60 % 100, z % 60);
	memcpy(out, text, DATE_IMAP_SIZE - 1);
	out[DATE_IMAP_SIZE - 1] = '\0';
	return out;
}

const char *
date_rfc3339(int64_t utc, int32_t zone, char out[DATE_RFC3339_SIZE])
{
	int64_t local = utc + (int64_t)zone * 60, days = floor_div(local, 86400), y;
	int rest = (int)(local - days * 86400), m, d, z = zone < 0 ? -zone : zone;
	char text[64], offset[16] = "Z";

	civil_from_days(days, &y, &m, &d);
	if (zone != 0)
		snprintf(offset, sizeof offset, "%c%02d:%02d", zone < 0 ? '-' : '+', z / 60 % 100,
		    z % 60);
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%s", (int)y % 10000, m, d,
	    rest / 3600, rest / 60 % 60, rest % 60, offset);
	out[0] = '\0';
	if (y >= 0 && y <= 9999)
		memcpy(out, text, strlen(text) + 1);
	return out;
}

int
date_day_parse(struct str s, int64_t *day)
{
	struct str parts[3];

	if (!split_dashed(s, parts) || parts[1].n != 3 || month_of(parts[1]) == 0 ||
	    parts[2].n != 4)
		return -1;
	return day_of(parts[0], parts[1], parts[2], day);
}

int64_t
date_day(struct date d)
{
	return floor_div(d.utc + (int64_t)d.zone * 60, 86400);
}

/* ---- RFC 3339 ---- */

/* n digits at the front; -1: they are not there. */
static int
take_digits(struct str *s, size_t n)
{
	int v = 0;

	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s->p[i]))
			return -1;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = str_from(*s, n);
	return v;
}

static bool
take_char(struct str *s, const char *any)
{
	if (s->n == 0 || s->p[0] == '\0' || strchr(any, s->p[0]) == NULL)
		return false;
	*s = str_from(*s, 1);
	return true;
}

static int
take_offset(struct str *s, int *minutes)
{
	int sign, h, m;

	*minutes = 0;
	if (take_char(s, "Zz"))
		return 0;
	sign = s->n > 0 && s->p[0] == '-' ? -1 : 1;
	if (!take_char(s, "+-") || (h = take_digits(s, 2)) < 0 || h > 23 || !take_char(s, ":") ||
	    (m = take_digits(s, 2)) < 0 || m > 59)
		return -1;
	*minutes = sign * (h * 60 + m);
	return 0;
}

int
date_rfc3339_parse(struct str s, struct date *out)
{
	int year, month, day, hour, minute, second, zone, m;
	int64_t days, y;
	int d;

	if ((year = take_digits(&s, 4)) < 0 || !take_char(&s, "-") ||
	    (month = take_digits(&s, 2)) < 1 || month > 12 || !take_char(&s, "-") ||
	    (day = take_digits(&s, 2)) < 1 || day > 31 || !take_char(&s, "Tt") ||
	    (hour = take_digits(&s, 2)) < 0 || hour > 23 || !take_char(&s, ":") ||
	    (minute = take_digits(&s, 2)) < 0 || minute > 59 || !take_char(&s, ":") ||
	    (second = take_digits(&s, 2)) < 0 || second > 60)
		return -1;
	if (take_char(&s, ".")) {
		if (take_digits(&s, 1) < 0)
			return -1;
		while (take_digits(&s, 1) >= 0)
			continue;
	}
	if (take_offset(&s, &zone) < 0 || s.n > 0)
		return -1;
	/* The 31st of a month that has none comes out as another day. */
	days = days_from_civil(year, month, day);
	civil_from_days(days, &y, &m, &d);
	if (d != day || m != month)
		return -1;
	*out = (struct date){
	    days * 86400 + hour * 3600 + minute * 60 + second - (int64_t)zone * 60, zone};
	return 0;
}

int
date_utc_parse(struct str s, int64_t *out)
{
	struct date d;

	if (!str_ends(s, STR("Z")) || str_chr(s, 'T') == s.n || date_rfc3339_parse(s, &d) < 0)
		return -1;
	*out = d.utc;
	return 0;
}
