/*
 * mime.c - the structure of a message in one pass over its lines.
 *
 * The parser stands at the start of a line (at) and knows the boundaries of all open multiparts. An
 * entity is parsed until a delimiter line of any of them, which is left for the multipart that owns
 * it: so a missing close delimiter ends the inner parts (RFC 2046 5.1.2). Nothing is looked at
 * twice but the fields named Content-.
 */
#include "mail/mime.h"

#include "base/num.h"
#include "mail/header.h"

#define FIELD_MAX 65536u /* a longer field is not interpreted */

/* A delimiter line. level: whose boundary it is, NO_LEVEL at the end of the message. */
struct hit {
	size_t level;
	bool close;
};

#define NO_LEVEL SIZE_MAX

struct parser {
	struct str msg;
	size_t at;
	size_t lines; /* LFs before at */
	struct arena *arena;
	uint32_t parts;
	size_t nopen;
	struct str open[MIME_DEPTH_MAX]; /* boundaries, the innermost last */
};

/* Moves to the next line. */
static inline void
next_line(struct parser *p)
{
	const char *s = p->msg.p + p->at, *lf = memchr(s, '\n', p->msg.n - p->at);

	if (lf == NULL) {
		p->at = p->msg.n;
		return;
	}
	p->at += (size_t)(lf - s) + 1;
	p->lines++;
}

/* How a line behind its "--" stands to a boundary. */
enum likeness {
	LIKE_NOT,
	LIKE_PREFIX, /* begins with it, and goes on with something else */
	LIKE_EXACT   /* the boundary, "--" if it closes, and blanks */
};

/* end: the length without blanks at the end. */
static inline enum likeness
compare(struct str line, size_t end, struct str b, bool *close)
{
	if (line.n < b.n || memcmp(line.p, b.p, b.n) != 0)
		return LIKE_NOT;
	*close = line.n >= b.n + 2 && line.p[b.n] == '-' && line.p[b.n + 1] == '-';
	return end <= b.n + (*close ? 2 : 0) ? LIKE_EXACT : LIKE_PREFIX;
}

/* RFC 2046 5.1.1: a line that begins with a boundary is its delimiter. But boundaries that begin
 * another one are met (though forbidden), so an exact match of any level comes first. */
static bool
match(const struct parser *p, struct hit *h)
{
	struct str line = str_from(p->msg, p->at + 2);
	bool close, found = false;
	size_t end;

	line.n = str_chr(line, '\n');
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	for (end = line.n; end > 0 && is_space(line.p[end - 1]);)
		end--;
	for (size_t i = p->nopen; i-- > 0;) {
		enum likeness like = compare(line, end, p->open[i], &close);

		if (like == LIKE_EXACT || (like == LIKE_PREFIX && !found))
			*h = (struct hit){i, close};
		if (like == LIKE_EXACT)
			return true;
		found |= like == LIKE_PREFIX;
	}
	return found;
}

static inline bool
at_delimiter(const struct parser *p, struct hit *h)
{
	/* Once there are too many parts no boundary is seen any more: the last part takes the rest.
	 */
	return p->nopen > 0 && p->msg.n - p->at > 2 && p->msg.p[p->at] == '-' &&
	       p->msg.p[p->at + 1] == '-' && p->parts < MIME_PARTS_MAX && match(p, h);
}

static struct hit
skip_body(struct parser *p)
{
	struct hit h = {NO_LEVEL, false};

	while (p->at < p->msg.n && !at_delimiter(p, &h))
		next_line(p);
	return h;
}

static struct mime_part *
add_part(struct parser *p, struct mime_part *parent, struct mime_part **last)
{
	struct mime_part *part = arena_new(p->arena, struct mime_part);

	part->parent = parent;
	part->number = 1;
	p->parts++;
	if (*last != NULL) {
		part->number = (*last)->number + 1;
		(*last)->next = part;
	} else if (parent != NULL) {
		parent->child = part;
	}
	*last = part;
	return part;
}

/* ---- fields
 * -------------------------------------------------------------------------------------------------------
 */

