/*
 * body.c - see body.h.
 *
 * Everything is bounded by the message, values by their sum in a call too: what goes over it is cut
 * and said to be (isTruncated).
 */
#include "mailboxd/jmap/body.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/text.h"
#include "mailboxd/jmap/blob.h"

#define VALUE_MAX  (8u << 20)  /* octets of one value */
#define VALUES_MAX (32u << 20) /* of all in a call */
#define FIELDS_MAX 100u        /* header:… in bodyProperties */

enum body_property {
	BODY_PART_ID,
	BODY_BLOB_ID,
	BODY_SIZE,
	BODY_HEADERS,
	BODY_NAME,
	BODY_TYPE,
	BODY_CHARSET,
	BODY_DISPOSITION,
	BODY_CID,
	BODY_LANGUAGE,
	BODY_LOCATION,
	BODY_SUB_PARTS,
	BODY_PROPERTIES
};

static const char *const names[BODY_PROPERTIES] = {"partId", "blobId", "size", "headers", "name",
    "type", "charset", "disposition", "cid", "language", "location", "subParts"};

/* RFC 8621 4.2; multiparts have subParts in any case. */
#define DEFAULTS (((1u << BODY_PROPERTIES) - 1) & ~(1u << BODY_HEADERS | 1u << BODY_SUB_PARTS))

/* ---- arguments ---- */

static int
take_property(struct jmap_body_args *b, const cJSON *v)
{
	struct str name = json_str(v);

	for (unsigned i = 0; name.p != NULL && i < BODY_PROPERTIES; i++)
		if (str_eq_z(name, names[i])) {
			b->properties |= 1u << i;
			return 0;
		}
	for (size_t i = 0; i < b->nfields; i++)
		if (str_eq(b->names[i], name))
			return 0;
	if (name.p == NULL || b->nfields == FIELDS_MAX ||
	    jmap_field_parse(name, &b->fields[b->nfields]) < 0)
		return -1;
	b->names[b->nfields++] = name;
	return 0;
}

static int
read_properties(struct jmap_call *c, struct jmap_body_args *b)
{
	const cJSON *list, *v;

	b->properties = DEFAULTS;
	if (jmap_arg_array(c, "bodyProperties", &list) < 0)
		return -1;
	if (list == NULL)
		return 0;
	b->properties = 0;
	b->fields = arena_array(&c->arena, FIELDS_MAX, sizeof *b->fields);
	b->names = arena_array(&c->arena, FIELDS_MAX, sizeof *b->names);
	cJSON_ArrayForEach(v, list)
	{
		if (take_property(b, v) < 0) {
			(void)jmap_fail(c, "invalidArguments", "bodyProperties: no such property");
			return -1;
		}
	}
	return 0;
}

int
jmap_body_args(struct jmap_call *c, struct jmap_body_args *out)
{
	*out = (struct jmap_body_args){.left = VALUES_MAX};
	if (read_properties(c, out) < 0 ||
	    jmap_arg_bool(c, "fetchTextBodyValues", false, &out->text) < 0 ||
	    jmap_arg_bool(c, "fetchHTMLBodyValues", false, &out->html) < 0 ||
	    jmap_arg_bool(c, "fetchAllBodyValues", false, &out->all) < 0 ||
	    jmap_arg_uint(c, "maxBodyValueBytes", 0, &out->max) < 0)
		return -1;
	/* RFC 8621 4.2: 0 is no limit, but for ours. */
	if (out->max == 0 || out->max > VALUE_MAX)
		out->max = VALUE_MAX;
	return 0;
}

/* ---- one part ---- */

void
jmap_body_open(struct jmap_body *b, struct str message, struct str blob, struct arena *a)
{
	*b = (struct jmap_body){
	    .message = message, .blob = blob, .root = mime_parse(message, a), .arena = a};
	jmap_parts_find(b->root, a, &b->parts);
}

void
jmap_headers_put(struct str header, struct buf *out)
{
	struct header_field f;
	const char *before = "";

	(void)buf_puts(out, "[");
	while (header_next(&header, &f)) {
		if (f.name.n == 0)
			continue;
		(void)buf_printf(out, "%s{\"name\":", before);
		json_print_str(f.name, out);
		(void)buf_puts(out, ",\"value\":");
		jmap_form_put(FORM_RAW, f.value, out);
		(void)buf_puts(out, "}");
		before = ",";
	}
	(void)buf_puts(out, "]");
}

static void
put_str(struct str s, struct buf *out)
{
	if (s.p != NULL)
		json_print_str(s, out);
	else
		(void)buf_puts(out, "null");
}

static struct str
lower(struct str s, struct arena *a)
{
	char *to;

	if (s.p == NULL)
		return s;
	to = arena_alloc(a, s.n + 1);
	str_lower(s, to);
	return str_of(to, s.n);
}

