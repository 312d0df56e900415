/*
 * dns.h - questions to the DNS, answered by gk-dnsd: one cache for the suite, DNSSEC validated.
 *
 *	struct dns *dns = dns_new(svc_channel(PEER_DNSD));   // once, in start()
 *	...
 *	a = dns_ask(dns, STR("example.org"), DNS_MX, 0, on_mx, session);
 *	...
 *	dns_cancel(&a);                                      // the session ends first
 *
 *	static void
 *	on_mx(void *arg, const struct dns_answer *r)
 *	{
 *		struct session *s = arg;
 *
 *		s->ask = NULL;
 *		if (r->status == DNS_TEMP || r->status == DNS_BOGUS)
 *			return defer(s, r->why);             // INVARIANTS 21
 *		for (size_t i = 0; i < r->n; i++)
 *			add_host(s, r->records[i].preference, r->records[i].name);
 *	}
 *
 * The callback is called exactly once, from the loop, never from inside dns_ask(), unless the
 * question was cancelled. The answer and all it points to live until the callback returns. Nothing
 * waits longer than DNS_WAIT_MAX_MS: dnsd answers DNS_TEMP at its deadline, and a dnsd that is gone
 * or hangs ends in DNS_TEMP too. Asking is cheap: dnsd merges identical questions and caches;
 * callers keep no cache of their own. It limits how many questions of one process are under way
 * (the others wait their turn) and wait (more get DNS_TEMP).
 *
 * To have a channel, a daemon needs its pair in master/service.c and its PEER_ bit in the row of
 * DNS_ASK in ipc/msg.h. Tests script the answers: net/dns_script.h.
 *
 * Names asked for are plain octets in which only '.' divides labels, with or without the last dot;
 * nothing is escaped. No search list, no IDNA: callers give A-labels. A name that cannot stand in
 * the DNS (an empty or over-long label, more than 253 octets) is answered DNS_NO_NAME.
 *
 * Names in answers are lower case, without the last dot, "." for the root (the null MX of RFC
 * 7505); octets that are no printable ASCII, and dots and backslashes inside a label, are "\DDD"
 * (RFC 1035 5.1): safe to log, and never a host name then (dns_is_host).
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct ipc_chan;
struct ipc_in;
struct ipc_out;

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_TLSA = 52
};

enum dns_status {
	DNS_FOUND,    /* records: one or more */
	DNS_NO_DATA,  /* the name is there, such records are not */
	DNS_NO_NAME,  /* NXDOMAIN: nothing at the name nor below it (RFC 8020) */
	DNS_TEMP,     /* no answer now: time-out, server failure, lame servers, no network */
	DNS_BOGUS,    /* DNSSEC says that the answer is forged or broken: as good as none; defer */
	DNS_TOO_LARGE /* an answer past DNS_RECORDS_MAX or DNS_OCTETS_MAX: of no use, now or later
		       */
};

#define DNS_RECORDS_MAX 512u
#define DNS_OCTETS_MAX  65000u /* of an answer as it goes between processes */
#define DNS_NAME_MAX    253u   /* of a name without its last dot */
#define DNS_ALIASES_MAX 16u    /* CNAMEs followed from one name */
#define DNS_WAIT_MAX_MS 35000u
/* A name of 255 octets on the wire, each one escaped, and a NUL. */
#define DNS_TEXT_SIZE 1024u

/* Which members are set depends on the type asked for. */
struct dns_record {
	struct str name;     /* MX: exchange; SRV: target; PTR, NS, CNAME: the name */
	uint16_t preference; /* MX; SRV: priority */
	uint16_t weight, port;
	struct in_addr a;
	struct in6_addr aaaa;
	/* TXT: the strings of the record joined without anything between (RFC 7208 3.3), any
	 * octets. TLSA: the certificate association data. */
	struct str data;
	uint8_t usage, selector, matching; /* TLSA, RFC 6698 2.1 */
};

struct dns_answer {
	enum dns_status status;
	/* DNS_FOUND, DNS_NO_DATA, DNS_NO_NAME: DNSSEC proves it, all aliases included. Otherwise
	 * the zone is not signed, or nothing is known. */
	bool secure;
	uint32_t ttl; /* seconds that it holds; 0 where unknown */
	enum dns_type type;
	struct str canonical; /* where the aliases led; the name itself without any */
	const struct dns_record *records;
	size_t n;
	struct str why; /* DNS_TEMP, DNS_BOGUS, DNS_TOO_LARGE: for the log */
};

struct dns;
struct dns_ask;

typedef void (*dns_fn)(void *arg, const struct dns_answer *r);

struct dns *dns_new(struct ipc_chan *dnsd);
/* Every question is cancelled. */
void dns_free(struct dns **d);

/* ms: how long an answer is of use; 0: dns.timeout, which is the most in any case. */
struct dns_ask *
dns_ask(struct dns *d, struct str name, enum dns_type type, uint32_t ms, dns_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void dns_cancel(struct dns_ask **a);

/* "MX"; a name for logs. NULL for no type of ours. */
const char *dns_type_name(enum dns_type t);
/* Case ignored; 0 for an unknown one. */
enum dns_type dns_type_parse(struct str s);
/* "found", "no_data", "no_name", "temp", "bogus", "too_large" */
const char *dns_status_name(enum dns_status s);

/* Whether a name can be asked for. */
bool dns_is_name(struct str s);
/* Whether a name is a host name: labels of letters, digits and inner hyphens (RFC 1123 2.1). */
bool dns_is_host(struct str s);

#define DNS_REVERSE_SIZE 74u
/* "7.2.0.192.in-addr.arpa", "…ip6.arpa" (RFC 1035 3.5, RFC 3596 2.5); a mapped IPv4 address counts
 * as IPv4. Empty for another family. */
const char *dns_reverse(const struct sockaddr_storage *a, char out[DNS_REVERSE_SIZE]);

/* ---- between dnsd and those who ask: MSG_DNS_ASK_R, and gkmail, which waits for it ---- */

/* Builds the reply. An answer that does not fit becomes DNS_TOO_LARGE. */
void dns_answer_put(struct ipc_out *m, const struct dns_answer *r);
/* Reads it; strings borrow from the message, records are in the arena. -1 when it is none: the
 * message is bad then. */
int dns_answer_get(struct ipc_in *m, enum dns_type type, struct arena *a, struct dns_answer *out);
