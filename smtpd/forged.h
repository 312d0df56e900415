/*
 * forged.h - fields of a message's header in which somebody else speaks in our name.
 *
 * RFC 8601 5: an Authentication-Results field with our authserv-id that was not put there by us
 * must go, or who reads it would believe it. The same holds for the spam fields that we put on top.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define FORGED_MAX 100u

struct forged {
	size_t at, n; /* octets of the header, whole lines */
};

/* host: our authserv-id. spam: fields about spam are ours alone too. How many; beyond FORGED_MAX
 * none is added, and *more is set. */
size_t forged_find(
    struct str header, struct str host, bool spam, struct forged out[FORGED_MAX], bool *more);
