/* http_head.c - request lines and header fields. See http.h. */
#include "base/mem.h"
#include "base/num.h"
#include "net/http.h"

static int
refuse(struct http_error *e, enum http_refusal status, const char *why)
{
	*e = (struct http_error){status, why};
	return -1;
}

/* ---- characters ---- */

bool
http_is_tchar(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!http_is_tchar(s.p[i]))
			return false;
	return s.n > 0;
}

/* What may stand in a path and a query (RFC 3986 3.3, 3.4), percent-encoding well-formed. */
static bool
is_uri(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			if (num_hex_octet(s, i + 1) < 0)
				return false;
			i += 2;
		} else if (!is_alnum(c) && (c == '\0' || !strchr("-._~!$&'()*+,;=:@/?", c))) {
			return false;
		}
	}
	return true;
}

/* uri-host [ ":" port ] (RFC 9110 7.2): a name, an IPv4 address, or an IPv6 one in brackets. */
static bool
is_host(struct str s)
{
	struct str name;
	size_t end;

	if (s.n > 0 && s.p[0] == '[') {
		end = str_chr(s, ']');
		for (size_t i = 1; i < end && i < s.n; i++)
			if (num_hex(s.p[i]) < 0 && s.p[i] != ':' && s.p[i] != '.')
				return false;
		if (end == s.n || end < 3)
			return false;
		name = str_from(s, end + 1);
		if (name.n > 0 && name.p[0] != ':')
			return false;
		name = str_from(name, name.n > 0);
	} else {
		end = str_chr(s, ':');
		for (size_t i = 0; i < end; i++)
			if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr("-._~", s.p[i])))
				return false;
		if (end == 0)
			return false;
		name = str_from(s, num_min(end + 1, s.n));
	}
	if (name.n > 5)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_digit(name.p[i]))
			return false;
	return true;
}

/* ---- the request line (RFC 9112 3) ---- */

static int
read_version(struct str s, struct http_head *h, struct http_error *e)
{
	if (str_eq(s, STR("HTTP/1.1")) || str_eq(s, STR("HTTP/1.0"))) {
		h->http_1_0 = s.p[7] == '0';
		return 0;
	}
	if (s.n == 8 && str_starts(s, STR("HTTP/")) && is_digit(s.p[5]) && s.p[6] == '.' &&
	    is_digit(s.p[7]))
		return refuse(e, HTTP_VERSION_NOT_SUPPORTED, "a version other than 1.0 and 1.1");
	return refuse(e, HTTP_BAD_REQUEST, "no version");
}

/* "http://host/path": a client that takes us for its proxy (RFC 9112 3.2.2). *host: that one. */
static bool
cut_absolute(struct str *target, struct str *host)
{
	struct str rest;

	if (str_istarts(*target, STR("http://")))
		rest = str_from(*target, 7);
	else if (str_istarts(*target, STR("https://")))
		rest = str_from(*target, 8);
	else
		return false;
	*host = str_sub(rest, 0, num_min(str_chr(rest, '/'), str_chr(rest, '?')));
	*target = str_from(rest, host->n);
	return is_host(*host);
}

static int
read_target(struct http_head *h, struct str *host, struct http_error *e)
{
	struct str target = h->target;
	size_t mark;

	if (target.n > HTTP_TARGET_MAX)
		return refuse(e, HTTP_URI_TOO_LONG, "a target that long");
	if (str_eq(target, STR("*"))) {
		h->path = target;
		return str_eq(h->method, STR("OPTIONS"))
			   ? 0
			   : refuse(e, HTTP_BAD_REQUEST, "the target *");
	}
	if (target.n == 0 || !is_uri(target) ||
	    (target.p[0] != '/' && !cut_absolute(&target, host)))
		return refuse(e, HTTP_BAD_REQUEST, "a target that is none");
	mark = str_chr(target, '?');
	h->path = mark > 0 ? str_sub(target, 0, mark) : STR("/");
	h->query = str_from(target, num_min(mark + 1, target.n));
	return 0;
}

static int
read_request(struct str line, struct http_head *h, struct str *host, struct http_error *e)
{
	struct str rest = line;

	if (!str_cut(&rest, ' ', &h->method) || !is_token(h->method) || h->method.n > 32)
		return refuse(e, HTTP_BAD_REQUEST, "a method that is none");
	if (!str_cut(&rest, ' ', &h->target))
		return refuse(e, HTTP_BAD_REQUEST, "no version");
	if (read_version(rest, h, e) < 0)
		return -1;
	return read_target(h, host, e);
}

