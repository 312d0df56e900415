/*
 * respond.c - the response of an exchange: its head, its body, compression, problem details.
 *
 * What a handler writes goes to the protocol at once; static octets follow as there is room.
 * Errors: a handler that writes past a bound, or past the length it announced, breaks the answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "webd/exchange_in.h"
#include "webd/security.h"

/* Shorter answers fit one packet as they are. */
#define GZIP_MIN 1024u
/* 8 KiB of window and small tables: some 40 KiB while an answer is written, for a little less
 * compression. */
#define GZIP_WINDOW 13
#define GZIP_MEMORY 6
#define GZIP_LEVEL  4
/* Of static octets so much is with the protocol at a time: a buffer for it comes from the heap, not
 * by a system call and page by page; and it is all that a stream of HTTP/2 holds that nobody reads.
 */
#define STATIC_PIECE (48u << 10)

static const struct {
	unsigned status;
	const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *
respond_title(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Unknown";
}

bool
exchange_begun(const struct exchange *x)
{
	return x->in->begun;
}

bool
exchange_over(const struct exchange *x)
{
	return x->in->ended || x->in->aborted || x->in->lost;
}

size_t
exchange_pending(const struct exchange *x)
{
	return x->in->ops->pending(x) + x->in->rest.n;
}

/* ---- fields ---- */

bool
respond_has(const struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->in->nfields; i++)
		if (str_ieq_z(x->in->fields[i].name, name))
			return true;
	return false;
}

void
exchange_set(struct exchange *x, const char *name, struct str value)
{
	struct exchange_in *in = x->in;

	OBJ(x, EXCHANGE_MAGIC);
	for (size_t i = 0; i < value.n; i++)
		if (is_cntl(value.p[i]) && value.p[i] != '\t')
			return;
	assume(in->nfields < EXCHANGE_FIELDS);
	if (!in->fields)
		in->fields = mem_array(EXCHANGE_FIELDS, sizeof(*in->fields));
	in->fields[in->nfields++] = (struct http_field){str_z(name), arena_dup(&x->arena, value)};
}

/* Answers that go on for days need none of them. */
static void
forget_fields(struct exchange_in *in)
{
	free(in->fields);
	in->fields = NULL;
	in->nfields = 0;
}

void
exchange_setf(struct exchange *x, const char *name, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text))
		exchange_set(x, name, str_z(text));
}

/* ---- compression ---- */

void
exchange_plain(struct exchange *x)
{
	x->in->as_is = true;
}

/* Is gzip among the codings, and not with a weight of 0 (RFC 9110 12.5.3)? */
bool
respond_takes_gzip(const struct exchange *x)
{
	struct str rest = exchange_field(x, "Accept-Encoding"), one, coding;

	for (bool more = rest.n > 0; more;) {
		more = str_cut(&rest, ',', &one);
		(void)str_cut(&one, ';', &coding);
		if (!str_ieq_z(str_trim(coding), "gzip"))
			continue;
		/* "q=0", "q=0.000" */
		one = str_trim(one);
		if (!str_istarts(one, STR("q=0")))
			return true;
		for (size_t i = 2; i < one.n; i++)
			if (one.p[i] != '0' && one.p[i] != '.')
				return true;
		return false;
	}
	return false;
}

/* Text; events are not, whose every line is awaited. */
static bool
is_text(struct str type)
{
	return (str_istarts(type, STR("text/")) && !str_istarts(type, STR("text/event-stream"))) ||
	       str_istarts(type, STR("application/json")) ||
	       str_istarts(type, STR("application/problem+json")) ||
	       str_istarts(type, STR("application/xml"));
}

static bool
start_gzip(struct exchange *x, struct str type, uint64_t length)
{
	z_stream *z;

	if (x->in->as_is || x->head_only || length < GZIP_MIN || !is_text(type) ||
	    respond_has(x, "Content-Encoding"))
		return false;
	exchange_set(x, "Vary", STR("Accept-Encoding"));
	if (!respond_takes_gzip(x))
		return false;
	z = mem_alloc(sizeof(*z));
	assume(deflateInit2(z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW + 16, GZIP_MEMORY,
		   Z_DEFAULT_STRATEGY) == Z_OK);
	x->in->gzip = z;
	exchange_set(x, "Content-Encoding", STR("gzip"));
	return true;
}

static void
put(struct exchange *x, struct str s)
{
	x->in->sent += s.n;
	if (!x->head_only && s.n > 0)
		x->in->ops->write(x, s);
}

static void
squeeze(struct exchange *x, struct str s, int flush)
{
	z_stream *z = x->in->gzip;
	unsigned char out[16384];

	z->next_in = (unsigned char *)(uintptr_t)s.p;
	z->avail_in = (unsigned)s.n;
	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		(void)deflate(z, flush);
		put(x, str_of(out, sizeof(out) - z->avail_out));
	} while (z->avail_out == 0);
}

void
respond_free(struct exchange *x)
{
	forget_fields(x->in);
	if (x->in->gzip)
		(void)deflateEnd(x->in->gzip);
	free(x->in->gzip);
	x->in->gzip = NULL;
}

/* ---- the head ---- */

static bool
has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void
begin(struct exchange *x, unsigned status, const char *type, uint64_t length)
{
	struct exchange_in *in = x->in;

	OBJ(x, EXCHANGE_MAGIC);
	assume(!in->begun);
	in->begun = true;
	in->status = status;
	if (type)
		exchange_set(x, "Content-Type", str_z(type));
	if (!respond_has(x, "Cache-Control"))
		exchange_set(x, "Cache-Control", STR("no-store"));
	if (start_gzip(x, str_z(type), length))
		length = EXCHANGE_UNKNOWN;
	security_fields(x);
	in->length = length;
	in->ops->head(
	    x, has_body(status) ? length : EXCHANGE_NONE, has_body(status) && !x->head_only);
	forget_fields(in);
}

