/*
 * search.c - see search.h.
 */
#include "mcpd/search.h"

#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"

#define DAY_S 86400

struct token {
	bool negative, quoted;
	struct str operator; /* as typed; STR_NONE: none */
	struct str value;
	struct str whole;
};

/* ---- tokens ---- */

/* The length of the blank at the front, as \s of ECMAScript has it; 0: none. */
static size_t
blank(struct str s)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n;

	if (s.n == 0)
		return 0;
	if (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r'))
		return 1;
	if ((unsigned char)s.p[0] < 0x80)
		return 0;
	n = utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
	if (n <= 0)
		return 0;
	switch ((int)utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return (size_t)n;
	default:
		return c == 0xfeff ? (size_t)n : 0;
	}
}

static size_t
to_blank(struct str s)
{
	size_t n = 0;

	while (n < s.n && blank(str_from(s, n)) == 0)
		n++;
	return n;
}

/* "word:" at the front, with its colon; 0: none. */
static size_t
operator_at(struct str s)
{
	size_t n = 0;

	while (n < s.n && is_alpha(s.p[n]))
		n++;
	return n > 0 && n < s.n && s.p[n] == ':' ? n + 1 : 0;
}

/* What stands at the front: a quotation, ended or not, or all up to a blank; octets taken. */
static size_t
take_value(struct str s, struct token *t)
{
	struct str rest;
	size_t n;

	t->quoted = s.n > 0 && s.p[0] == '"';
	if (!t->quoted) {
		n = to_blank(s);
		t->value = str_sub(s, 0, n);
		return n;
	}
	rest = str_from(s, 1);
	n = str_chr(rest, '"');
	t->value = str_sub(rest, 0, n);
	return 1 + n + (n < rest.n);
}

/* /(-)?(?:([a-zA-Z]+):)?(?:"([^"]*)"?|(\S+))/ : each part where the rest can still be. */
static bool
next_token(struct str *s, struct token *t)
{
	size_t n, minus, op;

	while ((n = blank(*s)) > 0)
		*s = str_from(*s, n);
	if (s->n == 0)
		return false;
	*t = (struct token){0};
	minus = s->p[0] == '-' && s->n > 1 && blank(str_from(*s, 1)) == 0;
	op = operator_at(str_from(*s, minus));
	if (op > 0 && (minus + op == s->n || blank(str_from(*s, minus + op)) > 0))
		op = 0;
	t->negative = minus;
	if (op > 0)
		t->operator= str_sub(*s, minus, op - 1);
	n = minus + op + take_value(str_from(*s, minus + op), t);
	t->whole = str_sub(*s, 0, n);
	*s = str_from(*s, n);
	return true;
}

/* An operator that nothing follows yet says nothing. */
static bool
is_empty(const struct token *t)
{
	struct str v = t->value;

	if (v.n > 0 && v.p[0] == '-')
		v = str_from(v, 1);
	return t->value.n == 0 || (operator_at(v) == v.n && v.n > 0);
}

/* ---- dates ---- */

/* Days since the epoch of a day of the Gregorian calendar; months and days may be past their ends.
 */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, of_era, of_year;

	y += (m - 1) / 12;
	m = (m - 1) % 12 + 1;
	if (m < 1) {
		m += 12;
		y--;
	}
	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	of_era = (y - era * 400) * 365 + (y - era * 400) / 4 - (y - era * 400) / 100 + of_year;
	return era * 146097 + of_era - 719468;
}

static void
civil(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era, year, of_year,
		p;

	of_era = z - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	p = (5 * of_year + 2) / 153;
	*d = of_year - (153 * p + 2) / 5 + 1;
	*m = p < 10 ? p + 3 : p - 9;
	*y = year + era * 400 + (*m <= 2);
}

static int64_t
today(const struct search *s)
{
	int64_t local = s->now + s->zone * 60;

	return (local - ((local % DAY_S) + DAY_S) % DAY_S) / DAY_S;
}

/* "3d", "2w", "6m", "1y" ago */
static bool
read_ago(const struct search *s, struct str v, int64_t *days)
{
	char unit = v.n > 1 ? to_lower(v.p[v.n - 1]) : '\0';
	int64_t y, m, d;
	uint64_t n;

	if (v.n > 5 || unit == '\0' || str_chr(STR("dwmy"), unit) == 4 ||
	    num_parse(str_sub(v, 0, v.n - 1), 0, 9999, &n) < 0)
		return false;
	civil(today(s), &y, &m, &d);
	if (unit == 'd' || unit == 'w')
		*days = today(s) - (int64_t)n * (unit == 'w' ? 7 : 1);
	else
		*days = days_of(
		    y - (unit == 'y' ? (int64_t)n : 0), m - (unit == 'm' ? (int64_t)n : 0), d);
	return true;
}