/* Octets of the part when its transfer encoding is undone. */
static size_t
decoded_size(const struct jmap_body *b, const struct mime_part *p)
{
	struct buf decoded;
	size_t n;

	if (p->encoding != MIME_QP && p->encoding != MIME_BASE64)
		return p->body.n;
	buf_init(&decoded, p->body.n + 3);
	decode_part(p, b->message, &decoded);
	n = decoded.n;
	buf_free(&decoded);
	return n;
}

/* RFC 8621 4.1.4: as given, of any type; of text us-ascii is what is meant by none (RFC 2045 5.2).
 */
static struct str
charset_of(const struct mime_part *p)
{
	struct str given = rfc2231_get(&p->params, STR("charset"));

	if (given.n > 0)
		return given;
	return jmap_part_is(p, "text", NULL) ? STR("us-ascii") : STR_NONE;
}

static struct str
without_brackets(struct str id)
{
	if (id.p == NULL)
		return id;
	id = str_trim(id);
	if (id.n >= 2 && id.p[0] == '<' && id.p[id.n - 1] == '>')
		id = str_trim(str_sub(id, 1, id.n - 2));
	return id;
}

static void
put_name(const struct jmap_body *b, const struct mime_part *p, struct buf *out)
{
	struct buf name;

	/* Decoded, a value of a field is never longer than four times itself. */
	buf_init(&name, 4 * p->header.n + 64);
	if (text_file_name(p, &name))
		json_print_str(jmap_form_text(buf_view(&name), b->arena), out);
	else
		(void)buf_puts(out, "null");
	buf_free(&name);
}

/* RFC 3282 2: tags divided by commas. */
static void
put_language(struct str value, struct buf *out)
{
	const char *before = "[";
	struct str tag;
	bool more = value.n > 0;

	while (more) {
		more = str_cut(&value, ',', &tag);
		tag = str_trim(tag);
		if (tag.n == 0)
			continue;
		(void)buf_puts(out, before);
		json_print_str(tag, out);
		before = ",";
	}
	(void)buf_puts(out, before[0] == '[' ? "null" : "]");
}

static void
put_property(const struct jmap_body *b, const struct jmap_part *part, enum body_property what,
    struct buf *out)
{
	const struct mime_part *p = part->mime;
	bool multipart = part->number == 0;

	switch (what) {
	case BODY_PART_ID:
		(void)buf_printf(out, multipart ? "null" : "\"%u\"", part->number);
		break;
	case BODY_BLOB_ID:
		put_str(multipart ? STR_NONE : jmap_blob_of_part(b->blob, p, b->arena), out);
		break;
	case BODY_SIZE:
		(void)buf_printf(out, "%zu", decoded_size(b, p));
		break;
	case BODY_HEADERS:
		jmap_headers_put(mime_octets(b->message, p->header), out);
		break;
	case BODY_NAME:
		put_name(b, p, out);
		break;
	case BODY_TYPE:
		put_str(lower(arena_printf(b->arena, STR_FMT "/" STR_FMT, STR_ARG(p->type),
				  STR_ARG(p->subtype)),
			    b->arena),
		    out);
		break;
	case BODY_CHARSET:
		put_str(charset_of(p), out);
		break;
	case BODY_DISPOSITION:
		put_str(lower(p->disposition, b->arena), out);
		break;
	case BODY_CID:
		put_str(without_brackets(p->id), out);
		break;
	case BODY_LANGUAGE:
		put_language(p->language, out);
		break;
	case BODY_LOCATION:
		put_str(
		    p->location.p != NULL ? header_unfold(p->location, b->arena) : STR_NONE, out);
		break;
	case BODY_SUB_PARTS:
	case BODY_PROPERTIES:
		(void)buf_puts(out, "null");
		break;
	}
}

static void
put_part(const struct jmap_body *b, const struct jmap_body_args *args, const struct jmap_part *part,
    struct buf *out)
{
	const char *before = "{";

	for (unsigned i = 0; i < BODY_SUB_PARTS; i++) {
		if ((args->properties & 1u << i) == 0)
			continue;
		(void)buf_printf(out, "%s\"%s\":", before, names[i]);
		put_property(b, part, (enum body_property)i, out);
		before = ",";
	}
	for (size_t i = 0; i < args->nfields; i++) {
		(void)buf_puts(out, before);
		json_print_str(args->names[i], out);
		(void)buf_puts(out, ":");
		jmap_field_put(&args->fields[i], mime_octets(b->message, part->mime->header), out);
		before = ",";
	}
	if (part->number == 0) {
		(void)buf_printf(out, "%s\"subParts\":[", before);
		for (const struct jmap_part *p = part->child; p != NULL; p = p->next) {
			put_part(b, args, p, out);
			(void)buf_puts(out, p->next != NULL ? "," : "");
		}
		(void)buf_puts(out, "]}");
	} else if (args->properties & 1u << BODY_SUB_PARTS) {
		(void)buf_printf(out, "%s\"subParts\":null}", before);
	} else {
		(void)buf_puts(out, before[0] == '{' ? "{}" : "}");
	}
}

