/*
 * author.h - who a message says that it is from.
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
