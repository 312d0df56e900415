/*
 * network.h - addresses of the internet and the networks they lie in, and their text.
 *
 * An IPv4 address is kept as ::ffff:a.b.c.d, so that a client which comes by a socket for both is
 * the same client: its prefix is 96 longer than its notation says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define NETWORK_TEXT 48u /* of "ffff:…/128" with its NUL */

struct network {
	unsigned char net[16]; /* zero behind the prefix */
	unsigned char bits;    /* of the prefix, 0 to 128; IPv4: 96 to 128 */
};

/* "192.0.2.0/24", "2001:db8::/32"; a bare address is a network of one. Strict: an address with bits
 * behind its prefix is refused, and told what was meant. */
int network_parse(struct str text, struct network *out, struct err *e);
/* The address of a peer, cut to a prefix of v4 or v6 bits of its notation (32, 128: all of it).
 * False, and all zero, for a peer that has none (a local socket). */
bool network_of(const struct sockaddr_storage *peer, unsigned v4, unsigned v6, struct network *out);
/* The network around n by the same prefixes; out may be n. */
void network_around(const struct network *n, unsigned v4, unsigned v6, struct network *out);
/* A prefix of at most bits of what n is; bits as in struct network. */
void network_cut(const struct network *n, unsigned bits, struct network *out);
bool network_is_v4(const struct network *n);
/* Does inner lie in outer (or is it the same)? */
bool network_holds(const struct network *outer, const struct network *inner);
bool network_eq(const struct network *a, const struct network *b);
/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32": what network_parse reads back. */
const char *network_text(const struct network *n, char out[NETWORK_TEXT]);
