/*
 * challenge.h - the answers to challenges of ACME: http-01 (RFC 8555 8.3) and tls-alpn-01
 * (RFC 8737). See docs/adr/0046-acme.md.
 */
#pragma once

#include "io/tls.h"
#include "ipc/ipc.h"
#include "webd/exchange.h"

/* What the handshake of tls-alpn-01 is for: nothing is said behind it. */
#define CHALLENGE_ALPN "acme-tls/1"

/* MSG_ACME_…; false: it is none. */
bool challenge_message(struct ipc_chan *c, struct ipc_in *m);
/* gk-acme is gone: so are its challenges. */
void challenge_reset(void);
/* This is from now on the context that clients come to. */
void challenge_context(struct tls_context *t);
/* A request that came by acme.listen: true where it is answered, as it is not about a challenge. */
bool challenge_redirect(struct exchange *x);
