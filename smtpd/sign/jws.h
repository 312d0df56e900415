/*
 * jws.h - keys on P-256 and what they sign for ACME: requests as JSON Web Signatures (RFC 7515,
 * RFC 8555 6.2), and requests for certificates (RFC 2986).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct evp_pkey_st;

struct evp_pkey_st *jws_key_new(struct err *e);
/* PEM; what stands behind the key is not looked at. NULL: E_INVAL. */
struct evp_pkey_st *jws_key_parse(struct str pem, struct err *e);
void jws_key_pem(struct evp_pkey_st *key, struct buf *out);
void jws_key_free(struct evp_pkey_st **key);

/* The public key as JWK (RFC 7517), in the form that its thumbprint is of (RFC 7638 3). */
void jws_jwk(struct evp_pkey_st *key, struct buf *out);
#define JWS_THUMBPRINT 44u /* with its NUL */
void jws_thumbprint(struct evp_pkey_st *key, char out[JWS_THUMBPRINT]);

/* A request in JSON; kid empty: the key itself stands in its head. */
struct jws_head {
	struct str url, nonce, kid;
};
int jws_request(struct evp_pkey_st *key, const struct jws_head *h, struct str payload,
    struct buf *out, struct err *e);
/* A JWS about the key by the key of another account, in base64url (RFC 8555 7.3.4). */
int jws_binding(struct evp_pkey_st *key, struct str url, struct str kid, struct str secret,
    struct buf *out, struct err *e);

/* A CSR for those names in base64url (RFC 8555 7.4). */
int
jws_csr(struct evp_pkey_st *key, const struct str *names, size_t n, struct buf *out, struct err *e);
