/*
 * zone.h - records as a zone file has them (RFC 1035 5.1), and what the world serves.
 */
#pragma once

#include "ctl/ctl.h"
#include "net/dns.h"

/* name. IN TXT "…" "…": in strings of at most 255 octets. */
struct str zone_txt(struct str name, struct str text);
/* The right side of it alone. */
struct str zone_strings(struct str text);
/* "10 mail.example.org.", what dns lookup prints with the last dot of names; of TXT the text. */
struct str zone_rdata(enum dns_type type, const struct dns_record *r);
/* Asks gk-dnsd. The answer is good until the next call to it. */
int zone_ask(struct str name, enum dns_type type, struct dns_answer *out, struct err *e);
/* A domain from the command line, as A-labels. */
int zone_domain(const char *given, struct str *out, struct err *e);

/* dkim.c: do two key records hold the same public key? */
bool dkim_same_key(struct str ours, struct str served);
/* dkim.c: is this key served? 1, 0, or -1 when that cannot be found out now. */
int dkim_is_served(struct str name, struct str record, struct err *e);
/* dkim.c: makes keys for a domain that has none that sign. */
int dkim_first(struct str domain, bool *made, struct err *e);
/* dkim.c: the keys of a domain, or of all: "domain selector", state, kind, bits, record each. */
struct rows;
int dkim_rows(struct str domain, struct rows *out, struct err *e);