/* ---- fields (RFC 9112 5) ---- */

static bool
is_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]) && s.p[i] != '\t')
			return false;
	return true;
}

static int
read_field(struct str line, struct http_field *f, struct http_error *e)
{
	struct str rest = line;

	if (is_space(line.p[0]))
		return refuse(e, HTTP_BAD_REQUEST, "a folded field");
	if (!str_cut(&rest, ':', &f->name) || !is_token(f->name))
		return refuse(e, HTTP_BAD_REQUEST, "a field's name that is none");
	f->value = str_trim(rest);
	return is_value(f->value) ? 0
				  : refuse(e, HTTP_BAD_REQUEST, "a control character in a field");
}

/* How the body is framed (RFC 9112 6.3). */
static int
read_framing(const struct http_field *length, const struct http_field *coding, struct http_head *h,
    struct http_error *e)
{
	if (coding && (length || h->http_1_0))
		return refuse(e, HTTP_BAD_REQUEST, "a transfer coding where none may be");
	if (coding) {
		if (!str_ieq_z(coding->value, "chunked"))
			return refuse(e, HTTP_NOT_IMPLEMENTED, "a transfer coding but chunked");
		h->framing = HTTP_CHUNKED;
	}
	if (length) {
		if (num_parse(length->value, 0, INT64_MAX, &h->length) < 0)
			return refuse(e, HTTP_BAD_REQUEST, "a length that is none");
		h->framing = h->length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
	}
	return 0;
}

/* The one field of a name; -1 when there are several. */
static int
only(const struct http_head *h, const char *name, const struct http_field **out)
{
	*out = NULL;
	for (size_t i = 0; i < h->nfields; i++) {
		if (!str_ieq_z(h->fields[i].name, name))
			continue;
		if (*out)
			return -1;
		*out = &h->fields[i];
	}
	return 0;
}

static int
understand(struct http_head *h, struct str target_host, struct http_error *e)
{
	const struct http_field *host, *length, *coding;
	struct str expect = http_field(h, "Expect");

	if (only(h, "Host", &host) < 0 || only(h, "Content-Length", &length) < 0 ||
	    only(h, "Transfer-Encoding", &coding) < 0)
		return refuse(e, HTTP_BAD_REQUEST, "a field twice that may be there once");
	if (host ? !is_host(host->value) : !h->http_1_0)
		return refuse(e, HTTP_BAD_REQUEST, "no Host");
	h->host = host ? host->value : STR("");
	if (target_host.n > 0 && host && !str_ieq(target_host, h->host))
		return refuse(e, HTTP_BAD_REQUEST, "a target of another host than Host");
	if (read_framing(length, coding, h, e) < 0)
		return -1;
	h->close = h->http_1_0 ? !http_has_token(h, "Connection", "keep-alive")
			       : http_has_token(h, "Connection", "close");
	h->expect_continue = str_ieq_z(expect, "100-continue") && !h->http_1_0;
	return 0;
}

/* ---- the head ---- */

/* The next line without its CRLF. False: a bare CR or LF, or another control character. */
static bool
next_line(struct str *rest, struct str *line)
{
	if (!str_cut(rest, '\n', line) || line->n == 0 || line->p[line->n - 1] != '\r')
		return false;
	line->n--;
	for (size_t i = 0; i < line->n; i++)
		if (line->p[i] == '\r' || line->p[i] == '\0')
			return false;
	return true;
}

/* At most so many lines are fields. */
static size_t
count_lines(struct str head)
{
	size_t n = 0;

	for (size_t i = str_chr(head, '\n'); i < head.n;
	     i += 1 + str_chr(str_from(head, i + 1), '\n'))
		n++;
	return num_min(n, (size_t)HTTP_FIELDS_MAX);
}

