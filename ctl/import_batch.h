/*
 * import_batch.h - messages on their way to the owner of a mailbox, many in a call.
 */
#pragma once

#include "ctl/import.h"

struct import_batch;

struct import_batch *import_batch_new(uint64_t max_message);
void import_batch_free(struct import_batch **b);
/* Is there room for it? There always is when nothing waits. */
bool import_batch_fits(
    const struct import_batch *b, const struct import_box *box, const struct import_mail *m);
void
import_batch_add(struct import_batch *b, const struct import_box *box, const struct import_mail *m);

struct import_taken {
	uint64_t added, there;
	uint64_t added_octets;
	uint64_t read; /* octets of all at the source */
};

/* Has the owner take all that waits: durable on return. What did not go for a moment (the owner was
 * killed, the suite is starting) is tried again for some seconds. *out also says what was taken
 * before an error. */
int import_batch_flush(
    struct import_batch *b, const char *user, struct import_taken *out, struct err *e);
