/*
 * sts.h - which policy of MTA-STS holds for a domain (RFC 8461): found by its TXT record, fetched
 * by HTTPS, kept as long as it says, over restarts too.
 *
 * A policy that is known holds until its end, whatever the DNS and the web server say meanwhile:
 * who can suppress them must not get the mail. It is fetched anew once a day while it is used, so
 * that its end is always far.
 */
#pragma once

#include <stdint.h>

#include "delivery/remote/sts_text.h"
#include "net/dns.h"
#include "net/https.h"

struct sts;
struct sts_ask;

/* p: the policy, until the callback returns; NULL: none (mode "none" is none too). */
typedef void (*sts_fn)(void *arg, const struct sts_policy *p);

/* dir: where policies are kept (sts_file.h), borrowed; -1: in memory alone. port: of HTTPS. */
struct sts *sts_new(struct dns *dns, struct https *https, int dir, uint16_t port, struct err *e);
void sts_free(struct sts **s);

/* Called exactly once, from the loop, never from inside sts_ask(), unless cancelled. */
struct sts_ask *sts_ask(struct sts *s, struct str domain, sts_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void sts_cancel(struct sts_ask **a);

/* The policy that is known now, or NULL: good until the loop goes on. */
const struct sts_policy *sts_find(struct sts *s, struct str domain);
