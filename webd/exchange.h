/*
 * exchange.h - one HTTP request and its response, alike over HTTP/1.1 and HTTP/2.
 *
 * A route's run() is called when the head of a request is there. It may answer at once, or listen
 * to what follows and answer later; how long that takes is its own affair. The body comes as it is
 * read, bounded by the route. Whatever happens, listeners get gone() once, as the last thing: until
 * then the exchange stays valid, even when the client has left.
 *
 * No callback is ever called from inside a function of this page. Strings of the request live as
 * long as the exchange; arena is for what its answer needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/str.h"
#include "net/http.h"

/* Methods, as bits. HEAD needs no row of its own: it is asked as GET and answered without body. */
#define METHOD_GET    1u
#define METHOD_POST   2u
#define METHOD_PUT    4u
#define METHOD_DELETE 8u
#define METHOD_PATCH  16u

struct exchange;

/* ---- routes ---- */

/* The whole body is gathered before run(), into x->body; body_max is at most EXCHANGE_WHOLE_MAX. */
#define ROUTE_WHOLE 1u
/* A body of another type than application/json gets 415, before run(). */
#define ROUTE_JSON 2u
/* An Origin that is not ours gets 403, before run(): no other site's page asks this (CSRF). One
 * that is missing passes, as programs send none: a cookie counts then only with
 * exchange_same_site(). */
#define ROUTE_OUR_ORIGIN 4u

#define EXCHANGE_WHOLE_MAX (64u << 10)

/* Rows of one path differ in methods. The longest path that fits wins; of a path that is here with
 * other methods: 405. A table ends with a row without path; webd/routes.c has all tables. */
struct route {
	const char *path; /* "/auth/login"; with '/' at its end: also everything below */
	unsigned methods;
	void (*run)(struct exchange *x);
	uint64_t body_max; /* more gets 413; 0: any body does */
	unsigned flags;    /* ROUTE_… */
};

/* ---- the request ---- */

struct exchange_events {
	/* Octets of the body, all to be taken now; end: there are no more (then in may be empty).
	 * After exchange_upgrade(): what the client says, end: it will say no more. Optional: as
	 * long as nobody listens to the body it waits at the client. */
	void (*body)(struct exchange *x, void *arg, struct str in, bool end);
	/* What was written is on its way (EXCHANGE_HIGH): more may be. Optional. */
	void (*drained)(struct exchange *x, void *arg);
	/* The server is about to end: an answer that would go on for long ends soon. Optional. */
	void (*drain)(struct exchange *x, void *arg);
	/* It is over: answered, or the client has left, or was too slow. x is gone after this. */
	void (*gone)(struct exchange *x, void *arg);
};

struct exchange {
	unsigned magic;
	char sid[ID_SIZE]; /* for logs */
	unsigned method;   /* METHOD_… */
	bool head_only;    /* HEAD */
	bool secure;       /* came by TLS, or a trusted proxy says so */
	bool challenges;   /* came by acme.listen, where nothing but those is answered */
	const char *peer;  /* the client's address, the one that a trusted proxy tells where there
			    * is one */
	struct str path;   /* "/jmap/download/…": letters, digits and "-._~" are not
			    * percent-encoded, no segment is "." or ".." */
	struct str tail;   /* of path, behind that of the route */
	struct str query;  /* still percent-encoded, without '?' */
	struct str host;   /* with port, lower case */
	struct str body;   /* ROUTE_WHOLE */
	const struct http_field *fields;
	size_t nfields;
	const struct route *route;
	struct arena arena;

	struct exchange_in *in; /* private: exchange_in.h */
};

/* The first field of that name, ASCII case ignored; STR_NONE where there is none. Cookie fields are
 * one (RFC 9113 8.2.3). */
struct str exchange_field(const struct exchange *x, const char *name);
/* The value of a cookie; STR_NONE where there is none, or several (somebody put one beside ours).
 */
struct str exchange_cookie(const struct exchange *x, const char *name);
/* The first parameter of that name, decoded, in the arena. False: there is none, or it is no UTF-8.
 */
