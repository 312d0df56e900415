/*
 * snippet.c - SearchSnippet/get (RFC 8621 5): subject and a piece of the text of emails, with what
 * a filter found in them marked.
 *
 * Marked are the words that the filter matched by the rules it matched them by (mail/words.h).
 * What is put out is HTML: only <mark> and </mark> are ours, of the text & < > are escaped.
 */
#include "base/mem.h"
#include "mailboxd/jmap/filter.h"
#include "mailboxd/jmap/highlight.h"
#include "mailboxd/jmap/methods.h"

#define PREVIEW_MAX 255u           /* octets (RFC 8621 5) */
#define CUT         "\xe2\x80\xa6" /* HORIZONTAL ELLIPSIS */

/* ---- the method ---- */

struct snippets {
	struct jmap_filter *filter;
	const cJSON *next; /* id */
	cJSON *list, *not_found;
	struct text_fields text;
	struct arena email;
	struct buf out;
	struct highlights marks;
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
find_marks(
    const struct jmap_filter *f, enum text_field field, struct str text, struct highlights *h)
{
	const struct phrases *p;
	size_t i = 0;

	h->n = 0;
	while ((p = jmap_filter_next_text(f, field, &i)) != NULL)
		highlights_find(h, p, text);
	highlights_join(h);
}

static void
add_subject(struct snippets *s, cJSON *o)
{
	struct str subject = buf_view(&s->text.text[TEXT_SUBJECT]);

	/* Of several Subject fields the first is shown. */
	subject = str_sub(subject, 0, str_chr(subject, '\n'));
	find_marks(s->filter, TEXT_SUBJECT, subject, &s->marks);
	buf_reset(&s->out);
	if (s->marks.n > 0)
		highlights_write(subject, 0, &s->marks, SIZE_MAX, &s->out);
	json_put_str(o, "subject", s->marks.n > 0 ? buf_view(&s->out) : STR_NONE);
}

static void
add_preview(struct snippets *s, cJSON *o)
{
	struct str body = buf_view(&s->text.text[TEXT_BODY]);

	find_marks(s->filter, TEXT_BODY, body, &s->marks);
	buf_reset(&s->out);
	if (s->marks.n > 0) {
		size_t at = highlights_begin(body, &s->marks);

		if (at > 0)
			buf_puts(&s->out, CUT);
		highlights_write(body, at, &s->marks, PREVIEW_MAX, &s->out);
	}
	json_put_str(o, "preview", s->marks.n > 0 ? buf_view(&s->out) : STR_NONE);
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
