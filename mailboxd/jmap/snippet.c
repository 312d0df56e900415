/*
 * snippet.c - SearchSnippet/get (RFC 8621 5): subject and a piece of the text of emails, with what
 * a filter found in them marked.
 *
 * Marked are the words that the filter matched by the rules it matched them by (mail/words.h).
 * What is put out is HTML: only <mark> and </mark> are ours, of the text & < > are escaped.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "mailboxd/jmap/filter.h"
#include "mailboxd/jmap/methods.h"

#define PREVIEW_MAX 255u /* octets (RFC 8621 5) */
#define BEFORE_MAX  60u  /* octets of text before the first mark */
#define WINDOW      160u /* of text, that as many matches as can be should stand in */
#define RANGES_MAX  64u  /* of a text that are marked */
#define MARK        "<mark>"
#define MARK_END    "</mark>"
#define CUT         "\xe2\x80\xa6" /* HORIZONTAL ELLIPSIS */

/* ---- what is marked ---- */

struct range {
	size_t start, end;
};

struct ranges {
	struct range v[RANGES_MAX];
	size_t n, limit; /* limit: of the text under way, that each may have its share */
};

static bool
add_range(void *arg, size_t start, size_t end)
{
	struct ranges *r = arg;

	r->v[r->n++] = (struct range){start, end};
	return r->n < r->limit;
}

static int
by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* In order, none touching another. */
static void
find_ranges(const struct jmap_filter *f, enum text_field field, struct str text, struct ranges *r)
{
	const struct phrases *p;
	size_t i = 0, n = 0;

	r->n = 0;
	while (r->n < RANGES_MAX && (p = jmap_filter_next_text(f, field, &i)) != NULL) {
		r->limit = r->n + (RANGES_MAX - r->n + 1) / 2;
		phrases_each(p, text, add_range, r);
	}
	if (r->n == 0)
		return;
	qsort(r->v, r->n, sizeof(r->v[0]), by_start);
	for (i = 1; i < r->n; i++) {
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

/* The text from `at` on as far as it fits, blanks made one. */
static void
write_marked(struct str text, size_t at, const struct ranges *r, size_t max, struct buf *out)
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

/* Where the piece begins that shows most matches: some words before the first of them. */
static size_t
begin_of(struct str text, const struct ranges *r)
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

/* ---- the method ---- */

struct snippets {
	struct jmap_filter *filter;
	const cJSON *next; /* id */
	cJSON *list, *not_found;
	struct text_fields text;
	struct arena email;
	struct buf out;
	struct ranges ranges;
};

static void
cleanup(struct jmap_call *c)
{
	struct snippets *s = c->op;

	text_fields_free(&s->text);
	arena_free(&s->email);
	buf_free(&s->out);
}

static void
add_subject(struct snippets *s, cJSON *o)
{
	struct str subject = buf_view(&s->text.text[TEXT_SUBJECT]);

	/* Of several Subject fields the first is shown. */
	subject = str_sub(subject, 0, str_chr(subject, '\n'));
	find_ranges(s->filter, TEXT_SUBJECT, subject, &s->ranges);
	buf_reset(&s->out);
	if (s->ranges.n > 0)
		write_marked(subject, 0, &s->ranges, SIZE_MAX, &s->out);
	json_put_str(o, "subject", s->ranges.n > 0 ? buf_view(&s->out) : STR_NONE);
}

static void
add_preview(struct snippets *s, cJSON *o)
{
	struct str body = buf_view(&s->text.text[TEXT_BODY]);

	find_ranges(s->filter, TEXT_BODY, body, &s->ranges);
	buf_reset(&s->out);
	if (s->ranges.n > 0) {
		size_t at = begin_of(body, &s->ranges);

		if (at > 0)
			buf_puts(&s->out, CUT);
		write_marked(body, at, &s->ranges, PREVIEW_MAX, &s->out);
	}
	json_put_str(o, "preview", s->ranges.n > 0 ? buf_view(&s->out) : STR_NONE);
}

/* The fields that the filter looks for texts in. */
static unsigned
fields_of(const struct jmap_filter *f)
{
	unsigned fields = 0;
	size_t i = 0, k = 0;

	if (jmap_filter_next_text(f, TEXT_SUBJECT, &i) != NULL)
		fields |= 1u << TEXT_SUBJECT;
	if (jmap_filter_next_text(f, TEXT_BODY, &k) != NULL)
		fields |= 1u << TEXT_BODY;
	return fields;
}

static void
add_snippet(struct snippets *s, struct jmap_model *m, const struct jmap_email *em, struct str id)
{
	unsigned fields = fields_of(s->filter);
	struct content *content = fields != 0 ? jmap_email_open(m, em, NULL) : NULL;
	cJSON *o = cJSON_CreateObject();

	json_put_str(o, "emailId", id);
	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		buf_reset(&s->text.text[i]);
	if (content != NULL)
		text_fields_read(&s->text, content->octets, fields, &s->email);
	content_close(&content);
	arena_reset(&s->email);
	add_subject(s, o);
	add_preview(s, o);
	json_add(s->list, o);
}

static enum jmap_step
step(struct jmap_call *c)
{
	struct snippets *s = c->op;
	struct err e = {0};
	struct jmap_model *m = jmap_emails(c->jmap, &e);

	if (m == NULL)
		return jmap_fail_err(c, &e);
	for (; s->next != NULL; s->next = s->next->next) {
		struct str id = jmap_real_id(c, json_str(s->next));
		const struct jmap_email *em;

		if (jmap_slice_over(c))
			return JMAP_YIELD;
		em = jmap_model_find(m, email_parse(id, EMAIL_LETTER));
		if (em != NULL)
			add_snippet(s, m, em, id);
		else
			json_add(s->not_found, json_new_str(json_str(s->next)));
	}
	if (cJSON_GetArraySize(s->not_found) == 0)
		cJSON_ReplaceItemInObjectCaseSensitive(c->result, "notFound", cJSON_CreateNull());
	return JMAP_DONE;
}

static enum jmap_step
snippet_get(struct jmap_call *c)
{
	struct snippets *s = arena_new(&c->arena, struct snippets);
	const cJSON *filter, *ids, *m;

	if (jmap_args_only(c, "filter emailIds") < 0 || jmap_arg_object(c, "filter", &filter) < 0 ||
	    jmap_arg_array(c, "emailIds", &ids) < 0)
		return JMAP_DONE;
	if (ids == NULL)
		return jmap_fail(c, "invalidArguments", "emailIds is not there");
	cJSON_ArrayForEach(m, ids)
	{
		if (!cJSON_IsString(m))
			return jmap_fail(c, "invalidArguments", "emailIds: no list of ids");
	}
	if (cJSON_GetArraySize(ids) > (int)JMAP_MAX_GET)
		return jmap_fail(c, "requestTooLarge", "more than %u ids", JMAP_MAX_GET);
	if (jmap_filter_parse(c, filter, &s->filter) < 0)
		return JMAP_DONE;
	text_fields_init(&s->text);
	arena_init(&s->email);
	buf_init(&s->out, (size_t)TEXT_FIELD_MAX * 8);
	c->op = s;
	c->cleanup = cleanup;
	s->next = ids->child;
	s->list = cJSON_CreateArray();
	s->not_found = cJSON_CreateArray();
	json_put(c->result, "list", s->list);
	json_put(c->result, "notFound", s->not_found);
	c->step = step;
	return step(c);
}

const struct jmap_method jmap_snippet_methods[] = {
    {"SearchSnippet/get", JMAP_MAIL, snippet_get, NULL, false}, {0}};
