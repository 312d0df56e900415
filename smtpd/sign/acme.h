/*
 * acme.h - what gk-sign does for certificates by ACME (docs/adr/0046-acme.md): it has the key of
 * the account and makes those of the certificates. gk-acme says which request is to be signed, and
 * where it goes; what stands in it is said here and in the configuration.
 */
#pragma once

#include "ipc/ipc.h"

/* Of the configuration and of what master gave; at a reload too. */
int acme_load(struct err *e);
/* gk-webd is to know whose challenges it answers. */
void acme_tell(void);
/* MSG_ACME_SIGN, MSG_ACME_CHAIN. */
void acme_sign(struct ipc_chan *c, struct ipc_in *m);
void acme_chain(struct ipc_chan *c, struct ipc_in *m);
/* Nobody waits for answers any more. */
void acme_gone(const struct ipc_chan *c);
