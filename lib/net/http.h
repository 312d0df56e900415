/*
 * http.h - HTTP/1.1 requests (RFC 9112), read strictly: whatever two readers could understand
 * differently is refused, as request smuggling lives on such differences.
 *
 * Refused: bare LF and bare CR, folded fields, blanks before a colon, Content-Length beside
 * Transfer-Encoding, several of either or of Host, transfer codings other than chunked, methods and
 * targets that are none, octets that have no place in them. Nothing here does I/O.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define HTTP_HEAD_MAX   (32u << 10)
#define HTTP_TARGET_MAX 8192u
#define HTTP_FIELDS_MAX 100u

/* Status codes that reading may end with (RFC 9110 15). */
enum http_refusal {
	HTTP_BAD_REQUEST = 400,
	HTTP_CONTENT_TOO_LARGE = 413,
	HTTP_URI_TOO_LONG = 414,
	HTTP_FIELDS_TOO_LARGE = 431,
	HTTP_NOT_IMPLEMENTED = 501,
	HTTP_VERSION_NOT_SUPPORTED = 505
};

struct http_field {
	struct str name, value; /* value without blanks at its ends */
};

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH, /* http_head.length octets */
	HTTP_CHUNKED
};

struct http_head {
	struct str method;
	struct str target;      /* as it came */
	struct str path, query; /* of it, still percent-encoded; query without '?' */
	struct str host;        /* with port; empty in HTTP/1.0 without Host */
	bool http_1_0;
	bool close;           /* the connection ends after the answer (RFC 9112 9.3) */
	bool expect_continue; /* RFC 9110 10.1.1 */
	enum http_framing framing;
	uint64_t length;
	const struct http_field *fields;
	size_t nfields;
};

struct http_error {
	enum http_refusal status;
	const char *why; /* for the log */
};

/*
 * Reads the head that `in` begins with. 1: it is there, *used octets of in. 0: more is needed; seen
 * says how far to look no more (0 at first). -1: refused; the connection is of no use any more. The
 * head's strings are in the arena, in which there is nothing before it is whole.
 */
int http_head_read(struct str in, size_t *seen, struct arena *a, struct http_head *out,
    size_t *used, struct http_error *e);

/* The same of a request that came in another shape (RFC 9113 8.3.1): method, target, host and
 * fields are set, framing stays as it is. 0 or -1. */
int http_head_judge(struct http_head *h, struct http_error *e);

/* The value of the first field of that name, ASCII case ignored; STR_NONE where there is none. */
struct str http_field(const struct http_head *h, const char *name);
/* Is the token one of the comma-separated ones of all fields of that name (RFC 9110 5.6.1)? */
bool http_has_token(const struct http_head *h, const char *name, const char *token);

/* The body that follows a head, as it comes. */
struct http_body {
	enum http_framing framing;
	uint64_t left;  /* of the length, or of the chunk */
	uint64_t max;   /* octets that may come in all */
	unsigned state; /* private */
	unsigned line;  /* digits of the size so far, or what its extension has so far */
	unsigned extra; /* octets of extensions and trailers so far */
};

/* max: more octets of content are refused with 413; at once where the length says so. */
int
http_body_init(struct http_body *b, const struct http_head *h, uint64_t max, struct http_error *e);
/*
 * Takes octets from in, at most up to the end of the body; *content gets those of its content that
 * came (a part of in, possibly none). 1: the body is whole. 0: call again, with what is left or
 * comes. -1: refused.
 */
int http_body_read(
    struct http_body *b, struct str in, size_t *used, struct str *content, struct http_error *e);

/* Of a token (RFC 9110 5.6.2)? */
bool http_is_tchar(char c);
/* Decodes %XX of a path or, with plus, of a form or query, where '+' is a blank. -1 for what is
 * badly encoded, or has a NUL. */
int http_decode(struct str s, bool plus, struct arena *a, struct str *out);
