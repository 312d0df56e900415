/*
 * ticket.h - one-use tickets (INVARIANTS 16): how a front that logged a user in proves it to who
 * opens the mailbox.
 *
 * 32 random octets, bound to user, service, front and connection, good once and for 10 s. Any
 * attempt to redeem one uses it up. Kept by their digest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "ipc/msg.h"

#define TICKET_SIZE 32u
#define TICKET_MS   10000u
#define TICKET_MAX  65536u

void ticket_issue(struct str user, struct str service, enum ipc_peer front, uint64_t conn,
    unsigned char out[TICKET_SIZE]);
/* True, and the user in *user (borrowed until the next call of this page). */
bool ticket_redeem(
    struct str ticket, struct str service, enum ipc_peer front, uint64_t conn, struct str *user);
/* Tickets of the user that nobody redeemed are worth nothing any more. */
void ticket_revoke(struct str user);
void ticket_done(void);