/* "type/subtype; parameters", RFC 2045 5.1. What is not so leaves the default (5.2). */
static void
content_type(struct str v, struct mime_part *part, struct arena *a)
{
	struct str type = rfc2231_word(&v, a), subtype;

	(void)rfc2231_word(&v, a); /* comments and blanks */
	if (type.n == 0 || v.n == 0 || v.p[0] != '/')
		return;
	v = str_from(v, 1);
	subtype = rfc2231_word(&v, a);
	if (subtype.n == 0)
		return;
	part->type = type;
	part->subtype = subtype;
	rfc2231_parse(v, a, &part->params);
}

static void
disposition(struct str v, struct mime_part *part, struct arena *a)
{
	part->disposition = rfc2231_word(&v, a);
	if (part->disposition.n == 0)
		part->disposition = STR_NONE;
	else
		rfc2231_parse(v, a, &part->disposition_params);
}

static enum mime_encoding
encoding_of(struct str s)
{
	static const struct {
		struct str name;
		enum mime_encoding encoding;
	} names[] = {
	    {STR_INIT("7bit"), MIME_7BIT},
	    {STR_INIT("8bit"), MIME_8BIT},
	    {STR_INIT("binary"), MIME_BINARY},
	    {STR_INIT("quoted-printable"), MIME_QP},
	    {STR_INIT("base64"), MIME_BASE64},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_ieq(s, names[i].name))
			return names[i].encoding;
	return MIME_OTHER;
}

static void
transfer_encoding(struct str v, struct mime_part *part, struct arena *a)
{
	struct str word = rfc2231_word(&v, a);

	if (word.n == 0)
		return;
	part->encoding_text = word;
	part->encoding = encoding_of(word);
}

/* The field at p->at, whose name begins with "Content-". The first of a name counts. */
static void
content_field(const struct parser *p, struct mime_part *part)
{
	struct str rest = str_sub(p->msg, p->at, FIELD_MAX + 1), name;
	struct header_field f;
	struct {
		struct str name;
		struct str *to;
	} plain[] = {
	    {STR_INIT("id"), &part->id},
	    {STR_INIT("description"), &part->description},
	    {STR_INIT("md5"), &part->md5},
	    {STR_INIT("location"), &part->location},
	    {STR_INIT("language"), &part->language},
	};

	if (!header_next(&rest, &f) || f.name.n == 0 || f.raw.n > FIELD_MAX)
		return;
	name = str_from(f.name, sizeof("Content-") - 1);
	if (str_ieq(name, STR("type")) && part->type.p == NULL)
		content_type(f.value, part, p->arena);
	else if (str_ieq(name, STR("transfer-encoding")) && part->encoding_text.p == NULL)
		transfer_encoding(f.value, part, p->arena);
	else if (str_ieq(name, STR("disposition")) && part->disposition.p == NULL)
		disposition(f.value, part, p->arena);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].to->p == NULL && str_ieq(name, plain[i].name))
			*plain[i].to = str_trim(f.value);
}

static inline bool
at_content_field(const struct parser *p)
{
	return p->msg.n - p->at > 8 && (p->msg.p[p->at] | 32) == 'c' &&
	       str_istarts(str_from(p->msg, p->at), STR("content-"));
}

/* Octets from start to here without the line end that the delimiter line owns (RFC 2046 5.1.1). */
static size_t
before_line_end(const struct parser *p, size_t start)
{
	size_t end = p->at;

	if (end > start && p->msg.p[end - 1] == '\n')
		end--;
	if (end > start && end < p->at && p->msg.p[end - 1] == '\r')
		end--;
	return end - start;
}

/* Until the empty line, a delimiter or the end. */
static struct hit
parse_header(struct parser *p, struct mime_part *part)
{
	struct hit h = {NO_LEVEL, false};
	size_t lines = p->lines;

	part->header.off = p->at;
	while (p->at < p->msg.n && !at_delimiter(p, &h)) {
		const char *s = p->msg.p + p->at;
		bool empty = s[0] == '\n' || (s[0] == '\r' && p->msg.n - p->at > 1 && s[1] == '\n');

		if (at_content_field(p))
			content_field(p, part);
		next_line(p);
		if (empty)
			break;
	}
	part->header.n = p->at - part->header.off;
	part->header_lines = p->lines - lines;
	if (h.level != NO_LEVEL)
		part->header.n = before_line_end(p, part->header.off);
	return h;
}

