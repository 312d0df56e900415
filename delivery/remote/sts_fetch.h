/*
 * sts_fetch.h - one policy fetched: the addresses of mta-sts.DOMAIN by gk-dnsd, then
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 3.3).
 */
#pragma once

#include "delivery/remote/sts_text.h"
#include "net/dns.h"
#include "net/https.h"

struct sts_fetch;

/* Called exactly once, never from inside sts_fetch(), unless cancelled. p has no id. */
typedef void (*sts_fetch_fn)(void *arg, const struct sts_policy *p, const struct err *e);

struct sts_fetch *sts_fetch(struct dns *dns, struct https *https, struct str domain, uint16_t port,
    sts_fetch_fn fn, void *arg);
void sts_fetch_cancel(struct sts_fetch **f);
