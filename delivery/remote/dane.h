/*
 * dane.h - the TLSA records of a host that mail may go to (RFC 7672 2.2), by gk-dnsd.
 *
 * Only what DNSSEC proves counts. The callback is called exactly once, from the loop, never from
 * inside dane_ask(), unless the question was cancelled; what it is given lives until it returns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "io/tls.h"
#include "net/dns.h"

enum dane_state {
	DANE_NONE,     /* no secure TLSA records: the host is no matter of DANE */
	DANE_USABLE,   /* the certificate must agree with one of them */
	DANE_UNUSABLE, /* there are some, none of use: TLS is mandatory, the certificate any */
	DANE_FAILED    /* nobody knows (no answer, a forged one): no delivery to this host now */
};

struct dane_records {
	enum dane_state state;
	struct str
	    base; /* DANE_USABLE: the name that they belong to, also for SNI (RFC 7672 8.1) */
	const struct tls_tlsa *v;
	size_t n;
	struct str why; /* DANE_FAILED */
};

typedef void (*dane_fn)(void *arg, const struct dane_records *r);

struct dane_ask;

/* canonical: where the aliases of name led; secure: DNSSEC proves the addresses there. */
struct dane_ask *dane_ask(struct dns *dns, struct str name, struct str canonical, uint16_t port,
    bool secure, dane_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void dane_cancel(struct dane_ask **a);

/* Can the record be of use in SMTP? RFC 7672 3.1: usages 2 and 3; RFC 6698 2.1: what is known, and
 * has the length of its digest. */
bool dane_is_usable(const struct dns_record *r);