/* ---- entities
 * -----------------------------------------------------------------------------------------------------
 */

static bool
is_type(const struct mime_part *part, const char *type)
{
	return str_ieq_z(part->type, type);
}

static struct str
boundary_of(const struct mime_part *part)
{
	return rfc2231_get(&part->params, STR("boundary"));
}

/* RFC 2045 5.2; RFC 2046 5.1.5 for the parts of a digest. */
static void
set_default(struct mime_part *part)
{
	const struct mime_part *up = part->parent;
	bool digest =
	    up != NULL && up->kind == MIME_MULTIPART && str_ieq(up->subtype, STR("digest"));

	part->is_default = true;
	part->type = digest ? STR("message") : STR("text");
	part->subtype = digest ? STR("rfc822") : STR("plain");
	part->params = (struct params){0};
}

/* Cannot be looked into: a file to save. */
static void
set_opaque(struct mime_part *part)
{
	part->kind = MIME_LEAF;
	part->type = STR("application");
	part->subtype = STR("octet-stream");
	part->params = (struct params){0};
}

static bool
is_encoded(const struct mime_part *part)
{
	return part->encoding == MIME_BASE64 || part->encoding == MIME_QP;
}

static void
set_kind(struct parser *p, struct mime_part *part, size_t depth)
{
	/* A multipart without a boundary is no valid Content-Type: RFC 2045 5.2 makes it plain
	 * text, so that its octets can be read. */
	if (part->type.p == NULL || (is_type(part, "multipart") && boundary_of(part).n == 0))
		set_default(part);
	if (is_type(part, "multipart"))
		part->kind = MIME_MULTIPART;
	else if (is_type(part, "message") &&
		 (str_ieq(part->subtype, STR("rfc822")) || str_ieq(part->subtype, STR("global"))))
		part->kind = MIME_MESSAGE;
	if (part->kind != MIME_LEAF && (depth + 1 >= MIME_DEPTH_MAX || p->parts >= MIME_PARTS_MAX))
		set_opaque(part);
	/* RFC 2046 5.2.1 forbids it; IMAP has no way to show the message inside. */
	if (part->kind == MIME_MESSAGE && part->encoding == MIME_BASE64)
		set_opaque(part);
}

/* IMAP has no multipart without parts (RFC 9051 9, body-type-mpart). Its octets are shown, as if it
 * had no valid type; when they are encoded (which RFC 2045 6.4 forbids), as a file. */
static void
no_parts(struct mime_part *part)
{
	if (is_encoded(part)) {
		set_opaque(part);
	} else {
		part->kind = MIME_LEAF;
		set_default(part);
	}
}

static struct mime_part *
last_child(const struct mime_part *part)
{
	struct mime_part *c = part->child;

	while (c != NULL && c->next != NULL)
		c = c->next;
	return c;
}

/* A part that is only a header ends with an empty line, whose line end is also the delimiter's. The
 * delimiter has it, so that parts lie within their parents. */
static void
clamp_children(const struct mime_part *part)
{
	size_t end = part->body.off + part->body.n;

	for (struct mime_part *c = last_child(part); c != NULL && c->body.off > end;
	     c = last_child(c)) {
		c->body = (struct mime_range){end, 0};
		c->header.off = num_min(c->header.off, end);
		c->header.n = num_min(c->header.n, end - c->header.off);
	}
}

/* lines: LFs before the body. */
static void
end_body(const struct parser *p, struct mime_part *part, struct hit h, size_t lines)
{
	size_t start = part->body.off;

	part->body.n = p->at - start;
	part->body_lines = p->lines - lines;
	if (h.level != NO_LEVEL && part->body.n > 0) {
		part->body.n = before_line_end(p, start);
		part->body_lines--;
	}
	if (part->body.n > 0 && p->msg.p[start + part->body.n - 1] != '\n')
		part->body_lines++;
	clamp_children(part);
}

static struct hit parse_entity(struct parser *p, struct mime_part *part, size_t depth);

