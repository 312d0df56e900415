/*
 * dkim_sign.h - DKIM signatures for mail that leaves (RFC 6376 5, RFC 8463).
 *
 * relaxed/relaxed, rsa-sha256 or ed25519-sha256, one signature a key, so that a domain may sign
 * with both; the message is brought into its canonical form and hashed once for all of them. From,
 * To, Cc, Subject, Date, Reply-To and the fields of MIME are signed once more than they are there:
 * nobody can add another. l= is never used. Why not by libopendkim: docs/adr/0018-dkim-signing.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define DKIM_KEYS_MAX        3u /* signatures of one message */
#define DKIM_SIGN_HEADER_MAX (1024u * 1024)

struct dkim_key;

/* Takes a private key in PEM (PKCS #8 or PKCS #1), RSA of 1,024 to 4,096 bits (RFC 8301 3.2) or
 * Ed25519. NULL: E_INVAL. */
struct dkim_key *
dkim_key_new(struct str domain, struct str selector, struct str pem, struct err *e);
void dkim_key_free(struct dkim_key **k);
struct str dkim_key_domain(const struct dkim_key *k);
struct str dkim_key_selector(const struct dkim_key *k);
/* "rsa", "ed25519": k= of its record. */
const char *dkim_key_kind(const struct dkim_key *k);
unsigned dkim_key_bits(const struct dkim_key *k);
/* Appends what its TXT record has to be (RFC 6376 3.6.1). */
void dkim_key_record(const struct dkim_key *k, struct buf *out);

struct dkim_signer;

struct dkim_signer *dkim_signer_new(void);
/* The message in pieces of any size, header first, with CRLF line ends. -1: E_PERM, a header past
 * DKIM_SIGN_HEADER_MAX. */
int dkim_signer_feed(struct dkim_signer *s, struct str octets, struct err *e);
/* The header as far as it has come, and whether that is all of it. */
struct str dkim_signer_header(const struct dkim_signer *s, bool *whole);
/* Appends the header fields, one a key, each with CRLF; once. now: for t=, seconds. -1: E_PERM, a
 * message that cannot be signed (no From; a field too many times). */
int dkim_signer_end(struct dkim_signer *s, const struct dkim_key *const *keys, size_t n,
    int64_t now, struct buf *out, struct err *e);
void dkim_signer_free(struct dkim_signer **s);
