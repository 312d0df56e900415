/*
 * talk.h - requests to the ACME server: one at a time, each signed by gk-sign, with the nonce that
 * it wants (RFC 8555 6.5).
 *
 * Only https to the host and port of the directory, whose certificate is verified; no redirect is
 * followed; answers are bounded. Callbacks are called once, from the loop, unless talk_stop() came
 * before.
 */
#pragma once

#include "acme/answer.h"
#include "ipc/msg.h"
#include "net/dns.h"

struct talk;

struct talk_answer {
	unsigned status;
	struct str body, location, type;
	uint32_t retry; /* Retry-After in seconds, 0: none */
};

/* e: why there is none, or what the server says it is (a problem); then a may be there too, for its
 * Retry-After. All borrowed until the callback returns. */
typedef void (*talk_fn)(void *arg, const struct talk_answer *a, const struct err *e);

/* Before the sandbox closes. */
struct talk *talk_new(struct dns *dns, struct err *e);
int talk_trust(struct talk *t, int authorities_fd, struct err *e);

/* Looks up the host of the directory and gets that. */
void talk_begin(struct talk *t, const struct provider *directory, talk_fn fn, void *arg);
/* The directory says where nonces are. */
void talk_nonces(struct talk *t, struct str url);
/* A POST of that kind; kid: or empty. */
void talk_post(
    struct talk *t, enum acme_kind kind, struct str url, struct str kid, talk_fn fn, void *arg);
/* Nothing is under way any more; nonces are forgotten. */
void talk_stop(struct talk *t);
