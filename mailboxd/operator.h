/*
 * operator.h - what the operator asks of a mailbox (gkmail mailbox, approve, backup, restore,
 * import): its owner does it, for nobody else has the home open (INVARIANTS 12).
 */
#pragma once

#include "ipc/ipc.h"
#include "mailboxd/parent.h"

void operator_message(struct ipc_chan *c, struct ipc_in *m); /* MAILBOX_TASK, APPROVALS */
/* Backups, restores, imports: is it one of them? Then it is done, and answered. */
bool operator_passes(struct ipc_chan *c, struct ipc_in *m);
/* The user's owner is ready. */
void operator_ready(struct user *u);
/* Tasks that no owner has yet are refused. */
void operator_refuse(struct user *u, const struct err *e);
/* Those that have waited too long are. */
void operator_expire(void);
/* The asker has gone. */
void operator_gone(const struct ipc_chan *c);
