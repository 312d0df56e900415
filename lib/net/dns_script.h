/*
 * dns_script.h - answers to DNS questions as a test wrote them: what stands in place of gk-dnsd in
 * unit tests.
 *
 *	struct dns *d = dns_script_new();
 *	dns_script_txt(d, "example.org", "v=spf1 -all");
 *	dns_script_mx(d, "example.org", 10, "mx.example.org");
 *	dns_script_status(d, "broken.test", DNS_TXT, DNS_TEMP);
 *
 * Records of one name and type add up. A name that has some record answers DNS_NO_DATA to other
 * types, an unknown one DNS_NO_NAME; CNAMEs are followed as dnsd does. Answers come in the next
 * turn of the loop (loop_once), in the order of the questions.
 */
#pragma once

#include "net/dns.h"

struct dns *dns_script_new(void);
/* The record is copied. */
void
dns_script_add(struct dns *d, const char *name, enum dns_type type, const struct dns_record *r);
void dns_script_a(struct dns *d, const char *name, const char *address);
void dns_script_aaaa(struct dns *d, const char *name, const char *address);
void dns_script_mx(struct dns *d, const char *name, uint16_t preference, const char *exchange);
void dns_script_txt(struct dns *d, const char *name, const char *text);
void dns_script_name(struct dns *d, const char *name, enum dns_type type, const char *target);
/* The answer without records: for DNS_TEMP, DNS_BOGUS, DNS_TOO_LARGE, or to say DNS_NO_DATA. */
void dns_script_status(struct dns *d, const char *name, enum dns_type type, enum dns_status status);
/* Answers about the name are secure (all types). */
void dns_script_secure(struct dns *d, const char *name);
/* Answers of a type to come are held back until this is called with false: for tests of cancelling
 * and of deadlines. */
void dns_script_hold(struct dns *d, bool hold);
/* Questions asked so far. */
unsigned dns_script_asked(const struct dns *d);