/* 2026, 2026-03, 2026-3-1, 2026/03/01 */
static bool
read_calendar(struct str v, int64_t *days)
{
	uint64_t n[3] = {0, 1, 1};
	size_t count = 0, end;

	while (count < 3) {
		for (end = 0; end < v.n && is_digit(v.p[end]); end++)
			;
		if (count == 0 ? end != 4 : end < 1 || end > 2)
			return false;
		(void)num_parse(str_sub(v, 0, end), 0, 9999, &n[count++]);
		v = str_from(v, end);
		if (v.n == 0)
			break;
		if (v.p[0] != '-' && v.p[0] != '/')
			return false;
		v = str_from(v, 1);
		if (v.n == 0 || count == 3)
			return false;
	}
	*days = days_of((int64_t)n[0], (int64_t)n[1], (int64_t)n[2]);
	return true;
}

/* The beginning of that day there, as UTC; false: it is no date. */
static bool
read_date(const struct search *s, struct str v, char out[DATE_RFC3339_SIZE])
{
	int64_t days;

	if (str_ieq_z(v, "today") || str_ieq_z(v, "aujourd'hui") || str_ieq_z(v, "aujourdhui"))
		days = today(s);
	else if (str_ieq_z(v, "yesterday") || str_ieq_z(v, "hier"))
		days = today(s) - 1;
	else if (!read_ago(s, v, &days) && !read_calendar(v, &days))
		return false;
	return date_rfc3339(days * DAY_S - s->zone * 60, 0, out)[0] != '\0';
}

/* /^(\d+(?:\.\d+)?)\s*([kmg]?)i?[bo]?$/i */
static bool
read_octets(struct str v, int64_t *out)
{
	double n = 0, place = 1;
	size_t i = 0, digits;

	for (; i < v.n && is_digit(v.p[i]); i++)
		n = n * 10 + (v.p[i] - '0');
	if (i == 0)
		return false;
	if (i < v.n && v.p[i] == '.') {
		for (digits = ++i; i < v.n && is_digit(v.p[i]); i++)
			n += (v.p[i] - '0') * (place /= 10);
		if (i == digits)
			return false;
	}
	for (size_t b; (b = blank(str_from(v, i))) > 0;)
		i += b;
	if (i < v.n && str_chr(STR("kmg"), to_lower(v.p[i])) < 3)
		n *= (double)(1u << 10 * (1 + str_chr(STR("kmg"), to_lower(v.p[i++]))));
	i += i < v.n && to_lower(v.p[i]) == 'i';
	i += i < v.n && (to_lower(v.p[i]) == 'b' || to_lower(v.p[i]) == 'o');
	*out = n > (double)JSON_INT_MAX ? JSON_INT_MAX : (int64_t)floor(n + 0.5);
	return i == v.n;
}

/* ---- conditions ---- */

/* Without case, in all scripts. */
static bool
same_name(struct str a, struct str b)
{
	utf8proc_uint8_t *x = NULL, *y = NULL;
	const utf8proc_option_t fold = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
	utf8proc_ssize_t nx =
	    utf8proc_map((const utf8proc_uint8_t *)a.p, (utf8proc_ssize_t)a.n, &x, fold);
	utf8proc_ssize_t ny =
	    utf8proc_map((const utf8proc_uint8_t *)b.p, (utf8proc_ssize_t)b.n, &y, fold);
	bool same = nx >= 0 && nx == ny && memcmp(x, y, (size_t)nx) == 0;

	free(x);
	free(y);
	return same;
}

const struct search_box *
search_box(const struct search *s, struct str named)
{
	for (size_t i = 0; i < s->nboxes; i++)
		if (s->boxes[i].role.n > 0 && str_ieq(s->boxes[i].role, named))
			return &s->boxes[i];
	for (size_t i = 0; i < s->nboxes; i++)
		if (str_ieq(s->boxes[i].id, named))
			return &s->boxes[i];
	for (size_t i = 0; i < s->nboxes; i++)
		if (same_name(s->boxes[i].name, named))
			return &s->boxes[i];
	return NULL;
}

static bool
is_one_of(struct str v, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (str_ieq_z(v, names[i]))
			return true;
	return false;
}

static bool
put_is(struct str v, cJSON *out)
{
	static const struct {
		const char *const names[3];
		const char *property;
		struct str keyword;
	} all[] = {{{"unread"}, "notKeyword", STR_INIT("$seen")},
	    {{"read"}, "hasKeyword", STR_INIT("$seen")},
	    {{"starred", "flagged"}, "hasKeyword", STR_INIT("$flagged")},
	    {{"answered", "replied"}, "hasKeyword", STR_INIT("$answered")},
	    {{"draft"}, "hasKeyword", STR_INIT("$draft")}};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (is_one_of(v, all[i].names)) {
			json_put_str(out, all[i].property, all[i].keyword);
			return true;
		}
	return false;
}

static bool
put_has(struct str v, cJSON *out)
{
	static const char *const attached[] = {"attachment", "attachments", "pj", NULL};
	static const char *const starred[] = {"star", "starred", NULL};

	if (is_one_of(v, attached))
		json_put_bool(out, "hasAttachment", true);
	else if (is_one_of(v, starred))
		json_put_str(out, "hasKeyword", STR("$flagged"));
	else
		return false;
	return true;
}

