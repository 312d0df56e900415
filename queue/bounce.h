/*
 * bounce.h - delivery status notifications: RFC 3461 says who gets one, RFC 3462/6522 and 3464 how
 * it looks, RFC 6533 the same in UTF-8.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "mail/envelope.h"

#define BOUNCE_MAX      (250u << 10) /* octets of a notification */
#define BOUNCE_ITEMS    100u         /* recipients in one notification */
#define BOUNCE_ORIGINAL (50u << 10)  /* a larger original goes back as its header only */
#define BOUNCE_HEADER   (16u << 10)  /* of which so much */

enum bounce_kind {
	BOUNCE_FAILED,
	BOUNCE_DELAYED,
	BOUNCE_DELIVERED
};

/* RFC 3464 2.3.3: what has become of a recipient, where it is not what the kind says. */
enum bounce_action {
	BOUNCE_AS_KIND,
	BOUNCE_EXPANDED, /* delivered to several: it was a list */
	BOUNCE_RELAYED   /* to a host that gives no notices of its own */
};

struct bounce_item {
	const struct envelope_rcpt *rcpt;
	struct str target; /* where delivery was tried; empty: the address itself */
	struct str text;   /* "5.1.1 no such user": status, then words; of another host "5.1.1 550
			      5.1.1 no such user" */
	struct str host;   /* the other host: "mx1.example [192.0.2.1]:25"; or empty */
	enum bounce_action action;
};

struct bounce {
	enum bounce_kind kind;
	const struct envelope *env; /* of the message it is about */
	const struct bounce_item *items;
	size_t n;            /* at most BOUNCE_ITEMS */
	struct str original; /* its octets, at least BOUNCE_ORIGINAL of them where there are; may be
				empty */
	uint64_t size;       /* of all of it */
	int64_t now, until;  /* seconds; until: when trying ends (BOUNCE_DELAYED) */
	const char *host;
};

/* Does the sender want to hear this about the recipient (RFC 3461 4.1, 5.2.2-5)? */
bool
bounce_wanted(const struct envelope *env, const struct envelope_rcpt *r, enum bounce_kind kind);

/* Writes the message with id mid, complete with Return-Path, and says in *flags and *return_path
 * what its envelope needs. -1 when it does not fit, which a ceiling of BOUNCE_MAX does not let
 * happen. */
int bounce_write(const struct bounce *b, struct str mid, struct buf *out, uint32_t *flags,
    uint32_t *return_path);
