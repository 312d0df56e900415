/*
 * author.h - who a message says that it is from, and what in its header must not stay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* The author's domain (RFC 9989 5.3.1): of the addresses in the one From field, as A-labels in
 * lower case. -1 with E_INVAL: no From, several, an address without a domain, or several domains;
 * DMARC says nothing about such a message. */
int author_domain(struct str header, struct arena *a, struct str *domain, struct err *e);

/* Octets of a message to leave out. */
struct author_cut {
	uint64_t offset, length;
};
#define AUTHOR_CUTS_MAX 100u

/* Authentication-Results fields in which somebody else speaks in our name (RFC 8601 5): host is our
 * authserv-id. How many; beyond AUTHOR_CUTS_MAX none is added, and *more is set. */
size_t author_forged(struct str header, struct str host, struct author_cut *out, bool *more);
