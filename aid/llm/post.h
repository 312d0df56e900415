/*
 * post.h - a request to the provider: a JSON body out, octets of the answer in as they come.
 *
 * The connection is gk-connect's, handed over for this one request: this process can make none
 * (INVARIANTS 10), and says nowhere where it leads. TLS is ours, with the name that assistant.url
 * has and the authorities that master opened. No redirect is followed, nothing is kept.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "svc/conf.h"

struct post;

struct post_want {
	const char *path;    /* behind that of assistant.url: "/api/chat" */
	struct str body;     /* copied */
	size_t max;          /* octets of the answer */
	uint64_t silence_ms; /* the longest without an octet of it */
	/* Octets of an answer with status 200; false ends it (and ended() is not called). */
	bool (*octets)(void *arg, struct str octets);
	/* The answer is at its end. status 0: e says why there is none, or no more of it; of an
	 * answer with another status than 200 nothing was told. */
	void (*ended)(void *arg, unsigned status, const struct err *e);
	void *arg;
};

/* Before the sandbox closes. */
int post_init(struct err *e);
/* URL, key and authorities, now and at each reload. */
int post_configure(const struct conf *c, struct err *e);

/* No callback is ever called from inside. */
struct post *post_start(const struct post_want *w);
/* Nothing is called any more. NULL inside is fine. */
void post_cancel(struct post **p);
