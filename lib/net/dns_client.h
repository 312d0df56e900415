/*
 * dns_client.h - the name of a client: what its address leads to, and leads back to it.
 *
 * The PTR of the address gives names; the first of them (DNS_CLIENT_NAMES at most) that has the
 * address among its own is the client's (RFC 8601 2.7.3, "iprev"; RFC 7208 5.5 for the bound).
 * Anybody can write any name into the PTR of an address of theirs: a name that is not confirmed is
 * never handed out.
 */
#pragma once

#include <netinet/in.h>

#include "net/dns.h"

#define DNS_CLIENT_NAMES 10u

enum dns_client_result {
	DNS_CLIENT_PASS, /* name is set */
	DNS_CLIENT_FAIL, /* no name, or none that leads back */
	DNS_CLIENT_TEMP  /* not known now */
};

struct dns_client;

/* name lives until the callback returns: a host name, lower case. Called once, from the loop. */
typedef void (*dns_client_fn)(void *arg, enum dns_client_result result, struct str name);

/* ms: for each question, as in dns_ask(). */
struct dns_client *dns_client_ask(
    struct dns *d, const struct sockaddr_storage *peer, uint32_t ms, dns_client_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void dns_client_cancel(struct dns_client **c);