void
jmap_body_structure(const struct jmap_body *b, const struct jmap_body_args *args, struct buf *out)
{
	put_part(b, args, b->parts.root, out);
}

void
jmap_body_list(const struct jmap_body *b, const struct jmap_body_args *args,
    const struct jmap_part_list *list, struct buf *out)
{
	(void)buf_puts(out, "[");
	for (size_t i = 0; i < list->n; i++) {
		(void)buf_puts(out, i > 0 ? "," : "");
		put_part(b, args, list->v[i], out);
	}
	(void)buf_puts(out, "]");
}

/* ---- values ---- */

/* RFC 8621 4.1.4: any CRLF becomes LF. */
static void
drop_cr(struct buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] != '\r' || i + 1 == text->n || text->p[i + 1] != '\n')
			text->p[n++] = text->p[i];
	text->n = n;
}

/* The length of what begins with '<' in HTML: a tag, whose values in quotes may have a '>', or a
 * comment. 1: it is none; more than there is: its end is not there. */
static size_t
tag_length(struct str s)
{
	char next = s.n > 1 ? s.p[1] : '/', quote = '\0', before = '\0';
	size_t i = 1;

	if (str_starts(s, STR("<!--"))) {
		i = str_find(s, STR("-->"));
		return i < s.n ? i + 3 : s.n + 1;
	}
	if (!is_alnum(next) && next != '/' && next != '!' && next != '?')
		return 1;
	for (; i < s.n && (quote != '\0' || s.p[i] != '>'); i++) {
		char c = s.p[i];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if ((c == '"' || c == '\'') && before == '=')
			quote = c;
		if (!is_space(c))
			before = c;
	}
	return i + 1;
}

/* RFC 8621 4.2: not within a character, nor within a tag of HTML. */
static struct str
cut_value(struct str s, size_t max, bool html)
{
	struct str cut = str_cut_utf8(s, max);

	if (!html || cut.n == s.n)
		return cut;
	for (size_t i = str_chr(cut, '<'), n; i < cut.n;
	     i += n + str_chr(str_from(cut, i + n), '<')) {
		n = tag_length(str_from(cut, i));
		if (n > cut.n - i)
			cut.n = i;
	}
	return cut;
}

static void
put_value(const struct jmap_body *b, struct jmap_body_args *args, const struct mime_part *p,
    struct buf *out)
{
	size_t max = num_min(args->max, args->left), input = 4 * (size_t)VALUE_MAX;
	bool problem = false;
	struct buf text;
	struct str value;

	text_decode(p, b->message, input, &text, &problem);
	drop_cr(&text);
	value = cut_value(buf_view(&text), max, jmap_part_is(p, "text", "html"));
	args->left -= value.n;
	(void)buf_puts(out, "{\"value\":");
	json_print_str(value, out);
	(void)buf_printf(out, ",\"isEncodingProblem\":%s,\"isTruncated\":%s}",
	    problem ? "true" : "false", value.n < text.n || p->body.n > input ? "true" : "false");
	buf_free(&text);
}

static void
want(bool *wanted, const struct jmap_part_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		wanted[list->v[i]->number] = true;
}

struct values {
	const struct jmap_body *body;
	struct jmap_body_args *args;
	const bool *wanted;
	const char *before;
	struct buf *out;
};

static void
put_values(struct values *v, const struct jmap_part *p)
{
	for (const struct jmap_part *c = p->child; c != NULL; c = c->next)
		put_values(v, c);
	if (p->number == 0 || !jmap_part_is(p->mime, "text", NULL) ||
	    (!v->args->all && !v->wanted[p->number]))
		return;
	(void)buf_printf(v->out, "%s\"%u\":", v->before, p->number);
	put_value(v->body, v->args, p->mime, v->out);
	v->before = ",";
}

void
jmap_body_values(const struct jmap_body *b, struct jmap_body_args *args, struct buf *out)
{
	bool *wanted = arena_array(b->arena, (size_t)b->parts.n + 1, sizeof *wanted);
	struct values v = {b, args, wanted, "", out};

	if (args->text)
		want(wanted, &b->parts.text);
	if (args->html)
		want(wanted, &b->parts.html);
	(void)buf_puts(out, "{");
	put_values(&v, b->parts.root);
	(void)buf_puts(out, "}");
}
