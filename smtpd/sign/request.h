/*
 * request.h - messages to be signed: submissions, for whoever may have them signed by authd's word,
 * and the queue's own.
 */
#pragma once

#include "ipc/ipc.h"

/* SIGN_PUT, SIGN_STREAM. */
void request_submission(struct ipc_chan *c, struct ipc_in *m);
/* SIGN_OWN, SIGN_OWN_FILE. */
void request_own(struct ipc_chan *c, struct ipc_in *m);

/* Requests under way. */
size_t request_count(void);
/* Called when the last one is over. */
void request_drain(void (*fn)(void));
