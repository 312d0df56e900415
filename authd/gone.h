/*
 * gone.h - homes of removed users that gk-mailboxd has yet to put aside.
 *
 * A user who is removed leaves a row in accounts.db, in the transaction that removes the user. It
 * stays until mailboxd says that the home is out of the way, and until then no user of that name
 * can be made: the next one never sees the mail of the last (whatever dies meanwhile).
 */
#pragma once

#include "base/err.h"
#include "db/db.h"
#include "ipc/ipc.h"

/* Reads what an earlier life has left. */
int gone_init(struct db *db, struct err *e);
/* A user's removal is durable; call on c (NULL: nobody asks) is answered when the home is put
 * aside, or after a while. */
void gone_add(struct str address, bool purge, struct ipc_chan *c, uint64_t call, uint32_t type);
/* mailboxd is there (again): it is told of all. */
void gone_resend(void);
/* The operator's channel goes away. */
void gone_forget(struct ipc_chan *c);
