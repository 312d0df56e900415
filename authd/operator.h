/*
 * operator.h - what the operator asks for with gkmail: users, app passwords, domains, aliases.
 *
 * A change is answered when it is durable; then caches forget, tickets of the user are void and
 * sessions end.
 */
#pragma once

#include "ipc/ipc.h"

/* STAT_USERS: the sizes of mailboxes, for gk-statd. */
void operator_sizes(struct ipc_chan *c, struct ipc_in *m);
/* False when the message is none of these. */
bool operator_message(struct ipc_chan *c, struct ipc_in *m);
/* A user changes its own password (WEB_PASSWD) or app passwords (WEB_APPPASS_…) in that session; m
 * is read already. */
void operator_as_user(
    struct ipc_chan *c, struct ipc_in *m, struct str user, uint64_t session, struct str word);
