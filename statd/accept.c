/*
 * accept.c - Accept of HTTP (RFC 9110 12.5.1): which of the two formats the asker likes better.
 */
#include "statd/statd.h"

#define WHOLE 1000u

/* "0.75" as 750; what is no weight is none, which is 1 (RFC 9110 12.4.2). */
static unsigned
weight(struct str s)
{
	unsigned q, unit = WHOLE / 10;

	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return WHOLE;
	q = s.p[0] == '1' ? WHOLE : 0;
	for (size_t i = 2; i < s.n; i++, unit /= 10) {
		if (!is_digit(s.p[i]))
			return WHOLE;
		q += (unsigned)(s.p[i] - '0') * unit;
	}
	return q < WHOLE ? q : WHOLE;
}

/* One media range with its parameters: how it is liked, when it is the one asked for. A version
 * that we do not write is another format. */
static unsigned
liking(struct str range, const char *type)
{
	unsigned q = WHOLE;
	struct str part;

	(void)str_cut(&range, ';', &part);
	if (!str_ieq(str_trim(part), str_z(type)))
		return 0;
	while (range.n > 0) {
		struct str name, value;

		(void)str_cut(&range, ';', &part);
		value = part;
		(void)str_cut(&value, '=', &name);
		name = str_trim(name);
		value = str_trim(value);
		if (str_ieq(name, STR("q")))
			q = weight(value);
		else if (str_ieq(name, STR("version")) && !str_eq_z(value, "1.0.0") &&
			 !str_eq_z(value, "0.0.1") && !str_eq_z(value, "0.0.4"))
			return 0;
	}
	return q;
}

enum metrics_format
accept_choose(struct str field)
{
	unsigned open = 0, plain = 0;

	while (field.n > 0) {
		struct str range;
		unsigned q;

		(void)str_cut(&field, ',', &range);
		if ((q = liking(range, "application/openmetrics-text")) > open)
			open = q;
		if ((q = liking(range, "text/plain")) > plain)
			plain = q;
	}
	return open > 0 && open >= plain ? METRICS_OPEN : METRICS_PROMETHEUS;
}
