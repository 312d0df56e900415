/*
 * when.c - days and spans of time as people name them.
 *
 * All reckoning is in days of the speaker's zone; what comes out is UTC. Weeks begin on Monday (ISO
 * 8601).
 */
#include "aid/grammar/when.h"

#include <time.h>

#include "base/num.h"

#define DAY 86400

struct day {
	int year, month, day; /* month 1 to 12; day may lie outside of the month */
};

static struct day
day_of(struct now now)
{
	time_t local = (time_t)(now.utc + now.zone * 60);
	struct tm tm;

	gmtime_r(&local, &tm);
	return (struct day){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
}

/* The first second of a day; timegm() sets right what lies outside of the month or year. */
static int64_t
begin(struct day d, struct now now)
{
	struct tm tm = {.tm_year = d.year - 1900, .tm_mon = d.month - 1, .tm_mday = d.day};

	return (int64_t)timegm(&tm) - now.zone * 60;
}

/* Monday = 0. */
static int
weekday_of(struct now now)
{
	time_t local = (time_t)(now.utc + now.zone * 60);
	struct tm tm;

	gmtime_r(&local, &tm);
	return (tm.tm_wday + 6) % 7;
}

/* The day, week, month or year that lies n of them from now. */
static struct span
unit_span(enum unit unit, int n, struct now now)
{
	struct day a = day_of(now), b;

	switch (unit) {
	case UNIT_DAY:
		a.day += n;
		break;
	case UNIT_WEEK:
		a.day += n * 7 - weekday_of(now);
		break;
	case UNIT_MONTH:
		a.month += n;
		a.day = 1;
		break;
	case UNIT_YEAR:
		a = (struct day){a.year + n, 1, 1};
		break;
	}
	b = a;
	b.day += unit == UNIT_DAY ? 1 : unit == UNIT_WEEK ? 7 : 0;
	b.month += unit == UNIT_MONTH ? 1 : 0;
	b.year += unit == UNIT_YEAR ? 1 : 0;
	return (struct span){begin(a, now), begin(b, now)};
}

static struct span
day_span(struct day d, struct now now)
{
	struct day next = d;

	next.day++;
	return (struct span){begin(d, now), begin(next, now)};
}

/* ---- reading ---- */

static const struct token *
token_at(const struct words_of *w, size_t at)
{
	return at < w->n ? &w->tokens->t[w->w[at].first] : NULL;
}

static enum sense
sense_at(const struct words_of *w, size_t at)
{
	return at < w->n ? w->w[at].sense : SENSE_FILLER;
}

/* A number in figures or words; "a", "une" count as one. */
static bool
number_at(const struct words_of *w, size_t at, uint64_t max, int *out)
{
	const struct token *t = token_at(w, at);
	uint64_t n;

	if (!t)
		return false;
	if (w->w[at].sense == SENSE_COUNT) {
		*out = w->w[at].value;
		return (uint64_t)*out <= max;
	}
	if (t->kind == TOKEN_NUMBER && num_parse(t->word, 1, max, &n) == 0) {
		*out = (int)n;
		return true;
	}
	*out = 1;
	return str_eq_z(t->word, "a") || str_eq_z(t->word, "an") || str_eq_z(t->word, "un") ||
	       str_eq_z(t->word, "une");
}

static bool
year_at(const struct words_of *w, size_t at, int *out)
{
	const struct token *t = token_at(w, at);
	uint64_t n;

	if (!t || t->kind != TOKEN_NUMBER || num_parse(t->word, 1970, 2199, &n) < 0)
		return false;
	*out = (int)n;
	return true;
}

size_t
when_duration(const struct words_of *w, size_t at, int64_t *out)
{
	static const int64_t seconds[] = {DAY, 7 * DAY, 30 * DAY, 365 * DAY};
	int n;

	if (!number_at(w, at, 1000, &n) || sense_at(w, at + 1) != SENSE_UNIT)
		return 0;
	*out = n * seconds[w->w[at + 1].value];
	return 2;
}

/* "this week", "last month", "semaine dernière", "last 7 days", "3 derniers mois", "3 days ago". */
static size_t
read_units(const struct words_of *w, size_t at, struct now now, struct span *out)
{
	enum sense a = sense_at(w, at), b = sense_at(w, at + 1), c = sense_at(w, at + 2);
	int n;

	if (a == SENSE_CURRENT && b == SENSE_UNIT) {
		*out = unit_span((enum unit)w->w[at + 1].value, 0, now);
		return 2;
	}
	if ((a == SENSE_LAST || a == SENSE_NEXT) && b == SENSE_UNIT) {
		*out = unit_span((enum unit)w->w[at + 1].value, a == SENSE_LAST ? -1 : 1, now);
		return 2;
	}
	if (a == SENSE_UNIT && (b == SENSE_LAST || b == SENSE_NEXT)) {
		*out = unit_span((enum unit)w->w[at].value, b == SENSE_LAST ? -1 : 1, now);
		return 2;
	}
	if (a == SENSE_AGO && w->w[at].value == 1 && c == SENSE_UNIT &&
	    number_at(w, at + 1, 1000, &n)) {
		*out = unit_span((enum unit)w->w[at + 2].value, -n, now);
		return 3;
	}
	if (b == SENSE_UNIT && c == SENSE_AGO && number_at(w, at, 1000, &n)) {
		*out = unit_span((enum unit)w->w[at + 1].value, -n, now);
		return 3;
	}
	if (c == SENSE_UNIT && ((a == SENSE_LAST && number_at(w, at + 1, 1000, &n)) ||
				   (b == SENSE_LAST && number_at(w, at, 1000, &n)))) {
		int64_t length = 0;

		(void)when_duration(
		    &(struct words_of){.w = {{SENSE_COUNT, n, w->w[at].first, 1}, w->w[at + 2]},
			.n = 2,
			.tokens = w->tokens},
		    0, &length);
		*out = (struct span){unit_span(UNIT_DAY, 0, now).from - length, now.utc};
		return 3;
	}
	return 0;
}

/* "Monday", "last Monday", "lundi prochain". */
static size_t
read_weekday(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out)
{
	size_t n = 1;
	int days;

	if (sense_at(w, at) == SENSE_LAST || sense_at(w, at) == SENSE_NEXT) {
		ahead = sense_at(w, at) == SENSE_NEXT;
		at++;
		n++;
	}
	if (sense_at(w, at) != SENSE_WEEKDAY)
		return 0;
	if (sense_at(w, at + 1) == SENSE_LAST || sense_at(w, at + 1) == SENSE_NEXT) {
		ahead = sense_at(w, at + 1) == SENSE_NEXT;
		n++;
	}
	/* 1 to 7 days ahead, or 0 to 6 back: on a Monday "since Monday" is today. */
	days = (w->w[at].value - weekday_of(now) + 7) % 7;
	if (ahead)
		days = days == 0 ? 7 : days;
	else
		days = days == 0 ? (n > 1 ? -7 : 0) : days - 7;
	*out = unit_span(UNIT_DAY, days, now);
	return n;
}

/* A day or month without its year: the last one, or the next. */
static int
year_for(struct day d, struct now now, bool ahead)
{
	struct day today = day_of(now);
	bool later = d.month > today.month || (d.month == today.month && d.day > today.day);
	bool same = d.month == today.month && (d.day == today.day || d.day == 0);

	if (ahead)
		return later || same ? today.year : today.year + 1;
	return later ? today.year - 1 : today.year;
}

/* "may" and "march" in small letters are months only behind a word that says so, or beside a
 * number. */
static bool
is_common_word(const struct words_of *w, size_t at)
{
	const struct token *t = token_at(w, at);
	enum sense before = at > 0 ? w->w[at - 1].sense : SENSE_FILLER;
	int n;

	return w->language == LANGUAGE_EN &&
	       (str_eq_z(t->raw, "may") || str_eq_z(t->raw, "march")) && before != SENSE_IN &&
	       before != SENSE_SINCE && before != SENSE_BEFORE && before != SENSE_UNTIL &&
	       before != SENSE_FROM && before != SENSE_LAST &&
	       !(sense_at(w, at + 1) == SENSE_OTHER && number_at(w, at + 1, 9999, &n));
}

/* "March", "March 2026", "5 mars", "1er mars 2026", "March 5th", "March 5, 2026". */
static size_t
read_month(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out)
{
	struct day d = {0, 0, 0};
	size_t n = 1;

	if (sense_at(w, at) != SENSE_MONTH) {
		if (sense_at(w, at) == SENSE_ORDINAL)
			d.day = w->w[at].value;
		else if (sense_at(w, at) != SENSE_OTHER || !number_at(w, at, 31, &d.day))
			return 0;
		if (sense_at(w, at + 1) != SENSE_MONTH)
			return 0;
		n = 2;
	}
	d.month = w->w[at + n - 1].value;
	if (n == 1 && is_common_word(w, at))
		return 0;
	if (d.day == 0 && !year_at(w, at + n, &d.year)) {
		if (sense_at(w, at + n) == SENSE_ORDINAL) {
			d.day = w->w[at + n].value;
			n++;
		} else if (sense_at(w, at + n) == SENSE_OTHER && number_at(w, at + n, 31, &d.day)) {
			n++;
		}
	}
	if (d.year != 0 || year_at(w, at + n, &d.year))
		n++;
	else
		d.year = year_for(d, now, ahead);
	if (d.day == 0) {
		*out = (struct span){begin((struct day){d.year, d.month, 1}, now),
		    begin((struct day){d.year, d.month + 1, 1}, now)};
		return n;
	}
	*out = day_span(d, now);
	return n;
}

/* "2026-03-05", "05/03/2026", "5/3": the day first in French, the month first in English. */
static size_t
read_figures(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out)
{
	const struct token *t = token_at(w, at);
	uint64_t part[3] = {0, 0, 0};
	size_t n = 0;
	struct day d = {0, 0, 0};

	if (!t || t->kind != TOKEN_DATE)
		return 0;
	for (size_t i = 0; i < t->raw.n; i++) {
		if (is_digit(t->raw.p[i]))
			part[n] = part[n] * 10 + (uint64_t)(t->raw.p[i] - '0');
		else
			n++;
	}
	if (part[0] > 31) {
		d = (struct day){(int)part[0], (int)part[1], (int)part[2]};
	} else {
		bool day_first = w->language == LANGUAGE_FR || part[0] > 12;

		d.day = (int)part[day_first ? 0 : 1];
		d.month = (int)part[day_first ? 1 : 0];
		d.year = (int)(part[2] > 0 && part[2] < 100 ? 2000 + part[2] : part[2]);
		if (d.year == 0)
			d.year = year_for(d, now, ahead);
	}
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.year < 1970)
		return 0;
	*out = day_span(d, now);
	return 1;
}

static size_t
read_one(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out)
{
	size_t n = read_units(w, at, now, out);

	if (n == 0)
		n = read_weekday(w, at, now, ahead, out);
	if (n == 0)
		n = read_month(w, at, now, ahead, out);
	if (n == 0)
		n = read_figures(w, at, now, ahead, out);
	if (n == 0 && sense_at(w, at) == SENSE_DAY) {
		*out = unit_span(UNIT_DAY, w->w[at].value - 10, now);
		n = 1;
	}
	return n;
}

size_t
when_read(const struct words_of *w, size_t at, struct now now, bool ahead, struct span *out)
{
	size_t skipped = 0, n;

	/* Articles stand before a date, and may begin one ("a week ago"). */
	for (;; skipped++) {
		n = read_one(w, at + skipped, now, ahead, out);
		if (n > 0)
			return skipped + n;
		if (at + skipped >= w->n || skipped >= 3 ||
		    (sense_at(w, at + skipped) != SENSE_FILLER &&
			sense_at(w, at + skipped) != SENSE_ON &&
			sense_at(w, at + skipped) != SENSE_OF))
			return 0;
	}
}
