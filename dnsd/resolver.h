/*
 * resolver.h - libunbound behind a page: one context, its configuration, its answers.
 */
#pragma once

#include "base/err.h"
#include "net/dns.h"
#include "svc/conf.h"

/* anchors: the file of the root's keys in the working directory, or NULL for none. No packet leaves
 * yet, and what it needs beside sockets is opened. A second start takes up another configuration:
 * questions under way are asked again, and the cache is empty. On failure all is as before. */
int resolver_start(const struct conf *c, const char *anchors, struct err *e);
/* Questions under way are forgotten. */
void resolver_stop(void);

/* Called once: from inside resolver_ask() when the cache has the answer, else later. r and what it
 * points to live until the callback returns. */
typedef void (*resolver_fn)(void *arg, const struct dns_answer *r);

/* name passes dns_is_name(), and lives until the callback. */
void resolver_ask(struct str name, enum dns_type type, resolver_fn fn, void *arg);
