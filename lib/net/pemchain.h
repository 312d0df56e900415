/*
 * pemchain.h - a certificate and its chain as an authority hands them out (RFC 8555 7.4.2, 9.1):
 * PEM from outside, looked at before anything serves it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define PEMCHAIN_MAX   40000u
#define PEMCHAIN_CERTS 10u
#define PEMCHAIN_NAMES 100u

struct evp_pkey_st;

/* Of the server's own certificate, which is the first. Times are seconds since the epoch. */
struct pemchain_facts {
	int64_t from, until;
	struct str *names; /* dNSNames, lower case */
	size_t n;
};

/* E_INVAL: it is no chain. */
int pemchain_read(struct str pem, struct arena *a, struct pemchain_facts *out, struct err *e);
/* Is it a server's certificate for that key and exactly those names, good now, and does each
 * certificate come from the next? Then it is appended to out, in PEM, and nothing else of what
 * came. E_INVAL says what is wrong. */
int pemchain_check(struct str pem, struct evp_pkey_st *key, const struct str *names, size_t n,
    int64_t now, struct buf *out, struct err *e);
