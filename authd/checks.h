/*
 * checks.h - questions of the other daemons: recipients, senders, tickets, users, usage.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "ipc/ipc.h"

void checks_rcpt(struct ipc_chan *c, struct ipc_in *m);
void checks_admit(struct ipc_chan *c, struct ipc_in *m);
void checks_forward(struct ipc_chan *c, struct ipc_in *m);
void checks_sender(struct ipc_chan *c, struct ipc_in *m);
void checks_sender_list(struct ipc_chan *c, struct ipc_in *m);
void checks_domain(struct ipc_chan *c, struct ipc_in *m);
/* For gk-sign: may who has this token send from these addresses? */
void checks_sign(struct ipc_chan *c, struct ipc_in *m);
/* Tokens: master vouches for a program of this machine, gk-smtpd tells that a session is over. */
void checks_sender_token(struct ipc_chan *c, struct ipc_in *m);
void checks_sender_end(struct ipc_in *m);
void checks_ticket(struct ipc_chan *c, struct ipc_in *m);
void checks_user(struct ipc_chan *c, struct ipc_in *m);
void checks_usage_set(struct ipc_in *m);
void checks_usage_add(struct ipc_in *m);

/* May user (canonical) send as address? INVARIANTS 18. 1, 0, -1. */
int checks_owns(struct str user, struct str address, struct arena *a, struct err *e);