bool exchange_parameter(struct exchange *x, const char *name, struct str *out);
/* The i-th segment of tail, decoded (and then possibly with a '/' in it). False as above. */
bool exchange_segment(struct exchange *x, size_t i, struct str *out);
/* The type without parameters is that ("application/json"); case ignored. */
bool exchange_type_is(const struct exchange *x, const char *type);
/* "https://mail.example.org": how the client reaches us, in the arena. */
struct str exchange_base(struct exchange *x);
/* The request comes from a page of ours: Origin says so, or else Sec-Fetch-Site (same-origin, or
 * none: typed by the user); false also where neither is said. */
bool exchange_same_site(const struct exchange *x);
/* If-None-Match has the tag, weak or not, or any (RFC 9110 13.1.2). */
bool exchange_has_tag(const struct exchange *x, struct str tag);
/* A Range counts: there is no If-Range, or it is that tag (RFC 9110 13.1.5). */
bool exchange_if_range(const struct exchange *x, struct str tag);
/* Whose it is, for the log. */
void exchange_set_user(struct exchange *x, struct str user);

/* From now on these events are told, in place of others. */
void exchange_listen(struct exchange *x, const struct exchange_events *events, void *arg);
/* No more body (the client waits) until resumed. */
void exchange_pause(struct exchange *x);
void exchange_resume(struct exchange *x);

/* ---- the response ---- */

/* A field of the response, before its head is written. Names are literals; values that hold control
 * characters are left out. Date, lengths and the security fields (security.c) come by themselves;
 * Cache-Control is no-store where nothing else is set. */
void exchange_set(struct exchange *x, const char *name, struct str value);
void exchange_setf(struct exchange *x, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The answer goes as it is: parts of it may be asked for, which are not parts of what is compressed
 * anew each time. */
void exchange_plain(struct exchange *x);

/* A whole answer; type may be NULL where there is no body (204, 304). Text and JSON are compressed
 * where the client takes it. */
void exchange_respond(struct exchange *x, unsigned status, const char *type, struct str body);
void exchange_json(struct exchange *x, unsigned status, struct str body);
/* The same of octets that stay as they are for ever (embedded files): not copied. */
void
exchange_respond_static(struct exchange *x, unsigned status, const char *type, struct str body);
/* Problem details (RFC 9457): the title is the status's own; detail is for a person and may be
 * NULL. */
void exchange_problem(struct exchange *x, unsigned status, const char *detail);
/* The same with more members: `, "type": "…"`-like JSON, beginning with a comma, or empty. */
void
exchange_problem_with(struct exchange *x, unsigned status, const char *detail, struct str members);

/* An answer in parts. length: the octets of all, or EXCHANGE_UNKNOWN. */
#define EXCHANGE_UNKNOWN UINT64_MAX
void exchange_begin(struct exchange *x, unsigned status, const char *type, uint64_t length);
/* Whoever has written so much that exchange_pending() is EXCHANGE_HIGH or more waits for drained().
 * Past EXCHANGE_OUT_MAX the exchange is aborted. A body of more than length is cut, of less breaks
 * the connection. */
#define EXCHANGE_HIGH    (256u << 10)
#define EXCHANGE_OUT_MAX (16u << 20)
void exchange_write(struct exchange *x, struct str s);
size_t exchange_pending(const struct exchange *x);
void exchange_end(struct exchange *x);
/* It cannot go on: the client sees a broken answer, never a short one. */
void exchange_abort(struct exchange *x);
bool exchange_begun(const struct exchange *x); /* a head was written */
bool exchange_over(const struct exchange *x);  /* ended, aborted, or the client has left */

/* Answers 101 to an upgrade to WebSocket (RFC 6455 4.2) and leaves frames to the caller: body() has
 * what the client says, exchange_write() what it is told, exchange_end() closes. subprotocol: the
 * one that was chosen, or empty. A request that is no such upgrade is answered (400 or 426), -1.
 */
int exchange_upgrade(struct exchange *x, struct str subprotocol);
/* Is a subprotocol (RFC 6455 11.3.4) among those offered? */
bool exchange_offers(const struct exchange *x, const char *subprotocol);
