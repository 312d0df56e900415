/*
 * exchange.c - the life of an exchange: its route, its body, its events, its end.
 *
 * Handlers' calls only change state and ask for the end of the turn; handlers are called from
 * there, and from what the protocol tells. Owner: the protocol, until ops->done(). Errors: become
 * answers; a client that leaves is told by gone().
 */
#include "webd/exchange_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "svc/metrics.h"
#include "webd/challenge.h"
#include "webd/files.h"
#include "webd/path.h"
#include "webd/routes.h"

static TAILQ_HEAD(, exchange_in) all = TAILQ_HEAD_INITIALIZER(all);
static size_t count;

static const struct {
	const char *name;
	unsigned method;
	bool head;
} methods[] = {
    {"GET", METHOD_GET, false},
    {"HEAD", METHOD_GET, true},
    {"POST", METHOD_POST, false},
    {"PUT", METHOD_PUT, false},
    {"DELETE", METHOD_DELETE, false},
    {"PATCH", METHOD_PATCH, false},
};

const char *
exchange_method_name(unsigned method)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "-";
}

/* ---- the end ---- */

/* What stands below a route may be a user's: names of attachments, of app passwords. */
static struct str
path_to_log(struct exchange *x)
{
	return x->route && x->route != &files_route && x->tail.n > 0
		   ? arena_printf(&x->arena, "%s*", x->route->path)
		   : x->path;
}

static void
account(struct exchange *x)
{
	static const enum metric classes[] = {METRIC_HTTP_LOST, METRIC_HTTP_1XX, METRIC_HTTP_2XX,
	    METRIC_HTTP_3XX, METRIC_HTTP_4XX, METRIC_HTTP_5XX};
	struct exchange_in *in = x->in;
	uint64_t us = clock_us() - in->started_us;
	unsigned class = in->status / 100;

	metric_add(classes[class < ARRAY_LEN(classes) ? class : 0], 1);
	metric_observe(METRIC_HTTP_SECONDS, us);
	log_info("http.request", LZ("sid", x->sid), LZ("peer", x->peer), LZ("user", in->user),
	    LZ("method", x->head_only ? "HEAD" : exchange_method_name(x->method)),
	    LS("path", path_to_log(x)), LU("status", in->status), LU("in", in->got),
	    LU("out", in->sent), LU("ms", us / 1000), LZ("proto", in->protocol),
	    LZ("end", in->lost      ? "client left"
		      : in->aborted ? "aborted"
				    : "done"));
}

static void
finish(struct exchange *x)
{
	struct exchange_in *in = x->in;
	const struct exchange_events *events = in->events;

	in->events = NULL;
	if (events)
		events->gone(x, in->arg);
	account(x);
	loop_defer_cancel(&in->turn);
	TAILQ_REMOVE(&all, in, link);
	count--;
	in->ops->done(x);
	respond_free(x);
	buf_free(&in->whole);
	arena_free(&x->arena);
	x->magic = 0;
	free(in);
	free(x);
}

static void
on_turn(void *arg)
{
	struct exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (!exchange_over(x) && x->in->got_all && !x->in->upgraded && !x->in->stopped)
		exchange_got(x, STR(""), true);
	if (!x->in->aborted)
		respond_more(x);
	if (x->in->aborted || (x->in->ended && x->in->rest.n == 0))
		finish(x);
}

void
exchange_later(struct exchange *x)
{
	loop_defer(&x->in->turn);
}

void
exchange_lost(struct exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	x->in->lost = !x->in->ended || x->in->rest.n > 0;
	finish(x);
}

/* ---- the beginning ---- */

struct exchange *
exchange_new(const struct exchange_ops *ops, void *owner)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	x->magic = EXCHANGE_MAGIC;
	x->peer = "";
	arena_init(&x->arena);
	id_new(x->sid);
	x->in = mem_alloc(sizeof(*x->in));
	x->in->ops = ops;
	x->in->owner = owner;
	x->in->x = x;
	x->in->started_us = clock_us();
	buf_init(&x->in->whole, EXCHANGE_WHOLE_MAX);
	loop_defer_init(&x->in->turn, on_turn, x);
	TAILQ_INSERT_TAIL(&all, x->in, link);
	count++;
	return x;
}

static void
run(struct exchange *x)
{
	struct exchange_in *in = x->in;

	in->running = true;
	x->body = buf_view(&in->whole);
	x->route->run(x);
}

/* The body flows, or not. Whoever listens to it wants it: the client that asks for leave to send it
 * has that then (RFC 9110 10.1.1). */
