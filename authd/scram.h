/*
 * scram.h - SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677, RFC 9266).
 *
 * The exchange without any I/O: the caller looks up the user between the two messages. One user may
 * have several secrets (a password and app passwords) that share a salt and an iteration count:
 * whichever of them made the client's proof is found.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SCRAM_KEY       32u /* octets of a SHA-256 */
#define SCRAM_SALT      16u
#define SCRAM_NONCE     24u  /* characters of ours */
#define SCRAM_NONCE_MAX 256u /* of the client's, to bound the exchange */

struct scram_keys {
	unsigned char stored[SCRAM_KEY]; /* RFC 5802 3: StoredKey */
	unsigned char server[SCRAM_KEY]; /* ServerKey */
};

/* Slow on purpose (PBKDF2): not for the loop. password is prepared (saslprep). */
void
scram_derive(struct str password, struct str salt, uint32_t iterations, struct scram_keys *out);

/* What the connection offers for channel binding; empty where there is none. */
struct scram_binding {
	struct str exporter;  /* tls-exporter */
	struct str end_point; /* tls-server-end-point */
	bool plus_offered;    /* a client that says "y" was lied to by somebody in between */
};

struct scram {
	struct str user;    /* after scram_first(): as the client gave it, not prepared */
	struct str authzid; /* empty: none */
	/* private */
	struct str gs2;  /* the header as sent */
	struct str bare; /* client-first-message-bare */
	struct str client_nonce;
	struct str nonce; /* both together */
	struct str cbind; /* data the client must repeat */
	struct str server_first;
};

/* Errors of all three: E_PROTO against the grammar, E_DENIED what is understood and refused.
 * Results are in a. */

/* client-first-message. plus: the mechanism is …-PLUS. */
int scram_first(struct scram *s, struct str message, bool plus, const struct scram_binding *b,
    struct arena *a, struct err *e);
/* server-first-message. nonce: SCRAM_NONCE printable characters; NULL draws them. */
struct str scram_challenge(
    struct scram *s, struct str salt, uint32_t iterations, const char *nonce, struct arena *a);
/* client-final-message against n secrets; server-final-message into *reply, the secret that fitted
 * into *which. With n = 0 the work of one is done all the same. */
int scram_final(struct scram *s, struct str message, const struct scram_keys *keys, size_t n,
    size_t *which, struct str *reply, struct arena *a, struct err *e);
