/*
 * mime_write.c - see mime_write.h.
 *
 * A boundary holds a fresh id, so no octets that were there before can hold it; "=_" keeps it out
 * of quoted-printable and base64 all the same.
 */
#include "mail/mime_write.h"

#include "mail/compose.h"
#include "mail/mime.h"

#define CHUNK      32768u
#define BUFFER_MAX (CHUNK * 4)
#define LINE_PLAIN 990u /* longer lines of text are encoded (RFC 5322 2.1.1: 998) */
#define QP_COLUMNS 76u  /* RFC 2045 6.7 (5) */
#define B64_LINE   57u  /* octets in a line of 76 (RFC 2045 6.8) */
#define FIELD_MAX  8192u

struct writing {
	struct buf b;
	bool ended; /* the last octet that left the buffer was a line's end */
	struct str id;
	unsigned boundaries;
	int (*put)(void *arg, struct str octets, struct err *e);
	void *arg;
	struct err *e;
};

static int
flush(struct writing *w, size_t least)
{
	int rc = 0;

	if (w->b.n > least) {
		rc = w->put(w->arg, buf_view(&w->b), w->e);
		w->ended = w->b.p[w->b.n - 1] == '\n';
		buf_reset(&w->b);
	}
	return rc;
}

static int
put(struct writing *w, struct str s)
{
	while (s.n > 0) {
		struct str some = str_sub(s, 0, CHUNK);

		buf_str(&w->b, some);
		if (flush(w, CHUNK) < 0)
			return -1;
		s = str_from(s, some.n);
	}
	return 0;
}

/* ---- what encoding ---- */

struct nature {
	size_t high, zero; /* octets above 127, NULs */
	size_t longest;    /* line */
	bool bare;         /* CR or LF that are not a line end */
};

static struct nature
look(struct str s, bool is_text)
{
	struct nature n = {0};
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		n.high += (unsigned char)c > 127;
		n.zero += c == '\0';
		if (c == '\n') {
			n.bare |= !is_text && (i == 0 || s.p[i - 1] != '\r');
			line = 0;
		} else {
			n.bare |= c == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n');
			line++;
			n.longest = line > n.longest ? line : n.longest;
		}
	}
	return n;
}

static bool
has_type(const struct mime_out *p, struct str main)
{
	return str_istarts(p->type, main);
}

/* Quoted-printable where most of it stays readable, base64 where that is shorter. */
static enum mime_encoding
encoding_of(const struct mime_out *p)
{
	struct nature n;
	enum mime_encoding is = MIME_7BIT;

	for (const struct mime_out *c = p->child; c != NULL; c = c->next)
		if (encoding_of(c) == MIME_8BIT)
			is = MIME_8BIT;
	if (p->child != NULL)
		return is; /* RFC 2045 6.4: nothing else for a multipart */
	n = look(p->octets, p->is_text || has_type(p, STR("message/")));
	/* RFC 2046 5.2.1: neither for a message. */
	if (has_type(p, STR("message/")))
		return n.high > 0 || n.zero > 0 ? MIME_8BIT : MIME_7BIT;
	if (!p->is_text && (!has_type(p, STR("text/")) || n.bare))
		return MIME_BASE64;
	if (n.high == 0 && n.zero == 0 && !n.bare && n.longest <= LINE_PLAIN)
		return MIME_7BIT;
	return (n.high + n.zero) * 6 > p->octets.n ? MIME_BASE64 : MIME_QP;
}

/* ---- bodies ---- */

/* A line of base64 as it fills. */
struct base64 {
	struct writing *w;
	size_t n;
	bool begun; /* a line was written before this one */
	unsigned char in[B64_LINE];
};