static int
read_head(struct str head, struct arena *a, struct http_head *h, struct http_error *e)
{
	struct http_field *fields = arena_array(a, count_lines(head), sizeof(*fields));
	struct str line, target_host = STR_NONE;

	*h = (struct http_head){.fields = fields};
	if (!next_line(&head, &line))
		return refuse(e, HTTP_BAD_REQUEST, "a line that does not end in CRLF");
	if (read_request(line, h, &target_host, e) < 0)
		return -1;
	for (;;) {
		if (!next_line(&head, &line))
			return refuse(e, HTTP_BAD_REQUEST, "a line that does not end in CRLF");
		if (line.n == 0)
			return understand(h, target_host, e);
		if (h->nfields == HTTP_FIELDS_MAX)
			return refuse(e, HTTP_FIELDS_TOO_LARGE, "that many fields");
		if (read_field(line, &fields[h->nfields++], e) < 0)
			return -1;
	}
}

int
http_head_judge(struct http_head *h, struct http_error *e)
{
	const struct http_field *host;
	struct str none = STR_NONE;

	if (!is_token(h->method) || h->method.n > 32)
		return refuse(e, HTTP_BAD_REQUEST, "a method that is none");
	if (h->target.n > 0 && h->target.p[0] != '/' && !str_eq(h->target, STR("*")))
		return refuse(e, HTTP_BAD_REQUEST, "a target that is none");
	if (read_target(h, &none, e) < 0)
		return -1;
	for (size_t i = 0; i < h->nfields; i++)
		if (!is_token(h->fields[i].name) || !is_value(h->fields[i].value))
			return refuse(e, HTTP_BAD_REQUEST, "a field that is none");
	if (only(h, "Host", &host) < 0)
		return refuse(e, HTTP_BAD_REQUEST, "a field twice that may be there once");
	/* A Host beside :authority says the same, or is not there (RFC 9113 8.3.1). */
	if (host && h->host.n == 0)
		h->host = host->value;
	if (!is_host(h->host) || (host && !str_ieq(host->value, h->host)))
		return refuse(e, HTTP_BAD_REQUEST, "no Host");
	h->expect_continue = str_ieq_z(http_field(h, "Expect"), "100-continue");
	return 0;
}

/* A line that ends in LF alone will never be right. */
static bool
has_bare_lf(struct str head, size_t from)
{
	for (size_t i = from; i < head.n; i++) {
		i += str_chr(str_from(head, i), '\n');
		if (i < head.n && (i == 0 || head.p[i - 1] != '\r'))
			return true;
	}
	return false;
}

int
http_head_read(struct str in, size_t *seen, struct arena *a, struct http_head *out, size_t *used,
    struct http_error *e)
{
	/* An empty line in front is passed over (RFC 9112 2.2); one, and a whole one. */
	size_t skip = str_starts(in, STR("\r\n")) ? 2 : 0, end;
	struct str head = str_from(in, skip), rest = str_from(head, *seen);

	end = str_find(rest, STR("\r\n\r\n"));
	if (end == rest.n) {
		/* The first line tells early what need not be waited for. */
		if (head.n >= HTTP_HEAD_MAX)
			return str_chr(head, '\n') == head.n
				   ? refuse(e, HTTP_URI_TOO_LONG, "a request line that long")
				   : refuse(e, HTTP_FIELDS_TOO_LARGE, "a head that long");
		if (has_bare_lf(head, *seen))
			return refuse(e, HTTP_BAD_REQUEST, "a line that does not end in CRLF");
		*seen = head.n > 3 ? head.n - 3 : 0;
		return 0;
	}
	end += *seen + 4;
	if (end > HTTP_HEAD_MAX)
		return refuse(e, HTTP_FIELDS_TOO_LARGE, "a head that long");
	*used = skip + end;
	*seen = 0;
	return read_head(arena_dup(a, str_sub(head, 0, end)), a, out, e) < 0 ? -1 : 1;
}

struct str
http_field(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (str_ieq_z(h->fields[i].name, name))
			return h->fields[i].value;
	return STR_NONE;
}

bool
http_has_token(const struct http_head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->nfields; i++) {
		struct str rest = h->fields[i].value, one;
		bool more = true;

		if (!str_ieq_z(h->fields[i].name, name))
			continue;
		while (more) {
			more = str_cut(&rest, ',', &one);
			if (str_ieq_z(str_trim(one), token))
				return true;
		}
	}
	return false;
}

int
http_decode(struct str s, bool plus, struct arena *a, struct str *out)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%') {
			int v = num_hex_octet(s, i + 1);

			if (v <= 0)
				return -1;
			to[n++] = (char)v;
			i += 2;
		} else {
			to[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	*out = str_of(to, n);
	return 0;
}
