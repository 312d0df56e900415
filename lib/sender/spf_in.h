/* spf_in.h - what the parts of the SPF evaluator share: the parsed record, and a check under way.
 */
#pragma once

#include "base/err.h"
#include "sender/spf.h"

#define SPF_TERMS_MAX  10  /* that ask DNS, over all records (RFC 7208 4.6.4) */
#define SPF_VOIDS_MAX  2   /* empty answers */
#define SPF_HOSTS_MAX  10  /* of one MX or PTR answer */
#define SPF_RECORD_MAX 500 /* terms of one record */
#define SPF_EXPAND_MAX 4096

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS
};

struct spf_term {
	enum spf_kind kind;
	enum spf_result result; /* when it matches */
	struct str text;        /* whole, for reports */
	struct str domain;      /* domain-spec with its macros; empty: the current domain */
	unsigned char ip[16];   /* of ip4 and ip6 */
	unsigned cidr4, cidr6;
};

struct spf_record {
	struct spf_term *terms;
	size_t n;
	bool has_redirect, has_exp;
	struct str redirect, exp; /* domain-specs */
};

struct spf_check {
	const struct spf_query *q;
	struct facts *f;
	struct arena *a; /* for this run only */
	struct spf_answer *out;
	int family;           /* AF_INET or AF_INET6 */
	unsigned char ip[16]; /* of the peer */
	struct str sender, local, sender_domain;
	unsigned terms, voids;
};

/* spf_record.c: text is all of a record that begins with "v=spf1". -1: a syntax error, words in e.
 */
int spf_record_parse(struct str text, struct arena *a, struct spf_record *out, struct err *e);

/* spf_macro.c */
#define SPF_MACRO_EXP    0x01u /* c, r and t are allowed too (7.2) */
#define SPF_MACRO_STRING 0x02u /* any macro-string, need not end as a domain does */
/* True when s is a domain-spec (7.1), or a macro-string. */
bool spf_macro_ok(struct str s, unsigned flags);
/* Expands what spf_macro_ok() took. SPF_WAIT: %{p} needs facts. Else SPF_NONE. */
enum spf_result
spf_macro_expand(struct spf_check *c, struct str s, struct str domain, struct str *out);
/* A domain-spec, or the current domain: expanded, the dot at its end dropped, cut to 253 octets
 * (7.3). */
enum spf_result
spf_macro_target(struct spf_check *c, struct str spec, struct str domain, struct str *out);
/* Dotted form of the peer, as in %{i}. */
struct str spf_dotted(struct spf_check *c);

/* spf_match.c: does the term match? SPF_PASS yes, SPF_FAIL no, else how the check ends (or
 * SPF_WAIT). */
enum spf_result spf_match(struct spf_check *c, const struct spf_term *t, struct str domain);
/* Names that PTR gives for the peer and whose addresses hold it (5.5); the one nearest to domain,
 * or empty. under: is any of them domain or below it? */
enum spf_result
spf_validated(struct spf_check *c, struct str domain, struct str *best, bool *under);

/* Sets the words of an error and returns r. */
enum spf_result spf_problem(struct spf_check *c, enum spf_result r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