static int
base64_line(struct base64 *b)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char line[B64_LINE / 3 * 4];
	size_t n = 0;

	if (b->n == 0)
		return 0;
	for (size_t i = 0; i < b->n; i += 3) {
		uint32_t v = (uint32_t)b->in[i] << 16;

		v |= i + 1 < b->n ? (uint32_t)b->in[i + 1] << 8 : 0;
		v |= i + 2 < b->n ? b->in[i + 2] : 0;
		line[n++] = digits[v >> 18];
		line[n++] = digits[v >> 12 & 63];
		line[n++] = i + 1 < b->n ? digits[v >> 6 & 63] : '=';
		line[n++] = i + 2 < b->n ? digits[v & 63] : '=';
	}
	b->n = 0;
	if (b->begun && put(b->w, STR("\r\n")) < 0)
		return -1;
	b->begun = true;
	return put(b->w, str_of(line, n));
}

static int
base64_put(struct base64 *b, struct str s)
{
	while (s.n > 0) {
		struct str some = str_sub(s, 0, B64_LINE - b->n);

		memcpy(b->in + b->n, some.p, some.n);
		b->n += some.n;
		s = str_from(s, some.n);
		if (b->n == B64_LINE && base64_line(b) < 0)
			return -1;
	}
	return 0;
}

/* Text has the line ends of all text also there (RFC 2046 4.1.1). */
static int
put_base64(struct writing *w, struct str s, bool is_text)
{
	struct base64 b = {.w = w};
	struct str line;
	bool more = is_text;

	while (more) {
		more = str_cut(&s, '\n', &line);
		if (more && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (base64_put(&b, line) < 0 || (more && base64_put(&b, STR("\r\n")) < 0))
			return -1;
	}
	if (!is_text && base64_put(&b, s) < 0)
		return -1;
	return base64_line(&b);
}

/* One line, without its end. */
static int
put_qp_line(struct writing *w, struct str line)
{
	size_t column = 0;

	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i], code[4];
		bool blank = is_space(c), last = i + 1 == line.n;
		/* Blanks at the end of a line are lost on the way, dots at its start and "From "
		 * have been (RFC 2045 6.7 (3), RFC 2049 3). */
		bool plain = (c >= 33 && c <= 126 && c != '=') || (blank && !last);
		size_t n;

		if (column == 0 &&
		    (c == '.' || (c == 'F' && str_starts(str_from(line, i), STR("From ")))))
			plain = false;
		n = plain ? 1 : 3;
		/* A soft line break needs room for its '='. */
		if (column + n + (last ? 0 : 1) > QP_COLUMNS) {
			if (put(w, STR("=\r\n")) < 0)
				return -1;
			column = 0;
		}
		code[0] = plain ? c : '=';
		code[1] = "0123456789ABCDEF"[(unsigned char)c >> 4];
		code[2] = "0123456789ABCDEF"[(unsigned char)c & 15];
		if (put(w, str_of(code, n)) < 0)
			return -1;
		column += n;
	}
	return 0;
}

