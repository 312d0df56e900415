/*
 * parse_set.c - sets of message numbers (RFC 3501 9, "sequence-set").
 *
 * Purpose: reading them, and putting them in order so that asking is a binary search.
 */
#include "mailboxd/imap/parse.h"
#include "net/lex.h"

#define SET_MAX 20000 /* ranges in one set */

static int
number(struct lex *l, uint32_t *out)
{
	uint64_t v;

	*out = 0;
	if (lex_take(l, '*'))
		return 0;
	if (lex_number(l, 1, UINT32_MAX, &v) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static size_t
count_commas(const struct lex *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		char c = l->p[i];

		if (c == ',')
			n++;
		else if (!is_digit(c) && c != ':' && c != '*')
			break;
	}
	return n;
}

int
parse_set(struct lex *l, struct imap_set *out)
{
	size_t max = count_commas(l) + 1;

	if (max > SET_MAX)
		return lex_fail(l, "Too many ranges");
	*out = (struct imap_set){arena_array(l->a, max, sizeof(struct imap_range)), 0};
	do {
		struct imap_range *r = &out->r[out->n++];

		if (number(l, &r->lo) < 0)
			return -1;
		r->hi = r->lo;
		if (lex_take(l, ':') && number(l, &r->hi) < 0)
			return -1;
	} while (lex_take(l, ','));
	return 0;
}

static int
by_start(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void
imap_set_resolve(struct imap_set *s, uint32_t max)
{
	size_t n = 0;

	if (max == 0) {
		s->n = 0;
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct imap_range *r = &s->r[i];

		if (r->lo == 0)
			r->lo = max;
		if (r->hi == 0)
			r->hi = max;
		if (r->lo > r->hi)
			*r = (struct imap_range){r->hi, r->lo};
	}
	if (s->n > 1)
		qsort(s->r, s->n, sizeof(*s->r), by_start);
	for (size_t i = 0; i < s->n; i++) {
		if (n > 0 && s->r[i].lo <= s->r[n - 1].hi + (s->r[n - 1].hi < UINT32_MAX)) {
			if (s->r[i].hi > s->r[n - 1].hi)
				s->r[n - 1].hi = s->r[i].hi;
		} else {
			s->r[n++] = s->r[i];
		}
	}
	s->n = n;
}

bool
imap_set_has(const struct imap_set *s, uint32_t v)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (v > s->r[mid].hi)
			lo = mid + 1;
		else if (v < s->r[mid].lo)
			hi = mid;
		else
			return true;
	}
	return false;
}
