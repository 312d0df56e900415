/*
 * https.h - small texts fetched by HTTPS: libcurl on the daemon's event loop.
 *
 * The server proves its name by a chain to an authority; no redirect is followed, nothing is kept
 * between fetches, and no name is looked up: the addresses are the caller's. Size and time are
 * bounded. Callbacks are called exactly once, from the loop, never from inside https_get(), unless
 * the fetch was cancelled.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct https;
struct https_get;

struct https_want {
	struct str host;
	uint16_t port;
	const char *path;
	const struct str *addresses; /* "192.0.2.1", "2001:db8::1", in the order to try */
	size_t naddresses;
	const char *type; /* the media type that the answer must have: "text/plain" */
	size_t max;       /* octets of the answer */
	uint64_t ms;      /* for all of it */
	/* Of a POST; copied. */
	struct str body;
	const char *headers[4]; /* until NULL */
};

/* e: E_TEMP, why there is no body. */
typedef void (*https_fn)(void *arg, struct str body, const struct err *e);

/* To be called before the sandbox closes: libcurl makes itself ready. */
struct https *https_new(struct err *e);
/* Fetches are cancelled. */
void https_free(struct https **h);
/* PEM certificates that a chain may end in, read; -1: nobody is believed. */
int https_trust(struct https *h, int authorities_fd, struct err *e);

struct https_get *https_get(struct https *h, const struct https_want *w, https_fn fn, void *arg);
/* A POST. status is 0 where e says why there was no answer; what it holds is of no interest. */
struct https_get *https_post(struct https *h, const struct https_want *w,
    void (*fn)(void *arg, unsigned status, const struct err *e), void *arg);
/* What came back, whatever its status; borrowed until the callback returns. */
struct https_answer {
	unsigned status;
	struct str body;
	const struct https_get *get; /* for https_field() */
};
typedef void (*https_answer_fn)(void *arg, const struct https_answer *a, const struct err *e);
/* Any request of HTTP/1.1: "GET", "HEAD", or "POST" with w's body and headers. type is not looked
 * at. a: NULL where e says why there was none. */
struct https_get *https_call(
    struct https *h, const struct https_want *w, const char *method, https_answer_fn fn, void *arg);
/* A field of the answer, STR_NONE where there is none or several. */
struct str https_field(const struct https_answer *a, const char *name);
/* fn is not called any more. NULL inside is fine. */
void https_cancel(struct https_get **g);
