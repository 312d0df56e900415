/*
 * idna.h - internationalised domain names (RFC 5890) to the A-labels that DNS knows, by libidn2.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A domain in UTF-8 or ASCII to A-labels, lower case, without a dot at its end (IDNA 2008,
 * non-transitional). ASCII that is no host name ("_dmarc.example.org") passes. -1: E_INVAL, no
 * valid domain. */
int idna_to_ascii(struct str domain, struct arena *a, struct str *out, struct err *e);
