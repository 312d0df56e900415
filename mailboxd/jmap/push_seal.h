/*
 * push_seal.h - what is pushed is read by the client alone, not by the push service (RFC 8291, RFC
 * 8188).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define PUSH_KEY_LEN   65u /* an uncompressed point of P-256 */
#define PUSH_AUTH_LEN  16u
#define PUSH_PLAIN_MAX 3800u /* RFC 8291 4: so that all is at most 4,096 octets */

/* Is it a point of the curve? */
bool push_key_valid(struct str point);
/* Appends a body of Content-Encoding aes128gcm. */
int push_seal(struct str plain, struct str client_key, struct str client_auth, struct buf *out,
    struct err *e);

struct evp_pkey_st;
/* The same with a key and a salt given, for the vector of RFC 8291 A. */
int push_seal_with(struct str plain, struct str client_key, struct str client_auth,
    struct evp_pkey_st *own, const unsigned char salt[16], struct buf *out, struct err *e);
