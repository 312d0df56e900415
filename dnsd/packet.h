/*
 * packet.h - a DNS message, as libunbound gives it, read into fields (RFC 1035 4).
 *
 * libunbound has parsed and validated it; still its octets are a stranger's, and everything is
 * bounded here again. Aliases are followed within the answer section (RFC 1034 3.6.2), at most
 * DNS_ALIASES_MAX of them. A message that does not hold together is answered DNS_TEMP: another
 * server, or another day, may do better.
 */
#pragma once

#include "net/dns.h"

/* out->secure is left to the caller. Everything in out is in the arena. */
void packet_read(struct str packet, struct str name, enum dns_type type, struct arena *a,
    struct dns_answer *out);

/* The presentation form of a name for libunbound: every octet that is no letter, digit, hyphen or
 * underscore escaped (RFC 1035 5.1). s passes dns_is_name(). Lower case. */
const char *packet_name_out(struct str s, char out[DNS_TEXT_SIZE]);
