/*
 * jmap.c - JMAP over HTTP (RFC 8620 2, 3.1, 6): requests on their way to the user's owner process,
 * and its answers on their way back. Nothing of either is looked at here, or kept.
 *
 *	GET  /.well-known/jmap, /jmap/session   the session object
 *	POST /jmap/api                          a Request
 *	POST /jmap/upload/ACCOUNT/              octets
 *	GET  /jmap/download/ACCOUNT/BLOB/NAME?accept=TYPE
 *
 * Owner of a relay: its exchange. Errors: before the head problem details, after it a broken
 * answer.
 */
#include "webd/jmap.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "webd/owner.h"
#include "webd/routes.h"

#define RANGE_MAX 256u /* of one part */

struct relay {
	struct exchange *x;
	struct owner *owner;
	enum pipe_kind kind;
	struct str fields[PIPE_FIELDS_MAX];
	size_t nfields;
	bool has_body;
	bool asked; /* what is asked has gone to the owner, but for its body */
	bool said;  /* the body too */
	bool ended; /* an empty body, before the pipe was there */
};

/* ---- errors ---- */

void
jmap_refuse(struct exchange *x, const struct err *e, const char *limit)
{
	struct buf b;

	if (e->code == E_DENIED) {
		webauth_refuse(x);
		return;
	}
	if (e->code != E_LIMIT) {
		exchange_set(x, "Retry-After", STR("2"));
		exchange_problem(x, 503, "The mailbox cannot be reached now.");
		return;
	}
	/* RFC 8620 3.6.1 */
	buf_init(&b, 256);
	buf_printf(
	    &b, ", \"type\": \"urn:ietf:params:jmap:error:limit\", \"limit\": \"%s\"", limit);
	exchange_problem_with(x, 400, "Too much at a time.", buf_view(&b));
	buf_free(&b);
}

static const char *
limit_of(const struct relay *r)
{
	return r->kind == PIPE_UPLOAD ? "maxConcurrentUpload" : "maxConcurrentRequests";
}

/* The answer cannot come, or not to its end. */
static void
fail(struct relay *r, const struct err *e)
{
	struct exchange *x = r->x;

	owner_free(&r->owner);
	if (exchange_over(x))
		return;
	if (exchange_begun(x))
		exchange_abort(x);
	else
		jmap_refuse(x, e, limit_of(r));
}

static void
nonsense(struct relay *r, unsigned kind)
{
	struct err e;

	log_error("web.pipe", LZ("sid", r->x->sid), LZ("kind", pipe_kind_name(kind)));
	err_set(&e, E_PROTO, "an owner that makes no sense");
	fail(r, &e);
}

/* ---- the answer ---- */

/* RFC 8187 3.2: what is in it may be anything but the end of a line. */
static void
put_name(struct exchange *x, struct str name)
{
	static const char hex[] = "0123456789ABCDEF";
	struct buf b;

	buf_init(&b, 3 * name.n + 64);
	buf_puts(&b, name.n > 0 ? "attachment; filename*=UTF-8''" : "attachment");
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (is_alnum(name.p[i]) || c == '.' || c == '-' || c == '_')
			buf_putc(&b, name.p[i]);
		else
			buf_printf(&b, "%%%c%c", hex[c >> 4], hex[c & 15]);
	}
	exchange_set(x, "Content-Disposition", buf_view(&b));
	buf_free(&b);
}

/* What an id names never changes (RFC 8620 6.2): it is the tag. */
static struct str
tag_of(const struct relay *r)
{
	return arena_printf(&r->x->arena, "\"" STR_FMT "\"", STR_ARG(r->fields[1]));
}

/* Of octets that the client may ask for again, or for parts of (RFC 9110 14). False: it has them,
 * and is told so. */
static bool
offer(struct relay *r, const struct pipe_head *head)
{
	struct exchange *x = r->x;
	unsigned long long from = head->from, total = head->total;
	struct str tag = tag_of(r);

	exchange_plain(x);
	if (head->status == 416)
		exchange_setf(x, "Content-Range", "bytes */%llu", total);
	if (head->status != 200 && head->status != 206)
		return true;
	exchange_set(x, "ETag", tag);
	exchange_set(x, "Cache-Control", STR("private, immutable, max-age=31536000"));
	if (exchange_has_tag(x, tag)) {
		exchange_respond(x, 304, NULL, STR(""));
		return false;
	}
	exchange_set(x, "Accept-Ranges", STR("bytes"));
	if (head->status == 206)
		exchange_setf(x, "Content-Range", "bytes %llu-%llu/%llu", from,
		    from + head->length - 1, total);
	/* Never shown in our own name: it is downloaded, and sandboxed by what security.c sets. */
	put_name(x, head->name);
	return true;
}

static void
begin_answer(struct relay *r, struct str octets)
{
	struct exchange *x = r->x;
	struct pipe_head head;

	if (exchange_begun(x) || pipe_parse_head(octets, &head) < 0) {
		nonsense(r, PIPE_HEAD);
		return;
	}
	if (r->kind == PIPE_DOWNLOAD && !offer(r, &head)) {
		owner_free(&r->owner);
		return;
	}
	exchange_begin(
	    x, head.status, arena_dupz(&x->arena, head.type), head.length); /* PIPE_NO_LENGTH too */
	/* The octets of its answer need not even be read. */
	if (x->head_only) {
		exchange_end(x);
		owner_free(&r->owner);
	}
}

