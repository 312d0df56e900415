/*
 * grey.h - greylisting (RFC 6647): mail of strangers is taken when they come again.
 *
 * Network, sender and recipient are a triplet. One that was not seen before is put off; when it
 * comes again after the delay, and within two days, it passes, and is known for 36 days after each
 * message. A network whose triplets have come back a few times passes altogether, and so does a
 * sender whom the recipient has written to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define GREY_PASSES 5u /* triplets of a network that came back, after which it passes */

void grey_configure(bool on, uint64_t delay_ms);
/* The user writes to this address: what comes from there is welcome. */
void grey_wrote(struct str user, struct str address);
/* peer: the client's address as text. users: to whose mailboxes the recipient leads. Seconds to
 * wait; 0: it passes. */
uint32_t grey_check(
    struct str peer, struct str sender, struct str recipient, const struct str *users, size_t n);
