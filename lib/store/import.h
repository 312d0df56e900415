/*
 * import.h - messages that come from elsewhere, many at once and each only once.
 *
 * A message has a key, which names it where it comes from. The row with its key is written in the
 * transaction of the message's own row, so that either both are durable or none is: whoever is
 * interrupted brings everything again, and what is there already is passed over. A key stays when
 * its message is expunged: what a user removed does not come back.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/home.h"
#include "store/mailbox.h"

#define IMPORT_KEY 16u /* octets */

struct import_message {
	struct str key; /* IMPORT_KEY octets */
	struct mailbox *to;
	struct str octets;
	struct flag_set set; /* keywords that are none, or too many, are left out */
	int64_t date;        /* INTERNALDATE */
};

struct import_result {
	uint32_t added, there; /* from the front: added + there of them are done */
};

/*
 * Takes v[0..n) as far as it can, in order, durable by home_commit(). One sync makes the octets of
 * all durable before any of them gets its name (INVARIANTS 1, 4). -1 when not even the first could
 * be taken: E_QUOTA, E_NOSPACE, E_INVAL. What stopped it later is told when the rest is tried.
 */
int import_messages(struct home *h, const struct import_message *v, size_t n,
    const struct change_by *by, struct import_result *out, struct err *e);
/* Tells every key there is. */
int import_keys(
    struct home *h, int (*fn)(void *arg, struct str key, struct err *e), void *arg, struct err *e);
