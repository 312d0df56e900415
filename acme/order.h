/*
 * order.h - one certificate, from the directory to the fronts that serve it (RFC 8555 7.1):
 * account, order, a challenge for each name, CSR, chain.
 */
#pragma once

#include "acme/talk.h"
#include "net/pemchain.h"

struct order;

struct order_end {
	const struct err *e; /* why there is no certificate; NULL: there is, and it is served */
	uint32_t retry;      /* the authority wants to be left alone for so many seconds */
	struct str chain;    /* in PEM */
};

/* Called once, from the loop, never from inside order_start(), unless it was cancelled. The order
 * is gone then. */
typedef void (*order_fn)(void *arg, const struct order_end *end);

struct order *order_start(struct talk *t, order_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void order_cancel(struct order **o);
/* What it is about now, for people. */
const char *order_doing(const struct order *o);
