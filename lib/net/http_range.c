/* http_range.c - see http_range.h. */
#include "net/http_range.h"

#include "base/num.h"

/* Digits only; of a number that no content has the size of, the largest that is one. */
static bool
read_number(struct str s, uint64_t *out)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	if (num_parse(s, 0, INT64_MAX, out) < 0)
		*out = INT64_MAX;
	return true;
}

/*
 * RFC 9110 14.2 leaves it to us to take no notice of a Range. Of several parts we take none: a
 * browser asks for one, and who asks for many small ones that overlap wants to do harm (14.2, 17.15
 * of the same).
 */
enum http_range
http_range_read(struct str value, uint64_t length, uint64_t *from, uint64_t *n)
{
	uint64_t first = 0, last = INT64_MAX;
	struct str unit, left;

	if (!str_cut(&value, '=', &unit) || !str_ieq_z(str_trim(unit), "bytes"))
		return HTTP_RANGE_NONE;
	value = str_trim(value);
	if (!str_cut(&value, '-', &left))
		return HTTP_RANGE_NONE;
	if (left.n == 0) {
		/* The last so many. */
		if (!read_number(value, &last))
			return HTTP_RANGE_NONE;
		if (last == 0 || length == 0)
			return HTTP_RANGE_BEYOND;
		*n = num_min(last, length);
		*from = length - *n;
		return HTTP_RANGE_PART;
	}
	if (!read_number(left, &first) ||
	    (value.n > 0 && (!read_number(value, &last) || last < first)))
		return HTTP_RANGE_NONE;
	if (first >= length)
		return HTTP_RANGE_BEYOND;
	*from = first;
	*n = num_min(last, length - 1) - first + 1;
	return HTTP_RANGE_PART;
}