static void
flow(struct exchange *x)
{
	struct exchange_in *in = x->in;
	bool stop = in->held || in->paused;

	if (!in->held && in->expects && !in->begun) {
		in->expects = false;
		in->ops->go_on(x);
	}
	if (stop != in->stopped)
		in->ops->pause(x, stop);
	in->stopped = stop;
	if (stop)
		in->seen_waiting = false; /* whoever waits is not slow */
	else if (in->got_all)
		exchange_later(x); /* to tell the end */
}

static void
refuse_method(struct exchange *x, unsigned allow)
{
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (allow & methods[i].method)
			buf_printf(&b, "%s%s", b.n > 0 ? ", " : "", methods[i].name);
	exchange_set(x, "Allow", buf_view(&b));
	exchange_problem(x, 405, NULL);
	buf_free(&b);
}

/* No other site's page asks this: what a browser says of where the request comes from. */
static bool
foreign(const struct exchange *x)
{
	struct str site = exchange_field(x, "Sec-Fetch-Site");

	if (exchange_field(x, "Origin").p != NULL)
		return !exchange_same_site(x);
	return site.p != NULL && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none"));
}

/* False: answered. */
static bool
admit(struct exchange *x, bool body, uint64_t length)
{
	const struct route *r = x->route;

	if (body && (r->body_max == 0 || length > r->body_max))
		exchange_problem(x, 413, NULL);
	else if ((r->flags & ROUTE_JSON) && (body || exchange_field(x, "Content-Type").p) &&
		 !exchange_type_is(x, "application/json"))
		exchange_problem(x, 415, "The body has to be of the type application/json.");
	else if ((r->flags & ROUTE_OUR_ORIGIN) && foreign(x))
		exchange_problem(x, 403, "The request comes from another site's page.");
	else
		return true;
	return false;
}

static bool
find_route(struct exchange *x, struct str method)
{
	unsigned status = 0, allow = 0;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq_z(method, methods[i].name)) {
			x->method = methods[i].method;
			x->head_only = methods[i].head;
		}
	x->route = routes_find(x->path, x->method, &status, &allow);
	if (x->route)
		return true;
	if (x->method == 0 && status == 404)
		exchange_problem(x, 501, NULL);
	else if (status == 405)
		refuse_method(x, allow);
	else
		exchange_problem(x, status, NULL);
	return false;
}

void
exchange_start(struct exchange *x, struct str method, struct str path, struct str query, bool body,
    uint64_t length)
{
	struct exchange_in *in = x->in;
	size_t prefix;

	OBJ(x, EXCHANGE_MAGIC);
	x->query = query;
	in->got_all = !body;
	if (path_normal(path, &x->arena, &x->path) < 0) {
		exchange_problem(x, 400, "The path is none.");
		return;
	}
	if (exchange_over(x) || challenge_redirect(x) || !find_route(x, method) ||
	    !admit(x, body, length))
		return;
	prefix = strlen(x->route->path);
	x->tail = str_from(x->path, num_min(prefix, x->path.n));
	in->allowed = x->route->body_max;
	in->held = body && !(x->route->flags & ROUTE_WHOLE);
	flow(x);
	if (!body || in->held)
		run(x);
}

/* ---- the body ---- */

void
exchange_got(struct exchange *x, struct str in, bool end)
{
	struct exchange_in *xi = x->in;

	OBJ(x, EXCHANGE_MAGIC);
	xi->got += in.n;
	xi->got_all = end;
	if (exchange_over(x) || (!xi->running && !x->route))
		return;
	if (!xi->upgraded && xi->got > xi->allowed) {
		exchange_refuse(x, 413, NULL);
	} else if (xi->running && !(x->route->flags & ROUTE_WHOLE)) {
		if (xi->events && xi->events->body && (in.n > 0 || end) && !xi->told_end) {
			xi->told_end = end;
			xi->events->body(x, xi->arg, in, end);
		}
	} else if (xi->begun || xi->running) {
		return;
	} else if (buf_str(&xi->whole, in) < 0) {
		exchange_problem(x, 413, NULL);
	} else if (end) {
		run(x);
	}
}

void
exchange_refuse(struct exchange *x, unsigned status, const char *why)
{
	if (exchange_over(x))
		return;
	if (x->in->begun)
		exchange_abort(x);
	else
		exchange_problem(x, status, why);
}

void
exchange_listen(struct exchange *x, const struct exchange_events *events, void *arg)
{
	OBJ(x, EXCHANGE_MAGIC);
	x->in->events = events;
	x->in->arg = arg;
	if (!events->body || exchange_over(x))
		return;
	x->in->held = false;
	flow(x);
}