/* Lines with CRLF ends; the last one as it is, since the boundary has a line end of its own. */
static int
put_lines(struct writing *w, struct str s, bool qp)
{
	struct str line;
	bool more = true;

	while (more) {
		more = str_cut(&s, '\n', &line);
		if (more && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if ((qp ? put_qp_line(w, line) : put(w, line)) < 0 ||
		    (more && put(w, STR("\r\n")) < 0))
			return -1;
	}
	return 0;
}

/* ---- headers ---- */

static void
put_field(struct writing *w, const char *name, struct str value)
{
	if (value.n > 0)
		compose_raw(&w->b, name, value);
}

static const char *
encoding_name(enum mime_encoding e)
{
	return e == MIME_BASE64 ? "base64" : e == MIME_QP ? "quoted-printable" : "8bit";
}

/* The type of a multipart/related is that of its root (RFC 2387 3.1). */
static struct str
related_type(const struct mime_out *p)
{
	return p->child != NULL && str_ieq_z(p->type, "multipart/related") ? p->child->type
									   : STR_NONE;
}

static int
put_header(
    struct writing *w, const struct mime_out *p, enum mime_encoding encoding, const char *boundary)
{
	struct str type = p->type.n > 0 ? p->type : STR("application/octet-stream");
	bool named = p->disposition.n == 0 && p->name.n > 0;

	if (put(w, p->fields) < 0)
		return -1;
	buf_puts(&w->b, "Content-Type: ");
	buf_str(&w->b, type);
	if (p->child == NULL && p->charset.n > 0)
		compose_param(&w->b, "charset", str_sub(p->charset, 0, COMPOSE_NAME_MAX));
	if (related_type(p).n > 0)
		compose_param(&w->b, "type", related_type(p));
	if (p->child != NULL)
		buf_printf(&w->b, ";\r\n\tboundary=\"%s\"", boundary);
	if (named)
		compose_param(&w->b, "name", str_sub(p->name, 0, FIELD_MAX));
	buf_puts(&w->b, "\r\n");
	if (encoding != MIME_7BIT)
		put_field(w, "Content-Transfer-Encoding", str_z(encoding_name(encoding)));
	if (p->disposition.n > 0) {
		buf_puts(&w->b, "Content-Disposition: ");
		buf_str(&w->b, str_sub(p->disposition, 0, COMPOSE_NAME_MAX));
		if (p->name.n > 0)
			compose_param(&w->b, "filename", str_sub(p->name, 0, FIELD_MAX));
		buf_puts(&w->b, "\r\n");
	}
	if (p->cid.n > 0)
		compose_ids(&w->b, "Content-ID", &p->cid, 1);
	put_field(w, "Content-Language", p->language);
	put_field(w, "Content-Location", p->location);
	return put(w, STR("\r\n"));
}

static int put_part(struct writing *w, const struct mime_out *p, unsigned depth);

static int
put_children(struct writing *w, const struct mime_out *p, const char *boundary, unsigned depth)
{
	for (const struct mime_out *c = p->child; c != NULL; c = c->next) {
		buf_printf(&w->b, "--%s\r\n", boundary);
		if (put_part(w, c, depth + 1) < 0 || put(w, STR("\r\n")) < 0)
			return -1;
	}
	buf_printf(&w->b, "--%s--", boundary);
	return flush(w, CHUNK);
}

static int
put_part(struct writing *w, const struct mime_out *p, unsigned depth)
{
	enum mime_encoding encoding = encoding_of(p);
	char boundary[40];

	if (depth > MIME_WRITE_DEPTH)
		return err_set(w->e, E_LIMIT, "too many multiparts in one another");
	compose_boundary(w->id, w->boundaries++, boundary);
	if (put_header(w, p, encoding, boundary) < 0)
		return -1;
	if (p->child != NULL)
		return put_children(w, p, boundary, depth);
	if (encoding == MIME_BASE64)
		return put_base64(w, p->octets, p->is_text);
	return put_lines(w, p->octets, encoding == MIME_QP);
}

int
mime_write(const struct mime_out *root, struct str id, struct str fields,
    int (*fn)(void *arg, struct str octets, struct err *e), void *arg, struct err *e)
{
	struct writing w = {.id = id, .put = fn, .arg = arg, .e = e};
	int rc = -1;

	buf_init(&w.b, BUFFER_MAX);
	if (put(&w, fields) == 0 && put(&w, STR("MIME-Version: 1.0\r\n")) == 0 &&
	    put_part(&w, root, 0) == 0 && flush(&w, 0) == 0 &&
	    (w.ended || put(&w, STR("\r\n")) == 0))
		rc = flush(&w, 0);
	buf_free(&w.b);
	return rc;
}

static int
count(void *arg, struct str octets, struct err *e)
{
	(void)e;
	*(uint64_t *)arg += octets.n;
	return 0;
}

int
mime_write_size(
    const struct mime_out *root, struct str id, struct str fields, uint64_t *size, struct err *e)
{
	*size = 0;
	return mime_write(root, id, fields, count, size, e);
}