/* Those whose value has to be something; false: it is not. */
static bool
put_checked(const struct search *s, const struct token *t, cJSON *out)
{
	char date[DATE_RFC3339_SIZE];
	const struct search_box *box;
	int64_t n;

	if (str_ieq_z(t->operator, "has"))
		return put_has(t->value, out);
	if (str_ieq_z(t->operator, "is"))
		return put_is(t->value, out);
	if (str_ieq_z(t->operator, "in")) {
		if (str_ieq_z(t->value, "anywhere"))
			return true;
		if ((box = search_box(s, t->value)) != NULL)
			json_put_str(out, "inMailbox", box->id);
		return box != NULL;
	}
	if (str_ieq_z(t->operator, "before") || str_ieq_z(t->operator, "after")) {
		if (!read_date(s, t->value, date))
			return false;
		json_put_str(
		    out, str_ieq_z(t->operator, "before") ? "before" : "after", str_z(date));
		return true;
	}
	if (!read_octets(t->value, &n))
		return false;
	json_put_num(out, str_ieq_z(t->operator, "larger") ? "minSize" : "maxSize", n);
	return true;
}

/* A phrase keeps its quotes: the server looks for the words next to each other. */
static void
put_text(cJSON *out, const char *property, struct str operator, const struct token * t)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (t->quoted || operator.p != NULL)
		buf_putc(&text, '"');
	if (operator.p != NULL) {
		for (size_t i = 0; i < operator.n; i++)
			buf_putc(&text, to_lower(operator.p[i]));
		buf_putc(&text, ':');
	}
	buf_str(&text, t->value);
	if (t->quoted || operator.p != NULL)
		buf_putc(&text, '"');
	json_put_str(out, property, buf_view(&text));
	buf_free(&text);
}

static cJSON *
condition(struct search *s, const struct token *t)
{
	static const char *const texts[] = {"from", "to", "cc", "bcc", "subject", "body"};
	static const char *const checked[] = {
	    "has", "is", "in", "before", "after", "larger", "smaller", NULL};
	cJSON *out = cJSON_CreateObject();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (str_ieq_z(t->operator, texts[i])) {
			put_text(out, texts[i], STR_NONE, t);
			return out;
		}
	if (is_one_of(t->operator, checked)) {
		if (put_checked(s, t, out))
			return out;
		if (s->odd.p == NULL)
			s->odd = t->whole;
	}
	put_text(out, "text", t->operator, t);
	return out;
}

/* ---- all of it ---- */

static cJSON *
joined(const char *operator, cJSON * conditions)
{
	cJSON *out = cJSON_CreateObject();

	json_put_str(out, "operator", str_z(operator));
	json_put(out, "conditions", conditions);
	return out;
}

/* The one, or all of them under the operator. Takes the list. */
static cJSON *
one_or(const char *operator, cJSON * list)
{
	cJSON *one;

	if (cJSON_GetArraySize(list) > 1)
		return joined(operator, list);
	one = cJSON_DetachItemFromArray(list, 0);
	cJSON_Delete(list);
	return one;
}

/* What was thrown away is found only by those who look there. */
static void
hide(const struct search *s, cJSON *conditions)
{
	static const struct str hidden[] = {STR_INIT("trash"), STR_INIT("junk")};
	cJSON *ids = cJSON_CreateArray(), *out;

	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		for (size_t k = 0; k < s->nboxes; k++)
			if (str_ieq(s->boxes[k].role, hidden[i]))
				json_add(ids, json_new_str(s->boxes[k].id));
	if (cJSON_GetArraySize(ids) == 0) {
		cJSON_Delete(ids);
		return;
	}
	out = cJSON_CreateObject();
	json_put(out, "inMailboxOtherThan", ids);
	json_add(conditions, out);
}

cJSON *
search_filter(struct search *s, struct str typed)
{
	cJSON *groups = cJSON_CreateArray(), *conditions = cJSON_CreateArray(), *group = NULL, *c;
	bool either = false, placed = false;
	struct token t;

	s->odd = STR_NONE;
	while (next_token(&typed, &t)) {
		if (is_empty(&t))
			continue;
		if (t.operator.p == NULL && !t.quoted && str_eq_z(t.value, "OR")) {
			either = group != NULL;
			continue;
		}
		placed |= str_ieq_z(t.operator, "in");
		c = condition(s, &t);
		if (t.negative) {
			cJSON *list = cJSON_CreateArray();

			json_add(list, c);
			c = joined("NOT", list);
		}
		if (!either) {
			group = cJSON_CreateArray();
			json_add(groups, group);
		}
		json_add(group, c);
		either = false;
	}
	while ((group = cJSON_DetachItemFromArray(groups, 0)) != NULL)
		json_add(conditions, one_or("OR", group));
	cJSON_Delete(groups);
	if (!placed)
		hide(s, conditions);
	c = one_or("AND", conditions);
	return c != NULL ? c : cJSON_CreateObject();
}
