/*
 * hosts.h - the hosts of a destination (RFC 5321 5.1), and their addresses.
 *
 * By preference, those of one preference in random order; a domain without MX is its own host; the
 * null MX (RFC 7505) takes no mail. We ourselves among them end the list: who stands behind us
 * would send it back.
 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "delivery/remote/policy.h"
#include "net/dns.h"

#define HOSTS_MAX     16u /* that are considered of a destination */
#define ADDRESSES_MAX 8u  /* of a host */

struct hosts_host {
	struct str name; /* lower case; or an address as text */
	uint16_t preference;
	uint16_t port;
};

struct hosts {
	enum hosts_status {
		HOSTS_FOUND,
		HOSTS_TEMP, /* text says why: "4.4.3 ..." */
		HOSTS_NONE  /* for good: "5.1.2 ..." */
	} status;
	struct str text;
	const struct hosts_host *v;
	size_t n;
	bool secure; /* DNSSEC proves them */
};

struct hosts_ask;

typedef void (*hosts_fn)(void *arg, const struct hosts *h);

/* The MX of domain, or the host itself of an address literal. self: our name. What fn gets lives
 * until it returns; it is never called from inside. */
struct hosts_ask *
hosts_ask(struct dns *d, struct str domain, struct str self, uint16_t port, hosts_fn fn, void *arg);
void hosts_cancel(struct hosts_ask **a);

struct addresses {
	enum hosts_status status;
	struct str text;
	struct sockaddr_storage v[ADDRESSES_MAX]; /* IPv6 and IPv4 in turn */
	size_t n;
	struct str canonical;
	bool secure;
};

struct addresses_ask;

typedef void (*addresses_fn)(void *arg, const struct addresses *a);

struct addresses_ask *
addresses_ask(struct dns *d, const struct hosts_host *h, addresses_fn fn, void *arg);
void addresses_cancel(struct addresses_ask **a);

/* "192.0.2.1", "2001:db8::1", also in brackets as SMTP has them ("[IPv6:2001:db8::1]"). */
bool hosts_parse_address(struct str s, uint16_t port, struct sockaddr_storage *out);

#define HOSTS_ADDRESS_SIZE 64u
/* "192.0.2.1", "2001:db8::1" */
const char *hosts_address_text(const struct sockaddr_storage *a, char out[HOSTS_ADDRESS_SIZE]);
socklen_t hosts_address_size(const struct sockaddr_storage *a);