void
exchange_begin(struct exchange *x, unsigned status, const char *type, uint64_t length)
{
	if (!exchange_over(x))
		begin(x, status, type, length);
}

/* ---- the body ---- */

void
exchange_write(struct exchange *x, struct str s)
{
	struct exchange_in *in = x->in;

	OBJ(x, EXCHANGE_MAGIC);
	assume(in->begun);
	if (exchange_over(x) || s.n == 0)
		return;
	if (!in->gzip && in->length != EXCHANGE_UNKNOWN && s.n > in->length - in->sent)
		s.n = in->length - in->sent;
	if (in->gzip)
		squeeze(x, s, Z_NO_FLUSH);
	else
		put(x, s);
	if (in->ops->pending(x) > EXCHANGE_OUT_MAX)
		exchange_abort(x);
	else if (in->ops->pending(x) >= EXCHANGE_HIGH)
		in->starved = true;
}

/* All of the body is at the protocol. */
static void
complete(struct exchange *x)
{
	struct exchange_in *in = x->in;

	if (in->gzip)
		squeeze(x, STR(""), Z_FINISH);
	if (in->length != EXCHANGE_UNKNOWN && in->sent < in->length && has_body(in->status) &&
	    !x->head_only)
		exchange_abort(x);
	else
		in->ops->end(x);
	exchange_later(x);
}

void
exchange_end(struct exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	assume(x->in->begun);
	if (exchange_over(x))
		return;
	x->in->ended = true;
	complete(x);
}

void
exchange_abort(struct exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	if (x->in->aborted || x->in->lost)
		return;
	x->in->aborted = true;
	x->in->rest = STR_NONE;
	x->in->ops->abort(x);
	exchange_later(x);
}

void
exchange_respond(struct exchange *x, unsigned status, const char *type, struct str body)
{
	if (exchange_over(x))
		return;
	begin(x, status, type, body.n);
	exchange_write(x, body);
	exchange_end(x);
}

void
exchange_json(struct exchange *x, unsigned status, struct str body)
{
	exchange_respond(x, status, "application/json", body);
}

void
exchange_respond_static(struct exchange *x, unsigned status, const char *type, struct str body)
{
	if (exchange_over(x))
		return;
	x->in->as_is = true;
	begin(x, status, type, body.n);
	x->in->ended = true;
	if (x->head_only)
		x->in->sent = body.n;
	else
		x->in->rest = body;
	exchange_later(x);
	if (x->in->rest.n == 0)
		complete(x);
}

void
respond_more(struct exchange *x)
{
	struct exchange_in *in = x->in;
	struct str some;

	while (in->rest.n > 0 && in->ops->pending(x) < STATIC_PIECE) {
		some = str_sub(in->rest, 0, STATIC_PIECE);
		in->rest = str_from(in->rest, some.n);
		put(x, some);
		if (in->rest.n == 0)
			complete(x);
	}
}

/* ---- problems ---- */

void
exchange_problem_with(struct exchange *x, unsigned status, const char *detail, struct str members)
{
	struct buf b;

	if (exchange_over(x))
		return;
	/* detail is ours: words without quotes. */
	buf_init(&b, 4096 + members.n);
	buf_printf(&b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u",
	    respond_title(status), status);
	if (detail)
		buf_printf(&b, ",\"detail\":\"%s\"", detail);
	buf_str(&b, members);
	buf_puts(&b, "}");
	exchange_respond(x, status, "application/problem+json", buf_view(&b));
	buf_free(&b);
}

void
exchange_problem(struct exchange *x, unsigned status, const char *detail)
{
	exchange_problem_with(x, status, detail, STR(""));
}

/* ---- WebSocket ---- */

int
exchange_upgrade(struct exchange *x, struct str subprotocol)
{
	const struct http_head h = {.fields = x->fields, .nfields = x->nfields};
	char accept[SECURITY_ACCEPT_SIZE];

	OBJ(x, EXCHANGE_MAGIC);
	if (exchange_over(x))
		return -1;
	if (!x->in->ops->upgrade || x->method != METHOD_GET || x->head_only ||
	    !http_has_token(&h, "Upgrade", "websocket") ||
	    !http_has_token(&h, "Connection", "upgrade")) {
		exchange_set(x, "Upgrade", STR("websocket"));
		exchange_problem(x, 426, "This address speaks WebSocket, over HTTP/1.1.");
		return -1;
	}
	/* RFC 6455 4.4 */
	if (!str_eq_z(exchange_field(x, "Sec-WebSocket-Version"), "13")) {
		exchange_set(x, "Sec-WebSocket-Version", STR("13"));
		exchange_problem(x, 426, "WebSocket has to be of version 13.");
		return -1;
	}
	if (security_accept(exchange_field(x, "Sec-WebSocket-Key"), accept) < 0) {
		exchange_problem(x, 400, "Sec-WebSocket-Key is none.");
		return -1;
	}
	exchange_set(x, "Sec-WebSocket-Accept", str_z(accept));
	if (subprotocol.n > 0)
		exchange_set(x, "Sec-WebSocket-Protocol", subprotocol);
	x->in->begun = true;
	x->in->status = 101;
	x->in->length = EXCHANGE_UNKNOWN;
	x->in->upgraded = true;
	x->in->ops->upgrade(x);
	forget_fields(x->in);
	return 0;
}
