/*
 * srs.h - the Sender Rewriting Scheme: a sender whose mail we forward to another host becomes an
 * address of ours, so that SPF holds there, and bounces to it find their way back.
 *
 * As published (Wong and others, "Sender Rewriting Scheme", libspf.org and Mail::SRS):
 * SRS0=HHHH=TT=domain=local@ours for a first hop, SRS1=HHHH=hop1==HHHH=TT=domain=local@ours for an
 * SRS0 address of another forwarder, which is not wrapped again but led back to that one at once.
 * TT is the day, two characters of base32; HHHH a keyed hash, compared without case as local parts
 * may lose theirs on the way. The hash is our own business: HMAC-SHA-256, cut to four characters of
 * base64.
 *
 * Pure text: nothing here asks or keeps anything. Errors: E_INVAL, what cannot be rewritten or is
 * no address of ours; E_LIMIT, it would be too long (RFC 5321 4.5.3.1); E_DENIED, a wrong hash or
 * an old day.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SRS_KEY  32u
#define SRS_DAYS 21u /* how long a bounce may take */

/* Does the local part look like one of the scheme's? */
bool srs_is(struct str local);
/* sender as it is to be written by the forwarder of `domain`, on that day (since 1970). */
int srs_forward(const unsigned char key[SRS_KEY], struct str sender, struct str domain,
    uint64_t day, struct arena *a, struct str *out, struct err *e);
/* Where mail to an address of ours with that local part goes. */
int srs_reverse(const unsigned char key[SRS_KEY], struct str local, uint64_t day, struct arena *a,
    struct str *out, struct err *e);
