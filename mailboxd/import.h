/*
 * import.h - mail that gkmail import brings, into the mailboxes of an owner.
 */
#pragma once

#include "ipc/ipc.h"
#include "store/home.h"

/* Does an OWN_KEYS, OWN_MAKE or OWN_TAKE, answers it when it is durable, then calls done(). */
void import_message(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void));
