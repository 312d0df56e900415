/*
 * restore.h - what backups ask of an owner: a copy of its index, and messages put back.
 */
#pragma once

#include "ipc/ipc.h"
#include "store/home.h"

/* Does and answers an OWN_COPY. */
void restore_copy(struct home *h, struct ipc_chan *parent, struct ipc_in *m);
/* Does an OWN_PUT, answers it when it is durable, then calls done(). */
void restore_put(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void));
