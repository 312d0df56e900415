/* highlight.c - what was found in a text, marked. */
#include "mailboxd/jmap/highlight.h"

#include <stdlib.h>

#define BEFORE_MAX 60u  /* octets of text before the first mark */
#define WINDOW     160u /* of text, that as many matches as can be should stand in */
#define MARK       "<mark>"
#define MARK_END   "</mark>"

/* ---- what is marked ---- */

static bool
add_range(void *arg, size_t start, size_t end)
{
	struct highlights *r = arg;

	r->v[r->n++] = (struct highlight){start, end};
	return r->n < r->limit;
}

static int
by_start(const void *a, const void *b)
{
	const struct highlight *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void
highlights_find(struct highlights *r, const struct phrases *p, struct str text)
{
	if (r->n == HIGHLIGHTS_MAX)
		return;
	r->limit = r->n + (HIGHLIGHTS_MAX - r->n + 1) / 2;
	phrases_each(p, text, add_range, r);
}

void
highlights_join(struct highlights *r)
{
	size_t n = 0;

	if (r->n == 0)
		return;
	qsort(r->v, r->n, sizeof(r->v[0]), by_start);
	for (size_t i = 1; i < r->n; i++) {
		if (r->v[i].start > r->v[n].end)
			r->v[++n] = r->v[i];
		else if (r->v[i].end > r->v[n].end)
			r->v[n].end = r->v[i].end;
	}
	r->n = n + 1;
}

/* ---- writing ---- */

struct writer {
	struct buf *out;
	size_t max;
	bool open;
};

/* One character or entity; false: it does not fit with the marks that it needs. */
static bool
put(struct writer *w, struct str s, bool marked)
{
	size_t need = s.n + (marked ? strlen(MARK_END) : 0);

	if (marked != w->open)
		need += marked ? strlen(MARK) : strlen(MARK_END);
	if (w->out->n + need > w->max)
		return false;
	if (marked != w->open)
		buf_puts(w->out, marked ? MARK : MARK_END);
	w->open = marked;
	buf_str(w->out, s);
	return true;
}

static struct str
escaped(struct str c)
{
	if (c.p[0] == '&')
		return STR("&amp;");
	if (c.p[0] == '<')
		return STR("&lt;");
	return c.p[0] == '>' ? STR("&gt;") : c;
}

void
highlights_write(
    struct str text, size_t at, const struct highlights *r, size_t max, struct buf *out)
{
	struct writer w = {.out = out, .max = max};
	bool space = false, space_marked = false;
	size_t i = 0;

	while (at < text.n) {
		size_t n = 1;
		bool blank = (unsigned char)text.p[at] <= ' ' || text.p[at] == 127, marked;

		while (at + n < text.n && ((unsigned char)text.p[at + n] & 0xc0) == 0x80)
			n++;
		while (i < r->n && r->v[i].end <= at)
			i++;
		marked = i < r->n && r->v[i].start <= at;
		if (!blank && ((space && !put(&w, STR(" "), space_marked && marked)) ||
				  !put(&w, escaped(str_sub(text, at, n)), marked)))
			break;
		space = blank && (space || out->n > 0);
		space_marked = marked;
		at += n;
	}
	/* The character behind it did not fit. */
	if (out->n > 0 && out->p[out->n - 1] == ' ')
		out->n--;
	if (w.open)
		buf_puts(out, MARK_END);
}

size_t
highlights_begin(struct str text, const struct highlights *r)
{
	size_t best = 0, most = 0, at, first;

	for (size_t i = 0; i < r->n; i++) {
		size_t n = 0;

		while (i + n < r->n && r->v[i + n].end <= r->v[i].start + WINDOW)
			n++;
		if (n > most) {
			most = n;
			best = i;
		}
	}
	first = r->v[best].start;
	if (first <= BEFORE_MAX)
		return 0;
	at = first - BEFORE_MAX;
	while (at < first && ((unsigned char)text.p[at] & 0xc0) == 0x80)
		at++;
	for (size_t i = at; i < first; i++)
		if ((unsigned char)text.p[i] <= ' ')
			return i + 1;
	return at;
}
