/*
 * dkim_set.h - the DKIM keys of this server, as master hands them to gk-sign and as their files are
 * named: data_dir/dkim/DOMAIN/SELECTOR.STATE, a private key in PEM each (root's alone).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define DKIM_SET_MAX (64u << 20) /* octets of all keys */
#define DKIM_PEM_MAX 16384u

enum dkim_state {
	DKIM_ACTIVE,  /* signs */
	DKIM_NEXT,    /* will sign when the DNS has its record */
	DKIM_RETIRED, /* signs no more; its record stays for mail that is still under way */
	DKIM_STATES
};

/* "active", "next", "retired": the end of the file's name, too. */
const char *dkim_state_name(enum dkim_state s);
/* DKIM_STATES for an unknown one. */
enum dkim_state dkim_state_parse(struct str s);

/* Labels of letters in lower case, digits and hyphens: a domain as A-labels, which may be a file's
 * name. */
bool dkim_is_domain(struct str s);
/* One such label, or several, of at most 63 octets in all; "_" too. */
bool dkim_is_selector(struct str s);

struct dkim_entry {
	struct str domain, selector, pem;
	enum dkim_state state;
};

void dkim_set_put(struct buf *b, const struct dkim_entry *entry);
/* All entries of a set, in a; strings borrow from s. -1: E_PROTO. */
int dkim_set_get(struct str s, struct arena *a, struct dkim_entry **out, size_t *n, struct err *e);