static struct hit
parse_multipart(struct parser *p, struct mime_part *part, size_t depth)
{
	size_t level = p->nopen++;
	struct mime_part *last = NULL;
	struct hit h;

	p->open[level] = boundary_of(part);
	h = skip_body(p); /* the preamble */
	while (h.level == level && !h.close) {
		next_line(p);
		h = parse_entity(p, add_part(p, part, &last), depth + 1);
	}
	p->nopen--;
	if (h.level == level) {
		next_line(p);
		h = skip_body(p); /* the epilogue */
	}
	return h;
}

/* The message in a message part that has no octets. */
static void
add_empty_message(struct parser *p, struct mime_part *part)
{
	struct mime_part *last = NULL, *child = add_part(p, part, &last);

	child->header.off = child->body.off = part->body.off + part->body.n;
	child->is_message = true;
	set_default(child);
}

static struct hit
parse_body(struct parser *p, struct mime_part *part, size_t depth)
{
	struct mime_part *last = NULL;

	switch (part->kind) {
	case MIME_MULTIPART:
		return parse_multipart(p, part, depth);
	case MIME_MESSAGE:
		return parse_entity(p, add_part(p, part, &last), depth + 1);
	case MIME_LEAF:
		break;
	}
	return skip_body(p);
}

/* Parses from the start of a header up to a delimiter, which is left, or the end. */
static struct hit
parse_entity(struct parser *p, struct mime_part *part, size_t depth)
{
	struct hit h = parse_header(p, part);
	size_t lines = p->lines;

	part->is_message = part->parent == NULL || part->parent->kind == MIME_MESSAGE;
	part->body.off = part->header.off + part->header.n;
	set_kind(p, part, depth);
	if (h.level == NO_LEVEL) {
		h = parse_body(p, part, depth);
		end_body(p, part, h, lines);
	}
	if (part->kind == MIME_MULTIPART && part->child == NULL)
		no_parts(part);
	else if (part->kind == MIME_MESSAGE && part->child == NULL)
		add_empty_message(p, part);
	return h;
}

struct mime_part *
mime_parse(struct str message, struct arena *a)
{
	struct parser *p = arena_new(a, struct parser);
	struct mime_part *last = NULL, *root;

	p->msg = message.p ? message : STR("");
	p->arena = a;
	root = add_part(p, NULL, &last);
	parse_entity(p, root, 0);
	return root;
}

/* ---- sections
 * -----------------------------------------------------------------------------------------------------
 */

static const struct mime_part *
child_at(const struct mime_part *part, uint32_t number)
{
	const struct mime_part *c = part->child;

	while (c != NULL && c->number != number)
		c = c->next;
	return c;
}

const struct mime_part *
mime_find(const struct mime_part *root, const uint32_t *path, size_t n)
{
	const struct mime_part *part = root;
	bool body = false; /* part is named as a body already, not as the message around it */

	for (size_t i = 0; i < n && part != NULL; i++) {
		/* Numbers inside a message part are those of the message in it (RFC 9051 6.4.5.1).
		 */
		if (body && part->kind == MIME_MESSAGE) {
			part = part->child;
			body = false;
		}
		if (part->kind == MIME_MULTIPART)
			part = child_at(part, path[i]);
		else if (body || path[i] != 1)
			part = NULL;
		body = true;
	}
	return part;
}

bool
mime_section(const struct mime_part *root, const uint32_t *path, size_t n, enum mime_what what,
    struct mime_range *out)
{
	const struct mime_part *part = mime_find(root, path, n);

	*out = (struct mime_range){0, 0};
	if (part == NULL)
		return false;
	if (n == 0 && what == MIME_WHAT_ALL) {
		*out = (struct mime_range){
		    root->header.off, root->body.off + root->body.n - root->header.off};
		return true;
	}
	if (what == MIME_WHAT_ALL) {
		*out = part->body;
		return true;
	}
	if (what == MIME_WHAT_MIME) {
		*out = part->header;
		return n > 0;
	}
	if (n > 0) {
		if (part->kind != MIME_MESSAGE)
			return false;
		part = part->child;
	}
	*out = what == MIME_WHAT_HEADER ? part->header : part->body;
	return true;
}
