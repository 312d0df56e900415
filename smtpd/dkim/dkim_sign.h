/*
 * dkim_sign.h - DKIM signatures for mail that leaves (RFC 6376 5, RFC 8463), by libopendkim.
 *
 * relaxed/relaxed, rsa-sha256 or ed25519-sha256, one signature a key, so that a domain may sign
 * with both. From, To, Cc, Subject, Date, Reply-To and the fields of MIME are signed once more than
 * they are there: nobody can add another. l= is never used.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define DKIM_KEYS_MAX 4u /* signatures of one message */

struct dkim_key {
	struct str domain, selector;
	struct str pem; /* PKCS #8 or PKCS #1 */
	bool ed25519;
};

struct dkim_signer;

/* Keys are copied. -1: a key that is none (E_INVAL), RSA under 1,024 bits (RFC 8301 3.2). */
struct dkim_signer *
dkim_signer_new(const struct dkim_key *keys, size_t n, const char *id, struct err *e);
/* The message in pieces, header first, with CRLF line ends. */
int dkim_signer_feed(struct dkim_signer *s, struct str octets, struct err *e);
/* Appends the header fields, one a key, each with CRLF. */
int dkim_signer_end(struct dkim_signer *s, struct buf *out, struct err *e);
void dkim_signer_free(struct dkim_signer **s);