void
exchange_pause(struct exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	x->in->paused = true;
	flow(x);
}

void
exchange_resume(struct exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	x->in->paused = false;
	flow(x);
}

/* ---- pace ---- */

/* A handler that pauses is not the client's fault. */
bool
exchange_slow(struct exchange *x)
{
	struct exchange_in *in = x->in;
	bool body = !in->got_all && !in->stopped && !in->upgraded && !in->begun;
	bool slow = body && in->seen_waiting && in->got - in->seen_got < PACE_OCTETS;

	in->seen_waiting = body;
	in->seen_got = in->got;
	return slow;
}

void
exchange_room(struct exchange *x)
{
	struct exchange_in *in = x->in;

	OBJ(x, EXCHANGE_MAGIC);
	if (in->rest.n > 0)
		exchange_later(x);
	if (!in->starved || in->ended || in->aborted)
		return;
	in->starved = false;
	if (in->events && in->events->drained)
		in->events->drained(x, in->arg);
}

/* ---- all ---- */

void
exchange_drain(void)
{
	struct exchange_in *in, *next;

	/* A drain event only changes state: nobody leaves the list here. */
	for (in = TAILQ_FIRST(&all); in; in = next) {
		next = TAILQ_NEXT(in, link);
		if (in->events && in->events->drain && !in->ended)
			in->events->drain(in->x, in->arg);
	}
}

size_t
exchange_count(void)
{
	return count;
}

/* ---- asking about the request ---- */

struct str
exchange_field(const struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->nfields; i++)
		if (str_ieq_z(x->fields[i].name, name))
			return x->fields[i].value;
	return STR_NONE;
}

struct str
exchange_cookie(const struct exchange *x, const char *name)
{
	struct str found = STR_NONE, rest, one, key;

	for (size_t i = 0; i < x->nfields; i++) {
		if (!str_ieq_z(x->fields[i].name, "Cookie"))
			continue;
		rest = x->fields[i].value;
		for (bool more = true; more;) {
			more = str_cut(&rest, ';', &one);
			if (!str_cut(&one, '=', &key) || !str_eq_z(str_trim(key), name))
				continue;
			if (found.p != NULL)
				return STR_NONE;
			found = str_trim(one);
		}
	}
	return found;
}

bool
exchange_parameter(struct exchange *x, const char *name, struct str *out)
{
	return path_parameter(x->query, name, &x->arena, out);
}

bool
exchange_segment(struct exchange *x, size_t i, struct str *out)
{
	return path_segment(x->tail, i, &x->arena, out);
}

bool
exchange_type_is(const struct exchange *x, const char *type)
{
	struct str value = exchange_field(x, "Content-Type"), head;

	(void)str_cut(&value, ';', &head);
	return str_ieq_z(str_trim(head), type);
}

struct str
exchange_base(struct exchange *x)
{
	return arena_printf(
	    &x->arena, "%s://" STR_FMT, x->secure ? "https" : "http", STR_ARG(x->host));
}

/* An origin that is ours: scheme, host and port as the client reached us (RFC 6454 7). */
static bool
is_ours(const struct exchange *x, struct str origin)
{
	struct str scheme = x->secure ? STR("https://") : STR("http://");

	return str_starts(origin, scheme) && str_ieq(str_from(origin, scheme.n), x->host);
}

bool
exchange_same_site(const struct exchange *x)
{
	struct str origin = exchange_field(x, "Origin"), site = exchange_field(x, "Sec-Fetch-Site");

	if (origin.p != NULL)
		return is_ours(x, origin);
	return str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
}

bool
exchange_has_tag(const struct exchange *x, struct str tag)
{
	struct str rest = exchange_field(x, "If-None-Match"), one;

	for (bool more = rest.n > 0; more;) {
		more = str_cut(&rest, ',', &one);
		one = str_trim(one);
		if (str_starts(one, STR("W/")))
			one = str_from(one, 2);
		if (str_eq(one, STR("*")) || str_eq(one, tag))
			return true;
	}
	return false;
}

bool
exchange_if_range(const struct exchange *x, struct str tag)
{
	struct str said = exchange_field(x, "If-Range");

	return said.p == NULL || str_eq(said, tag);
}

void
exchange_set_user(struct exchange *x, struct str user)
{
	snprintf(x->in->user, sizeof(x->in->user), STR_FMT, STR_ARG(user));
}

bool
exchange_offers(const struct exchange *x, const char *subprotocol)
{
	const struct http_head h = {.fields = x->fields, .nfields = x->nfields};

	return http_has_token(&h, "Sec-WebSocket-Protocol", subprotocol);
}
