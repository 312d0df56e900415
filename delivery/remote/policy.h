/*
 * policy.h - how mail for a destination goes: by which hosts, how its connections must be secured,
 * with which login. Two questions, both answered later:
 *
 *	policy_ask()       once a destination: a route, [[route]], MTA-STS, or its MX as they are
 *	policy_host_ask()  once a host that mail may go to: what TLS must prove there (DANE's TLSA
 *			   records, MTA-STS' names)
 *
 * Callbacks are called exactly once, from the loop, never from inside the question, unless it was
 * cancelled. What they are given lives until they return: askers copy (policy_route_copy(),
 * policy_tls_copy()).
 *
 * Errors of policy_ask(): E_TEMP, the mail waits; E_PERM, it bounces. The text begins with an
 * enhanced status code ("4.7.0 ...").
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "io/tls.h"
#include "net/dns.h"
#include "svc/conf.h"

struct policy;
struct https;
struct policy_ask;
struct policy_host_ask;

enum policy_tls_mode {
	POLICY_TLS_NONE, /* never asked for */
	POLICY_TLS_MAY,  /* where it is offered; any certificate; plain when it fails (RFC 7435) */
	POLICY_TLS_ENCRYPT, /* or no delivery; any certificate */
	POLICY_TLS_VERIFY   /* and the certificate must prove what policy_tls.check says */
};

/* A host that mail goes to without an MX look-up. */
struct policy_host {
	struct str name; /* a host name, or an address as text without brackets */
	uint16_t port;
};

struct policy_route {
	/* What makes a connection fit for this mail: one that was opened under another key is never
	 * used for it, so that it holds whatever a route demands (its TLS mode, its login). */
	struct str key;
	struct str name; /* for logs: "mx", "route", "mta-sts" */
	/* In this order; none: the MX of the domain. */
	const struct policy_host *hosts;
	size_t nhosts;
	struct str domain; /* whose MX are looked up; the destination itself as a rule */
	uint16_t port;     /* of these MX */
	enum policy_tls_mode tls;
	bool tls_from_start; /* no STARTTLS: TLS at once (port 465, RFC 8314) */
	/* SMTP AUTH (RFC 4954) before mail; empty: none. Never without TLS, but with
	 * auth_without_tls. */
	struct str user, password;
	bool auth_without_tls;
	/* For policy_host_ask() and policy_context(). */
	bool dane;          /* TLSA records count */
	bool dane_only;     /* and without them there is no delivery */
	bool sts;           /* a policy of MTA-STS holds for domain, which must be kept to */
	bool sts_testing;   /* ... which only wants to know */
	struct str ca_file; /* of the route; empty: the system's authorities */
};

/* What is known of a host when its turn has come. */
struct policy_mx {
	struct str domain;    /* the destination */
	struct str name;      /* as the MX or the route has it */
	struct str canonical; /* where its aliases led */
	uint16_t port;
	bool mx_secure;      /* DNSSEC proves that it is an MX of the domain */
	bool address_secure; /* ... and its addresses */
};

struct policy_tls {
	enum policy_tls_mode mode;
	struct tls_check check;
	struct str why; /* for logs: "dane", "mta-sts", "route"; empty: nothing special */
	/* Not to be delivered to at all; text with an enhanced code, temporary ("4.7.0 ..."): the
	 * next host is tried. Empty: it may. */
	struct str refused;
};

typedef void (*policy_fn)(void *arg, const struct policy_route *r, const struct err *e);
typedef void (*policy_host_fn)(void *arg, const struct policy_tls *t);

/* conf is read at once, and again at policy_reload(). Before the sandbox closes; keeps policies of
 * MTA-STS in the directory "sts". */
struct policy *policy_new(struct dns *dns, const struct conf *conf, struct err *e);
/* -1: all stays as it was. */
int policy_reload(struct policy *p, const struct conf *conf, struct err *e);
void policy_free(struct policy **p);
struct https *policy_https(struct policy *p); /* borrowed */

/* dest: as REMOTE_PUT has it. */
struct policy_ask *policy_ask(struct policy *p, struct str dest, policy_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void policy_cancel(struct policy_ask **a);

struct policy_host_ask *policy_host_ask(struct policy *p, const struct policy_route *r,
    const struct policy_mx *mx, policy_host_fn fn, void *arg);
void policy_host_cancel(struct policy_host_ask **a);

/* What connections of a route are secured with: the authorities that count there. Borrowed, good
 * until policy_reload(); asked for when a handshake begins. */
struct tls_context *policy_context(struct policy *p, const struct policy_route *r);

/* How a handshake with a host ended. e: NULL, or what was not proven; logged where a policy wanted
 * it. */
void policy_result(struct policy *p, const struct policy_route *r, const struct policy_mx *mx,
    const struct policy_tls *t, const struct err *e);

void policy_route_copy(struct arena *a, const struct policy_route *from, struct policy_route *to);
/* Of a copy: nothing is left of its password. */
void policy_route_wipe(struct policy_route *r);
void policy_tls_copy(struct arena *a, const struct policy_tls *from, struct policy_tls *to);