static void
end_answer(struct relay *r)
{
	exchange_end(r->x);
	/* An answer that did not wait for the body: there is no telling what the rest would be. */
	if (r->said)
		owner_give(&r->owner);
	else
		owner_free(&r->owner);
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct relay *r = arg;

	if (kind == PIPE_HEAD) {
		begin_answer(r, octets);
	} else if (!exchange_begun(r->x) || (kind != PIPE_DATA && kind != PIPE_END)) {
		nonsense(r, kind);
	} else if (kind == PIPE_END) {
		end_answer(r);
	} else {
		exchange_write(r->x, octets);
		if (exchange_pending(r->x) >= EXCHANGE_HIGH)
			frames_pause(owner_frames(r->owner));
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	fail(arg, e);
}

/* ---- what is asked ---- */

static void
end_body(struct relay *r)
{
	frames_put(owner_frames(r->owner), PIPE_END, STR_NONE);
	r->said = true;
}

static void
on_open(void *arg)
{
	struct relay *r = arg;

	if (pipe_put(owner_frames(r->owner), r->kind, r->fields, r->nfields) < 0) {
		owner_free(&r->owner);
		exchange_problem(r->x, 414, NULL);
		return;
	}
	r->asked = true;
	r->said = !r->has_body;
	if (r->ended && r->has_body)
		end_body(r);
	else if (r->has_body)
		exchange_resume(r->x);
}

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	struct relay *r = arg;

	if (!r->asked) {
		r->ended = end;
		return;
	}
	if (r->owner == NULL || r->said)
		return;
	frames_cut(owner_frames(r->owner), PIPE_DATA, in);
	if (end)
		end_body(r);
	else if (frames_blocked(owner_frames(r->owner)))
		exchange_pause(x);
}

static void
on_drained(void *arg)
{
	struct relay *r = arg;

	if (r->asked && !r->said)
		exchange_resume(r->x);
}

static void
on_room(struct exchange *x, void *arg)
{
	struct relay *r = arg;

	(void)x;
	if (r->owner != NULL)
		frames_resume(owner_frames(r->owner));
}

static void
on_gone(struct exchange *x, void *arg)
{
	struct relay *r = arg;

	(void)x;
	owner_free(&r->owner);
}

static const struct owner_events owner_events = {
    .open = on_open, .frame = on_frame, .drained = on_drained, .closed = on_closed};
static const struct exchange_events with_body = {
    .body = on_body, .drained = on_room, .gone = on_gone};
static const struct exchange_events without_body = {.drained = on_room, .gone = on_gone};

static struct relay *
relay(struct exchange *x, enum pipe_kind kind)
{
	struct relay *r = arena_new(&x->arena, struct relay);

	r->x = x;
	r->kind = kind;
	r->has_body = kind == PIPE_CALL || kind == PIPE_UPLOAD;
	return r;
}

static void
go(struct relay *r, const struct webauth *who, enum owner_class class)
{
	exchange_listen(r->x, r->has_body ? &with_body : &without_body, r);
	if (r->has_body)
		exchange_pause(r->x);
	r->owner = owner_open(who, r->x->peer, class, &owner_events, r);
}

/* ---- addresses ---- */

static void
session(struct exchange *x, const struct webauth *who)
{
	struct relay *r = relay(x, PIPE_SESSION);

	r->fields[r->nfields++] = exchange_base(x);
	go(r, who, OWNER_CALL);
}

static void
api(struct exchange *x, const struct webauth *who)
{
	go(relay(x, PIPE_CALL), who, OWNER_CALL);
}

static void
upload(struct exchange *x, const struct webauth *who)
{
	struct relay *r = relay(x, PIPE_UPLOAD);

	if (!exchange_segment(x, 0, &r->fields[0])) {
		exchange_problem(x, 404, NULL);
		return;
	}
	r->fields[1] = exchange_field(x, "Content-Type");
	r->nfields = 2;
	go(r, who, OWNER_UPLOAD);
}

static void
download(struct exchange *x, const struct webauth *who)
{
	struct relay *r = relay(x, PIPE_DOWNLOAD);

	if (!exchange_segment(x, 0, &r->fields[0]) || !exchange_segment(x, 1, &r->fields[1]) ||
	    !exchange_segment(x, 2, &r->fields[3])) {
		exchange_problem(x, 404, NULL);
		return;
	}
	if (!exchange_parameter(x, "accept", &r->fields[2]))
		r->fields[2] = STR("");
	/* Of a HEAD it says nothing (RFC 9110 14.2). */
	r->fields[4] = exchange_field(x, "Range");
	if (x->head_only || r->fields[4].n > RANGE_MAX || !exchange_if_range(x, tag_of(r)))
		r->fields[4] = STR("");
	r->nfields = 5;
	go(r, who, OWNER_DOWNLOAD);
}

static void
run_session(struct exchange *x)
{
	webauth(x, session);
}

static void
run_api(struct exchange *x)
{
	webauth(x, api);
}

static void
run_upload(struct exchange *x)
{
	webauth(x, upload);
}

static void
run_download(struct exchange *x)
{
	webauth(x, download);
}

const struct route jmap_routes[] = {
    {.path = "/.well-known/jmap", .methods = METHOD_GET, .run = run_session},
    {.path = "/jmap/session", .methods = METHOD_GET, .run = run_session},
    {.path = "/jmap/api",
	.methods = METHOD_POST,
	.run = run_api,
	.body_max = JMAP_REQUEST_MAX,
	.flags = ROUTE_JSON | ROUTE_OUR_ORIGIN},
    {.path = "/jmap/upload/",
	.methods = METHOD_POST,
	.run = run_upload,
	.body_max = JMAP_UPLOAD_MAX,
	.flags = ROUTE_OUR_ORIGIN},
    {.path = "/jmap/download/", .methods = METHOD_GET, .run = run_download}, {0}};
